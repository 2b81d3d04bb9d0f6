"""The request that a body came with, as far as it decides what is done with the body."""

import json
from typing import NamedTuple

from fastapi import Request


class Asked(NamedTuple):
    """`path` is below /fhir, without slashes around it."""

    method: str
    path: str
    query: str = ""
    if_match: str | None = None
    if_none_exist: str | None = None

    @property
    def type(self) -> str:
        """What the address says that the body is; nothing when it says nothing of that kind."""
        type = self.path.partition("/")[0]
        return type if type.isalpha() else "" if type else "Bundle"

    @property
    def id(self) -> str | None:
        return self.path.split("/")[1] if "/" in self.path else None

    @property
    def condition(self) -> str | None:
        """The criterion of what is made only where it finds nothing, or of what is to be updated."""
        if self.id is not None:
            return None
        return self.if_none_exist if self.method == "POST" else self.query

    def text(self) -> str:
        return json.dumps(self)


A_BUNDLE = Asked("POST", "")


def asked_of(request: Request) -> Asked:
    scope, headers = request.scope, request.headers
    path, query = scope["path"].removeprefix("/fhir").strip("/"), scope["query_string"].decode("latin-1")
    return Asked(request.method, path, query, headers.get("if-match"), headers.get("if-none-exist"))


def asked_in(text: str) -> Asked:
    """What `Asked.text` wrote."""
    return Asked(*json.loads(text))
