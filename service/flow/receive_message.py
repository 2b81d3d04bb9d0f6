"""An HL7 v2 message: several patients and orders in one unit, and each group of them its own outcome."""

from dataclasses import dataclass
from enum import StrEnum

from service.flow.keep_unreadable import Recognised
from service.flow.receive_result import ReceivedResult
from service.flow.received import ControlKey, Received, Reference
from service.flow.record_consent import ReceivedConsent
from service.flow.register_patient import ReceivedPatient

Step = ReceivedPatient | ReceivedConsent | ReceivedResult


class Problem(StrEnum):
    """What in a group is not as it must be, although the message can be read: it is kept, and a person is told."""

    SEGMENT_MISSING = "segment-missing"
    SEGMENT_MISPLACED = "segment-misplaced"
    VALUE_MISSING = "value-missing"
    VALUE_UNREADABLE = "value-unreadable"
    CODE_UNKNOWN = "code-unknown"
    IDENTIFIER_UNUSABLE = "identifier-unusable"
    NO_SCORE = "no-score"


@dataclass(frozen=True, slots=True)
class Flaw:
    """`at` is the place as an ERL has it (HL7 v2.5.1, 2.A.28): `PID^1^3`, `OBX^2^5^1^1`. Never a value."""

    problem: Problem
    at: str


@dataclass(frozen=True, slots=True)
class Part:
    """One step of a group. `at` is the place that a refusal of it is told about, as an ERL has it: `OBR^1`.

    Its message is `Received` by the door `hl7v2`, with the resource's own JSON as its body; `within` is set here.
    """

    step: Step
    at: str


@dataclass(frozen=True, slots=True)
class Group:
    """One patient's part of a message, in the order in which it is acted on: first who she is.

    `subject` is how its segments name her, None when nothing in it can. `recognised` is what could be told of what
    stands in none of the `parts`. A group without parts is kept, and its flaws are told.
    """

    subject: Reference | None
    parts: tuple[Part, ...]
    flaws: tuple[Flaw, ...] = ()
    recognised: Recognised = Recognised.NOTHING


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """`received.type` is MSH-9.1^MSH-9.2, as `ORU^R01`, and `received.body` the message byte for byte."""

    control: ControlKey
    received: Received
    groups: tuple[Group, ...]
