"""Danger goes to clinicians first and is never left to a volunteer: what the record gets and what no programme sees."""

import json
from collections.abc import Callable

import pytest

from service.demo.people import Person, patient
from service.demo.record import Resource
from tests.journeys.support import NEGATIVE, POSITIVE, World, epds, total, wait_until

IN_DANGER = (2, 2, 2, 2, 2, 2, 1, 1, 1, 1)
Answers = tuple[int, ...]


def woman_who_agreed(world: World) -> tuple[Person, str]:
    person, patient_id = world.register()
    world.agree(person, patient_id)
    return person, patient_id


def alerts(world: World, person: Person) -> list[Resource]:
    return world.in_record("Communication", person)


def referral(world: World, person: Person) -> list[str]:
    return [each["status"] for each in world.in_record("ServiceRequest", person)]


def nothing_is_seen(world: World, before: str) -> bool:
    owner = f"owner={world.programme.organisation}"
    return world.tasks(f"{owner}&_lastUpdated=gt{before}") == []


def mark(world: World) -> str:
    bundle = world.programme.must(200)("GET", f"Task?owner={world.programme.organisation}")
    return str(bundle["meta"]["lastUpdated"])


def test_self_harm_present_alerts_the_hospital_and_no_programme_sees_anything(world: World) -> None:
    before = mark(world)
    person, patient_id = woman_who_agreed(world)
    world.screen(patient_id, IN_DANGER)
    wait_until(lambda: bool(alerts(world, person)) and referral(world, person) == ["draft"], "alert and draft referral")
    (alert,) = alerts(world, person)
    assert alert["priority"] == "urgent"
    assert alert["category"][0]["coding"][0]["code"] == "alert"
    # The record may be read over her shoulder.
    assert not {"self-harm", "suicide", "epds", "16"} & set(alert["payload"][0]["contentString"].lower().split())
    assert world.in_record("Task", person) == []
    assert nothing_is_seen(world, before)


@pytest.mark.parametrize(
    ("answers", "alert"), [(POSITIVE, "unscorable"), (IN_DANGER, "self-harm-present"), (NEGATIVE, None)]
)
@pytest.mark.parametrize("said", ["performer", "focus"])
def test_what_her_partner_answered_refers_nobody_and_what_is_more_than_negative_is_looked_at(
    world: World, said: str, answers: Answers, alert: str | None
) -> None:
    before = mark(world)
    _, patient_id = woman_who_agreed(world)
    partners = epds(patient_id, answers) | {said: [{"reference": "RelatedPerson/test-partner"}]}
    world.hospital.must(201)("POST", "Observation", partners)
    tasks = world.tasks(f"patient={patient_id}", world.hospital)
    assert [each["reasonCode"]["coding"][0]["code"] for each in tasks] == ([alert] if alert else [])
    assert nothing_is_seen(world, before)
    world.screen(patient_id)
    assert nothing_is_seen(world, before) == (alert == "self-harm-present")


@pytest.mark.parametrize("answers", [(0,) * 9 + (1,), (0,) * 9 + (3,)], ids=["total of 1", "total of 3"])
def test_self_harm_present_alerts_whatever_the_total(world: World, answers: Answers) -> None:
    before = mark(world)
    person, patient_id = woman_who_agreed(world)
    world.screen(patient_id, answers)
    wait_until(lambda: [each["priority"] for each in alerts(world, person)] == ["urgent"], "the alert")
    assert referral(world, person) == []
    assert nothing_is_seen(world, before)


def test_a_worse_answer_about_self_harm_in_the_same_result_alerts_again(either_world: World) -> None:
    world = either_world
    _, patient_id = woman_who_agreed(world)
    sent = epds(patient_id, (0,) * 9 + (1,))
    world.hospital.must(201)("POST", "Observation", sent)
    for heard, answer in ((1, 1), (2, 3), (2, 2)):
        said = epds(patient_id, (0,) * 9 + (answer,))
        corrected = sent | {"status": "corrected", "valueInteger": answer, "component": said["component"]}
        world.hospital.must(200)("POST", "Observation", corrected)
        raised = [each for each in world.tasks(f"patient={patient_id}", world.hospital) if is_alert(each)]
        assert len(raised) == heard


