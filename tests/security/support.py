"""What the tests of this room share: a store on a real database, clients with real keys, and servers on loopback."""

import asyncio
import hashlib
import hmac
import json
import threading
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar
from urllib.parse import urlencode

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from joserfc.jwk import ECKey, RSAKey
from sqlalchemy import Connection, NullPool, create_engine, insert

import service.store.tables as _every_table  # noqa: F401  # so that the foreign keys find what they point to
from service.security.jwks import KeySource
from service.security.ports import Transaction
from service.security.scopes import HOSPITAL
from service.security.token import ASSERTION_TYPE, FORM, TokenEndpoint
from service.shared.audit import AuditEvent
from service.shared.caller import Caller, OrganisationKind, the_service
from service.shared.client import Client
from service.shared.clock import Clock
from service.shared.ids import new_id
from service.store.access import Access
from service.store.engine import open_store
from service.store.tables.columns import Row
from service.store.tables.directory import OrganisationRow

T = TypeVar("T")
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TOKEN_URL = "https://referral.example/token"
Key = RSAKey | ECKey | str


@dataclass
class StillClock:
    """The rules' clock and the stopwatch, both moved by hand."""

    present: datetime = NOW
    seconds: float = 1000.0

    def now(self) -> datetime:
        return self.present

    def elapsed(self) -> float:
        return self.seconds


@dataclass
class Recorded:
    """The audit events of one unit."""

    events: list[AuditEvent] = field(default_factory=list)

    def write(self, event: AuditEvent) -> None:
        self.events.append(event)


class ClientUnit:
    """`kept` gets the audit events when the unit finishes, and so never those of a unit that failed."""

    def __init__(self, connection: Connection, kept: list[AuditEvent]) -> None:
        self.connection = connection
        self.access = Access(connection)
        self.audit = Recorded()
        self._kept = kept

    def finish(self, take_stamp: Callable[[], int]) -> None:
        self._kept += self.audit.events

    def owes(self) -> bool:
        return False

    def noted(self) -> None:
        return None


class ClientStore:
    """The real store, opened with units that hold no more than this room needs."""

    def __init__(self, url: str, clock: Clock) -> None:
        self.events: list[AuditEvent] = []
        administration = create_engine(url, poolclass=NullPool)
        Row.metadata.create_all(administration)
        self._store = open_store(url, lambda connection, _, __: ClientUnit(connection, self.events), clock)

    async def run(self, caller: Caller, work: Callable[[Transaction], T], /) -> T:
        return await self._store.run(caller, work)

    async def read(self, caller: Caller, work: Callable[[Transaction], T], /) -> T:
        return await self._store.read(caller, work)

    def run_now(self, work: Callable[["ClientUnit"], T]) -> T:
        return self._store.run_now(the_service("correlation"), work)

    def close(self) -> None:
        self._store.close_now()

    def outcomes(self) -> list[str]:
        return [event.outcome for event in self.events]

    def add_organisation(self, kind: OrganisationKind = OrganisationKind.HOSPITAL) -> str:
        id = new_id()
        values = {"id": id, "name": "Synthetic", "kind": kind.value, "active": True, "added_at": NOW}
        self.run_now(lambda tx: tx.connection.execute(insert(OrganisationRow).values(values)))
        return id


def encoded(part: bytes | Mapping[str, Any]) -> bytes:
    content = part if isinstance(part, bytes) else json.dumps(part).encode()
    return urlsafe_b64encode(content).rstrip(b"=")


def signed(header: bytes | Mapping[str, Any], claims: bytes | Mapping[str, Any], key: Key, algorithm: str) -> str:
    """A JWS over exactly these parts, however wrong they are; `algorithm` is how it is really signed."""
    text = encoded(header) + b"." + encoded(claims)
    signature = b""
    if algorithm.startswith("HS"):
        assert isinstance(key, str)
        signature = hmac.new(key.encode(), text, hashlib.sha256).digest()
    elif algorithm.startswith("RS"):
        private = key.private_key if isinstance(key, RSAKey) else None
        assert isinstance(private, rsa.RSAPrivateKey)
        signature = private.sign(text, padding.PKCS1v15(), SHA384() if algorithm == "RS384" else SHA256())
    elif algorithm.startswith("ES"):
        private_point = key.private_key if isinstance(key, ECKey) else None
        assert isinstance(private_point, ec.EllipticCurvePrivateKey)
        size = (private_point.key_size + 7) // 8
        pair = decode_dss_signature(private_point.sign(text, ec.ECDSA(SHA384() if algorithm == "ES384" else SHA256())))
        signature = b"".join(number.to_bytes(size, "big") for number in pair)
    return (text + b"." + encoded(signature)).decode()


