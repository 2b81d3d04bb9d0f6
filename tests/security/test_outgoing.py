"""Our client against a real record: a server that checks our assertion with another library's verifier."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from service.security.keys import SigningKeys, load_or_create
from service.security.outgoing import SCOPE, ForeignAddress, NotAuthorised, Outgoing
from service.security.token import ASSERTION_TYPE
from service.security.transport import TooLarge
from tests.security.conftest import Serve
from tests.security.support import NOW, LocalServer, Request, StillClock

T = TypeVar("T")
Answer = tuple[int, dict[str, str], bytes | Iterator[bytes]]


@dataclass
class Record:
    """A hospital's record. The `…_answer` fields replace a part of what it does."""

    keys: SigningKeys
    url: str = ""
    expires_in: object = 300
    delay: float = 0.0
    discovery_answer: Answer | None = None
    token_answer: Answer | None = None
    fhir_answer: Answer = (200, {"Content-Type": "application/fhir+json"}, b'{"resourceType":"Patient"}')
    jtis: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)

    def __call__(self, request: Request) -> Answer:
        if request.path == "/fhir/.well-known/smart-configuration":
            return self.discovery_answer or (200, {}, json.dumps({"token_endpoint": f"{self.url}/token"}).encode())
        if request.path == "/token":
            return self.token_answer or self._token(request)
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        known = token in self.tokens and token not in self.refused
        return self.fhir_answer if known else (401, {}, b"")

    def _token(self, request: Request) -> Answer:
        time.sleep(self.delay)
        form = parse_qs(request.body.decode(), strict_parsing=True)
        assert {name: values for name, values in form.items() if name != "client_assertion"} == {
            "grant_type": ["client_credentials"],
            "scope": [SCOPE],
            "client_assertion_type": [ASSERTION_TYPE],
        }
        sent = jwt.decode(
            form["client_assertion"][0],
            KeySet.import_key_set(self.keys.public()),  # type: ignore[arg-type]  # a looser dict
            algorithms=["ES384"],
        )
        claims: dict[str, Any] = dict(sent.claims)
        assert sent.header == {"alg": "ES384", "typ": "JWT", "kid": self.keys.current(NOW).kid}
        assert (claims["iss"], claims["sub"], claims["aud"]) == ("peer-referral", "peer-referral", f"{self.url}/token")
        assert time.time() < claims["exp"] <= time.time() + 240
        assert claims["jti"] not in self.jtis
        self.jtis.append(claims["jti"])
        self.tokens.append(f"token-{len(self.tokens) + 1}")
        answer = {"access_token": self.tokens[-1], "token_type": "Bearer", "expires_in": self.expires_in}
        return 200, {}, json.dumps({k: v for k, v in answer.items() if v is not None}).encode()


@pytest.fixture
def record(tmp_path: Path, serve: Serve) -> Record:
    made = Record(load_or_create(tmp_path / "keys.json"))
    server = serve(made)
    made.url = server.url
    return made


def calling(record: Record, work: Callable[[Outgoing], Awaitable[T]], clock: StillClock | None = None) -> T:
    async def whole() -> T:
        outgoing = Outgoing(
            f"{record.url}/fhir/",
            "peer-referral",
            lambda: record.keys.current(NOW),
            elapsed=(clock or StillClock()).elapsed,
        )
        try:
            return await work(outgoing)
        finally:
            await outgoing.aclose()

    return asyncio.run(whole())


def get(record: Record, url: str = "Patient/1") -> httpx.Response:
    return calling(record, lambda outgoing: outgoing.request("GET", url))


def test_a_request_carries_a_token_that_our_signature_was_exchanged_for(record: Record) -> None:
    response = get(record)
    assert (response.status_code, response.json()) == (200, {"resourceType": "Patient"})
    assert record.tokens == ["token-1"]


def test_method_headers_and_body_arrive_as_they_were_given(tmp_path: Path, serve: Serve) -> None:
    record = Record(load_or_create(tmp_path / "keys.json"))
    server = serve(record)
    record.url = server.url
    body = '{"text":"\u00e9 1.50"}'.encode()
    headers = {
        "If-None-Exist": "identifier=a|b",
        "authorization": "Bearer stolen",
        "Content-Type": "application/fhir+json",
    }
    calling(record, lambda outgoing: outgoing.request("POST", "Patient", headers=headers, content=body))
    arrived = server.requests[-1]
    assert (arrived.method, arrived.path, arrived.body) == ("POST", "/fhir/Patient", body)
    assert {name.lower(): value for name, value in arrived.headers.items()}.items() >= {
        "if-none-exist": "identifier=a|b",
        "authorization": "Bearer token-1",
        "content-type": "application/fhir+json",
    }.items()