def test_a_positive_total_alone_is_held_for_review_with_an_alert(world: World) -> None:
    before = mark(world)
    person, patient_id = woman_who_agreed(world)
    world.hospital.must(201)("POST", "Observation", total(patient_id, 15))
    wait_until(lambda: bool(alerts(world, person)) and referral(world, person) == ["draft"], "alert and draft referral")
    assert len(alerts(world, person)) == 1
    assert world.in_record("Task", person) == []
    assert nothing_is_seen(world, before)


def test_a_negative_result_is_kept_and_nobody_hears_of_it(world: World) -> None:
    before = mark(world)
    person, patient_id = woman_who_agreed(world)
    kept = world.screen(patient_id, NEGATIVE)
    assert world.hospital.must(200)("GET", f"Observation/{kept['id']}")["component"] == kept["component"]
    assert world.tasks(f"patient={patient_id}", world.hospital) == []
    assert world.in_record("Patient", person) == []
    assert nothing_is_seen(world, before)


def test_without_consent_the_clinic_is_asked_and_no_programme_sees_anything(world: World) -> None:
    before = mark(world)
    person, patient_id = world.register()
    world.screen(patient_id, POSITIVE)
    wait_until(
        lambda: referral(world, person) == ["draft"] and bool(alerts(world, person)), "the request to the clinic"
    )
    assert nothing_is_seen(world, before)
    world.agree(person, patient_id)
    wait_until(lambda: [each["status"] for each in world.in_record("Task", person)] == ["requested"], "the offer")
    assert not nothing_is_seen(world, before)
    assert referral(world, person) == ["active"]


def answered(world: World, task: Resource, status: str) -> None:
    world.programme.must(200)("PUT", f"Task/{task['id']}", task | {"status": status})


def danger(world: World, person: Person, patient_id: str) -> None:
    world.screen(patient_id, IN_DANGER)


def death(world: World, person: Person, patient_id: str) -> None:
    sent = patient(person) | {"id": patient_id, "deceasedBoolean": True}
    world.hospital.must(200)("PUT", f"Patient/{patient_id}", sent)


def withdrawal(world: World, person: Person, patient_id: str) -> None:
    agreed = world.consents[patient_id]
    sent = {name: value for name, value in agreed.items() if name != "meta"} | {"status": "inactive"}
    # Less permission applies whatever version it says it is of.
    world.hospital.must(200)("PUT", f"Consent/{agreed['id']}", sent, If_Match='W/"99"')


@pytest.mark.parametrize(
    ("event", "accepted", "offer", "request_status"),
    [
        (danger, False, "cancelled", "draft"),
        (danger, True, "accepted", "active"),
        (death, False, "cancelled", "revoked"),
        (death, True, "cancelled", "revoked"),
        (withdrawal, False, "cancelled", "revoked"),
        (withdrawal, True, "cancelled", "revoked"),
    ],
)
def test_what_happens_to_her_reaches_programme_and_record(
    world: World,
    event: Callable[[World, Person, str], None],
    accepted: bool,
    offer: str,
    request_status: str,
) -> None:
    person, patient_id, task = world.offered()
    if accepted:
        answered(world, task, "accepted")
    event(world, person, patient_id)
    seen = world.programme.must(200)("GET", f"Task/{task['id']}")
    assert seen["status"] == offer
    wait_until(
        lambda: (
            [each["status"] for each in world.in_record("Task", person)] == [offer]
            and referral(world, person) == [request_status]
        ),
        "the record shows it",
    )
    facts = world.programme.must(200)("GET", task["for"]["reference"])
    told = facts.keys() & {"name", "telecom", "address", "communication"}
    assert told == ({"name", "telecom", "address", "communication"} if offer == "accepted" else set())
    if event is danger:
        wait_until(lambda: bool(alerts(world, person)), "the record has the alert")
    else:
        assert not alerts(world, person)


