"""The live page's web server: the page, and each new step as a server-sent event (HTML standard, section 9.2)."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from service.demo.page.render import addition, page, policy
from service.demo.server import LoopbackServer, loopback
from service.demo.step import Ending, Telling

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": policy(),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
LOOKS_EVERY_SECONDS = 0.2


@contextmanager
def live_page(telling: Telling, docs_url: str) -> Iterator[str]:
    """Serve it on a free port of this machine while the block lasts; gives its address."""
    listening, origin = loopback()
    with LoopbackServer(listening, application(telling, docs_url)):
        yield f"{origin}/demo"


def application(telling: Telling, docs_url: str) -> Starlette:
    """`docs_url` is where the service describes its API."""

    async def whole(_: Request) -> Response:
        return HTMLResponse(page(telling, docs_url), headers=HEADERS)

    async def steps(request: Request) -> Response:
        # A browser that lost the connection says itself what it had.
        had = request.headers.get("Last-Event-ID") or request.query_params.get("after", "")
        begin = int(had) if had.isascii() and had.isdigit() else 0
        return StreamingResponse(_events(telling, begin), media_type="text/event-stream", headers=HEADERS)

    async def elsewhere(_: Request) -> Response:
        return RedirectResponse("/demo")

    return Starlette(routes=[Route("/demo", whole), Route("/demo/steps", steps), Route("/", elsewhere)])


async def _events(telling: Telling, begin: int) -> AsyncIterator[str]:
    """What is told from place `begin` on, each with the place to go on from, until the ending."""
    place = begin
    while True:
        for told in telling.told[place:]:
            place += 1
            yield f"id: {place}\ndata: {json.dumps(addition(told))}\n\n"
            if isinstance(told, Ending):
                return
        await asyncio.sleep(LOOKS_EVERY_SECONDS)
