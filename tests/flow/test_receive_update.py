"""A programme answers an offer: every refusal, the three-way merge, and what referral and record hear of it."""

from dataclasses import replace
from typing import Any

import pytest

from service.flow.answer import Accepted, Reason, Refused, Repeated, Told
from service.flow.keep_reports import LABELS, STATUS_REASON, Reported
from service.flow.receive_update import receive_update
from service.flow.received import Received
from service.flow.received_update import Named, NamedActivity, Part, ReceivedUpdate
from service.referrals.escalation import Concern, Said
from service.referrals.offer import Offer, OfferState, display_of
from service.screening.instrument import Priority
from tests.flow.support import HOUR, NOW, Family, Service, body, piece, scores, why

NOTE: dict[str, object] = {"text": "She sounded very low today."}
OUTPUT: dict[str, object] = {"type": "sessions", "valueInteger": 3}

# what the programme sets, from accepted on -> offer, referral, alerts
FLOW = {
    "in-progress": (["in-progress"], "in-progress", "supported", []),
    "on-hold": (["on-hold"], "held-by-programme", "supported", []),
    "resumed": (["on-hold", "in-progress"], "in-progress", "supported", []),
    "completed": (["in-progress", "completed"], "completed", "completed", []),
    "completed from hold": (["on-hold", "completed"], "completed", "completed", []),
    "failed": (["failed"], "failed", "on-hold", ["returned"]),
    "cancelled": (["cancelled"], "cancelled", "on-hold", ["returned"]),
}


@pytest.mark.parametrize("row", FLOW.values(), ids=FLOW)
def test_what_a_programme_sets_moves_offer_and_referral(
    service: Service, row: tuple[list[str], str, str, list[str]]
) -> None:
    statuses, offer_state, referral_state, alerts = row
    family, offer = service.supported()
    for status in statuses:
        answer = service.update(family.community, offer.id, status, "As agreed.")
        assert isinstance(answer, Accepted)

    assert service.states(family.woman) == (referral_state, [offer_state])
    assert service.alerts(family.woman) == ["escalation", *alerts]  # whatever a programme writes is heard
    (moved,) = service.offers(family.woman)
    assert ("Task", moved.id, moved.version) in service.owed(family.woman)
    assert [row["version"] for row in service.rows("offer_version")] == list(range(1, moved.version + 1))


def test_an_acceptance_is_version_two_for_everybody(service: Service) -> None:
    family, offer = service.offered()
    answer = service.update(family.community, offer.id, "accepted", base_version=1, expected_version=1)

    assert answer == Accepted("Task", offer.id, 2)
    assert service.states(family.woman) == ("supported", ["accepted"])
    assert service.run(family.community, lambda tx: tx.programmes.get(family.programme.id)).places_taken == 1


def test_a_declined_offer_goes_to_the_next_programme_she_agreed_to(service: Service) -> None:
    family, offer = service.offered()
    other = service.community()
    service.programme(other)
    service.consent(family.hospital, family.woman, other)
    service.update(family.community, offer.id, "rejected", "No place.")

    assert service.states(family.woman) == ("offered", ["rejected", "requested"])
    assert [each.organisation_id for each in service.offers(family.woman)][1] == other.organisation_id
    assert service.poll(family.community)[0].status_reason == "No place."
    assert service.alerts(family.woman) == ["escalation"]


def test_an_offer_that_the_programme_cancels_goes_back_to_a_clinician(service: Service) -> None:
    family, offer = service.offered()
    other = service.community()
    service.programme(other)
    service.consent(family.hospital, family.woman, other)
    service.update(family.community, offer.id, "cancelled", "We have closed.")

    assert service.states(family.woman) == ("on-hold", ["cancelled"])
    assert service.alerts(family.woman) == ["escalation", "returned"]


def test_a_declined_offer_with_nobody_left_is_told_to_the_clinic(service: Service) -> None:
    family, offer = service.offered()
    service.update(family.community, offer.id, "rejected", "No place.")

    assert service.states(family.woman) == ("placing", ["rejected"])
    assert service.alerts(family.woman) == ["escalation", "unplaced"]


