"""What is said beside a yes, and holds for every yes in the message, and how she may safely be reached, which may be
said alone. What is not known to be safe is not."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from service.consent.safe_contact import Channel, Mode, Permission, SafeContact
from service.flow.received_message import Flaw, Problem
from service.hl7v2.dialect import Dialect
from service.hl7v2.read.codes import YES, triplets, values_of
from service.hl7v2.read.consent_word import answered, counts, in_orders, is_taken_back
from service.hl7v2.read.fields import at, said
from service.hl7v2.segments import Segment
from service.hl7v2.site_codes import ConsentRule, Detail
from service.hl7v2.times import moment
from service.screening.result import DECIDING, VOID

_PERMITS: Mapping[bool, Permission] = {True: Permission.ALLOW, False: Permission.DENY}
_WAYS = frozenset(Detail(mode.value) for mode in Mode)
OF_A_YES = frozenset({Detail.REPORT_BACK, Detail.UNTIL})
"""What is said of a yes, and not of how she may be reached."""


class Beside(NamedTuple):
    """One observation. `stands`: it was not taken back. `answer` is what it says to a question, None where nobody can
    tell."""

    obx: Segment
    stands: bool
    answer: bool | None


Details = Mapping[Detail, Beside]


def details_in(segments: Iterable[Segment], dialect: Dialect) -> dict[Detail, Beside]:
    known, rules = dialect.codes.details, dialect.codes.consents.values()
    found: dict[Detail, Beside] = {}
    for obx, order in in_orders(segments) if known else ():
        for each in triplets(obx, 3) if obx.name == "OBX" else ():
            if each.code in known and (status := counts(obx, order)) in DECIDING | VOID:
                answer = answered(values_of(obx), YES.union(*(rule.yes for rule in rules)), _no_of(rules))
                found[known[each.code]] = Beside(obx, status in DECIDING and not is_taken_back(order), answer)
    return found


def _no_of(rules: Iterable[ConsentRule]) -> frozenset[str]:
    return frozenset[str]().union(*(rule.no for rule in rules))


def safe_contact(details: Details, dialect: Dialect, *, agrees: bool) -> SafeContact | None:
    """What is not said is denied. None when nothing is said of it; but beside a yes (`agrees`) that says that no way is
    safe, where the site has a code for any."""
    if not details.keys() - OF_A_YES and not (agrees and _WAYS.intersection(dialect.codes.details.values())):
        return None
    channels = [_channel(mode, details[Detail(mode.value)]) for mode in Mode if Detail(mode.value) in details]
    review, voicemail = details.get(Detail.REVIEW_BY), details.get(Detail.VOICEMAIL)
    until = None if review is None else moment(said(review.obx, 5), dialect.zone)
    # Of a review that cannot be read nobody knows whether it is overdue.
    known = review is None or _is_read(Detail.REVIEW_BY, review, dialect)
    return SafeContact(
        channels=tuple(channels) if known else (),
        voicemail=_PERMITS[says_yes(voicemail)],
        caller_description=_text(details.get(Detail.CALLER_DESCRIPTION)),
        code_word=_text(details.get(Detail.CODE_WORD)),
        review_by=until.begins.date() if until else None,
    )


def unread(details: Details, dialect: Dialect) -> Iterator[Flaw]:
    """What of it nobody can read."""
    for detail, one in details.items():
        if one.stands and values_of(one.obx) and not _is_read(detail, one, dialect):
            yield Flaw(Problem.VALUE_UNREADABLE, at(one.obx, 5))


def says_yes(one: Beside | None) -> bool:
    return one is not None and one.stands and one.answer is True


def _is_read(detail: Detail, one: Beside, dialect: Dialect) -> bool:
    match detail:
        case Detail.CALLER_DESCRIPTION | Detail.CODE_WORD:
            return True
        case Detail.VOICEMAIL | Detail.REPORT_BACK:
            return one.answer is not None
        case Detail.UNTIL | Detail.REVIEW_BY:
            return not said(one.obx, 5) or moment(said(one.obx, 5), dialect.zone) is not None
        case _:
            return one.answer is False or _channel(Mode(detail.value), one).usable()


def _text(one: Beside | None) -> str | None:
    return said(one.obx, 5) or None if one is not None and one.stands else None


def _channel(mode: Mode, one: Beside) -> Channel:
    if not one.stands or one.answer is False:
        return Channel(mode, Permission.DENY)
    written = (said(one.obx, 5, component) for component in (1, 4, 12))
    value = next((each for each in written if Channel(mode, Permission.ALLOW, each).address() is not None), None)
    return Channel(mode, _PERMITS[value is not None or (mode is Mode.IN_PERSON and says_yes(one))], value)
