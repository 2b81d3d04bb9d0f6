"""What one CON, or one observation by which a site tells of consent, says, and how far: yes, no, or what may be a
no."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from service.flow.received_message import Flaw, Problem
from service.hl7v2.dialect import Dialect
from service.hl7v2.read.codes import NO, Triplet, Values, triplets, values_of
from service.hl7v2.read.fields import at, of, said
from service.hl7v2.read.observed import NOT_SAID, of_document, ordered, status_of
from service.hl7v2.segments import Segment
from service.hl7v2.site_codes import ConsentRule
from service.hl7v2.times import local_moment
from service.screening.result import DECIDING, STILL_TO_COME, VOID, Status

TYPE, LIMITS, STATUS, DECIDED, BEGINS, ENDS, CONSENTER, RELATIONSHIP = 2, 9, 11, 13, 14, 15, 24, 25
# Table 0498. Anything else that is written there (refused, rescinded, limited, bypassed) is no yes.
_ACTIVE, _PENDING = "A", "P"
# What may stand in a yes that is hers, whole and informed: no limits; that she can decide (table 0136); no reason why
# she was not asked (0499); that she was told all (0500), and no reason why not (0501); no reason why another decides
# (0502); and that who signs is herself (0548, 0063).
_PLAIN: Mapping[int, frozenset[str]] = {
    LIMITS: frozenset(), 16: frozenset({"Y"}), 20: frozenset(), 21: frozenset({"F"}), 22: frozenset(), 23: frozenset(),
    RELATIONSHIP: frozenset({"1", "SEL"}),
}  # fmt: skip
# Of an observation that says nothing any more.
_REVISED = frozenset({Status.AMENDED, Status.CORRECTED})


Headers = tuple[Segment, ...]


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
    for segment, headers in in_orders(segments):
        if segment.name == "CON":
            word = _of_con(segment, dialect)
            if word is None:
                flaws.append(Flaw(Problem.CODE_UNKNOWN, at(segment, TYPE)))
            else:
                yield word
        elif segment.name == "OBX":
            found = _of_obx(segment, headers, dialect)
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
        if each.name == "CON" or (each.name == "OBX" and _rule(triplets(each, 3), dialect)[1] is not None)
    ]


def _of_con(con: Segment, dialect: Dialect) -> Word | None:
    code, rule = _rule(triplets(con, TYPE), dialect)
    if rule is None:
        return None
    status = said(con, STATUS).upper()
    word = Word(con, code, rule, False, STATUS, said(con, DECIDED), DECIDED, said(con, BEGINS), said(con, ENDS))
    if not status:
        return replace(word, agrees=Problem.VALUE_MISSING, doubtful=True)
    if status == _PENDING:
        return replace(word, agrees=None)
    return _yes_of(word, dialect) if status == _ACTIVE else word


def _yes_of(word: Word, dialect: Dialect) -> Word:
    """What limits a yes of hers may take back a wider one; what somebody else has agreed to takes back nothing."""
    written = {field: _written(word.segment, field) for field in (*_PLAIN, CONSENTER)}
    field = next((field for field, plain in _PLAIN.items() if not written[field] <= plain), None)
    if field is None and written[CONSENTER] and not written[RELATIONSHIP]:
        field = CONSENTER
    if field is not None:
        return replace(word, agrees=Problem.YES_NOT_PLAIN, answer=field, doubtful=field == LIMITS)
    for field in (BEGINS, ENDS):
        if (day := said(word.segment, field)) and local_moment(day, dialect.zone) is None:
            return replace(word, agrees=Problem.VALUE_UNREADABLE, answer=field, doubtful=True)
    return replace(word, agrees=True)


def _written(segment: Segment, field: int) -> set[str]:
    """The first component of each repetition that says anything, or what stands in its place."""
    found = ((of(parts, number) for number in range(1, len(parts) + 1)) for parts in segment.repetitions(field))
    return {next(filter(None, each), "").upper() for each in found} - {""}


def _of_obx(obx: Segment, headers: Headers, dialect: Dialect) -> Word | None:
    code, rule = _rule(triplets(obx, 3), dialect)
    if rule is None:
        return None
    word = Word(obx, code, rule, None, 5, when(obx, headers), 14)
    status, values = counts(obx, headers), values_of(obx)
    answer = answered(values, rule.yes, rule.no)
    if status in VOID or (status in _REVISED and not values):
        return replace(word, agrees=False, void=True, doubtful=answer is not False)
    if answer is False:
        return replace(word, agrees=False)
    if not values or status is None or status in STILL_TO_COME:
        return word
    if answer is None:
        return replace(word, agrees=Problem.CODE_UNKNOWN, doubtful=True)
    if is_taken_back(headers):
        return replace(word, agrees=Problem.VALUE_UNREADABLE, answer=11, doubtful=True)
    if status not in DECIDING:
        return replace(word, agrees=Problem.VALUE_UNREADABLE if said(obx, 11) else Problem.VALUE_MISSING, answer=11)
    return replace(word, agrees=True)


# A hospital writes the same few hundred codes in every message.
@lru_cache(maxsize=4096)
def _rule(named: tuple[Triplet, ...], dialect: Dialect) -> tuple[str, ConsentRule | None]:
    """A no is not lost for the case of a letter, nor for a blank."""
    codes = {folded(each.code) for each in named}
    return next(((code, rule) for code, rule in dialect.codes.consents.items() if folded(code) in codes), ("", None))


def answered(values: Values, yes: Iterable[str], no: Iterable[str] = ()) -> bool | None:
    """In whatever case; what reads as no is one, unless it is a yes here. None when nobody can tell, or where there is
    no answer."""
    agreed = set(map(folded, yes))
    refused = {*map(folded, no), *map(folded, NO)} - agreed
    words = {folded(part) for parts in values for part in parts[:2] if part}
    return False if words & refused else True if words & agreed else None


def folded(word: str) -> str:
    return word.strip(" .").casefold()


def in_orders(segments: Iterable[Segment]) -> Iterator[tuple[Segment, Headers]]:
    """Each segment, and the OBR and the TXA above it."""
    above: dict[str, Segment] = {}
    headers: Headers = ()
    for segment in segments:
        if segment.name in ("OBR", "TXA"):
            above[segment.name] = segment
            headers = tuple(above.values())
        yield segment, headers


def counts(obx: Segment, headers: Headers) -> Status | None:
    """How far an answer counts: where OBX-11 says nothing, as OBR-25 does; in a document no further than that. None
    when it says that none was given."""
    if said(obx, 11).upper() in NOT_SAID:
        return None
    document, in_order = of_document(headers), any(each.name == "OBR" for each in headers)
    status = status_of(obx, ordered(headers) or (Status.UNKNOWN if in_order else Status.FINAL))
    return document if document in STILL_TO_COME and status in DECIDING else status


def when(obx: Segment, headers: Headers) -> str:
    """When it was said, as it is written."""
    return said(obx, 14) or next((said(each, 7) for each in headers if each.name == "OBR"), "")


def is_taken_back(headers: Headers) -> bool:
    return ordered(headers) in VOID or of_document(headers) in VOID
