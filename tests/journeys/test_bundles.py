"""Bundles and forms over the wire: what is kept, what is answered, and what a person hears of a refusal."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from service import wiring
from service.demo.people import instant, patient
from service.shared.ids import new_id
from service.store.messages import MessageQuery
from tests.journeys.bundles import about, admission, bundle, entry, form, name, number_of
from tests.journeys.support import NEGATIVE, POSITIVE, World, epds, new_person, total, wait_until

Resource = dict[str, Any]
EXAMPLES = Path(__file__).parents[2] / "service" / "fhir" / "examples"
RISK = (*POSITIVE[:-1], 1)


def send(world: World, sent: object, **headers: str) -> httpx.Response:
    return world.hospital.ask("POST", "", sent, **headers)


def taken(world: World, sent: Resource) -> list[Resource]:
    """What was answered to each entry."""
    answer = send(world, sent)
    assert answer.status_code == 200, answer.text
    assert answer.json()["type"] == f"{sent['type']}-response"
    return [each["response"] for each in answer.json()["entry"]]


def places(answer: httpx.Response) -> list[str]:
    assert answer.json()["resourceType"] == "OperationOutcome", answer.text
    return [issue["expression"][0] for issue in answer.json()["issue"]]


def read(world: World, response: Resource) -> Resource:
    return world.hospital.must(200)("GET", response["location"].partition("/_history")[0])


def alerts(world: World, code: str) -> list[Resource]:
    """The hospital's alerts of this reason, whoever they are about."""
    return [each for each in world.tasks("_count=1000", world.hospital) if code in json.dumps(each)]


def test_an_admission_in_one_bundle_becomes_one_offer_however_often_it_is_sent(either_world: World) -> None:
    world = either_world
    before = [each["id"] for each in world.tasks()]
    person, sent = admission(world)
    first, again = taken(world, sent), taken(world, sent)
    assert [each["status"] for each in first] == ["201 Created"] * 4
    assert [each["status"] for each in again] == ["200 OK"] * 4
    assert [each["location"] for each in again] == [each["location"] for each in first]
    assert [each["etag"] for each in again] == ['W/"1"'] * 4
    # Sent anew by a sender that makes its names each time: the identifiers are the same, and so is the content.
    text = json.dumps(sent)
    for each in sent["entry"]:
        text = text.replace(each["fullUrl"], name())
    renamed = json.loads(text)
    assert [each["location"] for each in taken(world, renamed)] == [each["location"] for each in first]
    (task,) = (each for each in world.tasks() if each["id"] not in before)
    assert task["status"] == "requested"
    wait_until(lambda: len(world.in_record("ServiceRequest", person)) == 1, "the record has the request")


def test_what_came_in_a_bundle_is_read_like_any_other(world: World) -> None:
    _, sent = admission(world)
    observation, woman, filled_in, agreed = (read(world, each) for each in taken(world, sent))
    her = {"reference": f"Patient/{woman['id']}"}
    assert observation["subject"] == filled_in["subject"] == agreed["patient"] == her
    assert observation["derivedFrom"] == [{"reference": f"QuestionnaireResponse/{filled_in['id']}"}]
    assert [each["linkId"] for each in filled_in["item"]] == [
        each["linkId"] for each in sent["entry"][2]["resource"]["item"]
    ]


def test_the_example_of_a_transaction_is_taken_as_it_is_printed(world: World) -> None:
    sent = json.loads((EXAMPLES / "bundle-transaction.json").read_bytes())
    organisations = {"0001": world.hospital, "0002": world.programme}
    text = json.dumps(sent)
    for last, party in organisations.items():
        text = text.replace(f"019aa000-0000-7000-8000-00000000{last}", party.identity.organisation_id)
    sent = json.loads(text)
    sent["entry"][1]["resource"]["dateTime"] = instant(datetime.now(UTC) - timedelta(hours=1))
    for period in periods(sent["entry"][1]["resource"]):
        period |= {"start": instant(datetime.now(UTC) - timedelta(days=1)), "end": "2099-01-01"}
    shown = json.loads((EXAMPLES / "bundle-transaction-response.json").read_bytes())
    kinds = [each["location"].split("/")[-4] for each in taken(world, sent)]
    assert kinds == [each["response"]["location"].split("/")[-4] for each in shown["entry"]]


