"""Every message that came in, whichever way it was kept, for whoever runs the service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import ColumnElement, CompoundSelect, Table, literal_column, select, union_all, update

from service.shared.clock import milliseconds
from service.store.tables.columns import table
from service.store.tables.intake import (
    InboundMessageRow,
    MessageControlRow,
    ResourceVersionRow,
    UnreadableMessageRow,
)

if TYPE_CHECKING:
    from service.store.unit_of_work import UnitOfWork

MESSAGE, UNREADABLE = table(InboundMessageRow), table(UnreadableMessageRow)
CONTROL, RESOURCE = table(MessageControlRow), table(ResourceVersionRow)
# What one unit writes bears times that are no further apart. Both tables have an index by time; one by message would be
# another that every message has to write into.
ONE_UNIT = timedelta(minutes=10)
_SHARED = ("id", "tenant_id", "client_id", "door", "type", "received_at", "correlation_id", "replayed_as")


@dataclass(frozen=True, slots=True)
class KeptMessage:
    """`disposition` is what became of it. `sealed` is True for one that was refused: it is encrypted, and kept for
    thirty days. `replayed_as` is the id of the message that it became when it was put through its door once more."""

    id: str
    tenant_id: str
    client_id: str
    door: str
    type: str
    received_at: datetime
    disposition: str
    correlation_id: str
    replayed_as: str | None
    sealed: bool


class Content(NamedTuple):
    """`request` is what its door has to know beside the body; None where that is all."""

    body: bytes
    request: bytes | None


@dataclass(frozen=True, slots=True)
class MessageQuery:
    """None asks nothing of that. The newest come first, at most `at_most` of them."""

    at_most: int
    id: str | None = None
    door: str | None = None
    disposition: str | None = None
    since: datetime | None = None
    organisation_id: str | None = None


class Messages:
    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit

    def list(self, query: MessageQuery) -> Sequence[KeptMessage]:
        # An id begins with the time at which it was made, so the primary key has them in the order of their coming.
        every = _every(query).subquery()
        rows = self._unit.execute(select(every).order_by(every.c.id.desc()).limit(query.at_most))
        return [KeptMessage(**{**row._asdict(), "sealed": bool(row.sealed)}) for row in rows]

    def find(self, id: str) -> KeptMessage | None:
        return next(iter(self.list(MessageQuery(1, id=id))), None)

    def content(self, message: KeptMessage) -> Content:
        """As it is kept: that of a sealed one for `unreadable_message/ID` and `unreadable_message/ID/request`."""
        if message.sealed:
            sealed = select(UNREADABLE.c.sealed_body, UNREADABLE.c.sealed_request).where(UNREADABLE.c.id == message.id)
            row = self._unit.execute(sealed).one()
            return Content(bytes(row.sealed_body), row.sealed_request and bytes(row.sealed_request))
        plain = self._unit.execute(select(MESSAGE.c.body, MESSAGE.c.request).where(MESSAGE.c.id == message.id)).one()
        return Content(bytes(plain.body), plain.request and plain.request.encode())

    def acknowledgement(self, message: KeptMessage) -> bytes | None:
        """How an HL7 v2 message was acknowledged; None when that is longer ago than its sender may repeat it."""
        about = CONTROL.c.received_at.between(message.received_at - ONE_UNIT, message.received_at + ONE_UNIT)
        given = select(CONTROL.c.acknowledgement).where(about, CONTROL.c.message_id == message.id)
        row = self._unit.execute(given).first()
        return None if row is None else bytes(row.acknowledgement)

    def made(self, id: str) -> str | None:
        """The id of the resource that a message of one resource was, or changed."""
        message = self.find(id)
        if message is None or message.sealed:
            return None
        begun, over = (milliseconds(message.received_at + each) for each in (-ONE_UNIT, ONE_UNIT))
        # Stamps never go back: they are ahead of a clock that was, until it has caught up with them.
        for when in (RESOURCE.c.stamp.between(begun, over), RESOURCE.c.stamp > over):
            theirs = (RESOURCE.c.tenant_id == message.tenant_id) & (RESOURCE.c.message_id == message.id)
            row = self._unit.execute(select(RESOURCE.c.id).where(theirs, when).order_by(RESOURCE.c.stamp)).first()
            if row is not None:
                return str(row.id)
        return None

    def root(self, id: str) -> str:
        """The first of the messages that were replayed one into the next until it became this one."""
        for each in (MESSAGE, UNREADABLE):
            before = self._unit.execute(select(each.c.id).where(each.c.replayed_as == id)).first()
            if before is not None:
                return self.root(before.id)
        return id

    def replayed(self, id: str, by: str) -> bool:
        """Of any number at once, exactly one is told True."""
        for each in (MESSAGE, UNREADABLE):
            once = update(each).where(each.c.id == id, each.c.replayed_as.is_(None)).values(replayed_as=by)
            if self._unit.execute(once).rowcount == 1:
                return True
        return False


def _every(query: MessageQuery) -> CompoundSelect[tuple[object, ...]]:
    return union_all(
        *(
            select(
                *(each.c[name] for name in _SHARED),
                disposition.label("disposition"),
                literal_column(sealed).label("sealed"),
            ).where(*_asked(each, disposition.name, query))
            for each, disposition, sealed in (
                (MESSAGE, MESSAGE.c.disposition, "0"),
                (UNREADABLE, UNREADABLE.c.reason, "1"),
            )
        )
    )


def _asked(subject: Table, disposition: str, query: MessageQuery) -> list[ColumnElement[bool]]:
    equal = {
        "id": query.id,
        "door": query.door,
        disposition: query.disposition,
        "tenant_id": query.organisation_id,
    }
    asked = [subject.c[name] == value for name, value in equal.items() if value is not None]
    return asked if query.since is None else [*asked, subject.c.received_at >= query.since]
