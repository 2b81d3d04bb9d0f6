"""What a hospital's ADT tells of a woman's life, and what follows for her support (DESIGN 6; trust.md, D13 to D15)."""

from dataclasses import replace
from datetime import UTC, date, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest

from service.delivery.words import alert_words
from service.hl7v2.dialect import ANY_ORDER
from service.screening.instrument import Stage
from tests.flow.support import Service
from tests.hl7v2.doors import oru
from tests.hl7v2.ward import SYSTEM, Ward, con, cx, message, pid

LOSS = "DG1|1||O03.9^Miscarriage^I10||20260530"
ITEM = [
    "OBR|1||F9^MAT|71354-5^EPDS^LN|||20260601110000+0000||||||||||||||||||F",
    "OBX|1|NM|EPDS10^item^L||2||||||F|||20260601110000+0000",
]
DIED = "OBX|1|CE|DIED^Died^L||Y||||||F|||20260530"
PAUSED = ("on-hold", ["held-by-service"])


@pytest.fixture
def ward(service: Service) -> Ward:
    return Ward(service)


@pytest.mark.parametrize("event", ["A09", "A14", "A23", "A29", "A60"])
def test_an_event_that_is_nothing_by_itself_tells_of_a_loss_and_of_a_no(ward: Ward, event: str) -> None:
    ward.supported()
    assert ward.tells(event, pid(), "PV1|1|I") == "AA"
    assert ward.state() == ("supported", ["accepted"])
    assert ward.tells(event, pid(), LOSS) == "AA"
    assert ward.state() == PAUSED
    assert ward.tells(event, pid(), con("R")) == "AA"
    assert ward.state() == ("closed", ["cancelled"])


@pytest.mark.parametrize("event", ["A08", "A01", "A31"])
def test_the_due_date_counts_in_an_event_too(ward: Ward, event: str) -> None:
    assert ward.tells(event, pid(), "OBX|1|DT|11778-8^EDD^LN||20260801||||||F") == "AA"
    assert [row["due_date"] for row in ward.rows("patient")] == [date(2026, 8, 1)]
    assert ward.tells(event, pid(), "OBX|1|DT|11778-8^EDD^LN||20991231||||||F") == "AA OBX^1^5 102 W"
    assert [row["due_date"] for row in ward.rows("patient")] == [date(2026, 8, 1)]


def test_a_death_and_a_loss_count_in_a_referral_that_has_no_request(ward: Ward) -> None:
    ward.supported()
    for lines, state in (([pid(), LOSS], "on-hold"), ([pid(_30="Y")], "closed")):
        assert ward.tells("I12", *lines, type="REF").startswith("AA")
        assert ward.state()[0] == state
    assert ward.alerts() == ["not-all-used", "safety-event"]


@pytest.mark.parametrize("event", ["A17", "A24", "A37", "A40", "A41", "A44", "A45", "A50"])
def test_her_death_counts_in_a_message_about_records(ward: Ward, event: str) -> None:
    ward.supported()
    ward.tells(event, pid(_30="Y"), f"MRG|{cx('W9')}")
    assert ward.state()[0] == "closed"


@pytest.mark.parametrize(
    ("type", "event", "lines"),
    [
        pytest.param("ADT", "A40", [f"MRG|{cx('W9')}", LOSS], id="a merge"),
        pytest.param("REF", "I12", ["RF1|P|||||REF-1", LOSS], id="a referral"),
        pytest.param("ORU", "R01", [LOSS, "OBR|1||F8^MAT|GLU^Glucose^L", "OBX|1|NM|GLU^^L||5||||||F"], id="a result"),
    ],
)
def test_a_loss_pauses_contact_whatever_message_tells_of_it(
    ward: Ward, type: str, event: str, lines: list[str]
) -> None:
    ward.supported()
    assert ward.tells(event, pid(), *lines, type=type) == "AA"
    assert ward.state() == PAUSED


@pytest.mark.parametrize("event", ["A01", "A04", "A08", "A28", "A31"])
def test_a_woman_is_made_known_and_then_brought_up_to_date(ward: Ward, event: str) -> None:
    assert ward.tells(event, pid(_11="1 Road^^Town^^^^H^^North")) == "AA"
    assert ward.tells(event, pid(_15="nld")) == "AA"
    (woman,) = ward.rows("patient")
    assert (woman["preferred_name"], woman["district"], woman["language"]) == ("Tessie", "North", "nl")


def test_an_empty_field_leaves_what_is_known_and_two_quotes_take_it_away(ward: Ward) -> None:
    ward.tells("A08", pid(_11="1 Road^^Town^^^^H^^North"))
    ward.tells("A08", pid(_11='""', _15=""))
    (woman,) = ward.rows("patient")
    assert (woman["district"], woman["language"]) == (None, "en")


