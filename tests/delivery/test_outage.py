"""A destination that is away and comes back, and one that takes the first of her messages only later."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import update

from service.delivery.channel import Parcel, Sent
from service.delivery.pauses import LONGEST_WAIT, ONE_EVERY, SEATS
from service.delivery.worker import Worker
from service.demo.hospital import HospitalRecord
from service.hl7v2 import outgoing
from service.referrals.delivery import GOT_NO_ANSWER, REACHED_NOBODY, DeliveryTrigger, Lane
from service.shared.caller import the_service
from service.store.deliveries import DELIVERY
from tests.delivery.conftest import NewSender
from tests.delivery.support import Scripted, Sender
from tests.delivery.test_stuck import more
from tests.flow.support import Family, piece, scores

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
TAKEN = Sent(DeliveryTrigger.TAKEN, "taken")
NOT_REACHED = Sent(DeliveryTrigger.TRY_AGAIN, "not-reached")
NO_ANSWER = Sent(DeliveryTrigger.ANSWER_LOST, "no-answer")
NOT_NOW = Sent(DeliveryTrigger.TRY_AGAIN, "answered-AE")
REDIRECTED = Sent(DeliveryTrigger.TRY_AGAIN, "redirected")
TURNED_AWAY = Sent(DeliveryTrigger.TRY_AGAIN, "http-403")
HERS = ["ServiceRequest", "Task", "DocumentReference"]


@pytest.fixture
def sender(new_sender: NewSender, migrated_url: str, record: HospitalRecord) -> Iterator[Sender]:
    made = new_sender(migrated_url, record.base)
    yield made
    made.run(the_service(""), lambda tx: tx.execute(update(DELIVERY).values(state="done")))  # nothing is left over


class Away(Scripted):
    """Nobody is reached until it `is_back`."""

    is_back = False

    def __init__(self, why: Sent = NOT_REACHED) -> None:
        super().__init__(lambda _: TAKEN if self.is_back else why)


def go_on(sender: Sender, worker: Worker, rounds: int, pause: timedelta = SECOND) -> None:
    for _ in range(rounds):
        sender.step(worker)
        sender.pass_time(pause)


def in_danger(sender: Sender, family: Family, total: int = 16) -> None:
    """An urgent alert; and before it one that is not, if the total is not that of its parts."""
    sender.result(family.hospital, family.woman, piece(total, scores(16, harm=1)))


def given(channel: Scripted, woman: str) -> list[str]:
    parcels = [each.delivery for each in channel.given if each.delivery.patient_id == woman]
    return [each.resource_type for each in parcels if each.lane is Lane.STATUS]


def waiting(sender: Sender, woman: str) -> list[str]:
    rows = sender.rows("delivery", patient_id=woman, lane=Lane.STATUS.value)
    return [row["resource_type"] for row in rows if row["state"] not in ("done", "superseded")]


@pytest.mark.parametrize("why", [NOT_REACHED, NO_ANSWER, REDIRECTED, TURNED_AWAY], ids=lambda sent: str(sent.outcome))
@pytest.mark.parametrize(("looks", "pause"), [(60, SECOND), (20, 3 * MINUTE)], ids=["a minute", "an hour"])
def test_when_a_destination_is_back_an_alert_goes_first_and_everything_within_seconds(
    sender: Sender, why: Sent, looks: int, pause: timedelta
) -> None:
    family, _ = sender.offered()
    women = [family.woman, *more(sender, family, 3)]
    in_danger(sender, family)
    channel = Away(why)
    worker = sender.worker(channel)
    go_on(sender, worker, looks, pause)
    if why in (NO_ANSWER, TURNED_AWAY) and pause > MINUTE:
        women = []  # what failed so often may be the reason itself
    channel.is_back, before = True, len(channel.given)
    women += more(sender, family, 1)  # what is new shows that it is back
    go_on(sender, worker, 31)
    assert channel.given[before].delivery.lane is Lane.URGENT
    assert sender.rows("delivery", lane=Lane.URGENT.value, state="ready") == []
    assert [waiting(sender, each) for each in women] == [[]] * len(women)


def test_an_alert_that_was_tried_in_vain_a_moment_before_goes_as_soon_as_a_status_is_taken(sender: Sender) -> None:
    family, _ = sender.offered()
    more(sender, family, 3)
    channel = Away()
    worker = sender.worker(channel)
    go_on(sender, worker, 9, SECOND / 2)
    in_danger(sender, family)
    go_on(sender, worker, 1, SECOND / 2)
    assert channel.given[-1].delivery.lane is Lane.URGENT
    channel.is_back, before = True, len(channel.given)
    go_on(sender, worker, 2, timedelta(0))
    assert [each.delivery.lane for each in channel.given[before:]][:2] == [Lane.STATUS, Lane.URGENT]


def test_an_alert_is_tried_again_within_seconds_for_as_long_as_it_takes(sender: Sender) -> None:
    family, _ = sender.offered()
    in_danger(sender, family, total=15)
    worker = sender.worker(Away(NOT_NOW))
    go_on(sender, worker, 15, 4 * MINUTE)
    sender.step(worker)
    rows = {lane: sender.rows("delivery", lane=lane.value, state="ready") for lane in Lane}
    pauses = {lane: max(row["due_at"] - sender.now() for row in rows[lane]) for lane in Lane}
    assert all(pauses[lane] <= LONGEST_WAIT[lane] < MINUTE for lane in Lane if lane.of_alerts)
    assert pauses[Lane.STATUS] > MINUTE


def test_an_alert_that_reached_nobody_is_due_again_before_what_finds_the_destination_back(sender: Sender) -> None:
    family, _ = sender.offered()
    in_danger(sender, family)
    worker = sender.worker(Away())
    for _ in range(12):
        sender.step(worker)
        alerts = sender.rows("delivery", lane=Lane.URGENT.value, state="ready")
        assert max(row["due_at"] for row in alerts) <= sender.now() + ONE_EVERY
        sender.pass_time(SECOND)


def test_while_a_destination_is_away_one_is_tried_at_a_time_however_many_wait(sender: Sender) -> None:
    family, _ = sender.offered()
    more(sender, family, 11)
    channel = Away()
    worker = sender.worker(channel)
    sender.step(worker)
    assert len(channel.given) <= SEATS[Lane.STATUS]
    before = len(channel.given)
    for tried in range(1, 4):
        sender.pass_time(SECOND)
        go_on(sender, worker, 3, timedelta(0))
        assert len(channel.given) - before == tried
    channel.is_back = True
    sender.pass_time(SECOND)
    go_on(sender, worker, 2, timedelta(0))
    assert len(channel.given) - before - 4 >= SEATS[Lane.STATUS]


def test_a_worker_that_has_seen_nothing_of_it_wakes_what_another_one_could_not_send(sender: Sender) -> None:
    family, _ = sender.offered()
    go_on(sender, sender.worker(Away()), 30, MINUTE)
    (fresh,) = more(sender, family, 1)
    other = sender.worker(Scripted())
    go_on(sender, other, 2)
    assert [waiting(sender, each) for each in (fresh, family.woman)] == [[], []]


@pytest.mark.parametrize("why", [NO_ANSWER, TURNED_AWAY], ids=lambda sent: str(sent.outcome))
def test_what_alone_is_not_taken_is_not_tried_each_time_that_another_is(sender: Sender, why: Sent) -> None:
    family, _ = sender.offered()

    def poison(parcel: Parcel) -> Sent:
        return why if parcel.delivery.patient_id == family.woman else TAKEN

    channel = Scripted(poison)
    worker = sender.worker(channel)
    for _ in range(20):
        more(sender, family, 1)
        go_on(sender, worker, 1, 6 * SECOND)
    assert given(channel, family.woman) == ["ServiceRequest"] * 8


def test_a_record_that_turns_away_one_type_takes_the_others(sender: Sender) -> None:
    """It may be the scope for Communication that is missing: the copies of the same alerts do not wait for those."""
    hospital, serves_nobody = sender.hospital(), True

    def answer(parcel: Parcel) -> Sent:
        return TURNED_AWAY if serves_nobody or parcel.delivery.resource_type == "Communication" else TAKEN

    worker = sender.worker(Scripted(answer))
    for _ in range(3):
        sender.result(hospital, sender.woman(hospital), piece(3, scores(3, harm=2)))
    go_on(sender, worker, 3)
    serves_nobody = False
    go_on(sender, worker, 31)
    rows = sender.rows("delivery", destination_id=hospital.organisation_id)
    assert {(row["resource_type"], row["state"]) for row in rows} == {("Communication", "ready"), ("AlertTask", "done")}


@pytest.mark.parametrize("why", [NOT_REACHED, NO_ANSWER, TURNED_AWAY], ids=lambda sent: str(sent.outcome))
def test_what_would_wait_for_minutes_is_woken_by_the_first_that_is_taken(sender: Sender, why: Sent) -> None:
    family, _ = sender.offered()
    channel = Away(why)
    worker = sender.worker(channel)
    go_on(sender, worker, 6, 2 * MINUTE)
    go_on(sender, worker, 1)
    (waits,) = [row for row in sender.rows("delivery", patient_id=family.woman) if row["last_outcome"]]
    assert waits["due_at"] - sender.now() > MINUTE
    channel.is_back = True
    more(sender, family, 1)
    go_on(sender, worker, 3)
    assert waiting(sender, family.woman) == []


def test_a_destination_that_asked_for_patience_is_not_woken(sender: Sender) -> None:
    family, _ = sender.offered()
    asked = Sent(DeliveryTrigger.TRY_AGAIN, "http-429", wait=10 * MINUTE)
    worker = sender.worker(Scripted(lambda parcel: asked if parcel.delivery.patient_id == family.woman else TAKEN))
    sender.step(worker)
    more(sender, family, 1)
    go_on(sender, worker, 9, MINUTE)
    assert {row["attempts"] for row in sender.rows("delivery", resource_type="ServiceRequest", state="ready")} == {1}


def test_nor_is_an_alert_that_a_record_asked_to_come_later_when_something_else_is_taken(sender: Sender) -> None:
    family, _ = sender.offered()
    in_danger(sender, family)
    asked = Sent(DeliveryTrigger.TRY_AGAIN, "http-429", wait=MINUTE)
    worker = sender.worker(Scripted(lambda parcel: TAKEN if parcel.delivery.lane is Lane.STATUS else asked))
    go_on(sender, worker, 9, MINUTE / 10)
    assert {row["attempts"] for row in sender.rows("delivery", lane=Lane.URGENT.value, state="ready")} == {1}
    assert waiting(sender, family.woman) == []


@pytest.mark.parametrize("failed", [NOT_NOW, NO_ANSWER, NOT_REACHED], ids=lambda sent: str(sent.outcome))
def test_what_comes_after_the_first_of_hers_waits_until_that_is_taken_and_no_other_woman_waits(
    sender: Sender, failed: Sent
) -> None:
    family, _ = sender.offered()
    (other,) = more(sender, family, 1)
    tries = 0

    def answer(parcel: Parcel) -> Sent:
        nonlocal tries
        if (parcel.delivery.resource_type, parcel.delivery.patient_id) != ("ServiceRequest", family.woman):
            return TAKEN
        tries += 1
        return failed if tries <= 2 else TAKEN

    channel = Scripted(answer)
    left, right = sender.worker(channel), sender.worker(channel)
    for _ in range(12):
        sender.step(left, right)
        sender.pass_time(SECOND)
    assert given(channel, family.woman) == ["ServiceRequest"] * 2 + HERS
    assert given(channel, other) == HERS
    attempts = {row["resource_type"]: row["attempts"] for row in sender.rows("delivery", patient_id=family.woman)}
    assert attempts == dict(zip(HERS, (3, 1, 1), strict=True))


def test_what_a_person_knows_of_holds_up_nothing(sender: Sender) -> None:
    family, _ = sender.offered()
    channel = Scripted(lambda parcel: NOT_NOW if parcel.delivery.resource_type == "ServiceRequest" else TAKEN)
    worker = sender.worker(channel)
    go_on(sender, worker, 14, MINUTE)
    assert waiting(sender, family.woman) == HERS
    go_on(sender, worker, 10, MINUTE)
    assert sender.alerts(family.woman) == ["delivery-stuck"]
    assert waiting(sender, family.woman) == ["ServiceRequest"]


def test_urgent_alerts_go_first_then_the_other_alerts_then_all_else(sender: Sender) -> None:
    family, _ = sender.offered()
    in_danger(sender, family, total=15)
    owed = {row["resource_id"]: Lane(row["lane"]) for row in sender.rows("delivery", patient_id=family.woman)}
    codes = {row["code"]: owed[row["id"]] for row in sender.rows("alert", patient_id=family.woman)}
    assert codes == {"score-mismatch": Lane.ROUTINE, "self-harm-present": Lane.URGENT}
    channel = Away()
    worker = sender.worker(channel)
    go_on(sender, worker, 10)
    channel.is_back, before = True, len(channel.given)
    go_on(sender, worker, 20)
    lanes = [each.delivery.lane for each in channel.given[before:]]
    assert lanes == sorted(lanes)
    assert set(lanes) == set(Lane)


def test_what_follows_a_status_gives_way_to_an_alert_that_came_meanwhile(sender: Sender) -> None:
    family, _ = sender.offered()

    def raising(parcel: Parcel) -> Sent:
        if parcel.delivery.resource_type == "ServiceRequest" and len(channel.given) == 1:
            in_danger(sender, family)
        return TAKEN

    channel = Scripted(raising)
    worker = sender.worker(channel)
    go_on(sender, worker, 3)
    lanes = [each.delivery.lane for each in channel.given]
    assert lanes[:3] == [Lane.STATUS, Lane.URGENT, Lane.URGENT]
    assert sender.unsettled() == []
    done = sender.rows("delivery", patient_id=family.woman, state="done")
    assert {row["attempts"] for row in done} == {1}


def test_an_alert_overtakes_what_of_hers_waits(sender: Sender) -> None:
    family, _ = sender.offered()
    worker = sender.worker(Scripted(lambda parcel: NOT_NOW if parcel.delivery.lane is Lane.STATUS else TAKEN))
    sender.step(worker)
    in_danger(sender, family)
    sender.step(worker)
    assert sender.rows("delivery", resource_type="Communication", state="ready") == []
    assert waiting(sender, family.woman) != []


def test_a_line_that_is_not_reached_is_known_by_its_outcome() -> None:
    assert {each.value for each in outgoing.NOTHING_WAS_SENT} < set(REACHED_NOBODY)
    assert {"no-answer", "cut-off"} == set(GOT_NO_ANSWER) <= {each.value for each in outgoing.Failure}
