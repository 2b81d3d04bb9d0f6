"""What a hospital's record is owed of each step: the kinds that it takes, and one note for each step."""

from dataclasses import replace

import pytest

from service.flow.received import Identifier
from service.referrals.instruction import Order
from service.referrals.offer import Ending
from service.screening.instrument import Recorded
from service.store.unit_of_work import UnitOfWork
from tests.flow.support import HOUR, UNREACHABLE, Family, Service, piece, scores, why

EVERYTHING = frozenset(Recorded)


def noted(service: Service, woman: str) -> list[str]:
    """The kinds of the notes that are owed of her, in the order in which they happened."""
    owed = [id for type, id, _ in service.owed(woman) if type == "DocumentReference"]
    kinds = {row["id"]: row["kind"] for row in service.rows("note")}
    assert len(owed) == len(set(owed))
    return [kinds[id] for id in owed]


def taking(service: Service, *kinds: Recorded) -> None:
    """Every hospital's record takes these from now on."""
    policies = {id: replace(each, record=frozenset(kinds)) for id, each in service.rules.policies.items()}
    service.rules = replace(service.rules, policies=policies)


def screened(service: Service, family: Family, harm: int = 0) -> None:
    service.result(family.hospital, family.woman, piece(15, scores(15, harm)))


def test_each_step_of_a_referral_is_noted_once(service: Service) -> None:
    family, offer = service.supported()
    service.contact(family.community, offer)
    service.update(family.community, offer.id, "in-progress")
    service.update(family.community, offer.id, "on-hold", "Away.")
    service.update(family.community, offer.id, "completed")
    service.update(family.community, offer.id, "completed")
    assert noted(service, family.woman) == ["offered", "accepted", "completed"]


def test_what_a_clinician_must_look_at_first_is_noted_as_in_review(service: Service) -> None:
    family = service.family()
    screened(service, family, harm=1)
    screened(service, family, harm=2)  # another alert, but no other step
    assert noted(service, family.woman) == ["in-review"]


def test_an_answer_about_self_harm_takes_an_offer_back_into_review(service: Service) -> None:
    family, _ = service.offered()
    later = service.now() - HOUR
    service.result(family.hospital, family.woman, piece(3, scores(3, 2), source="another"), effective=later)
    assert noted(service, family.woman) == ["offered", "in-review"]


def test_what_keeps_her_from_being_offered_is_noted_once_however_often_it_is_tried(service: Service) -> None:
    family = service.family(places=0)
    screened(service, family)
    service.consent(family.hospital, family.woman, family.community)
    service.consent(family.hospital, family.woman, family.community)
    assert service.alerts(family.woman) == ["unplaced"]
    assert noted(service, family.woman) == ["unplaced"]


def test_without_a_consent_or_a_safe_way_that_is_what_is_noted(service: Service) -> None:
    hospital, community = service.hospital(), service.community()
    service.programme(community)
    asked, unsafe = service.woman(hospital), service.woman(hospital)
    service.result(hospital, asked, piece(15, scores(15)))
    service.consent(hospital, unsafe, community, safe_contact=UNREACHABLE)
    service.result(hospital, unsafe, piece(15, scores(15)))
    assert (noted(service, asked), noted(service, unsafe)) == (["awaiting-consent"], ["no-safe-contact"])


def test_what_a_programme_hands_back_is_noted_as_returned_and_not_as_paused_too(service: Service) -> None:
    family, offer = service.supported()
    service.update(family.community, offer.id, "failed", "No volunteer any more.")
    assert noted(service, family.woman) == ["offered", "accepted", "returned"]


def test_one_who_declines_is_followed_by_the_next_offer_or_by_nobody(service: Service) -> None:
    family, offer = service.offered()
    service.update(family.community, offer.id, "rejected", "No place.")
    assert service.alerts(family.woman) == ["escalation", "unplaced"]
    assert noted(service, family.woman) == ["offered", "unplaced"]


