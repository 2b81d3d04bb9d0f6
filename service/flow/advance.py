"""Move a referral along its table and carry out what the row asks for, placing it included."""

from dataclasses import replace
from datetime import datetime, timedelta

from service.consent.consent import Consent
from service.consent.disclosure import Element
from service.consent.gate import Permit, ask_gate
from service.consent.safe_contact import safe_channel
from service.flow.move_alert import move_alert
from service.flow.move_offer import move_offer
from service.flow.ports import Transaction
from service.flow.raise_alert import raise_alert
from service.flow.rules import Rules
from service.referrals.alert import AlertCode, AlertTrigger
from service.referrals.matching import Needs, rank
from service.referrals.offer import ACTIVE, Offer, OfferState, OfferTrigger
from service.referrals.programme import Programme
from service.referrals.referral import (
    REFERRAL_ENDED,
    REFERRAL_TABLE,
    Effect,
    Referral,
    ReferralEffect,
    ReferralState,
    ReferralTrigger,
)
from service.screening.instrument import stage_at
from service.shared.audit import Action, AuditEvent

# What each effect does to the referral's offers: the trigger it fires on those in these states.
_ON_OFFERS: dict[ReferralEffect, tuple[OfferTrigger, tuple[OfferState, ...]]] = {
    ReferralEffect.CANCEL_UNANSWERED_OFFERS: (OfferTrigger.SERVICE_CANCELS, (OfferState.REQUESTED,)),
    ReferralEffect.CANCEL_OFFERS: (OfferTrigger.SERVICE_CANCELS, (OfferState.REQUESTED, *ACTIVE)),
    ReferralEffect.HOLD_OFFERS: (OfferTrigger.SERVICE_HOLDS, ACTIVE),
    ReferralEffect.RESUME_OFFERS: (OfferTrigger.SERVICE_RESUMES, (OfferState.HELD_BY_SERVICE,)),
    ReferralEffect.VOID_OFFERS: (OfferTrigger.SERVICE_VOIDS, tuple(OfferState)),
}
# What the clinic was asked for and need not answer any more once the referral has moved on.
_ANSWERED_BY_MOVING = (AlertCode.CONSENT_NEEDED, AlertCode.UNPLACED, AlertCode.NO_SAFE_CONTACT)


def advance(
    tx: Transaction, rules: Rules, referral: Referral, trigger: ReferralTrigger, now: datetime
) -> Referral | None:
    """The referral after `trigger` and everything that follows from it; None when its table refuses, nothing changed.

    The caller holds the lock on the woman.
    """
    step = REFERRAL_TABLE.get((referral.state, trigger))
    if step is None:
        return None
    state, effects = step
    moved = referral
    if state is not referral.state:
        moved = replace(
            referral,
            state=state,
            version=referral.version + 1,
            changed_at=now,
            reason=trigger.value if state in REFERRAL_ENDED else None,
        )
        tx.referrals.save(moved, referral.state)
        tx.audit.write(AuditEvent(Action.UPDATE, f"ServiceRequest/{moved.id}", moved.patient_id, trigger))
        tx.deliveries.owe(moved.tenant_id, "ServiceRequest", moved.id, moved.version, moved.patient_id)
        _settle_requests(tx, rules, moved, now)
    for effect in effects:
        moved = _carry_out(tx, rules, moved, effect, trigger, now)
    return moved


def _carry_out(
    tx: Transaction, rules: Rules, referral: Referral, effect: Effect, trigger: ReferralTrigger, now: datetime
) -> Referral:
    if isinstance(effect, AlertCode):
        _alert_once(tx, rules, referral, effect, now)
        return referral
    if effect is ReferralEffect.PLACE:
        return _place(tx, rules, referral, now)
    offer_trigger, states = _ON_OFFERS[effect]
    for offer in tx.offers.of_referral(referral.id):
        if offer.state in states:
            move_offer(tx, offer, offer_trigger, rules.status_reason(trigger.value))
    return referral