def periods(node: Any) -> list[Resource]:
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    found = [each for child in inner for each in periods(child)]
    return [*found, node["period"]] if isinstance(node, dict) and "period" in node else found


# All or nothing


def test_a_refused_entry_is_named_and_nothing_of_the_rest_is_kept(world: World) -> None:
    person, sent = admission(world)
    sent["entry"].append(entry(name(), about(total("-", 3), "Patient?identifier=urn:nobody|1")))
    answer = send(world, sent)
    assert (answer.status_code, places(answer)) == (422, ["Bundle.entry[4]"])
    # Had she been kept, this would say 200.
    assert world.hospital.ask("POST", "Patient", patient(person)).status_code == 201


@pytest.mark.parametrize(
    ("change", "status", "place"),
    [
        ({"status": "finalish"}, 422, "Bundle.entry[0].resource.status"),
        ({"valueInteger": "15"}, 400, "Bundle.entry[0].resource.valueInteger"),
        ({"meta": {"tag": [{"code": "HTEST"}]}}, 422, "Bundle.entry[0].resource.meta"),
        ({"effectiveDateTime": "2099-01-01T00:00:00Z"}, 422, "Bundle.entry[0].resource.effective"),
        ({"subject": {"reference": name()}}, 422, "Bundle.entry[0].resource.subject.reference"),
        ({"derivedFrom": [{"reference": name()}]}, 422, "Bundle.entry[0].resource.derivedFrom[0].reference"),
    ],
)
def test_what_is_wrong_with_an_entry_is_told_by_its_place(
    world: World, change: Resource, status: int, place: str
) -> None:
    _, sent = admission(world)
    sent["entry"][0]["resource"] |= change
    answer = send(world, sent)
    assert (answer.status_code, places(answer)) == (status, [place])


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"method": "GET", "url": "Patient/1"}, 422),
        ({"method": "DELETE", "url": "Patient/1"}, 422),
        ({"method": "POST", "url": "Task"}, 422),
        ({"method": "POST", "url": "ServiceRequest"}, 422),
    ],
)
def test_what_is_not_taken_in_a_bundle_is_refused_by_name(world: World, request_: Resource, code: int) -> None:
    kind = request_["url"]
    asked = {"request": request_} | (
        {"resource": {"resourceType": "Task", "status": "requested", "intent": "order"}} if kind == "Task" else {}
    )
    if kind == "ServiceRequest":
        asked["resource"] = {
            "resourceType": kind, "status": "active", "intent": "order", "subject": {"reference": "Patient/1"},
        }  # fmt: skip
    answer = send(world, bundle(asked))
    assert answer.status_code == code
    assert places(answer)[0].startswith("Bundle.entry[0].request")


@pytest.mark.parametrize("type", ["message", "collection", "document", "searchset", "history", "transaction-response"])
def test_other_bundles_are_refused_plainly(world: World, type: str) -> None:
    answer = send(world, {"resourceType": "Bundle", "type": type, "entry": [{"resource": {"resourceType": "Basic"}}]})
    assert (answer.status_code, places(answer)) == (422, ["Bundle.type"])
    assert "transaction" in answer.json()["issue"][0]["diagnostics"]


def test_a_bundle_of_more_than_two_hundred_is_too_large(world: World) -> None:
    # Of so many numbers drawn by lot two may be the same.
    asked = [entry(None, patient(replace(new_person(), hospital_number=new_id()))) for _ in range(201)]
    for type in ("transaction", "batch"):
        answer = send(world, bundle(*asked, type=type))
        assert (answer.status_code, places(answer)) == (413, ["Bundle.entry"])
    assert len(taken(world, bundle(*asked[:200]))) == 200


def test_full_urls_may_not_be_used_twice(world: World) -> None:
    once = name()
    answer = send(world, bundle(entry(once, patient(new_person())), entry(once, patient(new_person()))))
    assert (answer.status_code, places(answer)) == (422, ["Bundle.entry[1]"])


def test_a_circle_of_references_is_refused(world: World) -> None:
    _, her = world.register()
    one, other = name(), name()
    first, second = (total(her, 3) | {"derivedFrom": [{"reference": each}]} for each in (other, one))
    answer = send(world, bundle(entry(one, first), entry(other, second)))
    assert (answer.status_code, places(answer)) == (422, ["Bundle.entry[0]", "Bundle.entry[1]"])


