"""What the results of a message come to, once everything that it brought is attached to them."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from service.flow.act_on_decision import act_on_decision
from service.flow.ports import Transaction
from service.flow.rules import Rules
from service.screening.decide import Readiness, readiness
from service.screening.result import ScreeningResult


def judge_results(tx: Transaction, rules: Rules, results: Iterable[ScreeningResult], now: datetime) -> None:
    """Decide what can be decided, in this order; for a result that still waits for something, set until when."""
    for result in results:
        _judge(tx, rules, result, now)


def _judge(tx: Transaction, rules: Rules, result: ScreeningResult, now: datetime) -> None:
    ready = readiness(result, rules.instruments[result.instrument_id])
    waits = timedelta(seconds=rules.policy(result.tenant_id).waits_for_items_seconds)
    tx.results.save(result, now + waits if ready is Readiness.WAIT else None)
    if ready is Readiness.DECIDE_NOW or tx.results.judged(result.id) is not None:
        act_on_decision(tx, rules, result, now)