def test_a_withdrawal_is_noted_and_gives_up_no_note_that_was_not_sent_yet(service: Service) -> None:
    family, _ = service.supported()
    service.withdraw(family)
    assert noted(service, family.woman) == ["offered", "accepted", "closed"]


def offers_of_notes(service: Service, family: Family) -> list[list[str]]:
    """The offers that the step of each note moved, by id."""

    def look(tx: UnitOfWork) -> list[list[str]]:
        return [[offer.id for offer in tx.notes.offers_moved(tx.notes.get(id))] for id in ids]

    ids = [row["id"] for row in service.rows("note")]
    return service.read(family.hospital, look)


def test_the_offer_of_a_note_is_the_one_that_its_step_moved(service: Service) -> None:
    family, first = service.offered()
    other = service.community()
    service.programme(other, districts=family.programme.districts)
    service.consent(family.hospital, family.woman, other, Identifier("urn:consent", "second"))
    service.update(family.community, first.id, "rejected", "No place.")
    second = next(offer for offer in service.offers(family.woman) if offer.id != first.id)
    service.update(other, second.id, "accepted")
    assert noted(service, family.woman) == ["offered", "offered", "accepted"]
    assert offers_of_notes(service, family) == [[first.id], [second.id], [second.id]]


def test_before_the_first_offer_there_is_none(service: Service) -> None:
    family = service.family()
    screened(service, family, harm=1)
    assert offers_of_notes(service, family) == [[]]


def test_one_who_declined_has_no_part_in_a_pause_or_in_the_end(service: Service) -> None:
    family, offer = service.offered()
    service.update(family.community, offer.id, "rejected", "No place.")
    service.tell(family.hospital, service.referral(family.woman).id, Order.HOLD)
    service.tell(family.hospital, service.referral(family.woman).id, Order.CLOSE)
    assert noted(service, family.woman) == ["offered", "unplaced", "paused", "closed"]
    assert offers_of_notes(service, family) == [[offer.id], [], [], []]


@pytest.mark.parametrize("left_out", [Recorded.REFERRAL, Recorded.OFFERS, Recorded.NOTES])
def test_a_record_is_owed_only_what_it_takes(service: Service, left_out: Recorded) -> None:
    taking(service, *(EVERYTHING - {left_out}))
    family, offer = service.supported()
    service.contact(family.community, offer)
    service.update(family.community, offer.id, "failed", "No volunteer any more.")
    owed = {type for type, _, _ in service.owed(family.woman)}
    assert owed == EVERYTHING - {left_out}
    assert bool(service.rows("note")) == (left_out is not Recorded.NOTES)


def test_an_alert_is_owed_whatever_else_a_record_takes(service: Service) -> None:
    taking(service, Recorded.ALERTS)
    family = service.family()
    screened(service, family, harm=1)
    assert [type for type, _, _ in service.owed(family.woman)] == ["Communication"]


def test_how_the_contacts_ended_is_kept_from_whichever_update_says_it(service: Service) -> None:
    family, offer = service.supported()
    service.update(family.community, offer.id, "failed", "She would rather not.", ending=Ending.ENDED_BY_HER)
    service.contact(family.community, offer)
    (ended,) = service.offers(family.woman)
    engagement = service.read(family.hospital, lambda tx: tx.contacts.engagements([ended])[ended.id])
    assert (engagement.sessions, engagement.ending) == (1, Ending.ENDED_BY_HER)
    assert why(service.update(family.community, offer.id, "failed", ending=Ending.NOT_REACHED)) == "accepted"
    (corrected,) = service.offers(family.woman)
    assert corrected.ending is Ending.NOT_REACHED
    assert why(service.update(family.community, offer.id, "failed")) == "repeated"


def test_what_one_programme_counted_is_not_told_as_anothers(service: Service) -> None:
    family, offer = service.supported()
    service.contact(family.community, offer)
    elsewhere = offer._replace(id="another")
    counted = service.read(family.hospital, lambda tx: tx.contacts.engagements([offer, elsewhere]))
    assert {id: each.sessions for id, each in counted.items()} == {offer.id: 1, "another": 0}
