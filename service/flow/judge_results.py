"""What the results of a message come to, once everything that it brought is attached to them."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from service.flow.act_on_decision import act_on_decision
from service.flow.ports import Transaction
from service.flow.rules import Rules
from service.flow.tell_of_result import tell_of_result
from service.screening.decide import Readiness, announced_self_harm, readiness, too_old_to_refer
from service.screening.result import ScreeningResult


def judge_results(tx: Transaction, rules: Rules, results: Iterable[ScreeningResult], now: datetime) -> None:
    """Decide what can be decided, in this order; for a result that still waits for something, set until when."""
    for result in results:
        _judge(tx, rules, result, now)


def _judge(tx: Transaction, rules: Rules, result: ScreeningResult, now: datetime) -> None:
    """An answer about self-harm is heard, once, also where it may not decide yet: it may be long until it does."""
    instrument, policy = rules.instruments[result.instrument_id], rules.policy(result.tenant_id)
    ready = readiness(result, instrument)
    waits = timedelta(seconds=policy.waits_for_items_seconds)
    tx.results.save(result, now + waits if ready is Readiness.WAIT else None)
    announced = announced_self_harm(result, instrument)
    if announced:
        # Before anything is decided, so that nothing is offered past it.
        old = too_old_to_refer(result.effective, policy, now)
        tell_of_result(tx, rules, result.patient_id, f"announced {announced}", now, risk=True, old=old)
    if ready is Readiness.DECIDE_NOW or tx.results.judged(result.id) is not None:
        act_on_decision(tx, rules, result, now)
