"""What we would make of messages in a file, for whoever builds the interface that sends them. Nothing is kept.

Structure, data types and tables are judged by hl7apy; the rest is told by the very code that takes messages in.
"""

import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from service.flow.hear_event import ReceivedEvent
from service.flow.hear_safe_contact import ReceivedSafeContact
from service.flow.keep_unreadable import Recognised
from service.flow.merge_patients import ReceivedMerge
from service.flow.received_message import Part
from service.flow.received_result import Administered, ReceivedResult
from service.flow.record_consent import ReceivedConsent
from service.flow.register_patient import ReceivedPatient
from service.flow.request_referral import ReceivedRequest
from service.flow.rules import Rules
from service.hl7v2.dialect import Dialect
from service.hl7v2.errors import MEANINGS, What
from service.hl7v2.frame import LONGEST, Fault, Frame, Framer
from service.hl7v2.look import Looked, look
from service.hl7v2.understand import understand
from service.referrals.life_event import LifeEvent
from service.screening.decide import Readiness, decide, readiness
from service.screening.instrument import Role, Stage, stage_at
from service.screening.result import Reading, ScreeningResult, attach

_BEGINS = re.compile(rb"(?:^|(?<=[\r\n]))(?=MSH[^A-Za-z0-9\s])")
_NOT_OF_0125 = re.compile(r"Warning: Value (\w+) not in table HL70125 ")
# What happens to a patient is told whole, and most of it has nothing to do with a referral.
_OFTEN_OF_NO_USE = ("ADT",)
_EVENTS = {
    LifeEvent.BIRTH: "a birth",
    LifeEvent.NOT_BORN: "a birth that is taken back",
    LifeEvent.WOMAN_DIED: "her death, after which contact ends",
    LifeEvent.TAKEN_BACK: "an event that is taken back, which resumes nothing",
}
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Checked:
    """`lines` say it in words; `fails` when something of the message would not be used as it is."""

    lines: tuple[str, ...]
    fails: bool


def frames_in(content: bytes, longest: int = LONGEST) -> list[Frame]:
    """The messages of a file: as they go over MLLP, or one after the other with any line ends.

    One of more bytes than `longest` is found as the listener finds it, and those behind it, which it would not read.
    """
    if b"\x0b" in content:
        framer = Framer(len(content))
        found = [*framer.feed(content)]
        last = framer.flush()
        found += [] if last is None else [last]
    else:
        parts = _BEGINS.split(content.removeprefix(_BYTE_ORDER_MARK))
        found = [Frame(part) for part in parts if part.strip()]
    return [Frame(each.body, Fault.TOO_LONG) if len(each.body) > longest else each for each in found]


def check(frame: Frame, dialect: Dialect, rules: Rules, now: datetime) -> Checked:
    """One message, as the hospital whose `dialect` this is would send it."""
    looked = look(frame)
    named = "^".join(filter(None, looked.type)) or "a message of no type"
    control = looked.header.text(10) if looked.header else ""
    lines = [f"{named} {control}".rstrip()]
    wrong = _structure(looked) if looked.message is not None else []
    lines += [f"  structure: {each}" for each in wrong]
    understood = understand(looked, dialect, rules, now)
    if not isinstance(understood, tuple):
        return Checked((*lines, f"  would be refused (AR): {_told(understood)}"), True)
    flaws = [flaw for group in understood for flaw in group.flaws]
    for number, group in enumerate(understood, 1):
        lines.append(f"  patient {number}:" + (" nobody can tell who" if group.subject is None else ""))
        lines += [f"    {line}" for line in _parts(group.parts, dialect, rules)]
        risk = group.recognised is Recognised.A_CRITICAL_ANSWER
        lines += ["    an answer about self-harm: decides nothing, and is told at once"] if risk else []
        lines += [f"    told: {_told(flaw.problem, flaw.at)}" for flaw in group.flaws]
        lines += [] if group.parts or group.flaws else ["    nothing that is known here: kept, and used for nothing"]
    lines.append("  would be acknowledged AA" + (", with an ERR segment for each that is told" if flaws else ""))
    unused = looked.type[0] not in _OFTEN_OF_NO_USE and not any(group.parts for group in understood)
    return Checked(tuple(lines), unused or bool(flaws) or any(each.startswith("Error") for each in wrong))


def _told(what: What, at: str = "") -> str:
    meaning = MEANINGS[what]
    place = at or meaning.at
    return f"{meaning.words} ({' '.join(filter(None, (what.value, meaning.condition, place)))})"


def _structure(looked: Looked) -> list[str]:
    from hl7apy.consts import VALIDATION_LEVEL
    from hl7apy.exceptions import HL7apyException
    from hl7apy.parser import parse_message

    text = "\r".join(line for line in _text(looked) if line)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report"
        try:
            parse_message(text, VALIDATION_LEVEL.TOLERANT).validate(report_file=str(report))
        except HL7apyException as problem:
            if not report.exists():
                return [f"Error: {problem}"]
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as problem:
            # It raises these for messages that it cannot find its way in.
            return [f"Warning: not judged, hl7apy stops at it ({type(problem).__name__})"]
        lines = report.read_text().splitlines()
        return [line for line in lines if line.strip() and not _doubts_a_type(line)]


