"""A reader answers every tree that the guard lets through with a value or with BadInput, and with nothing else."""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.fhir.guard import parse
from service.fhir.outcome import BadInput
from service.fhir.read.common import received
from service.fhir.read.consent import read_consent
from service.fhir.read.contact import read_contact
from service.fhir.read.observation import read_observation
from service.fhir.read.patient import read_patient
from service.fhir.read.questionnaire_response import read_response
from service.fhir.read.task import read_task
from service.mappings import load

Tree = dict[str, Any]
Place = tuple[str | int, ...]

BASE, NOW, RULES = "https://referral.example", datetime(2026, 3, 1, 12, tzinfo=UTC), load()
TERMS = RULES.consent_terms
SAFE_CONTACT = "https://peer-referral.example/fhir/StructureDefinition/safe-contact"
PRIVACY = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]}
IRCP = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}]}
SPEECH = {"system": "urn:ietf:bcp:47", "code": "en"}

READERS: dict[str, Callable[[Tree], object]] = {
    "Patient": lambda tree: read_patient(tree, received(tree, b""), updates=True, now=NOW),
    "Consent": lambda tree: read_consent(tree, received(tree, b""), terms=TERMS, base=BASE, now=NOW),
    "Observation": lambda tree: read_observation(tree, received(tree, b""), rules=RULES, base=BASE, now=NOW),
    "QuestionnaireResponse": lambda tree: read_response(
        tree, received(tree, b""), rules=RULES, questions={}, base=BASE, now=NOW
    ),
    "Task": lambda tree: read_task(tree, received(tree, b""), base=BASE, ours=(), labels={}),
    "Encounter": lambda tree: read_contact(tree, received(tree, b""), base=BASE, now=NOW, labels={}),
    "Procedure": lambda tree: read_contact(tree, received(tree, b""), base=BASE, now=NOW, labels={}),
}
EXAMPLES = {
    name: json.loads((Path(__file__).parents[1] / "examples" / f"{name}.json").read_bytes()) for name in READERS
}
EXAMPLES["QuestionnaireResponse"] |= {"subject": {"reference": "Patient/1"}, "authored": "2026-02-01"}
EXAMPLES["QuestionnaireResponse"]["item"][0] |= {
    "linkId": "/44260-8",
    "answer": [{"valueCoding": {"system": "http://loinc.org", "code": "LA6570-1"}}, {"valueDecimal": 2}],
}
EXAMPLES["Consent"] |= {"scope": PRIVACY}
EXAMPLES["Consent"]["provision"]["actor"][0]["role"] = IRCP
EXAMPLES["Consent"]["extension"][0]["extension"] = [
    {"url": "channel", "extension": [{"url": "mode", "valueCode": "sms"}, {"url": "permission", "valueCode": "allow"}]},
    {"url": "review-by", "valueDate": "2026-04-01"},
    {"url": "timezone", "valueCode": "Europe/London"},
    {
        "url": "window",
        "extension": [
            {"url": "day", "valueCode": "mon"},
            {"url": "from", "valueTime": "09:00:00"},
            {"url": "to", "valueTime": "12:00:00"},
        ],
    },
]
EXAMPLES["Encounter"] |= {"subject": {"reference": "Patient/h2"}, "basedOn": [{"reference": "ServiceRequest/h1"}]}

# What senders put where something else was meant: other types, empty text, odd dates, references that lead nowhere.
ODD = st.sampled_from([
    None, True, 0, -1, 1e300, "x", " ", "2026", "2026-02", "0001-01-01T00:00:00+14:00", "9999-12-31", "23:59:60", "09",
    "#x", "Patient/1", "Patient/1/_history/1", "urn:uuid:c757873d-ec9a-4326-a141-556f43239520", "deny", "permit",
    "inactive", "entered-in-error", SAFE_CONTACT, "window", "review-by", "valueCode", {"reference": "Organization/3"},
    {"display": "x"}, {"identifier": {"system": "urn:a", "value": "b"}}, {"text": "x"}, {"coding": [{"code": "x"}]},
    {"coding": [SPEECH, SPEECH]}, {"start": "2026", "end": "2026-01"}, [{"type": "deny"}], [{"url": SAFE_CONTACT}],
])  # fmt: skip


def places(node: object, here: Place = ()) -> Iterator[Place]:
    members = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for step, child in members:
        yield (*here, step)
        yield from places(child, (*here, step))


def changed(tree: Tree, place: Place, value: object) -> Tree:
    """`tree` with another value at `place`, or nothing there for None."""
    holder: Any = (tree := deepcopy(tree))
    for step in place[:-1]:
        holder = holder[step]
    holder[place[-1]] = value
    if value is None:
        del holder[place[-1]]
    return tree


def outcome(resource_type: str, guarded: Tree) -> tuple[int, list[str | None]]:
    try:
        READERS[resource_type](guarded)
    except BadInput as refused:
        return refused.status, [issue.expression for issue in refused.issues]
    return 200, []


@pytest.mark.parametrize("resource_type", READERS)
@given(st.data())
def test_a_reader_gives_a_value_or_bad_input(resource_type: str, data: st.DataObject) -> None:
    tree = EXAMPLES[resource_type]
    for _ in range(data.draw(st.integers(1, 3))):
        tree = changed(tree, data.draw(st.sampled_from(list(places(tree))[1:])), data.draw(ODD))
    try:
        guarded = parse(json.dumps(tree).encode(), resource_type)
    except BadInput:
        return
    status, expressions = outcome(resource_type, guarded)
    assert status in (200, 422)
    assert all(each is not None and each.startswith(resource_type) for each in expressions)


@pytest.mark.parametrize("resource_type", READERS)
def test_what_the_changes_start_from_is_read(resource_type: str) -> None:
    tree = parse(json.dumps(EXAMPLES[resource_type]).encode(), resource_type)
    assert outcome(resource_type, tree) == (200, [])
