"""A simulated hospital record that outlives the service, senders that never give up, and what is found at the end."""

import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx

from service.demo.client import Identity
from service.demo.people import HOSPITAL, OURS, consent, instant, patient
from service.demo.record import Record, Resource
from service.shared.ids import new_id
from tests.journeys.support import POSITIVE, PROJECT, Party, ServiceProcess, epds, free_port, if_none_exist, new_person

IN_DANGER = (2, 2, 2, 2, 2, 2, 1, 1, 1, 2)
SEED = int(os.environ.get("PEER_REFERRAL_TEST_SEED", "11"))


class RecordProcess:
    """The simulated hospital record in a process of its own, with a journal on disk."""

    def __init__(self, folder: Path, service_url: str) -> None:
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}/fhir"
        self.journal = folder / "record.jsonl"
        self._trust = f"peer-referral={service_url}/.well-known/jwks.json"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, **faults: float) -> None:
        command = [sys.executable, "-m", "service.demo.hospital", "--port", str(self.port), "--trust", self._trust]
        command += ["--journal", str(self.journal)]
        for kind, rate in faults.items():
            command += ["--fault", f"{kind.replace('_', '-')}={rate}"]
        self._process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert self._process.stdout is not None
        assert self._process.stdout.readline().strip().decode() == self.base

    def stop(self) -> None:
        if self._process is not None and self._process.stdout is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process.stdout.close()
            self._process = None

    def held(self) -> Record:
        """What is on file, read from the journal once the record has stopped."""
        record = Record(self.journal)
        record.close()
        return record


@dataclass
class Acknowledged:
    """What the service said it has kept, by the service's own ids. `unexpected` are answers that nobody may give."""

    results: dict[str, str] = field(default_factory=dict)
    positive: set[str] = field(default_factory=set)
    in_danger: set[str] = field(default_factory=set)
    consents: set[str] = field(default_factory=set)
    accepted: set[str] = field(default_factory=set)
    contacts: set[str] = field(default_factory=set)
    unexpected: list[str] = field(default_factory=list)
    repeats: int = 0


class Senders:
    """A hospital on several threads and a programme on one; each repeats what it sends until it is acknowledged."""

    def __init__(self, url: str, hospital: Identity, programme: Identity, threads: int = 4) -> None:
        self.kept = Acknowledged()
        self._ends = threading.Event()
        self._url, self._hospital, self._programme = url, hospital, programme
        self._random = random.Random(SEED)
        works: list[Callable[[Party], None]] = [self._send_a_woman] * threads
        self._threads = [threading.Thread(target=self._go_on, args=(work, hospital)) for work in works]
        self._threads.append(threading.Thread(target=self._go_on, args=(self._answer_offers, programme)))

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """What is under way is finished: the service must be running."""
        self._ends.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()

    def _go_on(self, work: Callable[[Party], None], identity: Identity) -> None:
        party = Party(self._url, identity)
        try:
            while not self._ends.is_set():
                work(party)
        except Exception as problem:  # noqa: BLE001  # a thread's end must not go unseen
            self.kept.unexpected.append(repr(problem))
        finally:
            party.close()

    def _insist(self, party: Party, method: str, path: str, body: Resource | None = None, **headers: str) -> Resource:
        """Until it is answered with a success, as a system with a queue does."""
        while True:
            answer = None
            with suppress(httpx.HTTPError):
                answer = party.ask(method, path, body, **headers)
            if answer is not None and answer.is_success:
                tree: Resource = answer.json()
                return tree
            if answer is not None and answer.status_code != 503:
                self.kept.unexpected.append(f"{method} {path.partition('?')[0]} {answer.status_code} {answer.text}")
                raise AssertionError(self.kept.unexpected[-1])
            self.kept.repeats += 1
            time.sleep(0.05)

    def _send_a_woman(self, hospital: Party) -> None:
        person = new_person()
        sent = patient(person)
        patient_id = self._insist(hospital, "POST", "Patient", sent, If_None_Exist=if_none_exist(sent))["id"]
        organisations = self._hospital.organisation_id, self._programme.organisation_id
        agreed = consent(person, patient_id, *organisations, datetime.now(UTC))
        agreed = self._insist(hospital, "POST", "Consent", agreed, If_None_Exist=if_none_exist(agreed))
        self.kept.consents.add(agreed["id"])
        answers = self._random.choice((POSITIVE, POSITIVE, IN_DANGER, (0,) * 10))
        result = epds(patient_id, answers)
        result = self._insist(hospital, "POST", "Observation", result, If_None_Exist=if_none_exist(result))
        self.kept.results[result["id"]] = patient_id
        if answers is POSITIVE:
            self.kept.positive.add(patient_id)
        if answers is IN_DANGER:
            self.kept.in_danger.add(patient_id)

    def _answer_offers(self, programme: Party) -> None:
        owner = f"Task?owner={programme.organisation}&status=requested&_count=5"
        for entry in self._insist(programme, "GET", owner).get("entry", ()):
            task = entry["resource"]
            # The answer to the first may be lost: then the second changes nothing, and says so.
            self._insist(programme, "PUT", f"Task/{task['id']}", task | {"status": "accepted"})
            self.kept.accepted.add(task["id"])
            contact = encounter(task)
            kept = self._insist(programme, "POST", "Encounter", contact, If_None_Exist=if_none_exist(contact))
            self.kept.contacts.add(kept["id"])
        time.sleep(0.05)


def encounter(task: Resource) -> Resource:
    return {
        "resourceType": "Encounter",
        "identifier": [{"system": f"{HOSPITAL}/contact", "value": new_id()}],
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "VR"},
        "subject": task["for"],
        "basedOn": [task["focus"]],
        "period": {"start": instant(datetime.now(UTC))},
    }


def kill_at_random(service: ServiceProcess, times: int) -> int:
    """Kill and start again, at moments that the seed says; how many of the kills fell into the start itself."""
    early, chosen = 0, random.Random(SEED)
    for number in range(times):
        if number % 10 == 0:
            print(f"\nkilled {number} of {times} times", end="", flush=True)
        if chosen.random() < 0.9:
            service.wait_until_ready()
            time.sleep(chosen.uniform(0, 1.5))
        else:
            time.sleep(chosen.uniform(0.2, 1.5))
            early += not service.is_ready()
        service.kill()
        service.start(ready=False)
    service.wait_until_ready()
    return early


def doubles(record: Record) -> list[str]:
    """Identifiers of the service's, or of the hospital, that more than one resource in the record carries."""
    carried = Counter(
        (kind, identifier["system"], identifier["value"])
        for kind in ("Patient", "ServiceRequest", "Task", "Communication", "DocumentReference")
        for version in record.search(kind, [])
        for identifier in version.resource.get("identifier", ())
    )
    return [f"{kind} {system}" for (kind, system, _), times in carried.items() if times > 1]


def by_our_id(record: Record, kind: str, name: str) -> dict[str, Resource]:
    """What the record holds of this kind, by the service's id for it."""
    return {
        identifier["value"]: version.resource
        for version in record.search(kind, [])
        for identifier in version.resource["identifier"]
        if identifier["system"] == f"{OURS}/identifier/{name}"
    }
