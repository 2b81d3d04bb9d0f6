"""A message may mean two women: nothing of it is used, contact pauses, and a person finds out who is meant."""

from collections.abc import Iterable
from datetime import datetime

from service.flow.advance import advance
from service.flow.answer import Reason, Refused
from service.flow.identify import known_as, women_meant
from service.flow.ports import Transaction
from service.flow.raise_alert import alert_about
from service.flow.received import Child, Reference
from service.flow.rules import Rules
from service.referrals.alert import Alert, AlertCode, AlertState
from service.referrals.referral import ReferralState, ReferralTrigger


def one_subject(
    tx: Transaction, rules: Rules, reference: Reference, element: str, now: datetime
) -> tuple[str | None, Refused]:
    """The patient whom the reference in `element` means; None when it is nobody known or may be two, and why."""
    meant = women_meant(tx, reference)
    if len(meant) > 1:
        return None, doubt_all(tx, rules, meant, element, now)
    return next(iter(meant), None), Refused(Reason.SUBJECT_UNKNOWN, element)


def doubt_all(tx: Transaction, rules: Rules, meant: Iterable[str], element: str, now: datetime) -> Refused:
    """Pause for every woman who may be meant. The answer names them, for a transaction that is undone because of it."""
    women = tuple(sorted(meant))
    for patient_id in women:
        doubt_identity(tx, rules, patient_id, now)
    return Refused(Reason.IDENTITY_CONFLICT, element, women)


def doubt_child(tx: Transaction, rules: Rules, child: Child, now: datetime) -> bool:
    """Whether a woman who is known goes by the child's names: then it may be she, born on another day. One whose birth
    date nobody has told counts while a referral of hers is open."""
    known = [tx.patients.lock(id) for id in sorted(known_as(tx, "Patient", child.names))]
    ages = [(each.id, each.age(now.date())) for each in known]
    women = [id for id, age in ages if (tx.referrals.open_of(id) if age is None else age >= child.woman_from)]
    for id in women:
        doubt_identity(tx, rules, id, now)
    return bool(women)


def doubt_again(tx: Transaction, rules: Rules, refused: Refused, now: datetime) -> None:
    """The same after the unit of the refusal was undone, for those who were known before it."""
    known = {tx.visible.patient_id(each) for each in refused.doubted}
    for patient_id in sorted(each for each in known if each is not None):
        doubt_identity(tx, rules, patient_id, now)


def doubt_identity(tx: Transaction, rules: Rules, patient_id: str, now: datetime) -> None:
    """Somebody else may have been meant. It is said once until somebody has seen it, however often it is sent."""
    patient, referral = tx.patients.lock(patient_id), tx.referrals.open_of(patient_id)
    said = any(each.state is AlertState.OPEN for each in _doubts(tx, patient_id))
    if referral is None:
        if not said:
            alert_about(tx, rules, AlertCode.IDENTITY_CONFLICT, patient, now)
    elif not (said and referral.state is ReferralState.ON_HOLD):
        advance(tx, rules, referral, ReferralTrigger.IDENTITY_CONFLICT, now)


def is_doubted(tx: Transaction, patient_id: str) -> bool:
    """Whether somebody has still to find out who was meant."""
    return bool(_doubts(tx, patient_id))


def _doubts(tx: Transaction, patient_id: str) -> list[Alert]:
    return [each for each in tx.alerts.unresolved_about(patient_id) if each.code is AlertCode.IDENTITY_CONFLICT]
