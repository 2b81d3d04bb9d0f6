"""What every search shares (FHIR R4, 3.1.1): the values of a parameter, the size of a page, and the sealed link to the
next one."""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Generic, TypeVar

import orjson
from fastapi import Request, Response
from pydantic import TypeAdapter

from service.fhir.door import Door, Problem, answer, read_form
from service.fhir.outcome import reply
from service.fhir.parameters import Parameters, malformed, query_of, read_parameters, too_many
from service.fhir.survey import Tree
from service.fhir.write.bundle import SearchMode, search_bundle
from service.flow.answer import Reason
from service.security.sealing import Sealer
from service.shared.caller import Caller

FIRST_PAGE = 1_000
# What says how the answer is given and not what is looked for, which may come again and narrows a search further.
_ONCE = ("_count", "_sort", "_page")
_BESIDE_LINK = ("_page", "_format")
_FORMATS = ("json", "application/json", "application/fhir+json", "application/fhir json")
_DIVIDED = re.compile(r"(?:,(?:[^\\,]|\\.)+)+")
_ALTERNATIVE = re.compile(r",((?:[^\\,]|\\.)+)")
Search = TypeVar("Search")


def alternatives(name: str, value: str) -> list[str]:
    """What a comma divides, any of which may be meant; `\\,` is a comma in it (FHIR R4, 3.1.1.5.7)."""
    if not _DIVIDED.fullmatch(f",{value}"):
        raise malformed(name)
    found = [re.sub(r"\\(.)", r"\1", each) for each in _ALTERNATIVE.findall(f",{value}")]
    if len(found) > FIRST_PAGE:
        raise malformed(name)
    return found


def count(value: str) -> int:
    """How many a page may hold."""
    digits = value.isascii() and value.isdigit() and len(value) <= len(str(FIRST_PAGE))
    if not (digits and 1 <= int(value) <= FIRST_PAGE):
        raise malformed("_count")
    return int(value)


def _one_too_many(parameters: Parameters) -> str | None:
    """The name of one of which nothing would be heard. A link holds the whole search."""
    counts = Counter(name for name, _ in parameters)
    repeated = (name for name in _ONCE if counts[name] > 1)
    beside = (name for name in counts if "_page" in counts and name not in _BESIDE_LINK)
    return next(chain(repeated, beside), None)


def check_format(value: str) -> None:
    if value.partition(";")[0] not in _FORMATS:
        raise malformed("_format")


@dataclass(frozen=True, slots=True)
class Paged(Generic[Search]):
    """A type that is searched. `read` makes a search of parameters, and is told whether to be `lenient`; `shape` is how
    it is written into a link."""

    type: str
    shape: TypeAdapter[Search]
    read: Callable[..., Search]

    async def asked(self, door: Door, caller: Caller, request: Request) -> Search:
        """The search that the request says, or that its link stands for. Raises BadInput, or Problem with 404 for a
        link that is not this caller's."""
        parameters = read_parameters(query_of(request))
        if request.method == "POST":
            parameters += await read_form(request)
        lenient, link = "handling=lenient" in request.headers.get("prefer", ""), dict(parameters).get("_page")
        name = _one_too_many(parameters)
        if name is not None and not lenient:
            raise too_many(name)
        if link is None:
            return self.read(parameters, lenient=lenient)
        search = self.read_link(door.sealer, caller.organisation_id, link)
        if search is None:
            raise Problem(reply(Reason.NOT_FOUND))
        return search

    def answer(
        self,
        door: Door,
        caller: Caller,
        request: Request,
        found: Iterable[tuple[SearchMode, Tree]],
        onward: Search | None,
        high_mark_ms: int,
    ) -> Response:
        """One page; `onward` is the search from where it ends, None on the last."""
        address, query = f"{door.fhir_base}/{self.type}", query_of(request)
        link = None if onward is None else self.next_link(door.sealer, caller.organisation_id, onward)
        bundle = search_bundle(
            found,
            base=door.fhir_base,
            self_url=f"{address}?{query}" if query else address,
            next_url=None if link is None else f"{address}?_page={link}",
            high_mark_ms=high_mark_ms,
        )
        return answer(orjson.dumps(bundle))

    def next_link(self, sealer: Sealer, organisation_id: str, onward: Search) -> str:
        """The whole search and the place reached, sealed, and good for this caller alone."""
        return sealer.seal_text(self.shape.dump_json(onward), self._place(organisation_id))

    def read_link(self, sealer: Sealer, organisation_id: str, link: str) -> Search | None:
        """The search a link stands for; None when it was tampered with, or given to another organisation or for another
        type."""
        try:
            return self.shape.validate_json(sealer.open_text(link, self._place(organisation_id)))
        except ValueError:
            return None

    def _place(self, organisation_id: str) -> str:
        return f"next/{organisation_id}/{self.type}"
