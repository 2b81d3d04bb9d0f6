"""Whom a programme's words may name, however people write it."""

import pytest

from service.fhir.read.written import naming_of
from service.flow.received import Naming

ID = "01a20751-8736-7269-8d5b-e302eee6de41"


@pytest.mark.parametrize(
    ("text", "called"),
    [
        ("Referral DE41 has rung", ["DE41"]),
        ("referral no. de41", ["DE41"]),
        ("Ref DE41", ["DE41"]),
        ("ref. nr: DE41", ["DE41"]),
        ("Refs DE41/1FFB", ["DE41", "1FFB"]),
        ("Referrals 1FFB and 1ED4", ["1FFB", "1ED4"]),
        ("Referrals 1FFB, 1ED4 or DE41.", ["1FFB", "1ED4", "DE41"]),
        ("DE41", []),
        ("she prefers 1FFB", []),
        ("refaced", []),
        ("Referral of 1FFB", []),
        ("Referral DE412", []),
        ("Referral 1FFB\n\n\n\n\n\n\n\n1ED4", ["1FFB"]),
    ],
)
def test_a_referral_is_named_as_it_is_displayed(text: str, called: list[str]) -> None:
    assert naming_of(text) == Naming(displays=frozenset(f"Referral {each}" for each in called))


@pytest.mark.parametrize(
    "text", [ID, ID.upper(), ID.replace("-", ""), f"({ID})", f"Task/{ID.replace('-', '').upper()}."]
)
def test_an_id_is_named_with_dashes_or_without(text: str) -> None:
    assert naming_of(text) == Naming(ids=frozenset({ID}))


@pytest.mark.parametrize("text", [f"{ID}0", f"x{ID}", ID[:-1], ID.replace("-", "")[:-1], f"{ID.replace('-', '')}ff"])
def test_what_is_longer_or_shorter_is_no_id(text: str) -> None:
    assert naming_of(text).ids == frozenset()
