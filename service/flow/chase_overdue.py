"""A due time has passed: decide what waited, let an offer lapse, follow a consent that begins, end what consent no
longer covers, pause where no safe way to reach her is left, place what waits for a place, climb the ladder, find out
whether a programme knows that it must pause or stop."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from service.consent.gate import Refusal
from service.flow.act_on_decision import act_on_decision
from service.flow.advance import advance
from service.flow.agreed import agreed_to_offers
from service.flow.follow_consent import follow_consent
from service.flow.follow_safe_contact import follow_safe_contact
from service.flow.move_alert import move_alert
from service.flow.move_offer import move_offer, refresh_offers
from service.flow.ports import Transaction
from service.flow.raise_alert import alert_about_offer
from service.flow.rules import Rules
from service.referrals.alert import AlertCode, AlertTrigger
from service.referrals.offer import GOES_ON, OfferTrigger
from service.referrals.referral import ReferralTrigger


class DueKind(StrEnum):
    RESULT_WAITS_NO_LONGER = "result-waits-no-longer"
    OFFER_LAPSES = "offer-lapses"
    CONSENT_BEGINS = "consent-begins"
    CONSENT_ENDS = "consent-ends"
    SAFE_CONTACT_IN_CONSENT_ENDS = "safe-contact-in-consent-ends"
    SAFE_CONTACT_OF_WOMAN_ENDS = "safe-contact-of-woman-ends"
    WAITS_FOR_A_PLACE = "waits-for-a-place"
    ALERT_OVERDUE = "alert-overdue"
    CHANGE_NOT_SEEN = "change-not-seen"


@dataclass(frozen=True, slots=True)
class Overdue:
    """`id` is of the result, the offer (also of a change to it), the consent, the woman, the referral or the alert, as
    the kind says.
    `patient_id` None only for an alert about no woman."""

    kind: DueKind
    id: str
    patient_id: str | None


def chase_overdue(tx: Transaction, rules: Rules, overdue: Overdue, now: datetime) -> None:
    """One due time, in a unit of its own. What was settled meanwhile is left alone."""
    if overdue.patient_id is not None:
        overdue = replace(overdue, patient_id=tx.patients.lock_present(overdue.patient_id).id)
    _CHASE[overdue.kind](tx, rules, overdue, now)


def _decide_as_it_stands(tx: Transaction, rules: Rules, overdue: Overdue, now: datetime) -> None:
    result = tx.results.get(overdue.id)
    tx.results.save(result, None)
    act_on_decision(tx, rules, result, now)


def _lapse(tx: Transaction, rules: Rules, overdue: Overdue, now: datetime) -> None:
    offer = tx.offers.get(overdue.id)
    if (
        offer.respond_by > now
        or move_offer(tx, rules, offer, OfferTrigger.LAPSES, rules.status_reason(OfferTrigger.LAPSES)) is None
    ):
        return
    advance(tx, rules, tx.referrals.get(offer.referral_id), ReferralTrigger.OFFER_DECLINED, now)


def _begin_with_consent(tx: Transaction, rules: Rules, overdue: Overdue, now: datetime) -> None:
    consent = tx.consents.begin(overdue.id, now)
    if consent is not None:
        follow_consent(tx, rules, consent, now)


def _end_with_consent(tx: Transaction, rules: Rules, overdue: Overdue, now: datetime) -> None:
    """Once for each end: whatever no later word of hers covers is over."""
    if overdue.patient_id is None or not tx.consents.end(overdue.id, now):
        return
    referral = tx.referrals.open_of(overdue.patient_id)
    if referral is None:
        return
    consents = tx.consents.of_patient(overdue.patient_id)
    if any(isinstance(answer, Refusal) for answer in agreed_to_offers(tx, rules, referral, consents, now)):
        advance(tx, rules, referral, ReferralTrigger.CONSENT_EXPIRED, now)


def _end_safe_contact(tx: Transaction, rules: Rules, overdue: Overdue, now: datetime) -> None:
    """Once for each end: what time takes back is followed like what she does."""
    of_woman = overdue.kind is DueKind.SAFE_CONTACT_OF_WOMAN_ENDS
    end = tx.patients.end_safe_contact if of_woman else tx.consents.end_safe_contact
    referral = tx.referrals.open_of(overdue.patient_id or "") if end(overdue.id, now) else None
    if referral is not None:
        refresh_offers(tx, referral)
        follow_safe_contact(tx, rules, referral, now)


def _place_again(tx: Transaction, rules: Rules, overdue: Overdue, now: datetime) -> None:
    """A place may be free again, or there is a new programme. It is due no more unless placing says so anew."""
    tx.referrals.place_again(overdue.id, None)
    advance(tx, rules, tx.referrals.get(overdue.id), ReferralTrigger.TRIED_AGAIN, now)


def _climb(tx: Transaction, rules: Rules, overdue: Overdue, now: datetime) -> None:
    alert = tx.alerts.lock(overdue.id)
    if alert.climbs and alert.due_at <= now:
        move_alert(tx, rules, alert, AlertTrigger.OVERDUE, now)


def _look_whether_seen(tx: Transaction, rules: Rules, overdue: Overdue, now: datetime) -> None:
    """Once for each hold or stop: whoever has fetched a version knows what came before it."""
    offer = tx.offers.get(overdue.id)
    version = tx.offers.unseen(offer.id, now)
    if version is None:
        return
    seen = tx.audit.highest_shown("Task", offer.id, offer.organisation_id) >= version
    # The programme is rung about everything that it does not know.
    tx.offers.no_more_to_be_seen(offer.id, version if seen else None)
    if not seen and offer.state not in GOES_ON:
        alert_about_offer(tx, rules, AlertCode.HOLD_NOT_SEEN, offer, now)


_CHASE: dict[DueKind, Callable[[Transaction, Rules, Overdue, datetime], None]] = {
    DueKind.RESULT_WAITS_NO_LONGER: _decide_as_it_stands,
    DueKind.OFFER_LAPSES: _lapse,
    DueKind.CONSENT_BEGINS: _begin_with_consent,
    DueKind.CONSENT_ENDS: _end_with_consent,
    DueKind.SAFE_CONTACT_IN_CONSENT_ENDS: _end_safe_contact,
    DueKind.SAFE_CONTACT_OF_WOMAN_ENDS: _end_safe_contact,
    DueKind.WAITS_FOR_A_PLACE: _place_again,
    DueKind.ALERT_OVERDUE: _climb,
    DueKind.CHANGE_NOT_SEEN: _look_whether_seen,
}
