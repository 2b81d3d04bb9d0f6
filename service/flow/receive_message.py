"""An HL7 v2 message: several patients and orders in one unit, and each group of them its own outcome."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from service.flow.answer import Answer, Reason, Refused
from service.flow.doubt_identity import doubt_child
from service.flow.hear_refused import hear_risks_of, recognised
from service.flow.hear_refused_order import hear_refused_order
from service.flow.identify import subject_of
from service.flow.judge_results import judge_results
from service.flow.keep_unreadable import Recognised
from service.flow.lock_women import lock_women
from service.flow.ports import Transaction
from service.flow.raise_alert import alert_about, alert_sender
from service.flow.received import Received, number_in, numbers
from service.flow.received_message import Flaw, Group, Part, Problem, ReceivedMessage
from service.flow.received_result import ReceivedResult
from service.flow.record_consent import ReceivedConsent
from service.flow.request_referral import ReceivedRequest
from service.flow.rules import Rules
from service.flow.steps import AFTER_DECISIONS, SAYS_WHO, Step, take_step
from service.flow.tell_unnamed import Unnamed, tell_unnamed
from service.flow.unheard import hear_refused_message, unheard
from service.referrals.alert import AlertCode
from service.screening.result import ScreeningResult
from service.shared.audit import Action, AuditEvent

REPEATED, ACCEPTED, PARTLY, NOTHING_KNOWN = "repeated", "accepted", "partly", "nothing-known"


Acknowledge = Callable[[Sequence[Flaw]], bytes]
"""How a message is acknowledged of which this was not acted on."""


def receive_message(
    tx: Transaction, rules: Rules, message: ReceivedMessage, now: datetime, acknowledge: Acknowledge
) -> bytes | Refused:
    """Its acknowledgement, to be given after the commit; for what has come before, the one that was given then.

    Refused when other content has come under the same key: nothing is kept then, `refuse_message` is for that.
    """
    id, clean = tx.new_id(), acknowledge(())
    earlier = tx.control.claim(message.control, id, clean)
    if earlier is not None:
        if earlier.content != message.control.content:
            return Refused(Reason.DIFFERENT_UNDER_SAME_IDENTIFIER)
        keep(tx, message, id, REPEATED)
        return earlier.acknowledgement
    flaws = act(tx, rules, message, id, now)
    if not flaws:
        return clean
    told = acknowledge(flaws)
    tx.control.acknowledge(message.control, told)
    return told


@dataclass(slots=True)
class _Outcome:
    """What was not acted on of a group: `refused` are the steps in it, `left` is what stood behind a refusal of who she
    is."""

    group: Group
    flaws: list[Flaw]
    left: list[Part]
    refused: list[Step]

    def ends_referral(self) -> bool:
        """Whether what it asks for of a referral was done."""
        undone = [*self.refused, *(part.step for part in self.left)]
        asked = [part.step for part in self.group.parts if isinstance(part.step, ReceivedRequest)]
        return bool(asked) and not any(isinstance(step, ReceivedRequest) for step in undone)


def act(tx: Transaction, rules: Rules, message: ReceivedMessage, within: str, now: datetime) -> list[Flaw]:
    """Act on what it says and keep it as `within`; what was not acted on."""
    flaws, acted = act_on(tx, rules, message.received, message.groups, within, now)
    unused = flaws[0].problem.value if flaws else NOTHING_KNOWN
    keep(tx, message, within, unused if not acted else PARTLY if flaws else ACCEPTED)
    return flaws


def act_on(
    tx: Transaction, rules: Rules, received: Received, groups: Sequence[Group], within: str, now: datetime
) -> tuple[list[Flaw], bool]:
    """Act on these groups of what is kept as `within`: what was not acted on, and whether anything was. The rules run
    once, after the last part; what waits for their judgement follows."""
    if len(groups) > 1:
        lock_women(tx, {each.subject for each in groups if each.subject})
    outcomes = [_Outcome(each, [*_of_a_woman(tx, rules, each, now), *each.flaws], [], []) for each in groups]
    results: dict[str, ScreeningResult] = {}
    waits: list[tuple[_Outcome, Part]] = []
    acted = False
    for outcome in outcomes:
        for place, part in enumerate(outcome.group.parts):
            if isinstance(part.step, AFTER_DECISIONS):
                waits.append((outcome, part))
                continue
            answer, touched = _take(tx, rules, received, within, outcome, part, now)
            results |= {result.id: result for result in touched}
            if isinstance(answer, Refused) and isinstance(part.step, SAYS_WHO):
                # Nobody knows whose the rest of it is.
                outcome.left += outcome.group.parts[place + 1 :]
                break
            acted = True
    judge_results(tx, rules, results.values(), now)
    for outcome, part in waits:
        _take(tx, rules, received, within, outcome, part, now)
    if received.is_told:
        for outcome in outcomes:
            _tell(tx, rules, outcome, now)
    return [flaw for outcome in outcomes for flaw in outcome.flaws], acted or bool(waits)


def _take(
    tx: Transaction, rules: Rules, received: Received, within: str, outcome: _Outcome, part: Part, now: datetime
) -> tuple[Answer, Iterable[ScreeningResult]]:
    """Act on one part, and note in `outcome` when that was not possible."""
    step = _within(part.step, received, within)
    answer, touched = take_step(tx, rules, step, now)
    if isinstance(answer, Refused):
        outcome.flaws.append(Flaw(answer.reason, part.at))
        outcome.refused.append(step)
    return answer, touched


def keep(tx: Transaction, message: ReceivedMessage, id: str, disposition: str) -> None:
    """Keep it, with what became of it."""
    tx.inbox.archive(message.received, disposition, id)
    tx.audit.write(AuditEvent(Action.EXECUTE, f"Message/{id}", outcome=disposition))


def _within(step: Step, message: Received, within: str) -> Step:
    received = step.received._replace(within=within, replays=message.replays, untold=message.untold)
    return step._replace(received=received)


def _of_a_woman(tx: Transaction, rules: Rules, group: Group, now: datetime) -> list[Flaw]:
    doubted = group.child is not None and doubt_child(tx, rules, group.child, now)
    return [Flaw(Reason.IDENTITY_CONFLICT, group.child.at)] if group.child and doubted else []


# Whoever refused for these has raised an alert of its own, but of a consent; and what has no score is decided as such.
_TOLD = frozenset({Reason.IDENTITY_CONFLICT, Reason.DIFFERENT_UNDER_SAME_IDENTIFIER, Problem.NO_SCORE})


def _tell(tx: Transaction, rules: Rules, outcome: _Outcome, now: datetime) -> None:
    """One alert for all that was not acted on of a group, as urgent as what may stand in it; an event has its own, and
    a no."""
    group, flaws = outcome.group, outcome.flaws
    doubted = any(flaw.problem is Reason.IDENTITY_CONFLICT for flaw in flaws)
    for unnamed in (group.unnamed, _unheard(group, group.parts if doubted else outcome.left)):
        if unnamed is not None:
            tell_unnamed(tx, rules, unnamed, now)
    words = [step for step in outcome.refused if isinstance(step, ReceivedConsent) and not doubted]
    for step in words:
        hers, number = subject_of(tx, step.patient), number_in(step.patient)
        hear_refused_message(tx, rules, step, hers, number, step.received, now)
    if group.stops is not None and not outcome.ends_referral():
        hear_refused_order(tx, rules, group.stops, now)
    results = [step for step in outcome.refused if isinstance(step, ReceivedResult)]
    waiting = [part.step for part in outcome.left if isinstance(part.step, ReceivedResult)]
    seen = max([group.recognised, *(recognised(rules, each) for each in (*results, *waiting))])
    alone = not words and all(flaw.problem in _TOLD for flaw in flaws)
    if not flaws or (alone and seen is not Recognised.A_CRITICAL_ANSWER):
        return
    if group.unnamed is not None and seen is Recognised.NOTHING:
        return
    patient_id = None if doubted or group.subject is None else subject_of(tx, group.subject)
    if seen is Recognised.A_CRITICAL_ANSWER and patient_id is not None:
        # Of what could not be read nobody knows how old it is.
        dated = [] if group.recognised is seen else [*results, *waiting]
        hear_risks_of(tx, rules, patient_id, dated, now)
    else:
        _tell_hospital(tx, rules, _ALERTS[seen], patient_id, flaws, now)


def _unheard(group: Group, parts: Iterable[Part]) -> Unnamed | None:
    names = group.child.names if group.child else (group.subject and group.subject.identifier,)
    return unheard((part.step for part in parts), numbers(filter(None, names)))


_ALERTS = {
    Recognised.NOTHING: AlertCode.NOT_ALL_USED,
    Recognised.AN_INSTRUMENT: AlertCode.UNREADABLE_RESULT,
    Recognised.A_CRITICAL_ANSWER: AlertCode.UNREADABLE_RISK,
}


def _tell_hospital(
    tx: Transaction, rules: Rules, code: AlertCode, patient_id: str | None, flaws: Sequence[Flaw], now: datetime
) -> None:
    """What goes wrong with every message, as for an authority that is not listed, is said once until somebody has seen
    it. A result of a woman who is known, and a risk, are said each time."""
    again = code is AlertCode.NOT_ALL_USED or (code is AlertCode.UNREADABLE_RESULT and patient_id is None)
    what = sorted({f"{flaw.problem} {flaw.authority}".strip() for flaw in flaws})
    topic = "|".join((patient_id or "", *what)) if again else None
    if topic is not None and tx.alerts.count_again(tx.caller.organisation_id, code, topic):
        return
    if patient_id is not None:
        alert_about(tx, rules, code, tx.patients.lock(patient_id), now, topic)
    else:
        alert_sender(tx, rules, code, now, topic)
