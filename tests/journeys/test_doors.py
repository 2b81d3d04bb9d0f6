"""The FHIR door over HTTP, as an integration engineer meets it: conditions, versions, preferences and refusals."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from service.demo.people import consent, identifier_of, instant, patient
from service.demo.record import Resource
from service.shared.ids import new_id
from tests.journeys.support import Party, World, epds, if_none_exist, new_person, total

MEDIA_TYPE = "application/fhir+json; charset=utf-8; fhirVersion=4.0"
# What no two answers have in common, whatever they answer.
OF_THE_MOMENT = {"date", "x-request-id", "x-correlation-id"}


def code(answer: httpx.Response) -> str:
    """The first issue's code of a well-formed refusal."""
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.json()["resourceType"] == "OperationOutcome"
    issue = answer.json()["issue"][0]
    assert issue["severity"] == "error"
    assert issue["diagnostics"]
    return str(issue["code"])


# What comes in


def test_a_created_resource_answers_with_where_it_is_and_its_version(world: World) -> None:
    sent = patient(new_person())
    answer = world.hospital.ask("POST", "Patient", sent, X_Request_Id="019aa000-0000-7000-8000-00000000000a")
    id = answer.json()["id"]
    assert answer.status_code == 201
    assert answer.headers["location"] == f"{world.service.url}/fhir/Patient/{id}/_history/1"
    assert answer.headers["etag"] == 'W/"1"'
    assert answer.headers["last-modified"].endswith("GMT")
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.headers["x-request-id"] == "019aa000-0000-7000-8000-00000000000a"
    held = world.hospital.must(200)("GET", f"Patient/{id}")
    assert held == answer.json()
    assert {name: held[name] for name in sent} == sent


def test_a_blank_behind_her_number_makes_no_second_woman(world: World) -> None:
    person, known, task = world.offered()
    system, number = person.identifier
    padded = {"system": system, "value": f"{number} "}
    sent = patient(person) | {"identifier": [padded]}
    assert code(world.hospital.ask("POST", "Patient", sent)) == "duplicate"
    assert world.hospital.must(200)("PUT", f"Patient?identifier={system}|{number}%20", sent)["id"] == known

    name = {"system": "urn:no", "value": f"{number} no"}
    world.agree(person, known, identifier=[name], patient={"identifier": padded}, status="rejected")
    assert world.programme.must(200)("GET", f"Task/{task['id']}")["status"] == "cancelled"


def test_a_hospital_may_speak_of_its_patient_by_its_own_id(world: World) -> None:
    own_id = new_id()
    known = world.hospital.must(201)("POST", "Patient", patient(new_person()) | {"id": own_id})["id"]
    assert known != own_id
    for base in ("", f"{world.record.base}/"):
        sent = epds("", (0,) * 10, subject={"reference": f"{base}Patient/{own_id}"})
        world.hospital.must(201)("POST", "Observation", sent)
        assert code(world.other_hospital.ask("POST", "Observation", sent)) == "not-found"

    again = world.hospital.ask("POST", "Patient", patient(new_person()) | {"id": own_id})
    assert (again.status_code, code(again), again.json()["issue"][0]["expression"]) == (409, "conflict", ["id"])


def bodies(world: World) -> dict[str, Resource]:
    """One of each resource that a hospital creates, all about one woman who is known already."""
    person, patient_id = world.register()
    organisations = world.hospital.identity.organisation_id, world.programme.identity.organisation_id
    return {
        "Patient": patient(new_person()),
        "Consent": consent(person, patient_id, *organisations, world.today - timedelta(hours=1)),
        "Observation": epds(patient_id, (0,) * 10),
    }


@pytest.mark.parametrize("kind", ["Patient", "Consent", "Observation"])
def test_if_none_exist_makes_it_once_and_answers_with_the_same_ever_after(world: World, kind: str) -> None:
    sent = bodies(world)[kind]
    answers = [world.hospital.ask("POST", kind, sent, If_None_Exist=if_none_exist(sent)) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 200, 200]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len({answer.headers["etag"] for answer in answers}) == 1


