"""The directory: organisations and programmes, public facts that hold for nobody in particular (FHIR R4, 3.1.1).

They are few and change seldom, so a search looks through what the caller may see, as it is written.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from service.fhir.documentation import searching
from service.fhir.door import DirectRoute, Door, answer, refusal
from service.fhir.parameters import Parameters, malformed, query_of, read_parameters, unknown
from service.fhir.survey import Tree
from service.fhir.write.bundle import SearchMode, search_bundle
from service.fhir.write.directory import healthcare_service, organisation
from service.flow.answer import Reason, Refused
from service.security.scopes import Interaction
from service.shared.caller import OrganisationKind
from service.store.unit_of_work import UnitOfWork

FIRST_PAGE = 1_000
LONGEST_QUERY = 64 * 1024
Matches = Callable[[Tree, str], bool]


@dataclass(frozen=True, slots=True)
class Listing:
    """What was asked: `wanted` all apply. `after` is the place of the last one seen: its sort key and its id."""

    wanted: tuple[tuple[Matches, str], ...]
    limit: int
    sort: str
    after: tuple[str, str] | None


def router(door: Door) -> APIRouter:
    routes = APIRouter(tags=["FHIR"], route_class=DirectRoute)
    for type in PARAMETERS:
        routes.add_api_route(f"/fhir/{type}", partial(_search, door, type), methods=["GET"], **searching("GET", type))
    return routes


async def _search(door: Door, type: str, request: Request) -> Response:
    caller = await door.caller(request, type, Interaction.SEARCH)
    query = query_of(request)[:LONGEST_QUERY]
    lenient = "handling=lenient" in request.headers.get("prefer", "")
    asked, after = _asked(door, caller.organisation_id, type, read_parameters(query))
    if asked is None:
        return refusal(Refused(Reason.NOT_FOUND))
    listing = read_listing(type, asked, after, lenient=lenient)
    found, high_mark = await door.store.read(caller, lambda tx: (_VIEWS[type](tx), tx.feed.highest_stamp()))
    page, more = choose(found, listing)
    link = _next(door, caller.organisation_id, type, asked, _place(page[-1], listing)) if more else None
    address = f"{door.fhir_base}/{type}"
    bundle = search_bundle(
        [(SearchMode.MATCH, tree) for tree in page],
        base=door.fhir_base,
        self_url=f"{address}?{query}" if query else address,
        next_url=None if link is None else f"{address}?_page={link}",
        high_mark_ms=high_mark,
    )
    return answer(orjson.dumps(bundle))


def read_listing(type: str, parameters: Parameters, after: tuple[str, str] | None, *, lenient: bool) -> Listing:
    """Raises BadInput naming the parameter that is unknown, unless `lenient`, or malformed."""
    wanted: list[tuple[Matches, str]] = []
    limit, sort = FIRST_PAGE, "_id"
    for name, value in parameters:
        if not value:
            raise malformed(name)
        if name in PARAMETERS[type]:
            wanted.append((PARAMETERS[type][name], value))
        elif name == "_count":
            limit = _count(value)
        elif name == "_sort":
            sort = _sort(value)
        elif name != "_format" and not lenient:
            raise unknown(name)
    return Listing(tuple(wanted), limit, sort, after)


def choose(found: Iterable[Tree], listing: Listing) -> tuple[list[Tree], bool]:
    """One page in order, and whether there is another."""
    descending = listing.sort.startswith("-")
    trees = [tree for tree in found if all(matches(tree, value) for matches, value in listing.wanted)]
    trees.sort(key=lambda tree: _place(tree, listing), reverse=descending)
    if listing.after is not None:
        seen = listing.after
        trees = [
            tree for tree in trees if (_place(tree, listing) < seen if descending else _place(tree, listing) > seen)
        ]
    return trees[: listing.limit], len(trees) > listing.limit


def _place(tree: Tree, listing: Listing) -> tuple[str, str]:
    key = {"name": tree["name"].casefold(), "_lastUpdated": tree["meta"]["lastUpdated"]}
    return key.get(listing.sort.removeprefix("-"), ""), tree["id"]


def _asked(
    door: Door, organisation_id: str, type: str, parameters: Parameters
) -> tuple[Parameters | None, tuple[str, str] | None]:
    """The search, and the place it had reached; no search when its link is not this caller's."""
    page = dict(parameters).get("_page")
    if page is None:
        return parameters, None
    try:
        content: dict[str, Any] = orjson.loads(door.sealer.open_text(page, f"next/{organisation_id}/{type}"))
    except ValueError:
        return None, None
    return [(name, value) for name, value in content["asked"]], (content["after"][0], content["after"][1])


