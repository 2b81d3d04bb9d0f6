"""A hospital tells the service to hold, resume, close or void a referral (FHIR ServiceRequest)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from service.flow.advance import advance
from service.flow.answer import Accepted, Answer, Reason, Refused, Repeated
from service.flow.follow_safe_contact import is_reachable
from service.flow.identify import MERGED_ID, referral_called, subject_of
from service.flow.owe import owe
from service.flow.ports import Transaction
from service.flow.received import Received, Reference
from service.flow.remember import remember
from service.flow.rules import Rules
from service.referrals.alert import AlertCode, Practitioner
from service.referrals.instruction import ENDS, Instruction, Order
from service.referrals.offer import ACTIVE
from service.referrals.referral import Referral, ReferralState, ReferralTrigger
from service.referrals.review import RISK
from service.screening.instrument import Priority

_TELLS = {
    Order.HOLD: ReferralTrigger.HELD_BY_CLINICIAN,
    Order.CLOSE: ReferralTrigger.CLOSED_BY_CLINICIAN,
    Order.VOID: ReferralTrigger.VOIDED,
}


# A record may keep times without a fraction of a second.
_PRECISION = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Described:
    """What a message says that a referral is, where only the service decides; empty of what it does not speak of.

    It gives the referral these `ids` of ours, and names these `hospitals` by our ids as those that asked for it. It was
    `opened_at` then, and is over for these `reasons`. `words` are those of its notes, and of an order's own reason.
    """

    subject: Reference | None = None
    ids: frozenset[str] = frozenset()
    hospitals: frozenset[str] = frozenset()
    opened_at: datetime | None = None
    reasons: frozenset[str] = frozenset()
    words: tuple[str, ...] = ()


UNDESCRIBED = Described()


@dataclass(frozen=True, slots=True)
class ReceivedInstruction:
    """`referral_id` is our id, or that of the copy in the hospital's record. `unused` is where
    in it something stands that no order acts on."""

    received: Received
    referral_id: str
    said: Instruction
    described: Described = UNDESCRIBED
    unused: tuple[str, ...] = ()


def instruct(tx: Transaction, rules: Rules, message: ReceivedInstruction, now: datetime) -> Answer:
    """Do as told, at most once. A hold reaches every offer; only a clinician's word lifts it, and nothing else does.

    What pauses or ends a referral is done whatever If-Match says, and the answer names the elements that were not acted
    on.
    """
    answer_it = partial(_follow, rules=rules, message=message, now=now)
    received = message.received
    if message.said.order is not Order.RESUME:
        received = received._replace(expected_version=None)
    return about_referral(tx, message.referral_id, received, message.described, answer_it)


def about_referral(
    tx: Transaction,
    referral_id: str,
    received: Received,
    described: Described,
    answer_it: Callable[[Transaction, Referral], Answer],
) -> Answer:
    """Find the referral that a hospital means, answer the message about it under the woman's lock, and keep both."""
    named = referral_called(tx, referral_id)
    if named is None:
        return remember(tx, received, None, Refused(Reason.NOT_FOUND))
    tx.patients.lock(named.patient_id)
    # Read again under the lock: it may have moved while we waited for it.
    # Who knows of the merge brings back what it had read.
    knows = ReferralTrigger.MERGED in described.reasons
    referral = tx.referrals.get(named.id if knows else going_on(tx, named.id))
    answer: Answer
    another = _means_another(tx, referral, replace(described, ids=described.ids - {named.id}))
    if another is not None:
        answer = Refused(Reason.ELEMENT_FIXED, another)
    elif received.expected_version not in (None, referral.version):
        answer = Refused(Reason.VERSION_STALE)
    else:
        answer = answer_it(tx, referral)
    return remember(tx, received._replace(target_id=referral.id), referral.patient_id, answer)


def going_on(tx: Transaction, id: str) -> str:
    """Of one that was closed as merged the one that goes on is meant."""
    return tx.aliases.find("ServiceRequest", MERGED_ID, id) or id


