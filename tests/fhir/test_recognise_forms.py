"""What a refused body may have been about: codes and forms, whole or broken."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from service.fhir.recognise import recognise, salvage
from service.flow.keep_unreadable import Recognised, Salvaged
from service.flow.received import Identifier, Reference
from service.mappings import load
from service.screening.instrument import CodeUse, Role

RULES = load()
NOW = datetime(2026, 6, 1, tzinfo=UTC)
EPDS_ITEM = "https://peer-referral.example/fhir/CodeSystem/epds-item"
FORMS = {
    "https://hospital.example/q": {"harm": CodeUse("epds", Role.ITEM, 10)},
    "": {"h": CodeUse("epds", Role.ITEM, 10)},
}
LOINC = "http://loinc.org"
PHQ9_9 = "/44260-8"
NOTHING, INSTRUMENT, RISK = Recognised.NOTHING, Recognised.AN_INSTRUMENT, Recognised.A_CRITICAL_ANSWER


def observation(system: str, code: str, **value: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "code": {"coding": [{"system": system, "code": code}]}, **value}


def form(link_id: str, *answers: object, **elements: Any) -> dict[str, Any]:
    group = {"linkId": "group", "item": [{"linkId": link_id, "answer": list(answers)}]}
    return {"resourceType": "QuestionnaireResponse", "item": [group], **elements}


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (observation(EPDS_ITEM, "10", valueInteger=1), RISK),
        (observation(EPDS_ITEM, "10", valueInteger=0), INSTRUMENT),
        (observation(EPDS_ITEM, "9", valueInteger=3), INSTRUMENT),
        (observation(EPDS_ITEM, "11", valueInteger=3), INSTRUMENT),
        (observation("urn:x", "10", valueInteger=3), NOTHING),
        (observation("urn:x", "44260-8", valueInteger=1), RISK),
        (observation("urn:x", "44260-8", valueInteger=0), INSTRUMENT),
        (form("urn:x|44260-8", {"valueInteger": 1}), RISK),
        (form(PHQ9_9, {"valueInteger": 1}), RISK),
        (form(PHQ9_9, {"valueDecimal": 2.0}), RISK),
        (form(PHQ9_9, {"valueString": "3"}), RISK),
        (form(PHQ9_9, {"valueCoding": {"system": LOINC, "code": "LA6569-3"}}), RISK),
        (form(PHQ9_9, {"valueCoding": {"code": "LA6569-3"}}), RISK),
        (form(PHQ9_9, {"valueCoding": {"code": "x", "extension": [{"url": "o", "valueDecimal": 1}]}}), RISK),
        (form(PHQ9_9, {"valueInteger": 0}), INSTRUMENT),
        (form(PHQ9_9, {"valueCoding": {"system": LOINC, "code": "LA6568-5"}}), INSTRUMENT),
        (form(PHQ9_9), INSTRUMENT),
        (form(f"{EPDS_ITEM}|10", {"valueInteger": 2}), RISK),
        (form(f"{EPDS_ITEM}|11", {"valueInteger": 2}), INSTRUMENT),
        (form("harm", {"valueInteger": 2}, questionnaire="https://hospital.example/q|3"), RISK),
        (form("harm", {"valueInteger": 2}, questionnaire="https://hospital.example/other"), RISK),
        (form("harm", {"valueInteger": 2}), RISK),
        (form("h", {"valueInteger": 2}), RISK),
        (form("1", {"valueInteger": 3}), NOTHING),
        (form("1", "odd", 3, None), NOTHING),
        (form(PHQ9_9, "odd", 3, None), INSTRUMENT),
    ],
)
def test_an_instrument_and_its_risk_are_recognised(tree: dict[str, Any], expected: Recognised) -> None:
    for sent in (tree, {"resourceType": "Bundle", "entry": [{"resource": {}}, {"resource": tree}]}):
        assert recognise(json.dumps(sent).encode(), RULES, FORMS) is expected


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"3", b'"x"', b"{", b'{"linkId": 3, "code": "x", "answer": {"valueInteger": 1}}']
)
def test_anything_may_be_asked_about(body: bytes) -> None:
    assert recognise(body, RULES, FORMS) is NOTHING


WELLBEING = "https://hospital.example/wellbeing"
SITE = {
    WELLBEING: {f"w{number}": CodeUse("epds", Role.ITEM, number) for number in range(1, 11)},
    "https://hospital.example/mood": {f"w{number}": CodeUse("phq9", Role.ITEM, number) for number in range(1, 10)},
}


def wellbeing(harm: int, *link_ids: str, **elements: Any) -> dict[str, Any]:
    """The hospital's own form, or only these questions of it; the last one is answered so."""
    asked = link_ids or [f"w{number}" for number in range(1, 11)]
    answers = [0] * (len(asked) - 1) + [harm]
    items = [
        {"linkId": link_id, "answer": [{"valueInteger": answer}]}
        for link_id, answer in zip(asked, answers, strict=True)
    ]
    return {"resourceType": "QuestionnaireResponse", **elements, "item": [{"linkId": "group", "item": items}]}


