"""What the worker claims, in which order, how long it waits, and who may settle it."""

import asyncio
import time
from collections import Counter, defaultdict
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from service.delivery import sending
from service.delivery.channel import Parcel, Sent
from service.delivery.pack import pack
from service.delivery.pauses import SEATS
from service.demo.hospital import HospitalRecord
from service.flow.answer import Accepted
from service.flow.answer_alert import ReceivedAnswer, answer_alert
from service.flow.chase_overdue import Overdue
from service.flow.move_alert import move_alert
from service.flow.receive_result import receive_result
from service.flow.received import Received
from service.office import NotAccepted, Office
from service.referrals.alert import AlertState, AlertTrigger, Practitioner
from service.referrals.delivery import Delivery, DeliveryTrigger, Lane
from service.shared import telemetry
from service.shared.caller import Caller, the_service
from service.shared.ids import new_id
from service.store.due import Due
from service.store.leases import Leases
from tests.delivery.conftest import NewSender
from tests.delivery.support import LEASE, KnowsEverybody, Scripted, Sender, calls, held
from tests.flow.support import NOW, Family, body, piece, scores

ACKNOWLEDGE = AlertTrigger.ACKNOWLEDGE
TRY_AGAIN = Sent(DeliveryTrigger.TRY_AGAIN, "http-503")
REFUSED = Sent(DeliveryTrigger.REFUSED_FOR_GOOD, "http-422")


def claim(sender: Sender, worker: str, at_most: int = 64) -> list[Delivery]:
    return sender.claim(worker, LEASE, at_most)


def settle(sender: Sender, delivery: Delivery, worker: str) -> bool:
    taken = DeliveryTrigger.TAKEN
    return sender.run(the_service(new_id()), lambda tx: tx.leases.settle(delivery, worker, taken, "taken"))


def office(sender: Sender) -> Office:
    return Office(sender.store, sender.rules, sender.clock, new_id, allow_loopback=True)


def test_what_builds_upon_another_comes_after_it_and_each_comes_once(sender: Sender, record: HospitalRecord) -> None:
    sender.offered()
    assert sender.step() > 0
    assert calls(record, "POST") == [
        "POST token", "POST Patient", "POST ServiceRequest", "POST Task", "POST DocumentReference",
    ]  # fmt: skip
    assert sender.unsettled() == []
    assert sender.step() == 0


def test_an_alert_is_claimed_before_everything_that_waited_longer(sender: Sender) -> None:
    for _ in range(4):
        sender.offered()  # two statuses and a note each
    woman = sender.in_danger()
    channel = Scripted()
    assert sender.step(sender.worker(channel)) == 14
    alert = channel.given[0].alert
    assert alert is not None
    assert alert.patient_id == woman


def test_an_alert_waits_for_nothing_that_is_under_way_for_the_same_woman(sender: Sender) -> None:
    family, offer = sender.supported()
    (status,) = {each.lane for each in claim(sender, "busy elsewhere")}
    assert status is Lane.STATUS
    sender.result(family.hospital, family.woman, piece(16, scores(16, harm=1)))
    sender.update(family.community, offer.id, "in-progress")
    channel = Scripted()
    sender.step(sender.worker(channel))
    assert [parcel.delivery.resource_type for parcel in channel.given] == ["Communication", "AlertTask"]


def test_the_statuses_of_one_woman_go_one_after_the_other_also_between_workers(sender: Sender) -> None:
    family, offer = sender.supported()
    (first, *_) = claim(sender, "left", at_most=1)
    assert claim(sender, "right") == []
    other, _ = sender.offered()
    assert {each.patient_id for each in claim(sender, "right")} == {other.woman}
    assert settle(sender, first, "left")
    assert {each.patient_id for each in claim(sender, "right")} == {family.woman}
    assert offer.patient_id == family.woman


def test_a_newer_status_supersedes_an_older_one_that_was_not_sent(sender: Sender, record: HospitalRecord) -> None:
    family, offer = sender.supported()
    sender.update(family.community, offer.id, "in-progress")
    states = {row["version"]: row["state"] for row in sender.deliveries("Task")}
    assert states == {1: "superseded", 2: "superseded", 3: "ready"}
    sender.step()
    (task,) = held(record, "Task")
    assert (task["status"], task["meta"]["versionId"]) == ("in-progress", "1")


