"""That nothing is sent, or not for long, is measured and told to whoever runs the service."""

import asyncio
from datetime import timedelta

import pytest
from prometheus_client import REGISTRY

from service.delivery.waits import look
from service.demo.hospital import HospitalRecord
from service.referrals.delivery import Lane
from tests.delivery.conftest import NewSender
from tests.delivery.support import Sender

MINUTES = tuple(timedelta(minutes=count) for count in (4, 1, 1))


def looked(sender: Sender, told: frozenset[Lane] = frozenset()) -> frozenset[Lane]:
    return asyncio.run(look(sender.store, sender.clock, told))


def waits() -> float | None:
    return REGISTRY.get_sample_value("peer_referral_delivery_waits_seconds", {"lane": "urgent"})


def test_that_no_worker_takes_an_urgent_alert_is_told_once_after_five_minutes(
    new_sender: NewSender, migrated_url: str, record: HospitalRecord, caplog: pytest.LogCaptureFixture
) -> None:
    sender, told, seen = new_sender(migrated_url, record.base), frozenset[Lane](), []
    sender.in_danger()
    for pause in MINUTES:
        sender.pass_time(pause)
        told = looked(sender, told)
        seen.append((waits(), [each.message for each in caplog.records]))
    assert seen == [(240, []), (300, ["deliveries-not-taken"]), (360, ["deliveries-not-taken"])]
    assert caplog.records[0].__dict__["facts"] == {"lane": "urgent"}

    sender.settle()
    assert (looked(sender, told), waits()) == (frozenset(), 0)


def test_what_was_tried_and_not_taken_is_no_want_of_a_worker(new_sender: NewSender, url: str) -> None:
    sender = new_sender(url, "http://127.0.0.1:9/fhir")
    sender.in_danger()
    sender.step()
    sender.pass_time(timedelta(hours=2))
    assert (looked(sender), waits()) == (frozenset(), 0)
