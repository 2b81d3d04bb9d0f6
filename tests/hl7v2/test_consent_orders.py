"""A yes counts as far as its observation and its order do; what may be a no, or take back a yes, pauses contact."""

import pytest

from tests.flow.support import DAY, Service
from tests.hl7v2.ward import Ward, con, merge, pid

NUMBER = "OBX|2|ST|PHONE^Safe^L||+44 7700 900123||||||F"
YES_AT, LATER, EARLIER = "20260520090000", "20260525090000", "20260501090000"


def order(status: str, at: str = YES_AT) -> str:
    return f"OBR|1||C1^MAT|ASKED|||{at}||||||||||||||||||{status}"


def obx(value: str, status: str = "F", at: str = "") -> str:
    return f"OBX|1|ST|PEER^x^L||{value}||||||{status}|||{at}"


@pytest.fixture
def ward(service: Service) -> Ward:
    ward = Ward(service)
    ward.add_programme()
    return ward


def supported(ward: Ward, at: str = YES_AT) -> None:
    ward.tells("R01", pid(), order("F", at), obx("Y"), NUMBER, type="ORU")
    ward.positive()
    (offer,) = ward.offers()
    ward.service.update(ward.community, offer.id, "accepted")


@pytest.mark.parametrize("status", ["F", "C"])
def test_a_yes_of_which_its_order_says_that_it_is_final_counts(ward: Ward, status: str) -> None:
    assert ward.tells("R01", pid(), order(status), obx("Y", ""), NUMBER, type="ORU") == "AA"
    ward.positive()
    assert ward.state() == ("offered", ["requested"])


@pytest.mark.parametrize(
    ("order_status", "status", "told"),
    [
        *[(each, "", "AA") for each in "XYZDPOISAR"],
        ("X", "F", "AA OBX^1^11 102 W"),
        ("", "", "AA OBX^1^11 101 W"),
        ("", "?", "AA OBX^1^11 102 W"),
    ],
)
@pytest.mark.parametrize(("type", "event"), [("ORU", "R01"), ("ADT", "A08")])
def test_a_yes_that_its_order_does_not_bear_out_is_none(
    ward: Ward, type: str, event: str, order_status: str, status: str, told: str
) -> None:
    assert ward.tells(event, pid(), order(order_status), obx("Y", status), NUMBER, type=type) == told
    ward.positive()
    assert ward.state()[1] == []


@pytest.mark.parametrize("status", "XYZD")
def test_a_yes_is_taken_back_with_its_order(ward: Ward, status: str) -> None:
    supported(ward)
    assert ward.tells("R01", pid(), order(status), obx("Y", ""), type="ORU") == "AA"
    assert ward.state() == ("closed", ["cancelled"])


@pytest.mark.parametrize("status", "WDX")
@pytest.mark.parametrize("value", ["Y", ""])
def test_a_yes_that_is_taken_back_at_another_time_pauses_contact_until_somebody_has_looked(
    ward: Ward, status: str, value: str
) -> None:
    supported(ward)
    for _ in range(2):
        assert ward.tells("R01", pid(), order("C"), obx(value, status, LATER), type="ORU") == "AA"
    assert ward.state() == ("on-hold", ["held-by-service"])
    assert ward.alerts() == ["unreadable-refusal"]


def test_what_takes_back_an_older_yes_leaves_the_newer(ward: Ward) -> None:
    supported(ward)
    ward.tells("A08", pid(), obx("Y", "W", EARLIER))
    assert (ward.state()[0], ward.alerts()) == ("supported", [])


def test_a_yes_that_is_final_in_an_order_that_was_taken_back_may_be_taken_back(ward: Ward) -> None:
    supported(ward)
    assert ward.tells("R01", pid(), order("X"), obx("Y"), NUMBER, type="ORU") == "AA OBX^1^11 102 W"
    assert ward.state()[0] == "on-hold"


def document(at: str = YES_AT, completion: str = "LA", availability: str = "") -> str:
    return f"TXA|1|CN|TX|{at}||||||||D1^MAT|||||{completion}||{availability}"


@pytest.mark.parametrize("completion", ["DI", "IN", "IP", "PA"])
def test_a_yes_in_a_document_that_is_not_finished_is_none_yet(ward: Ward, completion: str) -> None:
    lines = [pid(), document(completion=completion), obx("Y", at=YES_AT), NUMBER]
    assert ward.tells("T02", *lines, type="MDM") == "AA"
    ward.positive()
    assert ward.state() == ("awaiting-consent", [])


