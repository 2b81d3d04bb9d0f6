"""A hospital makes a woman known, or says something new about her."""

from datetime import date
from typing import Any

import pytest

from service.flow.answer import Accepted, Repeated
from service.flow.hear_event import ReceivedEvent, hear_event
from service.flow.identify import claim_own_id
from service.flow.receive_alone import receive_patient
from service.flow.received import Identifier, Received, Reference
from service.flow.register_patient import ReceivedPatient, register_patient
from service.referrals.life_event import LifeEvent
from service.referrals.patient import PatientFacts
from tests.flow.support import FACTS, NOW, Service, body, piece, scores, why
from tests.flow.test_review_alert import review

NAME, OTHER_NAME, THIRD_NAME = (Identifier("urn:hospital", value) for value in ("1", "2", "3"))


def test_she_is_created_once_and_her_body_is_kept_byte_for_byte(service: Service) -> None:
    hospital = service.hospital()
    answer = service.register(hospital, FACTS, NAME, content=b'{ "a": 1.50 }')

    assert isinstance(answer, Accepted)
    assert (answer.version, answer.created) == (1, True)
    (version,) = service.rows("resource_version", type="Patient", id=answer.id)
    assert version["stamp"] == int(NOW.timestamp() * 1000)
    assert service.rows("inbound_message", id=version["message_id"])[0]["body"] == b'{ "a": 1.50 }'


def test_the_same_registration_again_is_the_same_woman(service: Service) -> None:
    hospital = service.hospital()
    first, again = (service.register(hospital, FACTS, NAME, content=b"{}") for _ in range(2))
    assert isinstance(first, Accepted)
    assert again == Repeated("Patient", first.id, 1)


def test_another_registration_under_a_known_identifier_is_refused(service: Service) -> None:
    hospital = service.hospital()
    service.register(hospital, FACTS, NAME)
    assert why(service.register(hospital, FACTS._replace(language="cy"), NAME)) == "different-under-same-identifier"
    assert [row["language"] for row in service.rows("patient")] == ["en"]


def test_a_conditional_create_of_a_woman_who_is_known_changes_nothing(service: Service) -> None:
    hospital = service.hospital()
    first = service.register(hospital, FACTS, NAME)
    assert isinstance(first, Accepted)
    again = service.register(hospital, FACTS._replace(language="cy"), NAME, condition=NAME)
    assert again == Repeated("Patient", first.id, 1)
    assert [row["language"] for row in service.rows("patient")] == ["en"]


@pytest.mark.parametrize("by", ["identifier", "id"])
def test_an_update_is_the_next_version_of_the_same_woman(service: Service, by: str) -> None:
    hospital = service.hospital()
    first = service.register(hospital, FACTS, NAME)
    assert isinstance(first, Accepted)
    changed = FACTS._replace(language="cy")
    if by == "id":
        answer = service.register(hospital, changed, updates=True, target_id=first.id, content=b"{}")
        again = service.register(hospital, changed, updates=True, target_id=first.id, content=b"{}")
    else:
        answer = service.register(hospital, changed, NAME, updates=True, content=b"{}")
        again = service.register(hospital, changed, NAME, updates=True, content=b"{}")

    assert answer == Accepted("Patient", first.id, 2)
    assert again == Repeated("Patient", first.id, 2)
    assert [row["language"] for row in service.rows("patient")] == ["cy"]
    assert [row["version"] for row in service.rows("resource_version", type="Patient")] == [1, 2]


def test_an_update_by_an_unknown_identifier_creates(service: Service) -> None:
    answer = service.register(service.hospital(), FACTS, NAME, updates=True)
    assert isinstance(answer, Accepted)
    assert answer.created


def test_a_stale_update_is_refused(service: Service) -> None:
    hospital = service.hospital()
    service.register(hospital, FACTS, NAME)
    service.register(hospital, FACTS, NAME, updates=True)
    assert why(service.register(hospital, FACTS, NAME, updates=True, expected_version=1)) == "version-stale"
    assert why(service.register(hospital, FACTS, NAME, updates=True, expected_version=2)) == "accepted"


def test_a_woman_of_another_hospital_is_not_found_and_her_identifier_means_somebody_else_there(
    service: Service,
) -> None:
    hospital, other = service.hospital(), service.hospital()
    first = service.register(hospital, FACTS, NAME)
    assert isinstance(first, Accepted)
    assert why(service.register(other, FACTS, target_id=first.id, updates=True)) == "not-found"
    second = service.register(other, FACTS, NAME)
    assert isinstance(second, Accepted)
    assert second.id != first.id


