"""Move a referral along its table and carry out what the row asks for, placing it included."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from service.consent.consent import Consent
from service.consent.disclosure import Element
from service.consent.gate import Permit, Why, ask_gate
from service.consent.safe_contact import newest, safe_channel
from service.flow.move_alert import move_alert
from service.flow.move_offer import move_offer
from service.flow.owe import owe, owe_note
from service.flow.ports import Transaction
from service.flow.raise_alert import raise_alert
from service.flow.rules import Rules
from service.flow.settle_alerts import settle_alerts
from service.referrals.alert import NOBODY_NAMED, AlertCode, AlertTrigger, Practitioner, ResultVersion
from service.referrals.matching import Needs, Standing, judge, rank
from service.referrals.note import NOTED_WITH_ALERT, noted_on_entering
from service.referrals.offer import ACTIVE, MUST_BE_SEEN, PAUSED, Offer, OfferState, OfferTrigger
from service.referrals.patient import Patient
from service.referrals.programme import Programme
from service.referrals.referral import (
    REFERRAL_ENDED,
    REFERRAL_TABLE,
    Referral,
    ReferralEffect,
    ReferralTrigger,
)
from service.referrals.review import REQUESTS
from service.shared.audit import Action, AuditEvent

# What each effect does to the referral's offers: the trigger it fires on those in these states.
_ON_OFFERS: dict[ReferralEffect, tuple[OfferTrigger, tuple[OfferState, ...]]] = {
    ReferralEffect.CANCEL_UNANSWERED_OFFERS: (OfferTrigger.SERVICE_RECALLS, (OfferState.REQUESTED,)),
    ReferralEffect.CANCEL_OFFERS: (OfferTrigger.SERVICE_CANCELS, (OfferState.REQUESTED, *ACTIVE)),
    ReferralEffect.HOLD_OFFERS: (OfferTrigger.SERVICE_HOLDS, ACTIVE),
    ReferralEffect.RESUME_OFFERS: (OfferTrigger.SERVICE_RESUMES, PAUSED),
    ReferralEffect.VOID_OFFERS: (OfferTrigger.SERVICE_VOIDS, tuple(OfferState)),
}


def advance(
    tx: Transaction,
    rules: Rules,
    referral: Referral,
    trigger: ReferralTrigger,
    now: datetime,
    named: tuple[str, ...] = (),
    result: ResultVersion | None = None,
    by: Practitioner = NOBODY_NAMED,
) -> Referral | None:
    """The referral after `trigger` and everything that follows from it; None when its table refuses, nothing changed.

    The caller holds the lock on the woman. `named` are the programmes that a request to the clinic is to name, by id;
    `result` is the one that an alert which follows is about, `by` the clinician who decided this.
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
        owe(tx, rules, moved)
        owe_note(tx, rules, moved, noted_on_entering(state, trigger), now)
        settle_alerts(tx, rules, referral, moved, trigger, by, now)
    for effect in effects:
        if isinstance(effect, AlertCode):
            _alert_once(tx, rules, moved, effect, now, named, result)
        else:
            moved = _carry_out(tx, rules, moved, effect, trigger, now)
    return moved


def _carry_out(
    tx: Transaction, rules: Rules, referral: Referral, effect: ReferralEffect, trigger: ReferralTrigger, now: datetime
) -> Referral:
    if effect is ReferralEffect.PLACE:
        return _place(tx, rules, referral, trigger, now)
    offer_trigger, states = _ON_OFFERS[effect]
    # Whatever the hold is for, a programme reads the same.
    reason = rules.status_reason("paused" if effect is ReferralEffect.HOLD_OFFERS else trigger.value)
    see_by = now + timedelta(minutes=rules.policy(referral.tenant_id).hold_seen_within_minutes)
    for offer in tx.offers.of_referral(referral.id):
        moved = move_offer(tx, rules, offer, offer_trigger, reason) if offer.state in states else None
        if moved is not None and offer.state in ACTIVE and offer_trigger in MUST_BE_SEEN:
            tx.offers.must_be_seen(moved, see_by)
    return referral


def _alert_once(
    tx: Transaction,
    rules: Rules,
    referral: Referral,
    code: AlertCode,
    now: datetime,
    named: tuple[str, ...],
    result: ResultVersion | None,
) -> None:
    """A request to the clinic is not repeated while the same one stands, and takes the place of any other; what is
    about risk or an event is always said."""
    stands = False
    for each in tx.alerts.unresolved(referral.id, REQUESTS) if code in REQUESTS else ():
        if each.code is code and each.programmes == named:
            stands = True
        else:
            move_alert(tx, rules, each, AlertTrigger.NO_LONGER_NEEDED, now)
    if stands:
        return
    raise_alert(
        tx,
        rules,
        code,
        tenant_id=referral.tenant_id,
        patient_id=referral.patient_id,
        referral_id=referral.id,
        now=now,
        programmes=named,
        result=result,
    )
    owe_note(tx, rules, referral, NOTED_WITH_ALERT.get(code), now)


