"""One table from whatever may be wrong with a message to what its sender is told (HL7 v2.5.1, tables 0357 and 0516)."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from service.flow.answer import Reason
from service.flow.received_message import Problem
from service.hl7v2.frame import Fault
from service.hl7v2.segments import Defect
from service.shared.errors import Unavailable


class NotKept(Unavailable):
    """Nothing of the message was kept, and `answers` ask the sender to send it again; the connection stays open."""

    def __init__(self, answers: Sequence[bytes]) -> None:
        super().__init__("The message was not kept.")
        self.answers = answers


class Unfit(StrEnum):
    """Why a message that can be read is not taken as it is."""

    CONTROL_ID_MISSING = "control-id-missing"
    CONTROL_ID_REUSED = "control-id-reused"
    TYPE_MISSING = "type-missing"
    TYPE_UNSUPPORTED = "type-unsupported"
    EVENT_UNSUPPORTED = "event-unsupported"
    NOT_PRODUCTION = "not-production"
    VERSION_UNSUPPORTED = "version-unsupported"
    SENDER_UNKNOWN = "sender-unknown"
    DEFECT = "defect"
    UNAVAILABLE = "unavailable"


class Rest(StrEnum):
    """What an acknowledgement says of what it leaves out."""

    MORE = "more-problems"


What = Reason | Problem | Defect | Fault | Unfit | Rest

WARNING, ERROR = "W", "E"
CONDITIONS = {
    "100": "Segment sequence error",
    "101": "Required field missing",
    "102": "Data type error",
    "103": "Table value not found",
    "200": "Unsupported message type",
    "201": "Unsupported event code",
    "202": "Unsupported processing id",
    "203": "Unsupported version id",
    "204": "Unknown key identifier",
    "205": "Duplicate key identifier",
    "206": "Application record locked",
    "207": "Application internal error",
}


@dataclass(frozen=True, slots=True)
class Meaning:
    """`condition` is of table 0357, `severity` of 0516. `words` are fixed: nothing of a message ever stands in them.

    `at` is the place, as an ERL has it, where that is always the same.
    """

    condition: str
    severity: str
    words: str
    at: str = ""


def _kept(condition: str, words: str) -> Meaning:
    return Meaning(condition, WARNING, f"Kept, but not used: {words}")


def _refused(condition: str, words: str, at: str = "") -> Meaning:
    return Meaning(condition, ERROR, words, at)


MEANINGS: dict[What, Meaning] = {
    Fault.EMBEDDED: _refused("102", "The message holds a byte that only frames a message (0B or 1C)."),
    Fault.CUT_SHORT: _refused("100", "The message ended before it was whole."),
    Fault.TOO_LONG: _refused("207", "The message is longer than is taken here."),
    Fault.OUTSIDE: _refused("100", "Segments came outside any message."),
    Fault.NOISE: _refused("100", "What came is no message."),
    Defect.NO_HEADER: _refused("100", "The message does not begin with MSH."),
    Defect.DELIMITERS: _refused("102", "The delimiters cannot be used.", "MSH^1^2"),
    Defect.CHARACTER_SET: _refused("103", "The character set is not known here.", "MSH^1^18"),
    Defect.CHARACTERS: _refused("102", "The message is not in the character set that it names.", "MSH^1^18"),
    Defect.SEGMENT: _refused("100", "A line of the message is no segment."),
    Unfit.CONTROL_ID_MISSING: _refused("101", "The message has no control id.", "MSH^1^10"),
    Unfit.CONTROL_ID_REUSED: _refused(
        "207", "Another message came under this control id. Both are kept, the first was used.", "MSH^1^10"
    ),
    Unfit.TYPE_MISSING: _refused("101", "The message does not say what it is.", "MSH^1^9"),
    Unfit.TYPE_UNSUPPORTED: _refused("200", "Messages of this type are not taken here.", "MSH^1^9^1^1"),
    Unfit.EVENT_UNSUPPORTED: _refused("201", "This event of the message type is not taken here.", "MSH^1^9^1^2"),
    Unfit.NOT_PRODUCTION: _refused("202", "Only messages of production are taken here.", "MSH^1^11"),
    Unfit.VERSION_UNSUPPORTED: _refused("203", "This version of HL7 is not taken here.", "MSH^1^12"),
    Unfit.SENDER_UNKNOWN: _refused("204", "This sender is not registered here.", "MSH^1^3"),
    Unfit.DEFECT: _refused("207", "The message could not be processed. Our operator has been told."),
    Unfit.UNAVAILABLE: _refused("207", "Nothing can be kept at the moment. Please send the message again."),
    Rest.MORE: Meaning("207", WARNING, "There are more problems than are told here."),
    Problem.SEGMENT_MISSING: _kept("100", "a segment is missing."),
    Problem.SEGMENT_MISPLACED: _kept("100", "a segment stands where it cannot be understood."),
    Problem.VALUE_MISSING: _kept("101", "a value is missing."),
    Problem.VALUE_UNREADABLE: _kept("102", "a value cannot be read."),
    Problem.TIME_UNREADABLE: Meaning("102", WARNING, "Used without its time: that cannot be read."),
    Problem.CODE_UNKNOWN: _kept("103", "a code is not known here."),
    Problem.YES_NOT_PLAIN: _kept("207", "a yes that is limited, or not plainly hers."),
    Problem.IDENTIFIER_UNUSABLE: _kept("204", "no identifier says whose it is."),
    Problem.NO_SCORE: _kept("102", "the result has no score that can be computed with."),
    Problem.IDENTITIES_REARRANGED: _kept("207", "a person decides whose these records are."),
    Reason.NOT_FOUND: _kept("204", "what it changes is not known here."),
    Reason.SUBJECT_UNKNOWN: _kept("204", "the person is not known here."),
    Reason.RECIPIENT_UNKNOWN: _kept("204", "an organisation is not known here."),
    Reason.CONTENT_UNCLEAR: _kept("102", "it can be understood in more than one way."),
    Reason.DIFFERENT_UNDER_SAME_IDENTIFIER: _kept("205", "other content has come under the same identifier."),
    Reason.SEVERAL_MATCH: _kept("205", "its identifiers stand for several things."),
    Reason.IDENTITY_CONFLICT: _kept("204", "it is not certain whom it is about."),
    Reason.VERSION_STALE: _kept("206", "it changes what has changed meanwhile."),
    Reason.CHANGED_MEANWHILE: _kept("206", "it changes what has changed meanwhile."),
    Reason.TRANSITION_NOT_ALLOWED: _kept("207", "this cannot be done now."),
    Reason.BY_OPERATION_ALONE: _kept("207", "this cannot be done now."),
    Reason.HELD_BY_SERVICE: _kept("206", "it is on hold."),
    Reason.NOT_THE_OWNER: _kept("207", "it is another's to change."),
    Reason.ELEMENT_FIXED: _kept("207", "it changes what is fixed."),
    Reason.STATUS_REASON_REQUIRED: _kept("101", "a reason is missing."),
    Reason.REVIEW_OUTCOME_REQUIRED: _kept("101", "the outcome of the review is missing."),
    Reason.PRACTITIONER_REQUIRED: _kept("101", "the practitioner is missing."),
    Reason.RISK_NOT_REVIEWED: _kept("207", "a risk has not been reviewed."),
    Reason.NO_SAFE_CONTACT: _kept("207", "no safe way to reach her is known."),
    Reason.REVIEW_OUTDATED: _kept("206", "it changes what has changed meanwhile."),
    Reason.ALREADY_ANSWERED: _kept("205", "it was answered before."),
    Reason.NO_LIVE_CONSENT: _kept("207", "there is no consent to it."),
    Reason.OUT_OF_DATE: _kept("207", "it is over, or too old to refer."),
    Reason.IN_THE_FUTURE: _kept("102", "its time is still to come."),
    Reason.BASE_VERSION_UNKNOWN: _kept("204", "it changes a version that never was."),
    Reason.CONTACT_IN_THE_FUTURE: _kept("102", "its time is still to come."),
    Reason.CONTACT_NOT_ACCEPTED: _kept("207", "nobody has accepted to support her."),
    Reason.ACTIVITY_UNKNOWN: _kept("204", "what it refers to is not known here."),
    Reason.CONTACT_CALLED_OFF: _kept("207", "her support was called off."),
}
