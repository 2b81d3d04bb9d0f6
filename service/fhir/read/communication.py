"""Communication, as a programme sends one -> ReceivedCommunication. Never strict: whatever is JSON is read."""

import hashlib
import json
from dataclasses import replace
from typing import Any

import orjson

from service.fhir.read.common import entries
from service.fhir.read.wording import wording
from service.fhir.read.written import as_shown, clean, is_name, naming_in, naming_of, said_in
from service.flow.hear_words import Words
from service.flow.keep_unreadable import Unreadable
from service.flow.receive_communication import ReceivedCommunication
from service.flow.receive_unreadable import UnreadableWords
from service.flow.received import Identifier, Received
from service.flow.rules import Labels
from service.referrals.escalation import Said
from service.screening.instrument import Priority

_MOST_IDENTIFIERS = 5


def lenient(body: bytes) -> Any | None:
    """The body as JSON, also where a careful parser would refuse it; None when it is none at all.

    `null` says nothing either, and is none. A member that stands twice in an object counts with all its values: most
    parsers let the last one hide what was written in the first.
    """
    try:
        text = body.decode(json.detect_encoding(body), "replace")
        return json.loads(text, strict=False, object_pairs_hook=_every_member)
    except (ValueError, RecursionError):
        pass
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _every_member(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        found[name] = [*entries(found[name]), *entries(value)] if name in found else value
    return found


def read_communication(
    tree: Any, body: bytes, *, base: str, condition: Identifier | None = None
) -> ReceivedCommunication:
    """`base` is this server's, without /fhir. Raises nothing: what is wrong with it was listed by the guard."""
    return ReceivedCommunication(
        Received("Communication", body, _identifiers(tree), condition),
        naming=naming_in(tree, base),
        said=said_in(tree),
        fingerprint=hashlib.sha256(body).hexdigest(),
    )


def read_unreadable(unreadable: Unreadable, body: bytes) -> UnreadableWords:
    """What is no JSON, as mere text: every id in it may be that of an offer, or a handle. Raises nothing."""
    text = clean(body.decode(json.detect_encoding(body), "replace"))
    is_text = text.count("\ufffd") * 10 <= len(text)
    said = Said(as_shown([text])) if is_text else Said(attached=True)
    return UnreadableWords(unreadable, Words(unreadable.type, said, naming_of(text), hashlib.sha256(body).hexdigest()))


def read_refused(
    unreadable: Unreadable, body: bytes, *, base: str, labels: Labels, address: str | None
) -> UnreadableWords:
    """What was refused and is no Communication: what is written in it, if it is JSON (`wording`), else as mere text.

    `address` is the id of the Task that it was sent to. Raises nothing.
    """
    tree = lenient(body)
    if tree is None:
        return replace(read_unreadable(unreadable, body), address=address)
    found = wording(tree if isinstance(tree, dict) else {"text": tree}, labels)
    only_labels = not (found.written or found.concerns or found.attached)
    urgency = Priority.ROUTINE if only_labels else None
    said = Said((*found.written, *found.labels), found.concerns, urgency, found.attached)
    words = Words(unreadable.type, said, naming_in(tree, base), hashlib.sha256(body).hexdigest())
    return UnreadableWords(unreadable, words, is_json=True, address=address)


def _identifiers(tree: Any) -> tuple[Identifier, ...]:
    """Those that can be kept as names of it; an identifier of another form names nothing."""
    held = tree.get("identifier") if isinstance(tree, dict) else None
    named = [each for each in entries(held) if isinstance(each, dict)]
    pairs = [(each.get("system"), each.get("value")) for each in named[:_MOST_IDENTIFIERS]]
    return tuple(Identifier(str(system), str(value)) for system, value in pairs if is_name(system) and is_name(value))
