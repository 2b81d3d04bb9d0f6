"""The service's own tables, read beside it."""

from sqlalchemy import Connection, Engine, Table, create_engine, select, update

from service.referrals.delivery import DeliveryState
from service.store.address import parse_url
from service.store.tables.columns import table
from service.store.tables.intake import InboundMessageRow, ResourceVersionRow
from service.store.tables.outgoing import AuditRow, DeliveryRow
from service.store.tables.referral import AlertRow, ContactRow, NoteRow, OfferRow, ReferralRow

SETTLED = (DeliveryState.DONE.value, DeliveryState.SUPERSEDED.value)
AUDIT, DELIVERY, VERSION = table(AuditRow), table(DeliveryRow), table(ResourceVersionRow)
REFERRAL, OFFER, ALERT, CONTACT = table(ReferralRow), table(OfferRow), table(AlertRow), table(ContactRow)
MESSAGE, NOTE = table(InboundMessageRow), table(NoteRow)


class Store:
    def __init__(self, url: str) -> None:
        self.engine: Engine = create_engine(parse_url(url))

    def column(self, of: Table, name: str, **where: str) -> list[str]:
        statement = select(of.c[name]).where(*(of.c[key] == value for key, value in where.items()))
        with self.engine.connect() as connection:
            return list(connection.execute(statement).scalars())

    def by_id(self, of: Table, name: str) -> dict[str, str]:
        """One column of every row. Two columns that are asked for each by itself may come in different orders."""
        with self.engine.connect() as connection:
            return {row[0]: row[1] for row in connection.execute(select(of.c.id, of.c[name]))}

    def time_passes(self) -> int:
        """What waits for its next attempt waits no longer; how much is still owed."""
        with self.engine.begin() as connection:
            return self._hurry(connection)

    def _hurry(self, connection: Connection) -> int:
        now = select(DELIVERY.c.owed_at).order_by(DELIVERY.c.owed_at).limit(1).scalar_subquery()
        waits = DELIVERY.c.state.in_((DeliveryState.READY.value, DeliveryState.UNKNOWN.value))
        connection.execute(update(DELIVERY).where(waits).values(due_at=now))
        return len(connection.execute(select(DELIVERY.c.id).where(DELIVERY.c.state.not_in(SETTLED))).all())

    def audited(self, *actions: str) -> set[str]:
        statement = select(AUDIT.c.subject).where(AUDIT.c.action.in_(actions))
        with self.engine.connect() as connection:
            return set(connection.execute(statement).scalars())