@pytest.mark.parametrize(("field", "place"), [({"born": "20260801"}, 7), ({"_29": "20260801"}, 29)])
def test_a_birth_or_a_death_still_to_come_changes_nothing_about_her_and_a_person_is_told(
    ward: Ward, field: dict[str, str], place: int
) -> None:
    ward.supported()
    assert ward.tells("A08", pid(**field)) == f"AA PID^1^{place} 102 W"
    assert ward.state() == ("supported", ["accepted"])
    (woman,) = ward.rows("patient")
    assert str(woman["birth_date"]) == "1995-04-01"
    assert not woman["deceased"]
    assert ward.alerts() == ["not-all-used"]


def test_a_result_with_a_birth_still_to_come_is_hers_and_no_babys(ward: Ward) -> None:
    assert ward.sends(oru(total=22, born="20260801")) == "AA PID^1^7 102 W"
    assert len(ward.rows("screening_result")) == 1


def test_a_birth_is_heard_on_the_day_that_it_is_where_she_lives(ward: Ward) -> None:
    ward.supported()
    assert ward.tells("A08", pid("B1", born="20260602", _21=cx("W1"))) == "AA"
    (woman,) = ward.rows("patient", id=ward.woman())
    assert str(woman["delivered_on"]) == "2026-06-02"


@pytest.mark.parametrize(
    ("zone", "taken", "outcome"),
    [
        (ZoneInfo("Pacific/Auckland"), "20260602000000+1200", "positive"),
        (ZoneInfo("Pacific/Auckland"), "20260601230000+1200", "repeat"),
        (UTC, "20260602000000+1200", "positive"),  # nobody has said where the site is
        (UTC, "20260531230000+0000", "repeat"),
    ],
)
def test_on_the_day_of_a_birth_where_she_lives_the_cut_off_after_it_counts(
    ward: Ward, zone: tzinfo, taken: str, outcome: str
) -> None:
    rules = ward.service.rules
    ward.service.rules = replace(rules, policies={id: replace(each, zone=zone) for id, each in rules.policies.items()})
    ward.tells("A08", pid(), "OBX|1|DT|11778-8^EDD^LN||20260615||||||F")
    assert ward.tells("A28", pid("B1", born="20260602", _21=cx("W1"))) == "AA"
    ward.answers("W1", (1, 2, 2, 2, 2, 2, 0, 0, 0, 0), taken)
    assert [row["outcome"] for row in ward.service.rows("decision")] == [outcome]


@pytest.mark.parametrize("event", ["A08", "A03"])
def test_an_answer_in_a_code_of_a_form_is_looked_at_in_a_record_too(ward: Ward, event: str) -> None:
    ward.hospital.habits["forms"] = {"EPDS": ward.hospital.habits["forms"][ANY_ORDER]}
    assert ward.tells(event, pid(), "OBX|1|NM|EPDS10^i^L||3||||||F") == "AA OBX^1 100 W"
    assert [(each["code"], each["patient_id"]) for each in ward.rows("alert")] == [("self-harm-present", ward.woman())]


@pytest.mark.parametrize("event", ["A03", "A11", "A02", "A13"])
def test_where_she_is_changes_nothing(ward: Ward, event: str) -> None:
    ward.supported()
    before = ward.rows("patient")
    assert ward.tells(event, pid(_5="Other^Name^^^^^L"), "PV1|1|I") == "AA"
    assert ward.state() == ("supported", ["accepted"])
    assert ward.rows("patient") == before
    assert ward.alerts() == []


def test_nobody_is_registered_by_where_they_are(ward: Ward) -> None:
    assert ward.tells("A03", pid(), "PV1|1|I") == "AA"
    assert ward.rows("patient") == []


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(["DG1|1||O03.9^Miscarriage^I10||20260530"], id="a loss among the diagnoses"),
        pytest.param(["DG1|1||X^Other^I10^LOSS^Loss^L||20260530"], id="a loss in the second triplet"),
        pytest.param(["ZXX|1|CARE"], id="a baby in care, in a segment of the site's own"),
        pytest.param(["OBX|1|CE|STILLBIRTH^Stillbirth^L||Y||||||F|||20260530"], id="a baby that died"),
    ],
)
def test_an_event_pauses_contact_and_a_clinician_decides(ward: Ward, lines: list[str]) -> None:
    ward.supported()
    assert ward.tells("A08", pid(), *lines) == "AA"
    assert ward.state() == PAUSED
    assert ward.alerts() == ["safety-event"]


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(["DG1|1||Z37^Live birth^I10||20260530"], id="another diagnosis"),
        pytest.param(["DG1|1||O03.9^Miscarriage^I10||20260530||" + "|" * 14 + "D"], id="a diagnosis taken away"),
        pytest.param(["OBX|1|CE|STILLBIRTH^Stillbirth^L||N||||||F|||20260530"], id="a question answered no"),
        pytest.param(["OBX|1|CE|STILLBIRTH^Stillbirth^L||Y||||||W|||20260530"], id="an answer taken back"),
        pytest.param(["PV1|1|I|" + "|" * 33 + "20"], id="a code that counts under another trigger"),
    ],
)
def test_what_is_no_event_changes_nothing(ward: Ward, lines: list[str]) -> None:
    ward.supported()
    assert ward.tells("A08", pid(), *lines) == "AA"
    assert ward.state() == ("supported", ["accepted"])