@pytest.mark.parametrize(
    "path", ["Patient?identifier=https://nhs.example/id|1", "/Patient?identifier=https://nhs.example/id|1"]
)
def test_a_search_may_hold_an_address(record: Record, path: str) -> None:
    assert get(record, path).status_code == 200


def test_an_absolute_address_below_the_base_is_called(record: Record) -> None:
    assert get(record, f"{record.url}/fhir/Patient/1").status_code == 200


@pytest.mark.parametrize(
    "url",
    [
        "http://elsewhere.example/fhir/Patient/1",
        "https://127.0.0.1/fhir/Patient/1",
        "HTTP://127.0.0.1:1/fhir/Patient/1",
        "{url}/other/Patient/1",
        "{url}/fhirside/Patient/1",
        "{url}/fhir/../admin",
        "{url}/fhir/%2e%2e/admin",
        "../admin",
        "%2e%2e/admin",
        "http://user@{host}/fhir/Patient/1",
    ],
)
def test_the_token_is_shown_to_no_one_else(record: Record, url: str) -> None:
    address = url.format(url=record.url, host=record.url.removeprefix("http://"))
    with pytest.raises(ForeignAddress):
        get(record, address)
    assert record.tokens == []


def test_a_redirect_is_answered_and_not_followed(record: Record) -> None:
    record.fhir_answer = (302, {"Location": "https://elsewhere.example/"}, b"")
    assert get(record).status_code == 302


def test_one_token_serves_however_many_wait_for_it(record: Record) -> None:
    record.delay = 0.1

    async def together(outgoing: Outgoing) -> set[int]:
        answers = await asyncio.gather(*(outgoing.request("GET", f"Patient/{n}") for n in range(30)))
        return {answer.status_code for answer in answers}

    assert calling(record, together) == {200}
    assert record.tokens == ["token-1"]


@pytest.mark.parametrize(
    ("expires_in", "renewed_after"), [(300, 240), (60, 48), ("100", 80), (None, 240), (10**9, 2880)]
)
def test_a_token_is_renewed_at_four_fifths_of_its_life(record: Record, expires_in: object, renewed_after: int) -> None:
    clock = StillClock()
    record.expires_in = expires_in

    async def in_time(outgoing: Outgoing) -> list[int]:
        counts = []
        for wait in (0, renewed_after - 1, 1):
            clock.seconds += wait
            await outgoing.request("GET", "Patient/1")
            counts.append(len(record.tokens))
        return counts

    assert calling(record, in_time, clock) == [1, 1, 2]
    assert len(set(record.jtis)) == 2


def test_a_refused_token_is_replaced_once(record: Record) -> None:
    async def twice(outgoing: Outgoing) -> list[int]:
        first = await outgoing.request("GET", "Patient/1")
        record.refused.add("token-1")
        return [first.status_code, (await outgoing.request("GET", "Patient/1")).status_code]

    assert calling(record, twice) == [200, 200]
    assert record.tokens == ["token-1", "token-2"]


def test_many_that_are_refused_at_once_share_one_new_token(record: Record) -> None:
    async def together(outgoing: Outgoing) -> set[int]:
        await outgoing.request("GET", "Patient/1")
        record.refused.add("token-1")
        answers = await asyncio.gather(*(outgoing.request("GET", f"Patient/{n}") for n in range(20)))
        return {answer.status_code for answer in answers}

    assert calling(record, together) == {200}
    assert record.tokens == ["token-1", "token-2"]


def test_a_second_refusal_is_the_answer(record: Record) -> None:
    record.refused = {f"token-{number}" for number in range(1, 9)}
    assert get(record).status_code == 401
    assert record.tokens == ["token-1", "token-2"]


