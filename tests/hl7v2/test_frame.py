"""MLLP framing: what is a frame, however it comes, and what is told of what is none."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.hl7v2.frame import LONGEST, LONGEST_NOISE, Fault, Frame, Framer, framed
from tests.hl7v2.wire import message

VT, FS, CR = b"\x0b", b"\x1c", b"\r"
ONE, TWO = message("M1"), message("M2")
HEAD = ONE.split(CR)[0]


def found(*pieces: bytes, longest: int = LONGEST) -> list[Frame]:
    """The frames of one connection that brings these pieces one after the other, and is then at its end."""
    framer = Framer(longest)
    frames = [frame for piece in pieces for frame in framer.feed(piece)]
    last = framer.flush()
    return [*frames, last] if last else frames


CASES = {
    "nothing at all": (b"", []),
    "one message": (framed(ONE), [Frame(ONE)]),
    "a hundred, one behind the other": (framed(ONE) * 100, [Frame(ONE)] * 100),
    "line ends before the frame are skipped": (b"\r\n\r\n" + framed(ONE), [Frame(ONE)]),
    "garbage before the frame is skipped": (b"GET / HTTP/1.1\r\n\r\n" + framed(ONE), [Frame(ONE)]),
    "garbage between two frames is skipped": (framed(ONE) + b"?!" + framed(TWO), [Frame(ONE), Frame(TWO)]),
    "a line feed behind the CR of a frame": (framed(ONE) + b"\n" + framed(TWO) + b"\n", [Frame(ONE), Frame(TWO)]),
    "a message without VT is no frame, and told of": (
        ONE + FS + CR + framed(TWO),
        [Frame(ONE + FS + CR, Fault.OUTSIDE), Frame(TWO)],
    ),
    "segments behind FS CR in a text are told with their header": (
        VT + ONE + FS + CR + b"of it" + CR + b"OBX|9\r" + FS + CR + framed(TWO),
        [Frame(ONE), Frame(HEAD + CR + b"of it" + CR + b"OBX|9\r" + FS + CR, Fault.OUTSIDE), Frame(TWO)],
    ),
    "segments outside at the end": (
        framed(TWO) + b"\n\nOBR#1\n",
        [Frame(TWO), Frame(TWO.split(CR)[0] + CR + b"OBR#1\n", Fault.OUTSIDE)],
    ),
    "segments before any message have no header": (
        b"PID|1" + framed(ONE),
        [Frame(b"PID|1", Fault.OUTSIDE), Frame(ONE)],
    ),
    "words that only begin like a segment are skipped": (
        framed(ONE) + b"PIDGEON\rOBXES OBX|" + framed(TWO),
        [Frame(ONE), Frame(TWO)],
    ),
    "FS LF ends a frame": (VT + ONE + FS + b"\n" + framed(TWO), [Frame(ONE), Frame(TWO)]),
    "FS without CR ends a frame where the next begins": (VT + ONE + FS + framed(TWO), [Frame(ONE), Frame(TWO)]),
    "FS without CR ends a frame where the connection ends": (VT + ONE + FS, [Frame(ONE)]),
    "FS in the content is told": (
        VT + ONE + FS + b"OBX|9\r" + FS + CR,
        [Frame(ONE + FS + b"OBX|9\r", Fault.EMBEDDED)],
    ),
    "VT in the content is told": (VT + ONE + VT + b"OBX|9\r" + FS + CR, [Frame(ONE + VT + b"OBX|9\r", Fault.EMBEDDED)]),
    "a message that begins inside another cuts it short": (
        VT + ONE[:60] + framed(TWO),
        [Frame(ONE[:60], Fault.CUT_SHORT), Frame(TWO)],
    ),
    "VT twice": (VT + framed(ONE), [Frame(ONE)]),
    "a frame that does not end": (VT + ONE, [Frame(ONE, Fault.CUT_SHORT)]),
    "a frame without content": (framed(b"") + framed(ONE), [Frame(b""), Frame(ONE)]),
}


@pytest.mark.parametrize("case", CASES)
def test_the_frames_of(case: str) -> None:
    sent, expected = CASES[case]
    assert found(sent) == expected


@pytest.mark.parametrize("case", CASES)
def test_the_frames_are_the_same_byte_by_byte_of(case: str) -> None:
    sent, expected = CASES[case]
    assert found(*(sent[place : place + 1] for place in range(len(sent)))) == expected


@pytest.mark.parametrize("case", CASES)
def test_the_frames_are_the_same_wherever_it_is_cut_in_two_of(case: str) -> None:
    sent, expected = CASES[case]
    # The first frames and the last hold every way in which one may be cut.
    places = range(len(sent)) if len(sent) < 2_000 else (*range(1_000), *range(len(sent) - 1_000, len(sent)))
    for place in places:
        assert found(sent[:place], sent[place:]) == expected


def test_a_frame_whose_return_is_missing_waits_for_what_comes_next() -> None:
    framer = Framer()
    assert list(framer.feed(VT + ONE + FS)) == []
    assert (framer.inside, framer.ends_without_return) == (True, True)
    assert framer.flush() == Frame(ONE)
    assert (framer.inside, framer.ends_without_return) == (False, False)
    # The CR that comes too late is nothing.
    assert list(framer.feed(CR + framed(TWO))) == [Frame(TWO)]
    assert framer.skipped == 0


def test_what_is_skipped_is_counted_without_blanks() -> None:
    framer = Framer()
    assert list(framer.feed(b"abc \r\n" + framed(ONE) + b"\0\t \r\nde" + framed(TWO) + b"f")) == [
        Frame(ONE),
        Frame(TWO),
    ]
    assert framer.skipped == 6


def test_too_long_a_message_is_given_up_as_soon_as_it_is_too_long_and_ends_the_connection() -> None:
    framer = Framer(longest=100)
    assert list(framer.feed(VT + b"x" * 100)) == []
    assert list(framer.feed(b"x" * 50)) == [Frame(b"x" * 100, Fault.TOO_LONG)]
    assert list(framer.feed(framed(ONE))) == []
    assert framer.flush() is None


def test_a_message_of_just_the_longest_length_is_taken() -> None:
    assert found(framed(b"x" * 100), longest=100) == [Frame(b"x" * 100)]
    assert found(framed(b"x" * 101), longest=100) == [Frame(b"x" * 100, Fault.TOO_LONG)]


def test_more_noise_than_a_sender_of_messages_makes_ends_the_connection() -> None:
    assert found(b"x" * LONGEST_NOISE + framed(ONE)) == [Frame(ONE)]
    assert found(b"x" * (LONGEST_NOISE + 1) + framed(ONE), framed(TWO)) == [Frame(b"", Fault.NOISE)]


def test_of_segments_in_more_noise_than_that_the_beginning_is_told() -> None:
    told, ended = found(b"OBX|1|" + b"x" * LONGEST_NOISE, b"y" * 10, framed(ONE))
    assert (told.fault, ended) == (Fault.OUTSIDE, Frame(b"", Fault.NOISE))
    assert told.body.startswith(b"OBX|1|x")


def test_noise_counts_from_the_last_frame() -> None:
    some = b"x" * (LONGEST_NOISE - 1)
    assert found(some + framed(ONE) + some + framed(TWO)) == [Frame(ONE), Frame(TWO)]


STREAMS = st.lists(
    st.sampled_from([VT, FS, CR, b"\n", b"MSH", b"MS", b"x", framed(b"MSH|1"), framed(b"MSH|2"), b"y" * 40]),
    max_size=12,
).map(b"".join)


@given(STREAMS, st.lists(st.integers(0, 300), max_size=6))
def test_no_cut_changes_what_is_found(sent: bytes, cuts: list[int]) -> None:
    places = [0, *sorted(min(cut, len(sent)) for cut in cuts), len(sent)]
    pieces = [sent[begin:end] for begin, end in pairwise(places)]
    assert found(*pieces, longest=64) == found(sent, longest=64)


@given(STREAMS)
def test_no_byte_that_says_anything_goes_without_being_told(sent: bytes) -> None:
    framer = Framer()
    frames = list(framer.feed(sent))
    last = framer.flush()
    told = [frame.body for frame in (*frames, *([last] if last else []))]
    kept = b"".join(told).translate(None, b"\r\n\0 \t" + VT + FS)
    # Marks apart, every byte is in a frame or was counted; VT and FS among what was skipped are counted too.
    said = sent.translate(None, b"\r\n\0 \t" + VT + FS)
    assert len(kept) <= len(said) <= len(kept) + framer.skipped


@given(st.lists(st.binary(max_size=60).filter(lambda body: not {0x0B, 0x1C} & set(body)), max_size=5))
def test_what_was_framed_is_found_again(bodies: list[bytes]) -> None:
    assert found(b"".join(map(framed, bodies))) == [Frame(body) for body in bodies]
