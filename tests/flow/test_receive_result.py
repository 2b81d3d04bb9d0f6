"""A result comes in: every row of the decision table on the real store, pieces in any order, corrections, repeats."""

from datetime import date, timedelta
from itertools import permutations

import pytest

from service.flow.answer import Accepted, Repeated
from service.flow.doubt_identity import doubt_identity
from service.flow.received import Identifier
from service.screening.result import Piece, Status
from service.shared.caller import OrganisationKind
from tests.flow.support import DAY, HOUR, MINUTE, NOW, Service, piece, scores, why

# instrument, what was sent, (alert, is it announced), state of the referral, states of the offers
TABLE = {
    "positive present": ("epds", piece(15, scores(15, 2)), ("self-harm-present", True), "in-review", []),
    "positive unknown": ("epds", piece(15), ("self-harm-unknown", True), "in-review", []),
    "positive absent": ("epds", piece(15, scores(15)), None, "offered", ["requested"]),
    "positive not-asked": ("plain", piece(15, scores(15)), None, "offered", ["requested"]),
    "repeat present": ("epds", piece(11, scores(11, 1)), ("self-harm-present", True), None, []),
    "repeat unknown": ("epds", piece(11), ("self-harm-not-seen", False), None, []),
    "repeat absent": ("epds", piece(11, scores(11)), ("repeat-screening", False), None, []),
    "repeat not-asked": ("plain", piece(11, scores(11)), ("repeat-screening", False), None, []),
    "negative present": ("epds", piece(3, scores(3, 3)), ("self-harm-present", True), None, []),
    "negative unknown": ("epds", piece(3), ("self-harm-not-seen", False), None, []),
    "negative absent": ("epds", piece(3, scores(3)), None, None, []),
    "negative absent, total of zero": ("epds", piece(0), None, None, []),
    "negative not-asked": ("plain", piece(3, scores(3)), None, None, []),
    "unscorable present": (
        "epds", piece(None, scores(15, 1), unreadable="value"), ("self-harm-present", True), None, [],
    ),
    "unscorable unknown": ("epds", piece(None, unreadable="value"), ("unscorable", True), None, []),
    "unscorable absent": ("epds", piece(None, scores(15), unreadable="value"), ("unscorable", True), None, []),
    "unscorable not-asked": ("plain", piece(99), ("unscorable", True), None, []),
}  # fmt: skip


@pytest.mark.parametrize("row", TABLE.values(), ids=TABLE)
def test_every_row_of_the_decision_table_ends_as_it_says(
    service: Service, row: tuple[str, Piece, tuple[str, bool] | None, str | None, list[str]]
) -> None:
    instrument, sent, alert, referral, offers = row
    family = service.family()
    service.tell_due_date(family.hospital, family.woman, (NOW + 60 * DAY).date())

    assert why(service.result(family.hospital, family.woman, sent, instrument=instrument)) == "accepted"

    alerts = service.rows("alert", patient_id=family.woman)
    announced = {id for type, id, _ in service.owed(family.woman) if type == "Communication"}
    assert [(each["code"], each["id"] in announced) for each in alerts] == ([alert] if alert else [])
    assert [each["state"] for each in service.rows("referral", patient_id=family.woman)] == (
        [referral] if referral else []
    )
    assert [each["state"] for each in service.rows("offer", patient_id=family.woman)] == offers
    # What is in review is nobody's to see but the hospital's.
    assert len(service.poll(family.community)) == len(offers)
    owed = {type for type, _, _ in service.owed(family.woman)}
    expected = {"Communication", "AlertTask"} if alert and alert[1] else set()
    expected |= {"ServiceRequest", "DocumentReference"} if referral else set()
    assert owed == expected | ({"Task"} if offers else set())
    assert len(service.rows("decision")) == 1


def test_an_urgent_alert_goes_out_in_the_lane_that_waits_for_nothing(service: Service) -> None:
    family = service.family()
    service.result(family.hospital, family.woman, piece(15, scores(15, 1)))

    lanes = {row["resource_type"]: row["lane"] for row in service.rows("delivery", patient_id=family.woman)}
    assert lanes == {"Communication": 0, "AlertTask": 0, "ServiceRequest": 2, "DocumentReference": 2}
    alert = service.alert(family.woman, "self-harm-present")
    assert (alert["priority"], alert["due_at"]) == ("urgent", NOW + 15 * MINUTE)


