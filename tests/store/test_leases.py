"""Who may send what: several workers on one outbox, leases that end, and moves that the table allows."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from sqlalchemy import update

from service.referrals.delivery import DELIVERY_TABLE, Delivery, DeliveryState, DeliveryTrigger, Lane
from service.shared.caller import the_service
from service.shared.ids import new_id
from service.store.deliveries import DELIVERY
from service.store.unit_of_work import UnitOfWork
from tests.flow.support import MINUTE, Family, Service, piece, scores

WORKER = the_service("")
LEASE = 10 * MINUTE


def another(service: Service, family: Family) -> str:
    """One more woman of the same hospital, with an offer at the same programme."""
    woman = service.woman(family.hospital, district=next(iter(family.programme.districts)))
    service.consent(family.hospital, woman, family.community)
    service.result(family.hospital, woman, piece(15, scores(15)))
    return woman


def only(service: Service, family: Family, owner: str, at_most: int = 1_000) -> list[Delivery]:
    """What this hospital's record is owed as statuses, leased to `owner`."""
    hospital = family.hospital.organisation_id
    return service.run(WORKER, lambda tx: tx.leases.claim(owner, LEASE, Lane.STATUS, hospital, at_most))


def settle(service: Service, delivery: Delivery, owner: str, trigger: DeliveryTrigger = DeliveryTrigger.TAKEN) -> bool:
    due = service.now() + timedelta(days=365)
    return service.run(WORKER, lambda tx: tx.leases.settle(delivery, owner, trigger, "so", due))


def put(service: Service, id: str, **values: object) -> None:
    service.run(WORKER, lambda tx: tx.execute(update(DELIVERY).where(DELIVERY.c.id == id).values(**values)))


@dataclass
class Race:
    """Workers that claim one delivery at a time, as quickly as they can, until it is `over` and nothing is left."""

    service: Service
    family: Family
    over: threading.Event = field(default_factory=threading.Event)
    together: list[tuple[str, str]] = field(default_factory=list)
    sent: defaultdict[tuple[str, str], list[int]] = field(default_factory=lambda: defaultdict(list))
    _held: dict[str | None, str] = field(default_factory=dict)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def work(self, owner: str) -> None:
        idle = 0
        while idle < 20:
            claimed = only(self.service, self.family, owner, at_most=1)
            idle = 0 if claimed or not self.over.is_set() else idle + 1
            for each in claimed:
                self._take(owner, each)
                time.sleep(0.002)
                with self._turn:
                    self._held.pop(each.patient_id, None)
                assert settle(self.service, each, owner)

    def _take(self, owner: str, delivery: Delivery) -> None:
        with self._turn:
            holder = self._held.setdefault(delivery.patient_id, owner)
            if holder != owner:
                self.together.append((holder, owner))
            self.sent[delivery.resource_type, delivery.resource_id].append(delivery.version)


def test_of_four_workers_no_two_hold_what_is_owed_about_one_woman_and_order_is_kept(service: Service) -> None:
    family, _ = service.offered()
    women = [family.woman, *(another(service, family) for _ in range(7))]
    offers = [offer for woman in women for offer in service.offers(woman)]
    race = Race(service, family)
    with ThreadPoolExecutor(4) as workers:
        working = [workers.submit(race.work, f"worker-{number}") for number in range(4)]
        for status in ("accepted", "in-progress", "completed"):
            for offer in offers:
                service.update(family.community, offer.id, status)
        race.over.set()
        for each in working:
            each.result(60)
    assert race.together == []
    assert all(versions == sorted(set(versions)) for versions in race.sent.values())
    newest = {row["id"]: row["version"] for row in service.rows("offer") if row["patient_id"] in women}
    assert {id: versions[-1] for (type, id), versions in race.sent.items() if type == "Task"} == newest


def test_a_lease_is_renewed_only_while_it_lasts(service: Service) -> None:
    family, _ = service.offered()
    (first, second) = only(service, family, "one", at_most=2)

    def left(delivery: Delivery, owner: str = "one") -> timedelta:
        return service.read(WORKER, lambda tx: tx.leases.left(delivery, owner))

    def renew(delivery: Delivery, owner: str = "one") -> bool:
        return service.run(WORKER, lambda tx: tx.leases.renew(delivery, owner, LEASE))

    assert (left(first), left(first, "another")) == (LEASE, timedelta(0))
    service.pass_time(9 * MINUTE)
    assert (left(first), renew(first, "another"), renew(first), left(first)) == (MINUTE, False, True, LEASE)
    service.pass_time(2 * MINUTE)
    assert (left(second), renew(second)) == (timedelta(0), False)
    assert (left(first), renew(first)) == (8 * MINUTE, True)


