"""A small SMART Backend Services client (SMART App Launch 2.2), as a hospital or a programme would write one."""

import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey

from service.demo.authority import ASSERTION_TYPE
from service.demo.record import Resource
from service.demo.step import Call, masked, wire

FHIR_JSON = "application/fhir+json"
ASSERTION_SECONDS = 240


class CallFailed(Exception):
    """A call was not answered as it had to be. The text is one readable line without anybody's data."""


@dataclass(frozen=True, slots=True)
class Identity:
    """An organisation as one server knows it, with the private key that proves it."""

    organisation_id: str
    client_id: str
    scope: str
    key: ECKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call and its answer; `body` is empty when the answer was no JSON object.

    `call` is the same as it was on the wire, to be shown.
    """

    method: str
    url: str
    status: int
    headers: Mapping[str, str]
    body: Resource
    call: Call

    def must_be(self, *statuses: int) -> "Exchange":
        """Itself, if the status is one of these. Raises CallFailed."""
        if self.status in statuses:
            return self
        issues = self.body.get("issue") or [{}]
        code = issues[0].get("code") or self.body.get("error") or "no reason given"
        wanted = " or ".join(str(status) for status in statuses)
        raise CallFailed(f"{self.method} {self.path} answered {self.status} ({code}), not {wanted}")

    @property
    def path(self) -> str:
        """The path without host or query."""
        return httpx.URL(self.url).path

    @property
    def resource_id(self) -> str:
        """The id of what was written: from Location (…/Type/id/_history/n), else from the body. Raises CallFailed."""
        location = self.headers.get("location", "").partition("/_history/")[0]
        found = location.rpartition("/")[2] or self.body.get("id")
        if not found:
            raise CallFailed(f"{self.method} {self.path} did not say where the resource is")
        return str(found)


class SmartClient:
    """Calls one FHIR server as one identity: discovers, asks for a token, renews it in time and after one 401."""

    def __init__(self, base: str, identity: Identity, http: httpx.AsyncClient) -> None:
        self.base = base.rstrip("/")
        self.identity = identity
        self._http = http
        self._token = ""
        self._renew_at = 0.0

    async def token(self) -> Exchange:
        """Discovery and a fresh token; the exchange is the token call. Raises CallFailed when refused."""
        found = await self._call("GET", f"{self.base}/.well-known/smart-configuration", {}, None)
        endpoint = str(found.must_be(200).body.get("token_endpoint"))
        form = {
            "grant_type": "client_credentials",
            "scope": self.identity.scope,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion(self.identity, endpoint),
        }
        granted = (await self._call("POST", endpoint, {}, form=form)).must_be(200)
        self._token = str(granted.body.get("access_token"))
        self._renew_at = time.monotonic() + 0.8 * float(granted.body.get("expires_in", 0))
        return granted

    async def request(
        self, method: str, path: str, body: Resource | None = None, headers: Mapping[str, str] | None = None
    ) -> Exchange:
        """One FHIR call; `path` is below the base. An answer of any status is returned, no answer is CallFailed."""
        if time.monotonic() >= self._renew_at:
            await self.token()
        url = f"{self.base}/{path}"
        answer = await self._call(method, url, self._authorised(headers), body)
        if answer.status == 401:
            await self.token()
            answer = await self._call(method, url, self._authorised(headers), body)
        return answer

    def _authorised(self, headers: Mapping[str, str] | None) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}", "Accept": FHIR_JSON, **(headers or {})}

    async def _call(
        self,
        method: str,
        url: str,
        headers: dict[str, str],
        body: Resource | None = None,
        form: Mapping[str, str] | None = None,
    ) -> Exchange:
        begun = time.perf_counter()
        if body is not None:
            headers = {"Content-Type": FHIR_JSON, **headers}
        content = json.dumps(body).encode() if body is not None else None
        try:
            answer = await self._http.request(method, url, headers=headers, content=content, data=form)
        except httpx.HTTPError as error:
            raise CallFailed(f"{method} {httpx.URL(url).path} got no answer ({type(error).__name__})") from error
        return Exchange(method, url, answer.status_code, answer.headers, _tree(answer), shown(answer, begun))


def assertion(identity: Identity, token_url: str, **changes: Any) -> str:
    """A signed client assertion, good for four minutes and one use (section "Authentication JWT claims").

    `changes` replace claims: a test makes bad assertions with them.
    """
    claims = {
        "iss": identity.client_id,
        "sub": identity.client_id,
        "aud": token_url,
        "exp": int(time.time()) + ASSERTION_SECONDS,
        "jti": str(uuid.uuid4()),
    }
    header = {"alg": "ES384", "typ": "JWT", "kid": identity.key.kid}
    return jwt.encode(header, claims | changes, identity.key, algorithms=["ES384"])


def connection() -> httpx.AsyncClient:
    """A connection pool for calls on this machine: no proxy, no redirects, ten seconds of patience."""
    return httpx.AsyncClient(timeout=10, trust_env=False, follow_redirects=False)


def shown(answer: httpx.Response, begun: float) -> Call:
    """The call as it was on the wire; `begun` is by the performance counter."""
    asked = answer.request
    return Call(
        asked.method,
        masked(asked.url.raw_path).decode(),
        str(answer.status_code),
        time.perf_counter() - begun,
        wire(asked.headers, asked.content),
        wire(answer.headers, answer.content),
    )


def _tree(answer: httpx.Response) -> Resource:
    try:
        tree = answer.json()
    except ValueError:
        return {}
    return tree if isinstance(tree, dict) else {}
