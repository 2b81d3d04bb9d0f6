"""How a unit finishes: one stamp for all that it changed, what waited, what was shown, what is owed; or nothing."""

import gc
import weakref
from collections.abc import Callable
from datetime import timedelta

import pytest

from service.referrals.delivery import DeliveryState, DeliveryTrigger
from service.referrals.offer import Offer
from service.shared.audit import Action, AuditEvent
from service.shared.caller import Caller, the_service
from service.shared.clock import milliseconds
from service.store import tables
from service.store.unit_of_work import UnitOfWork
from tests.flow.support import HOUR, Service, piece, scores
from tests.store.test_writer_faults import as_one_group


def last_stamp(service: Service) -> int:
    stamp: int = service.rows("commit_clock")[0]["last"]
    return stamp


@pytest.mark.parametrize("perform", [Service.run, Service.read])
def test_a_unit_leaves_nothing_to_the_garbage_collector(
    service: Service, perform: Callable[[Service, Caller, Callable[[UnitOfWork], object]], object]
) -> None:
    hospital = service.hospital()
    units: list[weakref.ref[UnitOfWork]] = []

    def work(tx: UnitOfWork) -> None:
        units.append(weakref.ref(tx))
        tx.organisations.find(hospital.organisation_id)

    gc.disable()
    try:
        perform(service, hospital, work)
        assert [unit() for unit in units] == [None]
    finally:
        gc.enable()


# The stamp


def test_everything_that_a_unit_changed_carries_its_one_stamp(service: Service) -> None:
    service.pass_time(HOUR)
    family, offer = service.offered()
    stamp = last_stamp(service)

    assert service.rows("offer", id=offer.id)[0]["stamp"] == stamp
    assert service.rows("offer_version", offer_id=offer.id)[0]["stamp"] == stamp
    assert service.rows("referral", id=offer.referral_id)[0]["stamp"] == stamp
    (version,) = service.rows("resource_version", type="Observation", patient_id=family.woman)
    assert version["stamp"] == stamp


def test_a_stamp_is_the_clock_or_one_more_than_the_last(service: Service) -> None:
    service.pass_time(HOUR)
    hospital = service.hospital()
    service.woman(hospital)
    assert last_stamp(service) == milliseconds(service.now())
    service.woman(hospital)
    assert last_stamp(service) == milliseconds(service.now()) + 1
    service.pass_time(-HOUR)
    service.woman(hospital)
    assert last_stamp(service) == milliseconds(service.now() + HOUR) + 2
    service.pass_time(HOUR)


def test_a_unit_that_changes_nothing_stamped_takes_no_stamp(service: Service) -> None:
    hospital = service.hospital()
    before = last_stamp(service)
    service.run(hospital, lambda tx: tx.audit.write(AuditEvent(Action.READ, "Thing/1")))

    assert last_stamp(service) == before
    assert len(service.rows("audit", organisation_id=hospital.organisation_id)) == 1


def test_a_disclosure_takes_no_stamp(service: Service) -> None:
    family, offer = service.offered()
    before = last_stamp(service)
    service.disclose(family.community, offer)
    assert last_stamp(service) == before


def test_the_older_versions_keep_the_stamps_they_had(service: Service) -> None:
    family, offer = service.offered()
    service.update(family.community, offer.id, "accepted")

    first, second = service.rows("offer_version", offer_id=offer.id)
    assert first["stamp"] < second["stamp"]
    assert service.rows("offer", id=offer.id)[0]["stamp"] == second["stamp"]


# All or nothing


def test_a_unit_that_fails_leaves_nothing_of_what_waited(service: Service) -> None:
    family, offer = service.offered()
    touched = ("offer", "offer_version", "audit", "delivery", "inbound_message", "resource_version", "disclosure")
    before = [service.rows(table) for table in touched], last_stamp(service)

    def fail(tx: UnitOfWork) -> None:
        tx.audit.write(AuditEvent(Action.READ, "Thing/1"))
        tx.audit.disclosed("Task", offer.id, "1", family.woman)
        tx.deliveries.owe(family.hospital.organisation_id, "Task", offer.id, 9, family.woman)
        tx.touch(tables.metadata.tables["offer"], offer.id)
        raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        service.run(family.hospital, fail)
    assert ([service.rows(table) for table in touched], last_stamp(service)) == before


def shown_and_changed(tx: UnitOfWork, offer: Offer) -> str:
    tx.audit.disclosed("Task", offer.id, "1", offer.patient_id)
    tx.offers.save(offer._replace(version=offer.version + 1, business_status="tried"), offer)
    return "what it answers"


TOUCHED = ("offer", "offer_version", "audit", "delivery", "disclosure")


def test_nothing_is_kept_of_an_attempt_that_is_refused_and_the_unit_goes_on(service: Service) -> None:
    family, offer = service.offered()
    before, stamp = [service.rows(table) for table in TOUCHED], last_stamp(service)

    def work(tx: UnitOfWork) -> tuple[str, bool, str | None]:
        answer = tx.attempt(lambda: shown_and_changed(tx, offer), str)
        return answer, tx.owes(), tx.offers.get(offer.id).business_status

    assert service.run(family.hospital, work) == ("what it answers", False, None)
    assert ([service.rows(table) for table in TOUCHED], last_stamp(service)) == (before, stamp)

    def refused_before(tx: UnitOfWork) -> None:
        work(tx)
        tx.audit.write(AuditEvent(Action.READ, "Thing/1"))

    service.run(family.hospital, refused_before)
    assert len(service.rows("audit")) == len(before[TOUCHED.index("audit")]) + 1


