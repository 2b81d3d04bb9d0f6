"""A hospital answers an alert in the copy that its own record has of it."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from service.delivery.channel import Copy, NotRead
from service.delivery.copies import LONGEST_PAUSE, Copies
from service.demo.faults import Disturbance, DisturbanceKind
from service.demo.hospital import HospitalRecord
from service.demo.record import Resource
from service.fhir import terms
from service.fhir.channel import FhirChannel
from service.flow.answer_alert import ReceivedAnswer, answer_alert
from service.flow.received import Received
from service.referrals.alert import AlertState, Practitioner, ReviewOutcome
from service.referrals.answer_link import Token
from service.screening.instrument import AnswerLinks
from service.shared.caller import Caller
from service.shared.errors import Unavailable
from service.store.engine import Store
from service.store.unit_of_work import UnitOfWork
from tests.delivery.support import Sender, calls, held
from tests.flow.support import piece, scores


def part(code: str) -> Resource:
    return {"coding": [{"system": terms.ALERT_OUTPUT, "code": code}]}


REVIEWED_BY = {"type": part("reviewed-by"), "valueReference": {"type": "Practitioner", "display": "M. Test"}}


def outcome(code: str) -> Resource:
    coding = {"system": terms.REVIEW_OUTCOME, "code": code}
    return {"type": part("review-outcome"), "valueCodeableConcept": {"coding": [coding]}}


@pytest.fixture
def copies(sender: Sender) -> Copies:
    return Copies(sender.store, sender.rules, sender.clock, FhirChannel(sender.connect, sender.rules, sender.clock))


def hear(sender: Sender, copies: Copies) -> None:
    sender._runner.run(copies.hear())


def in_review(sender: Sender) -> str:
    """A woman with a referral that waits for a clinician, and an alert that the record has a copy of."""
    family = sender.family()
    sender.result(family.hospital, family.woman, piece(15, scores(15, 1)))
    sender.settle()
    return family.woman


def copy_of(record: HospitalRecord, alert: dict[str, Any]) -> Resource:
    (found,) = [each for each in held(record, "Task") if each["identifier"][0]["value"] == alert["id"]]
    return found


def reviewed_twice(sender: Sender, record: HospitalRecord, in_the_copy: str) -> tuple[str, dict[str, Any]]:
    """Whoever answered at the other door, where it was found suitable, was quicker: the woman, and her alert."""
    woman = in_review(sender)
    alert = sender.alert(woman, "self-harm-present")
    write(record, copy_of(record, alert), status="completed", output=[outcome(in_the_copy), REVIEWED_BY])
    answer(sender, alert, AlertState.RESOLVED, ReviewOutcome.SUITABLE)
    return woman, alert


A_TEST = {"type": "Practitioner", "display": "A. Test"}


def write(record: HospitalRecord, copy: Resource, **changes: Any) -> None:
    record.record.update(copy["id"], {**copy, **changes})


def answer(sender: Sender, alert: dict[str, Any], state: AlertState, outcome: ReviewOutcome | None = None) -> None:
    """At the other door."""
    hospital = next(each for each in sender.rows("organisation") if each["id"] == alert["tenant_id"])
    caller = replace(sender.community(), organisation_id=hospital["id"], kind=hospital["kind"])
    seen = f"{alert['result_id']}.1" if outcome else None
    message = ReceivedAnswer(Received("Task", b"{}"), alert["id"], state, Practitioner("A. Test"), outcome, seen)
    sender.run(caller, lambda tx: answer_alert(tx, sender.rules, message, sender.now()))


def test_the_copy_says_what_is_asked_of_whom_and_nothing_of_why(sender: Sender, record: HospitalRecord) -> None:
    woman = in_review(sender)
    alert = sender.alert(woman, "self-harm-present")
    copy = copy_of(record, alert)
    assert copy["code"]["coding"][0]["code"] == "clear-review"
    assert (copy["status"], copy["priority"], copy["owner"]["display"]) == ("requested", "urgent", "Maternity team")
    assert copy["for"]["reference"] == f"Patient/{held(record, 'Patient')[0]['id']}"
    assert copy["input"][0]["valueReference"]["identifier"]["value"] == f"{alert['result_id']}.1"
    assert "self-harm" not in str(copy)


def test_a_review_in_the_copy_leads_where_it_says(sender: Sender, record: HospitalRecord, copies: Copies) -> None:
    woman = in_review(sender)
    copy = copy_of(record, sender.alert(woman, "self-harm-present"))
    write(record, copy, status="completed", output=[outcome("suitable"), REVIEWED_BY])
    hear(sender, copies)
    assert sender.states(woman) == ("offered", ["requested"])
    alert = sender.alert(woman, "self-harm-present")
    assert (alert["state"], alert["reviewed_by"]) == ("resolved", "M. Test")
    audited = sender.rows("audit", subject=f"Task/{alert['id']}", client_id="record")
    assert [row["organisation_id"] for row in audited] == [alert["tenant_id"]]
    sender.settle()
    assert copy_of(record, alert)["status"] == "completed"
    asked = len(calls(record, "GET", "Task"))
    hear(sender, copies)
    assert len(calls(record, "GET", "Task")) == asked  # it is over


def test_an_acknowledgement_in_the_copy_is_heard_and_nothing_is_released(
    sender: Sender, record: HospitalRecord, copies: Copies
) -> None:
    woman = in_review(sender)
    copy = copy_of(record, sender.alert(woman, "self-harm-present"))
    write(record, copy, status="accepted", owner=A_TEST)
    for _ in range(3):
        hear(sender, copies)
    alert = sender.alert(woman, "self-harm-present")
    assert (alert["state"], alert["acknowledged_by"], alert["version"]) == ("acknowledged", "A. Test", 2)
    assert sender.states(woman) == ("in-review", [])


def test_what_is_no_answer_is_put_right_and_the_reason_said(
    sender: Sender, record: HospitalRecord, copies: Copies
) -> None:
    woman = in_review(sender)
    alert = sender.alert(woman, "self-harm-present")
    write(record, copy_of(record, alert), status="completed")
    for _ in range(3):
        hear(sender, copies)
    assert sender.alert(woman, "self-harm-present")["version"] == 2  # refused once, whatever is read again
    sender.settle()
    copy = copy_of(record, alert)
    assert copy["status"] == "requested"
    assert "review-outcome" in copy["statusReason"]["text"]
    write(record, copy, status="completed", output=[outcome("close"), REVIEWED_BY])
    hear(sender, copies)
    assert sender.states(woman) == ("closed", [])
    sender.settle()
    assert "statusReason" not in copy_of(record, alert)


def test_an_acknowledgement_by_nobody_is_put_right_and_the_reason_said(
    sender: Sender, record: HospitalRecord, copies: Copies
) -> None:
    woman = in_review(sender)
    alert = sender.alert(woman, "self-harm-present")
    write(record, copy_of(record, alert), status="accepted", owner={"type": "Practitioner", "display": "   "})
    hear(sender, copies)
    sender.settle()
    copy = copy_of(record, alert)
    assert (copy["status"], "acknowledged-by" in copy["statusReason"]["text"]) == ("requested", True)
    assert sender.alert(woman, "self-harm-present")["state"] == "open"


def test_an_answer_that_was_not_heard_yet_is_never_written_over(
    sender: Sender, record: HospitalRecord, copies: Copies
) -> None:
    woman = in_review(sender)
    alert = sender.alert(woman, "self-harm-present")
    write(record, copy_of(record, alert), status="completed", output=[outcome("suitable"), REVIEWED_BY])
    sender.pass_time(timedelta(minutes=16))
    sender.step()  # it climbs
    sender.step()
    assert ("AlertTask", "answered-in-the-record") in sender.heard
    assert copy_of(record, alert)["status"] == "completed"
    hear(sender, copies)
    assert sender.states(woman) == ("offered", ["requested"])
    sender.settle()
    assert outcome("suitable") in copy_of(record, alert)["output"]


def test_only_our_own_task_is_believed(sender: Sender, record: HospitalRecord, copies: Copies) -> None:
    woman = in_review(sender)
    copy = copy_of(record, sender.alert(woman, "self-harm-present"))
    answered = {"status": "completed", "output": [outcome("suitable"), REVIEWED_BY]}
    record.record.create({**copy, **answered})  # another Task that looks like it
    write(record, copy, **answered, identifier=[{"system": "urn:other", "value": "x"}])
    hear(sender, copies)
    assert sender.alert(woman, "self-harm-present")["state"] == "open"


def test_the_other_door_was_quicker(sender: Sender, record: HospitalRecord, copies: Copies) -> None:
    woman = in_review(sender)
    alert = sender.alert(woman, "self-harm-present")
    answer(sender, alert, AlertState.ACKNOWLEDGED)
    hear(sender, copies)  # the copy still says requested, which is no answer
    assert sender.alert(woman, "self-harm-present")["state"] == "acknowledged"
    sender.settle()
    copy = copy_of(record, alert)
    assert copy["status"] == "accepted"
    assert [each["valueReference"]["display"] for each in copy["output"] if "valueReference" in each] == ["A. Test"]


def test_a_review_in_the_copy_that_contradicts_the_one_that_was_quicker_is_put_right_and_somebody_is_told(
    sender: Sender, record: HospitalRecord, copies: Copies
) -> None:
    woman, alert = reviewed_twice(sender, record, "close")
    sender.step()
    sender.step()
    assert ("AlertTask", "answered-in-the-record") in sender.heard
    for _ in range(3):
        hear(sender, copies)
    assert sender.states(woman) == ("offered", ["requested"])
    assert sorted(sender.alerts(woman)) == ["content-conflict", "self-harm-present"]
    sender.pass_time(timedelta(minutes=1))
    sender.settle()
    copy = copy_of(record, alert)
    assert (copy["status"], outcome("suitable") in copy["output"]) == ("completed", True)
    assert "answered already" in copy["statusReason"]["text"]


def test_two_who_come_to_the_same_do_not_contradict_each_other(
    sender: Sender, record: HospitalRecord, copies: Copies
) -> None:
    woman, alert = reviewed_twice(sender, record, "suitable")
    hear(sender, copies)
    sender.settle()
    assert sender.alerts(woman) == ["self-harm-present"]
    assert "statusReason" not in copy_of(record, alert)


def test_many_are_asked_for_at_once_and_then_only_what_has_changed(
    sender: Sender, record: HospitalRecord, copies: Copies
) -> None:
    for _ in range(3):
        in_review(sender)
    record.journal.clear()
    hear(sender, copies)
    hear(sender, copies)
    asked = [call.path for call in record.journal if "_id=" in call.path]
    # each of the three women has a hospital of her own
    assert len(asked) == 6
    assert ["_lastUpdated=ge" in path for path in asked] == [False] * 3 + [True] * 3


def test_a_record_that_does_not_answer_is_left_alone_for_a_while_and_then_heard(
    sender: Sender, record: HospitalRecord, copies: Copies
) -> None:
    woman = in_review(sender)
    write(record, copy_of(record, sender.alert(woman, "self-harm-present")), status="accepted", owner=A_TEST)
    record.faults.add(Disturbance(DisturbanceKind.ERROR, "GET", "Task", times=1))
    hear(sender, copies)
    asked = len(calls(record, "GET", "Task"))
    hear(sender, copies)
    assert len(calls(record, "GET", "Task")) == asked
    assert sender.alert(woman, "self-harm-present")["state"] == "open"
    sender.pass_time(LONGEST_PAUSE)
    hear(sender, copies)
    assert sender.alert(woman, "self-harm-present")["state"] == "acknowledged"


class OneFails:
    """A reader of two records of which the first fails, and the second takes its time."""

    def __init__(self, failure: Exception) -> None:
        self.failure = failure
        self.asked: list[str] = []
        self.finished: list[str] = []

    async def read_copies(
        self, endpoint: str, alert_ids: Mapping[str, str], since: datetime | None
    ) -> tuple[Copy, ...]:
        self.asked.append(endpoint)
        if len(self.asked) == 1:
            raise self.failure
        await asyncio.sleep(0.05)
        self.finished.append(endpoint)
        return ()


@pytest.mark.parametrize(
    "failure", [NotRead(), AttributeError("odd"), TypeError("odd")], ids=lambda each: type(each).__name__
)
def test_a_record_that_fails_in_any_way_is_left_alone_and_the_others_are_read_to_the_end(
    sender: Sender, failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        in_review(sender)
    caplog.set_level(logging.INFO)
    reader = OneFails(failure)
    copies = Copies(sender.store, sender.rules, sender.clock, reader)
    hear(sender, copies)
    assert (len(reader.asked), len(reader.finished)) == (2, 1)
    hear(sender, copies)
    assert (len(reader.asked), len(reader.finished)) == (3, 2)  # the one that failed waits
    said = "copies-not-read" if isinstance(failure, NotRead) else "copies-defect"
    assert [each.message for each in caplog.records if each.message.startswith("copies")] == [said]
    sender.pass_time(LONGEST_PAUSE)
    hear(sender, copies)
    assert len(reader.asked) == 5


def test_a_store_that_is_away_meanwhile_holds_up_no_record_afterwards(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_review(sender)
    reader, read = OneFails(NotRead()), Store.read
    copies, asked = Copies(sender.store, sender.rules, sender.clock, reader), list[object]()

    async def away(store: Store[UnitOfWork], caller: Caller, unit: Callable[[UnitOfWork], Any]) -> Any:
        asked.append(unit)
        if len(asked) > 1:
            raise Unavailable("away")
        return await read(store, caller, unit)

    monkeypatch.setattr(Store, "read", away)
    hear(sender, copies)
    assert (len(asked), reader.asked) == (2, [])
    monkeypatch.undo()
    hear(sender, copies)
    assert len(reader.asked) == 1


def test_the_worker_hears_while_it_runs(sender: Sender, record: HospitalRecord, copies: Copies) -> None:
    woman = in_review(sender)
    write(record, copy_of(record, sender.alert(woman, "self-harm-present")), status="accepted", owner=A_TEST)
    worker = sender.worker()
    worker.copies, worker.copies_pause = copies, 0.05

    async def play() -> None:
        running = asyncio.create_task(worker.run())
        for _ in range(200):
            await asyncio.sleep(0.05)
            if sender.alert(woman, "self-harm-present")["state"] != "open":
                break
        worker.stop()
        await running

    sender._runner.run(play())
    assert sender.alert(woman, "self-harm-present")["state"] == "acknowledged"


@pytest.mark.parametrize("hours", [None, 3])
def test_a_link_comes_with_the_message_only_where_the_site_wants_it(
    sender: Sender, record: HospitalRecord, hours: int | None
) -> None:
    default = sender.rules.policy("any")
    links = None if hours is None else AnswerLinks(default.approval, hours)
    sender.rules = replace(sender.rules, policies={"default": replace(default, answer_link=links)})
    woman = sender.in_danger()
    sender.step()
    (said,) = held(record, "Communication")
    found = [each["contentAttachment"]["url"] for each in said["payload"] if "contentAttachment" in each]
    kept = sender.rows("answer_link")
    assert len(found) == len(kept) == (0 if hours is None else 1)
    assert said["recipient"][0]["display"] == "Maternity team"
    if hours is not None:
        assert kept[0]["token_hash"] == Token(found[0].removeprefix("https://here.example/answer/")).hash
        assert kept[0]["alert_id"] == sender.alert(woman, "self-harm-present")["id"]
        assert kept[0]["expires_at"] == sender.now() + timedelta(hours=hours)


def test_what_climbs_is_put_to_the_next_rung(sender: Sender, record: HospitalRecord) -> None:
    woman = sender.in_danger()
    sender.step()
    sender.pass_time(timedelta(minutes=16))
    sender.step()
    sender.step()
    assert (
        copy_of(record, sender.alert(woman, "self-harm-present"))["owner"]["display"] == "Perinatal mental-health lead"
    )
    told = [each["recipient"][0]["display"] for each in held(record, "Communication")]
    assert told == ["Maternity team", "Perinatal mental-health lead"]
