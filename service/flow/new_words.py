"""What of a programme's words is new: the same is not told twice, and a danger told of another contact is another one
(DESIGN 9)."""

from dataclasses import replace
from datetime import datetime, timedelta

from service.flow.ports import Transaction
from service.referrals.escalation import Said, all_of
from service.referrals.offer import Offer

SENT_AGAIN_WITHIN = timedelta(days=1)
"""What is known by nothing but its body is the same when it comes again within this; later it is new."""


def new_words(
    tx: Transaction, offer: Offer, said: Said, now: datetime, *, resource: str | None, lately: str | None = None
) -> Said:
    """What was not told before by the contact or the Task with this id (`resource`), whenever that was.

    `lately` is what says the same within a day alone: the fingerprint of a body that is not taken, or a Task that does
    not come back whole. What that told within a day is not new either, nor a text that anything told of the offer. A
    code is no text: in another body it is another danger.
    """
    told = [each for each in tx.escalations.of_offer(offer.id) if each.said is not None]
    recent = [each for each in told if lately is not None and now - each.told_at < SENT_AGAIN_WITHIN]
    same = [each for each in told if each.source == resource] + [each for each in recent if each.source == lately]
    before, texts = (all_of(each.said for each in some if each.said) for some in (same, [*same, *recent]))
    return replace(
        said,
        texts=tuple(each for each in said.texts if each not in texts.texts),
        concerns=said.concerns - before.concerns,
        attached=said.attached and not before.attached,
    )
