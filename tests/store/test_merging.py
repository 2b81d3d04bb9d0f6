"""A record that has become part of another, and what happened in a life: the same on both databases."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from functools import partial

import pytest

from service.flow.chase_overdue import DueKind, Overdue, chase_overdue
from service.flow.learn import learn
from service.flow.received import Identifier
from service.referrals.life_event import LifeEvent
from service.shared.caller import the_service
from service.shared.errors import Unavailable
from service.shared.ids import new_id
from service.store.unit_of_work import UnitOfWork
from tests.flow.support import DAY, FACTS, HOUR, MINUTE, REACHABLE, Service, piece, scores

WORKER = the_service("")


def _merge(tx: UnitOfWork, goes: str, stays: str) -> None:
    tx.merging.carry_over(goes, stays, ())
    tx.patients.save(tx.patients.lock(goes)._replace(replaced_by=stays))


def test_an_event_is_remembered_by_its_day_and_when_it_was_told_last(service: Service) -> None:
    hospital, now = service.hospital(), service.now()
    woman, day = service.woman(hospital), date(2026, 5, 30)

    def told(tx: UnitOfWork, event: LifeEvent, on: date | None, at: datetime) -> Mapping[str, datetime]:
        before = tx.life_events.heard(woman, event, on)
        tx.life_events.hear(woman, event, on, at, {""})
        return before

    def hear(tx: UnitOfWork) -> list[object]:
        loss = LifeEvent.PREGNANCY_LOSS
        said = [(loss, day, now), (loss, day, now + HOUR), (loss, None, now), (LifeEvent.BABY_DIED, day, now)]
        return [told(tx, *each) for each in said] + [
            tx.life_events.heard(woman, loss, day),
            tx.life_events.heard_since(woman, {LifeEvent.BABY_DIED, LifeEvent.BABY_IN_CARE}, now),
            tx.life_events.heard_since(woman, {LifeEvent.BABY_DIED}, now + HOUR),
        ]

    first, again = {"": now}, {"": now + HOUR}
    assert service.run(hospital, hear) == [{}, first, {}, {}, again, {(LifeEvent.BABY_DIED, day)}, set()]


def test_an_event_is_remembered_by_each_source_that_tells_it(service: Service) -> None:
    hospital, now = service.hospital(), service.now()
    woman, loss = service.woman(hospital), LifeEvent.PREGNANCY_LOSS

    def hear(tx: UnitOfWork, sources: list[str]) -> Mapping[str, datetime]:
        tx.life_events.hear(woman, loss, None, now, sources)
        return tx.life_events.heard(woman, loss, None)

    told = service.run(hospital, lambda tx: [hear(tx, each) for each in (["F1"], ["F2", "F1"], ["F1"])])
    assert told == [{"F1": now}, {"F1": now, "F2": now}, {"F1": now, "F2": now}]


def test_events_of_two_records_are_those_of_the_one_that_is_left(service: Service) -> None:
    hospital, now = service.hospital(), service.now()
    goes, stays = service.woman(hospital), service.woman(hospital)
    service.run(hospital, lambda tx: tx.life_events.hear(goes, LifeEvent.BABY_DIED, None, now, {""}))
    service.run(hospital, lambda tx: tx.life_events.hear(goes, LifeEvent.BABY_IN_CARE, None, now, {""}))
    service.run(hospital, lambda tx: tx.life_events.hear(stays, LifeEvent.BABY_IN_CARE, None, now + HOUR, {""}))
    service.run(hospital, lambda tx: _merge(tx, goes, stays))

    def heard_since(*since: datetime) -> list[bool]:
        events = (LifeEvent.BABY_DIED, LifeEvent.BABY_IN_CARE)
        return service.run(
            hospital,
            lambda tx: [
                bool(tx.life_events.heard_since(stays, {event}, at)) for event, at in zip(events, since, strict=True)
            ],
        )

    assert heard_since(now, now + HOUR) == [True, True], "what was heard last counts, of whichever record"
    assert heard_since(now + HOUR, now + DAY) == [False, False]


def test_whoever_locks_a_record_that_is_no_more_begins_anew_and_finds_the_other(service: Service) -> None:
    hospital = service.hospital()
    goes, stays = service.woman(hospital), service.woman(hospital)
    service.run(hospital, lambda tx: _merge(tx, goes, stays))

    with pytest.raises(Unavailable):
        service.run(hospital, lambda tx: tx.patients.lock(goes))
    assert service.run(hospital, lambda tx: tx.patients.lock_present(goes)).id == stays
    assert service.run(hospital, lambda tx: tx.visible.patient_id(goes)) == stays


def test_records_that_were_merged_before_lead_on_to_the_last(service: Service) -> None:
    hospital = service.hospital()
    first, second, last = (service.woman(hospital) for _ in range(3))
    service.run(hospital, lambda tx: _merge(tx, first, second))
    service.run(hospital, lambda tx: _merge(tx, second, last))

    for id in (first, second):
        assert service.run(hospital, partial(_present, id)) == last


def _present(id: str, tx: UnitOfWork) -> str:
    return tx.patients.lock_present(id).id


def test_a_name_that_is_retired_leads_there_and_is_written_no_more(service: Service) -> None:
    hospital = service.hospital()
    names = [Identifier("urn:mr", new_id()) for _ in range(2)]
    ids = [getattr(service.register(hospital, FACTS, name), "id", "") for name in names]
    goes, stays = ids
    tenant = hospital.organisation_id
    service.run(hospital, lambda tx: _merge(tx, goes, stays))

    assert service.read(hospital, lambda tx: tx.aliases.find("Patient", "urn:mr", names[0].value)) == stays
    assert service.read(hospital, lambda tx: tx.aliases.names("Patient", stays, tenant)) == [("urn:mr", names[1].value)]
    service.run(hospital, lambda tx: tx.aliases.retire("Patient", "urn:mr", names[1].value))
    both = service.read(hospital, lambda tx: tx.aliases.names("Patient", stays, tenant))
    assert sorted(both) == sorted(("urn:mr", name.value) for name in names), "one that has no other goes by these"


def test_a_due_time_that_was_found_before_the_merge_is_chased_after_it(service: Service) -> None:
    family, offer = service.offered()
    stays = service.woman(family.hospital)
    service.pass_time(4 * DAY)
    overdue = Overdue(DueKind.OFFER_LAPSES, offer.id, family.woman)
    service.run(family.hospital, lambda tx: _merge(tx, family.woman, stays))
    service.run(WORKER, lambda tx: chase_overdue(tx, service.rules, overdue, service.now()))

    assert service.states(stays)[1] == ["cancelled"]


def test_a_way_to_reach_her_that_the_retired_record_knew_ends_for_the_survivor_once(service: Service) -> None:
    family, _ = service.supported()
    until_today = replace(REACHABLE, review_by=service.now().date(), said_at=service.now() + MINUTE)
    service.run(family.hospital, lambda tx: learn(tx, family.woman, None, until_today))
    stays = service.woman(family.hospital)

    def merge(tx: UnitOfWork) -> None:
        _merge(tx, family.woman, stays)
        learn(tx, stays, None, until_today)

    service.run(family.hospital, merge)
    service.pass_time(DAY)
    for expected in ({family.woman, stays}, set()):
        due = service.read(WORKER, lambda tx: tx.due.overdue(service.now(), 1_000))
        ended = [
            each for each in due if each.kind is DueKind.SAFE_CONTACT_OF_WOMAN_ENDS and each.id in (family.woman, stays)
        ]
        assert {each.id for each in ended} == expected
        for each in ended:
            service.run(WORKER, partial(chase_overdue, rules=service.rules, overdue=each, now=service.now()))
    assert service.states(stays) == ("on-hold", ["held-by-service"])
    assert service.alerts(stays) == ["safe-contact-withdrawn"]


def test_an_observation_of_the_retired_record_is_about_the_survivor(service: Service) -> None:
    hospital = service.hospital()
    goes, stays = service.woman(hospital), service.woman(hospital)
    name = Identifier("urn:results", new_id())
    answer = service.result(hospital, goes, piece(5, scores(5)), names=(name,))
    service.run(hospital, lambda tx: _merge(tx, goes, stays))

    assert service.read(hospital, lambda tx: tx.inbox.patient_of("Observation", getattr(answer, "id", ""))) == stays
