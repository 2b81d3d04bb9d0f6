"""What she says about being referred, and how the open referral follows it."""

from dataclasses import replace
from typing import Any

import pytest

from service.consent.consent import Status
from service.consent.safe_contact import Permission
from service.flow.answer import Accepted, Repeated
from service.flow.hear_safe_contact import ReceivedSafeContact, hear_safe_contact
from service.flow.received import Identifier, Received, Reference
from service.shared.caller import Caller
from tests.flow.support import DAY, HOUR, MINUTE, NOW, REACHABLE, UNREACHABLE, Service, piece, scores, why

NAME = Identifier("urn:hospital", "consent-1")


def asked(service: Service) -> tuple[Caller, Caller, str]:
    """A woman whose referral waits for her consent."""
    hospital, community = service.hospital(), service.community()
    service.programme(community)
    woman = service.woman(hospital)
    service.result(hospital, woman, piece(15, scores(15)))
    assert service.states(woman) == ("awaiting-consent", [])
    return hospital, community, woman


def test_without_consent_the_clinic_is_asked_once_and_nobody_else_hears(service: Service) -> None:
    hospital, community, woman = asked(service)
    service.result(hospital, woman, piece(16, scores(16)), effective=NOW - DAY)

    assert service.alerts(woman) == ["consent-needed"]
    assert service.poll(community) == []


def test_a_yes_lets_the_waiting_referral_go_on_once(service: Service) -> None:
    hospital, community, woman = asked(service)
    for _ in range(2):
        assert why(service.consent(hospital, woman, community)) == "accepted"

    assert service.states(woman) == ("offered", ["requested"])
    assert service.alert(woman, "consent-needed")["state"] == "resolved"


def test_a_yes_to_another_organisation_does_not_help(service: Service) -> None:
    hospital, _, woman = asked(service)
    service.consent(hospital, woman, service.community())

    assert service.states(woman) == ("awaiting-consent", [])
    assert service.alerts(woman) == ["consent-needed"]


@pytest.mark.parametrize("wide", [False, True], ids=["to one", "to all"])
def test_a_no_ends_a_referral_that_waited_for_it(service: Service, wide: bool) -> None:
    hospital, community, woman = asked(service)
    service.consent(hospital, woman, None if wide else community, permits=False)

    assert service.states(woman) == ("closed", [])
    assert service.referral(woman).reason == "consent-refused"
    assert service.alert(woman, "consent-needed")["state"] == "resolved"


@pytest.mark.parametrize("status", [Status.DRAFT, Status.PROPOSED], ids=str)
def test_a_consent_that_is_still_being_written_says_nothing(service: Service, status: Status) -> None:
    hospital, community, woman = asked(service)
    service.consent(hospital, woman, community, status=status, permits=False)
    assert service.states(woman) == ("awaiting-consent", [])


@pytest.mark.parametrize("accepted", [False, True], ids=["offered", "supported"])
@pytest.mark.parametrize(
    "how", ["the same one, inactive", "the same one, in error", "a later no", "a later no to all"], ids=str
)
def test_a_withdrawal_closes_cancels_and_blinds(service: Service, how: str, accepted: bool) -> None:
    family, offer = service.supported() if accepted else service.offered()
    if how.startswith("the same"):
        status = Status.INACTIVE if how.endswith("inactive") else Status.ENTERED_IN_ERROR
        answer = service.consent(
            family.hospital, family.woman, family.community, target_id=family.consent, status=status
        )
    else:
        recipient = None if how.endswith("all") else family.community
        answer = service.consent(family.hospital, family.woman, recipient, permits=False, given_at=NOW)

    assert why(answer) == "accepted"
    assert service.states(family.woman) == ("closed", ["cancelled"])
    assert service.referral(family.woman).reason == "consent-withdrawn"
    (tombstone,) = service.poll(family.community)
    assert tombstone.status_reason == service.rules.status_reason("consent-withdrawn")
    (view,) = service.disclose(family.community, offer)
    assert (view.stage, view.consent, view.district, view.preferred_name) == ("over", None, None, None)
    owed = {(type, version) for type, _, version in service.owed(family.woman)}
    assert ("Task", tombstone.version) in owed
    assert ("ServiceRequest", service.referral(family.woman).version) in owed


