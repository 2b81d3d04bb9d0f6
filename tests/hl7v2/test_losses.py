"""A loss or a death told by an observation, of whatever status, in whatever message and under whatever number."""

import pytest

from service.referrals.referral import ReferralTrigger
from service.screening.instrument import Context
from tests.flow.support import HOUR, Service
from tests.flow.test_review_alert import advanced
from tests.hl7v2.test_events import BABYS_AGE, ITEM, LOSS, PAUSED, UNUSABLE
from tests.hl7v2.ward import SYSTEM, Ward, con, cx, pid

OPEN = ("supported", ["accepted"])
UNKNOWN = "OBX|2|CE|OTHER^Other^L||x||||||{}|||20260530"


@pytest.fixture
def ward(service: Service) -> Ward:
    return Ward(service)


def order(letter: str, value: str = "237364002^Stillbirth^SCT", *, number: str = "F1", order: str = "F") -> list[str]:
    """An order in which nothing but a loss is told."""
    obr = f"OBR|1||{number}^MAT|57058-8^Pregnancy^LN|||20260530||||||||||||||||||{order}"
    return [obr, f"OBX|1|CWE|63893-2^Outcome^LN||{value}||||||{letter}"]


@pytest.mark.parametrize("letter", [*"PRSI", "Z", ""])
@pytest.mark.parametrize("type", ["ADT", "ORU"])
def test_a_loss_need_not_be_final_to_pause_contact(ward: Ward, type: str, letter: str) -> None:
    ward.supported()
    coded = [f"OBX|1|CE|STILLBIRTH^Stillbirth^L||Y||||||{letter}|||20260530"]
    lines = coded if type == "ADT" else order(letter, order="P")
    ward.tells({"ADT": "A08", "ORU": "R01"}[type], pid(), *lines, type=type)
    assert ward.state() == PAUSED
    assert "safety-event" in ward.alerts()


@pytest.mark.parametrize("system", ["SCT", "sct", "SNM3", "SNOMED", "L", ""])
def test_a_loss_by_a_code_that_everybody_knows_counts_whatever_its_system_is_called(ward: Ward, system: str) -> None:
    ward.supported()
    assert ward.tells("R01", pid(), *order("F", f"17369002^Miscarriage^{system}"), type="ORU") == "AA"
    assert ward.state() == PAUSED


@pytest.mark.parametrize("letter", [*"WDXNO", "I without a value"])
@pytest.mark.parametrize(("type", "event"), [("ADT", "A08"), ("ORU", "R01")])
def test_what_was_taken_back_or_only_ordered_is_no_loss(ward: Ward, type: str, event: str, letter: str) -> None:
    ward.supported()
    value = "" if " " in letter else "Y"
    obr = order("")[0] if type == "ORU" else "PV1|1|I"
    ward.tells(event, pid(), obr, f"OBX|1|CE|STILLBIRTH^^L||{value}||||||{letter[0]}|||20260530", type=type)
    assert ward.state() == OPEN


def test_her_death_that_is_not_final_pauses_contact_and_ends_nothing(ward: Ward) -> None:
    ward.supported()
    died = "OBX|1|CE|DIED^Died^L||Y||||||{}|||20260530"
    ward.tells("A08", pid(), died.format("P"))
    assert ward.state() == PAUSED
    ward.tells("A08", pid(), died.format("F"))
    assert ward.state()[0] == "closed"


def test_her_death_that_is_not_final_is_told_though_a_loss_that_was_not_was_reviewed(ward: Ward) -> None:
    ward.supported()
    for told, code in enumerate(("STILLBIRTH", "DIED"), 1):
        ward.tells("R01", pid(), order("P", order="P")[0], f"OBX|1|CE|{code}^^L||Y||||||P", type="ORU")
        assert (ward.state(), ward.alerts()) == (PAUSED, ["safety-event"] * told)
        advanced(ward.service, ward.woman(), ReferralTrigger.RESUMED)


@pytest.mark.parametrize("beside", [[], [UNKNOWN.format("P")]], ids=["alone", "beside what stays preliminary"])
def test_a_loss_that_becomes_final_is_taken_and_pauses_contact_once_more(ward: Ward, beside: list[str]) -> None:
    ward.supported()
    for letter in "PF":
        for _ in range(2):
            assert ward.tells("R01", pid(), *order(letter, order="P"), *beside, type="ORU") == "AA"
            assert ward.state() == PAUSED
        assert ward.alerts() == ["safety-event"] * (1 + (letter == "F"))
        advanced(ward.service, ward.woman(), ReferralTrigger.RESUMED)
    assert ward.tells("R01", pid(), *order("F"), *beside, type="ORU") == "AA"
    assert ward.state()[0] == "supported"


