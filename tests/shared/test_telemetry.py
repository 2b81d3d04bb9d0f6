"""A line of the log: our own events with their facts, and of everything else only that it happened."""

import json
import logging

import pytest

from service.shared.telemetry import _Lines

CANARY = "Tessie Canary"


def line(name: str, message: str, error: BaseException | None = None, **facts: object) -> dict[str, object]:
    given = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord(name, logging.ERROR, __file__, 1, message, (CANARY,), given)
    record.facts = facts
    written: dict[str, object] = json.loads(_Lines().format(record))
    return written


def test_an_event_of_ours_is_written_with_its_facts() -> None:
    told = line("peer_referral", "delivery-stuck %.0s", delivery="D-1", attempts=8)
    assert (told["event"], told["level"], told["delivery"], told["attempts"]) == ("delivery-stuck ", "error", "D-1", 8)


@pytest.mark.parametrize("name", ["service", "sqlalchemy.engine", "httpx", "root", "peer_referral_else"])
def test_of_what_others_say_only_the_name_of_their_logger_is_written(name: str) -> None:
    told = line(name, "received %s")
    assert told["event"] == name
    assert CANARY not in json.dumps(told)


def test_an_exception_is_named_and_placed_and_its_message_is_not_written() -> None:
    try:
        raise ValueError(CANARY)
    except ValueError as raised:
        told = line("peer_referral", "failed %.0s", raised)
    assert told["error"] == "ValueError"
    assert str(told["at"]).startswith("test_telemetry.py:")
    assert CANARY not in json.dumps(told)
