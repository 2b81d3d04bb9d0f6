"""Acknowledgements (HL7 v2.5.1, chapter 2, section 2.9), in original and in enhanced mode.

hl7apy builds and validates one of each shape at the start (`prepare`); after that it is a text with places in it.
Before version 2.5 there is one ERR segment, whose only field has the place and the code of each problem: whether it was
kept is said by MSA-1 alone, and in words by MSA-3, of a refusal also by MSA-6. MSA-3 was withdrawn with version 2.7; up
to then it is filled, for it is what most engines show.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache, lru_cache

from service.hl7v2.characters import codec_of
from service.hl7v2.errors import CONDITIONS, MEANINGS, Rest, What
from service.hl7v2.segments import NULL, Delimiters, Segment, escaped
from service.shared.ids import new_id

VERSIONS = (
    *("2.1", "2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1"),
    *("2.6", "2.7", "2.7.1", "2.8", "2.8.1", "2.8.2", "2.9"),
)
ASSUMED_VERSION = "2.5.1"
OUR_NAME = "PEER-REFERRAL"
MOST_ERRORS = 50
_CONTROLS = re.compile(r"[\x00-\x1f]")


class Verdict(StrEnum):
    """Table 0008 without its first letter, which is A in original mode and of the application, and C of a commit."""

    ACCEPT = "A"
    ERROR = "E"
    REJECT = "R"


# Table 0155: which verdicts a sender wants to hear of. An empty field, and the null of v2, asks for nothing.
_WANTED: dict[str, frozenset[Verdict]] = {
    **dict.fromkeys(("", NULL, "NE"), frozenset()),
    "AL": frozenset(Verdict),
    "SU": frozenset({Verdict.ACCEPT}),
    "ER": frozenset({Verdict.ERROR, Verdict.REJECT}),
}


@dataclass(frozen=True, slots=True)
class Error:
    """`at` is the place as an ERL has it, empty where there is none."""

    what: What
    at: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The letters of the acknowledgements that a sender is owed for a verdict: `A`, `C`, both in their order, none."""

    commit: frozenset[Verdict]
    application: frozenset[Verdict]

    def letters(self, verdict: Verdict) -> str:
        commit = "C" if verdict in self.commit else ""
        # Whoever heard that a message was not taken is owed nothing more about it.
        over = commit and verdict is not Verdict.ACCEPT
        return commit + ("A" if verdict in self.application and not over else "")


def wanted(header: Segment | None, *, always: bool) -> Wanted:
    """What MSH-15 and MSH-16 ask for. Both empty is original mode; of two of which one is empty, that asks for nothing.

    Nobody can tell what a value asks for that is not of the table: where nothing else asks for an answer, its sender is
    answered in original mode, for it may wait. `always`: so does one that asks for nothing at all.
    """
    asked = [header.text(number).upper() if header else "" for number in (15, 16)]
    commit, application = (_WANTED.get(each, frozenset()) for each in asked)
    waits = always or "NE" not in asked or not _WANTED.keys() >= {*asked}
    if waits and not commit and not application:
        return Wanted(frozenset(), frozenset(Verdict))
    return Wanted(commit, application)


def acknowledge(
    header: Segment | None, letter: str, verdict: Verdict, errors: Sequence[Error], *, now: datetime
) -> bytes:
    """One acknowledgement; `letter` A is the application's, C that of a commit. `header` None when there was none.

    Its delimiters and character set are the sender's own.
    """
    marks = header.delimiters if header else Delimiters()
    raw = {number: _CONTROLS.sub("", header.raw(number)) if header else "" for number in (3, 4, 5, 6, 10, 11, 12, 18)}
    version = raw[12].partition(marks.component)[0].strip()
    shape = _shape(version if version in VERSIONS else ASSUMED_VERSION, marks)
    wrong = list(dict.fromkeys(errors))
    wrong[MOST_ERRORS:] = [Error(Rest.MORE)] if len(wrong) > MOST_ERRORS else []
    told = [_told(each, marks) for each in wrong]
    refused = verdict is not Verdict.ACCEPT
    values = {
        "application": raw[5] or OUR_NAME,
        "facility": raw[6],
        "to_application": raw[3],
        "to_facility": raw[4],
        "time": f"{now.astimezone(UTC):%Y%m%d%H%M%S}+0000",
        "event": _CONTROLS.sub("", header.text(9, 2)) if header else "",
        # MSH-10 has 20 characters until version 2.7; these are a time and some chance.
        "id": new_id().replace("-", "")[:20],
        "processing": raw[11] or "P",
        "version": raw[12] or ASSUMED_VERSION,
        # It is in no set that is not known here.
        "characters": raw[18] if codec_of(raw[18].partition(marks.repetition)[0]) else "",
        "code": letter + verdict,
        "answers": raw[10],
    }
    of_the_first = told[0] if told else dict.fromkeys(("words", "condition", "meaning"), "")
    lines = [shape.header.format_map(values), shape.answer(refused).format_map(values | of_the_first)]
    problems = [shape.error.format_map(each) for each in told]
    lines += [_in_one(problems, marks)] if shape.old and problems else problems
    text = "".join(f"{line.rstrip(marks.field)}\r" for line in lines)
    return text.encode(header.codec if header else "ascii", errors="replace")


def _in_one(problems: Sequence[str], marks: Delimiters) -> str:
    """The ERR segment of a version that has only one, as a repetition of ERR-1 for each of several."""
    name = f"ERR{marks.field}"
    return name + marks.repetition.join(each.removeprefix(name) for each in problems)


