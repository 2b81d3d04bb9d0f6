"""A known sender's body that could not be understood: nothing of it is acted on, and nothing of it is lost."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, auto

from service.flow.hear_refused_order import RefusedOrder, hear_refused_order
from service.flow.identify import subject_of, who_said
from service.flow.lock_women import lock_women
from service.flow.ports import Transaction
from service.flow.received import Reference, listed, number_in
from service.flow.received_result import ReceivedResult
from service.flow.register_patient import ReceivedPatient, woman_named
from service.flow.rules import Rules
from service.flow.tell_of_result import tell_of_result
from service.flow.tell_unnamed import Unnamed, tell_unnamed
from service.flow.unheard import hear_unheard
from service.referrals.instruction import Order
from service.referrals.life_event import LifeEvent
from service.shared.audit import Action, AuditEvent
from service.shared.caller import OrganisationKind


class Recognised(IntEnum):
    """What can be told of it all the same, the worst last."""

    NOTHING = auto()
    AN_INSTRUMENT = auto()
    A_CRITICAL_ANSWER = auto()


@dataclass(frozen=True, slots=True)
class Salvaged:
    """What can be told of a resource, or of a whole body. `subjects` is everybody whom it names as its subject; nobody
    when any of that cannot be told for certain. `safety_event`: it tells of a loss, or of anything else that makes
    contact unwelcome. `number` is by what the record has them, where `subjects` does not say it. `refuses`: it may be
    her no. `who` is what it says of who she is, where it is about that. `addressed` is what it was sent to
    change. `stops` is the order that it may be about the referral that it was sent to. `read` is all in it that tells
    of a risk, where that could be read."""

    recognised: Recognised
    subjects: Sequence[Reference] = ()
    safety_event: bool = False
    number: str = ""
    refuses: bool = False
    who: ReceivedPatient | None = None
    addressed: Reference | None = None
    stops: Order | None = None
    read: Sequence[ReceivedResult] = ()


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

    @property
    def is_critical(self) -> bool:
        """Whether somebody has to hear of it at once."""
        return any(each.is_critical for each in self.unnamed) or any(
            each.recognised is Recognised.A_CRITICAL_ANSWER or each.safety_event or each.refuses or each.stops
            for each in self.results
        )


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
    tell_of_unreadable(tx, rules, unreadable, now)


def tell_of_unreadable(tx: Transaction, rules: Rules, unreadable: Unreadable, now: datetime) -> None:
    """Let the hospital that has sent it hear what may stand in it."""
    if tx.caller.kind is OrganisationKind.HOSPITAL:
        lock_women(tx, {subject for each in unreadable.results for subject in each.subjects})
        _tell_of_results(tx, rules, unreadable, now)
        _hear_unheard(tx, rules, unreadable, now)
        for each in unreadable.unnamed:
            tell_unnamed(tx, rules, each, now)


def _tell_of_results(tx: Transaction, rules: Rules, unreadable: Unreadable, now: datetime) -> None:
    """Of the worst that may be in it, and about each woman of whom it is certain that it is hers."""
    worst = max((each.recognised for each in unreadable.results), default=Recognised.NOTHING)
    if worst is Recognised.NOTHING:
        return
    risk = worst is Recognised.A_CRITICAL_ANSWER
    of_worst = [each for each in unreadable.results if each.recognised is worst]
    women = {whose_is(tx, each) for each in of_worst}
    if not risk and len(women) > 1:
        women = {None}
    for patient_id in sorted(women, key=str):
        hers = [each for each in of_worst if whose_is(tx, each) == patient_id]
        read = [result for each in hers for result in each.read] if all(each.read for each in hers) else []
        tell_of_result(tx, rules, patient_id, unreadable.fingerprint, now, risk=risk, read=read)


def _hear_unheard(tx: Transaction, rules: Rules, unreadable: Unreadable, now: datetime) -> None:
    """As by what is refused and can be read."""
    for each in unreadable.results:
        if each.safety_event or each.refuses:
            events = frozenset({LifeEvent.SAFETY_EVENT} if each.safety_event else ())
            told = Unnamed(each.number or _number(each), events, each.refuses)
            hear_unheard(tx, rules, whose_is(tx, each), told, unreadable.fingerprint, now)
        if each.stops is not None and each.addressed is not None:
            order = RefusedOrder(each.stops, each.addressed, each.subjects, unreadable.fingerprint)
            hear_refused_order(tx, rules, order, now)


def _number(salvaged: Salvaged) -> str:
    named = [salvaged.addressed] if salvaged.addressed and not salvaged.subjects else salvaged.subjects
    return listed(map(number_in, named))


def whose_is(tx: Transaction, salvaged: Salvaged) -> str | None:
    """The one woman whom all that it names as its subject means, and what it says of her does not contradict. Whose the
    Consent is that it was sent to change it is too, unless it names another who is known."""
    if salvaged.who is not None:
        return woman_named(tx, salvaged.who)
    women = {subject_of(tx, each) for each in salvaged.subjects}
    if salvaged.addressed is not None:
        hers = who_said(tx, salvaged.addressed)
        women = women - {None} | hers if hers else women
    return women.pop() if len(women) == 1 else None