CALLED: list[dict[str, Any]] = [
    {"questionnaire": WELLBEING},
    {"questionnaire": f"{WELLBEING}-v2"},
    {"questionnaire": WELLBEING.replace("https", "http")},
    {"questionnaire": 3},
    {},
]
DIET = ("bread", "milk", "fish", "eggs", "w10")


@pytest.mark.parametrize("called", CALLED, ids=lambda each: str(each.get("questionnaire")))
@pytest.mark.parametrize("cut", [0, 2, 4])
def test_a_form_of_the_site_is_told_by_its_questions(called: dict[str, Any], cut: int) -> None:
    def recognised(*said: Any) -> Recognised:
        body = json.dumps(wellbeing(*said, **called)).encode()
        return recognise(body[: len(body) - cut], RULES, SITE)

    assert recognised(3) is RISK
    assert recognised(0) is INSTRUMENT
    assert recognised(1, "w10") is RISK
    assert recognised(3, "w1", "w2") is INSTRUMENT
    assert recognised(3, *(f"d{number}" for number in range(50)), *(f"w{number}" for number in range(6, 11))) is RISK
    assert recognised(3, "smokes") is NOTHING


@pytest.mark.parametrize("cut", [0, 2])
def test_a_form_that_shares_little_with_the_sites_is_another(cut: int) -> None:
    body = json.dumps(wellbeing(3, *DIET)).encode()
    assert recognise(body[: len(body) - cut], RULES, SITE) is NOTHING


def test_a_form_that_is_named_is_no_other_of_the_sites() -> None:
    """The ninth question of this one asks for something else than that of the other."""
    said = wellbeing(3, *(f"w{number}" for number in range(1, 10)))
    assert recognise(json.dumps(said | {"questionnaire": WELLBEING}).encode(), RULES, SITE) is INSTRUMENT
    assert recognise(json.dumps(said).encode(), RULES, SITE) is RISK


def test_a_form_that_was_cut_is_told_by_the_codes_that_its_questions_are() -> None:
    body = json.dumps(form(PHQ9_9, {"valueInteger": 1}))
    for sent in (body, body.replace("/", "\\/")):
        assert recognise(sent[:-2].encode(), RULES, {}) is RISK


WHOLE = json.dumps(observation(EPDS_ITEM, "10", valueInteger=2) | {"component": [observation(EPDS_ITEM, "9")]})


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("\ufeff" + WHOLE, RISK),
        (WHOLE[:-1], RISK),
        (WHOLE.replace("2", "0")[:-1], INSTRUMENT),
        (WHOLE[: WHOLE.index("valueInteger")], RISK),
        (json.dumps(observation(EPDS_ITEM, "9", valueInteger=3))[:-1], INSTRUMENT),
        (json.dumps(observation(EPDS_ITEM, "10", valueQuantity={"value": 2}))[:-1], RISK),
        (json.dumps(observation(LOINC, "44260-8", valueCodeableConcept={"coding": [{"code": "LA6569-3"}]}))[:-1], RISK),
        (
            json.dumps(observation(LOINC, "44260-8", valueCodeableConcept={"coding": [{"code": "LA6568-5"}]}))[:-1],
            INSTRUMENT,
        ),
        ("{" + WHOLE.replace(EPDS_ITEM, "urn:x"), NOTHING),
        (json.dumps(observation(EPDS_ITEM, "11", valueInteger=3))[:-1], INSTRUMENT),
    ],
)
def test_a_risk_is_recognised_in_what_is_no_json(body: str, expected: Recognised) -> None:
    """Also where the text ends before the answer."""
    assert recognise(body.encode(), RULES, FORMS) is expected


SERVER = "https://referral.example"
HER = Reference("Patient", "7")
NAMED = Reference("Patient", identifier=Identifier("urn:mrn", "7"))


