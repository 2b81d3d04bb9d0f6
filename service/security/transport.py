"""How this room reaches other hosts: nothing followed, nothing unpacked, nothing longer than it may be.

Two layers around httpx's own transport. `Capped` ends an answer that grows past its limit; `Pinned` connects only to an
address that it has looked up and judged itself, so that a name cannot mean one host when checked and another when used.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import cast

import httpx

Address = IPv4Address | IPv6Address

# Public by number, and yet they lead inside: Azure's platform channel, and NAT64, which reaches any IPv4 address.
CLOUD_INSIDE = ip_address("168.63.129.16")
NAT64 = ip_network("64:ff9b::/96")


class TooLarge(httpx.TransportError):
    """The answer is longer than allowed, or packed so that its length cannot be told; what it said is unknown."""


class AddressRefused(httpx.ConnectError):
    """The name leads into a private, link-local, loopback or metadata network. Nothing was sent."""


def url_of(written: str) -> httpx.URL | None:
    """None when it is none; httpx itself would write a blank in it as %20, and ask for something else."""
    try:
        return httpx.URL(written) if written.isprintable() and " " not in written else None
    except httpx.InvalidURL:
        return None


class Capped(httpx.AsyncBaseTransport):
    """Ends an answer at `limit` bytes. It asks for no compression and refuses it, so that bytes are what they cost."""

    def __init__(self, inner: httpx.AsyncBaseTransport, limit: int) -> None:
        self._inner = inner
        self._limit = limit

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.headers["Accept-Encoding"] = "identity"
        response = await self._inner.handle_async_request(request)
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            await response.aclose()
            raise TooLarge("The answer is compressed although that was not asked for.", request=request)
        response.stream = _CappedStream(response.stream, self._limit, request)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


class _CappedStream(httpx.AsyncByteStream):
    def __init__(
        self, stream: httpx.SyncByteStream | httpx.AsyncByteStream, limit: int, request: httpx.Request
    ) -> None:
        self._stream = cast(httpx.AsyncByteStream, stream)  # an asynchronous transport answers with no other
        self._left = limit
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            self._left -= len(chunk)
            if self._left < 0:
                raise TooLarge("The answer is longer than allowed.", request=self._request)
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


class Pinned(httpx.AsyncBaseTransport):
    """Connects by number, while TLS still proves the name and the Host header still carries it.

    Connections are not kept: two names at one number must not share what only one of them proved.
    """

    def __init__(self, allow_loopback: bool) -> None:
        self._allow_loopback = allow_loopback
        self._inner = httpx.AsyncHTTPTransport(trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        name = request.url.host
        address = await self._address(request)
        request.url = request.url.copy_with(host=str(address))
        request.extensions = {**request.extensions, "sni_hostname": name}
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def _address(self, request: httpx.Request) -> Address:
        port = request.url.port or {"https": 443, "http": 80}[request.url.scheme]
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(request.url.host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as problem:
            raise httpx.ConnectError("The name has no address.", request=request) from problem
        addresses = [ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
        secure = request.url.scheme == "https"
        if not addresses or not all(_may_reach(address, secure, self._allow_loopback) for address in addresses):
            raise AddressRefused("The name leads to an address that is not public.", request=request)
        return addresses[0]


def is_loopback(host: str) -> bool:
    """Whether the host of an address is this machine, by number or as `localhost`; no other name is looked up."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def is_inside(host: str, secure: bool, allow_loopback: bool) -> bool:
    """Whether a host, as it is written, is one that `Pinned` refuses. Any name but `localhost` is looked up later."""
    try:
        address = ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        return False
    return not _may_reach(address, secure, allow_loopback)


def _may_reach(address: Address, secure: bool, allow_loopback: bool) -> bool:
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return _may_reach(address.ipv4_mapped, secure, allow_loopback)
        if address.sixtofour is not None or address.teredo is not None or address in NAT64:
            return False
    if address.is_loopback:
        return allow_loopback
    return secure and address.is_global and not address.is_multicast and address != CLOUD_INSIDE
