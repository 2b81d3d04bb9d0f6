"""Which steps of a referral are noted, and what a note says of them."""

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from service.mappings import load
from service.referrals.contact import Engagement, ending_of
from service.referrals.note import (
    ABOUT_THE_PROGRAMME,
    ALSO_WITHOUT_ONE,
    NOTED_WITH_ALERT,
    NoteKind,
    noted_on_entering,
)
from service.referrals.note_text import FIELDS, ContactsField, NoteField, Told, note_text, wrong_fields
from service.referrals.offer import Ending, Handles, Offer, OfferState
from service.referrals.referral import REFERRAL_TABLE, ReferralState, ReferralTrigger

TEXTS = load().note_texts
NOW = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
OFFER = Offer(
    id="offer",
    version=3,
    tenant_id="hospital",
    referral_id="referral",
    patient_id="woman",
    programme_id="programme",
    organisation_id="community",
    state=OfferState.COMPLETED,
    handles=Handles("p", "s", "c", "o"),
    offered_at=NOW,
    respond_by=datetime(2026, 11, 5, 23, 59, tzinfo=UTC),
)
MET = Engagement(attempts=3, sessions=2, last_contact=datetime(2026, 11, 20, 10, 15, tzinfo=UTC), ending=Ending.PLANNED)
UNMET = Engagement(attempts=0, sessions=0, last_contact=None)
TOLD = Told(OFFER, "Riverside Friends", MET)


def moves() -> set[tuple[ReferralState, ReferralTrigger]]:
    """Every state that a trigger can bring a referral into from another one."""
    return {(after, trigger) for (before, trigger), (after, _) in REFERRAL_TABLE.items() if after is not before}


def test_every_kind_of_note_is_written_of_some_step() -> None:
    noted = {noted_on_entering(state, trigger) for state, trigger in moves()} | {*NOTED_WITH_ALERT.values()}
    assert noted - {None} == set(NoteKind)


@pytest.mark.parametrize(("state", "trigger"), sorted(moves()))
def test_a_move_is_told_unless_what_comes_of_it_or_its_alert_tells_it(
    state: ReferralState, trigger: ReferralTrigger
) -> None:
    silent = state is ReferralState.PLACING or trigger is ReferralTrigger.OFFER_RETURNED
    assert (noted_on_entering(state, trigger) is None) == silent


def test_she_is_told_of_as_resumed_and_not_as_accepted_a_second_time() -> None:
    assert noted_on_entering(ReferralState.SUPPORTED, ReferralTrigger.OFFER_ACCEPTED) is NoteKind.ACCEPTED
    assert noted_on_entering(ReferralState.SUPPORTED, ReferralTrigger.RESUMED) is NoteKind.RESUMED
    assert noted_on_entering(ReferralState.IN_REVIEW) is NoteKind.IN_REVIEW  # opened so


@pytest.mark.parametrize("kind", ABOUT_THE_PROGRAMME)
def test_without_her_permission_it_is_the_same_but_for_how_the_contacts_went(kind: NoteKind) -> None:
    allowed, forbidden = (note_text(TEXTS, kind, [each], UTC) for each in (TOLD, replace(TOLD, engagement=None)))
    summary = "Contacts tried or held: 3. Sessions attended: 2. Last contact: 20 November 2026."
    assert forbidden == allowed.replace(f"{summary} The support ended as planned. ", "")
    assert summary not in forbidden


@pytest.mark.parametrize("kind", sorted({*NoteKind} - {*ABOUT_THE_PROGRAMME} | {*ALSO_WITHOUT_ONE}))
def test_where_no_programme_had_part_none_is_said_to_have_been_asked(kind: NoteKind) -> None:
    said = note_text(TEXTS, kind, [], UTC)
    assert said == TEXTS.unasked.get(kind, TEXTS.by_kind[kind])
    assert "has been asked" not in said


def test_two_programmes_of_one_woman_are_told_of_one_after_the_other_and_one_only_once() -> None:
    other = replace(TOLD, programme_name="Hillside Friends")
    one, both, same = (note_text(TEXTS, NoteKind.PAUSED, told, UTC) for told in ([TOLD], [TOLD, other], [TOLD, TOLD]))
    assert both == f"{one} {one.replace('Riverside', 'Hillside')}"
    assert same == one


@pytest.mark.parametrize("kind", ABOUT_THE_PROGRAMME)
def test_with_it_the_programme_is_named(kind: NoteKind) -> None:
    said = note_text(TEXTS, kind, [TOLD], UTC)
    assert "Riverside Friends" in said
    assert ("5 November 2026" in said) == (kind is NoteKind.OFFERED)
    summary = "Contacts tried or held: 3. Sessions attended: 2. Last contact: 20 November 2026. The support ended as"
    assert (summary in said) == (kind in (NoteKind.RETURNED, NoteKind.COMPLETED, NoteKind.CLOSED))
    assert not {"{", "}", "  "} & {*said, *(said[place : place + 2] for place in range(len(said)))}


