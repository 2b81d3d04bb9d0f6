"""Due times pass: offers lapse, consents end, alerts climb."""

from functools import partial

from service.flow.answer import Accepted
from service.flow.chase_overdue import DueKind, Overdue, chase_overdue
from service.shared.caller import the_service
from tests.flow.support import DAY, HOUR, MINUTE, NOW, Service, piece, scores


def test_an_offer_lapses_at_its_time_and_not_before(service: Service) -> None:
    family, _ = service.offered()
    assert service.chase(72 * HOUR - MINUTE) == 0
    assert service.states(family.woman) == ("offered", ["requested"])
    assert service.chase(MINUTE) == 1

    assert service.states(family.woman) == ("placing", ["cancelled"])
    assert service.alerts(family.woman) == ["unplaced"]
    (lapsed,) = service.poll(family.community)
    assert lapsed.status_reason == service.rules.status_reason("lapses") != service.rules.status_reason("otherwise")


def test_lapsed_offers_go_from_programme_to_programme_then_to_the_clinic(service: Service) -> None:
    """The next she agreed to, then one that she would have to be asked about, then nobody."""
    family, _ = service.offered()
    agreed, unasked = service.community(), service.community()
    service.programme(agreed)
    service.programme(unasked)
    service.consent(family.hospital, family.woman, agreed)

    service.chase(72 * HOUR)
    assert service.states(family.woman) == ("offered", ["cancelled", "requested"])
    service.chase(72 * HOUR)
    assert service.states(family.woman) == ("awaiting-consent", ["cancelled", "cancelled"])
    assert service.alerts(family.woman) == ["consent-needed"]

    service.consent(family.hospital, family.woman, unasked, given_at=service.now())
    assert service.states(family.woman) == ("offered", ["cancelled", "cancelled", "requested"])
    service.chase(72 * HOUR)
    assert service.states(family.woman)[0] == "placing"
    assert service.alert(family.woman, "unplaced")["state"] == "open"
    asked = [[verdict for _, verdict, _, _ in row["judged"]] for row in service.rows("placement")]
    assert asked == [
        ["chosen"],
        ["chosen", "consent-needed", "already-asked"],
        ["consent-needed", "already-asked", "already-asked"],
        ["chosen", "already-asked", "already-asked"],
        ["already-asked", "already-asked", "already-asked"],
    ]


def test_an_accepted_offer_does_not_lapse(service: Service) -> None:
    family, _ = service.supported()
    assert service.chase(100 * DAY) == 0
    assert service.states(family.woman) == ("supported", ["accepted"])


def test_support_ends_with_the_consent(service: Service) -> None:
    for accepted in (False, True):
        family, offer = service.supported() if accepted else service.offered()
        end = service.now() + HOUR
        service.consent(family.hospital, family.woman, family.community, target_id=family.consent, period_end=end)
        assert service.chase(HOUR - MINUTE) == 0
        assert service.chase(MINUTE) == 1

        assert service.states(family.woman) == ("closed", ["cancelled"])
        assert service.referral(family.woman).reason == "consent-expired"
        assert service.offers(family.woman)[0].status_reason == service.rules.status_reason("consent-expired")
        assert service.chase() == 0
        assert offer.id == service.offers(family.woman)[0].id


def test_a_consent_that_was_renewed_ends_nothing_and_is_not_chased_for_ever(service: Service) -> None:
    family = service.family()
    service.consent(family.hospital, family.woman, family.community, target_id=family.consent, period_end=NOW + HOUR)
    service.result(family.hospital, family.woman, piece(15, scores(15)))
    (offer,) = service.offers(family.woman)
    service.update(family.community, offer.id, "accepted")
    renewed = service.consent(family.hospital, family.woman, family.community, given_at=NOW, period_end=NOW + 3 * HOUR)
    assert isinstance(renewed, Accepted)

    assert service.chase(2 * HOUR) == 1
    assert service.states(family.woman) == ("supported", ["accepted"])
    assert service.chase() == 0
    assert service.chase(HOUR) >= 1
    assert service.states(family.woman) == ("closed", ["cancelled"])


def test_a_consent_with_a_nearer_end_does_not_outlive_it_through_an_older_one(service: Service) -> None:
    family, _ = service.supported()
    service.consent(family.hospital, family.woman, family.community, given_at=NOW, period_end=NOW + HOUR)
    assert service.chase(HOUR) == 1
    assert service.states(family.woman) == ("closed", ["cancelled"])


def test_an_unacknowledged_alert_climbs_rung_by_rung_and_is_then_said_again_every_day(service: Service) -> None:
    family = service.family()
    service.result(family.hospital, family.woman, piece(15, scores(15, 1)))
    assert service.chase(14 * MINUTE) == 0
    for rung, waits in ((1, 15 * MINUTE), (2, 15 * MINUTE), (3, DAY), (4, DAY)):
        assert service.chase(DAY if rung == 4 else 15 * MINUTE) == 1
        alert = service.alert(family.woman, "self-harm-present")
        assert (alert["rung"], alert["version"], alert["state"]) == (rung, rung + 1, "open")
        assert alert["due_at"] == service.now() + waits
        assert ("Communication", alert["id"], rung + 1) in service.owed(family.woman)


def test_a_resolved_alert_does_not_climb(service: Service) -> None:
    hospital, community = service.hospital(), service.community()
    service.programme(community)
    woman = service.woman(hospital)
    service.result(hospital, woman, piece(15, scores(15)))
    service.consent(hospital, woman, community)

    assert service.alert(woman, "consent-needed")["state"] == "resolved"
    assert service.chase(10 * HOUR) == 0


def test_what_was_settled_meanwhile_is_left_alone(service: Service) -> None:
    """The worker looked, and before it came to act the offer was accepted."""
    family, offer = service.supported()
    result = service.rows("screening_result")[0]["id"]
    before = service.states(family.woman), service.rows("audit"), service.rows("delivery")
    for kind, id in (
        (DueKind.OFFER_LAPSES, offer.id),
        (DueKind.CONSENT_ENDS, family.consent),
        (DueKind.RESULT_WAITS_NO_LONGER, result),
    ):
        overdue = Overdue(kind, id, family.woman)
        act = partial(chase_overdue, rules=service.rules, overdue=overdue, now=NOW + 100 * DAY)
        service.run(the_service(""), act)

    assert (service.states(family.woman), service.rows("audit"), service.rows("delivery")) == before
