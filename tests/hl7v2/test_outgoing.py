"""The connection to an interface engine: kept, opened anew, and never with two messages in flight."""

import asyncio
import logging
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.delivery.channel import GaveWay
from service.hl7v2.address import Address, address_of
from service.hl7v2.awaited import Awaited
from service.hl7v2.frame import framed
from service.hl7v2.lines import Lines, NotCalled, endpoint_problem
from service.hl7v2.outgoing import Failure, Line, NotAnswered, Patience
from service.hl7v2.segments import Message
from service.hl7v2.turns import Turns
from service.referrals.delivery import Lane
from service.security.certificates import client_context
from service.shared.errors import InvalidSettings
from tests.hl7v2.certificates import issue
from tests.hl7v2.engine import Answer, Engine, acknowledgement, engine, nothing, says, then_closes
from tests.hl7v2.sending import HASTE, NewSender
from tests.hl7v2.wire import message

NOW = datetime(2026, 11, 3, 9, 30, tzinfo=UTC)


class InHaste(Patience):
    """Whose line is too long for it at once."""

    @property
    def turn(self) -> float:
        return 0.1


def line(to: Engine, tls: ssl.SSLContext | None = None, patience: Patience = HASTE) -> Line:
    address = address_of(to.endpoint)
    assert address is not None
    return Line(address, None if tls is None else lambda: tls, patience)


async def send(over: Line, control: str, rank: int = 1) -> str:
    """MSA-1 of its answer, or why there is none."""
    awaited = Awaited(control, application=False, now=NOW)
    try:
        await over.exchange(message(control), rank, awaited.hear)
    except NotAnswered as problem:
        return problem.failure
    return awaited.verdict


@pytest.mark.parametrize(
    ("endpoint", "address"),
    [
        ("mllp://127.0.0.1:2575", Address("127.0.0.1", 2575, secure=False)),
        ("mllps://engine.example:6661", Address("engine.example", 6661, secure=True)),
        ("mllps://[::1]:6661", Address("::1", 6661, secure=True)),
        ("mllp://engine.example", None),
        ("mllp://engine.example:0", None),
        ("mllp://engine.example:99999", None),
        ("mllp://user:secret@engine.example:2575", None),
        ("mllp://engine.example:2575/path", None),
        ("https://engine.example:2575", None),
        ("engine.example:2575", None),
        ("mllp://[::1:2575", None),
        (" mllp://engine.example:2575", None),
        ("mllp://engine.example:2575\n", None),
        ("mllp://engine.example:2575?", None),
        ("mllp://engine.example:2575?x=1", None),
        ("mllp://engine.example:2575#f", None),
        ("", None),
    ],
)
def test_an_endpoint_is_a_host_and_a_port(endpoint: str, address: Address | None) -> None:
    assert address_of(endpoint) == address


@pytest.mark.parametrize(
    ("endpoint", "plain", "may"),
    [
        ("mllp://127.0.0.1:2575", False, True),
        ("mllp://localhost:2575", False, True),
        ("mllp://engine.example:2575", False, False),
        ("mllp://engine.example:2575", True, True),
        ("mllps://engine.example:2575", False, True),
        ("https://engine.example", True, False),
    ],
)
def test_a_plain_connection_stays_on_this_machine_unless_that_is_allowed(endpoint: str, plain: bool, may: bool) -> None:
    assert (endpoint_problem(endpoint, allow_plain=plain) is None) is may
    lines = Lines(ssl.create_default_context, allow_plain=plain)
    if may:
        assert lines.connect(endpoint) is lines.connect(endpoint)
        return
    with pytest.raises(NotCalled):
        lines.connect(endpoint)


def test_the_connection_is_kept_from_one_message_to_the_next() -> None:
    async def play(to: Engine) -> list[str]:
        over = line(to)
        said = [await send(over, f"M{number}") for number in range(3)]
        await over.aclose()
        return said

    with engine() as heard:
        assert asyncio.run(play(heard)) == ["AA", "AA", "AA"]
        assert (heard.connections, heard.controls) == (1, ["M0", "M1", "M2"])


def test_a_receiver_that_closes_after_each_message_is_met_with_a_new_connection() -> None:
    async def play(to: Engine) -> list[str]:
        over = line(to)
        said = [await send(over, f"M{number}") for number in range(5)]
        await over.aclose()
        return said

    with engine(otherwise=then_closes(says("AA"))) as heard:
        assert asyncio.run(play(heard)) == ["AA"] * 5
        assert heard.connections >= 5
        assert list(dict.fromkeys(heard.controls)) == [f"M{number}" for number in range(5)]


