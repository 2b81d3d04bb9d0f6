"""A record that ignores If-None-Exist and takes its time: each woman has one Patient there, whoever sends at once."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import update

from service.delivery.channel import Parcel, Sent
from service.demo.faults import Disturbance, DisturbanceKind
from service.demo.hospital import HospitalRecord
from service.demo.people import HOSPITAL_NUMBER
from service.referrals.delivery import Delivery, DeliveryTrigger, Lane
from service.security.keys import SigningKeys
from service.shared.caller import the_service
from service.store.deliveries import DELIVERY
from service.store.migrate import migrate
from tests.delivery.conftest import NewSender
from tests.delivery.support import LEASE, Scripted, Sender, held, trusting
from tests.flow.support import piece, scores

WORKER = the_service("")
SLOW = Disturbance(DisturbanceKind.DELAY, times=None, seconds=0.1)


@pytest.fixture
def record(signing_keys: SigningKeys) -> Iterator[HospitalRecord]:
    """It makes what it is sent, whether it is there already or not."""
    with HospitalRecord() as serving:
        create = serving.record.create
        serving.record.create = lambda resource, if_none_exist=None: create(resource)  # type: ignore[method-assign]
        yield trusting(serving, signing_keys)


@pytest.fixture
def sender(new_sender: NewSender, database_url: str, record: HospitalRecord) -> Iterator[Sender]:
    migrate(database_url)
    made = new_sender(database_url, record.base)
    yield made
    made.run(WORKER, lambda tx: tx.execute(update(DELIVERY).values(state="done")))  # nothing is left to the next test


def two_alerts_and_a_referral(sender: Sender) -> str:
    """A woman of whom her hospital's record has heard nothing yet."""
    family, _ = sender.offered()
    for harm in (1, 2):
        sender.result(family.hospital, family.woman, piece(16, scores(16, harm=harm)))
        sender.pass_time(timedelta(seconds=1))
    return family.woman


def patients(sender: Sender, record: HospitalRecord, woman: str) -> list[str]:
    number = {"system": HOSPITAL_NUMBER, "value": sender.numbers[woman]}
    return [each["id"] for each in held(record, "Patient") if number in each["identifier"]]


def test_of_a_woman_of_whom_all_is_sent_at_once_the_record_has_one_patient_and_all_of_it_is_about_that(
    sender: Sender, record: HospitalRecord
) -> None:
    women = [two_alerts_and_a_referral(sender) for _ in range(4)]
    record.faults.add(SLOW)
    sender.work(sender.worker(), sender.worker())
    made = {woman: patients(sender, record, woman) for woman in women}
    assert [len(hers) for hers in made.values()] == [1] * len(women)
    subjects = [each["subject"] for kind in ("ServiceRequest", "Communication") for each in held(record, kind)]
    subjects += [each["for"] for each in held(record, "Task")]
    named = Counter(each["reference"] for each in subjects)
    assert set(named) == {f"Patient/{her}" for (her,) in made.values()}
    assert len(set(named.values())) == 1
    done = [row for woman in women for row in sender.rows("delivery", patient_id=woman, state="done")]
    assert {row["attempts"] for row in done} == {1}


def claim(sender: Sender, woman: str, owner: str) -> list[Delivery]:
    """What is owed about her, the alerts first."""
    return [each for each in sender.claim(owner, LEASE) if each.patient_id == woman]


def introduce(sender: Sender, delivery: Delivery, owner: str) -> bool:
    return sender.run(WORKER, lambda tx: tx.leases.introduce(delivery, owner))


def test_one_at_a_time_may_make_her_known_until_it_has_tried_or_its_lease_ends(sender: Sender) -> None:
    woman = two_alerts_and_a_referral(sender)
    first, second, *_ = claim(sender, woman, "one")
    assert [introduce(sender, each, "one") for each in (first, first, second)] == [True, True, False]
    sender.run(WORKER, lambda tx: tx.leases.introduced(first, "one"))
    assert [introduce(sender, each, "one") for each in (second, first)] == [True, False]
    sender.pass_time(LEASE)
    again, *_ = claim(sender, woman, "another")
    assert [introduce(sender, second, "one"), introduce(sender, again, "another")] == [False, True]


