"""The repository of clients, used assertions and access tokens."""

from datetime import datetime

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, text, update

from service.shared.caller import OrganisationKind
from service.shared.client import Client, Grant, SenderName
from service.store.tables.access import AccessToken, ClientRow
from service.store.tables.columns import Instant, table
from service.store.tables.directory import OrganisationRow

CLIENT, ORGANISATION, TOKEN = table(ClientRow), table(OrganisationRow), table(AccessToken)

REGISTERED = CLIENT.join(ORGANISATION, ORGANISATION.c.id == CLIENT.c.organisation_id)
REGISTERED_COLUMNS = (*CLIENT.c, ORGANISATION.c.kind, ORGANISATION.c.active)

# As text, because Core offers ON CONFLICT only for one named database at a time and both speak exactly this.
USE_ASSERTION = text(
    "INSERT INTO assertion_seen (issuer, jti, dead_at) VALUES (:issuer, :jti, :dead_at)"
    " ON CONFLICT DO NOTHING RETURNING jti"
).bindparams(bindparam("dead_at", type_=Instant()))


class Access:
    """Works inside the caller's transaction and never ends it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add_client(self, client: Client, now: datetime) -> None:
        """Register a client of an organisation that is already there; its kind is the organisation's own."""
        values = {
            "id": client.id,
            "organisation_id": client.organisation_id,
            "scopes": _text(client.scopes),
            "jwks": client.jwks,
            "jwks_url": client.jwks_url,
            "certificate": client.certificate,
            "mllp_sender": client.mllp_sender,
            "registered_at": now,
            "revoked_at": now if client.revoked else None,
        }
        self._connection.execute(insert(CLIENT).values(values))

    def client(self, client_id: str) -> Client | None:
        """The client as registered, revoked or not; None when there is none."""
        one = select(*REGISTERED_COLUMNS).select_from(REGISTERED).where(CLIENT.c.id == client_id)
        row = self._connection.execute(one).one_or_none()
        return None if row is None else _client(row)

    def sender(self, by: SenderName, *names: str) -> Client | None:
        """The client that is active and known by this certificate, or by this MSH-3|MSH-4; None when there is none, and
        when these are the names of several organisations."""
        known = CLIENT.c[by].in_(names) & CLIENT.c.revoked_at.is_(None) & ORGANISATION.c.active
        found = select(*REGISTERED_COLUMNS).select_from(REGISTERED).where(known).order_by(CLIENT.c.id)
        clients = [_client(row) for row in self._connection.execute(found)]
        return clients[0] if len({each.organisation_id for each in clients}) == 1 else None

    def only_hospital(self) -> str | None:
        """The id of the one hospital that speaks HL7 v2; None when none does, or several."""
        sends = CLIENT.c.certificate.is_not(None) | CLIENT.c.mllp_sender.is_not(None)
        senders = select(CLIENT.c.organisation_id).where(sends, CLIENT.c.revoked_at.is_(None))
        speaks = ORGANISATION.c.hl7v2_endpoint.is_not(None) | ORGANISATION.c.id.in_(senders)
        hospitals = ORGANISATION.c.active & (ORGANISATION.c.kind == OrganisationKind.HOSPITAL)
        found = self._connection.execute(select(ORGANISATION.c.id).where(hospitals, speaks).limit(2)).scalars().all()
        return found[0] if len(found) == 1 else None

    def clients(self) -> list[Client]:
        """Every client, the oldest first."""
        every = select(*REGISTERED_COLUMNS).select_from(REGISTERED).order_by(CLIENT.c.registered_at, CLIENT.c.id)
        return [_client(row) for row in self._connection.execute(every)]

    def revoke_client(self, client_id: str, now: datetime) -> bool:
        """End a client and every token it holds. False when there is no such client that was still active."""
        active = (CLIENT.c.id == client_id) & CLIENT.c.revoked_at.is_(None)
        revoked = self._connection.execute(update(CLIENT).where(active).values(revoked_at=now)).rowcount == 1
        self._connection.execute(delete(TOKEN).where(TOKEN.c.client_id == client_id))
        return revoked

    def use_assertion(self, issuer: str, jti: str, dead_at: datetime) -> bool:
        """True the first time that this issuer uses this jti; of any number at once exactly one hears True."""
        values = {"issuer": issuer, "jti": jti, "dead_at": dead_at}
        return self._connection.execute(USE_ASSERTION, values).first() is not None

    def add_token(
        self, token_hash: str, client_id: str, scopes: frozenset[str], issued_at: datetime, expires_at: datetime
    ) -> None:
        values = {
            "hash": token_hash,
            "client_id": client_id,
            "scopes": _text(scopes),
            "issued_at": issued_at,
            "expires_at": expires_at,
        }
        self._connection.execute(insert(TOKEN).values(values))

    def grant(self, token_hash: str) -> Grant | None:
        """What the token stands for, expired or not; None when it was never issued or was ended with its client."""
        held = TOKEN.join(REGISTERED, CLIENT.c.id == TOKEN.c.client_id)
        columns = (TOKEN.c.scopes.label("granted"), TOKEN.c.expires_at, *REGISTERED_COLUMNS)
        row = self._connection.execute(
            select(*columns).select_from(held).where(TOKEN.c.hash == token_hash)
        ).one_or_none()
        return None if row is None else Grant(_client(row), frozenset(row.granted.split()), row.expires_at)


def _text(scopes: frozenset[str]) -> str:
    return " ".join(sorted(scopes))


def _client(row: Row[tuple[object, ...]]) -> Client:
    """A client whose organisation is no longer active counts as revoked."""
    return Client(
        id=row.id,
        organisation_id=row.organisation_id,
        kind=OrganisationKind(row.kind),
        scopes=frozenset(row.scopes.split()),
        jwks=row.jwks,
        jwks_url=row.jwks_url,
        certificate=row.certificate,
        mllp_sender=row.mllp_sender,
        revoked=row.revoked_at is not None or not row.active,
    )