# refusal -> what was sent instead of a plain acceptance of a fresh offer
REFUSALS: dict[Reason, dict[str, Any]] = {
    Reason.VERSION_STALE: {"expected_version": 7},
    Reason.ELEMENT_FIXED: {"named": (Named(Part.REFERRAL, "another", "focus"),)},
    Reason.TRANSITION_NOT_ALLOWED: {"status": "completed"},
    Reason.STATUS_REASON_REQUIRED: {"status": "rejected"},
}


@pytest.mark.parametrize("reason", REFUSALS, ids=str)
def test_a_refused_update_changes_nothing_and_is_kept(service: Service, reason: Reason) -> None:
    family, offer = service.offered()
    sent = {"status": "accepted", **REFUSALS[reason]}
    answer = service.update(family.community, offer.id, sent.pop("status"), **sent)

    assert why(answer) == reason
    assert service.offers(family.woman) == [offer]
    kept = service.rows("inbound_message", tenant_id=family.community.organisation_id)
    assert [row["disposition"] for row in kept] == [reason]
    audited = service.rows("audit", organisation_id=family.community.organisation_id)
    assert [(row["subject"], row["outcome"]) for row in audited] == [(f"Task/{offer.id}", reason)]


@pytest.mark.parametrize("whose", ["nobody's", "another offer's", "of another type"])
def test_what_names_a_contact_that_the_offer_has_not_is_refused_and_its_words_are_heard(
    service: Service, whose: str
) -> None:
    family, offer = service.offered()
    other_family, other = service.offered()
    for each, to in ((family, offer), (other_family, other)):
        service.update(each.community, to.id, "accepted")
    mine, theirs = service.contact(family.community, offer), service.contact(other_family.community, other)
    assert isinstance(mine, Accepted)
    assert isinstance(theirs, Accepted)
    named = {
        "nobody's": NamedActivity("Encounter", "nowhere", "here"),
        "another offer's": NamedActivity("Encounter", theirs.id, "here"),
        "of another type": NamedActivity("Procedure", mine.id, "here"),
    }[whose]
    refused = service.update(
        family.community, offer.id, "completed", notes=(NOTE,), outputs=(OUTPUT,), activities=(named,)
    )
    assert refused == Refused(Reason.ACTIVITY_UNKNOWN, "here")
    assert service.alerts(family.woman) == ["escalation"]
    assert service.states(family.woman) == ("supported", ["accepted"])
    right = NamedActivity("Encounter", mine.id, "here")
    assert why(service.update(family.community, offer.id, "completed", activities=(right,))) == "accepted"


@pytest.mark.parametrize("part", Part)
def test_only_the_service_sets_what_the_offer_brings_together(service: Service, part: Part) -> None:
    family, offer = service.offered()
    right = {
        Part.WOMAN: offer.handles.patient,
        Part.REFERRAL: offer.handles.service_request,
        Part.PROGRAMME: offer.organisation_id,
        Part.HOSPITAL: offer.tenant_id,
    }
    for wrong in ("other", family.woman, None):
        named = tuple(Named(each, wrong if each is part else id, f"the {each}") for each, id in right.items())
        refused = service.update(family.community, offer.id, "accepted", named=named)
        assert refused == Refused(Reason.ELEMENT_FIXED, f"the {part}")
    named = tuple(Named(each, id, "") for each, id in right.items())
    assert why(service.update(family.community, offer.id, "accepted", named=named)) == "accepted"


@pytest.mark.parametrize("status", ["requested", "draft", "ready", "received", "entered-in-error", "on-hold", ""])
def test_a_programme_cannot_set_what_is_the_services(service: Service, status: str) -> None:
    family, offer = service.offered()
    answer = service.update(family.community, offer.id, status, base_version=1)
    assert why(answer) == ("repeated" if status == "requested" else "transition-not-allowed")


def test_an_unknown_base_version_is_stale(service: Service) -> None:
    family, offer = service.offered()
    assert why(service.update(family.community, offer.id, "accepted", base_version=9)) == "base-version-unknown"