@pytest.mark.parametrize("kind", ["Patient", "Consent", "Observation"])
def test_something_else_under_the_same_identifier_is_a_conflict_and_changes_nothing(world: World, kind: str) -> None:
    sent = bodies(world)[kind]
    id = world.hospital.must(201)("POST", kind, sent)["id"]
    assert world.hospital.ask("POST", kind, sent).status_code == 200
    other = sent | {"language": "cy"}
    refused = world.hospital.ask("POST", kind, other)
    assert (refused.status_code, code(refused)) == (409, "duplicate")
    assert "language" not in world.hospital.must(200)("GET", f"{kind}/{id}")


def alerts_about(world: World, *patient_ids: str) -> list[list[str]]:
    """The reason codes of the alerts about each of them."""
    found = [world.tasks(f"patient={each}&_count=1000", world.hospital) for each in patient_ids]
    return [[each["reasonCode"]["coding"][0]["code"] for each in alerts if "reasonCode" in each] for alerts in found]


@pytest.mark.parametrize("how", ["POST", "PUT", "PUT by id"])
def test_the_numbers_of_two_women_pause_contact_with_both(world: World, how: str) -> None:
    (one, first, _), (other, second) = world.offered(), world.register()
    both = patient(one) | {"identifier": patient(one)["identifier"] + patient(other)["identifier"]}
    path = {"POST": "Patient", "PUT": f"Patient?{if_none_exist(both)}", "PUT by id": f"Patient/{first}"}[how]
    refused = world.hospital.ask(how.partition(" ")[0], path, both | ({"id": first} if how == "PUT by id" else {}))

    assert (refused.status_code, code(refused)) == (409, "conflict")
    assert alerts_about(world, first, second) == [["identity-conflict"], ["identity-conflict"]]


@pytest.mark.parametrize("in_a_bundle", [False, True])
@pytest.mark.parametrize("kind", ["Observation", "Consent"])
def test_a_reference_to_one_woman_with_the_number_of_another_pauses_both(
    world: World, kind: str, in_a_bundle: bool
) -> None:
    (_, first, task), (other, second) = world.offered(), world.register()
    organisations = world.hospital.identity.organisation_id, world.programme.identity.organisation_id
    sent = total(first, 20) if kind == "Observation" else consent(other, first, *organisations, world.today)
    (system, value), element = other.identifier, "subject" if kind == "Observation" else "patient"
    sent[element]["identifier"] = {"system": system, "value": value}
    entry = {"resource": sent, "request": {"method": "POST", "url": kind}}
    transaction = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    refused = world.hospital.ask("POST", *(("", transaction) if in_a_bundle else (kind, sent)))

    assert (refused.status_code, code(refused)) == (409, "conflict")
    assert alerts_about(world, first, second) == [["identity-conflict"], ["identity-conflict"]]
    assert world.programme.must(200)("GET", f"Task/{task['id']}")["status"] == "cancelled"


@pytest.mark.parametrize("kind", ["Patient", "Observation", "Consent"])
@pytest.mark.parametrize(
    "modifier",
    [
        {"modifierExtension": [{"url": "https://hospital.example/not", "valueBoolean": True}]},
        {"implicitRules": "https://hospital.example/rules"},
    ],
    ids=["modifierExtension", "implicitRules"],
)
def test_what_may_change_the_meaning_and_is_not_known_forbids_acting_on_the_rest(
    world: World, kind: str, modifier: Resource
) -> None:
    sent = bodies(world)[kind]
    refused = world.hospital.ask("POST", kind, sent | modifier)
    assert (refused.status_code, code(refused)) == (422, "not-supported")
    assert world.hospital.ask("POST", kind, sent).status_code == 201