def test_a_batch_with_its_entries_twice_is_refused_whole(world: World) -> None:
    written = json.dumps(bundle(entry(None, patient(new_person())), type="batch"))
    answer = send(world, f'{written[:-1]}, "entry": []}}'.encode())
    assert (answer.status_code, places(answer)) == (400, ["Bundle"])


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"resourceType":"Patient"}', b'{"resourceType":"Bundle"}'])
def test_what_is_no_bundle_is_refused(world: World, body: bytes) -> None:
    assert send(world, body).status_code == 400


def test_an_empty_bundle_is_answered_with_an_empty_one(world: World) -> None:
    for type in ("transaction", "batch"):
        assert send(world, {"resourceType": "Bundle", "type": type}).json() == {
            "resourceType": "Bundle",
            "type": f"{type}-response",
        }


def test_a_risk_under_another_media_type_is_heard_all_the_same(world: World) -> None:
    before = len(alerts(world, "unreadable-risk"))
    sent = json.dumps(about(epds("-", RISK), "Patient/nobody")).encode()
    assert world.hospital.ask("POST", "Observation", sent, Content_Type="text/plain").status_code == 415
    assert len(alerts(world, "unreadable-risk")) == before + 1


def test_a_refused_risk_is_heard_all_the_same(world: World) -> None:
    before = len(alerts(world, "unreadable-risk"))
    stranger = "Patient?identifier=urn:nobody|1"
    for sent in (bundle(entry(name(), about(epds("-", RISK), stranger))), bundle(entry(name(), form(stranger, RISK)))):
        assert send(world, sent).status_code == 422
    assert len(alerts(world, "unreadable-risk")) == before + 2


STRANGER = "Patient?identifier=urn:nobody|1"
REFUSALS: dict[str, Callable[[str], Resource]] = {
    "a step refuses another entry": lambda _: entry(name(), about(total("-", 3), STRANGER)),
    "another entry cannot be read": lambda _: entry(name(), {**patient(new_person()), "gender": "unheard-of"}),
    "the risk itself is refused": lambda her: entry(
        name(), about(epds("-", RISK, datetime(2099, 1, 1, tzinfo=UTC)), her)
    ),
}


@pytest.mark.parametrize("known_by", ["its id", "an entry", "an identifier"])
@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_risk_in_a_refused_transaction_is_her_clinicians_and_takes_back_what_nobody_accepted(
    world: World, refusal: str, known_by: str
) -> None:
    person, her, offer = world.offered()
    woman, asked = name(), f"identifier={number_of(person)}"
    reference = {"its id": f"Patient/{her}", "an entry": woman, "an identifier": f"Patient?{asked}"}[known_by]
    unnamed = len(alerts(world, "unreadable-risk"))
    entries = [entry(name(), about(epds("-", RISK), reference)), REFUSALS[refusal](reference)]
    if known_by == "an entry":
        entries.append(entry(woman, patient(person), ifNoneExist=asked))
    for _ in range(2):
        assert send(world, bundle(*entries)).status_code in (400, 422)

    (now,) = world.tasks(f"_id={offer['id']}")
    assert now["status"] == "cancelled"
    assert len([each for each in alerts(world, "self-harm-present") if her in json.dumps(each)]) == 1
    assert len(alerts(world, "unreadable-risk")) == unnamed


@pytest.mark.parametrize("sent_in", ["alone", "a transaction", "a batch"])
def test_a_loss_in_an_observation_that_is_refused_for_its_form_pauses_contact_once(world: World, sent_in: str) -> None:
    _, her, offer = world.offered()
    stillbirth = {"coding": [{"system": "http://snomed.info/sct", "code": "237364002"}]}
    loss = {
        **about(total("-", 3), f"Patient/{her}"),
        "code": stillbirth,
        "status": "finalish",
        "effectiveDateTime": f"{datetime.now(UTC):%Y-%m-%d}",
    }
    for _ in range(2):
        if sent_in == "alone":
            assert world.hospital.ask("POST", "Observation", loss).status_code in (400, 422)
        else:
            entries = [entry("urn:uuid:0198f000-0000-7000-8000-00000000000f", loss)]
            send(world, bundle(*entries, type=sent_in.removeprefix("a ")))
    (now,) = world.tasks(f"_id={offer['id']}")
    assert now["status"] == "cancelled"
    assert len([each for each in alerts(world, "safety-event") if her in json.dumps(each)]) == 1


