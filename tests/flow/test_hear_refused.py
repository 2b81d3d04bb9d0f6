"""A result that is refused decides nothing, and what it says of risk reaches a clinician all the same."""

import pytest

from service.flow.answer import Accepted
from service.flow.receive_message import act_on
from service.flow.received import Identifier, Received, Reference
from service.flow.received_message import Flaw, Group, Part
from service.flow.received_result import ReceivedResult
from service.screening.result import Piece, Status
from service.shared.caller import Caller
from service.shared.ids import new_id
from service.store.unit_of_work import UnitOfWork
from tests.flow.support import DAY, FACTS, HOUR, NOW, Family, Service, body, piece, scores, why

NAME = Identifier("urn:results", "1")
STRANGER = Reference("Patient", identifier=Identifier("urn:hospital", "W9"))
RISK, NO_RISK = piece(15, scores(15, 3)), piece(15, scores(15))


def updating(message: ReceivedResult, target_id: str, version: int | None = None) -> ReceivedResult:
    received = message.received._replace(target_id=target_id, expected_version=version, identifiers=())
    return message._replace(received=received)


def codes(service: Service, hospital: Caller) -> list[tuple[str, str | None]]:
    rows = service.rows("alert", tenant_id=hospital.organisation_id)
    return sorted((row["code"], row["patient_id"]) for row in rows)


def offered(service: Service) -> tuple[Family, str]:
    """A woman whose referral is offered, and the result that it rests on."""
    family = service.family()
    answer = service.result(family.hospital, family.woman, NO_RISK, names=(NAME,), effective=NOW)
    assert service.states(family.woman) == ("offered", ["requested"])
    return family, getattr(answer, "id", "")


def refused(service: Service, family: Family, result: str, sent: Piece) -> dict[str, ReceivedResult]:
    """By its reason; each is about a woman who is known."""
    plain = service.message(family.woman, sent, effective=NOW - HOUR)
    return {
        "in-the-future": service.message(family.woman, sent, effective=NOW + 2 * HOUR),
        "not-found": updating(plain, new_id()),
        "version-stale": updating(plain, result, 7),
        "different-under-same-identifier": service.message(family.woman, sent, names=(NAME,), effective=NOW),
    }


REASONS = ("in-the-future", "not-found", "version-stale", "different-under-same-identifier")


@pytest.mark.parametrize("reason", REASONS)
def test_a_risk_in_a_refused_result_is_her_clinicians_and_takes_back_what_nobody_has_answered(
    service: Service, reason: str
) -> None:
    family, result = offered(service)
    assert why(service.send(family.hospital, refused(service, family, result, RISK)[reason])) == reason
    assert service.states(family.woman) == ("in-review", ["cancelled"])
    conflict = ["content-conflict"] if reason == "different-under-same-identifier" else []
    assert service.alerts(family.woman) == [*conflict, "self-harm-present"]
    assert len(service.rows("screening_result")) == 1


@pytest.mark.parametrize("reason", REASONS)
def test_a_refused_result_without_a_risk_is_a_technical_alert(service: Service, reason: str) -> None:
    family, result = offered(service)
    assert why(service.send(family.hospital, refused(service, family, result, NO_RISK)[reason])) == reason
    # Whoever was too late reads it again and repeats: that is no news to a clinician.
    told = {"different-under-same-identifier": ["content-conflict"], "version-stale": []}
    assert service.alerts(family.woman) == told.get(reason, ["unreadable-result"])
    assert service.states(family.woman) == ("offered", ["requested"])


@pytest.mark.parametrize(("sent", "code"), [(RISK, "unreadable-risk"), (NO_RISK, "unreadable-result")])
@pytest.mark.parametrize(
    "subject",
    [
        Reference("Patient", "nobody"),
        Reference("Patient", new_id()),
        Reference("Patient", identifier=Identifier("urn:mrn", "nobody")),
    ],
    ids=["an id", "a UUID", "an identifier"],
)
def test_about_nobody_who_is_known_the_hospital_is_told_without_a_name(
    service: Service, subject: Reference, sent: Piece, code: str
) -> None:
    family = service.family()
    message = service.message(family.woman, sent)._replace(subject=subject)
    assert why(service.send(family.hospital, message)) == "subject-unknown"
    assert codes(service, family.hospital) == [(code, None)]


def test_what_speaks_of_no_instrument_alerts_nobody(service: Service) -> None:
    hospital = service.hospital()
    assert why(service.send(hospital, service.message("nobody"))) == "subject-unknown"
    assert codes(service, hospital) == []


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (Status.PRELIMINARY, "unreadable-risk"),
        (Status.UNKNOWN, "unreadable-risk"),
        (Status.ENTERED_IN_ERROR, "unreadable-result"),
    ],
)
def test_what_is_not_final_is_a_risk_when_it_is_refused_and_what_is_void_is_none(
    service: Service, status: Status, code: str
) -> None:
    hospital = service.hospital()
    service.send(hospital, service.message("nobody", piece(15, scores(15, 3), status=status)))
    assert codes(service, hospital) == [(code, None)]