@pytest.mark.parametrize("availability", ["CA", "OB"])
def test_a_yes_in_a_document_that_was_cancelled_is_none(ward: Ward, availability: str) -> None:
    lines = [pid(), document(availability=availability), obx("Y", at=YES_AT), NUMBER]
    assert ward.tells("T02", *lines, type="MDM") == "AA OBX^1^11 102 W"
    ward.positive()
    assert ward.state() == ("awaiting-consent", [])


@pytest.mark.parametrize("status", ["", "F"])
def test_a_yes_in_a_document_that_is_finished_counts(ward: Ward, status: str) -> None:
    assert ward.tells("T02", pid(), document(), obx("Y", status, YES_AT), NUMBER, type="MDM") == "AA"
    ward.positive()
    assert ward.state() == ("offered", ["requested"])


def test_a_yes_is_taken_back_with_its_document_when_somebody_has_looked(ward: Ward) -> None:
    supported(ward)
    ward.tells("T02", pid(), document(availability="CA"), obx("Y", at=YES_AT), type="MDM")
    assert (ward.state()[0], "unreadable-refusal" in ward.alerts()) == ("on-hold", True)


@pytest.mark.parametrize("said", [{"completion": "DI"}, {"availability": "CA"}])
def test_a_no_in_a_document_is_one_however_far_that_is(ward: Ward, said: dict[str, str]) -> None:
    supported(ward)
    assert ward.tells("T02", pid(), document(**said), obx("N", at=LATER), type="MDM") == "AA"
    assert ward.state() == ("closed", ["cancelled"])


@pytest.mark.parametrize("status", ["C", "A"])
@pytest.mark.parametrize("value", ['""', ""])
def test_a_yes_is_taken_back_by_a_correction_that_leaves_no_answer(ward: Ward, value: str, status: str) -> None:
    supported(ward)
    assert ward.tells("A08", pid(), obx(value, status, YES_AT)) == "AA"
    assert ward.state() == ("closed", ["cancelled"])


@pytest.mark.parametrize("at", [YES_AT, LATER])
@pytest.mark.parametrize("value", ['""', ""])
def test_a_question_that_was_not_answered_takes_back_nothing(ward: Ward, value: str, at: str) -> None:
    supported(ward)
    assert ward.tells("A08", pid(), obx(value, at=at)) == "AA"
    assert ward.state()[0] == "supported"


@pytest.mark.parametrize("value", ["n", "no", "NO", "No.", "N.", "false", "0", "^No"])
def test_a_no_is_one_however_it_is_written(ward: Ward, value: str) -> None:
    supported(ward)
    assert ward.tells("A08", pid(), obx(value, at=LATER)) == "AA"
    assert ward.state() == ("closed", ["cancelled"])


@pytest.mark.parametrize("code", ["peer", "Peer", "PEER ", "OTHER^x^L^peer"])
@pytest.mark.parametrize("form", ["a CON segment", "an observation"])
def test_a_no_is_one_in_whatever_case_its_consent_is_named(ward: Ward, form: str, code: str) -> None:
    supported(ward)
    no = con("R", LATER, code=code) if form == "a CON segment" else obx("N", at=LATER).replace("PEER^x^L", code)
    assert ward.tells("A08", pid(), no) == "AA"
    assert ward.state() == ("closed", ["cancelled"])


@pytest.mark.parametrize("value", ["DECLINED", "Nein", "later"])
def test_an_answer_that_nobody_knows_may_be_a_no_whatever_else_was_not_used(ward: Ward, value: str) -> None:
    supported(ward)
    ward.tells("A08", pid(), con("A", code="OTHER"))
    assert ward.alerts() == ["not-all-used"]
    for _ in range(2):
        assert ward.tells("A08", pid(), obx(value, at=LATER)) == "AA OBX^1^5 103 W"
    assert ward.state() == ("on-hold", ["held-by-service"])
    assert ward.alerts() == ["not-all-used", "unreadable-refusal"]


@pytest.mark.parametrize(
    "said", [[obx("DECLINED", at=LATER), con("A", YES_AT)], [con("A", YES_AT), obx("X?", at=LATER)]]
)
def test_beside_the_yes_it_holds_for_the_referral_that_opens_later(ward: Ward, said: tuple[str, ...]) -> None:
    ward.tells("A08", pid(), *said, NUMBER)
    ward.positive()
    assert ward.state() == ("on-hold", [])
    assert "unreadable-refusal" in ward.alerts()