def test_a_withdrawal_supersedes_what_was_not_sent_yet(service: Service) -> None:
    family, _ = service.supported()
    service.withdraw(family)

    # One newest version of each is owed, and a note of each step; all older versions were given up.
    assert sorted(type for type, _, _ in service.owed(family.woman)) == [
        *["DocumentReference"] * 3,
        "ServiceRequest",
        "Task",
    ]
    assert len(service.owed(family.woman, "superseded")) == 4


@pytest.mark.parametrize("state", ["in-review", "awaiting-consent", "unplaced", "no-safe-contact", "returned"])
def test_the_last_yes_taken_back_ends_a_referral_in_every_open_state(service: Service, state: str) -> None:
    family = service.family(places=0 if state == "unplaced" else 5)
    if state == "in-review":
        service.result(family.hospital, family.woman, piece(15))
    elif state == "no-safe-contact":
        service.consent(
            family.hospital, family.woman, family.community, target_id=family.consent, safe_contact=UNREACHABLE
        )
        service.result(family.hospital, family.woman, piece(15, scores(15)))
    else:
        service.result(family.hospital, family.woman, piece(15, scores(15)))
    if state == "returned":
        (offer,) = service.offers(family.woman)
        service.update(family.community, offer.id, "accepted")
        service.update(family.community, offer.id, "failed", "Nobody is free.")
    if state == "awaiting-consent":
        (offer,) = service.offers(family.woman)
        service.programme(service.community())
        service.update(family.community, offer.id, "rejected", "Nobody is free.")
    assert service.referral(family.woman).state in (state, "placing", "on-hold")

    service.withdraw(family)

    assert service.referral(family.woman).state == "closed"
    assert service.referral(family.woman).reason == "consent-withdrawn"


def test_a_withdrawal_from_one_programme_leaves_the_offer_to_another(service: Service) -> None:
    family, offer = service.offered()
    elsewhere = service.community()
    other = service.consent(family.hospital, family.woman, elsewhere)
    assert isinstance(other, Accepted)
    service.consent(family.hospital, family.woman, elsewhere, target_id=other.id, status=Status.INACTIVE)

    state, offers = service.states(family.woman)
    assert (state, offers) == ("offered", ["requested"])
    assert service.offers(family.woman)[0].id == offer.id


def test_less_permission_applies_although_the_sender_had_a_stale_version(service: Service) -> None:
    family, _ = service.offered()
    service.consent(family.hospital, family.woman, family.community, target_id=family.consent, may_report_back=True)
    stale: dict[str, Any] = {"target_id": family.consent, "expected_version": 1}

    more = service.consent(family.hospital, family.woman, family.community, **stale)
    assert why(more) == "version-stale"
    less = service.consent(family.hospital, family.woman, family.community, **stale, status=Status.INACTIVE)
    assert why(less) == "accepted"
    assert service.states(family.woman) == ("closed", ["cancelled"])


@pytest.mark.parametrize("conditional", [False, True], ids=["by identifier", "if none exist"])
def test_less_permission_applies_however_the_consent_was_sent(service: Service, conditional: bool) -> None:
    hospital, community, woman = asked(service)
    service.consent(hospital, woman, community, NAME)
    condition = NAME if conditional else None
    answer = service.consent(hospital, woman, community, NAME, condition=condition, status=Status.INACTIVE)

    assert why(answer) == "accepted"
    assert service.states(woman) == ("closed", ["cancelled"])


