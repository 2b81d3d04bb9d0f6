"""Let the open referral hear what she has said, at the moment at which it comes to count."""

from datetime import datetime

from service.consent.consent import Consent
from service.consent.disclosure import Element
from service.consent.gate import Permit, ask_gate
from service.flow.advance import advance
from service.flow.follow_safe_contact import follow_safe_contact
from service.flow.move_offer import refresh_offers
from service.flow.ports import Transaction
from service.flow.rules import Rules
from service.referrals.offer import LIVE
from service.referrals.referral import ReferralTrigger


def follow_consent(tx: Transaction, rules: Rules, consent: Consent, now: datetime) -> None:
    """If what she said changes anything for the referral, carry it out. The caller holds the lock on the woman."""
    referral = tx.referrals.open_of(consent.patient_id)
    if referral is None:
        return
    live = [offer for offer in tx.offers.of_referral(referral.id) if offer.state in LIVE]
    permitted = _permitted(tx, rules, consent.patient_id, now)
    if any(not permitted.get(offer.organisation_id) for offer in live):
        advance(tx, rules, referral, ReferralTrigger.CONSENT_WITHDRAWN, now)
    elif consent.gives_permission():
        refresh_offers(tx, referral)
        moved = advance(tx, rules, referral, ReferralTrigger.CONSENT_GIVEN, now) or referral
        follow_safe_contact(tx, rules, moved, now)
    elif consent.was_said() and not any(permitted.values()):
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


def _permitted(tx: Transaction, rules: Rules, patient_id: str, now: datetime) -> dict[str, bool]:
    """Of every organisation that she has said something about, whether it may be told of her now."""
    consents = tx.consents.of_patient(patient_id)
    purpose = rules.consent_terms.purposes
    return {
        organisation_id: isinstance(ask_gate(consents, organisation_id, Element.DISTRICT, purpose, now), Permit)
        for organisation_id in {each.recipient_id for each in consents}
        if organisation_id is not None
    }
