"""A Consent's next version: less always sticks, and what was taken away does not come back under its identifier."""

from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.consent.consent import Consent, Status, gives_less, revise
from service.consent.disclosure import Element
from service.consent.gate import Permit, ask_gate
from service.consent.safe_contact import Channel, Mode, Permission, SafeContact
from tests.consent.support import ACTOR, DAY, MILLISECOND, NO, NOW, OTHER_ACTOR, PURPOSE, RESEARCH, TREATMENT, YES


def permitted(*consents: Consent, actor: str = ACTOR, now: datetime = NOW) -> bool:
    return isinstance(ask_gate(consents, actor, Element.DISTRICT, PURPOSE, now), Permit)


ENDS = {
    "inactive": replace(YES, status=Status.INACTIVE),
    "rejected": replace(YES, status=Status.REJECTED),
    "entered in error": replace(YES, status=Status.ENTERED_IN_ERROR),
    "back to a draft": replace(YES, status=Status.DRAFT),
    "a denial": NO,
    "without a date": replace(YES, status=Status.INACTIVE, given_at=None),
    "naming nobody": replace(YES, status=Status.INACTIVE, recipient_id=None),
}


@pytest.mark.parametrize(
    ("consent", "ends"), [*((each, "draft" not in name) for name, each in ENDS.items()), (YES, False)]
)
def test_a_no_and_a_yes_that_is_taken_back_are_told_from_a_yes_and_from_what_nobody_has_said_yet(
    consent: Consent, ends: bool
) -> None:
    assert consent.ends_permission() is ends


@pytest.mark.parametrize("end", ENDS)
def test_a_withdrawal_counts_from_its_arrival_and_is_about_the_organisation_it_was_given_to(end: str) -> None:
    withdrawn = revise(YES, ENDS[end], NOW)
    assert (withdrawn.id, withdrawn.version, withdrawn.withdrawn_at) == (YES.id, 2, NOW)
    older = replace(YES, id="older", given_at=NOW - 20 * DAY)
    assert not permitted(withdrawn, older)
    elsewhere = replace(YES, id="elsewhere", recipient_id=OTHER_ACTOR)
    assert permitted(withdrawn, elsewhere, actor=OTHER_ACTOR)


@pytest.mark.parametrize("end", ENDS)
def test_after_a_withdrawal_only_a_new_identifier_with_a_later_date_permits(end: str) -> None:
    withdrawn = revise(YES, ENDS[end], NOW)
    tomorrow = NOW + DAY
    same_again = revise(withdrawn, replace(YES, given_at=tomorrow), tomorrow)
    assert same_again.version == 3
    assert not permitted(same_again, now=tomorrow)
    assert not permitted(withdrawn, replace(YES, id="new", given_at=NOW - MILLISECOND), now=tomorrow)
    assert permitted(withdrawn, replace(YES, id="new", given_at=NOW + MILLISECOND), now=tomorrow)


NEVER_A_YES = {
    "received as inactive": replace(YES, status=Status.INACTIVE),
    "received as rejected": replace(YES, status=Status.REJECTED),
    "received as entered in error": replace(YES, status=Status.ENTERED_IN_ERROR),
    "received as a denial": NO,
}


@pytest.mark.parametrize("first", NEVER_A_YES)
def test_what_began_with_a_no_never_permits_when_an_older_message_arrives_late(first: str) -> None:
    late = revise(NEVER_A_YES[first], YES, NOW)
    assert not permitted(late)
    assert not permitted(revise(late, YES, NOW + DAY))


def test_an_error_that_never_meant_anything_here_silences_nobody_also_after_late_messages() -> None:
    void = replace(YES, id="void", status=Status.ENTERED_IN_ERROR, given_at=NOW - DAY)
    assert permitted(YES, void)
    assert permitted(YES, revise(void, replace(void, status=Status.ACTIVE), NOW))
    assert permitted(YES, revise(revise(void, replace(void, status=Status.DRAFT), NOW), void, NOW))


def test_a_no_under_an_identifier_that_was_an_error_is_heard() -> None:
    void = replace(YES, id="void", status=Status.ENTERED_IN_ERROR, given_at=NOW - DAY)
    assert not permitted(YES, revise(void, replace(NO, given_at=NOW - DAY), NOW))


def test_a_draft_may_become_a_permit() -> None:
    assert permitted(revise(replace(YES, status=Status.PROPOSED), YES, NOW))


TURNED = {
    "away to another organisation": replace(NO, recipient_id=OTHER_ACTOR),
    "into a draft": replace(NO, status=Status.DRAFT),
    "into an error": replace(NO, status=Status.ENTERED_IN_ERROR),
    "into something older": replace(NO, given_at=NOW - 30 * DAY),
    "into a permit for another": replace(YES, recipient_id=OTHER_ACTOR),
}


@pytest.mark.parametrize("turn", TURNED)
def test_a_no_goes_on_silencing_an_older_permit_however_it_is_turned(turn: str) -> None:
    older = replace(YES, id="older", given_at=NOW - 20 * DAY)
    turned = revise(NO, TURNED[turn], NOW)
    assert not permitted(older, turned)
    assert permitted(older, turned, replace(YES, id="newer", given_at=NOW - DAY))


