"""The OpenAPI document is true, whole and small, and its page needs nothing from elsewhere."""

import asyncio
import re
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import orjson
import pytest
from fastapi import FastAPI
from fhir.resources.R4B.parameters import Parameters
from fhir.resources.R4B.provenance import Provenance

from service import mappings, wiring
from service.consent.safe_contact import Mode, safe_channel
from service.fhir.documentation import EXAMPLES, METHODS
from service.fhir.faults import ERRORS
from service.fhir.guard import parse
from service.fhir.read.common import received
from service.fhir.read.consent import read_consent
from service.fhir.read.contact import read_contact
from service.fhir.read.observation import read_observation
from service.fhir.read.patient import read_patient
from service.fhir.read.questionnaire_response import read_response
from service.fhir.read.task import read_task
from service.fhir.search import PARAMETERS
from service.fhir.write.record import TASK_STATUS
from service.parts import prepare
from service.referrals.contact import ContactMode, ContactOutcome
from service.screening.result import Reading
from service.settings import Settings

Tree = dict[str, Any]

BASE = "https://referrals.example.org"
PROGRAMME = "019aa000-0000-7000-8000-000000000002"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
FILES = sorted(EXAMPLES.glob("*.json"))
TAKES_A_BODY = {
    "takeBundle", "createPatient", "updatePatient", "updatePatientByIdentifier", "createConsent", "updateConsent",
    "createObservation", "updateObservation", "createQuestionnaireResponse", "updateQuestionnaireResponse",
    "createEncounter", "updateEncounter", "createProcedure", "updateProcedure", "createCommunication", "updateTask",
    "updateServiceRequest", "holdServiceRequest", "resumeServiceRequest", "requestToken", "searchTasksByPost",
}  # fmt: skip


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    """The whole application on an embedded database; nobody serves it."""
    folder = tmp_path_factory.mktemp("service")
    parts = prepare(Settings(base_url=BASE, data_folder=folder))
    yield wiring.build_application(parts)
    asyncio.run(parts.close())


@pytest.fixture(scope="module")
def document(application: FastAPI) -> Tree:
    return application.openapi()


@pytest.fixture(scope="module")
def operations(document: Tree) -> dict[str, Tree]:
    every = [item[method] for item in document["paths"].values() for method in METHODS & item.keys()]
    assert len(every) == sum(len(item) for item in document["paths"].values())
    return {operation["operationId"]: operation for operation in every}


@pytest.fixture(scope="module")
def rules() -> Any:
    return mappings.load(None)


def tree(name: str) -> tuple[Tree, bytes]:
    body = (EXAMPLES / f"{name}.json").read_bytes()
    return parse(body), body


def nodes(node: Any) -> Iterator[Tree]:
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from nodes(child)


def resolved(document: Tree, node: Tree) -> Tree:
    for step in node.get("$ref", "#").split("/")[1:]:
        document = document[step]
    return document if "$ref" in node else node


def schema(document: Tree, reference: str) -> jsonschema_rs.Validator:
    return jsonschema_rs.Draft202012Validator({"$ref": reference, "components": document["components"]})


# The examples


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_example_is_a_resource_that_the_door_takes_and_its_schema_describes(file: Path, document: Tree) -> None:
    body = file.read_bytes()
    resource = orjson.loads(body)
    if resource["resourceType"] in ("Parameters", "Provenance"):
        # It is only answered, and never taken.
        only: dict[str, Any] = {"Parameters": Parameters, "Provenance": Provenance}
        only[resource["resourceType"]].model_validate_json(body)
    else:
        assert parse(body) == resource
    assert list(schema(document, f"#/components/schemas/{resource['resourceType']}").iter_errors(resource)) == []


def test_each_example_file_is_shown_somewhere(document: Tree) -> None:
    assert {file.stem for file in FILES} == document["components"]["examples"].keys() | {"operation-outcome"}


