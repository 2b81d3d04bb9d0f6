"""From what was found wrong to the HTTP answer: an OperationOutcome (FHIR R4, section 2.36) and its headers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import orjson

from service.fhir.faults import ERRORS, Fault
from service.flow.answer import Reason, Refused
from service.shared.errors import Unavailable
from service.shared.reply import Reply

MOST_ISSUES = 20


@dataclass(frozen=True, slots=True)
class Issue:
    """One OperationOutcome.issue. `expression` is the element it is about, as a FHIRPath of names and indexes.

    `severity` is a code of IssueSeverity: fatal, error, warning or information; None where it follows from the answer.
    """

    code: str
    text: str
    expression: str | None = None
    severity: str | None = None


class Finding(NamedTuple):
    """One row of the table applied to one place; `detail` is what was expected, never what was received."""

    kind: Fault | Reason
    expression: str | None = None
    detail: str = ""

    def issue(self) -> Issue:
        row = ERRORS[self.kind]
        return Issue(row.code, row.sentence.format(self.detail), self.expression)


class BadInput(Exception):
    """A request this door refuses. `status` is the HTTP status; the issues are all that one stage of checks found."""

    def __init__(self, status: int, issues: tuple[Issue, ...]) -> None:
        super().__init__(f"{status} with {len(issues)} issues")
        self.status = status
        self.issues = issues

    @classmethod
    def of(cls, *findings: Finding) -> "BadInput":
        """At most 20 issues; a structural error (400) decides the status before one of meaning (422)."""
        return cls(
            min(ERRORS[each.kind].status for each in findings),
            tuple(each.issue() for each in findings[:MOST_ISSUES]),
        )


def operation_outcome(issues: Iterable[Issue], severity: str = "error") -> bytes:
    """An OperationOutcome as JSON. `severity` is that of an issue which has none of its own."""
    wired = [_wire(each, each.severity or severity) for each in issues]
    return orjson.dumps({"resourceType": "OperationOutcome", "issue": wired})


def _wire(issue: Issue, severity: str) -> dict[str, str | list[str]]:
    wire: dict[str, str | list[str]] = {"severity": severity, "code": issue.code, "diagnostics": issue.text}
    return wire | {"expression": [issue.expression]} if issue.expression else wire


_HEADERS: Mapping[int, Mapping[str, str]] = {
    401: {"WWW-Authenticate": 'Bearer error="invalid_token"'},
    403: {"WWW-Authenticate": 'Bearer error="insufficient_scope"'},
    429: {"Retry-After": "60"},
    503: {"Retry-After": "5"},
}


def reply(problem: BadInput | Refused | Finding | Fault | Reason | Unavailable) -> Reply:
    """The HTTP answer to anything that went wrong, with the headers its status must carry (RFC 9110, RFC 6750)."""
    match problem:
        case BadInput():
            return _reply(problem.status, problem.issues)
        case Unavailable():
            headers = {"Retry-After": str(problem.retry_after_seconds)}
            return Reply(503, operation_outcome([Finding(Fault.UNAVAILABLE).issue()]), headers)
        case Refused():
            return reply(Finding(problem.reason, problem.element))
        case Fault() | Reason():
            return reply(Finding(problem))
        case Finding():
            return _reply(ERRORS[problem.kind].status, (problem.issue(),))


def _reply(status: int, issues: tuple[Issue, ...]) -> Reply:
    return Reply(status, operation_outcome(issues), _HEADERS.get(status, {}))
