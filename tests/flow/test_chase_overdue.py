"""Due times pass: offers lapse, consents begin and end, alerts climb, who found no programme is placed again."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

import pytest

from service.consent.consent import Status
from service.flow.answer import Accepted
from service.flow.chase_overdue import DueKind, Overdue, chase_overdue
from service.flow.move_alert import move_alert
from service.flow.raise_alert import alert_sender
from service.referrals.alert import AlertCode, AlertTrigger
from service.referrals.instruction import Order
from service.referrals.offer import Offer
from service.referrals.programme import Programme
from service.shared.caller import the_service
from service.shared.ids import new_id
from service.store.unit_of_work import UnitOfWork
from tests.flow.support import DAY, HOUR, MINUTE, NOW, UNREACHABLE, Family, Service, piece, scores


def test_an_offer_lapses_at_its_time_and_not_before(service: Service) -> None:
    family, _ = service.offered()
    assert service.chase(72 * HOUR - MINUTE) == 0
    assert service.states(family.woman) == ("offered", ["requested"])
    assert service.chase(MINUTE) == 1

    assert service.states(family.woman) == ("placing", ["cancelled"])
    assert service.alerts(family.woman) == ["unplaced"]
    (lapsed,) = service.poll(family.community)
    assert lapsed.status_reason == service.rules.status_reason("lapses") != service.rules.status_reason("otherwise")


def test_lapsed_offers_go_from_programme_to_programme_then_to_the_clinic(service: Service) -> None:
    """The next she agreed to, then one that she would have to be asked about, then nobody."""
    family, _ = service.offered()
    agreed, unasked = service.community(), service.community()
    service.programme(agreed)
    service.programme(unasked)
    service.consent(family.hospital, family.woman, agreed)

    service.chase(72 * HOUR)
    assert service.states(family.woman) == ("offered", ["cancelled", "requested"])
    service.chase(72 * HOUR)
    assert service.states(family.woman) == ("awaiting-consent", ["cancelled", "cancelled"])
    assert service.alerts(family.woman) == ["consent-needed"]

    service.consent(family.hospital, family.woman, unasked, given_at=service.now())
    assert service.states(family.woman) == ("offered", ["cancelled", "cancelled", "requested"])
    service.chase(72 * HOUR)
    assert service.states(family.woman)[0] == "placing"
    assert service.alert(family.woman, "unplaced")["state"] == "open"
    asked = [[verdict for _, verdict, _, _ in row["judged"]] for row in service.rows("placement")]
    assert asked == [
        ["chosen"],
        ["chosen", "consent-needed", "already-asked"],
        ["consent-needed", "already-asked", "already-asked"],
        ["chosen", "already-asked", "already-asked"],
        ["already-asked", "already-asked", "already-asked"],
    ]


def test_an_accepted_offer_does_not_lapse(service: Service) -> None:
    family, _ = service.supported()
    assert service.chase(100 * DAY) == 0
    assert service.states(family.woman) == ("supported", ["accepted"])


def test_support_ends_with_the_consent(service: Service) -> None:
    for accepted in (False, True):
        family, offer = service.supported() if accepted else service.offered()
        end = service.now() + HOUR
        service.consent(family.hospital, family.woman, family.community, target_id=family.consent, period_end=end)
        assert service.chase(HOUR - MINUTE) == 0
        assert service.chase(MINUTE) == 1

        assert service.states(family.woman) == ("closed", ["cancelled"])
        assert service.referral(family.woman).reason == "consent-expired"
        assert service.offers(family.woman)[0].status_reason == service.rules.status_reason("consent-expired")
        assert service.chase() == 0
        assert offer.id == service.offers(family.woman)[0].id


def test_a_consent_that_was_renewed_ends_nothing_and_is_not_chased_for_ever(service: Service) -> None:
    family = service.family()
    service.consent(family.hospital, family.woman, family.community, target_id=family.consent, period_end=NOW + HOUR)
    service.result(family.hospital, family.woman, piece(15, scores(15)))
    (offer,) = service.offers(family.woman)
    service.update(family.community, offer.id, "accepted")
    renewed = service.consent(family.hospital, family.woman, family.community, given_at=NOW, period_end=NOW + 3 * HOUR)
    assert isinstance(renewed, Accepted)

    assert service.chase(2 * HOUR) == 1
    assert service.states(family.woman) == ("supported", ["accepted"])
    assert service.chase() == 0
    assert service.chase(HOUR) >= 1
    assert service.states(family.woman) == ("closed", ["cancelled"])


def test_a_consent_with_a_nearer_end_does_not_outlive_it_through_an_older_one(service: Service) -> None:
    family, _ = service.supported()
    service.consent(family.hospital, family.woman, family.community, given_at=NOW, period_end=NOW + HOUR)
    assert service.chase(HOUR) == 1
    assert service.states(family.woman) == ("closed", ["cancelled"])


def test_an_unacknowledged_alert_climbs_rung_by_rung_and_is_then_said_again_every_day(service: Service) -> None:
    family = service.family()
    service.result(family.hospital, family.woman, piece(15, scores(15, 1)))
    assert service.chase(14 * MINUTE) == 0
    for rung, waits in ((1, 15 * MINUTE), (2, 15 * MINUTE), (3, DAY), (4, DAY)):
        assert service.chase(DAY if rung == 4 else 15 * MINUTE) == 1
        alert = service.alert(family.woman, "self-harm-present")
        assert (alert["rung"], alert["version"], alert["state"]) == (rung, rung + 1, "open")
        assert alert["due_at"] == service.now() + waits
        assert ("Communication", alert["id"], rung + 1) in service.owed(family.woman)


def test_a_resolved_alert_does_not_climb(service: Service) -> None:
    hospital, community = service.hospital(), service.community()
    service.programme(community)
    woman = service.woman(hospital)
    service.result(hospital, woman, piece(15, scores(15)))
    service.consent(hospital, woman, community)

    assert service.alert(woman, "consent-needed")["state"] == "resolved"
    assert service.chase(10 * HOUR) == 0


def test_what_was_settled_meanwhile_is_left_alone(service: Service) -> None:
    """The worker looked, and before it came to act the offer was accepted."""
    family, offer = service.supported()
    result = service.rows("screening_result")[0]["id"]
    before = service.states(family.woman), service.rows("audit"), service.rows("delivery")
    for kind, id in (
        (DueKind.OFFER_LAPSES, offer.id),
        (DueKind.CONSENT_ENDS, family.consent),
        (DueKind.RESULT_WAITS_NO_LONGER, result),
    ):
        overdue = Overdue(kind, id, family.woman)
        act = partial(chase_overdue, rules=service.rules, overdue=overdue, now=NOW + 100 * DAY)
        service.run(the_service(""), act)

    assert (service.states(family.woman), service.rows("audit"), service.rows("delivery")) == before


def test_a_consent_that_begins_later_is_followed_on_its_day(service: Service) -> None:
    hospital, community = service.hospital(), service.community()
    service.programme(community)
    woman = service.woman(hospital)
    service.result(hospital, woman, piece(15, scores(15)))
    service.consent(hospital, woman, community, period_start=NOW + 2 * DAY)
    assert service.states(woman) == ("awaiting-consent", [])
    service.chase(2 * DAY - MINUTE)
    assert service.states(woman) == ("awaiting-consent", [])
    assert service.alert(woman, "consent-needed")["state"] == "open"

    service.chase(MINUTE)
    assert service.states(woman) == ("offered", ["requested"])
    assert service.alert(woman, "consent-needed")["state"] == "resolved"
    assert service.chase() == 0


@pytest.mark.parametrize("change", [{"status": Status.INACTIVE}, {"period_start": NOW + 3 * DAY}, {"permits": False}])
def test_a_consent_that_was_changed_before_it_begins_places_nobody(service: Service, change: dict[str, Any]) -> None:
    hospital, community = service.hospital(), service.community()
    service.programme(community)
    woman = service.woman(hospital)
    given = service.consent(hospital, woman, community, period_start=NOW + 2 * DAY)
    assert isinstance(given, Accepted)
    service.consent(hospital, woman, community, target_id=given.id, **{"period_start": NOW + 2 * DAY} | change)
    service.result(hospital, woman, piece(15, scores(15)))
    service.chase(2 * DAY)
    assert service.offers(woman) == []


def test_the_beginning_of_a_consent_does_not_lift_a_review(service: Service) -> None:
    hospital, community = service.hospital(), service.community()
    service.programme(community)
    woman = service.woman(hospital)
    service.consent(hospital, woman, community, period_start=NOW + 2 * DAY)
    service.result(hospital, woman, piece(15, scores(15, 1)))
    service.chase(2 * DAY)
    assert service.states(woman) == ("in-review", [])


def unplaced(service: Service) -> tuple[Family, Offer]:
    """A woman for whom no programme has a place, and the offer that takes the only one."""
    family, offer = service.supported(places=1)
    other = service.woman(family.hospital, district=next(iter(family.programme.districts)))
    service.consent(family.hospital, other, family.community)
    service.result(family.hospital, other, piece(15, scores(15)))
    assert service.states(other) == ("placing", [])
    assert service.alerts(other) == ["unplaced"]
    return replace(family, woman=other), offer


def test_an_unplaced_referral_is_placed_when_a_place_is_free_again(service: Service) -> None:
    family, taken = unplaced(service)
    service.update(family.community, taken.id, "completed")
    service.chase(4 * HOUR - MINUTE)
    assert service.states(family.woman) == ("placing", [])
    service.chase(MINUTE)
    assert service.states(family.woman) == ("offered", ["requested"])
    assert service.alert(family.woman, "unplaced")["state"] == "resolved"


def test_an_unplaced_referral_is_placed_with_a_new_programme_once_she_agrees(service: Service) -> None:
    family, _ = unplaced(service)
    newcomer = service.community()
    service.programme(newcomer, districts=family.programme.districts)
    service.chase(4 * HOUR)
    assert service.states(family.woman) == ("awaiting-consent", [])
    assert service.alert(family.woman, "unplaced")["state"] == "resolved"
    assert service.alert(family.woman, "consent-needed")["state"] == "open"


@pytest.mark.parametrize("resolved", [False, True])
def test_while_nobody_fits_it_is_tried_again_and_said_once(service: Service, resolved: bool) -> None:
    family, _ = unplaced(service)
    if resolved:
        alert = service.alert(family.woman, "unplaced")["id"]
        resolve = AlertTrigger.RESOLVE
        service.run(the_service(""), lambda tx: move_alert(tx, service.rules, tx.alerts.lock(alert), resolve, NOW))
    service.chase()
    before = service.rows("placement"), service.referral(family.woman)
    for _ in range(3):
        service.pass_time(4 * HOUR)
        due = service.read(the_service(""), lambda tx: tx.due.overdue(service.now(), 9))
        assert DueKind.WAITS_FOR_A_PLACE in [each.kind for each in due]
        service.chase()
        again = service.read(the_service(""), lambda tx: tx.due.overdue(service.now(), 9))
        assert DueKind.WAITS_FOR_A_PLACE not in [each.kind for each in again]
    assert service.alerts(family.woman) == ["unplaced"]
    assert (service.rows("placement"), service.referral(family.woman)) == before


def asked_meanwhile(service: Service) -> tuple[Family, Offer]:
    """The same, but that the clinic was asked to ask her about another programme, which has places."""
    family, taken = service.supported(places=1)
    service.programme(service.community(), districts=family.programme.districts)
    other = service.woman(family.hospital, district=next(iter(family.programme.districts)))
    service.consent(family.hospital, other, family.community)
    service.result(family.hospital, other, piece(15, scores(15)))
    assert service.states(other) == ("awaiting-consent", [])
    return replace(family, woman=other), taken


def resolve(service: Service, family: Family, code: str) -> None:
    """The clinic has done what it was asked for."""
    request, done = service.alert(family.woman, code)["id"], AlertTrigger.RESOLVE
    service.run(the_service(""), lambda tx: move_alert(tx, service.rules, tx.alerts.lock(request), done, NOW))


@pytest.mark.parametrize("resolved", [False, True])
def test_who_has_agreed_to_what_had_no_place_gets_it_when_one_is_free_and_nobody_is_asked_again(
    service: Service, resolved: bool
) -> None:
    family, taken = asked_meanwhile(service)
    if resolved:
        resolve(service, family, "consent-needed")
    before = [service.rows(table, patient_id=family.woman) for table in ("referral", "delivery", "alert")]
    service.chase(3 * HOUR)
    service.chase(HOUR)
    waits = [service.rows(table, patient_id=family.woman) for table in ("referral", "delivery", "alert")]
    assert waits[0][0].pop("place_again_at") > before[0][0].pop("place_again_at")
    assert waits == before

    service.update(family.community, taken.id, "completed")
    service.chase(4 * HOUR)
    assert service.states(family.woman) == ("offered", ["requested"])
    assert [each.organisation_id for each in service.offers(family.woman)] == [family.community.organisation_id]
    assert [row["state"] for row in service.rows("alert", patient_id=family.woman)] == ["resolved"]


def test_when_the_free_place_has_no_safe_way_to_reach_her_the_clinic_hears_that(service: Service) -> None:
    family, taken = asked_meanwhile(service)
    changed = service.now() + MINUTE
    service.consent(family.hospital, family.woman, family.community, given_at=changed, safe_contact=UNREACHABLE)
    service.update(family.community, taken.id, "completed")
    service.chase(4 * HOUR)
    assert service.states(family.woman) == ("placing", [])
    assert {row["code"]: row["state"] for row in service.rows("alert", patient_id=family.woman)} == {
        "consent-needed": "resolved",
        "no-safe-contact": "open",
    }


def test_a_place_that_she_has_not_agreed_to_is_not_waited_for(service: Service) -> None:
    family, _ = asked_meanwhile(service)
    other = service.woman(family.hospital, district=next(iter(family.programme.districts)))
    service.result(family.hospital, other, piece(15, scores(15)))
    waiting = {row["patient_id"]: row["place_again_at"] is not None for row in service.rows("referral")}
    assert (waiting[family.woman], waiting[other]) == (True, False)


def unsafe(service: Service) -> tuple[Family, Offer]:
    """A woman whom the programme that would have her must not reach, and the offer that takes the only place of another
    that may."""
    family, taken = service.supported(places=1)
    (district,) = family.programme.districts
    elsewhere = service.community()
    service.programme(elsewhere, districts=frozenset({district}))
    woman = service.woman(family.hospital, district=district)
    service.consent(family.hospital, woman, elsewhere, safe_contact=UNREACHABLE)
    service.result(family.hospital, woman, piece(15, scores(15)))
    assert (service.states(woman), service.alerts(woman)) == (("placing", []), ["no-safe-contact"])
    return replace(family, woman=woman), taken


def _put(tx: UnitOfWork, programme: Programme, now: datetime) -> None:
    tx.programmes.put(programme, now)


@pytest.mark.parametrize("resolved", [False, True])
def test_while_there_is_no_safe_way_to_reach_her_it_is_tried_again_and_said_once(
    service: Service, resolved: bool
) -> None:
    family, _ = unsafe(service)
    if resolved:
        resolve(service, family, "no-safe-contact")
    before = service.rows("placement"), service.referral(family.woman)
    for _ in range(3):
        service.chase(4 * HOUR)
    assert service.alerts(family.woman) == ["no-safe-contact"]
    assert (service.rows("placement"), service.referral(family.woman)) == before


def test_another_place_that_is_free_again_is_hers_when_it_may_reach_her_safely(service: Service) -> None:
    family, taken = unsafe(service)
    service.consent(family.hospital, family.woman, family.community, given_at=service.now())
    service.update(family.community, taken.id, "completed")
    service.chase(4 * HOUR)
    assert service.states(family.woman) == ("offered", ["requested"])
    assert [each.organisation_id for each in service.offers(family.woman)] == [family.community.organisation_id]
    assert service.alert(family.woman, "no-safe-contact")["state"] == "resolved"


def test_when_whoever_may_not_reach_her_stops_the_clinic_hears_that_nobody_is_left_once(service: Service) -> None:
    family, _ = unsafe(service)
    stopped = [replace(each, active=False) for each in service.read(family.hospital, lambda tx: tx.programmes.all())]
    for each in stopped:
        service.run(family.hospital, partial(_put, programme=each, now=service.now()))
    for _ in range(2):
        service.chase(4 * HOUR)
    told = {row["code"]: row["state"] for row in service.rows("alert", patient_id=family.woman)}
    assert told == {"no-safe-contact": "resolved", "unplaced": "open"}
    assert len(service.alerts(family.woman)) == 2


def test_what_is_found_without_a_safe_channel_where_there_was_nobody_is_said(service: Service) -> None:
    family, taken = unplaced(service)
    changed = service.now() + MINUTE
    service.consent(family.hospital, family.woman, family.community, given_at=changed, safe_contact=UNREACHABLE)
    service.update(family.community, taken.id, "completed")
    service.chase(4 * HOUR)
    assert service.states(family.woman) == ("placing", [])
    assert service.alerts(family.woman) == ["unplaced", "no-safe-contact"]


def test_a_referral_that_was_closed_is_not_tried_again(service: Service) -> None:
    family, taken = unplaced(service)
    service.tell(family.hospital, service.referral(family.woman).id, Order.CLOSE)
    service.update(family.community, taken.id, "completed")
    service.chase(4 * HOUR)
    assert service.states(family.woman) == ("closed", [])


def test_an_alert_about_no_woman_that_is_acknowledged_while_it_is_chased_climbs_no_more(
    shared_service: Service,
) -> None:
    service, hospital = shared_service, shared_service.hospital()
    service.run(hospital, lambda tx: alert_sender(tx, service.rules, AlertCode.UNREADABLE_RISK, service.now()))
    (raised,) = service.rows("alert", tenant_id=hospital.organisation_id)
    service.pass_time(2 * DAY)
    answered = threading.Event()

    def answer(tx: UnitOfWork) -> None:
        alert = tx.alerts.lock(raised["id"])
        move_alert(tx, service.rules, alert, AlertTrigger.ACKNOWLEDGE, service.now())
        answered.set()
        # As long as the other needs to come upon it.
        time.sleep(0.5)

    def chase() -> None:
        answered.wait(5)
        overdue = Overdue(DueKind.ALERT_OVERDUE, raised["id"], None)
        service.run(the_service(new_id()), lambda tx: chase_overdue(tx, service.rules, overdue, service.now()))

    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(service.run, hospital, answer), pool.submit(chase)]
        for each in both:
            each.result()
    (alert,) = service.rows("alert", tenant_id=hospital.organisation_id)
    assert (alert["state"], alert["rung"]) == ("acknowledged", raised["rung"])
