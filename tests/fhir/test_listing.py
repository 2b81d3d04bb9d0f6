"""The search of the directory, from parameters to the page that is chosen."""

from typing import Any

import pytest
from pydantic import TypeAdapter

from service.fhir.listing import Listing, choose, read_listing
from service.fhir.outcome import BadInput
from service.fhir.paging import Paged
from service.security.sealing import Sealer

Tree = dict[str, Any]


def programme(id: str, name: str, **elements: Any) -> Tree:
    return {"id": id, "name": name, "active": True, "meta": {"lastUpdated": "2026-11-22T00:00:00Z"}, **elements}


PROGRAMMES = (
    programme("1", "Friends, Leeds", providedBy={"reference": "Organization/leeds"}),
    programme("2", "Circle", coverageArea=[{"display": "York"}], type=[{"coding": [{"system": "urn:x", "code": "a"}]}]),
    programme("3", "Nest", coverageArea=[{"display": "Hull"}], type=[{"coding": [{"system": "urn:y", "code": "a"}]}]),
)


def read(*parameters: tuple[str, str], lenient: bool = False) -> Listing:
    return read_listing("HealthcareService", parameters, lenient=lenient)


def found(*parameters: tuple[str, str]) -> list[str]:
    trees, _ = choose("HealthcareService", PROGRAMMES, read(*parameters))
    return [tree["id"] for tree in trees]


@pytest.mark.parametrize(
    ("name", "value", "ids"),
    [
        ("_id", "1,3", ["1", "3"]),
        ("name", "circ,NEST", ["2", "3"]),
        ("name", r"friends\, l", ["1"]),
        ("name", "friends, l", ["1"]),  # either of them, and one begins so
        ("name", r"friends\, y", []),
        ("district", "york,hull", ["1", "2", "3"]),
        ("district", "york", ["1", "2"]),
        ("district", "leeds", ["1"]),
        ("service-type", "a", ["2", "3"]),
        ("service-type", "urn:x|a", ["2"]),
        ("service-type", "urn:y|", ["3"]),
        ("service-type", "urn:y|b", []),
        ("service-type", "|a", []),
        ("active", "true,false", ["1", "2", "3"]),
        ("active", "false", []),
    ],
)
def test_a_comma_divides_what_may_be_meant_and_one_that_is_escaped_belongs_to_it(
    name: str, value: str, ids: list[str]
) -> None:
    assert found((name, value)) == ids


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("_count", "0000001000000000"),
        ("_count", "1001"),
        ("_count", "0"),
        ("_count", "²"),
        ("_format", "xml"),
        ("active", "perhaps"),
        ("name", ""),
        ("name", "a,,b"),
        ("name", "a\\"),
        ("_id", ","),
        ("_sort", "colour"),
    ],
)
def test_a_value_that_cannot_be_understood_is_named_whoever_is_listed(name: str, value: str) -> None:
    with pytest.raises(BadInput) as refused:
        read((name, value), lenient=True)
    assert f"'{name}'" in refused.value.issues[0].text


def test_a_link_carries_what_was_understood_and_no_more() -> None:
    paged, sealer = Paged("HealthcareService", TypeAdapter(Listing), read), Sealer(bytes(32))
    listing = read(("colour", "red"), ("_count", "1"), ("name", r"a\,b,c"), ("_sort", "-name"), lenient=True)
    assert listing == Listing(wanted=(("name", ("a,b", "c")),), limit=1, sort="-name")
    assert paged.read_link(sealer, "organisation", paged.next_link(sealer, "organisation", listing)) == listing
