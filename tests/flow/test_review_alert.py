"""A named clinician reviews what held a referral back, and the referral goes where the outcome says."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from service.flow.advance import advance
from service.flow.answer import Accepted, Answer
from service.flow.answer_alert import ReceivedAnswer, answer_alert
from service.flow.received import Identifier, Received
from service.referrals.alert import AlertState, Practitioner, ReviewOutcome
from service.referrals.referral import ReferralTrigger
from service.screening import result as screening
from service.shared.caller import the_service
from service.shared.ids import new_id
from service.store.unit_of_work import UnitOfWork
from tests.flow.support import DAY, MINUTE, NOW, Family, Service, body, piece, scores, why

MIDWIFE = Practitioner("M. Test", "Midwife")
ALARMING = piece(15, scores(15, 1))
NAME = (Identifier("urn:observations", "one"),)


def review(
    service: Service,
    family: Family,
    code: str,
    outcome: ReviewOutcome | None = ReviewOutcome.SUITABLE,
    practitioner: Practitioner = MIDWIFE,
    *,
    reviewed: str | None = "as it stands",
    place: int = -1,
) -> Answer:
    """Of the newest alert of that code, by somebody who has read its Task as it now is."""
    alert = service.rows("alert", patient_id=family.woman, code=code)[place]
    now_is = f"{alert['result_id']}.{alert['result_version']}" if alert["result_id"] else None
    message = ReceivedAnswer(
        Received("Task", body(), target_id=alert["id"]),
        alert["id"],
        AlertState.RESOLVED,
        practitioner,
        outcome,
        now_is if reviewed == "as it stands" else reviewed,
    )
    return service.run(family.hospital, lambda tx: answer_alert(tx, service.rules, message, service.now()))


def advanced(service: Service, woman: str, trigger: ReferralTrigger) -> None:
    """What is heard of her by another way than a result."""

    def hear(tx: UnitOfWork) -> None:
        tx.patients.lock(woman)
        referral = tx.referrals.open_of(woman)
        assert referral is not None
        assert advance(tx, service.rules, referral, trigger, service.now())

    service.run(the_service(new_id()), hear)


@pytest.mark.parametrize(("outcome", "state"), [(ReviewOutcome.SUITABLE, "offered"), (ReviewOutcome.CLOSE, "closed")])
@pytest.mark.parametrize("doubted", [False, True], ids=["a risk", "a doubt who she is"])
def test_an_alert_of_a_referral_that_has_ended_decides_about_the_one_that_waits_for_it(
    service: Service, outcome: ReviewOutcome, state: str, doubted: bool
) -> None:
    family, code = in_review(service), "self-harm-present"
    if doubted:
        advanced(service, family.woman, ReferralTrigger.IDENTITY_CONFLICT)
        review(service, family, code)
        code = "identity-conflict"
    advanced(service, family.woman, ReferralTrigger.CONSENT_WITHDRAWN)
    service.pass_time(DAY)
    service.result(family.hospital, family.woman, piece(16, scores(16)))
    assert service.states(family.woman)[0] == ("on-hold" if doubted else "in-review")
    waiting = service.alert(family.woman, code)
    assert waiting["referral_id"] == service.referral(family.woman).id
    assert ("AlertTask", waiting["id"], waiting["version"]) in service.owed(family.woman)

    assert why(review(service, family, code, outcome)) == "accepted"
    assert service.states(family.woman)[0] == state


def in_review(service: Service) -> Family:
    family = service.family()
    service.result(family.hospital, family.woman, ALARMING, names=NAME)
    return family


@pytest.mark.parametrize("total", [3, 15])
@pytest.mark.parametrize("outcome", [ReviewOutcome.SUITABLE, ReviewOutcome.CLOSE])
@pytest.mark.parametrize("answer", [1, 3])
def test_what_was_reviewed_and_is_then_corrected_to_worse_waits_for_a_review_of_its_own(
    service: Service, outcome: ReviewOutcome, total: int, answer: int
) -> None:
    family = service.family()
    service.result(family.hospital, family.woman, piece(total, scores(total, 1)), effective=NOW)
    review(service, family, "self-harm-present", outcome)
    again = piece(16, scores(16, answer), status=screening.Status.CORRECTED)
    service.result(family.hospital, family.woman, again, effective=NOW, corrects=True)

    newly_in_review = total == 3 and outcome is ReviewOutcome.CLOSE
    assert service.alerts(family.woman) == ["self-harm-present"] * (1 + (answer == 3 or newly_in_review))
    referral = service.rows("referral", patient_id=family.woman)[-1]
    if newly_in_review or (answer == 3 and outcome is ReviewOutcome.SUITABLE):
        assert referral["state"] == "in-review"
        review(service, family, "self-harm-present")
        assert service.states(family.woman)[0] == "offered"


@pytest.mark.parametrize(
    ("outcome", "state", "offers", "reason"),
    [
        (ReviewOutcome.SUITABLE, "offered", ["requested"], None),
        (ReviewOutcome.NOT_SUITABLE, "closed", [], "reviewed-not-suitable"),
        (ReviewOutcome.REFER_TO_SPECIALIST, "closed", [], "referred-to-specialist"),
        (ReviewOutcome.CLOSE, "closed", [], "closed-by-clinician"),
    ],
)
def test_each_outcome_of_a_risk_leads_where_it_says(
    service: Service, outcome: ReviewOutcome, state: str, offers: list[str], reason: str | None
) -> None:
    family = in_review(service)
    assert why(review(service, family, "self-harm-present", outcome)) == "accepted"
    assert service.states(family.woman) == (state, offers)
    assert service.referral(family.woman).reason == reason
    alert = service.alert(family.woman, "self-harm-present")
    assert (alert["state"], alert["review_outcome"]) == ("resolved", outcome.value)
    assert (alert["reviewed_by"], alert["reviewed_by_role"]) == ("M. Test", "Midwife")
    assert (alert["acknowledged_by_role"], alert["acknowledged_at"]) == ("Midwife", service.now())
    assert ("AlertTask", alert["id"], 2) in service.owed(family.woman)


@pytest.mark.parametrize(
    ("outcome", "practitioner", "reason"),
    [
        (None, MIDWIFE, "review-outcome-required"),
        (ReviewOutcome.SUITABLE, Practitioner(), "practitioner-required"),
        (ReviewOutcome.SUITABLE, Practitioner(role="Midwife"), "practitioner-required"),
    ],
)
def test_without_an_outcome_and_a_name_nothing_is_released(
    service: Service, outcome: ReviewOutcome | None, practitioner: Practitioner, reason: str
) -> None:
    family = in_review(service)
    assert why(review(service, family, "self-harm-present", outcome, practitioner)) == reason
    assert service.states(family.woman) == ("in-review", [])
    assert service.alert(family.woman, "self-harm-present")["state"] == "open"


@pytest.mark.parametrize("reviewed", [None, "another.1"])
def test_a_review_names_the_version_of_the_result_that_it_was_made_on(service: Service, reviewed: str | None) -> None:
    family = in_review(service)
    assert why(review(service, family, "self-harm-present", reviewed=reviewed)) == "review-outdated"
    assert service.states(family.woman) == ("in-review", [])


def test_a_correction_that_comes_meanwhile_needs_a_new_review(service: Service) -> None:
    family = in_review(service)
    before = service.alert(family.woman, "self-harm-present")
    corrected = piece(16, scores(16, 1), status=screening.Status.CORRECTED)
    service.result(family.hospital, family.woman, corrected, names=NAME, corrects=True)
    read = f"{before['result_id']}.{before['result_version']}"
    assert why(review(service, family, "self-harm-present", reviewed=read)) == "review-outdated"
    after = service.alert(family.woman, "self-harm-present")
    assert (after["result_version"], after["version"]) == (before["result_version"] + 1, before["version"] + 1)
    assert ("AlertTask", after["id"], after["version"]) in service.owed(family.woman)
    assert why(review(service, family, "self-harm-present")) == "accepted"


def test_the_same_result_once_more_leaves_a_review_as_it_is(service: Service) -> None:
    family = in_review(service)
    same = piece(15, scores(15, 1), status=screening.Status.FINAL)
    service.result(family.hospital, family.woman, same, names=NAME, corrects=True)
    assert service.alert(family.woman, "self-harm-present")["version"] == 1


def test_a_newer_risk_needs_its_own_review_which_then_speaks_for_the_older(service: Service) -> None:
    family = in_review(service)
    service.pass_time(MINUTE)
    service.result(family.hospital, family.woman, piece(17, scores(17, 2), source="another"))
    assert why(review(service, family, "self-harm-present", place=0)) == "review-outdated"
    assert service.states(family.woman) == ("in-review", [])
    assert why(review(service, family, "self-harm-present", place=1)) == "accepted"
    rows = service.rows("alert", patient_id=family.woman, code="self-harm-present")
    assert [(row["state"], row["reviewed_by"]) for row in rows] == [("resolved", "M. Test")] * 2
    assert service.states(family.woman) == ("offered", ["requested"])


def test_one_risk_reviewed_releases_nothing_while_another_waits(service: Service) -> None:
    family = in_review(service)
    service.pass_time(MINUTE)
    service.result(family.hospital, family.woman, piece(17, source="another"))  # positive, and the item was not sent
    assert why(review(service, family, "self-harm-present")) == "accepted"
    assert service.states(family.woman) == ("in-review", [])
    assert why(review(service, family, "self-harm-unknown")) == "accepted"
    assert service.states(family.woman) == ("offered", ["requested"])


@pytest.mark.parametrize(
    ("outcome", "referrals"),
    [(ReviewOutcome.SUITABLE, ["offered"]), *((each, []) for each in ReviewOutcome if each != "suitable")],
)
def test_a_risk_without_a_referral_opens_one_only_when_a_clinician_says_so(
    service: Service, outcome: ReviewOutcome, referrals: list[str]
) -> None:
    family = service.family()
    service.result(family.hospital, family.woman, piece(3, scores(3, 1)))
    assert why(review(service, family, "self-harm-present", outcome)) == "accepted"
    assert [row["state"] for row in service.rows("referral", patient_id=family.woman)] == referrals


def supported(service: Service) -> Family:
    family, offer = service.offered()
    service.update(family.community, offer.id, "accepted")
    return family


@pytest.mark.parametrize("code", ["score-mismatch", "escalation"])
@pytest.mark.parametrize(
    ("outcome", "state"), [(ReviewOutcome.SUITABLE, "supported"), (ReviewOutcome.CLOSE, "closed")], ids=str
)
def test_what_has_kept_nothing_waiting_leaves_her_referral_unless_its_review_ends_it(
    service: Service, code: str, outcome: ReviewOutcome, state: str
) -> None:
    family, offer = service.supported()
    if code == "escalation":
        service.update(family.community, offer.id, "accepted", notes=({"text": "We worry."},))
    else:
        service.result(family.hospital, family.woman, piece(20, scores(16)), effective=NOW - DAY)
    assert why(review(service, family, code, outcome)) == "accepted"
    assert service.states(family.woman)[0] == state


def test_each_escalation_is_answered_by_itself(service: Service) -> None:
    family, offer = service.supported()
    for words in ("We worry.", "We worry more."):
        service.pass_time(MINUTE)
        service.update(family.community, offer.id, "accepted", notes=({"text": words},))
    for open_ones in (1, 0):
        assert why(review(service, family, "escalation", place=open_ones)) == "accepted"
        states = [row["state"] for row in service.rows("alert", patient_id=family.woman, code="escalation")]
        assert states.count("open") == open_ones


@pytest.mark.parametrize(
    ("outcome", "state", "offers"),
    [
        (ReviewOutcome.SUITABLE, "supported", ["accepted"]),
        (ReviewOutcome.REFER_TO_SPECIALIST, "supported", ["accepted"]),
        (ReviewOutcome.NOT_SUITABLE, "closed", ["cancelled"]),
        (ReviewOutcome.CLOSE, "closed", ["cancelled"]),
    ],
)
def test_support_that_has_begun_goes_on_beside_a_specialist(
    service: Service, outcome: ReviewOutcome, state: str, offers: list[str]
) -> None:
    family = supported(service)
    service.result(family.hospital, family.woman, piece(15, scores(15, 1), source="another"))
    assert why(review(service, family, "self-harm-present", outcome)) == "accepted"
    assert service.states(family.woman) == (state, offers)


def test_what_an_event_held_goes_on_where_it_was(service: Service) -> None:
    family = supported(service)
    advanced(service, family.woman, ReferralTrigger.SAFETY_EVENT)
    assert service.states(family.woman) == ("on-hold", ["held-by-service"])
    assert why(review(service, family, "safety-event")) == "accepted"
    assert service.states(family.woman) == ("supported", ["in-progress"])


def test_what_was_handed_back_is_placed_anew(service: Service) -> None:
    family = supported(service)
    (offer,) = service.offers(family.woman)
    service.update(family.community, offer.id, "failed", "no volunteer")
    other = service.community()
    service.programme(other, districts=family.programme.districts)
    service.consent(family.hospital, family.woman, other)
    assert why(review(service, family, "returned")) == "accepted"
    assert service.states(family.woman) == ("offered", ["failed", "requested"])


def test_what_was_held_goes_on_only_when_no_risk_waits(service: Service) -> None:
    family = supported(service)
    advanced(service, family.woman, ReferralTrigger.SAFETY_EVENT)
    service.result(family.hospital, family.woman, piece(15, scores(15, 1), source="another"))
    assert why(review(service, family, "safety-event")) == "review-outdated"
    assert why(review(service, family, "self-harm-present")) == "accepted"
    assert service.states(family.woman) == ("on-hold", ["held-by-service"])
    assert why(review(service, family, "safety-event")) == "accepted"
    assert service.states(family.woman) == ("supported", ["in-progress"])


def test_two_events_go_on_with_the_last_of_their_reviews(service: Service) -> None:
    family = supported(service)
    advanced(service, family.woman, ReferralTrigger.SAFETY_EVENT)
    advanced(service, family.woman, ReferralTrigger.NO_LONGER_POSITIVE)
    assert why(review(service, family, "safety-event")) == "accepted"
    assert service.states(family.woman) == ("on-hold", ["held-by-service"])
    assert why(review(service, family, "result-corrected")) == "accepted"
    assert service.states(family.woman) == ("supported", ["in-progress"])


def test_a_review_is_repeated_by_its_maker_and_by_nobody_else(service: Service) -> None:
    family = in_review(service)
    assert why(review(service, family, "self-harm-present")) == "accepted"
    assert why(review(service, family, "self-harm-present")) == "repeated"
    assert why(review(service, family, "self-harm-present", ReviewOutcome.CLOSE)) == "already-answered"
    assert why(review(service, family, "self-harm-present", practitioner=Practitioner("A. N. Other"))) == (
        "already-answered"
    )
    assert service.states(family.woman) == ("offered", ["requested"])


def test_acknowledging_alone_releases_nothing_and_stops_the_climb(service: Service) -> None:
    family = in_review(service)
    alert = service.alert(family.woman, "self-harm-present")
    message = ReceivedAnswer(Received("Task", body()), alert["id"], AlertState.ACKNOWLEDGED, MIDWIFE)
    answer = service.run(family.hospital, lambda tx: answer_alert(tx, service.rules, message, service.now()))
    assert answer == Accepted("Task", alert["id"], 2)
    assert service.chase(DAY) == 0
    assert service.states(family.woman) == ("in-review", [])
    assert service.alert(family.woman, "self-harm-present")["acknowledged_by"] == "M. Test"
    other = replace(message, received=Received("Task", body()), practitioner=Practitioner("A. N. Other"))
    late = service.run(family.hospital, lambda tx: answer_alert(tx, service.rules, other, service.now()))
    assert why(late) == "already-answered"


def answer_at_once(service: Service, family: Family, outcome: ReviewOutcome, name: str) -> str:
    return why(review(service, family, "self-harm-present", outcome, Practitioner(name)))


def test_of_two_doors_at_once_one_wins_and_the_other_hears_so(shared_service: Service) -> None:
    for _ in range(5):
        family = in_review(shared_service)
        at_once = [(ReviewOutcome.SUITABLE, "A. Test"), (ReviewOutcome.CLOSE, "B. Test")]
        with ThreadPoolExecutor(len(at_once)) as doors:
            heard = [doors.submit(answer_at_once, shared_service, family, *each) for each in at_once]
            answers = [each.result() for each in heard]
        assert sorted(answers) == ["accepted", "already-answered"]
        closed = shared_service.alert(family.woman, "self-harm-present")["review_outcome"] == "close"
        assert shared_service.states(family.woman) == (("closed", []) if closed else ("offered", ["requested"]))


@pytest.mark.parametrize("offered_before", [False, True])
def test_after_the_review_of_an_old_alarming_result_she_is_offered_on_the_clinicians_word(
    service: Service, offered_before: bool
) -> None:
    family = service.offered()[0] if offered_before else service.family()
    old = piece(3, scores(3, 1), source="old")
    service.result(family.hospital, family.woman, old, effective=NOW - 100 * DAY)
    assert why(review(service, family, "old-self-harm-present")) == "accepted"
    assert service.states(family.woman) == ("offered", [*(["cancelled"] * offered_before), "requested"])


def test_an_old_alarming_result_does_not_speak_for_a_new_one(service: Service) -> None:
    family = in_review(service)
    service.pass_time(MINUTE)
    service.result(family.hospital, family.woman, piece(3, scores(3, 1), source="old"), effective=NOW - 100 * DAY)
    assert why(review(service, family, "old-self-harm-present")) == "accepted"
    assert service.states(family.woman) == ("in-review", [])
    assert why(review(service, family, "self-harm-present")) == "accepted"
    assert service.states(family.woman) == ("offered", ["requested"])
