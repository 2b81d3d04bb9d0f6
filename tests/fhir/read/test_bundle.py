"""How the entries of a transaction find each other, and what they may ask for."""

import json
from itertools import count, permutations
from typing import Any

import pytest

from service.fhir.outcome import BadInput
from service.fhir.raw import exact
from service.fhir.read.bundle import Linked, Request, link, read_request
from service.flow.received import Identifier

Tree = dict[str, Any]

BASE = "https://referral.example"
WOMAN, FORM, TOTAL = (f"urn:uuid:00000000-0000-4000-8000-00000000000{n}" for n in (1, 2, 3))
BY_NUMBER = "identifier=urn:numbers|1"
NUMBER = {"system": "urn:numbers", "value": "1"}


def entry(full_url: str | None, type: str, method: str = "POST", url: str = "", **elements: Any) -> Tree:
    asked = {"method": method, "url": url or type}
    made = {"resource": {"resourceType": type, **elements}, "request": asked}
    return made if full_url is None else {"fullUrl": full_url, **made}


def about(reference: str) -> Tree:
    return {"subject": {"reference": reference}}


def requests(*entries: Tree) -> list[Request]:
    tree = exact(json.dumps(entries).encode())
    return [read_request(place, each, BASE) for place, each in enumerate(tree)]


def linked(*entries: Tree) -> list[Linked]:
    numbers = count(1)
    return link(requests(*entries), lambda: f"handle-{next(numbers)}")


def refused(*entries: Tree) -> list[tuple[str, str | None]]:
    with pytest.raises(BadInput) as problem:
        linked(*entries)
    return [(issue.code, issue.expression) for issue in problem.value.issues]


@pytest.mark.parametrize(
    ("full_url", "from_url", "reference"),
    [
        (WOMAN, TOTAL, WOMAN),
        (WOMAN, None, WOMAN),
        ("https://ehr.example/fhir/Patient/1", TOTAL, "https://ehr.example/fhir/Patient/1"),
        ("https://ehr.example/fhir/Patient/1", TOTAL, "https://ehr.example/fhir/Patient/1/_history/3"),
        ("https://ehr.example/fhir/Patient/1", "https://ehr.example/fhir/Observation/9", "Patient/1"),
        ("https://EHR/fhir/Patient/1", "https://EHR/fhir/Observation/9", "Patient/1"),
        ("Patient/1", TOTAL, "Patient/1"),
    ],
)
def test_a_reference_finds_the_entry_that_it_names(full_url: str, from_url: str | None, reference: str) -> None:
    observation, patient = entry(from_url, "Observation", **about(reference)), entry(full_url, "Patient")
    first, second = linked(observation, patient)
    assert (first.request.type, second.request.type) == ("Patient", "Observation")
    assert second.mentions == {first.handle}
    assert json.loads(second.body)["subject"] == {"reference": f"Patient/{first.handle}"}


@pytest.mark.parametrize(
    ("full_url", "from_url", "reference"),
    [
        ("https://ehr.example/fhir/Patient/1", TOTAL, "Patient/1"),
        ("https://ehr.example/fhir/Patient/1", "https://other.example/fhir/Observation/9", "Patient/1"),
        (WOMAN, TOTAL, "Patient/019aa000-0000-7000-8000-000000000003"),
        (WOMAN, TOTAL, "Practitioner?identifier=urn:numbers|1"),
        (WOMAN, TOTAL, "#contained"),
    ],
)
def test_any_other_reference_stays_as_it_is(full_url: str, from_url: str, reference: str) -> None:
    (observation,) = [
        each
        for each in linked(entry(full_url, "Patient"), entry(from_url, "Observation", **about(reference)))
        if each.request.type == "Observation"
    ]
    assert observation.mentions == frozenset()
    assert json.loads(observation.body)["subject"]["reference"] == reference


@pytest.mark.parametrize(
    "woman",
    [
        entry(None, "Patient", identifier=[NUMBER]),
        entry(None, "Patient", "PUT", "Patient?identifier=urn:numbers|1"),
        entry(WOMAN, "Patient") | {"request": {"method": "POST", "url": "Patient", "ifNoneExist": BY_NUMBER}},
    ],
    ids=["her identifier", "the address", "ifNoneExist"],
)  # fmt: skip
def test_a_conditional_reference_finds_the_entry_that_has_the_identifier(woman: Tree) -> None:
    first, second = linked(entry(TOTAL, "Observation", **about("Patient?identifier=urn:numbers|1")), woman)
    assert first.request.type == "Patient"
    assert second.mentions == {first.handle}
    assert not second.asked


def test_a_patient_who_is_not_in_it_may_be_asked_for_once() -> None:
    asking = about("Patient?identifier=urn:numbers|1")
    first, second = linked(entry(None, "Observation", **asking), entry(None, "Consent", patient=asking["subject"]))
    assert first.asked == second.asked
    assert list(first.asked.values()) == [Identifier("urn:numbers", "1")]