def test_a_status_that_changes_while_it_is_being_sent_is_sent_again(sender: Sender, record: HospitalRecord) -> None:
    family, offer = sender.offered()
    leased = claim(sender, "slow")
    sender.update(family.community, offer.id, "accepted")
    assert all(settle(sender, each, "slow") for each in leased)
    sender.step()
    (task,) = held(record, "Task")
    assert task["status"] == "accepted"


def test_a_lease_that_ran_out_goes_to_another_worker_and_the_first_settles_nothing(sender: Sender) -> None:
    woman = sender.in_danger()
    mine, _ = claim(sender, "died")
    assert claim(sender, "other") == []
    sender.pass_time(LEASE - timedelta(seconds=1))
    assert claim(sender, "other") == []
    sender.pass_time(timedelta(seconds=2))
    theirs, _ = claim(sender, "other")
    assert (theirs.id, theirs.attempts) == (mine.id, 2)
    assert not settle(sender, mine, "died")
    assert settle(sender, theirs, "other")
    assert sender.owed(woman, "done") != []


def test_what_fails_waits_twice_as_long_each_time_and_in_the_end_a_person_is_told(sender: Sender) -> None:
    woman = sender.in_danger()
    (hospital,) = {row["tenant_id"] for row in sender.rows("alert")}
    family, _ = sender.offered()
    channel = Scripted(lambda parcel: TRY_AGAIN if parcel.referral else Sent(DeliveryTrigger.TAKEN, "taken"))
    waits = []
    for _ in range(10):
        sender.step(sender.worker(channel))
        row = sender.deliveries("ServiceRequest")[0]
        waits.append(int((row["due_at"] - sender.now()).total_seconds()))
        sender.pass_time(timedelta(seconds=waits[-1] - 1))
        before = len(channel.given)
        sender.step(sender.worker(channel))
        assert "ServiceRequest" not in [each.delivery.resource_type for each in channel.given[before:]]
        sender.pass_time(timedelta(seconds=1))
    assert waits == [2, 4, 8, 16, 32, 64, 128, 256, 512, 900]
    assert sender.alerts(family.woman) == ["delivery-stuck"]  # one for the ServiceRequest and the Task
    assert sender.alerts(woman) == ["self-harm-present"]
    assert hospital


@pytest.mark.parametrize(
    ("lane", "asked", "waits"),
    [
        (Lane.URGENT, timedelta(seconds=7), 7),
        (Lane.URGENT, timedelta(days=3650), 60),
        (Lane.STATUS, timedelta(minutes=59), 59 * 60),
        (Lane.STATUS, timedelta(days=3650), 3600),
        # It asks for nothing so: its clock is behind, or it means soon.
        (Lane.URGENT, timedelta(seconds=-60), 2),
        (Lane.STATUS, timedelta(0), 2),
    ],
)
def test_a_record_is_left_alone_for_as_long_as_it_asks_and_what_waits_can_wait(
    sender: Sender, lane: Lane, asked: timedelta, waits: int
) -> None:
    sender.in_danger() if lane is Lane.URGENT else sender.offered()
    sender.step(sender.worker(Scripted(lambda _: Sent(DeliveryTrigger.TRY_AGAIN, "http-429", wait=asked))))
    row, *_ = sender.deliveries("Communication" if lane is Lane.URGENT else "ServiceRequest")
    assert row["due_at"] - sender.now() == timedelta(seconds=waits)


def test_a_delivery_that_cannot_be_written_out_stops_no_other(sender: Sender) -> None:
    families = [sender.offered()[0] for _ in range(5)]
    poison = families[2].woman

    def answer(parcel: Parcel) -> Sent:
        if parcel.delivery.patient_id == poison:
            raise ZeroDivisionError("her name must not be in the log")
        return Sent(DeliveryTrigger.TAKEN, "taken")

    sender.step(sender.worker(Scripted(answer)))
    states = {
        family.woman: {row["state"] for row in sender.rows("delivery", patient_id=family.woman)} for family in families
    }
    assert states.pop(poison) == {"ready"}
    assert set(map(tuple, states.values())) == {("done",)}
    assert ("ServiceRequest", "defect") in sender.heard