def test_a_connection_that_was_lost_meanwhile_costs_no_message() -> None:
    async def play(to: Engine) -> list[str]:
        over = line(to)
        first = await send(over, "M1")
        to.end()
        second = await send(over, "M2")
        await over.aclose()
        return [first, second]

    with engine() as heard:
        assert asyncio.run(play(heard)) == ["AA", "AA"]
        assert heard.connections == 2


def test_a_connection_that_was_not_used_for_long_is_opened_anew() -> None:
    async def play(to: Engine) -> None:
        over = line(to, patience=replace(HASTE, idle=0.05))
        await send(over, "M1")
        await asyncio.sleep(0.1)
        await send(over, "M2")
        await over.aclose()

    with engine() as heard:
        asyncio.run(play(heard))
        assert heard.connections == 2


def test_an_alert_goes_before_every_status_that_waits_and_two_are_never_in_flight() -> None:
    began, go_on = threading.Event(), threading.Event()

    def slowly(one: Message) -> Sequence[bytes]:
        began.set()
        assert go_on.wait(10)
        return says("AA")(one)

    async def play(to: Engine) -> None:
        over = line(to, patience=replace(HASTE, answer=10))
        first = asyncio.create_task(send(over, "S1", Lane.STATUS))
        await asyncio.to_thread(began.wait, 10)
        others = [asyncio.create_task(send(over, f"S{number}", Lane.STATUS)) for number in (2, 3)]
        await asyncio.sleep(0)
        alerts = [asyncio.create_task(send(over, *each)) for each in (("A1", Lane.ROUTINE), ("A2", Lane.URGENT))]
        await asyncio.sleep(0)
        go_on.set()
        assert await asyncio.gather(first, *others, *alerts) == ["AA"] * 5
        await over.aclose()

    with engine(slowly) as heard:
        asyncio.run(play(heard))
        assert heard.controls == ["S1", "A2", "A1", "S2", "S3"]
        assert (heard.connections, heard.most_at_once) == (1, 1)


@pytest.mark.parametrize(
    ("answer", "said", "sent"),
    [(says("AA"), "AA", True), (says("AR"), "AR", True), (says("AE"), "AE", False), (nothing, "no-answer", False)],
)
def test_when_an_urgent_one_fails_what_waits_behind_it_is_sent_away(answer: Answer, said: str, sent: bool) -> None:
    async def play(to: Engine) -> None:
        over = line(to, patience=replace(HASTE, answer=2))
        first, *others = (
            asyncio.create_task(send(over, *each))
            for each in (("S1", Lane.STATUS), ("S2", Lane.STATUS), ("A1", Lane.URGENT), ("A2", Lane.URGENT))
        )
        assert await first == "AA"
        second, urgent, next_urgent = await asyncio.gather(*others, return_exceptions=True)
        assert (urgent, next_urgent) == (said, "AA")
        assert second == "AA" if sent else isinstance(second, GaveWay)
        assert await send(over, "S3", Lane.STATUS) == "AA"
        await over.aclose()

    with engine(says("AA"), answer) as heard:
        asyncio.run(play(heard))
        assert heard.controls == ["S1", "A1", "A2", *(["S2"] if sent else []), "S3"]


def test_what_waits_too_long_for_its_turn_was_not_sent() -> None:
    async def play(to: Engine) -> list[str]:
        over = line(to, patience=InHaste(connect=2, answer=1))
        first, second = await asyncio.gather(send(over, "M1"), send(over, "M2"))
        await over.aclose()
        return [first, second]

    with engine(nothing) as heard:
        assert asyncio.run(play(heard)) == [Failure.NO_ANSWER, Failure.BUSY]
        assert heard.controls == ["M1"]


@pytest.mark.parametrize("answer", [0.5, 15, 18])
def test_an_alert_outlasts_the_message_in_front_of_it_that_gets_no_answer(answer: float) -> None:
    assert Patience(answer=answer).turn >= answer + 1


def test_an_exchange_that_is_broken_off_leaves_its_answer_to_nobody() -> None:
    def late(one: Message) -> Sequence[bytes]:
        time.sleep(0.2)
        return says("AR")(one)

    async def play(to: Engine) -> str:
        over = line(to, patience=replace(HASTE, answer=5))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await send(over, "M1")
        said = await send(over, "M1")
        await over.aclose()
        return said

    with engine(late) as heard:
        assert asyncio.run(play(heard)) == "AA"
        assert heard.connections == 2


