"""Reading the vertical-bar encoding: line ends, characters, delimiters, escapes, and what is no message."""

from datetime import UTC, datetime

import pytest

from service.hl7v2.acknowledge import Verdict, acknowledge
from service.hl7v2.segments import Defect, Delimiters, NotReadable, escaped, header_of, read
from tests.hl7v2.wire import BODY, HEADER, message

MARK = b"\xef\xbb\xbf"
# A message whose one OBX-5 is given, with MSH-18 as given.
WITH_NOTE = HEADER.format(control="M1") + "||||||{named}\rOBX|1|ST|NOTE||{note}"


def noted(note: str, named: str = "", codec: str = "utf-8") -> bytes:
    return WITH_NOTE.format(note=note, named=named).encode(codec)


def note(body: bytes) -> str:
    return read(body).segments[1].text(5)


SAME = {
    "CR": message(),
    "CRLF": message(ends="\r\n"),
    "LF": message(ends="\n"),
    "no end of the last": message().rstrip(),
    "empty lines between": message(ends="\r\r\n \r"),
    "byte order mark": MARK + message(),
    "line ends before": b"\r\n" + message(),
}


@pytest.mark.parametrize("ends", SAME)
def test_as_many_segments_as_were_sent_with_segment_ends(ends: str) -> None:
    """trust.md, E45."""
    read_now, plain = read(SAME[ends]), read(message())
    assert [each.name for each in read_now.segments] == ["MSH", "PID", "OBR", "OBX", "OBX"]
    assert [each.number for each in read_now.segments] == [1, 1, 1, 1, 2]
    assert read_now == plain


def test_segments_are_found_by_name_in_their_order() -> None:
    found = read(message())
    assert [each.text(1) for each in found.named("OBX", "OBR")] == ["1", "1", "2"]
    pid = found.first("PID")
    assert pid is not None
    assert pid.text(5, 2) == "Tessie"
    assert found.first("ZZZ") is None


@pytest.mark.parametrize(
    ("number", "component", "repetition", "subcomponent", "value"),
    [
        (3, 1, 1, 1, "1001"),
        (3, 4, 1, 1, "ST TEST"),
        (3, 1, 2, 1, "2002"),
        (3, 5, 2, 1, "PI"),
        (5, 1, 1, 1, "Tester"),
        (1, 1, 1, 1, "1"),
        (1, 2, 1, 1, ""),
        (1, 1, 2, 1, ""),
        (3, 1, 3, 1, ""),
        (3, 9, 1, 1, ""),
        (2, 1, 1, 1, ""),
        (40, 1, 1, 1, ""),
        (0, 1, 1, 1, ""),
        (-1, 1, 1, 1, ""),
    ],
)
def test_a_value_is_found_by_its_numbers(
    number: int, component: int, repetition: int, subcomponent: int, value: str
) -> None:
    assert read(message()).segments[1].text(number, component, repetition, subcomponent) == value


def test_subcomponents_are_counted_too() -> None:
    segment = read(noted("a&b^c&d&e")).segments[1]
    assert [segment.text(5, 1, 1, each) for each in (1, 2, 3)] == ["a", "b", ""]
    assert [segment.text(5, 2, 1, each) for each in (1, 2, 3)] == ["c", "d", "e"]
    assert segment.repetitions(5) == (("a", "c"),)


def test_a_repetition_that_says_nothing_is_none() -> None:
    segment = read(noted("a^b~~c")).segments[1]
    assert segment.repetitions(5) == (("a", "b"), ("c",))
    assert segment.text(5, repetition=3) == "c"
    assert segment.repetitions(6) == ()


def test_the_header_counts_its_own_delimiters() -> None:
    header = read(message("M7")).header
    assert [header.text(each) for each in (1, 2, 3, 4, 10, 11, 12)] == [
        *("|", "^~\\&", "MATERNITY", "ST TEST", "M7", "P", "2.5.1")
    ]