@pytest.mark.parametrize("known_by", ["its id", "an identifier"])
def test_a_loss_in_a_refused_transaction_pauses_contact_once(world: World, known_by: str) -> None:
    person, her, offer = world.offered()
    reference = {"its id": f"Patient/{her}", "an identifier": f"Patient?identifier={number_of(person)}"}[known_by]
    stillbirth = {"coding": [{"system": "http://snomed.info/sct", "code": "237364002"}]}
    loss = {**about(total("-", 3), reference), "code": stillbirth, "status": "preliminary"}
    for _ in range(2):
        sent = bundle(entry(name(), loss), entry(name(), about(total("-", 3), STRANGER)))
        assert send(world, sent).status_code == 422
    (now,) = world.tasks(f"_id={offer['id']}")
    assert now["status"] == "cancelled"
    assert len([each for each in alerts(world, "safety-event") if her in json.dumps(each)]) == 1


def test_a_risk_that_cannot_be_read_is_told_with_hers_that_can(world: World) -> None:
    _, her, _ = world.offered()
    before = len(alerts(world, "unreadable-risk"))
    spoilt = about(epds("-", RISK), f"Patient/{her}") | {"status": "finalish"}
    sent = bundle(entry(name(), about(epds("-", RISK), f"Patient/{her}")), entry(name(), spoilt))
    assert send(world, sent).status_code == 422
    assert len([each for each in alerts(world, "self-harm-present") if her in json.dumps(each)]) == 1
    assert len(alerts(world, "unreadable-risk")) == before


@pytest.mark.parametrize("of_her", [True, False])
def test_a_result_that_cannot_be_read_is_told_beside_a_risk_where_it_is_another_womans(
    world: World, of_her: bool
) -> None:
    _, her, _ = world.offered()
    _, other = world.register()
    spoilt = about(epds("-", POSITIVE), f"Patient/{her if of_her else other}") | {"status": "finalish"}
    sent = bundle(entry(name(), about(epds("-", RISK), f"Patient/{her}")), entry(name(), spoilt))
    assert send(world, sent).status_code == 422

    def told(code: str) -> list[str]:
        return [woman for each in alerts(world, code) for woman in (her, other) if woman in json.dumps(each)]

    assert told("self-harm-present") == [her]
    assert told("unreadable-result") == ([] if of_her else [other])


@pytest.mark.parametrize(
    ("type", "known_by"), [("transaction", "its id"), ("transaction", "an entry"), ("batch", "its id")]
)
def test_a_risk_in_an_entry_that_cannot_be_read_is_hers(world: World, type: str, known_by: str) -> None:
    person, her, offer = world.offered()
    woman, unnamed = name(), len(alerts(world, "unreadable-risk"))
    reference = {"its id": f"Patient/{her}", "an entry": woman}[known_by]
    entries = [entry(name(), about(epds("-", RISK), reference) | {"status": "finalish"})]
    if known_by == "an entry":
        entries.append(entry(woman, patient(person), ifNoneExist=f"identifier={number_of(person)}"))
    for _ in range(2):
        send(world, bundle(*entries, type=type))
    (now,) = world.tasks(f"_id={offer['id']}")
    assert now["status"] == "cancelled"
    assert len([each for each in alerts(world, "self-harm-present") if her in json.dumps(each)]) == 1
    assert len(alerts(world, "unreadable-risk")) == unnamed


@pytest.mark.parametrize("type", ["transaction", "batch"])
def test_a_risk_of_a_woman_who_is_not_known_is_heard(world: World, type: str) -> None:
    before = len(alerts(world, "unreadable-risk"))
    answer = send(world, bundle(entry(name(), about(epds("-", RISK), "Patient/nobody")), type=type))
    assert answer.status_code == {"transaction": 422, "batch": 200}[type]
    assert len(alerts(world, "unreadable-risk")) == before + 1


