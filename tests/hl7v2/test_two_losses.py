"""Two losses that may be one: told twice, of one day, or without a day; before and after contact was resumed."""

from typing import Any

import pytest

from service.flow.move_alert import move_alert
from service.referrals.alert import MOST_UNSEEN, AlertTrigger
from service.referrals.referral import ReferralTrigger
from service.store.unit_of_work import UnitOfWork
from tests.flow.support import DAY, HOUR, Service
from tests.flow.test_review_alert import advanced
from tests.hl7v2.test_events import BABYS_AGE, LOSS, PAUSED
from tests.hl7v2.test_losses import order
from tests.hl7v2.ward import Ward, con, cx, pid

SAME_DAY = "OBX|{n}|CWE|63893-2^Outcome^LN||237364002^Stillbirth^SCT||||||F"


@pytest.fixture
def ward(service: Service) -> Ward:
    return Ward(service)


def later(ward: Ward) -> None:
    """A clinician lets contact go on, and an hour passes."""
    advanced(ward.service, ward.woman(), ReferralTrigger.RESUMED)
    ward.service.pass_time(HOUR)


@pytest.mark.parametrize("between", [True, False], ids=["resumed between them", "still paused"])
@pytest.mark.parametrize("day", ["20260530", ""], ids=["of one day", "without a day"])
@pytest.mark.parametrize("number", ["F1", "F2"])
def test_a_loss_in_another_order_pauses_again_what_was_resumed(
    ward: Ward, number: str, day: str, between: bool
) -> None:
    ward.supported()
    first, again = ([line.replace("20260530", day) for line in order("F", number=each)] for each in ("F1", number))
    ward.tells("R01", pid(), *first, type="ORU")
    if between:
        later(ward)
    ward.tells("R01", pid(), *again, type="ORU")
    news = number == "F2"
    assert (ward.state() == PAUSED) is (news or not between)
    assert ward.alerts() == ["safety-event"] * (2 if news else 1)


@pytest.mark.parametrize(("other", "alerts"), [("B1", 1), ("B2", 2)])
def test_each_of_twins_in_one_message_is_told(ward: Ward, other: str, alerts: int) -> None:
    ward.supported()
    one, two = (pid(each, **BABYS_AGE, _21=cx("W1"), _30="Y") for each in ("B1", other))
    ward.tells("R01", one, *order("O"), two, *order("O"), type="ORU")
    assert (ward.state(), ward.alerts()) == (PAUSED, ["safety-event"] * alerts)


def test_a_flood_of_losses_of_one_day_is_told_until_five_wait_to_be_seen(ward: Ward) -> None:
    ward.supported()
    for number in range(MOST_UNSEEN + 3):
        ward.tells("R01", pid(), *order("F", number=f"F{number}"), type="ORU")
    assert ward.alerts() == ["safety-event"] * MOST_UNSEEN
    seen = next(each for each in ward.rows("alert", code="safety-event"))
    acknowledged(ward, seen["id"])
    ward.tells("R01", pid(), *order("F", number="F9"), type="ORU")
    assert ward.alerts() == ["safety-event"] * (MOST_UNSEEN + 1)


def acknowledged(ward: Ward, alert: str) -> None:
    def unit(tx: UnitOfWork) -> None:
        move_alert(tx, ward.service.rules, tx.alerts.lock(alert), AlertTrigger.ACKNOWLEDGE, ward.service.now())

    ward.service.run(ward.hospital.caller, unit)


def test_two_losses_in_one_message_pause_once_and_neither_pauses_again(ward: Ward) -> None:
    ward.supported()
    twins = [*order("F"), SAME_DAY.format(n=2), *order("F", number="F2")]
    ward.tells("R01", pid(), *twins, type="ORU")
    assert (ward.state(), ward.alerts()) == (PAUSED, ["safety-event"])
    later(ward)
    for lines in (order("F", number="F2"), order("F")):
        ward.tells("R01", pid(), *lines, type="ORU")
    assert ward.state()[0] == "supported"


@pytest.mark.parametrize(
    "told",
    [
        pytest.param([{"_30": "Y"}], id="a death without a day"),
        pytest.param([{}, "ZXX|1|CARE"], id="a baby in care"),
        pytest.param([{}, LOSS], id="a diagnosis"),
        pytest.param([{}, "OBX|1|CE|STILLBIRTH^Stillbirth^L||Y||||||F|||20260530"], id="an observation in no order"),
    ],
)
@pytest.mark.parametrize("event", ["A08", "A40"])
@pytest.mark.parametrize(("baby", "paused"), [("B1", False), ("B2", True)])
def test_what_happened_to_one_of_twins_did_not_happen_to_the_other(
    ward: Ward, told: list[Any], event: str, baby: str, paused: bool
) -> None:
    ward.supported()
    fields, *lines = told

    def tell(number: str) -> None:
        ward.tells(event, pid(number, **BABYS_AGE, _21=cx("W1"), **fields), f"MRG|{cx('B9')}", *lines)

    tell("B1")
    assert ward.state() == PAUSED
    later(ward)
    tell(baby)
    assert (ward.state() == PAUSED) is paused


