"""A hospital answers an alert by its Task: by status, who, and what a review came to."""

import pytest

from service.fhir import terms
from service.fhir.outcome import BadInput
from service.fhir.read.alert import read_answer
from service.fhir.survey import Tree
from service.flow.answer_alert import ReceivedAnswer
from service.flow.received import Received, Reference
from service.referrals.alert import AlertState, Practitioner, ReviewOutcome

MESSAGE = Received("Task", b"", target_id="7")


def part(code: str, system: str = terms.ALERT_OUTPUT, **value: object) -> Tree:
    return {"type": {"coding": [{"system": system, "code": code}]}, **value}


def by(verb: str, name: str, role: str | None = None) -> list[Tree]:
    named = [part(f"{verb}-by", valueReference={"type": "Practitioner", "display": name})]
    return named + ([part(f"{verb}-by-role", valueString=role)] if role else [])


def outcome(code: str, system: str = terms.REVIEW_OUTCOME) -> Tree:
    return part("review-outcome", valueCodeableConcept={"coding": [{"system": system, "code": code}]})


def read(status: str, output: list[Tree] | None = None, **elements: object) -> ReceivedAnswer:
    return read_answer({"status": status, "output": output or [], **elements}, MESSAGE)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("requested", AlertState.OPEN),
        ("accepted", AlertState.ACKNOWLEDGED),
        ("completed", AlertState.RESOLVED),
        ("rejected", None),
    ],
)
def test_the_status_is_the_answer(status: str, state: AlertState | None) -> None:
    assert read(status) == ReceivedAnswer(MESSAGE, "7", state)


@pytest.mark.parametrize("said", ReviewOutcome)
@pytest.mark.parametrize("coded", [True, False])
def test_a_review_comes_to_one_of_four_outcomes(said: ReviewOutcome, coded: bool) -> None:
    output = outcome(said.value) if coded else part("review-outcome", valueCode=said.value)
    answer = read("completed", [output, *by("reviewed", "M. Test", "Midwife")])
    assert (answer.outcome, answer.practitioner) == (said, Practitioner("M. Test", "Midwife"))


@pytest.mark.parametrize("wrong", [outcome("fine"), outcome("suitable", "urn:other"), part("review-outcome")])
def test_any_other_outcome_is_refused_by_name(wrong: Tree) -> None:
    with pytest.raises(BadInput) as caught:
        read("completed", [wrong])
    assert caught.value.issues[0].expression == "Task.output"
    assert "refer-to-specialist" in caught.value.issues[0].text


TWO_CODINGS = {"coding": [{"system": terms.REVIEW_OUTCOME, "code": code} for code in ("suitable", "close")]}


@pytest.mark.parametrize(
    "output",
    [
        [outcome("close"), outcome("suitable")],
        [outcome("suitable"), part("review-outcome", valueCode="close")],
        [part("review-outcome", valueCodeableConcept=TWO_CODINGS)],
    ],
)
def test_which_of_two_outcomes_was_meant_is_not_chosen_for_the_reviewer(output: list[Tree]) -> None:
    with pytest.raises(BadInput):
        read("completed", [*output, *by("reviewed", "M. Test")])
    assert read("completed", [outcome("close"), part("review-outcome", valueCode="close")]).outcome == "close"


def test_an_outcome_counts_only_where_the_task_is_completed() -> None:
    assert read("accepted", [outcome("suitable")]).outcome is None


def test_whoever_saw_it_first_is_not_taken_for_the_reviewer() -> None:
    seen = by("acknowledged", "A. Test", "Midwife in charge")
    assert read("completed", [*seen, outcome("close")]).practitioner == Practitioner()
    assert read("completed", [*seen, outcome("close"), *by("reviewed", "M. Test")]).practitioner.name == "M. Test"
    assert read("completed", seen).practitioner == Practitioner("A. Test", "Midwife in charge")
    assert read("accepted", seen).practitioner == Practitioner("A. Test", "Midwife in charge")


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        ({"type": "Practitioner", "display": "A. Test"}, "A. Test"),
        ({"reference": "PractitionerRole/7", "display": " A. Test "}, "A. Test"),
        ({"reference": "https://ehr.example/fhir/Practitioner/7"}, None),
        ({"type": "CareTeam", "display": "Maternity team"}, None),
        ({"reference": "Organization/7", "display": "Hospital"}, None),
    ],
)
def test_a_record_names_who_took_it_as_the_owner(owner: Tree, name: str | None) -> None:
    assert read("accepted", owner=owner).practitioner.name == name


def test_the_result_that_was_read_comes_back_in_the_input() -> None:
    named = {"identifier": {"system": terms.RESULT_ID, "value": "r-1.2"}}
    assert (
        read("completed", input=[part("screening-result", terms.ALERT_INPUT, valueReference=named)]).reviewed == "r-1.2"
    )
    foreign = {"identifier": {"system": "urn:other", "value": "r-1.2"}}
    assert (
        read("completed", input=[part("screening-result", terms.ALERT_INPUT, valueReference=foreign)]).reviewed is None
    )


def test_the_role_of_whoever_performs_it_counts_where_no_other_is_said() -> None:
    performs = [{"text": "Midwife"}]
    assert read("accepted", performerType=performs).practitioner == Practitioner(None, "Midwife")
    assert read("accepted", by("acknowledged", "A. Test"), performerType=performs).practitioner.role == "Midwife"
    said = by("acknowledged", "A. Test", "Health visitor")
    assert read("accepted", said, performerType=performs).practitioner.role == "Health visitor"


@pytest.mark.parametrize(
    ("change", "element"),
    [
        ({"output": by("acknowledged", "x" * 201)}, "Task.output"),
        ({"output": by("acknowledged", "A. Test", "x" * 201)}, "Task.output"),
        ({"owner": {"type": "Practitioner", "display": "x" * 201}}, "Task.owner"),
        ({"performerType": [{"text": "x" * 201}]}, "Task.performerType"),
    ],
)
def test_a_name_or_a_role_that_is_too_long_to_be_one_is_refused_where_it_stands(change: Tree, element: str) -> None:
    with pytest.raises(BadInput) as caught:
        read("accepted", **change)
    (issue,) = caught.value.issues
    assert (issue.code, issue.expression) == ("too-long", element)
    longest = "x" * 200
    assert read("accepted", by("acknowledged", longest, longest)).practitioner == Practitioner(longest, longest)


@pytest.mark.parametrize("base", ["https://here.example", None])
def test_whom_it_names_counts_only_in_what_was_read_here(base: str | None) -> None:
    tree = {"status": "accepted", "for": {"reference": "Patient/7"}, "focus": {"reference": "ServiceRequest/8"}}
    said = read_answer(tree, MESSAGE, base)
    expected = (Reference("Patient", "7"), Reference("ServiceRequest", "8")) if base else (None, None)
    assert (said.subject, said.referral) == expected
