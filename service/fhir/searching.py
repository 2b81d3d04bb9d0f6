"""Searching Tasks: the feed that programmes poll. An empty page discloses nothing and costs no write."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

import orjson
from fastapi import APIRouter, Request, Response

from service.fhir.documentation import searching
from service.fhir.door import DirectRoute, Door, answer, read_form, refusal
from service.fhir.parameters import Parameters, query_of, read_parameters
from service.fhir.search import TaskSearch, next_link, read_next_link, read_search
from service.fhir.showing import show_focus, show_tasks
from service.fhir.shown import Shown
from service.fhir.write.bundle import SearchMode, search_bundle
from service.flow.answer import Reason, Refused
from service.referrals.alert import Alert
from service.referrals.offer import Offer
from service.security.scopes import Interaction
from service.store.unit_of_work import UnitOfWork

LONGEST_QUERY = 64 * 1024
Found = Sequence[tuple[Offer | Alert, int]]


def router(door: Door) -> APIRouter:
    routes = APIRouter(tags=["FHIR"], route_class=DirectRoute)
    routes.add_api_route("/fhir/Task", partial(_search, door), methods=["GET"], **searching("GET"))
    routes.add_api_route("/fhir/Task/_search", partial(_search, door), methods=["POST"], **searching("POST"))
    return routes


async def _search(door: Door, request: Request) -> Response:
    caller = await door.caller(request, "Task", Interaction.SEARCH)
    query = query_of(request)[:LONGEST_QUERY]
    parameters = read_parameters(query)
    if request.method == "POST":
        parameters += await read_form(request)
    search = _asked(door, caller.organisation_id, parameters, "handling=lenient" in request.headers.get("prefer", ""))
    if search is None:
        return refusal(Refused(Reason.NOT_FOUND))
    now = door.clock.now()
    work = partial(_show, door=door, search=search, now=now)
    matches, included, last, high_mark = await door.store.read(caller, work)
    link = None if last is None else next_link(door.sealer, caller.organisation_id, search, last)
    return _page(door, matches, included, link, high_mark, query)


def _asked(door: Door, organisation_id: str, parameters: Parameters, lenient: bool) -> TaskSearch | None:
    page = dict(parameters).get("_page")
    if page is not None:
        return read_next_link(door.sealer, organisation_id, page)
    return read_search(parameters, lenient=lenient)


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


def _page(
    door: Door,
    matches: Sequence[Shown],
    included: Sequence[Shown],
    link: str | None,
    high_mark: int,
    query: str,
) -> Response:
    address = f"{door.fhir_base}/Task"
    entries = [(SearchMode.MATCH, each) for each in matches] + [(SearchMode.INCLUDE, each) for each in included]
    bundle = search_bundle(
        [(mode, shown.tree()) for mode, shown in entries],
        base=door.fhir_base,
        self_url=f"{address}?{query}" if query else address,
        next_url=None if link is None else f"{address}?_page={link}",
        high_mark_ms=high_mark,
    )
    return answer(orjson.dumps(bundle))
