"""Messages that come at the same moment, on both databases."""

import pytest

from service.hl7v2.segments import read
from tests.flow.support import Service
from tests.hl7v2.doors import MSH, Hospital, group, oru, said


@pytest.fixture(scope="module")
def service(shared_service: Service) -> Service:
    return shared_service


@pytest.fixture
def hospital(service: Service) -> Hospital:
    return Hospital(service)


def test_thirty_two_equal_messages_have_one_effect_and_equal_acknowledgements(hospital: Hospital) -> None:
    answers = hospital.answers(*([oru(total=22)] * 32))
    assert len({tuple(each) for each in answers}) == 1
    assert said(read(answers[0][0])) == "AA"
    assert len(hospital.rows("screening_result")) == len(hospital.rows("referral")) == 1
    assert sorted(row["disposition"] for row in hospital.rows("inbound_message")) == ["accepted"] + ["repeated"] * 31


def test_of_thirty_two_contents_under_one_control_id_one_is_taken_and_all_are_kept(hospital: Hospital) -> None:
    answers = hospital.answers(*(oru("M1", total=0, woman=f"W{number}") for number in range(32)))
    assert sorted(said(read(each[0])) for each in answers) == ["AA", *["AR MSH^1^10 207 E"] * 31]
    assert len(hospital.rows("inbound_message")) == 1
    assert len(hospital.rows("unreadable_message")) == 31


def test_thirty_two_results_of_one_woman_open_one_referral(hospital: Hospital) -> None:
    answers = hospital.answers(*(oru(f"M{number}", total=22) for number in range(32)))
    codes = [said(read(each[0])) for each in answers]
    again = [oru(f"M{number}", total=22) for number, code in enumerate(codes) if code != "AA"]
    # Two that register her at the same moment: the later is asked to send again.
    assert {*codes} <= {"AA", "AE 207 E"}
    assert {said(read(each[0])) for each in hospital.answers(*again)} <= {"AA"}
    assert len(hospital.rows("patient")) == len(hospital.rows("referral")) == 1


def test_messages_about_the_same_women_in_another_order_do_not_wait_for_each_other(hospital: Hospital) -> None:
    def message(control: str, women: list[str]) -> bytes:
        groups = [line for each in women for line in group(woman=each, total=22, order=f"{control}-{each}")]
        return "\r".join([MSH.format(control=control), *groups]).encode()

    women = [f"W{number}" for number in range(4)]
    hospital.answers(message("M0", women))
    answers = hospital.answers(*(message(f"M{number}", women[:: -1 if number % 2 else 1]) for number in range(1, 13)))
    assert {said(read(each[0])) for each in answers} == {"AA"}
    assert len(hospital.rows("patient")) == len(hospital.rows("referral")) == 4
