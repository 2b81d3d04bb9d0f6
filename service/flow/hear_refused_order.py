"""An order to pause or end support that is refused is not followed: contact pauses until a person has looked."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from service.flow.answer import Answer, Refused
from service.flow.identify import referral_named, women_meant
from service.flow.instruct import ReceivedInstruction, going_on, instruct
from service.flow.pause_until_seen import pause_until_seen
from service.flow.ports import Transaction
from service.flow.received import Reference, listed, number_in
from service.flow.revise_referral import ReceivedRevision, revise_referral
from service.flow.rules import Rules
from service.flow.tell_of_result import is_news
from service.flow.tell_unnamed import Unnamed
from service.flow.unheard import hear_unheard
from service.referrals.instruction import Order
from service.referrals.referral import OPEN, Referral, ReferralState, ReferralTrigger


class RefusedOrder(NamedTuple):
    """`referral` is as the sender has it, `subjects` is whom it names. `content` is the same for the same order."""

    order: Order
    referral: Reference
    subjects: Sequence[Reference]
    content: str


def receive_order(
    tx: Transaction, rules: Rules, message: ReceivedInstruction | ReceivedRevision, now: datetime
) -> Answer:
    """What a hospital says of its referral."""
    if isinstance(message, ReceivedInstruction):
        answer, order = instruct(tx, rules, message, now), message.said.order
    else:
        answer = revise_referral(tx, rules, message, now)
        order = Order.HOLD if message.states == {ReferralState.ON_HOLD} else Order.RESUME
    if isinstance(answer, Refused) and order is not Order.RESUME:
        subjects = [message.described.subject] if message.described.subject else []
        referral = Reference("ServiceRequest", message.referral_id)
        refused = RefusedOrder(order, referral, subjects, message.received.fingerprint())
        hear_refused_order(tx, rules, refused, now)
    return answer


def hear_refused_order(tx: Transaction, rules: Rules, refused: RefusedOrder, now: datetime) -> None:
    """Whose referral it is sent to and whom it names may be meant. Where that is nobody who is known, somebody is to
    find out. The same order is heard once: whoever has looked goes on, however often it is sent."""
    called = referral_named(tx, refused.referral)
    women = {woman for each in refused.subjects for woman in women_meant(tx, each)}
    if called is not None:
        referral = tx.referrals.get(going_on(tx, called.id))
        theirs = {referral.patient_id}
        # What is said again of a referral that is over means nothing for its woman's next one.
        women = women | theirs if referral.state in OPEN else women - theirs
    elif not women:
        named = listed(map(number_in, [*refused.subjects, refused.referral]))
        hear_unheard(tx, rules, None, Unnamed(named, refuses=True), refused.content, now)
    trigger = ReferralTrigger.UNREADABLE_REFUSAL if len(women) == 1 else ReferralTrigger.IDENTITY_CONFLICT
    for each in sorted(women):
        tx.patients.lock(each)
        if _stops(refused.order, tx.referrals.open_of(each)) and is_news(tx, each, f"order {refused.content}"):
            pause_until_seen(tx, rules, each, trigger, now)


def _stops(order: Order, referral: Referral | None) -> bool:
    return referral is not None and not (order is Order.HOLD and referral.state is ReferralState.ON_HOLD)
