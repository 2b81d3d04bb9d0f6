"""A programme tells a clinician that it is worried: in any state, once, and to one hospital only."""

import hashlib
from datetime import timedelta
from typing import Any

import pytest

from service.flow.answer import Accepted, Repeated, Told
from service.flow.answer_alert import ReceivedAnswer, answer_alert
from service.flow.hear_words import Words
from service.flow.keep_unreadable import Unreadable
from service.flow.receive_communication import Kept, ReceivedCommunication, receive_communication
from service.flow.receive_unreadable import UnreadableWords, receive_unreadable
from service.flow.received import Identifier, Naming, Received
from service.referrals.alert import MOST_UNSEEN, AlertState, Practitioner
from service.referrals.escalation import Concern, Said
from service.referrals.offer import Offer, display_of
from service.screening.instrument import Priority
from service.shared.caller import Caller, the_service
from service.shared.ids import new_id
from tests.flow.support import DAY, HOUR, Family, Service, body, second_woman

WORDS = Said(("She sounded very low today.",))
NAME = Identifier("urn:programme", "message-1")
NUMBER = "+44 20 7946 0000"


def tell(
    service: Service,
    caller: Caller,
    *ids: str,
    said: Said = WORDS,
    names: tuple[Identifier, ...] = (),
    content: bytes | None = None,
    displays: frozenset[str] = frozenset(),
) -> Kept:
    content = content or body()
    fingerprint = hashlib.sha256(content).hexdigest()
    naming = Naming(frozenset(ids), displays)
    message = ReceivedCommunication(Received("Communication", content, names), naming, said, fingerprint)
    return service.run(caller, lambda tx: receive_communication(tx, service.rules, message, service.now()))


def acknowledge(service: Service, family: Family, alert_id: str, role: str | None = "Midwife") -> None:
    seen = ReceivedAnswer(
        Received("Task", body(), target_id=alert_id), alert_id, AlertState.ACKNOWLEDGED, Practitioner("A. Test", role)
    )
    answer = service.run(family.hospital, lambda tx: answer_alert(tx, service.rules, seen, service.now()))
    assert isinstance(answer, Accepted)


def told_of(service: Service, offer: Offer) -> list[Any]:
    found = service.read(the_service(""), lambda tx: tx.escalations.answered([offer.id]))
    return found.get(offer.id, [])


@pytest.mark.parametrize("by", ["Task", "Patient", "ServiceRequest", "Consent", "Observation"])
def test_what_is_told_is_an_urgent_alert_to_the_hospital_of_the_offer(service: Service, by: str) -> None:
    family, offer = service.supported()
    handles = offer.handles
    ids = {
        "Task": offer.id,
        "Patient": handles.patient,
        "ServiceRequest": handles.service_request,
        "Consent": handles.consent,
        "Observation": handles.observation,
    }
    kept = tell(service, family.community, offer.tenant_id, ids[by])
    assert isinstance(kept.answer, Accepted)
    assert kept.told is Told.HER_CLINICIAN
    alert = service.alert(family.woman, "escalation")
    assert (alert["tenant_id"], alert["priority"], alert["referral_id"]) == (
        family.hospital.organisation_id,
        "urgent",
        offer.referral_id,
    )
    assert ("Communication", alert["id"], 1) in service.owed(family.woman)
    ((escalation, raised),) = told_of(service, offer)
    assert (escalation.id, escalation.said, raised.id) == (kept.answer.id, WORDS, alert["id"])


STATES = {
    "offered": (),
    "rejected": ("rejected",),
    "accepted": ("accepted",),
    "in-progress": ("accepted", "in-progress"),
    "on-hold": ("accepted", "on-hold"),
    "completed": ("accepted", "completed"),
    "failed": ("accepted", "failed"),
    "cancelled": ("accepted", "cancelled"),
}


@pytest.mark.parametrize("state", STATES)
def test_it_is_heard_in_every_state_of_the_offer(service: Service, state: str) -> None:
    family, offer = service.offered()
    for status in STATES[state]:
        service.update(family.community, offer.id, status, "As agreed.")
    before = service.alerts(family.woman).count("escalation")
    assert tell(service, family.community, offer.id).told is Told.HER_CLINICIAN
    assert service.alerts(family.woman).count("escalation") == before + 1


