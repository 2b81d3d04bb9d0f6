"""Which HL7 v2 messages have come, and of what somebody was told lately. The primary key decides who was first, never a
search."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select, update

from service.flow.received import REMEMBERED_FOR, ControlKey, Earlier
from service.store.dialect import Dialect
from service.store.prepared import Prepared
from service.store.tables.columns import table
from service.store.tables.intake import MessageControlRow

if TYPE_CHECKING:
    from service.store.unit_of_work import UnitOfWork

CONTROL = table(MessageControlRow)
KEYED = (CONTROL.c.tenant_id == bindparam("of_tenant"), CONTROL.c.key == bindparam("of_key"))
EARLIER = Prepared(select(CONTROL.c.content, CONTROL.c.acknowledgement, CONTROL.c.message_id).where(*KEYED))
ACKNOWLEDGE = Prepared(update(CONTROL).where(*KEYED).values(acknowledgement=bindparam("given")))


@cache
def _claim(dialect: Dialect) -> Prepared:
    """Senders count anew after some days: a key whose time is over is free, whether it was tidied away or not."""
    row = dialect.insert(CONTROL)
    told = {each: row.excluded[each] for each in ("content", "message_id", "acknowledgement", "received_at")}
    free = CONTROL.c.received_at <= bindparam("free_since", type_=CONTROL.c.received_at.type)
    return Prepared(row.on_conflict_do_update(index_elements=list(CONTROL.primary_key.columns), set_=told, where=free))


class MessageControl:
    """Of the caller's organisation."""

    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit

    def claim(
        self, control: ControlKey, message_id: str, acknowledgement: bytes, within: timedelta = REMEMBERED_FOR
    ) -> Earlier | None:
        """Of any number at once exactly one is the first; the others wait for it and hear of it."""
        unit, now = self._unit, self._unit.now()
        row = {
            "tenant_id": unit.caller.organisation_id,
            "key": control.key,
            "content": control.content,
            "message_id": message_id,
            "acknowledgement": acknowledgement,
            "received_at": now,
            "free_since": now - within,
        }
        if unit.execute(_claim(unit.dialect), row).rowcount == 1:
            return None
        earlier = unit.execute(EARLIER, self._named(control)).one()
        return Earlier(bytes(earlier.content), bytes(earlier.acknowledgement), earlier.message_id)

    def acknowledge(self, control: ControlKey, acknowledgement: bytes) -> None:
        self._unit.execute(ACKNOWLEDGE, {**self._named(control), "given": acknowledgement})

    def _named(self, control: ControlKey) -> dict[str, object]:
        return {"of_tenant": self._unit.caller.organisation_id, "of_key": control.key}
