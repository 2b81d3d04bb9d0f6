"""Notes in a hospital's record: one document for each step, as she allows it at the moment it is sent."""

from base64 import b64decode
from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from service.demo.faults import Disturbance, DisturbanceKind
from service.demo.hospital import HospitalRecord
from service.flow.advance import advance
from service.flow.received import Identifier
from service.referrals.contact import ContactOutcome
from service.referrals.offer import Ending, Offer
from service.referrals.referral import ReferralTrigger
from service.screening.instrument import Recorded
from service.shared.caller import the_service
from service.shared.clock import day_read
from service.store.unit_of_work import UnitOfWork
from tests.delivery.conftest import NewSender
from tests.delivery.support import Sender, calls, held
from tests.faults.support import doubles
from tests.flow.support import Family, piece, scores


@pytest.fixture
def either(new_sender: NewSender, migrated_url: str, record: HospitalRecord) -> Sender:
    """A sender on each database in turn."""
    return new_sender(migrated_url, record.base)


def said(record: HospitalRecord, reference: str | None = None) -> list[str]:
    """What the notes say, about everybody or one woman, in the order in which they came."""
    notes = [each for each in held(record, "DocumentReference") if reference in (None, each["subject"]["reference"])]
    return [b64decode(each["content"][0]["attachment"]["data"]).decode() for each in notes]


def reference_of(sender: Sender, record: HospitalRecord, woman: str) -> str:
    found = record.record.search("Patient", [("identifier", sender.numbers[woman])])
    return f"Patient/{found[0].id}"


def taking(sender: Sender, *kinds: Recorded) -> None:
    policies = {id: replace(each, record=frozenset(kinds)) for id, each in sender.rules.policies.items()}
    sender.rules = replace(sender.rules, policies=policies)


def forbid_reports(sender: Sender, family: Family) -> None:
    sender.consent(family.hospital, family.woman, family.community, target_id=family.consent, may_report_back=False)


def move(sender: Sender, woman: str, trigger: ReferralTrigger) -> None:
    def work(tx: UnitOfWork) -> None:
        tx.patients.lock(woman)
        assert advance(tx, sender.rules, tx.referrals.get(referral_id), trigger, sender.now()) is not None

    referral_id = sender.referral(woman).id
    sender.run(the_service(""), work)


def test_a_clinician_reads_the_whole_course_in_the_order_in_which_it_went(
    either: Sender, record: HospitalRecord
) -> None:
    family, offer = either.offered()
    either.settle()
    either.update(family.community, offer.id, "accepted")
    either.contact(family.community, offer, ContactOutcome.ATTEMPTED)
    either.contact(family.community, offer)
    either.settle()
    either.update(family.community, offer.id, "completed")
    either.settle()
    offered, accepted, completed = said(record, reference_of(either, record, family.woman))
    assert offered.startswith("Programme has been asked to offer her peer support and answers by ")
    assert accepted.startswith("Programme has accepted the referral")
    assert "Contacts tried or held: 2. Sessions attended: 1. Last contact: " in completed
    assert "The support ended as planned." in completed
    assert doubles(record.record) == []


def test_a_note_leads_to_her_and_to_the_referral_in_the_same_record(sender: Sender, record: HospitalRecord) -> None:
    family, _ = sender.offered()
    sender.settle()
    (note,) = held(record, "DocumentReference")
    (request,) = held(record, "ServiceRequest")
    (row,) = sender.rows("note")
    assert note["subject"] == request["subject"] == {"reference": reference_of(sender, record, family.woman)}
    assert note["context"]["related"] == [{"reference": f"ServiceRequest/{request['id']}"}]
    assert note["identifier"][0]["value"] == row["id"]
    found = record.record.search("DocumentReference", [("patient", note["subject"]["reference"])])
    assert [each.id for each in found] == [note["id"]]


def test_a_day_in_a_note_is_that_of_the_site_s_clocks(sender: Sender, record: HospitalRecord) -> None:
    """Of no instant have these two the same day."""
    for zone in (ZoneInfo("Pacific/Kiritimati"), ZoneInfo("Pacific/Pago_Pago")):
        policies = {id: replace(each, zone=zone) for id, each in sender.rules.policies.items()}
        sender.rules = replace(sender.rules, policies=policies)
        _, offer = sender.offered()
        sender.settle()
        (note,) = said(record, reference_of(sender, record, offer.patient_id))
        assert f"answers by {day_read(offer.respond_by, zone)}." in note


