"""The one line to an engine is free for an urgent alert when that is tried again, unless it alone is what fails."""

import asyncio
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import update

from service.delivery.channel import Parcel, Sent
from service.delivery.worker import Worker
from service.hl7v2.lines import Lines
from service.hl7v2.segments import Message
from service.referrals.delivery import DeliveryTrigger, Lane
from service.shared.caller import Caller, the_service
from service.store.deliveries import DELIVERY
from tests.delivery.support import EXCHANGE, Scripted
from tests.delivery.test_stuck import more
from tests.flow.support import piece, scores
from tests.hl7v2.engine import Answer, engine, nothing, says
from tests.hl7v2.sending import HASTE, NewSender, V2Sender, senders

SECOND = timedelta(seconds=1)
TAKEN = Sent(DeliveryTrigger.TAKEN, "taken")
NOT_NOW = Sent(DeliveryTrigger.TRY_AGAIN, "answered-AE")
NO_ANSWER = Sent(DeliveryTrigger.ANSWER_LOST, "no-answer")
NOT_REACHED = Sent(DeliveryTrigger.TRY_AGAIN, "not-reached")
NOWHERE, ELSEWHERE = "mllp://127.0.0.1:1", "mllp://127.0.0.1:2"


@pytest.fixture
def either_sender(migrated_url: str) -> Iterator[V2Sender]:
    for new_sender in senders(migrated_url):
        made = new_sender(NOWHERE)
        yield made
        made.run(the_service(""), lambda tx: tx.execute(update(DELIVERY).values(state="done")))  # nothing is left over


class Watched(Scripted):
    """Takes no time. `begun` are the lanes of what it was given and when; of what is less urgent, also how long it was
    until the next try of an urgent alert."""

    def __init__(self, sender: V2Sender, answer: Callable[[Parcel], Sent]) -> None:
        super().__init__(answer)
        self.sender = sender
        self.begun: list[tuple[Lane, datetime]] = []
        self.room: list[timedelta] = []

    async def send(self, parcel: Parcel) -> Sent:
        lane, now = parcel.delivery.lane, self.sender.now()
        self.begun.append((lane, now))
        waiting = [row for row in self.sender.rows("delivery", lane=0) if row["state"] in ("ready", "unknown")]
        if lane is not Lane.URGENT and waiting:
            self.room.append(min(row["due_at"] for row in waiting) - now)
        return await super().send(parcel)


def go_on(sender: V2Sender, worker: Worker, seconds: int) -> None:
    for _ in range(seconds):
        sender.step(worker)
        sender.pass_time(SECOND)


def in_danger(sender: V2Sender, hospital: Caller) -> None:
    """A woman about whom this hospital is owed an urgent alert and nothing else."""
    sender.result(hospital, sender.woman(hospital), piece(3, scores(3, harm=2)))


def is_alert(parcel: Parcel) -> bool:
    return parcel.delivery.lane is Lane.URGENT


@pytest.mark.parametrize("why", [NOT_NOW, NO_ANSWER, NOT_REACHED], ids=lambda sent: str(sent.outcome))
def test_where_everything_fails_nothing_is_begun_that_could_be_under_way_when_the_alert_is_tried_again(
    new_sender: NewSender, why: Sent
) -> None:
    sender = new_sender(NOWHERE)
    family, _ = sender.offered()
    more(sender, family, 5)
    for _ in range(3):
        in_danger(sender, family.hospital)
    channel = Watched(sender, lambda _: why)
    go_on(sender, sender.worker(channel), 240)
    assert all(room >= EXCHANGE for room in channel.room)
    tries = [at for lane, at in channel.begun if lane is Lane.URGENT]
    # Every 30 seconds at the latest, and something less urgent in between, which would show that it is they alone.
    assert max(later - earlier for earlier, later in pairwise(tries)) <= 31 * SECOND
    assert len(channel.room) == 0 if why is NOT_REACHED else len(channel.room) >= 7


