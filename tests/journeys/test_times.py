"""What lies at another time than its sender says: refused by its element, or kept and remarked upon."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from service.demo.people import instant, patient
from service.demo.record import Resource
from service.shared.ids import new_id
from tests.journeys.support import World

DAY = timedelta(days=1)


def contact(task: Resource, at: datetime) -> Resource:
    return {
        "resourceType": "Encounter",
        "status": "finished",
        "class": {"code": "VR"},
        "subject": task["for"],
        "period": {"start": instant(at)},
    }


def test_a_contact_from_before_the_acceptance_is_kept_and_its_sender_is_warned(world: World) -> None:
    _, _, task = world.offered()
    world.programme.must(200)("PUT", f"Task/{task['id']}", task | {"status": "accepted"})
    early = contact(task, datetime.now(UTC) - DAY)
    for status, prefer, kind in (
        (201, "", "OperationOutcome"),
        (200, "return=OperationOutcome", "OperationOutcome"),
        (200, "return=representation", "Encounter"),
    ):
        answer = world.programme.ask("POST", "Encounter", early, Prefer=prefer)
        assert (answer.status_code, answer.json()["resourceType"]) == (status, kind)
        if kind == "OperationOutcome":
            (issue,) = answer.json()["issue"]
            assert (issue["severity"], issue["code"]) == ("warning", "business-rule")
            assert "before the Task was accepted" in issue["diagnostics"]

    made = world.programme.must(201)("POST", "Encounter", contact(task, datetime.now(UTC)))
    assert made["resourceType"] == "Encounter"


@pytest.mark.parametrize(
    ("element", "ahead"), [("birthDate", "2999-01-01"), ("deceasedDateTime", "2999-01-01T10:00:00Z")]
)
def test_a_birth_or_a_death_to_come_is_refused_by_its_element(world: World, element: str, ahead: str) -> None:
    person, _ = world.register()
    sent = patient(replace(person, hospital_number=new_id())) | {element: ahead}
    answer = world.hospital.ask("POST", "Patient", sent)
    assert answer.status_code == 422
    (issue,) = answer.json()["issue"]
    assert (issue["code"], issue["expression"]) == ("value", [f"Patient.{element}"])
    assert ahead not in answer.text


def test_a_version_that_never_was_is_not_said_to_be_a_matter_of_if_match(world: World) -> None:
    _, _, task = world.offered()
    wrong = task | {"status": "accepted", "meta": {"versionId": "99"}}
    answer = world.programme.ask("PUT", f"Task/{task['id']}", wrong)
    assert answer.status_code == 412
    (issue,) = answer.json()["issue"]
    assert "meta.versionId" in issue["diagnostics"]
    assert "If-Match" not in issue["diagnostics"]