def _means_another(tx: Transaction, referral: Referral, described: Described) -> str | None:
    """The element that names another woman, or another referral, than this one."""
    if described.subject is not None and subject_of(tx, described.subject) != referral.patient_id:
        return "subject"
    return "identifier" if described.ids - {referral.id} else None


def misdescribed(referral: Referral, described: Described) -> tuple[str, ...]:
    """The elements that say of the referral what it is not."""
    differs = {
        "authoredOn": described.opened_at is not None and abs(described.opened_at - referral.opened_at) >= _PRECISION,
        "requester": bool(described.hospitals - {referral.tenant_id}),
        "extension": bool(described.reasons - {referral.reason}),
    }
    return tuple(element for element, is_so in differs.items() if is_so)


def were_told(tx: Transaction, referral: Referral, words: Sequence[str]) -> bool:
    """Whether each of these is a note of ours about an order, and what is left of them the words of one."""
    told = tx.referrals.instructions((referral.id,)).get(referral.id, ())
    left = " ".join(each for each in words if each not in {order.words for order in told})
    return not left or left in {order.text for order in told}


def _follow(
    tx: Transaction, referral: Referral, *, rules: Rules, message: ReceivedInstruction, now: datetime
) -> Answer:
    differing = (f"ServiceRequest.{each}" for each in misdescribed(referral, message.described))
    said, unused = message.said, (*message.unused, *differing)
    if _is_done(tx, referral, said):
        if not were_told(tx, referral, message.described.words):
            unused = (*unused, "ServiceRequest.note")
        return Repeated("ServiceRequest", referral.id, referral.version, unused=unused)
    trigger = _resumes(tx, rules, referral, now) if said.order is Order.RESUME else _TELLS[said.order]
    if isinstance(trigger, Refused):
        return trigger
    moved = advance(tx, rules, referral, trigger, now, by=Practitioner(said.practitioner, said.role))
    if moved is None:
        return Refused(Reason.TRANSITION_NOT_ALLOWED, "status")
    if moved.version == referral.version:
        # It stays as it was, but more is said about it.
        moved = referral._replace(version=referral.version + 1, changed_at=now)
        tx.referrals.save(moved, referral.state)
        owe(tx, rules, moved)
    tx.referrals.keep_instruction(referral.id, said)
    return Accepted("ServiceRequest", moved.id, moved.version, unused=unused)


def _is_done(tx: Transaction, referral: Referral, said: Instruction) -> bool:
    """Whether it stands already where this leads. A hold for another reason, or by somebody else, is new to say."""
    if said.order in ENDS:
        return referral.state is ENDS[said.order]
    if (referral.state is ReferralState.ON_HOLD) is not (said.order is Order.HOLD):
        return False
    given = tx.referrals.instructions((referral.id,)).get(referral.id, ())
    return bool(given) and replace(given[-1], given_at=said.given_at) == said


def _resumes(tx: Transaction, rules: Rules, referral: Referral, now: datetime) -> ReferralTrigger | Refused:
    """With the programme that holds it; without one it is placed anew. Nothing goes on past a risk without its review:
    the programme waits, and what has none goes back to review. Nor past a worry that a programme called urgent, nor
    while she cannot be reached safely."""
    if referral.state is not ReferralState.ON_HOLD:
        return Refused(Reason.TRANSITION_NOT_ALLOWED, "status")
    held = any(offer.state in ACTIVE for offer in tx.offers.of_referral(referral.id))
    unresolved = tx.alerts.unresolved_about(referral.patient_id)
    if any(alert.code is AlertCode.ESCALATION and alert.priority is Priority.URGENT for alert in unresolved):
        return Refused(Reason.RISK_NOT_REVIEWED, "status")
    if any(alert.code in RISK for alert in unresolved):
        return Refused(Reason.RISK_NOT_REVIEWED, "status") if held else ReferralTrigger.RESUMED_TO_REVIEW
    if held and not is_reachable(tx, rules, referral, now):
        return Refused(Reason.NO_SAFE_CONTACT, "status")
    return ReferralTrigger.RESUMED if held else ReferralTrigger.REPLACED
