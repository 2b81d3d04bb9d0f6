from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from service.fhir.outcome import BadInput
from service.fhir.read.common import received
from service.fhir.read.contact import read_contact
from service.fhir.write import parts
from service.flow.received import Naming
from service.flow.record_contact import ReceivedContact
from service.referrals.contact import MADE, ContactMode, ContactOutcome
from service.referrals.escalation import Concern, Said
from service.screening.instrument import Priority
from service.shared.code import Code

Tree = dict[str, Any]
Read = Callable[..., ReceivedContact]
BASE = "https://referral.example"
SYSTEMS = "https://peer-referral.example/fhir/CodeSystem"
START, END = datetime(2026, 2, 1, 10, tzinfo=UTC), datetime(2026, 2, 1, 10, 30, tzinfo=UTC)


def coded(kind: str, code: str) -> Tree:
    return {"coding": [{"system": f"{SYSTEMS}/{kind}", "code": code}]}


def class_of(code: str) -> Tree:
    return {"class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": code}}


NOW = datetime(2026, 2, 2, tzinfo=UTC)


@pytest.fixture
def read(guarded: Callable[[Tree], Tree]) -> Read:
    def reading(**elements: object) -> ReceivedContact:
        tree = guarded({
            "resourceType": "Encounter",
            "status": "finished",
            **class_of("VR"),
            "subject": {"reference": "Patient/h2"},
            "basedOn": [{"reference": "ServiceRequest/h1"}],
            "period": {"start": "2026-02-01T12:00:00+02:00", "end": "2026-02-01T10:30:00Z"},
            **elements,
        })  # fmt: skip
        return read_contact(tree, received(tree, b""), base=BASE, now=NOW, labels={})

    return reading


@pytest.fixture
def read_procedure(guarded: Callable[[Tree], Tree]) -> Read:
    def reading(**elements: object) -> ReceivedContact:
        """As the CBO client of HL7 Gravity posts it when it completes a Task."""
        tree = guarded({
            "resourceType": "Procedure",
            "meta": {"profile": ["http://hl7.org/fhir/us/sdoh-clinicalcare/StructureDefinition/SDOHCC-Procedure"]},
            "basedOn": [{"reference": "ServiceRequest/h1"}],
            "status": "completed",
            "category": {"coding": [{"system": "http://snomed.info/sct", "code": "410606002"}]},
            **peer_support_of(),
            "subject": {"reference": "Patient/h2"},
            "reasonReference": [{"reference": "Observation/h4"}],
            "performedDateTime": "2026-02-01",
            **elements,
        })  # fmt: skip
        return read_contact(tree, received(tree, b""), base=BASE, now=NOW, labels={})

    return reading


def peer_support_of() -> Tree:
    return {"code": parts.peer_support_code()}


def test_a_contact_is_read(read: Read) -> None:
    message = read(type=[coded("contact-outcome", "attempted"), coded("contact-mode", "message")])
    assert (message.patient_handle, message.service_request_handle) == ("h2", "h1")
    assert (message.mode, message.outcome) == (ContactMode.MESSAGE, ContactOutcome.ATTEMPTED)
    assert (message.started_at, message.ended_at) == (START, END)


@pytest.mark.parametrize(("code", "mode"), [("VR", "phone"), ("HH", "home-visit"), ("AMB", "in-person")])
@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("planned", "planned"),
        ("arrived", "attended"),
        ("triaged", "attended"),
        ("in-progress", "attended"),
        ("onleave", "attended"),
        ("finished", "attended"),
        ("cancelled", "cancelled"),
        ("entered-in-error", "entered-in-error"),
    ],
)
def test_class_and_status_say_what_the_types_do_not(
    read: Read, code: str, mode: ContactMode, status: str, outcome: ContactOutcome
) -> None:
    message = read(status=status, **class_of(code))
    assert (message.mode, message.outcome) == (mode, outcome)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("preparation", "planned"),
        ("in-progress", "attended"),
        ("on-hold", "attended"),
        ("stopped", "attended"),
        ("completed", "attended"),
        ("not-done", "cancelled"),
        ("entered-in-error", "entered-in-error"),
    ],
)
def test_a_procedure_says_it_by_its_status(read_procedure: Read, status: str, outcome: ContactOutcome) -> None:
    message = read_procedure(status=status)
    assert (message.mode, message.outcome, message.said) == (None, outcome, None)


def test_a_procedure_may_say_how_it_took_place_and_for_how_long(read_procedure: Read) -> None:
    message = read_procedure(
        performedDateTime=None,
        performedPeriod={"start": "2026-02-01T12:00:00+02:00", "end": "2026-02-01T10:30:00Z"},
        usedCode=[coded("contact-mode", "group")],
        outcome=coded("contact-outcome", "did-not-attend"),
    )
    assert (message.mode, message.outcome) == (ContactMode.GROUP, ContactOutcome.DID_NOT_ATTEND)
    assert (message.started_at, message.ended_at) == (START, END)


