"""The simulated record's authorisation server: SMART Backend Services (SMART App Launch 2.2, backend-services.html).

It believes nobody: each assertion is checked against the keys its client registered, and is good for one token.
"""

import json
import re
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet, KeySetSerialization

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
TOKEN_SECONDS = 300
SKEW_SECONDS = 30
KEYS_SECONDS = 300
SCOPE = re.compile(r"system/(\*|[A-Za-z]+)\.(?=.)(c?r?u?d?s?)")
KEY_TYPES = {"ES384": "EC", "RS384": "RSA"}
FORM_FIELDS = ("grant_type", "scope", "client_assertion_type", "client_assertion")


class TokenRefused(Exception):
    """No token. `error` goes on the wire (RFC 6749, section 5.2); `why` stays with the record."""

    def __init__(self, error: str, why: str) -> None:
        super().__init__(why)
        self.error, self.why = error, why


@dataclass(frozen=True, slots=True)
class TrustedClient:
    """A client the record knows, by the address of its keys or by the keys themselves (SMART asks for both ways)."""

    client_id: str
    scope: str
    jwks_url: str | None = None
    jwks: KeySetSerialization | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """A bearer token in force: whose, for what, and until when in seconds since 1970."""

    token: str = field(repr=False)
    client_id: str
    scope: str
    expires: float

    def allows(self, kind: str, letter: str) -> bool:
        """Whether an interaction letter of c r u d s on this type is within the scope (SMART v2 scopes)."""
        return _allows(self.scope, kind, letter)


class Authority:
    """`clock` gives seconds since 1970. `refusals` keeps why each assertion was refused, newest last."""

    def __init__(self, token_url: str, clock: Callable[[], float] = time.time) -> None:
        self.token_url = token_url
        self.refusals: list[str] = []
        self._clock = clock
        self._clients: dict[str, TrustedClient] = {}
        self._keys: dict[str, tuple[float, KeySet]] = {}
        self._seen: dict[tuple[str, str], float] = {}
        self._grants: dict[str, Grant] = {}

    def trust(self, client: TrustedClient) -> None:
        self._clients[client.client_id] = client
        self._keys.pop(client.client_id, None)

    async def grant(self, form: Sequence[tuple[str, str]]) -> Grant:
        """Raises TokenRefused."""
        fields = dict(form)
        if len(fields) != len(form) or not all(fields.get(name) for name in FORM_FIELDS):
            raise TokenRefused("invalid_request", "a form field is missing or repeated")
        if fields["grant_type"] != "client_credentials":
            raise TokenRefused("unsupported_grant_type", "the grant type is not client_credentials")
        if fields["client_assertion_type"] != ASSERTION_TYPE:
            raise TokenRefused("invalid_client", "the assertion type is unknown")
        client = await self._authenticate(fields["client_assertion"])
        scope = " ".join(one for one in fields["scope"].split() if _is_within(one, client.scope))
        if not scope:
            raise TokenRefused("invalid_scope", "nothing asked for is allowed")
        granted = Grant(secrets.token_urlsafe(32), client.client_id, scope, self._clock() + TOKEN_SECONDS)
        self._grants[granted.token] = granted
        return granted

    def admitted(self, authorization: str | None) -> Grant | None:
        """The grant behind an Authorization header, None when there is none in force."""
        scheme, _, token = (authorization or "").partition(" ")
        granted = self._grants.get(token.strip()) if scheme.lower() == "bearer" else None
        return granted if granted and granted.expires > self._clock() else None

    async def _authenticate(self, assertion: str) -> TrustedClient:
        try:
            unverified = jws.extract_compact(assertion.encode())
            header, issuer = unverified.headers(), json.loads(unverified.payload or b"").get("iss")
        except (JoseError, ValueError, TypeError, AttributeError) as error:
            raise TokenRefused("invalid_client", "the assertion is not a signed JWT") from error
        client = self._clients.get(str(issuer))
        if client is None:
            raise TokenRefused("invalid_client", "the client is unknown")
        _check_header(header, client)
        key = await self._key_for(client, header["kid"], KEY_TYPES[header["alg"]])
        try:
            claims = jwt.decode(assertion, key, algorithms=list(KEY_TYPES)).claims
        except (JoseError, ValueError, TypeError) as error:
            raise TokenRefused("invalid_client", "the signature is not the client's") from error
        self._check_claims(claims, client)
        return client

    def _check_claims(self, claims: Mapping[str, Any], client: TrustedClient) -> None:
        now = self._clock()
        audience, expires, unique = claims.get("aud"), claims.get("exp"), claims.get("jti")
        begins = [claims[name] for name in ("iat", "nbf") if name in claims]
        checks = (
            (claims.get("iss") == claims.get("sub") == client.client_id, "iss and sub are not both the client"),
            (self.token_url in (audience if isinstance(audience, list) else [audience]), "the audience is another"),
            (type(expires) is int, "exp is not a whole number"),
            (type(expires) is int and expires > now - SKEW_SECONDS, "the assertion has expired"),
            (type(expires) is int and expires <= now + 300 + SKEW_SECONDS, "the assertion lives over five minutes"),
            (all(type(at) is int and at <= now + SKEW_SECONDS for at in begins), "the assertion is of the future"),
            (isinstance(unique, str) and 0 < len(unique) <= 256, "jti is missing"),
            ((client.client_id, str(unique)) not in self._seen, "the assertion was used before"),
        )
        for holds, why in checks:
            if not holds:
                raise TokenRefused("invalid_client", why)
        self._seen = {used: until for used, until in self._seen.items() if until > now - 2 * SKEW_SECONDS}
        self._seen[client.client_id, str(unique)] = float(claims["exp"])

    async def _key_for(self, client: TrustedClient, kid: str, kty: str) -> Key:
        fetched, keys = self._keys.get(client.client_id, (0.0, KeySet([])))
        found = _fitting(keys, kid, kty)
        if not found or fetched < self._clock() - KEYS_SECONDS:
            keys = await _registered_keys(client)
            self._keys[client.client_id] = self._clock(), keys
            found = _fitting(keys, kid, kty)
        if len(found) != 1:
            raise TokenRefused("invalid_client", "not exactly one registered key has this kid and type")
        return found[0]


