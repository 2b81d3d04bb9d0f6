"""What a hospital means by a ServiceRequest that it puts back."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from service.fhir import terms
from service.fhir.outcome import BadInput
from service.fhir.read.common import received
from service.fhir.read.service_request import read_service_request
from service.fhir.write.record import REQUEST_STATUS, record_service_request
from service.flow.instruct import ReceivedInstruction
from service.flow.received import Reference
from service.flow.revise_referral import ReceivedRevision
from service.referrals.instruction import Instruction, Order
from service.referrals.referral import Referral, ReferralState

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
REFERRAL = Referral("r1", 4, "h1", "p1", ReferralState.CLOSED, NOW, NOW, "closed-by-clinician")
Guarded = Callable[[Tree], Tree]


def put(guarded: Guarded, **changes: Any) -> ReceivedInstruction | ReceivedRevision:
    tree = guarded(SENT | changes)
    return read_service_request(tree, received(tree, b"", target_id="r1"), BASE, NOW)


def test_revoked_closes_and_entered_in_error_voids(guarded: Guarded) -> None:
    for status, order in (("revoked", Order.CLOSE), ("entered-in-error", Order.VOID)):
        message = put(guarded, status=status)
        assert isinstance(message, ReceivedInstruction)
        assert message.said == Instruction(order, NOW)
        assert message.described.subject == Reference("Patient", "p1")


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


def refusal(guarded: Guarded, **changes: Any) -> list[str | None]:
    """The elements that it is refused for."""
    with pytest.raises(BadInput) as refused:
        put(guarded, **changes)
    assert refused.value.status == 422
    return [each.expression for each in refused.value.issues]


SNOMED = "http://snomed.info/sct"
NARRATIVE = '<div xmlns="http://www.w3.org/1999/xhtml">She prefers a group.</div>'
SAFE = {"url": terms.SAFE_CONTACT, "extension": [{"url": "voicemail", "valueCode": "deny"}]}


NOT_ACTED_ON = pytest.mark.parametrize(
    "changes",
    [
        {"intent": "plan"},
        {"priority": "urgent"},
        {"priority": "stat"},
        {"code": {"coding": [{"system": SNOMED, "code": "1"}]}},
        {"code": {"coding": [{"system": SNOMED, "code": terms.PEER_SUPPORT.code}], "text": "A group, please"}},
        {"category": [{"coding": [{"system": SNOMED, "code": "410606002"}]}, {"text": "Counselling"}]},
        {"orderDetail": [{"text": "Twice a week"}]},
        {"occurrenceDateTime": "2026-12-01"},
        {"performer": [{"reference": "Organization/o1"}]},
        {"doNotPerform": True},
        {"identifier": [{"system": "https://st-test.example/order", "value": "7"}]},
        {"requester": {"display": "Test Midwife Marlow"}},
        {"requester": {"reference": "Practitioner/p1"}},
        {"requester": {"reference": "https://record.example/fhir/Organization/o1"}},
        {"language": "cy"},
        {"text": {"status": "additional", "div": NARRATIVE}},
        {"meta": {"tag": [{"system": "urn:a", "code": "1"}]}},
        {"meta": {"security": [{"system": terms.RESTRICTED.system, "code": "V"}]}},
        {"extension": [{"url": "https://st-test.example/extension", "valueString": "Twice a week"}]},
        {"extension": [{"url": terms.STATUS_REASON, "valueString": "Moved away."}]},
    ],
    ids=str,
)


@NOT_ACTED_ON
def test_what_is_not_acted_on_is_refused_by_its_element_in_a_message_that_orders_nothing(
    guarded: Guarded, changes: Tree
) -> None:
    assert refusal(guarded, status="active", **changes) == [f"ServiceRequest.{next(iter(changes))}"]


@NOT_ACTED_ON
@pytest.mark.parametrize(("status", "order"), [("revoked", Order.CLOSE), ("entered-in-error", Order.VOID)])
def test_it_is_only_named_beside_an_order_that_ends_the_referral(
    guarded: Guarded, changes: Tree, status: str, order: Order
) -> None:
    message = put(guarded, status=status, **changes)
    assert isinstance(message, ReceivedInstruction)
    assert message.said == Instruction(order, NOW)
    assert message.unused == (f"ServiceRequest.{next(iter(changes))}",)


@pytest.mark.parametrize(
    "changes",
    [
        {"modifierExtension": [{"url": "https://st-test.example/not", "valueBoolean": True}]},
        {"implicitRules": "https://st-test.example/rules"},
    ],
)
def test_what_may_change_the_meaning_keeps_no_end_from_being_heard(guarded: Guarded, changes: Tree) -> None:
    for status in ("revoked", "entered-in-error"):
        message = put(guarded, status=status, **changes)
        assert isinstance(message, ReceivedInstruction)
        assert message.unused == tuple(f"ServiceRequest.{each}" for each in changes)
    for status in ("active", "on-hold", "draft"):
        with pytest.raises(BadInput):
            put(guarded, status=status, **changes)


def test_every_such_element_is_named_at_once(guarded: Guarded) -> None:
    changes = {"priority": "urgent", "orderDetail": [{"text": "Now"}], "bodySite": [{"text": "x"}]}
    assert {*refusal(guarded, status="active", **changes)} == {f"ServiceRequest.{each}" for each in changes}
    message = put(guarded, **changes)
    assert isinstance(message, ReceivedInstruction)
    assert {*message.unused} == {f"ServiceRequest.{each}" for each in changes}


def test_how_she_may_be_reached_is_not_acted_on_beside_an_order(guarded: Guarded) -> None:
    message = put(guarded, extension=[SAFE])
    assert isinstance(message, ReceivedInstruction)
    assert message.unused == ("ServiceRequest.extension",)


def test_whom_an_order_is_about_has_to_be_clear(guarded: Guarded) -> None:
    assert refusal(guarded, subject={"display": "Test Woman"}) == ["ServiceRequest.subject"]


def test_a_reason_without_an_order_is_refused(guarded: Guarded) -> None:
    why = {"url": terms.STATUS_REASON, "valueCodeableConcept": {"text": "Moved away."}}
    assert refusal(guarded, status="active", extension=[why]) == ["ServiceRequest.extension"]


@pytest.mark.parametrize("status", sorted({*REQUEST_STATUS.values()}))
def test_what_is_served_may_be_sent_back_whole_in_the_words_of_another_record(guarded: Guarded, status: str) -> None:
    served = record_service_request(REFERRAL, 1_790_000_000_000)
    put(guarded, **served | {"status": status})
    retold = {
        "id": "r1",
        "meta": {"versionId": "7", "source": "#engine", "security": served["meta"]["security"][:1]},
        "text": {"status": "generated", "div": NARRATIVE},
        "category": [{"coding": [{**served["category"][0]["coding"][0], "display": "Social service (procedure)"}]}],
        "code": {"coding": [{**served["code"]["coding"][0], "userSelected": False}]},
    }
    described = put(guarded, **{**served, **retold, "status": status}).described
    assert described.ids == {REFERRAL.id}
    assert described.hospitals == {REFERRAL.tenant_id}
    assert described.opened_at == REFERRAL.opened_at
    assert described.reasons == {REFERRAL.reason}
    assert described.words == ()


@pytest.mark.parametrize(
    ("concept", "words"),
    [
        ({"coding": [{"system": "urn:a", "code": "7", "display": "Moved away"}]}, ("Moved away",)),
        ({"coding": [{"system": "urn:a", "code": "moved"}]}, ("moved",)),
        (
            {"coding": [{"system": "urn:a", "code": "7", "display": "Moved"}], "text": "To her."},
            ("To her.",),
        ),
        ({"coding": [{"system": terms.REFERRAL_REASON, "code": "woman-died"}]}, ()),
    ],
)
def test_a_coded_reason_is_kept_in_its_words(guarded: Guarded, concept: Tree, words: tuple[str, ...]) -> None:
    message = put(guarded, extension=[{"url": terms.STATUS_REASON, "valueCodeableConcept": concept}])
    assert isinstance(message, ReceivedInstruction)
    assert (message.described.words, message.said.text) == (words, " ".join(words) or None)


def test_its_notes_are_brought_along_when_it_orders_nothing(guarded: Guarded) -> None:
    message = put(guarded, status="active", note=[{"text": "hold: safety"}, {"text": "resume"}])
    assert isinstance(message, ReceivedRevision)
    assert message.described.words == ("hold: safety", "resume")
