"""Let the open referral hear what she has said, at the moment at which it comes to count."""

from collections.abc import Sequence
from datetime import datetime

from service.consent.consent import Consent
from service.consent.gate import Refusal
from service.flow.advance import advance
from service.flow.agreed import agreed_to_any, agreed_to_offers, contradicted_at, is_doubted
from service.flow.ask_which_counts import ask_which_counts
from service.flow.follow_safe_contact import follow_safe_contact
from service.flow.move_offer import refresh_offers
from service.flow.pause_until_seen import pause_until_seen
from service.flow.ports import Transaction
from service.flow.rules import Rules
from service.referrals.referral import WAITS_TO_BE_PLACED, Referral, ReferralTrigger


def follow_consent(tx: Transaction, rules: Rules, consent: Consent, now: datetime) -> None:
    """If what she said changes anything for the referral, carry it out. The caller holds the lock on the woman."""
    consents, about = tx.consents.of_patient(consent.patient_id), consent.recipient_id
    if is_doubted(rules, [consent], [each for each in consents if each.id != consent.id], now):
        pause_until_seen(tx, rules, consent.patient_id, ReferralTrigger.UNREADABLE_REFUSAL, now)
    referral = tx.referrals.open_of(consent.patient_id)
    if referral is None:
        return
    unclear_since = contradicted_at(rules, consents, about, now) if about is not None else None
    ends = any(isinstance(answer, Refusal) for answer in agreed_to_offers(tx, rules, referral, consents, now))
    if ends:
        advance(tx, rules, referral, ReferralTrigger.CONSENT_WITHDRAWN, now)
    elif unclear_since is None:
        _follow(tx, rules, referral, consents, consent, now)
    if about is not None and unclear_since is not None and (ends or referral.state in WAITS_TO_BE_PLACED):
        ask_which_counts(tx, rules, referral, about, unclear_since, now)


def _follow(
    tx: Transaction, rules: Rules, referral: Referral, consents: Sequence[Consent], consent: Consent, now: datetime
) -> None:
    if consent.gives_permission():
        refresh_offers(tx, referral)
        moved = advance(tx, rules, referral, ReferralTrigger.CONSENT_GIVEN, now) or referral
        follow_safe_contact(tx, rules, moved, now)
    elif consent.was_said() and not agreed_to_any(rules, consents, now):
        advance(tx, rules, referral, _no(consents, consent), now)


def _no(consents: Sequence[Consent], consent: Consent) -> ReferralTrigger:
    """She has taken back the last yes, wants no programme at all, or has said no to one of them and nothing else."""
    said_yes = (each.gives_permission() and each.recipient_id == consent.recipient_id for each in consents)
    if consent.withdrawn_at is not None or any(said_yes):
        return ReferralTrigger.CONSENT_WITHDRAWN
    return ReferralTrigger.CONSENT_REFUSED if consent.recipient_id is None else ReferralTrigger.PROGRAMME_REFUSED