def test_it_is_heard_after_a_withdrawal_and_when_its_tombstone_is_gone(service: Service) -> None:
    family, offer = service.supported()
    service.withdraw(family)
    assert tell(service, family.community, offer.id).told is Told.HER_CLINICIAN
    service.pass_time(400 * DAY)
    service.run(the_service(new_id()), lambda tx: tx.tidy(service.now(), service.rules))
    assert service.poll(family.community) == []
    assert tell(service, family.community, offer.handles.patient).told is Told.HER_CLINICIAN
    service.update(family.community, offer.id, "completed", notes=({"text": "She rang me again."},))
    assert service.alerts(family.woman).count("escalation") == 3


@pytest.mark.parametrize(
    ("said", "priority"),
    [
        (Said(("x",)), "urgent"),
        (Said(("x",), called=Priority.ROUTINE), "routine"),
        (Said(("x",), called=Priority.URGENT), "urgent"),
        (Said((), frozenset({Concern.OUTSIDE_ROLE})), "routine"),
        (Said((), frozenset({Concern.OUTSIDE_ROLE, Concern.GETTING_WORSE})), "urgent"),
        (Said((), frozenset({Concern.HARM_TO_SELF}), Priority.ROUTINE), "urgent"),
        (Said(), "urgent"),
    ],
)
def test_the_alert_is_as_urgent_as_what_was_said(service: Service, said: Said, priority: str) -> None:
    family, offer = service.supported()
    tell(service, family.community, offer.id, said=said)
    alert = service.alert(family.woman, "escalation")
    minutes = service.rules.policy(offer.tenant_id).acknowledge_within_minutes[Priority(priority)]
    assert (alert["priority"], (alert["due_at"] - alert["raised_at"]).total_seconds()) == (priority, minutes * 60)


def test_the_same_message_is_told_once(service: Service) -> None:
    family, offer = service.supported()
    first = tell(service, family.community, offer.id, names=(NAME,))
    again = tell(service, family.community, offer.id, names=(NAME,))  # the same words in other bytes
    assert again.answer == Repeated("Communication", first.answer.id, 1)
    unnamed = tell(service, family.community, offer.id, content=b'{"no": "name"}')
    assert tell(service, family.community, offer.id, content=b'{"no": "name"}').answer == Repeated(
        "Communication", unnamed.answer.id, 1
    )
    assert service.alerts(family.woman) == ["escalation"] * 2


def test_the_same_bytes_without_a_name_are_heard_anew_on_another_day(service: Service) -> None:
    family, offer = service.supported()
    tell(service, family.community, offer.id, content=b'{"no": "name"}')
    service.pass_time(DAY + HOUR)
    assert isinstance(tell(service, family.community, offer.id, content=b'{"no": "name"}').answer, Accepted)
    assert service.alerts(family.woman) == ["escalation"] * 2


def test_other_words_under_a_known_identifier_are_heard_all_the_same(service: Service) -> None:
    family, offer = service.supported()
    first = tell(service, family.community, offer.id, names=(NAME,))
    other = tell(service, family.community, offer.id, names=(NAME,), said=Said(("Now she is worse.",)))
    assert (other.identifier_taken, isinstance(other.answer, Accepted)) == (True, True)
    assert other.answer.id != first.answer.id
    assert len(told_of(service, offer)) == 2


def test_what_names_two_women_is_told_to_both_clinics_without_a_word_of_it(service: Service) -> None:
    family, offer = service.supported(telephone=NUMBER)
    hospital, woman, other = second_woman(service, family)
    kept = tell(service, family.community, offer.id, other.handles.patient)
    assert (kept.told, isinstance(kept.answer, Accepted)) == (Told.SEVERAL_CLINICS, True)
    for caller, her in ((family.hospital, family.woman), (hospital, woman)):
        alert = service.alert(her, "unreadable-words")
        assert (alert["tenant_id"], alert["telephone"]) == (caller.organisation_id, NUMBER)
    assert service.rows("escalation") == []


def test_a_woman_of_another_programme_is_not_this_ones_to_name(service: Service) -> None:
    family, offer = service.supported()
    other_family, other = service.supported()
    assert tell(service, family.community, offer.id, other.id).told is Told.HER_CLINICIAN
    assert service.alerts(other_family.woman) == []


def unnamed(service: Service, hospital: Caller) -> list[dict[str, Any]]:
    return service.rows("alert", tenant_id=hospital.organisation_id, code="unnamed-words")