@pytest.mark.parametrize("code", ["11778-8^Due^LN", "EDD^Due^L"])
def test_an_order_without_a_questionnaire_that_becomes_final_is_taken(ward: Ward, code: str) -> None:
    ward.hospital.habits["context"] = {"EDD": Context.ESTIMATED_DUE_DATE}
    obr, _ = order("P")
    for letter in "PF":
        sent = [obr.removesuffix("F") + letter, f"OBX|1|DT|{code}||20261101||||||{letter}"]
        assert ward.tells("R01", pid(), *sent, type="ORU") == "AA"
    assert [str(each["due_date"]) for each in ward.rows("patient")] == ["2026-11-01"]
    assert ward.alerts() == []
    other = [obr, f"OBX|1|DT|{code}||20261201||||||F"]
    assert ward.tells("R01", pid(), *other, type="ORU").startswith("AA OBR^1")
    assert ward.alerts() == ["content-conflict"]


def test_a_loss_in_an_order_that_is_not_used_counts(ward: Ward) -> None:
    ward.supported()
    obr, obx = order("F")
    taken_back = obr.removesuffix("F") + "X"
    risk = "OBX|2|NM|99046-5^Total^LN||15||||||F"
    assert ward.tells("R01", pid(), taken_back, obx, risk, type="ORU") == "AA OBR^1^25 102 W"
    assert ward.state() == PAUSED


def test_after_a_loss_in_a_result_a_new_referral_begins_with_a_clinician(ward: Ward) -> None:
    ward.add_programme()
    assert ward.tells("R01", pid(), *order("P"), type="ORU") == "AA"
    ward.positive()
    assert ward.state() == ("on-hold", [])


@pytest.mark.parametrize(
    ("type", "event", "lines"),
    [
        pytest.param("ORU", "R01", [UNUSABLE.format("|"), LOSS, *ITEM[:1]], id="a diagnosis beside a result"),
        pytest.param("ORU", "R01", [UNUSABLE.format("|"), *order("P")], id="a result that is not final"),
        pytest.param("ORU", "R01", [UNUSABLE.format("|"), "ZXX|1|CARE"], id="a segment of the site's own"),
        pytest.param("MDM", "T02", [UNUSABLE.format("|"), "TXA|1|X", *order("F")[1:]], id="a document"),
        pytest.param("REF", "I12", ["RF1|P|||||REF-1", UNUSABLE.format("|"), *order("F")], id="a referral"),
        pytest.param("ADT", "A40", [UNUSABLE.format("|"), f"MRG|{cx('W9')}", *order("F")], id="a merge"),
        pytest.param("ADT", "A08", [UNUSABLE.format("|"), *order("F")], id="her facts"),
    ],
)
def test_a_loss_under_an_authority_that_is_not_listed_is_urgent_in_every_message(
    ward: Ward, type: str, event: str, lines: list[str]
) -> None:
    ward.tells(event, *lines, type=type)
    (alert,) = ward.rows("alert", code="unnamed-event")
    assert (alert["priority"], alert["topic"]) == ("urgent", "1234 (NOBODY)")


@pytest.mark.parametrize(("type", "event"), [("ORU", "R01"), ("MDM", "T02"), ("REF", "I12"), ("ADT", "A08")])
def test_a_loss_in_her_babys_record_is_hers_in_every_message(ward: Ward, type: str, event: str) -> None:
    ward.supported()
    about = ["RF1|P|||||REF-1"] if type == "REF" else []
    ward.tells(event, *about, pid("B1", **BABYS_AGE, _21=cx("W1")), *order("F"), type=type)
    assert ward.state() == PAUSED
    assert "unnamed-event" not in ward.alerts()


def test_what_was_answered_in_her_babys_record_stays_nobodys_beside_a_loss(ward: Ward) -> None:
    ward.supported()
    before = ward.rows("screening_result")
    ward.tells("R01", pid("B1", **BABYS_AGE, _21=cx("W1")), *order("F"), *ITEM, type="ORU")
    assert ward.state() == PAUSED
    assert ward.rows("screening_result") == before
    assert [each["patient_id"] for each in ward.rows("alert", code="unreadable-risk")] == [None]


def test_each_kind_of_event_under_a_number_that_is_nobodys_is_told_once(ward: Ward) -> None:
    for _ in range(2):
        ward.tells("A08", UNUSABLE.format("|"), LOSS)
        ward.tells("A08", UNUSABLE.format("|") + "|" * 22 + "Y")
        ward.tells("A08", UNUSABLE.format("|") + "|" * 22 + "Y", LOSS)
    assert ward.alerts().count("unnamed-event") == 2


