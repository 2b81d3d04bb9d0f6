from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from service.fhir.outcome import BadInput
from service.fhir.read.common import received
from service.fhir.read.encounter import read_encounter
from service.flow.record_contact import ReceivedContact
from service.referrals.contact import ContactMode, ContactOutcome

Tree = dict[str, Any]
Read = Callable[..., ReceivedContact]
BASE = "https://referral.example"
SYSTEMS = "https://peer-referral.example/fhir/CodeSystem"
START, END = datetime(2026, 2, 1, 10, tzinfo=UTC), datetime(2026, 2, 1, 10, 30, tzinfo=UTC)


def coded(kind: str, code: str) -> Tree:
    return {"coding": [{"system": f"{SYSTEMS}/{kind}", "code": code}]}


def class_of(code: str) -> Tree:
    return {"class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": code}}


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
        return read_encounter(tree, received(tree, b""), base=BASE)

    return reading


def test_a_contact_is_read(read: Read) -> None:
    message = read(type=[coded("contact-outcome", "attempted"), coded("contact-mode", "message")])
    assert (message.patient_handle, message.service_request_handle) == ("h2", "h1")
    assert (message.mode, message.outcome) == (ContactMode.MESSAGE, ContactOutcome.ATTEMPTED)
    assert (message.started_at, message.ended_at) == (START, END)


@pytest.mark.parametrize(("code", "mode"), [("VR", "phone"), ("HH", "home-visit"), ("AMB", "in-person")])
@pytest.mark.parametrize(("status", "outcome"), [("finished", "attended"), ("cancelled", "cancelled")])
def test_class_and_status_say_what_the_types_do_not(
    read: Read, code: str, mode: str, status: str, outcome: str
) -> None:
    message = read(status=status, **class_of(code))
    assert (message.mode.value, message.outcome.value) == (mode, outcome)


@pytest.mark.parametrize("mode", ContactMode)
@pytest.mark.parametrize("outcome", [each for each in ContactOutcome if each is not ContactOutcome.CANCELLED])
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
        ({"basedOn": [{"reference": "Task/h1"}]}, "Encounter.basedOn[0]"),
        ({"basedOn": [{"reference": "ServiceRequest/1"}, {"reference": "ServiceRequest/2"}]}, "Encounter.basedOn"),
        ({"period": None}, "Encounter.period.start"),
        ({"period": {"end": "2026-02-01T10:00:00Z"}}, "Encounter.period.start"),
        ({"status": "planned"}, "Encounter.status"),
        ({"status": "in-progress"}, "Encounter.status"),
        ({"status": "entered-in-error", "type": [coded("contact-outcome", "attended")]}, "Encounter.status"),
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