def test_an_event_that_every_message_tells_is_heard_once(ward: Ward) -> None:
    ward.supported()
    for _ in range(3):
        ward.tells("A08", pid(), "DG1|1||O03.9^Miscarriage^I10||20260530", "ZXX|1|CARE")
    assert ward.alerts() == ["safety-event", "safety-event"]


def test_an_event_of_another_day_is_another_one(ward: Ward) -> None:
    ward.supported()
    ward.tells("A08", pid(), "DG1|1||O03.9^Miscarriage^I10||20260530")
    ward.tells("A08", pid(), "DG1|1||O03.9^Miscarriage^I10||20260531")
    assert ward.alerts() == ["safety-event", "safety-event"]


def test_after_a_loss_a_new_referral_begins_with_a_clinician(ward: Ward) -> None:
    ward.add_programme()
    ward.tells("A08", pid(), "DG1|1||O03.9^Miscarriage^I10||20260530")
    assert ward.alerts() == []
    ward.positive()
    assert ward.state() == ("on-hold", [])
    assert ward.alerts() == ["safety-event"]


def test_a_loss_of_long_ago_does_not_keep_a_referral_waiting(ward: Ward) -> None:
    ward.add_programme()
    ward.tells("A08", pid(), "DG1|1||O03.9^Miscarriage^I10||20260530")
    ward.service.pass_time(timedelta(weeks=30))
    ward.positive(taken="20261227110000+0000")
    assert ward.state()[0] == "awaiting-consent"


@pytest.mark.parametrize("death", [{"_30": "Y"}, {"_30": "1"}, {"_29": "20260530"}], ids=str)
@pytest.mark.parametrize(
    ("type", "event", "lines"),
    [
        pytest.param("ORU", "R01", ITEM, id="a result"),
        pytest.param("ORU", "R01", ["OBR|1||F8^MAT|GLU^Glucose^L", "OBX|1|NM|GLU^^L||5||||||F"], id="any result"),
        pytest.param("MDM", "T02", ["TXA|1|OTHER^Letter^L", "OBX|1|TX|WORDS^^L||x||||||F"], id="a document"),
        pytest.param("REF", "I12", ["RF1|P|||||REF-1"], id="a referral"),
        pytest.param("ADT", "A03", ["PV1|1|I"], id="a discharge"),
        pytest.param("ADT", "A08", [], id="her facts"),
    ],
)
def test_her_death_counts_in_every_message(
    ward: Ward, type: str, event: str, lines: list[str], death: dict[str, str]
) -> None:
    ward.supported()
    for _ in range(2):
        assert ward.tells(event, pid(**death), *lines, type=type) == "AA"
    assert ward.state() == ("closed", ["cancelled"])
    assert {each["reason"] for each in ward.rows("referral")} == {"woman-died"}


@pytest.mark.parametrize("lines", [[], ITEM], ids=["alone", "with a result"])
def test_her_death_in_a_message_of_results_is_remembered_of_a_woman_who_is_not_known(
    ward: Ward, lines: list[str]
) -> None:
    assert ward.tells("R01", pid(_30="Y"), *lines, "OBX|9|NM|GLU^^L||5||||||F", type="ORU").startswith("AA")
    assert ward.rows("patient")[0]["deceased"]


def test_a_record_that_tells_of_her_death_by_mistake_tells_of_it_once_more(ward: Ward) -> None:
    ward.tells("R01", pid(_30="Y"), *ITEM, type="ORU")
    ward.tells("A08", pid(_30="N"))
    assert not ward.rows("patient")[0]["deceased"]
    ward.tells("R01", pid(_30="Y"), *ITEM, type="ORU")
    assert ward.rows("patient")[0]["deceased"]


def test_a_death_that_is_neither_yes_nor_no_is_told_and_changes_nothing(ward: Ward) -> None:
    ward.supported()
    assert ward.tells("A08", pid(_30="2")) == "AA PID^1^30 102 W"
    assert ward.tells("R01", pid(_30="2"), *ITEM, type="ORU") == "AA PID^1^30 102 W"
    assert ward.state() == ("supported", ["accepted"])
    assert ward.rows("patient")[0]["deceased"] is False
    assert "not-all-used" in ward.alerts()


