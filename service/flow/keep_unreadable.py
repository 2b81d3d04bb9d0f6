"""A known sender's body that could not be understood: nothing of it is acted on, and nothing of it is lost."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, auto

from service.flow.hear_event import pause
from service.flow.identify import subject_of
from service.flow.ports import Transaction
from service.flow.raise_alert import alert_sender
from service.flow.received import Reference
from service.flow.rules import Rules
from service.flow.tell_of_result import is_news, tell_of_result
from service.flow.tell_unnamed import Unnamed, tell_unnamed
from service.referrals.alert import AlertCode
from service.shared.audit import Action, AuditEvent
from service.shared.caller import OrganisationKind


class Recognised(IntEnum):
    """What can be told of it all the same, the worst last."""

    NOTHING = auto()
    AN_INSTRUMENT = auto()
    A_CRITICAL_ANSWER = auto()


@dataclass(frozen=True, slots=True)
class Salvaged:
    """What can be told of a result, or of a whole body that may hold one. `subjects` is everybody whom it names as its
    subject; nobody when any of that cannot be told for certain. `safety_event`: it tells of a loss, or of anything else
    that makes contact unwelcome."""

    recognised: Recognised
    subjects: Sequence[Reference] = ()
    safety_event: bool = False


@dataclass(frozen=True, slots=True)
class Unreadable:
    """`sealed` is the body, encrypted for the id it is kept under, and `fingerprint` the same for the same body;
    `reason` is the codes of what was wrong with it, and `results` what can be told of each result in it. `unnamed` is
    what else in it makes contact unwelcome, of each whom it is told of.

    `door` is where it came in, `type` what it said it was.
    `sealed_request` is what the door has to know beside the body to take it once more, sealed in the same way.
    """

    id: str
    sealed: bytes
    fingerprint: str
    reason: str
    results: Sequence[Salvaged] = ()
    door: str = "fhir"
    type: str = ""
    sealed_request: bytes | None = None
    unnamed: Sequence[Unnamed] = ()


def keep_unreadable(tx: Transaction, rules: Rules, unreadable: Unreadable, now: datetime) -> None:
    """Keep it for a person to look at, and tell one where it may hold a hospital's result, or a risk."""
    tx.inbox.keep_unreadable(
        unreadable.id,
        unreadable.sealed,
        unreadable.reason,
        door=unreadable.door,
        type=unreadable.type,
        sealed_request=unreadable.sealed_request,
    )
    tx.audit.write(AuditEvent(Action.CREATE, f"UnreadableMessage/{unreadable.id}", None, "unreadable"))
    if tx.caller.kind is OrganisationKind.HOSPITAL:
        _tell_of_results(tx, rules, unreadable, now)
        _hear_events(tx, rules, unreadable, now)
        for each in unreadable.unnamed:
            tell_unnamed(tx, rules, each, now)


def _tell_of_results(tx: Transaction, rules: Rules, unreadable: Unreadable, now: datetime) -> None:
    """Of the worst that may be in it, and about each woman of whom it is certain that it is hers."""
    worst = max((each.recognised for each in unreadable.results), default=Recognised.NOTHING)
    if worst is Recognised.NOTHING:
        return
    risk = worst is Recognised.A_CRITICAL_ANSWER
    women = {whose_is(tx, each) for each in unreadable.results if each.recognised is worst}
    if not risk and len(women) > 1:
        women = {None}
    for patient_id in sorted(women, key=str):
        tell_of_result(tx, rules, patient_id, unreadable.fingerprint, now, risk=risk)


def _hear_events(tx: Transaction, rules: Rules, unreadable: Unreadable, now: datetime) -> None:
    """Contact pauses with each woman of whom it is certain that it is told, as by what is refused and can be read. Whom
    nobody knows here nobody rings; where nobody can tell whom it means, somebody is to find out."""
    content = f"event {unreadable.fingerprint}"
    for meant in [_women_in(tx, each) for each in unreadable.results if each.safety_event]:
        patient_id = next(iter(meant)) if len(meant) == 1 else None
        if meant == {None} or not is_news(tx, patient_id, content):
            continue
        if patient_id is None:
            alert_sender(tx, rules, AlertCode.UNNAMED_EVENT, now)
        else:
            pause(tx, rules, patient_id, now)


def whose_is(tx: Transaction, salvaged: Salvaged) -> str | None:
    """The one woman whom all that it names as its subject means."""
    women = _women_in(tx, salvaged)
    return women.pop() if len(women) == 1 else None


def _women_in(tx: Transaction, salvaged: Salvaged) -> set[str | None]:
    """None among them is one who is not known."""
    return {subject_of(tx, each) for each in salvaged.subjects}
