"""Conditions and versions in a request's headers and query, before any step is asked."""

import pytest

from service.fhir.conditions import condition_of, expected_version_of
from service.fhir.outcome import BadInput
from service.flow.received import Identifier


@pytest.mark.parametrize(
    "written",
    [
        "identifier=urn:x|1",
        "?identifier=urn:x|1",
        "Patient?identifier=urn:x|1",
        "identifier=urn%3Ax%7C1",
        "identifier=urn:x%20|%201+",
    ],
)
def test_a_condition_is_one_identifier_in_whatever_way_it_is_written(written: str) -> None:
    assert condition_of(written, required=True) == Identifier("urn:x", "1")


def test_a_value_may_hold_a_bar_and_a_plus() -> None:
    assert condition_of("identifier=urn:x|1|2%2B3", required=True) == Identifier("urn:x", "1|2+3")


@pytest.mark.parametrize(
    "written",
    [
        "identifier=1",
        "identifier=|1",
        "identifier=urn:x|",
        "identifier=urn:x|%20",
        "_id=1",
        "identifier=urn:x|1&active=true",
        "?",
        "x",
        "a=b=c",
    ],
)
def test_any_other_criterion_is_refused(written: str) -> None:
    for required in (True, False):
        with pytest.raises(BadInput, match="400"):
            condition_of(written, required=required)


def test_no_condition_is_refused_only_where_one_is_needed() -> None:
    assert condition_of(None, required=False) is None
    assert condition_of("", required=False) is None
    with pytest.raises(BadInput):
        condition_of("", required=True)


@pytest.mark.parametrize(
    ("written", "version"),
    [(None, None), ("*", None), ('W/"3"', 3), ('"3"', 3), ("3", 3), ('W/"12.1.2.0.1"', 12), (' W/"3" ', 3)],
)
def test_a_version_is_the_rows_also_when_it_names_a_view(written: str | None, version: int | None) -> None:
    assert expected_version_of(written) == version


@pytest.mark.parametrize("written", ["", 'W/"x"', 'W/""', "W/3, W/4", '"-1"', '"٣"', f'"{"9" * 400}"'])
def test_a_version_of_another_form_is_refused(written: str) -> None:
    with pytest.raises(BadInput, match="400"):
        expected_version_of(written)
