"""The door into the caller's own view; from what it finds, flow follows the keys."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, Select, Table, bindparam, case, func, or_, select

from service.consent.consent import Consent
from service.referrals.alert import Alert
from service.referrals.offer import LIVE, Dealings, Offer
from service.referrals.referral import Referral
from service.shared.clock import from_milliseconds, milliseconds
from service.store.alerts import to_alert
from service.store.consents import to_consent
from service.store.dialect import Dialect
from service.store.offers import to_offer
from service.store.prepared import Prepared, constants
from service.store.referrals import to_referral
from service.store.scoped import ALERT, CONSENT, OFFER, PATIENT, REFERRAL, RESOURCE, scope_of, scoped
from service.store.tables.columns import table
from service.store.tables.directory import OrganisationRow
from service.store.tables.intake import InboundMessageRow

if TYPE_CHECKING:
    from service.store.unit_of_work import UnitOfWork

ORGANISATION, MESSAGE = table(OrganisationRow), table(InboundMessageRow)
BODY = Prepared(select(MESSAGE.c.body).where(MESSAGE.c.id == bindparam("message")))
KNOWN = Prepared(select(ORGANISATION.c.id).where(ORGANISATION.c.id == bindparam("organisation")))
HANDLES = {
    "Patient": "patient_handle",
    "ServiceRequest": "service_request_handle",
    "Consent": "consent_handle",
    "Observation": "observation_handle",
}


@dataclass(frozen=True, slots=True)
class KeptResource:
    """A resource byte for byte as received; `stamp` is in milliseconds."""

    version: int
    stamp: int
    body: bytes
    patient_id: str | None


class Visible:
    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit

    def patient_id(self, id: str) -> str | None:
        """Locks her, for whoever asks for her is about to change something of hers. A record that has become part of
        another stands for that one."""
        row = self._one(PATIENT, {"id": id}, lock=True)
        if row is None:
            return None
        held = self._unit.patients.hold(row)
        return held.id if held.replaced_by is None else self._unit.patients.lock(held.replaced_by).id

    def organisation_id(self, id: str) -> str | None:
        """Organisations are a directory that every client may read; a no may concern one that has ended."""
        found: str | None = self._unit.execute(KNOWN, {"organisation": id}).scalar_one_or_none()
        return found

    def consent(self, id: str) -> Consent | None:
        row = self._one(CONSENT, {"id": id})
        return None if row is None else to_consent(row)

    def referral(self, id: str) -> Referral | None:
        row = self._one(REFERRAL, {"id": id})
        return None if row is None else to_referral(row)

    def offer(self, id: str) -> Offer | None:
        row = self._one(OFFER, {"id": id})
        return None if row is None else to_offer(row)

    def offer_by_handle(self, type: str, handle: str) -> Offer | None:
        row = self._one(OFFER, {HANDLES[type]: handle}) if type in HANDLES else None
        return None if row is None else to_offer(row)

    def named(self, ids: Collection[str]) -> list[Offer]:
        """All that the caller holds or held, also what was let go, and that has its own id or a handle among these:
        nothing of it is shown for this, but what is told about her is heard."""
        scope = scoped(OFFER, self._unit.caller, also_let_go=True)
        if scope is None or not ids:
            return []
        values = {**scope_of(self._unit.caller), "ids": sorted(ids)}
        return [to_offer(row) for row in self._unit.execute(_named(scope), values)]

    def called(self, displays: Collection[str]) -> list[Offer]:
        """The same, of those that people may call by one of these."""
        scope = scoped(OFFER, self._unit.caller, also_let_go=True)
        if scope is None or not displays:
            return []
        endings = sorted({each[-4:].lower() for each in displays})
        values = {**scope_of(self._unit.caller), "endings": endings}
        return [to_offer(row) for row in self._unit.execute(_called(scope), values)]

    def dealings(self, now: datetime) -> list[Dealings]:
        """With each hospital, the newest last; what was let go is forgotten."""
        scope = scoped(OFFER, self._unit.caller)
        if scope is None:
            return []
        values = {**scope_of(self._unit.caller), "now": milliseconds(now)}
        rows = self._unit.execute(_dealings(scope), values)
        last = (Dealings(row.tenant_id, row.programme_id, from_milliseconds(row.last)) for row in rows)
        return list({each.tenant_id: each for each in last}.values())

    def alert(self, id: str) -> Alert | None:
        row = self._one(ALERT, {"id": id})
        return None if row is None else to_alert(row)

    def resource(self, type: str, id: str) -> KeptResource | None:
        """The newest version of a resource that the caller's organisation has sent."""
        row = self._one(RESOURCE, {"type": type, "id": id}, newest=True)
        if row is None:
            return None
        body = row.body
        if body is None:
            body = self._unit.execute(BODY, {"message": row.message_id}).scalar_one()
        return KeptResource(row.version, row.stamp, body, row.patient_id)

    def _one(
        self,
        subject: Table,
        key: Mapping[str, str],
        *,
        newest: bool = False,
        lock: bool = False,
    ) -> Row[Any] | None:
        scope = scoped(subject, self._unit.caller)
        if scope is None:
            return None
        statement = _keyed(scope, subject, tuple(key), newest, self._unit.dialect if lock else None)
        return self._unit.execute(statement, {**scope_of(self._unit.caller), **key}).one_or_none()


@cache
def _named(scope: Select[Any]) -> Select[Any]:
    ids = bindparam("ids", expanding=True, type_=OFFER.c.id.type)
    names = (OFFER.c.id, *(OFFER.c[handle] for handle in HANDLES.values()))
    return scope.where(or_(*(name.in_(ids) for name in names))).order_by(OFFER.c.id)


@cache
def _called(scope: Select[Any]) -> Select[Any]:
    """The last four of an id's 36 characters."""
    endings = func.substr(OFFER.c.id, 33).in_(bindparam("endings", expanding=True))
    return scope.where(endings).order_by(OFFER.c.id)


@cache
def _dealings(scope: Select[Any]) -> Prepared:
    alive = OFFER.c.state.in_(constants(LIVE))
    last = func.max(case((alive, bindparam("now", type_=OFFER.c.stamp.type)), else_=OFFER.c.stamp)).label("last")
    columns = (OFFER.c.tenant_id, OFFER.c.programme_id)
    return Prepared(
        scope.join(ORGANISATION, ORGANISATION.c.id == OFFER.c.tenant_id)
        .where(ORGANISATION.c.active)
        .with_only_columns(*columns, last)
        .group_by(*columns)
        .order_by(last, func.max(OFFER.c.id))
    )


@cache
def _keyed(
    scope: Select[Any], subject: Table, columns: tuple[str, ...], newest: bool, locks: Dialect | None
) -> Prepared:
    statement = scope.where(*(subject.c[name] == bindparam(name) for name in columns))
    statement = statement.order_by(subject.c.version.desc()).limit(1) if newest else statement
    return Prepared(locks.lock(statement) if locks else statement)
