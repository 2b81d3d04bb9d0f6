"""What is below the doors, put together: settings, rules and the open store, and administration over them.

A command of administration needs no more than this, and is spared the doors and all that they import.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from service import mappings
from service.flow.rules import Rules
from service.hl7v2 import tls
from service.hl7v2.dialect import Dialect
from service.hl7v2.lines import Lines
from service.hl7v2.outgoing import Patience
from service.office import Office
from service.security import keys
from service.security.keys import SigningKeys
from service.security.outgoing import Outgoing
from service.settings import Settings
from service.shared.caller import the_service
from service.shared.clock import Clock, SystemClock
from service.shared.errors import ServiceError
from service.shared.ids import IdMaker, new_id
from service.store.engine import Store, open_store
from service.store.migrate import migrate
from service.store.unit_of_work import UnitOfWork


class NotMigrated(ServiceError):
    """The database's tables are not those of this program; the message says what to do."""


@dataclass(slots=True)
class Parts:
    """What every way of running the program shares."""

    settings: Settings
    rules: Rules
    store: Store[UnitOfWork]
    clock: Clock
    _connections: dict[str, Outgoing] = field(default_factory=dict)
    _lines: Lines | None = None
    _dialects: Mapping[str, Dialect] | None = None

    def signing_keys(self) -> SigningKeys:
        return keys.load_or_create(self.settings.signing_keys)

    def connect(self, endpoint: str) -> Outgoing:
        """The one connection to this hospital's record; it keeps its token between deliveries."""
        if endpoint not in self._connections:
            # Read anew for each token, so that a rotation needs no restart.
            self._connections[endpoint] = Outgoing(
                endpoint, self.settings.client_id, lambda: self.signing_keys().current(self.clock.now())
            )
        return self._connections[endpoint]

    def lines(self) -> Lines:
        """The connections to the hospitals that take HL7 v2."""
        if self._lines is None:
            settings = self.settings
            context = tls.sending(settings.mllp_out_certificate, settings.mllp_out_key, settings.mllp_out_ca)
            self._lines = Lines(context, settings.mllp_plain, Patience(answer=settings.mllp_answer_seconds))
        return self._lines

    def dialects(self) -> Mapping[str, Dialect]:
        """How each hospital writes HL7 v2. Raises InvalidMappings."""
        if self._dialects is None:
            self._dialects = mappings.load_dialects(self.rules, self.settings.mappings_folder)
        return self._dialects

    async def close(self) -> None:
        if self._lines is not None:
            await self._lines.aclose()
        for connection in self._connections.values():
            await connection.aclose()
        await self.store.close()


def prepare(settings: Settings, *, clock: Clock | None = None, make_id: IdMaker = new_id) -> Parts:
    """Everything below the doors, with the database migrated where that is automatic.

    Raises InvalidMappings, InvalidSettings or MigrationFailed, and NotMigrated when the tables are not this program's.
    """
    rules = mappings.load(settings.mappings_folder)
    settings.data_folder.mkdir(parents=True, exist_ok=True)
    if settings.migrates:
        migrate(settings.database)
    clock = clock or SystemClock()
    store: Store[UnitOfWork] = open_store(
        settings.database,
        partial(UnitOfWork, now=clock.now, new_id=make_id),
        clock,
        connections=settings.database_connections,
    )
    if wrong := store.read_now(the_service(make_id()), lambda tx: tx.problem_with_tables()):
        store.close_now()
        raise NotMigrated(wrong)
    return Parts(settings, rules, store, clock)


@contextmanager
def open_office(settings: Settings) -> Iterator[Office]:
    """Administration by a command; it may work beside a running service."""
    parts = prepare(settings)
    try:
        yield Office(
            parts.store,
            parts.rules,
            parts.clock,
            new_id,
            allow_loopback=settings.allow_loopback,
            allow_plain=settings.mllp_plain,
        )
    finally:
        parts.store.close_now()