def test_an_attempt_that_is_not_refused_is_kept_as_if_it_had_been_none(service: Service) -> None:
    family, offer = service.offered()
    service.run(family.hospital, lambda tx: tx.attempt(lambda: shown_and_changed(tx, offer), int))
    (kept,) = service.rows("offer", id=offer.id)
    assert (kept["business_status"], kept["stamp"]) == ("tried", last_stamp(service))
    assert service.rows("disclosure", subject=f"Task/{offer.id}")


def test_an_attempt_is_the_first_that_a_unit_does(service: Service) -> None:
    """What it had in mind before would be forgotten."""
    family, offer = service.offered()

    def late(tx: UnitOfWork) -> str:
        tx.audit.write(AuditEvent(Action.READ, "Thing/1"))
        return tx.attempt(lambda: shown_and_changed(tx, offer), str)

    with pytest.raises(AssertionError):
        service.run(family.hospital, late)


def test_beside_an_attempt_that_is_refused_no_unit_is_performed_again(service: Service) -> None:
    _, offer = service.offered()
    performed: list[str] = []

    def written(name: str) -> Callable[[UnitOfWork], None]:
        def work(tx: UnitOfWork) -> None:
            performed.append(name)
            tx.audit.write(AuditEvent(Action.READ, f"{offer.id}/{name}"))

        return work

    def refused(tx: UnitOfWork) -> str:
        return tx.attempt(lambda: shown_and_changed(tx, offer), str)

    heard = as_one_group(service.store, [written("before"), refused, written("after")])

    assert (heard, sorted(performed)) == ([None, "what it answers", None], ["after", "before"])
    assert all(service.rows("audit", subject=f"{offer.id}/{name}") for name in performed)


# What was shown


def test_one_unit_counts_what_it_showed_once(service: Service) -> None:
    family, offer = service.offered()

    def show_twice(tx: UnitOfWork) -> None:
        tx.audit.disclosed("Task", offer.id, "1", family.woman)
        tx.audit.disclosed("Task", offer.id, "1", family.woman)
        tx.audit.disclosed("Task", offer.id, "2", family.woman)

    for _ in range(2):
        service.run(family.community, show_twice)
    shown = service.rows("disclosure", subject=f"Task/{offer.id}")
    assert [(row["version"], row["times"]) for row in shown] == [("1", 2), ("2", 2)]
    read = service.rows("audit", subject=f"Task/{offer.id}", action="R")
    assert sorted(row["outcome"] for row in read) == ["disclosed 1", "disclosed 2"]


def test_two_clients_of_one_programme_have_a_first_disclosure_each(service: Service) -> None:
    family, offer = service.offered()
    community = family.community
    second = Caller("second-client", community.organisation_id, community.kind, community.scopes, "")
    for caller in (community, second, community):
        service.disclose(caller, offer)

    subject = f"Patient/{offer.handles.patient}"
    assert {row["client_id"] for row in service.rows("audit", subject=subject)} == {
        community.client_id,
        "second-client",
    }
    assert len(service.rows("audit", subject=subject)) == 2


# What is owed


def test_only_the_newest_version_of_a_unit_is_owed_and_older_unsent_ones_are_superseded(service: Service) -> None:
    family, offer = service.offered()
    (first,) = (("DocumentReference", row["id"]) for row in service.rows("note", referral_id=offer.referral_id))
    owed = {(type, id): version for type, id, version in service.owed(family.woman)}
    assert owed == {("Task", offer.id): 1, ("ServiceRequest", offer.referral_id): 2, first: 1}

    service.update(family.community, offer.id, "accepted")
    (_, second) = (("DocumentReference", row["id"]) for row in service.rows("note", referral_id=offer.referral_id))
    owed = {(type, id): version for type, id, version in service.owed(family.woman)}
    assert owed == {("Task", offer.id): 2, ("ServiceRequest", offer.referral_id): 3, first: 1, second: 1}
    assert len(service.owed(family.woman, "superseded")) == 2


def test_what_is_on_its_way_is_not_superseded(service: Service) -> None:
    family, offer = service.offered()
    worker = the_service("")
    claimed = service.claim("worker", timedelta(minutes=1))
    ours = [each for each in claimed if each.patient_id == family.woman]
    assert {each.resource_type for each in ours} == {"Task", "ServiceRequest", "DocumentReference"}

    service.update(family.community, offer.id, "accepted")
    assert len(service.owed(family.woman, "leased")) == 3
    assert len(service.owed(family.woman)) == 3
    assert service.run(
        worker, lambda tx: [tx.leases.settle(each, "worker", DeliveryTrigger.TAKEN, "taken") for each in ours]
    ) == [True, True, True]
    assert len(service.owed(family.woman, DeliveryState.DONE)) == 3


def test_they_are_claimed_in_the_order_in_which_they_build_upon_each_other(service: Service) -> None:
    family = service.family()
    service.result(family.hospital, family.woman, piece(3, scores(15)))
    claimed = service.claim("worker", timedelta(minutes=1))
    ours = [each.resource_type for each in claimed if each.patient_id == family.woman]
    assert ours == ["Communication", "AlertTask", "ServiceRequest", "Task", "DocumentReference"]