def _allows(scope: str, kind: str, letter: str) -> bool:
    parts = (SCOPE.fullmatch(one) for one in scope.split())
    return any(part and part[1] in ("*", kind) and letter in part[2] for part in parts)


def _is_within(asked: str, allowed: str) -> bool:
    part = SCOPE.fullmatch(asked)
    return part is not None and all(_allows(allowed, part[1], letter) for letter in part[2])


def _check_header(header: Mapping[str, Any], client: TrustedClient) -> None:
    checks = (
        (header.get("alg") in KEY_TYPES, "the algorithm is neither ES384 nor RS384"),
        (header.get("typ") == "JWT", "typ is not JWT"),
        (isinstance(header.get("kid"), str) and header["kid"], "kid is missing"),
        ("crit" not in header, "a critical header is not understood"),
        (header.get("jku") in (None, client.jwks_url), "jku is not the registered address"),
    )
    for holds, why in checks:
        if not holds:
            raise TokenRefused("invalid_client", why)


def _fitting(keys: KeySet, kid: str, kty: str) -> list[Key]:
    return [key for key in keys.keys if key.kid == kid and key.key_type == kty]


async def _registered_keys(client: TrustedClient) -> KeySet:
    try:
        if client.jwks is not None:
            return KeySet.import_key_set(client.jwks)
        async with httpx.AsyncClient(timeout=3, trust_env=False) as http:
            answer = await http.get(client.jwks_url or "")
        return KeySet.import_key_set(answer.raise_for_status().json())
    except (httpx.HTTPError, httpx.InvalidURL, JoseError, ValueError, TypeError, KeyError) as error:
        raise TokenRefused("invalid_client", "the client's keys cannot be read") from error