def test_a_turn_given_up_is_the_next_ones() -> None:
    async def play() -> list[str]:
        turns, order = Turns(), []

        async def take(name: str, rank: int) -> None:
            async with turns.turn(rank, 5):
                order.append(name)
                await asyncio.sleep(0.01)

        async def take_and_then_cancel(name: str) -> None:
            await take("first", 1)
            waiting[name].cancel()  # its turn has come, and it has not noticed yet

        first = asyncio.create_task(take_and_then_cancel("a"))
        await asyncio.sleep(0)
        waiting = {name: asyncio.create_task(take(name, rank)) for name, rank in (("b", 1), ("c", 1), ("a", 0))}
        await asyncio.sleep(0)
        waiting["b"].cancel()
        await asyncio.gather(first, *waiting.values(), return_exceptions=True)
        await take("later", 1)
        return order

    assert asyncio.run(play()) == ["first", "c", "later"]


def test_both_lanes_go_over_one_connection_with_the_alert_in_front(new_sender: NewSender) -> None:
    alert_waits = threading.Event()

    def unhurried(one: Message) -> Sequence[bytes]:
        alert_waits.wait(60)
        return says("AA")(one)

    with engine(otherwise=unhurried) as heard:
        sender = new_sender(heard, lines=Lines(ssl.create_default_context, patience=replace(HASTE, answer=60)))
        for _ in range(5):
            sender.offered()
        worker = sender.worker()

        async def play() -> None:
            alerts, _, statuses = worker._lanes
            await statuses.begin()
            await asyncio.to_thread(sender.in_danger)
            await alerts.begin()
            turns = sender.lines.connect(heard.endpoint)._turns
            while Lane.URGENT not in [rank for rank, *_ in turns._waiting]:  # noqa: ASYNC110 - no event tells of it
                await asyncio.sleep(0.01)
            alert_waits.set()
            await asyncio.gather(alerts.finish(), statuses.finish())

        sender._runner.run(play())
        orders = [each.first("OBR") for each in heard.heard]
        place = [order.text(4) if order else "" for order in orders].index("PEER-ALERT")
        assert place < len(orders) - 1
        assert (heard.connections, heard.most_at_once) == (1, 1)


# TLS


