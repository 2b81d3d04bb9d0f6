"""What does not arrive: whom that is told, and that it is over again."""

from dataclasses import replace
from datetime import datetime, timedelta

from service.flow.move_alert import move_alert
from service.flow.owe import owe_alert
from service.flow.raise_alert import raise_alert
from service.flow.rules import Rules
from service.referrals.alert import Alert, AlertCode, AlertState, AlertTrigger
from service.referrals.delivery import Delivery, DeliveryState
from service.screening.instrument import CARRY_ALERTS, Policy
from service.store.unit_of_work import UnitOfWork

TOLD_AFTER_ATTEMPTS = 8


def has_failed(delivery: Delivery, policy: Policy, now: datetime) -> bool:
    """Whether it was tried often enough and for long enough that a person should know: sooner of an alert."""
    of_alerts = delivery.lane.of_alerts
    minutes = policy.alert_stuck_after_minutes if of_alerts else policy.status_stuck_after_minutes
    return delivery.attempts >= TOLD_AFTER_ATTEMPTS and now - delivery.owed_at >= timedelta(minutes=minutes)


def of_her_present(tx: UnitOfWork, delivery: Delivery) -> Delivery:
    """Under the lock of whoever she is by now, as every unit begins that changes an alert about her."""
    if delivery.patient_id is None:
        return delivery
    return replace(delivery, patient_id=tx.patients.lock_present(delivery.patient_id).id)


def tell_of(tx: UnitOfWork, rules: Rules, delivery: Delivery, after: DeliveryState, now: datetime) -> bool:
    """Raise one alert for all that is stuck of hers, and a single one, about no woman, for a record that takes nothing
    of several: it says of how many women at least something waits. It says itself again for as long as nobody hears it.
    False when a person was told of this one before.

    `delivery` is of her present; `after` is what became of it. An alert that says this and is stuck in its turn raises
    no other, which would fare no better.
    """
    if not tx.deliveries.show(delivery):
        return False
    code, tenant_id = AlertCode.DELIVERY_STUCK, delivery.destination_id
    if delivery.resource_type in CARRY_ALERTS and tx.alerts.get(delivery.resource_id).code is code:
        return True
    # Two that fail at once would each find that nobody has been told.
    tx.take_turn(f"{tenant_id} {code}")
    several = after is not DeliveryState.DEAD and tx.deliveries.others_wait(delivery, TOLD_AFTER_ATTEMPTS)
    patient_id, women = delivery.patient_id, None
    if several:
        patient_id, women = None, tx.deliveries.women_waiting(tenant_id)
    about = (each for each in tx.alerts.about_stuck(tenant_id, patient_id) if each.patient_id == patient_id)
    told = next((each for each in about if several or each.state is AlertState.OPEN), None)
    if told is None:
        raise_alert(
            tx,
            rules,
            code,
            tenant_id=tenant_id,
            patient_id=patient_id,
            referral_id=None,
            now=now,
            women_waiting=women,
        )
    elif women is not None and women >= 2 * (told.women_waiting or 1):
        # Not for each one more: what waits may be thousands, and each change is one delivery more to wait.
        known = tx.alerts.lock(told.id)
        counted = replace(known, women_waiting=women, version=known.version + 1)
        tx.alerts.save(counted, known)
        owe_alert(tx, rules, counted)
    return True


def may_be_ended_by(tx: UnitOfWork, delivery: Delivery) -> list[str]:
    """The ids of the alerts that may be over once it has arrived. What comes at the first try was never stuck, and a
    first version has none before it that was."""
    if delivery.attempts == 1 and delivery.version == 1 and delivery.last_outcome is None:
        return []
    return [each.id for each in tx.alerts.about_stuck(delivery.destination_id, delivery.patient_id)]


def end(tx: UnitOfWork, rules: Rules, alerts: list[Alert], now: datetime) -> None:
    """Resolve those of which nothing is stuck any more."""
    for alert in alerts:
        if not tx.deliveries.stuck(alert.tenant_id, alert.patient_id, TOLD_AFTER_ATTEMPTS):
            move_alert(tx, rules, alert, AlertTrigger.NO_LONGER_NEEDED, now)
