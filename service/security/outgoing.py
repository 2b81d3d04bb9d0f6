"""Our own calls to a hospital's record, as its client in SMART Backend Services."""

import asyncio
import re
import ssl
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import cast

import authlib.deprecate
import httpx
from joserfc.jwk import ECKey

from service.security.keys import ALGORITHM, SigningKey
from service.security.transport import Capped, is_loopback, url_of
from service.shared.errors import ServiceError
from service.shared.ids import new_id

with warnings.catch_warnings():
    # Authlib prefers the successor of httpx and says so at every import; which one we use is pinned.
    warnings.simplefilter("ignore", authlib.deprecate.AuthlibDeprecationWarning)
    from authlib.integrations.base_client import OAuthError
    from authlib.integrations.httpx_client import AsyncOAuth2Client
    from authlib.oauth2.rfc7523 import PrivateKeyJWT, private_key_jwt_sign

SCOPE = (
    "system/Patient.crs system/ServiceRequest.crus system/Task.crus system/Communication.crs "
    "system/DocumentReference.crs"
)
ASSERTION_SECONDS = 240
TOKEN_SECONDS_UNLESS_SAID = 300
LONGEST_TOKEN_SECONDS = 3600
RENEW_AT = 0.8
LARGEST_ANSWER = 5 * 1024 * 1024
LARGEST_DOCUMENT = 64 * 1024
DISCOVERY_SECONDS = 5.0
TIMEOUT = httpx.Timeout(10.0, connect=5.0)
WHOLE_CALL_SECONDS = 30.0
BEARER_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750, section 2.1


class NotAuthorised(ServiceError):
    """No access token could be had, so the request was never sent and may be tried again safely."""


class ForeignAddress(ServiceError):
    """The address is not below the FHIR base that the token is for. Nothing was sent."""


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    renew_at: float


class _Assertion(PrivateKeyJWT):  # type: ignore[misc]  # Authlib has no types
    """Authlib's own lives for an hour; SMART allows five minutes, names the key and wants a new jti for each try."""

    alg = ALGORITHM

    def __init__(self, token_endpoint: str, kid: str) -> None:
        super().__init__(token_endpoint, headers={"typ": "JWT", "kid": kid})

    def sign(self, auth: AsyncOAuth2Client, token_endpoint: str) -> str:
        signed = private_key_jwt_sign(
            cast(ECKey, auth.client_secret),
            client_id=auth.client_id,
            token_endpoint=token_endpoint,
            claims={"jti": new_id()},
            header=dict(self.headers),
            alg=self.alg,
            expires_in=ASSERTION_SECONDS,
        )
        return cast(str, signed)


