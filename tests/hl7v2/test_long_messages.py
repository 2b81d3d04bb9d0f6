"""A message that speaks of more than one unit may touch: nothing of it is lost, and nothing done twice."""

import asyncio
import gc
import time
from functools import partial

import pytest

from service.flow.keep_unreadable import Recognised
from service.flow.ports import MOST_ENTRIES
from service.flow.receive_long_message import begin_message, go_on, units_of
from service.flow.received import Identifier, Received, Reference
from service.flow.received_message import Flaw, Group, Part, Problem
from service.flow.register_patient import ReceivedPatient
from service.flow.request_referral import ReceivedRequest
from service.hl7v2.frame import Frame
from service.hl7v2.look import look, received_message
from service.hl7v2.segments import read
from service.hl7v2.understand import understand
from tests.flow.support import FACTS, Service
from tests.hl7v2.doors import MSH, OBR, PID, Hospital, group, said

WOMEN = 250


@pytest.fixture
def hospital(service: Service) -> Hospital:
    return Hospital(service)


def long(women: int = WOMEN, control: str = "M1") -> bytes:
    lines = [MSH.format(control=control)]
    for number in range(1, women + 1):
        lines += group(woman=f"W{number}", total=0, order=f"F{number}")
    return "\r".join(lines).encode()


def test_every_woman_of_a_long_message_has_her_result_and_it_is_acknowledged_and_kept_once(hospital: Hospital) -> None:
    body = long()
    first = hospital.answers(body)[0]
    assert said(read(first[0])) == "AA"
    assert len(hospital.rows("screening_result")) == len(hospital.rows("patient")) == WOMEN
    (message,) = hospital.rows("inbound_message")
    assert (message["body"], message["disposition"]) == (body, "accepted")
    made = hospital.rows("resource_version")
    assert {row["message_id"] for row in made} == {message["id"]}

    assert hospital.answers(body)[0] == first
    assert [row["disposition"] for row in hospital.rows("inbound_message")] == ["accepted", "repeated"]
    assert hospital.told(long(WOMEN - 1)) == "AR MSH^1^10 207 E"


def test_nobody_else_waits_while_a_long_one_is_read(hospital: Hospital) -> None:
    body = "\r".join((MSH.format(control="M1"), PID, OBR, *["OBX|1|NM|X||1||||||F"] * 40_000)).encode()
    door, caller, waited = hospital.door, hospital.caller, []

    async def send() -> float:
        began = last = time.perf_counter()
        answer = asyncio.create_task(door.answer(Frame(body), caller))
        while not answer.done():
            await asyncio.sleep(0.001)
            waited.append(-last + (last := time.perf_counter()))
        return last - began

    # A collection of all garbage stops everything, and in tests there is much to look through.
    gc.disable()
    try:
        whole = asyncio.run(send())
    finally:
        gc.enable()
    assert max(waited) < whole / 4


def test_what_is_wrong_far_behind_is_told_at_its_place(hospital: Hospital) -> None:
    body = long().replace(b"W240^^^HOSP&1.2.3&ISO^MR", b"W240")
    assert hospital.told(body) == "AA PID^240^3 204 W"
    assert [row["disposition"] for row in hospital.rows("inbound_message")] == ["partly"]
    assert hospital.alerts() == ["unreadable-result"]


def test_one_that_broke_off_goes_on_when_it_is_sent_again(hospital: Hospital) -> None:
    body, door = long(), hospital.door
    looked = look(Frame(body))
    groups = understand(looked, door.dialect(hospital.caller), door.rules, door.clock.now())
    assert isinstance(groups, tuple)
    message = received_message(looked, groups)
    begun = hospital.service.run(hospital.caller, lambda tx: begin_message(tx, message))
    assert isinstance(begun, str)
    unit = partial(
        go_on, rules=door.rules, received=message.received, unit=units_of(groups)[0], id=begun, now=door.clock.now()
    )
    hospital.service.run(hospital.caller, unit)
    assert len(hospital.rows("screening_result")) == MOST_ENTRIES // 2
    assert [row["disposition"] for row in hospital.rows("inbound_message")] == ["begun"]

    assert hospital.told(body) == "AA"
    assert len(hospital.rows("screening_result")) == WOMEN
    assert len(hospital.rows("resource_version")) == 2 * WOMEN
    (row,) = hospital.rows("inbound_message")
    assert (row["id"], row["disposition"]) == (begun, "accepted")


def test_a_long_message_is_replayed_as_a_whole(hospital: Hospital) -> None:
    hospital.send(long().replace(b"^^^HOSP&1.2.3&ISO^MR", b"^^^CLINIC^MR"))
    assert hospital.rows("patient") == []
    (first,) = hospital.rows("inbound_message")
    after = Hospital(hospital.service, {"authorities": {("CLINIC", ""): "https://clinic.example/mrn"}})
    after.caller = hospital.caller
    became = after.messages().replay(first["id"])
    assert became.disposition == "accepted"
    assert len(hospital.rows("screening_result")) == WOMEN


def _group(parts: int) -> Group:
    name = Identifier("urn:test", "W1")
    who = ReceivedPatient(Received("Patient", b"", (name,)), FACTS, updates=False)
    subject = Reference("Patient", identifier=name)
    asks = ReceivedRequest(Received("ServiceRequest", b""), subject, False, None)
    others = [Part(asks, f"OBR^{number}") for number in range(1, parts)]
    return Group(subject, (Part(who, "PID^1"), *others), (Flaw(Problem.NO_SCORE, "OBX^1"),), Recognised.AN_INSTRUMENT)


def test_a_woman_of_whom_it_tells_more_than_a_unit_may_touch_goes_on_in_the_next() -> None:
    units = units_of((_group(2), _group(500)))
    assert [[len(each.parts) for each in unit] for unit in units] == [[2], [200], [200], [102]]
    assert all(each.parts[0].at == "PID^1" for unit in units for each in unit)
    places = [part.at for unit in units[1:] for each in unit for part in each.parts[1:]]
    assert places == [f"OBR^{number}" for number in range(1, 500)]
    assert [len(each.flaws) for unit in units for each in unit] == [1, 1, 0, 0]


def test_a_message_of_nothing_is_one_unit() -> None:
    assert units_of(()) == [()]
