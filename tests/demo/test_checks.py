"""A check that finds nothing must find nothing wrong: each thing that can be wrong is put there once."""

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from service.demo.checks import (
    ESCALATION,
    SAFE_CONTACT,
    TASK_PROFILE,
    engagement,
    problems_after_acceptance,
    problems_before_acceptance,
    problems_of_a_tombstone,
    problems_of_an_alert,
    problems_of_an_answer,
    problems_of_the_loop,
    verdicts,
)
from service.demo.people import CLINICIAN, Person, epds_items, epds_total, outcome_of, patient, reviewed, tessie
from service.demo.programme import Offer
from service.demo.record import Resource
from service.demo.women import LOW_WITH_SELF_HARM, POSITIVE, screening, tabby, tesni, thea

TESSIE = tessie(date(2026, 11, 22))
PLACE: Resource = {
    "resourceType": "Patient",
    "id": "h2",
    "address": [{"district": TESSIE.district}],
    "communication": [{"language": {"coding": [{"code": "en"}]}}],
}
RULES: Resource = {"url": SAFE_CONTACT, "extension": [{"url": "voicemail", "valueCode": "deny"}]}


def offered() -> Offer:
    task: Resource = {"resourceType": "Task", "meta": {"profile": [TASK_PROFILE]}, "status": "requested"}
    observation: Resource = {"resourceType": "Observation", "status": "final"}
    return Offer(task, {"resourceType": "ServiceRequest"}, deepcopy(PLACE), (observation,), ())


def accepted() -> Offer:
    known: Resource = {"name": [{"use": "usual", "given": ["Tessie"]}]}
    known["telecom"] = [{"value": "+447700900123"}]
    return replace(offered(), request={"resourceType": "ServiceRequest", "extension": [RULES]}, patient=PLACE | known)


def test_views_that_are_as_they_should_be_have_no_problem() -> None:
    assert problems_before_acceptance(offered(), TESSIE) == []
    assert problems_after_acceptance(accepted(), TESSIE) == []


Spoil = Callable[[Offer], object]
LEAKS: list[tuple[Spoil, str]] = [
    (lambda offer: offer.patient.update(birthDate="1996-02-29"), "Patient.birthDate is shown"),
    (lambda offer: offer.patient.update(identifier=[]), "Patient.identifier is shown"),
    (lambda offer: offer.patient["address"][0].update(postalCode="ZZ99"), "Patient.address.postalCode is shown"),
    (lambda offer: offer.task.update(description=f"for {TESSIE.family.upper()}"), "Task shows her family name"),
    (lambda offer: offer.task.update(note=TESSIE.hospital_number), "Task shows her hospital number"),
    (lambda offer: offer.request.update(note="07700 900 456"), "ServiceRequest shows her home telephone"),
    (lambda offer: offer.request.update(occurrence=TESSIE.due_date.isoformat()), "ServiceRequest shows her due date"),
    (lambda offer: offer.others[0].update(valueInteger=15), "Observation.valueInteger is shown"),
    (lambda offer: offer.others[0].update(component=[]), "Observation.component is shown"),
]
TOO_EARLY: list[tuple[Spoil, str]] = [
    (lambda offer: offer.patient.update(name=[]), "Patient.name is shown"),
    (lambda offer: offer.patient.update(telecom=[]), "Patient.telecom is shown"),
    (lambda offer: offer.task.update({"for": {"display": "Tessie"}}), "Task shows her preferred name"),
    (lambda offer: offer.request.update(note="(07700) 900-123"), "ServiceRequest shows her safe telephone"),
    (lambda offer: offer.request.update(extension=[RULES]), "the safe contact is shown before acceptance"),
    (lambda offer: offer.task.update(meta={}), "Task.meta.profile is not the profile"),
    (lambda offer: offer.patient.update(address=[]), "Patient.address.district is not hers"),
]
INCOMPLETE: list[tuple[Spoil, str]] = [
    (lambda offer: offer.patient.update(name=[]), "Patient.name is not her preferred name alone"),
    (lambda offer: offer.patient["name"][0].update(family="X"), "Patient.name is not her preferred name alone"),
    (lambda offer: offer.patient.update(telecom=[]), "Patient.telecom is not the one safe number"),
    (lambda offer: offer.patient["telecom"].append({"value": "1"}), "Patient.telecom is not the one safe number"),
    (lambda offer: offer.request.update(extension=[]), "the safe contact comes without its rules"),
]


