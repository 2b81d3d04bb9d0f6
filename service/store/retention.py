"""What is kept for a time only. Nothing that a programme holds goes, and no audit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, ColumnElement, Delete, delete, select, tuple_, update

from service.flow.received import REMEMBERED_FOR
from service.flow.rules import DEFAULT_SITE, Rules
from service.shared.clock import milliseconds
from service.store.tables.access import AccessToken, AssertionSeen
from service.store.tables.columns import table
from service.store.tables.intake import MessageControlRow, UnreadableMessageRow
from service.store.tables.referral import IS_TOMBSTONE, AnswerLinkRow, OfferRow

if TYPE_CHECKING:
    from service.store.unit_of_work import UnitOfWork

AT_MOST = 10_000
# Whoever opens an old link is told that it is over, and not that there is no such thing.
LINKS_KEPT = timedelta(days=90)
OFFER = table(OfferRow)
# The instant of each row from which on it is kept, and for how long.
KEPT: tuple[tuple[Column[datetime], timedelta], ...] = (
    (table(AssertionSeen).c.dead_at, timedelta(0)),
    (table(AccessToken).c.expires_at, timedelta(0)),
    (table(UnreadableMessageRow).c.expires_at, timedelta(0)),
    (table(MessageControlRow).c.received_at, REMEMBERED_FOR),
    (table(AnswerLinkRow).c.expires_at, LINKS_KEPT),
)


def tidy(unit: UnitOfWork, now: datetime, rules: Rules) -> None:
    """Used assertions, dead tokens and old links, bodies that nobody could read, HL7 v2 messages that no sender sends
    again, and tombstones whose time is over.

    At most 10,000 of each, the oldest first: the rest waits for the next time.
    """
    forget(unit.execute, now)
    own = rules.policies.keys() - {DEFAULT_SITE}
    for site, policy in rules.policies.items():
        theirs = OFFER.c.tenant_id.not_in(own) if site == DEFAULT_SITE else OFFER.c.tenant_id == site
        _let_go(unit, now, theirs, timedelta(days=policy.tombstone_days))


def forget(execute: Callable[[Delete], Any], now: datetime, at_most: int = AT_MOST) -> None:
    """Remove what is over by `now`, at most so many rows of each kind."""
    for kept_from, kept in KEPT:
        subject, key = kept_from.table, tuple(kept_from.table.primary_key)
        over = select(*key).where(kept_from <= now - kept).order_by(kept_from).limit(at_most)
        execute(delete(subject).where(tuple_(*key).in_(over)))


def _let_go(unit: UnitOfWork, now: datetime, theirs: ColumnElement[bool], kept: timedelta) -> None:
    """The hospital keeps the offer; its programme finds nothing under its ids from here on."""
    over = select(OFFER.c.id).where(IS_TOMBSTONE, theirs, OFFER.c.stamp <= milliseconds(now - kept))
    oldest = unit.dialect.claim(over.order_by(OFFER.c.stamp).limit(AT_MOST))
    unit.execute(update(OFFER).where(OFFER.c.id.in_(oldest)).values(let_go_at=now))
