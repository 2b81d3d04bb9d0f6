from typing import Any

import pytest

from service.fhir.outcome import BadInput
from service.fhir.read.common import codes, read_reference, received, reference_of
from service.flow.received import Identifier, Reference
from service.shared.code import Code

BASE = "https://referral.example"
NUMBER = Identifier("https://hospital.example/number", "17")


@pytest.mark.parametrize(
    ("node", "reference"),
    [
        ({"reference": "Patient/1"}, Reference("Patient", "1")),
        ({"reference": "Patient/1/_history/4"}, Reference("Patient", "1")),
        ({"reference": f"{BASE}/fhir/Patient/1"}, Reference("Patient", "1")),
        (
            {"reference": "https://ehr.example/r4/Patient/1"},
            Reference("Patient", "1", "https://ehr.example/r4"),
        ),
        # Another server whose address begins as ours does is another server.
        (
            {"reference": f"{BASE}/fhir/more/Patient/1"},
            Reference("Patient", "1", f"{BASE}/fhir/more"),
        ),
        (
            {"identifier": {"system": NUMBER.system, "value": NUMBER.value}},
            Reference("Patient", identifier=NUMBER),
        ),
        (
            {"type": "Group", "identifier": {"system": NUMBER.system, "value": NUMBER.value}},
            Reference("Group", identifier=NUMBER),
        ),
        (
            {"reference": "Patient/1", "identifier": {"system": NUMBER.system, "value": NUMBER.value}},
            Reference("Patient", "1", identifier=NUMBER),
        ),
        ({"reference": "Group/1"}, Reference("Group", "1")),
    ],
)
@pytest.mark.parametrize("base", [BASE, f"{BASE}/"])
def test_a_reference_is_by_our_id_by_anothers_or_by_identifier(
    node: dict[str, Any], reference: Reference, base: str
) -> None:
    assert read_reference(node, "Observation.subject", base, "Patient") == reference


@pytest.mark.parametrize(
    ("node", "code"),
    [
        (None, "required"),
        ({"display": "Testina Secret"}, "value"),
        ({"reference": "#secret"}, "value"),
        ({"reference": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"}, "value"),
        ({"reference": "Patient?identifier=secret"}, "value"),
        ({"reference": "Patient/"}, "value"),
        ({"reference": "https://ehr.example/secret"}, "value"),
        ({"identifier": {"value": "secret"}}, "value"),
        ({"identifier": {"system": "https://hospital.example/secret"}}, "value"),
    ],
)
def test_a_reference_that_cannot_be_followed_here_is_refused_without_repeating_it(
    node: dict[str, Any] | None, code: str
) -> None:
    with pytest.raises(BadInput) as caught:
        read_reference(node, "Observation.subject", BASE, "Patient")
    issue = caught.value.issues[0]
    assert (caught.value.status, issue.code, issue.expression) == (422, code, "Observation.subject")
    assert "secret" not in issue.text.lower()


def test_a_blank_around_a_number_is_not_of_the_number() -> None:
    padded = {"system": f" {NUMBER.system}", "value": f"{NUMBER.value}\t\u00a0"}
    message = received({"resourceType": "Patient", "identifier": [padded, {"system": "urn:a", "value": " "}]}, b"{}")
    assert message.identifiers == (NUMBER,)
    assert reference_of({"identifier": padded}, "", "Patient") == Reference("Patient", identifier=NUMBER)


def test_an_identifier_counts_only_with_system_and_value() -> None:
    sent = [{"value": "1"}, {"system": "https://hospital.example"}, {"system": NUMBER.system, "value": NUMBER.value}]
    message = received({"resourceType": "Patient", "identifier": sent}, b"{}", target_id="7", expected_version=3)
    assert message.identifiers == (NUMBER,)
    assert (message.type, message.body, message.target_id, message.expected_version) == ("Patient", b"{}", "7", 3)


def test_a_coding_without_a_system_matches_nothing() -> None:
    concept = {"coding": [{"code": "IRCP"}, {"system": "http://loinc.org"}, {"system": "urn:a", "code": "b"}]}
    assert codes(concept) == [Code("urn:a", "b")]
    assert codes(None) == []
