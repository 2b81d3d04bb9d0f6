"""OBX -> what it is, how far it counts, and what numbers it states (v2-to-FHIR, OBX[Observation])."""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, partial
from operator import itemgetter
from typing import NamedTuple

from service.flow.received_message import Problem
from service.flow.rules import Rules
from service.hl7v2.dialect import Dialect
from service.hl7v2.read.codes import (
    FILES,
    Asked,
    Meaning,
    Triplet,
    Values,
    elsewhere,
    is_risk,
    is_unwelcome,
    meanings,
    scores,
    triplets,
    values_of,
)
from service.hl7v2.read.component import Tree, components
from service.hl7v2.read.fields import said
from service.hl7v2.segments import Delimiters, Segment
from service.screening.decide import cannot_be_scored
from service.screening.instrument import CodeUse, Role
from service.screening.result import DECIDING, VOID, Reading, Status, reading

# OBX-11, table 0085. U and V are final results whose status alone has changed; N says that it was not asked.
OBSERVED: Mapping[str, Status] = {
    "F": Status.FINAL, "U": Status.FINAL, "V": Status.FINAL, "N": Status.FINAL,
    "A": Status.AMENDED, "B": Status.AMENDED, "C": Status.CORRECTED,
    "P": Status.PRELIMINARY, "R": Status.PRELIMINARY, "S": Status.PRELIMINARY, "I": Status.REGISTERED,
    "X": Status.CANCELLED, "D": Status.ENTERED_IN_ERROR, "W": Status.ENTERED_IN_ERROR,
}  # fmt: skip
_NO_RESULT = "O"
NOT_SAID = frozenset({"N", _NO_RESULT})
"""OBX-11 of what was not asked, and of what describes the order."""
_CODE_UNKNOWN = (Problem.CODE_UNKNOWN, 3)
_WORDS = frozenset({"", "ST", "TX", "FT"})
# What is remembered is as long as a score, a code or a date.
_SHORT = 64
# A list of choices may be long; what has more values than this states none, and would be dear with every later message.
_MOST_VALUES = 100
# Neither the place of an OBX in the message nor its time, but all that says what it is.
_SAYS, _NOTHING = itemgetter(2, 3, 5, 6, 11), ("",) * 12
# OBR-25, table 0123; D is of table 0085, but is written there too.
_ORDERED: Mapping[str, Status] = {
    "F": Status.FINAL, "C": Status.CORRECTED, "P": Status.PRELIMINARY, "R": Status.PRELIMINARY, "A": Status.PRELIMINARY,
    "O": Status.REGISTERED, "I": Status.REGISTERED, "S": Status.REGISTERED,
    "X": Status.CANCELLED, "D": Status.ENTERED_IN_ERROR, "Y": Status.ENTERED_IN_ERROR, "Z": Status.ENTERED_IN_ERROR,
}  # fmt: skip
# Of a document TXA-17, table 0271, and TXA-19, table 0273, as far as it is not finished, or no more: so is all in it.
_DOCUMENT: Mapping[tuple[int, str], Status] = {
    **dict.fromkeys([(17, "DI"), (17, "IN"), (17, "IP"), (17, "PA")], Status.PRELIMINARY),
    (19, "CA"): Status.ENTERED_IN_ERROR, (19, "OB"): Status.CANCELLED,
}  # fmt: skip


class Observed(NamedTuple):
    """One OBX. `named` are its codes, `type` and `values` its OBX-2 and OBX-5 as they were sent, `components` what is
    shown of it.

    `meaning` is None for what is not known here; where it has `readings`, `what` names it: `item 3`. `wrong` says why
    it cannot be acted on, and in which field; then it has no `readings`. `has_no_score`: a result is decided by it as
    one that has none. `is_unwelcome`: it is about an event that makes contact so.
    """

    obx: Segment
    named: tuple[Triplet, ...]
    type: str
    values: Values
    meaning: Meaning | None
    status: Status
    components: list[Tree]
    is_unwelcome: bool
    what: str = ""
    readings: tuple[Reading, ...] = ()
    wrong: tuple[Problem, int] | None = None
    has_no_score: bool = False

    @property
    def decides(self) -> bool:
        return self.wrong is None and self.status in DECIDING

    @property
    def of_instrument(self) -> str | None:
        return self.meaning.instrument_id if isinstance(self.meaning, CodeUse) else None


def of_document(headers: Iterable[Segment]) -> Status | None:
    """None of one that is finished, and of what is none."""
    texts = [each for each in headers if each.name == "TXA"]
    found = (_DOCUMENT.get((field, each.text(field).upper())) for field in (19, 17) for each in texts)
    return next(filter(None, found), None)


def ordered(headers: Iterable[Segment]) -> Status | None:
    """OBR-25; None when it says nothing that is known."""
    found = (_ORDERED.get(each.text(25).upper()) for each in headers if each.name == "OBR")
    return next(filter(None, found), None)


def status_of(obx: Segment, unsaid: Status) -> Status:
    """OBX-11; `unsaid` where it is empty."""
    letter = said(obx, 11).upper()
    return OBSERVED.get(letter, Status.UNKNOWN) if letter else unsaid


def all_observed(
    observations: Iterable[Segment],
    asked: Asked,
    order_status: Status | None,
    dialect: Dialect,
    rules: Rules,
    *,
    unfinished: bool = False,
) -> list[Observed]:
    """Without what describes the order and is no result. Where OBX-11 says nothing, OBR-25 does; in a document that is
    `unfinished` also where it would decide."""
    seen = []
    for obx in observations:
        said = _SAYS([*obx.fields, *_NOTHING])
        if unfinished and OBSERVED.get(said[4].upper()) in DECIDING:
            said = (*said[:4], "")
        read = _remembered if len(said[2]) <= _SHORT else _remembered.__wrapped__
        one = read(said, obx.delimiters, obx.codec, asked, order_status, dialect, rules)
        if one is not None:
            seen.append(_at((obx, *one[1:])))
    return _words_heard(seen, asked, dialect, rules)


