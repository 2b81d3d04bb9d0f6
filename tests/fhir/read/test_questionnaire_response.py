"""Forms in the shapes that public profiles, public forms and sites give them."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from service.fhir.outcome import BadInput
from service.fhir.read.common import received
from service.fhir.read.questionnaire_response import read_response
from service.flow.received import Reference
from service.flow.received_result import ReceivedResult
from service.flow.rules import Rules
from service.screening.decide import Outcome, Reason, SelfHarm, decide
from service.screening.instrument import CodeUse, Role, Stage
from service.screening.result import Reading, ScreeningResult, Status

Tree = dict[str, Any]
Read = Callable[..., ReceivedResult]

BASE = "https://referral.example"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LOINC = "http://loinc.org"
EPDS_ITEM = "https://peer-referral.example/fhir/CodeSystem/epds-item"
PHQ9 = ["44250-9", "44255-8", "44259-0", "44254-1", "44251-7", "44258-2", "44252-5", "44253-3", "44260-8"]
LA = ["LA6568-5", "LA6569-3", "LA6570-1", "LA6571-9"]
ORDINAL = "http://hl7.org/fhir/StructureDefinition/ordinalValue"
SITE_FORM = "https://hospital.example/Questionnaire/booking"
OWN_NAMES = ["1humor", "2happy", "3blame", "4worry", "5anxious", "6grow", "7sleep", "8sad", "9cry", "10harm"]
FORMS = {
    SITE_FORM: {name: CodeUse("epds", Role.ITEM, number) for number, name in enumerate(OWN_NAMES, 1)}
    | {"score": CodeUse("epds", Role.TOTAL)},
    "": {"q10": CodeUse("epds", Role.ITEM, 10)},
}


def item(link_id: str, *answers: Tree, **more: object) -> Tree:
    return {"linkId": link_id} | ({"answer": list(answers)} if answers else {}) | more


def whole(number: int) -> Tree:
    return {"valueInteger": number}


@pytest.fixture
def read(guarded: Callable[[Tree], Tree], rules: Rules) -> Read:
    def reading(*items: Tree, **elements: object) -> ReceivedResult:
        tree = guarded({
            "resourceType": "QuestionnaireResponse",
            "status": "completed",
            "subject": {"reference": "Patient/1"},
            "authored": "2026-02-01T10:00:00+02:00",
            "item": list(items) or None,
            **elements,
        })  # fmt: skip
        return read_response(tree, received(tree, b""), rules=rules, questions=FORMS, base=BASE, now=NOW)

    return reading


def stated(message: ReceivedResult) -> tuple[Reading, ...]:
    (only,) = message.administered
    return only.piece.readings


def scored(number: int, score: int) -> Reading:
    return Reading(Role.ITEM, number, score)


def test_a_form_is_one_piece_of_one_administration(read: Read) -> None:
    sent = {"system": "urn:forms", "value": "1"}
    message = read(item(f"{EPDS_ITEM}|10", whole(2)), identifier=sent, id="their-own")
    (administered,) = message.administered
    assert (message.subject, message.corrects) == (Reference("Patient", "1"), False)
    assert (administered.instrument_id, administered.respondent) == ("epds", "patient")
    assert administered.effective == datetime(2026, 2, 1, 8, tzinfo=UTC)
    assert (administered.piece.source, administered.piece.status) == ("urn:forms|1", Status.FINAL)
    assert administered.piece.names == {"QuestionnaireResponse/their-own"}
    assert administered.piece.readings == (scored(10, 2),)


@pytest.mark.parametrize(
    "link_id", ["44260-8", "/44260-8", "/44249-1/44260-8", f"{LOINC}|44260-8"], ids=["bare", "slash", "path", "system"]
)
def test_an_item_is_known_by_its_code(read: Read, link_id: str) -> None:
    assert stated(read(item(link_id, whole(1)))) == (scored(9, 1),)


def test_a_sites_form_says_what_its_questions_stand_for(read: Read) -> None:
    items = [item(name, whole(1)) for name in OWN_NAMES]
    for questionnaire in (SITE_FORM, f"{SITE_FORM}|2.1"):
        found = stated(read(*items, item("score", whole(10)), item("12", whole(3)), questionnaire=questionnaire))
        assert found == (*(scored(number, 1) for number in range(1, 11)), Reading(Role.TOTAL, None, 10))


def test_a_form_without_a_name_has_a_map_of_its_own(read: Read) -> None:
    assert stated(read(item("q10", whole(3)))) == (scored(10, 3),)
    with pytest.raises(BadInput):
        read(item("q10", whole(3)), questionnaire="https://hospital.example/Questionnaire/another")


def test_items_are_found_in_groups_and_under_answers(read: Read) -> None:
    deep = item("/44255-8", whole(2))
    nested = item("a", {"valueBoolean": True, "item": [deep]})
    assert stated(read(item("b", item=[nested, item("/44250-9", whole(1))]))) == (scored(2, 2), scored(1, 1))


@pytest.mark.parametrize(
    ("answer", "score"),
    [
        ({"valueInteger": 3}, 3),
        ({"valueDecimal": 2.0}, 2),
        ({"valueString": "1"}, 1),
        ({"valueCoding": {"system": LOINC, "code": LA[3]}}, 3),
        ({"valueCoding": {"code": LA[2]}}, 2),
        ({"valueCoding": {"code": "x", "extension": [{"url": ORDINAL, "valueDecimal": 1}]}}, 1),
        ({"valueCoding": {"code": "x"}, "extension": [{"url": ORDINAL, "valueDecimal": 2.0}]}, 2),
        ({"valueCoding": {"display": "x", "extension": [{"url": ORDINAL.replace("ordinalValue", "itemWeight"),
                                                         "valueDecimal": 3}]}}, 3),
    ],
)  # fmt: skip
def test_an_answer_is_a_number_or_a_code_with_a_known_score(read: Read, answer: Tree, score: int) -> None:
    assert stated(read(item("/44260-8", answer))) == (scored(9, score),)


@pytest.mark.parametrize(
    "answer",
    [
        {"valueDecimal": 1.5}, {"valueString": "often"}, {"valueBoolean": True},
        {"valueCoding": {"system": LOINC, "code": "LA33-6"}},
        {"valueCoding": {"system": "urn:other", "code": LA[3]}},
        {"valueCoding": {"code": "3"}},
        {"valueCoding": {"system": LOINC, "code": LA[0], "extension": [{"url": ORDINAL, "valueDecimal": 0.5}]}},
    ],
)  # fmt: skip
def test_an_answer_that_cannot_be_told_is_unreadable_and_never_guessed(read: Read, answer: Tree) -> None:
    (only,) = stated(read(item("/44260-8", answer)))
    assert only.value is None
    assert only.unreadable is not None
    assert only.unreadable.startswith("item.answer.value")


def test_an_answer_whose_code_and_ordinal_differ_is_looked_at(read: Read, rules: Rules) -> None:
    contradicting = {"system": LOINC, "code": LA[0], "extension": [{"url": ORDINAL, "valueDecimal": 2}]}
    message = read(*(item(code, {"valueCoding": contradicting}) for code in PHQ9))
    (administered,) = message.administered
    result = ScreeningResult("1", "t", "p", "phq9", "patient", NOW, Stage.POSTNATAL, {"a": administered.piece})
    decision = decide(result, rules.instruments["phq9"], rules.policy("t"))
    assert (decision.outcome, decision.self_harm) == (Outcome.POSITIVE, SelfHarm.PRESENT)
    assert Reason.SCORE_MISMATCH in decision.reasons


@pytest.mark.parametrize(
    "asked", [item("/44260-8"), item("/44260-8", {"extension": [{"url": "urn:x", "valueCode": "y"}]})]
)
def test_a_question_without_an_answer_was_asked_and_not_answered(read: Read, asked: Tree) -> None:
    assert stated(read(asked)) == (Reading(Role.ITEM, 9, None),)


@pytest.mark.parametrize(
    ("status", "meaning", "corrects"),
    [
        ("in-progress", Status.PRELIMINARY, False), ("completed", Status.FINAL, False),
        ("amended", Status.AMENDED, True), ("entered-in-error", Status.ENTERED_IN_ERROR, True),
        ("stopped", Status.UNKNOWN, False),
    ],
)  # fmt: skip
def test_only_a_form_that_is_finished_decides(read: Read, status: str, meaning: Status, corrects: bool) -> None:
    message = read(item("/44260-8", whole(1)), status=status)
    assert (message.administered[0].piece.status, message.corrects) == (meaning, corrects)


@pytest.mark.parametrize("items", [(), (item("1", whole(3)),), (item("99999-9", whole(3)),)])
def test_a_form_in_which_nothing_is_known_is_refused(read: Read, items: tuple[Tree, ...]) -> None:
    with pytest.raises(BadInput) as refused:
        read(*items)
    (issue,) = refused.value.issues
    assert (refused.value.status, issue.code, issue.expression) == (422, "not-supported", "QuestionnaireResponse.item")


def test_an_item_that_the_instrument_has_not_got_is_refused(read: Read) -> None:
    with pytest.raises(BadInput) as refused:
        read(item(f"{EPDS_ITEM}|10", whole(0)), item("group", item=[item(f"{EPDS_ITEM}|11", whole(2))]))
    (issue,) = refused.value.issues
    found = (refused.value.status, issue.code, issue.expression)
    assert found == (422, "code-invalid", "QuestionnaireResponse.item.linkId")


def test_an_item_whose_code_stands_under_another_system_than_its_own_is_refused(read: Read) -> None:
    with pytest.raises(BadInput) as refused:
        read(item("/44250-9", whole(1)), item("https://loinc.org|44260-8", whole(2)))
    (issue,) = refused.value.issues
    found = (refused.value.status, issue.code, issue.expression)
    assert found == (422, "code-invalid", "QuestionnaireResponse.item.linkId")


@pytest.mark.parametrize("status", ["in-progress", "entered-in-error", "stopped"])
def test_what_says_nothing_may_be_empty(read: Read, status: str) -> None:
    assert read(status=status).administered == ()


def test_a_sites_form_in_which_nothing_is_found_cannot_be_scored(read: Read, rules: Rules) -> None:
    (administered,) = read(item("new-name", whole(3)), questionnaire=SITE_FORM).administered
    result = ScreeningResult("1", "t", "p", "epds", "patient", NOW, Stage.POSTNATAL, {"a": administered.piece})
    assert decide(result, rules.instruments["epds"], rules.policy("t")).outcome is Outcome.UNSCORABLE


def test_two_instruments_in_one_form_are_two_administrations(read: Read) -> None:
    message = read(item("/44260-8", whole(1)), item(f"{EPDS_ITEM}|10", whole(2)))
    assert {each.instrument_id: each.piece.readings for each in message.administered} == {
        "phq9": (scored(9, 1),),
        "epds": (scored(10, 2),),
    }


def test_who_answered_is_she_unless_somebody_else_is_named(read: Read) -> None:
    for source, respondent in (
        ({"reference": "Patient/1"}, "patient"),
        ({"reference": "RelatedPerson/7"}, "RelatedPerson/7"),
        ({"reference": "Practitioner/7"}, "patient"),
    ):
        assert read(item("/44260-8", whole(1)), source=source).administered[0].respondent == respondent


def test_a_form_without_a_time_is_an_administration_of_its_own(read: Read) -> None:
    (administered,) = read(item("/44260-8", whole(1)), authored=None, id="7").administered
    assert (administered.effective, administered.respondent) == (NOW, "source:QuestionnaireResponse/7")
    (unnamed,) = read(item("/44260-8", whole(1)), authored=None).administered
    assert unnamed.respondent == "source:form"


@pytest.mark.parametrize(
    ("elements", "expression"),
    [
        ({"subject": None}, "QuestionnaireResponse.subject"),
        ({"meta": {"tag": [{"code": "HTEST"}]}}, "QuestionnaireResponse.meta"),
    ],
)
def test_what_cannot_be_acted_on_is_refused(read: Read, elements: Tree, expression: str) -> None:
    with pytest.raises(BadInput) as refused:
        read(item("/44260-8", whole(1)), **elements)
    assert [issue.expression for issue in refused.value.issues] == [expression]


def test_nothing_of_an_answer_is_repeated_in_a_reading(read: Read) -> None:
    (only,) = stated(read(item("/44260-8", {"valueString": "canary"})))
    assert "canary" not in str(only)