def words_of(service: Service, alert: dict[str, Any]) -> Said | None:
    return service.read(the_service(""), lambda tx: tx.escalations.behind([alert["id"]])[alert["id"]].said)


def test_what_names_no_offer_of_the_caller_is_told_to_the_one_hospital_it_works_with(service: Service) -> None:
    family, _ = service.supported(telephone="+44 20 7946 0000")
    for number, about in enumerate(((), (new_id(),)), 1):
        kept = tell(service, family.community, *about)
        assert (kept.told, isinstance(kept.answer, Accepted)) == (Told.THE_ONE_HOSPITAL, True)
        alert = unnamed(service, family.hospital)[-1]
        assert len(unnamed(service, family.hospital)) == number
        assert (alert["patient_id"], alert["referral_id"], alert["priority"]) == (None, None, "urgent")
        assert words_of(service, alert) == WORDS
        owed = service.rows("delivery", resource_id=alert["id"])
        assert sorted(row["resource_type"] for row in owed) == ["AlertTask", "Communication"]
        (told,) = service.rows("escalation", alert_id=alert["id"])
        assert (told["id"], told["offer_id"], told["programme_id"]) == (kept.answer.id, None, family.programme.id)
    assert service.alerts(family.woman) == []


def test_several_hospitals_are_asked_to_ring_and_none_reads_a_word(service: Service) -> None:
    family, _ = service.supported()
    hospital, _, _ = second_woman(service, family)
    stranger, _ = service.supported()
    kept = tell(service, family.community, said=Said(("Not urgent.",), called=Priority.ROUTINE))
    assert kept.told is Told.EVERY_HOSPITAL
    for caller in (family.hospital, hospital):
        (alert,) = unnamed(service, caller)
        assert (alert["priority"], words_of(service, alert)) == ("routine", None)
    assert unnamed(service, stranger.hospital) == []


# what became of the only offer -> whether its hospital may still be meant 89 and 91 days later
OVER = {"rejected": (True, False), "completed": (True, False), "failed": (True, False), "accepted": (True, True)}


@pytest.mark.parametrize("status", OVER)
def test_a_hospital_may_be_meant_for_as_long_as_a_tombstone_is_kept(service: Service, status: str) -> None:
    family, offer = service.offered()
    for each in {"accepted": ("accepted",), "rejected": ("rejected",)}.get(status, ("accepted", status)):
        service.update(family.community, offer.id, each, "As agreed.")
    heard = []
    for days in (89, 2):
        service.pass_time(days * DAY)
        heard.append(tell(service, family.community).told is Told.THE_ONE_HOSPITAL)
    assert tuple(heard) == OVER[status]


def test_what_could_be_about_no_hospitals_patient_is_kept_for_the_operator(service: Service) -> None:
    community = service.community()
    kept = tell(service, community)
    assert (kept.told, isinstance(kept.answer, Accepted)) == (Told.THE_OPERATOR_MUST_BE, True)
    assert service.rows("resource_version", type="Communication", id=kept.answer.id) != []
    family, offer = service.supported()
    assert tell(service, service.community(), offer.id).told is Told.THE_OPERATOR_MUST_BE
    assert service.alerts(family.woman) == []


@pytest.mark.parametrize("names", [(), (NAME,)], ids=["without an identifier", "with one"])
def test_what_names_nobody_is_told_once_and_the_same_bytes_anew_on_another_day(
    service: Service, names: tuple[Identifier, ...]
) -> None:
    family, _ = service.supported()
    content = body()
    first, again = (tell(service, family.community, names=names, content=content) for _ in range(2))
    assert again == Kept(Repeated("Communication", first.answer.id, 1), Told.THE_ONE_HOSPITAL)
    assert len(unnamed(service, family.hospital)) == 1
    service.pass_time(DAY)
    later = tell(service, family.community, names=names, content=content)
    assert isinstance(later.answer, Repeated if names else Accepted)


def test_the_same_bytes_are_the_same_for_a_day_also_past_midnight_and_then_nothing_is_kept_of_them(
    service: Service,
) -> None:
    family, _ = service.supported()
    before = len(service.rows("alias"))
    service.pass_time(timedelta(hours=23 - service.now().hour, minutes=59 - service.now().minute))
    for passed, told in ((0 * HOUR, 1), (HOUR, 1), (22 * HOUR, 1), (HOUR, 2)):
        service.pass_time(passed)
        tell(service, family.community, content=b"{}")
        assert len(unnamed(service, family.hospital)) == told
    assert len(service.rows("alias")) == before
    service.pass_time(7 * DAY)
    service.run(the_service(new_id()), lambda tx: tx.tidy(service.now(), service.rules))
    assert service.rows("message_control") == []


