"""hl7apy builds what is sent, by the standard's own definition of the message, and judges it.

Values come to it escaped: it leaves a delimiter in OBX-5 as it stands, and takes an escape sequence that somebody has
typed for one of its own. What it has written is therefore read by our reader before it counts as built.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from service.hl7v2.segments import NotReadable, Segment, read
from service.shared.errors import ServiceError

_REPETITION = "~"
# MSH-1 and MSH-2, which hl7apy gives each message by itself.
_DELIMITERS = 2

Path = tuple[str, ...]
"""The groups around a segment, the outermost first."""


class Draft(NamedTuple):
    """A segment that is to be built: its fields by number, each as it stands in a message."""

    name: str
    fields: Mapping[int, str]


class NotValid(ServiceError):
    """What was written is no valid message: a defect of ours. It names the rule that is broken, never a value."""


def build(drafts: Sequence[Draft]) -> bytes:
    """The message. Raises NotValid when something is against the standard, or was not written as it was meant."""
    from hl7apy.exceptions import HL7apyException

    try:
        built = _built(drafts)
        written = read(built).segments
    except (HL7apyException, ValueError, AttributeError, TypeError, KeyError, NotReadable) as problem:
        raise NotValid(type(problem).__name__) from None
    if [_draft(each) for each in written] != [_said(each.name, each.fields) for each in drafts]:
        raise NotValid("read back otherwise")
    return built


def _built(drafts: Sequence[Draft]) -> bytes:
    """However long a value is, which hl7apy would mind where it is strict: what the hospital calls its patients, its
    orders and itself goes back to it as it writes it."""
    from hl7apy.consts import VALIDATION_LEVEL
    from hl7apy.exceptions import MaxLengthReached

    try:
        return _assembled(drafts, VALIDATION_LEVEL.STRICT)
    except MaxLengthReached:
        return _assembled(drafts, VALIDATION_LEVEL.TOLERANT)


def _assembled(drafts: Sequence[Draft], level: int) -> bytes:
    from hl7apy.core import Message

    header = drafts[0].fields
    structure, version = header[9].rpartition("^")[2], header[12]
    message = Message(structure, version=version, validation_level=level)
    paths = _paths(structure, version)
    groups: dict[Path, Any] = {(): message}
    for name, fields in drafts:
        segment = message.msh if name == "MSH" else _group(groups, paths.get(name, ())).add_segment(name)
        for number, value in _said(name, fields).fields.items():
            _set(segment, f"{name}_{number}".lower(), value)
    message.validate()
    return f"{message.to_er7()}\r".encode()


def _set(segment: Any, field: str, value: str) -> None:
    if _REPETITION not in value:
        setattr(segment, field, value)
        return
    # Assigned whole, they would be one.
    for each in value.split(_REPETITION):
        segment.add_field(field).value = each


def _group(groups: dict[Path, Any], path: Path) -> Any:
    """The group that a segment goes into: the innermost begins anew with each, those around it go on."""
    for depth in range(1, len(path) + 1):
        around, group = path[: depth - 1], path[:depth]
        if group not in groups or depth == len(path):
            groups[group] = groups[around].add_group(group[-1])
    return groups[path]


@cache
def _paths(structure: str, version: str) -> Mapping[str, Path]:
    """Where each segment of the message has its place: of several that one in which it must be."""
    from hl7apy import load_reference

    must, may = dict[str, Path](), dict[str, Path]()

    def look(definition: Any, path: Path) -> None:
        for name, below, (least, _), kind in definition[1]:
            if kind == "GRP":
                look(below, (*path, name))
            else:
                (must if least else may).setdefault(name, path)

    look(load_reference(structure, "Message", version), ())
    return may | must


def _draft(segment: Segment) -> Draft:
    return _said(segment.name, {number: segment.raw(number) for number in range(1, len(segment.fields))})


def _said(name: str, fields: Mapping[int, str]) -> Draft:
    """What is said of it: empty fields say nothing, and nobody drafts the delimiters."""
    first = _DELIMITERS + 1 if name == "MSH" else 1
    return Draft(name, {number: value for number, value in fields.items() if value and number >= first})
