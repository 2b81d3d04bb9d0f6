"""Encounter and Procedure, as a programme reports them -> ReceivedContact. What means what is in the tables here."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from service.fhir.read.common import codes, read_reference, unclear
from service.fhir.read.times import begins, is_partial
from service.fhir.read.wording import wording
from service.fhir.read.written import naming_in
from service.fhir.survey import Tree
from service.fhir.terms import BUSINESS_STATUS, CONTACT_MODE, CONTACT_OUTCOME
from service.flow.received import Received
from service.flow.record_contact import ReceivedContact
from service.flow.rules import Labels
from service.referrals.contact import MADE, ContactMode, ContactOutcome
from service.referrals.escalation import Said
from service.screening.instrument import Priority
from service.shared.code import Code

_O = ContactOutcome
_NOT_TO_BE = (_O.CANCELLED, _O.DID_NOT_ATTEND, _O.ATTEMPTED)

# By type and status: what a code may say became of it, and first what it is when no code says.
_FITS: Mapping[str, Mapping[str, tuple[ContactOutcome | None, ...]]] = {
    "Encounter": {
        "planned": (_O.PLANNED,),
        "arrived": (_O.ATTENDED,),
        "triaged": (_O.ATTENDED,),
        "in-progress": (_O.ATTENDED,),
        "onleave": (_O.ATTENDED,),
        "finished": (_O.ATTENDED, _O.ATTEMPTED, _O.DID_NOT_ATTEND),
        "cancelled": _NOT_TO_BE,
        "entered-in-error": (_O.ENTERED_IN_ERROR,),
        "unknown": (None, *MADE, _O.CANCELLED),
    },
    "Procedure": {
        "preparation": (_O.PLANNED,),
        "in-progress": (_O.ATTENDED,),
        "on-hold": (_O.ATTENDED,),
        "stopped": (_O.ATTENDED,),
        "completed": (_O.ATTENDED, _O.ATTEMPTED, _O.DID_NOT_ATTEND),
        "not-done": _NOT_TO_BE,
        "entered-in-error": (_O.ENTERED_IN_ERROR,),
        "unknown": (None, *MADE, _O.CANCELLED),
    },
}
# The codes of HL7 BSeR (TaskBusinessStatusCS) say the same as ours.
_OUTCOMES: Mapping[Code, ContactOutcome] = {
    **{Code(CONTACT_OUTCOME, each.value): each for each in ContactOutcome},
    Code(BUSINESS_STATUS, "5.1.1"): _O.PLANNED,
    Code(BUSINESS_STATUS, "5.1.2"): _O.DID_NOT_ATTEND,
    Code(BUSINESS_STATUS, "5.1.3"): _O.CANCELLED,
    Code(BUSINESS_STATUS, "5.1.4"): _O.ATTENDED,
}
_MODES: Mapping[Code, ContactMode] = {Code(CONTACT_MODE, each.value): each for each in ContactMode}
# Encounter.class (v3-ActCode), where no type says it.
_BY_CLASS: Mapping[str, ContactMode] = {
    "VR": ContactMode.PHONE,
    "HH": ContactMode.HOME_VISIT,
    "AMB": ContactMode.IN_PERSON,
}
_CODED = {"Encounter": ("type",), "Procedure": ("code", "category", "outcome", "statusReason", "usedCode")}
# UCUM; a contact that would be longer is a mistake.
_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86_400}
_LONGEST = timedelta(days=2)
# A day begins up to this much earlier somewhere than it does in UTC.
_DAY_BEGINS_EARLIER = timedelta(hours=14)

_Meaning = TypeVar("_Meaning", bound=StrEnum)


Span = tuple[datetime, datetime | None]


def read_contact(tree: Tree, received: Received, *, base: str, now: datetime, labels: Labels) -> ReceivedContact:
    """`base` is this server's, without /fhir. Raises BadInput when whom, how, when or with what outcome is not said."""
    type = received.type
    tasks, requests = _based_on(tree, type, base)
    if not (requests or tasks) and "subject" not in tree:
        raise unclear(
            f"{type}.subject", "Name the Patient, the ServiceRequest or Task in basedOn, or both.", "required"
        )
    outcome = _outcome(tree, type)
    started_at, ended_at = _TIMES[type](tree, now if outcome in MADE else None)
    return ReceivedContact(
        received=received,
        patient_handle=_handle(tree["subject"], f"{type}.subject", base, "Patient") if "subject" in tree else None,
        service_request_handle=next(iter(requests), None),
        offer_id=next(iter(tasks), None),
        mode=_mode(tree, type),
        outcome=outcome,
        started_at=started_at,
        ended_at=ended_at,
        said=_said(tree, labels),
        naming=naming_in(tree, base),
    )


