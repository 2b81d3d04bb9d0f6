from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.security.scopes import HOSPITAL, PROGRAMME, Interaction, InvalidScope, allows, narrow, problems

TYPES = ("Patient", "Task", "Consent", "Encounter")
letters = st.sets(st.sampled_from("cruds"), min_size=1).map(lambda some: "".join(x for x in "cruds" if x in some))
scope = st.builds("system/{}.{}".format, st.sampled_from((*TYPES, "*")), letters)
scopes = st.lists(scope, max_size=6)


@given(scopes, scopes)
def test_granted_is_exactly_what_both_the_request_and_the_registration_allow(asked: list[str], may: list[str]) -> None:
    granted = narrow(" ".join(asked), may)
    for resource_type, interaction in product((*TYPES, "Observation"), Interaction):
        both = allows(asked, resource_type, interaction) and allows(may, resource_type, interaction)
        assert allows(granted, resource_type, interaction) == both


@given(scopes, scopes)
def test_what_was_granted_can_be_asked_for_again(asked: list[str], may: list[str]) -> None:
    granted = narrow(" ".join(asked), may)
    assert narrow(" ".join(granted), granted) == granted
    assert problems(granted) == []


@given(st.text(max_size=40))
def test_no_text_is_granted_more_than_is_authorised(asked: str) -> None:
    try:
        granted = narrow(asked, ["system/Task.rs"])
    except InvalidScope:
        return
    assert granted <= {"system/Task.rs", "system/Task.r", "system/Task.s"}


@given(letters, st.permutations("cruds"))
def test_letters_out_of_order_are_refused(kept: str, order: list[str]) -> None:
    shuffled = "".join(letter for letter in order if letter in kept)
    if shuffled == kept:
        assert narrow(f"system/Task.{shuffled}", ["system/*.cruds"]) == {f"system/Task.{kept}"}
    else:
        with pytest.raises(InvalidScope):
            narrow(f"system/Task.{shuffled}", ["system/*.cruds"])


@pytest.mark.parametrize(
    "asked",
    [
        "system/Task.dus",
        "system/Task.rr",
        "system/Task.read",
        "system/Task.write",
        "system/Task.*",
        "system/Task.",
        "system/Task",
        "system/task.r",
        "system/.r",
        "system/**.r",
        "system/Task.rs?owner=Organization/p1",
        "system/Task.r\u00e9",
        'system/Task.r "x"',
        "system/Task.r\tsystem/Task.u",
        "system/Task.r\\",
        "system/Task.r system/Task.dus",
    ],
)
def test_a_system_scope_that_cannot_be_understood_spoils_the_request(asked: str) -> None:
    with pytest.raises(InvalidScope):
        narrow(asked, ["system/*.cruds"])


@pytest.mark.parametrize("asked", ["", "  ", "openid", "launch/patient offline_access", "patient/Task.rs user/*.cruds"])
def test_other_contexts_mean_nothing_between_systems(asked: str) -> None:
    assert narrow(asked, ["system/*.cruds"]) == frozenset()


def test_an_authorised_scope_that_is_not_understood_allows_nothing() -> None:
    broken = ["system/Task.dus", "patient/Task.r", "system/*", ""]
    assert not any(allows(broken, "Task", interaction) for interaction in Interaction)
    assert problems([*broken, "system/Task.r", "system/*.r"]) == broken


def test_a_type_that_the_service_has_not_got_is_no_scope_to_register() -> None:
    assert problems(["system/Tasks.r", "system/Task.r"]) == ["system/Tasks.r"]


def test_the_usual_scopes_of_a_hospital_and_a_programme_are_all_valid() -> None:
    assert problems((HOSPITAL + " " + PROGRAMME).split()) == []
    assert allows(PROGRAMME.split(), "Encounter", Interaction.CREATE)
    assert not allows(PROGRAMME.split(), "Patient", Interaction.UPDATE)
    assert not allows(HOSPITAL.split(), "Encounter", Interaction.CREATE)
