"""A message may mean two women: nothing of it is used, contact pauses, and a person finds out who is meant."""

from collections.abc import Iterable
from datetime import datetime

from service.flow.answer import Reason, Refused
from service.flow.identify import known_as, women_meant
from service.flow.pause_until_seen import pause_until_seen
from service.flow.ports import Transaction
from service.flow.received import Child, Reference
from service.flow.rules import Rules
from service.referrals.alert import AlertCode
from service.referrals.referral import ReferralTrigger


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
    """Somebody else may have been meant."""
    pause_until_seen(tx, rules, patient_id, ReferralTrigger.IDENTITY_CONFLICT, now)


def is_doubted(tx: Transaction, patient_id: str) -> bool:
    """Whether somebody has still to find out who was meant."""
    return any(each.code is AlertCode.IDENTITY_CONFLICT for each in tx.alerts.unresolved_about(patient_id))
