"""RRI^I12 to I14: what became of a referral, in answer to the REF that brought it (HL7 v2.5.1, 11.3.3)."""

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum

from service.hl7v2.acknowledge import Error
from service.hl7v2.errors import MEANINGS
from service.hl7v2.segments import Message, Segment, escaped

STATUS, PROCESSED = 1, 9
# A referral is acted on when its request was, and when PID as a whole and its identifiers say whose it is; a date in
# PID, a consent or a result may still be told of.
_SAYS_WHOSE = ("", "3")


class Answered(StrEnum):
    """RF1-1, table 0283. It says what became of the request when it came, and the record is told of every later step:
    accepted is therefore said by the programme's acceptance, and never here."""

    PENDING = "P"
    REJECTED = "R"


def referral_answer(acknowledgement: bytes, request: Message, errors: Sequence[Error], *, now: datetime) -> bytes:
    """The acknowledgement of a REF as the RRI that its sender waits for.

    RRI has no ERR: what was not used is said in words, by their place, in NTE.
    """
    marks, header = request.delimiters, request.header
    lines = acknowledgement.decode(header.codec).split("\r")
    head = lines[0].split(marks.field)
    head[8] = marks.component.join(("RRI", header.text(9, 2).upper(), "RRI_I12"))
    rejected = any(map(_is_decisive, errors))
    answered = Answered.REJECTED if rejected else Answered.PENDING
    told = [marks.field.join(head), lines[1], *(_request(each, answered, now) for each in request.named("RF1"))]
    told += [marks.field.join(each.fields) for each in request.named("PRD")]
    told += [marks.field.join(each.fields) for each in request.named("PID")]
    for number, error in enumerate(errors, 1):
        words = escaped(f"{error.at}: {MEANINGS[error.what].words}", marks)
        told.append(marks.field.join(("NTE", str(number), "", words)))
    return "".join(f"{line}\r" for line in told).encode(header.codec, errors="replace")


def _is_decisive(error: Error) -> bool:
    segment, _, field, *_ = [*error.at.split("^"), "", ""]
    return segment == "RF1" or (segment == "PID" and field in _SAYS_WHOSE)


def _request(segment: Segment, answered: Answered, now: datetime) -> str:
    """The request as it came, with what was made of it and when."""
    fields = [*segment.fields, *[""] * (PROCESSED + 1 - len(segment.fields))]
    fields[STATUS], fields[PROCESSED] = answered.value, f"{now.astimezone(UTC):%Y%m%d%H%M%S}+0000"
    return segment.delimiters.field.join(fields)
