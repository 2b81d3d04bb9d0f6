"""Write down what became of a delivery, and what was learnt on the way."""

from collections.abc import Sequence
from datetime import datetime

from service.delivery.channel import Learned, Parcel, Sent
from service.delivery.stuck import end, has_failed, may_be_ended_by, of_her_present, tell_of
from service.flow.rules import Rules
from service.referrals.delivery import DELIVERY_TABLE, HAD_NO_TURN, UNSETTLED, Delivery, DeliveryState
from service.store.unit_of_work import UnitOfWork


def settle(
    tx: UnitOfWork,
    rules: Rules,
    owner: str,
    delivery: Delivery,
    parcel: Parcel | None,
    sent: Sent,
    due: datetime,
    now: datetime,
) -> bool:
    """Whether it turned out to be stuck, of which nobody had been told. `due` is when it is tried again if it is."""
    after = DELIVERY_TABLE[delivery.state, sent.trigger]
    owed = after in UNSETTLED
    failed = after is DeliveryState.DEAD or has_failed(delivery, rules.policy(delivery.destination_id), now)
    stuck = owed and not delivery.shown and failed and sent.outcome not in HAD_NO_TURN
    ended = [] if owed else may_be_ended_by(tx, delivery)
    if stuck or ended:
        delivery = of_her_present(tx, delivery)
    # Of two that settle the last of what was stuck, one must see that the other has.
    alerts = [tx.alerts.lock(each) for each in ended]
    if parcel is not None:
        keep(tx, parcel, sent.learned)
    held = tx.leases.settle(delivery, owner, sent.trigger, sent.outcome, due, sent.control_id)
    if held:
        end(tx, rules, alerts, now)
    if held and sent.told is not None:
        tx.versions.told(delivery, sent.told)
    return held and stuck and tell_of(tx, rules, delivery, after, now)


def keep(tx: UnitOfWork, parcel: Parcel, learned: Sequence[Learned]) -> None:
    """The ids that the destination has given, unless its record has moved meanwhile."""
    record, tenant_id = parcel.destination.fhir_endpoint or "", parcel.destination.id
    new = [each for each in learned if parcel.record_ids.get((each.type, each.our_id)) != each.record_id]
    if new and tx.organisations.fhir_endpoint(tenant_id) == record:
        for each in new:
            tx.aliases.claim(each.type, record, each.record_id, each.our_id, tenant_id)
