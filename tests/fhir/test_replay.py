"""A result that came by FHIR and was not understood is read once more, when its code is known."""

import json
from dataclasses import replace

import pytest

from service.fhir.read.common import received
from service.fhir.read.observation import read_observation
from service.flow.receive_result import receive_result
from service.messages import Messages
from service.office import NotAccepted
from service.screening.instrument import CodeUse, Role
from service.shared.caller import Caller
from service.shared.code import Code
from tests.flow.support import NOW, Service
from tests.hl7v2.doors import Hospital

BASE = "http://127.0.0.1:8080"
OWN = Code("https://st-test.example/codes", "DEPR")


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
    known = replace(rules, by_code={**rules.by_code, OWN: CodeUse("epds", Role.TOTAL)})
    return Messages(replace(hospital.door, rules=known), BASE)


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
    id = send(hospital, hospital.caller, observation(woman, Code("http://loinc.org", "99046-5")))
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
