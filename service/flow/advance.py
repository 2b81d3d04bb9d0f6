"""Move a referral along its table and carry out what the row asks for."""

from datetime import datetime, timedelta

from service.flow.move_alert import move_alert
from service.flow.move_offer import move_offer
from service.flow.owe import owe, owe_note
from service.flow.place import place
from service.flow.ports import Transaction
from service.flow.raise_alert import alert_about_referral
from service.flow.rules import Rules
from service.flow.settle_alerts import settle_alerts
from service.referrals.alert import NOBODY_NAMED, AlertCode, AlertTrigger, Practitioner, ResultVersion
from service.referrals.note import NOTED_WITH_ALERT, noted_on_entering
from service.referrals.offer import ACTIVE, MUST_BE_SEEN, PAUSED, OfferState, OfferTrigger
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
        moved = referral._replace(
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
        found = place(tx, rules, referral, trigger, now)
        if found.trigger is not None:
            referral = advance(tx, rules, referral, found.trigger, now, found.named) or referral
        if found.again_at is not None:
            tx.referrals.place_again(referral.id, found.again_at)
        return referral
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
    alert_about_referral(tx, rules, code, referral, now, programmes=named, result=result)
    owe_note(tx, rules, referral, NOTED_WITH_ALERT.get(code), now)
