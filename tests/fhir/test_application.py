"""What is around every door: a request that nobody waits for any more is no defect of ours."""

import asyncio
import logging

import pytest
from fastapi import FastAPI, Request, Response
from starlette.types import Message

from service.fhir.application import CLIENT_GONE, Identified


def test_a_client_that_goes_away_in_the_middle_is_counted_and_is_no_defect(caplog: pytest.LogCaptureFixture) -> None:
    application = FastAPI()
    application.add_middleware(Identified)
    came = iter((
        {"type": "http.request", "body": b"half", "more_body": True},
        {"type": "http.disconnect"},
    ))  # fmt: skip
    sent = list[Message]()

    @application.post("/")
    async def take(request: Request) -> Response:
        return Response(await request.body())

    async def receive() -> Message:
        return next(came)

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": []}
    with caplog.at_level(logging.INFO, "peer_referral"):
        asyncio.run(application(scope, receive, send))
    (told,) = [each for each in caplog.records if each.name == "peer_referral"]
    assert (told.levelname, told.getMessage(), vars(told)["facts"]["status"]) == ("INFO", "request", CLIENT_GONE)
    assert sent == []
