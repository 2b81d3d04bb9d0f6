"""A hospital pauses, resumes and ends over the wire, and the programme reads that it is to make no contact."""

import json
from typing import Any

import pytest

from service.demo.people import Person, patient
from service.demo.record import Resource
from tests.journeys.support import World, wait_until

WORDS = "She has lost the baby; speak to nobody before Thursday."
BY: Resource = {"name": "practitioner", "valueReference": {"display": "Test Midwife Marlow"}}
ROLE: Resource = {"name": "role", "valueCodeableConcept": {"text": "Community midwife"}}
Supported = tuple[Person, str, Resource]


def parameters(*more: Resource) -> Resource:
    return {"resourceType": "Parameters", "parameter": [BY, ROLE, *more]}


HOLD = parameters({"name": "reason", "valueCode": "pregnancy-loss"}, {"name": "note", "valueString": WORDS})


def supported(world: World) -> Supported:
    person, patient_id, task = world.offered()
    task = world.programme.must(200)("PUT", f"Task/{task['id']}", task | {"status": "accepted"})
    return person, patient_id, task


def referral_of(world: World, task: Resource) -> str:
    """The hospital's id for what the programme's Task is about."""
    focus: str = world.hospital.must(200)("GET", f"Task/{task['id']}")["focus"]["reference"]
    return focus


def read(world: World, task: Resource) -> Resource:
    answer: Resource = world.programme.must(200)("GET", f"Task/{task['id']}")
    return answer


def test_a_hold_reaches_the_programme_and_is_lifted_by_a_clinician(either_world: World) -> None:
    world = either_world
    person, _, task = supported(world)
    referral = referral_of(world, task)
    held = world.hospital.must(200)("POST", f"{referral}/$hold", HOLD)
    assert (held["status"], f"ServiceRequest/{held['id']}") == ("on-hold", referral)
    (note,) = held["note"]
    assert note["authorString"] == "Test Midwife Marlow, Community midwife"
    assert note["text"] == f"hold: pregnancy-loss: {WORDS}"
    again = world.hospital.ask("POST", f"{referral}/$hold", HOLD)
    assert (again.status_code, again.json()["meta"]["versionId"]) == (200, held["meta"]["versionId"])

    seen = read(world, task)
    assert seen["status"] == "on-hold"
    assert seen["statusReason"]["text"].startswith("Paused: do not contact")
    focus = world.programme.must(200)("GET", seen["focus"]["reference"])
    assert focus["status"] == "on-hold"
    assert any("contacting-subject-prohibited" in json.dumps(each) for each in focus["orderDetail"])

    refused = world.programme.ask("PUT", f"Task/{task['id']}", seen | {"status": "in-progress"})
    assert refused.status_code == 422
    (issue,) = refused.json()["issue"]
    assert "make no contact" in issue["diagnostics"]

    world.hospital.must(200)("POST", f"{referral}/$resume", parameters())
    assert read(world, task)["status"] == "in-progress"
    wait_until(lambda: [each["status"] for each in world.in_record("Task", person)] == ["in-progress"], "the record")
    (in_record,) = world.in_record("ServiceRequest", person)
    assert "note" not in in_record


def test_what_the_hospital_says_of_it_reaches_no_programme(world: World) -> None:
    _, _, task = supported(world)
    referral = referral_of(world, task)
    world.hospital.must(200)("POST", f"{referral}/$hold", HOLD)
    seen = read(world, task)
    told = [seen, *(world.programme.must(200)("GET", seen[each]["reference"]) for each in ("focus", "for"))]
    told += [each for each in world.tasks() if each["id"] == task["id"]]
    text = json.dumps(told)
    for word in (WORDS, "pregnancy-loss", "Marlow", "midwife"):
        assert word not in text
    assert WORDS in json.dumps(world.hospital.must(200)("GET", referral))


def test_the_copy_in_the_record_can_be_held_by_its_own_id(world: World) -> None:
    person, _, task = supported(world)
    wait_until(lambda: bool(world.in_record("ServiceRequest", person)), "the copy in the record")
    (copy,) = world.in_record("ServiceRequest", person)
    # The service learns that id with the answer of the record, a moment after the copy is there.
    path = f"ServiceRequest/{copy['id']}/$hold"
    wait_until(lambda: world.hospital.ask("POST", path, parameters()).status_code == 200, "its id is known")
    held = world.hospital.must(200)("POST", path, parameters())
    assert f"ServiceRequest/{held['id']}" == referral_of(world, task)
    assert read(world, task)["status"] == "on-hold"


MODIFIED = {"modifierExtension": [{"url": "https://st-test.example/not", "valueBoolean": True}]}


def test_a_hold_is_heard_with_what_may_change_its_meaning_and_what_lifts_it_is_not(world: World) -> None:
    _, _, task = supported(world)
    referral = referral_of(world, task)
    first, *others = parameters()["parameter"]
    modified = {**parameters(), "parameter": [first | MODIFIED, *others]}
    (warning,) = world.hospital.must(200)("POST", f"{referral}/$hold", modified)["issue"]
    assert (warning["severity"], warning["expression"]) == ("warning", ["Parameters.parameter[0].modifierExtension"])
    assert read(world, task)["status"] == "on-hold"
    assert world.hospital.ask("POST", f"{referral}/$resume", modified).status_code == 422
    assert read(world, task)["status"] == "on-hold"