def test_a_referral_called_as_it_is_displayed_is_found_among_the_senders_own(service: Service) -> None:
    family, offer = service.supported()
    kept = tell(service, family.community, displays=frozenset({display_of(offer.id)}))
    assert kept.told is Told.HER_CLINICIAN_BY_HANDLE
    assert service.alerts(family.woman) == ["escalation"]
    stranger = tell(service, service.community(), displays=frozenset({display_of(offer.id)}))
    assert stranger.told is Told.THE_OPERATOR_MUST_BE
    assert service.alerts(family.woman) == ["escalation"]


@pytest.mark.parametrize("refers", [True, False])
def test_another_woman_whom_its_words_call_by_her_handle_is_heard_of_too(service: Service, refers: bool) -> None:
    family, offer = service.supported()
    hospital, woman, other = second_woman(service, family)
    displays = frozenset({display_of(offer.id), display_of(other.id)})
    kept = tell(service, family.community, *([offer.id] if refers else []), displays=displays)
    assert (kept.told, isinstance(kept.answer, Accepted)) == (Told.SEVERAL_CLINICS, True)
    for caller, her in ((family.hospital, family.woman), (hospital, woman)):
        alert = service.alert(her, "unreadable-words")
        assert (alert["tenant_id"], alert["priority"]) == (caller.organisation_id, "urgent")
    # Neither hospital reads how the other's patient is called.
    assert service.rows("escalation") == []


def test_the_handle_of_a_woman_it_refers_to_or_of_nobody_calls_no_other(service: Service) -> None:
    family, offer = service.supported()
    _, strangers = service.supported()
    displays = frozenset({display_of(offer.id), display_of(strangers.id)})
    assert tell(service, family.community, offer.id, displays=displays).told is Told.HER_CLINICIAN
    assert service.alerts(family.woman) == ["escalation"]


def test_an_answer_to_an_earlier_message_is_about_the_same_woman(service: Service) -> None:
    family, offer = service.supported()
    first = tell(service, family.community, offer.id)
    assert tell(service, family.community, first.answer.id).told is Told.HER_CLINICIAN
    stranger = tell(service, service.community(), first.answer.id)
    assert stranger.told is Told.THE_OPERATOR_MUST_BE


def test_what_became_of_it_shows_on_the_task_and_brings_it_to_the_next_poll(service: Service) -> None:
    family, offer = service.supported()
    tell(service, family.community, offer.id)
    (seen,) = service.poll(family.community)
    assert seen.version == offer.version + 1
    service.pass_time(HOUR)
    acknowledge(service, family, service.alert(family.woman, "escalation")["id"])
    (answered,) = service.poll(family.community)
    assert answered.version == seen.version + 1
    ((_, alert),) = told_of(service, offer)
    assert (alert.acknowledged_at, alert.acknowledged_by_role) == (service.now(), "Midwife")


def test_an_alert_that_no_programme_raised_moves_no_task_when_it_is_answered(service: Service) -> None:
    family, offer = service.supported()
    service.update(family.community, offer.id, "cancelled", "We have nobody.")
    (before,) = service.poll(family.community)
    acknowledge(service, family, service.alert(family.woman, "returned")["id"])
    assert service.poll(family.community) == [before]


def test_whoever_acknowledged_first_stays_the_one_who_did(service: Service) -> None:
    family, offer = service.supported()
    tell(service, family.community, offer.id)
    alert_id = service.alert(family.woman, "escalation")["id"]
    acknowledge(service, family, alert_id, "Midwife")
    before = service.now()
    service.pass_time(HOUR)
    alert = service.read(the_service(""), lambda tx: tx.alerts.get(alert_id))
    assert alert.seen_by(Practitioner(None, "Consultant"), service.now()) == alert
    assert (alert.acknowledged_by_role, alert.acknowledged_at) == ("Midwife", before)


