"""A Consent that permits: exactly one recipient, for a period and purposes that the gate can keep.

PCF puts the permit at the root; core R4 leaves the root without a type and nests it. Both are read.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from service.consent.consent import Consent, Status
from service.consent.terms import ConsentTerms
from service.fhir.modifiers import MODIFIERS
from service.fhir.outcome import BadInput, Finding
from service.fhir.read.common import codes, listed, party, unclear
from service.fhir.read.safe_contact import read_safe_contact
from service.fhir.read.times import begins, ends, is_ahead
from service.fhir.survey import Tree
from service.flow.answer import Reason
from service.flow.received import Reference
from service.shared.code import Code

# What would make a permit narrower than the gate can tell.
_NARROWING = ("action", "class", "code", "dataPeriod", "securityLabel", *MODIFIERS)
# To the hospital, data is what may be reported back; to a programme, all that it may know.
_NARROWING_TO_OTHERS = ("data", *_NARROWING)
# Who may have written down what she said. Nobody else agrees in her place.
_STAFF = ("Practitioner", "PractitionerRole", "Organization")


def blank(status: Status, *, permits: bool, given_at: datetime | None) -> Consent:
    """A Consent that says no more than this; the step fills in its ids."""
    return Consent(
        id="",
        version=1,
        tenant_id="",
        patient_id="",
        status=status,
        permits=permits,
        recipient_id=None,
        given_at=given_at,
        period_start=None,
        period_end=None,
        purposes=frozenset(),
        may_report_back=False,
        safe_contact=None,
    )


def read_permit(
    tree: Tree, *, terms: ConsentTerms, base: str, own: frozenset[Reference], now: datetime
) -> tuple[Reference, Consent]:
    """The recipient, and what it is permitted. `own` are the names of the hospital. Raises BadInput.

    A nested denial that concerns the recipient leaves nothing permitted.
    """
    root = tree["provision"]
    nested: list[Tree] = root.get("provision", [])
    if any("provision" in each for each in nested):
        raise unclear("Consent.provision.provision.provision", "Provisions may be nested once only.", "not-supported")
    if not any(terms.categories.intersection(codes(each)) for each in tree.get("category", ())):
        raise unclear("Consent.category", f"A permit needs a category of {listed(terms.categories)}.", "required")
    permits = [each for each in nested if each.get("type") == "permit"]
    to_others = [each for each in permits if not _is_for(own, each, base)]
    clauses = [root] if "type" in root else [root, *to_others]
    if any(name in each for name in _NARROWING_TO_OTHERS for each in (tree, *clauses)):
        limits = ", ".join(_NARROWING_TO_OTHERS)
        raise unclear("Consent.provision", f"A permit is not taken with {limits}.", "not-supported")
    _refuse_anothers_word(tree, base)
    recipient = _recipient([*clauses, *to_others], terms, base)
    own = own - {recipient}
    denials = [each for each in nested if each.get("type") == "deny"]
    given_at = _given_at(tree, now)
    start, end = _period(clauses)
    longest = given_at + timedelta(days=terms.longest_days)
    said = replace(
        blank(Status.ACTIVE, permits=True, given_at=given_at),
        permits=not any(_concerns(recipient, each, tree, terms, base, own) for each in denials),
        period_start=start,
        period_end=min(end or longest, longest),
        purposes=_purposes(clauses) & terms.purposes,
        may_report_back=not any(_is_for(own, each, base) for each in denials)
        and any(_reports_back(recipient, each, clauses, terms, base) for each in permits if _is_for(own, each, base)),
        safe_contact=read_safe_contact(tree),
    )
    return recipient, said


def _refuse_anothers_word(tree: Tree, base: str) -> None:
    """Raises BadInput for what somebody else has agreed to, or what is told to be unverified."""
    herself = party(tree["patient"], base, "Patient")
    agree = [party(each, base, "Patient") for each in tree.get("performer", ())]
    if any(each != herself and (each is None or each.type not in _STAFF) for each in agree):
        text = "A permit is her own word: name in 'performer' the woman as in 'patient', or the staff who heard it."
        raise unclear("Consent.performer", text)
    if not all(each.get("verified") is True for each in tree.get("verification", ())):
        raise unclear("Consent.verification", "This says that the permit was not verified with her.")


def _parties(clause: Tree, base: str) -> list[Reference | None]:
    return [party(each["reference"], base) for each in clause.get("actor", ())]


def _is_for(own: frozenset[Reference], clause: Tree, base: str) -> bool:
    """Whether its actors are names of the hospital, and nobody else's."""
    parties = _parties(clause, base)
    return bool(parties) and own.issuperset(parties)


