"""Let the open referral hear that no safe way to reach her is left: who was asked to support her makes no contact.

She has taken it back, or the time until which it was said has passed: the programme knows her number either way.
"""

from datetime import datetime

from service.consent.gate import Permit
from service.flow.advance import advance
from service.flow.agreed import agreed_to_offers
from service.flow.place import reachable
from service.flow.ports import Transaction
from service.flow.rules import Rules
from service.referrals.alert import AlertCode
from service.referrals.referral import Referral, ReferralState, ReferralTrigger


def follow_safe_contact(tx: Transaction, rules: Rules, referral: Referral, now: datetime) -> Referral:
    """The referral after that. What is held so goes on by a clinician's word alone, also when a way is known again.

    The caller holds the lock on the woman.
    """
    if is_reachable(tx, rules, referral, now) or _is_held_for_it(tx, referral):
        return referral
    return advance(tx, rules, referral, ReferralTrigger.NO_SAFE_CONTACT, now) or referral


def is_reachable(tx: Transaction, rules: Rules, referral: Referral, now: datetime) -> bool:
    """By every programme that has, or may accept, the referral and that she allows to know of her."""
    patient, consents = tx.patients.lock(referral.patient_id), tx.consents.of_patient(referral.patient_id)
    answers = agreed_to_offers(tx, rules, referral, consents, now)
    return all(reachable(rules, patient, answer.consent, now) for answer in answers if isinstance(answer, Permit))


def _is_held_for_it(tx: Transaction, referral: Referral) -> bool:
    stands = tx.alerts.unresolved(referral.id, (AlertCode.SAFE_CONTACT_WITHDRAWN,))
    return referral.state is ReferralState.ON_HOLD and bool(stands)
