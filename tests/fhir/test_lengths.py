"""What is too long is refused with its element named; what a programme writes is cut where it is shown, and says so."""

import json
from typing import Any

import pytest

from service.fhir.conditions import condition_of
from service.fhir.guard import parse
from service.fhir.lengths import MOST, NAME, PHRASE, REFERENCE, SHOWN, TEXT, URL, shown
from service.fhir.outcome import BadInput
from service.fhir.read.common import received
from service.fhir.read.task import read_task
from service.fhir.survey import LONG

Tree = dict[str, Any]


def observation(**elements: object) -> Tree:
    return {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, **elements}


# expression: how an element of that many characters is written, and how many it may have
LIMITS: dict[str, tuple[Any, int]] = {
    "Patient.identifier[0].value": (lambda n: {"identifier": [{"system": "urn:a", "value": "x" * n}]}, NAME),
    "Patient.identifier[0].system": (
        lambda n: {"identifier": [{"system": "urn:" + "x" * (n - 4), "value": "1"}]},
        NAME,
    ),
    "Patient.name[0].given[1]": (lambda n: {"name": [{"given": ["a", "x" * n]}]}, NAME),
    "Patient.address[0].district": (lambda n: {"address": [{"district": "x" * n}]}, NAME),
    "Patient.address[0].line[0]": (lambda n: {"address": [{"line": ["x" * n]}]}, PHRASE),
    "Patient.maritalStatus.coding[0].code": (lambda n: {"maritalStatus": {"coding": [{"code": "x" * n}]}}, NAME),
    "Patient.maritalStatus.text": (lambda n: {"maritalStatus": {"text": "x" * n}}, TEXT),
    "Patient.generalPractitioner[0].reference": (
        lambda n: {"generalPractitioner": [{"reference": "http://a/" + "x" * (n - 24) + "/Practitioner/1"}]},
        REFERENCE,
    ),
    "Patient.extension[0].url": (lambda n: {"extension": [{"url": "urn:" + "x" * (n - 4), "valueCode": "a"}]}, URL),
}


@pytest.mark.parametrize("expression", LIMITS)
def test_one_character_more_than_the_most_is_refused_where_it_stands(expression: str) -> None:
    write, most = LIMITS[expression]
    fitting = {"resourceType": "Patient", **write(most)}
    assert parse(json.dumps(fitting).encode()) == fitting
    with pytest.raises(BadInput) as caught:
        parse(json.dumps({"resourceType": "Patient", **write(most + 1)}).encode())
    (issue,) = caught.value.issues
    assert (caught.value.status, issue.code, issue.expression) == (422, "too-long", expression)
    assert f"{most:,}" in issue.text
    assert "xx" not in issue.text


def test_every_limit_is_looked_at() -> None:
    assert min(MOST.values()) >= LONG


@pytest.mark.parametrize("written", [f"identifier=urn:a|{'x' * 256}", f"identifier=urn:{'a' * 256}|x"])
def test_a_condition_is_as_short_as_an_identifier(written: str) -> None:
    with pytest.raises(BadInput) as caught:
        condition_of(written, required=True)
    assert (caught.value.status, caught.value.issues[0].code) == (422, "too-long")


def test_a_programmes_long_note_is_taken_and_cut_where_it_is_shown() -> None:
    text = "She sounded low. " * 60_000
    tree = {
        "resourceType": "Task",
        "id": "7",
        "status": "on-hold",
        "intent": "order",
        "statusReason": {"text": text},
        "note": [{"text": text}, {"text": "short"}],
    }
    body = json.dumps(tree).encode()
    message = read_task(
        parse(body), received(tree, body, target_id="7"), base="https://referral.example", ours=(), labels={}
    )
    assert [each.content for each in message.reports] == [
        {"text": shown(text)},
        {"text": "short"},
        {"text": shown(text.strip())},
    ]
    assert message.status_reason == shown(text.strip())
    assert message.received.body == body


def test_a_cut_text_says_so_and_stays_as_it_is_when_it_comes_back() -> None:
    long, other = "a" * (SHOWN + 1), "a" * SHOWN + "b"
    cut = shown(long)
    assert len(cut) == SHOWN
    assert "Cut" in cut
    assert "10,001" in cut
    assert shown(cut) == cut == shown(long)
    assert shown(other) != cut
    assert shown("a" * SHOWN) == "a" * SHOWN
