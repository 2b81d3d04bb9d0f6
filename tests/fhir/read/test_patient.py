from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from service.fhir.outcome import BadInput
from service.fhir.read.common import received
from service.fhir.read.patient import read_patient
from service.referrals.patient import PatientFacts

Guarded = Callable[[dict[str, Any]], dict[str, Any]]
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
BCP_47 = "urn:ietf:bcp:47"
REQUIRED = "http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired"
NEEDED = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-interpreter-needed"


@pytest.fixture
def facts(guarded: Guarded) -> Callable[..., PatientFacts]:
    def read(**elements: object) -> PatientFacts:
        tree = guarded({"resourceType": "Patient", **elements})
        return read_patient(tree, received(tree, b""), updates=False, now=NOW).facts

    return read


def spoken(code: str, system: str | None = BCP_47, preferred: bool | None = None) -> dict[str, Any]:
    coding = {"code": code} | ({"system": system} if system else {})
    return {"language": {"coding": [coding]}} | ({} if preferred is None else {"preferred": preferred})


def test_a_patient_who_says_nothing_of_herself_can_be_registered(facts: Callable[..., PatientFacts]) -> None:
    nothing = PatientFacts(None, None, None, None, interpreter=False, deceased=False)
    assert facts(gender="unknown") == nothing
    assert facts(gender="female") == nothing._replace(gender="female")


def test_all_that_the_rules_use_is_read(guarded: Guarded) -> None:
    tree = guarded(
        {
            "resourceType": "Patient",
            "identifier": [{"system": "https://hospital.example/number", "value": "TEST-1"}],
            "name": [
                {"use": "official", "family": "Testperson", "given": ["Testina"]},
                {"use": "usual", "given": ["Tess"]},
            ],
            "birthDate": "1996-02-29",
            "address": [{"district": "Testborough"}],
            "communication": [spoken("en", preferred=True)],
            "extension": [{"url": REQUIRED, "valueBoolean": True}],
            "deceasedBoolean": False,
        }
    )
    message = read_patient(tree, received(tree, b"x"), updates=True, now=NOW)
    assert message.facts == PatientFacts(
        "Tess", date(1996, 2, 29), "Testborough", "en", interpreter=True, deceased=False
    )
    assert message.updates
    assert message.received.body == b"x"


@pytest.mark.parametrize(
    ("names", "preferred"),
    [
        ([{"use": "official", "given": ["Ada"]}, {"use": "usual", "given": ["Tess", "Maria"]}], "Tess"),
        ([{"use": "maiden", "given": ["Eve"]}, {"use": "official", "given": ["Ada"]}], "Ada"),
        ([{"use": "old", "given": ["Eve"]}, {"given": ["Ada"]}], "Ada"),
        ([{"use": "maiden", "given": ["Ada"]}], "Ada"),
        ([{"use": "usual", "text": "Tess Testperson"}, {"use": "official", "given": ["Ada"]}], "Ada"),
        ([{"given": [None, "Ada"], "_given": [{"id": "a"}, None]}], "Ada"),
        ([{"given": [" Ada "]}], "Ada"),
        ([{"family": "Testperson"}], None),
        ([{"text": "Ada Testperson"}], None),
    ],
)
def test_the_preferred_name_is_the_usual_given_name_then_the_official_one(
    facts: Callable[..., PatientFacts], names: list[dict[str, Any]], preferred: str | None
) -> None:
    assert facts(name=names).preferred_name == preferred
    assert facts(name=names[::-1]).preferred_name == preferred


@pytest.mark.parametrize(
    ("communication", "language"),
    [
        ([spoken("en"), spoken("so", preferred=True)], "so"),
        ([spoken("so")], "so"),
        ([spoken("so", preferred=False)], "so"),
        ([spoken("en"), spoken("so")], None),
        ([spoken("EN-gb")], "en-GB"),
        ([spoken("en_GB")], "en-GB"),
        ([spoken("ZH-HANT-tw")], "zh-Hant-TW"),
        ([spoken("es-419")], "es-419"),
        ([spoken("pl", system=None)], "pl"),
        ([{"language": {"text": "Polish"}}], None),
        ([spoken("Polish", system=None)], None),
        ([{"language": {"coding": [{"code": "de", "system": "urn:x"}, {"code": "pl", "system": BCP_47}]}}], "pl"),
    ],
)
def test_the_language_is_the_preferred_one_else_the_only_one(
    facts: Callable[..., PatientFacts], communication: list[dict[str, Any]], language: str | None
) -> None:
    assert facts(communication=communication).language == language
    assert facts(communication=communication[::-1]).language == language


