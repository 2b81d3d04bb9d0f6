"""The calls of HL7 Gravity's CBO client (sdoh_cbo_client with fhir_client 5.0.3), unmodified but for a bearer token.

It sends no If-Match and no Prefer, puts back whole cached copies, reads ids as the last part of a reference, never
follows a next link, and shows an error for its whole dashboard when a requester or a Patient is not to be had.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from service.demo.record import Resource
from tests.journeys.conftest import serving
from tests.journeys.support import Party, World

PROFILE = "http://hl7.org/fhir/us/sdoh-clinicalcare/StructureDefinition/SDOHCC-TaskForReferralManagement"
READING = {"Accept": "application/fhir+json", "Accept-Charset": "utf-8", "User-Agent": "Ruby FHIR Client"}
WRITING = {**READING, "Content-Type": "application/fhir+json;charset=utf-8"}
CLOSED = {"rejected", "cancelled", "completed"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One of its own, for this client asks for everything that its programme holds each time."""
    with serving(tmp_path_factory.mktemp("service"), requests_per_minute="100000") as running:
        yield running


class Client:
    """What the client does, in its order."""

    def __init__(self, party: Party) -> None:
        self._party = party

    def get(self, path: str) -> httpx.Response:
        return self._send("GET", path, READING, None)

    def read(self, reference: str) -> Resource:
        """By the last part of the reference, as `reference.split("/").last` has it."""
        kind, id = reference.split("/")[-2:]
        answer = self.get(f"{kind}/{id}")
        assert answer.status_code == 200, f"{reference}: {answer.status_code}"
        resource: Resource = answer.json()
        assert resource["id"] == id
        return resource

    def dashboard(self) -> list[dict[str, Any]]:
        """One row for each Task, with all that it points to; anything that is not there would have ended it."""
        owner = self._party.organisation
        answer = self.get(f"Task?_profile={PROFILE}&_sort=-_lastUpdated&owner={owner}")
        assert answer.status_code == 200
        bundle = answer.json()
        assert bundle["resourceType"] == "Bundle"
        return [self.row(entry["resource"]) for entry in bundle.get("entry", ())]

    def row(self, task: Resource) -> dict[str, Any]:
        request = self.read(task["focus"]["reference"])
        assert "Organization" in task["requester"]["reference"]
        row = {
            "task": task,
            "request": request,
            "requester": self.read(task["requester"]["reference"])["name"],
            "consent": self.read(request["supportingInfo"][0]["reference"]),
            "patient": self.read(task["for"]["reference"]),
            "reason": self.read(request["reasonReference"][0]["reference"]),
            "category": request["category"][0]["coding"][0]["display"],
            "code": request["code"]["coding"][0]["display"],
        }
        assert not any("#" in part or "_history" in part for part in references(row))
        return row

    def update(self, task: Resource, status: str, **changes: object) -> httpx.Response:
        """The whole cached copy with a new status."""
        self.read(task["focus"]["reference"])
        return self._send("PUT", f"Task/{task['id']}", WRITING, task | {"status": status, **changes})

    def create(self, kind: str, body: Resource) -> httpx.Response:
        return self._send("POST", kind, WRITING, body)

    def _send(self, method: str, path: str, headers: dict[str, str], body: Resource | None) -> httpx.Response:
        sent = headers | {"Authorization": f"Bearer {self._party.token()}"}
        return self._party.http.request(method, f"{self._party.url}/fhir/{path}", headers=sent, json=body)


def references(node: object) -> list[str]:
    """Every reference anywhere in it."""
    if isinstance(node, dict):
        own = [node["reference"]] if isinstance(node.get("reference"), str) else []
        return own + [found for child in node.values() for found in references(child)]
    return [found for child in node for found in references(child)] if isinstance(node, list) else []


@pytest.fixture
def client(world: World) -> Client:
    return Client(world.programme)


def row_of(client: Client, task: Resource) -> dict[str, Any]:
    (row,) = [row for row in client.dashboard() if row["task"]["id"] == task["id"]]
    return row


def test_it_connects_without_a_token(world: World) -> None:
    answer = httpx.get(f"{world.service.url}/fhir/metadata", headers=READING, trust_env=False)
    assert answer.status_code == 200
    assert answer.json()["fhirVersion"].startswith("4")


def test_it_finds_its_own_organisation_alone_and_the_programme_that_it_runs(client: Client, world: World) -> None:
    """It shows a list to choose from, by id and name, and asks for programmes by the bare id."""
    own = world.programme.identity.organisation_id
    answers = client.get("Organization"), client.get(f"HealthcareService?organization={own}")
    assert [answer.status_code for answer in answers] == [200, 200]
    organisations, programmes = ([entry["resource"] for entry in answer.json()["entry"]] for answer in answers)
    assert [each["id"] for each in organisations] == [own]
    assert all(each["name"] for each in organisations + programmes)
    assert [each["providedBy"]["reference"] for each in programmes] == [f"Organization/{own}"]


def test_it_sees_every_task_on_one_page_with_all_that_it_points_to(world: World, client: Client) -> None:
    offered = [world.offered()[2]["id"] for _ in range(3)]
    rows = client.dashboard()
    shown = [row["task"]["id"] for row in rows]
    assert [id for id in shown if id in offered] == offered[::-1]  # the newest first
    assert {row["task"]["status"] for row in rows}.isdisjoint({"draft"})


