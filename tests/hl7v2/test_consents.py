"""What she agrees to, as CON segments and as observations in the site's own codes (DESIGN 7)."""

from datetime import timedelta
from itertools import permutations
from zoneinfo import ZoneInfo

import pytest

from service.delivery.words import alert_words
from tests.flow.support import DAY, Service
from tests.hl7v2.doors import oru
from tests.hl7v2.ward import Ward, con, cx, merge, message, pid

PHONE = "OBX|1|ST|PHONE^Safe^L||+44 7700 900123||||||F"


def obx(code: str, value: str, at: str = "20260520", status: str = "F", type: str = "CE") -> str:
    return f"OBX|1|{type}|{code}^x^L||{value}||||||{status}|||{at}"


@pytest.fixture
def ward(service: Service) -> Ward:
    ward = Ward(service)
    ward.add_programme()
    return ward


def offered(ward: Ward) -> bool:
    """Whether a positive result leads to an offer."""
    ward.positive()
    return ward.state()[0] == "offered"


@pytest.mark.parametrize(
    "yes",
    [
        pytest.param([con("A")], id="a CON segment"),
        pytest.param([obx("PEER", "Y^Yes^L")], id="an observation"),
        pytest.param(["OBR|1|||X|||20260520", obx("PEER", "Y", at="")], id="an observation at the time of its order"),
    ],
)
def test_a_yes_lets_an_offer_be_made(ward: Ward, yes: list[str]) -> None:
    assert ward.tells("A08", pid(), *yes, PHONE) == "AA"
    assert offered(ward)
    (consent,) = ward.rows("consent")
    assert (consent["permits"], consent["may_report_back"]) == (True, True)
    assert consent["recipient_id"] == ward.community.organisation_id


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        pytest.param([con("P")], "AA", id="pending"),
        pytest.param([con("R")], "AA", id="refused"),
        pytest.param([con("X")], "AA", id="rescinded"),
        pytest.param([con("L")], "AA", id="limited in a way that nobody knows"),
        pytest.param([con("")], "AA CON^1^11 101 W", id="no status"),
        pytest.param([con("A", decided="")], "AA CON^1^13 101 W", id="no time"),
        pytest.param([con("A", decided="2026-05-20")], "AA CON^1^13 102 W", id="a time that is none"),
        pytest.param([con("A", decided="20270101")], "AA CON^1^13 102 W", id="a time to come"),
        pytest.param([con("A", code="OTHER")], "AA CON^1^2 103 W", id="a type that the site has not mapped"),
        pytest.param([con("A", ends="20260525")], "AA", id="over"),
        pytest.param([con("A", code="ANYONE")], "AA CON^1^13 103 W", id="a yes to everybody"),
        pytest.param([obx("PEER", "MAYBE")], "AA OBX^1^5 103 W", id="an answer that the site has not mapped"),
        pytest.param([obx("PEER", "")], "AA", id="not answered"),
        pytest.param([obx("PEER", "N")], "AA", id="a no"),
        pytest.param([obx("PEER", "Y", status="P")], "AA", id="an answer that is not final"),
        pytest.param([obx("PEER", "Y~N")], "AA", id="a yes and a no at once"),
        pytest.param([obx("PEER", "Y", at="")], "AA OBX^1^14 101 W", id="a yes without a time"),
        pytest.param([obx("OTHER", "Y")], "AA", id="a question that the site has not mapped"),
    ],
)
def test_what_is_not_known_to_be_a_yes_is_none(ward: Ward, lines: list[str], told: str) -> None:
    assert ward.tells("A08", pid(), *lines, PHONE) == told
    assert not offered(ward)


@pytest.mark.parametrize("status", "AR")
def test_a_word_in_a_record_of_another_birth_date_is_nobodys_and_pauses_contact(ward: Ward, status: str) -> None:
    ward.supported()
    before = ward.rows("consent")
    assert ward.tells("A03", pid(born="19850505"), con(status, decided="20260601")) == "AA PID^1 204 W"
    assert ward.rows("consent") == before
    assert ward.state()[0] == "on-hold"
    assert ward.alerts() == ["identity-conflict", *(["unnamed-refusal"] if status == "R" else [])]