@pytest.mark.parametrize("condition", ["name=Tessie", "identifier=no-system", "identifier=a|b&identifier=c|d", "?"])
def test_a_condition_of_another_form_is_refused_and_nothing_is_made(world: World, condition: str) -> None:
    sent = patient(new_person())
    refused = world.hospital.ask("POST", "Patient", sent, If_None_Exist=condition)
    assert (refused.status_code, code(refused)) == (400, "value")
    assert world.hospital.ask("POST", "Patient", sent).status_code == 201


def test_a_patient_may_be_put_by_her_identifier_whether_she_is_known_or_not(world: World) -> None:
    sent = patient(new_person())
    path = f"Patient?identifier={identifier_of(sent)}"
    created, repeated = (world.hospital.ask("PUT", path, sent) for _ in range(2))
    changed = world.hospital.ask("PUT", path, sent | {"language": "cy"})
    assert [each.status_code for each in (created, repeated, changed)] == [201, 200, 200]
    assert [each.headers["etag"] for each in (created, repeated, changed)] == ['W/"1"', 'W/"1"', 'W/"2"']
    assert {each.json()["id"] for each in (created, repeated, changed)} == {created.json()["id"]}
    assert world.hospital.must(200)("GET", f"Patient/{created.json()['id']}")["language"] == "cy"
    assert world.hospital.ask("PUT", "Patient", sent).status_code == 400


def test_a_patient_may_be_put_by_our_id_guarded_by_her_version(world: World) -> None:
    person, id = world.register()
    sent = patient(person) | {"id": id, "language": "cy"}
    path = f"Patient/{id}"
    assert code(world.hospital.ask("PUT", path, patient(person))) == "value"  # without the id in the body
    stale = world.hospital.ask("PUT", path, sent, If_Match='W/"7"')
    assert (stale.status_code, code(stale)) == (412, "conflict")
    assert world.hospital.ask("PUT", path, sent, If_Match='W/"1"').headers["etag"] == 'W/"2"'
    assert world.hospital.ask("PUT", path, sent | {"language": "en"}, If_Match='W/"1"').status_code == 412
    malformed = world.hospital.ask("PUT", path, sent, If_Match="yesterday")
    assert (malformed.status_code, code(malformed)) == (400, "value")


@pytest.mark.parametrize(
    ("prefer", "kind"),
    [
        ("return=minimal", None),
        ("return=representation", "Patient"),
        ("return=OperationOutcome", "OperationOutcome"),
        ("respond-async", "Patient"),
    ],
)
def test_prefer_decides_what_comes_with_the_answer(world: World, prefer: str, kind: str | None) -> None:
    answer = world.hospital.ask("POST", "Patient", patient(new_person()), Prefer=prefer)
    assert answer.status_code == 201
    assert answer.headers["location"]
    assert (answer.json()["resourceType"] if answer.content else None) == kind


def test_a_result_of_the_future_or_about_nobody_we_know_is_refused(world: World) -> None:
    _, id = world.register()
    early = world.hospital.ask("POST", "Observation", total(id, 15, datetime.now(UTC) + timedelta(hours=2)))
    assert (early.status_code, code(early)) == (422, "value")
    unknown = world.hospital.ask("POST", "Observation", total(new_id(), 15))
    assert (unknown.status_code, code(unknown)) == (422, "not-found")


# Versions and conditions on reading


def test_what_has_not_changed_is_not_sent_again(world: World) -> None:
    _, _, task = world.offered()
    references = (f"Task/{task['id']}", task["focus"]["reference"], task["for"]["reference"])
    for reference in references:
        first = world.programme.ask("GET", reference)
        again = world.programme.ask("GET", reference, If_None_Match=first.headers["etag"])
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
        for known in ("*", first.headers["etag"].removeprefix("W/"), f'W/"0", {first.headers["etag"]}'):
            assert world.programme.ask("GET", reference, If_None_Match=known).status_code == 304
        assert world.programme.ask("GET", reference, If_None_Match='W/"0"').status_code == 200
    before = {each: world.programme.ask("GET", each).headers["etag"] for each in references}
    world.programme.must(200)("PUT", f"Task/{task['id']}", task | {"status": "accepted"})
    for reference, etag in before.items():
        assert world.programme.ask("GET", reference, If_None_Match=etag).status_code == 200, reference
    assert world.programme.ask("GET", f"Task/{new_id()}", If_None_Match="*").status_code == 404


