"""What is kept for a time only goes when its time is over, and nothing else does. The clock is moved."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from service.flow.answer import Refused
from service.flow.rules import DEFAULT_SITE
from service.referrals.offer import TOMBSTONES, Offer, OfferState
from service.shared.caller import the_service
from service.shared.ids import new_id
from service.store.retention import forget
from service.store.unit_of_work import UnitOfWork
from tests.flow.support import DAY, HOUR, MINUTE, Family, Service, load_rules, piece, scores, why

KEPT = timedelta(days=load_rules().policies[DEFAULT_SITE].tombstone_days)


def tidy(service: Service, passed: timedelta = timedelta(0)) -> None:
    service.pass_time(passed)
    service.run(the_service(new_id()), lambda tx: tx.tidy(service.now(), service.rules))


def reject(service: Service, family: Family, offer: Offer) -> None:
    service.update(family.community, offer.id, "rejected", "at capacity")


def withdraw(service: Service, family: Family, offer: Offer) -> None:
    service.withdraw(family)


def void(service: Service, family: Family, offer: Offer) -> None:
    def voided(offer: Offer) -> Offer:
        return offer._replace(version=offer.version + 1, state=OfferState.ENTERED_IN_ERROR)

    service.run(the_service(new_id()), lambda tx: tx.offers.save(voided(offer), offer))


ENDINGS = {"rejected": reject, "withdrawn": withdraw, "entered in error": void}


@pytest.mark.parametrize("end", ENDINGS.values(), ids=ENDINGS)
def test_a_tombstone_is_readable_for_as_long_as_the_site_says_and_then_gone_for_its_programme(
    service: Service, end: Callable[[Service, Family, Offer], None]
) -> None:
    family, offer = service.offered()
    end(service, family, offer)
    tidy(service, KEPT - HOUR)
    (tombstone,) = service.poll(family.community)
    assert tombstone.state in TOMBSTONES
    assert len(service.disclose(family.community, offer)) == 1

    tidy(service, 2 * HOUR)

    assert service.poll(family.community) == []
    assert service.disclose(family.community, offer) == []
    handles = {"Patient": offer.handles.patient, "ServiceRequest": offer.handles.service_request}
    for type, handle in handles.items():
        read = (type, handle)
        assert service.read(family.community, lambda tx, read=read: tx.visible.offer_by_handle(*read)) is None  # type: ignore[misc]
    answer = service.update(family.community, offer.id, "cancelled")
    assert isinstance(answer, Refused)
    assert why(answer) == "not-found"
    # Her hospital keeps it.
    assert [each.id for each in service.poll(family.hospital)] == [offer.id]


@pytest.mark.parametrize("status", ["accepted", "in-progress", "on-hold", "completed", "failed"])
def test_what_a_programme_holds_or_has_done_stays_for_ever(service: Service, status: str) -> None:
    family, offer = service.supported()
    steps = {"accepted": (), "on-hold": ("on-hold",), "in-progress": ("in-progress",)}.get(
        status, ("in-progress", status)
    )
    for step in steps:
        service.update(family.community, offer.id, step, "agreed with her")
    tidy(service, 10 * KEPT)
    assert [each.id for each in service.poll(family.community)] == [offer.id]


def test_an_offer_that_still_waits_for_its_answer_is_not_let_go(service: Service) -> None:
    family, offer = service.offered()
    tidy(service, 2 * KEPT)
    assert [(each.id, each.state) for each in service.poll(family.community)] == [(offer.id, OfferState.REQUESTED)]


def test_a_site_may_keep_tombstones_for_a_time_of_its_own(service: Service) -> None:
    family, offer = service.offered()
    other, others = service.offered()
    for each, its in ((family, offer), (other, others)):
        reject(service, each, its)
    default = service.rules.policies[DEFAULT_SITE]
    shorter = replace(default, id=family.hospital.organisation_id, tombstone_days=10)
    service.rules = replace(service.rules, policies={**service.rules.policies, shorter.id: shorter})
    tidy(service, 11 * DAY)
    assert service.poll(family.community) == []
    assert [each.id for each in service.poll(other.community)] == [others.id]


def test_a_body_that_nobody_could_read_is_kept_for_thirty_days(service: Service) -> None:
    hospital = service.hospital()
    kept = new_id()

    def keep(tx: UnitOfWork) -> None:
        tx.inbox.keep_unreadable(kept, b"sealed", "not-json", door="fhir", type="Patient", sealed_request=b"sealed")

    service.run(hospital, keep)
    tidy(service, 30 * DAY - HOUR)
    assert [row["id"] for row in service.rows("unreadable_message", id=kept)] == [kept]
    tidy(service, 2 * HOUR)
    assert service.rows("unreadable_message", id=kept) == []


def test_a_used_assertion_and_a_token_go_when_they_are_dead_and_no_sooner(service: Service) -> None:
    issuer = new_id()
    dead_at = service.now() + HOUR
    service.run(the_service(new_id()), lambda tx: tx.access.use_assertion(issuer, "1", dead_at))
    tidy(service)
    assert len(service.rows("assertion_seen", issuer=issuer)) == 1
    tidy(service, 2 * HOUR)
    assert service.rows("assertion_seen", issuer=issuer) == []


def test_what_is_over_goes_in_steps_the_oldest_first(service: Service) -> None:
    issuer, left = new_id(), []

    def use(tx: UnitOfWork) -> None:
        for number in range(5):
            tx.access.use_assertion(issuer, str(number), service.now() + number * MINUTE)

    service.run(the_service(new_id()), use)
    for _ in range(4):
        service.run(the_service(new_id()), lambda tx: forget(tx.execute, service.now() + HOUR, at_most=2))
        left.append([row["jti"] for row in service.rows("assertion_seen", issuer=issuer)])
    assert left == [["2", "3", "4"], ["4"], [], []]


def test_messages_audit_and_the_counts_of_what_was_disclosed_stay(service: Service) -> None:
    family, offer = service.offered()
    service.disclose(family.community, offer)
    reject(service, family, offer)
    service.result(family.hospital, family.woman, piece(3, scores(3)))
    tables = ("audit", "disclosure", "inbound_message", "resource_version", "delivery", "decision", "offer_version")
    before = {name: len(service.rows(name)) for name in tables}
    tidy(service, 20 * KEPT)
    assert {name: len(service.rows(name)) for name in tables} == before
    assert min(before.values()) > 0
