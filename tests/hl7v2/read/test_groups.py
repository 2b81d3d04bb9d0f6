"""Which segments belong to which woman, and what happens to those that belong to none."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.flow.keep_unreadable import Recognised
from service.flow.received_message import Group
from service.flow.rules import Rules
from service.hl7v2.dialect import Dialect
from service.hl7v2.read.message import READERS
from service.hl7v2.read.recognise import recognise
from service.hl7v2.segments import Message, read
from tests.hl7v2.read.test_golden import NOW

HEADER = "MSH|^~\\&|A|B|||20260301||ORU^R01|1|P|2.5.1"
OBR = "OBR|1||F1^LAB|71354-5^EPDS^LN|||20260301100000||||||||||||||||||F"
RISK, TOTAL, OTHER = "OBX|1|NM|EPDS10^^L||2||||||F", "OBX|1|NM|99046-5^^LN||9||||||F", "OBX|1|NM|718-7^^LN||7||||||F"


def pid(number: int) -> str:
    return f"PID|{number}||{number}^^^MATERN^MR||Test^Ada"


def message(*segments: str) -> Message:
    return read("\r".join((HEADER, *segments)).encode())


def groups(dialect: Dialect, rules: Rules, *segments: str) -> tuple[Group, ...]:
    return READERS["ORU", "R01"](message(*segments), dialect, rules, NOW)


def told(group: Group) -> list[str]:
    return [f"{each.problem} {each.at}" for each in group.flaws]


@pytest.mark.parametrize(
    ("segments", "flaws", "recognised"),
    [
        ([], ["segment-missing PID^1"], Recognised.NOTHING),
        (["PV1|1|B"], ["segment-missing PID^1"], Recognised.NOTHING),
        ([OBR, TOTAL], ["segment-missing PID^1"], Recognised.AN_INSTRUMENT),
        ([OBR, RISK], ["segment-missing PID^1"], Recognised.A_CRITICAL_ANSWER),
        ([OTHER], ["segment-missing PID^1"], Recognised.NOTHING),
        ([pid(1)], ["segment-missing OBX^1"], Recognised.NOTHING),
    ],
)
def test_without_a_woman_or_without_a_result_nothing_is_acted_on_and_a_person_is_told(
    dialect: Dialect, rules: Rules, segments: list[str], flaws: list[str], recognised: Recognised
) -> None:
    (group,) = groups(dialect, rules, *segments)
    assert (group.parts, told(group), group.recognised) == ((), flaws, recognised)


def test_whose_it_is_that_was_not_used_is_made_known(dialect: Dialect, rules: Rules) -> None:
    (group,) = groups(dialect, rules, pid(1), OBR)
    assert ([part.at for part in group.parts], told(group)) == (["PID^1"], ["segment-missing OBX^1"])
    assert group.recognised is Recognised.AN_INSTRUMENT


def test_each_woman_has_her_own(dialect: Dialect, rules: Rules) -> None:
    first, second = groups(dialect, rules, pid(1), OBR, TOTAL, pid(2), OBR, RISK)
    for number, group in ((1, first), (2, second)):
        assert group.subject is not None
        assert group.subject.identifier is not None
        assert group.subject.identifier.value == str(number)
        assert [part.at for part in group.parts] == [f"PID^{number}", f"OBR^{number}"]


def test_of_two_women_in_a_row_nobody_knows_whose_the_results_are(dialect: Dialect, rules: Rules) -> None:
    first, second, third = groups(dialect, rules, pid(1), pid(2), OBR, RISK, pid(3), OBR, TOTAL)
    assert (first.parts, told(first)) == ((), ["segment-missing OBX^1"])
    assert (second.parts, told(second)) == ((), ["segment-misplaced PID^2"])
    assert second.recognised is Recognised.A_CRITICAL_ANSWER
    assert (len(third.parts), third.flaws) == (2, ())


def test_what_comes_before_the_first_woman_is_nobody_s(dialect: Dialect, rules: Rules) -> None:
    stray, hers = groups(dialect, rules, RISK, pid(1), OBR, TOTAL)
    assert (stray.parts, stray.recognised) == ((), Recognised.A_CRITICAL_ANSWER)
    assert len(hers.parts) == 2


def test_one_order_that_is_wrong_takes_nothing_from_another(dialect: Dialect, rules: Rules) -> None:
    taken_back = OBR.removesuffix("F") + "X"
    (group,) = groups(dialect, rules, pid(1), taken_back, RISK, OBR, TOTAL)
    assert [part.at for part in group.parts] == ["PID^1", "OBR^2"]
    assert told(group) == ["value-unreadable OBR^1^25"]
    assert group.recognised is Recognised.A_CRITICAL_ANSWER


@pytest.mark.parametrize(
    ("segments", "recognised"),
    [
        ([OTHER], Recognised.NOTHING),
        ([TOTAL], Recognised.AN_INSTRUMENT),
        ([OBR], Recognised.AN_INSTRUMENT),
        ([TOTAL, RISK], Recognised.A_CRITICAL_ANSWER),
        ([RISK.replace("|2|", "|0|")], Recognised.AN_INSTRUMENT),
        ([RISK.replace("||F", "||X")], Recognised.A_CRITICAL_ANSWER),
        (["OBX|1|CWE|44260-8^^LN||LA6569-3^^LN||||||"], Recognised.A_CRITICAL_ANSWER),
        (["OBX|1|NM|44260-8^^SCT||2||||||"], Recognised.A_CRITICAL_ANSWER),
    ],
)
def test_what_may_be_in_a_message_that_is_not_taken(
    dialect: Dialect, rules: Rules, segments: list[str], recognised: Recognised
) -> None:
    assert recognise(message("PID|1", *segments), dialect, rules) is recognised


NAMES = ["PID", "OBR", "OBX", "ORC", "TXA", "PV1", "ZZZ", "NTE"]
WORDS = ["", "1", '""', "EPDS10^^L", "71354-5^^LN", "20260301", "NM", "ED", "CWE", "SN", "F", "X", "~", "^^"]
WORDS += ["1^^^MATERN^MR"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(NAMES), st.lists(st.sampled_from(WORDS), max_size=26)), max_size=12))
def test_whatever_the_segments_say_it_is_read_and_no_risk_is_lost(
    dialect: Dialect, rules: Rules, segments: list[tuple[str, list[str]]]
) -> None:
    sent = message(*("|".join((name, *fields)) for name, fields in segments))
    for type in READERS:
        read_of_it = READERS[type](sent, dialect, rules, NOW)
        parts = [part for group in read_of_it for part in group.parts]
        if recognise(sent, dialect, rules) is Recognised.A_CRITICAL_ANSWER:
            assert parts or any(group.recognised is Recognised.A_CRITICAL_ANSWER for group in read_of_it)
