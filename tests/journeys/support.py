"""The real service in a process of its own, and the parties that speak to it over sockets."""

import itertools
import json
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import httpx

from service.demo.authority import ASSERTION_TYPE, TrustedClient
from service.demo.cast import Cast, Member, assemble, new_key, programme_file
from service.demo.client import FHIR_JSON, Identity, assertion
from service.demo.hospital import SERVICE_SCOPE, HospitalRecord
from service.demo.people import (
    EPDS_ITEM,
    EPDS_TOTAL,
    RESULT_NUMBER,
    SNOMED,
    TERMINOLOGY,
    Person,
    consent,
    identifier_of,
    instant,
    patient,
    tessie,
)
from service.demo.record import Resource
from service.office import Office
from service.parts import open_office
from service.settings import Settings, read_settings
from tests.journeys import program

PROJECT = Path(__file__).parents[2]
EMBEDDED = "peer-referral.db"
"""The database in a data folder."""
# Answers that add up to 15, the last of them the one about self-harm.
POSITIVE = (2, 2, 2, 2, 2, 2, 1, 1, 1, 0)
NEGATIVE = (1, 0, 1, 0, 1, 0, 0, 0, 0, 0)
PREFIX = "PEER_REFERRAL_"
# Above the numbers of the women whom the stories name.
_NUMBERS = itertools.count(100_000)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def wait_until(holds: Callable[[], bool], what: str, seconds: float = 20.0, every: float = 0.05) -> None:
    """Fails, saying what was waited for, when it does not come true in time."""
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, f"Not within {seconds:.0f} s: {what}"
        time.sleep(every)