@pytest.mark.parametrize(("spoil", "problem"), LEAKS + TOO_EARLY)
def test_what_is_seen_too_early_is_found(spoil: Spoil, problem: str) -> None:
    offer = deepcopy(offered())
    spoil(offer)
    assert problem in problems_before_acceptance(offer, TESSIE)


@pytest.mark.parametrize(("spoil", "problem"), LEAKS + INCOMPLETE)
def test_what_is_wrong_after_acceptance_is_found(spoil: Spoil, problem: str) -> None:
    offer = deepcopy(accepted())
    spoil(offer)
    assert problem in problems_after_acceptance(offer, TESSIE)


def declined() -> Offer:
    stub: Resource = {"resourceType": "Patient", "id": "h2"}
    task: Resource = {"resourceType": "Task", "status": "rejected"}
    return Offer(task, {"resourceType": "ServiceRequest"}, stub, ({"resourceType": "Observation"},), ())


def test_what_stays_of_a_declined_offer_has_no_problem() -> None:
    assert problems_of_a_tombstone(declined(), TESSIE) == []


REMAINS: list[tuple[Spoil, str]] = [
    (lambda offer: offer.task.update(status="requested"), "Task.status is not rejected"),
    (lambda offer: offer.patient.update(address=[]), "Patient.address is shown"),
    (lambda offer: offer.request.update(note="Testborough"), "ServiceRequest shows her district"),
    (lambda offer: offer.request.update(note="Ask for Tessie"), "ServiceRequest shows her preferred name"),
    (lambda offer: offer.others[0].update(valueInteger=15), "Observation.valueInteger is shown"),
]


@pytest.mark.parametrize(("spoil", "problem"), REMAINS)
def test_what_stays_too_long_is_found(spoil: Spoil, problem: str) -> None:
    offer = deepcopy(declined())
    spoil(offer)
    assert problem in problems_of_a_tombstone(offer, TESSIE)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("Open the result in the record and acknowledge this alert.", []),
        ("Her EPDS shows self-harm.", ["epds", "self-harm"]),
        ("Please ring Tessie.", ["tessie"]),
    ],
)
def test_an_alert_that_gives_something_away_is_found(words: str, said: list[str]) -> None:
    alert: Resource = {"resourceType": "Communication", "payload": [{"contentString": words}]}
    assert problems_of_an_alert([alert], TESSIE) == [f"Communication.payload says {word}" for word in said]


def answered_task(**parts: str) -> Resource:
    said = [{"url": "acknowledged", "valueInstant": "2026-11-22T10:00:00Z"}]
    return {"resourceType": "Task", "extension": [{"url": ESCALATION, "extension": said}], **parts}


def test_the_answer_that_a_programme_reads_says_when_and_not_who() -> None:
    assert problems_of_an_answer(answered_task()) == []
    assert problems_of_an_answer({}) == ["Task does not say when it was acknowledged"]
    assert problems_of_an_answer(answered_task(description=CLINICIAN)) == ["Task says who it was"]


def life(*statuses: str) -> list[Resource]:
    return [{"status": status} for status in statuses]


WHOLE = {
    "Patient": [life("")],
    "ServiceRequest": [life("active", "active", "completed")],
    "Task": [life("requested", "accepted", "in-progress", "in-progress", "completed")],
    "Communication": [life("completed")],
    "DocumentReference": [life("current")] * 3,
}


