"""Hospitals answer alerts in the copies that their records have of them: each is looked at until its alert is over."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from service.delivery.channel import Copy, NotRead, Reader
from service.flow.answer_alert import ReceivedAnswer
from service.flow.answer_in_copy import answer_in_copy
from service.flow.rules import Rules
from service.referrals.alert import Alert, AlertState
from service.shared import telemetry
from service.shared.caller import Caller, OrganisationKind, the_service
from service.shared.clock import Clock
from service.shared.errors import Unavailable
from service.shared.ids import new_id
from service.store.answers import Awaited
from service.store.engine import Store
from service.store.unit_of_work import UnitOfWork

AT_ONCE = 50
# A record may show what it changed a little after the time that it gives to it.
OVERLAP = timedelta(minutes=1)
READ_WHOLE_EVERY = timedelta(minutes=10)
LONGEST_PAUSE = timedelta(minutes=5)


@dataclass(slots=True)
class _Record:
    """What is known of one record since this process began: nothing of it is needed for an answer to be heard."""

    failures: int = 0
    pause_until: datetime | None = None
    read_whole_at: datetime | None = None
    newest: datetime | None = None
    takes_since: bool = True
    seen: frozenset[str] = frozenset()


@dataclass(slots=True)
class Copies:
    """An answer in a copy counts as if its hospital had sent it to us, and is audited so."""

    store: Store[UnitOfWork]
    rules: Rules
    clock: Clock
    reader: Reader
    _records: dict[tuple[str, str], _Record] = field(default_factory=dict)

    async def hear(self) -> None:
        """One look at every record; one that fails is left alone for a while and delays no other."""
        records = await self.store.read(the_service(new_id()), lambda tx: tx.answers.records())
        await asyncio.gather(*(self._hear(tenant_id, endpoint) for tenant_id, endpoint in records))

    async def _hear(self, tenant_id: str, endpoint: str) -> None:
        record, now = self._records.setdefault((tenant_id, endpoint), _Record()), self.clock.now()
        if record.pause_until is not None and now < record.pause_until:
            return
        try:
            await self._hear_all(record, tenant_id, endpoint, now)
            record.failures, record.pause_until = 0, None
            return
        except Unavailable:
            return
        except NotRead:
            telemetry.tell("copies-not-read", destination=tenant_id, failures=record.failures + 1)
        except Exception as defect:  # noqa: BLE001  # else nobody would own the reads of the other records
            telemetry.tell_defect("copies-defect", defect, destination=tenant_id)
        record.failures += 1
        record.pause_until = now + min(LONGEST_PAUSE, timedelta(seconds=5 * 2 ** min(record.failures, 10)))

    async def _hear_all(self, record: _Record, tenant_id: str, endpoint: str, now: datetime) -> None:
        awaited = await self.store.read(the_service(new_id()), lambda tx: tx.answers.awaited(tenant_id))
        since = _since(record, awaited, now)
        try:
            for start in range(0, len(awaited), AT_ONCE):
                await self._hear_some(tenant_id, endpoint, awaited[start : start + AT_ONCE], since)
        except NotRead as problem:
            record.takes_since = record.takes_since and not (problem.refused and since is not None)
            raise
        record.seen = frozenset(each.alert.id for each in awaited)
        record.read_whole_at = now if since is None else record.read_whole_at

    async def _hear_some(
        self, tenant_id: str, endpoint: str, awaited: Sequence[Awaited], since: datetime | None
    ) -> None:
        alerts = {each.alert.id: each.alert for each in awaited}
        copies = await self.reader.read_copies(endpoint, {each.record_id: each.alert.id for each in awaited}, since)
        record = self._records[tenant_id, endpoint]
        for copy in copies:
            if copy.changed_at is not None:
                record.newest = max(record.newest or copy.changed_at, copy.changed_at)
            if copy.answer is not None and _is_new(alerts[copy.alert_id], copy, copy.answer):
                await self._take(tenant_id, copy, copy.answer)

    async def _take(self, tenant_id: str, copy: Copy, answer: ReceivedAnswer) -> None:
        caller = Caller("record", tenant_id, OrganisationKind.HOSPITAL, frozenset(), new_id())
        now = self.clock.now()
        try:
            await self.store.run(caller, lambda tx: answer_in_copy(tx, self.rules, answer, copy.version, now))
        except Unavailable:
            raise
        except Exception as defect:  # noqa: BLE001  # one defect must not stop the rest
            telemetry.tell_defect("copy-defect", defect, alert=copy.alert_id)


def _since(record: _Record, awaited: Sequence[Awaited], now: datetime) -> datetime | None:
    """From when on changes are asked for; None for everything: now and then, and when a copy was never read."""
    read_whole_lately = record.read_whole_at is not None and now - record.read_whole_at < READ_WHOLE_EVERY
    known = all(each.alert.id in record.seen for each in awaited)
    if not (record.takes_since and read_whole_lately and known and record.newest is not None):
        return None
    return record.newest - OVERLAP


def _is_new(alert: Alert, copy: Copy, answer: ReceivedAnswer) -> bool:
    """Not what we know already, and not what was refused before. Of what is over, only what contradicts it."""
    if copy.version == alert.copy_seen:
        return False
    if alert.state is AlertState.RESOLVED:
        return alert.is_contradicted_by(answer.outcome)
    return answer.state not in (AlertState.OPEN, alert.state)
