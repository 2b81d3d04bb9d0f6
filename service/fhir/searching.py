"""Searching Tasks: the feed that programmes poll. An empty page discloses nothing and costs no write."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from fastapi import APIRouter, Request, Response
from pydantic import TypeAdapter

from service.fhir.documentation import searching
from service.fhir.door import DirectRoute, Door
from service.fhir.paging import Paged
from service.fhir.search import TaskSearch, read_search
from service.fhir.showing import show_focus, show_tasks
from service.fhir.shown import Shown
from service.fhir.write.bundle import SearchMode
from service.referrals.alert import Alert
from service.referrals.offer import Offer
from service.security.scopes import Interaction
from service.store.unit_of_work import UnitOfWork

TASKS = Paged("Task", TypeAdapter(TaskSearch), read_search)
Found = Sequence[tuple[Offer | Alert, int]]


def router(door: Door) -> APIRouter:
    routes = APIRouter(tags=["FHIR"], route_class=DirectRoute)
    routes.add_api_route("/fhir/Task", partial(_search, door), methods=["GET"], **searching("GET"))
    routes.add_api_route("/fhir/Task/_search", partial(_search, door), methods=["POST"], **searching("POST"))
    return routes


async def _search(door: Door, request: Request) -> Response:
    caller = await door.caller(request, "Task", Interaction.SEARCH)
    search = await TASKS.asked(door, caller, request)
    work = partial(_show, door=door, search=search, now=door.clock.now())
    matches, included, last, high_mark = await door.store.read(caller, work)
    onward = None if last is None else replace(search, query=replace(search.query, after=last))
    found = [(SearchMode.MATCH, each) for each in matches] + [(SearchMode.INCLUDE, each) for each in included]
    trees = [(mode, shown.tree()) for mode, shown in found]
    return TASKS.answer(door, caller, request, trees, onward, high_mark)


def _look(tx: UnitOfWork, search: TaskSearch) -> tuple[Found, int]:
    """One more than a page holds, so that the last page knows that it is the last."""
    query = search.query.one_more()
    if search.nothing:
        return [], tx.feed.highest_stamp()
    found: list[tuple[Offer | Alert, int]] = [*tx.feed.offers(query)]
    if not search.referrals_only:
        found += tx.feed.alerts(query)
    found.sort(key=lambda each: (each[1], each[0].id), reverse=query.descending)
    return found, tx.feed.highest_stamp()


def _show(
    tx: UnitOfWork, *, door: Door, search: TaskSearch, now: datetime
) -> tuple[list[Shown], list[Shown], tuple[int, str] | None, int]:
    found, high_mark = _look(tx, search)
    page = found[: search.query.limit]
    if not page:
        return [], [], None, high_mark
    more = len(found) > len(page)
    matches = show_tasks(tx, door.rules, page, now)
    included = show_focus(tx, door.rules, page, now) if search.include_focus else []
    return matches, included, (page[-1][1], page[-1][0].id) if more else None, high_mark
