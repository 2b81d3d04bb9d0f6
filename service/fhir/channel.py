"""Writing into a hospital's own FHIR record: Patient, then ServiceRequest, Task and notes; each id it gives is kept.

Nothing is created before it was looked for, and it is created on the condition that it is not there. So a lost answer,
a crash between sending and settling, and a record without conditional create all end in one resource, not in two.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import httpx

from service.delivery.channel import Copy, Learned, NotRead, Parcel, Sent
from service.delivery.words import alert_words, marked
from service.fhir.alert_copy import read_copies, refresh_copy
from service.fhir.terms import ALERT_ID, NOTE_ID, OFFER_ID, REFERRAL_ID
from service.fhir.visit import Stop, Tree, Visit
from service.fhir.write.alert import outgoing_alert_task
from service.fhir.write.outgoing import (
    outgoing_communication,
    outgoing_note,
    outgoing_patient,
    outgoing_service_request,
    outgoing_task,
)
from service.fhir.write.parts import identified
from service.flow.received import Identifier
from service.flow.rules import Rules
from service.referrals.delivery import DeliveryTrigger
from service.screening.instrument import Recorded
from service.security.outgoing import ForeignAddress, NotAuthorised, Outgoing
from service.shared.clock import Clock

Bring = Callable[[Visit, Rules], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class FhirChannel:
    """`connect` gives the authorised connection to a FHIR base, the same one each time."""

    connect: Callable[[str], Outgoing]
    rules: Rules
    clock: Clock

    async def send(self, parcel: Parcel) -> Sent:
        """Bring the parcel's resource to its newest state in the record."""
        return await self._visit(parcel, _BRING[Recorded(parcel.delivery.resource_type)])

    async def introduce(self, parcel: Parcel) -> Sent:
        """Learn the record's id for her Patient: found by her identifiers, or created."""
        return await self._visit(parcel, _introduce)

    async def _visit(self, parcel: Parcel, bring: Bring) -> Sent:
        try:
            visit = Visit(self.connect(parcel.destination.fhir_endpoint or ""), parcel, self.clock)
        except ForeignAddress:
            return Sent(DeliveryTrigger.REFUSED_FOR_GOOD, "foreign-address")
        try:
            await bring(visit, self.rules)
        except Stop as stop:
            return Sent(stop.trigger, stop.outcome, tuple(visit.learned), stop.wait)
        except NotAuthorised as problem:
            unreached = isinstance(problem.__cause__, httpx.TransportError)
            outcome = "not-reached" if unreached else "not-authorised"
            return Sent(DeliveryTrigger.TRY_AGAIN, outcome, tuple(visit.learned))
        except ForeignAddress:
            return Sent(DeliveryTrigger.REFUSED_FOR_GOOD, "foreign-address", tuple(visit.learned))
        return Sent(DeliveryTrigger.TAKEN, "taken", tuple(visit.learned))

    async def read_copies(
        self, endpoint: str, alert_ids: Mapping[str, str], since: datetime | None
    ) -> tuple[Copy, ...]:
        """The copies of these alerts' Tasks, by the record's ids for them; with `since` only what changed from then."""
        try:
            return await read_copies(self.connect(endpoint), alert_ids, since)
        except (NotAuthorised, ForeignAddress, httpx.TransportError) as problem:
            raise NotRead from problem


async def _introduce(visit: Visit, rules: Rules) -> None:
    patient_id, names = visit.parcel.patient_id, visit.parcel.identifiers
    if patient_id is None or not names:
        raise Stop(DeliveryTrigger.REFUSED_FOR_GOOD, "patient-without-identifier")
    known = None
    for identifier in names:
        known = known or await visit.find("Patient", identifier)
    known = known or await visit.create("Patient", names[0], outgoing_patient(names))
    visit.learned.append(Learned("Patient", patient_id, known))


def _patient(visit: Visit, patient_id: str) -> Tree:
    """Who she is to the record: its own Patient, or by her number where it has none that may be named."""
    known, names = visit.parcel.record_ids.get(("Patient", patient_id)), visit.parcel.identifiers
    if known is not None:
        return {"reference": f"Patient/{known}"}
    if not names:
        raise Stop(DeliveryTrigger.REFUSED_FOR_GOOD, "patient-without-identifier")
    return identified("Patient", names[0].system, names[0].value) | {"display": names[0].value}