DOUBTFUL_DEATHS = [
    pytest.param({"_29": "20/05/2026"}, True, id="what is no date"),
    pytest.param({"_29": "20260520", "_30": "N"}, True, id="a day, and no"),
    pytest.param({"_29": "20/05/2026", "_30": "N"}, False, id="what is no date, and no"),
    pytest.param({"_29": "00000000"}, False, id="zeros"),
    pytest.param({"_29": "19000101"}, False, id="a day on which nobody who is alive was born"),
    pytest.param({"_29": "19000101", "_30": "N"}, False, id="such a day, and no"),
]


@pytest.mark.parametrize(("death", "paused"), DOUBTFUL_DEATHS)
@pytest.mark.parametrize(("type", "event"), [("ADT", "A08"), ("ADT", "A40"), ("ORU", "R01")])
def test_what_does_not_say_that_she_has_died_ends_nothing_and_pauses_contact_where_it_may(
    ward: Ward, type: str, event: str, death: dict[str, str], paused: bool
) -> None:
    ward.supported()
    told = [ward.tells(event, pid(**death), f"MRG|{cx('W9')}", *ITEM, type=type) for _ in range(2)]
    assert event == "A40" or all(each.startswith("AA PID^1^29 102 W") for each in told)
    assert ward.state() == (PAUSED if paused else ("supported", ["accepted"]))
    assert ward.alerts().count("safety-event") == paused
    assert not ward.rows("patient")[0]["deceased"]
    ward.tells(event, pid(_30="Y"), *ITEM, type=type)
    assert ward.state()[0] == "closed"


@pytest.mark.parametrize(("death", "paused"), DOUBTFUL_DEATHS)
def test_the_death_of_a_baby_that_is_not_certain_pauses_contact_with_its_mother(
    ward: Ward, death: dict[str, str], paused: bool
) -> None:
    ward.supported()
    ward.tells("A08", pid("B1", born="20260530", _21=cx("W1"), **death))
    assert ward.state() == (PAUSED if paused else ("supported", ["accepted"]))
    ward.tells("A08", pid("B2", born="20260530", **death))
    assert ward.alerts().count("unnamed-event") == paused


@pytest.mark.parametrize(("type", "event"), [("ORU", "R01"), ("MDM", "T02"), ("REF", "I12")])
def test_a_babys_death_reaches_its_mother_from_every_message(ward: Ward, type: str, event: str) -> None:
    ward.supported()
    lines = ["RF1|P|||||REF-1", "OBR|1||F8^MAT|GLU^Glucose^L", "OBX|1|NM|GLU^^L||5||||||F"]
    ward.tells(event, pid("B1", born="20260530", _21=cx("W1"), _30="Y"), *lines, type=type)
    assert ward.state() == PAUSED
    ward.tells(event, pid("B2", born="20260530", _30="Y"), *lines, type=type)
    assert [each["topic"] for each in ward.rows("alert", code="unnamed-event")] == ["B2 (HOSP)"]


def test_of_several_patients_in_a_message_nobody_knows_whose_relative_is_named(ward: Ward) -> None:
    ward.supported()
    mother = f"NK1|1|Tester^Tessie|MTH^Mother^HL70063|{'|' * 29}{cx('W1')}"
    baby, other = pid("B1", born="20260530", _30="Y"), pid("W2")
    ward.tells("R01", baby, *ITEM, other, mother, *ITEM, type="ORU")
    assert ward.state() == ("supported", ["accepted"])
    assert "unnamed-event" in ward.alerts()


@pytest.mark.parametrize(
    ("event", "lines"),
    [
        pytest.param("A08", [pid(_30="Y")], id="PID-30"),
        pytest.param("A08", [pid(_29="20260530")], id="PID-29"),
        pytest.param("A03", [pid(), "PV1|1|I|" + "|" * 33 + "20"], id="the site's way of discharge"),
    ],
)
def test_when_she_has_died_all_contact_ends(ward: Ward, event: str, lines: list[str]) -> None:
    ward.supported()
    assert ward.tells(event, *lines) == "AA"
    assert ward.state() == ("closed", ["cancelled"])
    assert ward.rows("referral")[0]["reason"] == "woman-died"
    assert ward.alerts() == []


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([pid("B1", born="20260530", _21=cx("W1"))], id="by PID-21"),
        pytest.param(
            [pid("B1", born="20260530"), f"NK1|1|Tester^Tessie|MTH^Mother^HL70063|{'|' * 29}{cx('W1')}"],
            id="by the relative who is its mother",
        ),
    ],
)
@pytest.mark.parametrize("death", ["_30", "_29"])
def test_a_babys_death_in_its_own_record_reaches_its_mother(ward: Ward, lines: list[str], death: str) -> None:
    ward.supported()
    value = {"_30": "Y", "_29": "20260531"}[death]
    fields = lines[0].split("|")
    fields += [""] * (31 - len(fields))
    fields[int(death[1:])] = value
    assert ward.tells("A08", "|".join(fields), *lines[1:]) == "AA"
    assert ward.state() == PAUSED
    assert ward.alerts() == ["safety-event"]
    assert len(ward.rows("patient")) == 1