def test_a_word_about_consent_makes_a_woman_known_wherever_she_is(ward: Ward) -> None:
    assert ward.tells("A03", pid("W2"), con("R")) == "AA"
    assert [each["patient_id"] for each in ward.rows("consent")] == [ward.woman("W2")]


def test_without_a_map_a_consent_is_kept_and_told_and_gives_nothing(service: Service) -> None:
    ward = Ward(service)
    ward.hospital.habits.pop("codes")
    assert ward.sends(message("A08", pid(), con("A"))) == "AA CON^1^2 103 W"
    assert ward.rows("consent") == []
    assert ward.alerts() == ["not-all-used"]


def test_without_a_safe_way_to_reach_her_nothing_is_offered(ward: Ward) -> None:
    ward.tells("A08", pid(), con("A"))
    assert not offered(ward)
    assert "no-safe-contact" in ward.alerts()


@pytest.mark.parametrize("value", ["N", '""', ""])
def test_a_way_that_is_not_safe_is_not_used(ward: Ward, value: str) -> None:
    ward.tells("A08", pid(), con("A"), f"OBX|1|ST|PHONE^Safe^L||{value}||||||F")
    assert not offered(ward)


def test_what_is_said_beside_a_yes_is_kept_with_it(ward: Ward) -> None:
    told = [obx("VOICEMAIL", "Y"), obx("SAY", "Marigold"), obx("UNTIL", "20260710")]
    ward.tells("A08", pid(), con("A"), PHONE, *told)
    (consent,), (woman,) = ward.rows("consent"), ward.rows("patient")
    safe = woman["safe_contact"]
    assert (safe["voicemail"], safe["code_word"]) == ("allow", "Marigold")
    assert safe["channels"] == [["voice", "allow", "+44 7700 900123"]]
    assert str(consent["period_end"]).startswith("2026-07-11 00:00")


def test_a_yes_ends_of_itself(ward: Ward) -> None:
    ward.tells("A08", pid(), con("A", ends="20260602"), PHONE)
    assert offered(ward)
    ward.service.chase(2 * DAY)
    assert ward.state() == ("closed", ["cancelled"])


@pytest.mark.parametrize(
    "no",
    [
        pytest.param(con("R", "20260530"), id="refused later"),
        pytest.param(con("X", "20260520"), id="the same one rescinded"),
        pytest.param(con("X", "").replace("||||||||X", "||||||||X"), id="rescinded without a time"),
        pytest.param(con("R", "20260530", code="ANYONE"), id="refused to everybody"),
        pytest.param(obx("PEER", "N", at="20260530"), id="an observation"),
    ],
)
def test_a_no_ends_support_at_once(ward: Ward, no: str) -> None:
    ward.supported()
    assert ward.tells("A08", pid(), no) == "AA"
    assert ward.state() == ("closed", ["cancelled"])


def test_an_observation_taken_back_is_no_yes_any_more(ward: Ward) -> None:
    ward.tells("A08", pid(), obx("PEER", "Y"), PHONE)
    assert offered(ward)
    ward.tells("A08", pid(), obx("PEER", "Y", status="W"))
    assert ward.state() == ("closed", ["cancelled"])


UNDATED = [pytest.param(con("R", ""), id="CON"), pytest.param(obx("PEER", "N", at=""), id="an observation")]


def agreed_again(ward: Ward) -> None:
    """She agrees an hour later and is positive once more, and the programme accepts."""
    ward.service.pass_time(timedelta(hours=1))
    assert ward.tells("A08", pid(), con("A", f"{ward.service.now():%Y%m%d%H%M}"), PHONE) == "AA"
    ward.positive(taken=f"{ward.service.now():%Y%m%d%H%M%S}")
    ward.service.update(ward.community, ward.offers()[-1].id, "accepted")
    ward.service.pass_time(timedelta(hours=1))
    assert ward.state()[0] == "supported"