FIRST, SECOND = ({"_24": "Y", "_25": each} for each in "12")


@pytest.mark.parametrize(
    ("one", "other", "paused"),
    [
        pytest.param({}, {}, True, id="nothing tells"),
        pytest.param(FIRST, SECOND, True, id="by the order of birth"),
        pytest.param(FIRST, FIRST, False, id="the same"),
        pytest.param({"_25": "1"}, {"_25": "1"}, True, id="an order of birth in a record that tells of no twins"),
    ],
)
@pytest.mark.parametrize("day", ["20260531", ""], ids=["of one day", "without a day"])
def test_babies_without_a_number_may_be_two(
    ward: Ward, one: dict[str, str], other: dict[str, str], day: str, paused: bool
) -> None:
    ward.supported()
    died = {**BABYS_AGE, "_3": "", "_21": cx("W1"), "_29": day, "_30": "Y"}
    ward.tells("A08", pid(**died, **one))
    assert ward.state() == PAUSED
    later(ward)
    ward.tells("A08", pid(**died, **other))
    assert (ward.state() == PAUSED) is paused


@pytest.mark.parametrize(("number", "paused"), [("F1", False), ("F2", True)])
def test_a_baby_without_a_number_is_told_from_another_by_the_order(ward: Ward, number: str, paused: bool) -> None:
    ward.supported()
    baby = pid(**BABYS_AGE, _3="", _21=cx("W1"))
    ward.tells("R01", baby, *order("F"), type="ORU")
    assert ward.state() == PAUSED
    later(ward)
    ward.tells("R01", baby, *order("F", number=number), type="ORU")
    assert (ward.state() == PAUSED) is paused


@pytest.mark.parametrize(("baby", "alerts"), [("B1", 1), ("B2", 2)])
def test_another_loss_is_told_also_while_contact_is_paused_for_another_reason(
    ward: Ward, baby: str, alerts: int
) -> None:
    ward.supported()
    ward.tells("A08", pid("B1", **BABYS_AGE, _21=cx("W1"), _30="Y"))
    later(ward)
    ward.tells("A03", pid(born="19850505"), con("A"))
    assert (ward.state(), ward.alerts()) == (PAUSED, ["identity-conflict", "safety-event"])
    for _ in range(2):
        ward.tells("A08", pid(baby, **BABYS_AGE, _21=cx("W1"), _30="Y"))
    assert ward.alerts().count("safety-event") == alerts


@pytest.mark.parametrize(("baby", "paused"), [("B1", False), ("B2", True)])
def test_the_death_of_another_baby_on_that_day_pauses_again_what_was_resumed(
    ward: Ward, baby: str, paused: bool
) -> None:
    ward.supported()
    died = {"_21": cx("W1"), "_29": "20260531", "_30": "Y"}
    ward.tells("A08", pid("B1", **BABYS_AGE, **died))
    assert ward.state() == PAUSED
    later(ward)
    ward.tells("A08", pid(baby, **BABYS_AGE, **died))
    assert (ward.state() == PAUSED) is paused


def test_a_diagnosis_that_the_record_goes_on_telling_pauses_nothing_that_was_resumed(ward: Ward) -> None:
    ward.supported()
    ward.tells("A08", pid(), LOSS)
    assert ward.state() == PAUSED
    later(ward)
    ward.tells("A08", pid(), LOSS)
    assert ward.state()[0] == "supported"


@pytest.mark.parametrize(
    ("type", "event", "instances", "paused"),
    [
        pytest.param("ORU", "R01", ("", ""), True, id="an order without a number"),
        pytest.param("ORU", "R01", ("I1", "I1"), False, id="the same observation of its own number"),
        pytest.param("ORU", "R01", ("I1", "I2"), True, id="another observation"),
        pytest.param("ADT", "A08", ("", ""), False, id="an observation that a record goes on telling"),
        pytest.param("ADT", "A08", ("I1", "I2"), False, id="the same under a number that is new each time"),
    ],
)
def test_without_a_number_of_the_order_another_message_may_tell_another_loss(
    ward: Ward, type: str, event: str, instances: tuple[str, str], paused: bool
) -> None:
    ward.supported()
    obr, obx = (line.replace("F1^MAT", "") for line in order("F"))
    for instance, expected in zip(instances, (True, paused), strict=True):
        told = f"{obx}|||20260530|||||||{instance}"
        ward.tells(event, pid(), *([obr] if type == "ORU" else []), told, type=type)
        assert (ward.state() == PAUSED) is expected
        if expected:
            later(ward)


