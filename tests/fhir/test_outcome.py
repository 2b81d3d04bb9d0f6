import json

import pytest

from service.fhir.faults import ERRORS, Fault
from service.fhir.guard import parse
from service.fhir.outcome import BadInput, Finding, Issue, operation_outcome, reply
from service.fhir.schema import issue_types
from service.flow.answer import Reason, Refused
from service.shared.errors import Unavailable


@pytest.mark.parametrize("kind", [*Fault, *Reason])
def test_every_fault_and_every_reason_has_its_row_and_makes_a_valid_outcome(kind: Fault | Reason) -> None:
    answer = reply(Finding(kind, "Task.status", "something"))
    outcome = parse(answer.body, "OperationOutcome")
    row = ERRORS[kind]
    assert answer.status == row.status
    assert 400 <= answer.status <= 503
    [issue] = outcome["issue"]
    assert row.code in issue_types()
    assert issue == {
        "severity": "error",
        "code": row.code,
        "diagnostics": row.sentence.replace("{}", "something"),
        "expression": ["Task.status"],
    }


STATUSES = {
    Reason.NOT_FOUND: 404,
    Reason.SUBJECT_UNKNOWN: 422,
    Reason.RECIPIENT_UNKNOWN: 422,
    Reason.CONTENT_UNCLEAR: 422,
    Reason.DIFFERENT_UNDER_SAME_IDENTIFIER: 409,
    Reason.SEVERAL_MATCH: 412,
    Reason.VERSION_STALE: 412,
    Reason.CHANGED_MEANWHILE: 409,
    Reason.TRANSITION_NOT_ALLOWED: 422,
    Reason.ELEMENT_FIXED: 422,
    Reason.ACTIVITY_UNKNOWN: 422,
    Reason.STATUS_REASON_REQUIRED: 422,
    Reason.IN_THE_FUTURE: 422,
    Fault.NOT_AUTHENTICATED: 401,
    Fault.SCOPE_TOO_SMALL: 403,
    Fault.ADDRESS_UNKNOWN: 404,
    Fault.METHOD_NOT_ALLOWED: 405,
    Fault.NOT_ACCEPTABLE: 406,
    Fault.BODY_TOO_LARGE: 413,
    Fault.MEDIA_TYPE_UNSUPPORTED: 415,
    Fault.TOO_MANY_REQUESTS: 429,
    Fault.INTERNAL: 500,
}


@pytest.mark.parametrize(("kind", "status"), STATUSES.items())
def test_the_status_a_poller_relies_on_stays(kind: Fault | Reason, status: int) -> None:
    assert reply(kind).status == status
    assert not isinstance(kind, Reason) or reply(Refused(kind)) == reply(kind)


def test_a_refusal_names_the_element_it_is_about() -> None:
    answer = reply(Refused(Reason.ELEMENT_FIXED, "Task.owner"))
    assert json.loads(answer.body)["issue"][0]["expression"] == ["Task.owner"]


def test_a_store_that_cannot_commit_says_when_to_try_again_and_not_why() -> None:
    answer = reply(Unavailable("the disk of host seven is full", retry_after_seconds=7))
    assert (answer.status, answer.headers["Retry-After"]) == (503, "7")
    assert b"seven" not in answer.body


@pytest.mark.parametrize(
    ("fault", "header"),
    [
        (Fault.TOO_MANY_REQUESTS, "Retry-After"),
        (Fault.UNAVAILABLE, "Retry-After"),
        (Fault.NOT_AUTHENTICATED, "WWW-Authenticate"),
        (Fault.SCOPE_TOO_SMALL, "WWW-Authenticate"),
    ],
)
def test_a_status_that_must_carry_a_header_does(fault: Fault, header: str) -> None:
    assert reply(fault).headers[header]


def test_a_structural_error_decides_the_status_before_an_error_of_meaning() -> None:
    meaning, structure = Finding(Fault.CODE_NOT_IN_VALUE_SET), Finding(Fault.ELEMENT_UNKNOWN)
    assert BadInput.of(meaning).status == 422
    assert BadInput.of(meaning, structure).status == 400


def test_an_outcome_may_warn_without_refusing() -> None:
    outcome = json.loads(operation_outcome([Issue("value", "Kept as it was.")], "warning"))
    assert outcome["issue"] == [{"severity": "warning", "code": "value", "diagnostics": "Kept as it was."}]
