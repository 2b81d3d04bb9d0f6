"""Acknowledgements (HL7 v2.5.1, chapter 2, section 2.9), in original and in enhanced mode.

Before version 2.5 there is one ERR segment, whose only field has the place and the code of each problem: whether it was
kept is said by MSA-1 alone, and in words by MSA-3, of a refusal also by MSA-6. MSA-3 was withdrawn with version 2.7; up
to then it is filled, for it is what most engines show.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from operator import itemgetter

from service.hl7v2.characters import codec_of
from service.hl7v2.errors import CONDITIONS, MEANINGS, Rest, What
from service.hl7v2.segments import NULL, Delimiters, Segment, escaped
from service.hl7v2.shapes import ASSUMED_VERSION, VERSIONS, Shape, shape_of
from service.shared.ids import new_id

OUR_NAME = "PEER-REFERRAL"
MOST_ERRORS = 50
_CONTROLS = re.compile(r"[\x00-\x1f]")
# What is answered that had no header.
_NONE = Segment("MSH", 1, Delimiters(), "ascii", ())


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
    header = header or _NONE
    marks, said = header.delimiters, _SAYS([*header.fields, *[""] * 19])
    answering = _answering if len("".join(said)) <= _SHORT else _answering.__wrapped__
    shape, of_sender = answering(said, marks, header.codec)
    wrong = list(dict.fromkeys(errors))
    wrong[MOST_ERRORS:] = [Error(Rest.MORE)] if len(wrong) > MOST_ERRORS else []
    told = [_told(each, marks) for each in wrong]
    refused = verdict is not Verdict.ACCEPT
    values = of_sender | {
        "time": f"{now.astimezone(UTC):%Y%m%d%H%M%S}+0000",
        # MSH-10 has 20 characters until version 2.7; these are a time and some chance.
        "id": new_id().replace("-", "")[:20],
        "code": letter + verdict,
        "answers": _CONTROLS.sub("", header.raw(10)),
    }
    of_the_first = told[0] if told else dict.fromkeys(("words", "condition", "meaning"), "")
    lines = [shape.header.format_map(values), shape.answer(refused).format_map(values | of_the_first)]
    problems = [shape.error.format_map(each) for each in told]
    lines += [_in_one(problems, marks)] if shape.old and problems else problems
    text = "".join(f"{line.rstrip(marks.field)}\r" for line in lines)
    return text.encode(header.codec, errors="replace")


# All messages of a sender say the same in these fields.
_SAYS, _SHORT = itemgetter(3, 4, 5, 6, 9, 11, 12, 18), 256


@lru_cache(maxsize=256)
def _answering(said: Sequence[str], marks: Delimiters, codec: str) -> tuple[Shape, dict[str, str]]:
    """What stands in every acknowledgement to a sender who says this of itself."""
    type = Segment("", 0, marks, codec, ("", said[4]))
    from_application, from_facility, application, facility, _, processing, written, characters = [
        _CONTROLS.sub("", each) for each in said
    ]
    version = written.partition(marks.component)[0].strip()
    return shape_of(version if version in VERSIONS else ASSUMED_VERSION, marks), {
        "application": application or OUR_NAME,
        "facility": facility,
        "to_application": from_application,
        "to_facility": from_facility,
        "event": _CONTROLS.sub("", type.text(1, 2)),
        "processing": processing or "P",
        "version": written or ASSUMED_VERSION,
        # It is in no set that is not known here.
        "characters": characters if codec_of(characters.partition(marks.repetition)[0]) else "",
    }


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