@pytest.mark.parametrize(
    ("before", "alert"), [(piece(3, scores(3, 2)), "self-harm-present"), (None, "identity-conflict")]
)
def test_nothing_is_offered_while_a_clinician_has_still_to_look_at_what_came_before(
    service: Service, before: Piece | None, alert: str
) -> None:
    family = service.family()
    if before is not None:
        service.result(family.hospital, family.woman, before, effective=NOW - DAY)
    else:
        service.run(family.hospital, lambda tx: doubt_identity(tx, service.rules, family.woman, NOW))
    service.result(family.hospital, family.woman, piece(15, scores(15)), effective=NOW)

    assert service.states(family.woman) == ("in-review" if before else "on-hold", [])
    assert service.alerts(family.woman) == [alert]


def test_nothing_is_owed_to_a_hospital_whose_record_takes_nothing(service: Service) -> None:
    silent = service.organisation(OrganisationKind.HOSPITAL)
    woman = service.woman(silent)
    service.result(silent, woman, piece(15, scores(15, 1)))

    assert service.alerts(woman) == ["self-harm-present"]
    assert service.rows("delivery") == []


NAME = Identifier("urn:hospital", "result-1")
# One administration in three messages; the total names the other two
FIRST_FIVE, LAST_FIVE = (dict(list(scores(15).items())[part]) for part in (slice(5), slice(5, 10)))
PARTS = [
    piece(15, source="total", expects=frozenset({"a", "b"})),
    piece(None, FIRST_FIVE, source="a"),
    piece(None, LAST_FIVE, source="b"),
]


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_pieces_may_come_in_any_order(service: Service, order: tuple[int, ...]) -> None:
    family = service.family()
    for place, number in enumerate(order):
        service.result(family.hospital, family.woman, PARTS[number], effective=NOW)
        # Whatever makes the total known and has the answer about self-harm is enough.
        assert bool(service.rows("decision")) == (place > 0 and 2 in order[: place + 1])

    assert service.states(family.woman) == ("offered", ["requested"])
    assert service.alerts(family.woman) == []
    assert len(service.rows("screening_result")) == 1


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_present_self_harm_never_waits_for_the_other_pieces(service: Service, order: tuple[int, ...]) -> None:
    family = service.family()
    parts = [PARTS[0], PARTS[1], piece(None, {6: 0, 7: 0, 8: 0, 9: 0, 10: 1}, source="b")]
    for number in order:
        service.result(family.hospital, family.woman, parts[number], effective=NOW)
        assert service.alerts(family.woman).count("self-harm-present") == int(2 in order[: order.index(number) + 1])


def test_a_total_waits_for_its_items_and_is_then_decided_as_it_stands(service: Service) -> None:
    family = service.family()
    service.result(family.hospital, family.woman, PARTS[0])

    assert service.chase(299 * timedelta(seconds=1)) == 0
    assert service.rows("referral") == []
    assert service.chase(timedelta(seconds=1)) == 1

    assert service.states(family.woman) == ("in-review", [])
    assert service.alerts(family.woman) == ["self-harm-unknown"]
    assert service.chase() == 0


def test_items_that_come_after_the_wait_leave_the_review_to_the_clinician(service: Service) -> None:
    family = service.family()
    for number in (0, 1, 2):
        service.result(family.hospital, family.woman, PARTS[number], effective=NOW)
        service.chase(301 * timedelta(seconds=1))

    assert service.states(family.woman) == ("in-review", [])
    assert service.alerts(family.woman) == ["self-harm-unknown"]


def test_a_repeat_screening_is_dated_by_the_site_and_never_announced_by_itself(service: Service) -> None:
    family = service.family()
    service.tell_due_date(family.hospital, family.woman, (NOW + 60 * DAY).date())
    service.result(family.hospital, family.woman, piece(11, scores(11)))

    assert service.alert(family.woman, "repeat-screening")["due_at"] == NOW + 14 * DAY
    assert service.chase(15 * DAY) == 0
    assert service.owed(family.woman) == []


