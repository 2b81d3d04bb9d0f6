import json
from pathlib import Path
from typing import Any

import pytest

from service.fhir.guard import LARGEST, parse
from service.fhir.outcome import BadInput
from service.fhir.schema import RESOURCE_TYPES
from service.fhir.survey import DEEPEST

EXAMPLES = {
    each.stem: json.loads(each.read_bytes()) for each in sorted((Path(__file__).parent / "examples").glob("*.json"))
}


def example(resource_type: str, **changes: object) -> dict[str, Any]:
    """A valid resource with some members replaced; None leaves a member out."""
    return {name: value for name, value in (EXAMPLES[resource_type] | changes).items() if value is not None}


def body(resource_type: str, **changes: object) -> bytes:
    return json.dumps(example(resource_type, **changes)).encode()


def sent(**changes: object) -> bytes:
    return body("Observation", **changes)


def extensions(levels: int) -> list[dict[str, Any]]:
    innermost: dict[str, Any] = {"url": "https://hospital.example/x", "valueString": "x"}
    for _ in range(levels):
        innermost = {"url": "https://hospital.example/x", "extension": [innermost]}
    return [innermost]


def refusal(received: bytes, resource_type: str | None) -> BadInput:
    with pytest.raises(BadInput) as caught:
        parse(received, resource_type)
    return caught.value


def test_there_is_a_valid_example_of_every_resource_type_taken() -> None:
    assert set(EXAMPLES) == RESOURCE_TYPES


@pytest.mark.parametrize("resource_type", sorted(EXAMPLES))
def test_a_valid_resource_passes_and_comes_back_whole(resource_type: str) -> None:
    assert parse(body(resource_type), resource_type) == example(resource_type)


BAD = {
    "E1 empty body": (b"", 400, "structure", None),
    "E1 only blanks": (b" \r\n", 400, "structure", None),
    "E2 truncated": (sent()[:-1], 400, "structure", None),
    "E2 two documents": (sent() * 2, 400, "structure", None),
    "E3 UTF-16": (sent().decode().encode("utf-16"), 400, "structure", None),
    "E3 UTF-16 without mark": (sent().decode().encode("utf-16-le"), 400, "structure", None),
    "E3 byte order mark": (b"\xef\xbb\xbf" + sent(), 400, "structure", None),
    "E3 invalid UTF-8": (sent(id="A").replace(b'"A"', b'"\xff"'), 400, "structure", None),
    "E4 status twice": (b'{"status":"final",' + sent()[1:], 400, "structure", "Observation"),
    "E4 a code twice": (sent().replace(b'"survey"', b'"x", "code": "x"'), 400, "structure", ".category[0].coding[0]"),
    "E5 NaN": (sent().replace(b"13.0", b"NaN"), 400, "structure", None),
    "E5 Infinity": (sent().replace(b"13.0", b"-Infinity"), 400, "structure", None),
    "E5 too large": (sent().replace(b"13.0", b"1e999"), 400, "structure", None),
    "E6 NUL": (sent(language="a\0"), 400, "structure", ".language"),
    "E6 backspace": (sent(language="a\b"), 400, "structure", ".language"),
    "E6 in a name": (sent(**{"a\1": 1}), 400, "structure", "Observation"),
    "E6 half a surrogate pair": (sent(language="\ud800"), 400, "structure", ".language"),
    "E7 400 extensions": (sent(extension=extensions(400)), 400, "structure", None),
    "E7 100,000 arrays": (b"[" * 100_000, 400, "structure", None),
    "E8 too large": (sent().ljust(LARGEST + 1), 413, "too-long", None),
    "E10 unknown field": (sent(colour="red"), 400, "structure", "Observation"),
    "E11 no resourceType": (b'{"status":"final"}', 400, "required", "Observation"),
    "E11 resourceType not a string": (b'{"resourceType":["Observation"]}', 400, "required", "Observation"),
    "E11 not an object": (b'["Observation"]', 400, "structure", None),
    "E12 another type": (body("Patient"), 400, "invalid", "Patient"),
    "E13 R5 field": (sent(triggeredBy=[{"type": "reflex"}]), 400, "structure", "Observation"),
    "E14 banana": (sent(status="banana"), 422, "value", ".status"),
    "E15 long id": (sent(id="a" * 65), 400, "value", ".id"),
    "E15 id with slash": (sent(id="a/b"), 400, "value", ".id"),
    "E16 decimal as string": (sent(valueQuantity={"value": "13"}), 400, "structure", ".valueQuantity.value"),
    "E17 two values": (sent(valueString="13"), 400, "structure", "Observation"),
    "E18 no zone": (sent(effectiveDateTime="2026-01-01T10:00:00"), 400, "value", ".effectiveDateTime"),
    "E18 no such month": (sent(effectiveDateTime="2024-13-45"), 400, "value", ".effectiveDateTime"),
    "E18 no such day": (sent(effectiveDateTime="2026-02-30"), 400, "value", ".effectiveDateTime"),
    "E18 seconds since 1970": (sent(effectiveDateTime=1700000000), 400, "structure", ".effectiveDateTime"),
    "E22 javascript": (sent(subject={"reference": "javascript:alert(1)"}), 400, "value", ".subject.reference"),
    "E22 file": (sent(subject={"reference": "file:///etc/passwd"}), 400, "value", ".subject.reference"),
    "E30 in a Bundle": (body("Bundle", entry=[{"resource": {"resourceType": "X"}}]), 400, "not-supported", ".resource"),
    "E30 contained": (sent(contained=[{"resourceType": "Banana"}]), 400, "not-supported", ".contained[0]"),
    "required element": (sent(code=None), 400, "required", ".code"),
    "required primitive": (sent(status=None), 400, "required", ".status"),
    "required choice": (body("Communication", payload=[{"id": "1"}]), 400, "required", "Communication.payload[0]"),
}  # fmt: skip


