"""What a hospital orders, and by whom, out of Parameters."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from service.fhir import terms
from service.fhir.outcome import BadInput
from service.fhir.read.common import received
from service.fhir.read.instruction import read_parameters
from service.flow.instruct import ReceivedInstruction
from service.referrals.instruction import HoldReason, Instruction, Order

Tree = dict[str, Any]
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
BY: Tree = {"name": "practitioner", "valueString": "Test Midwife"}
ROLE: Tree = {"name": "role", "valueString": "Midwife"}
Guarded = Callable[[Tree], Tree]


def parameters(
    guarded: Guarded, *parameter: Tree, order: Order = Order.HOLD, **elements: object
) -> ReceivedInstruction:
    tree = guarded({"resourceType": "Parameters", "parameter": [*parameter], **elements})
    return read_parameters(tree, received(tree, b"", target_id="r1"), order, NOW)


@pytest.mark.parametrize(
    "value",
    [
        {"valueString": " Test Midwife "},
        {"valueReference": {"display": "Test Midwife", "reference": "Practitioner/7"}},
        {"valueReference": {"identifier": {"system": "urn:staff", "value": "Test Midwife"}}},
        {"valueCodeableConcept": {"text": "Test Midwife"}},
        {"valueCodeableConcept": {"coding": [{"system": "urn:roles", "code": "Test Midwife"}]}},
        {"valueCodeableConcept": {"coding": [{"system": "urn:roles", "code": "1", "display": "Test Midwife"}]}},
    ],
    ids=str,
)
def test_who_orders_it_is_read_however_it_is_named(guarded: Guarded, value: Tree) -> None:
    said = parameters(guarded, {"name": "practitioner", **value}, ROLE).said
    assert said == Instruction(Order.HOLD, NOW, None, "Test Midwife", "Midwife", None)


@pytest.mark.parametrize("reason", HoldReason)
@pytest.mark.parametrize("coded", [False, True])
def test_a_reason_is_one_of_ours(guarded: Guarded, reason: HoldReason, coded: bool) -> None:
    value: Tree = {"valueCoding": {"system": terms.HOLD_REASON, "code": reason}} if coded else {"valueCode": reason}
    said = parameters(guarded, BY, ROLE, {"name": "reason", **value}, {"name": "note", "valueString": "Wait."}).said
    assert (said.reason, said.text) == (reason, "Wait.")


REFUSED: dict[str, tuple[Tree, ...]] = {
    "nobody is named": (ROLE,),
    "no role": (BY,),
    "an empty name": ({"name": "practitioner", "valueReference": {"type": "Practitioner"}}, ROLE),
    "a number for a name": ({"name": "practitioner", "valueInteger": 7}, ROLE),
    "a name without end": ({"name": "practitioner", "valueString": "x" * 201}, ROLE),
    "twice": (BY, BY, ROLE),
    "unknown": (BY, ROLE, {"name": "until", "valueDate": "2026-12-01"}),
    "another reason": (BY, ROLE, {"name": "reason", "valueCode": "bored"}),
    "a reason of another system": (BY, ROLE, {"name": "reason", "valueCoding": {"system": "urn:x", "code": "safety"}}),
    "a reason in words": (BY, ROLE, {"name": "reason", "valueBoolean": True}),
}


@pytest.mark.parametrize("sent", REFUSED.values(), ids=REFUSED)
def test_what_is_not_clear_is_refused_without_repeating_it(guarded: Guarded, sent: tuple[Tree, ...]) -> None:
    with pytest.raises(BadInput) as refused:
        parameters(guarded, *sent)
    assert refused.value.status == 422
    (issue,) = refused.value.issues
    assert (issue.expression or "").startswith("Parameters.parameter")
    assert not {"until", "bored", "urn:x"} & {*issue.text.replace(",", "").split()}


NOT_SO = [{"url": "https://st-test.example/not", "valueBoolean": True}]
MODIFIED: dict[str, tuple[tuple[Tree, ...], Tree]] = {
    "Parameters.implicitRules": ((BY, ROLE), {"implicitRules": "https://st-test.example/rules"}),
    "Parameters.parameter[1].modifierExtension": ((BY, {**ROLE, "modifierExtension": NOT_SO}), {}),
    "Parameters.parameter[2].part[0].modifierExtension": (
        (BY, ROLE, {"name": "note", "part": [{"name": "until", "valueString": "x", "modifierExtension": NOT_SO}]}),
        {},
    ),
}


@pytest.mark.parametrize("where", MODIFIED)
def test_what_may_change_the_meaning_keeps_no_hold_from_being_heard(guarded: Guarded, where: str) -> None:
    sent, elements = MODIFIED[where]
    assert parameters(guarded, *sent, **elements).unused == (where,)
    with pytest.raises(BadInput) as refused:
        parameters(guarded, *sent, order=Order.RESUME, **elements)
    assert [issue.expression for issue in refused.value.issues] == [where]