def test_a_status_leaves_it_to_an_alert_of_hers(sender: Sender) -> None:
    woman = two_alerts_and_a_referral(sender)
    alert, *_, status = claim(sender, woman, "one")
    assert (alert.lane, status.lane) == (Lane.URGENT, Lane.STATUS)
    assert [introduce(sender, each, "one") for each in (status, alert)] == [False, True]


def test_of_many_who_ask_at_the_same_moment_one_may_make_her_known(sender: Sender) -> None:
    for _ in range(5):
        owed = [each for each in claim(sender, two_alerts_and_a_referral(sender), "one") if each.lane is Lane.URGENT]
        with ThreadPoolExecutor(len(owed)) as asking:
            answers = list(asking.map(lambda each: introduce(sender, each, "one"), owed))
        assert answers.count(True) == 1


def test_who_dies_while_making_her_known_holds_up_her_alert_for_its_lease_and_no_longer(
    sender: Sender, record: HospitalRecord
) -> None:
    woman = two_alerts_and_a_referral(sender)
    (died,) = sender.claim("died", LEASE, at_most=1)
    assert introduce(sender, died, "died")
    impatient = sender.worker(lease=timedelta(seconds=0.6))
    sender.step(impatient)
    assert held(record, "Patient") == []
    assert {row["last_outcome"] for row in sender.rows("delivery", patient_id=woman)} == {None, "others-before-it"}
    sender.pass_time(LEASE)
    sender.step()
    assert len(patients(sender, record, woman)) == 1
    assert {row["state"] for row in sender.rows("delivery", patient_id=woman)} <= {"done", "superseded"}


def test_an_alert_about_a_woman_whom_the_record_has_twice_names_her_by_her_number(
    sender: Sender, record: HospitalRecord
) -> None:
    woman = two_alerts_and_a_referral(sender)
    number = {"system": HOSPITAL_NUMBER, "value": sender.numbers[woman]}
    for _ in range(2):
        record.record.create({"resourceType": "Patient", "identifier": [number]})
    sender.step()
    sender.step()  # and that the status is stuck
    alerts = sender.rows("delivery", patient_id=woman, lane=Lane.URGENT.value)
    assert {row["state"] for row in alerts} <= {"done", "superseded"}
    assert [each["subject"]["identifier"] for each in held(record, "Communication")][:1] == [number]
    (referral,) = sender.rows("delivery", patient_id=woman, resource_type="ServiceRequest", state="dead")
    assert referral["last_outcome"] == "several-in-the-record"
    assert "delivery-stuck" in sender.alerts(woman)
    assert len(patients(sender, record, woman)) == 2


def test_an_alert_about_a_woman_whom_the_record_may_not_be_asked_for_names_her_by_her_number(sender: Sender) -> None:
    woman = two_alerts_and_a_referral(sender)

    class Closed(Scripted):
        async def introduce(self, _: Parcel) -> Sent:
            return Sent(DeliveryTrigger.TRY_AGAIN, "http-403")

    sender.step(sender.worker(Closed()))
    alerts = sender.rows("delivery", patient_id=woman, lane=Lane.URGENT.value)
    assert {row["state"] for row in alerts} <= {"done", "superseded"}
    waiting = sender.rows("delivery", patient_id=woman, lane=Lane.STATUS.value, state="ready")
    assert {row["last_outcome"] for row in waiting} == {"http-403", None}  # the rest of hers waits behind the first


def test_who_is_known_to_the_record_is_asked_for_no_more(sender: Sender) -> None:
    family, offer = sender.offered()
    sender.step()
    sender.update(family.community, offer.id, "accepted")

    class Asked(Scripted):
        async def introduce(self, _: Parcel) -> Sent:
            raise AssertionError("she is known")

    sender.step(sender.worker(Asked()))
    assert {row["state"] for row in sender.rows("delivery", patient_id=family.woman)} == {"done"}
