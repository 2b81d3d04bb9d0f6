"""How a token request or a call is refused. What was wrong goes to the audit; a caller is told only the kind."""

import json
from dataclasses import dataclass
from enum import StrEnum

from service.shared.errors import ServiceError
from service.shared.reply import Reply


class Flaw(StrEnum):
    """What was wrong with a client assertion, in the order in which it is looked for."""

    FORM_CLIENT_ID = "client-id-differs"
    ASSERTION_TYPE = "assertion-type"
    SEGMENTS = "segments"
    ALGORITHM = "algorithm"
    TYPE = "type"
    KEY_ID = "key-id"
    CRITICAL = "critical-header"
    UNKNOWN_CLIENT = "client-unknown"
    KEY_LOCATION = "key-location"
    KEYS_UNAVAILABLE = "keys-unavailable"
    KEY_CHOICE = "key-choice"
    KEY_STRENGTH = "key-strength"
    SIGNATURE = "signature"
    ISSUER = "issuer-or-subject"
    REVOKED = "client-revoked"
    AUDIENCE = "audience"
    EXPIRY = "expiry"
    NOT_YET_VALID = "not-yet-valid"
    JTI = "jti"
    REPLAY = "replay"


class InvalidClient(ServiceError):
    """The client did not prove who it is. `fault` is for the audit alone: it would tell a caller who is a client."""

    def __init__(self, fault: Flaw) -> None:
        super().__init__(fault.value)
        self.fault = fault


class InvalidToken(ServiceError):
    """The bearer token is missing, garbled, unknown, expired or its client is revoked. Answer 401."""


@dataclass(frozen=True, slots=True)
class OAuthError:
    """A row of RFC 6749, section 5.2: the status, the code and the one description that every cause shares."""

    status: int
    code: str
    description: str


INVALID_REQUEST = OAuthError(
    400, "invalid_request", "Send a form with grant_type, scope, client_assertion_type and client_assertion, each once."
)
NOT_POSTED = OAuthError(405, "invalid_request", "A token request is sent by POST.")
INVALID_CLIENT = OAuthError(400, "invalid_client", "The client assertion was not accepted.")
UNSUPPORTED_GRANT_TYPE = OAuthError(400, "unsupported_grant_type", "Only client_credentials is supported.")
INVALID_SCOPE = OAuthError(400, "invalid_scope", "No requested scope can be granted to this client.")
TOO_LARGE = OAuthError(413, "invalid_request", "A token request has at most 16,384 bytes.")
TOO_MANY_FAILURES = OAuthError(429, "invalid_request", "Too many refused requests; wait before the next.")

NO_STORE = {"Content-Type": "application/json", "Cache-Control": "no-store", "Pragma": "no-cache"}


class Denied(ServiceError):
    """A token request ends here with this error; `outcome` is the code that the audit keeps."""

    def __init__(self, error: OAuthError, outcome: str) -> None:
        super().__init__(outcome)
        self.error = error
        self.outcome = outcome


def refusal(error: OAuthError, **headers: str) -> Reply:
    body = json.dumps({"error": error.code, "error_description": error.description}).encode()
    return Reply(error.status, body, {**NO_STORE, **headers})
