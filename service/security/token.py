"""The token endpoint: a form with a client assertion in, a short-lived opaque token out (SMART Backend Services)."""

import hashlib
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qsl

from service.security import assertion, errors
from service.security.assertion import Assertion, Proof
from service.security.errors import Denied, Flaw, InvalidClient
from service.security.jwks import KeySource
from service.security.limit import FailureLimit
from service.security.ports import Store, Transaction
from service.security.scopes import InvalidScope, narrow
from service.shared.audit import Action, AuditEvent
from service.shared.caller import Caller, the_service
from service.shared.client import Client
from service.shared.clock import Clock
from service.shared.reply import Reply

TOKEN_SECONDS = 300
TOKEN_BYTES = 32
LARGEST_FORM = 16 * 1024
FORM = "application/x-www-form-urlencoded"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
REQUIRED = ("grant_type", "scope", "client_assertion_type", "client_assertion")


@dataclass(frozen=True, slots=True)
class TokenRequest:
    scope: str
    assertion: Assertion


def token_hash(token: str) -> str:
    """What is kept of a token: its SHA-256 in hexadecimal. It has 256 random bits, so it needs no salt."""
    return hashlib.sha256(token.encode()).hexdigest()


def read_form(headers: Mapping[str, str], body: bytes) -> TokenRequest:
    """The request, if its form is right. `headers` has lower-case names. Raises Denied or InvalidClient."""
    if len(body) > LARGEST_FORM:
        raise Denied(errors.TOO_LARGE, "too-large")
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    # A second way of saying who one is would make it unclear which of the two was checked (RFC 6749, section 2.3).
    if media_type != FORM or "authorization" in headers:
        raise Denied(errors.INVALID_REQUEST, "form")
    form = _parameters(body)
    if not all(form.get(name) for name in REQUIRED):
        raise Denied(errors.INVALID_REQUEST, "parameter-missing")
    if form["grant_type"] != "client_credentials":
        raise Denied(errors.UNSUPPORTED_GRANT_TYPE, "grant-type")
    if form["client_assertion_type"] != ASSERTION_TYPE:
        raise InvalidClient(Flaw.ASSERTION_TYPE)
    sent = assertion.read(form["client_assertion"])
    if form.get("client_id", sent.issuer) != sent.issuer:
        raise InvalidClient(Flaw.FORM_CLIENT_ID)
    return TokenRequest(form["scope"], sent)


class TokenEndpoint:
    """`token_url` is our own address as clients see it; an assertion must name exactly that as its audience."""

    def __init__(
        self,
        store: Store,
        key_source: KeySource,
        token_url: str,
        clock: Clock,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._key_source = key_source
        self._token_url = token_url
        self._clock = clock
        self._elapsed = elapsed
        self._limit = FailureLimit()

    async def issue(self, headers: Mapping[str, str], body: bytes, address: str, correlation_id: str) -> Reply:
        """Answer one token request from the network address `address`; `headers` has lower-case names.

        Raises Unavailable when the store cannot commit.
        """
        known = ""
        try:
            request = read_form(headers, body)
            if wait := self._limit.wait_seconds((request.assertion.issuer, address), self._elapsed()):
                return _slow_down(wait)
            client = await self._client(request.assertion.issuer, correlation_id)
            known = client.id
            return await self._grant(request, client, correlation_id)
        except InvalidClient as problem:
            denied = Denied(errors.INVALID_CLIENT, problem.fault.value)
        except Denied as problem:
            denied = problem
        return await self._refuse(denied, known, address, correlation_id)

    async def _client(self, claimed: str, correlation_id: str) -> Client:
        client = await self._store.read(the_service(correlation_id), lambda tx: tx.access.client(claimed))
        if client is None:
            raise InvalidClient(Flaw.UNKNOWN_CLIENT)
        return client

    async def _grant(self, request: TokenRequest, client: Client, correlation_id: str) -> Reply:
        assertion.check_key_location(request.assertion, client)
        keys = await self._key_source.keys(client, request.assertion.key_id)
        now = self._clock.now()
        proof = assertion.verify(request.assertion, client, keys, self._token_url, now)
        token = secrets.token_urlsafe(TOKEN_BYTES)
        caller = Caller(client.id, client.organisation_id, client.kind, frozenset(), correlation_id)
        granted = await self._store.run(caller, lambda tx: _issue(tx, client.id, proof, request.scope, token, now))
        if isinstance(granted, Denied):
            raise granted
        answer = {
            "access_token": token,
            "token_type": "bearer",
            "expires_in": TOKEN_SECONDS,
            "scope": " ".join(sorted(granted)),
        }
        return Reply(200, json.dumps(answer).encode(), errors.NO_STORE)

    async def _refuse(self, denied: Denied, known: str, address: str, correlation_id: str) -> Reply:
        """Claims to be nobody we know are counted together, or a new name each time would never be slowed."""
        if wait := self._limit.wait_seconds((known, address), self._elapsed()):
            return _slow_down(wait)
        self._limit.failed((known, address), self._elapsed())
        event = AuditEvent(Action.EXECUTE, f"Client/{known or 'unknown'}", outcome=denied.outcome)
        await self._store.run(the_service(correlation_id), lambda tx: tx.audit.write(event))
        return errors.refusal(denied.error)


def _issue(
    tx: Transaction, client_id: str, proof: Proof, requested: str, token: str, now: datetime
) -> frozenset[str] | Denied:
    """The scopes granted. The assertion is used up also when the answer is no, so that it cannot be tried again."""
    client = tx.access.client(client_id)
    if client is None or client.revoked:
        return Denied(errors.INVALID_CLIENT, Flaw.REVOKED.value)
    if not tx.access.use_assertion(client_id, proof.jti, proof.dead_at):
        return Denied(errors.INVALID_CLIENT, Flaw.REPLAY.value)
    try:
        granted = narrow(requested, client.scopes)
    except InvalidScope:
        granted = frozenset()
    if not granted:
        return Denied(errors.INVALID_SCOPE, errors.INVALID_SCOPE.code)
    tx.access.add_token(token_hash(token), client_id, granted, now, now + timedelta(seconds=TOKEN_SECONDS))
    tx.audit.write(AuditEvent(Action.EXECUTE, f"Client/{client_id}"))
    return granted


def _parameters(body: bytes) -> dict[str, str]:
    """Each parameter once (RFC 6749, section 3.2), in UTF-8."""
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=20
        )
    except ValueError as problem:
        raise Denied(errors.INVALID_REQUEST, "form") from problem
    form = dict(pairs)
    if len(form) != len(pairs):
        raise Denied(errors.INVALID_REQUEST, "parameter-repeated")
    return form


def _slow_down(wait: int) -> Reply:
    return errors.refusal(errors.TOO_MANY_FAILURES, **{"Retry-After": str(wait)})
