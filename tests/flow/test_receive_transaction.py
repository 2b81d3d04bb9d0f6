"""Several resources at once, on both databases: all or nothing, decided once, and the same when it is sent again."""

from dataclasses import replace
from datetime import date
from itertools import permutations
from typing import Any

import pytest

from service.flow.answer import Accepted, Reason, Refused, Repeated
from service.flow.receive_transaction import (
    AllAnswered,
    Entry,
    EntryRefused,
    Message,
    ReceivedTransaction,
    receive_transaction,
)
from service.flow.received import ENTRY_NAME, Identifier, Received, Reference
from service.flow.received_result import Administered, ReceivedResult
from service.flow.record_consent import ReceivedConsent
from service.flow.register_patient import ReceivedPatient
from service.screening.result import Piece
from service.shared.caller import Caller
from service.shared.ids import new_id
from tests.flow.support import FACTS, NOW, Family, Service, body, piece, scores

WOMAN = "11111111-1111-7111-8111-111111111111"
FORM = "22222222-2222-7222-8222-222222222222"
HER_NUMBER = Identifier("urn:numbers", "1")


@pytest.fixture(scope="module")
def service(shared_service: Service) -> Service:
    return shared_service


def patient(family: Family, *names: Identifier, updates: bool = False, **received: Any) -> ReceivedPatient:
    facts = FACTS._replace(district=next(iter(family.programme.districts)))
    return ReceivedPatient(Received("Patient", body(), names, **received), facts, updates)


def agreed(service: Service, family: Family, who: str = WOMAN) -> ReceivedConsent:
    recipient = Reference("Organization", family.community.organisation_id)
    content = b'{"patient":"Patient/%s"}' % who.encode()
    return ReceivedConsent(Received("Consent", content), Reference("Patient", who), recipient, service.said())


def result(*pieces: Piece, who: str = WOMAN, type: str = "Observation", **received: Any) -> ReceivedResult:
    administered = tuple(Administered("epds", "patient", NOW, each) for each in pieces)
    content = received.pop("content", b'{"subject":"Patient/%s","n":%s}' % (who.encode(), body()[5:-1]))
    return ReceivedResult(Received(type, content, **received), Reference("Patient", who), administered)


def transaction(*messages: tuple[str, Message], asked: Any = None) -> ReceivedTransaction:
    handles = {handle for handle, _ in messages} | set(asked or {})
    entries = [
        Entry(place, handle, message, frozenset(each for each in handles if each.encode() in message.received.body))
        for place, (handle, message) in enumerate(messages)
    ]
    return ReceivedTransaction(Received("Bundle", body()), tuple(entries), asked or {})


def try_to_send(service: Service, hospital: Caller, sent: ReceivedTransaction) -> AllAnswered | EntryRefused:
    return service.run(hospital, lambda tx: receive_transaction(tx, service.rules, sent, service.now()))


def refusal(service: Service, hospital: Caller, sent: ReceivedTransaction) -> EntryRefused:
    answer = try_to_send(service, hospital, sent)
    assert isinstance(answer, EntryRefused)
    return answer


def send(service: Service, hospital: Caller, sent: ReceivedTransaction) -> list[Accepted | Repeated]:
    answers = try_to_send(service, hospital, sent)
    assert not isinstance(answers, EntryRefused)
    return [answers[place] for place in sorted(answers)]


def admission(service: Service, family: Family, *results: ReceivedResult) -> ReceivedTransaction:
    name = Identifier("urn:numbers", new_id())
    return transaction(
        (WOMAN, patient(family, name)),
        (new_id(), agreed(service, family)),
        *((new_id(), each) for each in results),
    )


def test_a_woman_her_consent_and_her_result_become_an_offer(service: Service) -> None:
    family = service.family()
    answers = send(service, family.hospital, admission(service, family, result(piece(15, scores(15)))))
    assert [(type(each), each.type, each.version) for each in answers] == [
        (Accepted, "Patient", 1), (Accepted, "Consent", 1), (Accepted, "Observation", 1),
    ]  # fmt: skip
    woman = answers[0].id
    assert service.states(woman) == ("offered", ["requested"])
    assert service.alerts(woman) == []