@pytest.mark.parametrize("order", list(permutations(range(4))), ids=str)
def test_each_comes_after_all_that_it_mentions(order: tuple[int, ...]) -> None:
    entries = [
        entry(TOTAL, "Observation", **about(WOMAN), derivedFrom=[{"reference": FORM}]),
        entry(FORM, "QuestionnaireResponse", **about(WOMAN)),
        entry(WOMAN, "Patient", "PUT", "Patient?identifier=urn:numbers|1"),
        entry(None, "Observation", hasMember=[{"reference": TOTAL}]),
    ]
    ready: set[str] = set()
    for each in linked(*(entries[place] for place in order)):
        assert each.mentions <= ready
        ready.add(each.handle)


def test_what_does_not_hang_together_keeps_the_order_of_the_standard_and_of_the_bundle() -> None:
    update, creation = entry(None, "Patient", "PUT", f"Patient?{BY_NUMBER}"), entry(None, "Patient")
    entries = [update, creation, creation]
    assert [each.request.place for each in linked(*entries)] == [1, 2, 0]


def test_a_reference_to_itself_is_no_circle() -> None:
    (only,) = linked(entry(TOTAL, "Observation", derivedFrom=[{"reference": TOTAL}]))
    assert only.mentions == frozenset()


def test_references_that_lead_nowhere_are_all_named() -> None:
    wrong = entry(TOTAL, "Observation", **about(WOMAN), hasMember=[{"reference": FORM}])
    assert refused(entry(None, "Patient"), wrong) == [
        ("not-found", "Bundle.entry[1].resource.subject.reference"),
        ("not-found", "Bundle.entry[1].resource.hasMember[0].reference"),
    ]


def test_a_condition_other_than_one_identifier_is_refused_where_a_patient_is_meant() -> None:
    assert refused(entry(None, "Observation", **about("Patient?birthdate=2000-01-01"))) == [
        ("value", "Bundle.entry[0].resource.subject.reference")
    ]


def test_a_circle_is_named_by_its_entries() -> None:
    first = entry(TOTAL, "Observation", derivedFrom=[{"reference": FORM}])
    second = entry(FORM, "QuestionnaireResponse", basedOn=[{"reference": TOTAL}])
    assert refused(entry(WOMAN, "Patient"), first, second) == [
        ("business-rule", "Bundle.entry[1]"),
        ("business-rule", "Bundle.entry[2]"),
    ]


@pytest.mark.parametrize(
    ("asked", "code", "where"),
    [
        ({"method": "GET", "url": "Patient/1"}, "not-supported", "request.method"),
        ({"method": "DELETE", "url": "Patient/1"}, "not-supported", "request.method"),
        ({"method": "PATCH", "url": "Patient/1"}, "not-supported", "request.method"),
        ({"method": "POST", "url": "Patient", "ifNoneMatch": "*"}, "not-supported", "request.method"),
        ({"method": "POST", "url": "Observation"}, "invalid", "resource"),
        ({"method": "POST", "url": "Patient/1"}, "value", "resource.id"),
        ({"method": "PUT", "url": "Patient/1"}, "value", "resource.id"),
        ({"method": "PUT", "url": "Patient"}, "value", "request"),
        ({"method": "PUT", "url": "Patient?name=x"}, "value", "request"),
        ({"method": "POST", "url": "Patient", "ifNoneExist": "name=x"}, "value", "request"),
        ({"method": "PUT", "url": "Patient/2", "ifMatch": "newest"}, "value", "request"),
    ],
)
def test_a_request_that_is_not_taken_is_named(asked: Tree, code: str, where: str) -> None:
    with pytest.raises(BadInput) as problem:
        requests({"resource": {"resourceType": "Patient", "id": "2"}, "request": asked})
    assert [(issue.code, issue.expression) for issue in problem.value.issues] == [(code, f"Bundle.entry[0].{where}")]


@pytest.mark.parametrize(
    ("url", "condition", "target"),
    [
        ("Patient/2", None, "2"),
        (f"{BASE}/fhir/Patient/2", None, "2"),
        ("/Patient?identifier=urn:numbers%7C1", Identifier("urn:numbers", "1"), None),
    ],
)
def test_an_update_names_its_target_by_id_or_by_identifier(
    url: str, condition: Identifier | None, target: str | None
) -> None:
    asked = {"method": "PUT", "url": url, "ifMatch": 'W/"3"'}
    (request,) = requests({"resource": {"resourceType": "Patient", "id": "2"}, "request": asked})
    assert (request.condition, request.target_id, request.expected_version) == (condition, target, 3)


def test_numbers_are_kept_as_they_were_written() -> None:
    (only,) = link([_with_number("1.10")], iter(["handle"]).__next__)
    assert b'"valueDecimal":1.10' in only.body


def _with_number(written: str) -> Request:
    body = '{"resource": {"resourceType": "Observation", "extension": [{"valueDecimal": %s}]}, "request": %s}'
    tree = exact((body % (written, '{"method": "POST", "url": "Observation"}')).encode())
    return read_request(0, tree, BASE)
