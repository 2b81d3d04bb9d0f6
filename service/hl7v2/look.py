"""A frame as far as it can be read, and the key by which it is known when it comes again."""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from service.flow.received import ControlKey, Received
from service.flow.received_message import Group, ReceivedMessage
from service.hl7v2.errors import What
from service.hl7v2.frame import Frame
from service.hl7v2.salvage import headers_in
from service.hl7v2.segments import Message, NotReadable, Segment, header_of, read

DOOR = "hl7v2"


class Looked(NamedTuple):
    """A frame as far as it could be read. `message` is None when it could not; `wrong` is why it is not taken.

    `type` is MSH-9.1 and MSH-9.2. Senders write them in either case, and leave out or make up the third (E47).
    `senders` is what names its sender, MSH-3|MSH-4: of what cannot be read, each header that is found in it.
    """

    body: bytes
    header: Segment | None
    type: tuple[str, str]
    message: Message | None
    wrong: What | None
    senders: Sequence[str]


def look(frame: Frame) -> Looked:
    """As much of the frame as can be read."""
    wrong: What | None = frame.fault
    message = None
    if wrong is None:
        try:
            message = read(frame.body)
        except NotReadable as problem:
            wrong = problem.defect
    header = message.header if message else header_of(frame.body)
    type = (header.text(9, 1).upper(), header.text(9, 2).upper()) if header else ("", "")
    headers = [message.header] if message else headers_in(frame.body)
    senders = [f"{each.text(3)}|{each.text(4)}" for each in headers]
    return Looked(frame.body, header, type, message, wrong, senders)


def received_message(
    looked: Looked, groups: tuple[Group, ...], replays: str | None = None, *, untold: bool = False
) -> ReceivedMessage:
    received = Received("^".join(looked.type), looked.body, door=DOOR, replays=replays, untold=untold)
    return ReceivedMessage(_control(looked), received, groups)


def _control(looked: Looked) -> ControlKey:
    header = looked.header
    named = [*header.fields[3:7], header.raw(10)] if header else []
    lines = looked.body.replace(b"\r\n", b"\r").replace(b"\n", b"\r").strip(b"\r \t")
    # Where nobody has made out a header, the first line says something too.
    said = lines.partition(b"\r")[2] if header else lines
    return ControlKey(_digest("\r".join(named).encode()), _digest(said))


def refusal_of(looked: Looked, wrong: What) -> ControlKey:
    """Under a key of its own: what was refused once may be taken when it is sent again."""
    control = _control(looked)
    return ControlKey(_digest(wrong.value.encode() + control.key + control.content), control.content)


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()
