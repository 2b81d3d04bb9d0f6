"""Raise an alert: something a named clinician must see and acknowledge by a time."""

from datetime import datetime, timedelta

from service.flow.owe import owe_alert
from service.flow.ports import Transaction
from service.flow.rules import Rules
from service.referrals.alert import ALERT_KINDS, ASKS_TO_RING, Alert, AlertCode, AlertState, ResultVersion
from service.referrals.offer import Offer
from service.referrals.patient import Patient
from service.referrals.referral import Referral
from service.screening.instrument import Policy, Priority
from service.shared.audit import Action, AuditEvent


def raise_alert(
    tx: Transaction,
    rules: Rules,
    code: AlertCode,
    *,
    tenant_id: str,
    patient_id: str | None,
    referral_id: str | None,
    now: datetime,
    programmes: tuple[str, ...] = (),
    priority: Priority | None = None,
    result: ResultVersion | None = None,
    telephone: str | None = None,
    women_waiting: int | None = None,
    topic: str | None = None,
) -> Alert:
    """Add the alert and owe it to the record in the lane that waits for nothing; a worklist row is not announced.
    `priority` None is the one of its kind."""
    kind, policy = ALERT_KINDS[code], rules.policy(tenant_id)
    priority = priority or kind.priority or _site_priority(code, policy)
    due_at = now + _time_to_acknowledge(kind.announced, priority, policy)
    alert = Alert(
        tx.new_id(), 1, tenant_id, patient_id, referral_id, code, priority, AlertState.OPEN, now, due_at,
        programmes=programmes, result=result, telephone=telephone, women_waiting=women_waiting, topic=topic,
    )  # fmt: skip
    tx.alerts.add(alert)
    tx.audit.write(AuditEvent(Action.CREATE, f"Alert/{alert.id}", patient_id))
    owe_alert(tx, rules, alert, says_it=True)
    return alert


def alert_about(
    tx: Transaction, rules: Rules, code: AlertCode, patient: Patient, now: datetime, topic: str | None = None
) -> Alert:
    """Raise an alert about a woman, and about her open referral if she has one."""
    referral = tx.referrals.open_of(patient.id)
    return raise_alert(
        tx,
        rules,
        code,
        tenant_id=patient.tenant_id,
        patient_id=patient.id,
        referral_id=referral.id if referral else None,
        now=now,
        topic=topic,
    )


def alert_about_referral(
    tx: Transaction,
    rules: Rules,
    code: AlertCode,
    referral: Referral,
    now: datetime,
    *,
    programmes: tuple[str, ...] = (),
    result: ResultVersion | None = None,
    topic: str | None = None,
) -> Alert:
    """Raise an alert about a woman and this referral of hers, naming these programmes by id."""
    return raise_alert(
        tx,
        rules,
        code,
        tenant_id=referral.tenant_id,
        patient_id=referral.patient_id,
        referral_id=referral.id,
        now=now,
        programmes=programmes,
        result=result,
        topic=topic,
    )


def alert_about_offer(
    tx: Transaction,
    rules: Rules,
    code: AlertCode,
    offer: Offer,
    now: datetime,
    *,
    priority: Priority | None = None,
    topic: str | None = None,
) -> Alert:
    """Raise an alert about a woman and what was offered, with the telephone number of a programme that is to be rung
    about it."""
    return raise_alert(
        tx,
        rules,
        code,
        tenant_id=offer.tenant_id,
        patient_id=offer.patient_id,
        referral_id=offer.referral_id,
        now=now,
        priority=priority,
        telephone=_to_ring(tx, code, offer),
        topic=topic,
    )


def alert_until_seen(tx: Transaction, rules: Rules, code: AlertCode, offer: Offer, now: datetime) -> None:
    """The same, unless one like it has not been seen yet: whoever acts on that one, and rings that number, hears of all
    there is. The caller holds the lock on the woman."""
    if not unseen(tx, code, offer):
        alert_about_offer(tx, rules, code, offer, now)


def unseen(tx: Transaction, code: AlertCode, offer: Offer) -> list[Alert]:
    """Those like it, with the same number to ring, that nobody has seen yet."""
    alerts, number = tx.alerts.unresolved(offer.referral_id, (code,)), _to_ring(tx, code, offer)
    return [each for each in alerts if each.state is AlertState.OPEN and each.telephone == number]


def _to_ring(tx: Transaction, code: AlertCode, offer: Offer) -> str | None:
    return tx.programmes.get(offer.programme_id).telephone if code in ASKS_TO_RING else None


def alert_sender(tx: Transaction, rules: Rules, code: AlertCode, now: datetime, topic: str | None = None) -> None:
    """Raise an alert at the hospital that has sent what it is about, of a woman whom nobody can tell."""
    tenant_id = tx.caller.organisation_id
    raise_alert(tx, rules, code, tenant_id=tenant_id, patient_id=None, referral_id=None, now=now, topic=topic)


def _site_priority(code: AlertCode, policy: Policy) -> Priority:
    return policy.unscorable_priority if code is AlertCode.UNSCORABLE else policy.unknown_priority


def _time_to_acknowledge(announced: bool, priority: Priority, policy: Policy) -> timedelta:
    if announced:
        return timedelta(minutes=policy.acknowledge_within_minutes[priority])
    return timedelta(days=policy.rescreen_after_days)
