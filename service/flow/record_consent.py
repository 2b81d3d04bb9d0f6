"""She has said something about being referred: yes, no, no longer, or how she may be reached (FHIR Consent)."""

from dataclasses import dataclass, replace
from datetime import datetime

from service.consent.consent import Consent, gives_less, revise
from service.consent.disclosure import Element
from service.consent.gate import Permit, ask_gate
from service.flow.advance import advance
from service.flow.answer import Accepted, Answer, Reason, Refused, Repeated
from service.flow.identify import identify, subject_of
from service.flow.learn import learn, said_at
from service.flow.move_offer import refresh_offers
from service.flow.ports import Transaction
from service.flow.received import Received, Reference
from service.flow.remember import remember
from service.flow.rules import Rules
from service.referrals.needs import SupportNeeds
from service.referrals.offer import LIVE
from service.referrals.referral import ReferralTrigger


@dataclass(frozen=True, slots=True)
class ReceivedConsent:
    """`said` is the consent as read, without its ids; `recipient` is None when it is about every organisation.

    `needs` is None when it says nothing of what she asks for.
    """

    received: Received
    patient: Reference
    recipient: Reference | None
    said: Consent
    needs: SupportNeeds | None = None


def record_consent(tx: Transaction, rules: Rules, message: ReceivedConsent, now: datetime) -> Answer:
    """Keep the consent and let the open referral follow it. Less permission applies whatever If-Match says."""
    patient_id = subject_of(tx, message.patient)
    answer = _record(tx, rules, message, patient_id, now) if patient_id else Refused(Reason.SUBJECT_UNKNOWN, "patient")
    return remember(tx, message.received, patient_id, answer)


def _record(tx: Transaction, rules: Rules, message: ReceivedConsent, patient_id: str, now: datetime) -> Answer:
    tx.patients.lock(patient_id)
    received, recipient_id = message.received, None
    if message.recipient is not None:
        recipient_id = tx.visible.organisation_id(message.recipient.id or "")
        if recipient_id is None:
            return Refused(Reason.RECIPIENT_UNKNOWN, "provision.actor")
    new_id = tx.new_id()
    owner = received.target_id or identify(tx, received, new_id)
    if isinstance(owner, Refused):
        return owner
    said = replace(
        message.said,
        id=owner,
        tenant_id=tx.caller.organisation_id,
        patient_id=patient_id,
        recipient_id=recipient_id,
        safe_contact=said_at(message.said.safe_contact, now),
    )
    if owner == new_id:
        tx.consents.add(said)
        learn(tx, patient_id, message.needs)
        _follow(tx, rules, said, now)
        return Accepted("Consent", owner, 1, created=True)
    return _revise(tx, rules, message, said, now)


def _revise(tx: Transaction, rules: Rules, message: ReceivedConsent, said: Consent, now: datetime) -> Answer:
    received = message.received
    known = tx.visible.consent(said.id)
    if known is None or known.patient_id != said.patient_id:
        return Refused(Reason.NOT_FOUND)
    latest = tx.inbox.latest("Consent", known.id)
    if latest is not None and received.repeats(latest[1]):
        return Repeated("Consent", known.id, known.version)
    less = gives_less(known, said)
    if received.target_id is None and received.condition is not None and not less:
        return Repeated("Consent", known.id, known.version)
    if received.target_id is None and not less:
        return Refused(Reason.DIFFERENT_UNDER_SAME_IDENTIFIER, "identifier")
    if received.expected_version not in (None, known.version) and not less:
        return Refused(Reason.VERSION_STALE)
    revised = revise(known, said, now)
    tx.consents.save(revised)
    learn(tx, revised.patient_id, message.needs)
    _follow(tx, rules, revised, now)
    return Accepted("Consent", known.id, revised.version)


def _follow(tx: Transaction, rules: Rules, consent: Consent, now: datetime) -> None:
    """Let the open referral hear what she said, if what she said changes anything for it."""
    referral = tx.referrals.open_of(consent.patient_id)
    if referral is None:
        return
    live = [offer for offer in tx.offers.of_referral(referral.id) if offer.state in LIVE]
    permitted = _permitted(tx, rules, consent.patient_id, now)
    if any(not permitted.get(offer.organisation_id) for offer in live):
        advance(tx, rules, referral, ReferralTrigger.CONSENT_WITHDRAWN, now)
    elif consent.gives_permission():
        refresh_offers(tx, referral)
        advance(tx, rules, referral, ReferralTrigger.CONSENT_GIVEN, now)
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
