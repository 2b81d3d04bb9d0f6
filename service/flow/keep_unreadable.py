"""A known sender's body that could not be understood: nothing of it is acted on, and nothing of it is lost."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, IntEnum, auto

from service.flow.identify import once_held
from service.flow.ports import Transaction
from service.flow.raise_alert import alert_sender, alert_until_seen
from service.flow.received import Reference
from service.flow.rules import Rules
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
class Words:
    """What somebody wrote in it, note by note, and the resources that it names, those it is most likely about first."""

    written: Sequence[object]
    about: Sequence[Reference]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """`sealed` is the body, encrypted for the id it is kept under; `reason` is the codes of what was wrong with it.

    `words` is None when nobody wrote anything in it. `door` is where it came in, `type` what it said it was.
    `sealed_request` is what the door has to know beside the body to take it once more, sealed in the same way.
    """

    id: str
    sealed: bytes
    reason: str
    recognised: Recognised
    words: Words | None = None
    door: str = "fhir"
    type: str = ""
    sealed_request: bytes | None = None


class Heard(Enum):
    """Who was told of it."""

    NOBODY = auto()
    A_CLINICIAN = auto()
    THE_OPERATOR_MUST_BE = auto()


_ALERTS = {
    Recognised.AN_INSTRUMENT: AlertCode.UNREADABLE_RESULT,
    Recognised.A_CRITICAL_ANSWER: AlertCode.UNREADABLE_RISK,
}


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
    code = _ALERTS.get(unreadable.recognised)
    if code is None or tx.caller.kind is not OrganisationKind.HOSPITAL:
        return Heard.NOBODY
    alert_sender(tx, rules, code, now)
    return Heard.A_CLINICIAN


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