def server_of(folder: Path, name: str = "engine") -> tuple[ssl.SSLContext, Path]:
    """An engine's side, and the file of who signed it and ours."""
    authority = issue(folder, f"{name}-authority")
    own = issue(folder, name, authority)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own.certificate, own.key_file)
    context.load_verify_locations(authority.certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    ours = issue(folder, "us", authority)
    assert ours.key_file == folder / "us.key"
    return context, authority.certificate


def test_both_ends_prove_who_they_are(tmp_path: Path) -> None:
    server, authority = server_of(tmp_path)

    async def play(to: Engine) -> list[str]:
        over = line(to, client_context(tmp_path / "us.pem", tmp_path / "us.key", authority), replace(HASTE, answer=5))
        said = [await send(over, "M1"), await send(over, "M2")]
        await over.aclose()
        return said

    with engine(tls=server) as heard:
        assert asyncio.run(play(heard)) == ["AA", "AA"]
        assert heard.connections == 1


@pytest.mark.parametrize("known", ["another authority", "the machine's own"])
def test_nothing_is_said_to_an_engine_that_nobody_vouches_for(tmp_path: Path, known: str) -> None:
    server, _ = server_of(tmp_path)
    other = issue(tmp_path, "other").certificate if known == "another authority" else None

    async def play(to: Engine) -> str:
        return await send(line(to, client_context(None, None, other)), "M1")

    with engine(tls=server) as heard:
        assert asyncio.run(play(heard)) == Failure.NOT_TRUSTED
        assert heard.heard == []


def test_nothing_is_said_to_an_engine_that_proves_another_name_and_the_log_says_why_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server, authority = server_of(tmp_path)
    caplog.set_level(logging.INFO, "peer_referral")

    async def play(to: Engine) -> list[str]:
        called_otherwise = Address("127.0.0.1", to.port, secure=True)  # its certificate is of localhost
        contexts = [client_context(tmp_path / "us.pem", tmp_path / "us.key", authority)] * 2
        contexts.append(client_context(None, None, None))
        over = Line(called_otherwise, lambda: contexts.pop(0), HASTE)
        return [await send(over, f"M{number}") for number in range(3)]

    with engine(tls=server) as heard:
        assert asyncio.run(play(heard)) == [Failure.NOT_TRUSTED] * 3
        assert heard.heard == []
    told = [vars(each)["facts"] for each in caplog.records if each.message == "tls-refused"]
    assert {each["engine"] for each in told} == {f"127.0.0.1:{heard.port}"}
    assert ["mismatch" in each["reason"] for each in told] == [True, False]


def test_an_engine_that_never_ends_the_handshake_is_not_waited_for(tmp_path: Path) -> None:
    _, authority = server_of(tmp_path)

    async def play(port: int) -> str:
        context, hasty = client_context(None, None, authority), replace(HASTE, connect=0.2)
        return await send(Line(Address("localhost", port, secure=True), lambda: context, hasty), "M1")

    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        assert asyncio.run(play(silent.getsockname()[1])) == Failure.NOT_REACHED
        assert time.monotonic() - began < 5


def test_an_engine_that_closes_after_each_message_is_met_anew_over_tls_too(tmp_path: Path) -> None:
    server, authority = server_of(tmp_path)

    async def play(to: Engine) -> list[str]:
        over = line(to, client_context(tmp_path / "us.pem", tmp_path / "us.key", authority), replace(HASTE, answer=5))
        said = [await send(over, f"M{number}") for number in range(3)]
        await over.aclose()
        return said

    with engine(otherwise=then_closes(says("AA")), tls=server) as heard:
        assert asyncio.run(play(heard)) == ["AA"] * 3
        assert list(dict.fromkeys(heard.controls)) == ["M0", "M1", "M2"]


@pytest.mark.parametrize(("seconds", "said"), [(0.2, "AA"), (1.0, Failure.NO_ANSWER)])
def test_a_slow_engine_is_waited_for_as_long_as_there_is_patience(seconds: float, said: str) -> None:
    def slowly(one: Message) -> Sequence[bytes]:
        time.sleep(seconds)
        return says("AA")(one)

    async def play(to: Engine) -> str:
        over = line(to, patience=replace(HASTE, answer=0.6))
        first = await send(over, "M1")
        await over.aclose()
        return first

    with engine(slowly) as heard:
        assert asyncio.run(play(heard)) == said
        assert heard.controls == ["M1"]


@pytest.mark.parametrize(("seconds", "said"), [(0.1, "AA"), (1.0, Failure.OTHER_ANSWER)])
def test_behind_an_answer_to_another_message_its_own_is_waited_for_a_short_time(seconds: float, said: str) -> None:
    def mistaken(one: Message) -> Iterator[bytes]:
        yield framed(acknowledgement(one, "AA", of="SOMEBODY-ELSE"))
        time.sleep(seconds)
        yield framed(acknowledgement(one, "AA"))

    async def play(to: Engine) -> tuple[str, float]:
        over = line(to, patience=replace(HASTE, answer=10, others=0.5))
        began = time.monotonic()
        first = await send(over, "M1")
        took = time.monotonic() - began
        await over.aclose()
        return first, took

    with engine(mistaken) as heard:
        answer, took = asyncio.run(play(heard))
        assert answer == said
        assert took < 5


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("shown", ["nothing", "a certificate of another authority"])
def test_an_engine_that_does_not_know_us_takes_nothing_and_the_log_says_why_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, shown: str, version: ssl.TLSVersion
) -> None:
    server, authority = server_of(tmp_path)
    server.maximum_version = version
    caplog.set_level(logging.INFO, "peer_referral")
    other = issue(tmp_path, "other")
    own = None if shown == "nothing" else other.certificate
    key = None if shown == "nothing" else other.key_file

    async def play(to: Engine) -> list[str]:
        over = line(to, client_context(own, key, authority), replace(HASTE, answer=5))
        return [await send(over, f"M{number}") for number in range(3)]

    with engine(tls=server) as heard:
        assert asyncio.run(play(heard)) == [Failure.NOT_TRUSTED] * 3
        assert heard.heard == []
    assert [each.message for each in caplog.records].count("tls-refused") == 1


@pytest.mark.parametrize("file", ["certificate", "authority"])
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, file: str) -> None:
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("no certificate")
    given = (wrong, wrong, None) if file == "certificate" else (None, None, wrong)
    with pytest.raises(InvalidSettings, match=r"wrong\.pem"):
        client_context(*given)