@pytest.mark.parametrize("why", [NOT_NOW, NO_ANSWER], ids=lambda sent: str(sent.outcome))
@pytest.mark.parametrize("alerts", [1, 3])
def test_alerts_that_alone_fail_hold_up_nothing_for_long_and_then_nothing_at_all(
    new_sender: NewSender, why: Sent, alerts: int
) -> None:
    sender = new_sender(NOWHERE)
    family, _ = sender.offered()
    channel = Watched(sender, lambda parcel: why if is_alert(parcel) else TAKEN)
    worker = sender.worker(channel)
    for _ in range(alerts):
        in_danger(sender, family.hospital)
        go_on(sender, worker, 1)
    go_on(sender, worker, 10)
    assert sender.rows("delivery", patient_id=family.woman, state="ready") == []
    took = []
    for _ in range(30):
        (woman,) = more(sender, family, 1)
        began = sender.now()
        while sender.rows("delivery", patient_id=woman, state="ready"):
            go_on(sender, worker, 1)
        took.append(sender.now() - began)
        go_on(sender, worker, 3)
    assert max(took) <= 3 * SECOND
    assert len([lane for lane, _ in channel.begun if lane is Lane.URGENT]) > 3 * alerts


def test_what_is_tried_in_between_makes_no_alert_wait_longer(new_sender: NewSender) -> None:
    sender = new_sender(NOWHERE)
    family, _ = sender.offered()
    more(sender, family, 5)
    in_danger(sender, family.hospital)
    channel = Watched(sender, lambda _: NOT_NOW)
    go_on(sender, sender.worker(channel), 120)
    tries = [at for lane, at in channel.begun if lane is Lane.URGENT]
    assert [later - earlier for earlier, later in pairwise(tries)] == [each * SECOND for each in (2, 4, 8, 16, 30, 30)]
    assert len(channel.room) >= 4


def test_what_comes_late_in_the_pause_of_an_alert_waits_until_that_was_tried_again(new_sender: NewSender) -> None:
    sender = new_sender(NOWHERE)
    family, _ = sender.offered()
    sender.step(sender.worker(Scripted()))
    in_danger(sender, family.hospital)
    channel = Watched(sender, lambda _: NOT_NOW)
    worker = sender.worker(channel)
    go_on(sender, worker, 10)
    more(sender, family, 1)
    go_on(sender, worker, 5)
    assert [lane for lane, _ in channel.begun] == [Lane.URGENT] * 4 + [Lane.STATUS]


def test_what_is_taken_in_between_lets_the_alert_go_next(new_sender: NewSender) -> None:
    sender = new_sender(NOWHERE)
    family, _ = sender.offered()
    more(sender, family, 5)
    in_danger(sender, family.hospital)
    channel = Watched(sender, lambda parcel: NOT_NOW if len(channel.begun) <= 3 else TAKEN)
    go_on(sender, sender.worker(channel), 12)
    lanes = [lane for lane, _ in channel.begun]
    assert lanes[:5] == [Lane.URGENT] * 3 + [Lane.STATUS, Lane.URGENT]
    assert sender.unsettled() == []


def test_another_worker_keeps_the_line_free_as_well(either_sender: V2Sender) -> None:
    sender = either_sender
    family, _ = sender.offered()
    in_danger(sender, family.hospital)
    failing, other = Scripted(lambda _: NO_ANSWER), Scripted()
    sender.step(sender.worker(failing))
    sender.step(sender.worker(other))
    assert [each.delivery.lane for each in failing.given] == [Lane.URGENT]
    assert other.given == []
    sender.pass_time(2 * SECOND)
    go_on(sender, sender.worker(other), 2)
    assert other.given[0].delivery.lane is Lane.URGENT
    assert sender.unsettled() == []


def test_on_either_database_an_alert_alone_that_fails_is_found_out_and_the_others_go_on(
    either_sender: V2Sender,
) -> None:
    sender = either_sender
    family, _ = sender.offered()
    in_danger(sender, family.hospital)
    channel = Watched(sender, lambda parcel: NOT_NOW if is_alert(parcel) else TAKEN)
    go_on(sender, sender.worker(channel), 9)
    assert {row["lane"] for row in sender.rows("delivery", state="ready")} == {Lane.URGENT}


def two_hospitals(sender: V2Sender, other_endpoint: str) -> str:
    """One that is owed statuses, and one that is owed an urgent alert; the woman of the first."""
    family, _ = sender.offered()
    sender.endpoint = other_endpoint
    in_danger(sender, sender.hospital())
    return family.woman


