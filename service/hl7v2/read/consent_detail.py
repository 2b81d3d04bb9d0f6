"""What is said beside a yes, and holds for every yes in the message, and how she may safely be reached, which may be
said alone. What is not known to be safe is not."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from service.consent.safe_contact import UNDATED, Channel, Mode, Permission, SafeContact
from service.flow.received_message import Flaw, Problem
from service.hl7v2.dialect import Dialect
from service.hl7v2.read.codes import YES, Triplet, triplets, values_of
from service.hl7v2.read.consent_word import (
    Headers,
    answered,
    counts,
    folded,
    in_orders,
    is_taken_back,
    nobodys_consents,
    refuses,
    when,
)
from service.hl7v2.read.fields import at, said
from service.hl7v2.segments import NULL, Segment
from service.hl7v2.site_codes import ConsentRule, Detail
from service.hl7v2.times import ends, local_moment, moment
from service.screening.result import DECIDING, VOID
from service.shared.clock import is_to_come

_PERMITS: Mapping[bool, Permission] = {True: Permission.ALLOW, False: Permission.DENY}
_WAYS = frozenset(Detail(mode.value) for mode in Mode)
_QUESTIONS = _WAYS | {Detail.VOICEMAIL, Detail.REPORT_BACK}
OF_A_YES = frozenset({Detail.REPORT_BACK, Detail.UNTIL})
"""What is said of a yes, and not of how she may be reached."""


class Beside(NamedTuple):
    """One observation. `stands`: it was not taken back, or deleted. `answer` is what it says to a question, None where
    nobody can tell. `counts`: it is final, or taken back; else it is a no, which counts for what it is about alone.
    `said_at` is None where it has no time."""

    obx: Segment
    stands: bool
    answer: bool | None
    counts: bool
    said_at: datetime | None = None

    @property
    def denies(self) -> bool:
        return self.answer is False or not self.stands

    def since(self, now: datetime) -> datetime:
        """A no without a time counts from now; of anything else nobody knows whether it is older than what is known."""
        return self.said_at or (now if self.denies else UNDATED)


Details = Mapping[Detail, Sequence[Beside]]
"""The newest of each; several where they are of one time."""


def details_in(segments: Iterable[Segment], dialect: Dialect, now: datetime) -> Details:
    return {detail: _newest(told, now) for detail, told in _told(segments, dialect, now).items()}


def tells_ways(segments: Iterable[Segment], dialect: Dialect) -> bool:
    """Whether a yes among them tells which ways are safe: the site has a code for one, and none is written that is not
    final yet."""
    ways = ((Mode(detail.value), one) for detail, one, _ in _observed(segments, dialect) if detail in _WAYS)
    awaited = any(not one.counts and _channel(mode, one, UNDATED).usable() for mode, one in ways)
    return not awaited and not _WAYS.isdisjoint(dialect.codes.details.values())


def nobodys_words(segments: Iterable[Segment], dialect: Dialect, now: datetime) -> tuple[list[Flaw], bool]:
    """What is said of consent, or denied of a way to reach somebody, where nobody can tell who says it; and whether
    anybody says no."""
    segments = tuple(segments)
    ways = _told(segments, dialect, now)
    denied = [one.obx for way in _WAYS & ways.keys() for one in ways[way] if one.denies]
    flaws = [Flaw(Problem.IDENTIFIER_UNUSABLE, at(each)) for each in denied]
    return [*nobodys_consents(segments, dialect), *flaws], bool(denied) or refuses(segments, dialect)


def _told(segments: Iterable[Segment], dialect: Dialect, now: datetime) -> dict[Detail, list[Beside]]:
    found: dict[Detail, list[Beside]] = defaultdict(list)
    for detail, one, headers in _observed(segments, dialect):
        if one.counts or (one.answer is False and detail in _QUESTIONS):
            found[detail].append(one._replace(said_at=_said_at(one, headers, dialect, now)))
    return found


def _observed(segments: Iterable[Segment], dialect: Dialect) -> Iterator[tuple[Detail, Beside, Headers]]:
    """However final they are, and without their times."""
    known, rules = dialect.codes.details, dialect.codes.consents.values()
    for obx, headers in in_orders(segments) if known else ():
        detail = _detail(triplets(obx, 3), dialect) if obx.name == "OBX" else None
        if detail is not None:
            status = counts(obx, headers)
            answer = answered(values_of(obx), YES.union(*(rule.yes for rule in rules)), _no_of(rules))
            stands = status not in VOID and not is_taken_back(headers) and obx.raw(5) != NULL
            yield detail, Beside(obx, stands, answer, status in DECIDING | VOID), headers


def _no_of(rules: Iterable[ConsentRule]) -> frozenset[str]:
    return frozenset[str]().union(*(rule.no for rule in rules))


# A hospital writes the same few hundred codes in every message.
@lru_cache(maxsize=4096)
def _detail(named: tuple[Triplet, ...], dialect: Dialect) -> Detail | None:
    codes = {folded(each.code) for each in named}
    return next((detail for code, detail in dialect.codes.details.items() if folded(code) in codes), None)


def _said_at(one: Beside, headers: Headers, dialect: Dialect, now: datetime) -> datetime | None:
    """A no that has only a day counts from the end of that day."""
    told = local_moment(when(one.obx, headers), dialect.zone)
    if told is None or is_to_come(told.begins, now):
        return None
    return min(ends(told, dialect.zone) if one.denies else told.begins, now)


def _newest(found: Sequence[Beside], now: datetime) -> Sequence[Beside]:
    newest = max(one.since(now) for one in found)
    return [one for one in found if one.since(now) == newest]


def safe_contact(details: Details, dialect: Dialect, now: datetime, agreed_at: datetime | None) -> SafeContact | None:
    """What is not said is denied. None when nothing is said of it; but beside a yes that tells the ways that says that
    none is safe, as of the time of the yes (`agreed_at`)."""
    ways = {mode: details.get(Detail(mode.value), ()) for mode in Mode}
    channels = tuple(way for mode, told in ways.items() for way in _channels(mode, told, now))
    all_told = [one for detail, told in details.items() if detail not in OF_A_YES for one in told]
    if agreed_at is None and not any(one.counts for one in all_told):
        return SafeContact(channels) if channels else None
    reviews = details.get(Detail.REVIEW_BY, ())
    days = [day for one in reviews if (day := moment(said(one.obx, 5), dialect.zone)) is not None]
    # Of a review that cannot be read nobody knows whether it is overdue.
    channels = channels if all(_is_read(Detail.REVIEW_BY, one, dialect) for one in reviews) else ()
    if any(each.usable() for each in channels):
        dated = (one.said_at for told in ways.values() for one in told if one.said_at is not None)
        said_at: datetime | None = max(dated, default=UNDATED)
    else:
        said_at = max((one.said_at or now for one in all_told if one.counts), default=agreed_at)
    return SafeContact(
        channels=channels,
        voicemail=_PERMITS[says_yes(details.get(Detail.VOICEMAIL, ()))],
        caller_description=_text(details.get(Detail.CALLER_DESCRIPTION, ())),
        code_word=_text(details.get(Detail.CODE_WORD, ())),
        review_by=min(days).begins.date() if days else None,
        said_at=said_at,
    )


def unread(details: Details, dialect: Dialect) -> Iterator[Flaw]:
    """What of it nobody can read."""
    for detail, told in details.items():
        for one in told:
            if one.stands and values_of(one.obx) and not _is_read(detail, one, dialect):
                yield Flaw(Problem.VALUE_UNREADABLE, at(one.obx, 5))


def says_yes(told: Iterable[Beside]) -> bool:
    """Whether it is said, and nothing else of the same time."""
    return {one.stands and one.answer is True for one in told} == {True}


def _is_read(detail: Detail, one: Beside, dialect: Dialect) -> bool:
    match detail:
        case Detail.CALLER_DESCRIPTION | Detail.CODE_WORD:
            return True
        case Detail.VOICEMAIL | Detail.REPORT_BACK:
            return one.answer is not None
        case Detail.UNTIL | Detail.REVIEW_BY:
            return not said(one.obx, 5) or moment(said(one.obx, 5), dialect.zone) is not None
        case _:
            return one.answer is False or _channel(Mode(detail.value), one, UNDATED).usable()


def _text(told: Iterable[Beside]) -> str | None:
    texts = {said(one.obx, 5) if one.stands else "" for one in told}
    return texts.pop() or None if len(texts) == 1 else None


def _channels(mode: Mode, told: Iterable[Beside], now: datetime) -> list[Channel]:
    """What is said of one way at one time, and not the same, is no way."""
    found = [_channel(mode, one, now) for one in told]
    differ = len({(each.permission, each.address()) for each in found}) > 1
    return [*found, Channel(mode, Permission.DENY, said_at=found[0].said_at)] if differ else found


def _channel(mode: Mode, one: Beside, now: datetime) -> Channel:
    if one.denies:
        return Channel(mode, Permission.DENY, said_at=one.since(now))
    # Of what is empty, or cannot be read, nobody knows.
    written = (said(one.obx, 5, component) for component in (1, 4, 12))
    value = next((each for each in written if Channel(mode, Permission.ALLOW, each).address() is not None), None)
    allowed = value is not None or (mode is Mode.IN_PERSON and one.answer is True)
    return Channel(mode, Permission.ALLOW if allowed else Permission.UNKNOWN, value, one.since(now))