async def _bring_service_request(visit: Visit, rules: Rules) -> None:
    await _service_request(visit, refresh=True)


async def _service_request(visit: Visit, *, refresh: bool) -> str:
    """The ServiceRequest's reference; `refresh` brings one that is there already to its newest state."""
    referral = visit.parcel.referral
    assert referral is not None  # noqa: S101 - packed with every ServiceRequest, Task and note
    resource = outgoing_service_request(referral, _patient(visit, referral.patient_id))
    id = await visit.put("ServiceRequest", referral.id, Identifier(REFERRAL_ID, referral.id), resource, refresh)
    return f"ServiceRequest/{id}"


async def _referral(visit: Visit, rules: Rules) -> str | None:
    """The reference of what Task and note build upon, None in a record that takes no ServiceRequest."""
    takes = rules.policy(visit.parcel.destination.id).record
    return await _service_request(visit, refresh=False) if Recorded.REFERRAL in takes else None


async def _bring_task(visit: Visit, rules: Rules) -> None:
    parcel, offer = visit.parcel, visit.parcel.offer
    assert offer is not None  # noqa: S101 - packed with every Task
    assert parcel.programme is not None  # noqa: S101 - likewise
    focus = await _referral(visit, rules)
    patient = _patient(visit, offer.patient_id)
    resource = outgoing_task(
        offer, parcel.engagement, patient, focus, parcel.programme, parcel.owner, parcel.destination
    )
    await visit.put("Task", offer.id, Identifier(OFFER_ID, offer.id), resource, refresh=True)


async def _bring_communication(visit: Visit, rules: Rules) -> None:
    """One for each rung of the ladder that the alert has climbed; what was said stays said."""
    alert = visit.parcel.alert
    assert alert is not None  # noqa: S101 - packed with every Communication
    patient = _patient(visit, alert.patient_id) if alert.patient_id else None
    identifier = Identifier(ALERT_ID, alert.message_name)
    told, programme = visit.parcel.escalation, visit.parcel.programme
    words = [marked(alert, told, programme, rules)] if told and programme else []
    further = [*(each.name for each in visit.parcel.fitting), *words]
    rung, text = rules.policy(alert.tenant_id).rung(alert.rung), alert_words(alert, rules)
    resource = outgoing_communication(alert, text, rung, patient, further, visit.parcel.link)
    await visit.put("Communication", identifier.value, identifier, resource, refresh=False)


async def _bring_alert_task(visit: Visit, rules: Rules) -> None:
    """It waits for nothing: her request is named when the record has it already, and otherwise the next time."""
    alert = visit.parcel.alert
    assert alert is not None  # noqa: S101 - packed with every alert's Task
    patient = _patient(visit, alert.patient_id) if alert.patient_id else None
    known = visit.parcel.record_ids.get(("ServiceRequest", alert.referral_id or ""))
    focus = f"ServiceRequest/{known}" if known else None
    fitting = [each.name for each in visit.parcel.fitting]
    resource = outgoing_alert_task(alert, rules, patient, focus, fitting)
    id = await visit.put("Task", alert.id, Identifier(ALERT_ID, alert.id), resource, refresh=False)
    await refresh_copy(visit, alert, id, resource)


async def _bring_note(visit: Visit, rules: Rules) -> None:
    """What a note said stays said."""
    parcel, referral = visit.parcel, visit.parcel.referral
    assert parcel.note is not None  # noqa: S101 - packed with every note
    assert referral is not None  # noqa: S101 - likewise
    about = await _referral(visit, rules)
    patient = _patient(visit, referral.patient_id)
    identifier = Identifier(NOTE_ID, parcel.note.id)
    resource = outgoing_note(parcel.note, parcel.note_text, patient, about)
    await visit.put("DocumentReference", parcel.note.id, identifier, resource, refresh=False)


_BRING: Mapping[Recorded, Bring] = {
    Recorded.ALERTS: _bring_communication,
    Recorded.ALERT_TASKS: _bring_alert_task,
    Recorded.REFERRAL: _bring_service_request,
    Recorded.OFFERS: _bring_task,
    Recorded.NOTES: _bring_note,
}