@pytest.mark.parametrize(("status", "reads"), [("revoked", "cancelled"), ("entered-in-error", "entered-in-error")])
def test_a_referral_is_ended_by_its_status_and_by_nothing_else_in_it(world: World, status: str, reads: str) -> None:
    _, _, task = supported(world)
    referral = referral_of(world, task)
    body = world.hospital.must(200)("GET", referral)
    world.hospital.must(200)("PUT", referral, body)
    held = world.hospital.ask("PUT", referral, body | {"status": "on-hold"})
    assert held.status_code == 422
    assert "$hold" in held.json()["issue"][0]["diagnostics"]
    for changed, expected in (
        (body | {"status": "completed"}, 422),
        (body | {"performer": [{"reference": "Organization/1"}]}, 422),
        (body | {"status": status, "subject": {"reference": "Patient/another"}}, 422),
        (body | MODIFIED, 422),
        (body | {"status": status, "note": [{"text": WORDS}]} | MODIFIED, 200),
        (body | {"status": status}, 200),
    ):
        answer = world.hospital.ask("PUT", referral, changed)
        assert answer.status_code == expected, answer.text
        if expected == 200 and "modifierExtension" in changed:
            (warning,) = answer.json()["issue"]
            assert (warning["severity"], warning["expression"]) == ("warning", ["ServiceRequest.modifierExtension"])
    assert world.hospital.must(200)("GET", referral)["status"] == status
    seen = read(world, task)
    assert seen["status"] == reads
    assert WORDS not in json.dumps(seen)


def test_only_the_hospital_orders_and_only_by_a_named_person(world: World) -> None:
    _, _, task = supported(world)
    referral = referral_of(world, task)
    assert world.hospital.ask("POST", f"{referral}/$resume", parameters()).status_code == 422
    for operation, state in (("$resume", "accepted"), ("$hold", "on-hold")):
        for party, path, sent, status in (
            (world.programme, task["focus"]["reference"], parameters(), 403),
            (world.other_hospital, referral, parameters(), 404),
            (world.other_programme, referral, parameters(), 403),
            (world.hospital, "ServiceRequest/nothing", parameters(), 404),
            (world.hospital, referral, {"resourceType": "Parameters", "parameter": [BY]}, 422),
            (world.hospital, referral, {"resourceType": "ServiceRequest"}, 400),
            (world.hospital, referral, b"", 400),
        ):
            answer = party.ask("POST", f"{path}/{operation}", sent)
            assert answer.status_code == status, (operation, answer.text)
            assert answer.json()["resourceType"] == "OperationOutcome"
        assert read(world, task)["status"] == state
    assert world.programme.ask("PUT", f"{task['focus']['reference']}", {}).status_code == 403


@pytest.mark.parametrize("death", [{"deceasedBoolean": True}, {"deceasedDateTime": "2026-11-20"}], ids=str)
def test_her_death_ends_everything_and_its_reversal_resumes_nothing(world: World, death: dict[str, Any]) -> None:
    person, patient_id, task = supported(world)
    referral = referral_of(world, task)
    known = patient(person) | {"id": patient_id}
    world.hospital.must(200)("PUT", f"Patient/{patient_id}", known | death)
    seen = read(world, task)
    assert seen["status"] == "cancelled"
    assert "Closed by the maternity team" in seen["statusReason"]["text"]
    world.hospital.must(200)("PUT", f"Patient/{patient_id}", known)
    assert read(world, task)["status"] == "cancelled"
    assert world.hospital.must(200)("GET", referral)["status"] == "revoked"
    assert world.hospital.ask("POST", f"{referral}/$resume", parameters()).status_code == 422


def test_a_loss_pauses_contact_and_alerts_at_once(world: World) -> None:
    person, patient_id, task = supported(world)
    loss = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "17369002"}]},
        "subject": {"reference": f"Patient/{patient_id}"},
    }
    world.hospital.must(201)("POST", "Observation", loss)
    assert read(world, task)["status"] == "on-hold"
    wait_until(lambda: bool(world.in_record("Communication", person)), "the alert")
    (alert,) = world.in_record("Communication", person)
    assert alert["priority"] == "urgent"
    assert not {"loss", "miscarriage", "pregnancy"} & {*alert["payload"][0]["contentString"].lower().split()}


def test_the_capability_statement_names_both_operations(world: World) -> None:
    statement = world.hospital.must(200)("GET", "metadata")
    (served,) = (each for each in statement["rest"][0]["resource"] if each["type"] == "ServiceRequest")
    assert {each["name"]: each["definition"].rpartition("/")[2] for each in served["operation"]} == {
        "hold": "hold",
        "placement": "placement",
        "resume": "resume",
    }
    assert {"code": "update"} in served["interaction"]
