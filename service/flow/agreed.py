"""What she has agreed to at this moment, as far as it decides where her referral goes."""

from collections.abc import Sequence
from datetime import datetime

from service.consent.consent import Consent
from service.consent.disclosure import Element
from service.consent.gate import Permit, Refusal, ask_gate
from service.flow.ports import Transaction
from service.flow.rules import Rules
from service.referrals.offer import LIVE
from service.referrals.referral import Referral


def agreed_to(rules: Rules, consents: Sequence[Consent], organisation_id: str, now: datetime) -> Permit | Refusal:
    """Whether an organisation may be told the least that an offer tells; who may not is told nothing."""
    return ask_gate(consents, organisation_id, Element.DISTRICT, rules.consent_terms.purposes, now)


def contradicted_at(rules: Rules, consents: Sequence[Consent], organisation_id: str, now: datetime) -> datetime | None:
    """The instant of her newest words on an organisation, if there are two and they contradict each other."""
    answer = agreed_to(rules, consents, organisation_id, now)
    return answer.said_at if isinstance(answer, Refusal) else None


def agreed_to_any(rules: Rules, consents: Sequence[Consent], now: datetime) -> bool:
    """Whether she has said yes to somebody, whoever that is."""
    named = {each.recipient_id for each in consents if each.recipient_id is not None}
    return any(isinstance(agreed_to(rules, consents, each, now), Permit) for each in named)


def is_against(rules: Rules, word: Consent, consents: Sequence[Consent], now: datetime) -> bool:
    """Whether a word may be meant against a yes of hers: she has said none since to whom it is about."""
    named = {each.recipient_id for each in consents if word.recipient_id in (None, each.recipient_id)} - {None}
    answers = (agreed_to(rules, consents, each, now) for each in named if each is not None)
    said = (answer.consent.said_at() for answer in answers if isinstance(answer, Permit))
    return any(word.given_at is None or when is None or when <= word.given_at for when in said)


def agreed_to_offers(
    tx: Transaction, rules: Rules, referral: Referral, consents: Sequence[Consent], now: datetime
) -> list[Permit | Refusal]:
    """The same of each programme that has the referral or may accept it."""
    live = (offer for offer in tx.offers.of_referral(referral.id) if offer.state in LIVE)
    return [agreed_to(rules, consents, offer.organisation_id, now) for offer in live]