def test_an_alert_about_one_of_several_names_each_by_her_whole_number_and_each_of_them_once(ward: Ward) -> None:
    numbers = [f"TEST-{n:03}" + "0" * 20 for n in range(5)]
    died = "OBX|1|CE|DIED^Died^L||Y||||||F"
    for last in numbers[3:]:
        women = [*numbers[:3], last]
        ward.tells("A08", *(pid(each) for each in women), died)
    told = [each["topic"] for each in ward.rows("alert", code="unnamed-event")]
    assert told == [", ".join(f"{each} (HOSP)" for each in (*numbers[:3], last)) for last in numbers[3:]]


def test_of_more_than_a_person_can_be_shown_an_alert_says_how_many_there_are(ward: Ward) -> None:
    ward.tells("A08", *(pid(f"TEST-{n:03}") for n in range(100)), LOSS)
    (told,) = [each["topic"] for each in ward.rows("alert", code="unnamed-event")]
    shown, more = told.removesuffix(" more").split(" and ")
    assert len(shown.split(", ")) + int(more) == 100
    assert shown.endswith("(HOSP)")


def test_two_women_under_a_number_that_stands_for_anybody_are_told_of_each_once(ward: Ward) -> None:
    unknown = "PID|1||UNKNOWN^^^NOBODY||{}||{}|F"
    for _ in range(2):
        for name, born in (("Tester^Tessie", "19950401"), ("Sample^Sally", "19920212"), ("Sample^Sally", "19930101")):
            ward.tells("A08", unknown.format(name, born), LOSS)
    assert [each["topic"] for each in ward.rows("alert", code="unnamed-event")] == ["UNKNOWN (NOBODY)"] * 3


RELATIVE = f"NK1|1|Tester^Tessie|MTH^Mother^HL70063|{'|' * 29}{cx('W1')}"
DISCHARGED_DEAD = "PV1|1|I|" + "|" * 33 + "20"


@pytest.mark.parametrize(
    "fields", [{"born": "20260530", "_21": cx("W1")}, {"born": "20260530", "_21": cx("W1"), "_30": "Y"}]
)
def test_a_code_of_the_sites_for_a_death_is_in_the_record_of_a_baby_that_of_the_baby(
    ward: Ward, fields: dict[str, str]
) -> None:
    ward.supported()
    for _ in range(2):
        assert ward.tells("A03", pid("B1", **fields), DISCHARGED_DEAD) == "AA"
    assert ward.state() == PAUSED
    assert ward.alerts() == ["safety-event"]
    ward.tells("A03", pid("B2", born="20260530"), DISCHARGED_DEAD)
    assert [each["topic"] for each in ward.rows("alert", code="unnamed-event")] == ["B2 (HOSP)"]


def test_a_stillborn_of_whom_no_birth_date_is_told_is_a_baby_by_the_relative_who_is_its_mother(ward: Ward) -> None:
    ward.supported()
    assert ward.tells("A08", pid("B1", born="", _30="Y"), RELATIVE) == "AA"
    assert ward.state() == PAUSED
    assert len(ward.rows("patient")) == 1


def test_a_grown_woman_whose_own_mother_is_her_relative_is_no_baby(ward: Ward) -> None:
    assert ward.tells("A08", pid("W2", _30="Y"), RELATIVE) == "AA"
    (woman,) = ward.rows("patient")
    assert woman["deceased"]


@pytest.mark.parametrize("lines", [[], [LOSS]], ids=["died", "a loss"])
@pytest.mark.parametrize("names_her", ["PID-21", "a relative"])
def test_what_is_told_of_a_grown_patient_whose_mother_is_known_may_be_of_her_baby_and_pauses_contact_once(
    ward: Ward, names_her: str, lines: list[str]
) -> None:
    ward.supported()
    fields = {"_21": cx("W1")} if names_her == "PID-21" else {}
    grown = [pid("B1", born="19960530", **fields, **({} if lines else {"_30": "Y"})), *lines]
    for event in ("A03", "A08", "A08"):
        assert ward.tells(event, *grown, *([] if fields else [RELATIVE])) == "AA"
        assert ward.state() == PAUSED
    assert ward.alerts() == ["safety-event"]


def test_a_grown_patient_of_whom_nothing_is_told_is_no_baby_of_her_mothers(ward: Ward) -> None:
    ward.supported()
    assert ward.tells("A08", pid("W2", _21=cx("W1"))) == "AA"
    assert (ward.state(), ward.alerts()) == (("supported", ["accepted"]), [])


def test_a_baby_is_never_a_woman_of_ours(ward: Ward) -> None:
    assert ward.tells("A28", pid("B1", born="20260530", _21=cx("W1"))) == "AA"
    assert ward.tells("A01", pid("B2", born="20260530")) == "AA"
    assert ward.rows("patient") == []
    assert ward.alerts() == []


