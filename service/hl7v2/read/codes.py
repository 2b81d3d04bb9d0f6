"""What a code stands for here, and what number a value states."""

import re
from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from service.flow.rules import Rules
from service.hl7v2.dialect import Dialect
from service.hl7v2.segments import NULL, Delimiters, Segment
from service.screening.instrument import CodeUse, Context, Role
from service.screening.result import whole_score

Meaning = CodeUse | Context
Values = tuple[tuple[str, ...], ...]

# Where the triplets of a CWE begin, from 0, and where each has the object identifier of its coding system; version 2.6
# added the third, and 2.7 the identifiers.
_TRIPLETS = ((0, 13), (3, 16), (9, 19))
FILES = frozenset({"ED", "RP"})
"""The types (table 0125) of a value that is a file, or a way to one: nothing can be read of it."""
CODED = frozenset({"CE", "CWE", "CNE", "CF", "ID", "IS"})
_NUMBER = re.compile(r"[+-]?\d{1,9}(\.\d*)?", re.ASCII)
# What a coded answer of no is written as: the fact that its question asks about is none. And one of yes.
NO = frozenset({"N", "NO", "FALSE", "0"})
YES = frozenset({"Y", "YES", "TRUE", "1"})


class Triplet(NamedTuple):
    code: str
    display: str
    system: str


class Asked(NamedTuple):
    """What a code comes under: the local code of the order, as the site knows it, and the instrument that it is.
    `ignored`: the site says that it is none."""

    code: str
    instrument_id: str | None
    ignored: bool = False


NOTHING_ASKED = Asked("", None)


def triplets(segment: Segment, field: int) -> tuple[Triplet, ...]:
    """The codes of the first repetition, none of them empty."""
    return _written(segment.raw(field), segment.delimiters, segment.codec)


# A hospital writes the same few hundred codes in every message.
@lru_cache(maxsize=4096)
def _written(field: str, delimiters: Delimiters, codec: str) -> tuple[Triplet, ...]:
    alone = Segment("", 0, delimiters, codec, ("", field))
    return next((triplets_of(each) for each in alone.repetitions(1)), ())


def triplets_of(parts: tuple[str, ...]) -> tuple[Triplet, ...]:
    """The codes of one CWE, given as its components."""
    padded = (*parts, *[""] * 20)
    found = (
        Triplet(padded[begin], padded[begin + 1], padded[begin + 2] or padded[identified])
        for begin, identified in _TRIPLETS
        if begin < len(parts)
    )
    return tuple(each for each in found if each.code and each.code != NULL)


def meanings(found: tuple[Triplet, ...], order: str, dialect: Dialect, rules: Rules) -> set[Meaning]:
    """Several codes are to say the same thing; unknown ones do not count. More than one meaning is a contradiction."""
    said: set[Meaning] = set()
    for each in found:
        code = dialect.code(each.code, each.system)
        if code is None:
            use: Meaning | None = dialect.use(each.code, order)
            context = dialect.context.get(each.code)
        else:
            use, context = rules.by_code.get(code), rules.context_codes.get(code)
        if use is not None:
            said.add(use)
        if context is not None:
            said.add(context)
    if len(said) > 1:
        # The panel's code beside the total's is common: it is the panel, and a number under it is the total all the
        # same.
        panels = {each.instrument_id for each in said if isinstance(each, CodeUse) and each.role is Role.PANEL}
        said -= {CodeUse(panel, Role.TOTAL) for panel in panels}
    return said


def ordered_code(header: Segment) -> tuple[Triplet, ...]:
    """What was ordered (OBR-4), or which type of document it is (TXA-2)."""
    return triplets(header, 2 if header.name == "TXA" else 4)


def asked_by(headers: Iterable[Segment], dialect: Dialect, rules: Rules) -> Asked:
    """By OBR-4, else by OBR-15, where some senders write which questionnaire it is; of a document by TXA-2 too."""
    found = [_asked_by(each, dialect, rules) for each in headers]
    return next((each for each in found if each.instrument_id is not None), found[0] if found else NOTHING_ASKED)


def _asked_by(header: Segment, dialect: Dialect, rules: Rules) -> Asked:
    named = ordered_code(header)
    if not named and header.name == "OBR":
        named = (Triplet(header.text(15), "", ""),)
    return _asked(named, dialect, rules)