def test_a_version_in_an_answer_is_the_one_in_its_headers(world: World) -> None:
    _, _, task = world.offered()
    answer = world.programme.ask("GET", f"Task/{task['id']}")
    assert answer.headers["etag"] == f'W/"{answer.json()["meta"]["versionId"]}"'
    assert answer.json()["meta"]["lastUpdated"] == answer.json()["lastModified"]
    put = world.programme.ask("PUT", f"Task/{task['id']}", answer.json() | {"status": "accepted"})
    assert put.headers["etag"] == f'W/"{put.json()["meta"]["versionId"]}"'
    assert put.headers["location"].endswith(f"/Task/{task['id']}/_history/{put.json()['meta']['versionId']}")


# What a programme answers


def test_a_stale_version_is_refused_and_a_fresh_one_taken(world: World) -> None:
    _, _, task = world.offered()
    path, etag = f"Task/{task['id']}", f'W/"{task["meta"]["versionId"]}"'
    accepted = world.programme.ask("PUT", path, task | {"status": "accepted"}, If_Match=etag)
    assert accepted.status_code == 200
    stale = world.programme.ask("PUT", path, task | {"status": "in-progress"}, If_Match=etag)
    assert (stale.status_code, code(stale)) == (412, "conflict")
    fresh = accepted.json() | {"status": "in-progress"}
    assert world.programme.ask("PUT", path, fresh, If_Match=accepted.headers["etag"]).status_code == 200


@pytest.mark.parametrize("status", ["completed", "in-progress", "on-hold", "failed", "requested-again", "draft"])
def test_a_status_that_cannot_follow_is_refused_and_nothing_moves(world: World, status: str) -> None:
    _, _, task = world.offered()
    reason = {"statusReason": {"text": "Because"}}
    refused = world.programme.ask("PUT", f"Task/{task['id']}", task | {"status": status} | reason)
    assert refused.status_code == 422
    assert code(refused) == ("value" if status == "requested-again" else "business-rule")
    now = world.programme.must(200)("GET", f"Task/{task['id']}")
    told = {"meta", "lastModified", "extension"}  # what was written beside the status is heard all the same
    assert {name: now[name] for name in now.keys() - told} == {name: task[name] for name in task.keys() - told}
    assert "extension" in now


@pytest.mark.parametrize(
    ("element", "value"),
    [
        ("for", {"reference": f"Patient/{new_id()}"}),
        ("focus", {"reference": f"ServiceRequest/{new_id()}"}),
        ("owner", {"reference": f"Organization/{new_id()}"}),
        ("requester", {"reference": f"Organization/{new_id()}"}),
        ("code", {"coding": [{"system": "http://hl7.org/fhir/CodeSystem/task-code", "code": "abort"}]}),
    ],
)
def test_what_only_the_service_sets_is_fixed(world: World, element: str, value: Resource) -> None:
    _, _, task = world.offered()
    refused = world.programme.ask("PUT", f"Task/{task['id']}", task | {"status": "accepted", element: value})
    assert (refused.status_code, code(refused)) == (422, "business-rule")
    assert refused.json()["issue"][0]["expression"] == [element]
    assert world.programme.must(200)("GET", f"Task/{task['id']}")["status"] == "requested"


