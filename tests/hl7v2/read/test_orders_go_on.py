"""Several messages about one order, on a real store: each brings, corrects or takes back what it names, and no more."""

from collections.abc import Sequence

import pytest

from service.flow.receive_message import receive_message
from service.flow.received_message import Flaw
from service.hl7v2.dialect import Dialect
from service.hl7v2.frame import Frame
from service.hl7v2.look import look, received_message
from service.hl7v2.read.message import READERS
from service.screening.decide import Outcome, SelfHarm, decide
from service.screening.result import ScreeningResult
from service.shared.caller import Caller
from tests.flow.support import NOW, Service

EPDS, TOTAL = "71354-5^EPDS^LN", "99046-5^Total^LN"
ITEMS = [f"EPDS{number}^^L" for number in range(1, 11)]
ANSWERS = ["2", "1", "2", "1", "2", "1", "2", "1", "1", "0"]


def obx(code: str, value: str, status: str = "F") -> str:
    return f"OBX|1|NM|{code}||{value}||||||{status}"


def obr(status: str = "F", at: str = "20260601100000") -> str:
    return f"OBR|1||F1^MATERN|{EPDS}|||{at}||||||||||||||||||{status}"


WHOLE = [obr(), obx(TOTAL, "13"), *map(obx, ITEMS, ANSWERS)]


class Hospital:
    """Sends messages, each under a control id of its own."""

    def __init__(self, service: Service, dialect: Dialect) -> None:
        self.service, self.dialect = service, dialect
        self.caller: Caller = service.hospital()
        self.sent = 0

    def send(self, *segments: str) -> list[str]:
        """What was not acted on."""
        self.sent += 1
        header = f"MSH|^~\\&|MATERN|HOSPITAL|||20260601||ORU^R01|{self.sent}|P|2.5.1"
        looked = look(Frame("\r".join((header, "PID|1||1^^^MATERN^MR||Een^Ada", *segments)).encode()))
        assert looked.message is not None
        groups = READERS["ORU", "R01"](looked.message, self.dialect, self.service.rules, NOW)
        told: list[Flaw] = []

        def acknowledge(flaws: Sequence[Flaw]) -> bytes:
            told.extend(flaws)
            return b"AA"

        message = received_message(looked, groups)
        self.service.run(self.caller, lambda tx: receive_message(tx, self.service.rules, message, NOW, acknowledge))
        return [f"{each.problem} {each.at}" for each in told]

    @property
    def woman(self) -> str:
        mrn = "https://hospital.example/mrn"
        known = self.service.read(self.caller, lambda tx: tx.aliases.find("Patient", mrn, "1"))
        assert known is not None
        return known

    def results(self) -> list[ScreeningResult]:
        """Those of which anything counts."""
        woman = self.woman
        return [each for each in self.service.run(self.caller, lambda tx: tx.results.of_patient(woman)) if each.counts]

    def decision(self) -> tuple[Outcome, SelfHarm, int | None]:
        (result,) = self.results()
        instrument = self.service.rules.instruments[result.instrument_id]
        decided = decide(result, instrument, self.service.rules.policy(self.caller.organisation_id))
        return decided.outcome, decided.self_harm, decided.total_used


@pytest.fixture
def hospital(service: Service, dialect: Dialect) -> Hospital:
    return Hospital(service, dialect)


def test_the_same_order_under_another_control_id_is_one_result(hospital: Hospital) -> None:
    assert hospital.send(*WHOLE) == []
    assert hospital.send(*WHOLE) == []
    assert hospital.decision() == (Outcome.POSITIVE, SelfHarm.ABSENT, 13)
    assert len(hospital.service.rows("referral", patient_id=hospital.woman)) == 1
    assert [row["version"] for row in hospital.service.rows("resource_version", type="Observation")] == [1]


def test_a_correction_of_one_answer_leaves_all_others(hospital: Hospital) -> None:
    hospital.send(*WHOLE)
    assert hospital.send(obr("C"), obx(TOTAL, "15", "C"), obx(ITEMS[9], "2", "C")) == []
    assert hospital.decision() == (Outcome.POSITIVE, SelfHarm.PRESENT, 15)
    assert "self-harm-present" in hospital.service.alerts(hospital.woman)


def test_what_comes_later_of_an_order_is_added(hospital: Hospital) -> None:
    hospital.send(obr("A"), obx(TOTAL, "13"))
    assert hospital.decision() == (Outcome.POSITIVE, SelfHarm.UNKNOWN, 13)
    assert hospital.send(obr(), *map(obx, ITEMS, ANSWERS)) == []
    assert hospital.decision() == (Outcome.POSITIVE, SelfHarm.ABSENT, 13)


def test_what_was_announced_comes_at_the_time_when_it_was_answered(hospital: Hospital) -> None:
    hospital.send(obr("S", "20260520090000"), obx(TOTAL, "", "S"), obx(ITEMS[9], "", "S"))
    assert hospital.results() == []
    assert hospital.send(*WHOLE) == []
    assert hospital.decision() == (Outcome.POSITIVE, SelfHarm.ABSENT, 13)


def test_a_corrected_time_moves_the_result(hospital: Hospital) -> None:
    hospital.send(*WHOLE)
    moved = [line.replace("||||||F", "||||||C") for line in WHOLE[1:]]
    assert hospital.send(obr("C", "20260531100000"), *moved) == []
    (result,) = hospital.results()
    assert result.effective.day == 31
    assert len(hospital.service.rows("referral", patient_id=hospital.woman)) == 1


@pytest.mark.parametrize("status", ["D", "W"])
def test_what_is_taken_back_no_longer_counts(hospital: Hospital, status: str) -> None:
    hospital.send(*WHOLE)
    taken_back = [line.replace("||||||F", f"||||||{status}") for line in WHOLE[1:]]
    assert hospital.send(obr("D"), *taken_back) == []
    assert hospital.results() == []
    (referral,) = hospital.service.rows("referral", patient_id=hospital.woman)
    assert referral["state"] == "closed"


def test_another_value_that_is_no_correction_is_refused_and_a_person_is_told(hospital: Hospital) -> None:
    hospital.send(*WHOLE)
    assert hospital.send(obr(), obx(TOTAL, "3")) == ["different-under-same-identifier OBR^1"]
    assert hospital.decision() == (Outcome.POSITIVE, SelfHarm.ABSENT, 13)
    assert "content-conflict" in hospital.service.alerts(hospital.woman)


def test_two_questionnaires_under_one_number_are_two_results(hospital: Hospital) -> None:
    other = "OBR|2||F1^MATERN|44249-1^PHQ-9^LN|||20260601100000||||||||||||||||||F"
    assert hospital.send(*WHOLE, other, obx("44261-6^^LN", "12")) == []
    assert {each.instrument_id for each in hospital.results()} == {"epds", "phq9"}


def test_a_file_that_follows_its_score_takes_nothing_back(hospital: Hospital) -> None:
    hospital.send(*WHOLE)
    assert hospital.send(obr(), "OBX|1|ED|PDF^^L||MAT^AP^PDF^Base64^JVBERi0=||||||F") == ["no-score OBX^1^5"]
    (referral,) = hospital.service.rows("referral", patient_id=hospital.woman)
    assert referral["state"] != "closed"
    assert "unscorable" in hospital.service.alerts(hospital.woman)