def test_a_permit_that_is_not_taken_does_not_silence_another() -> None:
    spent = revise(revise(YES, ENDS["inactive"], NOW - 5 * DAY), replace(YES, given_at=NOW), NOW)
    assert permitted(spent, replace(YES, id="new", given_at=NOW - DAY))
    widened = revise(NO, replace(YES, recipient_id=OTHER_ACTOR), NOW)
    assert permitted(widened, replace(YES, id="third", recipient_id="organisation-c"), actor="organisation-c")


def test_a_second_no_counts_from_its_own_date() -> None:
    between = replace(YES, id="between", given_at=NOW - 5 * DAY)
    assert permitted(NO, between)
    assert not permitted(revise(NO, replace(NO, given_at=NOW - DAY), NOW), between)
    assert not permitted(revise(NO, replace(NO, given_at=None), NOW), between)


def test_a_no_that_turns_to_another_organisation_is_about_both() -> None:
    both = revise(YES, replace(NO, recipient_id=OTHER_ACTOR, given_at=NOW), NOW)
    assert not permitted(both, replace(YES, id="older"))
    assert not permitted(both, replace(YES, id="older", recipient_id=OTHER_ACTOR), actor=OTHER_ACTOR)


VERSIONS = st.builds(
    lambda status, permits, recipient, given_at: replace(
        YES, id="x", status=status, permits=permits, recipient_id=recipient, given_at=given_at
    ),
    st.one_of(st.just(Status.ACTIVE), st.sampled_from(Status)),
    st.booleans(),
    st.sampled_from([ACTOR, ACTOR, OTHER_ACTOR, None]),
    st.sampled_from([NOW - 20 * DAY, NOW - 10 * DAY, NOW - DAY, None]),
)


@given(st.lists(VERSIONS, min_size=1, max_size=6))
def test_once_an_identifier_has_said_no_nothing_under_it_ever_permits_or_revives(received: list[Consent]) -> None:
    older = replace(YES, id="older", given_at=NOW - 15 * DAY)
    known, silenced = received[0], False
    for day, version in enumerate([None, *received[1:]]):
        now = NOW + day * DAY
        known = known if version is None else revise(known, version, now)
        says_no = known.was_said() and not known.gives_permission() and known.recipient_id in (ACTOR, None)
        silenced = silenced or (says_no and not permitted(older, known, now=now))
        assert not (silenced and permitted(older, known, now=now))
        assert known.version == day + 1


@given(VERSIONS, VERSIONS)
def test_a_change_that_ends_permission_is_always_less(known: Consent, received: Consent) -> None:
    if known.gives_permission() and not revise(known, received, NOW).gives_permission():
        assert gives_less(known, received)
    if not received.gives_permission() and received.was_said():
        assert gives_less(known, received)


BY_VOICE = SafeContact((Channel(Mode.VOICE, Permission.ALLOW, "12345"),))
LESS = {
    **{f"ended: {end}": received for end, received in ENDS.items()},
    "another organisation": replace(YES, recipient_id=OTHER_ACTOR),
    "no reporting back": replace(YES, may_report_back=False),
    "one purpose fewer": replace(YES, purposes=frozenset({RESEARCH})),
    "an earlier end": replace(YES, period_end=NOW + DAY),
    "a later beginning": replace(YES, period_start=NOW),
    "no way to reach her": replace(YES, safe_contact=SafeContact(())),
}


@pytest.mark.parametrize("change", LESS)
def test_gives_less(change: str) -> None:
    assert gives_less(replace(YES, safe_contact=BY_VOICE), LESS[change])


MORE = {
    "nothing": YES,
    "another purpose": replace(YES, purposes=frozenset({RESEARCH, TREATMENT})),
    "a later end": replace(YES, period_end=NOW + 100 * DAY),
    "no end": replace(YES, period_end=None),
    "an earlier beginning": replace(YES, period_start=NOW - 30 * DAY),
    "no beginning": replace(YES, period_start=None),
    "a way to reach her": replace(YES, safe_contact=BY_VOICE),
}


@pytest.mark.parametrize("change", MORE)
def test_does_not_give_less(change: str) -> None:
    assert not gives_less(YES, MORE[change])


def test_reporting_back_is_more_and_its_end_is_less() -> None:
    silent = replace(YES, may_report_back=False)
    assert not gives_less(silent, YES)
    assert gives_less(YES, silent)


def test_to_open_ended_permission_every_end_is_less() -> None:
    assert gives_less(replace(YES, period_end=None), YES)
    assert gives_less(replace(YES, period_start=None), YES)


@pytest.mark.parametrize("known", [NO, replace(YES, status=Status.DRAFT), replace(YES, withdrawn_at=NOW)])
def test_what_permits_is_never_less_than_what_does_not(known: Consent) -> None:
    assert not gives_less(known, YES)


def test_a_no_is_less_than_an_older_no_and_a_draft_is_not_less_than_a_draft() -> None:
    assert gives_less(NO, replace(NO, given_at=NOW))
    assert gives_less(replace(YES, status=Status.DRAFT), NO)
    assert not gives_less(replace(YES, status=Status.DRAFT), replace(YES, status=Status.PROPOSED))