@pytest.mark.parametrize("status", ["rejected", "cancelled"])
def test_a_no_needs_a_reason_and_keeps_it(world: World, status: str) -> None:
    _, _, task = world.offered()
    path = f"Task/{task['id']}"
    refused = world.programme.ask("PUT", path, task | {"status": status})
    assert (refused.status_code, code(refused)) == (422, "required")
    said = {"status": status, "statusReason": {"text": "No volunteer this month"}}
    assert world.programme.must(200)("PUT", path, task | said)["status"] == status
    tombstone = world.programme.must(200)("GET", path)
    assert tombstone["status"] == status
    facts = world.programme.must(200)("GET", task["for"]["reference"])
    assert not facts.keys() & {"name", "telecom", "address", "communication"}


def test_what_the_service_changed_meanwhile_is_a_conflict(world: World) -> None:
    person, patient_id, task = world.offered()
    accepted = world.programme.must(200)("PUT", f"Task/{task['id']}", task | {"status": "accepted"})
    organisations = world.hospital.identity.organisation_id, world.programme.identity.organisation_id
    withdrawn = consent(person, patient_id, *organisations, world.today) | {
        "identifier": [{"system": "https://st-test.example/consent", "value": new_id()}],
        "status": "rejected",
    }
    withdrawn["provision"] = withdrawn["provision"] | {"type": "deny"}
    world.hospital.must(201)("POST", "Consent", withdrawn)
    refused = world.programme.ask("PUT", f"Task/{task['id']}", accepted | {"status": "in-progress"})
    assert (refused.status_code, code(refused)) == (409, "conflict")
    assert world.programme.must(200)("GET", f"Task/{task['id']}")["status"] == "cancelled"


def test_an_update_that_changes_nothing_makes_no_version(world: World) -> None:
    _, _, task = world.offered()
    answer = world.programme.ask("PUT", f"Task/{task['id']}", task)
    assert (answer.status_code, answer.json()) == (200, task)
    assert world.programme.must(200)("GET", f"Task/{task['id']}")["meta"] == task["meta"]


def test_an_encounter_counts_and_reads_back(world: World) -> None:
    _, _, task = world.offered()
    sent: Resource = {
        "resourceType": "Encounter",
        "identifier": [{"system": "https://parent-circle.example/contact", "value": new_id()}],
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "VR"},
        "subject": task["for"],
        "basedOn": [task["focus"]],
        "period": {"start": instant(datetime.now(UTC))},
    }
    early = world.programme.ask("POST", "Encounter", sent)
    assert (early.status_code, code(early)) == (422, "business-rule")
    world.programme.must(200)("PUT", f"Task/{task['id']}", task | {"status": "accepted"})
    sent = sent | {"language": "en"}
    first, again = (world.programme.ask("POST", "Encounter", sent, If_None_Exist=if_none_exist(sent)) for _ in "ab")
    assert [first.status_code, again.status_code] == [201, 200]
    assert world.programme.must(200)("GET", f"Encounter/{first.json()['id']}")["basedOn"] == [task["focus"]]


# Whose it is


def everything(world: World) -> dict[str, tuple[Party, str]]:
    """Every kind of thing that can be asked for by id, with who it belongs to."""
    _, patient_id, task = world.offered()
    world.programme.must(200)("PUT", f"Task/{task['id']}", task | {"status": "accepted"})
    request = world.programme.must(200)("GET", task["focus"]["reference"])
    (held,) = world.tasks(f"patient={patient_id}&code=fulfill", world.hospital)
    (agreed,) = [
        world.hospital.must(201)("POST", "Consent", bodies(world)["Consent"]),
    ]
    result = world.screen(world.register()[1], (0,) * 10)
    return {
        "her, at the hospital": (world.hospital, f"Patient/{patient_id}"),
        "consent": (world.hospital, f"Consent/{agreed['id']}"),
        "result": (world.hospital, f"Observation/{result['id']}"),
        "referral": (world.hospital, held["focus"]["reference"]),
        "offer": (world.programme, f"Task/{task['id']}"),
        "request, as the programme sees it": (world.programme, task["focus"]["reference"]),
        "her, as the programme sees her": (world.programme, task["for"]["reference"]),
        "reason, as the programme sees it": (world.programme, request["reasonReference"][0]["reference"]),
        "consent, as the programme sees it": (world.programme, request["supportingInfo"][0]["reference"]),
    }


