"""What a sender is told of whatever may be wrong."""

import re
from itertools import chain

import pytest

from service.flow.answer import Reason
from service.flow.received_message import Problem
from service.hl7v2.errors import CONDITIONS, MEANINGS, Rest, Unfit, What
from service.hl7v2.frame import Fault
from service.hl7v2.segments import Defect

EVERYTHING: list[What] = [*chain[What](Reason, Problem, Defect, Fault, Unfit, Rest)]
EXPECTED = {
    "E43 a framing byte inside": (Fault.EMBEDDED, "102", "E"),
    "E46 characters of another set": (Defect.CHARACTERS, "102", "E"),
    "E46 a set that is not known": (Defect.CHARACTER_SET, "103", "E"),
    "E48 a type that is not taken": (Unfit.TYPE_UNSUPPORTED, "200", "E"),
    "E48 an event that is not taken": (Unfit.EVENT_UNSUPPORTED, "201", "E"),
    "E49 a version that is not taken": (Unfit.VERSION_UNSUPPORTED, "203", "E"),
    "E50 no control id": (Unfit.CONTROL_ID_MISSING, "101", "E"),
    "E51 a control id that was another's": (Unfit.CONTROL_ID_REUSED, "207", "E"),
    "E52 not of production": (Unfit.NOT_PRODUCTION, "202", "E"),
    "E53 no PID": (Problem.SEGMENT_MISSING, "100", "W"),
    "a person who is not known": (Reason.SUBJECT_UNKNOWN, "204", "W"),
}


@pytest.mark.parametrize("what", EVERYTHING, ids=str)
def test_everything_has_a_condition_of_table_0357_and_words_that_fit_an_err_8(what: What) -> None:
    meaning = MEANINGS[what]
    assert meaning.condition in CONDITIONS
    assert meaning.severity in ("W", "E")
    assert re.fullmatch(r"[A-Z][A-Za-z0-9 ,.():']{10,100}\.", meaning.words)
    assert re.fullmatch(r"(MSH(\^\d+)+)?", meaning.at)


def test_nothing_else_is_told_of() -> None:
    assert MEANINGS.keys() == set(EVERYTHING)
    # One name for two of them would make one of them say what the other is.
    assert len(set(EVERYTHING)) == len(EVERYTHING)


@pytest.mark.parametrize(("what", "condition", "severity"), EXPECTED.values(), ids=EXPECTED)
def test_a_case_has_its_condition(what: What, condition: str, severity: str) -> None:
    assert (MEANINGS[what].condition, MEANINGS[what].severity) == (condition, severity)