@lru_cache(maxsize=1024)
def _asked(named: tuple[Triplet, ...], dialect: Dialect, rules: Rules) -> Asked:
    local = [each.code for each in named if dialect.code(each.code, each.system) is None]
    known = next((each for each in local if each in dialect.panels), "")
    uses = (each for each in meanings(named, known, dialect, rules) if isinstance(each, CodeUse))
    instruments = {each.instrument_id for each in uses} | {dialect.panels[each] for each in (known,) if each}
    ignored = any(each.code in dialect.ignored for each in named)
    return Asked(known, instruments.pop() if len(instruments) == 1 else None, ignored)


def elsewhere(named: tuple[Triplet, ...], asked: Asked, dialect: Dialect, rules: Rules) -> set[CodeUse]:
    """What the codes that mean nothing here are about all the same: the site's own stand for something under another
    order, one that everybody knows may stand in no coding system, or in another than its own, and a code system of ours
    numbers the items of one instrument."""
    if asked.ignored:
        return set()
    coded = [(each.code, dialect.code(each.code, each.system)) for each in named if each.code not in dialect.ignored]
    found = {use for each, code in coded if code is None for use in dialect.anywhere(each)}
    # Under its own instrument's order a code that is not known is told as that, unless it may be a risk.
    found |= {
        use
        for each, _ in coded
        if (use := rules.use_elsewhere(each)) is not None
        and (use.instrument_id != asked.instrument_id or _harmful_from(use, rules) is not None)
    }
    found |= {use for _, code in coded if code is not None and (use := rules.use(code)) is not None}
    # The code of the order above it says nothing new.
    return {use for use in found if use.role is not Role.PANEL or use.instrument_id != asked.instrument_id}


def values_of(obx: Segment) -> Values:
    """The repetitions of OBX-5 that say something, each as its components."""
    found = obx.repetitions(5)
    return tuple([each for each in found if any(each) and each != (NULL,)]) if found else found


def scores(type: str, values: Values, use: CodeUse, dialect: Dialect, rules: Rules) -> list[int | None]:
    """The whole number that each value states, None where there is none: text, a bound such as > 12, a coded answer
    not known. `type` is OBX-2; OBX-8 decides nothing."""
    return [_answer(parts, use, dialect, rules) if type in CODED else _score(type, parts) for parts in values]


def _answer(parts: tuple[str, ...], use: CodeUse, dialect: Dialect, rules: Rules) -> int | None:
    """Several codes are to say the same score; unknown ones do not count."""
    item = rules.instruments[use.instrument_id].by_number.get(use.item or 0)
    if item is None:
        return None
    own = dialect.answers.get((use.instrument_id, item.number), {})
    named = ((each, dialect.code(each.code, each.system)) for each in triplets_of(parts))
    scores = {own.get(each.code) if code is None else item.answers.get(code) for each, code in named} - {None}
    return scores.pop() if len(scores) == 1 else None


def _score(type: str, parts: tuple[str, ...]) -> int | None:
    if type == "SN":
        # Comparator, number, separator, number: ^14 and =^14 are plain numbers.
        comparator, number, *rest = (*parts, "")
        return None if comparator not in ("", "=") or any(rest) else _whole(number)
    return None if type in FILES or any(parts[1:]) else _whole(parts[0])


def _whole(text: str) -> int | None:
    score = whole_score(text)
    return whole_score(Decimal(text)) if score is None and _NUMBER.fullmatch(text) else score


def is_risk(type: str, values: Values, use: CodeUse, dialect: Dialect, rules: Rules) -> bool:
    """Whether it answers a critical question, which this is, so that self-harm is present."""
    harmful = _harmful_from(use, rules)
    return harmful is not None and any(
        each is not None and each >= harmful for each in scores(type, values, use, dialect, rules)
    )


def _harmful_from(use: CodeUse, rules: Rules) -> int | None:
    item = rules.instruments[use.instrument_id].by_number.get(use.item or 0)
    return None if item is None else item.least_harm_answer


def is_unwelcome(named: tuple[Triplet, ...], type: str, values: Values, dialect: Dialect, rules: Rules) -> bool:
    """Whether its code, or its coded value, is that of an event that makes contact unwelcome."""
    answers = map(triplets_of, values) if type in CODED else ()
    return any(_is_event(each, dialect, rules) for each in (named, *answers))


def _is_event(named: tuple[Triplet, ...], dialect: Dialect, rules: Rules) -> bool:
    codes = ((each.code, dialect.code(each.code, each.system)) for each in named)
    contexts = (
        (dialect.context.get(written) if code is None else rules.context_codes.get(code))
        or rules.well_known.get(written)
        for written, code in codes
    )
    return Context.SAFETY_EVENT in contexts


def says_no(values: Values) -> bool:
    return any(parts[0].upper() in NO for parts in values)
