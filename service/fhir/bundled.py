"""A Bundle's entries -> what is asked of the steps (FHIR R4, 3.1.0.11)."""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson

from service.fhir.door import Door
from service.fhir.faults import Fault
from service.fhir.guard import check, decode
from service.fhir.intake import ADDRESSES, Address
from service.fhir.outcome import BadInput, Finding
from service.fhir.raw import exact
from service.fhir.read import bundle as wire
from service.fhir.read import common
from service.fhir.recognise import recognise
from service.flow.hear_refused_transaction import Legible
from service.flow.receive_transaction import Entry, Message, ReceivedTransaction
from service.flow.received import ENTRY_NAME, Identifier, Received
from service.security.scopes import allows
from service.shared.caller import Caller, OrganisationKind
from service.shared.ids import new_id

Tree = dict[str, Any]
MOST_ENTRIES = 200
ALONE: Tree = {"resourceType": "Bundle", "type": "batch"}

# What an entry may ask for is what has an address of its own; an update by identifier is one too.
TAKEN: Mapping[tuple[str, str], Address] = {
    (address.method, address.type): address for address in ADDRESSES if address.kind is OrganisationKind.HOSPITAL
}


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
    if tree["type"] != "transaction" or len(entries) > MOST_ENTRIES:
        return None
    requests: list[wire.Request] = []
    for place, (entry, exactly) in enumerate(entries):
        with suppress(BadInput):
            check_alone(place, entry, orjson.dumps({**ALONE, "entry": [exactly]}))
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
    rest = recognise(orjson.dumps(left), door.rules, door.rules.policy(caller.organisation_id).forms)
    return Legible(_transaction(body, linked, read), rest)


def check_alone(place: int, entry: Any, body: bytes) -> None:
    try:
        check({**ALONE, "entry": [entry]}, body, "Bundle")
        return
    except BadInput as problem:
        told = [(each, (each.expression or "").removeprefix("Bundle.entry[0]")) for each in problem.issues]
        issues = tuple(replace(each, expression=f"Bundle.entry[{place}]{below}") for each, below in told)
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
    )
    if request.method == "POST" and received.condition is None and not received.identifiers:
        received = replace(received, condition=name)
    try:
        message: Message = TAKEN[request.method, request.type].read(tree, received, door, caller, now)
        return message
    except BadInput as problem:
        refusing = wire.inside(problem, f"{request.where}.resource")
    raise refusing
