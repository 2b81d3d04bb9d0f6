"""The form of the page behind an answer link: what may be answered, and who answers."""

from collections.abc import Mapping
from datetime import datetime, tzinfo
from html import escape

from fastapi import Response

from service.console.page import page, paragraph
from service.delivery.words import alert_words
from service.fhir.lengths import PERSON
from service.flow.rules import Rules
from service.referrals.alert import ALERT_KINDS, Alert, AlertState, AlertTask, ReviewOutcome
from service.referrals.answer_link import AnswerLink
from service.shared.clock import minute_read

SEEN, DONE = "seen", "done"
ANSWERS: Mapping[str, tuple[AlertState, ReviewOutcome | None]] = {
    SEEN: (AlertState.ACKNOWLEDGED, None),
    DONE: (AlertState.RESOLVED, None),
    **{outcome.value: (AlertState.RESOLVED, outcome) for outcome in ReviewOutcome},
}
_WORDS: Mapping[str, str] = {
    SEEN: "I have seen this and act on it. I open this page again, or answer in the record, when it is dealt with.",
    DONE: "This has been dealt with.",
    ReviewOutcome.SUITABLE: "Reviewed: peer support is suitable, and may be offered or go on.",
    ReviewOutcome.NOT_SUITABLE: "Reviewed: peer support is not suitable. The request is closed.",
    ReviewOutcome.REFER_TO_SPECIALIST: "Reviewed: referred to a specialist. The request is closed; support that has "
    "begun goes on.",
    ReviewOutcome.CLOSE: "Reviewed: close the request, for another reason.",
}


def offered(alert: Alert) -> tuple[str, ...]:
    """The answers that are still open; none when it is over."""
    if alert.is_over:
        return ()
    ends = tuple(ReviewOutcome) if ALERT_KINDS[alert.code].task is AlertTask.REVIEW else (DONE,)
    return (SEEN, *ends) if alert.state is AlertState.OPEN else ends


def form(
    link: AnswerLink, alert: Alert, rules: Rules, filled: Mapping[str, str] | None = None, problem: str | None = None
) -> Response:
    """`filled` is what was sent when something was missing, and `problem` says what."""
    given = filled or {}
    told = f'<div class="problem" role="alert">{paragraph(problem)}</div>' if problem else ""
    seen_at, zone = alert.acknowledged_at, rules.policy(alert.tenant_id).zone
    raised, ends = _time(alert.raised_at, zone), _time(link.expires_at, zone)
    stands = (
        f"somebody saw it {_time(seen_at, zone)}" if seen_at else f"an answer is due by {_time(alert.due_at, zone)}"
    )
    times = f"<p>Raised {raised}; {stands}. This page takes answers until {ends}.</p>"
    choices = "".join(_choice(each, given.get("answer") == each) for each in offered(alert))
    content = (
        f"{told}{paragraph(alert_words(alert, rules))}{times}"
        + paragraph("Look in the record first. Anyone in danger needs the emergency services, not this page.")
        + '<form method="post">'
        + _line("name", "Your name", "name", given)
        + _line("role", "Your role", "organization-title", given)
        + f"<fieldset><legend>Your answer</legend>{choices}</fieldset>"
        + '<button type="submit">Send</button></form>'
    )
    return page("An alert waits for an answer", content, 422 if problem else 200)


def _time(at: datetime, zone: tzinfo) -> str:
    return f'<time datetime="{at.isoformat(timespec="minutes")}">{escape(minute_read(at, zone))}</time>'


def _line(name: str, label: str, autocomplete: str, given: Mapping[str, str]) -> str:
    value = escape(given.get(name, ""))
    return (
        f'<label for="{name}">{label}</label>'
        f'<input type="text" id="{name}" name="{name}" value="{value}" maxlength="{PERSON}" required '
        f'autocomplete="{autocomplete}">'
    )


def _choice(value: str, chosen: bool) -> str:
    checked = " checked" if chosen else ""
    return (
        f'<label><input type="radio" name="answer" value="{value}" required{checked}> {escape(_WORDS[value])}</label>'
    )
