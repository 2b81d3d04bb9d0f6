"""The stories of the demonstration, through real processes and sockets, on both databases.

Everybody is registered by the commands an operator would type.
"""

import asyncio
import io
import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from service.__main__ import application
from service.commands.demonstration import by_messages
from service.demo.cast import Member, assemble, programme_file
from service.demo.certificates import Certificate, self_signed
from service.demo.client import Identity
from service.demo.engine import HospitalEngine
from service.demo.faults import Disturbance, DisturbanceKind
from service.demo.hospital import HospitalRecord
from service.demo.infirmary import site_file
from service.demo.mllp import Sender
from service.demo.narrator import Narrator
from service.demo.page.render import page
from service.demo.record import Resource
from service.demo.step import Telling
from service.demo.story import Infirmary, Players, play
from service.mappings import own_folder
from tests.journeys.conftest import NewService
from tests.journeys.support import ServiceProcess, furnish, wait_until

JWT = re.compile(r"eyJ[\w-]+\.[\w-]+\.")


def command(service: ServiceProcess, *arguments: str) -> str:
    outcome = CliRunner().invoke(application, arguments, env=service.environment)
    assert outcome.exit_code == 0, outcome.output
    return outcome.stdout.strip()


def enrol(service: ServiceProcess, member: Member, folder: Path) -> Identity:
    keys = folder / "keys.json"
    keys.write_text(json.dumps(member.jwks))
    endpoint = ["--fhir-endpoint", member.fhir_endpoint] if member.fhir_endpoint else []
    endpoint += ["--hl7v2-endpoint", member.hl7v2_endpoint] if member.hl7v2_endpoint else []
    named = ["--kind", member.kind, "--identifier", "|".join(member.identifier), *endpoint]
    organisation = command(service, "organisation", "add", member.name, *named, "--quiet")
    client = command(
        service, "client", "add", "--organisation", organisation, "--jwks", str(keys), "--scope", member.scope, "-q"
    )
    if member.certificate is not None:
        shown = folder / "sender.pem"
        shown.write_bytes(member.certificate)
        command(service, "client", "add", "--organisation", organisation, "--certificate", str(shown), "-q")
    return member.registered_as(organisation, client)


@dataclass(frozen=True, slots=True)
class Messages:
    """What the infirmary's engine and the service need to speak HL7 v2 with each other, and the mappings for it."""

    folder: Path
    ours: Certificate
    theirs: Certificate
    settings: Mapping[str, str]

    @property
    def port(self) -> int:
        return int(self.settings["mllp_port"])


@pytest.fixture
def messages(tmp_path: Path) -> Messages:
    folder = Path(shutil.copytree(own_folder(), tmp_path / "mappings"))
    ours, theirs = self_signed(tmp_path, "service"), self_signed(tmp_path, "infirmary")
    settings = {name: str(value) for name, value in by_messages(ours, theirs).items()}
    return Messages(folder, ours, theirs, settings | {"mappings_folder": str(folder)})


def told_stories(
    service: ServiceProcess,
    messages: Messages,
    folder: Path,
    *start: str,
    worker: ServiceProcess | None = None,
    trouble: Disturbance | None = None,
    patience: float = 20,
) -> str:
    """Register everybody, start the service and play; what went wrong, or nothing."""
    told = io.StringIO()
    telling = Telling((Narrator(Console(file=told, width=100)).show,))
    command(service, "migrate")
    with HospitalRecord() as record, HospitalEngine(messages.theirs.listening(messages.ours)) as engine:
        cast = assemble(record.base, engine.endpoint, messages.theirs.file.read_bytes())
        members = cast.hospital, cast.infirmary, cast.programme, cast.next_programme
        players = Players(*(enrol(service, member, folder) for member in members))
        described(service, folder, players.programme, cast.programme_description)
        described(service, folder, players.next_programme, cast.next_programme_description)
        own = site_file(players.infirmary.organisation_id, players.programme.organisation_id)
        (messages.folder / "sites" / "infirmary.toml").write_text(own, encoding="utf-8")
        if worker is not None:
            worker.start("worker")
        service.start(*start)
        if trouble:
            record.faults.add(trouble)
        infirmary = Infirmary(engine, Sender(messages.port, messages.theirs.calling(messages.ours)))
        verified = asyncio.run(play(service.url, players, record, infirmary, telling, patience))
    assert not JWT.search(page(telling, service.url))
    return "" if verified else told.getvalue()


def described(service: ServiceProcess, folder: Path, programme: Identity, description: Resource) -> None:
    file = folder / "programme.toml"
    file.write_text(programme_file(programme.organisation_id, description))
    command(service, "programme", "import", str(file), "--quiet")


def test_every_step_of_the_stories_is_found_on_its_receiving_side(
    new_service: NewService, messages: Messages, tmp_path: Path
) -> None:
    service = new_service(**messages.settings)
    assert told_stories(service, messages, tmp_path) == ""
    assert command(service, "deliveries", "list").splitlines()[1:] == []
    assert service.stop() == 0


def test_every_step_is_found_on_a_server_too_where_the_worker_is_a_process_of_its_own(
    new_service: NewService, messages: Messages, postgresql_url: str, tmp_path: Path
) -> None:
    service = new_service(postgresql_url, **messages.settings)
    # It writes links to the service into alerts.
    worker = new_service(postgresql_url, **messages.settings, base_url=service.url)
    serve = ("serve", "--port", str(service.port), "--no-worker")
    assert told_stories(service, messages, tmp_path, *serve, worker=worker) == ""
    assert command(service, "deliveries", "list").splitlines()[1:] == []
    assert service.stop() == 0
    assert worker.stop() == 0


def test_a_story_whose_end_cannot_be_found_is_not_told_as_if_it_had_ended(
    new_service: NewService, messages: Messages, tmp_path: Path
) -> None:
    service = new_service(**messages.settings)
    trouble = Disturbance(DisturbanceKind.ERROR, "POST", "Communication", times=None)
    told = told_stories(service, messages, tmp_path, trouble=trouble, patience=2)
    # Stories one to three tell the team something; the fourth has no need to, and the fifth is told by HL7 v2.
    assert "2 of 5 stories came to their end." in told
    assert told.count("Communication none") == 3


def test_without_a_worker_nothing_is_sent_and_nothing_is_lost(
    new_service: NewService,
) -> None:
    with HospitalRecord() as record:
        service = new_service()
        world = furnish(service, record)
        service.start("serve", "--port", str(service.port), "--no-worker")
        person, _, _ = world.offered()
        assert world.in_record("Task", person) == []
        owed = command(service, "deliveries", "list", "--state", "ready")
        assert {"ServiceRequest", "Task"} <= {line.split()[2].partition("/")[0] for line in owed.splitlines()[1:]}

        worker = new_service()
        worker.start("worker", ready=False)
        wait_until(lambda: len(world.in_record("Task", person)) == 1, "the worker beside the service has sent it")
        for party in world.parties:
            party.close()