def _recipient(clauses: Sequence[Tree], terms: ConsentTerms, base: str) -> Reference:
    actors = [actor for clause in clauses for actor in clause.get("actor", ())]
    named = {party(each["reference"], base) for each in actors if terms.recipient_roles & set(codes(each.get("role")))}
    where, roles = "Consent.provision.actor", listed(terms.recipient_roles)
    if not named:
        raise unclear(where, f"A permit names its recipient: an actor with the role {roles}.", "required")
    if len(named) > 1:
        raise unclear(where, "A permit is for one recipient beside the hospital, which 'organization' names.")
    recipient = named.pop()
    if recipient is None or recipient.type != "Organization" or recipient.base is not None or recipient.id is None:
        raise unclear(where, "The recipient is an organisation known here: refer to it as Organization/id.", "value")
    return recipient


def _given_at(tree: Tree, now: datetime) -> datetime:
    """When she said yes, never later than now. Raises BadInput when that is not known: the newest word counts."""
    written = tree.get("dateTime")
    if written is None:
        raise unclear("Consent.dateTime", "Say when she agreed: of several consents the newest counts.", "required")
    if is_ahead(written, now):
        raise BadInput.of(Finding(Reason.IN_THE_FUTURE, "Consent.dateTime"))
    return min(begins(written), now)


def _period(clauses: Sequence[Tree]) -> tuple[datetime | None, datetime | None]:
    """From when and until when, the end excluded: what all clauses have in common."""
    periods = [each.get("period", {}) for each in clauses]
    start = max((begins(each["start"]) for each in periods if "start" in each), default=None)
    end = min((ends(each["end"]) for each in periods if "end" in each), default=None)
    if start is not None and end is not None and start >= end:
        raise unclear("Consent.provision.period", "The period ends before it starts.", "invariant")
    return start, end


def _purposes(clauses: Sequence[Tree]) -> frozenset[Code]:
    """The purposes that all clauses share which name any; none when no clause does."""
    named = [frozenset(codes({"coding": each["purpose"]})) for each in clauses if "purpose" in each]
    return named[0].intersection(*named) if named else frozenset()


def _concerns(
    recipient: Reference, denial: Tree, tree: Tree, terms: ConsentTerms, base: str, own: frozenset[Reference]
) -> bool:
    """Whether a nested denial may be about the recipient and our purposes. In doubt it is."""
    nodes = [each["reference"] for each in denial.get("actor", ())]
    if nodes and not any(_may_be(recipient, each, tree, base, own) for each in nodes):
        return False
    return "purpose" not in denial or not terms.purposes.isdisjoint(_purposes([denial]))


def _may_be(recipient: Reference, node: Tree, tree: Tree, base: str, own: frozenset[Reference]) -> bool:
    """Only an organisation can be the recipient, and one named otherwise than by an id of ours might be."""
    found = party(node, base)
    if found is None:
        held = {f"#{each.get('id')}": each["resourceType"] for each in tree.get("contained", ())}
        return held.get(node.get("reference", ""), node.get("type")) == "Organization"
    if found.type != "Organization" or found in own:
        return False
    return found == recipient or found.base is not None or found.id is None


def _reports_back(recipient: Reference, permit: Tree, clauses: Sequence[Tree], terms: ConsentTerms, base: str) -> bool:
    """Whether a permit to the hospital covers what the recipient writes, as long and as wide as the main permit."""
    if any(name in permit for name in _NARROWING):
        return False
    if "period" in permit and permit["period"] not in [each.get("period") for each in clauses]:
        return False
    return any(
        each["meaning"] in terms.report_back_meanings and party(each["reference"], base) == recipient
        for each in permit.get("data", ())
    )
