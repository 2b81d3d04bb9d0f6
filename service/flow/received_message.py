"""What a door hands over of an HL7 v2 message: for each patient the steps it asks for, and what cannot be acted on."""

from enum import StrEnum
from typing import NamedTuple

from service.flow.answer import Reason
from service.flow.hear_refused_order import RefusedOrder
from service.flow.keep_unreadable import Recognised
from service.flow.received import Child, ControlKey, Received, Reference
from service.flow.steps import Step
from service.flow.tell_unnamed import Unnamed


class Problem(StrEnum):
    """What in a group is not as it must be, although the message can be read: it is kept, and a person is told."""

    SEGMENT_MISSING = "segment-missing"
    SEGMENT_MISPLACED = "segment-misplaced"
    VALUE_MISSING = "value-missing"
    VALUE_UNREADABLE = "value-unreadable"
    TIME_UNREADABLE = "time-unreadable"
    CODE_UNKNOWN = "code-unknown"
    YES_NOT_PLAIN = "yes-not-plain"
    IDENTIFIER_UNUSABLE = "identifier-unusable"
    NO_SCORE = "no-score"
    IDENTITIES_REARRANGED = "identities-rearranged"


class Flaw(NamedTuple):
    """What of a group was not acted on. `at` is the place as an ERL has it (HL7 v2.5.1, 2.A.28): `PID^1^3`,
    `OBX^2^5^1^1`. Never a value. `authority` is whose identifiers could not be used."""

    problem: Problem | Reason
    at: str
    authority: str = ""


class Part(NamedTuple):
    """One step of a group. `at` is the place that a refusal of it is told about, as an ERL has it: `OBR^1`.

    Its message is `Received` by the door `hl7v2`, with the resource's own JSON as its body; `within` is set here.
    """

    step: Step
    at: str


class Group(NamedTuple):
    """One patient's part of a message, in the order in which it is acted on: first who she is.

    `subject` is how its segments name her, None when nothing in it can. `recognised` is what could be told of what
    stands in none of the `parts`. A group without parts is kept, and its flaws are told.

    `unnamed` is set where it tells of an event that makes contact unwelcome, or of a no to it, and nobody can tell of
    which woman.

    `child` is set where it reads as the record of one, unless the names are those of a woman who is known. `stops` is
    the order that it may be, to end a referral: it is heard where none of the `parts` follows it.
    """

    subject: Reference | None
    parts: tuple[Part, ...]
    flaws: tuple[Flaw, ...] = ()
    recognised: Recognised = Recognised.NOTHING
    unnamed: Unnamed | None = None
    child: Child | None = None
    stops: RefusedOrder | None = None


class ReceivedMessage(NamedTuple):
    """`received.type` is MSH-9.1^MSH-9.2, as `ORU^R01`, and `received.body` the message byte for byte."""

    control: ControlKey
    received: Received
    groups: tuple[Group, ...]
