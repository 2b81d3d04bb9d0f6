"""How other systems name what we know. The primary key decides who was first, never a search."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from sqlalchemy import and_, bindparam, delete, select, update

from service.store.dialect import Dialect
from service.store.prepared import Prepared
from service.store.tables.columns import table
from service.store.tables.intake import AliasRow

if TYPE_CHECKING:
    from service.store.unit_of_work import UnitOfWork

Name = tuple[str, str, str, str]
"""Tenant, type, system and value."""
ALIAS = table(AliasRow)
# Not called as the columns are, for an UPDATE keeps those names to itself.
IN_TENANT = and_(ALIAS.c.tenant_id == bindparam("in_tenant"), ALIAS.c.type == bindparam("of_type"))
NAME = and_(IN_TENANT, ALIAS.c.system == bindparam("in_system"), ALIAS.c.value == bindparam("named"))
NAMES_OF = and_(IN_TENANT, ALIAS.c.resource_id == bindparam("of_id"))
FIND = Prepared(select(ALIAS.c.resource_id).where(NAME))
NAMES = Prepared(select(ALIAS.c.system, ALIAS.c.value, ALIAS.c.former).where(NAMES_OF))
MARK = Prepared(update(ALIAS).where(NAME).values(former=bindparam("is_former")))
HANDED_OVER = and_(NAMES_OF, ALIAS.c.system.is_distinct_from(bindparam("kept_system")))
FORGET = Prepared(
    delete(ALIAS).where(ALIAS.c.tenant_id == bindparam("in_tenant"), ALIAS.c.system == bindparam("in_system"))
)
HAND_OVER = Prepared(update(ALIAS).where(HANDED_OVER).values(resource_id=bindparam("to_id"), former=True))


@cache
def _claim(dialect: Dialect) -> Prepared:
    return Prepared(dialect.insert(ALIAS).on_conflict_do_nothing())


class Aliases:
    """Names in the caller's tenant, unless `tenant_id` says otherwise (a delivery names the hospital it goes to)."""

    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit
        self._known: dict[Name, str] = {}

    def find(self, type: str, system: str, value: str, tenant_id: str | None = None) -> str | None:
        """Asked once in a unit: what a name stands for changes only when two records become one, and whoever locks one
        of them hears of that."""
        name = self._name(type, system, value, tenant_id)
        known = self._known.get(name) or self._unit.execute(FIND, _named(name)).scalar_one_or_none()
        if known is not None:
            self._known[name] = known
        return known

    def claim(self, type: str, system: str, value: str, resource_id: str, tenant_id: str | None = None) -> str:
        name = self._name(type, system, value, tenant_id)
        if (known := self._known.get(name)) is not None:
            return known
        row = {
            "tenant_id": name[0],
            "type": type,
            "system": system,
            "value": value,
            "resource_id": resource_id,
            "former": False,
        }
        claimed = self._unit.execute(_claim(self._unit.dialect), row).rowcount == 1
        holder: str = resource_id if claimed else self._unit.execute(FIND, _named(name)).scalar_one()
        self._known[name] = holder
        return holder

    def names(self, type: str, resource_id: str, tenant_id: str) -> list[tuple[str, str]]:
        """(system, value) of every name that this resource goes by in a tenant; of its former ones if it has no
        other."""
        values = {"in_tenant": tenant_id, "of_type": type, "of_id": resource_id}
        rows = self._unit.execute(NAMES, values).all()
        return [(row.system, row.value) for row in [each for each in rows if not each.former] or rows]

    def retire(self, type: str, system: str, value: str) -> None:
        """It still leads to what it stands for, which is called so no more."""
        self._unit.execute(MARK, {**_named(self._name(type, system, value)), "is_former": True})

    def restore(self, type: str, system: str, value: str) -> None:
        """What it stands for is called so again."""
        self._unit.execute(MARK, {**_named(self._name(type, system, value)), "is_former": False})

    def forget(self, tenant_id: str, system: str) -> None:
        """Every name in it, of whatever: it may mean something else there now."""
        self._known.clear()
        self._unit.execute(FORGET, {"in_tenant": tenant_id, "in_system": system})

    def hand_over(self, type: str, resource_id: str, to_id: str, kept_system: str | None) -> None:
        """Every name of the one, but for those in `kept_system`, is a former name of the other."""
        self._known.clear()
        values = {"in_tenant": self._unit.caller.organisation_id, "of_type": type, "of_id": resource_id}
        self._unit.execute(HAND_OVER, {**values, "to_id": to_id, "kept_system": kept_system})

    def _name(self, type: str, system: str, value: str, tenant_id: str | None = None) -> Name:
        return (tenant_id or self._unit.caller.organisation_id, type, system, value)


def _named(name: Name) -> dict[str, str]:
    return dict(zip(("in_tenant", "of_type", "in_system", "named"), name, strict=True))
