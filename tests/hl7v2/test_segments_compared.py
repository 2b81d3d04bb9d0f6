"""The reader beside two libraries, on messages of every shape: what it finds is what they find, and what was meant.

Where they differ stands in a table of its own below, with the reason why we do not follow.
"""

from collections.abc import Callable, Sequence
from typing import Any

import hl7
import pytest
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.exceptions import HL7apyException
from hl7apy.parser import parse_message
from hypothesis import given
from hypothesis import strategies as st

from service.hl7v2.segments import Delimiters, Segment, read

# A field is its repetitions, each of them components, each of them subcomponents, each of them pieces of text.
Piece = str | tuple[str]
Field = list[list[list[list[Piece]]]]
PUNCTUATION = "!#$%*+/:;<=>?@[]`{}|^~\\&"
ESCAPES = ("F", "S", "T", "R", "E")

PIECES = st.one_of(st.text("abcXYZ019ëñ.-_ ", min_size=1, max_size=6), st.sampled_from([(each,) for each in ESCAPES]))
TEXTS = st.lists(PIECES, max_size=2)
FIELDS = st.lists(st.lists(st.lists(TEXTS, min_size=1, max_size=2), min_size=1, max_size=3), min_size=1, max_size=2)
NAMED = st.sampled_from(["PID", "OBR", "OBX", "ZPS"])
SEGMENTS = st.lists(st.tuples(NAMED, st.lists(FIELDS, max_size=4)), max_size=3)
# hl7apy reads a number as a number (see below), which a text that begins with a letter is not.
WORD_FIELDS = FIELDS.map(
    lambda field: [[[["x", *text] if text else [] for text in texts] for texts in rep] for rep in field]
)
WORD_SEGMENTS = st.lists(st.tuples(NAMED, st.lists(WORD_FIELDS, max_size=3)), max_size=2)
MARKS = st.one_of(
    st.just("|^~\\&"),
    st.permutations(PUNCTUATION).map(lambda every: "".join(every[:5])),
    st.permutations("|^~\\&").map("".join),
)
ENDS = st.sampled_from(["\r", "\n", "\r\n"])
Sent = list[tuple[str, list[Field]]]


def plain(text: list[Piece], marks: Delimiters) -> str:
    """What the pieces of a text mean."""
    stand_for = dict(
        zip(ESCAPES, (marks.field, marks.component, marks.subcomponent, marks.repetition, marks.escape), strict=True)
    )
    return "".join(each if isinstance(each, str) else stand_for[each[0]] for each in text).strip()


def written(text: list[Piece], marks: Delimiters) -> str:
    return "".join(
        "".join(c for c in each if c not in marks)
        if isinstance(each, str)
        else f"{marks.escape}{each[0]}{marks.escape}"
        for each in text
    )


def without_delimiters(sent: Sent, marks: Delimiters) -> Sent:
    """The same with no delimiter in a text: there it must be escaped, which other pieces are."""

    def kept(piece: Piece) -> Piece:
        return "".join(c for c in piece if c not in marks) if isinstance(piece, str) else piece

    return [
        (
            name,
            [
                [[[[kept(p) for p in text] for text in component] for component in rep] for rep in field]
                for field in fields
            ],
        )
        for name, fields in sent
    ]


def wire(sent: Sent, marks: Delimiters) -> list[str]:
    def joined(field: Field) -> str:
        return marks.repetition.join(
            marks.component.join(
                marks.subcomponent.join(written(text, marks) for text in component) for component in rep
            )
            for rep in field
        )

    header = marks.field.join(("MSH" + "".join(marks), "APP", "FAC", "", "", "20260101", "", "ORU", "1", "P", "2.5.1"))
    return [header, *(marks.field.join((name, *map(joined, fields))) for name, fields in sent)]