def test_no_example_uses_a_code_that_nobody_has_seen_at_its_source() -> None:
    """Such a code is taken where `unverified.toml` accepts it, and taught to nobody."""
    accepted = tomllib.loads((mappings.own_folder() / "unverified.toml").read_text(encoding="utf-8"))["accepted"]
    root = Path(__file__).parents[2]
    taught = [*FILES, root / "README.md", *root.glob("docs/*.md"), *root.glob("service/demo/**/*.py")]
    written = {file.name: file.read_text(encoding="utf-8") for file in taught}
    uses = {row["code"]: [f'"{row["code"]}"', f"|{row['code']}", f"{row['code']}^"] for row in accepted}
    found = [(file, code) for file, text in written.items() for code in uses if any(use in text for use in uses[code])]
    assert (len(uses) > 0, found) == (True, [])


def test_the_patient_of_the_examples_can_be_placed() -> None:
    sent = tree("patient")
    facts = read_patient(sent[0], received(*sent), updates=True, now=NOW).facts
    assert (facts.preferred_name, facts.district, facts.language, facts.interpreter) == (
        "Tessie",
        "Riverside",
        "en",
        False,
    )


@pytest.mark.parametrize(
    ("name", "gives"), [("consent", True), ("consent-withdrawn", False), ("consent-denied", False)]
)
def test_the_consents_of_the_examples_say_what_their_names_say(name: str, gives: bool, rules: Any) -> None:
    sent = tree(name)
    message = read_consent(sent[0], received(*sent), terms=rules.consent_terms, base=BASE, now=NOW)
    assert message.recipient is not None
    assert message.recipient.id == PROGRAMME
    assert message.said.gives_permission() is gives
    if gives:
        assert message.said.may_report_back
        channel = safe_channel(message.said.safe_contact, NOW.date())
        assert channel is not None
        assert channel.mode is Mode.VOICE


@pytest.mark.parametrize(
    ("name", "total", "items"),
    [
        ("observation-epds", 15, {10: 0}),
        ("observation-epds-total", 15, {}),
        ("observation-epds-item", None, {10: 0}),
        ("observation-corrected", 14, {}),
    ],
)
def test_the_results_of_the_examples_state_their_scores(
    name: str, total: int | None, items: dict[int, int], rules: Any
) -> None:
    sent = tree(name)
    (administered,) = read_observation(sent[0], received(*sent), rules=rules, base=BASE, now=NOW).administered
    readings: tuple[Reading, ...] = administered.piece.readings
    assert next((each.value for each in readings if each.item is None), None) == total
    assert items.items() <= {each.item: each.value for each in readings}.items()


@pytest.mark.parametrize(
    ("name", "total", "items"),
    [
        ("questionnaire-response-epds", 15, dict(enumerate((2, 2, 2, 2, 2, 2, 1, 1, 1, 0), 1))),
        ("questionnaire-response-phq9", None, dict(enumerate((2, 2, 2, 1, 1, 1, 1, 1, 0), 1))),
    ],
)
def test_the_forms_of_the_examples_state_their_scores(
    name: str, total: int | None, items: dict[int, int], rules: Any
) -> None:
    sent = tree(name)
    message = read_response(sent[0], received(*sent), rules=rules, questions={}, base=BASE, now=NOW)
    (administered,) = message.administered
    stated = {each.item: each.value for each in administered.piece.readings if each.value is not None}
    assert stated == items | ({} if total is None else {None: total})


def test_the_due_date_of_the_examples_is_read(rules: Any) -> None:
    sent = tree("observation-due-date")
    message = read_observation(sent[0], received(*sent), rules=rules, base=BASE, now=NOW)
    assert message.due is not None
    assert str(message.due.day) == "2027-01-30"


@pytest.mark.parametrize(
    ("name", "status"), [("task-accept", "accepted"), ("task-reject", "rejected"), ("task-complete", "completed")]
)
def test_the_answers_of_the_examples_change_only_what_a_programme_may(name: str, status: str) -> None:
    offered, (answer, body) = tree("task-requested")[0], tree(name)
    fixed = ("id", "identifier", "code", "focus", "for", "owner", "requester", "authoredOn")
    assert [each for each in fixed if answer[each] != offered[each]] == []
    message = read_task(answer, received(answer, body), base=BASE, ours=(), labels={})
    assert message.state == status
    assert (message.status_reason is not None) == (status == "rejected")


