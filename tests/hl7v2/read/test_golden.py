"""Whole messages beside what is read of them: the shapes that senders are known to use, and what can be wrong in one.

A change in what is read shows as a difference of tests/golden/hl7v2/*.json, which is then to be judged line by line.
"""

from datetime import UTC, datetime

import orjson
import pytest

from service.fhir.guard import parse
from service.flow.rules import Rules
from service.hl7v2.dialect import Dialect
from service.hl7v2.read.message import READERS
from service.hl7v2.segments import read
from tests.hl7v2.read.conftest import GOLDEN
from tests.hl7v2.read.written import written

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
MESSAGES = sorted(path.stem for path in GOLDEN.glob("*.hl7"))


def reading_of(name: str, dialect: Dialect, rules: Rules) -> str:
    message = read((GOLDEN / f"{name}.hl7").read_bytes())
    type = (message.header.text(9, 1), message.header.text(9, 2))
    return written(READERS[type](message, dialect, rules, NOW))


@pytest.mark.parametrize("name", MESSAGES)
def test_what_is_read_is_what_was_agreed(name: str, dialect: Dialect, rules: Rules) -> None:
    assert reading_of(name, dialect, rules) == (GOLDEN / f"{name}.json").read_text(encoding="utf-8")


def test_every_reading_has_its_message() -> None:
    assert sorted(path.stem for path in GOLDEN.glob("*.json")) == MESSAGES


@pytest.mark.parametrize("name", MESSAGES)
def test_what_is_kept_of_it_is_valid_r4(name: str, dialect: Dialect, rules: Rules) -> None:
    for group in orjson.loads(reading_of(name, dialect, rules)):
        for part in (each for each in group["parts"] if "body" in each):
            assert parse(orjson.dumps(part["body"]), part["body"]["resourceType"]) == part["body"]
