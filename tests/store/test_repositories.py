"""What the repositories keep comes back as the same value, and no state is written over one that has moved."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial

import pytest

from service.consent.consent import Consent, Status
from service.consent.safe_contact import Channel, Mode, Permission, SafeContact, TextContent, Window
from service.flow.chase_overdue import DueKind
from service.flow.escalate_unnamed import escalate_unnamed
from service.flow.learn import learn
from service.referrals.alert import AlertState
from service.referrals.delivery import Delivery, DeliveryState, DeliveryTrigger, Lane
from service.referrals.escalation import Said
from service.referrals.instruction import Order
from service.referrals.offer import Dealings, Offer, OfferState, display_of
from service.referrals.programme import DeliveryMode, Model
from service.referrals.referral import ReferralState
from service.screening import result as screening
from service.screening.instrument import Role, Stage
from service.screening.result import Piece, Reading, ScreeningResult
from service.shared.caller import Caller, the_service
from service.shared.code import Code
from service.shared.ids import new_id
from service.store.queries import Compare, TaskQuery
from service.store.trouble import StatementRefused
from service.store.unit_of_work import UnitOfWork
from tests.flow.support import DAY, FACTS, HOUR, MINUTE, REACHABLE, Service, piece, scores

WORKER = the_service("")


def test_a_woman_comes_back_as_she_was_kept(service: Service) -> None:
    hospital = service.hospital()
    facts = FACTS._replace(birth_date=date(1996, 2, 29), district="Þórshöfn", language="cy-GB", interpreter=True)
    answer = service.woman(hospital, **{name: getattr(facts, name) for name in facts._fields})
    service.tell_due_date(hospital, answer, date(2026, 9, 30), said := service.now() - DAY)

    kept = service.run(hospital, lambda tx: tx.patients.lock(answer))
    assert (kept.facts, kept.tenant_id) == (facts, hospital.organisation_id)
    assert (kept.due_date, kept.due_said_at) == (date(2026, 9, 30), said)
    assert service.read(WORKER, lambda tx: tx.patients.get_all([answer, "nobody"])) == {answer: kept}
    assert service.read(WORKER, lambda tx: tx.patients.get_all([])) == {}


CONSENTS: dict[str, Callable[[Service], Consent]] = {
    "all that can be said": lambda service: service.said(
        period_start=service.now() - DAY,
        period_end=service.now() + DAY,
        purposes=frozenset({Code("b", "2"), Code("a", "1")}),
        withdrawn_at=service.now(),
        safe_contact=SafeContact(
            channels=(Channel(Mode.SMS, Permission.ALLOW, "+44"), Channel(Mode.IN_PERSON, Permission.UNKNOWN)),
            voicemail=Permission.ALLOW,
            text_content=TextContent.NAMED,
            withhold_number=False,
            caller_description="a friend",
            windows=(Window(("mon", "sun"), time(9, 30), time(12, 0, 59)), Window((), time(0), time(23, 59))),
            timezone="Europe/London",
            code_word="bluebell",
            review_by=date(2026, 12, 31),
        ),
    ),
    "the least that can be said": lambda service: service.said(
        status=Status.DRAFT, permits=False, given_at=None, purposes=frozenset(), safe_contact=None
    ),
}


@pytest.mark.parametrize("what", CONSENTS)
def test_a_consent_comes_back_as_it_was_kept(service: Service, what: str) -> None:
    family = service.family()
    consent = replace(
        CONSENTS[what](service), id=new_id(), tenant_id=family.hospital.organisation_id, patient_id=family.woman
    )
    service.run(family.hospital, lambda tx: tx.consents.add(consent, None))
    assert service.read(family.hospital, lambda tx: tx.visible.consent(consent.id)) == consent

    revised = replace(consent, version=2, recipient_id=family.community.organisation_id)
    service.run(family.hospital, lambda tx: tx.consents.save(revised, None))
    assert revised in service.read(WORKER, lambda tx: tx.consents.of_patient(family.woman))
    assert service.read(WORKER, lambda tx: tx.consents.of_patients([])) == {}


def test_a_result_comes_back_with_every_piece(service: Service) -> None:
    family = service.family()
    readings = (
        Reading(Role.TOTAL, None, 15, code_role_mismatch=True),
        Reading(Role.ITEM, 10, None, "component[9].value"),
        Reading(Role.ITEM, 3, None),
    )
    pieces = (
        Piece("one", screening.Status.PRELIMINARY, readings, frozenset({"two", "three"})),
        Piece("two", screening.Status.ENTERED_IN_ERROR, ()),
    )
    result = ScreeningResult(
        new_id(), family.hospital.organisation_id, family.woman, "epds", "patient", service.now(), Stage.ANTENATAL,
        {each.source: each for each in pieces},
    )  # fmt: skip
    service.run(WORKER, lambda tx: tx.results.save(result, service.now()))

    assert service.read(WORKER, lambda tx: tx.results.get(result.id)) == result
    same_key = result._replace(id=new_id(), pieces={})
    assert service.read(WORKER, lambda tx: tx.results.find(same_key)) == result
    assert service.read(WORKER, lambda tx: tx.results.judged(result.id)) is None
    later = same_key._replace(effective=service.now() + timedelta(microseconds=1))
    assert service.read(WORKER, lambda tx: tx.results.find(later)) is None


def test_a_programme_comes_back_as_it_was_put(service: Service) -> None:
    community = service.community()
    programme = service.programme(
        community,
        model=Model.GROUP,
        modes=(DeliveryMode.VIDEO, DeliveryMode.MEETING),
        languages=frozenset({"cy", "en"}),
        districts=frozenset({"north"}),
        stages=frozenset({Stage.POSTNATAL}),
        interpreters=True,
        places=4,
        training_renewed_until=date(2027, 1, 31),
        telephone="+44 20 7946 0000",
    )
    assert service.read(WORKER, lambda tx: tx.programmes.get(programme.id)) == programme
    assert service.read(WORKER, lambda tx: tx.programmes.named(community.organisation_id, "Programme")) == programme.id

    service.run(WORKER, lambda tx: tx.programmes.put(replace(programme, active=False), service.now()))
    assert service.read(WORKER, lambda tx: tx.programmes.get(programme.id)).active is False
    assert programme.id not in {each.id for each in service.read(WORKER, lambda tx: tx.programmes.all())}


def test_an_offer_and_its_older_versions_come_back(service: Service) -> None:
    family, offer = service.offered()
    service.update(family.community, offer.id, "accepted", business_status="Matched")
    (now,) = service.offers(family.woman)

    def at(version: int) -> object:
        return service.read(WORKER, lambda tx: tx.offers.at_version(now, version))

    assert (at(1), at(2), at(3)) == (offer, now, None)
    assert service.read(WORKER, lambda tx: tx.offers.of_referral(offer.referral_id)) == [now]


# Nothing is written over what has moved meanwhile


def test_no_state_is_written_over_one_that_has_moved(service: Service) -> None:
    family, offer = service.offered()
    service.result(family.hospital, family.woman, piece(3, scores(3, 1)), effective=service.now() - DAY)
    referral = service.referral(family.woman)
    alert = service.read(
        family.hospital, lambda tx: tx.visible.alert(service.alert(family.woman, "self-harm-present")["id"])
    )
    assert alert is not None
    writes: tuple[Callable[[UnitOfWork], None], ...] = (
        lambda tx: tx.offers.save(offer._replace(version=3, state=OfferState.ACCEPTED), offer),
        lambda tx: tx.referrals.save(referral._replace(state=ReferralState.SUPPORTED), ReferralState.OFFERED),
        lambda tx: tx.alerts.save(replace(alert, state=AlertState.RESOLVED), replace(alert, version=7)),
    )
    before = service.rows("offer"), service.rows("referral"), service.rows("alert"), service.rows("offer_version")
    for write in writes:
        with pytest.raises(LookupError):
            service.run(WORKER, write)
    assert before == (
        service.rows("offer"), service.rows("referral"), service.rows("alert"), service.rows("offer_version"),
    )  # fmt: skip


def test_the_database_itself_refuses_a_second_open_referral(service: Service) -> None:
    family, _ = service.offered()
    second = service.referral(family.woman)._replace(id=new_id(), state=ReferralState.IN_REVIEW)
    with pytest.raises(StatementRefused):
        service.run(WORKER, lambda tx: tx.referrals.add(second))
    service.withdraw(family)
    service.run(WORKER, lambda tx: tx.referrals.add(second))
    assert service.read(WORKER, lambda tx: tx.referrals.open_of(family.woman)) == second


def test_the_first_to_claim_a_name_keeps_it(service: Service) -> None:
    hospital, other = service.hospital(), service.hospital()

    def claim(caller: Caller, resource_id: str, type: str = "Patient") -> str:
        return service.run(caller, lambda tx: tx.aliases.claim(type, "urn:x", "1", resource_id))

    assert [claim(hospital, "a"), claim(hospital, "b"), claim(other, "c"), claim(hospital, "d", "Consent")] == [
        "a", "a", "c", "d",
    ]  # fmt: skip
    assert service.read(hospital, lambda tx: tx.aliases.find("Patient", "urn:x", "1")) == "a"
    assert service.read(hospital, lambda tx: tx.aliases.find("Patient", "urn:x", "2")) is None
    names = service.read(WORKER, lambda tx: tx.aliases.names("Patient", "a", hospital.organisation_id))
    assert names == [("urn:x", "1")]


# The outbox


def claimed(service: Service, owner: str, at_most: int = 1_000) -> list[object]:
    return [(each.resource_type, each.resource_id) for each in service.claim(owner, 10 * MINUTE, at_most)]


def test_alerts_are_claimed_first_and_no_delivery_twice(service: Service) -> None:
    claimed(service, "before")
    family, offer = service.supported()
    service.result(family.hospital, family.woman, piece(15, scores(15, 1)), effective=service.now() - DAY)
    alert = service.alert(family.woman, "self-harm-present")["id"]

    hospital = family.hospital.organisation_id
    assert service.read(WORKER, lambda tx: [tx.leases.destinations(lane) for lane in Lane]) == [[hospital], [], []]
    assert claimed(service, "one", 2) == [("Communication", alert), ("AlertTask", alert)]
    offered, accepted = (
        ("DocumentReference", row["id"]) for row in service.rows("note", referral_id=offer.referral_id)
    )
    # What has changed since has the place of what it replaces, so that each note comes after what it tells of.
    assert claimed(service, "two") == [("ServiceRequest", offer.referral_id), ("Task", offer.id), offered, accepted]
    assert claimed(service, "three") == []
    assert service.read(WORKER, lambda tx: [tx.leases.destinations(lane) for lane in Lane]) == [[], [], []]


def test_a_status_gives_way_to_an_alert_that_is_due_and_not_to_one_that_waits_to_be_tried_again(
    service: Service,
) -> None:
    claimed(service, "before")
    family = service.family()
    service.result(family.hospital, family.woman, piece(15, scores(15, 1)))
    due, hospital = partial(_due, service), family.hospital.organisation_id

    (status,) = service.rows("delivery", destination_id=hospital, resource_type="ServiceRequest")
    (alert, task) = service.claim("one", 10 * MINUTE, 2)
    assert (due(Lane.URGENT), due(Lane.STATUS)) == ([], [hospital])
    later = service.now() + MINUTE
    for each, at in ((alert, later), (task, service.now())):
        settle = partial(_try_again, each, at)
        assert service.run(WORKER, settle)
    assert (due(Lane.URGENT), due(Lane.STATUS)) == ([hospital], [])
    assert status["state"] == "ready"
    claimed(service, "two", 1)
    assert (due(Lane.URGENT), due(Lane.STATUS)) == ([], [hospital])
    service.pass_time(MINUTE)
    assert (due(Lane.URGENT), due(Lane.STATUS)) == ([hospital], [])


def _due(service: Service, lane: Lane) -> list[str]:
    return service.read(WORKER, lambda tx: tx.leases.destinations(lane))


def _try_again(delivery: Delivery, at: datetime, tx: UnitOfWork) -> bool:
    return tx.leases.settle(delivery, "one", DeliveryTrigger.TRY_AGAIN, "http-503", at)


def test_a_status_waits_while_another_worker_has_one_of_hers_and_an_alert_does_not(service: Service) -> None:
    claimed(service, "before")
    family, offer = service.offered()
    assert len(claimed(service, "one")) == 3
    service.update(family.community, offer.id, "accepted", notes=({"text": "Call me."},))

    alert = service.alert(family.woman, "escalation")["id"]
    assert claimed(service, "two") == [("Communication", alert), ("AlertTask", alert)]
    service.pass_time(11 * MINUTE)
    assert ("Task", offer.id) in claimed(service, "three")


def test_a_lease_that_ran_out_is_anothers_and_the_first_settles_nothing(service: Service) -> None:
    claimed(service, "before")
    service.offered()

    (first,) = service.claim("one", MINUTE, 1)
    service.pass_time(2 * MINUTE)
    (second,) = service.claim("two", MINUTE, 1)
    assert (second.id, second.attempts) == (first.id, 2)

    def settle(owner: str) -> bool:
        return service.run(WORKER, lambda tx: tx.leases.settle(second, owner, DeliveryTrigger.TAKEN, "taken"))

    assert [settle("one"), settle("two"), settle("two")] == [False, True, False]


def test_an_unknown_delivery_may_be_retried_by_a_person_and_a_done_one_may_not(service: Service) -> None:
    claimed(service, "before")
    service.offered()
    (first, second, note) = service.claim("one", MINUTE)
    assert (first.lane, first.state, first.attempts) == (Lane.STATUS, DeliveryState.LEASED, 1)
    later = service.now() + DAY
    service.run(WORKER, lambda tx: tx.leases.settle(first, "one", DeliveryTrigger.ANSWER_LOST, "lost", due=later))
    service.run(
        WORKER,
        lambda tx: [tx.leases.settle(each, "one", DeliveryTrigger.TAKEN, "taken") for each in (second, note)],
    )

    assert first.id in {each.id for each in service.read(
        WORKER, lambda tx: tx.deliveries.list(frozenset({DeliveryState.UNKNOWN}), 1_000)
    )}  # fmt: skip
    assert claimed(service, "two") == []
    assert service.run(WORKER, lambda tx: tx.deliveries.retry(first.id))
    assert not service.run(WORKER, lambda tx: tx.deliveries.retry(second.id))
    assert len(claimed(service, "two")) == 1


# Searches and due times


def test_a_search_is_ordered_by_stamp_and_its_places_follow_each_other(service: Service) -> None:
    family, _ = service.offered()
    for _ in range(5):
        woman = service.woman(family.hospital, district=next(iter(family.programme.districts)))
        service.consent(family.hospital, woman, family.community)
        service.result(family.hospital, woman, piece(15, scores(15)))

    def search(**asked: object) -> list[tuple[int, str]]:
        query = replace(TaskQuery(1_000), **asked)  # type: ignore[arg-type]  # names of its fields
        return [(stamp, offer.id) for offer, stamp in service.read(family.community, lambda tx: tx.feed.offers(query))]

    everything = search()
    assert len(everything) == 6
    assert everything == sorted(everything)
    assert search(descending=True) == everything[::-1]
    assert search(limit=2) + search(limit=2, after=everything[1]) + search(after=everything[3]) == everything
    assert search(descending=True, after=everything[2]) == everything[1::-1]
    middle = everything[2][0]
    cases = {Compare.EQUAL: [2], Compare.AFTER: [3, 4, 5], Compare.FROM: [2, 3, 4, 5], Compare.BEFORE: [0, 1],
             Compare.UP_TO: [0, 1, 2]}  # fmt: skip
    for compare, places in cases.items():
        assert search(changed=((compare, middle),)) == [everything[place] for place in places]
    assert search(states=frozenset({"accepted"})) == search(states=frozenset()) == []
    assert search(states=frozenset({"requested", "accepted"})) == everything
    assert search(ids=frozenset({everything[0][1], "nobody"})) == everything[:1]


def test_every_kind_of_due_time_is_found_once_it_has_passed(service: Service) -> None:
    for _ in range(3):
        service.chase(400 * DAY)
    waits = service.family()
    service.result(waits.hospital, waits.woman, piece(15, expects=frozenset({"more"})))
    ends, _ = service.offered()
    service.consent(ends.hospital, ends.woman, ends.community, target_id=ends.consent, period_end=service.now() + HOUR)
    lapses, _ = service.offered()
    alerted = service.family()
    service.result(alerted.hospital, alerted.woman, piece(15, scores(15, 1)))
    held, offer = service.supported()
    service.tell(held.hospital, offer.referral_id, Order.HOLD)
    begins, nobody = service.family(), service.family(places=0)
    reached, reached_for_now = service.family(), replace(REACHABLE, review_by=service.now().date())
    service.consent(
        reached.hospital, reached.woman, reached.community, target_id=reached.consent, safe_contact=reached_for_now
    )
    service.run(reached.hospital, lambda tx: learn(tx, reached.woman, None, reached_for_now))
    start = service.now() + HOUR
    service.consent(begins.hospital, begins.woman, begins.community, target_id=begins.consent, period_start=start)
    service.result(nobody.hospital, nobody.woman, piece(15, scores(15)))

    def due(passed: timedelta) -> set[tuple[str, str | None]]:
        found = service.read(WORKER, lambda tx: tx.due.overdue(service.now() + passed, 1_000))
        women = {waits.woman, ends.woman, lapses.woman, alerted.woman, held.woman, begins.woman, nobody.woman}
        women.add(reached.woman)
        return {(each.kind.value, each.patient_id) for each in found if each.patient_id in women}

    assert due(timedelta(0)) == set()
    assert due(5 * MINUTE) == {(DueKind.RESULT_WAITS_NO_LONGER.value, waits.woman)}
    assert due(73 * HOUR) == {
        (DueKind.RESULT_WAITS_NO_LONGER.value, waits.woman),
        (DueKind.CONSENT_BEGINS.value, begins.woman),
        (DueKind.CONSENT_ENDS.value, ends.woman),
        (DueKind.SAFE_CONTACT_IN_CONSENT_ENDS.value, reached.woman),
        (DueKind.SAFE_CONTACT_OF_WOMAN_ENDS.value, reached.woman),
        (DueKind.WAITS_FOR_A_PLACE.value, nobody.woman),
        (DueKind.ALERT_OVERDUE.value, nobody.woman),
        (DueKind.OFFER_LAPSES.value, ends.woman),
        (DueKind.OFFER_LAPSES.value, lapses.woman),
        (DueKind.ALERT_OVERDUE.value, alerted.woman),
        (DueKind.CHANGE_NOT_SEEN.value, held.woman),
    }
    limited = service.read(WORKER, lambda tx: tx.due.overdue(service.now() + 73 * HOUR, 1))
    assert [each.kind for each in limited] == list(DueKind)


def test_the_longest_overdue_comes_first(service: Service) -> None:
    for _ in range(3):
        service.chase(400 * DAY)
    later, _ = service.offered()
    first, _ = service.offered()
    for family, end in ((later, 2 * HOUR), (first, HOUR)):
        service.consent(
            family.hospital, family.woman, family.community, target_id=family.consent, period_end=service.now() + end
        )
    found = service.read(WORKER, lambda tx: tx.due.overdue(service.now() + 3 * HOUR, 10))
    ends = [each.id for each in found if each.kind is DueKind.CONSENT_ENDS]
    assert ends == [first.consent, later.consent]


def test_an_end_of_consent_is_acted_upon_once_and_at_its_newest_time(service: Service) -> None:
    family, _ = service.offered()
    end = service.now() + HOUR

    def ends(at: datetime) -> bool:
        return service.run(WORKER, lambda tx: tx.consents.end(family.consent, at))

    assert not ends(end)
    service.consent(family.hospital, family.woman, family.community, target_id=family.consent, period_end=end)
    assert [ends(end - MINUTE), ends(end), ends(end)] == [False, True, False]
    service.consent(family.hospital, family.woman, family.community, target_id=family.consent, period_end=end + HOUR)
    assert [ends(end), ends(end + HOUR)] == [False, True]


def test_an_end_of_a_safe_way_to_reach_her_is_acted_upon_once(service: Service) -> None:
    family, today = service.family(), service.now().date()
    tomorrow, until_today = datetime.combine(today + DAY, time(), UTC), replace(REACHABLE, review_by=today)

    def ends(at: datetime) -> list[bool]:
        return service.run(
            WORKER,
            lambda tx: [
                tx.consents.end_safe_contact(family.consent, at),
                tx.patients.end_safe_contact(family.woman, at),
            ],
        )

    assert ends(tomorrow) == [False, False]
    service.consent(family.hospital, family.woman, family.community, target_id=family.consent, safe_contact=until_today)
    service.run(family.hospital, lambda tx: learn(tx, family.woman, None, until_today))
    assert [ends(tomorrow - MINUTE), ends(tomorrow), ends(tomorrow)] == [[False] * 2, [True] * 2, [False] * 2]


def test_an_organisation_that_is_not_active_is_addressed_by_nobody(service: Service) -> None:
    hospital, community = service.hospital(), service.community()
    assert service.read(hospital, lambda tx: tx.visible.organisation_id(community.organisation_id))
    assert service.read(hospital, lambda tx: tx.visible.organisation_id("nobody")) is None
    names = service.read(hospital, lambda tx: tx.organisations.names([community.organisation_id, "nobody"]))
    assert set(names) == {community.organisation_id}


def test_a_programme_is_found_by_what_people_call_its_offers_and_by_whom_it_works_with(service: Service) -> None:
    family, offer = service.supported()

    def seen(caller: Caller) -> tuple[list[Offer], list[Dealings]]:
        def look(tx: UnitOfWork) -> tuple[list[Offer], list[Dealings]]:
            return tx.visible.called([display_of(offer.id)]), tx.visible.dealings(service.now() + HOUR)

        return service.read(caller, look)

    open_now = Dealings(family.hospital.organisation_id, family.programme.id, service.now() + HOUR)
    assert seen(family.community) == ([offer], [open_now])
    assert service.read(family.community, lambda tx: tx.visible.called(["Referral zzzz"])) == []
    assert seen(service.community()) == ([], [])
    service.update(family.community, offer.id, "completed")
    (over,) = seen(family.community)[1]
    assert over.last_at < service.now() + HOUR


def test_words_that_are_for_no_hospital_come_back_as_none(service: Service) -> None:
    family, _ = service.supported()
    hospitals = service.read(family.community, lambda tx: tx.visible.dealings(service.now()))
    said, now, id = Said(("x",)), service.now(), new_id()
    twice = [*hospitals, Dealings(service.hospital().organisation_id, family.programme.id, now)]

    def tell(tx: UnitOfWork) -> None:
        escalate_unnamed(tx, service.rules, twice, said, now, id=id, fingerprint="")

    service.run(family.community, tell)
    alerts = [row["id"] for row in service.rows("alert", code="unnamed-words")]
    kept = service.read(WORKER, lambda tx: tx.escalations.behind(alerts))
    assert [(each.said, each.offer_id) for each in kept.values()] == [(None, None)] * 2
