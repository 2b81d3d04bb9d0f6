"""Place a referral: which programme gets the offer, or what has to be done so that one can."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.consent.consent import Consent
from service.consent.gate import Permit, Why
from service.consent.safe_contact import newest, safe_channel
from service.flow.agreed import agreed_to, agreed_to_any, contradicted_at
from service.flow.ask_which_counts import ask_which_counts
from service.flow.owe import owe
from service.flow.ports import Transaction
from service.flow.raise_alert import alert_about_referral
from service.flow.rules import Rules
from service.referrals.alert import AlertCode
from service.referrals.matching import Needs, PassedOver, Ranking, Standing, judge, rank
from service.referrals.offer import Offer, OfferState
from service.referrals.patient import Patient
from service.referrals.programme import Programme
from service.referrals.referral import Referral, ReferralState, ReferralTrigger
from service.shared.audit import Action, AuditEvent

# What one programme that fits leads to, the best that can happen first.
_LEADS_TO: dict[Standing, ReferralTrigger] = {
    Standing.CHOSEN: ReferralTrigger.OFFER_MADE,
    Standing.NO_SAFE_CONTACT: ReferralTrigger.NO_SAFE_CONTACT,
    Standing.CONSENT_NEEDED: ReferralTrigger.CONSENT_NEEDED,
    Standing.CONTRADICTORY: ReferralTrigger.CONSENT_CONTRADICTORY,
}
_STANDS = {
    Why.DENIED: Standing.REFUSED_BY_HER,
    Why.WITHDRAWN: Standing.REFUSED_BY_HER,
    Why.CONTRADICTORY: Standing.CONTRADICTORY,
}
_ASKS_HER = (ReferralTrigger.CONSENT_NEEDED, ReferralTrigger.CONSENT_CONTRADICTORY)


@dataclass(frozen=True, slots=True)
class Found:
    """What the referral hears of it, None for nothing new; the programmes that the clinic is to ask her about, by id;
    and when to try again."""

    trigger: ReferralTrigger | None
    named: tuple[str, ...] = ()
    again_at: datetime | None = None


def place(tx: Transaction, rules: Rules, referral: Referral, trigger: ReferralTrigger, now: datetime) -> Found:
    """Match first, then ask the gate: the best programme that fits and that a live permit names gets the offer.

    `trigger` is what placing follows from. It is tried again, without asking anybody, when nobody fits, when whoever
    fits has no safe way to reach her and when a programme that she has agreed to has no place.
    """
    patient = tx.patients.lock(referral.patient_id)
    if patient.facts.deceased:
        # What opened it may be another woman's, or the death is: it must not end unseen.
        alert_about_referral(tx, rules, AlertCode.IDENTITY_CONFLICT, referral, now)
        return Found(ReferralTrigger.WOMAN_DIED)
    policy, needs = rules.policy(referral.tenant_id), _needs(rules, patient, now)
    asked = frozenset(offer.programme_id for offer in tx.offers.of_referral(referral.id) if not offer.recalled)
    consents = tx.consents.of_patient(referral.patient_id)
    if agreed_to_any(rules, consents, now):
        tx.programmes.lock_for(referral.patient_id)
    ranking = rank(tx.programmes.all(), needs, asked, now.date())
    standings = _standings(rules, patient, ranking.fits, consents, now)
    found = next((follows for standing, follows in _LEADS_TO.items() if standing in standings), None)
    found = found or _when_she_refused_all(rules, standings, consents, trigger, now)
    waits = found in (ReferralTrigger.NOBODY_FITS, ReferralTrigger.NO_SAFE_CONTACT)
    waits = waits or (found in _ASKS_HER and _is_full(rules, ranking, consents, now))
    again_at = now + timedelta(hours=policy.place_again_hours) if waits else None
    if trigger is ReferralTrigger.TRIED_AGAIN and found in _no_news(tx, referral):
        return Found(None, again_at=again_at)
    tx.referrals.record_placement(referral.id, judge(ranking, standings, needs), now)
    if Standing.CHOSEN in standings:
        _offer(tx, rules, referral, ranking.fits[standings.index(Standing.CHOSEN)], now)
    for programme, standing in zip(ranking.fits, standings, strict=True):
        if standing is not Standing.CONTRADICTORY:
            continue
        said_at = contradicted_at(rules, consents, programme.organisation_id, now)
        if said_at is not None:
            ask_which_counts(tx, rules, referral, programme.organisation_id, said_at, now)
    wanted = Standing.CONSENT_NEEDED if Standing.CONSENT_NEEDED in standings else Standing.REFUSED_BY_HER
    ask = [each.id for each, standing in zip(ranking.fits, standings, strict=True) if standing is wanted]
    named = tuple(ask[: policy.consent_request_names]) if found is ReferralTrigger.CONSENT_NEEDED else ()
    return Found(found, named, again_at)


def _no_news(tx: Transaction, referral: Referral) -> tuple[ReferralTrigger, ...]:
    """What time alone finds once more: the clinic has heard it, and so has she. Of a finding that is no news no
    placement is kept, so the last one is what they know."""
    if referral.state is ReferralState.AWAITING_CONSENT:
        return (ReferralTrigger.NOBODY_FITS, *_ASKS_HER)
    known = tx.referrals.placements(referral.id)[-1].judged
    unsafe = any(each.verdict is Standing.NO_SAFE_CONTACT for each in known)
    return (ReferralTrigger.NO_SAFE_CONTACT if unsafe else ReferralTrigger.NOBODY_FITS,)


def _is_full(rules: Rules, ranking: Ranking, consents: Sequence[Consent], now: datetime) -> bool:
    """Whether a programme that she has agreed to would have her if it had a place."""
    full = (programme for programme, missed in ranking.passed_over if missed is PassedOver.NO_OPEN_PLACE)
    return any(isinstance(agreed_to(rules, consents, each.organisation_id, now), Permit) for each in full)


def _needs(rules: Rules, patient: Patient, now: datetime) -> Needs:
    facts, stage = patient.facts, patient.stage(now, rules.policy(patient.tenant_id))
    return Needs(stage, facts.language, facts.interpreter, facts.district, patient.age(now.date()), patient.needs)


def _standings(
    rules: Rules, patient: Patient, fits: Sequence[Programme], consents: Sequence[Consent], now: datetime
) -> list[Standing]:
    """What the gate and safe contact make of each programme that fits; at most one of them is chosen."""
    found: list[Standing] = []
    for programme in fits:
        answer = agreed_to(rules, consents, programme.organisation_id, now)
        if not isinstance(answer, Permit):
            found.append(_STANDS.get(answer.reason, Standing.CONSENT_NEEDED))
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
    if not standings or agreed_to_any(rules, consents, now):
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