def test_an_old_risk_is_told_as_an_old_one(service: Service) -> None:
    family = service.family()
    message = updating(service.message(family.woman, RISK, effective=NOW - 200 * DAY), new_id())
    assert why(service.send(family.hospital, message)) == "not-found"
    assert service.alerts(family.woman) == ["old-self-harm-present"]


def test_the_same_again_and_again_is_told_of_once(service: Service) -> None:
    hospital = service.hospital()
    first, other = (service.message("nobody", RISK, content=body()) for _ in range(2))
    for _ in range(3):
        service.send(hospital, first)
    assert codes(service, hospital) == [("unreadable-risk", None)]
    service.send(hospital, other)
    assert codes(service, hospital) == [("unreadable-risk", None)] * 2


def test_it_is_told_once_more_when_it_has_become_known_whose_it_is(service: Service) -> None:
    family = service.family()
    message = service.message(family.woman, RISK, effective=NOW + 2 * HOUR)
    unknown = message._replace(subject=Reference("Patient", "nobody"))
    service.send(family.hospital, unknown)
    service.send(family.hospital, message)
    assert codes(service, family.hospital) == sorted([("self-harm-present", family.woman), ("unreadable-risk", None)])


def test_support_that_has_begun_goes_on(service: Service) -> None:
    family, _ = service.supported()
    service.send(family.hospital, service.message(family.woman, RISK, effective=NOW + 2 * HOUR))
    assert service.alerts(family.woman) == ["self-harm-present"]
    assert service.states(family.woman)[0] == "supported"


@pytest.mark.parametrize("reason", REASONS)
def test_an_event_in_a_refused_result_pauses_contact_once(service: Service, reason: str) -> None:
    family, result = offered(service)
    message = refused(service, family, result, NO_RISK)[reason]._replace(safety_event=True)
    assert why(service.send(family.hospital, message)) == reason
    assert service.states(family.woman) == ("on-hold", ["cancelled"])
    assert why(service.send(family.hospital, message)) == reason
    assert service.alerts(family.woman).count("safety-event") == 1


@pytest.mark.parametrize("loss", [True, False])
def test_an_event_of_nobody_who_is_known_pauses_nobody_and_is_told_once_with_the_number(
    service: Service, loss: bool
) -> None:
    family, _ = offered(service)
    for _ in range(2):
        message = service.message("", NO_RISK)._replace(subject=STRANGER, safety_event=loss)
        assert why(service.send(family.hospital, message)) == "subject-unknown"
    assert service.states(family.woman) == ("offered", ["requested"])
    told = [each["topic"] for each in service.rows("alert", code="unnamed-event")]
    assert told == (["W9 (urn:hospital)"] if loss else [])


def test_an_event_that_may_be_either_of_two_womens_pauses_both_and_is_told_beside_it(service: Service) -> None:
    family, _ = offered(service)
    name = Identifier("urn:hospital", new_id())
    other = service.register(family.hospital, FACTS, name)
    assert isinstance(other, Accepted)
    either = Reference("Patient", family.woman, identifier=name)
    message = service.message("")._replace(subject=either, safety_event=True)
    assert why(service.send(family.hospital, message)) == "identity-conflict"
    assert service.states(family.woman) == ("on-hold", ["cancelled"])
    both = [("identity-conflict", family.woman), ("identity-conflict", other.id)]
    assert codes(service, family.hospital) == sorted([*both, ("unnamed-event", None)], key=str)


@pytest.mark.parametrize(
    ("days_ago", "told"),
    [((400, 0), "self-harm-present"), ((0, 400), "self-harm-present"), ((400, 500), "old-self-harm-present")],
)
def test_of_several_refused_in_one_group_a_risk_of_today_is_not_hidden_behind_an_old_one(
    service: Service, days_ago: tuple[int, int], told: str
) -> None:
    family = service.family()
    parts = []
    for days in days_ago:
        message = service.message(family.woman, piece(15, scores(15, 3)), effective=service.now() - days * DAY)
        received = message.received._replace(target_id=new_id(), identifiers=(Identifier("urn:results", str(days)),))
        parts.append(Part(message._replace(received=received), "OBR^1"))
    group, whole = Group(Reference("Patient", family.woman), tuple(parts)), Received("ORU^R01", b"MSH", door="hl7v2")

    def receive(tx: UnitOfWork) -> list[Flaw]:
        return act_on(tx, service.rules, whole, [group], tx.inbox.archive(whole, "partly"), service.now())[0]

    assert [flaw.problem for flaw in service.run(family.hospital, receive)] == ["not-found", "not-found"]
    assert service.alerts(family.woman) == [told]
