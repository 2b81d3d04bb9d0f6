"""What she asks for, as a hospital states it on a Patient, a Consent or a ServiceRequest."""

from typing import Any

import pytest

from service.fhir.outcome import BadInput
from service.fhir.read.support_needs import read_support_needs
from service.fhir.terms import SUPPORT_NEEDS
from service.referrals.needs import Access, SupportNeeds, Wish

Tree = dict[str, Any]


def said(*parts: Tree, times: int = 1) -> Tree:
    return {"resourceType": "Patient", "extension": [{"url": SUPPORT_NEEDS, "extension": list(parts)}] * times}


def code(url: str, value: str) -> Tree:
    return {"url": url, "valueCode": value}


def test_nothing_said_is_none_and_not_no_needs() -> None:
    assert read_support_needs({"resourceType": "Patient"}) is None
    assert read_support_needs(said(code("wish", "no-preference"))) == SupportNeeds()


def test_everything_that_is_said_is_read() -> None:
    needs = read_support_needs(
        said(
            code("wish", "group"),
            code("access", "step-free"),
            code("access", "sight"),
            {"url": "community", "valueString": " Somali "},
            {"url": "first-baby", "valueBoolean": False},
        )
    )
    assert needs == SupportNeeds(
        Wish.GROUP, frozenset({Access.STEP_FREE, Access.SIGHT}), frozenset({"somali"}), first_baby=False
    )


@pytest.mark.parametrize(
    "tree",
    [
        said(code("access", "wheelchair")),
        said({"url": "access", "valueInteger": 1}),
        said({"url": "access"}),
        said(code("wish", "men")),
        said(code("wish", "group"), code("wish", "one-to-one")),
        said({"url": "wish", "valueBoolean": True}),
        said({"url": "first-baby", "valueString": "yes"}),
        said({"url": "community", "valueString": "  "}),
        said({"url": "community", "valueCodeableConcept": {"text": "Somali"}}),
        said(code("wish", "group"), times=2),
    ],
)
def test_a_need_that_nobody_here_knows_is_refused_and_not_dropped(tree: Tree) -> None:
    with pytest.raises(BadInput) as caught:
        read_support_needs(tree)
    assert (caught.value.status, caught.value.issues[0].expression) == (422, "Patient.extension")
