"""Who was not let in, for the audit."""

import time
from collections.abc import Callable
from contextlib import suppress

from service.security.limit import FailureLimit
from service.security.ports import Store
from service.shared.audit import Action, AuditEvent
from service.shared.caller import the_service
from service.shared.errors import Unavailable
from service.shared.ids import new_id


class Refusals:
    """Writes at most ten rows a minute for each network address, so that nobody fills the audit by knocking."""

    def __init__(self, store: Store, elapsed: Callable[[], float] = time.monotonic) -> None:
        self._store, self._elapsed = store, elapsed
        self._limit = FailureLimit()

    async def write(self, reason: str, address: str) -> None:
        """Somebody at this address was not let in. While the store can keep nothing, this is not kept either."""
        key, now = ("", address), self._elapsed()
        if self._limit.wait_seconds(key, now):
            return
        self._limit.failed(key, now)
        event = AuditEvent(Action.EXECUTE, "Client/unknown", outcome=reason)
        with suppress(Unavailable):
            await self._store.run(the_service(new_id()), lambda tx: tx.audit.write(event))
