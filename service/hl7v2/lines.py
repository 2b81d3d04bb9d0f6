"""The connections to all destinations that take HL7 v2, one for each."""

from dataclasses import dataclass, field

from service.hl7v2.address import Address, address_of
from service.hl7v2.outgoing import Line, Patience
from service.security.certificates import Context


class NotCalled(Exception):
    """The endpoint may not be called: it is none, or a plain connection to beyond this machine. Nothing was sent."""


def endpoint_problem(endpoint: str, *, allow_plain: bool) -> str | None:
    """Why what is owed may not go there, in words for whoever registers it; None when it may: over TLS, on this
    machine, or anywhere where plain connections are allowed."""
    if _callable(endpoint, allow_plain) is not None:
        return None
    return (
        "must be mllps://HOST:PORT and nothing else, or mllp://HOST:PORT on this machine."
        " Elsewhere mllp needs PEER_REFERRAL_MLLP_PLAIN"
    )


@dataclass(slots=True)
class Lines:
    """`tls` is how the other end proves who it is, and we who we are."""

    tls: Context
    allow_plain: bool = False
    patience: Patience = field(default_factory=Patience)
    _lines: dict[str, Line] = field(default_factory=dict)

    def connect(self, endpoint: str) -> Line:
        """The one connection to it. Raises NotCalled."""
        if endpoint not in self._lines:
            address = _callable(endpoint, self.allow_plain)
            if address is None:
                raise NotCalled
            self._lines[endpoint] = Line(address, self.tls if address.secure else None, self.patience)
        return self._lines[endpoint]

    async def aclose(self) -> None:
        for line in self._lines.values():
            await line.aclose()


def _callable(endpoint: str, allow_plain: bool) -> Address | None:
    address = address_of(endpoint)
    return address if address and (address.secure or address.on_this_machine or allow_plain) else None
