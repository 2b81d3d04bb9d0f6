"""What an operator's probes ask of a process: whether it lives, whether it can commit, and what it has counted."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import orjson
from fastapi import APIRouter, FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from service.shared import telemetry

Ready = Callable[[], str | None]
"""None when the service can commit, else the reason why not."""
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def application(ready: Ready, lifespan: Lifespan) -> FastAPI:
    """The probes alone, of a process that serves nothing else by HTTP."""
    probes = FastAPI(openapi_url=None, lifespan=lifespan)
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
        telemetry.READY.set(reason is None)
        answer = {"status": "ready"} if reason is None else {"status": "not ready", "reason": reason}
        return Response(orjson.dumps(answer), 200 if reason is None else 503, media_type="application/json")

    @routes.get("/metrics", summary="Counters for Prometheus")
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return routes