def test_one_worklist_row_is_enough_when_only_the_total_changes(service: Service) -> None:
    family = service.family()
    service.tell_due_date(family.hospital, family.woman, (NOW + 60 * DAY).date())
    for total, status in ((3, Status.FINAL), (11, Status.CORRECTED)):
        service.result(family.hospital, family.woman, piece(total, status=status), effective=NOW, corrects=True)

    assert [row["outcome"] for row in service.rows("decision")] == ["negative", "repeat"]
    assert service.alerts(family.woman) == ["self-harm-not-seen"]


def test_a_total_that_its_items_contradict_is_looked_at_and_the_higher_counts(service: Service) -> None:
    family = service.family()
    service.result(family.hospital, family.woman, piece(3, scores(15)))

    assert service.states(family.woman) == ("offered", ["requested"])
    assert service.alerts(family.woman) == ["score-mismatch"]


NOT_FINAL = [Status.REGISTERED, Status.PRELIMINARY, Status.UNKNOWN]


@pytest.mark.parametrize("status", NOT_FINAL, ids=str)
def test_what_is_not_final_decides_nothing_and_each_worse_answer_about_self_harm_in_it_is_heard_once(
    service: Service, status: Status
) -> None:
    family = service.family()
    for total, answer, heard in ((15, 0, 0), (15, 1, 1), (16, 1, 1), (16, 2, 2)):
        sent = piece(total, scores(total, answer), status=status)
        service.result(family.hospital, family.woman, sent, names=(NAME,), effective=NOW, corrects=True)
        assert service.alerts(family.woman) == ["self-harm-present"] * heard

    assert (service.rows("decision"), service.rows("referral")) == ([], [])
    assert len(service.rows("screening_result", patient_id=family.woman)) == 1


def test_an_answer_about_self_harm_takes_back_what_nobody_has_answered_before_it_is_final(service: Service) -> None:
    family, _ = service.offered()
    another = piece(15, scores(15, 1), source="another", status=Status.PRELIMINARY)
    service.result(family.hospital, family.woman, another)

    assert service.states(family.woman) == ("in-review", ["cancelled"])
    assert service.alerts(family.woman) == ["self-harm-present"]


@pytest.mark.parametrize("answer", [0, 1])
def test_when_it_becomes_final_nothing_is_offered_before_a_clinician_has_looked(service: Service, answer: int) -> None:
    family = service.family()
    for status, said in ((Status.PRELIMINARY, 1), (Status.FINAL, answer)):
        sent = piece(15, scores(15, said), status=status)
        service.result(family.hospital, family.woman, sent, names=(NAME,), effective=NOW)

    assert service.states(family.woman) == ("in-review", [])
    assert service.alerts(family.woman) == ["self-harm-present"] * (1 + answer)


def test_a_final_total_beside_an_answer_that_is_not_final_yet_refers_nobody_past_it(service: Service) -> None:
    family = service.family()
    not_yet = piece(None, {10: 2}, source="item", status=Status.PRELIMINARY)
    service.result(family.hospital, family.woman, piece(15), not_yet, effective=NOW)

    assert service.states(family.woman) == ("in-review", [])
    assert "self-harm-present" in service.alerts(family.woman)


# Corrections


@pytest.mark.parametrize("status", [Status.CORRECTED, Status.ENTERED_IN_ERROR], ids=str)
def test_a_correction_before_acceptance_cancels_the_offer_and_closes(service: Service, status: Status) -> None:
    family, offer = service.offered()
    service.result(family.hospital, family.woman, piece(3, scores(3), status=status), effective=NOW, corrects=True)

    assert service.states(family.woman) == ("closed", ["cancelled"])
    assert service.referral(family.woman).reason == "no-longer-positive"
    assert why(service.update(family.community, offer.id, "accepted")) == "transition-not-allowed"


