"""Resolve how a sender named something, and let a UNIQUE key decide what is new: never search, then create."""

from service.flow.answer import Reason, Refused
from service.flow.ports import Transaction
from service.flow.received import Received, Reference
from service.shared.errors import Unavailable


def identify(tx: Transaction, received: Received, new_id: str) -> str | Refused:
    """The id of the resource that these identifiers stand for: `new_id` when none of them was known in this tenant.

    Raises Unavailable when another message claims one of them at this very moment; the sender tries again.
    """
    names = list(dict.fromkeys([*([received.condition] if received.condition else []), *received.identifiers]))
    owner = new_id
    if len(names) > 1:
        holders = [tx.aliases.find(received.type, name.system, name.value) for name in names]
        known = {received.target_id, *holders} - {None}
        if len(known) > 1:
            return Refused(Reason.SEVERAL_MATCH, "identifier")
        owner = next(iter(known), None) or new_id
    for place, name in enumerate(names):
        holder = tx.aliases.claim(received.type, name.system, name.value, owner)
        if holder != owner and place > 0:
            raise Unavailable("Another message claims one of the same identifiers at this moment.", 1)
        owner = holder
    return owner


def subject_of(tx: Transaction, reference: Reference) -> str | None:
    """The patient meant: our id in this tenant, then the sender's own id under its base, then a business identifier."""
    if reference.type != "Patient":
        return None
    known = None
    if reference.id is not None:
        known = tx.visible.patient_id(reference.id) if reference.base is None else None
        known = known or tx.aliases.find("Patient", reference.base or "", reference.id)
    if known is None and reference.identifier is not None:
        known = tx.aliases.find("Patient", reference.identifier.system, reference.identifier.value)
    return known
