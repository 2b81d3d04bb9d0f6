"""A known sender's body that could not be understood: nothing of it is acted on, and nothing of it is lost."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, IntEnum, auto

from service.flow.identify import once_held, subject_of
from service.flow.ports import Transaction
from service.flow.raise_alert import alert_until_seen
from service.flow.received import Reference
from service.flow.rules import Rules
from service.flow.tell_of_result import tell_of_result
from service.referrals.alert import AlertCode
from service.referrals.offer import Offer
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
    subject; nobody when any of that cannot be told for certain."""

    recognised: Recognised
    subjects: Sequence[Reference] = ()


@dataclass(frozen=True, slots=True)
class Words:
    """What somebody wrote in it, note by note, and the resources that it names, those it is most likely about first."""

    written: Sequence[object]
    about: Sequence[Reference]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """`sealed` is the body, encrypted for the id it is kept under, and `fingerprint` the same for the same body;
    `reason` is the codes of what was wrong with it, and `results` what can be told of each result in it.

    `words` is None when nobody wrote anything in it. `door` is where it came in, `type` what it said it was.
    `sealed_request` is what the door has to know beside the body to take it once more, sealed in the same way.
    """

    id: str
    sealed: bytes
    fingerprint: str
    reason: str
    results: Sequence[Salvaged] = ()
    words: Words | None = None
    door: str = "fhir"
    type: str = ""
    sealed_request: bytes | None = None


class Heard(Enum):
    """Who was told of it."""

    NOBODY = auto()
    A_CLINICIAN = auto()
    THE_OPERATOR_MUST_BE = auto()


def keep_unreadable(tx: Transaction, rules: Rules, unreadable: Unreadable, now: datetime) -> Heard:
    """Keep it for a person to look at, and tell one where it may hold a result, a risk, or a programme's own words.

    What a programme writes is heard whatever form it comes in (DESIGN 9). When no offer of its can be told from it, the
    answer says that the operator must be told: then only they can find out whom it is about.
    """
    tx.inbox.keep_unreadable(
        unreadable.id,
        unreadable.sealed,
        unreadable.reason,
        door=unreadable.door,
        type=unreadable.type,
        sealed_request=unreadable.sealed_request,
    )
    tx.audit.write(AuditEvent(Action.CREATE, f"UnreadableMessage/{unreadable.id}", None, "unreadable"))
    if tx.caller.kind is OrganisationKind.COMMUNITY:
        return _hear(tx, rules, unreadable.words, now) if unreadable.words else Heard.NOBODY
    if tx.caller.kind is OrganisationKind.HOSPITAL:
        return _tell_of_results(tx, rules, unreadable, now)
    return Heard.NOBODY


def _tell_of_results(tx: Transaction, rules: Rules, unreadable: Unreadable, now: datetime) -> Heard:
    """Of the worst that may be in it, and about each woman of whom it is certain that it is hers."""
    worst = max((each.recognised for each in unreadable.results), default=Recognised.NOTHING)
    if worst is Recognised.NOTHING:
        return Heard.NOBODY
    risk = worst is Recognised.A_CRITICAL_ANSWER
    women = {whose_is(tx, each) for each in unreadable.results if each.recognised is worst}
    if not risk and len(women) > 1:
        women = {None}
    for patient_id in sorted(women, key=str):
        tell_of_result(tx, rules, patient_id, unreadable.fingerprint, now, risk=risk)
    return Heard.A_CLINICIAN


def whose_is(tx: Transaction, salvaged: Salvaged) -> str | None:
    """The one woman whom all that it names as its subject means."""
    women = {subject_of(tx, each) for each in salvaged.subjects}
    return women.pop() if len(women) == 1 else None


def _hear(tx: Transaction, rules: Rules, words: Words, now: datetime) -> Heard:
    offer = _offer(tx, words.about)
    if offer is None:
        return Heard.THE_OPERATOR_MUST_BE
    tx.patients.lock(offer.patient_id)
    # A programme sends the whole Task: what it was shown itself, or reported before, is not said anew.
    reported = tx.offers.reports([offer.id], "note").get(offer.id, ())
    shown = (*rules.status_reasons.values(), offer.status_reason, offer.business_status)
    known = [*reported, *({"text": each} for each in shown)]
    if all(each in known for each in words.written):
        return Heard.NOBODY
    alert_until_seen(tx, rules, AlertCode.UNREADABLE_WORDS, offer, now)
    return Heard.A_CLINICIAN


def _offer(tx: Transaction, about: Iterable[Reference]) -> Offer | None:
    """The first offer named that the caller holds, by its own id or by one of its handles."""
    named = (once_held(tx, each.type, each.id) for each in about if each.id is not None and each.base is None)
    return next(filter(None, named), None)
