"""What a hospital means by a ServiceRequest that it puts back."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from service.fhir import terms
from service.fhir.outcome import BadInput
from service.fhir.read.common import received
from service.fhir.read.service_request import read_service_request
from service.flow.instruct import ReceivedInstruction
from service.flow.received import Reference
from service.flow.revise_referral import ReceivedRevision
from service.referrals.instruction import Instruction, Order
from service.referrals.referral import ReferralState

Tree = dict[str, Any]
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
BASE = "https://referral.example"
SENT: Tree = {
    "resourceType": "ServiceRequest",
    "id": "r1",
    "status": "revoked",
    "intent": "order",
    "subject": {"reference": "Patient/p1"},
}
Guarded = Callable[[Tree], Tree]


def put(guarded: Guarded, **changes: Any) -> ReceivedInstruction | ReceivedRevision:
    tree = guarded(SENT | changes)
    return read_service_request(tree, received(tree, b"", target_id="r1"), BASE, NOW)


def test_revoked_closes_and_entered_in_error_voids(guarded: Guarded) -> None:
    for status, order in (("revoked", Order.CLOSE), ("entered-in-error", Order.VOID)):
        message = put(guarded, status=status)
        assert isinstance(message, ReceivedInstruction)
        assert message.said == Instruction(order, NOW)
        assert message.subject == Reference("Patient", "p1")


@pytest.mark.parametrize(
    ("status", "states"),
    [
        ("draft", {ReferralState.IN_REVIEW, ReferralState.AWAITING_CONSENT}),
        ("active", {ReferralState.PLACING, ReferralState.OFFERED, ReferralState.SUPPORTED}),
        ("on-hold", {ReferralState.ON_HOLD}),
        ("completed", {ReferralState.COMPLETED}),
        ("unknown", set()),
    ],
)
def test_any_other_status_is_no_order(guarded: Guarded, status: str, states: set[ReferralState]) -> None:
    message = put(guarded, status=status)
    assert isinstance(message, ReceivedRevision)
    assert message.states == states


def test_the_reason_is_in_the_status_extension_or_in_the_notes(guarded: Guarded) -> None:
    why = {"url": terms.STATUS_REASON, "valueCodeableConcept": {"text": "Moved away."}}
    message = put(guarded, extension=[why], note=[{"text": "Told by telephone."}])
    assert isinstance(message, ReceivedInstruction)
    assert message.said.text == "Moved away. Told by telephone."


@pytest.mark.parametrize(
    "changes",
    [
        {"intent": "plan"},
        {"code": {"coding": [{"system": "http://snomed.info/sct", "code": "1"}]}},
        {"occurrenceDateTime": "2026-12-01"},
        {"performer": [{"reference": "Organization/o1"}]},
        {"doNotPerform": True},
    ],
    ids=str,
)
def test_nothing_else_of_it_can_be_changed(guarded: Guarded, changes: Tree) -> None:
    with pytest.raises(BadInput) as refused:
        put(guarded, **changes)
    assert refused.value.status == 422


@pytest.mark.parametrize("priority", ["urgent", "asap", "stat"])
def test_its_priority_is_not_the_hospitals_to_change(guarded: Guarded, priority: str) -> None:
    with pytest.raises(BadInput) as refused:
        put(guarded, priority=priority)
    (issue,) = refused.value.issues
    assert (refused.value.status, issue.expression) == (422, "ServiceRequest.priority")
    put(guarded, priority="routine")


def test_its_notes_are_brought_along_when_it_orders_nothing(guarded: Guarded) -> None:
    message = put(guarded, status="active", note=[{"text": "hold: safety"}, {"text": "resume"}])
    assert isinstance(message, ReceivedRevision)
    assert message.notes == ("hold: safety", "resume")