@pytest.mark.parametrize(
    ("born", "mother"),
    [
        pytest.param("20260530", "", id="its record names no mother"),
        pytest.param("20260530", "W9^^^UNKNOWN", id="its record names her by a number that means nothing"),
    ],
)
def test_a_babys_death_that_is_nobodys_here_goes_to_a_person(ward: Ward, born: str, mother: str) -> None:
    ward.supported()
    told = ward.tells("A08", pid("B1", born=born, _21=mother, _30="Y"))
    assert told.startswith("AA PID^1")
    assert ward.state() == ("supported", ["accepted"])
    (alert,) = ward.rows("alert")
    assert (alert["code"], alert["priority"], alert["patient_id"]) == ("unnamed-event", "urgent", None)
    raised = ward.service.read(ward.hospital.caller, lambda tx: tx.alerts.get(alert["id"]))
    assert alert_words(raised, ward.service.rules).endswith(" Number in the record: B1 (HOSP).")


UNUSABLE = "PID|1||1234^^^NOBODY||Tester^Tessie|{}19950401|F"
STILLBORN = [
    "OBR|1||F1^MAT|57058-8^Pregnancy^LN|||20260530||||||||||||||||||F",
    "OBX|1|CE|X^Y^L||237364002^^SCT||||||F",
]


@pytest.mark.parametrize(
    ("event", "type", "lines", "number"),
    [
        pytest.param("A08", "ADT", [UNUSABLE.format("|"), LOSS], "1234 (NOBODY)", id="a loss, under a useless number"),
        pytest.param("A03", "ADT", [UNUSABLE.format("|"), "ZXX|1|CARE"], "1234 (NOBODY)", id="a baby in care"),
        pytest.param("A08", "ADT", [UNUSABLE.format("|") + "|" * 22 + "Y"], "1234 (NOBODY)", id="her own death"),
        pytest.param("A08", "ADT", [pid("W1"), pid("W2"), LOSS], "W1 (HOSP), W2 (HOSP)", id="a loss, of one of two"),
        pytest.param("A08", "ADT", [LOSS], None, id="a loss of nobody"),
        pytest.param("R01", "ORU", [UNUSABLE.format("|"), *STILLBORN], "1234 (NOBODY)", id="a result that tells of it"),
        pytest.param("R01", "ORU", [pid("B1", born="20260530"), *STILLBORN], "B1 (HOSP)", id="a result of the baby's"),
    ],
)
def test_an_event_of_nobody_who_can_be_told_is_urgent_and_names_the_number(
    ward: Ward, event: str, type: str, lines: list[str], number: str | None
) -> None:
    ward.tells(event, *lines, type=type)
    assert [(each["code"], each["topic"]) for each in ward.rows("alert")] == [("unnamed-event", number)]


def test_an_event_of_nobody_that_every_message_tells_is_told_once_in_seven_days_for_each(ward: Ward) -> None:
    for number in ("B1", "B2", "B1", "B1"):
        ward.tells("A08", pid(number, born="20260530", _30="Y"))
    assert sorted(each["topic"] for each in ward.rows("alert")) == ["B1 (HOSP)", "B2 (HOSP)"]
    ward.service.pass_time(timedelta(days=8))
    ward.tells("A08", pid("B1", born="20260530", _30="Y"))
    assert len(ward.alerts()) == 3


def test_a_risk_beside_such_an_event_is_told_by_itself(ward: Ward) -> None:
    risk = "OBX|2|NM|EPDS10^i^L||3||||||F"
    ward.tells("R01", UNUSABLE.format("|"), *STILLBORN, risk, type="ORU")
    ward.tells("A08", UNUSABLE.format("|").replace("1234", "5678"), risk)
    assert ward.alerts() == ["unnamed-event", "unreadable-risk", "unreadable-risk"]


BABYS_AGE = {"born": "20260530"}


