"""Who fits, in what order, and why each of the others was passed over."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.referrals.matching import Favour, Needs, PassedOver, Ranking, favours, rank
from service.referrals.needs import Access, SupportNeeds, Wish
from service.referrals.programme import DeliveryMode, Model, Programme, Serves
from service.screening.instrument import Stage

TODAY = date(2026, 6, 1)
ASKED_NOBODY = frozenset[str]()
NEEDS = Needs(stage=Stage.ANTENATAL, language="en", interpreter=False, district="Testborough")
PLAIN = Programme(
    id="plain",
    organisation_id="organisation",
    name="A peer-support service",
    active=True,
    model=Model.ONE_TO_ONE,
    modes=(DeliveryMode.PHONE,),
    languages=frozenset({"en"}),
    districts=frozenset({"testborough"}),
    stages=frozenset({Stage.ANTENATAL, Stage.POSTNATAL}),
    interpreters=False,
    places=5,
    places_taken=0,
    respond_within_hours=48,
    training_renewed_until=TODAY,
    telephone=None,
)


def asking(**support: Any) -> Needs:
    return replace(NEEDS, support=SupportNeeds(**support))


SOMALI = Serves(communities=frozenset({"somali"}), communities_only=True)
STEP_FREE = frozenset({Access.STEP_FREE})


def missed(programme: Programme, needs: Needs = NEEDS, asked: frozenset[str] = ASKED_NOBODY) -> PassedOver | None:
    ranking = rank([programme], needs, asked, TODAY)
    if ranking.fits:
        assert ranking == Ranking((programme,), ())
        return None
    [(passed, why)] = ranking.passed_over
    assert passed == programme
    return why


def test_a_programme_that_meets_every_need_fits() -> None:
    assert missed(PLAIN) is None


@pytest.mark.parametrize(
    ("programme", "why"),
    [
        (replace(PLAIN, active=False), PassedOver.NOT_ACTIVE),
        (replace(PLAIN, training_renewed_until=TODAY - timedelta(days=1)), PassedOver.TRAINING_LAPSED),
        (replace(PLAIN, places=5, places_taken=5), PassedOver.NO_OPEN_PLACE),
        (replace(PLAIN, places=5, places_taken=6), PassedOver.NO_OPEN_PLACE),
        (replace(PLAIN, places=0), PassedOver.NO_OPEN_PLACE),
        (replace(PLAIN, stages=frozenset({Stage.POSTNATAL})), PassedOver.STAGE_NOT_SERVED),
        (replace(PLAIN, stages=frozenset[Stage]()), PassedOver.STAGE_NOT_SERVED),
        (replace(PLAIN, districts=frozenset({"elsewhere"})), PassedOver.DISTRICT_NOT_SERVED),
        (replace(PLAIN, languages=frozenset({"so"})), PassedOver.LANGUAGE_NOT_SPOKEN),
        (replace(PLAIN, languages=frozenset[str]()), PassedOver.LANGUAGE_NOT_SPOKEN),
    ],
)
def test_a_programme_that_misses_one_need_is_passed_over_for_it(programme: Programme, why: PassedOver) -> None:
    assert missed(programme) is why


def test_whoever_was_asked_already_is_not_asked_again() -> None:
    assert missed(PLAIN, asked=frozenset({"plain"})) is PassedOver.ALREADY_ASKED
    assert missed(PLAIN, asked=frozenset({"another"})) is None


@pytest.mark.parametrize(
    "programme",
    [
        replace(PLAIN, places=5, places_taken=4),
        replace(PLAIN, training_renewed_until=None),
        replace(PLAIN, districts=frozenset[str]()),
        replace(PLAIN, languages=frozenset({"so"}), interpreters=True),
    ],
)
def test_a_last_place_no_training_date_no_district_limit_and_an_interpreter_are_enough(programme: Programme) -> None:
    assert missed(programme) is None


@pytest.mark.parametrize(
    ("needs", "why"),
    [
        (replace(NEEDS, stage=Stage.UNKNOWN), None),
        (replace(NEEDS, district="TESTBOROUGH"), None),
        (replace(NEEDS, district=None), PassedOver.DISTRICT_NOT_SERVED),
        (replace(NEEDS, district=""), PassedOver.DISTRICT_NOT_SERVED),
        (replace(NEEDS, language="EN-gb"), None),
        (replace(NEEDS, language="eng"), PassedOver.LANGUAGE_NOT_SPOKEN),
        (replace(NEEDS, language=""), PassedOver.LANGUAGE_NOT_SPOKEN),
        (replace(NEEDS, language=None), None),
        (replace(NEEDS, interpreter=True), None),
        (replace(NEEDS, language=None, interpreter=True), PassedOver.LANGUAGE_NOT_SPOKEN),
    ],
)
def test_what_is_known_of_her_decides(needs: Needs, why: PassedOver | None) -> None:
    assert missed(PLAIN, needs) is why


def test_an_interpreter_for_a_language_that_the_record_does_not_name_is_found_where_there_are_interpreters() -> None:
    assert missed(replace(PLAIN, interpreters=True), replace(NEEDS, language=None, interpreter=True)) is None


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (PLAIN, replace(PLAIN, id="a", languages=frozenset({"so"}), interpreters=True)),
        (PLAIN, replace(PLAIN, id="a", districts=frozenset[str]())),
        (PLAIN, replace(PLAIN, id="a", places=4)),
        (PLAIN, replace(PLAIN, id="z")),
        # Her language counts more than her district, and that more than places.
        (
            replace(PLAIN, districts=frozenset[str]()),
            replace(PLAIN, id="a", languages=frozenset({"so"}), interpreters=True),
        ),
        (replace(PLAIN, places=1), replace(PLAIN, id="a", districts=frozenset[str](), places=50)),
    ],
)
def test_the_better_fit_comes_first(better: Programme, worse: Programme) -> None:
    assert rank([worse, better], NEEDS, ASKED_NOBODY, TODAY).fits == (better, worse)
    assert rank([better, worse], NEEDS, ASKED_NOBODY, TODAY).fits == (better, worse)


@pytest.mark.parametrize(
    ("serves", "needs", "why"),
    [
        (Serves(access=STEP_FREE), NEEDS, None),
        (Serves(access=STEP_FREE), asking(access=STEP_FREE), None),
        (Serves(), asking(access=STEP_FREE), PassedOver.ACCESS_NOT_MET),
        (Serves(access=STEP_FREE), asking(access=STEP_FREE | {Access.SIGHT}), PassedOver.ACCESS_NOT_MET),
        (Serves(16, 25), NEEDS, None),
        (Serves(16, 25), replace(NEEDS, age=16), None),
        (Serves(16, 25), replace(NEEDS, age=25), None),
        (Serves(16, 25), replace(NEEDS, age=15), PassedOver.AGE_NOT_SERVED),
        (Serves(16, 25), replace(NEEDS, age=26), PassedOver.AGE_NOT_SERVED),
        (Serves(to_age=25), replace(NEEDS, age=14), None),
        (Serves(first_baby_only=True), NEEDS, None),
        (Serves(first_baby_only=True), asking(first_baby=True), None),
        (Serves(first_baby_only=True), asking(first_baby=False), PassedOver.FIRST_BABY_ONLY),
        (SOMALI, asking(communities=frozenset({"somali", "oromo"})), None),
        (SOMALI, asking(communities=frozenset({"oromo"})), PassedOver.COMMUNITY_NOT_SERVED),
        (replace(SOMALI, communities_only=False), asking(communities=frozenset({"oromo"})), None),
        (Serves(), asking(wish=Wish.GROUP), None),
    ],
)
def test_whom_a_programme_serves_is_held_against_what_she_asks_for(
    serves: Serves, needs: Needs, why: PassedOver | None
) -> None:
    assert missed(replace(PLAIN, serves=serves), needs) is why


@pytest.mark.parametrize(
    ("model", "wish", "met"),
    [
        (Model.ONE_TO_ONE, Wish.ONE_TO_ONE, True),
        (Model.ONE_TO_ONE, Wish.GROUP, False),
        (Model.COMMUNITY_COUNSELLOR, Wish.ONE_TO_ONE, True),
        (Model.GROUP, Wish.GROUP, True),
        (Model.ONLINE, Wish.GROUP, True),
        (Model.ONLINE, Wish.ONE_TO_ONE, False),
        (Model.MIXED, Wish.GROUP, True),
        (Model.MIXED, Wish.ONE_TO_ONE, True),
        (Model.MIXED, None, False),
    ],
)
def test_a_wish_is_met_by_the_form_of_the_programme(model: Model, wish: Wish | None, met: bool) -> None:
    assert (Favour.WISH_MET in favours(replace(PLAIN, model=model), asking(wish=wish))) is met


def test_what_speaks_for_a_programme_weighs_in_the_order_in_which_it_is_told() -> None:
    """Each one alone outweighs all that come after it, and any number of open places."""
    needs = replace(asking(wish=Wish.GROUP, communities=frozenset({"somali"})), language="en")
    bare = replace(PLAIN, interpreters=True, languages=frozenset({"pl"}), districts=frozenset[str]())
    with_one: dict[Favour, Programme] = {
        Favour.WISH_MET: replace(bare, model=Model.GROUP),
        Favour.LANGUAGE_SPOKEN: replace(bare, languages=frozenset({"en"})),
        Favour.COMMUNITY_SHARED: replace(bare, serves=Serves(communities=frozenset({"somali"}))),
        Favour.OWN_DISTRICT: replace(bare, districts=frozenset({"testborough"})),
    }
    for favour, programme in with_one.items():
        assert favours(programme, needs) == (favour,)
    programmes = [replace(each, id=favour.value, places=5) for favour, each in with_one.items()]
    programmes.append(replace(bare, id="roomy", places=500))
    ranked = [each.id for each in rank(programmes[::-1], needs, ASKED_NOBODY, TODAY).fits]
    assert ranked == [*(favour.value for favour in Favour), "roomy"]


def test_nobody_to_ask_is_an_empty_ranking() -> None:
    assert rank([], NEEDS, ASKED_NOBODY, TODAY) == Ranking((), ())


LANGUAGES, DISTRICTS = ["en", "so", "ur"], ["testborough", "sampleton"]
PROGRAMMES = st.lists(
    st.builds(
        replace,
        st.just(PLAIN),
        id=st.sampled_from("abcdefgh"),
        active=st.sampled_from([True, True, True, False]),
        languages=st.frozensets(st.sampled_from(LANGUAGES)),
        districts=st.frozensets(st.sampled_from(DISTRICTS)),
        stages=st.frozensets(st.sampled_from([Stage.ANTENATAL, Stage.POSTNATAL])),
        interpreters=st.booleans(),
        model=st.sampled_from(Model),
        serves=st.builds(
            Serves,
            from_age=st.sampled_from([None, 18]),
            first_baby_only=st.booleans(),
            access=st.frozensets(st.sampled_from([Access.SIGHT, Access.STEP_FREE])),
        ),
        places=st.integers(0, 4),
        places_taken=st.integers(0, 4),
        training_renewed_until=st.sampled_from([None, TODAY, TODAY - timedelta(days=1)]),
    ),
    unique_by=lambda programme: programme.id,
    max_size=6,
)
WOMEN = st.builds(
    Needs,
    stage=st.sampled_from(Stage),
    language=st.sampled_from([None, "en", "so-SO", "pl"]),
    interpreter=st.booleans(),
    district=st.sampled_from([None, "Testborough", "Sampleton", "Nowhere"]),
    age=st.sampled_from([None, 17, 30]),
    support=st.builds(
        SupportNeeds,
        wish=st.sampled_from([None, *Wish]),
        access=st.frozensets(st.sampled_from([Access.SIGHT, Access.STEP_FREE])),
        first_baby=st.sampled_from([None, True, False]),
    ),
)


def violates(programme: Programme, needs: Needs) -> bool:
    """The hard needs, said once more and in other words."""
    her_language = needs.language[:2] if needs.language else None
    understood = her_language in programme.languages if her_language else not needs.interpreter
    return (
        not programme.active
        or (programme.training_renewed_until or TODAY) < TODAY
        or programme.places - programme.places_taken < 1
        or (needs.stage.value != "unknown" and needs.stage not in programme.stages)
        or not (understood or programme.interpreters)
        or bool(needs.support.access - programme.serves.access)
        or (needs.age == 17 and programme.serves.from_age == 18)
        or (needs.support.first_baby is False and programme.serves.first_baby_only)
        or bool(programme.districts and (needs.district or "?").lower() not in programme.districts)
    )


@given(PROGRAMMES, WOMEN, st.frozensets(st.sampled_from("abcdefgh"), max_size=2), st.randoms(use_true_random=False))
def test_hard_needs_are_never_violated_and_the_order_of_asking_does_not_depend_on_the_order_of_the_list(
    programmes: Sequence[Programme], needs: Needs, asked: frozenset[str], lots: Random
) -> None:
    ranking = rank(programmes, needs, asked, TODAY)
    fits = {programme.id for programme in ranking.fits}
    assert fits == {each.id for each in programmes if not violates(each, needs) and each.id not in asked}
    assert {programme.id for programme, _ in ranking.passed_over} == {each.id for each in programmes} - fits
    shuffled = list(programmes)
    lots.shuffle(shuffled)
    again = rank(shuffled, needs, asked, TODAY)
    assert again.fits == ranking.fits
    assert {(programme.id, why) for programme, why in again.passed_over} == {
        (programme.id, why) for programme, why in ranking.passed_over
    }