def ours(segment: Segment, number: int, shape: Field) -> list[list[list[str]]]:
    """Every value of the field, asked for by its numbers."""
    return [
        [
            [segment.text(number, component, repetition, subcomponent) for subcomponent, _ in enumerate(texts, 1)]
            for component, texts in enumerate(components, 1)
        ]
        for repetition, components in enumerate(shape, 1)
    ]


@given(SEGMENTS, MARKS, ENDS)
def test_every_value_is_found_as_it_was_meant(sent: Sent, every: str, end: str) -> None:
    marks = Delimiters(*every)
    sent = without_delimiters(sent, marks)
    found = read(end.join(wire(sent, marks)).encode())
    assert found.delimiters == marks
    assert [each.name for each in found.segments[1:]] == [name for name, _ in sent]
    for segment, (_, fields) in zip(found.segments[1:], sent, strict=True):
        for number, field in enumerate(fields, 1):
            meant = [[[plain(text, marks) for text in component] for component in rep] for rep in field]
            assert ours(segment, number, field) == meant
        assert segment.text(len(fields) + 1) == ""


def by_hl7(message: Any, segment: int, number: int) -> list[list[list[str]]]:
    """The same of a field by the library hl7; a part that is not divided is the text itself there."""

    def divided(part: Any) -> Sequence[Any]:
        return [part] if isinstance(part, str) else part

    return [
        [[message.unescape(text).strip() for text in divided(component)] for component in divided(repetition)]
        for repetition in message[segment][number]
    ]


def filled(values: list[list[list[str]]]) -> list[list[list[str]]]:
    """Without what is empty at the end of anything, which says nothing."""

    def cut(items: list[Any]) -> list[Any]:
        while items and not items[-1]:
            items = items[:-1]
        return items

    return cut([cut([cut(component) for component in repetition]) for repetition in values])


@given(SEGMENTS, MARKS)
def test_the_library_hl7_finds_the_same(sent: Sent, every: str) -> None:
    marks = Delimiters(*every)
    sent = without_delimiters(sent, marks)
    lines = wire(sent, marks)
    theirs, found = hl7.parse("\r".join(lines)), read("\r".join(lines).encode())
    assert [str(each[0]) for each in theirs] == [each.name for each in found.segments]
    for place, (segment, (_, fields)) in enumerate(zip(found.segments[1:], sent, strict=True), 1):
        for number, field in enumerate(fields, 1):
            assert filled(by_hl7(theirs, place, number)) == filled(ours(segment, number, field))


def by_hl7apy(fields: Any, marks: Delimiters) -> dict[int, list[list[list[str]]]]:
    """The fields that hl7apy has kept, by number: each as it writes it, split again."""
    kept: dict[int, list[list[list[str]]]] = {}
    for field in fields:
        text = field.to_er7()
        parts = [each.split(marks.subcomponent) for each in text.split(marks.component)]
        kept.setdefault(int(field.name.rpartition("_")[2]), []).append(parts)
    return {number: full for number, values in kept.items() if (full := filled(values))}


def raw(segment: Segment, count: int, marks: Delimiters) -> dict[int, list[list[list[str]]]]:
    values = {
        number: filled(
            [
                [each.split(marks.subcomponent) for each in repetition.split(marks.component)]
                for repetition in segment.raw(number).split(marks.repetition)
            ]
        )
        for number in range(1, count + 1)
    }
    return {number: value for number, value in values.items() if value}


@given(WORD_SEGMENTS)
def test_the_library_hl7apy_finds_the_same(sent: Sent) -> None:
    marks = Delimiters()
    lines = wire(without_delimiters(sent, marks), marks)
    theirs = tolerant("\r".join(lines))
    found = read("\r".join(lines).encode())
    assert [each.name for each in theirs.children] == [each.name for each in found.segments]
    for segment, other in zip(found.segments[1:], theirs.children[1:], strict=True):
        assert raw(segment, 6, marks) == by_hl7apy(other.children, marks)


def tolerant(text: str) -> Any:
    return parse_message(text, validation_level=VALIDATION_LEVEL.TOLERANT, find_groups=False)