def test_a_message_that_calls_another_woman_is_told_once(service: Service) -> None:
    family, offer = service.supported()
    _, woman, other = second_woman(service, family)
    displays = frozenset({display_of(other.id)})
    first, again = (
        tell(service, family.community, offer.id, names=(NAME,), content=b"{}", displays=displays) for _ in range(2)
    )
    assert again.answer == Repeated("Communication", first.answer.id, 1)
    assert service.alerts(family.woman) == service.alerts(woman) == ["unreadable-words"]


# What is no JSON


def tell_unread(
    service: Service, caller: Caller, *ids: str, displays: frozenset[str] = frozenset(), content: str = "a body"
) -> Told:
    unreadable = Unreadable(new_id(), b"sealed", "", "structure", type="Communication")
    message = UnreadableWords(unreadable, Words("Communication", WORDS, Naming(frozenset(ids), displays), content))
    return service.run(caller, lambda tx: receive_unreadable(tx, service.rules, message, service.now()))


def test_what_is_unreadable_and_names_an_offer_is_for_her_clinician_who_rings(service: Service) -> None:
    family, offer = service.supported(telephone=NUMBER)
    unknown = new_id()
    for _ in range(3):
        assert tell_unread(service, family.community, unknown, offer.id) is Told.HER_CLINICIAN_UNREAD
    alert = service.alert(family.woman, "unreadable-words")  # one of the same body
    assert (alert["priority"], alert["tenant_id"]) == ("urgent", family.hospital.organisation_id)
    assert alert["telephone"] == NUMBER
    assert len(service.rows("unreadable_message", tenant_id=family.community.organisation_id)) == 3
    displays = frozenset({display_of(offer.id)})
    assert tell_unread(service, family.community, displays=displays, content="another") is Told.HER_CLINICIAN_UNREAD
    assert service.alerts(family.woman) == ["unreadable-words"] * 2
    service.pass_time(DAY)
    tell_unread(service, family.community, offer.id)
    assert service.alerts(family.woman) == ["unreadable-words"] * 3


def test_of_a_flood_of_unreadable_messages_the_last_alert_counts_and_one_that_was_seen_makes_room(
    service: Service,
) -> None:
    family, offer = service.supported(telephone=NUMBER)
    _, woman, other = second_woman(service, family)

    def waiting() -> list[int]:
        alerts = service.rows("alert", patient_id=family.woman, code="unreadable-words", state="open")
        return sorted(row["times"] for row in alerts)

    for number in range(MOST_UNSEEN + 3):
        tell_unread(service, family.community, offer.id, content=f"body {number}")
    assert waiting() == [1] * (MOST_UNSEEN - 1) + [4]
    # It hides neither another woman nor what comes once somebody has looked.
    tell_unread(service, family.community, other.id, content="body 0")
    assert service.alerts(woman) == ["unreadable-words"]
    acknowledge(service, family, service.rows("alert", patient_id=family.woman, times=4)[0]["id"])
    tell_unread(service, family.community, offer.id, content="one more")
    assert waiting() == [1] * MOST_UNSEEN


def test_of_two_programmes_that_wrote_each_is_to_be_rung(service: Service) -> None:
    family, declined = service.offered(telephone=NUMBER)
    elsewhere, (district,) = service.community(), family.programme.districts
    service.programme(elsewhere, districts=frozenset({district}), telephone="+44 20 7946 0001")
    service.consent(family.hospital, family.woman, elsewhere)
    service.update(family.community, declined.id, "rejected", "No place")
    for _ in range(2):
        tell_unread(service, family.community, declined.id)
        tell_unread(service, elsewhere, service.offers(family.woman)[-1].id)
    asked = service.rows("alert", patient_id=family.woman, code="unreadable-words")
    assert sorted(row["telephone"] for row in asked) == [NUMBER, "+44 20 7946 0001"]


def test_what_is_unreadable_and_names_nobody_is_put_to_the_one_hospital_once_a_day(service: Service) -> None:
    family, offer = service.supported()
    stranger = service.community()
    for _ in range(3):
        assert tell_unread(service, family.community) is Told.THE_ONE_HOSPITAL
    (alert,) = service.rows("alert", code="unnamed-words", tenant_id=family.hospital.organisation_id)
    assert alert["priority"] == "urgent"
    (kept,) = service.rows("escalation", alert_id=alert["id"])
    assert kept["said"]["texts"] == list(WORDS.texts)
    assert service.alerts(family.woman) == []
    assert tell_unread(service, stranger, offer.id) is Told.THE_OPERATOR_MUST_BE
    assert service.alerts(family.woman) == []
