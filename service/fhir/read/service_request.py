"""ServiceRequest, put back by its hospital -> ReceivedInstruction or ReceivedRevision."""

from collections.abc import Iterator
from datetime import datetime

from service.fhir import terms
from service.fhir.lengths import PHRASE
from service.fhir.read.common import extension_values, read_reference, unclear
from service.fhir.read.safe_contact import read_safe_contact
from service.fhir.read.support_needs import read_support_needs
from service.fhir.survey import Tree
from service.fhir.write.parts import ROUTINE
from service.fhir.write.record import REQUEST_STATUS
from service.flow.instruct import ReceivedInstruction
from service.flow.received import Received
from service.flow.revise_referral import ReceivedRevision
from service.referrals.instruction import Instruction, Order
from service.referrals.referral import ReferralState

# Every other status is the service's own to set.
_ORDERS = {REQUEST_STATUS[ReferralState.CLOSED]: Order.CLOSE, "entered-in-error": Order.VOID}
_STATES = {
    status: frozenset(state for state, said in REQUEST_STATUS.items() if said == status)
    for status in REQUEST_STATUS.values()
}
# What a referral consists of as it is served. The rest of the resource is not the hospital's to add.
_SERVED = frozenset({
    "resourceType", "id", "meta", "implicitRules", "language", "text", "extension", "identifier", "status", "intent",
    "category", "priority", "code", "orderDetail", "subject", "authoredOn", "requester", "note",
})  # fmt: skip


def read_service_request(
    tree: Tree, received: Received, base: str, now: datetime
) -> ReceivedInstruction | ReceivedRevision:
    """Its status may be an order: revoked ends the referral, entered-in-error voids it. Else its extensions count.

    Raises BadInput when it says something that is not the hospital's to say, and as its extensions' readers do.
    """
    others = sorted(tree.keys() - _SERVED - {f"_{each}" for each in _SERVED})
    if others:
        raise unclear(f"ServiceRequest.{others[0]}", "Only the status of a referral can be changed here.")
    if tree["intent"] != "order" or not _is_peer_support(tree.get("code")):
        raise unclear("ServiceRequest.code", "Only the status of a referral can be changed here.")
    id, subject = received.target_id or "", read_reference(tree["subject"], "ServiceRequest.subject", base, "Patient")
    if tree.get("priority", ROUTINE) != ROUTINE:
        raise unclear("ServiceRequest.priority", "Every referral is routine, and what is urgent is an alert.")
    order = _ORDERS.get(tree["status"])
    if order is not None:
        said = Instruction(order, now, text=" ".join(_said_why(tree))[:PHRASE] or None)
        return ReceivedInstruction(received, id, said, subject)
    states = _STATES.get(tree["status"], frozenset())
    return ReceivedRevision(
        received, id, states, read_safe_contact(tree), read_support_needs(tree), subject, _notes(tree)
    )


def _said_why(tree: Tree) -> Iterator[str]:
    """The reason in the words of the status extension, or of the notes."""
    for concept in extension_values(tree, terms.STATUS_REASON):
        if isinstance(concept, dict) and concept.get("text"):
            yield concept["text"]
    yield from _notes(tree)


def _notes(tree: Tree) -> tuple[str, ...]:
    return tuple(each["text"] for each in tree.get("note", ()) if each.get("text"))


def _is_peer_support(concept: Tree | None) -> bool:
    codings = (concept or {}).get("coding", ())
    return concept is None or any(each.get("code") == terms.PEER_SUPPORT.code for each in codings)