def public(key: RSAKey | ECKey, kid: str) -> dict[str, Any]:
    return {**key.as_dict(private=False), "kid": kid}


@dataclass
class Keys:
    """Made once a session, because an RSA key takes long. `weak` and `short` are real and too small."""

    rsa: RSAKey
    ec: ECKey
    weak: RSAKey
    short: ECKey
    stranger: RSAKey

    def published(self) -> str:
        return json.dumps({"keys": [public(self.rsa, "rsa-1"), public(self.ec, "ec-1")]})


@dataclass
class TokenDesk:
    """A registered hospital in front of our token endpoint."""

    store: ClientStore
    clock: StillClock
    keys: Keys
    client: Client
    key_source: KeySource = field(init=False)
    endpoint: TokenEndpoint = field(init=False)

    def __post_init__(self) -> None:
        self.reopen()

    def reopen(self) -> None:
        """As after a restart: nothing is remembered but what the database holds."""
        self.key_source = KeySource(allow_loopback=True, elapsed=self.clock.elapsed)
        self.endpoint = TokenEndpoint(self.store, self.key_source, TOKEN_URL, self.clock, self.clock.elapsed)

    def register(self, **values: Any) -> Client:
        organisation_id = self.store.add_organisation()
        given: dict[str, Any] = {"scopes": frozenset(HOSPITAL.split()), "jwks": self.keys.published(), **values}
        client = Client(new_id(), organisation_id, OrganisationKind.HOSPITAL, **given)
        self.store.run_now(lambda tx: tx.access.add_client(client, NOW))
        return client

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Right but for `changes`; a value of None takes the claim out."""
        present = int(self.clock.now().timestamp())
        right = {"iss": self.client.id, "sub": self.client.id, "aud": TOKEN_URL, "exp": present + 240, "jti": new_id()}
        return {name: value for name, value in {**right, **changes}.items() if value is not None}

    def assertion(self, header: Mapping[str, Any] | None = None, **changes: Any) -> str:
        """Signed with RS384 and right but for `header` and `changes`."""
        full = {"alg": "RS384", "typ": "JWT", "kid": "rsa-1", **(header or {})}
        kept = {name: value for name, value in full.items() if value is not None}
        return signed(kept, self.claims(**changes), self.keys.rsa, "RS384")

    def form(self, assertion: str, **changes: Any) -> bytes:
        right = {
            "grant_type": "client_credentials",
            "scope": HOSPITAL,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion,
        }
        return urlencode({name: value for name, value in {**right, **changes}.items() if value is not None}).encode()

    async def send(
        self, body: bytes, content_type: str = FORM, address: str = "192.0.2.1", **headers: str
    ) -> tuple[int, dict[str, Any], Mapping[str, str]]:
        reply = await self.endpoint.issue({"content-type": content_type, **headers}, body, address, "correlation")
        return reply.status, json.loads(reply.body), reply.headers

    def ask(self, assertion: str, **changes: Any) -> tuple[int, dict[str, Any]]:
        """One request from start to end: the status and the answer."""

        async def whole() -> tuple[int, dict[str, Any]]:
            try:
                status, answer, _ = await self.send(self.form(assertion, **changes))
            finally:
                await self.key_source.aclose()
            return status, answer

        return asyncio.run(whole())


@dataclass
class Request:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class LocalServer:
    """A real HTTP server on loopback. `answer` may be replaced at any time; every request is kept."""

    url: str
    answer: Callable[[Request], tuple[int, dict[str, str], bytes | Iterator[bytes]]]
    requests: list[Request] = field(default_factory=list)


@contextmanager
def local_server(
    answer: Callable[[Request], tuple[int, dict[str, str], bytes | Iterator[bytes]]],
) -> Iterator[LocalServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            request = Request(
                self.command,
                self.path,
                dict(self.headers),
                self.rfile.read(int(self.headers.get("Content-Length") or 0)),
            )
            server.requests.append(request)
            status, headers, body = server.answer(request)
            try:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if isinstance(body, bytes):
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                for chunk in (body,) if isinstance(body, bytes) else body:
                    self.wfile.write(chunk)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # the client left, as some of these tests want it to

        do_POST = do_PUT = do_GET  # noqa: N815  # the names that http.server calls

        def log_message(self, *_: object) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listening.daemon_threads = True
    server = LocalServer(f"http://127.0.0.1:{listening.server_port}", answer)
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()