@pytest.mark.parametrize(
    "steps",
    [
        ("accepted", "in-progress", "cancelled"),
        ("accepted", "completed"),
        ("accepted", "in-progress", "completed"),
        ("rejected",),
        ("accepted", "cancelled"),
    ],
    ids=" ".join,
)
def test_it_takes_a_task_from_offer_to_end(world: World, client: Client, steps: tuple[str, ...]) -> None:
    _, _, task = world.offered()
    for status in steps:
        said = {"statusReason": {"text": "We have no room"}} if status in ("rejected", "cancelled") else {}
        answer = client.update(row_of(client, task)["task"], status, **said)
        assert answer.status_code == 200, answer.text
        row = row_of(client, task)
        assert row["task"]["status"] == status
        assert ("name" in row["patient"]) is (status not in CLOSED)
    assert row_of(client, task)["task"]["status"] == steps[-1]


def test_its_cached_copy_of_yesterday_moves_the_task_of_today(world: World, client: Client) -> None:
    """It puts back what it read before the last change: what it did not mean to change stays as it is now."""
    _, _, task = world.offered()
    cached = row_of(client, task)["task"]
    assert client.update(cached, "accepted").status_code == 200
    noted = row_of(client, task)["task"] | {
        "note": [{"text": "Rang, no answer"}],
        "businessStatus": {"text": "waiting"},
    }
    assert client.update(noted, "accepted").status_code == 200
    again = client.update(cached, "accepted")
    assert again.status_code == 200
    held = row_of(client, task)["task"]
    assert (held["status"], held["note"], held["businessStatus"]) == (
        "accepted",
        noted["note"],
        noted["businessStatus"],
    )


def test_its_cached_copy_does_not_undo_what_the_service_has_changed(world: World, client: Client) -> None:
    person, patient_id, task = world.offered()
    cached = row_of(client, task)["task"]
    agreed = world.consents[patient_id]
    withdrawn = {name: value for name, value in agreed.items() if name != "meta"} | {"status": "inactive"}
    world.hospital.must(200)("PUT", f"Consent/{agreed['id']}", withdrawn)
    assert client.update(cached, "accepted").status_code == 409
    assert row_of(client, task)["task"]["status"] == "cancelled"
    assert person.preferred not in str(row_of(client, task))


def test_it_completes_with_the_procedure_that_it_creates_first(world: World, client: Client) -> None:
    _, _, task = world.offered()
    assert client.update(row_of(client, task)["task"], "accepted").status_code == 200
    row = row_of(client, task)
    made = client.create("Procedure", procedure_of(row["request"]))
    assert made.status_code == 201, made.text
    # It reads the first reason of a Procedure that a Task names, and fails as a whole without one.
    read = client.read(f"Procedure/{made.json()['id']}")
    assert read["reasonReference"][0]["reference"]
    cached = row_of(client, task)["task"]
    assert client.update(cached, "completed", output=[activity(made.json()["id"])]).status_code == 200
    assert row_of(client, task)["task"]["status"] == "completed"


def test_completing_with_a_procedure_that_was_not_kept_leaves_the_task_as_it_was(world: World, client: Client) -> None:
    """It creates a Procedure first, and sends the Task with an empty id when that fails."""
    _, _, task = world.offered()
    assert client.update(row_of(client, task)["task"], "accepted").status_code == 200
    row = row_of(client, task)
    assert client.create("Procedure", procedure_of(row["request"]) | {"status": "mislaid"}).status_code == 422
    assert client.update(row["task"], "completed", output=[activity("")]).is_client_error
    assert row_of(client, task)["task"]["status"] == "accepted"


def test_completing_with_a_procedure_that_is_not_there_names_the_element_and_completes_nothing(
    world: World, client: Client
) -> None:
    _, _, task = world.offered()
    assert client.update(row_of(client, task)["task"], "accepted").status_code == 200
    refused = client.update(row_of(client, task)["task"], "completed", output=[activity("nowhere")])
    assert refused.status_code == 422
    assert refused.json()["issue"][0]["expression"] == ["Task.output[0].valueReference"]
    held = row_of(client, task)["task"]
    assert (held["status"], "nowhere" in str(held)) == ("accepted", False)


def procedure_of(request: Resource) -> Resource:
    return {
        "resourceType": "Procedure",
        "meta": {"profile": ["http://hl7.org/fhir/us/sdoh-clinicalcare/StructureDefinition/SDOHCC-Procedure"]},
        "basedOn": [{"reference": f"ServiceRequest/{request['id']}"}],
        "status": "completed",
        "category": request["category"][0],
        "code": request["code"],
        "subject": request["subject"],
        "reasonReference": request["reasonReference"],
        "performedDateTime": datetime.now(UTC).date().isoformat(),
    }


def activity(id: str) -> Resource:
    system = "http://hl7.org/fhir/us/sdoh-clinicalcare/CodeSystem/SDOHCC-CodeSystemTemporaryCodes"
    kind = {"coding": [{"system": system, "code": "resulting-activity"}]}
    return {"type": kind, "valueReference": {"reference": f"Procedure/{id}"}}
