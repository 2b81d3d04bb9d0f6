from typing import Any

import pytest

from service.fhir.invariants import RULES
from service.fhir.survey import survey

TASK = {"resourceType": "Task", "status": "requested", "intent": "order"}
OBSERVATION = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "valueInteger": 1}
REVOKED = {"resourceType": "ServiceRequest", "status": "revoked", "intent": "order", "subject": {"display": "x"}}
URL = "https://hospital.example/x"
PATIENT = {"resourceType": "Patient"}


def focus(reference: str) -> dict[str, Any]:
    return {**TASK, "focus": {"reference": reference}}


def held(*contained: dict[str, Any], by: dict[str, Any] = TASK) -> dict[str, Any]:
    return {**by, "contained": list(contained)}


def bundle(kind: str, *entries: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def period(start: str, end: str) -> dict[str, Any]:
    return {**TASK, "executionPeriod": {"start": start, "end": end}}


def narrative(div: str) -> dict[str, Any]:
    return {**PATIENT, "text": {"status": "generated", "div": div}}


def given(names: list[str | None], companions: list[Any]) -> dict[str, Any]:
    return {**PATIENT, "name": [{"given": names, "_given": companions}]}


REQUEST = {"method": "POST", "url": "Task"}
NOT_SO = {"url": URL, "valueBoolean": True}
BROKEN: list[tuple[str, dict[str, Any]]] = [
    ("ele-1", {**TASK, "note": []}),
    ("ele-1", {**TASK, "focus": {}}),
    ("ele-1", {**TASK, "description": ""}),
    ("json-null", {**TASK, "description": None}),
    ("json-null", {**PATIENT, "name": [{"given": ["Ada", None]}]}),
    ("json-null", given(["Ada", None], [{"id": "x"}, None])),
    ("json-null", given(["Ada", None], [{"id": "x"}])),
    ("url-scheme", focus("javascript:alert(1)")),
    ("url-scheme", focus(" JavaScript:alert(1)")),
    ("url-scheme", focus("java\tscript:alert(1)")),
    ("url-scheme", focus("file:///etc/passwd")),
    ("url-scheme", focus("ftp://hospital.example/Task/1")),
    ("url-scheme", {**PATIENT, "photo": [{"url": "javascript:alert(1)"}]}),
    ("url-scheme", {**TASK, "extension": [{"url": "data:text/html,x", "valueString": "x"}]}),
    ("reference-syntax", focus("Consent/")),
    ("reference-syntax", focus("Consent/a b")),
    ("reference-syntax", focus("17")),
    ("reference-syntax", focus("patient/17")),
    ("reference-syntax", focus("../Patient/17")),
    ("reference-syntax", focus("https://user:secret@hospital.example/Patient/1")),
    ("reference-syntax", focus("https://")),
    ("reference-syntax", focus("urn:uuid:17")),
    ("ref-1", focus("#p")),
    ("ref-1", held({**focus("#q"), "id": "p"})),
    ("ref-1", bundle("collection", {"resource": held({**PATIENT, "id": "p"})}, {"resource": focus("#p")})),
    ("contained-id", held(PATIENT)),
    ("contained-id", held({**PATIENT, "id": "p"}, {**PATIENT, "id": "p"})),
    ("dom-2", held(held({**PATIENT, "id": "q"}, by={**TASK, "id": "p"}))),
    ("ext-1", {**TASK, "extension": [{"url": URL}]}),
    ("modifiers", {**TASK, "modifierExtension": [NOT_SO]}),
    ("modifiers", {**OBSERVATION, "component": [{"code": {"text": "x"}, "modifierExtension": [NOT_SO]}]}),
    ("modifiers", held({**PATIENT, "id": "p", "modifierExtension": [NOT_SO]})),
    ("modifiers", {**OBSERVATION, "implicitRules": URL}),
    ("modifiers", {**REVOKED, "status": "active", "modifierExtension": [NOT_SO]}),
    ("modifiers", {**REVOKED, "status": "on-hold", "implicitRules": URL}),
    ("modifiers", bundle("batch", {"resource": {**TASK, "implicitRules": URL}, "request": REQUEST})),
    ("ext-1", {**TASK, "extension": [{"url": URL, "valueCode": "a", "extension": [{"url": "b", "valueCode": "c"}]}]}),
    ("obs-6", {**OBSERVATION, "dataAbsentReason": {"text": "x"}}),
    ("per-1", period("2026-02-01", "2026-01-01")),
    ("per-1", period("2026-02", "2026-01-31T10:00:00Z")),
    ("per-1", period("2026-01-01T10:00:00Z", "2026-01-01T10:30:00+01:00")),
    ("per-1", period("2026-01-01T10:00:00.1234567891Z", "2026-01-01T09:59:60Z")),
    ("txt-1", narrative("Ada")),
    ("txt-1", narrative("<p>Ada</p>")),
    ("txt-1", narrative("Ada <div>Example</div>")),
    ("bdl-3", bundle("transaction", {"resource": TASK})),
    ("bdl-3", bundle("searchset", {"resource": TASK, "request": REQUEST})),
    ("bdl-7", bundle("collection", {"fullUrl": URL, "resource": TASK}, {"fullUrl": URL, "resource": TASK})),
]
SOUND: list[dict[str, Any]] = [
    given(["Ada", None], [None, {"id": "x"}]),
    focus("Task/1"),
    focus("Task/1/_history/2"),
    focus("Patient?identifier=https://hospital.example/number|1"),
    focus("http://localhost:8080/fhir/Task/1"),
    focus("urn:uuid:0189D3A0-0000-7000-8000-000000000001"),
    focus("urn:oid:2.16.840"),
    focus("#"),
    {**held({**PATIENT, "id": "p"}), "for": {"reference": "#p"}},
    held({**PATIENT, "id": "p"}, {**focus("#p"), "id": "t"}),
    bundle("collection", {"resource": held({**PATIENT, "id": "p"})}, {"resource": held({**PATIENT, "id": "p"})}),
    {**TASK, "extension": [{"url": URL, "extension": [{"url": "channel", "valueCode": "sms"}]}]},
    {**TASK, "extension": [{"url": URL, "_valueCode": {"id": "x"}}]},
    # Only its reader tells a permit from a no, which counts whatever else it says.
    {"resourceType": "Consent", "modifierExtension": [NOT_SO], "implicitRules": URL},
    # Likewise the end of a referral.
    held({**PATIENT, "id": "p", "implicitRules": URL}, by={**REVOKED, "modifierExtension": [NOT_SO]}),
    {**REVOKED, "status": "entered-in-error", "implicitRules": URL},
    {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "dataAbsentReason": {"text": "x"}},
    period("2026-01-01", "2026-01"),
    period("2026-01-01T23:30:00-05:00", "2026-01-02"),
    period("2026-01-01T10:30:00+01:00", "2026-01-01T10:00:00Z"),
    narrative('<div xmlns="http://www.w3.org/1999/xhtml">Ada</div>'),
    narrative('<!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]><div>&y;</div>'),
    bundle("batch", {"resource": TASK, "request": REQUEST}),
    bundle("history", *[{"fullUrl": URL, "resource": TASK, "request": REQUEST}] * 2),
]


def broken(resource: dict[str, Any]) -> set[str]:
    found = survey(resource, resource["resourceType"], True)
    return {rule.name for rule in RULES if any(rule.check(found))}


@pytest.mark.parametrize(("name", "resource"), BROKEN)
def test_a_resource_that_breaks_one_rule_is_found_by_that_rule_alone(name: str, resource: dict[str, Any]) -> None:
    assert broken(resource) == {name}


@pytest.mark.parametrize("resource", SOUND)
def test_a_sound_resource_breaks_no_rule(resource: dict[str, Any]) -> None:
    assert broken(resource) == set()


def test_every_rule_has_a_case_that_breaks_it() -> None:
    assert {name for name, _ in BROKEN} == {rule.name for rule in RULES}