class Outgoing:
    """Requests to one FHIR endpoint, with a token that is fetched once for however many wait and renewed in time.

    `endpoint` is https, or http on this machine. `signing_key` gives the key that signs now. Close it with `aclose`.
    """

    def __init__(
        self,
        endpoint: str,
        client_id: str,
        signing_key: Callable[[], SigningKey],
        *,
        scope: str = SCOPE,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._base = httpx.URL(endpoint.rstrip("/"))
        if not _may_be_called(self._base, from_loopback=True):
            raise ForeignAddress("A FHIR endpoint needs https, unless it is on this machine.")
        self._client_id = client_id
        self._signing_key = signing_key
        self._scope = scope
        self._elapsed = elapsed
        self._token: _Token | None = None
        self._renewal: asyncio.Task[_Token] | None = None
        self._http = _http(LARGEST_ANSWER)

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, content: bytes | None = None
    ) -> httpx.Response:
        """Send one request, and once more with a new token if the first was refused with 401.

        `url` is absolute, or relative to the endpoint. No redirect is followed. Raises ForeignAddress or NotAuthorised
        when nothing was sent. httpx.ConnectError and httpx.ConnectTimeout also mean so; any other httpx.TransportError
        leaves it open whether the record acted on the request.
        """
        address = self._address(url)
        token = await self._current_token()
        response = await self._send(method, address, token, headers, content)
        if response.status_code == 401:
            if self._token is token:  # else someone else has had the same answer and renewed it
                self._token = None
            response = await self._send(method, address, await self._current_token(), headers, content)
        return response

    async def aclose(self) -> None:
        await self._http.aclose()

    async def _send(
        self, method: str, address: httpx.URL, token: _Token, headers: Mapping[str, str] | None, content: bytes | None
    ) -> httpx.Response:
        sent = httpx.Headers(headers)
        sent["Authorization"] = f"Bearer {token.text}"
        try:
            async with asyncio.timeout(WHOLE_CALL_SECONDS):
                return await self._http.request(method, address, headers=sent, content=content)
        except TimeoutError as problem:
            raise httpx.ReadTimeout("The answer took too long as a whole.") from problem

    async def _current_token(self) -> _Token:
        if self._token is not None and self._elapsed() < self._token.renew_at:
            return self._token
        if self._renewal is None:
            self._renewal = asyncio.create_task(self._renew())
        return await asyncio.shield(self._renewal)

    async def _renew(self) -> _Token:
        try:
            self._token = await self._new_token()
            return self._token
        finally:
            self._renewal = None

    async def _new_token(self) -> _Token:
        asked_at = self._elapsed()
        try:
            async with asyncio.timeout(WHOLE_CALL_SECONDS):
                answer = await self._exchange(await self._token_endpoint())
            seconds = int(str(answer.get("expires_in", TOKEN_SECONDS_UNLESS_SAID)))
        except (
            httpx.HTTPError,
            httpx.InvalidURL,
            OAuthError,
            OSError,
            ValueError,
            TypeError,
            RecursionError,
        ) as problem:
            raise NotAuthorised(f"The record gave no access token ({type(problem).__name__}).") from problem
        text, kind = answer.get("access_token"), str(answer.get("token_type")).lower()
        if not isinstance(text, str) or not BEARER_TOKEN.fullmatch(text) or kind != "bearer":
            raise NotAuthorised("The record's answer holds no bearer token.")
        return _Token(text, asked_at + RENEW_AT * min(seconds, LONGEST_TOKEN_SECONDS))

    async def _token_endpoint(self) -> str:
        """Asked for again with every token, so that a record may move its token endpoint whenever it likes."""
        async with _http(LARGEST_DOCUMENT, httpx.Timeout(DISCOVERY_SECONDS)) as http:
            async with asyncio.timeout(DISCOVERY_SECONDS):
                response = await http.get(f"{self._base}/.well-known/smart-configuration")
            document = response.raise_for_status().json()
        endpoint = document.get("token_endpoint") if isinstance(document, dict) else None
        if not isinstance(endpoint, str) or not _may_be_called(httpx.URL(endpoint), is_loopback(self._base.host)):
            raise NotAuthorised("The record names no token endpoint with https.")
        return endpoint

    async def _exchange(self, token_endpoint: str) -> dict[str, object]:
        signing = self._signing_key()
        client = AsyncOAuth2Client(
            self._client_id,
            client_secret=signing.key,
            token_endpoint_auth_method=_Assertion(token_endpoint, signing.kid),
            scope=self._scope,
            transport=_transport(LARGEST_DOCUMENT),
            timeout=TIMEOUT,
            follow_redirects=False,
        )
        async with client:
            return cast(dict[str, object], await client.fetch_token(token_endpoint, grant_type="client_credentials"))

    def _address(self, url: str) -> httpx.URL:
        """The token opens every door of this record, so it is shown at no other origin and outside no FHIR base."""
        base = self._base
        absolute = url.lower().startswith(("https://", "http://"))
        address = httpx.URL(url if absolute else f"{base}/{url.lstrip('/')}")
        same_origin = (address.scheme, address.host, address.port) == (base.scheme, base.host, base.port)
        inside = address.path == base.path or address.path.startswith(base.path.rstrip("/") + "/")
        if not same_origin or not inside or ".." in address.path.split("/") or address.userinfo:
            raise ForeignAddress("The address is not below the FHIR base of this record.")
        return address


def _may_be_called(url: httpx.URL, from_loopback: bool) -> bool:
    """Plain http stays on this machine, and only a record on this machine may point at it."""
    secure = url.scheme == "https" and bool(url.host)
    return secure or (url.scheme == "http" and from_loopback and is_loopback(url.host))


def endpoint_problem(endpoint: str) -> str | None:
    """Why a token may not be shown at this FHIR endpoint, in words for whoever registers it; None when it may."""
    url = url_of(endpoint)
    if url is None:
        return "is not a URL, or has a blank in it"
    if url.userinfo:
        return "may have no user in it: the service signs in by its own key"
    if {"?", "#"} & set(endpoint):
        return "may have no query and no fragment: resources are asked for by what is put behind it"
    return None if _may_be_called(url, from_loopback=True) else "must be an https address, or http on this machine"


def _http(limit: int, timeout: httpx.Timeout = TIMEOUT) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=_transport(limit), timeout=timeout, follow_redirects=False)


def _transport(limit: int) -> Capped:
    return Capped(httpx.AsyncHTTPTransport(verify=_tls()), limit)


@cache
def _tls() -> ssl.SSLContext:
    """Made once, for reading every authority's certificate takes longer than a request. Honours SSL_CERT_FILE."""
    return httpx.create_ssl_context()
