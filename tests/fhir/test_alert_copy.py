"""The copies of alerts in a hospital's record, however that answers when it is asked for them."""

import asyncio
from collections.abc import Mapping
from typing import Any, cast

import httpx
import pytest

from service.delivery.channel import Copy
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
