"""A due time has passed: decide what waited, let an offer lapse, end what consent no longer covers, climb the
ladder."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from service.consent.disclosure import Element
from service.consent.gate import Permit, ask_gate
from service.flow.act_on_decision import act_on_decision
from service.flow.advance import advance
from service.flow.move_alert import move_alert
from service.flow.move_offer import move_offer
from service.flow.ports import Transaction
from service.flow.rules import Rules
from service.referrals.alert import AlertTrigger
from service.referrals.offer import LIVE, OfferTrigger
from service.referrals.referral import ReferralTrigger


class DueKind(StrEnum):
    RESULT_WAITS_NO_LONGER = "result-waits-no-longer"
    OFFER_LAPSES = "offer-lapses"
    CONSENT_ENDS = "consent-ends"
    ALERT_OVERDUE = "alert-overdue"


@dataclass(frozen=True, slots=True)
class Overdue:
    """`id` is of the result, the offer or the alert, as the kind says. `patient_id` None only for an alert about no
    woman."""

    kind: DueKind
    id: str
    patient_id: str | None


def chase_overdue(tx: Transaction, rules: Rules, overdue: Overdue, now: datetime) -> None:
    """One due time, in a unit of its own. What was settled meanwhile is left alone."""
    if overdue.patient_id is not None:
        tx.patients.lock(overdue.patient_id)
    _CHASE[overdue.kind](tx, rules, overdue.id, now)


def _decide_as_it_stands(tx: Transaction, rules: Rules, result_id: str, now: datetime) -> None:
    result = tx.results.get(result_id)
    tx.results.save(result, None)
    act_on_decision(tx, rules, result, now)


def _lapse(tx: Transaction, rules: Rules, offer_id: str, now: datetime) -> None:
    offer = tx.offers.get(offer_id)
    if (
        offer.respond_by > now
        or move_offer(tx, offer, OfferTrigger.LAPSES, rules.status_reason(OfferTrigger.LAPSES)) is None
    ):
        return
    advance(tx, rules, tx.referrals.get(offer.referral_id), ReferralTrigger.OFFER_DECLINED, now)


def _end_with_consent(tx: Transaction, rules: Rules, offer_id: str, now: datetime) -> None:
    offer = tx.offers.get(offer_id)
    consents = tx.consents.of_patient(offer.patient_id)
    answer = ask_gate(consents, offer.organisation_id, Element.DISTRICT, rules.consent_terms.purposes, now)
    if offer.state in LIVE and not isinstance(answer, Permit):
        advance(tx, rules, tx.referrals.get(offer.referral_id), ReferralTrigger.CONSENT_EXPIRED, now)


def _climb(tx: Transaction, rules: Rules, alert_id: str, now: datetime) -> None:
    alert = tx.alerts.get(alert_id)
    if alert.due_at <= now:
        move_alert(tx, rules, alert, AlertTrigger.OVERDUE, now)


_CHASE: dict[DueKind, Callable[[Transaction, Rules, str, datetime], None]] = {
    DueKind.RESULT_WAITS_NO_LONGER: _decide_as_it_stands,
    DueKind.OFFER_LAPSES: _lapse,
    DueKind.CONSENT_ENDS: _end_with_consent,
    DueKind.ALERT_OVERDUE: _climb,
}