def _doubts_a_type(line: str) -> bool:
    """hl7apy has lost half of table 0125 (CWE, DTM, ID, IS, ...): in OBX-2 may stand what is a data type to itself."""
    from hl7apy import load_library

    doubted, library = _NOT_OF_0125.match(line), load_library("2.6")
    return doubted is not None and doubted[1] in {*library.get_base_datatypes(), *library.DATATYPES_STRUCTS}


def _text(looked: Looked) -> Iterator[str]:
    if looked.message is not None:
        mark = looked.message.delimiters.field
        for each in looked.message.segments:
            yield mark.join([each.name, *each.fields[2 if each.name == "MSH" else 1 :]])


def _parts(parts: Iterable[Part], dialect: Dialect, rules: Rules) -> Iterator[str]:
    """In their order, as a due date counts from where it stands."""
    due: date | None = None
    for part in parts:
        if isinstance(part.step, ReceivedResult) and part.step.due is not None:
            due = part.step.due.day if part.step.due.stands else None
        yield from _part(part, due, dialect, rules)


def _part(part: Part, due: date | None, dialect: Dialect, rules: Rules) -> Iterator[str]:
    match part.step:
        case ReceivedPatient():
            names = ", ".join(each.system for each in part.step.received.identifiers)
            does = "her facts are taken over" if part.step.updates else "registered if she is not known"
            yield f"{part.at}: known by {names}; {does}"
        case ReceivedMerge():
            yield f"{part.at}: one record takes the place of another of hers"
        case ReceivedConsent() if part.step.said.may_refuse:
            yield f"{part.at}: what may be a no; contact pauses if she has said yes before that"
        case ReceivedConsent():
            yield f"{part.at}: a consent, {'given' if part.step.said.permits else 'not given'}"
        case ReceivedSafeContact():
            ways = ", ".join(each.mode for each in part.step.said.channels if each.usable())
            yield f"{part.at}: may be reached by {ways or 'no way that is safe'}"
        case ReceivedEvent():
            known = _EVENTS.get(part.step.event) if part.step.certain else None
            yield f"{part.at}: {known or 'an event after which contact pauses'}"
        case ReceivedRequest(ends=ends):
            yield f"{part.at}: {'a referral that is taken back' if ends else 'a referral by a clinician'}"
        case ReceivedResult():
            yield from _result(part.step, part.at, due, dialect, rules)


def _result(result: ReceivedResult, at: str, due: date | None, dialect: Dialect, rules: Rules) -> Iterator[str]:
    if result.due is not None:
        yield f"{at}: due date {result.due.day or ''}{'' if result.due.stands else ' taken back'}"
    if not result.administered and result.due is None:
        yield f"{at}: of no instrument that is known; kept, and decides nothing"
    by_key: dict[tuple[str, str, datetime], ScreeningResult] = {}
    for each in result.administered:
        key = (each.instrument_id, each.respondent, each.effective)
        by_key[key] = attach(by_key.get(key) or _blank(each, due, dialect, rules), each.piece)
    for administration in by_key.values():
        yield f"{at}: {_administration(administration, dialect, rules)}"


def _blank(each: Administered, due: date | None, dialect: Dialect, rules: Rules) -> ScreeningResult:
    tenant = dialect.organisation_id
    stage = stage_at(each.effective, due, rules.policy(tenant))
    return ScreeningResult("", tenant, "", each.instrument_id, each.respondent, each.effective, stage)


def _administration(result: ScreeningResult, dialect: Dialect, rules: Rules) -> str:
    instrument = rules.instruments[result.instrument_id]
    statuses = ", ".join(sorted({piece.status.value for piece in result.pieces.values()}))
    stated = ", ".join(_reading(each) for piece in result.pieces.values() for each in piece.readings)
    said = f"{result.instrument_id} of {result.effective.isoformat()}, {statuses}: {stated or 'nothing stated'}"
    ready = readiness(result, instrument)
    if ready is Readiness.NOTHING_YET:
        return f"{said}; decides nothing"
    decision = decide(result, instrument, rules.policy(dialect.organisation_id))
    waits = "; waits for the rest first" if ready is Readiness.WAIT else ""
    stage = "stage not known" if result.stage is Stage.UNKNOWN else result.stage.value
    return f"{said}; {decision.outcome.value} ({stage}), self-harm {decision.self_harm.value}{waits}"


def _reading(each: Reading) -> str:
    what = f"item {each.item}" if each.role is Role.ITEM else each.role.value
    if each.unreadable is not None:
        return f"{what} cannot be read"
    return what if each.value is None else f"{what} {each.value}"
