"""The copies of alerts in a hospital's record, however that answers when it is asked for them."""

import asyncio
from collections.abc import Mapping
from typing import Any, cast

import httpx
import pytest

from service.delivery.channel import Copy, NotRead
from service.fhir.alert_copy import read_copies
from service.fhir.terms import ALERT_ID
from service.security.outgoing import Outgoing

Tree = dict[str, Any]
ALERTS = {f"r{number}": f"alert-{number}" for number in range(7)}


def task(id: str, **elements: Any) -> Tree:
    named = {"system": ALERT_ID, "value": ALERTS.get(id, "another")}
    return {"resourceType": "Task", "id": id, "status": "accepted", "identifier": [named], **elements}


class Record:
    """It gives so many `at_once` of the Tasks that it is asked for and has."""

    def __init__(self, *tasks: Tree, at_once: int = 100) -> None:
        self.tasks, self.at_once, self.asked = tasks, at_once, list[int]()

    async def request(self, method: str, url: str, headers: Mapping[str, str]) -> httpx.Response:
        wanted = httpx.QueryParams(url.partition("?")[2])["_id"].split(",")
        self.asked.append(len(wanted))
        return httpx.Response(200, json=self.answer([each for each in self.tasks if each["id"] in wanted]))

    def answer(self, found: list[Tree]) -> Tree:
        onward = [{"relation": "next", "url": "https://another.example/next"}] if len(found) > self.at_once else []
        return {
            "resourceType": "Bundle",
            "link": onward,
            "entry": [{"resource": each} for each in found[: self.at_once]],
        }


def read(record: Record) -> list[str]:
    copies: tuple[Copy, ...] = asyncio.run(read_copies(cast(Outgoing, record), ALERTS, None))
    return [copy.alert_id for copy in copies]


@pytest.mark.parametrize(
    "odd",
    [
        {"identifier": ["x"]},
        {"identifier": "x"},
        {"identifier": None},
        {"identifier": [{"system": ALERT_ID, "value": ["x"]}]},
        {"identifier": [{"system": "urn:other", "value": "alert-0"}]},
        {"resourceType": "Patient"},
    ],
)
def test_what_is_no_copy_of_ours_is_left_and_the_others_are_read(odd: Tree) -> None:
    assert read(Record(task("r0", **odd), task("r1"))) == ["alert-1"]


@pytest.mark.parametrize("odd", [{"meta": ["x"]}, {"meta": None}, {"meta": {"versionId": [1], "lastUpdated": 7}}])
def test_a_copy_with_an_odd_meta_is_read_all_the_same(odd: Tree) -> None:
    assert read(Record(task("r0", **odd), task("r1"))) == ["alert-0", "alert-1"]


@pytest.mark.parametrize(
    ("at_once", "asked"), [(100, [7]), (7, [7]), (6, [7, 1]), (3, [7, 4, 1]), (1, [7, 6, 5, 4, 3, 2, 1])]
)
def test_a_record_that_gives_few_at_once_is_asked_until_all_have_come(at_once: int, asked: list[int]) -> None:
    record = Record(*(task(id) for id in ALERTS), at_once=at_once)
    assert sorted(read(record)) == sorted(ALERTS.values())
    assert record.asked == asked


@pytest.mark.parametrize("had", [0, 2, 5])
def test_copies_that_a_record_has_no_more_keep_nobody_from_the_others(had: int) -> None:
    record = Record(*(task(id) for id in list(ALERTS)[:had]), at_once=2)
    assert len(read(record)) == had
    assert len(record.asked) == (had + 1) // 2 + 1


@pytest.mark.parametrize("odd", [None, "x", ["x", None], [{"resource": None}, {"relation": None}, {}]])
def test_what_is_odd_in_a_page_is_left_and_no_defect(odd: object) -> None:
    class Odd(Record):
        def answer(self, found: list[Tree]) -> Tree:
            page = super().answer(found)
            entries = page["entry"] + odd if isinstance(odd, list) and page["entry"] else odd
            return page | {"entry": entries, "link": odd}

    assert read(Odd(task("r0"))) == (["alert-0"] if isinstance(odd, list) else [])


def test_a_record_that_gives_a_page_of_others_and_says_that_there_is_more_was_not_read() -> None:
    class Heedless(Record):
        def answer(self, found: list[Tree]) -> Tree:
            return super().answer([task(f"x{number}") for number in range(3)])

    with pytest.raises(NotRead):
        read(Heedless(at_once=2))
    assert read(Heedless(at_once=3)) == []
