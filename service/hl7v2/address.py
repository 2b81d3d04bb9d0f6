"""Where a hospital that takes HL7 v2 is reached."""

from typing import NamedTuple
from urllib.parse import urlsplit

from service.security.transport import is_loopback


class Address(NamedTuple):
    host: str
    port: int
    secure: bool

    @property
    def on_this_machine(self) -> bool:
        """Whether nobody between here and there could read along."""
        return is_loopback(self.host)


def address_of(endpoint: str) -> Address | None:
    """`mllp://host:port`, or `mllps` for TLS, and nothing else in it; None when it is not that."""
    try:
        parts = urlsplit(endpoint)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in ("mllp", "mllps") or not host or not port:
        return None
    # Of blanks and empty parts urlsplit says nothing, or leaves them out.
    further = any(each.isspace() or each in "@?#" for each in endpoint) or parts.path
    return None if further else Address(host, port, parts.scheme == "mllps")
