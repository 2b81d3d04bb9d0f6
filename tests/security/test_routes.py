"""The three addresses over a real HTTP server, with our own client as the one who asks."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from starlette.types import Message

from service.security.bearer import Bearers
from service.security.jwks import KeySource
from service.security.keys import SigningKeys, load_or_create, rotate
from service.security.outgoing import Outgoing
from service.security.routes import router
from service.security.scopes import HOSPITAL
from service.security.token import FORM, LARGEST_FORM, TokenEndpoint
from service.shared.clock import SystemClock
from tests.security.support import ClientStore, Keys, TokenDesk


class Site:
    """The service's addresses, served on loopback."""

    def __init__(self, store: ClientStore, signing_keys: Path) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listening.getsockname()[1]}"
        self.path = signing_keys
        self.key_source = KeySource(allow_loopback=True)
        self.endpoint = TokenEndpoint(store, self.key_source, f"{self.url}/token", SystemClock())
        self.app = FastAPI()
        self.app.include_router(router(self.endpoint, self.keys, self.url))

    def keys(self) -> SigningKeys:
        return load_or_create(self.path)


@pytest.fixture
def site(store: ClientStore, tmp_path: Path) -> Iterator[Site]:
    site = Site(store, tmp_path / "keys.json")
    config = uvicorn.Config(site.app, log_level="warning", lifespan="off", loop="asyncio", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [site.listening]})
    thread.start()
    yield site
    server.should_exit = True
    thread.join()
    site.listening.close()


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_a_token_is_asked_for_with_post_alone(site: Site, method: str) -> None:
    response = httpx.request(method, f"{site.url}/token?grant_type=client_credentials")
    assert (response.status_code, response.headers["Allow"]) == (405, "POST")
    assert response.json()["error"] == "invalid_request"
    assert response.headers["Cache-Control"] == "no-store"


def test_parameters_in_the_address_are_not_read(site: Site, desk: TokenDesk) -> None:
    query = desk.form(desk.assertion(aud=f"{site.url}/token")).decode()
    response = httpx.post(f"{site.url}/token?{query}", headers={"Content-Type": FORM})
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


def test_a_long_body_is_refused_without_reading_it_to_its_end(site: Site) -> None:
    pieces = iter([b"x" * LARGEST_FORM] * 2)
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": next(pieces), "more_body": True}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/token", "query_string": b"", "headers": []}
    asyncio.run(site.app(scope, receive, send))
    assert (sent[0]["status"], json.loads(sent[1]["body"])["error"]) == (413, "invalid_request")
    assert (b"cache-control", b"no-store") in sent[0]["headers"]


@pytest.mark.parametrize("accept", ["*/*", "text/html", "application/fhir+xml"])
def test_discovery_is_json_whatever_is_accepted(site: Site, accept: str) -> None:
    response = httpx.get(f"{site.url}/fhir/.well-known/smart-configuration", headers={"Accept": accept})
    assert (response.status_code, response.headers["Content-Type"]) == (200, "application/json")
    document = response.json()
    assert set(HOSPITAL.split()) <= set(document.pop("scopes_supported"))
    assert document == {
        "token_endpoint": f"{site.url}/token",
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["RS384", "ES384"],
        "code_challenge_methods_supported": ["S256"],
        "capabilities": ["client-confidential-asymmetric", "permission-v2"],
    }


def test_our_public_keys_may_be_cached_and_a_rotation_shows_at_once(site: Site) -> None:
    response = httpx.get(f"{site.url}/.well-known/jwks.json")
    assert (response.status_code, response.headers["Cache-Control"]) == (200, "public, max-age=3600")
    assert len(response.json()["keys"]) == 1
    assert '"d"' not in response.text
    rotate(site.path, datetime.now(UTC))
    assert len(httpx.get(f"{site.url}/.well-known/jwks.json").json()["keys"]) == 2


@pytest.mark.parametrize("by_address", [True, False])
def test_our_own_client_is_served_by_our_own_token_endpoint(
    site: Site, desk: TokenDesk, keys: Keys, by_address: bool
) -> None:
    given = (
        {"jwks_url": f"{site.url}/.well-known/jwks.json"} if by_address else {"jwks": json.dumps(site.keys().public())}
    )
    client = desk.register(**{"jwks": None, **given})

    async def call() -> str:
        outgoing = Outgoing(
            f"{site.url}/fhir", client.id, lambda: site.keys().current(datetime.now(UTC)), scope="system/Task.rus"
        )
        try:
            response = await outgoing.request("GET", ".well-known/smart-configuration")
            assert response.status_code == 200
            return response.request.headers["Authorization"]
        finally:
            await outgoing.aclose()

    bearers = Bearers(desk.store, SystemClock())
    caller = asyncio.run(bearers.verify(asyncio.run(call()), "correlation"))
    assert (caller.client_id, caller.scopes) == (client.id, frozenset({"system/Task.rus"}))


def test_the_description_of_the_interface_tells_how_to_ask_for_a_token(site: Site) -> None:
    operation = site.app.openapi()["paths"]["/token"]["post"]
    form = operation["requestBody"]["content"][FORM]["schema"]
    assert set(form["required"]) == {"grant_type", "scope", "client_assertion_type", "client_assertion"}
    answer = operation["responses"]["200"]["content"]["application/json"]["schema"]
    assert set(answer["required"]) == {"access_token", "token_type", "expires_in", "scope"}
