"""A body that could not be understood is kept; what a programme wrote in it is heard by a person all the same."""

from collections.abc import Sequence

import pytest

from service.flow.answer_alert import ReceivedAnswer, answer_alert
from service.flow.keep_unreadable import Heard, Recognised, Salvaged, Unreadable, Words, keep_unreadable
from service.flow.received import Received, Reference
from service.referrals.alert import AlertState, Practitioner
from service.referrals.offer import Offer
from service.shared.caller import Caller
from service.shared.ids import new_id
from tests.flow.support import NOW, Service, body, piece, scores

AN_INSTRUMENT, RISK = Recognised.AN_INSTRUMENT, Recognised.A_CRITICAL_ANSWER
NOTE: dict[str, object] = {"text": "She sounded very low today."}


def keep(
    service: Service, caller: Caller, words: Words | None, results: Sequence[Salvaged] = (), of: str = ""
) -> Heard:
    unreadable = Unreadable(new_id(), b"sealed", of or new_id(), "structure", results, words)
    return service.run(caller, lambda tx: keep_unreadable(tx, service.rules, unreadable, service.now()))


def naming(offer: Offer) -> dict[str, list[Reference]]:
    return {
        "the Task": [Reference("Task", offer.id)],
        "her Patient": [Reference("Organization", offer.tenant_id), Reference("Patient", offer.handles.patient)],
        "the request": [Reference("Task", "unknown"), Reference("ServiceRequest", offer.handles.service_request)],
    }


@pytest.mark.parametrize("by", ["the Task", "her Patient", "the request"])
def test_what_a_programme_wrote_is_an_alert_to_the_hospital_of_the_offer(service: Service, by: str) -> None:
    family, offer = service.supported()
    assert keep(service, family.community, Words([NOTE], naming(offer)[by])) is Heard.A_CLINICIAN
    alert = service.alert(family.woman, "unreadable-words")
    assert (alert["tenant_id"], alert["priority"], alert["referral_id"]) == (
        family.hospital.organisation_id,
        "urgent",
        offer.referral_id,
    )
    assert ("Communication", alert["id"], 1) in service.owed(family.woman)
    assert len(service.rows("unreadable_message", tenant_id=family.community.organisation_id)) == 1


def test_what_was_heard_before_is_not_said_anew(service: Service) -> None:
    family, offer = service.supported()
    about = [Reference("Task", offer.id)]
    service.update(family.community, offer.id, "in-progress", notes=(NOTE,))
    assert keep(service, family.community, Words([NOTE], about)) is Heard.NOBODY
    assert keep(service, family.community, Words([NOTE, {"text": "More."}], about)) is Heard.A_CLINICIAN
    assert service.alerts(family.woman) == ["escalation", "unreadable-words"]


def test_one_alert_stands_for_all_that_comes_until_somebody_has_seen_it(service: Service) -> None:
    family, offer = service.supported()
    words = Words([NOTE], [Reference("Task", offer.id)])
    assert [keep(service, family.community, words) for _ in range(3)] == [Heard.A_CLINICIAN] * 3
    alert = service.alert(family.woman, "unreadable-words")
    seen = ReceivedAnswer(
        Received("Task", body(), target_id=alert["id"]), alert["id"], AlertState.ACKNOWLEDGED, Practitioner("A. Test")
    )
    service.run(family.hospital, lambda tx: answer_alert(tx, service.rules, seen, service.now()))
    keep(service, family.community, words)
    assert service.alerts(family.woman) == ["unreadable-words"] * 2


def test_what_names_no_offer_of_the_sender_is_for_the_operator(service: Service) -> None:
    family, offer = service.supported()
    for about in ([], [Reference("Task", new_id())], [Reference("Task", offer.id, "https://elsewhere.example")]):
        assert keep(service, family.community, Words([NOTE], about)) is Heard.THE_OPERATOR_MUST_BE
    stranger = service.community()
    assert keep(service, stranger, Words([NOTE], naming(offer)["the Task"])) is Heard.THE_OPERATOR_MUST_BE
    assert service.alerts(family.woman) == []


