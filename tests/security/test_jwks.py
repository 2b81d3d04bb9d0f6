"""Fetching a client's keys from a real server: what it may cost, where it may lead and how long it counts."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

import httpx
import pytest

from service.security.errors import Flaw, InvalidClient
from service.security.jwks import KeySource, address_problem, seconds_to_keep, set_problems
from service.security.transport import AddressRefused, Pinned, TooLarge
from service.shared.caller import OrganisationKind
from service.shared.client import Client
from tests.security.conftest import Serve
from tests.security.support import Keys, LocalServer, StillClock, TokenDesk, public

T = TypeVar("T")


def client(url: str, id: str = "client-1") -> Client:
    return Client(id, "organisation", OrganisationKind.HOSPITAL, frozenset(), jwks_url=url)


def with_source(work: Callable[[KeySource], Awaitable[T]], clock: StillClock | None = None) -> T:
    async def whole() -> T:
        source = KeySource(allow_loopback=True, elapsed=(clock or StillClock()).elapsed)
        try:
            return await work(source)
        finally:
            await source.aclose()

    return asyncio.run(whole())


@pytest.fixture
def published(serve: Serve, keys: Keys) -> LocalServer:
    return serve(lambda _: (200, {}, keys.published().encode()))


def unavailable(url: str) -> None:
    async def refused(source: KeySource) -> None:
        with pytest.raises(InvalidClient) as refusal:
            await source.keys(client(url), "rsa-1")
        assert refusal.value.fault is Flaw.KEYS_UNAVAILABLE

    with_source(refused)


def test_a_client_with_an_address_gets_a_token(desk: TokenDesk, published: LocalServer) -> None:
    desk.client = desk.register(jwks=None, jwks_url=f"{published.url}/jwks.json")
    assert desk.ask(desk.assertion({"jku": f"{published.url}/jwks.json"}))[0] == 200
    assert [request.path for request in published.requests] == ["/jwks.json"]
    assert published.requests[0].headers["Host"] == published.url.removeprefix("http://")


def test_a_foreign_key_location_is_never_asked(desk: TokenDesk, published: LocalServer) -> None:
    desk.client = desk.register(jwks=None, jwks_url=f"{published.url}/jwks.json")
    assert desk.ask(desk.assertion({"jku": f"{published.url}/other.json"}))[0] == 400
    assert desk.store.outcomes() == [Flaw.KEY_LOCATION.value]
    assert published.requests == []


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(serve: Serve, published: LocalServer, status: int) -> None:
    moved = serve(lambda _: (status, {"Location": f"{published.url}/jwks.json"}, b""))
    unavailable(moved.url)
    assert (len(moved.requests), published.requests) == (1, [])


@pytest.mark.parametrize("declared", [True, False])
def test_an_endless_answer_is_left_after_64_kilobytes(serve: Serve, declared: bool) -> None:
    sent: list[int] = []

    def flood() -> Iterator[bytes]:
        for number in range(1024):
            sent.append(number)
            yield b" " * 65_536

    long = serve(lambda _: (200, {"Content-Length": str(64 * 2**20)} if declared else {}, flood()))
    unavailable(long.url)
    assert len(long.requests) == 1
    assert len(sent) < 512  # the rest of it found nobody; what was sent lay in the sockets' own buffers


def test_compressed_keys_are_refused_before_they_are_unpacked(serve: Serve) -> None:
    unavailable(serve(lambda _: (200, {"Content-Encoding": "gzip"}, b"\x1f\x8b" + b"x" * 100)).url)


@pytest.mark.parametrize("first", [b"", b"{"])
def test_a_slow_server_is_left_after_three_seconds(serve: Serve, first: bytes) -> None:
    def drip() -> Iterator[bytes]:
        yield first
        for _ in range(50):
            time.sleep(0.1)
            yield b" "

    began = time.monotonic()
    unavailable(serve(lambda _: (200, {}, drip())).url)
    assert 2.5 < time.monotonic() - began < 4.0


@pytest.mark.parametrize("body", [b"", b"nonsense", b"[]", b'{"keys": {}}', b'{"keys": "rsa"}', b"[" * 10_000, b"\xff"])
def test_what_is_no_key_set_is_refused(serve: Serve, body: bytes) -> None:
    unavailable(serve(lambda _: (200, {}, body)).url)


@pytest.mark.parametrize("status", [204, 404, 500])
def test_only_an_answer_of_200_counts(serve: Serve, keys: Keys, status: int) -> None:
    unavailable(serve(lambda _: (status, {}, b"" if status == 204 else keys.published().encode())).url)


def test_a_server_that_is_down_is_an_invalid_client(serve: Serve) -> None:
    unavailable("http://127.0.0.1:1/jwks.json")


def test_an_unknown_kid_is_looked_for_once_a_minute_for_each_client(published: LocalServer) -> None:
    clock = StillClock()

    async def ask(source: KeySource) -> list[int]:
        counts = []
        for kid, id, wait in [
            ("rsa-1", "one", 0),
            ("rsa-1", "one", 0),
            ("new", "one", 0),
            ("newer", "one", 0),
            ("new", "one", 59),
            ("new", "two", 0),
            ("new", "one", 1),
        ]:
            clock.seconds += wait
            await source.keys(client(published.url, id), kid)
            counts.append(len(published.requests))
        return counts

    assert with_source(ask, clock) == [1, 1, 2, 2, 2, 3, 4]


def test_a_key_that_appears_is_found_and_one_that_is_taken_out_is_gone(published: LocalServer, keys: Keys) -> None:
    async def ask(source: KeySource) -> list[list[object]]:
        seen = [await source.keys(client(published.url), "rsa-1")]
        rotated = json.dumps({"keys": [public(keys.stranger, "rsa-2")]}).encode()
        published.answer = lambda _: (200, {}, rotated)
        seen.append(await source.keys(client(published.url), "rsa-1"))
        seen.append(await source.keys(client(published.url), "rsa-2"))
        return [[key["kid"] for key in found] for found in seen]

    assert with_source(ask) == [["rsa-1", "ec-1"], ["rsa-1", "ec-1"], ["rsa-2"]]


def test_a_key_that_nobody_has_takes_none_away_while_the_server_is_down(published: LocalServer) -> None:
    async def ask(source: KeySource) -> list[object]:
        await source.keys(client(published.url), "rsa-1")
        published.answer = lambda _: (503, {}, b"")
        with pytest.raises(InvalidClient):
            await source.keys(client(published.url), "made-up")
        return [key["kid"] for key in await source.keys(client(published.url), "rsa-1")]

    assert with_source(ask) == ["rsa-1", "ec-1"]


def test_a_set_counts_as_long_as_its_server_says_and_never_when_stale(published: LocalServer, keys: Keys) -> None:
    clock = StillClock()
    published.answer = lambda _: (200, {"Cache-Control": "public, max-age=20"}, keys.published().encode())

    async def ask(source: KeySource) -> None:
        await source.keys(client(published.url), "rsa-1")
        clock.seconds += 19
        await source.keys(client(published.url), "rsa-1")
        assert len(published.requests) == 1
        clock.seconds += 1
        published.answer = lambda _: (500, {}, b"")
        with pytest.raises(InvalidClient):
            await source.keys(client(published.url), "rsa-1")
        assert len(published.requests) == 2

    with_source(ask, clock)


def test_however_many_ask_at_once_one_request_goes_out(published: LocalServer, keys: Keys) -> None:
    def slowly(_: object) -> tuple[int, dict[str, str], bytes]:
        time.sleep(0.2)
        return 200, {"Cache-Control": "no-store"}, keys.published().encode()

    published.answer = slowly

    async def ask(source: KeySource) -> None:
        waiting = [asyncio.create_task(source.keys(client(published.url), "rsa-1")) for _ in range(20)]
        await asyncio.sleep(0.05)
        waiting[0].cancel()
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        assert isinstance(answers[0], asyncio.CancelledError)
        assert all(isinstance(answer, tuple) for answer in answers[1:])
        await source.keys(client(published.url), "rsa-1")

    with_source(ask)
    assert len(published.requests) == 2


@pytest.mark.parametrize(
    ("cache_control", "age", "seconds"),
    [
        (None, "0", 300),
        ("public", "0", 300),
        ("max-age=60", "0", 60),
        ('private, Max-Age="60"', "0", 60),
        ("max-age=60", "40", 20),
        ("max-age=60", "100", 0),
        ("max-age=60", "garbage", 60),
        ("max-age=0", "0", 0),
        ("max-age=86400", "0", 3600),
        ("no-store", "0", 0),
        ("max-age=60, no-cache", "0", 0),
        ("s-maxage=5", "0", 300),
    ],
)
def test_cache_control_decides_how_long_a_set_counts(cache_control: str | None, age: str, seconds: float) -> None:
    assert seconds_to_keep(cache_control, age) == seconds


REFUSED_ADDRESSES = [
    "10.0.0.1",
    "127.0.0.1",
    "169.254.169.254",
    "168.63.129.16",
    "172.16.0.1",
    "192.168.1.1",
    "100.100.100.200",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "[::1]",
    "[::]",
    "[fe80::1]",
    "[fd00:ec2::254]",
    "[ff02::1]",
    "[::ffff:169.254.169.254]",
    "[::ffff:127.0.0.1]",
    "[64:ff9b::a9fe:a9fe]",
    "[2002:a9fe:a9fe::1]",
    "2130706433",
    "0x7f.1",
    "localhost",
]


@pytest.mark.parametrize("host", REFUSED_ADDRESSES)
def test_an_address_inside_is_refused_before_anything_is_sent(host: str) -> None:
    async def reach() -> None:
        async with httpx.AsyncClient(transport=Pinned(allow_loopback=False), timeout=2) as http:
            with pytest.raises(AddressRefused):
                await http.get(f"https://{host}/latest/meta-data")

    asyncio.run(reach())


@pytest.mark.parametrize("host", ["10.0.0.1", "169.254.169.254", "[fe80::1]", "93.184.216.34"])
def test_loopback_allowed_opens_nothing_else_and_nothing_else_to_http(host: str) -> None:
    async def reach() -> None:
        async with httpx.AsyncClient(transport=Pinned(allow_loopback=True), timeout=2) as http:
            with pytest.raises(AddressRefused):
                await http.get(f"http://{host}/")

    asyncio.run(reach())


def test_a_name_is_judged_by_what_it_resolves_to_and_reached_at_that_number(
    published: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name would mean this machine when checked and another when used, if it were looked up twice."""
    looked_up: list[str] = []
    port = int(published.url.rpartition(":")[2])

    async def reach(answers: list[str], allow_loopback: bool, scheme: str = "http") -> httpx.Response:
        loop = asyncio.get_running_loop()

        async def resolve(host: str, port: int, **_: Any) -> list[Any]:
            looked_up.append(host)
            return [(2, 1, 6, "", (answer, port)) for answer in answers]

        monkeypatch.setattr(loop, "getaddrinfo", resolve)
        async with httpx.AsyncClient(transport=Pinned(allow_loopback), timeout=2) as http:
            return await http.get(f"{scheme}://keys.example:{port}/jwks.json")

    assert asyncio.run(reach(["127.0.0.1"], True)).status_code == 200
    assert looked_up == ["keys.example"]
    assert published.requests[0].headers["Host"] == f"keys.example:{port}"
    for answers in (["127.0.0.1"], ["93.184.216.34", "169.254.169.254"], []):
        with pytest.raises(AddressRefused):
            asyncio.run(reach(answers, False, "https"))
    assert len(published.requests) == 1