def test_only_a_hospital_sends_bundles_and_only_what_it_may(world: World) -> None:
    answer = world.programme.ask("POST", "", bundle(entry(name(), patient(new_person()))))
    assert answer.status_code == 403
    assert "POST Communication" in answer.json()["issue"][0]["diagnostics"]
    narrow = replace(world.hospital.identity, scope="system/Observation.c")
    party = type(world.hospital)(world.hospital.url, narrow)
    answer = party.ask("POST", "", bundle(entry(name(), patient(new_person()))))
    assert (answer.status_code, places(answer)) == (403, ["Bundle.entry[0].request"])
    party.close()


# Names


def test_an_unnamed_bundle_is_known_when_it_comes_again(world: World) -> None:
    woman = name()
    unnamed = patient(new_person())
    del unnamed["identifier"]
    stated = epds("-", POSITIVE)
    del stated["identifier"]
    sent = bundle(entry(woman, unnamed), entry(None, about(stated, woman)))
    first, again = taken(world, sent), taken(world, sent)
    assert [each["location"] for each in first] == [each["location"] for each in again]
    assert [each["status"] for each in again] == ["200 OK", "200 OK"]


def test_what_came_alone_is_the_same_in_a_bundle(world: World) -> None:
    person, her = world.register()
    stated = epds(her, NEGATIVE)
    alone = world.hospital.must(201)("POST", "Observation", json.dumps(stated, indent=4).encode())
    woman = name()
    sent = bundle(entry(woman, patient(person)), entry(None, about(stated, woman)))
    assert [(each["status"], read(world, each)["id"]) for each in taken(world, sent)] == [
        ("200 OK", her),
        ("200 OK", alone["id"]),
    ]


def test_conditional_creation_update_and_reference_are_by_identifier(world: World) -> None:
    person, her = world.register()
    condition = f"identifier={number_of(person)}"
    stated, refers = epds("-", NEGATIVE), f"Patient?{condition}"
    (known,) = taken(world, bundle(entry(None, patient(person), ifNoneExist=condition)))
    assert (known["status"], read(world, known)["id"]) == ("200 OK", her)
    changed = patient(replace(person, district="Hilltop"))
    woman, result = taken(
        world, bundle(entry(None, changed, "PUT", f"Patient?{condition}"), entry(None, about(stated, refers)))
    )
    assert (woman["status"], woman["etag"], result["status"]) == ("200 OK", 'W/"2"', "201 Created")
    assert read(world, result)["subject"] == {"reference": f"Patient/{her}"}
    corrected = about(stated, refers) | {"valueInteger": 2, "component": []}
    del corrected["component"]
    number = f"identifier={stated['identifier'][0]['system']}|{stated['identifier'][0]['value']}"
    (again,) = taken(world, bundle(entry(None, corrected, "PUT", f"Observation?{number}")))
    assert (again["etag"], read(world, again)["id"]) == ('W/"2"', read(world, result)["id"])


def test_a_stale_version_refuses_the_whole(world: World) -> None:
    person, her = world.register()
    sent = patient(replace(person, district="Hilltop")) | {"id": her}
    stale = entry(None, sent, "PUT", f"Patient/{her}", ifMatch='W/"7"')
    answer = send(world, bundle(stale))
    assert (answer.status_code, places(answer)) == (412, ["Bundle.entry[0]"])


# A batch


def test_a_batch_takes_each_entry_on_its_own(world: World) -> None:
    person, her = world.register()
    wrong = epds(her, POSITIVE) | {"status": "finalish"}
    unknown = about(epds("-", POSITIVE), "Patient/nobody")
    sent = bundle(
        entry(None, epds(her, NEGATIVE)),
        entry(None, wrong),
        entry(None, unknown),
        {"request": {"method": "GET", "url": "x"}},
        entry(None, about(total("-", 3), name())),
        entry(None, patient(person)),
        type="batch",
    )
    responses = taken(world, sent)
    assert [each["status"].partition(" ")[0] for each in responses] == ["201", "422", "422", "422", "422", "200"]
    refusals = {place: each["outcome"]["issue"][0] for place, each in enumerate(responses) if "outcome" in each}
    assert {place: issue["expression"][0] for place, issue in refusals.items()} == {
        1: "Bundle.entry[1].resource.status",
        2: "Bundle.entry[2].resource.subject",
        3: "Bundle.entry[3].request.method",
        4: "Bundle.entry[4].resource.subject",
    }
    assert taken(world, sent)[0]["status"] == "200 OK"