@pytest.mark.parametrize(("endpoint", "begun"), [(NOWHERE, 0), (ELSEWHERE, 3)], ids=["one line", "two lines"])
def test_an_alert_keeps_its_line_free_of_what_other_hospitals_behind_it_are_owed(
    either_sender: V2Sender, endpoint: str, begun: int
) -> None:
    two_hospitals(either_sender, endpoint)
    channel = Scripted(lambda parcel: NO_ANSWER if is_alert(parcel) else TAKEN)
    either_sender.step(either_sender.worker(channel))
    assert [is_alert(each) for each in channel.given] == [True] + [False] * begun


def test_what_another_hospital_behind_the_line_takes_shows_that_the_alert_alone_is_what_fails(
    new_sender: NewSender,
) -> None:
    sender = new_sender(NOWHERE)
    woman = two_hospitals(sender, NOWHERE)
    channel = Watched(sender, lambda parcel: NOT_NOW if is_alert(parcel) else TAKEN)
    go_on(sender, sender.worker(channel), 9)
    assert [lane for lane, _ in channel.begun][:4] == [Lane.URGENT] * 3 + [Lane.STATUS]
    assert sender.rows("delivery", patient_id=woman, state="ready") == []
    assert channel.room[0] >= EXCHANGE


def test_an_alert_that_is_taken_leaves_nothing_kept_free_for_it(new_sender: NewSender) -> None:
    sender = new_sender(NOWHERE)
    family, _ = sender.offered()
    in_danger(sender, family.hospital)
    answers = [NO_ANSWER, TAKEN]
    channel = Scripted(lambda parcel: answers.pop(0) if is_alert(parcel) else TAKEN)
    worker = sender.worker(channel)
    go_on(sender, worker, 2)
    assert [each.delivery.lane for each in channel.given] == [Lane.URGENT]
    go_on(sender, worker, 2)
    assert sender.unsettled() == []


def slowly(message: Message) -> Sequence[bytes]:
    time.sleep(0.2)
    return says("AE")(message)


@pytest.mark.parametrize("answer", [nothing, slowly], ids=["hanging", "slow, with AE"])
def test_what_waits_for_the_line_to_an_engine_waits_in_the_outbox_while_an_alert_fails(
    new_sender: NewSender, answer: Answer
) -> None:
    def engine_says(message: Message) -> Sequence[bytes]:
        is_alert = (order := message.first("OBR")) is not None and order.text(4) == "PEER-ALERT"
        lanes.append(Lane.URGENT if is_alert else Lane.STATUS)
        if len(lanes) == 1:
            assert alert_waits.wait(3)
        return [*(answer if is_alert and not is_well else says("AA"))(message)]

    lanes: list[Lane] = []
    alert_waits, is_well = threading.Event(), False
    with engine(otherwise=engine_says) as heard:
        sender = new_sender(heard, lines=Lines(ssl.create_default_context, patience=replace(HASTE, answer=4)))
        family, _ = sender.offered()
        more(sender, family, 5)
        worker = sender.worker()

        async def play() -> None:
            alerts, _, statuses = worker._lanes
            await statuses.begin()
            await asyncio.to_thread(in_danger, sender, family.hospital)
            await alerts.begin()
            turns = sender.lines.connect(heard.endpoint)._turns
            while Lane.URGENT not in [rank for rank, *_ in turns._waiting]:  # noqa: ASYNC110 - no event tells of it
                await asyncio.sleep(0.01)
            alert_waits.set()
            await asyncio.gather(alerts.finish(), statuses.finish())

        sender._runner.run(play())
        for _ in range(3):
            sender.step(worker)
        # What was on the wire went before it, and nothing after it although six women wait.
        assert lanes == [Lane.STATUS, Lane.URGENT]
        attempts = {row["attempts"] for row in sender.rows("delivery", state="ready", lane=Lane.STATUS.value)}
        assert attempts == {0}
        is_well, before = True, len(lanes)
        sender.pass_time(2 * SECOND)
        for _ in range(9):
            sender.step(worker)
        assert lanes[before] is Lane.URGENT
        assert sender.unsettled() == []
        assert heard.most_at_once == 1
