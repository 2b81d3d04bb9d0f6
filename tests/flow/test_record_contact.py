"""A programme reports contacts."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from service.flow.answer import Accepted, Refused, Repeated, Told
from service.flow.answer_alert import ReceivedAnswer, answer_alert
from service.flow.received import Identifier, Received
from service.flow.record_contact import ReceivedContact, record_contact
from service.referrals.alert import AlertState, Practitioner
from service.referrals.contact import ContactMode, ContactOutcome, Engagement, Remark
from service.referrals.escalation import Concern, Said
from service.referrals.instruction import HoldReason, Order
from service.referrals.offer import Offer, display_of
from service.screening.instrument import Priority
from service.shared.caller import the_service
from service.shared.ids import new_id
from tests.flow.support import DAY, FACTS, HOUR, MINUTE, NOW, Family, Service, body, why

NAME = Identifier("urn:programme", "contact-1")
HEARD = Told.HER_CLINICIAN_ALL_THE_SAME


def test_a_contact_is_counted_and_owed_to_the_record(service: Service) -> None:
    family, offer = service.supported()
    for outcome in ContactOutcome:
        assert isinstance(service.contact(family.community, offer, outcome), Accepted)
    service.pass_time(HOUR)
    service.contact(family.community, offer, started_at=NOW + MINUTE)

    engagement = service.read(the_service(""), lambda tx: tx.contacts.engagements([offer])[offer.id])
    assert engagement == Engagement(attempts=4, sessions=2, last_contact=NOW + MINUTE)
    (moved,) = service.offers(family.woman)
    assert ("Task", offer.id, moved.version) in service.owed(family.woman)
    assert moved == offer._replace(version=offer.version + len(ContactOutcome) + 1)


def test_the_same_contact_again_is_counted_once(service: Service) -> None:
    family, offer = service.supported()
    first = service.contact(family.community, offer, ContactOutcome.ATTENDED, NAME, content=b"{}")
    again = service.contact(family.community, offer, ContactOutcome.ATTENDED, NAME, content=b"{}")
    conditional = service.contact(family.community, offer, ContactOutcome.ATTENDED, condition=NAME)

    assert isinstance(first, Accepted)
    assert again == conditional == Repeated("Encounter", first.id, 1)
    other = service.contact(family.community, offer, ContactOutcome.CANCELLED, NAME)
    assert why(other) == "different-under-same-identifier"
    assert len(service.rows("contact")) == 1


def test_a_contact_of_an_offer_that_nobody_has_accepted_is_refused(service: Service) -> None:
    family, offer = service.offered()
    assert why(service.contact(family.community, offer)) == "contact-not-accepted"
    service.update(family.community, offer.id, "accepted")
    assert why(service.contact(family.community, offer)) == "accepted"


def withdrawn(service: Service, family: Family) -> None:
    service.withdraw(family)


def dead(service: Service, family: Family) -> None:
    service.register(family.hospital, FACTS._replace(deceased=True), updates=True, target_id=family.woman)


def closed(service: Service, family: Family) -> None:
    service.tell(family.hospital, service.referral(family.woman).id, Order.CLOSE)


def voided(service: Service, family: Family) -> None:
    service.tell(family.hospital, service.referral(family.woman).id, Order.VOID)


# When it was, in minutes after the support was called off.
OF_CALLING_OFF = {
    "long before": (-HOUR, None),
    "just before": (-6 * MINUTE, None),
    "by another clock": (-4 * MINUTE, Remark.AS_CALLED_OFF),
    "at once": (0 * MINUTE, Remark.AS_CALLED_OFF),
    "just after": (6 * MINUTE, Remark.ONCE_CALLED_OFF),
    "long after": (DAY, Remark.ONCE_CALLED_OFF),
}


@pytest.mark.parametrize("call_off", [withdrawn, dead, closed, voided])
@pytest.mark.parametrize("when", OF_CALLING_OFF)
def test_a_contact_once_support_was_called_off_is_kept_and_the_team_is_told(
    service: Service, when: str, call_off: Callable[[Service, Family], None]
) -> None:
    after, remark = OF_CALLING_OFF[when]
    family, offer = service.supported(telephone="+44 20 7946 0000")
    service.pass_time(2 * HOUR)
    call_off(service, family)
    service.pass_time(2 * DAY)
    made = service.contact(family.community, offer, started_at=NOW + 2 * HOUR + after)
    assert isinstance(made, Accepted)
    assert made.remark is remark
    assert engagement(service, offer).sessions == (0 if remark is Remark.ONCE_CALLED_OFF else 1)
    if remark is None:
        assert service.alerts(family.woman) == []
    else:
        alert = service.alert(family.woman, "contact-once-called-off")
        assert (alert["priority"], alert["telephone"]) == ("urgent", "+44 20 7946 0000")


def test_the_team_is_told_of_contacts_once_called_off_until_somebody_has_seen_it(service: Service) -> None:
    family, offer = service.supported()
    service.withdraw(family)
    for _ in range(2):
        service.pass_time(HOUR)
        service.contact(family.community, offer)
    assert service.alerts(family.woman) == ["contact-once-called-off"]
    alert = service.alert(family.woman, "contact-once-called-off")["id"]
    seen = ReceivedAnswer(Received("Task", body(), target_id=alert), alert, AlertState.ACKNOWLEDGED, Practitioner("A."))
    service.run(family.hospital, lambda tx: answer_alert(tx, service.rules, seen, service.now()))
    service.contact(family.community, offer, ContactOutcome.CANCELLED)
    assert service.alerts(family.woman) == ["contact-once-called-off"]
    service.contact(family.community, offer)
    assert service.alerts(family.woman) == ["contact-once-called-off"] * 2


def test_nothing_may_be_planned_once_it_is_called_off(service: Service) -> None:
    family, offer = service.supported()
    service.withdraw(family)
    assert why(service.contact(family.community, offer, ContactOutcome.PLANNED)) == "contact-called-off"
    assert service.alerts(family.woman) == []


def test_a_contact_that_no_acceptance_ever_allowed_is_told(service: Service) -> None:
    family, offer = service.offered()
    service.withdraw(family)
    service.pass_time(HOUR)
    made = service.contact(family.community, offer)
    assert isinstance(made, Accepted)
    assert made.remark is Remark.ONCE_CALLED_OFF
    assert engagement(service, offer).sessions == 0
    assert service.alerts(family.woman) == ["contact-once-called-off"]


def test_a_contact_is_told_when_its_tombstone_is_gone(service: Service) -> None:
    family, offer = service.supported()
    service.withdraw(family)
    service.pass_time(400 * DAY)
    service.run(the_service(new_id()), lambda tx: tx.tidy(service.now(), service.rules))
    assert why(service.contact(family.community, offer)) == "subject-unknown"
    assert service.alerts(family.woman) == ["contact-once-called-off"]


@pytest.mark.parametrize("status", ["completed", "failed"])
def test_a_session_may_be_reported_after_the_support_ended(service: Service, status: str) -> None:
    family, offer = service.supported()
    service.update(family.community, offer.id, status, "Over.")
    assert why(service.contact(family.community, offer)) == "accepted"


def test_only_a_planned_contact_that_was_cancelled_may_lie_ahead(service: Service) -> None:
    family, offer = service.supported()
    ahead = NOW + 24 * HOUR
    assert why(service.contact(family.community, offer, started_at=ahead)) == "contact-in-the-future"
    assert why(service.contact(family.community, offer, ContactOutcome.CANCELLED, started_at=ahead)) == "accepted"


def test_handles_that_are_not_this_programmes_name_nobody(service: Service) -> None:
    family, offer = service.supported()
    other_family, other = service.supported()

    assert why(service.contact(other_family.community, offer)) == "subject-unknown"
    mixed = service.contact(family.community, offer, service_request=other.handles.service_request)
    assert why(mixed) == "subject-unknown"
    assert why(service.contact(family.community, offer, patient=family.woman)) == "subject-unknown"
    assert service.rows("contact") == []


def test_a_plan_may_lie_ahead_and_is_counted_when_it_was_kept(service: Service) -> None:
    family, offer = service.supported()
    ahead = NOW + 24 * HOUR
    planned = service.contact(family.community, offer, ContactOutcome.PLANNED, started_at=ahead)
    assert isinstance(planned, Accepted)
    assert engagement(service, offer) == Engagement(0, 0, None)
    service.pass_time(25 * HOUR)
    kept = service.contact(family.community, offer, target_id=planned.id, started_at=ahead)
    assert kept == Accepted("Encounter", planned.id, 2)
    assert engagement(service, offer) == Engagement(1, 1, ahead)


def engagement(service: Service, offer: Offer) -> Engagement:
    return service.read(the_service(""), lambda tx: tx.contacts.engagements([offer])[offer.id])


def test_its_programme_corrects_a_contact(service: Service) -> None:
    family, offer = service.supported()
    made = service.contact(family.community, offer, type="Procedure")
    assert isinstance(made, Accepted)
    assert why(service.contact(family.community, offer, target_id=made.id)) == "not-found"  # it is no Encounter
    change: dict[str, Any] = {"type": "Procedure", "target_id": made.id}
    stale = service.contact(family.community, offer, ContactOutcome.ATTEMPTED, expected_version=7, **change)
    assert why(stale) == "version-stale"
    changed = service.contact(family.community, offer, ContactOutcome.ATTEMPTED, content=b"{}", **change)
    assert changed == Accepted("Procedure", made.id, 2)
    again = service.contact(family.community, offer, ContactOutcome.ATTEMPTED, content=b"{}", **change)
    assert again == Repeated("Procedure", made.id, 2)
    assert engagement(service, offer) == Engagement(1, 0, NOW)
    service.contact(family.community, offer, ContactOutcome.ENTERED_IN_ERROR, **change)
    assert engagement(service, offer) == Engagement(0, 0, None)


def test_a_contact_is_corrected_by_its_own_offers_programme_alone(service: Service) -> None:
    family, offer = service.supported()
    other_family, other = service.supported()
    made = service.contact(family.community, offer)
    assert isinstance(made, Accepted)
    assert why(service.contact(other_family.community, other, target_id=made.id)) == "not-found"
    assert engagement(service, offer).sessions == 1


SAID = Said(("She cried for an hour.",), called=Priority.ROUTINE)


def test_what_was_written_in_a_contact_is_heard_once(service: Service) -> None:
    family, offer = service.supported()
    made = service.contact(family.community, offer, said=SAID)
    assert isinstance(made, Accepted)
    assert service.alert(family.woman, "escalation")["priority"] == "routine"
    service.contact(family.community, offer, ContactOutcome.ATTEMPTED, target_id=made.id, said=SAID)
    assert service.alerts(family.woman) == ["escalation"]
    more = replace(SAID, concerns=frozenset({Concern.HARM_TO_SELF}))
    service.contact(family.community, offer, target_id=made.id, said=more)
    assert [row["priority"] for row in service.rows("alert", patient_id=family.woman)] == ["routine", "urgent"]


def test_what_was_written_in_a_refused_contact_is_heard_all_the_same(service: Service) -> None:
    family, offer = service.offered()
    for _ in range(2):
        refused = service.contact(family.community, offer, said=SAID)
        assert isinstance(refused, Refused)
        assert (refused.reason, refused.told) == ("contact-not-accepted", HEARD)
    assert service.alerts(family.woman) == ["escalation"]
    assert service.rows("contact") == []


def test_a_refused_contact_that_repeats_only_what_was_shown_does_not_say_that_it_was_heard(service: Service) -> None:
    family, offer = service.offered()
    shown = Said((display_of(offer.id), str(FACTS.preferred_name)), called=Priority.ROUTINE)
    refused = service.contact(family.community, offer, said=shown)
    assert isinstance(refused, Refused)
    assert (refused.reason, refused.told) == ("contact-not-accepted", None)
    assert service.alerts(family.woman) == []


def test_a_correction_of_what_is_not_there_is_refused_and_its_words_are_heard(service: Service) -> None:
    family, offer = service.supported()
    refused = service.contact(family.community, offer, target_id="019aa000-0000-7000-8000-00000000f00d", said=SAID)
    assert isinstance(refused, Refused)
    assert (refused.reason, refused.told) == ("not-found", HEARD)
    assert service.alerts(family.woman) == ["escalation"]


# When it was, in minutes after the acceptance; the support ends after ten hours, and all of it is reported later.
OF_DATES = {
    "long before": (-HOUR, Remark.BEFORE_ACCEPTANCE),
    "just before": (-6 * MINUTE, Remark.BEFORE_ACCEPTANCE),
    "by another clock": (-4 * MINUTE, None),
    "at once": (0 * MINUTE, None),
    "within": (5 * HOUR, None),
    "at the end": (10 * HOUR, None),
    "by another clock at the end": (10 * HOUR + 4 * MINUTE, None),
    "just after": (10 * HOUR + 6 * MINUTE, Remark.AFTER_THE_END),
    "long after": (15 * HOUR, Remark.AFTER_THE_END),
}


@pytest.mark.parametrize("status", ["completed", "failed"])
@pytest.mark.parametrize("when", OF_DATES)
def test_what_was_within_the_support_counts_whenever_it_is_reported(service: Service, when: str, status: str) -> None:
    after, remark = OF_DATES[when]
    family, offer = service.supported()
    service.pass_time(10 * HOUR)
    service.update(family.community, offer.id, status, "Over.")
    service.pass_time(10 * HOUR)
    made = service.contact(family.community, offer, started_at=NOW + after, content=b"{}")
    assert isinstance(made, Accepted)
    assert made.remark is remark
    assert engagement(service, offer).sessions == (0 if remark else 1)
    assert len(service.rows("contact")) == 1
    # Whoever lost the answer hears the same.
    again = service.contact(family.community, offer, started_at=NOW + after, content=b"{}")
    assert again == Repeated("Encounter", made.id, 1, remark)


def test_a_contact_in_a_pause_is_counted_and_the_team_is_told_once_until_somebody_has_seen_it(service: Service) -> None:
    family, offer = service.supported(telephone="+44 20 7946 0000")
    service.pass_time(HOUR)
    before = service.now()
    service.pass_time(HOUR)
    service.tell(family.hospital, service.referral(family.woman).id, Order.HOLD, reason=HoldReason.PREGNANCY_LOSS)
    earlier = service.contact(family.community, offer, started_at=before)
    assert isinstance(earlier, Accepted)
    assert earlier.remark is None
    assert service.alerts(family.woman) == []

    for _ in range(2):
        service.pass_time(MINUTE)
        made = service.contact(family.community, offer)
        assert isinstance(made, Accepted)
        assert made.remark is Remark.DURING_A_PAUSE
    assert engagement(service, offer).sessions == 3
    alert = service.alert(family.woman, "contact-while-paused")
    assert (alert["priority"], alert["telephone"]) == ("urgent", "+44 20 7946 0000")

    service.tell(family.hospital, service.referral(family.woman).id, Order.RESUME)
    service.pass_time(HOUR)
    after = service.contact(family.community, offer)
    assert isinstance(after, Accepted)
    assert after.remark is None


def test_a_contact_counts_once_its_time_is_corrected_and_no_more_when_it_moves_out(service: Service) -> None:
    family, offer = service.supported()
    made = service.contact(family.community, offer, started_at=NOW - DAY)
    assert isinstance(made, Accepted)
    right = service.contact(family.community, offer, started_at=NOW, target_id=made.id)
    assert right == Accepted("Encounter", made.id, 2)
    assert engagement(service, offer) == Engagement(1, 1, NOW)
    wrong = service.contact(family.community, offer, started_at=NOW - DAY, target_id=made.id)
    assert wrong == Accepted("Encounter", made.id, 3, remark=Remark.BEFORE_ACCEPTANCE)
    assert engagement(service, offer) == Engagement(0, 0, None)


@pytest.mark.parametrize("outcome", [ContactOutcome.PLANNED, ContactOutcome.CANCELLED, ContactOutcome.ENTERED_IN_ERROR])
def test_nothing_is_remarked_of_what_is_not_counted_anyway(service: Service, outcome: ContactOutcome) -> None:
    family, offer = service.supported()
    made = service.contact(family.community, offer, outcome, started_at=NOW - DAY)
    assert isinstance(made, Accepted)
    assert made.remark is None


def test_a_contact_without_a_name_is_the_same_when_it_says_the_same(service: Service) -> None:
    family, offer = service.supported()
    first = service.contact(family.community, offer, content=b'{"a":1,"b":2.0}')
    assert isinstance(first, Accepted)
    for same in (b'{"a":1,"b":2.0}', b'{"b": 2.0, "a": 1}'):
        assert service.contact(family.community, offer, content=same) == Repeated("Encounter", first.id, 1)
    assert engagement(service, offer).sessions == 1

    other = service.contact(family.community, offer, content=b'{"a":1,"b":2.00}')
    assert isinstance(other, Accepted)
    of_another_type = service.contact(family.community, offer, content=b'{"a":1,"b":2.0}', type="Procedure")
    assert isinstance(of_another_type, Accepted)
    assert engagement(service, offer).sessions == 3


def test_the_same_words_of_two_offers_are_two_contacts(service: Service) -> None:
    family, offer = service.supported()
    other_family, other = service.supported()
    for community, held in ((family.community, offer), (other_family.community, other)):
        assert why(service.contact(community, held, content=b"{}")) == "accepted"


def test_a_contact_sent_many_times_at_once_is_one(service: Service) -> None:
    family, offer = service.supported()
    with ThreadPoolExecutor(8) as senders:
        answers = list(senders.map(lambda _: service.contact(family.community, offer, content=b"{}"), range(8)))
    assert sorted(map(why, answers)) == ["accepted"] + ["repeated"] * 7
    assert len(service.rows("contact")) == 1


@pytest.mark.parametrize("named", ["Patient", "ServiceRequest", "Task"])
@pytest.mark.parametrize("outcome", [ContactOutcome.ATTENDED, ContactOutcome.PLANNED])
def test_the_team_is_told_of_a_contact_by_whatever_it_names_her_also_when_the_tombstone_is_gone(
    service: Service, named: str, outcome: ContactOutcome
) -> None:
    family, offer = service.supported()
    service.withdraw(family)
    service.pass_time(100 * DAY)
    service.run(the_service(new_id()), lambda tx: tx.tidy(service.now(), service.rules))
    its = {"Patient": offer.handles.patient, "ServiceRequest": offer.handles.service_request, "Task": offer.id}
    handles = [its[type] if type == named else None for type in its]
    received = Received("Encounter", body())
    patient, request, task = handles
    message = ReceivedContact(received, patient, request, ContactMode.PHONE, outcome, service.now(), None, task)
    answer = service.run(family.community, lambda tx: record_contact(tx, service.rules, message, service.now()))
    assert why(answer) == "subject-unknown"
    made = outcome is ContactOutcome.ATTENDED
    assert service.alerts(family.woman) == (["contact-once-called-off"] if made else [])
    assert len(service.rows("audit", patient_id=family.woman, outcome="subject-unknown")) == 1