def test_a_batch_keeps_decimals_and_sees_repeated_members(world: World) -> None:
    _, her = world.register()
    exact = json.dumps(epds(her, NEGATIVE) | {"extension": [{"url": "urn:x", "valueDecimal": 1.25}]}).replace(
        "1.25", "1.250"
    )
    twice = json.dumps(epds(her, NEGATIVE)).replace('"status": "final"', '"status": "final", "status": "final"')
    asked = '{"method": "POST", "url": "Observation"}'
    entries = ",".join(f'{{"resource": {each}, "request": {asked}}}' for each in (exact, twice))
    answer = send(world, f'{{"resourceType": "Bundle", "type": "batch", "entry": [{entries}]}}'.encode())
    kept, refused = (each["response"] for each in answer.json()["entry"])
    assert refused["status"] == "400 Bad Request"
    assert refused["outcome"]["issue"][0]["expression"] == ["Bundle.entry[1].resource"]
    text = world.hospital.ask("GET", kept["location"].partition("/_history")[0]).text
    assert '"valueDecimal":1.250' in text


# Forms


def test_a_form_alone_opens_a_referral(world: World) -> None:
    person, her = world.register()
    world.agree(person, her)
    before = {each["id"] for each in world.tasks()}
    sent = form(f"Patient/{her}")
    kept = world.hospital.must(201)("POST", "QuestionnaireResponse", sent)
    assert world.hospital.must(200)("POST", "QuestionnaireResponse", sent)["id"] == kept["id"]
    assert len([each for each in world.tasks() if each["id"] not in before]) == 1
    # Amended to nothing, by PUT: what was not answered yet is taken back.
    amended = form(f"Patient/{her}", NEGATIVE, status="amended") | {"id": kept["id"], "identifier": sent["identifier"]}
    amended["authored"] = sent["authored"]
    answer = world.hospital.ask("PUT", f"QuestionnaireResponse/{kept['id']}", amended)
    assert (answer.status_code, answer.headers["ETag"]) == (200, 'W/"2"')
    (task,) = [each for each in world.tasks() if each["id"] not in before]
    assert task["status"] == "cancelled"


def test_a_form_and_the_observations_from_it_are_one_administration(world: World) -> None:
    person, her = world.register()
    world.agree(person, her)
    before = {each["id"] for each in world.tasks()}
    at = datetime.now(UTC) - timedelta(minutes=5)
    kept = world.hospital.must(201)("POST", "QuestionnaireResponse", form(f"Patient/{her}", POSITIVE, at))
    derived = {"derivedFrom": [{"reference": f"QuestionnaireResponse/{kept['id']}"}]}
    world.hospital.must(201)("POST", "Observation", epds(her, POSITIVE, at, **derived))
    world.hospital.must(201)("POST", "Observation", total(her, sum(POSITIVE), at) | derived)
    assert len([each for each in world.tasks() if each["id"] not in before]) == 1


@pytest.mark.parametrize(("status", "heard"), [("in-progress", 1), ("stopped", 1), ("entered-in-error", 0)])
def test_a_risk_is_heard_in_a_form_that_is_not_complete_and_in_none_that_is_void(
    world: World, status: str, heard: int
) -> None:
    _, her = world.register()
    before = len(alerts(world, "self-harm-present"))
    world.hospital.must(201)("POST", "QuestionnaireResponse", form(f"Patient/{her}", RISK, status=status))
    assert len(alerts(world, "self-harm-present")) == before + heard
    world.hospital.must(201)("POST", "QuestionnaireResponse", form(f"Patient/{her}", RISK))
    assert len(alerts(world, "self-harm-present")) == before + heard + 1


