"""An HTTP answer that knows no framework."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Reply:
    """`body` is what goes over the wire, `headers` everything beside what the framework itself adds."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