def test_where_nobody_tried_to_reach_her_that_is_said_however_it_ended() -> None:
    said = note_text(TEXTS, NoteKind.CLOSED, [replace(TOLD, engagement=UNMET)], UTC)
    assert "No session was recorded" in said
    assert "Contacts" not in said
    assert "  " not in said
    planned = replace(TOLD, engagement=replace(UNMET, ending=Ending.PLANNED))
    ended = note_text(TEXTS, NoteKind.COMPLETED, [planned], UTC)
    assert f"{TEXTS.no_contacts} {TEXTS.endings[Ending.PLANNED]}" in ended
    assert TEXTS.no_contacts not in note_text(TEXTS, NoteKind.COMPLETED, [TOLD], UTC)


def test_a_name_is_never_read_as_a_template() -> None:
    named = replace(TOLD, programme_name="Friends {summary}\r\n{0.__class__}")
    said = note_text(TEXTS, NoteKind.ACCEPTED, [named], UTC)
    assert said.startswith("Friends {summary} {0.__class__} has accepted")


@pytest.mark.parametrize(
    ("template", "wrong"),
    [
        ("nothing", []),
        ("{programme} and {{programme}}", []),
        ("{score}", ["score"]),
        ("{programme.id}", ["programme.id"]),
        ("{programme[0]}", ["programme[0]"]),
        ("{programme!r}", ["programme"]),
        ("{programme:>9}", ["programme"]),
        ("{}", [""]),
        ("{0}", ["0"]),
        ("{programme", ["{"]),
        ("programme}", ["{"]),
    ],
)
def test_a_template_names_what_it_may_and_nothing_else(template: str, wrong: list[str]) -> None:
    assert wrong_fields(template, frozenset({NoteField.PROGRAMME})) == wrong


def test_where_no_programme_has_part_nothing_can_be_named() -> None:
    for kind in set(NoteKind) - set(ABOUT_THE_PROGRAMME):
        assert FIELDS[kind] == frozenset()
    assert wrong_fields(TEXTS.contacts, frozenset(ContactsField)) == []


@pytest.mark.parametrize(
    ("state", "said", "attempts", "sessions", "ending"),
    [
        (OfferState.COMPLETED, None, 3, 2, Ending.PLANNED),
        (OfferState.COMPLETED, Ending.ENDED_BY_HER, 3, 2, Ending.ENDED_BY_HER),
        (OfferState.FAILED, None, 3, 2, Ending.EARLY),
        (OfferState.FAILED, None, 3, 0, Ending.NOT_REACHED),
        (OfferState.FAILED, None, 0, 0, Ending.EARLY),
        (OfferState.FAILED, Ending.ENDED_BY_HER, 3, 0, Ending.ENDED_BY_HER),
        (OfferState.CANCELLED, None, 3, 2, None),
        (OfferState.CANCELLED, Ending.NOT_REACHED, 3, 0, Ending.NOT_REACHED),
        *((state, Ending.PLANNED, 3, 2, None) for state in OfferState if state.value not in (
            "completed", "failed", "cancelled",
        )),
    ],
)  # fmt: skip
def test_how_contacts_ended_is_what_the_programme_says_or_what_follows_from_its_status(
    state: OfferState, said: Ending | None, attempts: int, sessions: int, ending: Ending | None
) -> None:
    assert ending_of(OFFER._replace(state=state, ending=said), attempts, sessions) is ending


@pytest.mark.parametrize(
    ("zone", "happened", "day"),
    [
        ("UTC", "2026-11-20T11:30:00", "20 November 2026"),
        ("Pacific/Auckland", "2026-11-20T11:30:00", "21 November 2026"),
        ("America/New_York", "2026-11-20T03:30:00", "19 November 2026"),
        # A day without a time, which is kept as its midnight in UTC.
        ("America/New_York", "2026-11-20T00:00:00", "20 November 2026"),
        ("Pacific/Auckland", "2026-11-20T00:00:00", "20 November 2026"),
    ],
)
def test_days_are_those_of_the_hospital_s_clocks(zone: str, happened: str, day: str) -> None:
    met = replace(MET, last_contact=datetime.fromisoformat(f"{happened}+00:00"))
    said = note_text(TEXTS, NoteKind.COMPLETED, [replace(TOLD, engagement=met)], ZoneInfo(zone))
    assert f"Last contact: {day}." in said
