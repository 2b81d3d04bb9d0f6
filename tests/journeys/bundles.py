"""Bundles as hospitals send them: one woman, her consent and her results, with references among them."""

import itertools
from collections.abc import Iterable
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from service.demo.people import EPDS_ITEM, HOSPITAL_NUMBER, Person, consent, instant, patient
from tests.journeys.support import POSITIVE, World, new_person, total

Resource = dict[str, Any]
FORM_NUMBER = "https://st-test.example/form"
_NUMBERS = itertools.count(1)


def name() -> str:
    return f"urn:uuid:{uuid4()}"


def entry(full_url: str | None, resource: Resource, method: str = "POST", url: str = "", **asked: str) -> Resource:
    request = {"method": method, "url": url or resource["resourceType"], **asked}
    return {"fullUrl": full_url, "resource": resource, "request": request} if full_url else {
        "resource": resource, "request": request
    }  # fmt: skip


def bundle(*entries: Resource, type: str = "transaction") -> Resource:
    return {"resourceType": "Bundle", "type": type, "entry": list(entries)}


def about(resource: Resource, reference: str, element: str = "subject") -> Resource:
    return deepcopy(resource) | {element: {"reference": reference}}


def form(reference: str, answers: Iterable[int] = POSITIVE, at: datetime | None = None, **changes: Any) -> Resource:
    """An EPDS as a QuestionnaireResponse, its items by their codes."""
    return {
        "resourceType": "QuestionnaireResponse",
        "identifier": {"system": FORM_NUMBER, "value": f"TEST-{next(_NUMBERS):06}"},
        "status": "completed",
        "subject": {"reference": reference},
        "authored": instant(at or datetime.now(UTC) - timedelta(minutes=5)),
        "item": [
            {"linkId": f"{EPDS_ITEM}|{number}", "answer": [{"valueInteger": score}]}
            for number, score in enumerate(answers, start=1)
        ],
        **changes,
    }


def number_of(person: Person) -> str:
    return "|".join(person.identifier)


def admission(
    world: World, person: Person | None = None, answers: tuple[int, ...] = POSITIVE
) -> tuple[Person, Resource]:
    """Patient, Consent, form and total in one transaction, the total before the form that it comes from."""
    person = person or new_person()
    woman, filled_in = name(), name()
    at = datetime.now(UTC) - timedelta(minutes=5)
    organisations = world.hospital.identity.organisation_id, world.programme.identity.organisation_id
    agreed = about(consent(person, "-", *organisations, world.today - timedelta(hours=1)), woman, "patient")
    agreed |= {"performer": [agreed["patient"]]}
    stated = about(total("-", sum(answers), at), woman) | {"derivedFrom": [{"reference": filled_in}]}
    return person, bundle(
        entry(name(), stated),
        entry(woman, patient(person), ifNoneExist=f"identifier={number_of(person)}"),
        entry(filled_in, form(woman, answers, at)),
        entry(name(), agreed),
    )


__all__ = ["HOSPITAL_NUMBER", "about", "admission", "bundle", "entry", "form", "name", "number_of"]
