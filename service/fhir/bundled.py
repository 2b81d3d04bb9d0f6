"""A Bundle's entries -> what is asked of the steps (FHIR R4, 3.1.0.11)."""

import hashlib
import itertools
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from service.fhir import survey
from service.fhir.asked import A_BUNDLE
from service.fhir.door import Door
from service.fhir.faults import Fault
from service.fhir.guard import check, decode
from service.fhir.intake import ADDRESSES, Address, Step
from service.fhir.outcome import BadInput, Finding
from service.fhir.raw import exact
from service.fhir.read import bundle as wire
from service.fhir.read import common
from service.fhir.unread import salvaged
from service.flow.answer import Refused
from service.flow.hear_refused_transaction import Legible
from service.flow.ports import MOST_ENTRIES
from service.flow.receive_transaction import Entry, Message, ReceivedTransaction, aimed
from service.flow.received import ENTRY_NAME, Identifier, Received
from service.security.scopes import allows
from service.shared.caller import Caller, OrganisationKind
from service.shared.ids import new_id

Tree = dict[str, Any]
_ALONE: Tree = {"resourceType": "Bundle", "type": "batch"}

# What an entry may ask for is what has an address of its own; an update by identifier is one too.
TAKEN: Mapping[tuple[str, str], Address] = {
    (address.method, address.type): address for address in ADDRESSES if address.kind is OrganisationKind.HOSPITAL
}
SCOPES = frozenset(f"system/{address.type}.{address.interaction}" for address in TAKEN.values())


def outline(tree: Tree) -> None:
    """What can be told of a Bundle before anything dear is done. Raises BadInput."""
    kind, entries = tree.get("type"), tree.get("entry")
    if tree.get("resourceType") == "Bundle" and kind is not None and kind not in ("transaction", "batch"):
        raise BadInput.of(Finding(Fault.BUNDLE_TYPE_NOT_TAKEN, "Bundle.type"))
    if isinstance(entries, list) and len(entries) > MOST_ENTRIES:
        raise BadInput.of(Finding(Fault.TOO_MANY_ENTRIES, "Bundle.entry", str(MOST_ENTRIES)))


def read_transaction(body: bytes, door: Door, caller: Caller, now: datetime) -> ReceivedTransaction:
    """The transaction as the step takes it, with handles where it refers to itself. Raises BadInput."""
    requests = [read_request(place, entry, door, caller) for place, entry in enumerate(exact(body).get("entry", ()))]
    linked = wire.link(requests, new_id)
    return _transaction(body, linked, [_entry(each, body, door, caller, now) for each in linked])


def _transaction(body: bytes, linked: list[wire.Linked], entries: list[Entry]) -> ReceivedTransaction:
    asked = {handle: name for each in linked for handle, name in each.asked.items()}
    return ReceivedTransaction(Received("Bundle", body), tuple(entries), asked)


def _entry(linked: wire.Linked, body: bytes, door: Door, caller: Caller, now: datetime) -> Entry:
    request = linked.request
    # What came without a name is told by its place in exactly this Bundle: sent again, it is the same.
    name = Identifier(ENTRY_NAME, f"{hashlib.sha256(body).hexdigest()}#{request.full_url or request.place}")
    message = read_message(request, orjson.loads(linked.body), linked.body, door, caller, now, name)
    return Entry(request.place, linked.handle, message, linked.mentions, request.method == "PUT")


def legible(body: bytes, door: Door, caller: Caller, now: datetime) -> Legible | None:
    """What can be read of a transaction that was refused, each entry by itself. None when nothing can, or when what its
    entries refer to is not to be found."""
    try:
        tree = decode(body)
        entries = list(zip(tree["entry"], exact(body)["entry"], strict=True))
    except (BadInput, KeyError, TypeError, ValueError, RecursionError):
        return None
    if tree.get("type") != "transaction" or len(entries) > MOST_ENTRIES:
        return None
    requests: list[wire.Request] = []
    for place, (entry, exactly) in enumerate(entries):
        with suppress(BadInput):
            _check_alone(Alone(place, entry, exactly))
            requests.append(read_request(place, exactly, door, caller))
    read: list[Entry] = []
    try:
        linked = wire.link(requests, new_id)
    except BadInput:
        return None
    for each in linked:
        with suppress(BadInput):
            read.append(_entry(each, body, door, caller, now))
    places = {each.place for each in read}
    left = [exactly for place, (_, exactly) in enumerate(entries) if place not in places]
    handles = {each.request.full_url: each.handle for each in linked if each.request.full_url}
    return Legible(_transaction(body, linked, read), salvaged(door, caller, orjson.dumps(left), handles, A_BUNDLE))