def test_every_note_of_an_outage_leads_to_the_referral_as_it_is_now(sender: Sender, record: HospitalRecord) -> None:
    """The ServiceRequest of the acceptance has the place of the first one, before both notes."""
    sender.supported()
    sender.settle()
    (request,) = held(record, "ServiceRequest")
    related = [each["context"]["related"] for each in held(record, "DocumentReference")]
    assert related == [[{"reference": f"ServiceRequest/{request['id']}"}]] * 2


@pytest.mark.parametrize("fault", [DisturbanceKind.LOST_ANSWER, DisturbanceKind.HTML])
def test_a_lost_answer_never_makes_a_second_note(
    sender: Sender, record: HospitalRecord, fault: DisturbanceKind
) -> None:
    record.faults.add(Disturbance(fault, "POST", "DocumentReference"))
    sender.supported()
    sender.settle()
    assert len(said(record)) == len(calls(record, "POST", "DocumentReference")) == 2
    assert doubles(record.record) == []


def test_a_note_that_a_person_sends_again_is_not_written_again(sender: Sender, record: HospitalRecord) -> None:
    record.faults.add(Disturbance(DisturbanceKind.LOST_ANSWER, "POST", "DocumentReference"))
    sender.offered()
    sender.step()
    (row,) = sender.rows("delivery", state="unknown")
    assert sender.run(the_service(""), lambda tx: tx.deliveries.retry(row["id"]))
    sender.settle()
    assert len(said(record)) == 1
    assert calls(record, "PUT", "DocumentReference") == []


def test_what_she_forbids_before_it_is_sent_is_not_said_although_it_was_owed(
    either: Sender, record: HospitalRecord
) -> None:
    family, offer = either.supported()
    either.contact(family.community, offer)
    either.update(family.community, offer.id, "failed", "She would rather not.", ending=Ending.ENDED_BY_HER)
    forbid_reports(either, family)
    either.settle()
    *_, returned = said(record)
    assert returned == (
        "Programme has handed the referral back and is not supporting her now. "
        "Please place the referral again or close it."
    )
    (task,) = [each for each in held(record, "Task") if each["code"]["coding"][0]["code"] == "fulfill"]
    assert not {"output", "statusReason", "businessStatus"} & task.keys()


def test_after_a_withdrawal_the_end_says_that_the_programme_was_told_and_nothing_of_the_contacts(
    sender: Sender, record: HospitalRecord
) -> None:
    family, offer = sender.supported()
    sender.contact(family.community, offer)
    sender.settle()
    sender.withdraw(family)
    sender.settle()
    offered, accepted, closed = said(record)
    assert "Programme has been asked" in offered
    assert "Programme has accepted" in accepted
    assert closed == (
        "The referral to peer support is closed and Programme has been asked to make no further contact. "
        "Nothing more is needed for this referral."
    )


def test_where_nothing_of_a_programme_is_told_the_clinic_reads_what_to_do(
    sender: Sender, record: HospitalRecord
) -> None:
    hospital = sender.hospital()
    sender.programme(sender.community())
    woman = sender.woman(hospital)
    sender.result(hospital, woman, piece(15, scores(15)))
    sender.settle()
    (note,) = said(record)
    assert "Please ask whether she would like to be offered peer support" in note


def test_a_pause_and_its_end_are_told_to_the_clinic(sender: Sender, record: HospitalRecord) -> None:
    family, _ = sender.supported()
    sender.settle()
    move(sender, family.woman, ReferralTrigger.HELD_BY_CLINICIAN)
    sender.settle()
    move(sender, family.woman, ReferralTrigger.RESUMED)
    sender.settle()
    move(sender, family.woman, ReferralTrigger.CLOSED_BY_CLINICIAN)
    sender.settle()
    *_, paused, resumed, closed = said(record)
    assert paused.startswith("Peer support is paused. Programme has been asked to make no contact")
    assert resumed.startswith("The maternity team's pause is over, and Programme may go on")
    assert closed.startswith("The referral to peer support is closed and Programme has been asked")