def said(answer: httpx.Response) -> tuple[int, bytes, dict[str, str]]:
    headers = {name: value for name, value in answer.headers.items() if name not in OF_THE_MOMENT}
    return answer.status_code, answer.content, headers


def test_what_is_not_the_callers_is_answered_as_what_does_not_exist(world: World) -> None:
    things = everything(world)
    for what, (owner, reference) in things.items():
        kind = reference.partition("/")[0]
        assert owner.ask("GET", reference).status_code == 200, what
        others = [world.other_hospital, world.other_programme]
        if what != "offer":
            others.append(world.programme if owner is world.hospital else world.hospital)
        for other in others:
            theirs, nobodys = other.ask("GET", reference), other.ask("GET", f"{kind}/{new_id()}")
            assert said(theirs) == said(nobodys), what
            assert theirs.status_code == 404, what


def test_writing_to_what_is_not_the_callers_is_answered_as_to_what_does_not_exist(world: World) -> None:
    person, patient_id, task = world.offered()
    world.programme.must(200)("PUT", f"Task/{task['id']}", task | {"status": "accepted"})
    agreed = world.hospital.must(201)("POST", "Consent", bodies(world)["Consent"])

    def put(party: Party, body: Resource, id: str) -> httpx.Response:
        return party.ask("PUT", f"{body['resourceType']}/{id}", body | {"id": id})

    def contact(party: Party, body: Resource, id: str) -> httpx.Response:
        return party.ask("POST", "Encounter", body | {"subject": {"reference": f"Patient/{id}"}})

    encounter = {
        "resourceType": "Encounter",
        "status": "finished",
        "class": {"code": "VR"},
        "period": {"start": instant(datetime.now(UTC))},
    }
    hospital, programme = (world.other_hospital,), (world.other_programme,)
    ways: list[tuple[Callable[[Party, Resource, str], httpx.Response], Resource, str, tuple[Party, ...]]] = [
        (put, patient(replace(person, hospital_number=new_id())), patient_id, hospital),
        (put, {name: value for name, value in agreed.items() if name != "identifier"}, agreed["id"], hospital),
        (put, task | {"status": "in-progress"}, task["id"], hospital + programme),
        (contact, encounter, task["for"]["reference"].partition("/")[2], programme),
    ]
    for way, body, id, may in ways:
        for other in (world.other_hospital, world.other_programme):
            theirs, nobodys = way(other, body, id), way(other, body, new_id())
            assert said(theirs) == said(nobodys), body["resourceType"]
            assert theirs.status_code in ((404, 422) if other in may else (403,)), body["resourceType"]
    assert world.hospital.must(200)("GET", f"Patient/{patient_id}")["meta"]["versionId"] == "1"
    assert world.programme.must(200)("GET", f"Task/{task['id']}")["status"] == "accepted"


def test_nobody_finds_in_a_search_what_is_not_theirs(world: World) -> None:
    own = world.tasks("_count=1000", world.other_hospital)
    _, patient_id, task = world.offered()
    owner = f"owner={world.programme.organisation}"
    for query in ("", owner, f"_id={task['id']}", f"patient={patient_id}", f"{owner}&_id={task['id']}"):
        assert world.tasks(query or "_count=1000", world.other_programme) == []
        assert world.tasks(query or "_count=1000", world.other_hospital) == ([] if query else own)
    # Her own hospital's id for her finds nothing for the programme either, nor the programme's for the hospital.
    assert world.tasks(f"patient={patient_id}") == []
    handle = task["for"]["reference"]
    assert world.tasks(f"patient={handle}", world.hospital) == []
    assert [each["id"] for each in world.tasks(f"patient={handle}")] == [task["id"]]
    assert world.tasks(f"patient={handle}&_id={new_id()}") == []
    assert [each["id"] for each in world.tasks(f"patient=Patient/{patient_id}", world.hospital)] == [task["id"]]