# MSH-9 as senders write it; what it means is for others to say.
@pytest.mark.parametrize(
    ("sent", "components"),
    [
        ("ORU^R01", ("ORU", "R01")),
        ("ORU^R01^ORU_R01", ("ORU", "R01", "ORU_R01")),
        ("oru^r01", ("oru", "r01")),
        (" ORU ^ R01 ", ("ORU", "R01")),
    ],
)
def test_the_type_of_a_message_is_read_with_two_components_and_with_three(
    sent: str, components: tuple[str, ...]
) -> None:
    assert read(message().replace(b"ORU^R01^ORU_R01", sent.encode())).header.repetitions(9) == (components,)


CHARACTERS = {
    "UTF-8 by name": ("UNICODE UTF-8", "utf-8", "utf-8", False),
    "UTF-8 without a name": ("", "utf-8", "utf-8", False),
    "Latin 1 by name": ("8859/1", "iso8859-1", "iso8859-1", False),
    "Latin 1 without a name": ("", "iso8859-1", "iso8859-1", True),
    "Latin 9 by name": ("8859/15", "iso8859-15", "iso8859-15", False),
    "the first of two names": ("8859/1~UNICODE UTF-8", "iso8859-1", "iso8859-1", False),
    "a name in lower case": ("unicode utf-8", "utf-8", "utf-8", False),
}


@pytest.mark.parametrize("case", CHARACTERS)
def test_a_name_with_an_accent_is_read_from(case: str) -> None:
    named, sent_as, read_as, assumed = CHARACTERS[case]
    found = read(noted("Zoë", named, sent_as))
    assert (found.segments[1].text(5), found.codec, found.assumed) == ("Zoë", read_as, assumed)


# Table 0211, and what engines write in its place.
NAMES = {
    "ascii": ("ASCII", "ascii", "US-ASCII", "ISO IR6"),
    "utf-8": ("UNICODE UTF-8", "UTF-8", "utf8", "UTF_8", "UNICODE", "Unicode UTF8", " UTF-8 "),
    "iso8859-1": ("8859/1", "8859-1", "ISO-8859-1", "iso8859-1", "ISO_8859-1", "ISO 8859/1", "Latin1", "ISO_IR 100"),
    "iso8859-2": ("8859/2", "ISO-8859-2"),
    "iso8859-9": ("8859/9", "ISO8859-9"),
    "iso8859-15": ("8859/15", "ISO-8859-15"),
    "cp1252": ("WINDOWS-1252", "cp1252"),
}


@pytest.mark.parametrize(("named", "codec"), [(each, codec) for codec, names in NAMES.items() for each in names])
@pytest.mark.parametrize("further", ["", "~UNICODE UTF-8", "~KLINGON~8859/1"])
def test_a_character_set_is_known_however_it_is_written(named: str, codec: str, further: str) -> None:
    found = read(noted("Zoe", f"{named}{further}"))
    assert (found.codec, found.assumed) == (codec, False)
    answer = acknowledge(found.header, "A", Verdict.ACCEPT, (), now=datetime(2026, 6, 1, tzinfo=UTC))
    assert read(answer).header.raw(18).strip() == f"{named}{further}".strip()


NOT_KNOWN = ("UNICODE UTF-16", "UNICODE UTF-32", "BIG-5", "GB 18030-2000", "KS X 1001", "ISO IR87", "8859/16", "8859")


@pytest.mark.parametrize("named", NOT_KNOWN)
def test_a_character_set_that_is_not_known_is_never_guessed(named: str) -> None:
    with pytest.raises(NotReadable) as refused:
        read(noted("Zoe", named))
    assert refused.value.defect is Defect.CHARACTER_SET


def test_the_euro_of_latin_9_is_not_the_currency_sign_of_latin_1() -> None:
    assert note(noted("€", "8859/15", "iso8859-15")) == "€"