@pytest.mark.parametrize("status", [Status.CORRECTED, Status.ENTERED_IN_ERROR], ids=str)
def test_a_correction_after_acceptance_holds_and_tells_a_clinician(service: Service, status: Status) -> None:
    family, offer = service.supported()
    service.result(family.hospital, family.woman, piece(3, scores(3), status=status), effective=NOW, corrects=True)

    assert service.states(family.woman) == ("on-hold", ["held-by-service"])
    assert service.alerts(family.woman) == ["result-corrected"]
    # What the service holds a programme may only give back.
    assert why(service.update(family.community, offer.id, "in-progress")) == "held-by-service"
    assert why(service.update(family.community, offer.id, "failed", "She moved.")) == "accepted"


def test_what_was_corrected_and_is_then_voided_is_not_told_twice(service: Service) -> None:
    family, _ = service.supported()
    for status in (Status.CORRECTED, Status.ENTERED_IN_ERROR):
        service.result(family.hospital, family.woman, piece(3, scores(3), status=status), effective=NOW, corrects=True)

    assert service.alerts(family.woman) == ["result-corrected"]


def test_a_correction_changes_nothing_while_another_joined_result_is_positive(service: Service) -> None:
    family, _ = service.offered()
    service.result(family.hospital, family.woman, piece(16, scores(16)), effective=NOW - DAY)
    service.result(
        family.hospital, family.woman, piece(3, scores(3), status=Status.CORRECTED), effective=NOW, corrects=True
    )

    assert service.states(family.woman) == ("offered", ["requested"])
    assert len(service.rows("screening_result", referral_id=service.referral(family.woman).id)) == 2


def test_a_correction_that_stays_positive_opens_nothing_after_the_referral_was_closed(service: Service) -> None:
    family, _ = service.offered()
    service.withdraw(family)
    corrected = piece(14, scores(15), status=Status.CORRECTED)
    service.result(family.hospital, family.woman, corrected, effective=NOW, corrects=True)

    assert [row["state"] for row in service.rows("referral", patient_id=family.woman)] == ["closed"]


def test_a_correction_that_becomes_positive_again_opens_anew(service: Service) -> None:
    family, _ = service.offered()
    for total in (3, 15):
        sent = piece(total, scores(total), status=Status.CORRECTED)
        service.result(family.hospital, family.woman, sent, effective=NOW, corrects=True)

    assert [row["state"] for row in service.rows("referral", patient_id=family.woman)] == ["closed", "offered"]


def test_a_correction_may_overtake_what_it_corrects(service: Service) -> None:
    family = service.family()
    service.result(family.hospital, family.woman, piece(3, scores(3), status=Status.CORRECTED), corrects=True)
    service.result(family.hospital, family.woman, piece(15, scores(15)))

    assert service.rows("referral") == []


def test_a_correction_to_negative_that_tells_of_self_harm_closes_and_alerts(service: Service) -> None:
    family, _ = service.offered()
    sent = piece(3, scores(3, 1), status=Status.CORRECTED)
    service.result(family.hospital, family.woman, sent, effective=NOW, corrects=True)

    assert service.states(family.woman) == ("closed", ["cancelled"])
    assert service.alerts(family.woman) == ["self-harm-present"]


# Risk is heard in every state


def test_every_new_present_alerts_again_and_the_same_one_does_not(service: Service) -> None:
    family = service.family()
    for ago in (3, 2, 2, 1):
        service.result(family.hospital, family.woman, piece(15, scores(15, 1)), effective=NOW - ago * DAY)

    assert service.alerts(family.woman) == ["self-harm-present"] * 3
    assert service.states(family.woman) == ("in-review", [])


def test_a_worse_answer_in_the_same_administration_alerts_again_and_a_better_one_does_not(service: Service) -> None:
    family, _ = service.supported()
    for answer, heard in ((1, 1), (3, 2), (2, 2), (0, 2), (1, 3)):
        corrected = piece(15, scores(15, answer), status=Status.CORRECTED)
        service.result(family.hospital, family.woman, corrected, effective=NOW, corrects=True)
        assert service.alerts(family.woman) == ["self-harm-present"] * heard
    assert service.states(family.woman) == ("supported", ["accepted"])