@pytest.mark.parametrize(
    ("type", "event", "lines", "told", "alerts"),
    [
        pytest.param("ADT", "A08", [pid(**BABYS_AGE)], "AA PID^1 204 W", [], id="her facts"),
        pytest.param("ADT", "A03", [pid(**BABYS_AGE)], "AA PID^1 204 W", [], id="where she is"),
        pytest.param(
            "ADT", "A08", [pid(**BABYS_AGE), LOSS], "AA PID^1 204 W PID^1^21 204 W", ["unnamed-event"], id="her loss"
        ),
        pytest.param(
            "ADT", "A08", [pid(**BABYS_AGE, _30="Y")], "AA PID^1 204 W PID^1^21 204 W", ["unnamed-event"], id="a death"
        ),
        pytest.param(
            "ADT", "A08", [pid(**BABYS_AGE), con("R")], "AA PID^1 204 W CON^1 204 W", ["unnamed-refusal"], id="her no"
        ),
        pytest.param(
            "ORU", "R01", [pid(**BABYS_AGE), *ITEM], "AA PID^1 204 W PID^1 204 W", ["unreadable-risk"], id="a risk"
        ),
        pytest.param(
            "REF",
            "I14",
            ["RF1|P|||||REF-1", pid(**BABYS_AGE)],
            "AA",
            ["not-all-used", "unreadable-refusal"],
            id="the end of a referral",
        ),
        pytest.param(
            "REF", "I12", ["RF1|P|||||REF-1", pid(**BABYS_AGE), *ITEM], "AA", ["unreadable-risk"], id="a risk beside it"
        ),
        pytest.param("ADT", "A08", [pid(born="20200101")], "AA PID^1 204 W", [], id="a child's age"),
        pytest.param("ADT", "A08", [pid("B1~" + cx("W1"), **BABYS_AGE)], "AA PID^1 204 W", [], id="both numbers"),
    ],
)
def test_a_woman_who_is_known_and_reads_as_a_baby_may_be_another_and_contact_pauses(
    ward: Ward, type: str, event: str, lines: list[str], told: str, alerts: list[str]
) -> None:
    ward.supported()
    before = ward.rows("patient"), ward.rows("consent"), ward.rows("screening_result")
    for _ in range(2):
        assert ward.tells(event, *lines, type=type) == told
    assert ward.state() == PAUSED
    assert sorted({*ward.alerts()}) == sorted(["identity-conflict", *alerts])
    assert ward.alerts().count("identity-conflict") == 1
    assert (ward.rows("patient"), ward.rows("consent"), ward.rows("screening_result")) == before


def test_a_woman_without_a_birth_date_who_reads_as_a_baby_counts_while_she_is_referred(ward: Ward) -> None:
    ward.tells("A28", pid("W2", born=""))
    assert ward.tells("A08", pid("W2", **BABYS_AGE)) == "AA"
    ward.positive("W3")
    ward.tells("A08", pid("W3", born='""'))
    assert ward.tells("A08", pid("W3", **BABYS_AGE)) == "AA PID^1 204 W"
    assert ward.state("W3") == ("on-hold", [])
    assert [each["patient_id"] for each in ward.rows("alert", code="identity-conflict")] == [ward.woman("W3")]


def test_a_birth_date_alone_is_put_right_by_her_record(ward: Ward) -> None:
    ward.supported()
    assert ward.tells("A08", pid(born="19910401")) == "AA"
    assert (str(ward.rows("patient")[0]["birth_date"]), ward.alerts()) == ("1991-04-01", [])
    assert ward.tells("A08", pid(born="19920401", name="Other^Name")) == "AA"
    assert ward.state() == PAUSED
    assert ward.alerts() == ["identity-conflict"]


@pytest.mark.parametrize("event", ["A08", "A03", "A24"])
def test_a_risk_in_a_record_of_her_babys_goes_to_a_person(ward: Ward, event: str) -> None:
    assert ward.tells(event, pid("B1", born="20260530", _21=cx("W1")), *ITEM).startswith("AA PID^1 20")
    assert [each for each in ward.alerts() if each != "not-all-used"] == ["unreadable-risk"]


def test_a_questionnaire_in_a_babys_record_goes_to_a_person(ward: Ward) -> None:
    obr = "OBR|1||F9^MAT|71354-5^EPDS^LN|||20260601110000+0000||||||||||||||||||F"
    obx = "OBX|1|NM|EPDS10^item^L||2||||||F|||20260601110000+0000"
    assert ward.tells("R01", pid("B1", born="20260530", _21=cx("W1")), obr, obx, type="ORU") == "AA PID^1 204 W"
    assert ward.rows("screening_result") == []
    assert ward.alerts() == ["unreadable-risk"]


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([pid("B1", born="20260530", _21=cx("W1"))], id="the baby's own record"),
        pytest.param([pid(), "OBX|1|DT|BORN^Birth^L||20260530||||||F"], id="an observation of hers"),
    ],
)
def test_a_birth_changes_her_stage_and_nothing_else(ward: Ward, lines: list[str]) -> None:
    ward.supported()
    (before,) = ward.offers()
    assert ward.tells("A08", *lines) == "AA"
    assert ward.state() == ("supported", ["accepted"])
    woman = ward.service.run(ward.hospital.caller, lambda tx: tx.patients.lock(ward.woman()))
    assert woman.stage(ward.service.now(), ward.service.rules.policy("")) is Stage.POSTNATAL
    (after,) = ward.offers()
    assert after.version > before.version
    ward.tells("A08", *lines)
    assert ward.offers() == [after]


def test_an_older_childs_record_does_not_make_the_baby_older(ward: Ward) -> None:
    ward.supported()
    ward.tells("A08", pid("B1", born="20260530", _21=cx("W1")))
    ward.tells("A08", pid("B0", born="20230101", _21=cx("W1")))
    (woman,) = ward.rows("patient")
    assert str(woman["delivered_on"]) == "2026-05-30"