def test_what_is_refused_for_good_is_parked_shown_to_a_person_and_sent_when_they_say_so(
    sender: Sender, record: HospitalRecord
) -> None:
    parked, _ = sender.offered()
    number = sender.numbers[parked.woman]
    # The record has deleted her since: the id that we kept leads nowhere there.
    gone = ("Patient", record.base, "deleted", parked.woman, parked.hospital.organisation_id)
    sender.run(the_service(new_id()), lambda tx: tx.aliases.claim(*gone))
    other, _ = sender.offered()
    sender.step()
    assert {row["state"] for row in sender.rows("delivery", patient_id=other.woman)} == {"done"}
    assert {row["last_outcome"] for row in sender.rows("delivery", patient_id=parked.woman, state="dead")} == {
        "http-422"
    }
    assert set(sender.alerts(parked.woman)) == {"delivery-stuck"}
    before = len(calls(record))
    sender.pass_time(timedelta(days=3))
    dead = [row["id"] for row in sender.rows("delivery", patient_id=parked.woman, state="dead")]

    record.record.create({"resourceType": "Patient", "id": "deleted", "identifier": [{"value": number}]})
    assert before == len(calls(record))
    assert office(sender).retry_deliveries(dead) == dead
    assert [row["state"] for row in sender.rows("delivery", id=dead[0])] == ["ready"]


def test_what_the_programme_may_not_report_any_more_is_left_out_when_it_is_sent(sender: Sender) -> None:
    family, offer = sender.supported()
    sender.contact(family.community, offer)
    sender.consent(family.hospital, family.woman, family.community, target_id=family.consent, may_report_back=False)
    channel = Scripted()
    sender.step(sender.worker(channel))
    (task,) = [parcel for parcel in channel.given if parcel.offer]
    assert task.engagement is None


def test_nothing_is_owed_to_a_hospital_without_a_record(new_sender: NewSender, url: str) -> None:
    sender = new_sender(url, "")
    sender.offered()
    sender.in_danger()
    assert sender.rows("delivery") == []


def test_an_alert_that_nobody_acknowledges_is_said_again_on_the_next_rung(
    sender: Sender, record: HospitalRecord
) -> None:
    sender.in_danger()
    sender.step()
    for _ in range(2):
        sender.pass_time(timedelta(minutes=16))
        sender.step()
        sender.step()
    said = held(record, "Communication")
    assert len(said) == 3
    assert len({each["identifier"][0]["value"] for each in said}) == 3


@pytest.mark.parametrize("before", [DeliveryTrigger.TRY_AGAIN, DeliveryTrigger.ANSWER_LOST, None])
def test_what_was_to_be_said_on_an_earlier_rung_is_said_on_the_present_one_alone(
    sender: Sender, before: DeliveryTrigger | None
) -> None:
    """It was on its way while the alert climbed, so that nothing superseded it."""
    woman = sender.in_danger()
    told, _ = claim(sender, "slow")
    sender.pass_time(timedelta(minutes=16))
    sender.chase()
    if before is not None:
        sender.run(the_service(""), lambda tx: tx.leases.settle(told, "slow", before, "", sender.now()))
    channel = Scripted()
    sender.step(sender.worker(channel))
    rungs = [each.alert.rung for each in channel.given if each.alert and each.delivery.resource_type == "Communication"]
    assert rungs == [1]
    states = [row["state"] for row in sender.deliveries("Communication") if row["patient_id"] == woman]
    assert sorted(states) == ["done", "superseded"]


def test_an_alert_that_is_only_acknowledged_meanwhile_is_said_all_the_same(sender: Sender) -> None:
    woman = sender.in_danger()
    (alert,) = sender.rows("alert", patient_id=woman)
    sender.run(the_service(""), lambda tx: move_alert(tx, sender.rules, tx.alerts.lock(alert["id"]), ACKNOWLEDGE, NOW))
    channel = Scripted()
    sender.step(sender.worker(channel))
    assert "Communication" in [each.delivery.resource_type for each in channel.given]


