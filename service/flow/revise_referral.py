"""A hospital says of its referral how she may be reached and what she asks for (FHIR ServiceRequest)."""

from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from service.consent.safe_contact import SafeContact
from service.flow.advance import advance
from service.flow.answer import Accepted, Answer, Reason, Refused, Repeated
from service.flow.follow_safe_contact import follow_safe_contact
from service.flow.instruct import UNDESCRIBED, Described, about_referral, misdescribed, were_told
from service.flow.learn import learn
from service.flow.move_offer import refresh_offers
from service.flow.ports import Transaction
from service.flow.received import Received
from service.flow.rules import Rules
from service.referrals.needs import SupportNeeds
from service.referrals.referral import OPEN, Referral, ReferralState, ReferralTrigger


@dataclass(frozen=True, slots=True)
class ReceivedRevision:
    """`states` are those that its status stands for. `safe_contact` and `needs` are None when it says nothing of
    them."""

    received: Received
    referral_id: str
    states: frozenset[ReferralState]
    safe_contact: SafeContact | None
    needs: SupportNeeds | None
    described: Described = UNDESCRIBED


def revise_referral(tx: Transaction, rules: Rules, message: ReceivedRevision, now: datetime) -> Answer:
    """The status stays the service's own. What is said holds until something newer is said."""
    answer_it = partial(_revise, rules=rules, message=message, now=now)
    return about_referral(tx, message.referral_id, message.received, message.described, answer_it)


def _pauses_or_resumes(referral: Referral, message: ReceivedRevision) -> bool:
    """Whether the status would do what only an order does, for that names who gave it."""
    held = referral.state is ReferralState.ON_HOLD
    return referral.state in OPEN and (
        ReferralState.SUPPORTED in message.states if held else message.states == {ReferralState.ON_HOLD}
    )


def _revise(tx: Transaction, referral: Referral, *, rules: Rules, message: ReceivedRevision, now: datetime) -> Answer:
    differing = misdescribed(referral, message.described)
    if differing:
        return Refused(Reason.ELEMENT_FIXED, differing[0])
    if not were_told(tx, referral, message.described.words):
        return Refused(Reason.ELEMENT_FIXED, "note")
    says_more = message.safe_contact is not None or message.needs is not None
    if referral.state not in message.states or (says_more and referral.state not in OPEN):
        by_operation = _pauses_or_resumes(referral, message)
        return Refused(Reason.BY_OPERATION_ALONE if by_operation else Reason.TRANSITION_NOT_ALLOWED, "status")
    said = message.safe_contact and replace(message.safe_contact, said_at=now)
    if not says_more or not learn(tx, referral.patient_id, message.needs, said):
        return Repeated("ServiceRequest", referral.id, referral.version)
    refresh_offers(tx, referral)
    changed = advance(tx, rules, referral, ReferralTrigger.FACTS_CHANGED, now) or referral
    changed = follow_safe_contact(tx, rules, changed, now)
    return Accepted("ServiceRequest", changed.id, changed.version)
