"""Let the open referral hear what she has said, at the moment at which it comes to count."""

from datetime import datetime

from service.consent.consent import Consent
from service.consent.gate import Refusal
from service.flow.advance import advance
from service.flow.agreed import agreed_to_any, agreed_to_offers
from service.flow.follow_safe_contact import follow_safe_contact
from service.flow.move_offer import refresh_offers
from service.flow.ports import Transaction
from service.flow.rules import Rules
from service.referrals.referral import ReferralTrigger


def follow_consent(tx: Transaction, rules: Rules, consent: Consent, now: datetime) -> None:
    """If what she said changes anything for the referral, carry it out. The caller holds the lock on the woman."""
    referral = tx.referrals.open_of(consent.patient_id)
    if referral is None:
        return
    if any(isinstance(answer, Refusal) for answer in agreed_to_offers(tx, rules, referral, now)):
        advance(tx, rules, referral, ReferralTrigger.CONSENT_WITHDRAWN, now)
    elif consent.gives_permission():
        refresh_offers(tx, referral)
        moved = advance(tx, rules, referral, ReferralTrigger.CONSENT_GIVEN, now) or referral
        follow_safe_contact(tx, rules, moved, now)
    elif consent.was_said() and not agreed_to_any(rules, tx.consents.of_patient(consent.patient_id), now):
        advance(tx, rules, referral, _no(tx, consent), now)


def _no(tx: Transaction, consent: Consent) -> ReferralTrigger:
    """She has taken back the last yes, wants no programme at all, or has said no to one of them and nothing else."""
    said_yes = (
        each.gives_permission() and each.recipient_id == consent.recipient_id
        for each in tx.consents.of_patient(consent.patient_id)
    )
    if consent.withdrawn_at is not None or any(said_yes):
        return ReferralTrigger.CONSENT_WITHDRAWN
    return ReferralTrigger.CONSENT_REFUSED if consent.recipient_id is None else ReferralTrigger.PROGRAMME_REFUSED