@pytest.mark.parametrize("updates", [False, True], ids=["POST", "PUT"])
def test_numbers_of_two_women_pause_contact_with_both(service: Service, updates: bool) -> None:
    family, _ = service.supported()
    for woman, name in ((family.woman, NAME), (service.woman(family.hospital), OTHER_NAME)):
        service.register(family.hospital, FACTS, name, target_id=woman, updates=True)
    women = [row["id"] for row in service.rows("patient", tenant_id=family.hospital.organisation_id)]
    for _ in range(2):
        both = service.register(family.hospital, FACTS._replace(language="cy"), NAME, OTHER_NAME, updates=updates)
        assert why(both) == "identity-conflict"

    # What nobody has seen yet is not said again.
    assert [service.alerts(woman) for woman in women] == [["identity-conflict"]] * 2
    assert service.states(family.woman) == ("on-hold", ["held-by-service"])
    assert [row["language"] for row in service.rows("patient")] == ["en", "en"]


BORN = date(1994, 5, 6)
HERSELF = FACTS._replace(birth_date=BORN, gender="female")


@pytest.mark.parametrize(
    ("says", "doubted"),
    [
        ({"preferred_name": "Grace"}, False),
        ({"birth_date": date(1994, 6, 5)}, False),
        ({"preferred_name": None, "birth_date": date(1994, 6, 5)}, False),
        ({"preferred_name": " ADA", "birth_date": date(1994, 6, 5)}, False),
        ({"gender": None}, False),
        ({"preferred_name": "Grace", "birth_date": date(1990, 1, 2)}, True),
        ({"gender": "male"}, True),
    ],
)
def test_an_update_that_may_be_about_somebody_else_pauses_contact(
    service: Service, says: dict[str, Any], doubted: bool
) -> None:
    family, _ = service.supported()
    service.register(family.hospital, HERSELF, target_id=family.woman, updates=True)
    answer = service.register(family.hospital, HERSELF._replace(**says), target_id=family.woman, updates=True)

    assert why(answer) == "accepted"
    held = ("on-hold", ["held-by-service"]) if doubted else ("supported", ["accepted"])
    assert service.states(family.woman) == held
    assert service.alerts(family.woman) == (["identity-conflict"] if doubted else [])


@pytest.mark.parametrize("condition", [None, NAME])
@pytest.mark.parametrize(
    ("says", "told"),
    [
        ({"birth_date": date(1985, 5, 5)}, ["identity-conflict"]),
        ({"birth_date": date(1985, 5, 5), "deceased": True}, ["identity-conflict", "unnamed-event"]),
        ({"gender": "male"}, ["identity-conflict"]),
        ({"preferred_name": "Grace"}, []),
    ],
)
def test_a_registration_under_her_number_of_somebody_born_on_another_day_pauses_contact(
    service: Service, says: dict[str, Any], told: list[str], condition: Identifier | None
) -> None:
    family, _ = service.supported()
    hospital = family.hospital
    service.register(hospital, HERSELF, NAME, target_id=family.woman, updates=True)
    message = ReceivedPatient(Received("Patient", body(), (NAME,), condition), HERSELF._replace(**says), updates=False)
    for _ in range(2):
        answer = service.run(hospital, lambda tx: receive_patient(tx, service.rules, message, service.now()))
        other = "repeated" if condition else "different-under-same-identifier"
        assert why(answer) == ("identity-conflict" if told else other)
    assert service.states(family.woman)[0] == ("on-hold" if told else "supported")
    alerts = [(each["code"], each["topic"]) for each in service.rows("alert", tenant_id=hospital.organisation_id)]
    numbers = {"identity-conflict": None, "unnamed-event": "1 (urn:hospital)"}
    assert alerts == [(each, numbers[each]) for each in told]


