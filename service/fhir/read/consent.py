"""Consent -> ReceivedConsent, in the shape of IHE Privacy Consent on FHIR (PCF).

A permit has to be plain in every part (`permit`). A no is taken from almost any shape, because refusing it would leave
an earlier yes in force.
"""

from datetime import datetime, timedelta

from service.consent.consent import NO_LONGER_GIVEN, Consent, Status
from service.consent.terms import ConsentTerms
from service.fhir.read.common import codes, listed, party, read_reference, unclear
from service.fhir.read.permit import blank, read_permit
from service.fhir.read.support_needs import read_support_needs
from service.fhir.read.times import begins, ends, is_partial
from service.fhir.survey import Tree
from service.flow.received import Received, Reference
from service.flow.record_consent import ReceivedConsent


def read_consent(tree: Tree, received: Received, *, terms: ConsentTerms, base: str, now: datetime) -> ReceivedConsent:
    """`base` is this server's without /fhir. `said` comes without ids.

    A day, month or year is taken in UTC, and the last one of a period belongs to it. A no that has only a day counts
    from the end of that day. Raises BadInput when it is no privacy consent, and for a permit that is not plain.
    """
    patient = read_reference(tree.get("patient"), "Consent.patient", base, "Patient")
    status = Status(tree["status"])
    # The end of a Consent that is known here already needs nothing else to be right.
    ends_a_known_one = status in NO_LONGER_GIVEN and received.target_id is not None
    if not ends_a_known_one and terms.scopes.isdisjoint(codes(tree.get("scope"))):
        raise unclear("Consent.scope", f"Taken are consents with the scope {listed(terms.scopes)}.", "not-supported")
    own = _own(tree, base)
    if status is Status.ACTIVE and _agrees(tree.get("provision", {})):
        recipient: Reference | None
        recipient, said = read_permit(tree, terms=terms, base=base, own=own, now=now)
        needs = read_support_needs(tree)
    else:
        recipient, said, needs = _refused_to(tree, status, base, own), _no(tree, status), None
    return ReceivedConsent(received, patient, recipient, said, needs)


def _own(tree: Tree, base: str) -> frozenset[Reference]:
    """The names of the hospital itself, which keeps this Consent."""
    keepers = (party(each, base) for each in tree.get("organization", ()))
    return frozenset(each for each in keepers if each is not None)


def _agrees(provision: Tree) -> bool:
    """Whether it permits at the root, or at a root without a type in a nested provision, as core R4 has it."""
    if "type" in provision:
        return bool(provision["type"] == "permit")
    return any(each.get("type") == "permit" for each in provision.get("provision", ()))


def _refused_to(tree: Tree, status: Status, base: str, own: frozenset[Reference]) -> Reference | None:
    """The one organisation that a no is about; None for all, also when several are named. Raises BadInput."""
    root = tree.get("provision", {})
    clauses = [root] if "type" in root else [each for each in root.get("provision", ()) if "type" in each]
    if status is Status.ACTIVE and not clauses:
        raise unclear(
            "Consent.provision", "Say in 'provision' what is permitted to whom, or what is denied.", "required"
        )
    actors = [party(each["reference"], base) for clause in clauses for each in clause.get("actor", ())]
    named = {each for each in actors if each is not None and each.type == "Organization" and each not in own}
    if status is Status.ACTIVE and actors and not named:
        raise unclear("Consent.provision.actor", "A denial names an Organization, or no actor for all of them.")
    return named.pop() if len(named) == 1 else None


def _no(tree: Tree, status: Status) -> Consent:
    written = tree.get("dateTime")
    given_at = None
    if written is not None:
        given_at = ends(written) - timedelta(milliseconds=1) if is_partial(written) else begins(written)
    return blank(status, permits=_agrees(tree.get("provision", {})), given_at=given_at)
