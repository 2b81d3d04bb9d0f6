"""The table of scopes in docs/api.md, made from the OpenAPI document and from what each side is given.

`make diagrams` writes it anew.
"""

import asyncio
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from service import wiring
from service.fhir.documentation import METHODS
from service.parts import prepare
from service.security import scopes
from service.security.scopes import Interaction
from service.settings import Settings

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
MARKED = re.compile(r"(<!-- scopes, written by `make diagrams` -->\n).*?(<!-- end -->)", re.DOTALL)
GIVEN = {"Hospital": scopes.HOSPITAL, "Programme": scopes.PROGRAMME}


def needed() -> dict[str, list[str]]:
    """Each scope that one address asks for, and those addresses. A Bundle asks for what its entries need."""
    with tempfile.TemporaryDirectory() as folder:
        parts = prepare(Settings(data_folder=Path(folder)))
        document = wiring.build_application(parts).openapi()
        asyncio.run(parts.close())
    found: dict[str, list[str]] = {}
    for path, item in document["paths"].items():
        for method in METHODS & item.keys():
            ways = [scope for each in item[method].get("security", ()) for scope in each.get("smart", ())]
            if len(ways) == 1:
                found.setdefault(ways[0], []).append(f"{method.upper()} {path}")
    return {scope: sorted(requests) for scope, requests in sorted(found.items(), key=lambda each: _order(each[0]))}


def _order(scope: str) -> tuple[str, int]:
    kind, _, letter = scope.partition(".")
    return kind, scopes.LETTERS.index(letter)


def written(page: str) -> str:
    """The page with the table between its markers made anew."""
    return MARKED.sub(lambda found: f"{found[1]}{table(needed())}{found[2]}", page)


def table(requests: dict[str, list[str]]) -> str:
    head = f"| Scope | {' | '.join(GIVEN)} | Requests |\n|---|{'---|' * (len(GIVEN) + 1)}\n"
    return head + "".join(f"{line}\n" for line in _rows(requests))


def _rows(requests: dict[str, list[str]]) -> Iterator[str]:
    for scope, addresses in requests.items():
        kind, _, letter = scope.removeprefix("system/").partition(".")
        given = ("yes" if scopes.allows(each.split(), kind, Interaction(letter)) else "" for each in GIVEN.values())
        yield f"| `{scope}` | {' | '.join(given)} | {', '.join(f'`{address}`' for address in addresses)} |"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