@pytest.mark.parametrize("taken_back", "WDX")
@pytest.mark.parametrize("again", "FC")
def test_a_loss_that_was_taken_back_resumes_nothing_and_is_news_when_it_is_said_again(
    ward: Ward, taken_back: str, again: str
) -> None:
    ward.supported()
    for letter, alerts in (("F", 1), (taken_back, 1), (again, 2)):
        ward.service.pass_time(HOUR)
        ward.tells("R01", pid(), *order(letter), type="ORU")
        assert ward.state() == PAUSED
        assert ward.alerts().count("safety-event") == alerts
    advanced(ward.service, ward.woman(), ReferralTrigger.RESUMED)
    both = [*order(again), order("W")[1].replace("OBX|1", "OBX|2")]
    ward.tells("R01", pid(), *both, type="ORU")
    assert ward.state()[0] == "supported"


def test_what_is_taken_back_of_nobody_who_is_known_is_nothing(ward: Ward) -> None:
    assert ward.tells("A03", pid(), "OBX|1|CE|STILLBIRTH^^L||Y||||||W|||20260530") == "AA"
    assert ward.tells("A08", UNUSABLE.format("|"), "OBX|1|CE|STILLBIRTH^^L||Y||||||W") == "AA PID^1^3 204 W"
    assert (ward.rows("patient"), ward.alerts()) == ([], ["not-all-used"])


@pytest.mark.parametrize(
    ("type", "event", "lines"),
    [
        pytest.param(
            "ORU", "R01", [pid("W1"), *ITEM[:1], ITEM[1].replace("||2|", "||0|"), pid("W2"), *ITEM], id="results"
        ),
        pytest.param("ADT", "A24", [pid("W1"), pid("W2")], id="records that are linked"),
        pytest.param("ADT", "A40", [pid("W1"), f"MRG|{cx('W8')}", pid("W2"), f"MRG|{cx('W9')}"], id="two merges"),
    ],
)
def test_a_loss_in_a_message_about_several_is_urgent_and_names_them(
    ward: Ward, type: str, event: str, lines: list[str]
) -> None:
    ward.tells(event, *lines, LOSS, type=type)
    assert [each["topic"] for each in ward.rows("alert", code="unnamed-event")] == ["W1 (HOSP), W2 (HOSP)"]