@pytest.mark.parametrize(
    ("changed", "problems"),
    [
        ({}, []),
        ({"Task": [life("requested", "accepted", "accepted", "completed")]}, []),
        ({"Task": [life("requested", "completed")]}, ["Task was requested -> completed"]),
        ({"ServiceRequest": [life("active")]}, ["ServiceRequest was active"]),
        ({"ServiceRequest": WHOLE["ServiceRequest"] * 2}, ["2 ServiceRequest instead of 1"]),
        ({"Patient": []}, ["0 Patient instead of 1"]),
        ({"Communication": []}, ["0 Communication instead of 1"]),
        ({"DocumentReference": [life("current")] * 4}, ["4 DocumentReference instead of 3"]),
    ],
)
def test_the_record_must_hold_the_loop_once_and_in_order(
    changed: dict[str, list[list[Resource]]], problems: list[str]
) -> None:
    assert problems_of_the_loop(WHOLE | changed) == problems


@pytest.mark.parametrize(
    ("outputs", "counted"),
    [
        ([], (0, 0)),
        ([("contact-attempts", {"valueInteger": 1})], (1, 0)),
        ([("contact-attempts", {"valueInteger": 3}), ("sessions-attended", {"valueInteger": 2})], (3, 2)),
        ([("last-contact", {"valueDateTime": "2026-11-22"})], (0, 0)),
    ],
)
def test_contacts_are_counted_from_the_outputs(outputs: list[tuple[str, Resource]], counted: tuple[int, int]) -> None:
    task = {"output": [{"type": {"coding": [{"code": code}]}, **value} for code, value in outputs]}
    assert engagement(task) == counted


@pytest.mark.parametrize(("answers", "score", "last"), [(POSITIVE, 15, 0), (LOW_WITH_SELF_HARM, 6, 1)])
def test_the_screenings_of_the_stories_are_what_they_say_and_of_one_instant(
    answers: tuple[int, ...], score: int, last: int
) -> None:
    held = screening(TESSIE, answers, datetime(2026, 11, 22, 9, tzinfo=UTC))
    items, total = list(epds_items(held, "1")), epds_total(held, "1")
    assert (sum(item["valueInteger"] for item in items), total["valueInteger"]) == (score, score)
    assert [item["code"]["coding"][0]["code"] for item in items] == [str(number) for number in range(1, 11)]
    assert items[9]["valueInteger"] == last
    assert {item["effectiveDateTime"] for item in [*items, total]} == {"2026-11-22T09:00:00.000+00:00"}
    assert len({item["identifier"][0]["value"] for item in [*items, total]}) == 11


def test_a_review_says_its_outcome_and_who_came_to_it() -> None:
    alert: Resource = {"resourceType": "Task", "status": "accepted", "output": [{"type": {}, "valueString": "kept"}]}
    sent = reviewed(alert, "refer-to-specialist")
    assert (sent["status"], outcome_of(sent), outcome_of(alert)) == ("completed", "refer-to-specialist", "")
    assert sent["output"][0] == alert["output"][0]
    assert CLINICIAN in json.dumps(sent["output"])


def test_why_a_programme_was_chosen_is_read_by_its_name() -> None:
    example = Path(__file__).parents[2] / "service" / "fhir" / "examples" / "placement.json"
    assert verdicts(json.loads(example.read_text(encoding="utf-8"))) == [
        {"Riverside Companions": "chosen", "Open Circle": "consent-needed", "Little Steps": "stage-not-served"}
    ]


WOMEN = [woman(date(2026, 11, 22)) for woman in (tessie, thea, tesni, tabby)]


@pytest.mark.parametrize("person", WOMEN, ids=lambda person: str(person.preferred))
def test_everybody_is_invented(person: Person) -> None:
    her = patient(person)
    assert her["name"][0]["given"][0].startswith("Test")
    numbers = [person.safe_number, person.home_number]
    assert all(number.startswith("+44 7700 900") for number in numbers)
    assert her["telecom"][0]["value"] == person.home_number


def test_no_two_women_share_what_tells_them_apart() -> None:
    for told in ("hospital_number", "preferred", "given", "family", "birth_date", "safe_number", "code_word"):
        assert len({getattr(person, told) for person in WOMEN}) == len(WOMEN)