def of(subject: object, **elements: Any) -> dict[str, Any]:
    return observation(EPDS_ITEM, "10", valueInteger=1, subject=subject, **elements)


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (of({"reference": "Patient/7"}), [HER]),
        (of([{"reference": f"{SERVER}/fhir/Patient/7"}], contained=[of({"reference": "Patient/7"})]), [HER, HER]),
        (of({"reference": "urn:uuid:7"}), [Reference("Patient", "handle")]),
        (of({"identifier": {"system": "urn:mrn", "value": "7"}}), [NAMED]),
        (of({"reference": "Patient/7"}, contained=[of({"reference": "#she"})]), []),
        (of({"reference": "Patient/7", "identifier": [{"system": "urn:mrn", "value": "7"}]}), []),
        (of({"identifier": {"system": "urn:mrn", "value": "7\ud800"}}), []),
        (of({"identifier": {"system": "urn:mrn", "value": "7" * 256}}), []),
        (of({"reference": 7}), []),
        (of({"reference": ["Patient/7"]}), []),
        (of({"reference": "Patient/7\u0000"}), []),
        (of("Patient/7"), []),
        (of(None), []),
        (observation(EPDS_ITEM, "10", valueInteger=1, contained=[of({"reference": "Patient/7"})]), []),
    ],
)
def test_whom_a_refused_result_names_is_told_only_where_all_of_it_is_sound(
    tree: dict[str, Any], expected: list[Reference]
) -> None:
    for sent in (tree, {"entry": [{"resource": tree}]}, [{"resource": tree}]):
        found = salvage(json.dumps(sent).encode(), RULES, FORMS, SERVER, NOW, {"urn:uuid:7": "handle"})
        assert found == [Salvaged(RISK, expected)]


def test_each_entry_is_salvaged_by_itself() -> None:
    harmless = observation(EPDS_ITEM, "10", valueInteger=0, subject={"reference": "Patient/8"})
    sent = {"entry": [{"resource": of({"reference": "Patient/7"})}, {"resource": harmless}, 7, {"resource": None}]}
    assert salvage(json.dumps(sent).encode(), RULES, FORMS, SERVER, NOW) == [
        Salvaged(RISK, [HER]),
        Salvaged(INSTRUMENT, [Reference("Patient", "8")]),
    ]


def test_of_a_member_that_stands_twice_both_count() -> None:
    one, other = (json.dumps(of({"reference": f"Patient/{id}"})) for id in (7, 8))
    both = f"{one[:-1]}, {other[1:]}".encode()
    (first, *_) = salvage(both, RULES, FORMS, SERVER, NOW)
    assert first.subjects == [HER, Reference("Patient", "8")]
    hidden = f'{one[:-1]}, "valueInteger": 0}}'.encode()
    assert max(each.recognised for each in salvage(hidden, RULES, FORMS, SERVER, NOW)) is RISK


STILLBIRTH = {"coding": [{"system": "http://snomed.info/sct", "code": "237364002"}]}


def loss(**changed: Any) -> dict[str, Any]:
    """A stillbirth in an Observation whose form is not as it must be."""
    told = {"resourceType": "Observation", "status": "finalish", "code": STILLBIRTH, "effectiveDateTime": "2026-05-30"}
    return {**told, "subject": {"reference": "Patient/7"}, **changed}


@pytest.mark.parametrize(
    ("tree", "tells"),
    [
        (loss(), True),
        (loss(status=None), True),
        (loss(status=["final"]), True),
        (loss(code={"text": "Outcome"}, valueCodeableConcept=STILLBIRTH), True),
        (loss(code="Outcome", component=[{"code": STILLBIRTH}]), True),
        (loss(code="Outcome", component={"code": [STILLBIRTH]}), True),
        (loss(effectiveDateTime="lately"), True),
        (loss(effectiveDateTime=20260530), True),
        (loss(status="registered", valueBoolean=True), True),
        (loss(status="registered"), False),
        (loss(status="entered-in-error"), False),
        (loss(valueBoolean=False), False),
        (loss(effectiveDateTime="2019-05-30"), False),
        (loss(meta={"security": [{"code": "HTEST"}]}), False),
        (loss(meta={"tag": {"code": "HTEST"}}), False),
        (loss(meta="HTEST"), True),
        (loss(code={"coding": [7, {"system": "http://snomed.info/sct", "code": "7"}]}), False),
        (loss(code=None, component=None), False),
        (loss(resourceType="Condition"), False),
    ],
)
def test_a_loss_is_recognised_in_what_is_refused_for_its_form(tree: dict[str, Any], tells: bool) -> None:
    for sent in (tree, {"entry": [{"resource": tree}]}):
        assert [each.safety_event for each in salvage(json.dumps(sent).encode(), RULES, FORMS, SERVER, NOW)] == [tells]


def test_what_is_no_json_is_nobodys() -> None:
    assert salvage(json.dumps(of({"reference": "Patient/7"})).encode()[:-1], RULES, FORMS, SERVER, NOW) == [
        Salvaged(RISK)
    ]