def test_a_body_in_which_nobody_wrote_anything_alerts_nobody(service: Service) -> None:
    family, _ = service.supported()
    assert keep(service, family.community, None) is Heard.NOBODY
    assert keep(service, family.hospital, Words([NOTE], [])) is Heard.NOBODY
    assert service.rows("alert", tenant_id=family.hospital.organisation_id) == []


def codes(service: Service, caller: Caller) -> list[tuple[str, str | None]]:
    return [(row["code"], row["patient_id"]) for row in service.rows("alert", tenant_id=caller.organisation_id)]


CODES = [(AN_INSTRUMENT, "unreadable-result"), (RISK, "unreadable-risk")]


@pytest.mark.parametrize(("recognised", "code"), CODES)
def test_a_hospital_hears_of_a_result_that_could_not_be_read(
    service: Service, recognised: Recognised, code: str
) -> None:
    hospital = service.hospital()
    assert keep(service, hospital, None, [Salvaged(recognised)]) is Heard.A_CLINICIAN
    assert codes(service, hospital) == [(code, None)]


def test_nobody_hears_of_what_holds_no_result(service: Service) -> None:
    hospital = service.hospital()
    assert keep(service, hospital, None, [Salvaged(Recognised.NOTHING)]) is Heard.NOBODY
    assert codes(service, hospital) == []


@pytest.mark.parametrize(("recognised", "code"), [(AN_INSTRUMENT, "unreadable-result"), (RISK, "self-harm-present")])
def test_where_it_is_certain_whose_a_result_is_it_is_heard_as_hers(
    service: Service, recognised: Recognised, code: str
) -> None:
    family = service.family()
    service.result(family.hospital, family.woman, piece(15, scores(15)), effective=NOW)
    hers = Salvaged(recognised, [Reference("Patient", family.woman)] * 2)
    assert keep(service, family.hospital, None, [hers]) is Heard.A_CLINICIAN
    assert codes(service, family.hospital) == [(code, family.woman)]
    harmed = recognised is RISK
    assert service.states(family.woman) == (("in-review", ["cancelled"]) if harmed else ("offered", ["requested"]))
    assert len(service.rows("screening_result")) == 1


@pytest.mark.parametrize(
    "subjects",
    [["hers", "another's"], ["hers", "nobody's"], ["of another hospital"], ["of another type"]],
    ids=" and ".join,
)
def test_where_it_is_not_certain_nobody_is_named(service: Service, subjects: list[str]) -> None:
    family, stranger = service.family(), service.family()
    named = {
        "hers": Reference("Patient", family.woman),
        "another's": Reference("Patient", service.woman(family.hospital)),
        "nobody's": Reference("Patient", new_id()),
        "of another hospital": Reference("Patient", stranger.woman),
        "of another type": Reference("Group", family.woman),
    }
    keep(service, family.hospital, None, [Salvaged(RISK, [named[each] for each in subjects])])
    assert codes(service, family.hospital) == [("unreadable-risk", None)]
    assert codes(service, stranger.hospital) == []


def test_each_woman_is_told_of_and_those_whom_nobody_knows_once(service: Service) -> None:
    family = service.family()
    women = [family.woman, service.woman(family.hospital)]
    results = [Salvaged(RISK, [Reference("Patient", each)]) for each in (*women, new_id(), new_id())]
    keep(service, family.hospital, None, [*results, Salvaged(AN_INSTRUMENT)])
    expected = [*(("self-harm-present", each) for each in women), ("unreadable-risk", None)]
    assert sorted(codes(service, family.hospital), key=str) == sorted(expected, key=str)


@pytest.mark.parametrize("hers", [True, False])
def test_the_same_body_is_told_of_once_and_another_anew(service: Service, hers: bool) -> None:
    family = service.family()
    result = Salvaged(RISK, [Reference("Patient", family.woman)] if hers else [])
    for body_sent in ("one", "one", "one", "another"):
        assert keep(service, family.hospital, None, [result], body_sent) is Heard.A_CLINICIAN
    told = ("self-harm-present", family.woman) if hers else ("unreadable-risk", None)
    assert codes(service, family.hospital) == [told] * 2
