"""ServiceRequest, put back by its hospital -> ReceivedInstruction or ReceivedRevision."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from service.fhir import terms
from service.fhir.lengths import PHRASE
from service.fhir.outcome import BadInput, Finding
from service.fhir.read.common import codes, entries, extension_values, read_reference, reference_of
from service.fhir.read.safe_contact import read_safe_contact
from service.fhir.read.support_needs import read_support_needs
from service.fhir.read.times import begins
from service.fhir.survey import Tree
from service.fhir.write.parts import LABELS, peer_support
from service.fhir.write.record import REQUEST_STATUS
from service.flow.answer import Reason
from service.flow.instruct import Described, ReceivedInstruction
from service.flow.received import Received
from service.flow.revise_referral import ReceivedRevision
from service.referrals.instruction import Instruction, Order
from service.referrals.referral import ReferralState
from service.shared.code import Code

# Every other status is the service's own to set.
_ORDERS = {REQUEST_STATUS[ReferralState.CLOSED]: Order.CLOSE, "entered-in-error": Order.VOID}
_STATES = {
    status: frozenset(state for state, said in REQUEST_STATUS.items() if said == status)
    for status in REQUEST_STATUS.values()
}
# What is asked for is the same in every referral.
_FIXED: Tree = {"intent": "order", **peer_support()}
# What a referral consists of as it is served. The rest of the resource is not the hospital's to add.
_SERVED = frozenset({
    "resourceType", "id", "meta", "text", "extension", "identifier", "status", "subject", "authoredOn", "requester",
    "note", *_FIXED,
})  # fmt: skip
_REVISES = frozenset({terms.SAFE_CONTACT, terms.SUPPORT_NEEDS})
# Narrative that says no more than the elements do (FHIR R4, NarrativeStatus).
_DERIVED = ("generated", "extensions")


def read_service_request(
    tree: Tree, received: Received, base: str, now: datetime
) -> ReceivedInstruction | ReceivedRevision:
    """Its status may be an order: revoked ends the referral, entered-in-error voids it. Else its extensions count.

    An order brings along each element that says something which is not acted on. Without one raises BadInput with them,
    and as its extensions' readers do.
    """
    order = _ORDERS.get(tree["status"])
    elements = (*_unused(tree, base), *(["extension"] if _has_unused_extension(tree, order) else []))
    unused = tuple(f"ServiceRequest.{each}" for each in elements)
    if unused and order is None:
        raise BadInput.of(*(Finding(Reason.ELEMENT_FIXED, each) for each in unused))
    id, described = received.target_id or "", _described(tree, base)
    if order is not None:
        said = Instruction(order, now, text=" ".join(described.words)[:PHRASE] or None)
        return ReceivedInstruction(received, id, said, described, unused)
    states = _STATES.get(tree["status"], frozenset())
    return ReceivedRevision(received, id, states, read_safe_contact(tree), read_support_needs(tree), described)


def _described(tree: Tree, base: str) -> Described:
    requester = reference_of(tree.get("requester", {}), base, "")
    return Described(
        subject=read_reference(tree["subject"], "ServiceRequest.subject", base, "Patient"),
        ids=frozenset(each["value"] for each in tree.get("identifier", ()) if _is_ours(each)),
        hospitals=frozenset({requester.id} if requester and requester.id else ()),
        opened_at=begins(tree["authoredOn"]) if "authoredOn" in tree else None,
        reasons=frozenset(code.code for each in _reasons(tree) for code in codes(each) if _is_reason(code)),
        words=tuple(_said_why(tree)),
    )


def _unused(tree: Tree, base: str) -> Iterator[str]:
    """The elements that say something which no referral says, and which is the service's own to say."""
    yield from sorted(tree.keys() - _SERVED)
    yield from (name for name, value in _FIXED.items() if name in tree and not _repeats(tree[name], value))
    if not all(map(_is_ours, tree.get("identifier", ()))):
        yield "identifier"
    if "requester" in tree and not _is_organisation(tree["requester"], base):
        yield "requester"
    if tree.get("text", {}).get("status", _DERIVED[0]) not in _DERIVED:
        yield "text"
    meta = tree.get("meta", {})
    labels = [(label.system, label.code) for label in LABELS]
    if "tag" in meta or any((each.get("system"), each.get("code")) not in labels for each in meta.get("security", ())):
        yield "meta"


def _has_unused_extension(tree: Tree, order: Order | None) -> bool:
    """An order has a reason, and anything else says how she may be reached or what she asks for; not both at once."""
    urls = {each.get("url") for each in tree.get("extension", ())}
    coded = all(isinstance(each, dict) for each in extension_values(tree, terms.STATUS_REASON))
    if not urls <= _REVISES | {terms.STATUS_REASON} or not coded:
        return True
    return bool(urls & _REVISES) if order else any(map(_words, _reasons(tree)))


def _repeats(said: Any, served: Any) -> bool:
    """Whether it says no more than what is served: any display of a code is as good as another."""
    if not isinstance(served, dict | list):
        return bool(said == served)
    return all(any(_repeats_concept(each, other) for other in entries(served)) for each in entries(said))


def _repeats_concept(said: Tree, served: Tree) -> bool:
    known = [(each["system"], each["code"]) for each in served.get("coding", ())]
    coded = [(each.get("system"), each.get("code")) for each in said.get("coding", ())]
    own_words = said.get("text") not in (None, served.get("text"))
    return set(coded) <= set(known) and not own_words and said.keys() <= {"id", "coding", "text"}


def _is_ours(identifier: Tree) -> bool:
    return identifier.get("system") == terms.REFERRAL_ID and "value" in identifier


def _is_organisation(node: Tree, base: str) -> bool:
    named = reference_of(node, base, "")
    return named is not None and (named.type, named.base) == ("Organization", None) and named.id is not None


def _reasons(tree: Tree) -> list[Tree]:
    return [each for each in extension_values(tree, terms.STATUS_REASON) if isinstance(each, dict)]


def _is_reason(code: Code) -> bool:
    """Why a referral is over is the service's own to code."""
    return code.system == terms.REFERRAL_REASON


def _said_why(tree: Tree) -> Iterator[str]:
    """The reason in the words of the status extension, and then those of the notes."""
    for concept in _reasons(tree):
        yield from _words(concept)
    yield from (each["text"] for each in tree.get("note", ()) if each.get("text"))


def _words(concept: Tree) -> list[str]:
    """Its text, or else what its codes say that are not the service's own."""
    foreign = [each for each in concept.get("coding", ()) if each.get("system") != terms.REFERRAL_REASON]
    said = [concept.get("text")] if concept.get("text") else [each.get("display", each.get("code")) for each in foreign]
    return [each for each in said if each]
