"""An alert, said once on each rung of its ladder, each time as a result of its own: what a record files anew it shows
anew, where a correction may be filed without anybody being told.

A record may be read over her shoulder, so no code says why: the neutral words are all, and what a programme wrote.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from service.delivery.words import alert_words, marked
from service.flow.rules import Rules
from service.hl7v2.write.build import Draft
from service.hl7v2.write.fields import lines
from service.hl7v2.write.message import NotNamed, Sheet, patient
from service.hl7v2.write.outbound import Topic
from service.hl7v2.write.result import Finding, Order, moment, result, status, words
from service.referrals.alert import Alert, Practitioner
from service.screening.instrument import Priority

# Table 0078: very abnormal, which is what records put before a clinician at once.
_FLAG = {Priority.URGENT: "AA"}

# Said of a woman whom the hospital could recognise by no number that can be written.
NOT_NAMED = "not-named"


def alert_result(sheet: Sheet, rules: Rules) -> list[Draft]:
    """What is asked; once it is over that it is, under each name under which it was asked."""
    alert = sheet.parcel.alert
    assert alert is not None  # noqa: S101 - packed with every alert
    whom = _whom(sheet, alert)
    if not alert.is_over:
        return result(sheet, whom, _order(sheet, alert, rules, alert.raised_at, whom))
    over, rungs = replace(sheet, corrects=True), [replace(alert, rung=each) for each in range(alert.rung + 1)]
    return result(over, whom, *(_order(over, each, rules, over.written_at, whom) for each in rungs))


def _whom(sheet: Sheet, alert: Alert) -> Sequence[Draft]:
    """Her PID, and none where it is about no woman or she cannot be named: a person must read it all the same, and can
    find her by the order behind it, or ask."""
    try:
        return () if alert.patient_id is None else (patient(sheet),)
    except NotNamed:
        return ()


def _order(sheet: Sheet, alert: Alert, rules: Rules, changed_at: datetime, whom: Sequence[Draft]) -> Order:
    findings = list(_findings(sheet, alert, rules, alert.message_name, whom))
    return Order(Topic.ALERT, alert.message_name, alert.raised_at, changed_at, findings)


def _findings(sheet: Sheet, alert: Alert, rules: Rules, name: str, whom: Sequence[Draft]) -> Iterator[Finding]:
    """That it is over, or else what is to be done, comes first, for some records show no more than that in a list."""
    parcel, flag = sheet.parcel, "" if alert.is_over else _FLAG.get(alert.priority, "")
    if alert.is_over:
        yield from _end(sheet, alert, name)
    yield from _text(Topic.ALERT_WORDS, alert_words(alert, rules), f"{name}.words", flag)
    if alert.patient_id is not None and not whom:
        yield status(sheet, Topic.PATIENT, NOT_NAMED, f"{name}.patient")
    if parcel.escalation is not None and parcel.programme is not None:
        said = marked(alert, parcel.escalation, parcel.programme, rules)
        yield from _text(Topic.ALERT_MESSAGE, said, f"{name}.message", flag)
    for number, each in enumerate(parcel.fitting, 1):
        yield words(Topic.FITTING_PROGRAMME, each.name, f"{name}.fitting.{number}", str(number))
    yield status(sheet, Topic.PRIORITY, alert.priority.value, f"{name}.priority")
    yield moment(sheet, Topic.ACKNOWLEDGE_BY, None if alert.is_over else alert.due_at, f"{name}.acknowledge-by")
    yield words(Topic.TEAM, rules.policy(alert.tenant_id).rung(alert.rung).display, f"{name}.team")
    yield words(Topic.ANSWER_LINK, parcel.link, f"{name}.answer")


def _end(sheet: Sheet, alert: Alert, name: str) -> Iterator[Finding]:
    """What came of it, and who answered it, if anybody had to."""
    yield status(sheet, Topic.ALERT_STATUS, alert.state.value, f"{name}.status")
    if alert.review is not None:
        yield status(sheet, Topic.REVIEW_OUTCOME, alert.review.outcome.value, f"{name}.outcome")
    by = alert.review.practitioner if alert.review else Practitioner(alert.acknowledged_by, alert.acknowledged_by_role)
    if said := ", ".join(filter(None, (by.name, by.role))):
        yield from _text(Topic.ANSWERED_BY, said, f"{name}.answered-by", "")


def _text(topic: Topic, said: str, name: str, flag: str) -> Iterator[Finding]:
    for number, line in enumerate(lines(said), 1):
        yield words(topic, line, f"{name}.{number}", str(number), flag)
