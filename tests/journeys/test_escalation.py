"""A volunteer is worried: over sockets, to the alert in the hospital's record and back to the programme's Task."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from service.demo.people import Person, instant
from service.demo.record import Resource
from tests.journeys.support import World, wait_until

OURS = "https://peer-referral.example/fhir"
ESCALATION = f"{OURS}/StructureDefinition/escalation"
WORDS = "She sounded very low today and I am worried. Please ring me."
NOT_HEARD = "peer_referral_words_not_heard_total "
MIDWIFE = {"type": "Practitioner", "display": "A. Test"}
EMERGENCY = "This is no emergency channel"


@pytest.fixture
def supported(world: World) -> tuple[Person, str, Resource]:
    person, patient_id, task = world.offered()
    return person, patient_id, world.programme.must(200)("PUT", f"Task/{task['id']}", task | {"status": "accepted"})


def worry(task: Resource, **changes: object) -> Resource:
    return {
        "resourceType": "Communication",
        "status": "completed",
        "about": [{"reference": f"Task/{task['id']}"}],
        "payload": [{"contentString": WORDS}],
        **changes,
    }


def said_in_the_record(world: World, person: Person) -> list[str]:
    found = world.in_record("Communication", person)
    return ["\n".join(each["contentString"] for each in one["payload"]) for one in found]


def diagnostics(answer: httpx.Response) -> list[tuple[str, str]]:
    tree = answer.json()
    assert tree["resourceType"] == "OperationOutcome"
    return [(each["severity"], each["diagnostics"]) for each in tree["issue"]]


def alert_of(world: World, patient_id: str) -> Resource:
    tasks = world.tasks(f"patient={patient_id}", world.hospital)
    (found,) = [each for each in tasks if each.get("reasonCode", {}).get("coding", [{}])[0].get("code") == "escalation"]
    return found


def answered(resource: Resource) -> list[dict[str, object]]:
    told = [each["extension"] for each in resource.get("extension", ()) if each["url"] == ESCALATION]
    return [{part["url"]: next(v for k, v in part.items() if k != "url") for part in parts} for parts in told]


def test_a_worry_is_in_the_record_and_its_acknowledgement_back_on_the_task(
    world: World, supported: tuple[Person, str, Resource]
) -> None:
    person, patient_id, task = supported
    high = world.programme.must(200)("GET", f"Task?owner={world.programme.organisation}")["meta"]["lastUpdated"]
    answer = world.programme.ask("POST", "Communication", worry(task))
    assert answer.status_code == 201, answer.text
    assert [severity for severity, _ in diagnostics(answer)] == ["information", "information"]
    assert EMERGENCY in diagnostics(answer)[0][1]

    wait_until(lambda: len(said_in_the_record(world, person)) == 1, "the alert is in the record")
    (said,) = said_in_the_record(world, person)
    assert WORDS in said
    assert "Written by the programme" in said
    (communication,) = world.in_record("Communication", person)
    assert communication["priority"] == "urgent"

    alert = alert_of(world, patient_id)
    assert WORDS in alert["note"][0]["text"]
    (waiting,) = answered(world.programme.must(200)("GET", f"Task/{task['id']}"))
    assert set(waiting) == {"told", "message", "advice"}

    seen = alert | {"status": "accepted", "owner": MIDWIFE, "performerType": [{"text": "Midwife"}]}
    world.hospital.must(200)("PUT", f"Task/{alert['id']}", seen)
    (changed,) = [each for each in world.tasks(f"_lastUpdated=gt{high}") if each["id"] == task["id"]]
    (told,) = answered(changed)
    assert told["role"] == "Midwife"
    assert datetime.fromisoformat(str(told["acknowledged"])) <= datetime.now(UTC) + timedelta(seconds=1)
    assert "advice" not in told

    read = world.programme.must(200)("GET", answer.headers["Location"].split("/fhir/")[1].split("/_history/")[0])
    assert (read["status"], read["payload"], answered(read)) == ("completed", [{"contentString": WORDS}], [told])
    assert WORDS not in world.service.said.read_text()


def test_the_other_programme_and_the_other_hospital_learn_nothing_of_it(
    world: World, supported: tuple[Person, str, Resource]
) -> None:
    _, _, task = supported
    location = world.programme.ask("POST", "Communication", worry(task)).headers["Location"]
    path = location.split("/fhir/")[1].split("/_history/")[0]
    for party in (world.hospital, world.other_hospital, world.other_programme):
        assert party.ask("GET", path).status_code in (403, 404)
    assert world.hospital.ask("POST", "Communication", worry(task)).status_code == 403


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ({"about": ["Task/{task}"], "payload": WORDS}, {}),
        ({"resourceType": "Flag", "subject": {"reference": "{patient}"}, "code": {"text": WORDS}}, {}),
        ({"resourceType": "Communication", "focus": "Task/{task}", "made-up": {"x": [WORDS]}}, {}),
        ({"resourceType": "Communication", "basedOn": [{"reference": "{request}"}], "note": [{"text": WORDS}]}, {}),
        ({"about": ["Task/{task}"], "payload": WORDS}, {"Content_Type": "text/plain", "Accept": "text/html"}),
        ({"about": ["Task/{task}"], "payload": WORDS}, {"If_None_Exist": "name=x"}),
        ([{"about": ["Task/{task}"], "payload": WORDS}], {}),
    ],
)
def test_no_form_is_refused_and_what_was_wrong_is_listed(
    world: World, supported: tuple[Person, str, Resource], body: object, headers: dict[str, str]
) -> None:
    person, _, task = supported
    sent = json.dumps(body).replace("{task}", task["id"]).replace("{patient}", task["for"]["reference"])
    sent = sent.replace("{request}", task["focus"]["reference"])
    answer = world.programme.ask("POST", "Communication", sent.encode(), **headers)
    assert answer.status_code == 201, answer.text
    wrong = [text for severity, text in diagnostics(answer) if severity == "warning"]
    assert wrong
    wait_until(lambda: any(WORDS in each for each in said_in_the_record(world, person)), "it is in the record")


@pytest.mark.parametrize("media_type", ["application/fhir+json", "text/plain"])
def test_what_is_no_json_is_kept_and_her_clinician_is_asked_to_ring(
    world: World, supported: tuple[Person, str, Resource], media_type: str
) -> None:
    _, patient_id, task = supported
    broken = json.dumps(worry(task)).encode()[:-1]
    answer = world.programme.ask("POST", "Communication", broken, Content_Type=media_type)
    assert answer.status_code == 400
    assert [severity for severity, _ in diagnostics(answer)] == ["error", "information", "information"]
    assert EMERGENCY in diagnostics(answer)[1][1]
    assert "Her maternity team is asked to ring you" in diagnostics(answer)[2][1]
    assert "unreadable-words" in json.dumps(world.tasks(f"patient={patient_id}", world.hospital))


def test_words_that_a_programme_sends_in_a_bundle_reach_her_clinician(
    world: World, supported: tuple[Person, str, Resource]
) -> None:
    _, patient_id, task = supported
    entry = {"resource": worry(task), "request": {"method": "POST", "url": "Communication"}}
    answer = world.programme.ask("POST", "", {"resourceType": "Bundle", "type": "batch", "entry": [entry]})
    assert answer.status_code == 403
    assert "POST Communication" in diagnostics(answer)[0][1]
    assert "her maternity team is being told" in diagnostics(answer)[-1][1]
    told = [each["note"][0]["text"] for each in world.tasks(f"patient={patient_id}", world.hospital) if "note" in each]
    assert any(each.endswith("\n\n" + WORDS) for each in told), told


def test_words_under_another_media_type_reach_her_clinician(
    world: World, supported: tuple[Person, str, Resource]
) -> None:
    _, patient_id, task = supported
    sent = task | {"note": [{"text": WORDS}]}
    answer = world.programme.ask("PUT", f"Task/{task['id']}", json.dumps(sent).encode(), Content_Type="text/plain")
    assert answer.status_code == 415
    assert "her maternity team is being told" in diagnostics(answer)[-1][1]
    told = [each["note"][0]["text"] for each in world.tasks(f"patient={patient_id}", world.hospital) if "note" in each]
    assert any(each.endswith("\n\n" + WORDS) for each in told), told


def _contact(task: Resource, **changes: object) -> Resource:
    return {
        "resourceType": "Encounter",
        "status": "finished",
        "class": {"code": "VR"},
        "subject": task["for"],
        "basedOn": [task["focus"]],
        "period": {"start": instant(datetime.now(UTC))},
        "reasonCode": [{"text": WORDS}],
        **changes,
    }


def _called(task: Resource) -> str:
    return f"{task['for']['display']}: {WORDS}"


# By two Tasks: what is sent where, and how it is answered.
NAMING_TWO: dict[str, Callable[[Resource, Resource], tuple[str, str, object, int]]] = {
    "a note of a Task": lambda one, two: ("PUT", "", one | {"note": [{"text": _called(two)}]}, 200),
    "a note of a refused Task": lambda one, two: (
        "PUT", "", one | {"status": "requested", "note": [{"text": _called(two)}]}, 422,
    ),
    "a Task that is no Task": lambda one, two: ("PUT", "", one | {"status": 7, "note": [{"text": _called(two)}]}, 422),
    "the body of another Task": lambda one, two: ("PUT", "", two | {"note": [{"text": WORDS}]}, 400),
    "no JSON": lambda one, two: ("PUT", "", f"Task/{two['id']}: {WORDS}", 400),
    "a contact of one for another": lambda one, two: (
        "POST", "Encounter", _contact(one, basedOn=[two["focus"]]), 422,
    ),
    "a contact of another for one": lambda one, two: ("POST", "Encounter", _contact(one, subject=two["for"]), 422),
    "the words of a contact": lambda one, two: (
        "POST", "Encounter", _contact(one, reasonCode=[{"text": _called(two)}]), 201,
    ),
    "an extension of a contact": lambda one, two: (
        "POST", "Encounter",
        _contact(one, extension=[{"url": "https://circle.example/x", "valueReference": {
            "reference": f"Task/{two['id']}", "display": WORDS,
        }}]), 201,
    ),
    "an id in a message": lambda one, two: (
        "POST", "Communication", worry(one, payload=[{"contentString": f"Task/{two['id']} {WORDS}"}]), 201,
    ),
    "a handle in a message": lambda one, two: (
        "POST", "Communication",
        worry(one, payload=[{"contentString": f"{two['for']['reference']} is in danger. {WORDS}"}]), 201,
    ),
    "what is displayed, written otherwise": lambda one, two: (
        "POST", "Communication",
        worry(one, payload=[{"contentString": _called(two).lower().replace("referral ", "referral-") + WORDS}]), 201,
    ),
}  # fmt: skip


@pytest.mark.parametrize("how", NAMING_TWO)
def test_words_that_name_two_women_are_read_by_nobody_and_each_team_is_asked_to_ring(world: World, how: str) -> None:
    women, tasks = [], []
    for _ in range(2):
        _, patient_id, task = world.offered()
        women.append(patient_id)
        tasks.append(world.programme.must(200)("PUT", f"Task/{task['id']}", task | {"status": "accepted"}))
    method, path, sent, status = NAMING_TWO[how](*tasks)
    content = sent.encode() if isinstance(sent, str) else sent
    answer = world.programme.ask(method, path or f"Task/{tasks[0]['id']}", content)
    assert answer.status_code == status, answer.text
    assert any("it names more than one woman" in text for _, text in diagnostics(answer))
    for patient_id in women:
        held = json.dumps(world.tasks(f"patient={patient_id}", world.hospital))
        assert "unreadable-words" in held
        assert WORDS not in held


def test_a_worry_about_a_task_that_is_not_there_reaches_her_clinician(world: World) -> None:
    _, patient_id, task = world.offered()
    unknown = task["id"][:-8] + "00000000"
    worried = task | {"id": unknown, "note": [{"text": WORDS}]}
    answer = world.programme.ask("PUT", f"Task/{unknown}", worried)
    assert answer.status_code == 404
    assert EMERGENCY in diagnostics(answer)[-2][1]
    assert "her maternity team is being told" in diagnostics(answer)[-1][1]
    assert WORDS in alert_of(world, patient_id)["note"][0]["text"]
    bare = {name: each for name, each in worried.items() if name in ("resourceType", "id", "status", "intent", "note")}
    answer = world.programme.ask("PUT", f"Task/{unknown}", bare)
    assert answer.status_code == 404
    assert "does not say whom it is about" in diagnostics(answer)[-1][1]


PLACES = {
    "description": WORDS,
    "reasonCode": {"text": WORDS},
    "input": [{"type": {"text": "Note"}, "valueString": WORDS}],
    "extension": [{"url": "https://circle.example/x", "valueString": WORDS}],
    "contained": [{"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": WORDS}}],
    "identifier": [{"system": "https://circle.example/y", "value": WORDS}],
    "text": {"status": "additional", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{WORDS}</div>'},
    "output": [{"type": {"text": WORDS}, "valueBoolean": True}],
}


def test_words_in_any_element_of_a_task_are_heard_once_and_what_was_shown_is_none(
    world: World, supported: tuple[Person, str, Resource]
) -> None:
    _, patient_id, task = supported
    path = f"Task/{task['id']}"

    def alerts() -> list[Resource]:
        tasks = world.tasks(f"patient={patient_id}", world.hospital)
        return [each for each in tasks if "escalation" in json.dumps(each.get("reasonCode", {}))]

    world.programme.must(200)("PUT", path, task)
    assert alerts() == []
    changes: list[Resource] = [{element: value} for element, value in PLACES.items()]
    changes.append({"for": {**task["for"], "display": WORDS}})
    for place, changed in enumerate(changes):
        # Each with words of its own, for the same ones are told once.
        own = json.loads(json.dumps(changed).replace(WORDS, f"{WORDS} This is place {place}."))
        for _ in range(2):
            world.programme.must(200)("PUT", path, task | own)
    raised = alerts()
    assert len(raised) == len(changes)
    assert {each["priority"] for each in raised} == {"routine", "urgent"}
    for alert in raised:
        seen = alert | {"status": "accepted", "owner": MIDWIFE, "performerType": [{"text": "Night midwife"}]}
        world.hospital.must(200)("PUT", f"Task/{alert['id']}", seen)
    whole = world.programme.must(200)("GET", path)
    assert "Night midwife" in json.dumps(whole)
    world.programme.must(200)("PUT", path, whole | {"status": "in-progress"})
    assert len(alerts()) == len(changes)


def test_prefer_decides_what_comes_back(world: World, supported: tuple[Person, str, Resource]) -> None:
    _, _, task = supported
    names = {"identifier": [{"system": "https://circle.example/message", "value": task["id"]}]}
    answer = world.programme.ask("POST", "Communication", worry(task, **names), Prefer="return=representation")
    assert answer.status_code == 201
    assert EMERGENCY in answer.json()["note"][0]["text"]
    assert answer.json()["about"] == [{"reference": f"Task/{task['id']}"}]
    again = world.programme.ask("POST", "Communication", worry(task, **names), Prefer="return=minimal")
    assert (again.status_code, again.content, again.headers["Location"]) == (200, b"", answer.headers["Location"])


def test_what_names_nobody_is_put_to_the_one_hospital_of_its_sender(
    world: World, supported: tuple[Person, str, Resource]
) -> None:
    _, patient_id, task = supported
    before = {each["id"] for each in world.tasks("status=requested", world.hospital)}
    answer = world.programme.ask("POST", "Communication", {"payload": [{"contentString": WORDS}]})
    assert answer.status_code == 201
    assert "does not say whom it is about" in diagnostics(answer)[1][1]
    tasks = [each for each in world.tasks("status=requested", world.hospital) if each["id"] not in before]
    (alert,) = [each for each in tasks if "unnamed-words" in json.dumps(each.get("reasonCode"))]
    assert "for" not in alert
    assert WORDS in alert["note"][0]["text"]
    path = answer.headers["Location"].split("/fhir/")[1].split("/_history/")[0]
    assert world.programme.must(200)("GET", path)["status"] == "in-progress"
    world.hospital.must(200)("PUT", f"Task/{alert['id']}", alert | {"status": "accepted", "owner": MIDWIFE})
    read = world.programme.must(200)("GET", path)
    assert (read["status"], "payload" in read, "subject" in read) == ("completed", False, False)
    by_handle = {"about": [{"display": task["for"]["display"]}], "payload": [{"contentString": WORDS}]}
    answer = world.programme.ask("POST", "Communication", by_handle)
    assert answer.status_code == 201
    assert WORDS in alert_of(world, patient_id)["note"][0]["text"]
    assert WORDS not in world.service.said.read_text()


def test_what_is_written_beside_a_status_is_in_the_record_with_the_step(
    world: World, supported: tuple[Person, str, Resource]
) -> None:
    person, patient_id, task = supported
    ended = task | {"status": "completed", "statusReason": {"text": WORDS}}
    world.programme.must(200)("PUT", f"Task/{task['id']}", ended)
    wait_until(lambda: any(WORDS in each for each in said_in_the_record(world, person)), "it is in the record")
    assert alert_of(world, patient_id)["priority"] == "routine"
    assert WORDS not in world.service.said.read_text()


def test_what_names_nobody_and_comes_from_nowhere_is_kept_and_the_operator_is_told(world: World) -> None:
    answer = world.other_programme.ask("POST", "Communication", {"payload": [{"contentString": WORDS}]})
    assert answer.status_code == 201
    assert "no clinician has been told" in diagnostics(answer)[1][1]
    read = world.other_programme.must(200)("GET", answer.headers["Location"].split("/fhir/")[1].split("/_history/")[0])
    assert read["status"] == "unknown"
    heard = [json.loads(line) for line in world.service.said.read_text().splitlines() if "words-not-heard" in line]
    assert heard[-1]["message"] == read["id"]
    (counted,) = [
        line
        for line in httpx.get(f"{world.service.url}/metrics", trust_env=False).text.splitlines()
        if line.startswith(NOT_HEARD)
    ]
    assert float(counted.split()[1]) >= 1
    assert WORDS not in world.service.said.read_text()


def test_a_worry_is_heard_from_a_tombstone_and_only_the_answer_stays_readable(world: World) -> None:
    person, patient_id, task = world.offered()
    task = world.programme.must(200)("PUT", f"Task/{task['id']}", task | {"status": "accepted"})
    agreed = world.consents[patient_id]
    withdrawn = {name: value for name, value in agreed.items() if name != "meta"} | {"status": "inactive"}
    world.hospital.must(200)("PUT", f"Consent/{agreed['id']}", withdrawn)
    answer = world.programme.ask("POST", "Communication", worry(task), Prefer="return=representation")
    assert answer.status_code == 201
    assert "payload" not in answer.json()
    noted = task | {"note": [{"text": "She rang me and cried."}], "status": "completed"}
    refused = world.programme.ask("PUT", f"Task/{task['id']}", noted)
    assert refused.status_code in (409, 422)
    assert any(EMERGENCY in text for _, text in diagnostics(refused))
    tombstone = world.programme.must(200)("GET", f"Task/{task['id']}")
    assert len(answered(tombstone)) == 2
    assert "note" not in tombstone
    wait_until(lambda: len(said_in_the_record(world, person)) == 2, "both are in the record")


def test_a_contact_is_read_by_the_hospital_only_while_she_allows_it(
    world: World, supported: tuple[Person, str, Resource]
) -> None:
    _, patient_id, task = supported
    encounter = {
        "resourceType": "Encounter",
        "status": "finished",
        "class": {"code": "HH"},
        "basedOn": [{"reference": f"Task/{task['id']}"}],
        "period": {"start": instant(datetime.now(UTC))},
        "length": {"value": 30, "code": "min"},
        "reasonCode": [{"text": "She cried for an hour."}],
    }
    made = world.programme.must(201)("POST", "Encounter", encounter)
    read = world.hospital.must(200)("GET", f"Encounter/{made['id']}")
    assert read["subject"] == {"reference": f"Patient/{patient_id}"}
    assert "cried" not in json.dumps(read)
    assert alert_of(world, patient_id)["priority"] == "routine"
    assert world.other_hospital.ask("GET", f"Encounter/{made['id']}").status_code == 404
    assert world.other_programme.ask("GET", f"Encounter/{made['id']}").status_code == 404
    corrected = made | {"class": {"code": "VR"}}
    assert world.programme.must(200)("PUT", f"Encounter/{made['id']}", corrected)["meta"]["versionId"] == "2"
    assert world.hospital.must(200)("GET", f"Encounter/{made['id']}")["class"]["code"] == "VR"
    agreed = world.consents[patient_id]
    withdrawn = {name: value for name, value in agreed.items() if name != "meta"} | {"status": "inactive"}
    world.hospital.must(200)("PUT", f"Consent/{agreed['id']}", withdrawn)
    assert world.hospital.ask("GET", f"Encounter/{made['id']}").status_code == 404
    assert world.programme.ask("GET", f"Encounter/{made['id']}").status_code == 200


def test_a_refused_contact_says_that_words_were_heard_only_when_they_were(world: World) -> None:
    _, patient_id, task = world.offered()
    encounter = {
        "resourceType": "Encounter",
        "status": "finished",
        "class": {"code": "VR"},
        "subject": {"reference": task["for"]["reference"], "display": task["for"]["display"]},
        "period": {"start": instant(datetime.now(UTC))},
    }
    shown = world.programme.ask("POST", "Encounter", encounter)
    assert (shown.status_code, len(diagnostics(shown))) == (422, 1)
    told = world.programme.ask("POST", "Encounter", encounter | {"reasonCode": [{"text": WORDS}]})
    assert told.status_code == 422
    assert "her maternity team is being told" in diagnostics(told)[-1][1]
    assert WORDS in alert_of(world, patient_id)["note"][0]["text"]


def test_words_in_a_contact_that_names_nobody_reach_the_hospital(world: World) -> None:
    world.offered()
    words = {"reasonCode": [{"text": "She said that she wants to die."}]}
    contact = {"resourceType": "Encounter", "status": "finished", "class": {"code": "VR"}, **words}
    answer = world.programme.ask("POST", "Encounter", contact)
    assert answer.status_code == 422
    assert "does not say whom it is about" in answer.json()["issue"][-1]["diagnostics"]
    assert "unnamed-words" in json.dumps(world.tasks("status=requested", world.hospital))