@pytest.mark.parametrize("no", UNDATED)
def test_a_no_without_a_time_counts_from_now_also_when_it_was_said_before(ward: Ward, no: str) -> None:
    ward.supported()
    ward.tells("A08", pid(), no)
    agreed_again(ward)
    assert ward.tells("A08", pid(), no) == "AA"
    assert ward.state()[0] == "closed"


@pytest.mark.parametrize("no", UNDATED)
def test_a_message_that_is_sent_again_says_no_new_no(ward: Ward, no: str) -> None:
    ward.supported()
    said = message("A08", pid(), no)
    ward.sends(said)
    agreed_again(ward)
    assert ward.sends(said) == "AA"
    assert ward.state()[0] == "supported"


@pytest.mark.parametrize("no", UNDATED)
def test_a_no_that_was_taken_before_is_news_in_a_refused_message_when_it_has_no_time(ward: Ward, no: str) -> None:
    ward.supported()
    ward.tells("A08", pid(), no)
    agreed_again(ward)
    assert ward.sends(message("A99", pid(), no)).startswith("AR")
    assert (ward.state()[0], ward.alerts()) == ("on-hold", ["unreadable-refusal"])


_WORDS = (con("A", "20260510"), con("R", "20260520"), con("A", "20260501"))


@pytest.mark.parametrize("words", list(permutations(_WORDS)), ids=["123", "132", "213", "231", "312", "321"])
def test_the_newest_word_counts_in_whatever_order_they_come(ward: Ward, words: tuple[str, ...]) -> None:
    for word in words:
        ward.tells("A08", pid(), word, PHONE)
    assert not offered(ward)


@pytest.mark.parametrize("words", list(permutations(_WORDS[:2])), ids=["yes first", "no first"])
def test_an_older_yes_beside_a_no_releases_nothing(ward: Ward, words: tuple[str, ...]) -> None:
    ward.positive()
    ward.tells("A08", pid(), *words, PHONE)
    assert ward.state() == ("closed", [])


@pytest.mark.parametrize("words", list(permutations([con("R", "20260522"), con("A", "20260525")])))
@pytest.mark.parametrize("type", ["ADT", "ORU"])
def test_a_no_that_she_has_taken_back_since_ends_nothing(ward: Ward, type: str, words: tuple[str, ...]) -> None:
    ward.tells("A08", *ward.agrees())
    assert offered(ward)
    event, result = ("A08", []) if type == "ADT" else ("R01", _RESULT)
    assert ward.tells(event, pid(), *result, *words, PHONE, type=type) == "AA"
    assert ward.state() == ("offered", ["requested"])


@pytest.mark.parametrize("words", list(permutations([con("A", "20260525"), obx("PEER", "N", at="20260525")])))
def test_a_yes_and_a_no_of_one_time_release_nothing(ward: Ward, words: tuple[str, ...]) -> None:
    ward.positive()
    ward.tells("A08", pid(), *words, PHONE)
    assert ward.state()[1] == []


def test_after_a_no_only_a_later_yes_counts(ward: Ward) -> None:
    ward.tells("A08", pid(), con("R", "20260520"))
    ward.tells("A08", pid(), con("A", "20260525"), PHONE)
    assert offered(ward)


def test_a_consent_that_every_message_repeats_is_one(ward: Ward) -> None:
    for _ in range(3):
        ward.tells("A08", pid(), con("A"), PHONE)
    (consent,) = ward.rows("consent")
    assert consent["version"] == 1


def test_a_consent_beside_a_result_counts_before_it_is_decided(ward: Ward) -> None:
    items = [f"OBX|{n}|NM|EPDS{n}^i^L||{2 if n < 10 else 0}||||||F|||20260601110000+0000" for n in range(1, 11)]
    order = "OBR|1||F1^MAT|71354-5^EPDS^LN|||20260601110000+0000||||||||||||||||||F"
    assert ward.tells("R01", pid(), order, *items, obx("PEER", "Y"), PHONE, type="ORU") == "AA"
    assert ward.state() == ("offered", ["requested"])


_RESULT = oru(total=22).decode().rstrip("\r").split("\r")[2:]