@pytest.mark.parametrize(("received", "status", "code", "expression"), BAD.values(), ids=BAD)
def test_a_bad_body_is_refused_with_its_status_and_code(
    received: bytes, status: int, code: str, expression: str | None
) -> None:
    other = next((each for each in (b"Bundle", b"Communication") if each in received), b"Observation").decode()
    refused = refusal(received, other)
    assert (refused.status, refused.issues[0].code) == (status, code)
    if expression:
        assert str(refused.issues[0].expression).endswith(expression)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"effectiveDateTime": "2199-01-01T00:00:00Z"}, id="E19 a time in the future"),
        pytest.param({"subject": None}, id="E20 no subject"),
        pytest.param({"subject": {"reference": "https://elsewhere.example/fhir/Patient/1"}}, id="E21 another host"),
    ],
)
def test_what_only_the_store_or_the_clock_can_judge_passes_the_guard(changes: dict[str, object]) -> None:
    assert parse(body("Observation", **changes), "Observation")["status"] == "final"


def test_nesting_is_allowed_down_to_the_limit_and_the_model_can_read_it() -> None:
    levels = (DEEPEST - 3) // 2
    assert parse(body("Observation", extension=extensions(levels)), "Observation")
    refused = refusal(body("Observation", extension=extensions(levels + 1)), "Observation")
    assert str(DEEPEST) in refused.issues[0].text


def test_without_a_type_in_the_address_any_type_taken_passes() -> None:
    assert parse(body("Task"))["resourceType"] == "Task"
    assert refusal(b'{"resourceType":"Banana"}', None).issues[0].code == "not-supported"


def test_every_problem_of_a_stage_is_told_at_once_up_to_twenty() -> None:
    refused = refusal(body("Observation", status="banana", id="a/b", category={}), "Observation")
    assert {each.expression for each in refused.issues} == {
        "Observation.status",
        "Observation.id",
        "Observation.category",
    }
    assert refused.status == 400
    many = refusal(body("Observation", component=[{"valueInteger": "1"}] * 30), "Observation")
    assert len(many.issues) == 20


def test_a_large_body_with_very_many_errors_is_answered_with_its_first_one() -> None:
    refused = refusal(body("Patient", name=[1] * 6000), "Patient")
    assert [each.expression for each in refused.issues] == ["Patient.name[0]"]


def test_a_misspelt_element_is_told_what_was_meant_without_being_repeated() -> None:
    [issue] = refusal(body("Observation", stauts="final"), "Observation").issues
    assert "'status'" in issue.text
    assert "stauts" not in issue.text


def test_an_element_of_another_place_or_of_r5_is_named() -> None:
    assert "'birthDate'" in refusal(body("Observation", birthDate="2026"), "Observation").issues[0].text
    assert "R5" in refusal(body("Consent", grantor=[]), "Consent").issues[0].text


def test_a_whole_number_too_large_for_64_bits_comes_as_a_float() -> None:
    received = sent().replace(b"13.0", b"123456789012345678901")
    assert isinstance(parse(received, "Observation")["valueQuantity"]["value"], float)


def test_extensions_that_r4_has_and_r4b_lacks_pass() -> None:
    absent = {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}
    odd = [
        {"url": "https://hospital.example/a", "_valueString": {"extension": [absent]}},
        {"url": "https://hospital.example/b", "valueMeta": {"versionId": "1"}},
    ]
    assert parse(body("Observation", extension=odd), "Observation")["extension"] == odd