@pytest.mark.parametrize(
    ("status", "code", "outcome"),
    [
        ("finished", "5.1.2", "did-not-attend"),
        ("finished", "5.1.4", "attended"),
        ("cancelled", "5.1.3", "cancelled"),
        ("planned", "5.1.1", "planned"),
        ("unknown", "5.1.2", "did-not-attend"),
    ],
)
def test_the_codes_of_bser_are_understood(read: Read, status: str, code: str, outcome: ContactOutcome) -> None:
    system = "http://hl7.org/fhir/us/bser/CodeSystem/TaskBusinessStatusCS"
    assert read(status=status, type=[{"coding": [{"system": system, "code": code}]}]).outcome == outcome


@pytest.mark.parametrize(
    ("length", "minutes"),
    [({"value": 30, "code": "min"}, 30), ({"value": 0.5, "unit": "h"}, 30), ({"value": 90, "code": "s"}, 1.5)],
)
def test_how_long_it_lasted_tells_when_it_ended(read: Read, length: Tree, minutes: float) -> None:
    message = read(period={"start": "2026-02-01T10:00:00Z"}, length=length)
    assert message.ended_at == START + timedelta(minutes=minutes)


NOON = datetime(2026, 2, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "started"),
    [
        ("2026-02-02", datetime(2026, 2, 2, tzinfo=UTC)),
        ("2026-02-03", NOON),  # it has begun on Kiribati
        ("2026-02-04", datetime(2026, 2, 4, tzinfo=UTC)),
    ],
)
def test_a_day_that_has_begun_somewhere_is_not_ahead(
    guarded: Callable[[Tree], Tree], day: str, started: datetime
) -> None:
    elements = {"status": "completed", "subject": {"reference": "Patient/h2"}, "performedDateTime": day}
    tree = guarded({"resourceType": "Procedure", **elements})
    assert read_contact(tree, received(tree, b""), base=BASE, now=NOON, labels={}).started_at == started


def test_it_may_name_the_task(read: Read) -> None:
    message = read(subject=None, basedOn=[{"reference": "Task/t"}, {"reference": "ServiceRequest/h1"}])
    assert (message.offer_id, message.service_request_handle) == ("t", "h1")


@pytest.mark.parametrize(
    ("elements", "said"),
    [
        ({}, None),
        ({"type": [coded("contact-mode", "home-visit") | {"text": "Home visit"}]}, None),
        ({"participant": [{"individual": {"reference": "Practitioner/1", "display": "Test Volunteer Vale"}}]}, None),
        ({"location": [{"location": {"reference": "Location/1", "display": "Corner café"}}]}, None),
        ({"subject": {"reference": "Patient/h2", "display": "Testina"}}, Said(("Testina",), called=Priority.ROUTINE)),
        ({"diagnosis": [{"condition": {"display": "She cried."}}]}, Said(("She cried.",), called=Priority.ROUTINE)),
        (
            {
                "text": {"status": "generated", "div": "<div>She &amp; I cried.</div>"},
                "reasonCode": [{"text": "She cried."}],
            },
            Said(("She cried.", "She & I cried."), called=Priority.ROUTINE),
        ),
        ({"identifier": [{"system": "urn:a", "value": "She cried."}]}, Said(("She cried.",), called=Priority.ROUTINE)),
        ({"reasonCode": [{"text": "She cried."}]}, Said(("She cried.",), called=Priority.ROUTINE)),
        (
            {"type": [coded("contact-outcome", "attended") | {"text": "She cried."}]},
            Said(("She cried.",), called=Priority.ROUTINE),
        ),
        (
            {"reasonCode": [coded("concern", "harm-to-self")]},
            Said((), frozenset({Concern.HARM_TO_SELF}), Priority.ROUTINE),
        ),
    ],
)
def test_what_somebody_wrote_in_it_is_to_be_heard(read: Read, elements: Tree, said: Said | None) -> None:
    assert read(**elements).said == said


def test_whom_it_names_is_found_in_references_and_words(read: Read) -> None:
    naming = read(reasonCode=[{"text": "Referral 1A2B cried."}]).naming
    assert naming == Naming(frozenset({"h2", "h1"}), frozenset({"Referral 1A2B"}))


def test_a_note_on_a_procedure_is_to_be_heard(read_procedure: Read) -> None:
    said = read_procedure(note=[{"text": "She cried."}], outcome={"text": "Went well"}).said
    assert said is not None
    assert (set(said.texts), said.urgency) == ({"She cried.", "Went well"}, Priority.ROUTINE)


@pytest.mark.parametrize("mode", ContactMode)
@pytest.mark.parametrize("outcome", MADE)
def test_every_mode_and_outcome_can_be_said(read: Read, mode: ContactMode, outcome: ContactOutcome) -> None:
    both = {"coding": coded("contact-mode", mode)["coding"] + coded("contact-outcome", outcome)["coding"]}
    message = read(type=[{"text": "a contact"}, both], **class_of("IMP"))
    assert (message.mode, message.outcome) == (mode, outcome)


