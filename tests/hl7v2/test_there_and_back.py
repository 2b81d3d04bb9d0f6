"""A hospital that speaks only HL7 v2, from its result to what it is told of it, on both databases."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from service import wiring
from service.delivery.channel import EitherChannel
from service.fhir.channel import FhirChannel
from service.hl7v2.channel import Hl7v2Channel
from service.hl7v2.dialect import ANY_TYPE
from service.parts import prepare
from service.settings import read_settings
from tests.flow.support import DAY, MINUTE
from tests.hl7v2.doors import Hospital, oru
from tests.hl7v2.engine import engine
from tests.hl7v2.sending import DIALECT, NewSender, senders

NUMBERS = "https://hospital.example/mrn"
OWN = replace(DIALECT, authorities={("HOSP", "MR"): NUMBERS, ("1.2.3", ANY_TYPE): NUMBERS})
LONGER_THAN_ITEMS_ARE_AWAITED = 10 * MINUTE


@pytest.fixture
def new_sender_on(migrated_url: str) -> Iterator[NewSender]:
    yield from senders(migrated_url)


def test_it_hears_of_its_result_under_its_own_names(new_sender_on: NewSender) -> None:
    with engine() as heard:
        sender = new_sender_on(heard, dialect=OWN)
        hospital = Hospital(sender, {"authorities": OWN.authorities})
        result = oru(total=16, woman="W-1").replace(b"OBR|1||", b"OBR|1|ORD-4711^WARD^2.16.1^ISO|")
        # At noon, which today may not have been yet.
        result = result.replace(b"20260601", f"{sender.now() - DAY:%Y%m%d}".encode())
        (answers,) = hospital.answers(result)
        assert b"MSA|AA|M1" in answers[0]
        sender.pass_time(LONGER_THAN_ITEMS_ARE_AWAITED)
        for _ in range(3):
            sender.step()
        assert sender.unsettled() == []
        types = [each.header.text(9) for each in heard.heard]
        assert {"ORU", "MDM"} == set(types)
        pids = [each.first("PID") for each in heard.heard]
        assert {pid.raw(3) for pid in pids if pid} == {"W-1^^^HOSP^MR"}
        assert len([pid for pid in pids if pid]) == len(heard.heard)
        orders = [each.first("OBR") for each in heard.heard if each.header.text(9) == "ORU"]
        assert {order.raw(2) for order in orders if order} == {"ORD-4711^WARD^2.16.1^ISO"}


def test_a_status_follows_another_on_both_databases(new_sender_on: NewSender) -> None:
    with engine() as heard:
        sender = new_sender_on(heard)
        family, offer = sender.offered()
        sender.step()
        sender.update(family.community, offer.id, "accepted")
        sender.step()
        statuses = [next(each.named("OBX")).text(11) for each in heard.heard if each.first("OBR")]
        assert statuses[:2] == ["F", "F"]
        assert set(statuses[2:]) == {"C"}
        assert "AlertTask" not in {row["resource_type"] for row in sender.rows("delivery")}


def test_the_worker_sends_each_hospital_what_it_is_owed_in_its_own_way(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    parts = prepare(read_settings(data_folder=tmp_path_factory.mktemp("data"), mllp_facility="PEERS"))
    worker = wiring.build_worker(parts)
    parts.store.close_now()
    channel = worker.channel
    assert isinstance(channel, EitherChannel)
    assert isinstance(channel.hl7v2, Hl7v2Channel)
    assert channel.hl7v2.sender == ("PEER-REFERRAL", "PEERS")
    assert worker.copies is not None
    assert isinstance(channel.fhir, FhirChannel)
    assert isinstance(worker.copies.reader, FhirChannel)
