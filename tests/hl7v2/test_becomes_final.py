"""An order of which some parts are final and others are still to come, and the same values once more, all of them
final."""

from collections.abc import Collection

import pytest

from service.hl7v2.dialect import ANY_ORDER
from service.screening.instrument import CodeUse, Context, Role
from tests.flow.support import Service
from tests.hl7v2.doors import MSH, OBR, PID, Hospital

ITEMS = range(1, 11)
TOTAL, IGNORED = 11, 12
EVERYTHING = frozenset(range(1, 13))
_ADDRESS = {"woman": "W1", "born": "19950401", "order": "F1"}


@pytest.fixture
def hospital(service: Service) -> Hospital:
    codes = {f"EPDS{number}": CodeUse("epds", Role.ITEM, number) for number in ITEMS}
    told = {"EDD": Context.ESTIMATED_DUE_DATE, "LOSS": Context.SAFETY_EVENT}
    return Hospital(service, {"forms": {ANY_ORDER: codes}, "context": told, "ignored": frozenset({"IGN"})})


def epds(
    control: str,
    still: Collection[int] = (),
    *,
    letter: str = "P",
    order: str = "F",
    only: Collection[int] = EVERYTHING,
) -> bytes:
    """An EPDS of 21 with an answer of 3 about self-harm; the parts `still` have another OBX-11 than F."""
    codes = [*(f"EPDS{number}^item^L" for number in ITEMS), "99046-5^EPDS total^LN", "IGN^seen^L"]
    values = [*"2222222223", "21", "1"]
    parts = [
        f"OBX|{number}|NM|{code}||{value}||||||{letter if number in still else 'F'}|||20260601110000+0000"
        for number, (code, value) in enumerate(zip(codes, values, strict=True), 1)
        if number in only
    ]
    head = [each.format(control=control, **_ADDRESS) for each in (MSH, PID, OBR)]
    return "\r".join((*head[:2], head[2].removesuffix("F") + order, *parts, "")).encode()


def document(body: bytes) -> bytes:
    return body.replace(b"ORU^R01^ORU_R01", b"MDM^T02^MDM_T02").replace(b"OBR|", b"TXA|1|EPDS|TX|||||||||F1\rOBR|")


def effects(hospital: Hospital) -> tuple[int, int, int]:
    """How many referrals, how often a clinician was told of self-harm, how many versions of the order."""
    told = [row for row in hospital.rows("alert") if row["code"] == "self-harm-present"]
    return len(hospital.rows("referral")), len(told), len(hospital.rows("resource_version", type="Observation"))


@pytest.mark.parametrize("letter", ["P", "R", "S", "I"])
@pytest.mark.parametrize("order", ["F", "P"])
@pytest.mark.parametrize(
    ("still", "only"),
    [
        pytest.param(EVERYTHING - {1}, EVERYTHING - {TOTAL}, id="all but one answer"),
        pytest.param({*ITEMS, TOTAL}, EVERYTHING, id="all but what is ignored"),
        pytest.param({TOTAL}, {TOTAL, IGNORED}, id="the total beside what is ignored"),
        pytest.param(EVERYTHING, EVERYTHING, id="everything"),
    ],
)
def test_the_same_values_refer_her_once_they_are_final(
    hospital: Hospital, still: Collection[int], only: Collection[int], order: str, letter: str
) -> None:
    assert hospital.told(epds("M1", still, letter=letter, order=order, only=only)) == "AA"
    assert effects(hospital)[0] == 0
    assert hospital.told(epds("M2", only=only)) == "AA"
    referred = effects(hospital)
    assert (referred[0], referred[2]) == (1, 2)
    (result,) = hospital.rows("screening_result")
    assert result["outcome"] == "positive"
    assert hospital.told(epds("M3", only=only)) == "AA"
    assert effects(hospital) == referred


@pytest.mark.parametrize("letter", ["P", "R", "S", "I"])
def test_a_risk_beside_final_answers_is_told_again_once_it_is_final(hospital: Hospital, letter: str) -> None:
    hospital.told(epds("M1", {10}, letter=letter))
    assert effects(hospital) == (0, 1, 1)
    assert hospital.told(epds("M2")) == "AA"
    assert effects(hospital) == (1, 2, 2)
    assert hospital.told(epds("M3")) == "AA"
    assert effects(hospital) == (1, 2, 2)


def test_while_some_is_still_to_come_what_has_become_final_counts(hospital: Hospital) -> None:
    hospital.told(epds("M1", EVERYTHING - {1}))
    assert hospital.told(epds("M2", {2})) == "AA"
    assert effects(hospital)[0] == 1
    before = effects(hospital)
    assert hospital.told(epds("M3", {2})) == "AA"
    assert effects(hospital) == before


def test_what_is_still_to_come_changes_nothing_when_it_comes_again(hospital: Hospital) -> None:
    hospital.told(epds("M1", EVERYTHING - {1}))
    before = effects(hospital)
    assert hospital.told(epds("M2", EVERYTHING - {1})) == "AA"
    assert effects(hospital) == before


def test_a_document_is_taken_the_same_way(hospital: Hospital) -> None:
    assert hospital.told(document(epds("M1", {TOTAL}, only={TOTAL, IGNORED}))) == "AA"
    assert effects(hospital)[0] == 0
    assert hospital.told(document(epds("M2", only={TOTAL, IGNORED}))) == "AA"
    assert effects(hospital)[0] == 1


@pytest.mark.parametrize("letters", [("P", "F"), ("F", "F")])
def test_a_due_date_beside_answers_hides_nothing_and_is_not_hidden(
    hospital: Hospital, letters: tuple[str, str]
) -> None:
    for number, (letter, still) in enumerate(zip(letters, (EVERYTHING - {1}, ()), strict=True)):
        due = f"OBX|13|DT|EDD^Due^L||20261101||||||{letter}\r".encode()
        assert hospital.told(epds(f"M{number}", still) + due) == "AA"
    assert effects(hospital)[0] == 1
    assert [str(row["due_date"]) for row in hospital.rows("patient")] == ["2026-11-01"]


def test_a_loss_beside_final_answers_pauses_contact(hospital: Hospital) -> None:
    loss = "OBX|13|CWE|LOSS^Loss^L||Y^Yes^L||||||{letter}|||20260601110000+0000\r"
    for control, letter in (("M1", "P"), ("M2", "F")):
        assert hospital.told(epds(control) + loss.format(letter=letter).encode()) == "AA"
        (referral,) = hospital.rows("referral")
        assert (control, referral["state"]) == (control, "on-hold")
