"""The one way by which a caller reads: a SELECT that holds only what its organisation may see."""

from functools import cache
from typing import Any

from sqlalchemy import Column, Select, Table, bindparam, select

from service.shared.caller import Caller, OrganisationKind
from service.store.tables.columns import table
from service.store.tables.intake import ResourceVersionRow
from service.store.tables.referral import AlertRow, OfferRow, ReferralRow
from service.store.tables.woman import ConsentRow, PatientRow

PATIENT, CONSENT, REFERRAL = table(PatientRow), table(ConsentRow), table(ReferralRow)
OFFER, ALERT, RESOURCE = table(OfferRow), table(AlertRow), table(ResourceVersionRow)

_HOSPITAL, _COMMUNITY = OrganisationKind.HOSPITAL, OrganisationKind.COMMUNITY

# A table that stands in no row of this is visible to nobody.
SCOPE: dict[tuple[Table, OrganisationKind], Column[str]] = {
    **{(each, _HOSPITAL): each.c.tenant_id for each in (PATIENT, CONSENT, REFERRAL, OFFER, ALERT, RESOURCE)},
    (OFFER, _COMMUNITY): OFFER.c.organisation_id,
    (RESOURCE, _COMMUNITY): RESOURCE.c.tenant_id,
}


@cache
def _scoped(subject: Table, kind: OrganisationKind, also_let_go: bool) -> Select[Any] | None:
    column = SCOPE.get((subject, kind))
    if column is None:
        return None
    theirs = select(subject).where(column == bindparam("caller_organisation"))
    held = (subject, kind) == (OFFER, _COMMUNITY) and not also_let_go
    return theirs.where(OFFER.c.let_go_at.is_(None)) if held else theirs


def scoped(subject: Table, caller: Caller, *, also_let_go: bool = False) -> Select[Any] | None:
    """The rows of `subject` that the caller may see, None when it may see none whatever they hold.

    `also_let_go` adds what it could see once: nothing of that may be shown. Execute it with `scope_of(caller)`.
    """
    return _scoped(subject, caller.kind, also_let_go)


def scope_of(caller: Caller) -> dict[str, object]:
    return {"caller_organisation": caller.organisation_id}
