"""Read what a delivery needs, at the moment it is sent: the newest state, and consent asked once more."""

from datetime import datetime

from service.consent.disclosure import Element
from service.consent.gate import Permit, ask_gate
from service.delivery.channel import Parcel
from service.flow.identify import OWN_IDS
from service.flow.received import ENTRY_NAME, Identifier
from service.flow.rules import Rules
from service.referrals.contact import Engagement
from service.referrals.delivery import Delivery
from service.referrals.offer import Offer
from service.store.directory import Organisation
from service.store.unit_of_work import UnitOfWork


def pack(tx: UnitOfWork, rules: Rules, delivery: Delivery, now: datetime) -> Parcel | None:
    """The parcel, or None when its destination takes nothing any more."""
    destination = tx.organisations.find(delivery.destination_id)
    if destination is None or not destination.active or destination.fhir_endpoint is None:
        return None
    pack_content = {"ServiceRequest": _service_request, "Task": _task, "Communication": _communication}
    return pack_content[delivery.resource_type](tx, rules, delivery, destination, now)


def _service_request(
    tx: UnitOfWork, rules: Rules, delivery: Delivery, destination: Organisation, now: datetime
) -> Parcel:
    referral = tx.referrals.get(delivery.resource_id)
    identifiers, record_ids = _names(tx, destination, ("Patient", referral.patient_id), ("ServiceRequest", referral.id))
    return Parcel(delivery, destination, identifiers, record_ids, referral=referral)


def _task(tx: UnitOfWork, rules: Rules, delivery: Delivery, destination: Organisation, now: datetime) -> Parcel:
    offer = tx.offers.get(delivery.resource_id)
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
        engagement=_engagement(tx, rules, offer, now),
    )


def _communication(
    tx: UnitOfWork, rules: Rules, delivery: Delivery, destination: Organisation, now: datetime
) -> Parcel:
    alert = tx.alerts.get(delivery.resource_id)
    about = [("Patient", alert.patient_id)] if alert.patient_id else []
    identifiers, record_ids = _names(tx, destination, *about)
    fitting = tuple(tx.programmes.get(id) for id in alert.programmes)
    return Parcel(delivery, destination, identifiers, record_ids, alert=alert, fitting=fitting)


def _engagement(tx: UnitOfWork, rules: Rules, offer: Offer, now: datetime) -> Engagement | None:
    """Asked now and not when it was owed: she may have taken the permission back in between."""
    consents = tx.consents.of_patient(offer.patient_id)
    purpose = rules.consent_terms.purposes
    permitted = isinstance(ask_gate(consents, offer.organisation_id, Element.ENGAGEMENT, purpose, now), Permit)
    return tx.contacts.engagement(offer.referral_id) if permitted else None


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
