"""From the bearer token of a call to the caller it stands for."""

import re
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime

from service.security.errors import InvalidToken
from service.security.ports import Store
from service.security.token import token_hash
from service.shared.caller import Caller, the_service
from service.shared.client import Grant
from service.shared.clock import Clock

# A client that polls is looked up once a second and not once a request; a revocation is felt everywhere within it.
CACHE_SECONDS = 1.0
MOST_CACHED = 10_000
BEARER = re.compile(r"bearer +([A-Za-z0-9_-]{43})", re.IGNORECASE)


class Bearers:
    """Verifies access tokens against the store, remembering each answer for at most a second."""

    def __init__(self, store: Store, clock: Clock, elapsed: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._elapsed = elapsed
        self._seen: OrderedDict[str, tuple[float, Grant]] = OrderedDict()

    async def verify(self, authorization: str | None, correlation_id: str) -> Caller:
        """The caller behind an Authorization header. Raises InvalidToken, or Unavailable when the store is."""
        found = BEARER.fullmatch(authorization or "")
        if found is None:
            raise InvalidToken("There is no bearer token of ours.")
        grant = await self._grant(token_hash(found[1]), correlation_id)
        if grant is None or not _is_live(grant, self._clock.now()):
            raise InvalidToken("The token is unknown, expired or revoked.")
        client = grant.client
        return Caller(client.id, client.organisation_id, client.kind, grant.scopes, correlation_id)

    async def _grant(self, key: str, correlation_id: str) -> Grant | None:
        asked_at = self._elapsed()
        checked_at, grant = self._seen.get(key, (float("-inf"), None))
        if grant is not None and asked_at - checked_at < CACHE_SECONDS:
            return grant
        fresh = await self._store.read(the_service(correlation_id), lambda tx: tx.access.grant(key))
        self._seen.pop(key, None)
        if fresh is not None:
            # From when we asked, not from when we heard: a revocation may have been committed in between.
            self._seen[key] = (asked_at, fresh)
        if len(self._seen) > MOST_CACHED:
            self._seen.popitem(last=False)
        return fresh


def _is_live(grant: Grant, now: datetime) -> bool:
    return not grant.client.revoked and now < grant.expires_at