NOT_READABLE = {
    "nothing": (b"", Defect.NO_HEADER, None),
    "blanks": (b"\r\n \r", Defect.NO_HEADER, None),
    "no message": (b"hello", Defect.NO_HEADER, None),
    "a batch": (b"BHS|^~\\&|A\r" + message(), Defect.NO_HEADER, None),
    "lower case": (message().lower(), Defect.NO_HEADER, None),
    "UTF-16": (message().decode().encode("utf-16"), Defect.NO_HEADER, None),
    "a header without delimiters": (b"MSH", Defect.DELIMITERS, None),
    "one encoding character": (b"MSH|^|A", Defect.DELIMITERS, None),
    "six encoding characters": (b"MSH|^~\\&#!|A", Defect.DELIMITERS, None),
    "the same delimiter twice": (b"MSH|^~\\^|A", Defect.DELIMITERS, None),
    "the field delimiter as another": (b"MSH|^|\\&|A", Defect.DELIMITERS, None),
    "a letter as delimiter": (b"MSHX^~\\&XA", Defect.DELIMITERS, None),
    "a blank as delimiter": (b"MSH|^ \\&|A", Defect.DELIMITERS, None),
    "a character set that nobody knows": (noted("x", "KLINGON"), Defect.CHARACTER_SET, None),
    "Latin 1 under the name of UTF-8": (noted("Zoë", "UNICODE UTF-8", "iso8859-1"), Defect.CHARACTERS, None),
    "an accent under the name of ASCII": (noted("Zoë", "ASCII"), Defect.CHARACTERS, None),
    "NUL": (noted("a\0b"), Defect.CHARACTERS, None),
    "a line that is no segment": (message() + b"and so on|\r", Defect.SEGMENT, 6),
    "a name in lower case": (message() + b"obx|1\r", Defect.SEGMENT, 6),
    "a name of four letters": (message() + b"OBXX|1\r", Defect.SEGMENT, 6),
    "a digit first": (message() + b"1BX|1\r", Defect.SEGMENT, 6),
    "a second header": (message() * 2, Defect.SEGMENT, 6),
    "a line break inside a field": (message().replace(b"Test Street", b"Test\nStreet"), Defect.SEGMENT, 3),
}


@pytest.mark.parametrize("case", NOT_READABLE)
def test_no_message_is(case: str) -> None:
    sent, defect, line = NOT_READABLE[case]
    with pytest.raises(NotReadable) as refused:
        read(sent)
    assert (refused.value.defect, refused.value.line) == (defect, line)
    assert "Tess" not in str(refused.value)


DELIMITERS = {
    "those of the standard": "|^~\\&",
    "others": "#@*!%",
    "field and component the other way round": "^|~\\&",
    "with the fifth of version 2.7": "|^~\\&#",
    "no subcomponents": "|^~\\",
    "neither subcomponents nor escapes": "|^~",
}


@pytest.mark.parametrize("case", DELIMITERS)
def test_a_message_is_read_with(case: str) -> None:
    """trust.md, E55."""
    marks = DELIMITERS[case]
    field, component, repetition = tuple(marks[:3])
    pid = field.join(("PID", "1", "", component.join(("1001", "", "", "WARD")) + repetition + "2002"))
    found = read(f"MSH{marks}{field}APP\r{pid}".encode())
    assert found.delimiters == Delimiters(field, component, repetition, marks[3:4], marks[4:5])
    assert found.header.text(2) == marks[1:]
    assert found.header.text(3) == "APP"
    assert found.segments[1].repetitions(3) == (("1001", "", "", "WARD"), ("2002",))


def test_without_an_escape_character_nothing_is_an_escape() -> None:
    assert read(b"MSH|^~|APP\rNTE|1||a\\F\\b&c").segments[1].text(3) == "a\\F\\b&c"


ESCAPES = {
    r"a\F\b": "a|b",
    r"a\S\b": "a^b",
    r"a\T\b": "a&b",
    r"a\R\b": "a~b",
    r"a\E\b": "a\\b",
    r"\E\F\E" + "\\": r"\F" + "\\",
    r"one\.br\two": "one\ntwo",
    r"one\.sp2\two": "one\ntwo",
    r"one\.in+4\two": "onetwo",
    r"\H\loud\N\ ": "loud",
    r"a\X0D\b": "a\rb",
    r"a\X0D0A\b": "a\r\nb",
    r"a\XC3AB\b": "aëb",
    r"a\X7C\b": "a|b",
    r"a\XEB\b": r"a\XEB\b",
    r"a\XZZ\b": r"a\XZZ\b",
    r"a\X00\b": r"a\X00\b",
    r"a\C2842\b": r"a\C2842\b",
    r"a\Zown\b": r"a\Zown\b",
    r"a\b": r"a\b",
    r"50\ 60": r"50\ 60",
    r"a\F": r"a\F",
    r"\X5C46\ ": "\\F",
}