def test_who_claims_the_same_again_does_not_settle_it_under_the_lease_that_ended(service: Service) -> None:
    family, _ = service.offered()
    (before, *_) = only(service, family, "one")
    service.pass_time(LEASE)
    (again, *_) = only(service, family, "one")
    assert (again.id, again.attempts) == (before.id, 2)
    assert [settle(service, before, "one"), settle(service, again, "one")] == [False, True]


@pytest.mark.parametrize(
    ("trigger", "goes_on"), [(DeliveryTrigger.ANSWER_LOST, False), (DeliveryTrigger.REFUSED_FOR_GOOD, True)]
)
def test_a_newer_status_waits_until_it_is_known_what_became_of_the_older(
    service: Service, trigger: DeliveryTrigger, goes_on: bool
) -> None:
    family, offer = service.offered()
    for each in only(service, family, "one"):
        is_task = each.resource_type == "Task"
        settle(service, each, "one", trigger if is_task else DeliveryTrigger.TAKEN)
    service.update(family.community, offer.id, "accepted")
    claimed = [(each.resource_type, each.version) for each in only(service, family, "two")]
    assert (("Task", 2) in claimed) is goes_on


@pytest.mark.parametrize("under_way", [False, True], ids=["nobody has begun", "it is under way meanwhile"])
def test_a_newer_status_has_the_place_of_what_it_replaces_and_what_tells_of_it_comes_after_it(
    service: Service, under_way: bool
) -> None:
    family, offer = service.offered()
    leased = only(service, family, "one") if under_way else []
    service.update(family.community, offer.id, "accepted")
    for each in leased:
        is_note = each.resource_type == "DocumentReference"
        settle(service, each, "one", DeliveryTrigger.TAKEN if is_note else DeliveryTrigger.TRY_AGAIN)
    service.update(family.community, offer.id, "completed")
    claimed = [(each.resource_type, each.version) for each in only(service, family, "two")]
    notes = [("DocumentReference", 1)] * (2 if under_way else 3)
    assert claimed == [("ServiceRequest", 4), ("Task", 3), *notes]


def _claim(service: Service, family: Family, id: str) -> None:
    only(service, family, "two")


def _overtake(service: Service, family: Family, id: str) -> None:
    service.update(family.community, service.offers(family.woman)[0].id, "accepted")


def _retry(service: Service, family: Family, id: str) -> None:
    service.run(WORKER, lambda tx: tx.deliveries.retry(id))


MOVES: dict[DeliveryTrigger, Callable[[Service, Family, str], None]] = {
    DeliveryTrigger.CLAIMED: _claim,
    DeliveryTrigger.OVERTAKEN: _overtake,
    DeliveryTrigger.RETRIED_BY_PERSON: _retry,
}


@pytest.mark.parametrize("state", DeliveryState)
@pytest.mark.parametrize("trigger", MOVES)
def test_the_outbox_moves_what_the_table_moves_and_nothing_else(
    service: Service, state: DeliveryState, trigger: DeliveryTrigger
) -> None:
    family, offer = service.offered()
    (task,) = service.rows("delivery", resource_type="Task", resource_id=offer.id)
    leased = {"lease_owner": "one", "lease_until": service.now() + LEASE} if state is DeliveryState.LEASED else {}
    put(service, task["id"], state=state.value, attempts=3, **leased)
    MOVES[trigger](service, family, task["id"])
    (moved,) = service.rows("delivery", id=task["id"])
    assert moved["state"] == DELIVERY_TABLE.get((state, trigger), state)


def test_what_a_person_retries_starts_afresh(service: Service) -> None:
    family, _ = service.offered()
    (dead, *_) = only(service, family, "one")
    assert service.run(WORKER, lambda tx: [tx.deliveries.show(dead) for _ in range(2)]) == [True, False]
    settle(service, dead, "one", DeliveryTrigger.REFUSED_FOR_GOOD)
    assert service.run(WORKER, lambda tx: tx.deliveries.retry(dead.id))
    (row,) = service.rows("delivery", id=dead.id)
    assert (row["state"], row["attempts"], row["shown_at"], row["due_at"]) == ("ready", 0, None, service.now())


def test_nothing_is_owed_to_a_record_that_takes_nothing(service: Service) -> None:

    def owe(to: str) -> int:
        def unit(tx: UnitOfWork) -> None:
            for number in range(3):
                tx.deliveries.owe(to, "Task", new_id(), number + 1, None)

        service.run(WORKER, unit)
        return len(service.rows("delivery", destination_id=to))

    assert (owe(service.hospital().organisation_id), owe(service.community().organisation_id)) == (3, 0)