class ServiceProcess:
    """`serve`, `listen` or `worker` on loopback in a process of its own, whose probes are at `url`. What it says goes
    to `said`; it may be started again."""

    def __init__(self, folder: Path, database_url: str = "", **settings: str) -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.said = folder / "said.txt"
        self.process: ForkServerProcess | None = None
        given = {"data_folder": str(folder), "database_url": database_url, "allow_loopback": "true"}
        given |= {"probes_port": str(self.port), **settings}
        self._given = {f"{PREFIX}{name.upper()}": value for name, value in given.items()}

    @property
    def environment(self) -> dict[str, str]:
        """A developer's own settings do not reach it."""
        return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)} | self._given

    def settings(self) -> Settings:
        """The same for a command that runs in this process; a database that is not embedded is migrated."""
        given = {name.removeprefix(PREFIX).lower(): value for name, value in self._given.items()}
        return read_settings(**given, port=self.port, migrate=True)

    def start(self, *arguments: str, ready: bool = True) -> None:
        arguments = arguments or ("serve", "--port", str(self.port))
        self.process = program.start(arguments, self.environment, self.said)
        if ready:
            self.wait_until_ready()

    def wait_until_ready(self) -> None:
        wait_until(self.is_ready, f"the service is ready; what it says is in {self.said}", seconds=60)

    def is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.exitcode is None, f"The service has ended; it said: {self.said.read_text()[-2000:]}"
        try:
            return httpx.get(f"{self.url}/readyz", timeout=2, trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        """As the system does it when memory is out: no warning, no tidying."""
        self._end(ForkServerProcess.kill, 10)

    def stop(self) -> int:
        """SIGTERM; its exit code, after at most the 30 seconds that it may drain for."""
        return self._end(ForkServerProcess.terminate, 35)

    def wait(self, patience: float) -> int:
        """Its exit code when it has ended by itself."""
        assert self.process is not None
        self.process.join(patience)
        code = self.process.exitcode
        assert code is not None, f"It has not ended within {patience:.0f} s."
        self.process = None
        return code

    def _end(self, send: Callable[[ForkServerProcess], None], patience: float) -> int:
        if self.process is None:
            return 0
        send(self.process)
        return self.wait(patience)


class Party:
    """An organisation's client: asks with a token, which it renews in time."""

    def __init__(self, url: str, identity: Identity) -> None:
        self.url, self.identity = url, identity
        self.http = httpx.Client(timeout=20, trust_env=False)
        self._token, self._renew_at = "", 0.0

    @property
    def organisation(self) -> str:
        return f"Organization/{self.identity.organisation_id}"

    def token(self) -> str:
        if time.monotonic() > self._renew_at:
            form = {
                "grant_type": "client_credentials",
                "scope": self.identity.scope,
                "client_assertion_type": ASSERTION_TYPE,
                "client_assertion": assertion(self.identity, f"{self.url}/token"),
            }
            answer = self.http.post(f"{self.url}/token", data=form)
            answer.raise_for_status()
            self._token, self._renew_at = answer.json()["access_token"], time.monotonic() + 240
        return self._token

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        """One call below /fhir. A header is named with _ for -; `body` is a tree, or bytes as they are."""
        sent = {"Authorization": f"Bearer {self.token()}"}
        if body is not None:
            sent["Content-Type"] = FHIR_JSON
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        content = {"content": body} if isinstance(body, bytes) else {"json": body} if body is not None else {}
        url = path if path.startswith("http") else f"{self.url}/fhir/{path}"
        return self.http.request(method, url, headers=sent, **content)

    def must(self, *statuses: int) -> Callable[..., Resource]:
        """`party.must(201)("POST", "Patient", body)`: the answer's body, if its status is one of these."""

        def ask(method: str, path: str, body: object = None, **headers: str) -> Resource:
            answer = self.ask(method, path, body, **headers)
            assert answer.status_code in statuses, f"{method} {path}: {answer.status_code} {answer.text}"
            tree: Resource = answer.json() if answer.content else {}
            return tree

        return ask

    def close(self) -> None:
        self.http.close()


@dataclass(slots=True)
class World:
    """A running service with a hospital, its record and a programme, and another of each that must learn nothing."""

    service: ServiceProcess
    record: HospitalRecord
    hospital: Party
    programme: Party
    other_hospital: Party
    other_programme: Party
    today: datetime = field(default_factory=lambda: datetime.now(UTC))
    consents: dict[str, Resource] = field(default_factory=dict)

    @property
    def parties(self) -> tuple[Party, ...]:
        return self.hospital, self.programme, self.other_hospital, self.other_programme

    def register(self, person: Person | None = None) -> tuple[Person, str]:
        """A woman, and the service's id for her."""
        person = person or new_person()
        return person, str(self.hospital.must(201)("POST", "Patient", patient(person))["id"])

    def agree(self, person: Person, patient_id: str, **changes: object) -> Resource:
        """Her consent to the programme, as the service answered it."""
        organisations = self.hospital.identity.organisation_id, self.programme.identity.organisation_id
        sent = consent(person, patient_id, *organisations, self.today - timedelta(hours=1)) | changes
        self.consents[patient_id] = self.hospital.must(201)("POST", "Consent", sent)
        return self.consents[patient_id]

    def screen(self, patient_id: str, answers: tuple[int, ...] = POSITIVE) -> Resource:
        return self.hospital.must(201)("POST", "Observation", epds(patient_id, answers))

    def offered(self) -> tuple[Person, str, Resource]:
        """A woman who agreed and screened positive: she, her id, and the Task that the programme sees."""
        before = {each["id"] for each in self.tasks()}
        person, patient_id = self.register()
        self.agree(person, patient_id)
        self.screen(patient_id)
        (task,) = [each for each in self.tasks() if each["id"] not in before]
        return person, patient_id, task

    def tasks(self, query: str = "", party: Party | None = None) -> list[Resource]:
        party = party or self.programme
        bundle = party.must(200)("GET", f"Task?{query}" if query else f"Task?owner={party.organisation}")
        return [each["resource"] for each in bundle.get("entry", ()) if each["search"]["mode"] == "match"]

    def in_record(self, kind: str, person: Person) -> list[Resource]:
        """What the hospital's record holds about her of this kind; of Tasks its offers, not the copies of alerts."""
        women = self.record.record.search("Patient", [("identifier", "|".join(person.identifier))])
        found = [one for woman in women for one in self.record.record.search(kind, [("patient", woman.id)])]
        held = [each.resource for each in found]
        return [each for each in held if kind != "Task" or each["code"]["coding"][0]["code"] == "fulfill"]


def new_person() -> Person:
    """A woman of her own each time."""
    return replace(tessie(datetime.now(UTC).date()), hospital_number=f"TEST-{next(_NUMBERS):06}")


def epds(patient_id: str, answers: tuple[int, ...], at: datetime | None = None, **changes: object) -> Resource:
    """An EPDS as one Observation: the total, and its items as components."""
    return total(patient_id, sum(answers), at) | {
        "component": [
            {"code": {"coding": [{"system": EPDS_ITEM, "code": str(number)}]}, "valueInteger": score}
            for number, score in enumerate(answers, start=1)
        ],
        **changes,
    }


def total(patient_id: str, score: int, at: datetime | None = None) -> Resource:
    """A total alone, which says nothing about self-harm."""
    return {
        "resourceType": "Observation",
        "identifier": [{"system": RESULT_NUMBER, "value": f"TEST-{next(_NUMBERS):06}"}],
        "status": "final",
        "category": [{"coding": [{"system": f"{TERMINOLOGY}/observation-category", "code": "survey"}]}],
        "code": {"coding": [{"system": SNOMED, "code": EPDS_TOTAL}]},
        "subject": {"reference": f"Patient/{patient_id}"},
        "effectiveDateTime": instant(at or datetime.now(UTC) - timedelta(minutes=5)),
        "valueInteger": score,
    }


def if_none_exist(resource: Resource) -> str:
    return f"identifier={identifier_of(resource)}"


def registered(office: Office, member: Member) -> Identity:
    organisation_id = office.add_organisation(
        member.name, member.kind, member.fhir_endpoint, "|".join(member.identifier)
    )
    client_id = office.add_client(organisation_id, member.scope.split(), json.dumps(member.jwks), None)
    return member.registered_as(organisation_id, client_id)


def stranger(kind: str) -> Member:
    """It may do everything to everything, so that nothing but whose it is can stop it."""
    return Member(f"Another {kind}", kind, (f"https://another-{kind}.example", "1"), "system/*.cruds", new_key())


def description(cast: Cast, organisation_id: str, **changes: object) -> str:
    """The programme's TOML file."""
    return programme_file(organisation_id, cast.programme_description | changes)


def furnish(service: ServiceProcess, record: HospitalRecord) -> World:
    """Register everybody at the service, which need not be running, and the service at the record."""
    hospital, programme, other_hospital, other_programme = (
        Party(service.url, each) for each in enrol(service, record.base)
    )
    record.trust(TrustedClient("peer-referral", SERVICE_SCOPE, jwks_url=f"{service.url}/.well-known/jwks.json"))
    return World(service, record, hospital, programme, other_hospital, other_programme)


def enrol(service: ServiceProcess, fhir_endpoint: str) -> list[Identity]:
    """A hospital with this record, a programme with room for all, and a stranger of each kind, in this order."""
    cast = assemble(fhir_endpoint)
    with open_office(service.settings()) as office:
        members = (cast.hospital, cast.programme, stranger("hospital"), stranger("community"))
        identities = [registered(office, member) for member in members]
        file = service.folder / "programme.toml"
        file.write_text(description(cast, identities[1].organisation_id, places=1_000_000))
        office.import_programme(file)
    return identities
