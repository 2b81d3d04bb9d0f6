"""A hospital says of its referral how she may be reached and what she asks for, or ends it (FHIR ServiceRequest)."""

from dataclasses import dataclass
from datetime import datetime

from service.consent.safe_contact import SafeContact
from service.flow.advance import advance
from service.flow.answer import Accepted, Answer, Reason, Refused, Repeated
from service.flow.learn import learn, said_at
from service.flow.move_offer import refresh_offers
from service.flow.ports import Transaction
from service.flow.received import Received
from service.flow.remember import remember
from service.flow.rules import Rules
from service.referrals.needs import SupportNeeds
from service.referrals.referral import OPEN, Referral, ReferralTrigger


@dataclass(frozen=True, slots=True)
class ReceivedRevision:
    """`safe_contact` and `needs` are None when it says nothing of them; `revoked` asks that the referral end."""

    received: Received
    referral_id: str
    revoked: bool
    safe_contact: SafeContact | None
    needs: SupportNeeds | None


def revise_referral(tx: Transaction, rules: Rules, message: ReceivedRevision, now: datetime) -> Answer:
    """The status stays the service's own, but for `revoked`. What is said holds until something newer is said."""
    referral = tx.visible.referral(message.referral_id)
    if referral is None:
        return remember(tx, message.received, None, Refused(Reason.NOT_FOUND))
    tx.patients.lock(referral.patient_id)
    # Read again under the lock: it may have moved while we waited for it.
    answer = _revise(tx, rules, tx.referrals.get(referral.id), message, now)
    return remember(tx, message.received, referral.patient_id, answer)


def _revise(tx: Transaction, rules: Rules, referral: Referral, message: ReceivedRevision, now: datetime) -> Answer:
    if message.received.expected_version not in (None, referral.version):
        return Refused(Reason.VERSION_STALE)
    if message.revoked:
        ended = advance(tx, rules, referral, ReferralTrigger.CLOSED_BY_CLINICIAN, now)
        return _changed(ended) if ended else Repeated("ServiceRequest", referral.id, referral.version)
    if referral.state not in OPEN:
        return Refused(Reason.TRANSITION_NOT_ALLOWED, "status")
    if not learn(tx, referral.patient_id, message.needs, said_at(message.safe_contact, now)):
        return Repeated("ServiceRequest", referral.id, referral.version)
    refresh_offers(tx, referral)
    return _changed(advance(tx, rules, referral, ReferralTrigger.FACTS_CHANGED, now) or referral)


def _changed(referral: Referral) -> Answer:
    return Accepted("ServiceRequest", referral.id, referral.version)