@pytest.mark.parametrize("sent", ESCAPES)
def test_an_escape_is_decoded_once_in(sent: str) -> None:
    """trust.md, E55."""
    assert note(noted(sent)) == ESCAPES[sent]


def test_an_escape_never_makes_a_component_or_a_repetition() -> None:
    segment = read(noted(r"a\S\b\R\c\T\d^e")).segments[1]
    assert segment.repetitions(5) == (("a^b~c&d", "e"),)


def test_a_hexadecimal_escape_is_in_the_character_set_of_the_message() -> None:
    assert note(noted(r"Zo\XEB\ ", "8859/1")) == "Zoë"


def test_sub_ids_that_repeat_stay_apart() -> None:
    """trust.md, E55."""
    body = message() + b"OBX|3|NM|A||1\rOBX|4|NM|A|1|2\rOBX|5|NM|A|1|3\r"
    assert [(each.text(4), each.text(5)) for each in read(body).named("OBX")][2:] == [("", "1"), ("1", "2"), ("1", "3")]


@pytest.mark.parametrize(
    "marks", [Delimiters(), Delimiters("#", "@", "*", "!", "%"), Delimiters("|", "^", "~", "\\", "")]
)
@pytest.mark.parametrize("text", ["plain", "|^~\\&", "#@*!%", "a\nb", "\\F\\", "Zoë \\.br\\ & co", "a\x0bb\x1cc"])
def test_what_was_escaped_is_read_again_as_it_was(marks: Delimiters, text: str) -> None:
    head = "".join(marks)
    body = f"MSH{head}{marks.field}APP\rNTE{marks.field}1{marks.field}{marks.field}{escaped(text, marks)}".encode()
    (note,) = read(body).named("NTE")
    assert note.text(3) == text
    assert note.repetitions(3) == ((text,),)
    assert not {0x0B, 0x1C} & set(body)


def test_where_nothing_can_be_escaped_a_blank_stands_for_what_would_be_read_as_a_delimiter() -> None:
    assert escaped("a|b\nc^d\\e&f", Delimiters("|", "^", "~", "", "")) == "a b c d\\e&f"


# What is not readable gets an answer too, so its header is read as far as it can be.
HEADERS = {
    "a message": (message("M9"), "M9"),
    "with CRLF": (message("M9", ends="\r\n"), "M9"),
    "line ends before": (b"\r\n" + message("M9"), "M9"),
    "with a wrong line": (message("M9") + b"nonsense\r", "M9"),
    "in an unknown character set": (noted("x", "KLINGON"), "M1"),
    "with bytes of no character set": (noted("Zoë", "ASCII", "iso8859-1"), "M1"),
    "very long": (message("M9") + b"OBX|1|ST|NOTE||" + b"x" * 1_000_000, "M9"),
}


@pytest.mark.parametrize("case", HEADERS)
def test_the_header_is_read_of(case: str) -> None:
    sent, control = HEADERS[case]
    header = header_of(sent)
    assert header is not None
    assert (header.name, header.text(3), header.text(10)) == ("MSH", "MATERNITY", control)


@pytest.mark.parametrize("sent", [b"", b"hello", b"MSH", b"MSH|^|A", b"PID|1\r" + message()])
def test_what_has_no_header_has_none(sent: bytes) -> None:
    assert header_of(sent) is None


def test_a_segment_in_a_trace_shows_no_value() -> None:
    shown = repr(read(message()))
    assert "Segment(PID, 1)" in shown
    assert not [each for each in ("Tess", "1001", "1995") if each in shown]


def test_the_samples_are_what_the_tests_take_them_for() -> None:
    assert len(message().split(b"\r")) == len(BODY) + 2