def test_an_answer_that_grows_too_long_is_a_transport_error() -> None:
    """So that a caller who wrote something knows that it does not know what became of it."""
    assert issubclass(TooLarge, httpx.TransportError)
    assert not issubclass(TooLarge, httpx.ConnectError)


@pytest.mark.parametrize(
    ("url", "allow_loopback", "allowed"),
    [
        ("https://keys.example/jwks.json", False, True),
        ("http://keys.example/jwks.json", True, False),
        ("http://127.0.0.1:8000/jwks.json", True, True),
        ("http://127.0.0.1:8000/jwks.json", False, False),
        ("http://localhost/jwks.json", True, True),
        ("http://[::1]/jwks.json", True, True),
        ("https://localhost/jwks.json", True, True),
        ("https://localhost/jwks.json", False, False),
        ("https://127.0.0.1/jwks.json", True, True),
        ("https://127.0.0.1/jwks.json", False, False),
        ("https://[::1]/jwks.json", False, False),
        ("https://[::ffff:127.0.0.1]/jwks.json", False, False),
        ("https://169.254.169.254/jwks.json", True, False),
        ("https://10.0.0.1/jwks.json", True, False),
        ("https://8.8.8.8/jwks.json", False, True),
        ("https://user:secret@keys.example/jwks.json", False, False),
        ("https://keys.example/jwks.json#x", False, False),
        ("https://keys.example/jwks.json ", False, False),
        ("file:///etc/passwd", True, False),
        ("ftp://127.0.0.1/x", True, False),
        ("https://", False, False),
        ("keys.example", False, False),
        ("https://keys.example:port/", False, False),
    ],
)
def test_an_address_that_may_not_be_registered_is_told_why(url: str, allow_loopback: bool, allowed: bool) -> None:
    assert (address_problem(url, allow_loopback) is None) == allowed


def test_a_key_set_is_looked_over_before_it_is_registered(keys: Keys) -> None:
    assert set_problems(keys.published()) == []
    private = json.dumps({"keys": [{**keys.ec.as_dict(private=True), "kid": "x"}]})
    twins = json.dumps({"keys": [public(keys.rsa, "x"), public(keys.stranger, "x")]})
    weak = json.dumps({"keys": [public(keys.weak, "x"), public(keys.short, "y"), public(keys.rsa, "")]})
    assert [len(set_problems(text)) for text in (private, twins, weak, "nonsense", '{"keys": []}')] == [1, 1, 1, 1, 1]