# Access, and the manners of HTTP


@pytest.mark.parametrize("authorization", [None, "Bearer", "Bearer nonsense", f"Bearer {'A' * 43}", "Basic dTpw"])
def test_without_a_token_of_ours_nothing_is_said(world: World, authorization: str | None) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    for path in ("Task", f"Patient/{new_id()}", f"Task/{new_id()}"):
        answer = httpx.get(f"{world.service.url}/fhir/{path}", headers=headers, trust_env=False)
        assert (answer.status_code, code(answer)) == (401, "login")
        assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    ("who", "method", "path", "needed"),
    [
        ("programme", "POST", "Patient", "system/Patient.c"),
        ("programme", "POST", "Observation", "system/Observation.c"),
        ("programme", "PUT", "Consent/1", "system/Consent.u"),
        ("hospital", "POST", "Encounter", "system/Encounter.c"),
        ("hospital", "GET", "Communication/1", "system/Communication.r"),
    ],
)
def test_a_scope_that_is_too_small_is_named(world: World, who: str, method: str, path: str, needed: str) -> None:
    party: Party = getattr(world, who)
    answer = party.ask(method, path, {"resourceType": "X"} if method != "GET" else None)
    assert (answer.status_code, code(answer)) == (403, "forbidden")
    assert answer.headers["www-authenticate"] == 'Bearer error="insufficient_scope"'
    assert needed in answer.json()["issue"][0]["diagnostics"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "Patient/1", {"GET", "PUT"}),
        ("PATCH", "Task/1", {"GET", "PUT"}),
        ("POST", "Task", {"GET"}),
        ("GET", "Patient", {"POST", "PUT"}),
        ("DELETE", "Encounter", {"POST"}),
        ("GET", "Task/_search", {"POST"}),
        ("POST", "metadata", {"GET"}),
    ],
)
def test_a_method_that_is_not_taken_is_answered_with_those_that_are(
    world: World, method: str, path: str, allowed: set[str]
) -> None:
    answer = world.hospital.ask(method, path)
    if (method, path) == ("GET", "Task/_search"):
        assert answer.status_code == 404  # it reads as the Task with that id, and there is none
        return
    assert (answer.status_code, code(answer)) == (405, "not-supported")
    assert {each.strip() for each in answer.headers["allow"].split(",")} - {"HEAD"} == allowed


def test_an_address_that_is_not_there_says_so_in_fhir(world: World) -> None:
    for path in ("Practitioner/1", "Nothing", "Patient/1/_history/1", "$everything"):
        answer = world.hospital.ask("GET", path)
        assert (answer.status_code, code(answer)) == (404, "not-found")


@pytest.mark.parametrize(
    "accept",
    [
        "application/fhir+xml",
        "text/html",
        "application/fhir+turtle, text/xml",
        "application/fhir+json; fhirVersion=5.0",
        "application/fhir+json; charset=iso-8859-1",
    ],
)
def test_an_answer_in_another_format_is_not_to_be_had(world: World, accept: str) -> None:
    answer = world.hospital.ask("GET", f"Patient/{new_id()}", Accept=accept)
    assert (answer.status_code, code(answer)) == (406, "not-supported")