def test_another_programmes_offer_is_not_found(service: Service) -> None:
    family, offer = service.offered()
    stranger = service.community()
    assert why(service.update(stranger, offer.id, "accepted")) == "not-found"
    assert why(service.update(stranger, "no-such-offer", "accepted")) == "not-found"
    assert service.states(family.woman) == ("offered", ["requested"])


def test_an_acceptance_needs_a_consent_that_is_still_alive(service: Service) -> None:
    family = service.family()
    service.consent(family.hospital, family.woman, family.community, target_id=family.consent, period_end=NOW + HOUR)
    service.result(family.hospital, family.woman, piece(15, scores(15)))
    (offer,) = service.offers(family.woman)
    service.pass_time(HOUR)

    assert why(service.update(family.community, offer.id, "accepted")) == "no-live-consent"
    assert service.states(family.woman) == ("offered", ["requested"])


def two_and_one_place(service: Service) -> tuple[Family, Offer, str]:
    """A woman who was offered the last place of a programme, and another who has agreed to it as well."""
    family, offer = service.offered(places=1)
    other = service.woman(family.hospital, district=next(iter(family.programme.districts)))
    service.consent(family.hospital, other, family.community)
    service.result(family.hospital, other, piece(15, scores(15)))
    return family, offer, other


def test_the_last_place_is_hers_to_whom_it_was_offered(service: Service) -> None:
    family, offer, other = two_and_one_place(service)
    assert service.states(other) == ("placing", [])
    assert service.alerts(other) == ["unplaced"]

    assert why(service.update(family.community, offer.id, "accepted")) == "accepted"
    service.chase(24 * HOUR)
    assert service.states(other) == ("placing", [])


@pytest.mark.parametrize("how", ["rejected", "completed"])
def test_a_place_that_nobody_has_any_more_goes_to_who_waits_for_it(service: Service, how: str) -> None:
    family, offer, other = two_and_one_place(service)
    if how == "completed":
        service.update(family.community, offer.id, "accepted")
    service.update(family.community, offer.id, how, "Not for us")
    service.chase(24 * HOUR)
    assert service.states(other) == ("offered", ["requested"])


def test_a_programme_that_has_fewer_places_by_now_may_take_whom_it_was_offered(service: Service) -> None:
    family, offer = service.offered(places=1)
    fewer = replace(family.programme, places=0)
    service.run(family.hospital, lambda tx: tx.programmes.put(fewer, service.now()))
    assert why(service.update(family.community, offer.id, "accepted")) == "accepted"


# The merge: what differs from the version that the sender had read was meant, and nothing else


def test_a_status_that_the_sender_did_not_change_is_not_an_intention(service: Service) -> None:
    """Read as accepted, moved on meanwhile, sent back as accepted with a note: the note is all that was meant."""
    family, offer = service.supported()
    service.update(family.community, offer.id, "in-progress", base_version=2)
    answer = service.update(
        family.community, offer.id, "accepted", base_version=2, business_status="Waiting for a match"
    )

    assert answer == Accepted("Task", offer.id, 4)
    (merged,) = service.offers(family.woman)
    assert (merged.state, merged.business_status) == ("in-progress", "Waiting for a match")


def test_a_status_that_the_service_changed_meanwhile_is_a_conflict(service: Service) -> None:
    family, offer = service.supported()
    service.withdraw(family)
    answer = service.update(family.community, offer.id, "in-progress", base_version=2)

    assert why(answer) == "changed-meanwhile"
    assert service.states(family.woman) == ("closed", ["cancelled"])


def test_what_is_there_already_is_no_new_version(service: Service) -> None:
    family, offer = service.supported()
    sent: dict[str, Any] = {"base_version": 2, "notes": (NOTE,), "outputs": (OUTPUT,), "business_status": "Matched"}
    assert service.update(family.community, offer.id, "accepted", **sent) == Accepted("Task", offer.id, 3)
    for base_version in (2, 3, None):
        again = service.update(family.community, offer.id, "accepted", **{**sent, "base_version": base_version})
        assert again == Repeated("Task", offer.id, 3)


