"""When a person is told that something does not arrive, how often, and when that is over."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from service.delivery.channel import Parcel, Sent
from service.delivery.words import alert_words
from service.demo.hospital import HospitalRecord
from service.office import Office
from service.referrals.delivery import HAD_NO_TURN, DeliveryTrigger
from service.shared.caller import the_service
from service.shared.ids import new_id
from tests.delivery.conftest import NewSender
from tests.delivery.support import Scripted, Sender
from tests.flow.support import Family, piece, scores

MINUTE = timedelta(minutes=1)
TAKEN = Sent(DeliveryTrigger.TAKEN, "taken")
FAILS = Sent(DeliveryTrigger.TRY_AGAIN, "http-503", wait=timedelta(seconds=30))
LOST = Sent(DeliveryTrigger.ANSWER_LOST, "no-answer", wait=timedelta(seconds=30))
REFUSED = Sent(DeliveryTrigger.REFUSED_FOR_GOOD, "http-422")
Fails = Callable[[Parcel], bool]


@pytest.fixture
def either_sender(new_sender: NewSender, migrated_url: str, record: HospitalRecord) -> Sender:
    """One on each of the two databases."""
    return new_sender(migrated_url, record.base)


def send(sender: Sender, times: int, sent: Sent, fails: Fails = lambda _: True, pause: timedelta = MINUTE) -> None:
    """So many rounds in which all that is due is sent; what does not fail is taken."""
    worker = sender.worker(Scripted(lambda parcel: sent if fails(parcel) else TAKEN))
    for _ in range(times):
        while sender.step(worker):
            continue
        sender.pass_time(pause)


def about(*women: str) -> Fails:
    return lambda parcel: parcel.delivery.patient_id in women


def told(sender: Sender, woman: str) -> list[tuple[str | None, str]]:
    """(woman or None, state) of each alert that says so at her hospital, ordered by the woman."""
    (hospital,) = [row["tenant_id"] for row in sender.rows("patient", id=woman)]
    rows = sender.rows("alert", code="delivery-stuck", tenant_id=hospital)
    return sorted(((row["patient_id"], row["state"]) for row in rows), key=str)


def owed(sender: Sender, woman: str) -> set[str]:
    return {row["state"] for row in sender.rows("delivery", patient_id=woman)} - {"done", "superseded"}


def several(sender: Sender, how_many: int) -> list[str]:
    """Women of one hospital to whose record statuses are owed."""
    family, _ = sender.offered()
    return sorted([family.woman, *more(sender, family, how_many - 1)])


def more(sender: Sender, family: Family, how_many: int) -> list[str]:
    """As many women who are offered the same programme by the same hospital."""
    women = []
    for _ in range(how_many):
        woman = sender.woman(family.hospital, district=next(iter(family.programme.districts)))
        sender.consent(family.hospital, woman, family.community)
        sender.result(family.hospital, woman, piece(15, scores(15)))
        women.append(woman)
    return women


def retry(sender: Sender, woman: str) -> list[str]:
    office = Office(sender.store, sender.rules, sender.clock, new_id, allow_loopback=True)
    return office.retry_deliveries(row["id"] for row in sender.rows("delivery", patient_id=woman, state="dead"))


@pytest.mark.parametrize("sent", [FAILS, LOST], ids=["fails", "its answer is lost"])
def test_nobody_is_told_of_a_record_that_is_away_for_minutes(sender: Sender, sent: Sent) -> None:
    family, _ = sender.offered()
    send(sender, 14, sent)
    assert told(sender, family.woman) == []
    send(sender, 1, TAKEN)
    assert (told(sender, family.woman), owed(sender, family.woman)) == ([], set())


def test_nobody_is_told_after_a_long_time_with_few_attempts(sender: Sender) -> None:
    family, _ = sender.offered()
    send(sender, 7, FAILS, about(family.woman), pause=timedelta(hours=1))
    assert told(sender, family.woman) == []
    send(sender, 1, FAILS, about(family.woman))
    assert told(sender, family.woman) == [(family.woman, "open")]


@pytest.mark.parametrize("outcome", HAD_NO_TURN)
def test_nobody_is_told_of_what_only_waits_its_turn(either_sender: Sender, outcome: str) -> None:
    family, _ = either_sender.offered()
    waits = Sent(DeliveryTrigger.TRY_AGAIN, outcome, wait=timedelta(seconds=30))
    send(either_sender, 20, waits, about(family.woman))
    assert told(either_sender, family.woman) == []
    send(either_sender, 1, FAILS, about(family.woman))
    assert told(either_sender, family.woman) == [(family.woman, "open")]


def test_of_an_alert_they_are_told_sooner(sender: Sender) -> None:
    woman = sender.in_danger()

    def about_risk(parcel: Parcel) -> bool:
        return parcel.alert is not None and parcel.alert.code == "self-harm-present"

    send(sender, 10, FAILS, about_risk, pause=timedelta(seconds=30))
    assert told(sender, woman) == []
    send(sender, 1, FAILS, about_risk)
    assert told(sender, woman) == [(woman, "open")]


@pytest.mark.parametrize("sent", [FAILS, LOST], ids=["fails", "its answer is lost"])
def test_a_record_that_takes_nothing_is_one_alert_which_ends_when_all_of_it_has_arrived(
    either_sender: Sender, sent: Sent
) -> None:
    sender, women = either_sender, several(either_sender, 3)
    *others, last = women
    send(sender, 20, sent)
    assert told(sender, last) == [(None, "open")]
    (hospital,) = [row["tenant_id"] for row in sender.rows("patient", id=last)]
    assert [row["women_waiting"] for row in sender.rows("alert", tenant_id=hospital)] == [3]
    send(sender, 2, sent, about(last))
    assert set().union(*(owed(sender, each) for each in others)) == set()
    assert told(sender, last) == [(None, "open")]
    send(sender, 2, TAKEN)
    assert told(sender, last) == [(None, "resolved")]


def test_a_record_that_takes_nothing_says_how_many_women_wait_and_again_when_they_are_twice_as_many(
    sender: Sender,
) -> None:
    family, _ = sender.offered()
    said = []
    for _ in range(3):
        more(sender, family, 1)
        send(sender, 20, FAILS)
        (alert,) = sender.rows("alert", code="delivery-stuck", tenant_id=family.hospital.organisation_id)
        said.append(alert["women_waiting"])
    assert said == [2, 2, 4]
    words = alert_words(sender.read(the_service(""), lambda tx: tx.alerts.get(alert["id"])), sender.rules)
    assert words.endswith(" Women of whom something waits: at least 4.")
    send(sender, 2, TAKEN)
    assert told(sender, family.woman) == [(None, "resolved")]


def test_one_woman_whose_record_fails_is_told_of_by_herself(either_sender: Sender) -> None:
    sender, (woman, _) = either_sender, several(either_sender, 2)
    send(sender, 20, FAILS, about(woman))
    assert told(sender, woman) == [(woman, "open")]
    assert sender.rows("alert", code="delivery-stuck", patient_id=woman)[0]["women_waiting"] is None
    send(sender, 1, TAKEN)
    assert told(sender, woman) == [(woman, "resolved")]


def test_what_is_refused_for_good_is_told_at_once_and_over_when_all_that_was_sent_again_has_arrived(
    sender: Sender,
) -> None:
    woman, other = several(sender, 2)
    send(sender, 1, REFUSED, lambda parcel: parcel.delivery.resource_type in ("Task", "ServiceRequest"))
    assert told(sender, woman) == [(woman, "open"), (other, "open")]
    assert len(retry(sender, woman)) == 2
    send(sender, 1, REFUSED, lambda parcel: parcel.delivery.resource_type == "Task")
    assert told(sender, woman) == [(woman, "open"), (other, "open")]
    assert len(retry(sender, woman)) == 1
    send(sender, 1, TAKEN)
    assert told(sender, woman) == [(woman, "resolved"), (other, "open")]


@pytest.mark.parametrize("sent", [FAILS, REFUSED], ids=["waits", "was refused"])
def test_what_a_newer_one_that_arrived_has_replaced_is_stuck_no_more(sender: Sender, sent: Sent) -> None:
    family, offer = sender.offered()
    send(sender, 20, sent, lambda parcel: parcel.delivery.resource_type == "Task")
    assert told(sender, family.woman) == [(family.woman, "open")]
    sender.update(family.community, offer.id, "accepted")
    send(sender, 1, TAKEN)
    assert told(sender, family.woman) == [(family.woman, "resolved")]


def test_an_alert_that_says_so_and_was_itself_refused_keeps_none_open(sender: Sender) -> None:
    woman = sender.in_danger()
    send(sender, 1, REFUSED)
    send(sender, 1, REFUSED)  # what says so, too
    assert told(sender, woman) == [(woman, "open")]
    risk = sender.alert(woman, "self-harm-present")["id"]
    dead = [row["id"] for row in sender.rows("delivery", resource_id=risk, state="dead")]
    office = Office(sender.store, sender.rules, sender.clock, new_id, allow_loopback=True)
    assert office.retry_deliveries(dead) == dead
    send(sender, 1, TAKEN)
    assert told(sender, woman) == [(woman, "resolved")]