# What one programme that fits leads to, the best that can happen first.
_LEADS_TO: dict[Standing, ReferralTrigger] = {
    Standing.CHOSEN: ReferralTrigger.OFFER_MADE,
    Standing.NO_SAFE_CONTACT: ReferralTrigger.NO_SAFE_CONTACT,
    Standing.CONSENT_NEEDED: ReferralTrigger.CONSENT_NEEDED,
}


def _place(tx: Transaction, rules: Rules, referral: Referral, trigger: ReferralTrigger, now: datetime) -> Referral:
    """Match first, then ask the gate: the best programme that fits and that a live permit names gets the offer."""
    patient = tx.patients.lock(referral.patient_id)
    if patient.facts.deceased:
        return advance(tx, rules, referral, ReferralTrigger.WOMAN_DIED, now) or referral
    policy, needs = rules.policy(referral.tenant_id), _needs(rules, patient, now)
    asked = frozenset(offer.programme_id for offer in tx.offers.of_referral(referral.id) if not offer.recalled)
    ranking = rank(tx.programmes.all(), needs, asked, now.date())
    consents = tx.consents.of_patient(referral.patient_id)
    standings = _standings(rules, patient, ranking.fits, consents, now)
    found = next((follows for standing, follows in _LEADS_TO.items() if standing in standings), None)
    found = found or _when_she_refused_all(rules, standings, consents, trigger, now)
    if found is ReferralTrigger.NOBODY_FITS:
        tx.referrals.place_again(referral.id, now + timedelta(hours=policy.place_again_hours))
        if trigger is ReferralTrigger.TRIED_AGAIN:
            return referral  # the clinic has been told, and nothing has changed for it
    tx.referrals.record_placement(referral.id, judge(ranking, standings, needs), now)
    if Standing.CHOSEN in standings:
        _offer(tx, rules, referral, ranking.fits[standings.index(Standing.CHOSEN)], now)
    wanted = Standing.CONSENT_NEEDED if Standing.CONSENT_NEEDED in standings else Standing.REFUSED_BY_HER
    ask = [each.id for each, standing in zip(ranking.fits, standings, strict=True) if standing is wanted]
    named = tuple(ask[: policy.consent_request_names]) if found is ReferralTrigger.CONSENT_NEEDED else ()
    return advance(tx, rules, referral, found, now, named) or referral


def _needs(rules: Rules, patient: Patient, now: datetime) -> Needs:
    facts, stage = patient.facts, patient.stage(now, rules.policy(patient.tenant_id))
    return Needs(stage, facts.language, facts.interpreter, facts.district, patient.age(now.date()), patient.needs)


def _standings(
    rules: Rules, patient: Patient, fits: Sequence[Programme], consents: Sequence[Consent], now: datetime
) -> list[Standing]:
    """What the gate and safe contact make of each programme that fits; at most one of them is chosen."""
    found: list[Standing] = []
    for programme in fits:
        answer = ask_gate(consents, programme.organisation_id, Element.DISTRICT, rules.consent_terms.purposes, now)
        if not isinstance(answer, Permit):
            refused = answer.reason in (Why.DENIED, Why.WITHDRAWN)
            found.append(Standing.REFUSED_BY_HER if refused else Standing.CONSENT_NEEDED)
        elif not reachable(rules, patient, answer.consent, now):
            found.append(Standing.NO_SAFE_CONTACT)
        else:
            found.append(Standing.NEXT if Standing.CHOSEN in found else Standing.CHOSEN)
    return found


def reachable(rules: Rules, patient: Patient, consent: Consent, now: datetime) -> bool:
    """Whether a programme that she has agreed to would be given a safe way to reach her."""
    agreed = newest(consent.safe_contact, patient.safe_contact)
    as_recorded = rules.policy(patient.tenant_id).as_recorded_safe_contact is not None
    return as_recorded or safe_channel(agreed, now.date()) is not None


def _when_she_refused_all(
    rules: Rules, standings: Sequence[Standing], consents: Sequence[Consent], trigger: ReferralTrigger, now: datetime
) -> ReferralTrigger:
    """An old no does not end a new referral: she is asked again. A no that was said just now does, unless she has said
    yes to somebody, for then it is support that she wants and another way has to be found."""
    purpose = rules.consent_terms.purposes
    said_yes = (
        isinstance(ask_gate(consents, each.recipient_id, Element.DISTRICT, purpose, now), Permit)
        for each in consents
        if each.recipient_id is not None
    )
    if not standings or any(said_yes):
        return ReferralTrigger.NOBODY_FITS
    said_now = trigger is ReferralTrigger.PROGRAMME_REFUSED
    return ReferralTrigger.CONSENT_REFUSED if said_now else ReferralTrigger.CONSENT_NEEDED


def _offer(tx: Transaction, rules: Rules, referral: Referral, programme: Programme, now: datetime) -> None:
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
    owe(tx, rules, offer)