def test_the_contact_of_the_examples_belongs_to_the_offer() -> None:
    offered, sent = tree("task-requested")[0], tree("encounter")
    message = read_contact(sent[0], received(*sent), base=BASE, now=NOW, labels={})
    assert f"Patient/{message.patient_handle}" == offered["for"]["reference"]
    assert f"ServiceRequest/{message.service_request_handle}" == offered["focus"]["reference"]


# The document


def test_the_document_is_small(document: Tree) -> None:
    assert len(orjson.dumps(document)) < 250_000


def test_every_operation_has_a_name_of_its_own_and_a_summary(operations: dict[str, Tree], document: Tree) -> None:
    assert len(operations) == sum(len(METHODS & item.keys()) for item in document["paths"].values())
    for name, operation in operations.items():
        assert re.fullmatch(r"[a-z][A-Za-z]+", name)
        assert operation["summary"]
        assert operation["responses"]


def test_every_operation_that_takes_a_body_shows_one(operations: dict[str, Tree], document: Tree) -> None:
    assert {name for name, operation in operations.items() if "requestBody" in operation} == TAKES_A_BODY
    for name in TAKES_A_BODY:
        for media, content in operations[name]["requestBody"]["content"].items():
            shown = [resolved(document, each)["value"] for each in content.get("examples", {}).values()]
            shown += [content["example"]] if "example" in content else []
            assert shown, f"{name}, {media}"


def test_fhir_is_taken_under_both_media_types(operations: dict[str, Tree]) -> None:
    for name in TAKES_A_BODY - {"requestToken", "searchTasksByPost"}:
        assert operations[name]["requestBody"]["content"].keys() == {"application/fhir+json", "application/json"}


def test_every_reference_leads_somewhere(document: Tree) -> None:
    references = [node for node in nodes(document) if isinstance(node.get("$ref"), str)]
    assert len(references) > 100
    for reference in references:
        assert resolved(document, reference)


def test_every_id_in_a_path_is_declared_once(document: Tree) -> None:
    for path, item in document["paths"].items():
        for operation in item.values():
            declared = [resolved(document, each) for each in operation.get("parameters", ())]
            keys = [(each["name"], each["in"]) for each in declared]
            assert len(keys) == len(set(keys))
            assert {name for name, place in keys if place == "path"} == set(re.findall(r"{(\w+)}", path))


def test_every_answer_is_described(document: Tree, operations: dict[str, Tree]) -> None:
    for name, operation in operations.items():
        for status, answer in operation["responses"].items():
            assert resolved(document, answer)["description"], f"{name}, {status}"
            assert all(content.get("schema") for content in answer.get("content", {}).values()), f"{name}, {status}"


def test_every_fhir_address_names_its_scope_and_every_refusal(operations: dict[str, Tree], document: Tree) -> None:
    scopes = document["components"]["securitySchemes"]["smart"]["flows"]["clientCredentials"]["scopes"]
    guarded = {name: operation for name, operation in operations.items() if "security" in operation}
    assert len(guarded) == 36
    for operation in guarded.values():
        smart, token = operation["security"]
        assert token == {"accessToken": []}
        assert set(smart["smart"]) <= scopes.keys()
        assert {"401", "403", "406", "429", "503"} <= operation["responses"].keys()
    assert {name for name in operations if name not in guarded} == {
        "requestToken", "readKeySet", "readSmartConfiguration", "readCapabilityStatement", "isLive", "isReady",
        "readMetrics", "readCodeSystem", "readOperationDefinition", "readStructureDefinition", "readValueSet",
    }  # fmt: skip


def test_every_documented_refusal_is_one_that_the_door_can_give(operations: dict[str, Tree]) -> None:
    given = {row.status for row in ERRORS.values()} | {200, 201, 304}
    documented = {int(status) for each in operations.values() for status in each["responses"]}
    assert documented <= given


