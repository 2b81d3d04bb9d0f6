"""Encounter, as a programme reports it -> ReceivedContact."""

from enum import StrEnum
from typing import TypeVar

from service.fhir.read.common import codes, read_reference, unclear
from service.fhir.read.times import begins, is_partial
from service.fhir.survey import Tree
from service.fhir.terms import CONTACT_MODE, CONTACT_OUTCOME
from service.flow.received import Received
from service.flow.record_contact import ReceivedContact
from service.referrals.contact import ContactMode, ContactOutcome

# What is meant when no type says it, by Encounter.status and by Encounter.class (v3-ActCode).
_BY_STATUS = {"finished": ContactOutcome.ATTENDED, "cancelled": ContactOutcome.CANCELLED}
_BY_CLASS = {"VR": ContactMode.PHONE, "HH": ContactMode.HOME_VISIT, "AMB": ContactMode.IN_PERSON}

_Meaning = TypeVar("_Meaning", bound=StrEnum)


def read_encounter(tree: Tree, received: Received, *, base: str) -> ReceivedContact:
    """`base` is this server's, without /fhir. Raises BadInput when whom, how, when or with what outcome is not said."""
    requests = {
        _handle(each, f"Encounter.basedOn[{place}]", base, "ServiceRequest")
        for place, each in enumerate(tree.get("basedOn", ()))
    }
    if len(requests) > 1:
        raise unclear("Encounter.basedOn", "A contact belongs to one ServiceRequest.")
    if not requests and "subject" not in tree:
        raise unclear("Encounter.subject", "Name the Patient, the ServiceRequest in basedOn, or both.", "required")
    period = tree.get("period", {})
    if "start" not in period:
        raise unclear("Encounter.period.start", "Say when the contact began, or was to begin.", "required")
    if tree["status"] not in _BY_STATUS:
        raise unclear("Encounter.status", "Report a contact when it is finished or cancelled.", "value")
    outcome = _meant(tree, CONTACT_OUTCOME, ContactOutcome, _BY_STATUS.get(tree["status"]))
    if tree["status"] == "cancelled" and outcome is ContactOutcome.ATTENDED:
        raise unclear("Encounter.status", "What was cancelled cannot have been attended.")
    end = period.get("end")
    return ReceivedContact(
        received=received,
        patient_handle=_handle(tree["subject"], "Encounter.subject", base, "Patient") if "subject" in tree else None,
        service_request_handle=next(iter(requests), None),
        mode=_meant(tree, CONTACT_MODE, ContactMode, _BY_CLASS.get(tree.get("class", {}).get("code", ""))),
        outcome=outcome,
        started_at=begins(period["start"]),
        # A day alone does not tell when it ended, and its midnight would lie before the start.
        ended_at=None if end is None or is_partial(end) else begins(end),
    )


def _handle(node: Tree, expression: str, base: str, kind: str) -> str:
    reference = read_reference(node, expression, base, kind)
    if reference.type != kind or reference.id is None or reference.base is not None:
        raise unclear(expression, f"Refer to it as {kind}/id, as the Task does.", "value")
    return reference.id


def _meant(tree: Tree, system: str, meanings: type[_Meaning], otherwise: _Meaning | None) -> _Meaning:
    sent = {code.code for concept in tree.get("type", ()) for code in codes(concept) if code.system == system}
    meant = [meaning for meaning in meanings if meaning.value in sent] if sent else [otherwise]
    if len(sent) > 1 or not meant or meant[0] is None:
        raise unclear("Encounter.type", f"Give one code of {system}: {', '.join(meanings)}.", "value")
    return meant[0]