def test_an_unknown_form_is_refused_and_a_known_one_that_cannot_be_read_is_seen(world: World) -> None:
    _, her = world.register()
    unknown = form(f"Patient/{her}", item=[{"linkId": "1", "answer": [{"valueInteger": 3}]}])
    answer = world.hospital.ask("POST", "QuestionnaireResponse", unknown)
    assert (answer.status_code, places(answer)) == (422, ["QuestionnaireResponse.item"])
    before = len(alerts(world, "unscorable"))
    unreadable = form(f"Patient/{her}")
    unreadable["item"][9]["answer"] = [{"valueString": "sometimes"}]
    world.hospital.must(201)("POST", "QuestionnaireResponse", unreadable)
    assert len(alerts(world, "unscorable")) == before + 1


def test_an_update_of_a_result_that_is_not_there_is_not_found(world: World) -> None:
    _, her = world.register()
    for kind, sent in (("Observation", epds(her, NEGATIVE)), ("QuestionnaireResponse", form(f"Patient/{her}"))):
        assert world.hospital.ask("PUT", f"{kind}/nobody", sent | {"id": "nobody"}).status_code == 404


def test_what_is_put_takes_the_place_of_what_was_there(world: World) -> None:
    person, her = world.register()
    world.agree(person, her)
    before = {each["id"] for each in world.tasks()}
    kept = world.hospital.must(201)("POST", "Observation", epds(her, POSITIVE))
    stale = world.hospital.ask("PUT", f"Observation/{kept['id']}", kept | {"valueInteger": 14}, If_Match='W/"9"')
    assert stale.status_code == 412
    # Amended first and then final again: the newest counts.
    for version, status, answers in ((2, "amended", RISK), (3, "final", NEGATIVE)):
        stated = epds(her, answers) | {"id": kept["id"], "status": status}
        stated |= {name: kept[name] for name in ("identifier", "effectiveDateTime")}
        changed = world.hospital.must(200)("PUT", f"Observation/{kept['id']}", stated)
        assert changed["meta"]["versionId"] == str(version)
    assert [each["status"] for each in world.tasks() if each["id"] not in before] == ["cancelled"]
    (referral,) = {each["focus"]["reference"] for each in world.tasks() if each["id"] not in before}
    assert world.programme.must(200)("GET", referral)["status"] == "revoked"


def test_what_was_refused_for_a_woman_who_was_not_known_is_replayed_once_she_is(either_world: World) -> None:
    """As an operator does it beside the running service: by the way on which each came in."""
    person = new_person()
    nobody = f"Patient?identifier={number_of(person)}"
    at = datetime.now(UTC) - timedelta(minutes=5)
    whole = send(either_world, bundle(entry(name(), form(nobody, at=at))))
    named = dict(zip(("system", "value"), person.identifier, strict=True))
    alone = either_world.hospital.ask(
        "POST", "Observation", total("-", sum(POSITIVE), at) | {"subject": {"identifier": named}}
    )
    assert (whole.status_code, alone.status_code) == (422, 422)
    with wiring.messages(either_world.service.settings()) as messages:
        kept = messages.list(MessageQuery(2))
        assert {(each.type, each.sealed) for each in kept} == {("Observation", False), ("Bundle", True)}
        _, patient_id = either_world.register(person)
        either_world.agree(person, patient_id)
        became = {each.type: messages.replay(each.id) for each in reversed(kept)}
        assert {type: each.disposition for type, each in became.items()} == {
            "Observation": "accepted", "Bundle": "accepted",
        }  # fmt: skip
    wait_until(lambda: len(either_world.in_record("Task", person)) == 1, "she is offered to the programme, once")


def test_an_entry_of_a_batch_and_an_update_are_replayed_by_their_own_requests(world: World) -> None:
    person, patient_id = world.register()
    stale = world.hospital.ask(
        "PUT", f"Patient?identifier={number_of(person)}", patient(person) | {"active": True}, If_Match='W/"7"'
    )
    assert stale.status_code == 412
    unknown = bundle(entry(None, patient(new_person()) | {"id": "x"}, "PUT", "Patient/x"), type="batch")
    assert [each["status"][:3] for each in taken(world, unknown)] == ["404"]
    with wiring.messages(world.service.settings()) as messages:
        entry_kept, update = messages.list(MessageQuery(2))
        assert [messages.replay(each.id).disposition for each in (update, entry_kept)] == ["version-stale", "not-found"]
    assert world.hospital.must(200)("GET", f"Patient/{patient_id}")["meta"]["versionId"] == "1"
