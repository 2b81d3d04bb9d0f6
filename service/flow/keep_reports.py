"""Keep what a programme reports on its Task, and put what a volunteer wrote in it to a clinician (DESIGN 9)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce
from operator import or_
from typing import NamedTuple

from service.flow.answer import Told
from service.flow.escalate import escalate
from service.flow.hear_words import ask_each_to_ring, offers_meant
from service.flow.new_words import new_words
from service.flow.ports import Transaction
from service.flow.received import NOBODY, Naming, Received
from service.flow.rules import Rules
from service.flow.words_shown import words_shown
from service.referrals.escalation import Said, all_of
from service.referrals.offer import Offer
from service.screening.instrument import Priority

Report = dict[str, object]
STATUS_REASON, BUSINESS_STATUS = "statusReason", "businessStatus"
WORDS, LABELS = "words", "labels"
"""What stands in any other element of the Task: text, and displays, types and narrative, which a program writes too."""
APPENDED = frozenset({"note", "output"})
WITHHELD = "withheld"
"""A report in which the words of a message that named several women came: shown to nobody, and told once."""


@dataclass(frozen=True, slots=True)
class Reported:
    """An entry of `note` or `output` as it was sent, or something written beside the status (`statusReason`,
    `businessStatus`) or elsewhere (`words`, `labels`), and what it says that a clinician must hear, None for nothing.
    `naming` is whom it may name that the rest of the Task does not.
    """

    element: str
    content: Report
    said: Said | None = None
    naming: Naming = NOBODY


class Kept(NamedTuple):
    """`new` says that there was anything that had not come before, `told` who has been told, now or before, of what the
    sender wrote itself. `withheld` says that what is written beside the status is for nobody to read."""

    new: bool = False
    told: Told | None = None
    withheld: bool = False


def keep_reports(
    tx: Transaction,
    rules: Rules,
    offer: Offer,
    base: Offer,
    reports: Sequence[Reported],
    now: datetime,
    *,
    naming: Naming,
    received: Received,
    decides: bool,
    whole: bool,
) -> Kept:
    """`base` is the offer as its sender had read it, `naming` whom what was `received` may name beside its reports;
    `decides` says that the sender means to change the status, `whole` that the Task comes back with all its parts. The
    caller holds the lock on every woman who is named."""
    elements = {each.element for each in reports}
    read = _read(offer, base)
    if elements & {WORDS, LABELS}:
        shown: list[Report] = [{"text": each} for each in words_shown(tx, rules, offer)]
        read = {**read, WORDS: shown, LABELS: shown}
    kept = {each: tx.offers.reports([offer.id], each).get(offer.id, ()) for each in elements}
    new = _new_among(
        reports,
        kept,
        read,
        lambda said: not whole and new_words(tx, offer, said, now, resource=None, lately=offer.id).says_something,
    )
    said = [each for each in new if each.said is not None]
    women = offers_meant(tx, reduce(or_, (each.naming for each in said), naming), offer) if said else []
    if len(women) > 1:
        return _withhold(tx, rules, offer, women, new, received, now)
    for each in new:
        tx.offers.add_report(offer.id, each.element, each.content, now)
    if said:
        escalate(tx, rules, offer, as_one(said, decides=decides), now, type="Task", source=offer.id)
    own = any(each.said is not None and each.content not in read.get(each.element, ()) for each in reports)
    return Kept(bool(new), Told.HER_CLINICIAN_ALL_THE_SAME if own else None)


def _new_among(
    reports: Sequence[Reported],
    kept: Mapping[str, Sequence[Report]],
    read: Mapping[str, Sequence[Report]],
    said_anew: Callable[[Said], bool],
) -> list[Reported]:
    """What does not come back with the whole Task. A note or an output that stands there once and comes twice was
    written anew, and so may be one that comes without the whole; what stands elsewhere is the same however often it
    comes."""
    back = {element: list(contents) for element, contents in kept.items()}
    new: list[Reported] = []
    for each in reports:
        before = back[each.element]
        if each.content in before and each.element in APPENDED:
            before.remove(each.content)
            if each.said is not None and said_anew(each.said):
                new.append(each)
        elif each.content not in before and each.content not in read.get(each.element, ()):
            new.append(each)
            before += [] if each.element in APPENDED else [each.content]
    return new


def _withhold(
    tx: Transaction,
    rules: Rules,
    offer: Offer,
    women: Sequence[Offer],
    new: Sequence[Reported],
    received: Received,
    now: datetime,
) -> Kept:
    """Keep no word of it where a hospital reads, and ask for it once. What is sent again with one woman is heard."""
    asked = tx.offers.reports([offer.id], WITHHELD).get(offer.id, [])
    unasked = [each for each in new if each.said is None or each.content not in asked]
    for each in unasked:
        tx.offers.add_report(offer.id, each.element if each.said is None else WITHHELD, each.content, now)
    if any(each.said is not None for each in unasked):
        ask_each_to_ring(tx, rules, women, received.fingerprint(), now)
    beside = any(each.said is not None and each.element in (STATUS_REASON, BUSINESS_STATUS) for each in new)
    return Kept(bool(unasked), Told.SEVERAL_CLINICS, beside)


def _read(*versions: Offer) -> Mapping[str, Sequence[Report]]:
    """What a programme may have read beside the status, and sends back with the whole Task."""
    return {
        STATUS_REASON: [{"text": each.status_reason} for each in versions],
        BUSINESS_STATUS: [{"text": each.business_status} for each in versions],
    }


def as_one(reported: Sequence[Reported], *, decides: bool) -> Said:
    """Why a programme decided as it did, and how far it has come, wakes nobody at night unless it is called urgent.
    A reason without a decision is a note, and so are words elsewhere; labels are not. Beside a note all are part of it.
    """
    routine = {BUSINESS_STATUS, LABELS, *({STATUS_REASON} if decides else ())}
    return all_of([
        replace(each.said, called=each.said.called or Priority.ROUTINE) if each.element in routine else each.said
        for each in reported
        if each.said is not None
    ])  # fmt: skip
