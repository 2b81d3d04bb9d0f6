"""Read what a delivery needs, at the moment it is sent: the newest state, and consent asked once more."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from service.delivery.channel import Parcel
from service.flow.identify import OWN_IDS
from service.flow.received import ENTRY_NAME, Identifier
from service.flow.report_back import reported_back
from service.flow.rules import Rules
from service.referrals.delivery import GOT_NO_ANSWER, Delivery
from service.referrals.note_text import Told, note_text
from service.screening.instrument import Recorded
from service.store.directory import Organisation
from service.store.unit_of_work import UnitOfWork


def pack(tx: UnitOfWork, rules: Rules, delivery: Delivery, now: datetime) -> Parcel | None:
    """The parcel, or None when its destination takes nothing any more, or is owed a newer message of the same alert.

    A message says what its alert is now, under a name for each rung: two of them would say the same under the same
    name at once, and a record without conditional create would keep both.
    """
    destination = tx.organisations.find(delivery.destination_id)
    if destination is None or not destination.active or destination.endpoint is None:
        return None
    kind = Recorded(delivery.resource_type)
    if kind not in rules.policy(destination.id).record:
        return None
    parcel = _PACK[kind](tx, rules, delivery, destination, now)
    has_changed = parcel.alert is not None and parcel.alert.version > delivery.version
    if kind is Recorded.ALERTS and has_changed and tx.versions.is_overtaken(delivery):
        return None
    if destination.line is None:
        return parcel
    unheard = delivery.abandoned or delivery.last_outcome in GOT_NO_ANSWER
    return replace(
        parcel,
        observations=_observations(tx, parcel),
        first_told=tx.versions.first_told(delivery),
        may_have_said_else=unheard if has_changed else delivery.abandoned and tx.versions.is_overtaken(delivery),
    )


def _observations(tx: UnitOfWork, parcel: Parcel) -> tuple[bytes, ...]:
    result = parcel.alert.result if parcel.alert else None
    referral_id = parcel.alert.referral_id if parcel.alert else parcel.referral.id if parcel.referral else None
    result_id = result.id if result else None
    return tuple(tx.orders.behind(parcel.destination.id, result_id=result_id, referral_id=referral_id))


def _service_request(
    tx: UnitOfWork, rules: Rules, delivery: Delivery, destination: Organisation, now: datetime
) -> Parcel:
    referral = tx.referrals.get(delivery.resource_id)
    identifiers, record_ids = _names(tx, destination, ("Patient", referral.patient_id), ("ServiceRequest", referral.id))
    return Parcel(delivery, destination, identifiers, record_ids, referral=referral)


def _task(tx: UnitOfWork, rules: Rules, delivery: Delivery, destination: Organisation, now: datetime) -> Parcel:
    offer = tx.offers.get(delivery.resource_id)
    if offer.status_reason in rules.status_reasons.values():
        # What the programme was told to do is no reason that anybody gave, and not said to whoever reads the record.
        offer = offer._replace(status_reason=None)
    identifiers, record_ids = _names(
        tx, destination, ("Patient", offer.patient_id), ("ServiceRequest", offer.referral_id), ("Task", offer.id)
    )
    return Parcel(
        delivery,
        destination,
        identifiers,
        record_ids,
        referral=tx.referrals.get(offer.referral_id),
        offer=offer,
        programme=tx.programmes.get(offer.programme_id),
        owner=tx.organisations.find(offer.organisation_id),
        engagement=reported_back(tx, rules, [offer], now).get(offer.id),
    )


def _alert(tx: UnitOfWork, rules: Rules, delivery: Delivery, destination: Organisation, now: datetime) -> Parcel:
    """For the message and for the Task alike."""
    alert = tx.alerts.get(delivery.resource_id)
    about = [("Patient", alert.patient_id), ("ServiceRequest", alert.referral_id), ("Task", alert.id)]
    identifiers, record_ids = _names(tx, destination, *((type, id) for type, id in about if id is not None))
    fitting = tuple(tx.programmes.get(id) for id in alert.programmes)
    parcel = Parcel(delivery, destination, identifiers, record_ids, alert=alert, fitting=fitting)
    told = tx.escalations.behind([alert.id]).get(alert.id)
    if told is None:
        return parcel
    return replace(parcel, escalation=told, programme=tx.programmes.get(told.programme_id))


def _note(tx: UnitOfWork, rules: Rules, delivery: Delivery, destination: Organisation, now: datetime) -> Parcel:
    note = tx.notes.get(delivery.resource_id)
    referral, offers = tx.referrals.get(note.referral_id), tx.notes.offers_moved(note)
    engagements = reported_back(tx, rules, offers, now) if offers else {}
    told = [Told(each, tx.programmes.get(each.programme_id).name, engagements.get(each.id)) for each in offers]
    identifiers, record_ids = _names(
        tx,
        destination,
        ("Patient", referral.patient_id),
        ("ServiceRequest", referral.id),
        ("DocumentReference", note.id),
    )
    text = note_text(rules.note_texts, note.kind, told, rules.policy(destination.id).zone)
    return Parcel(delivery, destination, identifiers, record_ids, referral=referral, note=note, note_text=text)


def _names(
    tx: UnitOfWork, destination: Organisation, *things: tuple[str, str]
) -> tuple[tuple[Identifier, ...], dict[tuple[str, str], str]]:
    identifiers: list[Identifier] = []
    record_ids: dict[tuple[str, str], str] = {}
    for type, id in things:
        for system, value in tx.aliases.names(type, id, destination.id):
            if system == destination.fhir_endpoint:
                record_ids[type, id] = value
            elif type == "Patient" and system not in (OWN_IDS, ENTRY_NAME):
                identifiers.append(Identifier(system, value))
    return tuple(identifiers), record_ids


_PACK: Mapping[Recorded, Callable[[UnitOfWork, Rules, Delivery, Organisation, datetime], Parcel]] = {
    Recorded.ALERTS: _alert,
    Recorded.ALERT_TASKS: _alert,
    Recorded.REFERRAL: _service_request,
    Recorded.OFFERS: _task,
    Recorded.NOTES: _note,
}
