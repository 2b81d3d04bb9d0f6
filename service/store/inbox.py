"""What came in, kept byte for byte, and the resource versions that it made."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import bindparam, func, select, update

from service.flow.answer import Accepted, Answer, Refused
from service.flow.received import Received
from service.store.patients import PRESENT
from service.store.prepared import Prepared
from service.store.tables.columns import table
from service.store.tables.intake import IS_OF_A_STRANGER, InboundMessageRow, ResourceVersionRow, UnreadableMessageRow

if TYPE_CHECKING:
    from service.store.unit_of_work import UnitOfWork

MESSAGE, RESOURCE, UNREADABLE = table(InboundMessageRow), table(ResourceVersionRow), table(UnreadableMessageRow)
UNREADABLE_KEPT = timedelta(days=30)
LATEST = Prepared(
    select(
        RESOURCE.c.version,
        RESOURCE.c.patient_id,
        RESOURCE.c.message_id,
        func.coalesce(RESOURCE.c.body, MESSAGE.c.body).label("bytes"),
    )
    .join_from(RESOURCE, MESSAGE, MESSAGE.c.id == RESOURCE.c.message_id)
    .where(
        RESOURCE.c.type == bindparam("type"),
        RESOURCE.c.id == bindparam("resource_id"),
        RESOURCE.c.tenant_id == bindparam("tenant_id"),
    )
    .order_by(RESOURCE.c.version.desc())
    .limit(1)
)
STRANGERS = Prepared(
    select(
        func.count().label("messages"),
        func.coalesce(func.sum(func.length(UNREADABLE.c.sealed_body)), 0).label("bytes"),
    ).where(IS_OF_A_STRANGER)
)
SETTLE = Prepared(
    update(MESSAGE).where(MESSAGE.c.id == bindparam("message"), MESSAGE.c.tenant_id == bindparam("of_tenant"))
)
# These belong to the service: what somebody sends of them is an update, and never the resource itself.
OURS = frozenset({"Task", "ServiceRequest"})


class Kept(NamedTuple):
    version: int
    patient_id: str | None
    message_id: str
    body: bytes


class Inbox:
    """What the unit itself has made is written when it finishes, and known to it before."""

    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit
        self._made: dict[tuple[str, str], Kept] = {}

    def keep(self, received: Received, patient_id: str | None, answer: Answer) -> None:
        unit, message_id = self._unit, received.within or self.archive(received, _disposition(answer))
        if isinstance(answer, Accepted) and answer.type not in OURS:
            version = {
                "type": answer.type,
                "id": answer.id,
                "version": answer.version,
                "tenant_id": unit.caller.organisation_id,
                "patient_id": patient_id,
                "message_id": message_id,
                "body": received.body if received.within else None,
            }
            unit.later(RESOURCE, version)
            self._made[answer.type, answer.id] = Kept(answer.version, patient_id, message_id, received.body)

    def archive(self, received: Received, disposition: str, id: str | None = None) -> str:
        """Keep a message byte for byte; the id that it has here."""
        unit, message_id = self._unit, id or self._unit.new_id()
        message = {
            "id": message_id,
            "tenant_id": unit.caller.organisation_id,
            "client_id": unit.caller.client_id,
            "door": received.door,
            "type": received.type,
            "body": received.body,
            "received_at": unit.now(),
            "disposition": disposition,
            "correlation_id": unit.caller.correlation_id,
            "replayed_as": None,
            "request": received.request,
        }
        unit.later(MESSAGE, message)
        return message_id

    def settle(self, id: str, disposition: str) -> None:
        tenant = self._unit.caller.organisation_id
        self._unit.execute(SETTLE, {"message": id, "of_tenant": tenant, "disposition": disposition})

    def keep_unreadable(
        self, id: str, sealed_body: bytes, reason: str, *, door: str, type: str, sealed_request: bytes | None
    ) -> None:
        """Keep, for thirty days, a body that a door refused; `reason` is the codes of what was wrong with it."""
        unit, now = self._unit, self._unit.now()
        row = {
            "id": id,
            "tenant_id": unit.caller.organisation_id,
            "client_id": unit.caller.client_id,
            "door": door,
            "type": type,
            "sealed_body": sealed_body,
            "reason": reason,
            "received_at": now,
            "expires_at": now + UNREADABLE_KEPT,
            "correlation_id": unit.caller.correlation_id,
            "replayed_as": None,
            "sealed_request": sealed_request,
        }
        unit.later(UNREADABLE, row)

    def of_strangers(self) -> tuple[int, int]:
        row = self._unit.execute(STRANGERS).one()
        return row.messages, int(row.bytes)

    def latest(self, type: str, id: str) -> tuple[int, bytes] | None:
        kept = self._latest(type, id)
        return None if kept is None else (kept.version, kept.body)

    def changed_since(self, type: str, id: str, message_id: str) -> bool:
        """The ids of messages sort by the time at which they came. What it has itself become is not another's."""
        kept = self._latest(type, id)
        later = kept is not None and kept.message_id > message_id
        return kept is not None and later and self._unit.messages.root(kept.message_id) != message_id

    def patient_of(self, type: str, id: str) -> str | None:
        kept = self._latest(type, id)
        if kept is None or kept.patient_id is None:
            return None
        present: str | None = self._unit.execute(PRESENT, {"patient": kept.patient_id}).scalar_one()
        return present or kept.patient_id

    def _latest(self, type: str, id: str) -> Kept | None:
        if (type, id) in self._made:
            return self._made[type, id]
        key = {"type": type, "resource_id": id, "tenant_id": self._unit.caller.organisation_id}
        row = self._unit.execute(LATEST, key).one_or_none()
        return None if row is None else Kept(row.version, row.patient_id, row.message_id, row.bytes)


def _disposition(answer: Answer) -> str:
    return answer.reason.value if isinstance(answer, Refused) else type(answer).__name__.lower()