def test_a_worse_answer_by_another_order_of_the_same_day_alerts_again(service: Service) -> None:
    family = service.family()
    for source, answer in (("one", 1), ("another", 3), ("a third", 3), ("a fourth", 2)):
        sent = piece(None, {10: answer}, source=source)
        service.result(family.hospital, family.woman, sent, effective=NOW)

    assert service.alerts(family.woman).count("self-harm-present") == 2


def test_present_while_offered_takes_the_offer_back(service: Service) -> None:
    family, offer = service.offered()
    service.result(family.hospital, family.woman, piece(3, scores(3, 1)), effective=NOW - HOUR)

    assert service.states(family.woman) == ("in-review", ["cancelled"])
    assert service.alerts(family.woman) == ["self-harm-present"]
    (view,) = service.disclose(family.community, offer)
    assert (view.stage, view.district, view.language) == ("over", None, None)


def test_present_while_supported_alerts_and_lets_the_support_go_on(service: Service) -> None:
    family, _ = service.supported()
    service.result(family.hospital, family.woman, piece(15, scores(15, 3)), effective=NOW - HOUR)

    assert service.states(family.woman) == ("supported", ["accepted"])
    assert service.alerts(family.woman) == ["self-harm-present"]


def test_present_after_closing_alerts_all_the_same(service: Service) -> None:
    family, _ = service.offered()
    service.withdraw(family)
    service.result(family.hospital, family.woman, piece(3, scores(3, 1)), effective=NOW - HOUR)

    assert service.states(family.woman) == ("closed", ["cancelled"])
    assert service.alerts(family.woman) == ["self-harm-present"]


def test_a_result_about_a_woman_who_has_died_is_offered_to_nobody_and_her_clinician_is_told(service: Service) -> None:
    family = service.family()
    dead = service.woman(family.hospital, deceased=True, district=next(iter(family.programme.districts)))
    service.consent(family.hospital, dead, family.community)
    service.result(family.hospital, dead, piece(15, scores(15)))

    assert service.states(dead) == ("closed", [])
    assert service.referral(dead).reason == "woman-died"
    assert service.alerts(dead) == ["identity-conflict"]


# Repeats and refusals


def test_the_same_message_again_is_answered_with_the_first(service: Service) -> None:
    family = service.family()
    first, again = (
        service.result(family.hospital, family.woman, piece(15, scores(15, 1)), names=(NAME,), content=b"{}")
        for _ in range(2)
    )

    assert isinstance(first, Accepted)
    assert again == Repeated("Observation", first.id, 1)
    assert service.alerts(family.woman) == ["self-harm-present"]
    assert [row["disposition"] for row in service.rows("inbound_message", type="Observation")] == [
        "accepted",
        "repeated",
    ]


def test_other_content_under_the_same_identifier_is_refused_and_told_to_a_clinician(service: Service) -> None:
    family = service.family()
    service.result(family.hospital, family.woman, piece(3, scores(3)), names=(NAME,))
    refused = service.result(family.hospital, family.woman, piece(15, scores(15)), names=(NAME,))

    assert why(refused) == "different-under-same-identifier"
    assert service.alerts(family.woman) == ["content-conflict"]
    assert service.rows("referral") == []
    assert len(service.rows("resource_version", type="Observation")) == 1


def test_other_content_that_says_it_corrects_is_the_next_version(service: Service) -> None:
    family = service.family()
    service.result(family.hospital, family.woman, piece(3, scores(3)), names=(NAME,))
    corrected = piece(15, scores(15), status=Status.CORRECTED)
    answer = service.result(family.hospital, family.woman, corrected, names=(NAME,), corrects=True)

    assert isinstance(answer, Accepted)
    assert (answer.version, answer.created) == (2, False)
    assert service.states(family.woman) == ("offered", ["requested"])


def test_a_conditional_create_of_what_is_known_changes_nothing(service: Service) -> None:
    family = service.family()
    service.result(family.hospital, family.woman, piece(3, scores(3)), names=(NAME,))
    assert why(service.result(family.hospital, family.woman, piece(15, scores(15)), condition=NAME)) == "repeated"
    assert service.alerts(family.woman) == []


