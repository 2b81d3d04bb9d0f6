"""The gate by its rules, one at a time, and against an oracle that puts the same rules the other way round."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from service.consent.consent import Consent, Status
from service.consent.disclosure import DISCLOSED, Element, ViewStage
from service.consent.gate import Permit, Refusal, Why, ask_gate
from service.consent.safe_contact import Channel, Mode, Permission, SafeContact
from service.shared.code import Code
from tests.consent.support import ACTOR, DAY, MILLISECOND, NO, NOW, OTHER_ACTOR, PURPOSE, RESEARCH, TREATMENT, YES


def answer(*consents: Consent, element: Element = Element.DISTRICT, now: datetime = NOW) -> Permit | Why:
    decided = ask_gate(consents, ACTOR, element, PURPOSE, now)
    return decided.reason if isinstance(decided, Refusal) else decided


@pytest.mark.parametrize("element", Element)
def test_a_plain_permit_in_its_period_permits_everything_it_covers(element: Element) -> None:
    assert answer(YES, element=element) == Permit(YES)


def test_without_any_consent_nothing_is_told() -> None:
    assert answer() is Why.NO_CONSENT


REFUSED: dict[str, tuple[tuple[Consent, ...], Why]] = {
    "a permit for another organisation": ((replace(YES, recipient_id=OTHER_ACTOR),), Why.NO_CONSENT),
    "a permit that names nobody": ((replace(YES, recipient_id=None),), Why.NO_CONSENT),
    "a draft": ((replace(YES, status=Status.DRAFT),), Why.NO_CONSENT),
    "a proposal": ((replace(YES, status=Status.PROPOSED),), Why.NO_CONSENT),
    "a permit that was an error from the start": ((replace(YES, status=Status.ENTERED_IN_ERROR),), Why.NO_CONSENT),
    "a rejected permit": ((replace(YES, status=Status.REJECTED),), Why.DENIED),
    "an inactive permit": ((replace(YES, status=Status.INACTIVE),), Why.DENIED),
    "a denial": ((NO,), Why.DENIED),
    "a denial to all": ((replace(NO, recipient_id=None),), Why.DENIED),
    "a withdrawn permit": ((replace(YES, withdrawn_at=NOW - DAY),), Why.WITHDRAWN),
    "a permit whose time is unknown": ((replace(YES, given_at=None),), Why.TIME_UNKNOWN),
    "a denial whose time is unknown, beside a permit": ((YES, replace(NO, given_at=None)), Why.TIME_UNKNOWN),
    "a permit given in the future": ((replace(YES, given_at=NOW + DAY),), Why.TIME_UNKNOWN),
    "a permit not yet valid": ((replace(YES, period_start=NOW + MILLISECOND),), Why.NOT_YET_VALID),
    "a permit that ends at this instant": ((replace(YES, period_end=NOW),), Why.EXPIRED),
    "another purpose": ((replace(YES, purposes=frozenset({RESEARCH})),), Why.PURPOSE_NOT_COVERED),
    "no purpose": ((replace(YES, purposes=frozenset()),), Why.PURPOSE_NOT_COVERED),
    "a later denial": ((YES, replace(NO, given_at=NOW - DAY)), Why.DENIED),
    "a later denial to all": ((YES, replace(NO, recipient_id=None, given_at=NOW - DAY)), Why.DENIED),
    "a denial at the same instant": ((YES, NO), Why.CONTRADICTORY),
    "a denial to all at the same instant": ((YES, replace(NO, recipient_id=None)), Why.CONTRADICTORY),
    "a later permit for another purpose": (
        (YES, replace(YES, id="later", given_at=NOW - DAY, purposes=frozenset({RESEARCH}))),
        Why.PURPOSE_NOT_COVERED,
    ),
    "a later permit that has expired": (
        (YES, replace(YES, id="later", given_at=NOW - DAY, period_end=NOW - MILLISECOND)),
        Why.EXPIRED,
    ),
    "two permits of one instant that end differently": (
        (YES, replace(YES, id="twin", period_end=NOW)),
        Why.CONTRADICTORY,
    ),
    "two permits of one instant, one of which lets it report back": (
        (YES, replace(YES, id="twin", may_report_back=False)),
        Why.CONTRADICTORY,
    ),
    "two permits of one instant with different ways to reach her": (
        (YES, replace(YES, id="twin", safe_contact=SafeContact((Channel(Mode.VOICE, Permission.ALLOW, "1"),)))),
        Why.CONTRADICTORY,
    ),
    "re-consent dated before the withdrawal": (
        (replace(YES, withdrawn_at=NOW - DAY), replace(YES, id="again", given_at=NOW - DAY - MILLISECOND)),
        Why.WITHDRAWN,
    ),
    "re-consent dated at the withdrawal": (
        (replace(YES, withdrawn_at=NOW - DAY), replace(YES, id="again", given_at=NOW - DAY)),
        Why.CONTRADICTORY,
    ),
    "an older permit, when the newer was withdrawn": (
        (YES, replace(YES, id="newer", given_at=NOW - 2 * DAY, withdrawn_at=NOW - DAY)),
        Why.WITHDRAWN,
    ),
    "an older permit, when the newer became a draft": (
        (YES, replace(YES, id="newer", status=Status.DRAFT, withdrawn_at=NOW - DAY)),
        Why.WITHDRAWN,
    ),
    "an older permit, when the newer was withdrawn as an error": (
        (YES, replace(YES, id="newer", status=Status.ENTERED_IN_ERROR, withdrawn_at=NOW - DAY)),
        Why.WITHDRAWN,
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str) -> None:
    consents, why = REFUSED[case]
    assert answer(*consents) is why
    assert answer(*reversed(consents)) is why


LATER = replace(YES, id="later", given_at=NOW - DAY)
PERMITTED: dict[str, tuple[tuple[Consent, ...], Consent]] = {
    "a permit later than a denial": ((NO, LATER), LATER),
    "a permit later than a denial to all": ((replace(NO, recipient_id=None), LATER), LATER),
    "re-consent dated after the withdrawal": ((replace(YES, withdrawn_at=NOW - 2 * DAY), LATER), LATER),
    "re-consent after a withdrawal that had no date": (
        (replace(YES, given_at=None, withdrawn_at=NOW - 2 * DAY), LATER),
        LATER,
    ),
    "a permit beside a later denial to another": ((YES, replace(NO, recipient_id=OTHER_ACTOR, given_at=NOW)), YES),
    "a permit beside a later draft": ((YES, replace(NO, status=Status.DRAFT, given_at=NOW)), YES),
    "a permit beside what never was more than an error": (
        (YES, replace(NO, status=Status.ENTERED_IN_ERROR, given_at=None)),
        YES,
    ),
    "the same permit under two identifiers": ((YES, replace(YES, id="zz", version=4)), YES),
    "a permit that ends a moment later": (
        (replace(YES, period_end=NOW + MILLISECOND),),
        replace(YES, period_end=NOW + MILLISECOND),
    ),
    "a permit that begins at this instant": ((replace(YES, period_start=NOW),), replace(YES, period_start=NOW)),
    "a permit without a period": (
        (replace(YES, period_start=None, period_end=None),),
        replace(YES, period_start=None, period_end=None),
    ),
    "a permit given by a clock that is a little ahead": (
        (replace(YES, given_at=NOW + timedelta(minutes=5)),),
        replace(YES, given_at=NOW + timedelta(minutes=5)),
    ),
}


@pytest.mark.parametrize("case", PERMITTED)
def test_permitted(case: str) -> None:
    consents, under = PERMITTED[case]
    assert answer(*consents) == Permit(under)
    assert answer(*reversed(consents)) == Permit(under)


def test_reporting_back_needs_the_nested_permit_and_nothing_else_does() -> None:
    silent = replace(YES, may_report_back=False)
    assert answer(silent, element=Element.ENGAGEMENT) is Why.REPORTING_BACK_NOT_PERMITTED
    assert all(answer(silent, element=element) == Permit(silent) for element in Element if element.name != "ENGAGEMENT")


def test_a_period_ends_at_its_instant_wherever_clocks_are_put_back() -> None:
    # 2026-10-25T01:30+01:00 is before, and 2026-10-25T01:30+00:00 after the British clocks go back.
    consent = replace(YES, period_end=datetime.fromisoformat("2026-10-25T01:30:00+01:00"))
    assert answer(consent, now=datetime(2026, 10, 25, 0, 29, tzinfo=UTC)) == Permit(consent)
    assert answer(consent, now=datetime(2026, 10, 25, 0, 30, tzinfo=UTC)) is Why.EXPIRED


def test_a_purpose_that_nobody_listed_never_permits() -> None:
    assert ask_gate([YES], ACTOR, Element.DISTRICT, frozenset(), NOW) == Refusal(Why.PURPOSE_NOT_COVERED)
    both = replace(YES, purposes=frozenset({RESEARCH, TREATMENT}))
    assert ask_gate([both], ACTOR, Element.DISTRICT, PURPOSE, NOW) == Permit(both)


# What DESIGN 7 lets a programme see, written out.
BEFORE = {"district", "stage", "language", "interpreter", "access", "wish", "respond-by"}
AFTER = {"preferred-name", "safe-contact", "due-month", "baby-age", "escalation-contact"}


@pytest.mark.parametrize(
    ("stage", "seen"),
    [(ViewStage.OFFERED, BEFORE), (ViewStage.SUPPORTING, BEFORE | AFTER), (ViewStage.OVER, set[str]())],
)
def test_a_stage_discloses_its_elements_and_no_other(stage: ViewStage, seen: set[str]) -> None:
    assert DISCLOSED[stage] == seen


# The oracle: there is one permit that holds on its own, and every other word about the actor is older, or is the same.


def may_be_told(
    consents: Sequence[Consent], actor: str, element: Element, purpose: frozenset[Code], now: datetime
) -> bool:
    words = [each for each in consents if each.recipient_id in (actor, None) and _counts(each)]
    return any(
        _holds(each, actor, element, purpose, now)
        and all(_is_older(other, each) or _content(other) == _content(each) for other in words)
        for each in words
    )


def _counts(consent: Consent) -> bool:
    return consent.withdrawn_at is not None or consent.status.value in ("active", "rejected", "inactive")


def _holds(consent: Consent, actor: str, element: Element, purpose: frozenset[Code], now: datetime) -> bool:
    return (
        consent.recipient_id == actor
        and consent.status.value == "active"
        and consent.permits
        and consent.withdrawn_at is None
        and consent.given_at is not None
        and consent.given_at - now <= timedelta(minutes=5)
        and not (consent.period_start and consent.period_start > now)
        and not (consent.period_end and consent.period_end <= now)
        and not consent.purposes.isdisjoint(purpose)
        and (consent.may_report_back or element.value != "engagement")
    )


def _is_older(other: Consent, consent: Consent) -> bool:
    times = [time for time in (other.given_at, other.withdrawn_at) if time]
    return consent.given_at is not None and bool(times) and all(time < consent.given_at for time in times)


def _content(consent: Consent) -> dict[str, object]:
    return {name: getattr(consent, name) for name in Consent.__slots__ if name not in ("id", "version")}


# Few instants, so that ties and borders are common, and most consents plain, so that permits are.
instants = st.sampled_from([NOW + step for step in (-3 * DAY, -DAY, -MILLISECOND, timedelta(), MILLISECOND, DAY)])
moments = [NOW - 2 * DAY, NOW - MILLISECOND, NOW, NOW + MILLISECOND, NOW + 2 * DAY]
contacts = st.sampled_from([None, SafeContact((Channel(Mode.SMS, Permission.ALLOW, "1"),))])
consents = st.builds(
    Consent,
    id=st.uuids().map(str),
    version=st.integers(1, 3),
    tenant_id=st.just("hospital"),
    patient_id=st.just("woman"),
    status=st.one_of(st.just(Status.ACTIVE), st.sampled_from(Status)),
    permits=st.sampled_from([True, True, True, False]),
    recipient_id=st.sampled_from([ACTOR, ACTOR, OTHER_ACTOR, None]),
    given_at=st.one_of(instants, instants, instants, st.none()),
    period_start=st.one_of(st.none(), instants),
    period_end=st.one_of(st.none(), instants, st.just(NOW + 9 * DAY)),
    purposes=st.sampled_from([PURPOSE, PURPOSE, frozenset({RESEARCH, TREATMENT}), frozenset({RESEARCH}), frozenset()]),
    may_report_back=st.booleans(),
    safe_contact=contacts,
    withdrawn_at=st.one_of(st.none(), st.none(), st.none(), instants),
)
# A twin says the same, or almost the same, at the same time.
twins = st.builds(
    lambda one, change: [one, replace(one, id="twin", **change)],
    consents,
    st.sampled_from([{}, {"may_report_back": True}, {"permits": False}, {"period_end": None}]),
)
histories = st.one_of(
    st.lists(consents, max_size=4),
    st.builds(lambda pair, rest: [*pair, *rest], twins, st.lists(consents, max_size=2)),
)


@given(histories)
def test_nothing_is_told_outside_the_oracle_and_nothing_within_it_is_kept(history: list[Consent]) -> None:
    # 100 decisions about each history: ten thousand in a tenth of the run, a hundred thousand in the whole of it.
    for actor, element, now in product((ACTOR, OTHER_ACTOR), Element, moments):
        decided = ask_gate(history, actor, element, PURPOSE, now)
        assert isinstance(decided, Permit) == may_be_told(history, actor, element, PURPOSE, now)
        assert ask_gate(history[::-1], actor, element, PURPOSE, now) == decided
        if isinstance(decided, Permit):
            assert _holds(decided.consent, actor, element, PURPOSE, now)


def test_the_random_histories_contain_what_makes_the_comparison_worth_it() -> None:
    def permits_against_an_older_no(history: list[Consent]) -> bool:
        no = any(_counts(each) and not each.gives_permission() and each.recipient_id == ACTOR for each in history)
        return no and may_be_told(history, ACTOR, Element.DISTRICT, PURPOSE, NOW)

    quick = settings(max_examples=2000, phases=[Phase.generate], database=None, derandomize=True)
    assert find(histories, permits_against_an_older_no, settings=quick)