def test_what_a_volunteer_writes_goes_to_the_clinic_as_an_alert_once(world: World) -> None:
    person, _, task = world.offered()
    answered(world, task, "accepted")
    held = world.programme.must(200)("GET", f"Task/{task['id']}")
    note = {"text": "She said something that worries me", "time": "2026-11-22T10:00:00Z"}
    for _ in range(2):
        held = world.programme.must(200)("PUT", f"Task/{task['id']}", held | {"note": [note]})
    wait_until(lambda: len(alerts(world, person)) == 1, "the alert")
    assert str(alerts(world, person)).count(note["text"]) == 1
    (asked,) = [each for each in world.tasks(f"patient={held_by(world, task)}", world.hospital) if is_alert(each)]
    assert asked["priority"] == "urgent"
    (kept,) = world.tasks(f"_id={task['id']}", world.hospital)
    assert kept["note"] == [note]


def is_alert(task: Resource) -> bool:
    return bool(task["code"]["coding"][0]["code"] != "fulfill")


def held_by(world: World, task: Resource) -> str:
    (held,) = world.tasks(f"_id={task['id']}", world.hospital)
    return str(held["for"]["reference"])


def _bare(task: Resource) -> Resource:
    return {name: value for name, value in task.items() if name != "note"}


REFUSED_NOTES: dict[str, Callable[[Resource], bytes]] = {
    "an element of nobody's": lambda task: json.dumps({**task, "mood": "low"}).encode(),
    "a note that is no array": lambda task: json.dumps({**task, "note": task["note"][0]}).encode(),
    "words alone": lambda task: task["note"][0]["text"].encode(),
    "an element that changes its meaning": lambda task: json.dumps(
        {**_bare(task), "modifierExtension": [{"url": "http://x.example/y", "valueString": task["note"][0]["text"]}]}
    ).encode(),
    "words in an output": lambda task: json.dumps(
        {**_bare(task), "mood": 1, "output": [{"type": {"text": "x"}, "valueString": task["note"][0]["text"]}]}
    ).encode(),
    "words in an element of nobody's": lambda task: json.dumps(
        {**_bare(task), "mood": task["note"][0]["text"]}
    ).encode(),
    "words in an address": lambda task: json.dumps(
        {**_bare(task), "instantiatesUri": task["note"][0]["text"]}
    ).encode(),
    "half of it": lambda task: json.dumps({**task, "resourceType": "Task"}).encode()[:-20],
    "an output without an id": lambda task: json.dumps(
        {**task, "output": [{"type": {"text": "x"}, "valueReference": {"reference": "Procedure/"}}]}
    ).encode(),
}


@pytest.mark.parametrize("how", REFUSED_NOTES)
def test_what_a_volunteer_writes_is_heard_also_when_the_task_is_refused(world: World, how: str) -> None:
    person, _, task = world.offered()
    body = REFUSED_NOTES[how]({**task, "note": [{"text": "She sounded very low today."}]})
    answers = [world.programme.ask("PUT", f"Task/{task['id']}", body) for _ in range(2)]
    for answer in answers:
        assert answer.status_code in (400, 422), answer.text
        assert [each["severity"] for each in answer.json()["issue"]][-2:] == ["information"] * 2
        assert "her maternity team is being told" in answer.json()["issue"][-1]["diagnostics"]
    wait_until(lambda: len(alerts(world, person)) == 1, "the alert")
    (alert,) = alerts(world, person)
    assert alert["priority"] == "urgent"
    assert "She sou" in str(alert)


def test_a_refused_task_in_which_nobody_wrote_anything_is_heard_by_nobody(world: World) -> None:
    _, patient_id, task = world.offered()
    answer = world.programme.ask("PUT", f"Task/{task['id']}", {**task, "mood": 1})
    assert (answer.status_code, len(answer.json()["issue"])) == (400, 1)
    assert [each for each in world.tasks(f"patient={patient_id}", world.hospital) if is_alert(each)] == []


