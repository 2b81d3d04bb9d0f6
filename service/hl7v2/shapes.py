"""The lines of an acknowledgement in each version of HL7 v2, with places for what stands in them.

hl7apy builds and validates one of each shape at the start (`prepare`); after that it is a text.
"""

import re
from dataclasses import dataclass
from functools import cache, lru_cache

from service.hl7v2.errors import CONDITIONS
from service.hl7v2.segments import Delimiters

VERSIONS = (
    *("2.1", "2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1"),
    *("2.6", "2.7", "2.7.1", "2.8", "2.8.1", "2.8.2", "2.9"),
)
ASSUMED_VERSION = "2.5.1"


@dataclass(frozen=True, slots=True)
class Shape:
    """Lines with places for values in them. `old` is before version 2.5."""

    header: str
    accepted: str
    refused: str
    error: str
    old: bool

    def answer(self, refused: bool) -> str:
        return self.refused if refused else self.accepted


@lru_cache(maxsize=64)
def shape_of(version: str, marks: Delimiters) -> Shape:
    old = VERSIONS.index(version) < VERSIONS.index("2.5")
    header, answer, error = (_with(line, marks) for line in _built(version))
    condition = f"{{condition}}{marks.component}{{meaning}}{marks.component}HL70357"
    return Shape(header, answer.replace(marks.field * 3 + condition, ""), answer, error, old)


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
