"""The answer link of an alert's message, which says the same however often it is sent."""

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import update

from service.delivery.channel import Parcel, Sent
from service.delivery.links import Links
from service.demo.hospital import HospitalRecord
from service.referrals.alert import ResultVersion
from service.referrals.answer_link import AnswerLink
from service.referrals.delivery import DeliveryTrigger
from service.screening.instrument import AnswerLinks
from service.shared.caller import the_service
from service.shared.ids import new_id
from service.store.deliveries import DELIVERY
from service.store.unit_of_work import UnitOfWork
from tests.delivery.conftest import NewSender
from tests.delivery.support import ANSWERS, Scripted, Sender, held

HOURS = 24
MINUTE, HALF = timedelta(minutes=1), timedelta(hours=HOURS) / 2
NO_ANSWER = Sent(DeliveryTrigger.ANSWER_LOST, "no-answer")
REFUSED = Sent(DeliveryTrigger.REFUSED_FOR_GOOD, "answered-AR")


@pytest.fixture
def sender(new_sender: NewSender, url: str, record: HospitalRecord) -> Sender:
    made = new_sender(url, record.base)
    default = made.rules.policy("any")
    links = AnswerLinks(default.approval, HOURS)
    made.rules = replace(made.rules, policies={"default": replace(default, answer_link=links)})
    return made


class Silent(Scripted):
    """Says `sent` of whatever it is given, and has what was said by message, each in its order."""

    def __init__(self, sent: Sent = NO_ANSWER) -> None:
        super().__init__(lambda _: sent)

    @property
    def parcels(self) -> list[Parcel]:
        return [each for each in self.given if each.delivery.resource_type == "Communication"]

    @property
    def links(self) -> list[str]:
        return [each.link or "" for each in self.parcels]


def test_it_is_the_same_whoever_sends_it_and_its_time_counts_from_the_first(sender: Sender) -> None:
    sender.in_danger()
    owed_at, channel = sender.now(), Silent()
    for _ in range(4):
        sender.step(sender.worker(channel))
        sender.pass_time(MINUTE)
    assert len(channel.links) == 4
    (link,) = set(channel.links)
    (kept,) = sender.rows("answer_link")
    assert link.startswith(f"{ANSWERS}/")
    assert kept["token_hash"] == hashlib.sha256(link.rpartition("/")[2].encode()).hexdigest()
    assert kept["expires_at"] == owed_at + 2 * HALF


def test_what_comes_late_is_good_for_half_its_time_at_least(sender: Sender) -> None:
    sender.in_danger()
    channel = Silent()
    sender.step(worker := sender.worker(channel))
    (parcel,), first_at = channel.parcels, sender.now()
    good_until: dict[str, datetime] = {}
    for eighth in range(16):
        now = first_at + eighth * HALF / 4
        made = worker.links.made_for(parcel, sender.rules, now)
        assert made is not None
        until = good_until.setdefault(made[0].token_hash, made[0].expires_at)
        assert HALF <= until - now <= 2 * HALF
    assert len(good_until) == 4


def test_what_a_person_sends_on_its_way_again_brings_a_new_one(sender: Sender) -> None:
    sender.in_danger()
    channel = Silent(REFUSED)
    sender.step(sender.worker(channel))
    (id,) = {each.delivery.id for each in channel.parcels}
    sender.pass_time(2 * HALF)
    assert sender.run(the_service(new_id()), lambda tx: tx.deliveries.retry(id))
    sender.step(sender.worker(channel))
    of_it = {each.link for each in channel.parcels if each.delivery.id == id}
    assert len(of_it) == 2


def test_each_message_each_result_and_each_key_has_its_own(sender: Sender) -> None:
    for _ in range(2):
        sender.in_danger()
    channel = Silent()
    sender.step(sender.worker(channel))
    sender.key, now = bytes(31) + b"\x01", sender.now()
    other_key = sender.worker(channel).links
    parcel, another = channel.parcels[:2]
    assert parcel.alert is not None
    corrected = replace(parcel, alert=replace(parcel.alert, result=ResultVersion(new_id(), 2)))
    ours = Links(ANSWERS, str)  # what is told apart before the key comes to it
    said = [ours.made_for(each, sender.rules, now) for each in (parcel, another, corrected)]
    said.append(other_key.made_for(parcel, sender.rules, now))
    assert len({link for _, link in filter(None, said)} | {parcel.link, another.link}) == 6


def test_nothing_of_it_can_be_read_from_the_store(sender: Sender) -> None:
    sender.in_danger()
    channel = Silent()
    sender.step(sender.worker(channel))
    token = channel.links[0].rpartition("/")[2]
    assert len(token) == 43
    assert token not in str([sender.rows(table) for table in ("answer_link", "alert", "delivery", "audit")])


def test_a_record_whose_answer_was_lost_has_the_link_that_is_kept(sender: Sender, record: HospitalRecord) -> None:
    sender.in_danger()
    fhir = sender.worker().channel

    class LosesTheFirst(Scripted):
        async def send(self, parcel: Parcel) -> Sent:
            sent = await fhir.send(parcel)
            self.given.append(parcel)
            return NO_ANSWER if len(self.given) == 1 else sent

    channel = LosesTheFirst()
    for _ in range(3):
        sender.step(sender.worker(channel))
        sender.pass_time(MINUTE)
    assert sender.unsettled() == []
    (said,) = held(record, "Communication")
    (link,) = [each["contentAttachment"]["url"] for each in said["payload"] if "contentAttachment" in each]
    (kept,) = sender.rows("answer_link")
    assert kept["token_hash"] == hashlib.sha256(link.rpartition("/")[2].encode()).hexdigest()


def _add(tx: UnitOfWork, link: AnswerLink) -> None:
    tx.answers.add_link(link)


def test_what_is_added_twice_is_what_was_added_first(new_sender: NewSender, migrated_url: str) -> None:
    sender = new_sender(migrated_url, "https://record.example/fhir")
    woman = sender.in_danger()
    alert, now = sender.alert(woman, "self-harm-present"), sender.now()
    link = AnswerLink(new_id(), alert["id"], alert["tenant_id"], None, now)
    for later in range(2):
        add = partial(_add, link=replace(link, expires_at=now + later * MINUTE))
        sender.run(the_service(new_id()), add)
    (kept,) = sender.rows("answer_link", alert_id=alert["id"])
    assert kept["expires_at"] == now
    sender.run(the_service(""), lambda tx: tx.execute(update(DELIVERY).values(state="done")))  # nothing is left over
