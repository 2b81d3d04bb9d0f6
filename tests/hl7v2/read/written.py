"""What was read of a message as JSON that a person can compare with the message."""

from collections.abc import Iterable
from typing import Any

import orjson

from service.flow.hear_event import ReceivedEvent
from service.flow.hear_safe_contact import ReceivedSafeContact
from service.flow.merge_patients import ReceivedMerge
from service.flow.received import Identifier
from service.flow.received_message import Group, Part
from service.flow.received_result import Administered
from service.flow.record_consent import ReceivedConsent
from service.flow.register_patient import ReceivedPatient
from service.flow.request_referral import ReceivedRequest
from service.referrals.patient import PatientFacts

Tree = dict[str, Any]


def written(groups: Iterable[Group]) -> str:
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps([_group(each) for each in groups], option=options, default=_plain).decode()


def _plain(value: object) -> object:
    if isinstance(value, frozenset):
        return sorted(map(str, value))
    if isinstance(value, (Identifier, PatientFacts)):
        return value._asdict()
    raise TypeError


def _group(group: Group) -> Tree:
    return {
        "subject": group.subject and group.subject.identifier,
        "flaws": [f"{each.problem} at {each.at}" for each in group.flaws],
        "recognised": group.recognised.name,
        "parts": [_part(each) for each in group.parts],
    }


def _part(part: Part) -> Tree:
    step = part.step
    said: Tree = {"at": part.at, "names": step.received.identifiers}
    # An event and a request have no resource of their own.
    said |= {"body": orjson.loads(step.received.body)} if step.received.body else {}
    if isinstance(step, ReceivedPatient):
        return said | {"facts": step.facts, "unsaid": sorted(step.unsaid)}
    if isinstance(step, ReceivedMerge):
        return said | {"facts": step.facts, "retired": step.retired}
    if isinstance(step, ReceivedConsent):
        return said | {"recipient": step.recipient and step.recipient.id, "said": step.said}
    if isinstance(step, ReceivedSafeContact):
        return said | {"of": step.patient.identifier, "said": step.said}
    if isinstance(step, ReceivedEvent):
        return said | {"of": step.subject.identifier, "event": step.event, "happened_on": step.happened_on}
    if isinstance(step, ReceivedRequest):
        return said | {"ends": step.ends, "practitioner": step.practitioner}
    return said | {
        "administered": [_administered(each) for each in step.administered],
        "corrects": step.corrects,
        "due_date": step.due and step.due.day,
    }


def _administered(each: Administered) -> Tree:
    piece = each.piece
    return {
        "what": f"{each.instrument_id}, {each.respondent}, {each.effective.isoformat()}",
        "source": piece.source,
        "status": piece.status,
        "stated": [
            f"{reading.role} {reading.item or ''}: {reading.unreadable or reading.value}" for reading in piece.readings
        ],
        "expects": sorted(piece.expects),
    }
