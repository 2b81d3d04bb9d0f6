"""A result that was kept and not understood, read once more: its form, or its sender's codes, may be known now."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from service.fhir.guard import parse
from service.fhir.read.common import received
from service.fhir.read.observation import read_observation
from service.fhir.read.questionnaire_response import read_response
from service.flow.received import Received
from service.flow.received_result import ReceivedResult
from service.flow.replay import replay_result
from service.flow.rules import Rules
from service.shared.caller import Caller
from service.store.engine import Store
from service.store.messages import KeptMessage
from service.store.unit_of_work import UnitOfWork

Read = Callable[[dict[str, Any], Received, Rules, str, datetime, Caller], ReceivedResult]


def _observation(
    tree: dict[str, Any], message: Received, rules: Rules, base: str, now: datetime, caller: Caller
) -> ReceivedResult:
    return read_observation(tree, message, rules=rules, base=base, now=now)


def _response(
    tree: dict[str, Any], message: Received, rules: Rules, base: str, now: datetime, caller: Caller
) -> ReceivedResult:
    forms = rules.policy(caller.organisation_id).forms
    return read_response(tree, message, rules=rules, questions=forms, base=base, now=now)


_READERS: Mapping[str, Read] = {"Observation": _observation, "QuestionnaireResponse": _response}


def can_be_replayed(kept: KeptMessage) -> bool:
    """A result that was accepted. Whoever was refused was told so at once, and sends it again when it is mended."""
    return kept.type in _READERS and kept.disposition == "accepted" and not kept.sealed


def replay(
    store: Store[UnitOfWork],
    rules: Rules,
    base_url: str,
    now: datetime,
    kept: KeptMessage,
    body: bytes,
    root: str,
    caller: Caller,
) -> str | None:
    """The id of the message that it became, None when it had become one before. Raises BadInput when this version does
    not take the body any more.

    `root` is the first message that was replayed until it became `kept`.
    """
    made = store.read_now(caller, lambda tx: tx.messages.made(root))
    tree = parse(body, kept.type)
    again = replace(received(tree, body, target_id=made), replays=root)
    message = _READERS[kept.type](tree, again, rules, base_url, now, caller)
    return store.run_now(caller, lambda tx: replay_result(tx, rules, message, now, kept.id))