def test_what_is_kept_names_her_by_the_id_given_here(service: Service) -> None:
    family = service.family()
    sent = admission(service, family, result(piece(3, scores(3))))
    woman, _, observation = send(service, family.hospital, sent)
    (kept,) = service.rows("resource_version", type="Observation", id=observation.id)
    assert f"Patient/{woman.id}".encode() in kept["body"]
    assert WOMAN.encode() not in kept["body"]
    (archived,) = service.rows("inbound_message", id=kept["message_id"])
    assert (archived["type"], archived["body"]) == ("Bundle", sent.received.body)


PARTS = (
    result(piece(15, source="total", expects=frozenset({f"QuestionnaireResponse/{FORM}"}))),
    result(piece(None, scores(15, 0), source="form"), type="QuestionnaireResponse"),
    result(piece(None, {10: 0}, source="item 10")),
)


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_the_rules_run_once_after_the_last_entry(service: Service, order: tuple[int, ...]) -> None:
    family = service.family()
    answers = send(service, family.hospital, admission(service, family, *(PARTS[place] for place in order)))
    woman = answers[0].id
    (kept,) = service.rows("screening_result", patient_id=woman)
    assert len(service.rows("decision", result_id=kept["id"])) == 1
    assert (service.states(woman), service.alerts(woman)) == (("offered", ["requested"]), [])
    assert kept["waits_until"] is None


def test_a_panel_finds_its_members_by_the_ids_given_here(service: Service) -> None:
    family = service.family()
    expecting = piece(None, source="panel", expects=frozenset({f"QuestionnaireResponse/{FORM}"}))
    panel = result(expecting, content=b'{"subject":"Patient/%s","of":"%s"}' % (WOMAN.encode(), FORM.encode()))
    form = result(piece(15, source="form"), type="QuestionnaireResponse")
    woman, *_ = send(service, family.hospital, transaction((WOMAN, patient(family)), (FORM, form), (new_id(), panel)))
    (kept,) = service.rows("screening_result", patient_id=woman.id)
    # Everything that was named has come, so nothing is waited for.
    assert (kept["outcome"], kept["self_harm"], kept["waits_until"]) == ("positive", "unknown", None)


def test_a_refused_entry_undoes_the_whole(service: Service) -> None:
    family = service.family()
    name = Identifier("urn:numbers", new_id())
    unknown = result(piece(15, scores(15, 1)), who=new_id())
    before = len(service.rows("inbound_message")), len(service.rows("audit")), len(service.rows("alert"))
    sent = transaction((WOMAN, patient(family, name)), (new_id(), unknown))
    assert refusal(service, family.hospital, sent) == EntryRefused(1, Refused(Reason.SUBJECT_UNKNOWN, "subject"))
    assert (len(service.rows("inbound_message")), len(service.rows("audit")), len(service.rows("alert"))) == before
    assert service.rows("alias", value=name.value) == []


def test_of_a_refused_transaction_it_stays_that_a_woman_may_be_another(service: Service) -> None:
    family = service.family()
    name = Identifier("urn:numbers", new_id())
    known = service.register(family.hospital, FACTS._replace(birth_date=date(1995, 4, 1)), name)
    assert isinstance(known, Accepted)
    new, another = patient(family, Identifier("urn:numbers", new_id())), patient(family, name)
    another = another._replace(facts=another.facts._replace(birth_date=date(1971, 1, 31)))
    answer = refusal(service, family.hospital, transaction((new_id(), new), (WOMAN, another)))
    assert (answer.place, answer.refused.reason) == (1, Reason.IDENTITY_CONFLICT)
    assert service.alerts(known.id) == ["identity-conflict"]
    assert service.rows("alias", value=new.received.identifiers[0].value) == []


def test_the_same_transaction_again_is_answered_with_the_same(service: Service) -> None:
    family = service.family()
    sent = admission(service, family, result(piece(15, scores(15)), identifiers=(Identifier("urn:r", new_id()),)))
    first = send(service, family.hospital, sent)
    again = send(service, family.hospital, replace(sent, entries=(sent.entries[0], sent.entries[2])))
    assert [(type(each), each.id, each.version) for each in again] == [
        (Repeated, each.id, each.version) for each in (first[0], first[2])
    ]
    assert len(service.rows("referral", patient_id=first[0].id)) == 1


