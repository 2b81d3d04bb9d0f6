"""A message that was kept, put through the door once more: as its sender's hospital is known now."""

from functools import partial

from service.flow.receive_long_message import Unit, begin_replay, finish_message, go_on, units_of
from service.flow.receive_message import Acknowledge
from service.flow.received_message import Flaw, ReceivedMessage
from service.flow.replay import refuse_replay, replay_message
from service.hl7v2.door import Door
from service.hl7v2.frame import Fault, Frame
from service.hl7v2.look import look, received_message
from service.hl7v2.refused import sealed
from service.hl7v2.understand import understand
from service.shared.caller import NOBODY, Caller
from service.shared.client import Client
from service.store.messages import KeptMessage
from service.store.unit_of_work import UnitOfWork


def replay(door: Door, kept: KeptMessage, body: bytes, root: str, caller: Caller) -> str | None:
    """The id of the message that it became, None when it had become one before.

    `root` is the first message that was replayed until it became `kept`. What had been no whole message is none now.
    """
    fault = Fault(kept.disposition) if kept.disposition in {*Fault} else None
    looked, now = look(Frame(body, fault)), door.clock.now()
    dialect = door.dialect(caller)
    # What it says without a time was said when it came.
    understood = understand(looked, dialect, door.rules, kept.received_at)
    # Of what was nobody's no hospital has heard.
    untold = kept.tenant_id == NOBODY
    if not isinstance(understood, tuple):
        refused = (
            door.refused(looked, [dialect], understood, now) if untold else sealed(looked, understood, door.sealer)
        )
        return door.store.run_now(caller, lambda tx: refuse_replay(tx, door.rules, refused, now, kept.id))
    message = received_message(looked, understood, root, untold=untold)
    units = units_of(message.groups)
    if len(units) > 1:
        return _replay_long(door, message, units, caller, kept.id, lambda flaws: door.accepted(looked, dialect, flaws))
    return door.store.run_now(
        caller,
        lambda tx: replay_message(
            tx, door.rules, message, now, kept.id, lambda flaws: door.accepted(looked, dialect, flaws)
        ),
    )


def sender_of(tx: UnitOfWork, body: bytes) -> Client | None:
    """Who is registered by now as the sender of a message that was nobody's."""
    return tx.access.sender("mllp_sender", *look(Frame(body)).senders)


def _replay_long(
    door: Door, message: ReceivedMessage, units: list[Unit], caller: Caller, replays: str, acknowledge: Acknowledge
) -> str | None:
    run, now = door.store.run_now, door.clock.now()
    id = run(caller, lambda tx: begin_replay(tx, message, replays))
    if id is None:
        return None
    flaws: list[Flaw] = []
    for unit in units:
        step = partial(go_on, rules=door.rules, received=message.received, unit=unit, id=id, now=now)
        flaws += run(caller, step)
    run(caller, lambda tx: finish_message(tx, message, id, flaws, acknowledge))
    return id
