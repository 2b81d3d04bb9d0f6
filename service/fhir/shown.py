"""One resource as a caller is shown it, before it is written out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

Tree = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shown:
    """One resource in the caller's view. `etag` is its version there, `stamp` the milliseconds of its last change.

    It is written out after the unit, for a change of this very unit has its stamp only then. `write` gives a tree, or a
    fragment where the resource is served byte for byte as received.
    """

    etag: str
    stamp: int
    write: Callable[[int], Tree | orjson.Fragment]

    def tree(self) -> Tree:
        """Only for what is written here and not served as received, as everything is that a search can find."""
        written = self.write(self.stamp)
        assert isinstance(written, dict)  # noqa: S101
        return written

    def body(self, stamp: int | None = None) -> bytes:
        return orjson.dumps(self.write(self.stamp if stamp is None else stamp))
