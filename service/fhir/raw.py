"""Serving a resource as it was received: every decimal as written, every extension, also those we do not know."""

import json
from collections.abc import Mapping
from typing import Any

import orjson

from service.fhir.narrative import clean
from service.shared.clock import from_milliseconds

# A number stays the very text it came as: 1.10 keeps its zero and 123456789012345678.5 its last digit.
_DECODER = json.JSONDecoder(parse_float=orjson.Fragment, parse_int=orjson.Fragment)


def exact(received: bytes) -> Any:
    """What a guarded body holds, to be changed and written again by orjson with every number as it came."""
    return _DECODER.decode(received.decode())


def patch(
    received: bytes,
    *,
    id: str,
    version: int | str,
    stamp_ms: int,
    references: Mapping[str, str] | None = None,
) -> bytes:
    """A body that the guard once passed, as this server serves it now.

    Changes only: the id; meta.versionId and meta.lastUpdated, from `version` and `stamp_ms` (milliseconds since 1970 in
    UTC); each Reference.reference that `references` names, to what it says; narrative, cleaned or left out.
    """
    tree = exact(received)
    # Only narrative and renamed references are to be mended, and most of what a screening sends has neither.
    if references or b'"div"' in received:
        _mend(tree, references or {})
    kind, meta = tree.pop("resourceType"), tree.pop("meta", {})
    tree.pop("id", None)
    meta |= {"versionId": str(version), "lastUpdated": instant(stamp_ms)}
    return orjson.dumps({"resourceType": kind, "id": id, "meta": meta} | tree)


def instant(stamp_ms: int) -> str:
    """A stamp as a FHIR instant, in UTC with milliseconds."""
    return from_milliseconds(stamp_ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _mend(node: Any, references: Mapping[str, str]) -> None:
    for child in node.values() if isinstance(node, dict) else node:
        if isinstance(child, dict | list):
            _mend(child, references)
    if isinstance(node, dict):
        reference, text = node.get("reference"), node.get("text")
        if isinstance(reference, str) and reference in references:
            node["reference"] = references[reference]
        if isinstance(text, dict) and isinstance(text.get("div"), str):
            text["div"] = clean(text["div"])
            if text["div"] is None:
                del node["text"]
