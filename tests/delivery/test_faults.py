"""A record that misbehaves as real ones do: in the end it holds everything once, and nothing was sent blindly again."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest

from service.demo.faults import Disturbance, DisturbanceKind
from service.demo.hospital import HospitalRecord
from service.demo.record import Resource, Version
from service.security.keys import SigningKeys
from tests.delivery.conftest import NewSender
from tests.delivery.support import Sender, calls, held, trusting
from tests.faults.support import doubles
from tests.journeys.support import free_port

KINDS = ("Patient", "ServiceRequest", "Task", "DocumentReference", "Communication")


def owed(sender: Sender, kind: str) -> None:
    """Something for which the record needs a resource of this kind."""
    if kind == "Communication":
        sender.in_danger()
    else:
        sender.offered()


def outcomes(sender: Sender) -> set[str]:
    return {outcome for _, outcome in sender.heard}


def test_a_record_that_cannot_be_reached_gets_everything_when_it_is_back(
    new_sender: NewSender, url: str, signing_keys: SigningKeys
) -> None:
    port = free_port()
    sender = new_sender(url, f"http://127.0.0.1:{port}/fhir")
    sender.offered()
    sender.step()
    assert outcomes(sender) == {"not-reached"}
    assert set(sender.unsettled()) == {"ready"}
    assert sender.step() == 0  # it waits
    with HospitalRecord(port) as record:
        trusting(record, signing_keys)
        sender.settle()
        assert [len(held(record, kind)) for kind in KINDS] == [1, 1, 1, 1, 0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", [DisturbanceKind.LOST_ANSWER, DisturbanceKind.HTML, DisturbanceKind.ERROR])
def test_a_post_without_a_usable_answer_is_read_back_before_anything_is_sent_again(
    sender: Sender, record: HospitalRecord, kind: str, fault: DisturbanceKind
) -> None:
    record.faults.add(Disturbance(fault, "POST", kind))
    owed(sender, kind)
    sender.step()
    assert "unknown" in sender.unsettled()
    assert {row["last_outcome"] for row in sender.rows("delivery", state="unknown")} <= {
        "no-answer",
        "unreadable-answer",
        "http-500",
    }
    sender.settle(pause=timedelta(seconds=30))
    made = [call.partition(" ")[0] for call in calls(record, kind=kind)]
    assert made[:3] == ["GET", "POST", "GET"]
    assert made.count("POST") == (2 if fault is DisturbanceKind.ERROR else 1)  # an error had stored nothing
    assert len(held(record, kind)) == 1
    assert doubles(record.record) == []


def test_what_a_record_without_conditional_create_kept_twice_is_found_and_told(
    sender: Sender, record: HospitalRecord
) -> None:
    """It keeps what it gave no answer to only after it was looked through, and beside what was sent again."""
    create, late = record.record.create, list[Resource]()

    def careless(resource: Resource, if_none_exist: str | None = None) -> tuple[Version, bool]:
        if resource["resourceType"] == "Communication" and not late:
            late.append(resource)
            raise OSError("no answer")
        for each in late if resource["resourceType"] == "Communication" else ():
            create(each)
        return create(resource)

    record.record.create = careless  # type: ignore[method-assign]
    woman = sender.in_danger()
    sender.step()
    sender.pass_time(timedelta(minutes=1))
    sender.step()
    assert len(held(record, "Communication")) == 2
    (row,) = sender.rows("delivery", patient_id=woman, resource_type="Communication", version=1, state="dead")
    assert row["last_outcome"] == "several-in-the-record"
    assert "delivery-stuck" in sender.alerts(woman)


@pytest.mark.parametrize("fault", [DisturbanceKind.LOST_ANSWER, DisturbanceKind.HTML, DisturbanceKind.ERROR])
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_what_may_safely_be_asked_again_is_tried_again_and_never_taken_for_done(
    sender: Sender, record: HospitalRecord, method: str, fault: DisturbanceKind
) -> None:
    family, offer = sender.offered()
    if method == "PUT":
        sender.settle()
        sender.update(family.community, offer.id, "accepted")
    record.faults.add(Disturbance(fault, method, "Task" if method == "PUT" else "Patient", times=2))
    sender.step()
    assert "ready" in sender.unsettled()
    assert "unknown" not in sender.unsettled()
    sender.settle()
    (task,) = held(record, "Task")
    assert task["status"] == ("accepted" if method == "PUT" else "requested")
    assert doubles(record.record) == []


def test_a_record_that_asks_for_patience_gets_it(sender: Sender, record: HospitalRecord) -> None:
    record.faults.add(Disturbance(DisturbanceKind.THROTTLE, "POST", "Communication", seconds=50))
    sender.in_danger()
    sender.step()
    (row,) = sender.deliveries("Communication")
    assert (row["state"], row["last_outcome"]) == ("ready", "http-429")
    assert row["due_at"] - sender.now() == timedelta(seconds=50)
    sender.pass_time(timedelta(seconds=49))
    assert sender.step() == 0
    sender.pass_time(timedelta(seconds=1))
    sender.step()
    assert len(held(record, "Communication")) == 1


def test_a_token_that_is_not_taken_any_more_is_renewed_once_without_a_failure(
    sender: Sender, record: HospitalRecord
) -> None:
    sender.in_danger()
    sender.step()
    record.authority._grants.clear()
    sender.in_danger()
    sender.step()
    assert outcomes(sender) == {"taken"}
    assert len(calls(record, "POST", "token")) == 2
    assert len(held(record, "Communication")) == 2


def test_without_a_token_nothing_is_sent_and_nothing_is_given_up(sender: Sender, record: HospitalRecord) -> None:
    sender.in_danger()
    record.faults.add(Disturbance(DisturbanceKind.ERROR, "POST", "token", times=6))
    for _ in range(3):
        sender.step()
        sender.pass_time(timedelta(minutes=1))
    assert outcomes(sender) == {"not-authorised"}
    assert set(calls(record)) == {"POST token", "GET .well-known"}
    sender.settle()
    assert len(held(record, "Communication")) == 1


def test_a_record_that_loses_three_answers_in_ten_holds_everything_once(sender: Sender, record: HospitalRecord) -> None:
    record.faults.add(Disturbance(DisturbanceKind.LOST_ANSWER, times=None, rate=0.3))
    families = [sender.supported() for _ in range(6)]
    women = [sender.in_danger() for _ in range(2)]
    sender.settle(rounds=200)
    record.faults.clear()
    tasks = Counter((each["code"]["coding"][0]["code"], each["status"]) for each in held(record, "Task"))
    # What fails eight times is told too, as it should be, and is over when it has arrived.
    for state in ("requested", "completed"):
        tasks.pop(("acknowledge-alert", state), None)
    assert tasks == {("fulfill", "accepted"): len(families), ("clear-review", "requested"): len(women)}
    assert len(held(record, "ServiceRequest")) == len(families)
    assert len(held(record, "DocumentReference")) == 2 * len(families)  # offered, accepted
    assert len(held(record, "Patient")) == len(families) + len(women)
    assert doubles(record.record) == []


def several(record: HospitalRecord, patient: dict[str, object]) -> None:
    for _ in range(2):
        record.record.create(patient)


def known(record: HospitalRecord, patient: dict[str, object]) -> None:
    record.record.create(patient)


@pytest.mark.parametrize(
    ("before", "outcome", "patients"), [(several, "several-in-the-record", 2), (known, "taken", 1)]
)
def test_she_is_found_by_her_number_and_never_guessed(
    sender: Sender,
    record: HospitalRecord,
    before: Callable[[HospitalRecord, dict[str, object]], None],
    outcome: str,
    patients: int,
) -> None:
    family, _ = sender.offered()
    identifier = {"system": "https://st-test.example/hospital-number", "value": sender.numbers[family.woman]}
    before(record, {"resourceType": "Patient", "identifier": [identifier]})
    sender.step()
    assert outcomes(sender) == {outcome}
    assert len(held(record, "Patient")) == patients
    assert calls(record, "POST", "Patient") == []


def test_after_a_long_outage_each_woman_hears_of_her_newest_state(
    new_sender: NewSender, url: str, signing_keys: SigningKeys
) -> None:
    port = free_port()
    sender = new_sender(url, f"http://127.0.0.1:{port}/fhir")
    families = [sender.offered() for _ in range(4)]
    for hour in range(0, 72, 4):
        sender.step()
        if hour == 12:
            for family, offer in families:
                sender.update(family.community, offer.id, "accepted")
        sender.pass_time(timedelta(hours=4))
    with HospitalRecord(port) as record:
        trusting(record, signing_keys)
        sender.settle()
        offers = [each for each in held(record, "Task") if each["code"]["coding"][0]["code"] == "fulfill"]
        assert [each["status"] for each in offers] == ["accepted"] * len(families)
        assert doubles(record.record) == []
        assert {each["meta"]["versionId"] for each in offers} == {"1"}
