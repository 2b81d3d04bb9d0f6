"""Which messages have come, who sends them, and how all of them are listed, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from service.flow.received import ControlKey, Earlier, Received
from service.shared.caller import UNKNOWN_CLIENT, Caller, OrganisationKind
from service.shared.client import Client, SenderName
from service.shared.ids import new_id
from service.store.messages import KeptMessage, MessageQuery
from service.store.trouble import StatementRefused
from service.store.unit_of_work import UnitOfWork
from tests.flow.support import DAY, HOUR, Service, StillClock


def control(name: str, content: str = "content") -> ControlKey:
    return ControlKey(name.encode().ljust(32), content.encode().ljust(32))


def claim(service: Service, caller: Caller, key: ControlKey, acknowledgement: bytes) -> Earlier | None:
    return service.run(caller, lambda tx: tx.control.claim(key, new_id(), acknowledgement))


def test_the_first_message_of_a_key_is_the_one_and_the_next_hears_how_that_was_acknowledged(service: Service) -> None:
    hospital, other = service.hospital(), service.hospital()
    assert claim(service, hospital, control("one"), b"the first") is None
    assert service.run(hospital, lambda tx: tx.control.claim(control("four"), "its id", b"the first")) is None
    assert claim(service, hospital, control("four", "else"), b"no") == Earlier(
        control("four").content, b"the first", "its id"
    )
    assert claim(service, hospital, control("two"), b"another key") is None
    assert claim(service, other, control("one"), b"another hospital") is None


def test_what_a_repeat_is_answered_may_be_set_when_the_outcome_is_known(service: Service) -> None:
    hospital = service.hospital()
    claim(service, hospital, control("three"), b"clean")
    service.run(hospital, lambda tx: tx.control.acknowledge(control("three"), b"with warnings"))
    earlier = claim(service, hospital, control("three"), b"no")
    assert earlier is not None
    assert earlier.acknowledgement == b"with warnings"


def test_of_many_at_once_exactly_one_is_the_first(service: Service) -> None:
    hospital = service.hospital()
    with ThreadPoolExecutor(16) as pool:
        heard = list(pool.map(lambda number: claim(service, hospital, control("many"), b"%d" % number), range(16)))
    first = [number for number, earlier in enumerate(heard) if earlier is None]
    assert len(first) == 1
    assert {each.acknowledgement for each in heard if each is not None} == {b"%d" % first[0]}


def test_a_key_is_free_again_after_seven_days_also_when_nobody_tidied(service: Service) -> None:
    hospital, clock = service.hospital(), service.clock
    assert isinstance(clock, StillClock)
    claim(service, hospital, control("old"), b"old")
    clock.pass_time(7 * DAY - HOUR)
    assert claim(service, hospital, control("old", "new"), b"new") is not None
    clock.pass_time(HOUR)
    assert claim(service, hospital, control("old", "new"), b"new") is None
    earlier = claim(service, hospital, control("old"), b"no")
    assert earlier is not None
    assert (earlier.content, earlier.acknowledgement) == (control("old", "new").content, b"new")


def test_keys_go_after_seven_days_and_no_sooner(service: Service) -> None:
    hospital, clock = service.hospital(), service.clock
    assert isinstance(clock, StillClock)
    claim(service, hospital, control("kept"), b"")
    keys = {"tenant_id": hospital.organisation_id}
    for passed, left in ((7 * DAY - HOUR, 1), (HOUR, 0)):
        clock.pass_time(passed)
        service.run(hospital, lambda tx: tx.tidy(service.now(), service.rules))
        assert len(service.rows("message_control", **keys)) == left


def add(service: Service, hospital: Caller, **known_by: Any) -> Client:
    added = Client(new_id(), hospital.organisation_id, OrganisationKind.HOSPITAL, frozenset(), **known_by)
    service.run(hospital, lambda tx: tx.access.add_client(added, service.now()))
    return added


def sender(service: Service, by: SenderName, name: str) -> Client | None:
    return service.read(service.hospital(), lambda tx: tx.access.sender(by, name))


@pytest.mark.parametrize(("by", "name"), [("certificate", "ab" * 32), ("mllp_sender", "EHR|MATERNITY")])
def test_a_sender_is_found_by_its_certificate_or_its_name_until_it_is_revoked(
    service: Service, by: SenderName, name: str
) -> None:
    hospital = service.hospital()
    add(service, hospital, jwks="{}")  # one that has neither is found by nothing
    added = add(service, hospital, **{by: name})
    assert sender(service, by, name) == added
    assert sender(service, by, "") is None
    with pytest.raises(StatementRefused):
        add(service, hospital, **{by: name})
    service.run(hospital, lambda tx: tx.access.revoke_client(added.id, service.now()))
    assert sender(service, by, name) is None
    assert sender(service, by, name) != add(service, hospital, **{by: name})


@pytest.mark.parametrize(
    "known_by",
    [
        {},
        {"jwks": "{}", "jwks_url": "https://keys.example"},
        {"jwks": "{}", "certificate": "cd"},
        {"jwks_url": "https://keys.example", "mllp_sender": "A|B"},
        {"certificate": "cd", "mllp_sender": "A|B"},
    ],
    ids=lambda each: "+".join(each) or "nothing",
)
def test_a_client_is_known_in_exactly_one_way(service: Service, known_by: dict[str, str]) -> None:
    with pytest.raises(StatementRefused):
        add(service, service.hospital(), **known_by)


def test_of_several_names_a_sender_is_found_that_all_of_them_have_who_are_known(service: Service) -> None:
    hospital, other = service.hospital(), service.hospital()
    one, two = (add(service, hospital, mllp_sender=f"SEVERAL|{each}") for each in "AB")
    add(service, other, mllp_sender="SEVERAL|C")
    named = {
        ("SEVERAL|A", "SEVERAL|?"): one,
        ("SEVERAL|B", "SEVERAL|A"): one,
        ("SEVERAL|B",): two,
        ("SEVERAL|A", "SEVERAL|C"): None,
        (): None,
    }
    found = service.read(hospital, lambda tx: {each: tx.access.sender("mllp_sender", *each) for each in named})
    assert found == named


def test_the_only_hospital_is_the_one_that_has_an_endpoint_or_a_sender_of_hl7v2(service: Service) -> None:
    def only() -> str | None:
        return service.read(hospital, lambda tx: tx.access.only_hospital())

    def revoke_all(tx: UnitOfWork) -> None:
        for each in tx.access.clients():
            tx.access.revoke_client(each.id, service.now())

    hospital, other = service.hospital(), service.hospital()
    service.run(hospital, revoke_all)
    assert only() is None
    add(service, other, jwks="{}")
    for known_by in ({"mllp_sender": "ONLY|A"}, {"certificate": "0a" * 32}):
        add(service, hospital, **known_by)
        assert only() == hospital.organisation_id
    theirs = add(service, other, certificate="0b" * 32)
    assert only() is None
    service.run(other, lambda tx: tx.access.revoke_client(theirs.id, service.now()))
    assert only() == hospital.organisation_id
    service.run(other, lambda tx: tx.organisations.move(other.organisation_id, None, "mllp://127.0.0.1:1"))
    assert only() is None


def test_what_strangers_have_sent_is_counted_and_measured(service: Service) -> None:
    hospital = service.hospital()
    stranger = replace(hospital, client_id=UNKNOWN_CLIENT)
    assert service.read(hospital, lambda tx: tx.inbox.of_strangers()) == (0, 0)
    for caller in (stranger, hospital, stranger):
        keep_sealed(service, caller, "sender-unknown")
    assert service.read(hospital, lambda tx: tx.inbox.of_strangers()) == (2, 2 * len(b"sealed"))


def keep(service: Service, hospital: Caller, door: str, type: str, disposition: str) -> str:
    received = Received(type, f"body of {type}".encode(), door=door, request=f"how {type} was sent")
    return service.run(hospital, lambda tx: tx.inbox.archive(received, disposition))


def keep_sealed(service: Service, hospital: Caller, reason: str) -> str:
    id = new_id()

    def keep(tx: UnitOfWork) -> None:
        tx.inbox.keep_unreadable(id, b"sealed", reason, door="hl7v2", type="ORM^O01", sealed_request=None)

    service.run(hospital, keep)
    return id


def listed(service: Service, query: MessageQuery) -> list[str]:
    return [each.id for each in service.read(service.hospital(), lambda tx: tx.messages.list(query))]


def find(service: Service, id: str) -> KeptMessage | None:
    return service.read(service.hospital(), lambda tx: tx.messages.find(id))


def replayed(service: Service, id: str, by: str) -> bool:
    return service.run(service.hospital(), lambda tx: tx.messages.replayed(id, by=by))


def root(service: Service, id: str) -> str:
    return service.read(service.hospital(), lambda tx: tx.messages.root(id))


def made(service: Service, id: str) -> str | None:
    return service.read(service.hospital(), lambda tx: tx.messages.made(id))


def test_every_message_is_listed_whichever_way_it_was_kept_the_newest_first(service: Service) -> None:
    hospital = service.hospital()
    first = keep(service, hospital, "fhir", "Observation", "accepted")
    second = keep_sealed(service, hospital, "type-unsupported")
    third = keep(service, hospital, "hl7v2", "ORU^R01", "partly")
    theirs = MessageQuery(100, organisation_id=hospital.organisation_id)
    assert listed(service, theirs) == [third, second, first]
    assert listed(service, replace(theirs, at_most=2)) == [third, second]
    assert listed(service, replace(theirs, door="fhir")) == [first]
    assert listed(service, replace(theirs, disposition="type-unsupported")) == [second]
    assert listed(service, replace(theirs, since=service.now() + HOUR)) == []
    assert listed(service, replace(theirs, since=service.now())) == [third, second, first]
    assert listed(service, replace(theirs, organisation_id=service.hospital().organisation_id)) == []


def test_a_message_is_found_by_its_id_with_its_body_as_it_is_kept(service: Service) -> None:
    hospital = service.hospital()
    clear, sealed = keep(service, hospital, "fhir", "Consent", "accepted"), keep_sealed(service, hospital, "segment")
    kept = [find(service, clear), find(service, sealed)]
    assert [(each.id, each.sealed, each.tenant_id) for each in kept if each] == [
        (clear, False, hospital.organisation_id),
        (sealed, True, hospital.organisation_id),
    ]
    contents = service.read(hospital, lambda tx: [tx.messages.content(each) for each in kept if each])
    assert contents == [(b"body of Consent", b"how Consent was sent"), (b"sealed", None)]
    assert find(service, "nobody") is None


@pytest.mark.parametrize("sealed", [False, True], ids=["in clear", "sealed"])
def test_each_message_is_replayed_once_and_names_what_it_became(service: Service, sealed: bool) -> None:
    hospital = service.hospital()
    id = keep_sealed(service, hospital, "type") if sealed else keep(service, hospital, "hl7v2", "ORU^R01", "partly")
    by = [new_id() for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda each: replayed(service, id, each), by))
    assert told.count(True) == 1
    found = find(service, id)
    assert found is not None
    assert found.replayed_as == by[told.index(True)]


def test_what_is_not_there_is_not_replayed(service: Service) -> None:
    assert not replayed(service, "nobody", new_id())


def test_the_root_of_a_message_is_the_first_of_those_that_were_replayed_into_it(service: Service) -> None:
    hospital = service.hospital()
    first = keep_sealed(service, hospital, "type")
    second, third = (keep(service, hospital, "hl7v2", "ORU^R01", "partly") for _ in range(2))
    replayed(service, first, second)
    replayed(service, second, third)
    assert [root(service, id) for id in (first, second, third)] == [first] * 3


@pytest.mark.parametrize("ahead", [0 * DAY, DAY], ids=["the clock was right", "the clock had been ahead"])
def test_what_a_message_made_is_found_by_when_it_came(service: Service, ahead: timedelta) -> None:
    hospital, clock = service.hospital(), service.clock
    assert isinstance(clock, StillClock)
    clock.pass_time(ahead)
    earlier = service.woman(hospital)
    clock.pass_time(-ahead)
    for woman in (earlier, service.woman(hospital)):
        (version,) = service.rows("resource_version", id=woman)
        assert made(service, version["message_id"]) == woman
    assert made(service, "nobody") is None
