"""What an address, a header or a form says is kept and looked for as text: what is no text is refused before that."""

import httpx
import pytest

from service.demo.people import patient
from tests.journeys.support import Party, World, new_person

NO_TEXT = ("%00", "a%00b", "%07", "%FF", "%ED%A0%80")


def refused(answer: httpx.Response, status: int, named: str) -> None:
    assert answer.status_code == status, answer.text
    (issue,) = answer.json()["issue"]
    assert named in issue["diagnostics"]


@pytest.mark.parametrize("written", NO_TEXT)
@pytest.mark.parametrize("path", ["Task/{}", "Patient/{}", "ServiceRequest/{}/$placement", "HealthcareService/{}"])
def test_nothing_is_called_what_is_no_text(either_world: World, path: str, written: str) -> None:
    for method in ("GET", "PUT"):
        body = {"resourceType": "Task"} if method == "PUT" else None
        answer = either_world.hospital.ask(method, path.format(written), body)
        assert answer.status_code in ((404,) if method == "GET" else (400, 404, 405)), answer.text
        assert answer.json()["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize("written", NO_TEXT)
@pytest.mark.parametrize("query", ["_id={}", "owner={}", "owner=Organization/{}", "patient=Patient/{}", "status={}"])
def test_a_search_for_what_is_no_text_is_refused_by_its_name(either_world: World, query: str, written: str) -> None:
    name = query.partition("=")[0]
    for party in (either_world.hospital, either_world.programme):
        refused(party.ask("GET", f"Task?{query.format(written)}"), 400, f"'{name}'")
    refused(either_world.hospital.ask("GET", f"HealthcareService?name={written}"), 400, "'name'")


@pytest.mark.parametrize("written", NO_TEXT)
def test_so_is_one_that_comes_as_a_form(either_world: World, written: str) -> None:
    party = either_world.programme
    headers = {"Authorization": f"Bearer {party.token()}", "Content-Type": "application/x-www-form-urlencoded"}
    address = f"{party.url}/fhir/Task/_search"
    refused(party.http.post(address, content=f"_id={written}", headers=headers), 400, "'_id'")
    refused(party.http.post(f"{address}?_id={written}", content="", headers=headers), 400, "'_id'")


def test_a_name_that_is_no_text_is_told_without_it(either_world: World) -> None:
    refused(either_world.hospital.ask("GET", "Task?a%00b=1"), 400, "'a\ufffdb'")


def test_nobody_is_sent_elsewhere_from_an_address_that_is_not_there(either_world: World) -> None:
    party = either_world.hospital
    for path in ("Task/", "Task/..%2f", "metadata/"):
        answer = party.ask("GET", path, Host="evil.example")
        assert (answer.status_code, answer.json()["resourceType"]) == (404, "OperationOutcome")


def conditional(party: Party, written: str) -> list[httpx.Response]:
    sent = patient(new_person())
    criterion = f"identifier=https%3A%2F%2Fa.example%7C{written}"
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [{"resource": sent, "request": {"method": "POST", "url": "Patient", "ifNoneExist": criterion}}],
    }
    return [
        party.ask("POST", "Patient", sent, **{"If-None-Exist": criterion}),
        party.ask("PUT", f"Patient?{criterion}", sent),
        party.ask("POST", "", bundle),
    ]


@pytest.mark.parametrize("written", NO_TEXT)
def test_a_condition_that_is_no_text_is_refused_and_nothing_is_kept_under_it(either_world: World, written: str) -> None:
    for answer in conditional(either_world.hospital, written):
        refused(answer, 400, "'identifier'")
