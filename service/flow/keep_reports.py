"""Keep what a programme reports on its Task, and put what a volunteer wrote in it to a clinician (DESIGN 9)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from service.flow.escalate import escalate
from service.flow.ports import Transaction
from service.flow.rules import Rules
from service.flow.words_shown import words_shown
from service.referrals.escalation import Said, all_of
from service.referrals.offer import Offer
from service.screening.instrument import Priority

Report = dict[str, object]
STATUS_REASON, BUSINESS_STATUS = "statusReason", "businessStatus"
WORDS, LABELS = "words", "labels"
"""What stands in any other element of the Task: text, and displays, types and narrative, which a program writes too."""


@dataclass(frozen=True, slots=True)
class Reported:
    """An entry of `note` or `output` as it was sent, or something written beside the status (`statusReason`,
    `businessStatus`) or elsewhere (`words`, `labels`), and what it says that a clinician must hear, None for nothing.
    """

    element: str
    content: Report
    said: Said | None = None


class Kept(NamedTuple):
    """`new` says that there was anything that had not come before, `heard` that a clinician has been told, now or
    before, of what the sender wrote itself."""

    new: bool = False
    heard: bool = False


def keep_reports(
    tx: Transaction,
    rules: Rules,
    offer: Offer,
    base: Offer,
    reports: Sequence[Reported],
    now: datetime,
    *,
    decides: bool,
) -> Kept:
    """`base` is the offer as its sender had read it; `decides` says that the sender means to change the status. The
    caller holds the lock on the woman."""
    elements = {each.element for each in reports}
    read = _read(offer, base)
    if elements & {WORDS, LABELS}:
        shown: list[Report] = [{"text": each} for each in words_shown(tx, rules, offer)]
        read = {**read, WORDS: shown, LABELS: shown}
    known = {
        element: [*tx.offers.reports([offer.id], element).get(offer.id, ()), *read.get(element, ())]
        for element in elements
    }
    new: list[Reported] = []
    for each in reports:
        if each.content not in known[each.element]:
            known[each.element].append(each.content)
            new.append(each)
            tx.offers.add_report(offer.id, each.element, each.content, now)
    if any(each.said is not None for each in new):
        escalate(tx, rules, offer, _as_one(new, decides=decides), now, type="Task")
    own = (each for each in reports if each.content not in read.get(each.element, ()))
    return Kept(bool(new), any(each.said is not None for each in own))


def _read(*versions: Offer) -> Mapping[str, Sequence[Report]]:
    """What a programme may have read beside the status, and sends back with the whole Task."""
    return {
        STATUS_REASON: [{"text": each.status_reason} for each in versions],
        BUSINESS_STATUS: [{"text": each.business_status} for each in versions],
    }


def _as_one(reported: Sequence[Reported], *, decides: bool) -> Said:
    """Why a programme decided as it did, and how far it has come, wakes nobody at night unless it is called urgent.
    A reason without a decision is a note, and so are words elsewhere; labels are not. Beside a note all are part of it.
    """
    routine = {BUSINESS_STATUS, LABELS, *({STATUS_REASON} if decides else ())}
    return all_of([
        replace(each.said, called=each.said.called or Priority.ROUTINE) if each.element in routine else each.said
        for each in reported
        if each.said is not None
    ])  # fmt: skip
