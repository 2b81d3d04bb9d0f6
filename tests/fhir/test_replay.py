"""A result that came by FHIR and was not understood is read once more, when its code is known."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import pytest

from service.fhir.asked import Asked
from service.fhir.read.common import received
from service.fhir.read.observation import read_observation
from service.flow.receive_result import receive_result
from service.messages import Messages
from service.office import NotAccepted
from service.screening.instrument import CodeUse, Role
from service.shared.caller import Caller
from service.shared.code import Code
from service.shared.ids import new_id
from service.store.messages import MessageQuery
from service.store.unit_of_work import UnitOfWork
from tests.flow.support import NOW, Service, StillClock
from tests.hl7v2.doors import BASE, Hospital

OWN = Code("https://st-test.example/codes", "DEPR")
EPDS = Code("http://loinc.org", "99046-5")
NUMBER = "https://st-test.example/number"


@pytest.fixture
def hospital(service: Service) -> Hospital:
    return Hospital(service)


def observation(woman: str, code: Code = OWN) -> bytes:
    tree = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": code.system, "code": code.code}]},
        "subject": {"reference": f"Patient/{woman}"},
        "effectiveDateTime": NOW.isoformat(),
        "valueInteger": 22,
    }
    return json.dumps(tree).encode()


def send(hospital: Hospital, caller: Caller, body: bytes) -> str:
    """The id of the message."""
    service, tree = hospital.service, json.loads(body)
    message = read_observation(tree, received(tree, body), rules=service.rules, base=BASE, now=service.now())
    service.run(caller, lambda tx: receive_result(tx, service.rules, message, service.now()))
    (row,) = hospital.rows("inbound_message", type="Observation")
    return str(row["id"])


def knowing(hospital: Hospital) -> Messages:
    """After the code has got its place in mappings/."""
    rules = hospital.service.rules
    return hospital.messages(replace(rules, by_code={**rules.by_code, OWN: CodeUse("epds", Role.TOTAL)}))


def refused(hospital: Hospital, body: bytes, asked: Asked) -> str:
    """A body that an earlier version has refused, as its door has kept it; its id."""
    id, sealer = new_id(), hospital.door.sealer
    sealed, request = (
        sealer.seal(each, f"unreadable_message/{id}{below}")
        for each, below in ((body, ""), (asked.text().encode(), "/request"))
    )

    def keep(tx: UnitOfWork) -> None:
        tx.inbox.keep_unreadable(id, sealed, "structure", door="fhir", type=asked.type, sealed_request=request)

    hospital.service.run(hospital.caller, keep)
    return id


def patient(number: str, **more: object) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "identifier": [{"system": NUMBER, "value": number}],
        "name": [{"given": ["Tessie"], "family": "Tester"}],
        "birthDate": "1995-04-01",
        **more,
    }


def bundle(*resources: dict[str, Any], type: str = "transaction") -> bytes:
    entries = [
        {
            "fullUrl": f"urn:uuid:{uuid5(NAMESPACE_OID, str(place))}",
            "resource": each,
            "request": {"method": "POST", "url": each["resourceType"]},
        }
        for place, each in enumerate(resources)
    ]
    return json.dumps({"resourceType": "Bundle", "type": type, "entry": entries}).encode()


FIRST = f"urn:uuid:{uuid5(NAMESPACE_OID, '0')}"


def result(subject: str, code: Code = EPDS) -> dict[str, Any]:
    tree: dict[str, Any] = json.loads(observation("-", code))
    return tree | {"subject": {"reference": subject}}


def outcomes(hospital: Hospital) -> list[str]:
    return [row["outcome"] for row in hospital.rows("screening_result")]


def test_a_result_that_was_kept_and_not_understood_decides_once_its_code_is_known(hospital: Hospital) -> None:
    woman = hospital.service.woman(hospital.caller)
    id = send(hospital, hospital.caller, observation(woman))
    assert hospital.rows("screening_result") == []
    became = knowing(hospital).replay(id)
    assert became.disposition == "accepted"
    assert [row["outcome"] for row in hospital.rows("screening_result")] == ["positive"]
    assert len(hospital.rows("referral")) == 1
    (resource,) = {row["id"] for row in hospital.rows("resource_version", type="Observation")}
    assert [row["version"] for row in hospital.rows("resource_version", id=resource)] == [1, 2]
    with pytest.raises(NotAccepted, match="replayed before"):
        knowing(hospital).replay(id)


def test_a_result_that_was_understood_changes_nothing_when_it_is_replayed(hospital: Hospital) -> None:
    woman = hospital.service.woman(hospital.caller)
    id = send(hospital, hospital.caller, observation(woman, EPDS))
    before = hospital.rows("screening_result"), hospital.alerts(), hospital.rows("referral")
    assert knowing(hospital).replay(id).disposition == "repeated"
    assert (hospital.rows("screening_result"), hospital.alerts(), hospital.rows("referral")) == before


def test_a_body_that_this_version_does_not_take_is_not_replayed(hospital: Hospital) -> None:
    woman = hospital.service.woman(hospital.caller)
    id = send(
        hospital, hospital.caller, observation(woman).replace(b'"valueInteger": 22', b'"valueInteger": 22, "x": 1')
    )
    with pytest.raises(NotAccepted, match="does not take"):
        knowing(hospital).replay(id)


def test_a_result_that_was_refused_is_taken_as_its_door_takes_it(hospital: Hospital) -> None:
    woman = hospital.service.woman(hospital.caller)
    id = refused(hospital, observation(woman, EPDS), Asked("POST", "Observation"))
    became = hospital.messages().replay(id)
    assert (became.disposition, became.type, became.sealed) == ("accepted", "Observation", False)
    assert outcomes(hospital) == ["positive"]
    assert len(hospital.rows("referral")) == 1
    with pytest.raises(NotAccepted, match="replayed before"):
        hospital.messages().replay(id)


def test_what_is_refused_still_stays_sealed_and_tells_nobody_anew(hospital: Hospital) -> None:
    woman = hospital.service.woman(hospital.caller)
    body = observation(woman, EPDS).replace(b'"valueInteger": 22', b'"valueInteger": 22, "x": 1')
    before = hospital.alerts()
    became = hospital.messages().replay(refused(hospital, body, Asked("POST", "Observation")))
    assert (became.disposition, became.sealed) == ("structure", True)
    assert hospital.alerts() == before
    assert hospital.messages().replay(became.id).disposition == "structure"
    assert outcomes(hospital) == []


def test_a_result_whose_woman_was_not_known_is_taken_once_she_is(hospital: Hospital) -> None:
    tree = result("-") | {"subject": {"identifier": {"system": NUMBER, "value": "77"}}}
    id = send(hospital, hospital.caller, json.dumps(tree).encode())
    assert hospital.messages().list(MessageQuery(1))[0].disposition == "subject-unknown"
    registration = refused(hospital, json.dumps(patient("77")).encode(), Asked("POST", "Patient"))
    assert hospital.messages().replay(registration).disposition == "accepted"
    assert hospital.messages().replay(id).disposition == "accepted"
    assert outcomes(hospital) == ["positive"]


UPDATE = Asked("PUT", "Patient", f"identifier={NUMBER}|77")


def register(hospital: Hospital, **more: object) -> None:
    """Her Patient as it was put in last; it takes a while."""
    clock = hospital.service.clock
    assert isinstance(clock, StillClock)
    clock.pass_time(timedelta(minutes=1))
    body = json.dumps(patient("77", **more)).encode()
    assert hospital.messages().replay(refused(hospital, body, UPDATE)).disposition == "accepted"


def test_an_update_by_an_identifier_is_one_when_it_is_replayed(hospital: Hospital) -> None:
    register(hospital)
    register(hospital, active=True)
    assert [row["version"] for row in hospital.rows("patient")] == [2]


def test_what_came_after_a_refused_update_is_not_undone_by_it(hospital: Hospital) -> None:
    register(hospital)
    late = refused(hospital, json.dumps(patient("77", active=False)).encode(), UPDATE)
    register(hospital, active=True)
    assert hospital.messages().replay(late).disposition == "changed-meanwhile"
    (woman,) = hospital.rows("patient")
    by_id = Asked("PUT", f"Patient/{woman['id']}")
    late = refused(hospital, json.dumps(patient("77", active=False) | {"id": woman["id"]}).encode(), by_id)
    register(hospital, gender="female")
    assert hospital.messages().replay(late).disposition == "changed-meanwhile"
    assert [row["version"] for row in hospital.rows("patient")] == [3]


def test_a_transaction_that_was_refused_is_one_when_it_is_replayed(hospital: Hospital) -> None:
    body = bundle(patient("77"), result(FIRST))
    became = hospital.messages().replay(refused(hospital, body, Asked("POST", "")))
    assert (became.disposition, became.type) == ("accepted", "Bundle")
    assert outcomes(hospital) == ["positive"]
    assert {row["message_id"] for row in hospital.rows("resource_version")} == {became.id}


def test_a_transaction_of_which_one_entry_is_refused_still_is_undone_and_stays_sealed(hospital: Hospital) -> None:
    body = bundle(patient("77"), result(f"Patient?identifier={NUMBER}|nobody"))
    before = hospital.alerts()
    became = hospital.messages().replay(refused(hospital, body, Asked("POST", "")))
    assert became.sealed
    assert hospital.rows("patient") == []
    assert hospital.alerts() == before


def test_a_result_in_a_transaction_that_was_not_understood_decides_once_its_code_is_known(hospital: Hospital) -> None:
    first = hospital.messages().replay(refused(hospital, bundle(patient("77"), result(FIRST, OWN)), Asked("POST", "")))
    assert outcomes(hospital) == []
    register(hospital, birthDate="1995-04-02")
    became = knowing(hospital).replay(first.id)
    assert became.disposition == "accepted"
    assert outcomes(hospital) == ["positive"]
    assert [(row["version"], row["birth_date"].isoformat()) for row in hospital.rows("patient")] == [(2, "1995-04-02")]


@pytest.mark.parametrize(("second", "becomes"), [("nobody", "partly"), ("77", "accepted")])
def test_the_entries_of_a_batch_are_taken_one_by_one(hospital: Hospital, second: str, becomes: str) -> None:
    register(hospital)
    body = bundle(
        result(f"Patient/{hospital.rows('patient')[0]['id']}"),
        result("-", OWN) | {"subject": {"identifier": {"system": NUMBER, "value": second}}},
        type="batch",
    )
    became = hospital.messages().replay(refused(hospital, body, Asked("POST", "")))
    assert (became.disposition, became.type) == (becomes, "Bundle")
    assert outcomes(hospital) == ["positive"]


@pytest.mark.parametrize("asked", [Asked("PUT", "Task/1"), Asked("POST", "ServiceRequest/1/$hold")], ids=str)
def test_what_a_person_answers_or_orders_is_not_replayed(hospital: Hospital, asked: Asked) -> None:
    with pytest.raises(NotAccepted, match="are replayed that were refused"):
        hospital.messages().replay(refused(hospital, b"{}", asked))


def test_what_a_programme_sent_is_not_replayed(hospital: Hospital, service: Service) -> None:
    programme = Hospital(service)
    programme.caller = service.community()
    id = refused(programme, observation("1"), Asked("POST", "Observation"))
    with pytest.raises(NotAccepted, match="of a hospital"):
        programme.messages().replay(id)
