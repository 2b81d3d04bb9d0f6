"""Story one: a positive result travels the whole loop, through real processes and sockets, on both databases.

Everybody is registered by the commands an operator would type.
"""

import asyncio
import io
import json
from pathlib import Path

from rich.console import Console
from typer.testing import CliRunner

from service.__main__ import application
from service.demo.cast import Member, assemble
from service.demo.client import Identity
from service.demo.hospital import HospitalRecord
from service.demo.story import play
from tests.journeys.conftest import NewService
from tests.journeys.support import ServiceProcess, description, furnish, wait_until


def command(service: ServiceProcess, *arguments: str) -> str:
    outcome = CliRunner().invoke(application, arguments, env=service.environment)
    assert outcome.exit_code == 0, outcome.output
    return outcome.stdout.strip()


def enrol(service: ServiceProcess, member: Member, folder: Path) -> Identity:
    keys = folder / f"{member.kind}.json"
    keys.write_text(json.dumps(member.jwks))
    endpoint = ["--fhir-endpoint", member.fhir_endpoint] if member.fhir_endpoint else []
    named = ["--kind", member.kind, "--identifier", "|".join(member.identifier), *endpoint]
    organisation = command(service, "organisation", "add", member.name, *named, "--quiet")
    client = command(
        service, "client", "add", "--organisation", organisation, "--jwks", str(keys), "--scope", member.scope, "-q"
    )
    return member.registered_as(organisation, client)


def told_story(service: ServiceProcess, folder: Path, *start: str) -> str:
    """Register everybody, start the service and play; what went wrong, or nothing."""
    told = io.StringIO()
    command(service, "migrate")
    with HospitalRecord() as record:
        cast = assemble(record.base)
        hospital, programme = (enrol(service, member, folder) for member in (cast.hospital, cast.programme))
        file = folder / "programme.toml"
        file.write_text(description(cast, programme.organisation_id))
        command(service, "programme", "import", str(file), "--quiet")
        service.start(*start)
        verified = asyncio.run(play(service.url, hospital, programme, record, Console(file=told, width=100)))
    return "" if verified else told.getvalue()


def test_a_positive_result_becomes_peer_support_and_her_record_hears_of_it(
    new_service: NewService, database_url: str, tmp_path: Path
) -> None:
    service = new_service(database_url)
    assert told_story(service, tmp_path) == ""
    assert command(service, "deliveries", "list").splitlines()[1:] == []
    assert service.stop() == 0


def test_the_worker_may_be_a_process_of_its_own(new_service: NewService, postgresql_url: str, tmp_path: Path) -> None:
    service, worker = new_service(postgresql_url), new_service(postgresql_url)
    command(service, "migrate")
    worker.start("worker", ready=False)
    assert told_story(service, tmp_path, "serve", "--port", str(service.port), "--no-worker") == ""
    assert service.stop() == 0
    assert worker.stop() == 0


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
