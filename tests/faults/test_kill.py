"""kill -9 at random points during intake and delivery, while the hospital's record loses three answers in ten.

`make faults` kills 50 times on each database, `make test` three times; PEER_REFERRAL_TEST_KILLS says how often, and
PEER_REFERRAL_TEST_SEED at which moments.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.fhir.write.record import TASK_STATUS
from service.referrals.offer import OfferState
from tests.faults.store import ALERT, AUDIT, CONTACT, DELIVERY, OFFER, REFERRAL, VERSION, Store
from tests.faults.support import Acknowledged, RecordProcess, Senders, by_our_id, doubles, kill_at_random
from tests.journeys.support import ServiceProcess, enrol, wait_until

KILLS = int(os.environ.get("PEER_REFERRAL_TEST_KILLS", "3"))
LOST_ANSWERS = 0.3


@pytest.fixture
def service(tmp_path: Path, database_url: str) -> Iterator[ServiceProcess]:
    made = ServiceProcess(tmp_path, database_url, lease_seconds="1", requests_per_minute="1000000", log_level="error")
    yield made
    made.stop()


@pytest.fixture
def record(tmp_path: Path, service: ServiceProcess) -> Iterator[RecordProcess]:
    made = RecordProcess(tmp_path, service.url)
    yield made
    made.stop()


@pytest.fixture
def store(database_url: str, service: ServiceProcess) -> Iterator[Store]:
    made = Store(database_url)
    yield made
    made.engine.dispose()


def test_a_service_killed_again_and_again_loses_nothing_and_repeats_nothing(
    service: ServiceProcess, record: RecordProcess, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = time.monotonic()
    hospital, programme, *_ = enrol(service, record.base)
    record.start(lost_answer=LOST_ANSWERS)
    service.start()
    senders = Senders(service.url, hospital, programme)
    senders.start()
    with capsys.disabled():
        early = kill_at_random(service, KILLS)
    senders.end()
    record.stop()
    record.start()  # loses no answer any more, so that the end can be waited for
    wait_until(lambda: store.time_passes() == 0, "everything owed is delivered", 120)
    service.stop()
    record.stop()

    found = problems(senders.kept, store, record)
    with capsys.disabled():
        print(f"\n{store.engine.dialect.name}: {figures(senders.kept, store, early, time.monotonic() - begun)}")
    assert found == {name: [] for name in found}


def problems(kept: Acknowledged, store: Store, record: RecordProcess) -> dict[str, list[str]]:
    """By what must not be: where it was found all the same."""
    held = record.held()
    referrals, offers, alerts = (store.column(of, "id") for of in (REFERRAL, OFFER, ALERT))
    patients = store.column(REFERRAL, "patient_id")
    of_kind = {kind: set(store.column(VERSION, "id", type=kind)) for kind in ("Observation", "Consent", "Encounter")}
    requests, tasks = by_our_id(held, "ServiceRequest", "referral"), by_our_id(held, "Task", "offer")
    said = by_our_id(held, "Communication", "alert")
    wanted = {id: TASK_STATUS[OfferState(state)] for id, state in store.by_id(OFFER, "state").items()}
    audited = store.audited("C", "U")
    effects = [
        *(f"Observation/{id}" for id in kept.results),
        *(f"Consent/{id}" for id in kept.consents),
        *(f"Encounter/{id}" for id in kept.contacts),
        *(f"Patient/{id}" for id in kept.results.values()),
        *(f"ServiceRequest/{id}" for id in referrals),
        *(f"Task/{id}" for id in offers),
        *(f"Alert/{id}" for id in alerts),
    ]
    return {
        "unexpected answers": kept.unexpected,
        "acknowledged results lost": sorted(kept.results.keys() - of_kind["Observation"]),
        "acknowledged consents lost": sorted(kept.consents - of_kind["Consent"]),
        "acknowledged contacts lost": sorted(kept.contacts - of_kind["Encounter"]),
        "contacts counted twice": ["contact"] * (len(store.column(CONTACT, "id")) - len(kept.contacts)),
        "acceptances lost": sorted(id for id in kept.accepted if wanted[id] == "requested"),
        "positive results without referral": sorted((kept.positive | kept.in_danger) - set(patients)),
        "women with several referrals": sorted({each for each in patients if patients.count(each) > 1}),
        "referrals with several offers": ["offer"] * (len(offers) - len(set(store.column(OFFER, "referral_id")))),
        "women in danger without an alert": sorted(kept.in_danger - set(store.column(ALERT, "patient_id"))),
        "doubles in the record": doubles(held),
        "referrals missing in the record": sorted(set(referrals) ^ set(requests)),
        "offers missing in the record": sorted(set(offers) ^ set(tasks)),
        "offers with another status there": sorted(id for id in tasks if tasks[id]["status"] != wanted[id]),
        "alerts missing in the record": sorted(set(alerts) - set(said)),
        "effects without audit": sorted(effect for effect in effects if effect not in audited),
    }


def figures(kept: Acknowledged, store: Store, early: int, seconds: float) -> str:
    counts = {
        "kills": f"{KILLS} ({early} while starting)",
        "acknowledged results": len(kept.results),
        "referrals": len(store.column(REFERRAL, "id")),
        "acceptances": len(kept.accepted),
        "contacts": len(kept.contacts),
        "alerts": len(store.column(ALERT, "id")),
        "deliveries": len(store.column(DELIVERY, "id")),
        "attempts": sum(map(int, store.column(DELIVERY, "attempts"))),
        "calls repeated by the senders": kept.repeats,
        "audit rows": len(store.column(AUDIT, "id")),
        "seconds": round(seconds),
    }
    return ", ".join(f"{name} {count}" for name, count in counts.items())
