"""A check that finds nothing must find nothing wrong: each thing that can be wrong is put there once."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from service.demo.checks import (
    SAFE_CONTACT,
    TASK_PROFILE,
    counted_contacts,
    problems_after_acceptance,
    problems_before_acceptance,
    problems_of_the_loop,
)
from service.demo.people import epds_items, epds_total, patient, positive_screening, tessie
from service.demo.programme import Offer
from service.demo.record import Resource

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


def life(*statuses: str) -> list[Resource]:
    return [{"status": status} for status in statuses]


WHOLE = {
    "Patient": [life("")],
    "ServiceRequest": [life("active", "active", "completed")],
    "Task": [life("requested", "accepted", "in-progress", "in-progress", "completed")],
    "Communication": [],
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
        ({"Communication": [life("completed")]}, ["1 Communication instead of 0"]),
    ],
)
def test_the_record_must_hold_the_loop_once_and_in_order(
    changed: dict[str, list[list[Resource]]], problems: list[str]
) -> None:
    assert problems_of_the_loop(WHOLE | changed) == problems


@pytest.mark.parametrize(
    ("outputs", "count"),
    [
        ([], 0),
        ([("contact-attempts", {"valueInteger": 1})], 1),
        ([("contact-attempts", {"valueInteger": 3}), ("sessions-attended", {"valueInteger": 2})], 3),
        ([("last-contact", {"valueDateTime": "2026-11-22"})], 0),
    ],
)
def test_contacts_are_counted_from_the_outputs(outputs: list[tuple[str, Resource]], count: int) -> None:
    task = {"output": [{"type": {"coding": [{"code": code}]}, **value} for code, value in outputs]}
    assert counted_contacts(task) == count


def test_the_screening_of_the_story_is_positive_without_self_harm_and_of_one_instant() -> None:
    screening = positive_screening(datetime(2026, 11, 22, 9, tzinfo=UTC))
    items, total = list(epds_items(screening, "1")), epds_total(screening, "1")
    assert (sum(item["valueInteger"] for item in items), total["valueInteger"]) == (15, 15)
    assert [item["code"]["coding"][0]["code"] for item in items] == [str(number) for number in range(1, 11)]
    assert items[9]["valueInteger"] == 0
    assert {item["effectiveDateTime"] for item in [*items, total]} == {"2026-11-22T09:00:00.000+00:00"}
    assert len({item["identifier"][0]["value"] for item in [*items, total]}) == 11


def test_everybody_is_invented() -> None:
    her = patient(TESSIE)
    assert her["name"][0]["family"].startswith("Test")
    numbers = [TESSIE.safe_number, TESSIE.home_number]
    assert all(number.startswith("+44 7700 900") for number in numbers)
    assert her["telecom"][0]["value"] == TESSIE.home_number
