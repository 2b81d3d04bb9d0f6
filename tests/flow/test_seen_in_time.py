"""A programme that is to pause or stop has a time to fetch that; then somebody rings it, once."""

from collections.abc import Callable

import pytest

from service.flow.answer import Accepted
from service.referrals.instruction import Order
from tests.flow.support import FACTS, MINUTE, Family, Service

TELEPHONE = "+44 1632 960001"
WITHIN = 30 * MINUTE


def supported(service: Service, **programme: object) -> Family:
    family, offer = service.supported(telephone=TELEPHONE, **programme)
    service.disclose(family.community, offer, type="Task")
    return family


def tell(order: Order) -> Callable[[Service, Family], object]:
    return lambda service, family: service.tell(family.hospital, service.referral(family.woman).id, order)


def dies(service: Service, family: Family) -> object:
    return service.register(family.hospital, FACTS._replace(deceased=True), target_id=family.woman, updates=True)


STOPS: dict[str, Callable[[Service, Family], object]] = {
    "held": tell(Order.HOLD),
    "closed": tell(Order.CLOSE),
    "sent in error": tell(Order.VOID),
    "withdrawn": lambda service, family: service.withdraw(family),
    "dead": dies,
}


def fetch(service: Service, family: Family, type: str = "Task") -> None:
    service.disclose(family.community, *service.offers(family.woman), type=type)


@pytest.mark.parametrize("stop", STOPS.values(), ids=STOPS)
def test_what_was_not_fetched_in_time_is_told_once_with_the_number_to_ring(
    service: Service, stop: Callable[[Service, Family], object]
) -> None:
    family = supported(service)
    stop(service, family)
    assert service.chase(WITHIN - MINUTE) == 0
    assert service.alerts(family.woman) == []
    assert service.chase(MINUTE) == 1

    alert = service.alert(family.woman, "hold-not-seen")
    assert (alert["priority"], alert["telephone"]) == ("urgent", TELEPHONE)
    assert ("Communication", alert["id"], 1) in service.owed(family.woman)
    assert service.rows("unseen_change") == []
    assert service.chase() == 0


@pytest.mark.parametrize("stop", STOPS.values(), ids=STOPS)
def test_what_was_fetched_in_time_is_told_to_nobody(
    service: Service, stop: Callable[[Service, Family], object]
) -> None:
    family = supported(service)
    stop(service, family)
    fetch(service, family)
    assert service.chase(WITHIN) == 1
    assert service.alerts(family.woman) == []
    assert service.rows("unseen_change") == []


def test_only_the_task_itself_says_that_contact_is_to_pause(service: Service) -> None:
    family = supported(service)
    tell(Order.HOLD)(service, family)
    fetch(service, family, type="Patient")
    service.chase(WITHIN)
    assert service.alerts(family.woman) == ["hold-not-seen"]


def test_that_the_hospital_or_a_stranger_has_looked_does_not_count(service: Service) -> None:
    family = supported(service)
    tell(Order.HOLD)(service, family)
    (offer,) = service.offers(family.woman)
    service.read(family.hospital, lambda tx: tx.audit.disclosed("Task", offer.id, str(offer.version), family.woman))
    service.chase(WITHIN)
    assert service.alerts(family.woman) == ["hold-not-seen"]


def test_an_answer_of_the_programme_to_the_hold_shows_that_it_knows(service: Service) -> None:
    family = supported(service)
    tell(Order.HOLD)(service, family)
    (held,) = service.offers(family.woman)
    answer = service.update(family.community, held.id, "failed", "We cannot wait.", base_version=held.version)
    assert isinstance(answer, Accepted)
    fetch(service, family)
    service.chase(WITHIN)
    assert service.alerts(family.woman) == ["escalation", "returned"]


def test_a_hold_that_was_lifted_meanwhile_is_no_reason_to_ring(service: Service) -> None:
    family = supported(service)
    tell(Order.HOLD)(service, family)
    tell(Order.RESUME)(service, family)
    service.chase(WITHIN)
    assert service.alerts(family.woman) == []
    assert service.rows("unseen_change") == []


def test_a_stop_after_a_hold_that_was_seen_must_be_seen_too(service: Service) -> None:
    family = supported(service)
    tell(Order.HOLD)(service, family)
    fetch(service, family)
    service.pass_time(20 * MINUTE)
    tell(Order.CLOSE)(service, family)
    service.chase(10 * MINUTE)
    assert service.alerts(family.woman) == []
    service.chase(20 * MINUTE)
    assert service.alerts(family.woman) == ["hold-not-seen"]


def test_a_stop_after_a_hold_that_nobody_saw_waits_no_longer_and_is_not_told_twice(service: Service) -> None:
    family = supported(service)
    tell(Order.HOLD)(service, family)
    service.pass_time(20 * MINUTE)
    tell(Order.CLOSE)(service, family)
    service.chase(10 * MINUTE)
    assert service.alerts(family.woman) == ["hold-not-seen"]
    # That alert itself climbs, for nobody has acknowledged it.
    service.chase(20 * MINUTE)
    assert service.alerts(family.woman) == ["hold-not-seen"]


def test_an_offer_that_was_never_accepted_need_not_be_seen_to_be_gone(service: Service) -> None:
    family, _ = service.offered(telephone=TELEPHONE)
    tell(Order.HOLD)(service, family)
    assert service.rows("unseen_change") == []
    service.chase(WITHIN)
    assert service.alerts(family.woman) == []


def test_a_programme_without_a_number_is_told_of_all_the_same(service: Service) -> None:
    family, _ = service.supported()
    tell(Order.HOLD)(service, family)
    service.chase(WITHIN)
    assert service.alert(family.woman, "hold-not-seen")["telephone"] is None
