"""A result that comes long after it was taken: it is kept, decided and told to a clinician, and opens no referral."""

import pytest

from service.flow.answer import Accepted
from service.referrals.instruction import Order
from service.screening.result import Piece, Status
from tests.flow.support import DAY, MINUTE, NOW, Service, piece, scores, why

OLD, NOT_YET_OLD = NOW - 91 * DAY, NOW - 90 * DAY

# What was sent of an old administration, and the alert: its code, priority, and whether it is announced.
TABLE = {
    "positive present": (piece(15, scores(15, 2)), ("old-self-harm-present", "urgent", True)),
    "positive unknown": (piece(15), ("old-positive", "routine", True)),
    "positive absent": (piece(15, scores(15)), ("old-positive", "routine", True)),
    "repeat present": (piece(11, scores(11, 1)), ("old-self-harm-present", "urgent", True)),
    "repeat absent": (piece(11, scores(11)), ("repeat-screening", "routine", False)),
    "negative present": (piece(3, scores(3, 3)), ("old-self-harm-present", "urgent", True)),
    "negative unknown": (piece(3), ("self-harm-not-seen", "routine", False)),
    "negative absent": (piece(3, scores(3)), None),
    "unscorable absent": (piece(None, scores(15), unreadable="value"), ("unscorable", "urgent", True)),
}


@pytest.mark.parametrize("row", TABLE.values(), ids=TABLE)
def test_an_old_result_is_decided_and_told_and_opens_nothing(
    service: Service, row: tuple[Piece, tuple[str, str, bool] | None]
) -> None:
    sent, alert = row
    family = service.family()
    service.tell_due_date(family.hospital, family.woman, (NOW + 60 * DAY).date())
    assert why(service.result(family.hospital, family.woman, sent, effective=OLD)) == "accepted"

    raised = service.rows("alert", patient_id=family.woman)
    announced = {id for type, id, _ in service.owed(family.woman) if type == "Communication"}
    assert [(each["code"], each["priority"], each["id"] in announced) for each in raised] == ([alert] if alert else [])
    assert service.rows("referral") == service.rows("offer") == []
    assert len(service.rows("decision")) == len(service.rows("screening_result")) == 1


def test_a_result_refers_up_to_the_last_day_and_not_after_it(service: Service) -> None:
    for effective, opens in ((NOT_YET_OLD, True), (OLD, False)):
        family = service.family()
        service.result(family.hospital, family.woman, piece(15, scores(15)), effective=effective)
        assert bool(service.rows("referral", patient_id=family.woman)) is opens
        assert service.alerts(family.woman) == ([] if opens else ["old-positive"])


def test_the_same_old_result_again_is_told_once(service: Service) -> None:
    family = service.family()
    for source in ("the-observation", "the-same-in-another-message"):
        service.result(family.hospital, family.woman, piece(15, scores(15), source=source), effective=OLD)
    assert service.alerts(family.woman) == ["old-positive"]


def test_an_old_result_that_waits_for_its_items_is_told_when_the_wait_is_over(service: Service) -> None:
    family = service.family()
    service.result(family.hospital, family.woman, piece(15, expects=frozenset({"more"})), effective=OLD)
    assert service.alerts(family.woman) == []
    service.chase(5 * MINUTE)
    assert service.alerts(family.woman) == ["old-positive"]
    assert service.rows("referral") == []


def test_an_old_present_answer_beside_an_offer_is_reviewed_before_anybody_is_asked(service: Service) -> None:
    family, _ = service.offered()
    service.result(family.hospital, family.woman, piece(3, scores(3, 3)), effective=OLD)
    assert service.states(family.woman) == ("in-review", ["cancelled"])
    assert service.alerts(family.woman) == ["old-self-harm-present"]


def test_an_old_positive_result_changes_nothing_for_an_open_referral(service: Service) -> None:
    """Nor does the referral rest on it: when the new result is taken back, it closes."""
    family, _ = service.offered()
    service.result(family.hospital, family.woman, piece(15, scores(15), source="old"), effective=OLD)
    assert service.states(family.woman) == ("offered", ["requested"])
    assert service.alerts(family.woman) == ["old-positive"]
    corrected = piece(3, scores(3), status=Status.CORRECTED)
    service.result(family.hospital, family.woman, corrected, corrects=True)
    assert service.states(family.woman) == ("closed", ["cancelled"])


@pytest.mark.parametrize(
    ("corrected", "states", "alerts"),
    [
        (piece(3, scores(3), status=Status.CORRECTED), ("closed", ["cancelled"]), []),
        (piece(14, scores(14), status=Status.CORRECTED), ("offered", ["requested"]), []),
        (piece(15, scores(15, 1), status=Status.CORRECTED), ("in-review", ["cancelled"]), ["self-harm-present"]),
    ],
)
def test_a_late_correction_of_what_a_referral_rests_on_still_decides(
    service: Service, corrected: Piece, states: tuple[str, list[str]], alerts: list[str]
) -> None:
    family, _ = service.offered()
    service.pass_time(100 * DAY)
    service.result(family.hospital, family.woman, corrected, effective=NOW, corrects=True)
    assert service.states(family.woman) == states
    assert service.alerts(family.woman) == alerts


def test_a_late_correction_of_what_had_no_referral_is_told(service: Service) -> None:
    """Also when the clinician has heard before that self-harm was present in it: that it is positive is new."""
    for first, before in ((piece(3, scores(3)), []), (piece(3, scores(3, 3)), ["self-harm-present"])):
        family = service.family()
        at = service.now()
        service.result(family.hospital, family.woman, first, effective=at)
        service.pass_time(100 * DAY)
        harm = 3 if before else 0
        corrected = piece(15, scores(15, harm), status=Status.CORRECTED)
        service.result(family.hospital, family.woman, corrected, effective=at, corrects=True)
        assert service.rows("referral", patient_id=family.woman) == []
        assert service.alerts(family.woman) == [*before, "old-self-harm-present" if before else "old-positive"]


def test_after_its_referral_was_closed_a_late_correction_opens_no_other(service: Service) -> None:
    family, offer = service.offered()
    assert isinstance(service.tell(family.hospital, offer.referral_id, Order.CLOSE), Accepted)
    service.pass_time(100 * DAY)
    corrected = piece(16, scores(16), status=Status.CORRECTED)
    service.result(family.hospital, family.woman, corrected, effective=NOW, corrects=True)
    assert len(service.rows("referral", patient_id=family.woman)) == 1