@pytest.mark.parametrize(
    "headers",
    [
        {"Content_Type": "application/fhir+xml"},
        {"Content_Type": "text/plain"},
        {"Content_Type": ""},
        {"Content_Encoding": "gzip"},
        {"Content_Type": "application/fhir+json; charset=iso-8859-1"},
        {"Content_Type": "application/fhir+json; charset=utf-8; fhirVersion=5.0"},
    ],
)
def test_a_body_in_another_format_is_not_taken(world: World, headers: dict[str, str]) -> None:
    answer = world.hospital.ask("POST", "Patient", patient(new_person()), **headers)
    assert (answer.status_code, code(answer)) == (415, "not-supported")
    assert "application/fhir+json; fhirVersion=4.0, in UTF-8" in answer.json()["issue"][0]["diagnostics"]


@pytest.mark.parametrize(
    "named", ['charset="UTF-8"', "charset=us-ascii", "fhirVersion=4.0", "fhirVersion=4.0.1; q=0.9"]
)
def test_a_format_may_be_named_in_full(world: World, named: str) -> None:
    for type in ("application/fhir+json", "application/json"):
        full = f"{type}; {named}"
        assert world.hospital.ask("POST", "Patient", patient(new_person()), Content_Type=full).status_code == 201
        assert world.hospital.ask("GET", "Task?_count=1", Accept=full).status_code == 200


def test_a_body_that_is_too_long_is_refused(world: World) -> None:
    answer = world.hospital.ask("POST", "Patient", b" " * (2 * 1024 * 1024 + 1))
    assert (answer.status_code, code(answer)) == (413, "too-long")


def test_who_asks_too_often_is_told_when_to_come_back(new_world: Callable[..., World]) -> None:
    world = new_world(requests_per_minute="3")
    answers = [world.hospital.ask("GET", f"Patient/{new_id()}") for _ in range(8)]
    throttled = [answer for answer in answers if answer.status_code == 429]
    assert throttled
    assert all(code(answer) == "throttled" and int(answer.headers["retry-after"]) > 0 for answer in throttled)
    assert world.programme.ask("GET", f"Task?owner={world.programme.organisation}").status_code == 200


def test_who_has_asked_too_often_is_heard_with_a_worry(new_world: Callable[..., World]) -> None:
    world = new_world(requests_per_minute="3")
    programme = world.programme
    answers = [programme.ask("GET", f"Task?owner={programme.organisation}") for _ in range(8)]
    assert 429 in {answer.status_code for answer in answers}
    assert programme.ask("POST", "Communication", {"resourceType": "Communication"}).status_code == 201


def test_head_answers_as_get_does_without_a_body(world: World) -> None:
    _, id = world.register()
    got, head = (world.hospital.ask(method, f"Patient/{id}") for method in ("GET", "HEAD"))
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["etag"] == got.headers["etag"]
    for path in ("livez", "readyz", "fhir/metadata", "openapi.json"):
        answer = httpx.head(f"{world.service.url}/{path}", trust_env=False)
        assert (answer.status_code, answer.content) == (200, b"")


# What the server says of itself


def test_what_it_says_of_itself_agrees_with_where_it_is(world: World) -> None:
    url = world.service.url

    def document(path: str) -> Resource:
        tree: Resource = httpx.get(f"{url}/{path}", trust_env=False).raise_for_status().json()
        return tree

    statement, smart = document("fhir/metadata"), document("fhir/.well-known/smart-configuration")
    assert statement["fhirVersion"].startswith("4.0")
    assert statement["implementation"]["url"] == f"{url}/fhir"
    assert smart["token_endpoint"] == f"{url}/token"
    assert {"RS384", "ES384"} <= set(smart["token_endpoint_auth_signing_alg_values_supported"])
    (key,) = document(".well-known/jwks.json")["keys"]
    assert (key["kty"], key["crv"]) == ("EC", "P-384")
    assert "d" not in key
    paths = document("openapi.json")["paths"]
    for resource in statement["rest"][0]["resource"]:
        assert any(path.startswith(f"/fhir/{resource['type']}") for path in paths)
    metrics = httpx.get(f"{url}/metrics", trust_env=False).text
    assert "peer_referral_requests_total{" in metrics
    assert document("readyz") == {"status": "ready"}