def test_a_business_status_that_was_left_out_stays(service: Service) -> None:
    family, offer = service.supported()
    service.update(family.community, offer.id, "accepted", business_status="Matched")
    service.update(family.community, offer.id, "in-progress")
    assert service.offers(family.woman)[0].business_status == "Matched"


def test_notes_and_outputs_are_appended_once_and_a_note_alerts_a_clinician(service: Service) -> None:
    family, offer = service.supported()
    second: dict[str, object] = {"text": "Better."}
    service.update(family.community, offer.id, "accepted", notes=(NOTE,), outputs=(OUTPUT,))
    service.update(family.community, offer.id, "accepted", notes=(NOTE, second), outputs=(OUTPUT,))

    reports = service.rows("offer_report")
    assert [row["content"] for row in reports if row["element"] == "note"] == [NOTE, second]
    assert [row["content"] for row in reports if row["element"] == "output"] == [OUTPUT]
    assert service.alerts(family.woman) == ["escalation", "escalation"]
    assert [type for type, _, _ in service.owed(family.woman)].count("Communication") == 2
    assert service.states(family.woman) == ("supported", ["accepted"])


def test_a_note_is_heard_after_everything_is_over(service: Service) -> None:
    family, offer = service.supported()
    service.withdraw(family)
    answer = service.update(family.community, offer.id, "cancelled", notes=(NOTE,))

    assert why(answer) == "accepted"
    assert service.alerts(family.woman) == ["escalation"]
    assert service.states(family.woman) == ("closed", ["cancelled"])


def test_a_note_beside_a_refused_status_is_heard_all_the_same(service: Service) -> None:
    family, offer = service.supported()
    answer = service.update(family.community, offer.id, "rejected", reason="No", notes=(NOTE, NOTE))
    assert isinstance(answer, Refused)
    assert (answer.reason, answer.told) == ("transition-not-allowed", Told.HER_CLINICIAN_ALL_THE_SAME)
    assert service.alerts(family.woman) == ["escalation"]
    assert service.update(family.community, offer.id, "rejected", reason="No", notes=(NOTE,)) == answer
    assert service.alerts(family.woman) == ["escalation"]


def test_a_refused_task_that_brings_back_only_what_was_read_does_not_say_that_it_was_heard(service: Service) -> None:
    family, offer = service.supported()
    service.withdraw(family)
    read = service.offers(family.woman)[0]
    shown = Reported(LABELS, {"text": display_of(offer.id)}, Said((display_of(offer.id),)))
    reason = Reported(STATUS_REASON, {"text": read.status_reason}, Said((str(read.status_reason),)))
    received = Received("Task", body(), target_id=offer.id)
    message = ReceivedUpdate(received, offer.id, None, OfferState.COMPLETED, None, None, (), (shown, reason))
    answer = service.run(family.community, lambda tx: receive_update(tx, service.rules, message, NOW))
    assert isinstance(answer, Refused)
    assert answer.told is None
    assert service.alerts(family.woman) == []


def test_a_coded_concern_is_heard_as_urgently_as_it_says_also_beside_a_refused_status(service: Service) -> None:
    family, offer = service.offered()
    for code, content in ((Concern.OUTSIDE_ROLE, {"n": 1}), (Concern.HARM_TO_SELF, {"n": 2})):
        output = Reported("output", dict(content), Said((), frozenset({code})))
        received = Received("Task", body(), target_id=offer.id)
        message = ReceivedUpdate(received, offer.id, None, OfferState.COMPLETED, None, None, (), (output,))
        answer = service.run(family.community, lambda tx, m=message: receive_update(tx, service.rules, m, NOW))  # type: ignore[misc]
        assert why(answer) == "transition-not-allowed"
    assert [row["priority"] for row in service.rows("alert", code="escalation")] == ["routine", "urgent"]


# Words beside a status are heard as a note is

