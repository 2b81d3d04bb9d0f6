"""What programmes told: their words to the hospital, the answers back to them, and contacts to whom may know of
them."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from service.consent.disclosure import Element
from service.consent.gate import Permit, ask_gate
from service.delivery.words import marked
from service.fhir.shown import Shown, Tree
from service.fhir.write.contact import contact
from service.fhir.write.escalation import answer_to, receipt
from service.flow.rules import Rules
from service.referrals.alert import TOLD_BY_A_PROGRAMME, Alert
from service.referrals.offer import OFFER_ENDED, Offer
from service.store.unit_of_work import UnitOfWork


def answers_to(tx: UnitOfWork, rules: Rules, offer_ids: Sequence[str]) -> Mapping[str, Sequence[Tree]]:
    """What became of all that was told of these offers, by the offer's id."""
    told = tx.escalations.answered(offer_ids)
    return {id: [answer_to(each, alert, rules) for each, alert in answered] for id, answered in told.items()}


def words_behind(tx: UnitOfWork, rules: Rules, alerts: Sequence[Alert]) -> Mapping[str, str]:
    """By the alert's id, what a programme wrote, marked as such."""
    of_programmes = {each.id: each for each in alerts if each.code in TOLD_BY_A_PROGRAMME}
    told = tx.escalations.behind(list(of_programmes))
    programmes = {id: tx.programmes.get(id) for id in {each.programme_id for each in told.values()}}
    return {id: marked(of_programmes[id], each, programmes[each.programme_id], rules) for id, each in told.items()}


def show_communication(tx: UnitOfWork, rules: Rules, type: str, id: str, now: datetime) -> Shown | None:
    """What the caller sent, as it was understood, and who has acknowledged it."""
    kept = tx.visible.resource(type, id)
    if kept is None:
        return None
    escalation = tx.escalations.find(id)
    offer = tx.visible.offer(escalation.offer_id) if escalation and escalation.offer_id else None
    if escalation is None or (offer is None and escalation.offer_id is not None):
        return Shown("1", kept.stamp, lambda at: receipt(id, "1", at, None, rules, over=True))
    alert = tx.alerts.get(escalation.alert_id)
    version, over = f"1.{alert.version}", True
    if offer is not None:
        version += f".{offer.version}"
        over = offer.state in OFFER_ENDED or not _permits(tx, rules, offer, Element.DISTRICT, now)
        tx.audit.disclosed(type, id, version, offer.patient_id)
    stamp = max(kept.stamp, tx.feed.stamp_of(alert))
    return Shown(version, stamp, lambda at: receipt(id, version, at, (escalation, alert, offer), rules, over=over))


def _permits(tx: UnitOfWork, rules: Rules, offer: Offer, element: Element, now: datetime) -> bool:
    consents, purposes = tx.consents.of_patient(offer.patient_id), rules.consent_terms.purposes
    return isinstance(ask_gate(consents, offer.organisation_id, element, purposes, now), Permit)


def show_contact(tx: UnitOfWork, rules: Rules, type: str, id: str, now: datetime) -> Shown | None:
    """To the hospital, and only while she allows the programme to report back: how and when, and no word of it."""
    found = tx.contacts.find_with_stamp(id)
    offer = tx.visible.offer(found[0].offer_id) if found else None
    if found is None or offer is None or found[0].type != type:
        return None
    if not _permits(tx, rules, offer, Element.ENGAGEMENT, now):
        return None
    held, stamp = found
    tx.audit.disclosed(type, id, str(held.version), offer.patient_id)
    return Shown(str(held.version), stamp, lambda at: contact(held, offer, at))