def _alert_once(tx: Transaction, rules: Rules, referral: Referral, code: AlertCode, now: datetime) -> None:
    """Requests to the clinic are not repeated while one stands; anything about risk or an event always is."""
    if code in _ANSWERED_BY_MOVING and tx.alerts.unresolved(referral.id, (code,)):
        return
    raise_alert(
        tx,
        rules,
        code,
        tenant_id=referral.tenant_id,
        patient_id=referral.patient_id,
        referral_id=referral.id,
        now=now,
    )


def _settle_requests(tx: Transaction, rules: Rules, referral: Referral, now: datetime) -> None:
    if referral.state in (ReferralState.AWAITING_CONSENT, ReferralState.PLACING):
        return
    for alert in tx.alerts.unresolved(referral.id, _ANSWERED_BY_MOVING):
        move_alert(tx, rules, alert, AlertTrigger.NO_LONGER_NEEDED, now)


def _place(tx: Transaction, rules: Rules, referral: Referral, now: datetime) -> Referral:
    """Match first, then ask the gate: the best programme that fits and that a live permit names gets the offer."""
    patient = tx.patients.lock(referral.patient_id)
    if patient.facts.deceased:
        return advance(tx, rules, referral, ReferralTrigger.WOMAN_DIED, now) or referral
    policy = rules.policy(referral.tenant_id)
    facts = patient.facts
    stage = stage_at(now, patient.due_date, policy)
    needs = Needs(stage, facts.language, facts.interpreter, facts.district)
    asked = frozenset(offer.programme_id for offer in tx.offers.of_referral(referral.id))
    ranking = rank(tx.programmes.all(), needs, asked, now.date())
    permits = _permits(tx, rules, referral, ranking.fits, now)
    tx.referrals.record_placement(referral.id, ranking, frozenset(permits), now)
    if not ranking.fits:
        return advance(tx, rules, referral, ReferralTrigger.NOBODY_FITS, now) or referral
    permitted = [programme for programme in ranking.fits if programme.organisation_id in permits]
    if not permitted:
        return advance(tx, rules, referral, ReferralTrigger.CONSENT_NEEDED, now) or referral
    reachable = [
        programme
        for programme in permitted
        if policy.as_recorded_safe_contact or safe_channel(permits[programme.organisation_id].safe_contact, now.date())
    ]
    if not reachable:
        return advance(tx, rules, referral, ReferralTrigger.NO_SAFE_CONTACT, now) or referral
    _offer(tx, referral, reachable[0], now)
    return advance(tx, rules, referral, ReferralTrigger.OFFER_MADE, now) or referral


def _permits(
    tx: Transaction, rules: Rules, referral: Referral, programmes: tuple[Programme, ...], now: datetime
) -> dict[str, Consent]:
    """Organisation id -> the consent under which the referral may be put to it."""
    consents = tx.consents.of_patient(referral.patient_id)
    purpose = rules.consent_terms.purposes
    answers = {
        organisation: ask_gate(consents, organisation, Element.DISTRICT, purpose, now)
        for organisation in {programme.organisation_id for programme in programmes}
    }
    return {organisation: answer.consent for organisation, answer in answers.items() if isinstance(answer, Permit)}


def _offer(tx: Transaction, referral: Referral, programme: Programme, now: datetime) -> None:
    offer = Offer(
        id=tx.new_id(),
        version=1,
        tenant_id=referral.tenant_id,
        referral_id=referral.id,
        patient_id=referral.patient_id,
        programme_id=programme.id,
        organisation_id=programme.organisation_id,
        state=OfferState.REQUESTED,
        handles=tx.offers.new_handles(),
        offered_at=now,
        respond_by=now + timedelta(hours=programme.respond_within_hours),
    )
    tx.offers.add(offer)
    tx.audit.write(AuditEvent(Action.CREATE, f"Task/{offer.id}", offer.patient_id))
    tx.deliveries.owe(offer.tenant_id, "Task", offer.id, offer.version, offer.patient_id)
