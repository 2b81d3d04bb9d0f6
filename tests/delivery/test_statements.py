"""How many statements it takes to settle a delivery, on both databases: a change that needs more shows here first."""

from functools import partial

import pytest

from service.delivery.channel import Sent
from service.delivery.settle import settle
from service.demo.hospital import HospitalRecord
from service.referrals.delivery import DeliveryTrigger
from service.shared.caller import the_service
from service.store.migrate import migrate
from tests.counting import count
from tests.delivery.conftest import NewSender
from tests.delivery.support import LEASE, Scripted, Sender
from tests.flow.support import MINUTE

TAKEN = Sent(DeliveryTrigger.TAKEN, "taken")
FAILS = Sent(DeliveryTrigger.TRY_AGAIN, "http-503")
REFUSED = Sent(DeliveryTrigger.REFUSED_FOR_GOOD, "http-422")


@pytest.fixture
def sender(new_sender: NewSender, database_url: str, record: HospitalRecord) -> Sender:
    migrate(database_url)
    return new_sender(database_url, record.base)


def settling(sender: Sender, sent: Sent, failed: int) -> int:
    """What it costs to settle the last delivery that is owed of a woman, after it has failed so many times."""
    family, _ = sender.offered()
    *_, cost = [_settle(sender, family.woman, each) for each in (*[FAILS] * failed, sent)]
    return cost


def _settle(sender: Sender, woman: str, sent: Sent) -> int:
    sender.pass_time(10 * MINUTE)
    worker = sender.worker(Scripted())
    *_, delivery = [each for each in sender.claim(worker.name, LEASE) if each.patient_id == woman]
    now = sender.now()
    unit = partial(
        settle,
        rules=sender.rules,
        owner=worker.name,
        delivery=delivery,
        parcel=None,
        sent=sent,
        due=now + MINUTE,
        now=now,
    )
    return count(partial(sender.run, the_service(""), unit))


SETTLED: dict[str, tuple[Sent, int, int]] = {
    "it was taken at once": (TAKEN, 0, 1),
    "it is tried again": (FAILS, 0, 1),
    "it was taken after it had failed": (TAKEN, 1, 2),
    "it has failed for long, and a person is told": (FAILS, 7, 10),
    "it was refused for good, and a person is told": (REFUSED, 0, 9),
}


@pytest.mark.parametrize("how", SETTLED)
def test_to_settle_a_delivery_needs_no_more_statements_than_it_did(sender: Sender, how: str) -> None:
    sent, failed, most = SETTLED[how]
    assert settling(sender, sent, failed) <= most