@pytest.mark.parametrize(
    ("elements", "handles"),
    [
        ({"basedOn": None}, ("h2", None)),
        ({"subject": None}, (None, "h1")),
        ({"subject": {"reference": f"{BASE}/fhir/Patient/h2"}}, ("h2", "h1")),
        (
            {"basedOn": [{"reference": "ServiceRequest/h1"}, {"reference": "ServiceRequest/h1/_history/1"}]},
            ("h2", "h1"),
        ),
    ],
)
def test_either_handle_is_enough(read: Read, elements: Tree, handles: tuple[str | None, str | None]) -> None:
    message = read(**elements)
    assert (message.patient_handle, message.service_request_handle) == handles


@pytest.mark.parametrize(
    ("period", "started", "ended"),
    [
        ({"start": "2026-02-01T10:00:00Z"}, START, None),
        ({"start": "2026-02-01T10:00:00Z", "end": "2026-02-01"}, START, None),
        ({"start": "2026-02-01", "end": "2026-02-01"}, datetime(2026, 2, 1, tzinfo=UTC), None),
    ],
)
def test_an_end_without_a_time_is_not_known(
    read: Read, period: Tree, started: datetime, ended: datetime | None
) -> None:
    message = read(period=period)
    assert (message.started_at, message.ended_at) == (started, ended)


@pytest.mark.parametrize(
    ("elements", "expression"),
    [
        ({"subject": None, "basedOn": None}, "Encounter.subject"),
        ({"subject": {"display": "Testina"}}, "Encounter.subject"),
        ({"subject": {"identifier": {"system": "urn:a", "value": "1"}}}, "Encounter.subject"),
        ({"subject": {"reference": "https://other.example/fhir/Patient/h2"}}, "Encounter.subject"),
        ({"subject": {"reference": "Group/h2"}}, "Encounter.subject"),
        ({"basedOn": [{"reference": "Group/h1"}]}, "Encounter.basedOn[0]"),
        ({"basedOn": [{"reference": "Task/1"}, {"reference": "Task/2"}]}, "Encounter.basedOn"),
        ({"basedOn": [{"reference": "ServiceRequest/1"}, {"reference": "ServiceRequest/2"}]}, "Encounter.basedOn"),
        ({"period": None}, "Encounter.period.start"),
        ({"period": {"end": "2026-02-01T10:00:00Z"}}, "Encounter.period.start"),
        ({"status": "unknown"}, "Encounter.status"),
        ({"status": "planned", "type": [coded("contact-outcome", "attended")]}, "Encounter.status"),
        ({"status": "finished", "type": [coded("contact-outcome", "cancelled")]}, "Encounter.status"),
        ({"period": {"start": "2026-02-01"}, "length": {"value": 30, "code": "fortnight"}}, "Encounter.length"),
        ({"period": {"start": "2026-02-01"}, "length": {"value": -30, "code": "min"}}, "Encounter.length"),
        ({"period": {"start": "2026-02-01"}, "length": {"value": 1e300, "code": "d"}}, "Encounter.length"),
        ({"status": "cancelled", "type": [coded("contact-outcome", "attended")]}, "Encounter.status"),
        (class_of("IMP"), "Encounter.type"),
        ({"type": [coded("contact-mode", "telepathy")]}, "Encounter.type"),
        ({"type": [coded("contact-outcome", "happy")]}, "Encounter.type"),
        ({"type": [coded("contact-mode", "phone"), coded("contact-mode", "video")]}, "Encounter.type"),
        ({"type": [coded("contact-mode", "phone"), coded("contact-mode", "telepathy")]}, "Encounter.type"),
    ],
)
def test_a_contact_that_is_not_clear_is_refused(read: Read, elements: Tree, expression: str) -> None:
    with pytest.raises(BadInput) as caught:
        read(**elements)
    assert (caught.value.status, caught.value.issues[0].expression) == (422, expression)
    assert "telepathy" not in caught.value.issues[0].text


@pytest.mark.parametrize(("display", "said"), [("Peer support", None), ("She cried.", ("She cried.",))])
def test_a_label_that_somebody_has_accepted_is_no_word(
    guarded: Callable[[Tree], Tree], display: str, said: tuple[str, ...] | None
) -> None:
    kind = {"coding": [{"system": "https://circle.example/type", "code": "42", "display": display}]}
    tree = guarded({
        "resourceType": "Encounter", "status": "finished", **class_of("VR"), "subject": {"reference": "Patient/h2"},
        "period": {"start": "2026-02-01T10:00:00Z"}, "serviceType": kind,
        "type": [coded("contact-mode", "phone")],
    })  # fmt: skip
    accepted = {Code("https://circle.example/type", "42"): frozenset({"peer support"})}
    message = read_contact(tree, received(tree, b""), base=BASE, now=NOW, labels=accepted)
    assert (message.said and message.said.texts) == said