class Alone(NamedTuple):
    """An entry of a batch; `exactly` has its numbers as they were written."""

    place: int
    entry: Any
    exactly: Any

    def body(self) -> bytes:
        """A batch of this entry alone."""
        return orjson.dumps({**_ALONE, "entry": [self.exactly]})


def batch_entries(tree: Tree, body: bytes) -> Iterator[Alone]:
    """Raises BadInput for what is wrong with the batch around them."""
    bare = {name: value for name, value in tree.items() if name != "entry"}
    check(bare, orjson.dumps(bare), "Bundle")
    if isinstance(tree, survey.Repeated) or not isinstance(tree.get("entry", []), list):
        check(tree, body, "Bundle")
    return map(Alone, itertools.count(), tree.get("entry", ()), exact(body).get("entry", ()))


def read_alone(door: Door, caller: Caller, alone: Alone, now: datetime) -> tuple[Message, Step]:
    """What an entry of a batch says, and what is done with it. Raises BadInput."""
    _check_alone(alone)
    asked = read_request(alone.place, alone.exactly, door, caller)
    resource = orjson.dumps(asked.resource)
    message = read_message(asked, orjson.loads(resource), resource, door, caller, now)
    step, updates = TAKEN[asked.method, asked.type].step, asked.method == "PUT"
    return message, lambda tx, rules, message, now: step(tx, rules, aimed(tx, message, updates=updates), now)


def _check_alone(alone: Alone) -> None:
    try:
        check({**_ALONE, "entry": [alone.entry]}, alone.body(), "Bundle")
        return
    except BadInput as problem:
        told = [(each, (each.expression or "").removeprefix("Bundle.entry[0]")) for each in problem.issues]
        issues = tuple(replace(each, expression=f"Bundle.entry[{alone.place}]{below}") for each, below in told)
        refusing = BadInput(problem.status, issues)
    raise refusing


def read_request(place: int, entry: Tree, door: Door, caller: Caller) -> wire.Request:
    """What the entry asks for, if that is taken here and this caller may. Raises BadInput."""
    request = wire.read_request(place, entry, door.base_url)
    address = TAKEN.get((request.method, request.type))
    if address is None:
        taken = ", ".join(f"{method} {type}" for method, type in sorted(TAKEN))
        raise BadInput.of(Finding(Fault.REQUEST_NOT_TAKEN, f"{request.where}.request", taken))
    if not allows(caller.scopes, request.type, address.interaction):
        needed = f"; needed is system/{request.type}.{address.interaction.value}"
        raise BadInput.of(Finding(Fault.SCOPE_TOO_SMALL, f"{request.where}.request", needed))
    return request


def read_message(
    request: wire.Request,
    tree: Tree,
    body: bytes,
    door: Door,
    caller: Caller,
    now: datetime,
    name: Identifier | None = None,
) -> Message:
    """What the step takes; `name` is for what is created and has no identifier of its own. Raises BadInput."""
    received = common.received(
        tree,
        body,
        condition=request.condition,
        target_id=request.target_id,
        expected_version=request.expected_version,
        request=request.asked.text(),
    )
    if request.method == "POST" and received.condition is None and not received.identifiers:
        received = received._replace(condition=name)
    try:
        message: Message = TAKEN[request.method, request.type].read(tree, received, door, caller, now)
        return message
    except BadInput as problem:
        refusing = wire.inside(problem, f"{request.where}.resource")
    raise refusing


def finding(place: int, refused: Refused) -> Finding:
    element = f".resource.{refused.element}" if refused.element else ""
    return Finding(refused.reason, f"Bundle.entry[{place}]{element}")