def test_two_workers_side_by_side_send_everything_once(
    new_sender: NewSender, migrated_url: str, record: HospitalRecord
) -> None:
    sender = new_sender(migrated_url, record.base)
    women = [sender.offered()[0].woman for _ in range(8)]
    alerted = [sender.in_danger() for _ in range(4)]
    left, right = sender.worker(), sender.worker()
    while sender.step(left, right):
        continue
    assert sender.unsettled() == []
    assert {row["attempts"] for row in sender.rows("delivery")} == {1}
    assert Counter(calls(record, "POST")) == {
        "POST token": 1,
        "POST Patient": len(women) + len(alerted),
        "POST ServiceRequest": len(women),
        "POST Task": len(women) + len(alerted),
        "POST DocumentReference": len(women),
        "POST Communication": len(alerted),
    }


def test_due_times_are_looked_for_once_a_second(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[datetime] = []
    overdue = Due.overdue

    def look(due: Due, now: datetime, at_most: int) -> list[Overdue]:
        looked.append(now)
        return overdue(due, now, at_most)

    async def play() -> None:
        worker = sender.worker(Scripted())
        running = asyncio.create_task(worker.run())
        await asyncio.sleep(1.5)
        worker.stop()
        await running

    monkeypatch.setattr(Due, "overdue", look)
    begun = time.monotonic()
    asyncio.run(play())
    assert 1 <= len(looked) <= time.monotonic() - begun + 1, "a busy machine may take its time"


def owe_more(sender: Sender, family: Family) -> str:
    """One more woman of the same hospital, to whose record statuses are owed."""
    woman = sender.woman(family.hospital, district=next(iter(family.programme.districts)))
    sender.consent(family.hospital, woman, family.community)
    sender.result(family.hospital, woman, piece(15, scores(15)))
    return woman


@pytest.mark.parametrize("hanging", [{Lane.STATUS}, {Lane.STATUS, Lane.URGENT}])
def test_a_record_that_lets_everything_hang_delays_no_alert_and_no_other_record(
    sender: Sender, hanging: set[Lane]
) -> None:
    """More of its statuses are due than it has seats, and it keeps each of them for half a minute."""
    slow, _ = sender.offered()
    for _ in range(11):
        owe_more(sender, slow)
    released = asyncio.Event()
    said: dict[tuple[str, Lane], asyncio.Event] = defaultdict(asyncio.Event)

    class Hanging(KnowsEverybody):
        async def send(self, parcel: Parcel) -> Sent:
            to, lane = parcel.destination.id, parcel.delivery.lane
            said[to, lane].set()
            if to == slow.hospital.organisation_id and lane in hanging:
                with suppress(TimeoutError):
                    await asyncio.wait_for(released.wait(), 30)
            return Sent(DeliveryTrigger.TAKEN, "taken")

    def meanwhile() -> str:
        alarming = piece(16, scores(16, harm=1))
        sender.result(slow.hospital, slow.woman, alarming)
        quick, _ = sender.offered()
        sender.result(quick.hospital, quick.woman, alarming)
        return quick.hospital.organisation_id

    async def play() -> None:
        worker = sender.worker(Hanging())
        running = asyncio.create_task(worker.run())
        try:
            await asyncio.wait_for(said[slow.hospital.organisation_id, Lane.STATUS].wait(), 20)
            quick = await asyncio.to_thread(meanwhile)
            async with asyncio.timeout(20):
                for to in (slow.hospital.organisation_id, quick):
                    await said[to, Lane.URGENT].wait()
                await said[quick, Lane.STATUS].wait()
        finally:
            released.set()
            worker.stop()
            await running

    asyncio.run(play())


def test_no_more_is_claimed_of_one_record_than_it_has_seats(sender: Sender) -> None:
    family, _ = sender.offered()
    for _ in range(SEATS[Lane.STATUS]):
        owe_more(sender, family)
    most = 0

    def answer(_: Parcel) -> Sent:
        nonlocal most
        most = max(most, len(sender.rows("delivery", state="leased")))
        return Sent(DeliveryTrigger.TAKEN, "taken")

    while sender.step(sender.worker(Scripted(answer))):
        continue
    assert most == SEATS[Lane.STATUS]
    assert sender.unsettled() == []


@pytest.mark.parametrize(
    ("slow", "sent"),
    [(LEASE + timedelta(seconds=1), 1), (LEASE * 0.6, 2)],
    ids=["the lease ended", "the lease is renewed"],
)
def test_what_waited_behind_a_slow_one_is_sent_only_under_a_lease_that_lasts(
    sender: Sender, slow: timedelta, sent: int
) -> None:
    sender.offered()  # a ServiceRequest, a Task and a note, one after the other
    until: list[timedelta] = []

    def answer(_: Parcel) -> Sent:
        until.extend(row["lease_until"] - sender.now() for row in sender.deliveries("Task"))
        sender.pass_time(slow)
        return Sent(DeliveryTrigger.TAKEN, "taken")

    channel = Scripted(answer)
    sender.step(sender.worker(channel))
    assert len(channel.given) == sent
    assert until == [LEASE] * sent


def test_a_send_ends_before_its_lease_does_and_is_then_in_doubt(sender: Sender) -> None:
    sender.in_danger()

    class Endless(KnowsEverybody):
        async def send(self, _: Parcel) -> Sent:
            await asyncio.Event().wait()
            raise AssertionError("nobody released it")

    worker = sender.worker(Endless(), lease=timedelta(seconds=0.4))
    sender.step(worker)
    (row,) = sender.deliveries("Communication")
    assert (row["state"], row["last_outcome"]) == ("unknown", "no-answer")


def fail(sender: Sender, times: int, sent: Sent = TRY_AGAIN, kind: str = "Task") -> None:
    """So many rounds in which this kind fails and everything else is taken."""
    taken = Sent(DeliveryTrigger.TAKEN, "taken")
    for _ in range(times):
        sender.step(sender.worker(Scripted(lambda parcel: sent if parcel.delivery.resource_type == kind else taken)))
        sender.pass_time(timedelta(minutes=16))


def acknowledge(sender: Sender, hospital: Caller) -> None:
    """A clinician has seen every alert of this hospital."""
    for row in sender.rows("alert", tenant_id=hospital.organisation_id, state="open"):
        message = ReceivedAnswer(
            Received("Task", body(), target_id=row["id"]), row["id"], AlertState.ACKNOWLEDGED, Practitioner("A. Test")
        )
        answer = sender.run(hospital, partial(answer_alert, rules=sender.rules, message=message, now=sender.now()))
        assert isinstance(answer, Accepted)


def test_a_person_is_told_once_of_what_stays_undelivered_and_again_after_a_retry(sender: Sender) -> None:
    family, _ = sender.offered()
    fail(sender, 20)
    assert sender.alerts(family.woman) == ["delivery-stuck"]
    acknowledge(sender, family.hospital)
    fail(sender, 4)
    assert sender.alerts(family.woman) == ["delivery-stuck"]
    fail(sender, 1, REFUSED)
    assert sender.alerts(family.woman) == ["delivery-stuck"]  # they know of it
    (row,) = sender.deliveries("Task")
    assert office(sender).retry_deliveries([row["id"]]) == [row["id"]]
    fail(sender, 7)
    assert sender.alerts(family.woman) == ["delivery-stuck"]
    fail(sender, 1)
    assert sender.alerts(family.woman) == ["delivery-stuck"] * 2


def test_a_delivery_whose_sender_dies_each_time_is_shown_to_a_person(sender: Sender) -> None:
    family, _ = sender.offered()
    for attempt in range(10):  # the lease is 90 seconds: eight attempts, and a quarter of an hour
        assert {each.attempts for each in claim(sender, "dies")} == {attempt + 1}
        assert sender.alerts(family.woman) == []
        sender.pass_time(LEASE)
    assert sender.alerts(family.woman) == []
    sender.step(sender.worker(Scripted()))
    assert sender.alerts(family.woman) == ["delivery-stuck"]
    # The rest of hers, whose leases have ended, and that alert and its Task.
    assert sender.unsettled() == ["leased", "leased", "ready", "ready"]


def test_an_alert_that_is_refused_raises_one_that_says_so_and_that_one_none(sender: Sender) -> None:
    woman = sender.in_danger()
    stuck = telemetry.STUCK.labels("Communication")._value.get
    before = stuck()
    fail(sender, 1, REFUSED, "Communication")
    assert sender.alerts(woman) == ["self-harm-present", "delivery-stuck"]
    for _ in range(6):  # days go by, and both are said again and refused again
        fail(sender, 1, REFUSED, "Communication")
        sender.pass_time(timedelta(days=1))
    assert sender.alerts(woman) == ["self-harm-present", "delivery-stuck"]
    dead = sender.rows("delivery", state="dead")
    assert len(dead) > 6
    assert all(row["shown_at"] for row in dead)
    assert stuck() - before == len(dead)


def test_the_office_retries_what_it_can_and_writes_down_what_it_could_not(sender: Sender) -> None:
    families = [sender.offered()[0] for _ in range(3)]
    fail(sender, 1, REFUSED)
    dead = [row["id"] for row in sender.rows("delivery", state="dead")]
    assert len(dead) == len(families)
    there = office(sender)
    assert there.retry_deliveries([dead[0], "nothing", dead[0]]) == [dead[0]]
    outcomes = {row["subject"]: row["outcome"] for row in sender.rows("audit") if "Delivery/" in row["subject"]}
    assert outcomes == {f"Delivery/{dead[0]}": "success", "Delivery/nothing": "not-found"}

    (left,) = {row["destination_id"] for row in sender.rows("delivery", id=dead[1])}
    assert (there.retry_dead(left), there.retry_dead(left)) == ([dead[1]], [])
    assert [row["id"] for row in sender.rows("delivery", state="dead")] == [dead[2]]
    with pytest.raises(NotAccepted, match="no such organisation"):
        there.retry_dead("nowhere")


def test_after_a_stop_what_is_under_way_is_finished_and_the_rest_is_given_back(sender: Sender) -> None:
    sender.offered()
    sent: list[str] = []

    class StopsIt(KnowsEverybody):
        async def send(self, parcel: Parcel) -> Sent:
            sent.append(parcel.delivery.resource_type)
            worker.stop()
            return Sent(DeliveryTrigger.TAKEN, "taken")

    worker = sender.worker(StopsIt())
    sender.step(worker)
    assert sent == ["ServiceRequest"]
    assert [(row["state"], row["attempts"]) for row in sender.rows("delivery")] == [
        ("done", 1), ("ready", 0), ("ready", 0),
    ]  # fmt: skip


def test_nothing_of_hers_follows_what_could_not_be_settled(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("made up")

    sender.offered()
    channel = Scripted()
    monkeypatch.setattr(Leases, "settle", fail)
    sender.step(sender.worker(channel))
    assert [parcel.delivery.resource_type for parcel in channel.given] == ["ServiceRequest"]


def test_what_waited_for_the_store_until_its_lease_was_over_is_not_sent(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Parcel, "is_of_a_stranger", False)
    sender.in_danger()
    channel = Scripted()

    def slowly(*given: Any) -> Any:
        """Another worker has claimed it meanwhile."""
        monkeypatch.setattr(sending, "pack", pack)
        sender.pass_time(LEASE)
        claim(sender, "another")
        return pack(*given)

    monkeypatch.setattr(sending, "pack", slowly)
    sender.step(sender.worker(channel))
    assert channel.given == []


def test_what_is_owed_is_sent_as_soon_as_it_is_committed(sender: Sender) -> None:
    hospital = sender.hospital()
    message = sender.message(sender.woman(hospital), piece(3, scores(3, harm=2)))
    sent = asyncio.Event()

    class Rings(KnowsEverybody):
        async def send(self, _: Parcel) -> Sent:
            sent.set()
            return Sent(DeliveryTrigger.TAKEN, "taken")

    worker = sender.worker(Rings())
    worker.pause = worker.chase_pause = 300.0
    sender.store.when_owed = worker.rouse

    async def play() -> None:
        working = asyncio.create_task(worker.run())
        await asyncio.sleep(0.2)  # it has looked, and waits
        await sender.store.run(hospital, lambda tx: receive_result(tx, sender.rules, message, sender.now()))
        await asyncio.wait_for(sent.wait(), 60)
        worker.stop()
        await working

    sender._runner.run(play())
