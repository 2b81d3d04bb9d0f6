"""Where a referral goes: what she asks for, what the clinic is asked, and what each later word changes."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from service.consent.safe_contact import SafeContact
from service.flow.advance import advance
from service.flow.answer import Accepted, Answer
from service.flow.received import Received
from service.flow.revise_referral import ReceivedRevision, revise_referral
from service.referrals.instruction import Order
from service.referrals.matching import Favour, Judged, PassedOver, Standing
from service.referrals.needs import Access, SupportNeeds, Wish
from service.referrals.offer import OfferState
from service.referrals.programme import Model, Programme, Serves
from service.referrals.referral import ReferralTrigger
from service.screening.instrument import EscalationContact
from service.shared.caller import Caller
from service.store.unit_of_work import UnitOfWork
from tests.flow.support import DAY, FACTS, HOUR, MINUTE, NOW, REACHABLE, UNREACHABLE, Service, body, piece, scores, why


def asked(
    service: Service, *programmes: dict[str, Any], needs: SupportNeeds | None = None
) -> tuple[Caller, str, list[tuple[Caller, Programme]]]:
    """A woman with a positive result and no consent, and one community for each of these programmes."""
    hospital = service.hospital()
    known = []
    for changes in programmes:
        community = service.community()
        known.append((community, service.programme(community, **changes)))
    answer = service.register(hospital, FACTS, needs=needs)
    assert isinstance(answer, Accepted)
    service.result(hospital, answer.id, piece(15, scores(15)))
    return hospital, answer.id, known


def named(service: Service, woman: str) -> list[str]:
    """The programmes that the standing request for consent names."""
    (alert,) = service.rows("alert", patient_id=woman, code="consent-needed", state="open")
    return list(alert["programmes"])


def judged(service: Service, woman: str) -> tuple[Judged, ...]:
    referral = service.referral(woman)
    return service.read(service.hospital(), lambda tx: tx.referrals.placements(referral.id))[-1].judged


def revise(
    service: Service,
    hospital: Caller,
    woman: str,
    *,
    safe_contact: SafeContact | None = None,
    needs: SupportNeeds | None = None,
    expected_version: int | None = None,
) -> Answer:
    referral = service.referral(woman)
    received = Received("ServiceRequest", body(), target_id=referral.id, expected_version=expected_version)
    message = ReceivedRevision(received, referral.id, frozenset({referral.state}), safe_contact, needs)
    return service.run(hospital, lambda tx: revise_referral(tx, service.rules, message, service.now()))


# What the clinic is asked


def test_the_request_for_consent_names_the_first_few_that_fit_best_first(service: Service) -> None:
    places = ({"places": n} for n in (1, 5, 3, 9, 0))
    _, woman, known = asked(service, *places)
    by_places = [programme.id for _, programme in sorted(known, key=lambda each: -each[1].places)]
    assert service.rules.policy("any").consent_request_names == 3
    assert named(service, woman) == by_places[:3]


def test_a_no_to_one_leaves_the_others_to_be_asked_about(service: Service) -> None:
    hospital, woman, ((first, _), (second, two)) = asked(service, {"places": 9}, {"places": 5})
    service.consent(hospital, woman, first, permits=False)

    assert service.states(woman) == ("awaiting-consent", [])
    assert named(service, woman) == [two.id]
    assert [(row["state"], row["code"]) for row in service.rows("alert", patient_id=woman)] == [
        ("resolved", "consent-needed"),
        ("open", "consent-needed"),
    ]
    service.consent(hospital, woman, second, permits=False)
    assert service.states(woman) == ("closed", [])
    assert service.referral(woman).reason == "consent-refused"
    assert service.rows("alert", patient_id=woman, state="open") == []


def test_a_no_to_all_ends_it_whoever_else_fits(service: Service) -> None:
    hospital, woman, _ = asked(service, {}, {})
    service.consent(hospital, woman, None, permits=False)
    assert service.states(woman) == ("closed", [])


def test_a_later_no_to_the_one_she_had_said_yes_to_is_a_withdrawal(service: Service) -> None:
    hospital, woman, ((first, _), _) = asked(service, {"places": 9}, {})
    service.consent(hospital, woman, first, given_at=NOW - HOUR, safe_contact=UNREACHABLE)
    assert service.states(woman) == ("placing", [])
    service.consent(hospital, woman, first, permits=False, given_at=NOW)
    assert service.states(woman) == ("closed", [])
    assert service.referral(woman).reason == "consent-withdrawn"


def test_while_a_clinician_reviews_a_no_to_one_programme_ends_nothing(service: Service) -> None:
    hospital, community = service.hospital(), service.community()
    service.programme(community)
    woman = service.woman(hospital)
    service.result(hospital, woman, piece(15))
    service.consent(hospital, woman, community, permits=False)
    assert service.states(woman) == ("in-review", [])


def test_an_old_no_does_not_end_a_new_referral_unasked(service: Service) -> None:
    hospital, community = service.hospital(), service.community()
    programme = service.programme(community)
    woman = service.woman(hospital)
    service.consent(hospital, woman, community, permits=False)
    service.result(hospital, woman, piece(15, scores(15)))

    assert service.states(woman) == ("awaiting-consent", [])
    assert named(service, woman) == [programme.id]


def test_when_all_that_is_left_is_what_she_refused_the_clinic_hears_that_nobody_is_left(service: Service) -> None:
    hospital, woman, ((first, _), (second, _)) = asked(service, {"places": 9}, {})
    service.consent(hospital, woman, second, permits=False)
    service.consent(hospital, woman, first)
    (offer,) = service.offers(woman)
    service.update(first, offer.id, "rejected", "Rejected - at capacity")

    assert service.states(woman) == ("placing", ["rejected"])
    assert service.alert(woman, "unplaced")["state"] == "open"
    assert [each.verdict for each in judged(service, woman)] == [Standing.REFUSED_BY_HER, PassedOver.ALREADY_ASKED]


def test_a_yes_to_one_that_no_longer_fits_asks_on(service: Service) -> None:
    hospital, woman, ((first, one), (_, two)) = asked(service, {"places": 9}, {})
    service.run(hospital, lambda tx: tx.programmes.put(replace(one, active=False), service.now()))
    service.consent(hospital, woman, first)

    assert service.states(woman) == ("awaiting-consent", [])
    assert named(service, woman) == [two.id]


@pytest.mark.parametrize("how", ["rejected", "at capacity", "lapsed"])
def test_what_is_declined_goes_to_the_next_consented_then_to_the_clinic_then_nowhere(
    service: Service, how: str
) -> None:
    hospital, woman, known = asked(service, {"places": 9}, {"places": 7}, {"places": 5})
    for community, _ in known[:2]:
        service.consent(hospital, woman, community)

    def decline(community: Caller) -> None:
        if how == "lapsed":
            service.chase(72 * HOUR)
        else:
            reason = "Rejected - at capacity" if how == "at capacity" else "Not for us"
            assert why(service.update(community, service.offers(woman)[-1].id, "rejected", reason)) == "accepted"

    assert service.offers(woman)[-1].programme_id == known[0][1].id
    decline(known[0][0])
    assert service.states(woman)[0] == "offered"
    assert service.offers(woman)[-1].programme_id == known[1][1].id
    decline(known[1][0])
    assert service.states(woman)[0] == "awaiting-consent"
    assert named(service, woman) == [known[2][1].id]
    service.consent(hospital, woman, known[2][0], given_at=service.now())
    assert service.states(woman)[0] == "offered"
    decline(known[2][0])
    assert service.states(woman)[0] == "placing"
    asked_of_the_clinic = {row["code"] for row in service.rows("alert", patient_id=woman, state="open")}
    assert asked_of_the_clinic - {"escalation"} == {"unplaced"}


@pytest.mark.parametrize("how", ["failed", "cancelled"])
def test_what_is_given_back_waits_for_a_clinician(service: Service, how: str) -> None:
    family, offer = service.supported()
    elsewhere = service.community()
    service.programme(elsewhere)
    service.consent(family.hospital, family.woman, elsewhere)
    service.update(family.community, offer.id, how, "We cannot go on")

    assert service.states(family.woman) == ("on-hold", [how])
    assert service.alert(family.woman, "returned")["state"] == "open"


def test_an_offer_taken_back_before_it_was_answered_may_go_to_the_same_programme_again(service: Service) -> None:
    family, offer = service.offered()
    service.result(family.hospital, family.woman, piece(15, scores(15, 1)), effective=NOW - DAY)
    assert service.states(family.woman) == ("in-review", ["cancelled"])
    referral = service.referral(family.woman)

    def review(tx: UnitOfWork) -> None:
        tx.patients.lock(family.woman)
        advance(tx, service.rules, referral, ReferralTrigger.REVIEWED_SUITABLE, service.now())

    service.run(family.hospital, review)

    state, offers = service.states(family.woman)
    assert (state, offers) == ("offered", ["cancelled", "requested"])
    again = service.offers(family.woman)[-1]
    assert again.programme_id == offer.programme_id
    assert again.handles != offer.handles


# What she asks for


def test_her_wish_orders_the_programmes_and_excludes_none(service: Service) -> None:
    group, alone = {"model": Model.GROUP, "places": 1}, {"places": 99}
    _, woman, known = asked(service, alone, group, needs=SupportNeeds(wish=Wish.GROUP))
    assert named(service, woman) == [known[1][1].id, known[0][1].id]
    assert judged(service, woman)[0].favours == (Favour.WISH_MET, Favour.LANGUAGE_SPOKEN)


def test_an_access_need_excludes_whoever_does_not_say_it_is_met(service: Service) -> None:
    meets = {"serves": Serves(access=frozenset({Access.STEP_FREE, Access.SIGHT}))}
    _, woman, known = asked(service, {"places": 99}, meets, needs=SupportNeeds(access=frozenset({Access.STEP_FREE})))
    assert named(service, woman) == [known[1][1].id]
    assert judged(service, woman)[-1] == Judged(known[0][1].id, PassedOver.ACCESS_NOT_MET)


def test_what_is_said_later_places_an_unplaced_referral(service: Service) -> None:
    needs = SupportNeeds(access=frozenset({Access.CHILDCARE}))
    hospital, woman, ((_, programme),) = asked(service, {}, needs=needs)
    assert service.states(woman) == ("placing", [])
    assert service.alert(woman, "unplaced")["state"] == "open"

    answer = service.register(hospital, FACTS, updates=True, target_id=woman, needs=SupportNeeds())
    assert why(answer) == "accepted"
    assert service.states(woman) == ("awaiting-consent", [])
    assert named(service, woman) == [programme.id]
    assert service.alert(woman, "unplaced")["state"] == "resolved"


def test_a_clinician_who_holds_and_resumes_need_not_wait_until_an_unplaced_referral_is_tried_again(
    service: Service,
) -> None:
    family = service.family(places=0)
    service.result(family.hospital, family.woman, piece(15, scores(15)))
    service.programme(family.community)
    service.chase(HOUR)
    assert service.states(family.woman) == ("placing", [])

    for order in (Order.HOLD, Order.RESUME):
        assert why(service.tell(family.hospital, service.referral(family.woman).id, order)) == "accepted"
    assert service.states(family.woman) == ("offered", ["requested"])


def test_a_patient_that_says_nothing_of_needs_leaves_them_as_they_were(service: Service) -> None:
    needs = SupportNeeds(wish=Wish.GROUP)
    hospital, woman, _ = asked(service, {}, needs=needs)
    service.register(hospital, FACTS._replace(preferred_name="Adele"), updates=True, target_id=woman)
    (row,) = service.rows("patient", id=woman)
    assert (row["preferred_name"], row["needs"]["wish"]) == ("Adele", "group")


def test_a_programme_is_told_of_her_wish_and_access_before_it_accepts(service: Service) -> None:
    serves = Serves(access=frozenset(Access), communities=frozenset({"somali"}))
    family = service.family(serves=serves)
    needs = SupportNeeds(Wish.GROUP, frozenset({Access.HEARING, Access.CHILDCARE}), frozenset({"somali"}), True)
    service.consent(family.hospital, family.woman, family.community, target_id=family.consent, needs=needs)
    service.result(family.hospital, family.woman, piece(15, scores(15)))
    (offer,) = service.offers(family.woman)
    (view,) = service.disclose(family.community, offer)

    assert (view.stage, view.wish, view.access) == ("offered", Wish.GROUP, (Access.CHILDCARE, Access.HEARING))
    service.update(family.community, offer.id, "rejected", "No place")
    (after,) = service.disclose(family.community, offer)
    assert (after.wish, after.access) == (None, ())


def test_after_the_birth_the_age_of_the_baby_is_told_and_not_the_month(service: Service) -> None:
    family, offer = service.supported()
    service.tell_due_date(family.hospital, family.woman, (NOW - 20 * DAY).date())
    seen = []
    for _ in range(4):
        (view,) = service.disclose(family.community, offer)
        assert view.due_month is None
        seen.append((view.baby_age, view.etag))
        service.pass_time(120 * DAY)
    ages, etags = zip(*seen, strict=True)
    assert ages == ("up-to-3-months", "3-to-6-months", "6-to-12-months", "over-12-months")
    assert len(set(etags)) == 4


def test_the_team_to_ring_is_told_once_she_is_supported(service: Service) -> None:
    team = EscalationContact("Maternity triage", "+44 1632 960100")
    policy = replace(service.rules.policy("any"), escalation_contact=team)
    service.rules = replace(service.rules, policies={"default": policy})
    family, offer = service.offered()
    (before,) = service.disclose(family.community, offer)
    service.update(family.community, offer.id, "accepted")
    (after,) = service.disclose(family.community, offer)
    assert (before.escalation_contact, after.escalation_contact) == (None, team)


# What the hospital says of its referral


def test_a_safe_way_said_of_the_referral_lets_it_go_on(service: Service) -> None:
    hospital, woman, ((community, _),) = asked(service, {})
    service.consent(hospital, woman, community, safe_contact=None)
    assert service.states(woman) == ("placing", [])
    assert service.alert(woman, "no-safe-contact")["state"] == "open"

    assert why(revise(service, hospital, woman, safe_contact=REACHABLE)) == "accepted"
    assert service.states(woman) == ("offered", ["requested"])
    (offer,) = service.offers(woman)
    service.update(community, offer.id, "accepted")
    (view,) = service.disclose(community, offer)
    assert (view.channel, view.safe_contact) == (REACHABLE.channels[0], REACHABLE)


@pytest.mark.parametrize("consent_last", [False, True])
def test_of_two_words_on_how_to_reach_her_the_newer_counts(service: Service, consent_last: bool) -> None:
    family, offer = service.supported()
    service.pass_time(MINUTE)
    assert why(revise(service, family.hospital, family.woman, safe_contact=UNREACHABLE)) == "accepted"
    (held,) = service.offers(family.woman)
    assert (held.version, held.state) == (4, OfferState.HELD_BY_SERVICE)  # what it sees has changed, and it is to pause
    if consent_last:
        service.pass_time(MINUTE)
        to, now = family.community, service.now()
        service.consent(family.hospital, family.woman, to, target_id=family.consent, given_at=now)
    (view,) = service.disclose(family.community, offer)
    assert (view.channel is not None) is consent_last


def test_the_hospital_ends_its_referral_by_revoking_it(service: Service) -> None:
    family, _ = service.supported()
    assert why(service.tell(family.hospital, service.referral(family.woman).id, Order.CLOSE)) == "accepted"
    assert service.states(family.woman) == ("closed", ["cancelled"])
    assert service.referral(family.woman).reason == "closed-by-clinician"
    assert why(service.tell(family.hospital, service.referral(family.woman).id, Order.CLOSE)) == "repeated"


def test_a_revision_is_the_hospitals_own_and_of_what_it_has_read(service: Service) -> None:
    family, _ = service.offered()
    assert why(revise(service, service.hospital(), family.woman)) == "not-found"
    assert why(revise(service, family.community, family.woman)) == "not-found"
    assert why(revise(service, family.hospital, family.woman, expected_version=1)) == "version-stale"
    assert why(revise(service, family.hospital, family.woman)) == "repeated"
    assert service.states(family.woman) == ("offered", ["requested"])
    service.tell(family.hospital, service.referral(family.woman).id, Order.CLOSE)
    ended = revise(service, family.hospital, family.woman, safe_contact=REACHABLE)
    assert why(ended) == "transition-not-allowed"


def test_her_age_is_counted_in_whole_years(service: Service) -> None:
    born = date(NOW.year - 18, NOW.month, NOW.day)
    hospital, community = service.hospital(), service.community()
    service.programme(community, serves=Serves(to_age=17))
    for birth_date, fits in ((born, False), (born + DAY, True), (None, True)):
        woman = service.woman(hospital, birth_date=birth_date)
        service.result(hospital, woman, piece(15, scores(15)))
        assert (service.states(woman)[0] == "awaiting-consent") is fits
