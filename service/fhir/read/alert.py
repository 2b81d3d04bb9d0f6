"""Task, as a hospital answers an alert with it -> ReceivedAnswer."""

from service.fhir import terms
from service.fhir.faults import Fault
from service.fhir.lengths import PERSON
from service.fhir.outcome import BadInput, Finding
from service.fhir.read.common import codes, reference_of, unclear
from service.fhir.survey import Tree
from service.fhir.write.alert import ALERT_STATUS
from service.flow.answer_alert import ReceivedAnswer
from service.flow.received import Received
from service.referrals.alert import AlertState, Practitioner, ReviewOutcome

_STATES = {status: state for state, status in ALERT_STATUS.items()}
# By the status: who has seen it, and who answers for its end.
_WHO = {AlertState.ACKNOWLEDGED: ("acknowledged",), AlertState.RESOLVED: ("reviewed", "acknowledged")}
_PERSONS = ("Practitioner", "PractitionerRole")


def read_answer(tree: Tree, received: Received, base: str | None = None) -> ReceivedAnswer:
    """Its status, who answers, and what a review came to; everything else in an alert is the service's own.

    `base` is this server's, without /fhir, where the Task that its sender had read was ours and names her by our id;
    None for a copy, in which a record calls her what it likes.

    Raises BadInput when the outcome of a review is none that this server knows, or a name or a role is too long.
    """
    state = _STATES.get(tree.get("status", ""))
    outcome = _outcome(tree) if state is AlertState.RESOLVED else None
    verbs = _WHO.get(state, ()) if state is not None and outcome is None else ("reviewed",)
    subject, referral = (
        reference_of(tree[name], base, type) if base is not None and name in tree else None
        for name, type in (("for", "Patient"), ("focus", "ServiceRequest"))
    )
    return ReceivedAnswer(
        received,
        received.target_id or "",
        state,
        practitioner=_practitioner(tree, verbs),
        outcome=outcome,
        reviewed=_reviewed(tree),
        subject=subject,
        referral=referral,
    )


def _outcome(tree: Tree) -> ReviewOutcome | None:
    """The one outcome that all of its outputs name: which of two was meant is not for us to choose."""
    outputs = _parts(tree, "output", "review-outcome")
    if not outputs:
        return None
    named = {code for output in outputs for code in _outcomes(output)}
    if len(named) != 1 or not named <= {*ReviewOutcome}:
        expected = ", ".join(ReviewOutcome)
        raise unclear("Task.output", f"review-outcome is one of {expected}, of {terms.REVIEW_OUTCOME}.", "value")
    return ReviewOutcome(named.pop())


def _outcomes(output: Tree) -> list[str]:
    said = [each.code for each in codes(output.get("valueCodeableConcept")) if each.system == terms.REVIEW_OUTCOME]
    return said or [str(output.get("valueCode"))]


def _practitioner(tree: Tree, verbs: tuple[str, ...]) -> Practitioner:
    """As the output names them; else the Task's owner, which a record sets to whoever took the Task."""
    performs = next((each["text"] for each in tree.get("performerType", ()) if each.get("text")), None)
    for verb in verbs:
        person = (_part(tree, "output", f"{verb}-by") or {}).get("valueReference", {})
        name = _name(person, "output")
        if name is not None:
            role = (_part(tree, "output", f"{verb}-by-role") or {}).get("valueString")
            return Practitioner(name, _fitting(role or performs, "output"))
    owner = tree.get("owner", {})
    kind = owner.get("type") or owner.get("reference", "").rpartition("/")[0].rpartition("/")[2]
    return Practitioner(_name(owner, "owner") if kind in _PERSONS else None, _fitting(performs, "performerType"))


def _name(person: Tree, element: str) -> str | None:
    return _fitting(person.get("display", "").strip(), element)


def _fitting(words: str | None, element: str) -> str | None:
    if words and len(words) > PERSON:
        raise BadInput.of(Finding(Fault.TOO_LONG, f"Task.{element}", f"{PERSON:,}"))
    return words or None


def _reviewed(tree: Tree) -> str | None:
    """The result and the version that stood in the Task which its sender had read."""
    named = (
        (_part(tree, "input", "screening-result", terms.ALERT_INPUT) or {})
        .get("valueReference", {})
        .get("identifier", {})
    )
    return named.get("value") if named.get("system") == terms.RESULT_ID else None


def _part(tree: Tree, element: str, code: str, system: str = terms.ALERT_OUTPUT) -> Tree | None:
    """The last one, for a sender that adds its own below what was there."""
    parts = _parts(tree, element, code, system)
    return parts[-1] if parts else None


def _parts(tree: Tree, element: str, code: str, system: str = terms.ALERT_OUTPUT) -> list[Tree]:
    return [
        each
        for each in tree.get(element, ())
        if any(found.system == system and found.code == code for found in codes(each.get("type")))
    ]