@pytest.mark.parametrize(
    "answer",
    [
        (400, {}, b'{"error":"invalid_client","error_description":"secret detail"}'),
        (500, {}, b"oops"),
        (200, {}, b"<html>"),
        (200, {}, b"[]"),
        (200, {}, b"{}"),
        (200, {}, b'{"access_token":"a b","token_type":"bearer"}'),
        (200, {}, b'{"access_token":"a\\r\\nX: y","token_type":"bearer"}'),
        (200, {}, b'{"access_token":7,"token_type":"bearer"}'),
        (200, {}, b'{"access_token":"a","token_type":"mac"}'),
        (200, {}, b'{"access_token":"a","token_type":"bearer","expires_in":"soon"}'),
        (200, {}, b'{"access_token":"a","token_type":"bearer","expires_in":[1]}'),
        (200, {}, b" " * 70_000),
        (302, {"Location": "https://elsewhere.example/token"}, b""),
    ],
)
def test_without_a_token_nothing_is_sent(record: Record, answer: Answer) -> None:
    record.token_answer = answer
    with pytest.raises(NotAuthorised) as refusal:
        get(record)
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    "answer",
    [
        (404, {}, b""),
        (200, {}, b"<html>"),
        (200, {}, b"[]"),
        (200, {}, b"{}"),
        (200, {}, b'{"token_endpoint":7}'),
        (200, {}, b'{"token_endpoint":"http://elsewhere.example/token"}'),
        (200, {}, b'{"token_endpoint":"file:///token"}'),
        (200, {}, b'{"token_endpoint":"/token"}'),
        (200, {}, b'{"token_endpoint":"https://[/token"}'),
        (200, {}, b" " * 70_000),
        (200, {}, b"[" * 60_000),
        (302, {"Location": "https://elsewhere.example/"}, b""),
    ],
)
def test_a_discovery_that_leads_nowhere_safe_ends_there(record: Record, answer: Answer) -> None:
    record.discovery_answer = answer
    with pytest.raises(NotAuthorised):
        get(record)
    assert record.jtis == []


def test_a_record_elsewhere_cannot_point_at_this_machine(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its discovery document names a port of ours; our signed assertion must not be sent there in the clear."""
    document = json.dumps({"token_endpoint": f"{record.url}/token"}).encode()

    class Elsewhere(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            assert str(request.url) == "https://record.example/fhir/.well-known/smart-configuration"
            return httpx.Response(200, content=document)

    async def reach() -> None:
        outgoing = Outgoing("https://record.example/fhir", "peer-referral", lambda: record.keys.current(NOW))
        try:
            monkeypatch.setattr("service.security.outgoing._transport", lambda _: Elsewhere())
            with pytest.raises(NotAuthorised):
                await outgoing.request("GET", "Patient/1")
        finally:
            await outgoing.aclose()

    asyncio.run(reach())
    assert record.jtis == []


@pytest.mark.parametrize("endpoint", ["http://record.example/fhir", "ftp://127.0.0.1/fhir", "record.example", ""])
def test_an_endpoint_without_https_is_refused_unless_it_is_here(record: Record, endpoint: str) -> None:
    with pytest.raises(ForeignAddress):
        Outgoing(endpoint, "peer-referral", lambda: record.keys.current(NOW))


@pytest.mark.parametrize("headers", [{}, {"Content-Encoding": "gzip"}])
def test_an_answer_that_is_too_long_or_packed_leaves_the_outcome_open(record: Record, headers: dict[str, str]) -> None:
    record.fhir_answer = (200, headers, b" " * (5 * 2**20 + 1))
    with pytest.raises(TooLarge):
        get(record)


def test_an_answer_of_five_megabytes_is_read(record: Record) -> None:
    record.fhir_answer = (200, {}, b" " * (5 * 2**20))
    assert len(get(record).content) == 5 * 2**20


def test_a_record_that_is_down_is_told_from_one_that_does_not_answer(record: Record, serve: Serve) -> None:
    async def down(outgoing: Outgoing) -> None:
        await outgoing.request("GET", "Patient/1")
        record.fhir_answer = (200, {"Content-Length": "10"}, iter([b"short"]))
        with pytest.raises(httpx.RemoteProtocolError):
            await outgoing.request("POST", "Patient", content=b"{}")

    calling(record, down)
    gone: LocalServer = serve(record)
    record.url = gone.url.rpartition(":")[0] + ":1"
    with pytest.raises(NotAuthorised):
        get(record)
