"""What becomes of a referral answers the alerts that asked just that."""

from dataclasses import replace
from datetime import datetime

from service.flow.move_alert import move_alert
from service.flow.ports import Transaction
from service.flow.rules import Rules
from service.referrals.alert import ALERT_KINDS, Alert, AlertTask, AlertTrigger, Practitioner, Review
from service.referrals.referral import Referral, ReferralTrigger
from service.referrals.review import SAYS, is_answered, may_be_answered


def settle_alerts(
    tx: Transaction,
    rules: Rules,
    before: Referral,
    moved: Referral,
    trigger: ReferralTrigger,
    by: Practitioner,
    now: datetime,
) -> None:
    """Resolve what nobody need answer any more: in the name of the clinician who decided, if one did (DESIGN 6)."""
    codes = may_be_answered(trigger, before.state, moved.state)
    for alert in tx.alerts.unresolved(moved.id, codes) if codes else ():
        if not is_answered(alert):
            continue
        if by.name is None or trigger not in SAYS:
            move_alert(tx, rules, alert, AlertTrigger.NO_LONGER_NEEDED, now)
        else:
            move_alert(tx, rules, _answered(alert, Review(SAYS[trigger], by, now)), AlertTrigger.RESOLVE, now)


def _answered(alert: Alert, review: Review) -> Alert:
    seen = alert.seen_by(review.practitioner, review.reviewed_at)
    return replace(seen, review=review) if ALERT_KINDS[alert.code].task is AlertTask.REVIEW else seen