@pytest.mark.parametrize(
    ("type", "event", "lines"),
    [
        pytest.param("ORU", "R01", [con("R", "20260530"), *_RESULT], id="before results"),
        pytest.param("ORU", "R01", [*_RESULT, con("R", "20260530")], id="behind results"),
        pytest.param("ORU", "R01", [con("R", "20260530")], id="without any result"),
        pytest.param(
            "MDM", "T02", ["TXA|1|DS|||20260601", con("R", "20260530"), "OBX|1|TX|X||x||||||F"], id="document"
        ),
    ],
)
def test_a_no_ends_support_in_whatever_message_it_comes(ward: Ward, type: str, event: str, lines: list[str]) -> None:
    ward.supported()
    assert ward.tells(event, pid(), *lines, type=type) == "AA"
    assert ward.state() == ("closed", ["cancelled"])


def test_a_no_counts_although_the_results_it_came_with_are_missing(ward: Ward) -> None:
    ward.supported()
    assert ward.tells("R01", pid(), con("R", "20260530"), "OBR|1|||EPDS", type="ORU") == "AA OBX^1 100 W"
    assert ward.state() == ("closed", ["cancelled"])


def test_a_yes_beside_a_result_counts_before_it_is_decided(ward: Ward) -> None:
    assert ward.tells("R01", pid(), *_RESULT, con("A"), PHONE, type="ORU") == "AA"
    assert [each["permits"] for each in ward.rows("consent")] == [True]


def test_each_woman_of_a_message_has_her_own_word(ward: Ward) -> None:
    ward.supported()
    other = [pid("W2"), con("R", "20260530")]
    assert ward.tells("R01", pid(), *_RESULT, *other, type="ORU") == "AA"
    assert ward.state()[0] == "supported"
    assert [each["permits"] for each in ward.rows("consent", patient_id=ward.woman("W2"))] == [False]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (message("R01", con("R"), pid(), *_RESULT, type="ORU"), "AA PID^1 100 W"),
        (message("R01", pid(born="20260520"), con("R"), type="ORU"), "AA CON^1 204 W"),
        (message("A08", pid(born="20260520"), con("R")), "AA CON^1 204 W"),
        (merge("W2", into="W1") + con("R").encode(), "AA CON^1 204 W"),
    ],
    ids=["before the first woman", "in a baby's results", "in a baby's record", "in a merge"],
)
def test_a_word_of_which_nobody_can_tell_whose_it_is_goes_to_a_person(ward: Ward, body: bytes, told: str) -> None:
    assert ward.sends(body) == told
    assert "unnamed-refusal" in ward.alerts()


def test_a_later_no_of_the_same_day_counts(ward: Ward) -> None:
    ward.tells("A08", pid(), con("A", "20260520090000"), con("R", "20260520"), PHONE)
    ward.service.pass_time(timedelta(hours=1))
    assert not offered(ward)


@pytest.mark.parametrize(
    ("yes", "no", "counts"),
    [
        pytest.param("20260520", "20260520013000", "no", id="a no of the night of that day"),
        pytest.param("20260520", "20260519233000", "yes", id="a no of the night before"),
        pytest.param("20260520010000", "20260519", "yes", id="a no of the day before"),
        pytest.param("20260520233000", "20260520", "no", id="a no of that day"),
    ],
)
@pytest.mark.parametrize("zone", ["Africa/Nairobi", "America/New_York"])
def test_a_day_is_the_day_of_the_hospital(ward: Ward, zone: str, yes: str, no: str, counts: str) -> None:
    ward.hospital.habits["zone"] = ZoneInfo(zone)
    ward.tells("A08", pid(), con("R", no), con("A", yes), PHONE)
    assert offered(ward) is (counts == "yes")


def test_a_consent_begins_and_ends_with_the_days_of_the_hospital_and_may_name_the_last_day_there_is(ward: Ward) -> None:
    ward.hospital.habits["zone"] = ZoneInfo("Africa/Nairobi")
    for number, ends in (("W1", "20260701"), ("W2", "99991231")):
        assert ward.tells("A08", pid(number), con("A", ends=ends).replace("||20260701", "|20260601|20260701")) == "AA"
    said = [(str(each["period_start"]), str(each["period_end"])) for each in ward.rows("consent")]
    assert ("2026-05-31 21:00:00+00:00", "2026-07-01 21:00:00+00:00") in said
    assert len(said) == 2


