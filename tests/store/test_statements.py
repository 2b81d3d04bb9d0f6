"""How many statements a unit needs, on both databases: a change that needs more shows here first."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from service.fhir.showing import show_focus, show_tasks
from service.flow.disclose import disclose
from service.referrals.alert import Alert
from service.referrals.offer import Offer
from service.shared.caller import Caller
from service.store.queries import TaskQuery
from service.store.unit_of_work import UnitOfWork
from tests.counting import count
from tests.flow.support import DAY, Family, Service, piece, scores


@dataclass(frozen=True, slots=True)
class Counted:
    service: Service
    family: Family
    offer: Offer | None = None


def poll(service: Service, caller: Caller) -> None:
    """As a search does it: a read, and only when it disclosed something a unit that writes it down."""

    def look(tx: UnitOfWork) -> None:
        found = tx.feed.offers(TaskQuery(1_000))
        tx.feed.highest_stamp()
        if found:
            disclose(tx, service.rules, [offer for offer, _ in found], "Task", service.now())

    service.read(caller, look)


def page(service: Service, caller: Caller) -> int:
    """The Tasks and what they are about, as a search shows them; how many there were."""

    def look(tx: UnitOfWork) -> int:
        found: list[tuple[Offer | Alert, int]] = [*tx.feed.offers(TaskQuery(1_000)), *tx.feed.alerts(TaskQuery(1_000))]
        shown = show_tasks(tx, service.rules, found, service.now()), show_focus(tx, service.rules, found, service.now())
        return sum(len([each.tree() for each in part]) for part in shown)

    return service.read(caller, look)


def negative(it: Counted) -> None:
    it.service.result(it.family.hospital, it.family.woman, piece(3, scores(3)))


def positive(it: Counted) -> None:
    it.service.result(it.family.hospital, it.family.woman, piece(15, scores(15)))


def present(it: Counted) -> None:
    it.service.result(it.family.hospital, it.family.woman, piece(15, scores(15, 1)))


def accepting(it: Counted) -> None:
    assert it.offer is not None
    it.service.update(it.family.community, it.offer.id, "accepted")


UNITS: dict[str, tuple[Callable[[Counted], object], int]] = {
    "a negative result": (negative, 7),
    "a positive result, offered": (positive, 19),
    "a positive result with self-harm present": (present, 14),
    "an empty poll": (lambda it: poll(it.service, it.family.community), 2),
}
UPON_AN_OFFER: dict[str, tuple[Callable[[Counted], object], int]] = {
    "a poll with one Task": (lambda it: poll(it.service, it.family.community), 8),
    "a hospital's page with one Task": (lambda it: page(it.service, it.family.hospital), 12),
    "an acceptance": (accepting, 15),
    "a withdrawal": (lambda it: it.service.withdraw(it.family), 20),
}


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_needs_no_more_statements_than_it_did(service: Service, unit: str) -> None:
    work, most = UNITS[unit]
    family = service.family()
    assert count(lambda: work(Counted(service, family))) <= most


@pytest.mark.parametrize("unit", UPON_AN_OFFER)
def test_a_unit_upon_an_offer_needs_no_more_statements_than_it_did(service: Service, unit: str) -> None:
    work, most = UPON_AN_OFFER[unit]
    family, offer = service.offered()
    assert count(lambda: work(Counted(service, family, offer))) <= most


def test_a_page_of_many_needs_no_more_statements_than_a_page_of_one(service: Service) -> None:
    family, _ = service.offered()
    one = count(lambda: poll(service, family.community))
    one_of_the_hospital = count(lambda: page(service, family.hospital))
    for _ in range(9):
        woman = service.woman(family.hospital, district=next(iter(family.programme.districts)))
        service.consent(family.hospital, woman, family.community)
        service.result(family.hospital, woman, piece(15, scores(15)))

    assert len(service.poll(family.community)) == 10
    assert count(lambda: poll(service, family.community)) == one
    assert page(service, family.hospital) == 20
    assert count(lambda: page(service, family.hospital)) <= one_of_the_hospital


def test_what_she_has_behind_her_does_not_make_the_next_result_dearer(service: Service) -> None:
    family = service.family()
    first = count(lambda: negative(Counted(service, family)))
    for days in range(1, 6):
        service.result(family.hospital, family.woman, piece(3, scores(3)), effective=service.now() - days * DAY)

    later = service.message(family.woman, piece(3, scores(3)), effective=service.now() - 9 * DAY)
    assert count(lambda: service.send(family.hospital, later)) == first
