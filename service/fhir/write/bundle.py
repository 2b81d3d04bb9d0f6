"""Search results (FHIR R4, section 3.1.1.2)."""

from collections.abc import Iterable
from enum import StrEnum

from service.fhir.raw import instant
from service.fhir.survey import Tree


class SearchMode(StrEnum):
    MATCH = "match"
    INCLUDE = "include"


def search_bundle(
    entries: Iterable[tuple[SearchMode, Tree]],
    *,
    base: str,
    self_url: str,
    next_url: str | None,
    high_mark_ms: int,
) -> Tree:
    """A searchset in the order given; what comes twice, as the focus of two Tasks does, stays where it came first.

    `base` is the FHIR base without a slash at its end. `high_mark_ms` becomes meta.lastUpdated, the instant from which
    a poller may safely ask the next time. There is no total: it would count what the caller may not see.
    """
    found: dict[str, Tree] = {}
    for mode, resource in entries:
        url = f"{base}/{resource['resourceType']}/{resource['id']}"
        found.setdefault(url, {"fullUrl": url, "resource": resource, "search": {"mode": mode.value}})
    links = [{"relation": "self", "url": self_url}]
    if next_url is not None:
        links.append({"relation": "next", "url": next_url})
    bundle = {
        "resourceType": "Bundle",
        "meta": {"lastUpdated": instant(high_mark_ms)},
        "type": "searchset",
        "link": links,
    }
    return bundle | {"entry": list(found.values())} if found else bundle
