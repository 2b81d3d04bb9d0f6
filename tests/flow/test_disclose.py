"""What a programme is shown of her, by stage and by what she permits, and what is written down about it."""

from datetime import date, time

import pytest

from service.consent.safe_contact import Channel, Mode, Permission, SafeContact, TextContent, Window
from tests.flow.support import DAY, HOUR, NOW, REACHABLE, Service, piece, scores, why

RULES_OF_CONTACT = SafeContact(
    channels=(
        Channel(Mode.SMS, Permission.ALLOW, "+44 7700 900123"),
        Channel(Mode.VOICE, Permission.ALLOW, "+44 7700 900124"),
        Channel(Mode.POST, Permission.DENY, "1 Home Street"),
    ),
    voicemail=Permission.DENY,
    text_content=TextContent.NEUTRAL,
    caller_description="a friend from the library",
    windows=(Window(("mon", "thu"), time(9), time(12)),),
    timezone="Europe/London",
    code_word="bluebell",
    review_by=date(2026, 6, 20),
)


def test_before_acceptance_nothing_leads_to_her(service: Service) -> None:
    family, offer = service.offered()
    service.tell_due_date(family.hospital, family.woman, (NOW + 60 * DAY).date())
    (view,) = service.disclose(family.community, offer)

    assert (view.stage, view.district, view.language, view.interpreter, view.pregnancy_stage, view.respond_by) == (
        "offered",
        next(iter(family.programme.districts)),
        "en",
        False,
        "antenatal",
        NOW + 72 * HOUR,
    )
    assert (view.preferred_name, view.channel, view.safe_contact, view.due_month) == (None, None, None, None)


def test_after_acceptance_name_one_safe_channel_and_due_month(service: Service) -> None:
    family, offer = service.supported()
    service.tell_due_date(family.hospital, family.woman, (NOW + 60 * DAY).date())
    service.consent(
        family.hospital, family.woman, family.community, target_id=family.consent, safe_contact=RULES_OF_CONTACT
    )
    (view,) = service.disclose(family.community, offer)

    assert (view.stage, view.preferred_name, view.due_month) == ("supporting", "Ada", "2026-07")
    assert view.channel == Channel(Mode.VOICE, Permission.ALLOW, "+44 7700 900124")
    assert view.safe_contact == RULES_OF_CONTACT
    assert view.consent is not None
    assert view.consent.version == 2


def test_a_safe_contact_that_is_due_for_review_is_not_shown(service: Service) -> None:
    family, offer = service.supported()
    service.consent(
        family.hospital, family.woman, family.community, target_id=family.consent, safe_contact=RULES_OF_CONTACT
    )
    (before,) = service.disclose(family.community, offer)
    service.pass_time(30 * DAY)
    (after,) = service.disclose(family.community, offer)

    assert (after.preferred_name, after.channel, after.safe_contact) == ("Ada", None, None)
    assert after.etag != before.etag


@pytest.mark.parametrize("how", ["withdrawn", "expired", "rejected", "completed"])
def test_when_it_is_over_nothing_is_shown_any_more(service: Service, how: str) -> None:
    family, offer = service.supported()
    if how == "withdrawn":
        service.withdraw(family)
    elif how == "expired":
        end = NOW + HOUR
        service.consent(family.hospital, family.woman, family.community, target_id=family.consent, period_end=end)
        service.pass_time(HOUR)
    elif how == "completed":
        service.update(family.community, offer.id, "completed")
    else:
        family, offer = service.offered()
        service.update(family.community, offer.id, "rejected", "No place.")
    (view,) = service.disclose(family.community, offer)

    facts = (view.district, view.pregnancy_stage, view.language, view.interpreter, view.respond_by)
    assert (view.stage, view.consent, *facts) == ("over", None, None, None, None, None, None)
    assert (view.preferred_name, view.channel, view.safe_contact, view.due_month) == (None, None, None, None)


def test_every_change_of_view_is_another_etag(service: Service) -> None:
    family, offer = service.offered()
    seen = [service.disclose(family.community, offer)[0].etag]
    service.update(family.community, offer.id, "accepted")
    seen.append(service.disclose(family.community, offer)[0].etag)
    service.consent(family.hospital, family.woman, family.community, target_id=family.consent, safe_contact=REACHABLE)
    seen.append(service.disclose(family.community, offer)[0].etag)
    service.withdraw(family)
    seen.append(service.disclose(family.community, offer)[0].etag)
    assert len(set(seen)) == 4


def test_the_first_disclosure_is_a_row_of_its_own_and_repeats_are_counted_by_the_hour(service: Service) -> None:
    family, offer = service.offered()
    for passed in (0, 0, 0, 1):
        service.pass_time(passed * HOUR)
        service.disclose(family.community, offer)
    subject = f"Patient/{offer.handles.patient}"

    read = service.rows("audit", action="R")
    assert [(row["subject"], row["patient_id"], row["client_id"]) for row in read] == [
        (subject, family.woman, family.community.client_id)
    ]
    assert [(row["subject"], row["hour"], row["times"]) for row in service.rows("disclosure")] == [
        (subject, NOW, 3),
        (subject, NOW + HOUR, 1),
    ]


def test_each_resource_version_and_client_has_a_first_disclosure(service: Service) -> None:
    family, offer = service.offered()
    for type in ("Task", "Patient", "ServiceRequest", "Consent", "Observation"):
        service.disclose(family.community, offer, type=type)
    service.update(family.community, offer.id, "accepted")
    service.disclose(family.community, offer, type="Task")

    handles = offer.handles
    subjects = [f"Task/{offer.id}", f"Patient/{handles.patient}", f"ServiceRequest/{handles.service_request}",
                f"Consent/{handles.consent}", f"Observation/{handles.observation}", f"Task/{offer.id}"]  # fmt: skip
    assert [row["subject"] for row in service.rows("audit", action="R")] == subjects


def test_a_page_of_many_women_has_an_audit_row_for_each(service: Service) -> None:
    family, offer = service.offered()
    offers = [offer]
    for _ in range(3):
        woman = service.woman(family.hospital, district=next(iter(family.programme.districts)))
        service.consent(family.hospital, woman, family.community)
        assert why(service.result(family.hospital, woman, piece(15, scores(15)))) == "accepted"
        offers += service.offers(woman)
    service.disclose(family.community, *offers, type="Task")

    assert sorted(row["patient_id"] for row in service.rows("audit", action="R")) == sorted(
        offer.patient_id for offer in offers
    )


def test_an_empty_page_discloses_nothing(service: Service) -> None:
    _, offer = service.offered()
    assert service.disclose(service.community(), offer) == []
    assert service.rows("audit", action="R") == []


def test_no_two_offers_share_a_handle(service: Service) -> None:
    """Else a programme could tell that it is the same woman, or two programmes that they had the same."""
    family, offer = service.offered()
    other = service.community()
    service.programme(other)
    service.consent(family.hospital, family.woman, other)
    service.update(family.community, offer.id, "rejected", "No place.")

    handles = [
        handle
        for each in service.offers(family.woman)
        for handle in (
            each.handles.patient,
            each.handles.service_request,
            each.handles.consent,
            each.handles.observation,
        )
    ]
    assert len(set(handles)) == 8
    assert family.woman not in handles