def test_a_correction_that_is_no_longer_positive_takes_the_offer_back(world: World) -> None:
    person, patient_id = woman_who_agreed(world)
    sent = epds(patient_id, POSITIVE)
    world.hospital.must(201)("POST", "Observation", sent)
    wait_until(lambda: referral(world, person) == ["active"], "the referral")
    corrected = sent | {"status": "corrected", "valueInteger": 3, "component": epds(patient_id, NEGATIVE)["component"]}
    world.hospital.must(200)("POST", "Observation", corrected)
    wait_until(lambda: referral(world, person) == ["revoked"], "the referral is closed")
    wait_until(lambda: [e["status"] for e in world.in_record("Task", person)] == ["cancelled"], "so is the offer")


def _twice(sent: Resource) -> bytes:
    return json.dumps(sent).encode()[:-1] + b',"status":"final"}'


def _beyond(last: Resource) -> Resource:
    (coding,) = last["code"]["coding"]
    return last | {"code": {"coding": [coding | {"code": "11"}]}}


# A risk by a code of LOINC, under a system that is not its own.
_MISPLACED = {"code": {"coding": [{"system": "urn:loinc", "code": "44260-8"}]}, "valueInteger": 2}


BROKEN: dict[str, Callable[[Resource], Resource | bytes]] = {
    "modifierExtension": lambda sent: (
        sent | {"modifierExtension": [{"url": "http://x.example/y", "valueBoolean": True}]}
    ),
    "status": lambda sent: sent | {"status": "finalish"},
    "unknown element": lambda sent: sent | {"made-up": 1},
    "category": lambda sent: sent | {"category": {"text": "survey"}},
    "identifier": lambda sent: sent | {"identifier": [{"system": "urn:x", "value": "1" * 256}]},
    "effectiveDateTime": lambda sent: sent | {"effectiveDateTime": None},
    "item 11": lambda sent: sent | {"component": [*sent["component"], _beyond(sent["component"][-1])]},
    "total as text": lambda sent: sent | {"valueInteger": "fifteen"},
    "another code system": lambda sent: sent | {"component": [_MISPLACED]},
    "member twice": _twice,
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_risk_in_a_result_that_cannot_be_read_is_hers_and_takes_back_what_nobody_accepted(
    world: World, broken: str
) -> None:
    _, patient_id, offer = world.offered()
    sent = BROKEN[broken](epds(patient_id, IN_DANGER))
    for _ in range(3):
        assert world.hospital.ask("POST", "Observation", sent).status_code in (400, 422)
    (now,) = world.tasks(f"_id={offer['id']}")
    assert now["status"] == "cancelled"
    assert world.programme.ask("PUT", f"Task/{offer['id']}", offer | {"status": "accepted"}).status_code in (409, 422)
    told = [
        each["reasonCode"]["coding"][0]["code"]
        for each in world.tasks(f"patient={patient_id}", world.hospital)
        if "reasonCode" in each
    ]
    assert told == ["self-harm-present"]


@pytest.mark.parametrize("way", ["alone", "transaction", "batch", "form"])
def test_an_item_that_the_instrument_has_not_got_is_refused_and_told(world: World, way: str) -> None:
    _, patient_id = world.register()
    sent = _beyond(epds(patient_id, NEGATIVE)["component"][-1])
    (coding,) = sent["code"]["coding"]
    result = epds(patient_id, NEGATIVE) | {"code": sent["code"], "component": [sent]}
    if way == "form":
        item = {"linkId": f"{coding['system']}|{coding['code']}", "answer": [{"valueInteger": 2}]}
        filled = {"status": "completed", "subject": result["subject"], "item": [item]}
        result = {"resourceType": "QuestionnaireResponse", **filled}
    kind = result["resourceType"]
    entry = {"resource": result, "request": {"method": "POST", "url": kind}}
    bundle = {"resourceType": "Bundle", "type": way, "entry": [entry]}
    answer = world.hospital.ask("POST", *(("", bundle) if way in ("transaction", "batch") else (kind, result)))
    outcome = answer.json()
    if way == "batch":
        response = outcome["entry"][0]["response"]
        assert response["status"].startswith("422")
        outcome = response["outcome"]
    else:
        assert answer.status_code == 422
    assert outcome["issue"][0]["code"] == "code-invalid"
    (told,) = world.tasks(f"patient={patient_id}", world.hospital)
    assert told["reasonCode"]["coding"][0]["code"] == "unreadable-result"
