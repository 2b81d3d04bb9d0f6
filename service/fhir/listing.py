"""The directory: organisations and programmes, public facts that hold for nobody in particular (FHIR R4, 3.1.1).

They are few and change seldom, so a search looks through what the caller may see, as it is written.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from fastapi import APIRouter, Request, Response
from pydantic import TypeAdapter

from service.fhir.documentation import searching
from service.fhir.door import DirectRoute, Door
from service.fhir.paging import FIRST_PAGE, Paged, alternatives, check_format, count
from service.fhir.parameters import Parameters, malformed, unknown
from service.fhir.survey import Tree
from service.fhir.write.bundle import SearchMode
from service.fhir.write.directory import healthcare_service, organisation
from service.security.scopes import Interaction
from service.shared.caller import OrganisationKind
from service.store.unit_of_work import UnitOfWork

Matches = Callable[[Tree, Sequence[str]], bool]


@dataclass(frozen=True, slots=True)
class Listing:
    """What was asked: `wanted` all apply, each with the values of which any may be meant. `after` is the place of the
    last one seen: its sort key and its id."""

    wanted: tuple[tuple[str, tuple[str, ...]], ...] = ()
    limit: int = FIRST_PAGE
    sort: str = "_id"
    after: tuple[str, str] | None = None


def router(door: Door) -> APIRouter:
    routes = APIRouter(tags=["FHIR"], route_class=DirectRoute)
    for type in PARAMETERS:
        paged = Paged(type, TypeAdapter(Listing), partial(read_listing, type))
        routes.add_api_route(f"/fhir/{type}", partial(_search, door, paged), methods=["GET"], **searching("GET", type))
    return routes


async def _search(door: Door, paged: Paged[Listing], request: Request) -> Response:
    caller = await door.caller(request, paged.type, Interaction.SEARCH)
    listing = await paged.asked(door, caller, request)
    found, high_mark = await door.store.read(caller, lambda tx: (_VIEWS[paged.type](tx), tx.feed.highest_stamp()))
    page, more = choose(paged.type, found, listing)
    onward = replace(listing, after=_place(page[-1], listing)) if more else None
    return paged.answer(door, caller, request, [(SearchMode.MATCH, tree) for tree in page], onward, high_mark)


def read_listing(type: str, parameters: Parameters, *, lenient: bool) -> Listing:
    """Raises BadInput naming the parameter that is unknown, unless `lenient`, or malformed."""
    listing = Listing()
    for name, value in parameters:
        if name in PARAMETERS[type]:
            listing = replace(listing, wanted=(*listing.wanted, (name, _values(name, value))))
        elif name == "_count":
            listing = replace(listing, limit=count(value))
        elif name == "_sort":
            listing = replace(listing, sort=_sort(value))
        elif name == "_format":
            check_format(value)
        elif not lenient:
            raise unknown(name)
    return listing


def choose(type: str, found: Iterable[Tree], listing: Listing) -> tuple[list[Tree], bool]:
    """One page in order, and whether there is another."""
    descending = listing.sort.startswith("-")
    trees = [tree for tree in found if all(PARAMETERS[type][name](tree, values) for name, values in listing.wanted)]
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


def _ids(tree: Tree, values: Sequence[str]) -> bool:
    return tree["id"] in values


def _provided_by(tree: Tree, values: Sequence[str]) -> bool:
    """`Organization/id`, an absolute reference or a bare id."""
    own = tree["providedBy"]["reference"].rpartition("/")[2]
    return own in {each.rstrip("/").rpartition("/")[2] for each in values}


def _active(tree: Tree, values: Sequence[str]) -> bool:
    return str(tree["active"]).lower() in values


def _name(tree: Tree, values: Sequence[str]) -> bool:
    name: str = tree["name"].casefold()
    return name.startswith(tuple(each.casefold() for each in values))


def _district(tree: Tree, values: Sequence[str]) -> bool:
    """Those that serve it: also the ones that serve everywhere."""
    areas, asked = tree.get("coverageArea", ()), {each.strip().casefold() for each in values}
    return not areas or any(area["display"].casefold() in asked for area in areas)


def _identifier(tree: Tree, values: Sequence[str]) -> bool:
    return any(_is_token(each["system"], each["value"], values) for each in tree["identifier"])


def _concept(element: str, tree: Tree, values: Sequence[str]) -> bool:
    codings = (coding for concept in tree.get(element, ()) for coding in concept.get("coding", ()))
    return any(_is_token(coding["system"], coding["code"], values) for coding in codings)


def _is_token(system: str, code: str, values: Sequence[str]) -> bool:
    """`system|code`, `system|` or `code`."""
    return not {f"{system}|{code}", f"{system}|", code}.isdisjoint(values)


def _values(name: str, value: str) -> tuple[str, ...]:
    values = alternatives(name, value)
    if name == "active" and not {"true", "false"}.issuperset(values):
        raise malformed(name)
    return tuple(values)


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