def test_one_who_declined_is_not_said_to_have_been_asked_to_stop(either: Sender, record: HospitalRecord) -> None:
    family, offer = either.offered()
    either.update(family.community, offer.id, "rejected", "No place.")
    move(either, family.woman, ReferralTrigger.SAFETY_EVENT)
    move(either, family.woman, ReferralTrigger.CLOSED_BY_CLINICIAN)
    either.settle()
    _, _, paused, closed = said(record)
    assert paused.startswith("The referral to peer support is paused. No programme has it")
    assert "Please review and decide" in paused
    assert closed == "The referral to peer support is closed. Nothing more is needed for this referral."


def test_an_offer_that_is_taken_back_in_a_pause_was_asked_to_make_no_contact(
    sender: Sender, record: HospitalRecord
) -> None:
    family, _ = sender.offered()
    move(sender, family.woman, ReferralTrigger.SAFETY_EVENT)
    sender.settle()
    assert said(record)[-1].startswith("Peer support is paused. Programme has been asked to make no contact")


def test_a_note_that_comes_late_tells_of_its_own_time_and_not_of_later_ones(
    either: Sender, record: HospitalRecord
) -> None:
    """The record was down while one programme declined and the next accepted."""
    family, first = either.offered()
    other = either.community()
    either.programme(other, name="The Next One", districts=family.programme.districts)
    either.consent(family.hospital, family.woman, other, Identifier("urn:consent", "second"))
    either.update(family.community, first.id, "rejected", "No place.")
    (second,) = [each for each in either.offers(family.woman) if each.id != first.id]
    either.update(other, second.id, "accepted")
    either.settle()
    assert [note.partition(" has ")[0] for note in said(record)] == ["Programme", "The Next One", "The Next One"]


@pytest.mark.parametrize("left_out", [Recorded.REFERRAL, Recorded.OFFERS, Recorded.NOTES])
def test_a_record_is_written_only_what_it_takes(sender: Sender, record: HospitalRecord, left_out: Recorded) -> None:
    taking(sender, *(set(Recorded) - {left_out}))
    sender.supported()
    sender.in_danger()
    sender.settle()
    written = {kind for kind in Recorded if kind is not Recorded.ALERT_TASKS and held(record, kind)}
    # The copies of alerts are Tasks too.
    assert written - {Recorded.OFFERS} == set(Recorded) - {left_out, Recorded.OFFERS, Recorded.ALERT_TASKS}
    asked = {each["code"]["coding"][0]["code"] for each in held(record, "Task")}
    assert asked == {"clear-review"} | ({"fulfill"} if left_out is not Recorded.OFFERS else set())
    assert doubles(record.record) == []


def test_a_task_or_a_note_names_the_referral_by_our_identifier_where_the_record_has_none(
    sender: Sender, record: HospitalRecord
) -> None:
    taking(sender, *(set(Recorded) - {Recorded.REFERRAL}))
    family, _ = sender.offered()
    sender.settle()
    (task,), (note,) = held(record, "Task"), held(record, "DocumentReference")
    assert task["focus"] == note["context"]["related"][0]
    assert task["focus"]["identifier"]["value"] == sender.referral(family.woman).id


def test_what_a_record_takes_no_more_is_given_up_and_not_sent(sender: Sender, record: HospitalRecord) -> None:
    sender.offered()
    taking(sender, Recorded.ALERTS)
    sender.step()
    assert sender.unsettled() == []
    assert calls(record, "POST") == []
    assert {row["state"] for row in sender.rows("delivery")} == {"superseded"}


def test_a_note_is_claimed_after_what_it_builds_upon(sender: Sender) -> None:
    sender.offered()
    order = [row["resource_type"] for row in sender.rows("delivery")]
    assert order == ["ServiceRequest", "Task", "DocumentReference"]


def test_notes_of_one_instant_are_kept_apart(sender: Sender, record: HospitalRecord) -> None:
    offers: list[Offer] = [sender.offered()[1] for _ in range(3)]
    sender.settle(pause=timedelta(0))
    assert len({each["identifier"][0]["value"] for each in held(record, "DocumentReference")}) == len(offers)