def _based_on(tree: Tree, type: str, base: str) -> tuple[set[str], set[str]]:
    """The Tasks and the ServiceRequests named, one of each at most."""
    found: dict[str, set[str]] = {"Task": set(), "ServiceRequest": set()}
    for place, node in enumerate(tree.get("basedOn", ())):
        where = f"{type}.basedOn[{place}]"
        kind = "Task" if read_reference(node, where, base, "ServiceRequest").type == "Task" else "ServiceRequest"
        found[kind].add(_handle(node, where, base, kind))
    if any(len(ids) > 1 for ids in found.values()):
        raise unclear(f"{type}.basedOn", "A contact belongs to one ServiceRequest.")
    return found["Task"], found["ServiceRequest"]


def _handle(node: Tree, expression: str, base: str, kind: str) -> str:
    reference = read_reference(node, expression, base, kind)
    if reference.type != kind or reference.id is None or reference.base is not None:
        raise unclear(expression, f"Refer to it as {kind}/id, as the Task does.", "value")
    return reference.id


def _outcome(tree: Tree, type: str) -> ContactOutcome:
    fits = _FITS[type].get(tree["status"], (None,))
    said = _meant(tree, type, _OUTCOMES, CONTACT_OUTCOME, ContactOutcome)
    outcome = said or fits[0]
    if outcome is None:
        raise unclear(f"{type}.status", f"Say what became of it, by the status or by a code of {CONTACT_OUTCOME}.")
    if fits[0] is ContactOutcome.ENTERED_IN_ERROR:
        return ContactOutcome.ENTERED_IN_ERROR
    if outcome not in fits:
        raise unclear(f"{type}.status", f"With this status the outcome is {', '.join(each for each in fits if each)}.")
    return outcome


def _mode(tree: Tree, type: str) -> ContactMode | None:
    """An Encounter must tell; a Procedure of HL7's SDOH Clinical Care has no place for it."""
    said = _meant(tree, type, _MODES, CONTACT_MODE, ContactMode) or _BY_CLASS.get(tree.get("class", {}).get("code", ""))
    if said is None and type == "Encounter":
        raise unclear("Encounter.type", f"Give one code of {CONTACT_MODE}: {', '.join(ContactMode)}.", "value")
    return said


def _meant(
    tree: Tree, type: str, meanings: Mapping[Code, _Meaning], ours: str, among: type[_Meaning]
) -> _Meaning | None:
    """What the codes say; None when none of them is of a system that says it. One that says nothing is refused."""
    nodes = [tree[element] for element in _CODED[type] if element in tree]
    concepts = [each for node in nodes for each in (node if isinstance(node, list) else [node])]
    sent = {code for concept in concepts for code in codes(concept) if code.system == ours or code in meanings}
    meant = {meanings.get(code) for code in sent}
    if len(meant) > 1 or None in meant:
        where = f"{type}.{_CODED[type][0]}"
        raise unclear(where, f"Give one code of {ours}: {', '.join(among)}.", "value")
    return meant.pop() if meant else None


def _encounter_time(tree: Tree, made_by: datetime | None) -> Span:
    period = tree.get("period", {})
    if "start" not in period:
        raise unclear("Encounter.period.start", "Say when the contact began, or was to begin.", "required")
    start, end = _span(period, made_by)
    return start, end or _after(start, tree.get("length"))


def _procedure_time(tree: Tree, made_by: datetime | None) -> Span:
    period = tree.get("performedPeriod", {"start": tree.get("performedDateTime")})
    if not period.get("start"):
        raise unclear("Procedure.performed", "Say when it was done, or was to be done.", "required")
    return _span(period, made_by)


_TIMES: Mapping[str, Callable[[Tree, datetime | None], Span]] = {
    "Encounter": _encounter_time,
    "Procedure": _procedure_time,
}


def _span(period: Tree, made_by: datetime | None) -> Span:
    """A day alone does not tell when it ended, and its midnight would lie before the start.

    What was made by now on a day that has begun somewhere else already, was made by now.
    """
    start, end = begins(period["start"]), period.get("end")
    if made_by is not None and is_partial(period["start"]) and start > made_by >= start - _DAY_BEGINS_EARLIER:
        start = made_by
    return start, None if end is None or is_partial(end) else begins(end)


def _after(start: datetime, length: Tree | None) -> datetime | None:
    if length is None:
        return None
    seconds = _SECONDS.get(str(length.get("code", length.get("unit"))))
    lasted = timedelta(seconds=float(min(length.get("value", 0), 1e6)) * seconds) if seconds else timedelta()
    if not timedelta() < lasted <= _LONGEST:
        raise unclear("Encounter.length", f"Give a positive number of {', '.join(_SECONDS)} (UCUM).", "value")
    return start + lasted


def _said(tree: Tree, labels: Labels) -> Said | None:
    """What somebody wrote in it goes to a clinician, as a routine matter unless it codes a concern that is urgent.

    What the sender had read itself is taken out by the step, which knows it.
    """
    found = wording(tree, labels)
    texts = (*found.written, *found.labels)
    if not (texts or found.concerns or found.attached):
        return None
    return Said(texts, found.concerns, Priority.ROUTINE, found.attached)