def test_the_token_endpoint_is_named_as_an_assertion_must_name_it(document: Tree) -> None:
    assert document["components"]["securitySchemes"]["smart"]["flows"]["clientCredentials"]["tokenUrl"].endswith(
        "/token"
    )
    told = document["paths"]["/token"]["post"]["description"]
    assert [
        word for word in ("`iss`", "`sub`", "`aud`", "`exp`", "`jti`", "kid", "RS384", "ES384") if word not in told
    ] == []


def test_the_schemas_are_valid_and_hold_nothing_that_openapi_3_0_does_not_know(document: Tree) -> None:
    for described in document["components"]["schemas"].values():
        jsonschema_rs.meta.validate(described)
    later = {"const", "$defs", "examples", "prefixItems", "if", "patternProperties"}
    for node in nodes(document["components"]["schemas"]):
        assert not isinstance(node.get("type"), list)
        assert not later & node.keys()


@pytest.mark.parametrize(
    ("example", "change"),
    [
        ("patient", {"resourceType": "Person"}),
        ("consent", {"status": "agreed"}),
        ("task-accept", {"status": "done"}),
        ("encounter", {"period": {}}),
        ("observation-epds-total", {"valueInteger": "15"}),
    ],
)
def test_the_schemas_refuse_what_is_wrong(example: str, change: Tree, document: Tree) -> None:
    sent = tree(example)[0]
    assert not schema(document, f"#/components/schemas/{sent['resourceType']}").is_valid(sent | change)


# What the document says, and what the program does


def test_the_search_parameters_are_those_that_are_understood(operations: dict[str, Tree], document: Tree) -> None:
    declared = [resolved(document, each) for each in operations["searchTasks"]["parameters"]]
    assert {each["name"] for each in declared if each["in"] == "query"} == PARAMETERS.keys() | {"_page"}


def test_the_statuses_that_can_be_searched_are_those_of_offers(operations: dict[str, Tree]) -> None:
    status = next(each for each in operations["searchTasks"]["parameters"] if each.get("name") == "status:not")
    assert set(status["schema"]["items"]["enum"]) == set(TASK_STATUS.values())


@pytest.mark.parametrize(
    ("name", "words"),
    [("SafeContact", list(Mode)), ("Encounter", [*ContactOutcome, *ContactMode])],
)
def test_every_code_of_ours_is_told(name: str, words: list[str], document: Tree) -> None:
    told = orjson.dumps(document["components"]["schemas"][name]).decode()
    assert [word for word in words if not re.search(rf"\b{word}\b", told)] == []


def test_every_request_that_the_page_of_the_api_writes_out_is_described(document: Tree) -> None:
    text = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
    written = re.findall(r"\b(GET|PUT|POST) (/[^\s?`]+)", text)
    assert len(written) > 5
    described = {
        (method.upper(), re.sub(r"{\w+}", "{}", path)) for path, item in document["paths"].items() for method in item
    }
    asked = {(method, re.sub(r"/fhir/{}", "/fhir/Task", re.sub(r"{[^}/]*}?", "{}", path))) for method, path in written}
    assert asked - described == set()


# The page


@cache
def _get_from(application: FastAPI, path: str) -> httpx.Response:
    async def get() -> httpx.Response:
        transport = httpx.ASGITransport(application)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.get(path)

    return asyncio.run(get())


def test_the_page_needs_nothing_from_elsewhere_and_allows_nothing_else(application: FastAPI) -> None:
    get = partial(_get_from, application)
    page = get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    wanted = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(wanted) == 5
    for address in wanted:
        assert get(f"/{address}").status_code == 200
    assert not re.search(r"https?://|<style|\sstyle=|<script>|\son\w+=", page.text)


@pytest.mark.parametrize("name", ["index.html", "swagger-initializer.js", "..%2Fsettings.py", "oauth2-redirect.html"])
def test_no_other_file_is_served(name: str, application: FastAPI) -> None:
    assert _get_from(application, f"/docs/assets/{name}").status_code == 404


def test_the_document_is_served_as_it_is_tested(application: FastAPI, document: Tree) -> None:
    assert _get_from(application, "/openapi.json").json() == document