@pytest.mark.parametrize("condition", [None, NAME])
def test_a_death_in_a_registration_of_which_nothing_is_used_pauses_contact_once_when_it_is_hers(
    service: Service, condition: Identifier | None
) -> None:
    """With a condition it is no refusal: she is known."""
    family, _ = service.supported()
    hospital = family.hospital
    service.register(hospital, HERSELF, NAME, target_id=family.woman, updates=True)
    died = HERSELF._replace(birth_date=None, deceased=True)
    message = ReceivedPatient(Received("Patient", body(), (NAME,), condition), died, updates=False)
    for _ in range(2):
        answer = service.run(hospital, lambda tx: receive_patient(tx, service.rules, message, service.now()))
        assert why(answer) == ("repeated" if condition else "different-under-same-identifier")
    assert service.states(family.woman)[0] == "on-hold"
    assert service.alerts(family.woman) == ["safety-event"]
    assert not service.run(hospital, lambda tx: tx.patients.lock(family.woman)).facts.deceased


@pytest.mark.parametrize("event", [False, True], ids=["in her Patient", "in an event of its own"])
def test_a_death_that_may_be_somebody_elses_pauses_contact_and_ends_nothing_until_that_is_answered(
    service: Service, event: bool
) -> None:
    family, _ = service.supported()
    hospital, woman = family.hospital, family.woman
    service.register(hospital, HERSELF, target_id=woman, updates=True)
    another = HERSELF._replace(preferred_name="Grace", birth_date=date(1950, 1, 2))

    def say(facts: PatientFacts) -> None:
        told = facts if event else facts._replace(deceased=True)
        service.register(hospital, told, target_id=woman, updates=True)
        died = ReceivedEvent(
            Received("Patient", b""), Reference("Patient", woman), LifeEvent.WOMAN_DIED, NOW.date(), frozenset({"A1"})
        )
        if event:
            service.run(hospital, lambda tx: hear_event(tx, service.rules, died, service.now()))

    for _ in range(2):
        say(another)
        assert service.states(woman) == ("on-hold", ["held-by-service"])
        assert service.alerts(woman) == ["identity-conflict", "safety-event"]
        assert not service.run(hospital, lambda tx: tx.patients.lock(woman)).facts.deceased
    for code in ("identity-conflict", "safety-event"):
        assert why(review(service, family, code)) == "accepted"
    assert service.states(woman) == ("supported", ["in-progress"])
    say(another)
    assert service.states(woman) == ("closed", ["cancelled"])
    assert service.referral(woman).reason == "woman-died"


def test_a_death_that_may_be_somebody_elses_lets_a_later_referral_begin_with_a_clinician(service: Service) -> None:
    family = service.family()
    service.register(family.hospital, HERSELF, target_id=family.woman, updates=True)
    died = HERSELF._replace(gender="male", deceased=True)
    service.register(family.hospital, died, target_id=family.woman, updates=True)
    assert service.alerts(family.woman) == ["identity-conflict"]
    service.result(family.hospital, family.woman, piece(15, scores(15)))
    assert service.states(family.woman) == ("on-hold", [])
    assert service.alerts(family.woman) == ["identity-conflict", "safety-event"]


def test_a_second_identifier_is_learnt_and_then_means_her(service: Service) -> None:
    hospital = service.hospital()
    first = service.register(hospital, FACTS, NAME)
    service.register(hospital, FACTS, NAME, OTHER_NAME, updates=True)
    answer = service.register(hospital, FACTS, OTHER_NAME, updates=True)
    assert isinstance(first, Accepted)
    assert answer == Accepted("Patient", first.id, 3)


def test_an_update_of_one_woman_that_names_another_teaches_nothing(service: Service) -> None:
    """Else the new identifier in it would from then on stand for the wrong one of the two."""
    hospital = service.hospital()
    service.register(hospital, FACTS, NAME)
    second = service.register(hospital, FACTS, OTHER_NAME)
    assert isinstance(second, Accepted)
    refused = service.register(hospital, FACTS, NAME, THIRD_NAME, updates=True, target_id=second.id)

    assert why(refused) == "identity-conflict"
    assert [row["value"] for row in service.rows("alias")] == ["1", "2"]


@pytest.mark.parametrize("accepted", [False, True], ids=["offered", "supported"])
def test_her_death_closes_the_referral_and_cancels_every_offer(service: Service, accepted: bool) -> None:
    family, offer = service.supported() if accepted else service.offered()
    service.register(family.hospital, FACTS._replace(deceased=True), target_id=family.woman, updates=True)

    assert service.states(family.woman) == ("closed", ["cancelled"])
    assert service.referral(family.woman).reason == "woman-died"
    (view,) = service.disclose(family.community, offer)
    assert (view.stage, view.preferred_name, view.channel) == ("over", None, None)


