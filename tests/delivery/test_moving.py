"""A hospital's record is served at another address: with all that it had, or as another one that knows nothing yet."""

from collections.abc import Iterator

import pytest

from service.delivery.channel import Learned
from service.delivery.copies import Copies
from service.delivery.pack import pack
from service.delivery.settle import keep
from service.demo.hospital import HospitalRecord
from service.fhir.channel import FhirChannel
from service.office import Office
from service.referrals.delivery import UNSETTLED
from service.security.keys import SigningKeys
from service.shared.caller import the_service
from service.shared.ids import new_id
from service.store.migrate import migrate
from tests.delivery.conftest import NewSender
from tests.delivery.support import Sender, calls, held, trusting
from tests.delivery.test_copies import A_TEST, REVIEWED_BY, copy_of, hear, outcome, write
from tests.flow.support import Family, piece, scores

KINDS = ("Patient", "ServiceRequest", "Task", "Communication", "DocumentReference")


@pytest.fixture
def elsewhere(signing_keys: SigningKeys) -> Iterator[HospitalRecord]:
    with HospitalRecord() as serving:
        yield trusting(serving, signing_keys)


@pytest.fixture
def sender(new_sender: NewSender, database_url: str, record: HospitalRecord) -> Sender:
    migrate(database_url)
    return new_sender(database_url, record.base)


@pytest.fixture
def copies(sender: Sender) -> Copies:
    return Copies(sender.store, sender.rules, sender.clock, FhirChannel(sender.connect, sender.rules, sender.clock))


def move(sender: Sender, family: Family, to: HospitalRecord) -> int:
    office = Office(sender.store, sender.rules, sender.clock, new_id, allow_loopback=True)
    return office.move_organisation(family.hospital.organisation_id, f"{to.base}/", None)


def arrive(sender: Sender) -> None:
    """All that is due; no time passes, and what another test has left is not waited for."""
    assert any(not sender.step() for _ in range(40))


def taken_over(record: HospitalRecord, elsewhere: HospitalRecord) -> None:
    """All that the record has, under other ids."""
    for kind in KINDS:
        for each in held(record, kind):
            elsewhere.record.create(
                {name: each[name] for name in ("resourceType", "identifier", "status") if name in each}
            )


def counted(record: HospitalRecord) -> dict[str, int]:
    return {kind: len(held(record, kind)) for kind in KINDS}


def in_review(sender: Sender) -> Family:
    family = sender.family()
    sender.result(family.hospital, family.woman, piece(15, scores(15, 1)))
    arrive(sender)
    return family


def test_what_was_taken_over_is_found_there_and_nothing_is_written_twice(
    sender: Sender, record: HospitalRecord, elsewhere: HospitalRecord, copies: Copies
) -> None:
    family = in_review(sender)
    taken_over(record, elsewhere)
    before, asked = counted(elsewhere), len(calls(record))
    assert move(sender, family, elsewhere) == 1
    arrive(sender)
    alert = sender.alert(family.woman, "self-harm-present")
    write(elsewhere, copy_of(elsewhere, alert), status="completed", output=[outcome("suitable"), REVIEWED_BY])
    hear(sender, copies)
    assert sender.states(family.woman) == ("offered", ["requested"])
    arrive(sender)
    assert copy_of(elsewhere, alert)["status"] == "completed"
    added = counted(elsewhere)
    assert (added.pop("Task"), added.pop("DocumentReference")) == (before["Task"] + 1, before["DocumentReference"] + 1)
    assert added.items() <= before.items()
    assert len(calls(record)) == asked


def test_a_record_that_knows_nothing_yet_is_told_what_waits_and_of_each_referral_when_it_changes(
    sender: Sender, elsewhere: HospitalRecord, copies: Copies
) -> None:
    family = in_review(sender)
    move(sender, family, elsewhere)
    arrive(sender)
    assert counted(elsewhere) == dict.fromkeys(KINDS, 0) | {"Patient": 1, "Communication": 1, "Task": 1}
    hear(sender, copies)
    alert = sender.alert(family.woman, "self-harm-present")
    write(elsewhere, copy_of(elsewhere, alert), status="completed", output=[outcome("suitable"), REVIEWED_BY])
    hear(sender, copies)
    arrive(sender)
    assert [each["status"] for each in held(elsewhere, "ServiceRequest")] == ["active"]


def test_what_was_said_in_the_former_record_hides_no_answer_in_the_new_one(
    sender: Sender, record: HospitalRecord, elsewhere: HospitalRecord, copies: Copies
) -> None:
    family = in_review(sender)
    alert = sender.alert(family.woman, "self-harm-present")
    write(record, copy_of(record, alert), status="completed")
    refused = copy_of(record, alert)["meta"]["versionId"]
    hear(sender, copies)
    assert sender.alert(family.woman, "self-harm-present")["copy_seen"] == refused
    move(sender, family, elsewhere)
    arrive(sender)
    copy = copy_of(elsewhere, alert)
    assert copy["meta"]["versionId"] == "1"
    write(elsewhere, copy, status="accepted", owner=A_TEST)
    assert copy_of(elsewhere, alert)["meta"]["versionId"] == refused
    hear(sender, copies)
    assert sender.alert(family.woman, "self-harm-present")["state"] == "acknowledged"


def test_what_waits_goes_where_the_record_is_now(
    sender: Sender, record: HospitalRecord, elsewhere: HospitalRecord
) -> None:
    family, _ = sender.offered()
    move(sender, family, elsewhere)
    arrive(sender)
    assert calls(record) == []
    assert counted(elsewhere)["Task"] == 1


def test_an_id_that_a_record_gave_while_it_moved_is_not_kept(sender: Sender, elsewhere: HospitalRecord) -> None:
    family, offer = sender.offered()
    hospital = family.hospital.organisation_id
    owed = sender.run(the_service(""), lambda tx: tx.deliveries.list(UNSETTLED, 1, hospital))
    parcel = sender.run(the_service(""), lambda tx: pack(tx, sender.rules, owed[0], sender.now()))
    assert parcel is not None
    move(sender, family, elsewhere)
    sender.run(the_service(""), lambda tx: keep(tx, parcel, [Learned("Task", offer.id, "r1")]))
    assert sender.rows("alias", type="Task", tenant_id=hospital) == []


def test_the_same_address_again_has_everything_looked_up_anew(sender: Sender, record: HospitalRecord) -> None:
    family = in_review(sender)
    before, known = counted(record), sender.rows("alias", system=record.base)
    assert move(sender, family, record) == 1
    assert sender.rows("alias", system=record.base) == []
    arrive(sender)
    assert counted(record) == before
    assert {row["value"] for row in sender.rows("alias", system=record.base)} <= {row["value"] for row in known}


def test_a_hospital_that_has_only_sent_is_told_of_what_waits_once_it_is_reached(
    sender: Sender, elsewhere: HospitalRecord
) -> None:
    sender.endpoint = ""
    family = in_review(sender)
    assert sender.rows("delivery", destination_id=family.hospital.organisation_id) == []
    assert move(sender, family, elsewhere) == 1
    arrive(sender)
    assert counted(elsewhere)["Communication"] == 1