# What Observed(...) does, without a step through Python for each.
_at: Callable[[tuple[object, ...]], Observed] = partial(tuple.__new__, Observed)


# A hospital sends the same few hundred codes, each with one of a few answers, in every message.
@lru_cache(maxsize=4096)
def _remembered(
    said: tuple[str, str, str, str, str],
    delimiters: Delimiters,
    codec: str,
    asked: Asked,
    order_status: Status | None,
    dialect: Dialect,
    rules: Rules,
) -> Observed | None:
    type, code, value, unit, letter = said
    alone = Segment("OBX", 0, delimiters, codec, ("", "", type, code, "", value, unit, "", "", "", "", letter))
    return _observed(alone, asked, order_status, dialect, rules)


def _observed(
    obx: Segment, asked: Asked, order_status: Status | None, dialect: Dialect, rules: Rules
) -> Observed | None:
    letter = obx.text(11).upper()
    status = OBSERVED.get(letter) if letter else order_status
    named, type, values = triplets(obx, 3), obx.text(2).upper(), values_of(obx)
    found = meanings(named, asked.code, dialect, rules)
    if letter == _NO_RESULT:
        uses = [use for use in found or elsewhere(named, asked, dialect, rules) if isinstance(use, CodeUse)]
        if not any(is_risk(type, values, use, dialect, rules) for use in uses):
            return None
    if not found and type in FILES:
        found = _of_file(named, asked, dialect, rules)
    too_many = len(values) > _MOST_VALUES
    # What was taken back is not shown.
    shown = components(obx, named, type, values, dialect) if named and status not in VOID and not too_many else []
    unwelcome = is_unwelcome(named, type, values, dialect, rules)
    if len(found) == 1 and status is not None and not too_many:
        (meaning,) = found
        one = Observed(obx, named, type, values, meaning, status, shown, unwelcome)
        return one if type in FILES or not isinstance(meaning, CodeUse) else _stated(one, meaning, dialect, rules)
    decides = status in (None, *DECIDING)
    strays = elsewhere(named, asked, dialect, rules) if values and status not in VOID and not found else set()
    if not decides:
        # Where else it belongs its sender learns when it is final; a risk need not be.
        strays = {use for use in strays if is_risk(type, values, use, dialect, rules)}
    # Of several that contradict each other one, so that what is recognised in it is not lost.
    some = min(found or strays, key=str, default=None)
    wrong = None
    if found:
        problem = Problem.VALUE_UNREADABLE if letter or len(found) > 1 else Problem.VALUE_MISSING
        wrong = (Problem.VALUE_UNREADABLE, 5) if too_many else (problem, 3 if len(found) > 1 else 11)
    elif strays or (asked.instrument_id and values and decides and not (unwelcome or _belongs_beside(named, dialect))):
        wrong = _CODE_UNKNOWN
    return Observed(obx, named, type, values, some, status or Status.UNKNOWN, shown, unwelcome, wrong=wrong)


def _of_file(named: tuple[Triplet, ...], asked: Asked, dialect: Dialect, rules: Rules) -> set[Meaning]:
    """Whatever the file is called, it is what there is of the questionnaire."""
    known = {asked.instrument_id} - {None} or {use.instrument_id for use in elsewhere(named, asked, dialect, rules)}
    return {CodeUse(instrument_id, Role.PANEL) for instrument_id in known if instrument_id is not None}


def _stated(one: Observed, use: CodeUse, dialect: Dialect, rules: Rules) -> Observed:
    """With a reading of each value; of a value that is not there, that it is not there."""
    readings: tuple[Reading, ...] = (Reading(use.role, use.item, None),)
    if one.values:
        found = scores(one.type, one.values, use, dialect, rules)
        readings = tuple([reading(use, score, "OBX-5" if score is None else None) for score in found])
    instrument = rules.instruments[use.instrument_id]
    return one._replace(
        what=use.role.value if use.item is None else f"{use.role.value} {use.item}",
        readings=readings,
        has_no_score=one.decides and any(cannot_be_scored(each, instrument) for each in readings),
    )


def _belongs_beside(named: tuple[Triplet, ...], dialect: Dialect) -> bool:
    """Whether it is known, although it is of no instrument."""
    return any(each.code in dialect.ignored or each.code == dialect.respondent for each in named)


def _words_heard(seen: list[Observed], asked: Asked, dialect: Dialect, rules: Rules) -> list[Observed]:
    """Words, as they stand in a letter, are all that there is of a questionnaire where nothing else of it is known: as
    a file is, and told so in place of their code. Each OBX may be a line of them, so that the first stands for all."""
    if asked.instrument_id is None or any(one.readings for one in seen):
        return seen
    use = CodeUse(asked.instrument_id, Role.PANEL)
    words = [one for one in seen if one.wrong == _CODE_UNKNOWN and _is_words(one, use, dialect, rules)]
    heard = {one.obx.number: one._replace(meaning=None, wrong=None) for one in words}
    for first in words[:1]:
        wrong = None if first.status in DECIDING else (Problem.VALUE_MISSING, 11)
        heard[first.obx.number] = first._replace(meaning=use, wrong=wrong)
    return [heard.get(one.obx.number, one) for one in seen]


def _is_words(one: Observed, use: CodeUse, dialect: Dialect, rules: Rules) -> bool:
    of_another = one.of_instrument not in (None, use.instrument_id)
    return one.type in _WORDS and not of_another and set(scores(one.type, one.values, use, dialect, rules)) == {None}