def test_a_withdrawn_consent_never_permits_again_and_a_new_one_does(service: Service) -> None:
    family, _ = service.offered()
    service.withdraw(family)
    service.pass_time(HOUR)
    again = service.consent(family.hospital, family.woman, family.community, target_id=family.consent, given_at=NOW)
    service.result(family.hospital, family.woman, piece(16, scores(16)))
    assert isinstance(again, Accepted)
    assert again.unused == ("Consent.status",)
    assert service.states(family.woman) == ("awaiting-consent", ["cancelled"])

    before_the_withdrawal = service.consent(family.hospital, family.woman, family.community, given_at=NOW - MINUTE)
    assert why(before_the_withdrawal) == "accepted"
    assert service.states(family.woman)[0] == "awaiting-consent"

    service.consent(family.hospital, family.woman, family.community, given_at=NOW + MINUTE)
    assert service.states(family.woman) == ("offered", ["cancelled", "requested"])


@pytest.mark.parametrize("status", [Status.INACTIVE, Status.ACTIVE])
@pytest.mark.parametrize(("risk", "state"), [(0, "awaiting-consent"), (2, "in-review")])
def test_a_withdrawal_that_is_sent_again_does_not_end_what_came_after_it(
    service: Service, status: Status, risk: int, state: str
) -> None:
    family, _ = service.offered()
    service.withdraw(family)
    service.pass_time(DAY)
    service.result(family.hospital, family.woman, piece(16, scores(16, risk)))
    once_more: dict[str, Any] = {"target_id": family.consent, "given_at": NOW - HOUR, "status": status}
    again = service.consent(family.hospital, family.woman, family.community, **once_more)

    assert why(again) == "accepted"
    assert service.states(family.woman) == (state, ["cancelled"])


def test_a_renewed_consent_shows_in_the_next_poll(service: Service) -> None:
    family, offer = service.offered()
    service.consent(family.hospital, family.woman, family.community, given_at=NOW)
    assert service.offers(family.woman)[0].version == offer.version + 1


def test_no_safe_way_to_reach_her_means_no_offer_until_there_is_one(service: Service) -> None:
    hospital, community, woman = asked(service)
    answer = service.consent(hospital, woman, community, safe_contact=UNREACHABLE)
    assert isinstance(answer, Accepted)
    assert service.states(woman) == ("placing", [])
    assert service.alert(woman, "no-safe-contact")["state"] == "open"

    service.consent(hospital, woman, community, target_id=answer.id)
    assert service.states(woman) == ("offered", ["requested"])
    assert service.alert(woman, "no-safe-contact")["state"] == "resolved"


def test_the_same_consent_again_is_answered_with_the_first(service: Service) -> None:
    hospital, community, woman = asked(service)
    first, again = (service.consent(hospital, woman, community, NAME, content=b"{}") for _ in range(2))
    assert isinstance(first, Accepted)
    assert again == Repeated("Consent", first.id, 1)


def test_more_permission_under_a_used_identifier_is_refused(service: Service) -> None:
    hospital, community, woman = asked(service)
    service.consent(hospital, woman, community, NAME, permits=False)
    answer = service.consent(hospital, woman, community, NAME, period_end=NOW + DAY)
    assert why(answer) == "different-under-same-identifier"


def test_consents_about_unknown_women_and_recipients_are_refused(service: Service) -> None:
    family, stranger = service.family(), service.hospital()
    nobody = Caller("nobody", "nobody", family.community.kind, frozenset(), "")

    assert why(service.consent(stranger, family.woman, family.community)) == "subject-unknown"
    assert why(service.consent(family.hospital, family.woman, nobody)) == "recipient-unknown"
    unknown = service.consent(stranger, service.woman(stranger), family.community, target_id=family.consent)
    assert why(unknown) == "not-found"
    assert len(service.rows("consent")) == 1


