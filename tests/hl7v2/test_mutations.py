"""Valid messages with bytes changed, put in and taken out at random: nothing breaks, hangs or hides its neighbour."""

import random

from hypothesis import given
from hypothesis import strategies as st

from service.hl7v2.frame import Frame, Framer, framed
from service.hl7v2.segments import NotReadable, header_of, read
from tests.hl7v2.wire import message

# A tenth of the hundred thousand is one hundred examples of so many.
MUTATIONS_PER_EXAMPLE = 100
VALID = (
    message(),
    message(ends="\r\n"),
    message().decode().replace("Tester", "Tëster").encode("iso8859-1"),
    message().replace(b"|P|2.5.1", b"|P|2.5.1||||||8859/15"),
    b"MSH#@*!%#A#B\rPID#1##1@@@X%1.2%ISO*2\rOBX#1#ST#N##!F!a!X0D!!.br!!E!",
)
WITNESS = message("WITNESS")
# What means something to a framer or a reader is put in more often than chance would.
TELLING = b"\x0b\x1c\r\n|^~\\&\0\xff\xc3MSHX"


def mutated(chance: random.Random) -> bytes:
    body = bytearray(chance.choice(VALID))
    for _ in range(chance.randint(1, 12)):
        place = chance.randrange(len(body))
        byte = chance.choice(TELLING) if chance.random() < 0.5 else chance.randrange(256)
        match chance.randrange(4):
            case 0:
                body[place] = byte
            case 1:
                body.insert(place, byte)
            case 2:
                del body[place : place + chance.randint(1, 20)]
            case _:
                body[place:place] = body[chance.randrange(len(body)) :][: chance.randint(1, 40)]
        body = body or bytearray(b"M")
    return bytes(body)


def read_all(body: bytes) -> None:
    """Everything that a reader may ask of it."""
    header_of(body)
    try:
        found = read(body)
    except NotReadable:
        return
    lines = [line for line in body.removeprefix(b"\xef\xbb\xbf").replace(b"\n", b"\r").split(b"\r") if line.strip()]
    assert len(found.segments) <= len(lines)
    for segment in found.segments:
        for number in range(len(segment.fields)):
            assert "\0" not in segment.text(number, 2)
            segment.repetitions(number)


@given(st.integers(0, 2**32))
def test_no_mutation_breaks_the_reader_or_hides_the_message_that_follows(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(MUTATIONS_PER_EXAMPLE):
        body = mutated(chance)
        whole = chance.random() < 0.7
        sent = bytearray((framed(body) if whole else body) + framed(WITNESS))
        framer = Framer()
        frames: list[Frame] = []
        while sent:
            size = chance.randint(1, 400)
            frames += framer.feed(bytes(sent[:size]))
            del sent[:size]
        assert frames[-1].body == WITNESS
        assert frames[-1].fault is None
        assert framer.flush() is None
        if whole and not {0x0B, 0x1C} & set(body):
            assert frames == [Frame(body), Frame(WITNESS)]
        for frame in frames:
            read_all(frame.body)
