"""She is said to have answered two different things at one instant: neither counts, and the clinic is asked once."""

from typing import Any

import pytest

from service.consent.consent import Consent
from service.flow.move_alert import move_alert
from service.referrals.alert import AlertTrigger
from service.referrals.matching import Standing
from service.shared.caller import Caller, the_service
from tests.flow.support import DAY, HOUR, NOW, UNREACHABLE, Family, Service, piece, scores

AT = NOW - HOUR


def requests(service: Service, woman: str) -> list[tuple[str, str, list[str]]]:
    """Code, state and programmes of all that the clinic was asked about her consent, the oldest first."""
    rows = [row for row in service.rows("alert", patient_id=woman) if "consent" in row["code"]]
    return [(row["code"], row["state"], row["programmes"]) for row in rows]


def contradicted(service: Service) -> Family:
    """A woman about whom nothing is decided yet, with a yes and a no of one instant."""
    family = service.family()
    service.consent(family.hospital, family.woman, family.community, given_at=AT, permits=False)
    return family


def test_nothing_is_offered_and_the_clinic_is_told_why(service: Service) -> None:
    family = contradicted(service)
    service.result(family.hospital, family.woman, piece(15, scores(15)))
    assert service.states(family.woman) == ("awaiting-consent", [])
    assert requests(service, family.woman) == [("consent-contradictory", "open", [family.programme.id])]
    (placement,) = service.read(family.hospital, lambda tx: tx.referrals.placements(service.referral(family.woman).id))
    assert placement.judged[0].verdict is Standing.CONTRADICTORY


def test_that_it_was_asked_is_known_by_the_alert_and_by_no_name_that_is_kept_for_ever(service: Service) -> None:
    family = contradicted(service)
    names = service.rows("alias")
    service.result(family.hospital, family.woman, piece(15, scores(15)))
    assert len(requests(service, family.woman)) == 1
    assert service.rows("alias") == names


@pytest.mark.parametrize("resolved", [False, True])
@pytest.mark.parametrize("word", [{"permits": False}, {"safe_contact": UNREACHABLE}, {"period_end": NOW + DAY}])
def test_another_word_of_that_instant_asks_nothing_again(
    service: Service, word: dict[str, Any], resolved: bool
) -> None:
    family = contradicted(service)
    service.result(family.hospital, family.woman, piece(15, scores(15)))
    if resolved:
        alert, resolve = service.alert(family.woman, "consent-contradictory")["id"], AlertTrigger.RESOLVE
        service.run(the_service(""), lambda tx: move_alert(tx, service.rules, tx.alerts.lock(alert), resolve, NOW))
    before = [service.rows(table, patient_id=family.woman) for table in ("referral", "alert", "delivery")]
    service.consent(family.hospital, family.woman, family.community, given_at=AT, **word)
    assert [service.rows(table, patient_id=family.woman) for table in ("referral", "alert", "delivery")] == before


def two_to_ask_about(service: Service) -> tuple[Caller, str, Caller, list[str]]:
    """Hospital, woman, the first community, and the programmes that the clinic was asked to ask her about."""
    hospital, first, second = service.hospital(), service.community(), service.community()
    programmes = [service.programme(first, places=9).id, service.programme(second, places=5).id]
    woman = service.woman(hospital)
    service.result(hospital, woman, piece(15, scores(15)))
    assert requests(service, woman) == [("consent-needed", "open", programmes)]
    return hospital, woman, first, programmes


def test_the_request_about_others_stays_as_it_was(service: Service) -> None:
    hospital, woman, community, (one, other) = two_to_ask_about(service)
    service.consent(hospital, woman, community, given_at=AT, permits=False)
    asked = [("consent-needed", "resolved", [one, other]), ("consent-needed", "open", [other])]
    assert requests(service, woman) == asked
    for _ in range(2):
        service.consent(hospital, woman, community, given_at=AT)
        assert requests(service, woman) == [*asked, ("consent-contradictory", "open", [one])]
    assert service.states(woman) == ("awaiting-consent", [])


def test_a_later_word_ends_it(service: Service) -> None:
    family = contradicted(service)
    service.result(family.hospital, family.woman, piece(15, scores(15)))
    service.consent(family.hospital, family.woman, family.community, given_at=NOW)
    assert service.states(family.woman) == ("offered", ["requested"])
    assert requests(service, family.woman) == [("consent-contradictory", "resolved", [family.programme.id])]


def test_another_contradiction_is_asked_about_as_well(service: Service) -> None:
    family = contradicted(service)
    service.result(family.hospital, family.woman, piece(15, scores(15)))
    for word in ({"safe_contact": UNREACHABLE}, {"permits": True}):
        service.consent(family.hospital, family.woman, family.community, given_at=NOW, **word)
    assert [code for code, *_ in requests(service, family.woman)] == ["consent-contradictory"] * 2


def test_support_that_ends_by_it_ends_with_the_reason(service: Service) -> None:
    family, _ = service.supported()
    consents: list[Consent] = list(service.read(family.hospital, lambda tx: tx.consents.of_patient(family.woman)))
    service.consent(family.hospital, family.woman, family.community, given_at=consents[0].given_at, permits=False)
    assert service.states(family.woman) == ("closed", ["cancelled"])
    assert requests(service, family.woman) == [("consent-contradictory", "open", [family.programme.id])]


def test_a_new_referral_asks_once_more(service: Service) -> None:
    family, _ = service.supported()
    consents: list[Consent] = list(service.read(family.hospital, lambda tx: tx.consents.of_patient(family.woman)))
    service.consent(family.hospital, family.woman, family.community, given_at=consents[0].given_at, permits=False)
    service.result(family.hospital, family.woman, piece(16, scores(16)), effective=NOW - DAY)
    assert service.states(family.woman)[0] == "awaiting-consent"
    assert [code for code, *_ in requests(service, family.woman)] == ["consent-contradictory"] * 2
