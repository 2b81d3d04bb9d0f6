"""What is kept for a time only. Nothing that a programme holds goes, and no audit."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, delete, select, tuple_, update

from service.flow.rules import DEFAULT_SITE, Rules
from service.shared.clock import milliseconds
from service.store.control import REPEATED_WITHIN
from service.store.tables.columns import table
from service.store.tables.intake import MessageControlRow, UnreadableMessageRow
from service.store.tables.referral import IS_TOMBSTONE, OfferRow

if TYPE_CHECKING:
    from service.store.unit_of_work import UnitOfWork

AT_MOST = 10_000
# Whoever opens an old link is told that it is over, and not that there is no such thing.
LINKS_KEPT = timedelta(days=90)
OFFER, UNREADABLE, CONTROL = table(OfferRow), table(UnreadableMessageRow), table(MessageControlRow)


def tidy(unit: UnitOfWork, now: datetime, rules: Rules) -> None:
    """Used assertions, dead tokens and old links, bodies that nobody could read, HL7 v2 messages that no sender sends
    again, and tombstones whose time is over.

    At most 10,000 of each, the oldest first: the rest waits for the next time.
    """
    unit.access.forget_dead(now, AT_MOST)
    expired = select(UNREADABLE.c.id).where(UNREADABLE.c.expires_at <= now).order_by(UNREADABLE.c.expires_at)
    unit.execute(delete(UNREADABLE).where(UNREADABLE.c.id.in_(expired.limit(AT_MOST))))
    settled = select(CONTROL.c.tenant_id, CONTROL.c.key).where(CONTROL.c.received_at <= now - REPEATED_WITHIN)
    key = tuple_(CONTROL.c.tenant_id, CONTROL.c.key)
    unit.execute(delete(CONTROL).where(key.in_(settled.order_by(CONTROL.c.received_at).limit(AT_MOST))))
    unit.answers.forget_links(now - LINKS_KEPT)
    own = rules.policies.keys() - {DEFAULT_SITE}
    for site, policy in rules.policies.items():
        theirs = OFFER.c.tenant_id.not_in(own) if site == DEFAULT_SITE else OFFER.c.tenant_id == site
        _let_go(unit, now, theirs, timedelta(days=policy.tombstone_days))


def _let_go(unit: UnitOfWork, now: datetime, theirs: ColumnElement[bool], kept: timedelta) -> None:
    """The hospital keeps the offer; its programme finds nothing under its ids from here on."""
    over = select(OFFER.c.id).where(IS_TOMBSTONE, theirs, OFFER.c.stamp <= milliseconds(now - kept))
    oldest = unit.dialect.claim(over.order_by(OFFER.c.stamp).limit(AT_MOST))
    unit.execute(update(OFFER).where(OFFER.c.id.in_(oldest)).values(let_go_at=now))