def test_one_hospitals_identifier_is_not_anothers(service: Service) -> None:
    for family in (service.family(), service.family()):
        assert why(service.result(family.hospital, family.woman, piece(15, scores(15)), names=(NAME,))) == "accepted"
        assert service.states(family.woman) == ("offered", ["requested"])


def test_a_subject_of_another_hospital_is_unknown_and_the_message_is_kept(service: Service) -> None:
    family, stranger = service.family(), service.hospital()
    answer = service.result(stranger, family.woman, piece(15, scores(15, 1)), names=(NAME,))

    assert why(answer) == "subject-unknown"
    assert (service.alerts(family.woman), service.rows("screening_result")) == ([], [])
    assert [row["disposition"] for row in service.rows("inbound_message", tenant_id=stranger.organisation_id)] == [
        "subject-unknown"
    ]
    outcomes = [row["outcome"] for row in service.rows("audit", organisation_id=stranger.organisation_id)]
    assert outcomes == ["subject-unknown", "success"]


def test_a_refused_message_does_not_use_up_its_identifier(service: Service) -> None:
    family = service.family()
    future = service.result(
        family.hospital, family.woman, piece(15, scores(15)), names=(NAME,), effective=NOW + 6 * MINUTE
    )
    assert why(future) == "in-the-future"
    assert why(service.result(family.hospital, family.woman, piece(15, scores(15)), names=(NAME,))) == "accepted"


def test_a_clock_a_little_ahead_is_no_future(service: Service) -> None:
    family = service.family()
    sent = service.result(family.hospital, family.woman, piece(15, scores(15)), effective=NOW + 4 * MINUTE)
    assert why(sent) == "accepted"


def test_a_new_due_date_is_seen_by_the_programme_at_its_next_poll(service: Service) -> None:
    family, offer = service.supported()
    service.tell_due_date(family.hospital, family.woman, (NOW + 60 * DAY).date())

    (changed,) = service.offers(family.woman)
    assert changed.version == offer.version + 1
    (view,) = service.disclose(family.community, changed)
    assert view.due_month == "2026-07"


def test_the_newest_due_date_counts_and_what_changes_nothing_is_no_new_version_for_a_programme(
    service: Service,
) -> None:
    family, _ = service.supported()
    soon, later = ((NOW + days * DAY).date() for days in (60, 90))

    def told(day: date | None, ago: int, *, stands: bool = True) -> tuple[date | None, int]:
        service.tell_due_date(family.hospital, family.woman, day, NOW - ago * DAY, stands=stands)
        (offer,) = service.offers(family.woman)
        return service.rows("patient", id=family.woman)[0]["due_date"], offer.version - first.version

    (first,) = service.offers(family.woman)
    assert told(soon, 9) == (soon, 1)
    assert told(later, 10) == (soon, 1)
    assert told(soon, 5) == (soon, 1)
    assert told(later, 8) == (soon, 1)
    assert told(later, 4) == (later, 2)
    assert told(soon, 3, stands=False) == (later, 2)
    assert told(None, 2, stands=False) == (None, 3)


def test_a_due_date_does_not_make_the_hospitals_own_copy_of_her_stale(service: Service) -> None:
    hospital = service.hospital()
    woman = service.woman(hospital)
    service.tell_due_date(hospital, woman, (NOW + 60 * DAY).date())

    assert why(service.register(hospital, target_id=woman, expected_version=1)) == "accepted"
    assert service.rows("patient", id=woman)[0]["due_date"] == (NOW + 60 * DAY).date()


NAMED = (Identifier("urn:results", "1"),)


@pytest.mark.parametrize("status", [Status.CORRECTED, Status.ENTERED_IN_ERROR])
def test_a_correction_that_moves_to_another_time_leaves_nothing_behind(service: Service, status: Status) -> None:
    family = service.family()
    service.result(family.hospital, family.woman, piece(15, scores(15)), names=NAMED)
    assert service.states(family.woman) == ("offered", ["requested"])
    sent = piece(3, scores(3), status=status)
    service.result(family.hospital, family.woman, sent, effective=NOW - HOUR, names=NAMED, corrects=True)
    assert service.states(family.woman) == ("closed", ["cancelled"])


