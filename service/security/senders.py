"""Who sends HL7 v2: known by the certificate of its connection, or by MSH-3 and MSH-4 where connections are plain."""

import time
from collections.abc import Callable, Sequence

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from service.security.bearer import CACHE_SECONDS, MOST_CACHED
from service.security.ports import Store
from service.shared.caller import NOBODY, UNKNOWN_CLIENT, Caller, OrganisationKind, the_service
from service.shared.client import Client, SenderName
from service.shared.ids import new_id


def fingerprint(certificate: bytes) -> str:
    """The SHA-256 of a certificate, given as PEM or as DER, in hexadecimal. Raises ValueError when it is none."""
    pem = b"-----BEGIN" in certificate
    read = x509.load_pem_x509_certificate if pem else x509.load_der_x509_certificate
    return read(certificate).fingerprint(SHA256()).hex()


class Senders:
    """Looks senders up in the store, remembering each for at most a second: a revocation is felt within it."""

    def __init__(self, store: Store, elapsed: Callable[[], float] = time.monotonic) -> None:
        self._store, self._elapsed = store, elapsed
        self._seen: dict[tuple[SenderName, Sequence[str]], tuple[float, Client]] = {}

    async def caller(self, by: SenderName, *names: str) -> Caller | None:
        """The caller that a message comes from, with a correlation id of its own; None when nobody is known by any of
        these names, or several organisations are.

        The name of a `certificate` is its `fingerprint`, that of an `mllp_sender` MSH-3|MSH-4. Raises Unavailable when
        the store is.
        """
        key = (by, names)
        asked_at = self._elapsed()
        checked_at, client = self._seen.get(key, (float("-inf"), None))
        if client is None or asked_at - checked_at >= CACHE_SECONDS:
            client = await self._store.read(
                the_service(new_id()),
                lambda tx: tx.access.sender(by, *names),
            )
            self._seen.pop(key, None)
        if client is None:
            return None
        if key not in self._seen:
            if len(self._seen) >= MOST_CACHED:
                self._seen.clear()
            self._seen[key] = (asked_at, client)
        return Caller(client.id, client.organisation_id, client.kind, client.scopes, new_id())

    async def stranger(self) -> Caller:
        """The caller of a message that is of nobody who is known: it is that of the one hospital that speaks HL7 v2,
        and where several do it may be anybody's. Raises Unavailable."""
        hospital = await self._store.read(the_service(new_id()), lambda tx: tx.access.only_hospital())
        kind = OrganisationKind.HOSPITAL if hospital else OrganisationKind.SERVICE
        return Caller(UNKNOWN_CLIENT, hospital or NOBODY, kind, frozenset(), new_id())