OF_NOBODY_KNOWN = [
    pytest.param("A03", [pid(), LOSS], id="a loss when she is discharged"),
    pytest.param("A02", [pid(), "ZXX|1|CARE"], id="her baby taken into care"),
    pytest.param("A08", [pid("B1", born="20260530", _21=cx("W1"), _30="Y")], id="the death of her baby, by PID-21"),
    pytest.param(
        "A03",
        [pid("B1", born="20260530"), f"NK1|1|Tester^Tessie|MTH^Mother^HL70063|{'|' * 29}{cx('W1')}", "ZXX|1|CARE"],
        id="her baby taken into care, by its relative",
    ),
]


@pytest.mark.parametrize(("event", "lines"), OF_NOBODY_KNOWN)
def test_what_happened_to_a_woman_who_is_not_known_yet_keeps_her_first_referral_waiting(
    ward: Ward, event: str, lines: list[str]
) -> None:
    ward.add_programme()
    assert ward.tells(event, *lines) == "AA"
    assert ward.alerts() == []
    ward.positive()
    assert ward.state() == ("on-hold", [])
    assert ward.alerts() == ["safety-event"]
    (woman,) = ward.rows("patient")
    assert (woman["preferred_name"], str(woman["birth_date"])) == ("Tessie", "1995-04-01")


def test_a_message_of_results_says_only_once_who_she_is_of_whom_a_number_was_known(ward: Ward) -> None:
    ward.tells("A08", pid("B1", born="20260530", _21=cx("W1"), _30="Y"))
    assert ward.rows("patient")[0]["preferred_name"] is None
    ward.positive()
    ward.tells("R01", pid(name="Other^Name"), type="ORU")
    (woman,) = ward.rows("patient")
    assert (woman["preferred_name"], woman["version"]) == ("Tessie", 2)


def test_any_number_of_hers_in_her_babys_record_means_the_woman_who_is_known(ward: Ward) -> None:
    ward.supported()
    assert ward.tells("A08", pid("B1", born="20260530", _21=f"{cx('W1-OLD')}~{cx('W1')}", _30="Y")) == "AA"
    assert ward.state() == PAUSED
    assert ward.woman("W1-OLD") == ward.woman()
    assert len(ward.rows("patient")) == 1


def test_a_woman_who_died_before_she_was_known_is_never_referred(ward: Ward) -> None:
    ward.add_programme()
    assert ward.tells("A03", pid(), "PV1|1|I|" + "|" * 33 + "20") == "AA"
    ward.positive()
    assert ward.state() == ("closed", [])
    assert ward.alerts() == ["identity-conflict"]


@pytest.mark.parametrize(
    "died",
    [
        pytest.param([pid(_8="M", _30="Y")], id="PID-30"),
        pytest.param([pid(_8="M"), DIED], id="a code of the site's own"),
    ],
)
def test_a_death_that_may_be_somebody_elses_is_not_kept_as_hers_though_she_has_no_referral(
    ward: Ward, died: list[str]
) -> None:
    ward.add_programme()
    assert ward.tells("A28", pid()) == "AA"
    for _ in range(2):
        assert ward.tells("A08", *died) == "AA"
    assert ward.alerts() == ["identity-conflict"]
    assert not ward.rows("patient")[0]["deceased"]
    ward.positive()
    assert ward.state() == ("on-hold", [])
    assert sorted(ward.alerts()) == ["identity-conflict", "safety-event"]


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        pytest.param(["PV1|1|I"], "AA PID^1 100 W", id="no PID"),
        pytest.param([pid("W1"), pid("W2")], "AA PID^2 100 W", id="two of them"),
        pytest.param(["PID|1||1234||Tester^Tessie"], "AA PID^1^3 204 W", id="no authority"),
    ],
)
def test_what_names_nobody_is_kept_and_told(ward: Ward, lines: list[str], told: str) -> None:
    assert ward.tells("A08", *lines) == told
    assert ward.rows("patient") == []
    assert len(ward.rows("inbound_message")) == 1


@pytest.mark.parametrize("event", ["A24", "A37", "A43"])
def test_records_that_are_linked_unlinked_or_moved_go_to_a_person(ward: Ward, event: str) -> None:
    ward.tells("A28", pid("W1"))
    ward.tells("A28", pid("W2"))
    assert ward.tells(event, pid("W1"), pid("W2")) == "AA PID^1 207 W PID^2 207 W"
    assert ward.alerts() == ["not-all-used", "not-all-used"]
    assert len({row["resource_id"] for row in ward.rows("alias", system=SYSTEM)}) == 2


def test_an_event_that_is_not_listed_is_not_taken(ward: Ward) -> None:
    assert ward.sends(message("A99", pid())) == "AR MSH^1^9^1^2 201 E"