def _next(door: Door, organisation_id: str, type: str, asked: Parameters, after: tuple[str, str]) -> str:
    return door.sealer.seal_text(orjson.dumps({"asked": asked, "after": after}), f"next/{organisation_id}/{type}")


def _organisations(tx: UnitOfWork) -> list[Tree]:
    """Its own; for a hospital also those that run programmes."""
    own, hospital = tx.caller.organisation_id, tx.caller.kind is OrganisationKind.HOSPITAL
    return [
        organisation(each)
        for each in tx.organisations.all()
        if each.id == own or (hospital and each.active and each.kind is OrganisationKind.COMMUNITY)
    ]


def _programmes(tx: UnitOfWork) -> list[Tree]:
    """A programme's organisation sees its own, also those that take nobody; everybody else those that are active."""
    own = tx.caller.organisation_id
    if tx.caller.kind is OrganisationKind.COMMUNITY:
        return [healthcare_service(each) for each in tx.programmes.every() if each.programme.organisation_id == own]
    active = {each.id for each in tx.programmes.all()}
    return [healthcare_service(each) for each in tx.programmes.every() if each.programme.id in active]


_VIEWS: Mapping[str, Callable[[UnitOfWork], list[Tree]]] = {
    "HealthcareService": _programmes,
    "Organization": _organisations,
}


def _ids(tree: Tree, value: str) -> bool:
    return tree["id"] in value.split(",")


def _provided_by(tree: Tree, value: str) -> bool:
    """`Organization/id`, an absolute reference or a bare id."""
    own = tree["providedBy"]["reference"].rpartition("/")[2]
    return own in {each.rstrip("/").rpartition("/")[2] for each in value.split(",")}


def _active(tree: Tree, value: str) -> bool:
    words = set(value.split(","))
    if not words <= {"true", "false"}:
        raise malformed("active")
    return str(tree["active"]).lower() in words


def _starts(text: str, value: str) -> bool:
    return any(text.casefold().startswith(each.casefold()) for each in value.split(",") if each)


def _name(tree: Tree, value: str) -> bool:
    return _starts(tree["name"], value)


def _district(tree: Tree, value: str) -> bool:
    """Those that serve it: also the ones that serve everywhere."""
    areas = tree.get("coverageArea", ())
    return not areas or any(area["display"].casefold() == value.strip().casefold() for area in areas)


def _identifier(tree: Tree, value: str) -> bool:
    return any(_is_token(each["system"], each["value"], value) for each in tree["identifier"])


def _concept(element: str, tree: Tree, value: str) -> bool:
    codings = (coding for concept in tree.get(element, ()) for coding in concept.get("coding", ()))
    return any(_is_token(coding["system"], coding["code"], value) for coding in codings)


def _is_token(system: str, code: str, value: str) -> bool:
    """`system|code`, `system|` or `code`; several with commas."""
    for each in value.split(","):
        wanted_system, bar, wanted = each.rpartition("|")
        if (not bar or wanted_system == system) and wanted in ((code, "") if bar else (code,)):
            return True
    return False


def _count(value: str) -> int:
    if not (value.isascii() and value.isdigit() and 1 <= int(value[:9]) <= FIRST_PAGE):
        raise malformed("_count")
    return int(value)


def _sort(value: str) -> str:
    if value.removeprefix("-") not in ("_id", "_lastUpdated", "name"):
        raise malformed("_sort")
    return value


PARAMETERS: Mapping[str, Mapping[str, Matches]] = {
    "HealthcareService": {
        "_id": _ids,
        "active": _active,
        "characteristic": partial(_concept, "characteristic"),
        "district": _district,
        "language": partial(_concept, "communication"),
        "name": _name,
        "organization": _provided_by,
        "service-type": partial(_concept, "type"),
    },
    "Organization": {
        "_id": _ids,
        "active": _active,
        "identifier": _identifier,
        "name": _name,
        "type": partial(_concept, "type"),
    },
}