def test_what_has_no_name_is_known_again_by_the_one_it_was_given(service: Service) -> None:
    family = service.family()
    given = Identifier(ENTRY_NAME, new_id())
    sent = transaction((WOMAN, patient(family, condition=given)))
    (first,), (again,) = send(service, family.hospital, sent), send(service, family.hospital, sent)
    assert again == Repeated("Patient", first.id, 1)


def test_the_same_thing_twice_in_one_transaction_is_one(service: Service) -> None:
    family = service.family()
    name = Identifier("urn:r", new_id())
    once = result(piece(15, scores(15)), identifiers=(name,))
    woman, first, second = send(
        service, family.hospital, transaction((WOMAN, patient(family)), (new_id(), once), (new_id(), once))
    )
    assert second == Repeated("Observation", first.id, 1)
    assert len(service.rows("referral", patient_id=woman.id)) == 1


@pytest.mark.parametrize("updates", [True, False], ids=["PUT", "POST"])
def test_two_entries_may_not_make_different_things_of_one(service: Service, updates: bool) -> None:
    family = service.family()
    name = Identifier("urn:numbers", new_id())
    one, other = (patient(family, updates=updates, condition=name if updates else None) for _ in range(2))
    if not updates:
        one, other = (each._replace(received=each.received._replace(identifiers=(name,))) for each in (one, other))
    answer = refusal(service, family.hospital, transaction((WOMAN, one), (new_id(), other)))
    assert answer.refused.reason is Reason.DIFFERENT_UNDER_SAME_IDENTIFIER


def test_a_patient_may_be_asked_for_by_identifier(service: Service) -> None:
    family = service.family()
    name = Identifier("urn:numbers", new_id())
    answer = service.register(family.hospital, FACTS._replace(district=None), name)
    assert isinstance(answer, Accepted)
    asking = transaction((new_id(), result(piece(15, scores(15)))), asked={WOMAN: name})
    (observation,) = send(service, family.hospital, asking)
    (kept,) = service.rows("resource_version", type="Observation", id=observation.id)
    assert kept["patient_id"] == answer.id
    unknown = replace(asking, asked={WOMAN: Identifier("urn:numbers", new_id())})
    assert refusal(service, family.hospital, unknown).refused.reason is Reason.SUBJECT_UNKNOWN


def test_an_update_by_identifier_changes_what_it_names_and_makes_what_is_new(service: Service) -> None:
    family = service.family()
    name = Identifier("urn:r", new_id())

    def put(total: int) -> Accepted | Repeated:
        message = result(piece(total, scores(total)), who=family.woman, condition=name)
        entry = Entry(0, new_id(), message, updates=True)
        (answer,) = send(service, family.hospital, ReceivedTransaction(Received("Bundle", body()), (entry,), {}))
        return answer

    first, second = put(15), put(3)
    assert (first.version, second.version, second.id) == (1, 2, first.id)
    assert service.states(family.woman) == ("closed", ["cancelled"])


def test_a_womans_two_administrations_open_one_referral(service: Service) -> None:
    family = service.family()
    one, other = result(piece(15, scores(15))), result(piece(None, scores(17, 2)))
    at = NOW.replace(hour=1)
    earlier = other._replace(administered=tuple(each._replace(effective=at) for each in other.administered))
    woman, *_ = send(service, family.hospital, admission(service, family, one, earlier))
    assert len(service.rows("referral", patient_id=woman.id)) == 1
    assert service.alerts(woman.id) == ["self-harm-present"]


def test_an_event_pauses_what_the_whole_of_the_message_leads_to(service: Service) -> None:
    """Wherever it stands in it: a positive result after it makes no offer that outlives the message."""
    for order in permutations((result()._replace(safety_event=True), result(piece(15, scores(15))))):
        family = service.family()
        answers = send(service, family.hospital, admission(service, family, *order))
        assert service.states(answers[0].id) == ("on-hold", ["cancelled"])
        assert service.alerts(answers[0].id) == ["safety-event"]
