"""A hospital speaks of its patients by its own ids, relative or under its record's base, on both databases."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from functools import partial

import pytest

from service.delivery.channel import Parcel
from service.delivery.pack import pack
from service.flow.answer import Accepted, Answer, Reason, Refused, Repeated
from service.flow.received import Identifier, Received, Reference
from service.flow.record_consent import ReceivedConsent, record_consent
from service.flow.register_patient import ReceivedPatient, register_patient
from service.referrals.delivery import DeliveryState
from service.shared.caller import Caller, OrganisationKind
from service.shared.errors import Unavailable
from service.shared.ids import new_id
from service.store.unit_of_work import UnitOfWork
from tests.flow.support import FACTS, Service, body, piece, scores, why

BASE = "http://127.0.0.1:1/fhir"
ELSEWHERE = "http://127.0.0.1:2/fhir"


def name() -> Identifier:
    return Identifier("urn:hospital", new_id())


def register(
    service: Service,
    hospital: Caller,
    own_id: str | None,
    *names: Identifier,
    condition: Identifier | None = None,
    updates: bool = False,
    content: bytes | None = None,
) -> Answer:
    message = ReceivedPatient(Received("Patient", content or body(), names, condition), FACTS, updates, own_id)
    return service.run(hospital, lambda tx: register_patient(tx, service.rules, message, service.now()))


def registered(service: Service, hospital: Caller, own_id: str | None, *names: Identifier) -> str:
    answer = register(service, hospital, own_id, *names)
    assert isinstance(answer, Accepted)
    return answer.id


def send_about(service: Service, hospital: Caller, subject: Reference) -> Answer:
    message = service.message("", piece(15, scores(15, 1)))._replace(subject=subject)
    return service.send(hospital, message)


@pytest.mark.parametrize("base", [None, BASE])
@pytest.mark.parametrize("put", [False, True])
def test_a_result_and_a_consent_find_her_by_the_hospitals_own_id(service: Service, base: str | None, put: bool) -> None:
    hospital, own_id, number = service.hospital(), new_id(), name()
    made = register(service, hospital, own_id, number, condition=number if put else None, updates=put)
    assert isinstance(made, Accepted)
    subject = Reference("Patient", own_id, base)
    assert why(send_about(service, hospital, subject)) == "accepted"
    assert service.alerts(made.id) == ["self-harm-present"]

    agreed = ReceivedConsent(Received("Consent", body()), subject, None, service.said(permits=False))
    answer = service.run(hospital, lambda tx: record_consent(tx, service.rules, agreed, service.now()))
    assert isinstance(answer, Accepted)
    assert [row["id"] for row in service.rows("consent", patient_id=made.id)] == [answer.id]


def test_a_hospital_without_a_record_to_write_into_is_understood_too(service: Service) -> None:
    hospital = service.organisation(OrganisationKind.HOSPITAL)
    registered(service, hospital, "p1", name())
    assert why(send_about(service, hospital, Reference("Patient", "p1"))) == "accepted"
    assert why(send_about(service, hospital, Reference("Patient", "p1", ELSEWHERE))) == "subject-unknown"


def test_an_id_means_nobody_elsewhere(service: Service) -> None:
    hospital, other, own_id = service.hospital(), service.hospital(), new_id()
    registered(service, hospital, own_id, name())
    assert why(send_about(service, other, Reference("Patient", own_id))) == "subject-unknown"
    assert why(send_about(service, other, Reference("Patient", own_id, BASE))) == "subject-unknown"
    assert why(send_about(service, hospital, Reference("Patient", own_id, ELSEWHERE))) == "subject-unknown"
    theirs = registered(service, other, own_id, name())
    assert why(send_about(service, other, Reference("Patient", own_id))) == "accepted"
    assert service.alerts(theirs) == ["self-harm-present"]


def test_what_is_our_id_and_an_alias_is_our_id(service: Service) -> None:
    hospital = service.hospital()
    ours, other = registered(service, hospital, None, name()), registered(service, hospital, None, name())
    service.run(hospital, lambda tx: tx.aliases.claim("Patient", "", ours, other))
    assert why(send_about(service, hospital, Reference("Patient", ours))) == "accepted"
    assert (service.alerts(ours), service.alerts(other)) == (["self-harm-present"], [])


def test_an_id_that_message_and_record_give_to_different_women_is_nobodys(service: Service) -> None:
    hospital, own_id, number = service.hospital(), new_id(), name()
    first, second = registered(service, hospital, own_id, number), registered(service, hospital, None, name())
    service.run(hospital, lambda tx: tx.aliases.claim("Patient", BASE, own_id, second))
    assert why(send_about(service, hospital, Reference("Patient", own_id))) == "identity-conflict"
    assert why(send_about(service, hospital, Reference("Patient", own_id, BASE, number))) == "accepted"
    assert service.alerts(first) == ["identity-conflict", "self-harm-present"]
    assert service.alerts(second) == ["identity-conflict"]


@pytest.mark.parametrize("put", [False, True])
@pytest.mark.parametrize("known", ["new", "another woman's"])
def test_an_id_that_stands_for_another_woman_is_refused_and_a_person_is_told(
    service: Service, put: bool, known: str
) -> None:
    hospital, own_id, number = service.hospital(), new_id(), name()
    first = registered(service, hospital, own_id, name())
    if known != "new":
        registered(service, hospital, None, number)
    before = len(service.rows("patient", tenant_id=hospital.organisation_id))
    answer = register(service, hospital, own_id, number, condition=number if put else None, updates=put)

    assert answer == Refused(Reason.IDENTITY_CONFLICT, "id")
    assert service.alerts(first) == ["identity-conflict"]
    assert len(service.rows("patient", tenant_id=hospital.organisation_id)) == before
    assert [row["resource_id"] for row in service.rows("alias", system="", value=own_id)] == [first]


def test_an_id_of_ours_in_the_body_stands_for_whom_it_names_here(service: Service) -> None:
    hospital, number = service.hospital(), name()
    known = registered(service, hospital, None, number)
    assert register(service, hospital, known, name()) == Refused(Reason.IDENTITY_CONFLICT, "id")
    again = register(service, hospital, known, number, condition=number, updates=True)
    assert again == Accepted("Patient", known, 2)


def test_the_same_registration_by_its_own_id_alone_is_the_same_woman(service: Service) -> None:
    hospital, own_id = service.hospital(), new_id()
    first = register(service, hospital, own_id, content=b"{}")
    assert isinstance(first, Accepted)
    assert register(service, hospital, own_id, content=b"{}") == Repeated("Patient", first.id, 1)
    assert why(register(service, hospital, own_id)) == "identity-conflict"


def test_a_refused_registration_claims_nothing(service: Service) -> None:
    hospital, own_id, number = service.hospital(), new_id(), name()
    registered(service, hospital, None, number)
    assert why(register(service, hospital, own_id, number)) == "different-under-same-identifier"
    assert service.rows("alias", system="", value=own_id) == []
    registered(service, hospital, own_id, name())


def test_her_record_is_not_written_by_an_id_that_only_a_message_gave(service: Service) -> None:
    hospital, number = service.hospital(), name()
    registered(service, hospital, "p1", number)
    assert why(send_about(service, hospital, Reference("Patient", "p1"))) == "accepted"

    def packed(tx: UnitOfWork) -> list[Parcel | None]:
        owed = tx.deliveries.list(frozenset({DeliveryState.READY}), 1_000)
        mine = [each for each in owed if each.destination_id == hospital.organisation_id]
        return [pack(tx, service.rules, each, service.now()) for each in mine]

    parcels = service.read(hospital, packed)
    assert {each.delivery.resource_type for each in parcels if each} == {
        "Communication",
        "AlertTask",
        "ServiceRequest",
        "DocumentReference",
    }
    assert all(each is not None and (each.identifiers, each.record_ids) == ((number,), {}) for each in parcels)


async def at_once(service: Service, hospital: Caller, works: Sequence[partial[Answer]]) -> list[object]:
    return await asyncio.gather(*(service.store.run(hospital, work) for work in works), return_exceptions=True)


def test_of_two_registrations_at_once_with_one_id_one_has_it_and_the_other_is_refused(service: Service) -> None:
    for _ in range(10):
        hospital, own_id = service.hospital(), new_id()
        messages = [ReceivedPatient(Received("Patient", body(), (name(),)), FACTS, False, own_id) for _ in range(2)]

        works = [partial(register_patient, rules=service.rules, message=each, now=service.now()) for each in messages]
        answers = asyncio.run(at_once(service, hospital, works))
        kinds = Counter(type(answer) for answer in answers)
        assert kinds in (Counter({Accepted: 1, Refused: 1}), Counter({Accepted: 1, Unavailable: 1}))
        (woman,) = service.rows("patient", tenant_id=hospital.organisation_id)
        assert [row["resource_id"] for row in service.rows("alias", system="", value=own_id)] == [woman["id"]]
        # Whoever was told to try again hears what the other heard at once.
        again = [service.run(hospital, work) for work in works]
        assert sorted(why(answer) for answer in again) == ["identity-conflict", "repeated"]
