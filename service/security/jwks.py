"""The public keys of clients: given at registration, or fetched from the address given at registration.

A fetched set is used no longer than its Cache-Control allows and never when stale (SMART, client-confidential-
asymmetric). A key id that is not in it may be new, so it is fetched once more, at most once a minute for one client.
"""

import asyncio
import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import httpx

from service.security.assertion import KEY_TYPES, JsonKey, is_strong
from service.security.errors import Flaw, InvalidClient
from service.security.transport import Capped, Pinned, is_inside, is_loopback, url_of
from service.shared.client import Client

LARGEST_SET = 64 * 1024
FETCH_SECONDS = 3.0
SECONDS_WITHOUT_CACHE_CONTROL = 300.0
LONGEST_KEPT_SECONDS = 3600.0
SECONDS_BETWEEN_REFETCHES = 60.0
MAX_AGE = re.compile(r"(?:^|[\s,])max-age\s*=\s*\"?(\d{1,9})", re.IGNORECASE)
UNCACHED = re.compile(r"(?:^|[\s,])no-(?:store|cache)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Fetched:
    keys: tuple[JsonKey, ...]
    fresh_until: float


class KeySource:
    """Finds a client's keys. Loopback addresses, and http to them, are allowed for a demonstration alone."""

    def __init__(self, *, allow_loopback: bool = False, elapsed: Callable[[], float] = time.monotonic) -> None:
        self._allow_loopback = allow_loopback
        self._elapsed = elapsed
        self._fetched: dict[str, _Fetched] = {}
        self._refetched: dict[str, float] = {}
        self._under_way: dict[str, asyncio.Task[tuple[JsonKey, ...]]] = {}
        self._http: httpx.AsyncClient | None = None

    async def keys(self, client: Client, key_id: str) -> tuple[JsonKey, ...]:
        """The client's whole key set, looked at again when `key_id` is not in it.

        Raises InvalidClient(KEYS_UNAVAILABLE) when the set cannot be had within 3 seconds and 64 KB, or is no JWK Set.
        """
        if client.jwks_url is None:
            return read_set((client.jwks or "").encode())
        kept = self._fetched.get(client.jwks_url)
        if kept is None or self._elapsed() >= kept.fresh_until:
            return await self._fetch_once(client.jwks_url)
        if any(key.get("kid") == key_id for key in kept.keys) or not self._may_refetch(client.id):
            return kept.keys
        return await self._fetch_once(client.jwks_url)

    async def aclose(self) -> None:
        if self._http is not None:
            await self._http.aclose()

    def _may_refetch(self, client_id: str) -> bool:
        present = self._elapsed()
        if present - self._refetched.get(client_id, float("-inf")) < SECONDS_BETWEEN_REFETCHES:
            return False
        self._refetched[client_id] = present
        return True

    async def _fetch_once(self, url: str) -> tuple[JsonKey, ...]:
        """However many ask at once, one request goes out; a caller that leaves does not end it for the rest."""
        task = self._under_way.get(url)
        if task is None:
            task = self._under_way[url] = asyncio.create_task(self._fetch(url))
            task.add_done_callback(lambda _: self._under_way.pop(url))
        return await asyncio.shield(task)

    async def _fetch(self, url: str) -> tuple[JsonKey, ...]:
        """What is kept stays as long as it counts, also when this fails: else anybody who names a key that there is not
        could take it away."""
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                response = await self._client().get(self._checked(url))
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError) as problem:
            raise InvalidClient(Flaw.KEYS_UNAVAILABLE) from problem
        if response.status_code != 200:
            raise InvalidClient(Flaw.KEYS_UNAVAILABLE)
        keys = read_set(response.content)
        kept_for = seconds_to_keep(response.headers.get("Cache-Control"), response.headers.get("Age", "0"))
        self._fetched[url] = _Fetched(keys, self._elapsed() + max(kept_for, 0))
        return keys

    def _checked(self, url: str) -> httpx.URL:
        if address_problem(url, self._allow_loopback) is not None:
            raise InvalidClient(Flaw.KEYS_UNAVAILABLE)
        return httpx.URL(url)

    def _client(self) -> httpx.AsyncClient:
        if self._http is None:
            self._http = httpx.AsyncClient(
                transport=Capped(Pinned(self._allow_loopback), LARGEST_SET),
                follow_redirects=False,
                timeout=FETCH_SECONDS,
                trust_env=False,
                headers={"Accept": "application/json"},
            )
        return self._http


def address_problem(url: str, allow_loopback: bool = False) -> str | None:
    """Why keys may not be fetched from this address, in words for whoever registers it; None when they may."""
    parsed = url_of(url)
    if parsed is None:
        return "it is not a URL, or has a blank in it"
    if not parsed.host or parsed.userinfo or parsed.fragment:
        return "it needs a host and may have neither a user nor a fragment"
    secure = parsed.scheme == "https"
    if not secure and not (parsed.scheme == "http" and allow_loopback and is_loopback(parsed.host)):
        return "it must use https"
    return "its host is not public" if is_inside(parsed.host, secure, allow_loopback) else None


def set_problems(text: str) -> list[str]:
    """For registering a client: why no assertion could be verified with this key set; empty when it will do."""
    try:
        keys = read_set(text.encode())
    except InvalidClient:
        return ["it is not a JWK Set (RFC 7517)"]
    names = [(key.get("kid"), key.get("kty")) for key in keys]
    found = []
    if any("d" in key or key.get("kty") == "oct" for key in keys):
        found.append("it holds a private or shared key; register public keys alone")
    if len(set(map(str, names))) != len(names):
        found.append("two keys share one kid and kty")
    if not any(key.get("kid") and key.get("kty") in KEY_TYPES.values() and is_strong(key) for key in keys):
        found.append("no key has a kid and is RSA of at least 2,048 bits or EC P-384")
    return found


def read_set(body: bytes) -> tuple[JsonKey, ...]:
    """The keys of a JWK Set; members that are not objects are left out. Raises InvalidClient(KEYS_UNAVAILABLE)."""
    try:
        tree = json.loads(body)
    except (ValueError, RecursionError) as problem:
        raise InvalidClient(Flaw.KEYS_UNAVAILABLE) from problem
    keys: object = tree.get("keys") if isinstance(tree, dict) else None
    if not isinstance(keys, Sequence) or isinstance(keys, str):
        raise InvalidClient(Flaw.KEYS_UNAVAILABLE)
    return tuple(key for key in keys if isinstance(key, dict))


def seconds_to_keep(cache_control: str | None, age: str = "0") -> float:
    """How long a fetched set may be used: as its host says, at most an hour, and five minutes when it says nothing."""
    if UNCACHED.search(cache_control or ""):
        return 0.0
    found = MAX_AGE.search(cache_control or "")
    if found is None:
        return SECONDS_WITHOUT_CACHE_CONTROL
    spent = int(age) if age.isascii() and age.isdigit() else 0
    return min(float(max(int(found[1]) - spent, 0)), LONGEST_KEPT_SECONDS)
