"""Observation -> ReceivedResult: which administration of which instrument it is a piece of, and what numbers it states.

The shapes are those seen in public data: the number as integer, quantity, digits or coded answer; under the code of the
total, an item or, wrongly, the panel; at the top or in components.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date, datetime
from functools import lru_cache

from service.fhir.read.common import (
    codes,
    party,
    read_reference,
    reference_of,
    refuse_misnumbered,
    refuse_misplaced,
    refuse_test_data,
    unclear,
    written,
)
from service.fhir.read.times import begins, ends, whole_day
from service.fhir.read.unwelcome import names_event
from service.fhir.survey import Tree
from service.flow.received import Received, Reference
from service.flow.received_result import Administered, ReceivedResult
from service.flow.rules import Rules
from service.referrals.life_event import is_history
from service.referrals.patient import DueDate, due_date
from service.screening.instrument import CodeUse, Context, Role
from service.screening.result import (
    CORRECTING,
    DECIDING,
    SELF,
    VOID,
    Piece,
    Reading,
    Status,
    of_its_own,
    reading,
    whole_score,
)
from service.shared.code import Code

_Meaning = CodeUse | Context


def read_observation(tree: Tree, received: Received, *, rules: Rules, base: str, now: datetime) -> ReceivedResult:
    """`base` is this server's, without /fhir. Without an effective time it is an administration of its own, at the
    latest time that it can have been.

    A day, month or year without a time stands for its first midnight in UTC. Raises BadInput for test data, for a
    subject that is missing or cannot be understood, and for codings that mean different things.
    """
    refuse_test_data(tree)
    subject = read_reference(tree.get("subject"), "Observation.subject", base, "Patient")
    status = Status(tree["status"])
    parts = [("Observation", tree)]
    parts += [(f"Observation.component[{place}]", each) for place, each in enumerate(tree.get("component", ()))]
    meanings = [
        _meaning(tuple(codes(concept)), tuple(written(concept)), where, rules)
        for where, each in parts
        for concept in (each.get("code"),)
    ]
    readings: dict[str, list[Reading]] = defaultdict(list)
    for (_, node), meaning in zip(parts, meanings, strict=True):
        if isinstance(meaning, CodeUse):
            readings[meaning.instrument_id].append(_reading(node, meaning, rules, "" if node is tree else "component."))
    source = _source(received, meanings[0])
    effective, respondent = _effective(tree), _respondent(tree, base)
    if effective is None:
        effective, respondent = _at_the_latest(tree, now), of_its_own(respondent, source)
    expects, names = _expects(tree, base), frozenset({f"Observation/{tree['id']}"} if "id" in tree else ())
    return ReceivedResult(
        received=received,
        subject=subject,
        administered=tuple(
            Administered(instrument_id, respondent, effective, Piece(source, status, tuple(stated), expects, names))
            for instrument_id, stated in sorted(readings.items())
        ),
        corrects=status in CORRECTING,
        due=_due(parts, meanings, status, effective if effective < now else None, now.date()),
        safety_event=not is_history(effective, now) and _tells_of_event(parts, meanings, status, rules),
    )


def _tells_of_event(
    parts: list[tuple[str, Tree]], meanings: list[_Meaning | None], status: Status, rules: Rules
) -> bool:
    """Whether its code, or its coded value, is one that the site knows as an event that makes contact unwelcome. It
    need not be final; what is only registered tells nothing without a value."""
    return status not in VOID and any(
        meaning is Context.SAFETY_EVENT or names_event(node.get("valueCodeableConcept"), rules)
        for (_, node), meaning in zip(parts, meanings, strict=True)
        if node.get("valueBoolean") is not False
        if status is not Status.REGISTERED or any(name.startswith("value") for name in node)
    )


# What senders call their observations comes with each of them anew.
@lru_cache(maxsize=4_096)
def _meaning(codings: tuple[Code, ...], written: tuple[str, ...], where: str, rules: Rules) -> _Meaning | None:
    """What the codings of one code stand for. Several are to say the same thing; unknown ones do not count. Under no
    system, or another than its own, a code that everybody knows tells of an event all the same."""
    found: set[_Meaning] = set()
    for code in codings:
        refuse_misnumbered(code, rules, f"{where}.code")
        found |= {each for each in (rules.by_code.get(code), rules.context_codes.get(code)) if each is not None}
    if not found:
        refuse_misplaced(written, rules, f"{where}.code")
        return Context.SAFETY_EVENT if Context.SAFETY_EVENT in map(rules.well_known.get, written) else None
    # The panel's code beside the total's is common. It is the panel, and a number under it is the total all the same.
    panels = {each.instrument_id for each in found if isinstance(each, CodeUse) and each.role is Role.PANEL}
    found -= {CodeUse(panel, Role.TOTAL) for panel in panels}
    if len(found) > 1:
        raise unclear(f"{where}.code", "The codings mean different things here. Send codings of one meaning.", "value")
    return next(iter(found), None)


def _reading(node: Tree, use: CodeUse, rules: Rules, prefix: str) -> Reading:
    name = next((each for each in node if each.startswith("value")), None)
    if name is None:
        return Reading(use.role, use.item, None) if "dataAbsentReason" in node else reading(use, None)
    value = _score(name, node[name], use, rules)
    return reading(use, value, f"{prefix}{name}" if value is None else None)


def _score(name: str, value: object, use: CodeUse, rules: Rules) -> int | None:
    """The whole number stated, None when there is none: text, a bound such as > 12, a coded answer not known."""
    match name, value:
        case "valueInteger" | "valueString", int() | float() | str():
            return whole_score(value)
        case "valueQuantity", {"value": int() | float() as number, **rest} if "comparator" not in rest:
            return whole_score(number)
        case "valueCodeableConcept", dict():
            answers = _answers(use, rules)
            scores = {answers[code] for code in codes(value) if code in answers}
            return scores.pop() if len(scores) == 1 else None
    return None


def _answers(use: CodeUse, rules: Rules) -> Mapping[Code, int]:
    items = rules.instruments[use.instrument_id].items
    return next((item.answers for item in items if item.number == use.item), {})


def _source(received: Received, meaning: _Meaning | None) -> str:
    """What the sender calls it, so that a correction takes its place; else what it is, one of each."""
    if received.identifiers:
        first = received.identifiers[0]
        return f"{first.system}|{first.value}"
    if not isinstance(meaning, CodeUse):
        return "parts"
    return f"item {meaning.item}" if meaning.role is Role.ITEM else meaning.role.value


def _effective(tree: Tree) -> datetime | None:
    period_start = tree.get("effectivePeriod", {}).get("start")
    written = tree.get("effectiveDateTime") or tree.get("effectiveInstant") or period_start
    return begins(written) if written else None


def _at_the_latest(tree: Tree, now: datetime) -> datetime:
    """Of what does not say when it began: no later than it ended, was given out, or came."""
    told = (tree.get("effectivePeriod", {}).get("end"), tree.get("issued"))
    return min((now, *(ends(each) for each in told if each)))


def _respondent(tree: Tree, base: str) -> str:
    """Who answered: she herself, unless a related person is named as the one who did, or anything else than she is what
    it is about."""
    performers = (reference_of(each, base, "") for each in tree.get("performer", ()))
    others = [source_of(each) for each in performers if each is not None and each.type == "RelatedPerson"]
    herself = party(tree["subject"], base, "Patient")
    about = (party(each, base, "Patient") for each in tree.get("focus", ()))
    others += [source_of(each) if each else "focus" for each in about if each != herself]
    return min(others, default=SELF)


def _expects(tree: Tree, base: str) -> frozenset[str]:
    """The sources that belong to it: by identifier as `_source` names them, else as the reference names them."""
    members = [*tree.get("hasMember", ()), *tree.get("derivedFrom", ())]
    references = ((each, reference_of(each, base, "Observation")) for each in members)
    named = (source_of(found) if found else each.get("reference") for each, found in references)
    return frozenset(each for each in named if each)


def source_of(reference: Reference) -> str:
    """How a piece is named by a reference to it."""
    if reference.identifier is not None:
        return f"{reference.identifier.system}|{reference.identifier.value}"
    return "/".join(filter(None, (reference.base, reference.type, reference.id)))


def _due(
    parts: list[tuple[str, Tree]],
    meanings: list[_Meaning | None],
    status: Status,
    said_at: datetime | None,
    today: date,
) -> DueDate | None:
    told = [node for (_, node), meaning in zip(parts, meanings, strict=True) if meaning is Context.ESTIMATED_DUE_DATE]
    days = {day for node in told if (day := whole_day(node.get("valueDateTime", ""))) is not None}
    if told and status in VOID:
        return DueDate(days.pop() if len(days) == 1 else None, said_at, stands=False)
    if not days or status not in DECIDING:
        return None
    if len(days) > 1:
        raise unclear("Observation.component", "Two different estimated due dates are given.")
    (day,) = days
    known = due_date(day, today)
    if known is None and day > today:
        raise unclear("Observation.value", "Nobody is due so late: an estimated due date is at most 300 days ahead.")
    # What is long past is history, and refused for nothing.
    return DueDate(known, said_at) if known is not None else None
