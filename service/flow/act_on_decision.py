"""Decide a result as it stands and do what follows: alert, open a referral, or tell the open one."""

from dataclasses import replace
from datetime import datetime

from service.flow.advance import advance
from service.flow.open_referral import open_referral
from service.flow.owe import owe_alert
from service.flow.ports import Transaction
from service.flow.raise_alert import raise_alert
from service.flow.rules import Rules
from service.referrals.alert import AlertCode
from service.referrals.opening import CONSEQUENCES, CONSEQUENCES_WHEN_OLD, NOTHING_FOLLOWS, Consequence
from service.referrals.referral import Referral, ReferralState, ReferralTrigger
from service.screening.decide import Decision, Judgement, Outcome, SelfHarm, decide, too_old_to_refer
from service.screening.result import ScreeningResult
from service.shared.audit import Action, AuditEvent


def act_on_decision(tx: Transaction, rules: Rules, result: ScreeningResult, now: datetime) -> None:
    """The caller holds the lock on the woman and has saved `result`. Deciding the same again changes nothing.

    A result that is void, or is no longer positive, may end the referral that it opened (DESIGN 5): only when no other
    result joined to it is positive still.
    """
    before = tx.results.judged(result.id)
    if before is not None:
        _tell_reviewers(tx, rules, result)
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


def _tell_reviewers(tx: Transaction, rules: Rules, result: ScreeningResult) -> None:
    """It says something else than when it was decided: a review that was begun on the old word cannot end."""
    now_is = tx.results.version(result.id)
    for alert in tx.alerts.unresolved_about(result.patient_id):
        if alert.result is not None and alert.result.id == result.id and alert.result != now_is:
            changed = replace(alert, result=now_is, version=alert.version + 1)
            tx.alerts.save(changed, alert)
            owe_alert(tx, rules, changed)


def _was_positive(before: Judgement | None) -> bool:
    return before is not None and before.outcome is Outcome.POSITIVE


def _correct(tx: Transaction, rules: Rules, result: ScreeningResult, now: datetime) -> None:
    referral_id = tx.results.referral_of(result.id)
    if referral_id is not None and not tx.results.positive_in(referral_id):
        referral, about = tx.referrals.get(referral_id), tx.results.version(result.id)
        advance(tx, rules, referral, ReferralTrigger.NO_LONGER_POSITIVE, now, result=about)


def _follow(
    tx: Transaction, rules: Rules, result: ScreeningResult, decision: Decision, before: Judgement | None, now: datetime
) -> None:
    # What a referral rests on already goes on counting for it, however late it is corrected.
    late = too_old_to_refer(result.effective, rules.policy(result.tenant_id), now)
    old = late and tx.results.referral_of(result.id) is None
    consequence = _consequence(rules, result, decision.judgement, old)
    if consequence == NOTHING_FOLLOWS:
        return
    heard_before = before is not None and _is_heard(rules, result, decision.judgement, before, old)
    referral = tx.referrals.open_of(result.patient_id)
    # What was positive already has had its referral: a correction of it does not open a closed one again.
    opened = consequence.opens if referral is None and not _was_positive(before) else None
    if opened is ReferralState.IN_REVIEW and heard_before:
        # It waits for a review: one that is over, of what was no reason to refer yet, has not seen it.
        heard_before = any(each.code is consequence.alert for each in tx.alerts.unresolved_about(result.patient_id))
    if opened is not None:
        referral = open_referral(tx, rules, result.tenant_id, result.patient_id, opened, now, result.id)
    if consequence.opens is not None and referral is not None:
        tx.results.join(result.id, referral.id)
    if opened is None and referral is not None and consequence.tells is not None and not heard_before:
        # The referral's own table says what this means in its state, its alert included.
        advance(tx, rules, referral, consequence.tells, now, result=tx.results.version(result.id))
    elif consequence.alert is not None and not heard_before:
        _alert(tx, rules, consequence.alert, result, referral, now)


def _is_heard(rules: Rules, result: ScreeningResult, said: Judgement, before: Judgement, old: bool) -> bool:
    """Whether the alert has told of this when it was said `before`. A worse answer about self-harm is a new one,
    whatever a clinician has made of the first. A new result that has become positive opens a referral, which is seen;
    of an old one only the alert tells."""
    same = _consequence(rules, result, before, old).alert is _consequence(rules, result, said, old).alert
    newly_positive = said.outcome is Outcome.POSITIVE and not _was_positive(before)
    return same and said.harm <= before.harm and not (old and newly_positive)


def _consequence(rules: Rules, result: ScreeningResult, judgement: Judgement, old: bool) -> Consequence:
    if old:
        return CONSEQUENCES_WHEN_OLD[judgement.outcome, judgement.self_harm]
    consequence = CONSEQUENCES[judgement.outcome, judgement.self_harm]
    unknown = judgement.outcome is Outcome.POSITIVE and judgement.self_harm is SelfHarm.UNKNOWN
    if unknown and rules.policy(result.tenant_id).proceed_with_alert is not None:
        return Consequence(consequence.alert, ReferralState.PLACING)
    return consequence


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
        result=tx.results.version(result.id),
    )