def names_by_hl7apy(text: str) -> list[str]:
    try:
        return [each.name for each in tolerant(text).children]
    except HL7apyException as problem:
        return [type(problem).__name__]


SAMPLE = "MSH|^~\\&|A|B|||20260101||ORU|1|P|2.5.1\rPID|00||a\\F\\b||\\XC3AB\\\rOBX|1"
LINE_FEEDS, BOTH = SAMPLE.replace("\r", "\n"), SAMPLE.replace("\r", "\r\n")
FEWER_MARKS = "MSH|^~\\|A\rPID|a&b"
NAMES = ["MSH", "PID", "OBX"]


def pid(text: str) -> Segment:
    return read(text.encode()).segments[1]


def names(text: str) -> list[str]:
    return [each.name for each in read(text.encode()).segments]


def names_by_hl7(text: str) -> list[str]:
    return [str(each[0]) for each in hl7.parse(text)]


def written_by_hl7apy(place: int) -> str:
    """The field of PID that is at this place among those that say something."""
    return str(tolerant(SAMPLE).children[1].children[place].to_er7())


def decoded_by_hl7(text: str, number: int) -> str:
    found = hl7.parse(text)
    return str(found.unescape(str(found[1][number])))


# What they do, and why we do not: (their reading, what it gives, our reading, what it gives).
DIFFERENCES: dict[str, tuple[Callable[[], object], object, Callable[[], object], object]] = {
    "hl7 finds one segment between line feeds, but the line ends of an engine must lose nothing": (
        *(lambda: names_by_hl7(LINE_FEEDS), ["MSH"]),
        *(lambda: names(LINE_FEEDS), NAMES),
    ),
    "hl7 takes the line feed of CRLF for a part of the next name, where it is none": (
        *(lambda: names_by_hl7(BOTH), ["MSH", "\nPID", "\nOBX"]),
        *(lambda: names(BOTH), NAMES),
    ),
    "hl7 decodes each byte of a hexadecimal escape alone, but they are in the character set of the message": (
        *(lambda: decoded_by_hl7(SAMPLE, 5), "Ã«"),
        *(lambda: pid(SAMPLE).text(5), "ë"),
    ),
    "hl7 divides by a mark that was not declared, but what was not declared is content": (
        *(lambda: by_hl7(hl7.parse(FEWER_MARKS), 1, 1), [[["a", "b"]]]),
        *(lambda: pid(FEWER_MARKS).text(1), "a&b"),
    ),
    "hl7apy takes a line feed for a part of the version": (
        *(lambda: names_by_hl7apy(LINE_FEEDS), ["UnsupportedVersion"]),
        *(lambda: names(LINE_FEEDS), NAMES),
    ),
    "hl7apy takes the line feed of the last CRLF for a segment": (
        *(lambda: names_by_hl7apy(f"{BOTH}\r\n"), ["InvalidName"]),
        *(lambda: names(f"{BOTH}\r\n"), NAMES),
    ),
    "hl7apy leaves an escape as it is, but a value is what was meant": (
        *(lambda: written_by_hl7apy(1), "a\\F\\b"),
        *(lambda: pid(SAMPLE).text(3), "a|b"),
    ),
    "hl7apy escapes again what it does not know, but what is written again is what was read": (
        *(lambda: written_by_hl7apy(2), "\\E\\XC3AB\\E\\"),
        *(lambda: pid(SAMPLE).raw(5), "\\XC3AB\\"),
    ),
    "hl7apy makes a number of a number, but text is kept as it was sent": (
        *(lambda: written_by_hl7apy(0), "0"),
        *(lambda: pid(SAMPLE).text(1), "00"),
    ),
}


@pytest.mark.parametrize("difference", DIFFERENCES)
def test_it_is_known_that(difference: str) -> None:
    theirs, they_find, ours, we_find = DIFFERENCES[difference]
    assert theirs() == they_find
    assert ours() == we_find
