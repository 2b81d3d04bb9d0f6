"""The floor: the least that any service on this stack does to answer 201 after a durable commit.

FastAPI takes the body, orjson reads it, and one thread writes two rows in a transaction of their own for each request.
No token, no check, no rule, nothing grouped. Run as `python -m benchmarks.floor PORT FILE`.
"""

import asyncio
import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import orjson
import uvicorn
from fastapi import FastAPI, Request, Response

from service.shared.ids import new_id

SETTINGS = ("journal_mode = WAL", "synchronous = FULL", "fullfsync = ON")
TABLES = (
    "CREATE TABLE message (id TEXT PRIMARY KEY, body BLOB NOT NULL)",
    "CREATE TABLE owed (id TEXT PRIMARY KEY, message_id TEXT NOT NULL, state TEXT NOT NULL)",
)


class File:
    """The database, and the one thread that writes to it."""

    def __init__(self, path: Path) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        for statement in (*(f"PRAGMA {setting}" for setting in SETTINGS), *TABLES):
            self._connection.execute(statement)

    async def keep(self, body: bytes) -> str:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._keep, body)

    def _keep(self, body: bytes) -> str:
        id, execute = new_id(), self._connection.execute
        execute("BEGIN IMMEDIATE")
        execute("INSERT INTO message VALUES (?, ?)", (id, body))
        execute("INSERT INTO owed VALUES (?, ?, 'ready')", (new_id(), id))
        execute("COMMIT")
        return id


def create_application(path: Path) -> FastAPI:
    application, file = FastAPI(docs_url=None, redoc_url=None), File(path)

    @application.post("/fhir/Observation")
    async def take(request: Request) -> Response:
        body = await request.body()
        kind = orjson.loads(body)["resourceType"]
        id = await file.keep(body)
        return Response(orjson.dumps({"resourceType": kind, "id": id}), 201, media_type="application/json")

    @application.get("/readyz")
    async def readyz() -> Response:
        return Response(b"{}", media_type="application/json")

    return application


def main(port: str, path: str) -> None:
    """With the settings that the service gives to uvicorn."""
    uvicorn.run(
        create_application(Path(path)),
        host="127.0.0.1",
        port=int(port),
        access_log=False,
        log_config=None,
        server_header=False,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
