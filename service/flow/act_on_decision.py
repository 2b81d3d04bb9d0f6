"""Decide a result as it stands and do what follows: alert, open a referral, or tell the open one."""

from datetime import datetime

from service.flow.advance import advance
from service.flow.owe import owe, owe_note
from service.flow.ports import Transaction
from service.flow.raise_alert import raise_alert
from service.flow.rules import Rules
from service.referrals.alert import AlertCode
from service.referrals.note import noted_on_entering
from service.referrals.opening import CONSEQUENCES, NOTHING_FOLLOWS, Consequence
from service.referrals.referral import Referral, ReferralState, ReferralTrigger
from service.screening.decide import Decision, Judgement, Outcome, SelfHarm, decide
from service.screening.result import ScreeningResult
from service.shared.audit import Action, AuditEvent


def act_on_decision(tx: Transaction, rules: Rules, result: ScreeningResult, now: datetime) -> None:
    """The caller holds the lock on the woman and has saved `result`. Deciding the same again changes nothing.

    A result that is void, or is no longer positive, may end the referral that it opened (DESIGN 5): only when no other
    result joined to it is positive still.
    """
    before = tx.results.judged(result.id)
    if not result.counts:
        tx.results.void(result.id)
        if _was_positive(before):
            _correct(tx, rules, result, now)
        return
    decision = decide(result, rules.instruments[result.instrument_id], rules.policy(result.tenant_id))
    if decision.judgement == before:
        return
    tx.results.record(result.id, decision, now)
    tx.audit.write(AuditEvent(Action.EXECUTE, f"ScreeningResult/{result.id}", result.patient_id))
    if decision.needs_review and not (before and before.needs_review):
        _alert(tx, rules, AlertCode.SCORE_MISMATCH, result, tx.referrals.open_of(result.patient_id), now)
    if _was_positive(before) and decision.outcome is not Outcome.POSITIVE:
        _correct(tx, rules, result, now)
    _follow(tx, rules, result, decision, before, now)


def _was_positive(before: Judgement | None) -> bool:
    return before is not None and before.outcome is Outcome.POSITIVE


def _correct(tx: Transaction, rules: Rules, result: ScreeningResult, now: datetime) -> None:
    referral_id = tx.results.referral_of(result.id)
    if referral_id is not None and not tx.results.positive_in(referral_id):
        advance(tx, rules, tx.referrals.get(referral_id), ReferralTrigger.NO_LONGER_POSITIVE, now)


def _follow(
    tx: Transaction, rules: Rules, result: ScreeningResult, decision: Decision, before: Judgement | None, now: datetime
) -> None:
    consequence = _consequence(rules, result, decision.judgement)
    if consequence == NOTHING_FOLLOWS:
        return
    heard_before = before is not None and _consequence(rules, result, before).alert is consequence.alert
    referral = tx.referrals.open_of(result.patient_id)
    opened = None
    # What was positive already has had its referral: a correction of it does not open a closed one again.
    if consequence.opens is not None and referral is None and not _was_positive(before):
        referral = opened = _open(tx, rules, result, consequence.opens, now)
    if consequence.opens is not None and referral is not None:
        tx.results.join(result.id, referral.id)
    if opened is None and referral is not None and consequence.tells is not None and not heard_before:
        # The referral's own table says what this means in its state, its alert included.
        advance(tx, rules, referral, consequence.tells, now)
    elif consequence.alert is not None and not heard_before:
        _alert(tx, rules, consequence.alert, result, referral, now)
    if opened is not None and opened.state is ReferralState.PLACING:
        advance(tx, rules, opened, ReferralTrigger.OPENED, now)


def _consequence(rules: Rules, result: ScreeningResult, judgement: Judgement) -> Consequence:
    consequence = CONSEQUENCES[judgement.outcome, judgement.self_harm]
    unknown = judgement.outcome is Outcome.POSITIVE and judgement.self_harm is SelfHarm.UNKNOWN
    if unknown and rules.policy(result.tenant_id).proceed_with_alert is not None:
        return Consequence(consequence.alert, ReferralState.PLACING)
    return consequence


def _open(tx: Transaction, rules: Rules, result: ScreeningResult, state: ReferralState, now: datetime) -> Referral:
    referral = Referral(
        id=tx.new_id(),
        version=1,
        tenant_id=result.tenant_id,
        patient_id=result.patient_id,
        state=state,
        opened_at=now,
        changed_at=now,
    )
    tx.referrals.add(referral)
    tx.audit.write(AuditEvent(Action.CREATE, f"ServiceRequest/{referral.id}", referral.patient_id))
    owe(tx, rules, referral)
    owe_note(tx, rules, referral, noted_on_entering(state), now)
    return referral


def _alert(
    tx: Transaction, rules: Rules, code: AlertCode, result: ScreeningResult, referral: Referral | None, now: datetime
) -> None:
    raise_alert(
        tx,
        rules,
        code,
        tenant_id=result.tenant_id,
        patient_id=result.patient_id,
        referral_id=referral.id if referral else None,
        now=now,
    )
