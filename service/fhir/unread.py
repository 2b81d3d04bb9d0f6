"""What becomes of a body that was refused: it is kept, and a person is told where somebody has to look."""

import asyncio
import hashlib
from collections.abc import Mapping
from functools import partial

from fastapi import Request

from service.fhir.asked import Asked, asked_of
from service.fhir.door import Door, is_json, read_all, unsupported
from service.fhir.outcome import BadInput, Issue
from service.fhir.read.communication import read_refused
from service.fhir.recognise import salvage
from service.flow.answer import Told
from service.flow.hear_refused_transaction import Legible, hear_refused_transaction
from service.flow.keep_unreadable import Salvaged, Unreadable
from service.flow.receive_unreadable import receive_refused
from service.shared import telemetry
from service.shared.aside import aside
from service.shared.caller import Caller, OrganisationKind
from service.shared.ids import new_id


async def body_of(door: Door, caller: Caller, request: Request) -> bytes:
    """What a known sender sent. It is refused when it is said to be something else than JSON, and kept and heard all
    the same."""
    body = await whole_body(caller, request)
    if is_json(request):
        return body
    raise await keep_unread(door, caller, request, body, unsupported())


async def whole_body(caller: Caller, request: Request) -> bytes:
    """The same, whatever it is said to be. What is too long, or compressed, is the one thing that cannot be kept: of a
    programme's the operator hears that there was something."""
    try:
        return await read_all(request)
    except BadInput:
        if caller.kind is OrganisationKind.COMMUNITY:
            tell_operator(caller, "not kept")
        raise


async def keep_unread(
    door: Door, caller: Caller, request: Request, body: bytes, problem: BadInput, legible: Legible | None = None
) -> BadInput:
    """Nothing from a known sender is thrown away: a person may have to look at what we could not read, but for what is
    `legible`. The refusal, and in it who is told of the words of a programme."""
    asked, now = asked_of(request), door.clock.now()
    unreadable = await aside(body, unread, door, caller, asked, body, problem)
    if caller.kind is not OrganisationKind.COMMUNITY:
        await door.store.run(caller, lambda tx: hear_refused_transaction(tx, door.rules, unreadable, legible, now))
        return problem
    address = asked.id if asked.type == "Task" else None
    read = partial(read_refused, unreadable, body, base=door.base_url, labels=door.rules.labels, address=address)
    message = await asyncio.to_thread(read)
    told = await door.store.run(caller, lambda tx: receive_refused(tx, door.rules, message, now))
    if told is Told.THE_OPERATOR_MUST_BE:
        tell_operator(caller, unreadable.id)
    return problem if told is None else BadInput(problem.status, (*problem.issues, *told_of(door, told)))


def told_of(door: Door, told: str) -> list[Issue]:
    """First what to do if it is urgent, then who is told, as an answer says it."""
    texts = door.rules.escalation_texts
    return [Issue("informational", texts[each], severity="information") for each in ("emergency", told)]


def tell_operator(caller: Caller, id: str) -> None:
    """No clinician could be told of the words in the message that is kept under this id, or is not kept."""
    telemetry.tell_words_not_heard(
        message=id, organisation=caller.organisation_id, correlation_id=caller.correlation_id
    )


def salvaged(door: Door, caller: Caller, body: bytes, handles: Mapping[str, str], asked: Asked) -> list[Salvaged]:
    """What a hospital's body tells, though it was refused (`salvage`)."""
    forms = door.rules.policy(caller.organisation_id).forms
    return salvage(body, door.rules, forms, door.base_url, door.clock.now(), handles, asked)


def unread(door: Door, caller: Caller, asked: Asked, body: bytes, problem: BadInput) -> Unreadable:
    id, of_hospital = new_id(), caller.kind is OrganisationKind.HOSPITAL
    return Unreadable(
        id=id,
        sealed=door.sealer.seal(body, f"unreadable_message/{id}"),
        fingerprint=hashlib.sha256(body).hexdigest(),
        reason=",".join(sorted({issue.code for issue in problem.issues})),
        results=salvaged(door, caller, body, {}, asked) if of_hospital else (),
        type=asked.type,
        sealed_request=door.sealer.seal(asked.text().encode(), f"unreadable_message/{id}/request"),
    )
