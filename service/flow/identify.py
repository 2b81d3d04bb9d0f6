"""Resolve how a sender named something, and let a UNIQUE key decide what is new: never search, then create."""

from collections.abc import Iterable

from service.flow.answer import Reason, Refused
from service.flow.ports import Transaction
from service.flow.received import Identifier, Received, Reference
from service.referrals.referral import Referral
from service.shared.errors import Unavailable

OWN_IDS = ""
"""The alias system of the ids that a sender gives its resources in its own messages."""


MERGED_ID = "urn:merged"
"""The alias system of our ids of referrals that were closed as merged: each stands for the one that goes on for it."""


def bearers_of(tx: Transaction, type: str, id: str, base: str | None = None) -> set[str]:
    """Which of our resources a sender's own `id` stands for: none, one, or several that contradict each other.

    It may be relative, or absolute under the base of the sender's record. Then the id is looked for among those that
    its messages gave and among those that its record gave when we wrote into it. The two are kept apart: what a message
    calls her may be the word of an engine in between, and we write into no record on such a word alone.
    """
    own_base = tx.organisations.fhir_endpoint(tx.caller.organisation_id)
    systems = {OWN_IDS, own_base} if base in (None, own_base) else {base}
    found = {tx.aliases.find(type, system, id) for system in systems if system is not None}
    return {each for each in found if each is not None}


def known_as(tx: Transaction, type: str, names: Iterable[Identifier]) -> set[str]:
    """Which of our resources these identifiers stand for."""
    found = {tx.aliases.find(type, name.system, name.value) for name in names}
    return {each for each in found if each is not None}


def claim_own_id(tx: Transaction, type: str, own_id: str, resource_id: str) -> None:
    """Let the sender's own id stand for the resource. Raises Unavailable when another message was first just now."""
    if tx.aliases.claim(type, OWN_IDS, own_id, resource_id) != resource_id:
        raise Unavailable("Another message claims the same id at this moment.", 1)


def identify(tx: Transaction, received: Received, new_id: str) -> str | Refused:
    """The id of the resource that these identifiers stand for: `new_id` when none of them was known in this tenant.

    Raises Unavailable when another message claims one of them at this very moment; the sender tries again.
    """
    names, owner = received.names, new_id
    if len(names) > 1:
        known = {received.target_id, *known_as(tx, received.type, names)} - {None}
        if len(known) > 1:
            return Refused(Reason.SEVERAL_MATCH, "identifier")
        owner = next(iter(known), None) or new_id
    for place, name in enumerate(names):
        holder = tx.aliases.claim(received.type, name.system, name.value, owner)
        if holder != owner and place > 0:
            raise Unavailable("Another message claims one of the same identifiers at this moment.", 1)
        owner = holder
    return owner


def referral_called(tx: Transaction, id: str) -> Referral | None:
    """By our id, or by that of its copy in the hospital's record."""
    referral = tx.visible.referral(id)
    if referral is None:
        bearers = bearers_of(tx, "ServiceRequest", id)
        referral = tx.visible.referral(bearers.pop()) if len(bearers) == 1 else None
    return referral


def referral_named(tx: Transaction, reference: Reference) -> Referral | None:
    """The same by a number of the sender's own too."""
    name = reference.identifier
    id = reference.id if name is None else tx.aliases.find("ServiceRequest", name.system, name.value)
    return referral_called(tx, id) if id else None


def who_said(tx: Transaction, consent: Reference) -> set[str]:
    """The woman whose Consent this is, by our id; nobody when it is none."""
    known = tx.visible.consent(consent.id) if consent.type == "Consent" and consent.id else None
    return {known.patient_id} if known else set()


def subject_of(tx: Transaction, reference: Reference) -> str | None:
    """The one patient meant; None also when it may be two: neither of them may get what is the other's."""
    meant = women_meant(tx, reference)
    return meant.pop() if len(meant) == 1 else None


def women_meant(tx: Transaction, reference: Reference) -> set[str]:
    """Everybody whom the id and the business identifier of a reference stand for: none, one, or several.

    The id is ours in this tenant, else the sender's own for her. Where the sender's id stands for two women, the
    identifier may tell which of them is meant.
    """
    if reference.type != "Patient":
        return set()
    meant: set[str] = set()
    if reference.id is not None:
        ours = tx.visible.patient_id(reference.id) if reference.base is None else None
        meant = {ours} if ours is not None else bearers_of(tx, "Patient", reference.id, reference.base)
    name = reference.identifier
    named = None if name is None else tx.aliases.find("Patient", name.system, name.value)
    if named is None:
        return meant
    return {named} if named in meant else meant | {named}
