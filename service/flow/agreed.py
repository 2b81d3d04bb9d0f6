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


def agrees_since(rules: Rules, consents: Sequence[Consent], word: Consent, about: str | None, now: datetime) -> bool:
    """Whether she agrees, and has said so since this word to everybody whom it is about: to all, where that is None."""
    known = {each.recipient_id for each in consents if each.recipient_id is not None}
    answers = (agreed_to(rules, consents, each, now) for each in known if about in (None, each))
    said, when = [each.consent.said_at() for each in answers if isinstance(each, Permit)], word.given_at
    return bool(said) and all(when is not None and each is not None and when < each for each in said)


def rests_on_others(
    tx: Transaction, rules: Rules, patient_id: str, consents: Sequence[Consent], about: str, now: datetime
) -> bool:
    """Whether a no to this organisation changes nothing: she agrees to another, has said no yes to this one, and it
    neither has her open referral nor may accept it. Of one that nobody knows, nobody can tell."""
    referral = tx.referrals.open_of(patient_id)
    offers = tx.offers.of_referral(referral.id) if referral is not None else ()
    live = {each.organisation_id for each in offers if each.state in LIVE}
    yes = {each.recipient_id for each in consents if each.gives_permission()}
    known = tx.visible.organisation_id(about) is not None
    return known and about not in live | yes and agreed_to_any(rules, consents, now)


def is_doubted(rules: Rules, some: Sequence[Consent], others: Sequence[Consent], now: datetime) -> bool:
    """Whether what may be a no, among the one, is meant against a yes that counts, among the other: she has said none
    since to whom it is about."""
    said = [*some, *others]
    named = {each.recipient_id for each in said if each.recipient_id is not None}
    answers = (agreed_to(rules, said, each, now) for each in named)
    agreed = (answer.consent for answer in answers if isinstance(answer, Permit))
    return any(_is_against(word, yes) for yes in agreed for word in (others if yes in some else some))


def _is_against(word: Consent, yes: Consent) -> bool:
    when, about = yes.said_at(), (None, yes.recipient_id)
    newer = word.given_at is None or when is None or when <= word.given_at
    return word.may_refuse and newer and word.recipient_id in about


def agreed_to_offers(
    tx: Transaction, rules: Rules, referral: Referral, consents: Sequence[Consent], now: datetime
) -> list[Permit | Refusal]:
    """The same of each programme that has the referral or may accept it."""
    live = (offer for offer in tx.offers.of_referral(referral.id) if offer.state in LIVE)
    return [agreed_to(rules, consents, offer.organisation_id, now) for offer in live]
