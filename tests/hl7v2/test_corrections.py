"""OBX-11 of a status, or an alert that was seen: F while nothing of it can be on file, C once something else may be."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import pytest
from sqlalchemy import update

from service.delivery.channel import EitherChannel, Parcel, Sent
from service.flow.move_alert import move_alert
from service.hl7v2.channel import Hl7v2Channel
from service.hl7v2.segments import Message
from service.referrals.alert import AlertTrigger, Practitioner
from service.referrals.delivery import Lane
from service.shared.caller import the_service
from service.shared.errors import Unavailable
from service.shared.ids import new_id
from service.store.directory import ORGANISATION
from service.store.unit_of_work import UnitOfWork
from tests.delivery.support import LEASE, KnowsEverybody
from tests.flow.support import DAY, MINUTE
from tests.hl7v2.engine import Answer, engine, hangs_up, nothing, says
from tests.hl7v2.sending import NewSender, V2Sender


@dataclass
class Chart:
    """An engine with a file of its own. `told` is what it filed of the offer: MSH-10, OBX-5 and OBX-11.

    `of_offer` answers the messages about the offer one after the other; all others, and what comes after, are taken.
    """

    of_offer: list[Answer]
    told: list[tuple[str, str, str]] = field(default_factory=list)
    filed: dict[str, list[list[str]]] = field(default_factory=dict)

    def hear(self, message: Message) -> Sequence[bytes]:
        control, body = message.header.text(10), [list(each.fields) for each in message.segments[1:]]
        if self.filed.setdefault(control, body) != body:
            return [*says("AR")(message)]
        status = next((obx for obx in message.named("OBX") if obx.text(3) == "offer-status"), None)
        if status is None or not self.of_offer:
            answer: Answer = says("AA")
        else:
            answer = self.of_offer.pop(0)
        if status is not None and answer not in NOT_FILED:
            self.told.append((control, status.text(5), status.text(11)))
        return [*answer(message)]


ERROR, REJECTED = says("AE"), says("AR")
NOT_FILED = (ERROR, REJECTED)


class Dies(KnowsEverybody):
    """A worker that sends what the offer became, or an alert, and does not live to write down what came of that."""

    def __init__(self, sender: V2Sender) -> None:
        self._channel = sender.channel()

    async def send(self, parcel: Parcel) -> Sent:
        sent = await self._channel.send(parcel)
        if parcel.offer is not None or parcel.alert is not None:
            raise Unavailable("killed")
        return sent


def loses_the_answer(sender: V2Sender) -> None:
    sender.step()


def dies(sender: V2Sender) -> None:
    sender.step(sender.worker(Dies(sender)))
    sender.pass_time(LEASE)


def dies_and_the_next_gives_it_back(sender: V2Sender) -> None:
    """Its turn comes and passes before it is tried again."""
    dies(sender)
    owner, service = new_id(), the_service(new_id())
    destination = sender.rows("delivery")[0]["destination_id"]
    claimed = sender.run(service, lambda tx: tx.leases.claim(owner, LEASE, Lane.STATUS, destination, 9))
    assert claimed[0].abandoned
    sender.run(service, lambda tx: tx.leases.give_back(claimed, owner))


WAYS = pytest.mark.parametrize(
    ("unheard", "answer"),
    [
        (loses_the_answer, nothing),
        (loses_the_answer, hangs_up),
        (dies, says("AA")),
        (dies_and_the_next_gives_it_back, says("AA")),
    ],
    ids=["no-answer", "cut-off", "killed", "killed-and-given-back"],
)
Way = Callable[[V2Sender], None]


@WAYS
def test_what_changed_since_a_try_that_nobody_heard_the_end_of_is_a_correction(
    new_sender: NewSender, unheard: Way, answer: Answer
) -> None:
    chart = Chart([answer])
    with engine(otherwise=chart.hear) as heard:
        sender = new_sender(heard)
        family, offer = sender.offered()
        unheard(sender)
        sender.update(family.community, offer.id, "accepted")
        sender.settle()
    at_first = {each for each in chart.told if each[1] == "requested"}
    later = set(chart.told) - at_first
    assert [each[1:] for each in at_first] == [("requested", "F")]
    assert {each[1:] for each in later} == {("accepted", "C")}
    assert not {each[0] for each in at_first} & {each[0] for each in later}


@WAYS
def test_what_is_the_same_still_is_sent_as_it_was(new_sender: NewSender, unheard: Way, answer: Answer) -> None:
    chart = Chart([answer])
    with engine(otherwise=chart.hear) as heard:
        sender = new_sender(heard)
        sender.offered()
        unheard(sender)
        sender.settle()
    assert [each[1:] for each in chart.told] == [("requested", "F")] * 2
    assert len({control for control, _, _ in chart.told}) == 1


def see(sender: V2Sender) -> None:
    """By its link, which only the message has: there is more time then."""
    (row,) = sender.rows("alert")
    now = sender.now()

    def seen(tx: UnitOfWork) -> None:
        alert = tx.alerts.lock(row["id"]).seen_by(Practitioner("TEST Midwife", "midwife"), now, now + DAY)
        move_alert(tx, sender.rules, alert, AlertTrigger.ACKNOWLEDGE, now)

    sender.run(the_service(new_id()), seen)


@pytest.mark.parametrize(("unheard", "answer"), [(loses_the_answer, nothing), (dies, says("AA"))], ids=["lost", "dies"])
@pytest.mark.parametrize("was_seen", [False, True])
def test_an_alert_that_was_seen_since_a_try_that_nobody_heard_the_end_of_is_a_correction(
    new_sender: NewSender, unheard: Way, answer: Answer, was_seen: bool
) -> None:
    told: list[tuple[str, set[str]]] = []

    def hear(message: Message) -> Sequence[bytes]:
        told.append((message.header.text(10), {obx.text(11) for obx in message.named("OBX")}))
        return [*(answer if len(told) == 1 else says("AA"))(message)]

    with engine(otherwise=hear) as heard:
        sender = new_sender(heard)
        sender.in_danger()
        unheard(sender)
        if was_seen:
            see(sender)
        sender.pass_time(MINUTE)
        sender.step()
    (first, at_first), (again, later) = told
    assert (at_first, later) == ({"F"}, {"C", "D"} if was_seen else {"F"})
    assert (again != first) is was_seen


@pytest.mark.parametrize("answer", [ERROR, REJECTED, None], ids=["AE", "AR", "not-reached"])
def test_what_follows_something_that_never_arrived_is_no_correction(
    new_sender: NewSender, answer: Answer | None
) -> None:
    chart = Chart([answer] if answer else [])
    with engine() as gone:
        pass
    with engine(otherwise=chart.hear) as heard:
        sender = new_sender(heard)
        family, offer = sender.offered()
        way = sender.channel()
        assert isinstance(way.hl7v2, Hl7v2Channel)
        unplugged = replace(way.hl7v2, connect=lambda _: sender.lines.connect(gone.endpoint))
        sender.step(sender.worker(way if answer else EitherChannel(way.fhir, unplugged)))
        sender.update(family.community, offer.id, "accepted")
        sender.settle() if answer is not REJECTED else sender.step()
    assert [each[1:] for each in chart.told] == [("accepted", "F")]


def test_what_is_on_file_is_known_also_when_the_engine_has_moved(new_sender: NewSender) -> None:
    chart = Chart([])
    with engine(otherwise=chart.hear) as heard:
        sender = new_sender(heard)
        family, offer = sender.offered()
        sender.settle()
        moved = {"hl7v2_endpoint": heard.endpoint.replace("127.0.0.1", "localhost")}
        hospital = ORGANISATION.c.id == family.hospital.organisation_id
        sender.run(the_service(new_id()), lambda tx: tx.execute(update(ORGANISATION).where(hospital).values(moved)))
        sender.update(family.community, offer.id, "accepted")
        sender.settle()
    assert [each[1:] for each in chart.told] == [("requested", "F"), ("accepted", "C")]


def test_what_a_person_sends_again_corrects_what_may_have_arrived(new_sender: NewSender) -> None:
    chart = Chart([nothing])
    with engine(otherwise=chart.hear) as heard:
        sender = new_sender(heard)
        sender.offered()
        sender.step()
        (row,) = [each for each in sender.rows("delivery") if each["state"] == "unknown"]
        sender.pass_time(MINUTE)
        assert sender.run(the_service(new_id()), lambda tx: tx.deliveries.retry(row["id"]))
        sender.settle()
    assert [each[1:] for each in chart.told] == [("requested", "F"), ("requested", "C")]
