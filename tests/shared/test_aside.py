"""What a long body takes is done by another thread than the one that everybody waits for."""

import asyncio
from collections.abc import Callable
from threading import get_ident
from typing import Any

import pytest
from starlette.requests import Request

from service.fhir.faults import Fault
from service.fhir.outcome import BadInput, Finding
from service.fhir.unread import keep_unread
from service.shared.aside import LONG, aside
from tests.flow.support import Service
from tests.hl7v2.doors import Hospital, oru

LENGTHS = pytest.mark.parametrize(("length", "here"), [(0, True), (LONG, False)], ids=["short", "long"])


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], set[int]]:
    """The threads by which a function is called from now on."""

    def watch(name: str) -> set[int]:
        module, _, function = name.rpartition(".")
        found: set[int] = set()
        original = getattr(__import__(module, fromlist=[function]), function)

        def watched(*given: Any, **named: Any) -> Any:
            found.add(get_ident())
            return original(*given, **named)

        monkeypatch.setattr(name, watched)
        return found

    return watch


@LENGTHS
def test_a_long_body_is_worked_on_aside_and_a_short_one_at_once(length: int, here: bool) -> None:
    worked = asyncio.run(aside(b"x" * length, get_ident))
    assert (worked == get_ident()) is here


def test_what_it_raises_is_heard_whoever_did_it() -> None:
    for length in (0, LONG):
        with pytest.raises(ZeroDivisionError):
            asyncio.run(aside(b"x" * length, divmod, 1, 0))


@LENGTHS
@pytest.mark.parametrize("work", ["salvage", "unnamed_in"])
def test_a_long_message_that_is_refused_is_looked_through_aside(
    service: Service, threads: Callable[[str], set[int]], work: str, length: int, here: bool
) -> None:
    by = threads(f"service.hl7v2.refused.{work}")
    broken = oru() + b"no segment\r" + b"OBX|9|NM|X^Y^L||1||||||F\r" * (length // 25 + 1)
    assert Hospital(service).told(broken).startswith("AR")
    assert [each == get_ident() for each in by] == [here]


@LENGTHS
def test_a_long_resource_that_is_refused_is_looked_through_aside(
    service: Service, threads: Callable[[str], set[int]], length: int, here: bool
) -> None:
    by = threads("service.fhir.unread.salvage")
    hospital = Hospital(service)
    scope = {"type": "http", "method": "POST", "path": "/fhir/Observation", "query_string": b"", "headers": []}
    problem = BadInput.of(Finding(Fault.NOT_JSON, None, "nothing in it can be read"))
    body = b'{"resourceType": "Observation"' + b" " * length
    kept = keep_unread(hospital.fhir(service.rules), hospital.caller, Request(scope), body, problem)
    assert asyncio.run(kept) is problem
    assert [each == get_ident() for each in by] == [here]