WANTS_TO_DIE = "she wants to die"
# what was sent to an accepted offer -> the priority of the one alert that it raises
BESIDE_A_STATUS: dict[str, tuple[dict[str, Any], str]] = {
    "the reason of a decision": ({"status": "failed", "reason": "No volunteer free"}, "routine"),
    "the reason of an end": ({"status": "completed", "reason": WANTS_TO_DIE}, "routine"),
    "a reason without a decision": ({"status": "accepted", "reason": WANTS_TO_DIE}, "urgent"),
    "a reason beside a refused decision": ({"status": "rejected", "reason": WANTS_TO_DIE}, "routine"),
    "a reason beside a stale version": (
        {"status": "completed", "reason": WANTS_TO_DIE, "expected_version": 9},
        "routine",
    ),
    "a business status": ({"status": "accepted", "business_status": WANTS_TO_DIE}, "routine"),
    "both": ({"status": "on-hold", "reason": "She is away", "business_status": "Waiting"}, "routine"),
    "a reason beside a note": ({"status": "failed", "reason": "No volunteer", "notes": (NOTE,)}, "urgent"),
}


@pytest.mark.parametrize("sent", BESIDE_A_STATUS.values(), ids=BESIDE_A_STATUS)
def test_words_beside_a_status_are_heard_once_whatever_becomes_of_it(
    service: Service, sent: tuple[dict[str, Any], str]
) -> None:
    what, priority = sent[0], sent[1]
    family, offer = service.supported()
    for _ in range(3):
        service.update(family.community, offer.id, base_version=offer.version, **what)
    assert service.alert(family.woman, "escalation")["priority"] == priority
    said = [text for row in service.rows("escalation") for text in row["said"]["texts"]]
    written = [each["text"] for each in what.get("notes", ())]
    assert said == [*written, *(what[name] for name in ("reason", "business_status") if name in what)]


@pytest.mark.parametrize(
    ("said", "priority"),
    [
        (Said((WANTS_TO_DIE,), called=Priority.URGENT), "urgent"),
        (Said((), frozenset({Concern.HARM_TO_SELF})), "urgent"),
        (Said((), frozenset({Concern.OUTSIDE_ROLE})), "routine"),
    ],
)
def test_the_reason_of_a_decision_is_urgent_when_it_is_called_so(service: Service, said: Said, priority: str) -> None:
    family, offer = service.supported()
    reason = Reported(STATUS_REASON, {"text": WANTS_TO_DIE}, said)
    received = Received("Task", body(), target_id=offer.id)
    message = ReceivedUpdate(received, offer.id, None, OfferState.FAILED, WANTS_TO_DIE, None, (), (reason,))
    assert why(service.run(family.community, lambda tx: receive_update(tx, service.rules, message, NOW))) == "accepted"
    assert service.alert(family.woman, "escalation")["priority"] == priority


def test_what_a_programme_had_read_beside_the_status_is_no_word_of_its_own(service: Service) -> None:
    """A code alone is shown as text and comes back with the whole Task, also from a version that is not the newest."""
    family, offer = service.supported()
    received = Received("Task", body(), target_id=offer.id)
    coded = ReceivedUpdate(received, offer.id, None, OfferState.ACCEPTED, None, "5.1", (), ())
    service.run(family.community, lambda tx: receive_update(tx, service.rules, coded, NOW))
    (shown,) = service.offers(family.woman)
    service.update(family.community, offer.id, "in-progress", business_status="Matched", base_version=shown.version)
    assert service.alerts(family.woman) == ["escalation"]
    service.update(family.community, offer.id, "in-progress", business_status="5.1", base_version=shown.version)
    assert service.alerts(family.woman) == ["escalation"]


def test_the_words_of_a_reason_are_heard_from_a_tombstone_and_move_nothing(service: Service) -> None:
    family, offer = service.supported()
    service.withdraw(family)
    answer = service.update(family.community, offer.id, "completed", WANTS_TO_DIE, base_version=offer.version)
    assert why(answer) == "changed-meanwhile"
    assert service.alert(family.woman, "escalation")["priority"] == "routine"
    assert service.states(family.woman) == ("closed", ["cancelled"])