@pytest.mark.parametrize(
    ("extension", "interpreter"),
    [
        ({"url": REQUIRED, "valueBoolean": True}, True),
        ({"url": REQUIRED, "valueBoolean": False}, False),
        ({"url": REQUIRED, "valueString": "true"}, False),
        ({"url": NEEDED, "valueCoding": {"system": "http://snomed.info/sct", "code": "373066001"}}, True),
        ({"url": NEEDED, "valueCoding": {"system": "http://snomed.info/sct", "code": "373067005"}}, False),
        ({"url": "https://hospital.example/interpreter", "valueBoolean": True}, False),
    ],
)
def test_an_interpreter_is_needed_when_either_extension_says_so(
    facts: Callable[..., PatientFacts], extension: dict[str, Any], interpreter: bool
) -> None:
    assert facts(extension=[extension]).interpreter is interpreter


@pytest.mark.parametrize(
    ("element", "deceased"),
    [
        ({"deceasedBoolean": True}, True),
        ({"deceasedDateTime": "2026"}, True),
        ({"deceasedBoolean": False}, False),
    ],
)
def test_death_is_read_from_either_form(
    facts: Callable[..., PatientFacts], element: dict[str, Any], deceased: bool
) -> None:
    assert facts(**element).deceased is deceased


@pytest.mark.parametrize(
    ("addresses", "district"),
    [
        ([{"use": "old", "district": "North"}, {"use": "home", "district": "South"}], "South"),
        ([{"use": "work", "district": "North"}, {"use": "home", "district": "South"}], "South"),
        ([{"use": "home", "city": "Testtown"}, {"use": "temp", "district": "South"}], "South"),
        ([{"use": "temp", "district": "North"}, {"use": "home", "district": "South"}], "South"),
        ([{"use": "old", "district": "North"}], None),
        ([{"use": "billing", "district": "North"}], None),
    ],
)
def test_the_district_is_where_she_lives_now(
    facts: Callable[..., PatientFacts], addresses: list[dict[str, Any]], district: str | None
) -> None:
    assert facts(address=addresses).district == district
    assert facts(address=addresses[::-1]).district == district


def test_half_a_birth_date_is_no_birth_date(facts: Callable[..., PatientFacts]) -> None:
    assert facts(birthDate="1990-05").birth_date is None


@pytest.mark.parametrize(("target_id", "own_id"), [(None, "hers-7"), ("hers-7", None)])
def test_the_id_in_the_body_is_the_senders_own_unless_the_address_says_that_it_is_ours(
    guarded: Guarded, target_id: str | None, own_id: str | None
) -> None:
    tree = guarded({"resourceType": "Patient", "id": "hers-7", "active": True})
    assert read_patient(tree, received(tree, b"", target_id=target_id), updates=True, now=NOW).own_id == own_id


@pytest.mark.parametrize("element", ["birthDate", "deceasedDateTime"])
@pytest.mark.parametrize(
    ("written", "ahead"),
    [
        ("2026-06-01", False),
        ("2026-06-02", False),
        ("2026-06-03", True),
        ("2026-07", True),
        ("2027", True),
        ("2026", False),
    ],
)
def test_a_birth_or_a_death_that_is_still_to_come_is_refused_by_its_element(
    facts: Callable[..., PatientFacts], element: str, written: str, ahead: bool
) -> None:
    if not ahead:
        facts(**{element: written})
        return
    with pytest.raises(BadInput) as refused:
        facts(**{element: written})
    (issue,) = refused.value.issues
    assert (refused.value.status, issue.expression) == (422, f"Patient.{element}")


@pytest.mark.parametrize(
    ("written", "ahead"),
    [
        ("2026-06-01T12:05:00Z", False),
        ("2026-06-01T12:06:00Z", True),
        ("2026-06-01T13:00:00Z", True),
        ("2026-06-01T22:00:00+10:00", False),
        ("2026-06-01T23:00:00+10:00", True),
    ],
)
def test_a_death_with_its_time_is_one_unless_that_has_come_by_no_clock_that_is_kept_right(
    facts: Callable[..., PatientFacts], written: str, ahead: bool
) -> None:
    if ahead:
        with pytest.raises(BadInput):
            facts(deceasedDateTime=written)
    else:
        assert facts(deceasedDateTime=written).deceased


@pytest.mark.parametrize(
    ("written", "known"),
    [("1906-07-03", True), ("1900-01-01", False), ("1841-01-01", False), ("0001-01-01", False), ("1985-12-31", True)],
)
def test_a_birth_date_that_nobody_can_have_counts_as_none(
    facts: Callable[..., PatientFacts], written: str, known: bool
) -> None:
    assert facts(birthDate=written).birth_date == (date.fromisoformat(written) if known else None)
