"""What an operator's probes ask of a process: whether it lives, whether it can commit, and what it has counted."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import orjson
from fastapi import APIRouter, FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from service.shared import telemetry

Ready = Callable[[], str | None]
"""None when the service can commit, else the reason why not."""
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]

LOOKS_EVERY = 0.5
"""Seconds. A shorter outage is in the counters alone."""


@asynccontextmanager
async def watching(ready: Ready) -> AsyncIterator[None]:
    """Log once that the service cannot commit, and once that it can again, for as long as the block lasts."""
    task = asyncio.create_task(_watch(ready))
    try:
        yield
    finally:
        task.cancel()


async def _watch(ready: Ready) -> None:
    told: str | None = None
    while True:
        reason = ready()
        telemetry.READY.set(reason is None)
        if reason is not None and told is None:
            telemetry.tell_person("store-unavailable", reason=reason)
        elif reason is None and told is not None:
            telemetry.tell("store-available")
        told = reason
        await asyncio.sleep(LOOKS_EVERY)


def application(ready: Ready, lifespan: Lifespan) -> FastAPI:
    """The probes alone, of a process that serves nothing else by HTTP."""
    probes = FastAPI(openapi_url=None, redirect_slashes=False, lifespan=lifespan)
    probes.include_router(router(ready))
    return probes


def router(ready: Ready) -> APIRouter:
    routes = APIRouter(tags=["operation"])

    @routes.get("/livez", summary="Whether the process runs")
    async def livez() -> Response:
        return Response(orjson.dumps({"status": "live"}), media_type="application/json")

    @routes.get("/readyz", summary="Whether the service can take messages: its database can commit")
    async def readyz() -> Response:
        reason = ready()
        answer = {"status": "ready"} if reason is None else {"status": "not ready", "reason": reason}
        return Response(orjson.dumps(answer), 200 if reason is None else 503, media_type="application/json")

    @routes.get("/metrics", summary="Counters for Prometheus")
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return routes