def test_a_result_that_only_changes_its_time_keeps_its_referral(service: Service) -> None:
    family = service.family()
    service.result(family.hospital, family.woman, piece(15, scores(15)), names=NAMED)
    sent = piece(15, scores(15), status=Status.CORRECTED)
    service.result(family.hospital, family.woman, sent, effective=NOW - HOUR, names=NAMED, corrects=True)
    assert service.states(family.woman) == ("offered", ["requested"])
    assert service.alerts(family.woman) == []


def test_a_correction_about_another_woman_is_refused_and_told_to_a_clinician(service: Service) -> None:
    family = service.family()
    other = service.woman(family.hospital)
    service.result(family.hospital, family.woman, piece(15, scores(15)), names=NAMED)
    sent = piece(3, scores(3), status=Status.CORRECTED)
    refused = service.result(family.hospital, other, sent, names=NAMED, corrects=True)
    assert why(refused) == "different-under-same-identifier"
    assert service.states(family.woman) == ("offered", ["requested"])
    assert service.alerts(other) == ["content-conflict"]


EVENT_STATES = {
    "in-review": ("on-hold", []),
    "offered": ("on-hold", ["cancelled"]),
    "supported": ("on-hold", ["held-by-service"]),
}


@pytest.mark.parametrize("begin", EVENT_STATES)
def test_an_event_that_makes_contact_unwelcome_pauses_it_and_tells_a_clinician_at_once(
    service: Service, begin: str
) -> None:
    if begin == "in-review":
        family = service.family()
        service.result(family.hospital, family.woman, piece(15, scores(15, 1)))
    else:
        family, _ = service.supported() if begin == "supported" else service.offered()
    message = service.message(family.woman)._replace(safety_event=True)
    assert why(service.send(family.hospital, message)) == "accepted"

    assert service.states(family.woman) == EVENT_STATES[begin]
    alert = service.alert(family.woman, "safety-event")
    assert alert["priority"] == "urgent"
    assert ("Communication", alert["id"], 1) in service.owed(family.woman)


def test_an_event_that_is_taken_back_resumes_nothing(service: Service) -> None:
    family, _ = service.supported()
    name = Identifier("urn:hospital", "event")
    for safety_event in (True, False):
        message = service.message(family.woman, names=(name,), corrects=not safety_event)
        service.send(family.hospital, message._replace(safety_event=safety_event))
    assert service.states(family.woman) == ("on-hold", ["held-by-service"])
    assert service.alerts(family.woman) == ["safety-event"]


def test_an_event_in_the_same_message_as_a_positive_result_leaves_no_offer(service: Service) -> None:
    family = service.family()
    message = service.message(family.woman, piece(15, scores(15)))
    service.send(family.hospital, message._replace(safety_event=True))
    assert service.states(family.woman) == ("on-hold", ["cancelled"])


def test_an_event_without_a_referral_asks_nothing_of_anybody(service: Service) -> None:
    family = service.family()
    service.send(family.hospital, service.message(family.woman)._replace(safety_event=True))
    assert service.alerts(family.woman) == []


def test_after_an_event_without_a_referral_the_next_one_begins_with_a_clinician(service: Service) -> None:
    family = service.family()
    service.send(family.hospital, service.message(family.woman)._replace(safety_event=True))
    service.result(family.hospital, family.woman, piece(15, scores(15)))
    assert service.states(family.woman) == ("on-hold", [])


@pytest.mark.parametrize(
    ("before", "answer"), [("preliminary", "accepted"), ("final", "different-under-same-identifier")]
)
def test_an_observation_without_a_score_is_completed_by_its_final_form(
    service: Service, before: str, answer: str
) -> None:
    family, _ = service.supported()
    name, event = Identifier("urn:hospital", "event"), True
    for status, told in ((before, "accepted"), ("final", answer)):
        content = f'{{"status": "{status}", "n": {len(told)}}}'.encode()
        message = service.message(family.woman, names=(name,), content=content)
        assert why(service.send(family.hospital, message._replace(safety_event=event))) == told
        event = False
    assert service.states(family.woman)[0] == "on-hold"