@pytest.mark.parametrize("accepted", [False, True], ids=["offered", "supported"])
def test_that_she_is_alive_after_all_opens_nothing_again(service: Service, accepted: bool) -> None:
    family, _ = service.supported() if accepted else service.offered()
    for deceased in (True, False):
        service.register(family.hospital, FACTS._replace(deceased=deceased), target_id=family.woman, updates=True)

    assert service.states(family.woman) == ("closed", ["cancelled"])
    assert service.referral(family.woman).reason == "woman-died"
    service.consent(family.hospital, family.woman, family.community, given_at=service.now())
    assert service.states(family.woman) == ("closed", ["cancelled"])


def test_an_id_that_may_mean_another_woman_pauses_hers(service: Service) -> None:
    family, _ = service.supported()
    service.run(family.hospital, lambda tx: claim_own_id(tx, "Patient", "her-id", family.woman))
    message = ReceivedPatient(Received("Patient", body(), (THIRD_NAME,)), FACTS, updates=False, own_id="her-id")
    refused = service.run(family.hospital, lambda tx: register_patient(tx, service.rules, message, service.now()))

    assert why(refused) == "identity-conflict"
    assert service.states(family.woman) == ("on-hold", ["held-by-service"])
    assert service.alerts(family.woman) == ["identity-conflict"]
    assert service.alert(family.woman, "identity-conflict")["priority"] == "urgent"


def test_a_change_of_what_a_programme_sees_brings_the_offer_to_its_next_poll(service: Service) -> None:
    family, offer = service.offered()
    (district,) = family.programme.districts
    changed = FACTS._replace(district=district, interpreter=True)
    service.register(family.hospital, changed, target_id=family.woman, updates=True)
    (bumped,) = service.offers(family.woman)
    service.register(family.hospital, changed, target_id=family.woman, updates=True)

    assert bumped.version == offer.version + 1
    # The second update said nothing new about her.
    assert service.offers(family.woman) == [bumped]


def test_every_answer_is_audited_with_its_outcome(service: Service) -> None:
    hospital = service.hospital()
    first = service.register(hospital, FACTS, NAME)
    assert isinstance(first, Accepted)
    service.register(hospital, FACTS, NAME)
    service.register(hospital, FACTS, target_id="nobody", updates=True)

    assert [(row["action"], row["subject"], row["outcome"]) for row in service.rows("audit")] == [
        ("C", f"Patient/{first.id}", "success"),
        ("C", "Patient/-", "different-under-same-identifier"),
        ("U", "Patient/-", "not-found"),
    ]


def test_a_registration_decides_nothing(service: Service) -> None:
    family = service.family()
    service.result(family.hospital, family.woman, piece(3, scores(3)))
    assert service.rows("delivery") == []


def test_an_update_addressed_to_nobody_known_does_not_change_another_woman_and_a_person_is_told(
    service: Service,
) -> None:
    family, _ = service.supported()
    service.register(family.hospital, FACTS, NAME, target_id=family.woman, updates=True)
    before = service.rows("patient")
    for _ in range(2):
        answer = service.register(family.hospital, FACTS, NAME, condition=OTHER_NAME, updates=True)
        assert why(answer) == "identity-conflict"
    assert service.rows("patient") == before
    assert service.alerts(family.woman) == ["identity-conflict"]
    assert service.states(family.woman) == ("on-hold", ["held-by-service"])
    # Whoever finds out that she is meant says so under the number that is hers already.
    both = service.register(family.hospital, FACTS, NAME, OTHER_NAME, target_id=family.woman, updates=True)
    assert why(both) == "accepted"


def test_an_update_leaves_the_facts_that_it_does_not_speak_of(service: Service) -> None:
    hospital = service.hospital()
    service.register(hospital, FACTS._replace(district="North", language="cy"), NAME)
    said = FACTS._replace(preferred_name=None, district=None, language="pl")
    message = ReceivedPatient(Received("Patient", body(), (NAME,)), said, True, unsaid=frozenset({"district"}))
    service.run(hospital, lambda tx: register_patient(tx, service.rules, message, NOW))
    (row,) = service.rows("patient")
    assert (row["preferred_name"], row["district"], row["language"]) == (None, "North", "pl")
