"""What one CON, or one observation by which a site tells of consent, says, and how far: yes, no, or what may be a
no."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from service.flow.received_message import Flaw, Problem
from service.hl7v2.dialect import Dialect
from service.hl7v2.read.codes import NO, Values, triplets, values_of
from service.hl7v2.read.fields import at, said
from service.hl7v2.read.observed import NOT_SAID, ordered, status_of
from service.hl7v2.segments import Segment
from service.hl7v2.site_codes import ConsentRule
from service.screening.result import DECIDING, STILL_TO_COME, VOID, Status

TYPE, STATUS, DECIDED, BEGINS, ENDS = 2, 11, 13, 14, 15
# Table 0498. Anything else that is written there (refused, rescinded, limited, bypassed) is no yes.
_ACTIVE, _PENDING = "A", "P"


@dataclass(frozen=True, slots=True)
class Word:
    """What one segment says: `agrees` None when it says nothing yet, a Problem when nobody can tell what. `decided`,
    `begins` and `ends` are as written; `place` is the field with the time, `answer` the one with the yes or no.
    `doubtful`: it may be a no, or take back a yes that is known by another time."""

    segment: Segment
    code: str
    rule: ConsentRule
    agrees: bool | Problem | None
    answer: int
    decided: str
    place: int
    begins: str = ""
    ends: str = ""
    void: bool = False
    doubtful: bool = False


def words_in(segments: Iterable[Segment], dialect: Dialect, flaws: list[Flaw]) -> Iterator[Word]:
    for segment, order in in_orders(segments):
        if segment.name == "CON":
            word = _of_con(segment, dialect)
            if word is None:
                flaws.append(Flaw(Problem.CODE_UNKNOWN, at(segment, TYPE)))
            else:
                yield word
        elif segment.name == "OBX":
            found = _of_obx(segment, order, dialect)
            if found is not None:
                yield found


def refuses(segments: Iterable[Segment], dialect: Dialect) -> bool:
    """Whether somebody says no in them, or takes back a yes, or may do so."""
    return any(word.agrees is False or word.doubtful for word in words_in(segments, dialect, []))


def nobodys_consents(segments: Iterable[Segment], dialect: Dialect) -> list[Flaw]:
    """What is said of consent where nobody can tell who says it, for a person to find out."""
    return [
        Flaw(Problem.IDENTIFIER_UNUSABLE, at(each))
        for each in segments
        if each.name == "CON" or (each.name == "OBX" and _rule(each, 3, dialect)[1] is not None)
    ]


def _of_con(con: Segment, dialect: Dialect) -> Word | None:
    code, rule = _rule(con, TYPE, dialect)
    if rule is None:
        return None
    status = said(con, STATUS).upper()
    agrees: bool | Problem | None = None if status == _PENDING else status == _ACTIVE
    agrees = agrees if status else Problem.VALUE_MISSING
    return Word(con, code, rule, agrees, STATUS, said(con, DECIDED), DECIDED, said(con, BEGINS), said(con, ENDS))


def _of_obx(obx: Segment, order: Segment | None, dialect: Dialect) -> Word | None:
    code, rule = _rule(obx, 3, dialect)
    if rule is None:
        return None
    decided = said(obx, 14) or (said(order, 7) if order else "")
    word = Word(obx, code, rule, None, 5, decided, 14)
    status, values = counts(obx, order), values_of(obx)
    answer = answered(values, rule.yes, rule.no)
    if status in VOID:
        return replace(word, agrees=False, void=True, doubtful=answer is not False)
    if answer is False:
        return replace(word, agrees=False)
    if not values or status is None or status in STILL_TO_COME:
        return word
    if answer is None:
        return replace(word, agrees=Problem.CODE_UNKNOWN, doubtful=True)
    if is_taken_back(order):
        return replace(word, agrees=Problem.VALUE_UNREADABLE, answer=11, doubtful=True)
    if status not in DECIDING:
        return replace(word, agrees=Problem.VALUE_UNREADABLE if said(obx, 11) else Problem.VALUE_MISSING, answer=11)
    return replace(word, agrees=True)


def _rule(segment: Segment, field: int, dialect: Dialect) -> tuple[str, ConsentRule | None]:
    rules = dialect.codes.consents
    if segment.name == "CON":
        # A no is not lost for the case of a letter. Of an OBX a result has too many to look so closely.
        folded = {each.code.casefold() for each in triplets(segment, field)}
        return next(((code, rules[code]) for code in rules if code.casefold() in folded), ("", None))
    for each in triplets(segment, field):
        if each.code in rules:
            return each.code, rules[each.code]
    return "", None


def answered(values: Values, yes: Iterable[str], no: Iterable[str] = ()) -> bool | None:
    """In whatever case; what reads as no is one, unless it is a yes here. None when nobody can tell, or where there is
    no answer."""
    agreed = set(map(_folded, yes))
    refused = {*map(_folded, no), *map(_folded, NO)} - agreed
    words = {_folded(part) for parts in values for part in parts[:2] if part}
    return False if words & refused else True if words & agreed else None


def _folded(word: str) -> str:
    return word.strip(" .").casefold()


def in_orders(segments: Iterable[Segment]) -> Iterator[tuple[Segment, Segment | None]]:
    """Each segment, and the OBR above it."""
    order = None
    for segment in segments:
        order = segment if segment.name == "OBR" else order
        yield segment, order


def counts(obx: Segment, order: Segment | None) -> Status | None:
    """How far an answer counts: where OBX-11 says nothing, as OBR-25 does. None when it says that none was given."""
    if said(obx, 11).upper() in NOT_SAID:
        return None
    return status_of(obx, Status.FINAL if order is None else ordered([order]) or Status.UNKNOWN)


def is_taken_back(order: Segment | None) -> bool:
    return order is not None and ordered([order]) in VOID