UNCLEAR = [
    pytest.param(obx("DECLINED", at=LATER), id="an answer that nobody knows"),
    pytest.param(obx("Y", "W", LATER), id="a yes that is not known is taken back"),
    pytest.param(obx('""', "C", LATER), id="a correction that leaves no answer"),
    pytest.param(con("", LATER), id="no status"),
]


@pytest.mark.parametrize("unclear", UNCLEAR)
@pytest.mark.parametrize("waits", [False, True])
def test_it_holds_against_an_older_yes_that_comes_after_it(ward: Ward, unclear: str, waits: bool) -> None:
    if waits:
        ward.positive()
    ward.tells("A08", pid(), unclear)
    assert "unreadable-refusal" not in ward.alerts()
    ward.tells("A08", pid(), con("A", YES_AT), NUMBER)
    ward.positive()
    assert ward.state() == ("on-hold", [])
    assert "unreadable-refusal" in ward.alerts()


def test_it_holds_against_no_yes_that_comes_after_it_and_is_newer(ward: Ward) -> None:
    ward.tells("A08", pid(), obx("DECLINED", at=YES_AT))
    ward.tells("A08", pid(), con("A", LATER), NUMBER)
    ward.tells("A08", pid(), con("A", EARLIER), NUMBER)
    ward.positive()
    assert ward.state() == ("offered", ["requested"])


def test_it_holds_against_an_older_yes_when_that_begins(ward: Ward) -> None:
    ward.positive()
    ward.tells("A08", pid(), con("A", YES_AT).removesuffix("||") + "|20260603", NUMBER)
    ward.tells("A08", pid(), obx("DECLINED", at=LATER))
    ward.service.chase(3 * DAY)
    assert ward.state() == ("on-hold", [])
    assert "unreadable-refusal" in ward.alerts()


@pytest.mark.parametrize("at", ["20260520", YES_AT, ""])
def test_a_yes_that_nobody_could_tell_before_is_doubted_no_more(ward: Ward, at: str) -> None:
    ward.tells("A08", pid(), order("F"), obx("DECLINED", at=at))
    ward.tells("A08", pid(), order("F"), obx("Y", at=at), NUMBER)
    ward.positive()
    assert ward.state() == ("offered", ["requested"])


@pytest.mark.parametrize("unclear", UNCLEAR)
@pytest.mark.parametrize("supported_by", ["W1", "W2"])
def test_it_holds_against_a_yes_in_another_record_of_hers(ward: Ward, unclear: str, supported_by: str) -> None:
    other = {"W1": "W2", "W2": "W1"}[supported_by]
    ward.supported(supported_by)
    ward.tells("A08", pid(other), unclear)
    ward.sends(merge("W2", into="W1"))
    assert ward.state() == ("on-hold", ["held-by-service"])
    assert "unreadable-refusal" in ward.alerts()


def test_what_is_older_than_the_yes_in_another_record_of_hers_takes_back_nothing(ward: Ward) -> None:
    ward.supported("W1")
    ward.tells("A08", pid("W2"), obx("DECLINED", at=EARLIER))
    ward.sends(merge("W2", into="W1"))
    assert (ward.state()[0], "unreadable-refusal" in ward.alerts()) == ("supported", False)


def test_a_no_that_is_taken_back_stays_one_and_a_person_is_told(ward: Ward) -> None:
    ward.tells("A08", pid(), obx("N", at=LATER))
    assert ward.tells("A08", pid(), obx("N", "W", LATER)) == "AA OBX^1 205 W"
    assert ward.alerts() == ["not-all-used"]


@pytest.mark.parametrize("before", [[], [con("R", EARLIER)], [con("A", LATER)]], ids=["nothing", "a no", "a later yes"])
def test_where_no_yes_stands_that_it_could_take_back_nobody_is_woken(ward: Ward, before: list[str]) -> None:
    ward.tells("A08", pid(), *before, NUMBER)
    assert ward.tells("A08", pid(), obx("DECLINED", at=YES_AT)) == "AA OBX^1^5 103 W"
    assert ward.alerts() == ["not-all-used"]


def test_once_it_can_be_read_it_counts_as_what_it_is(ward: Ward) -> None:
    supported(ward)
    ward.tells("A08", pid(), obx("DECLINED", at=LATER))
    ward.tells("A08", pid(), obx("N", at=LATER))
    assert ward.state() == ("closed", ["cancelled"])


def test_of_a_record_that_may_be_anothers_it_is_told_as_a_no(ward: Ward) -> None:
    supported(ward)
    ward.tells("A03", pid(born="19850505"), obx("DECLINED", at=LATER))
    assert {"identity-conflict", "unnamed-refusal"} <= set(ward.alerts())