def test_a_number_of_any_length_tells_one_order_from_another_and_is_not_kept(ward: Ward) -> None:
    ward.supported()
    long = "".join(map(str, range(3000)))
    for number in (long, long + "1"):
        ward.tells("R01", pid(), *order("F", number=number), type="ORU")
        assert ward.state() == PAUSED
        later(ward)
    assert {len(row["source"]) for row in ward.service.rows("life_event")} == {64}


def diagnosis(action: str = "", day: str = "20260530") -> str:
    return f"DG1|1||O03.9^Miscarriage^I10||{day}|{'|' * 15}{action}"


@pytest.mark.parametrize("taken_back", ["20260530", ""], ids=["of its day", "without a day"])
@pytest.mark.parametrize("day", ["20260530", ""], ids=["of one day", "told without a day"])
def test_a_diagnosis_that_was_taken_back_resumes_nothing_and_is_news_when_it_is_said_again(
    ward: Ward, day: str, taken_back: str
) -> None:
    ward.supported()
    ward.tells("A08", pid(), diagnosis(day=day))
    assert ward.state() == PAUSED
    ward.service.pass_time(HOUR)
    ward.tells("A08", pid(), diagnosis("D", taken_back))
    assert (ward.state(), ward.alerts()) == (PAUSED, ["safety-event"])
    later(ward)
    for _ in range(2):
        ward.tells("A08", pid(), diagnosis(day=day))
        assert (ward.state(), ward.alerts()) == (PAUSED, ["safety-event"] * 2)
        ward.service.pass_time(HOUR)


@pytest.mark.parametrize("day", ["20260401", ""], ids=["another day's", "one without a day"])
def test_a_record_that_goes_on_listing_what_was_deleted_beside_what_stands_pauses_once(ward: Ward, day: str) -> None:
    ward.supported()
    for _ in range(3):
        ward.tells("A08", pid(), diagnosis("D", day), diagnosis().replace("DG1|1", "DG1|2"))
        assert ward.alerts() == ["safety-event"]
        if ward.state() == PAUSED:
            later(ward)
    assert ward.state()[0] == "supported"


def test_a_babys_record_that_goes_on_listing_what_was_deleted_beside_its_death_pauses_once(ward: Ward) -> None:
    ward.supported()
    for _ in range(3):
        ward.tells("A08", pid("B1", **BABYS_AGE, _21=cx("W1"), _30="Y"), diagnosis("D"))
        assert ward.alerts() == ["safety-event"]
        if ward.state() == PAUSED:
            later(ward)
    assert ward.state()[0] == "supported"


def test_a_diagnosis_without_a_day_that_the_record_never_stops_telling_is_told_twice_a_year(ward: Ward) -> None:
    ward.supported()
    paused = []
    for month in range(14):
        ward.tells("A08", pid(), diagnosis(day=""))
        if ward.state() == PAUSED:
            paused.append(month)
            later(ward)
        ward.service.pass_time(30 * DAY)
    assert paused == [0, 7]


def test_without_a_day_another_diagnosis_is_another_loss(ward: Ward) -> None:
    ward.supported()
    told = diagnosis(day="")
    for lines, news in (([told], True), ([told.replace("O03.9", "O03.4")], True), ([told], False)):
        ward.tells("A08", pid(), *lines)
        assert (ward.state() == PAUSED) is news
        if news:
            later(ward)


@pytest.mark.parametrize("action", ["", "A", "U", "X", "S"])
def test_a_diagnosis_that_is_not_deleted_counts(ward: Ward, action: str) -> None:
    ward.supported()
    ward.tells("A08", pid(), diagnosis(action))
    assert ward.state() == PAUSED


def test_a_deleted_diagnosis_of_nobody_who_is_known_is_nothing(ward: Ward) -> None:
    assert ward.tells("A08", pid(), diagnosis("D")) == "AA"
    ward.tells("A08", pid("B1", **BABYS_AGE), diagnosis("D"))
    ward.add_programme()
    ward.positive()
    assert (ward.state()[0], ward.alerts()) == ("awaiting-consent", ["consent-needed"])