UNUSABLE = "PID|1||1234^^^NOBODY||Tester^Tessie||19950401|F"
OBR_OF_NOTHING = "OBR|1||F8^MAT|GLU^Glucose^L|||20260520||||||||||||||||||F"


@pytest.mark.parametrize(
    "no",
    [
        pytest.param(con("R"), id="refused"),
        pytest.param(con("X"), id="rescinded"),
        pytest.param(obx("PEER", "N"), id="an observation"),
        pytest.param(obx("PEER", "N", status="P"), id="one that is not final"),
        pytest.param(obx("PEER", "Y", status="W"), id="a yes taken back"),
    ],
)
@pytest.mark.parametrize(
    ("type", "event", "before", "number"),
    [
        pytest.param("ADT", "A08", [UNUSABLE], "1234 (NOBODY)", id="an authority that is not listed"),
        pytest.param("ORU", "R01", [UNUSABLE, OBR_OF_NOTHING], "1234 (NOBODY)", id="in results"),
        pytest.param("REF", "I12", ["RF1|P|||||REF-1", UNUSABLE], "1234 (NOBODY)", id="in a referral"),
        pytest.param("ADT", "A08", [pid("W1"), pid("W2")], "W1 (HOSP), W2 (HOSP)", id="two women"),
        pytest.param("ADT", "A24", [pid("W1"), pid("W2")], "W1 (HOSP), W2 (HOSP)", id="two records linked"),
        pytest.param("ADT", "A40", [pid("W1"), f"MRG|{cx('W9')}"], "W1 (HOSP)", id="a merge"),
        pytest.param("ADT", "A08", [pid("B1", born="20260530", _21=cx("W1"))], "B1 (HOSP)", id="a baby's record"),
        pytest.param("ORU", "R01", [pid("B1", born="20260530"), OBR_OF_NOTHING], "B1 (HOSP)", id="a baby's results"),
        pytest.param("ADT", "A08", [], None, id="nobody"),
    ],
)
def test_a_no_that_is_nobodys_is_urgent_each_time_and_names_the_number(
    ward: Ward, type: str, event: str, before: list[str], number: str | None, no: str
) -> None:
    for _ in range(2):
        assert ward.tells(event, *before, no, type=type).startswith("AA")
    told = ward.rows("alert", code="unnamed-refusal")
    assert [(each["priority"], each["patient_id"], each["topic"]) for each in told] == [("urgent", None, number)] * 2
    raised = ward.service.read(ward.hospital.caller, lambda tx: tx.alerts.get(told[0]["id"]))
    assert alert_words(raised, ward.service.rules).endswith(f" Number in the record: {number}.") is (number is not None)
    assert ward.rows("consent") == []


@pytest.mark.parametrize("yes", [con("A"), con("P"), obx("PEER", "Y"), obx("OTHER", "N"), con("R", code="OTHER")])
def test_a_word_that_is_nobodys_and_no_no_is_routine(ward: Ward, yes: str) -> None:
    for before in ([UNUSABLE], [pid("B1", born="20260530"), "PV1|1|I"], [pid("W1"), pid("W2")]):
        ward.tells("A08", *before, yes)
    assert {each["priority"] for each in ward.rows("alert")} <= {"routine"}


def test_a_no_to_an_organisation_that_nobody_knows_stops_contact_until_a_person_has_looked(ward: Ward) -> None:
    ward.tells("A08", *ward.agrees())
    assert offered(ward)
    for _ in range(2):
        assert ward.tells("A08", pid(), con("R", code="CLOSED")) != "AA"
        assert ward.state() == ("on-hold", ["cancelled"])
    assert sorted(ward.alerts()) == ["not-all-used", "unreadable-refusal"]
    assert ward.tells("A08", pid(), con("A", "20260521", code="CLOSED")) != "AA"
    assert sorted(ward.alerts()) == ["not-all-used", "unreadable-refusal"]