@pytest.mark.parametrize("how", ["withdrawn", "completed"])
def test_a_consent_that_comes_after_the_end_opens_nothing_and_holds_for_the_next_positive_result(
    service: Service, how: str
) -> None:
    family, offer = service.supported()
    if how == "withdrawn":
        service.withdraw(family)
    else:
        service.update(family.community, offer.id, "completed")
    ended = service.states(family.woman)
    asked_before = service.alerts(family.woman)

    service.pass_time(DAY)
    assert why(service.consent(family.hospital, family.woman, family.community)) == "accepted"
    assert service.states(family.woman) == ended
    assert service.alerts(family.woman) == asked_before
    # The screening of before, sent once more under a name of its own, is that screening and opens nothing.
    service.result(family.hospital, family.woman, piece(15, scores(15), source="its copy"), effective=NOW)
    assert len(service.rows("referral", patient_id=family.woman)) == 1

    service.result(family.hospital, family.woman, piece(15, scores(15), source="the next"))
    assert service.states(family.woman) == ("offered", [*ended[1], "requested"])
    assert service.alerts(family.woman) == asked_before


def test_a_no_that_is_dated_ahead_of_us_counts_from_when_it_came_and_a_later_yes_after_it(service: Service) -> None:
    family = service.family()
    ahead: dict[str, Any] = {"permits": False, "given_at": NOW + 3650 * DAY}
    no = service.consent(family.hospital, family.woman, family.community, **ahead)
    assert isinstance(no, Accepted)
    service.result(family.hospital, family.woman, piece(15, scores(15)))
    assert service.offers(family.woman) == []
    service.pass_time(DAY)
    yes = service.consent(family.hospital, family.woman, family.community, given_at=service.now())
    assert isinstance(yes, Accepted)
    assert service.states(family.woman) == ("offered", ["requested"])
    # Sent again, or called an error, it is no later word than it was.
    for said in (ahead, {**ahead, "status": Status.ENTERED_IN_ERROR}):
        service.pass_time(DAY)
        service.consent(family.hospital, family.woman, family.community, target_id=no.id, **said)
        assert service.states(family.woman) == ("offered", ["requested"])


def channels(service: Service, community: Caller) -> list[object]:
    """What is given for each offer of hers."""
    offers = service.poll(community)
    views = service.disclose(community, *offers, type="ServiceRequest")
    return [view.channel and view.channel.value for view in views]


def test_how_she_may_be_reached_is_of_the_time_of_its_consent_in_whatever_order_they_come(service: Service) -> None:
    hospital, community, woman = asked(service)
    for given_at, safe in ((NOW, UNREACHABLE), (NOW - DAY, REACHABLE)):
        service.consent(hospital, woman, community, given_at=given_at, safe_contact=safe)
    assert service.states(woman) == ("placing", [])


def test_a_consent_that_comes_late_undoes_no_newer_word_said_otherwise(service: Service) -> None:
    family, _ = service.supported()
    unsafe = ReceivedSafeContact(
        Received("Patient", b""), Reference("Patient", family.woman), replace(UNREACHABLE, said_at=NOW)
    )
    service.run(family.hospital, lambda tx: hear_safe_contact(tx, service.rules, unsafe, service.now()))
    assert service.states(family.woman) == ("on-hold", ["held-by-service"])
    service.consent(family.hospital, family.woman, family.community, given_at=NOW - DAY)
    assert channels(service, family.community) == [None]
    service.pass_time(HOUR)
    service.consent(family.hospital, family.woman, family.community, given_at=service.now())
    assert channels(service, family.community) != [None]


def test_what_a_consent_says_otherwise_under_its_own_time_was_said_when_it_came(service: Service) -> None:
    family, _ = service.supported()
    (known,) = service.rows("consent", patient_id=family.woman)
    given_at, freer = known["given_at"], replace(REACHABLE, voicemail=Permission.ALLOW)
    for safe, reports_back in ((UNREACHABLE, True), (freer, True), (freer, False)):
        service.pass_time(HOUR)
        service.consent(
            family.hospital, family.woman, family.community, target_id=family.consent, given_at=given_at,
            safe_contact=safe, may_report_back=reports_back,
        )  # fmt: skip
    (known,) = service.rows("consent", patient_id=family.woman)
    assert known["may_report_back"] is False
    assert known["safe_contact"]["said_at"] == (service.now() - HOUR).isoformat()