@pytest.mark.parametrize(
    ("event", "lines"),
    [
        pytest.param("A40", [f"MRG|{cx('W9')}"], id="a merge"),
        pytest.param("A40", [], id="a merge that names no other record"),
        pytest.param("A40", ["MRG|999"], id="a merge with a number that nobody can use"),
        pytest.param("A41", [], id="accounts that are merged"),
        pytest.param("A24", [], id="a record that is linked"),
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_a_loss_in_a_message_about_records_counts_or_is_remembered(
    ward: Ward, event: str, lines: list[str], known: bool
) -> None:
    if known:
        ward.supported()
    ward.tells(event, pid(), *lines, LOSS)
    if not known:
        ward.add_programme()
        ward.positive()
    assert ward.state() == (PAUSED if known else ("on-hold", []))


def test_a_loss_in_the_order_of_a_questionnaire_is_no_code_that_is_unknown(ward: Ward) -> None:
    ward.supported()
    assert ward.tells("R01", pid(), *ITEM, order("F")[1].replace("OBX|1", "OBX|2"), type="ORU") == "AA"
    assert ward.state() == PAUSED
    assert "not-all-used" not in ward.alerts()


ABOUT_RECORDS = ["A24", "A34", "A35", "A37", "A40", "A41", "A43"]
OF_A_BABY = [
    pytest.param({"_30": "Y"}, [], id="a death"),
    pytest.param({"_29": "20260531"}, [], id="a day of death"),
    pytest.param({}, ["ZXX|1|CARE"], id="a baby in care"),
    pytest.param({}, order("F"), id="an observation"),
]


@pytest.mark.parametrize("event", ABOUT_RECORDS)
@pytest.mark.parametrize(("fields", "lines"), OF_A_BABY)
def test_what_a_message_about_a_babys_records_tells_is_told_of_its_mother(
    ward: Ward, event: str, fields: dict[str, str], lines: list[str]
) -> None:
    ward.supported()
    ward.tells(event, pid("B1", **BABYS_AGE, _21=cx("W1"), **fields), f"MRG|{cx('B2')}", *lines)
    assert ward.state() == PAUSED
    assert "unnamed-event" not in ward.alerts()
    (woman,) = ward.rows("patient")
    assert not woman["deceased"]


@pytest.mark.parametrize("event", ABOUT_RECORDS)
@pytest.mark.parametrize(("fields", "lines"), OF_A_BABY)
def test_without_a_mother_it_is_urgent_and_names_the_baby(
    ward: Ward, event: str, fields: dict[str, str], lines: list[str]
) -> None:
    ward.tells(event, pid("B1", **BABYS_AGE, **fields), f"MRG|{cx('B2')}", *lines)
    assert [each["topic"] for each in ward.rows("alert", code="unnamed-event")] == ["B1 (HOSP)"]
    assert ward.rows("patient") == []


def test_a_merge_of_a_babys_records_says_nothing_else_and_makes_nobody_known(ward: Ward) -> None:
    ward.supported()
    for mother in ({"_21": cx("W1")}, {}):
        assert ward.tells("A40", pid("B1", **BABYS_AGE, **mother), f"MRG|{cx('B2')}") == "AA"
    assert (ward.state(), ward.alerts(), len(ward.rows("patient"))) == (OPEN, [], 1)
    assert ward.rows("alias", value="B1") == ward.rows("alias", value="B2") == []


@pytest.mark.parametrize(("stays", "gone"), [("W1", "B2"), ("B1", "W1")])
def test_the_record_of_a_woman_who_is_known_is_merged_with_no_babys(ward: Ward, stays: str, gone: str) -> None:
    ward.supported()
    before = ward.rows("patient"), ward.rows("alias")
    assert ward.tells("A40", pid(stays, **BABYS_AGE), f"MRG|{cx(gone)}") == "AA PID^1 204 W"
    assert (ward.state(), ward.alerts()) == (PAUSED, ["identity-conflict"])
    assert (ward.rows("patient"), ward.rows("alias")) == before


def test_a_no_in_a_merge_of_a_babys_records_is_told_once(ward: Ward) -> None:
    told = ward.tells("A40", pid("B1", **BABYS_AGE, _21=cx("W1")), f"MRG|{cx('B2')}", con("R"))
    assert told == "AA CON^1 204 W"
    assert ward.alerts() == ["unnamed-refusal"]


ANOTHERS = {"born": "19850505"}


@pytest.mark.parametrize(
    ("type", "event", "lines", "told"),
    [
        pytest.param("ORU", "R01", [pid(**ANOTHERS), *order("F")], ["unnamed-event"], id="a loss in a result"),
        pytest.param("ORU", "R01", [pid(**ANOTHERS), *order("P")], ["unnamed-event"], id="one that is not final"),
        pytest.param("ADT", "A03", [pid(**ANOTHERS, _30="Y")], ["unnamed-event"], id="her death"),
        pytest.param("ADT", "A03", [pid(**ANOTHERS), LOSS], ["unnamed-event"], id="a loss where she is"),
        pytest.param("ADT", "A24", [pid(**ANOTHERS), LOSS], ["unnamed-event"], id="a loss in records that are linked"),
        pytest.param("MDM", "T02", [pid(**ANOTHERS), "TXA|1|X", con("R")], ["unnamed-refusal"], id="a no"),
        pytest.param("ADT", "A03", [pid(**ANOTHERS), con("A")], [], id="a yes"),
        pytest.param("ORU", "R01", [pid(**ANOTHERS), *order("W")], [], id="a loss that is taken back"),
    ],
)
def test_what_makes_contact_unwelcome_is_told_also_where_it_is_in_doubt_whom_it_is_about(
    ward: Ward, type: str, event: str, lines: list[str], told: list[str]
) -> None:
    ward.supported()
    ward.tells(event, *lines, type=type)
    assert ward.state() == PAUSED
    assert sorted({*ward.alerts()} - {"not-all-used"}) == ["identity-conflict", *told]
    topics = {(each["priority"], each["topic"]) for each in ward.rows("alert") if each["code"] in told}
    assert topics == ({("urgent", f"W1 ({SYSTEM})")} if told else set())


def test_a_loss_in_a_merge_of_which_nobody_knows_whom_it_means_is_told(ward: Ward) -> None:
    ward.supported("W1")
    ward.tells("A28", pid("W2", born="19900101"))
    both = f"{cx('W1')}~{cx('W2')}"
    assert ward.tells("A40", pid(_3=both), f"MRG|{cx('W9')}", LOSS) == "AA MRG^1^1 204 W"
    assert sorted(ward.alerts()) == ["identity-conflict", "identity-conflict", "unnamed-event"]


def test_a_loss_in_a_record_that_reads_as_a_childs_is_told_under_its_number_too(ward: Ward) -> None:
    ward.supported()
    ward.tells("A08", pid(**BABYS_AGE, _21=cx("W9"), _30="Y"))
    assert ward.state() == PAUSED
    assert [each["topic"] for each in ward.rows("alert", code="unnamed-event")] == [f"W1 ({SYSTEM})"]