def _told(error: Error, marks: Delimiters) -> dict[str, str]:
    meaning = MEANINGS[error.what]
    at = error.at or meaning.at
    segment, sequence, field, *_ = [*at.split("^"), "", "", ""]
    return {
        "at": at.replace("^", marks.component),
        "segment": segment,
        "sequence": sequence,
        "field": field,
        "condition": meaning.condition,
        "meaning": escaped(CONDITIONS[meaning.condition], marks),
        "severity": meaning.severity,
        "what": escaped(error.what.value, marks),
        "words": escaped(meaning.words, marks),
    }


@dataclass(frozen=True, slots=True)
class _Shape:
    """Lines with places for values in them. `old` is before version 2.5."""

    header: str
    accepted: str
    refused: str
    error: str
    old: bool

    def answer(self, refused: bool) -> str:
        return self.refused if refused else self.accepted


@lru_cache(maxsize=64)
def _shape(version: str, marks: Delimiters) -> _Shape:
    old = VERSIONS.index(version) < VERSIONS.index("2.5")
    header, answer, error = (_with(line, marks) for line in _built(version))
    condition = f"{{condition}}{marks.component}{{meaning}}{marks.component}HL70357"
    return _Shape(header, answer.replace(marks.field * 3 + condition, ""), answer, error, old)


def _with(line: str, marks: Delimiters) -> str:
    """A line with the delimiters of a sender. One that names no subcomponents reads none."""
    own = {"|": marks.field, "^": marks.component, "~": marks.repetition, "&": marks.subcomponent or "&"}
    head, rest = line[:9], line[9:]
    if head != "MSH|^~\\&|":
        head, rest = "", line
    else:
        head = "MSH" + "".join((marks.field, *marks[1:], marks.field))
    literal = {mark: each.replace("{", "{{").replace("}", "}}") for mark, each in own.items()}
    return head.replace("{", "{{").replace("}", "}}") + re.sub(r"[|^~&]", lambda found: literal[found[0]], rest)


# hl7apy knows no 2.9, puts the fields of an ERR from 2.7 on into wrong places, and has no ERR in 2.1.
_BUILT_AS = {"2.1": "2.2"} | dict.fromkeys(VERSIONS[VERSIONS.index("2.7") :], "2.6")
_SAMPLES = {
    "to_application": "SENDER",
    "to_facility": "HOSPITAL",
    "application": "RECEIVER",
    "facility": "SERVICE",
    "time": "20260115140000+0000",
    "event": "R01",
    "id": "0190A",
    "processing": "P",
    "characters": "8859/1",
    "code": "AE",
    "answers": "MSG00001",
    "words": "Kept.",
    "segment": "PID",
    "sequence": "1",
    "field": "3",
    "condition": "204",
    "meaning": CONDITIONS["204"],
    "severity": "W",
    "what": "subject-unknown",
}


def prepare() -> None:
    """Build and validate every shape, so that no message waits for it."""
    for version in VERSIONS:
        _built(version)


@cache
def _built(version: str) -> tuple[str, str, str]:
    """MSH, MSA and ERR of an acknowledgement in this version, with places for values. Raises hl7apy's errors when the
    shape is not the standard's."""
    from hl7apy.consts import VALIDATION_LEVEL
    from hl7apy.core import Message

    built_as = _BUILT_AS.get(version, version)
    old, place = VERSIONS.index(version) < VERSIONS.index("2.5"), VERSIONS.index(version)
    whole = Message("ACK", version=built_as, validation_level=VALIDATION_LEVEL.STRICT)
    sample = _SAMPLES
    header = whole.msh
    header.msh_3, header.msh_4 = sample["application"], sample["facility"]
    header.msh_5, header.msh_6 = sample["to_application"], sample["to_facility"]
    header.msh_7, header.msh_10, header.msh_11 = sample["time"], sample["id"], sample["processing"]
    header.msh_9 = f"ACK^{sample['event']}^ACK" if place >= VERSIONS.index("2.3.1") else f"ACK^{sample['event']}"
    if place >= VERSIONS.index("2.3"):
        header.msh_18 = sample["characters"]
    condition = f"{sample['condition']}^{sample['meaning']}^HL70357"
    whole.msa.msa_1, whole.msa.msa_2 = sample["code"], sample["answers"]
    if place < VERSIONS.index("2.7"):
        whole.msa.msa_3 = sample["words"]
    error = whole.add_segment("ERR")
    if old:
        whole.msa.msa_6 = condition
        error.err_1 = "^".join((sample["segment"], sample["sequence"], sample["field"], condition.replace("^", "&")))
    else:
        error.err_2 = "^".join((sample["segment"], sample["sequence"], sample["field"]))
        error.err_3, error.err_4 = condition, sample["severity"]
        error.err_5, error.err_8 = f"{sample['what']}^^L", sample["words"]
    whole.validate()
    places = {value: f"{{{name}}}" for name, value in sample.items()} | {built_as: "{version}"}
    header_line, *others = whole.to_er7().strip("\r").split("\r")
    lines = [header_line[9:], *others]
    named = ["".join(places.get(each, each) for each in re.split(r"([|^&])", line)) for line in lines]
    at = "{segment}^{sequence}^{field}"
    return "MSH|^~\\&|" + named[0], named[1], named[2] if old else named[2].replace(at, "{at}")
