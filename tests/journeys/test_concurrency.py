"""Many at once on one store: a duplicate makes no second referral, and of two that conflict one order wins whole."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations, count
from typing import Any

import pytest

from service.consent.consent import Status
from service.flow.answer import Accepted, Repeated
from service.flow.chase_overdue import DueKind, Overdue, chase_overdue
from service.flow.disclose import OfferView, disclose
from service.flow.hear_refused_transaction import Legible, hear_refused_transaction
from service.flow.instruct import ReceivedInstruction, instruct
from service.flow.keep_unreadable import Unreadable
from service.flow.receive_result import receive_result
from service.flow.receive_transaction import Entry, ReceivedTransaction, receive_transaction
from service.flow.receive_update import receive_update
from service.flow.received import Identifier, Received, Reference
from service.flow.received_update import ReceivedUpdate
from service.flow.record_consent import ReceivedConsent, record_consent
from service.flow.record_contact import ReceivedContact, record_contact
from service.flow.register_patient import ReceivedPatient, register_patient
from service.flow.rules import Rules
from service.referrals.contact import ContactMode, ContactOutcome
from service.referrals.instruction import Instruction, Order
from service.referrals.offer import ACTIVE, LIVE, Offer
from service.referrals.programme import Programme
from service.referrals.referral import REFERRAL_ENDED
from service.screening import result as screening
from service.shared.caller import Caller, the_service
from service.shared.clock import SystemClock
from service.shared.ids import new_id
from service.store.queries import TaskQuery
from service.store.unit_of_work import UnitOfWork
from tests.flow.support import DAY, FACTS, HOUR, Family, Service, body, piece, reported, said, scores

AT_ONCE = 64
ROUNDS_FOR_EACH_PAIR = 3
ROUNDS_OF_WITHDRAWAL_AGAINST_ACCEPTANCE = 300
ROUNDS_OF_HOLD_AGAINST_ACCEPTANCE = 50
ROUNDS_OF_AN_END_AGAINST_WHAT_GOES_ON = 20

Work = Callable[[UnitOfWork], Any]


@pytest.fixture(scope="module")
def crowded(migrated_postgresql_url: str, rules: Rules) -> Iterator[Service]:
    """On PostgreSQL, where units really run beside each other."""
    with closing(Service(migrated_postgresql_url, SystemClock(), rules, connections=16)) as opened:
        yield opened


def together(service: Service, *works: tuple[Caller, Work]) -> list[Any]:
    """What each unit answered; all of them were waiting before the first began."""

    async def fire() -> list[Any]:
        return await asyncio.gather(*(service.store.run(caller, work) for caller, work in works))

    return asyncio.run(fire())


# The same thing many times


def test_64_identical_results_at_once_make_one_referral_and_one_offer(service: Service) -> None:
    family = service.family()
    at = service.now()
    messages = [service.message(family.woman, piece(15, scores(15)), effective=at) for _ in range(AT_ONCE)]
    works = [partial(receive_result, rules=service.rules, message=each, now=at) for each in messages]
    answers = together(service, *((family.hospital, work) for work in works))

    assert Counter(type(answer) for answer in answers) == {Accepted: AT_ONCE}
    assert service.states(family.woman) == ("offered", ["requested"])
    for table in ("screening_result", "referral", "offer", "delivery"):
        rows = service.rows(table, patient_id=family.woman)
        assert len(rows) == (3 if table == "delivery" else 1)
    assert service.alerts(family.woman) == []


def test_of_64_results_with_one_identifier_one_is_created_and_63_are_repeats(service: Service) -> None:
    family = service.family()
    name = Identifier("urn:hospital", new_id())
    message = service.message(family.woman, piece(15, scores(15, 1)), names=(name,))
    work = partial(receive_result, rules=service.rules, message=message, now=service.now())
    answers = together(service, *[(family.hospital, work)] * AT_ONCE)

    assert Counter(type(answer) for answer in answers) == {Accepted: 1, Repeated: AT_ONCE - 1}
    assert len({answer.id for answer in answers}) == 1
    assert service.alerts(family.woman) == ["self-harm-present"]
    kept = service.rows("inbound_message", tenant_id=family.hospital.organisation_id, type="Observation")
    assert Counter(row["disposition"] for row in kept) == {"accepted": 1, "repeated": AT_ONCE - 1}
    audited = service.rows("audit", patient_id=family.woman, subject=f"Observation/{answers[0].id}")
    assert len(audited) == AT_ONCE


def test_64_registrations_with_one_identifier_make_one_woman(service: Service) -> None:
    hospital = service.hospital()
    message = ReceivedPatient(Received("Patient", body(), (Identifier("urn:hospital", new_id()),)), FACTS, False)
    work = partial(register_patient, rules=service.rules, message=message, now=service.now())
    answers = together(service, *[(hospital, work)] * AT_ONCE)

    assert Counter(type(answer) for answer in answers) == {Accepted: 1, Repeated: AT_ONCE - 1}
    assert len(service.rows("patient", tenant_id=hospital.organisation_id)) == 1


def test_of_64_that_are_shown_the_same_at_once_one_is_the_first(service: Service) -> None:
    family, offer = service.offered()

    async def fire() -> None:
        look = partial(_view, service=service, id=offer.id)
        await asyncio.gather(*(service.store.read(family.community, look) for _ in range(AT_ONCE)))

    asyncio.run(fire())
    subject = f"Patient/{offer.handles.patient}"
    assert len(service.rows("audit", subject=subject, action="R")) == 1
    assert sum(row["times"] for row in service.rows("disclosure", subject=subject)) == AT_ONCE


def test_of_12_women_placed_at_once_one_is_offered_the_last_place(crowded: Service) -> None:
    for _ in range(ROUNDS_FOR_EACH_PAIR):
        family = crowded.family(places=1)
        women = [crowded.woman(family.hospital, district=next(iter(family.programme.districts))) for _ in range(12)]
        for woman in women:
            crowded.consent(family.hospital, woman, family.community)
        messages = [crowded.message(woman, piece(15, scores(15))) for woman in women]
        works = [partial(receive_result, rules=crowded.rules, message=each, now=crowded.now()) for each in messages]
        together(crowded, *((family.hospital, work) for work in works))

        states = Counter(crowded.states(woman)[0] for woman in women)
        assert states == {"offered": 1, "placing": 11}
        assert len(crowded.rows("offer", programme_id=family.programme.id)) == 1


def bundle_about(service: Service, women: list[tuple[str, Identifier]], known_by: str) -> ReceivedTransaction:
    """A risk of each, in this order."""
    entries: list[Entry] = []
    asked: dict[str, Identifier] = {}
    for woman, name in women:
        handle = woman if known_by == "our id" else new_id()
        if known_by == "an entry":
            registered = ReceivedPatient(Received("Patient", body(), (name,), name), FACTS, False)
            entries.append(Entry(len(entries), handle, registered))
        elif known_by == "an identifier":
            asked[handle] = name
        content = b'{"subject": "%s", "n": %s}' % (handle.encode(), body()[5:-1])
        told = service.message(handle, piece(15, scores(15, 3)), content=content)
        mentions = frozenset[str]() if known_by == "our id" else frozenset({handle})
        entries.append(Entry(len(entries), new_id(), told, mentions))
    return ReceivedTransaction(Received("Bundle", body()), tuple(entries), asked)


@pytest.mark.parametrize("known_by", ["our id", "an entry", "an identifier"])
@pytest.mark.parametrize("taken", [True, False], ids=["taken", "refused"])
def test_transactions_about_the_same_women_in_another_order_do_not_wait_for_each_other(
    crowded: Service, known_by: str, taken: bool
) -> None:
    hospital, rules, now = crowded.hospital(), crowded.rules, crowded.now()
    names = [Identifier("urn:hospital", new_id()) for _ in range(4)]
    answers = [crowded.register(hospital, FACTS, each) for each in names]
    women = [(each.id, name) for each, name in zip(answers, names, strict=True) if isinstance(each, Accepted)]

    def work(sent: ReceivedTransaction) -> Work:
        if taken:
            return lambda tx: receive_transaction(tx, rules, sent, now)
        refused = Unreadable(new_id(), b"sealed", new_id(), "structure")
        return lambda tx: hear_refused_transaction(tx, rules, refused, Legible(sent, ()), now)

    sent = [bundle_about(crowded, women[:: -1 if number % 2 else 1], known_by) for number in range(12)]
    together(crowded, *((hospital, work(each)) for each in sent))
    assert [crowded.alerts(woman) for woman, _ in women] == [["self-harm-present"] * 12] * 4


def test_64_consents_at_once_let_a_waiting_referral_go_on_once(service: Service) -> None:
    family = service.family()
    service.withdraw(family)
    service.result(family.hospital, family.woman, piece(15, scores(15)))
    assert service.states(family.woman) == ("awaiting-consent", [])
    now = service.now()
    works = []
    for _ in range(AT_ONCE):
        about = Reference("Organization", family.community.organisation_id)
        said = replace(service.said(), given_at=now)
        message = ReceivedConsent(Received("Consent", body()), Reference("Patient", family.woman), about, said)
        works.append(partial(record_consent, rules=service.rules, message=message, now=now))
    together(service, *((family.hospital, work) for work in works))

    assert service.states(family.woman) == ("offered", ["requested"])


def test_64_identical_acceptances_accept_once(service: Service) -> None:
    family, offer = service.offered()
    answers = together(service, *[(family.community, _status(service, offer, "accepted"))] * AT_ONCE)

    assert Counter(type(answer) for answer in answers) == {Accepted: 1, Repeated: AT_ONCE - 1}
    assert service.offers(family.woman)[0].version == 2


def test_three_places_are_given_to_three_women(service: Service) -> None:
    family, first = service.offered(places=3)
    offers = [first]
    for _ in range(11):
        woman = service.woman(family.hospital, district=next(iter(family.programme.districts)))
        service.consent(family.hospital, woman, family.community)
        service.result(family.hospital, woman, piece(15, scores(15)))
        offers += service.offers(woman)
    answers = together(service, *((family.community, _status(service, each, "accepted")) for each in offers))

    assert Counter(type(answer) for answer in answers)[Accepted] == 3
    accepted = service.rows("offer", programme_id=family.programme.id, state="accepted")
    assert len(accepted) == 3


def test_64_contacts_at_once_are_all_counted(service: Service) -> None:
    family, offer = service.supported()
    answers = together(service, *((family.community, _contact(service, offer)) for _ in range(AT_ONCE)))

    assert Counter(type(answer) for answer in answers) == {Accepted: AT_ONCE}
    assert service.offers(family.woman)[0].version == offer.version + AT_ONCE


def test_64_times_the_same_contact_counts_once(service: Service) -> None:
    family, offer = service.supported()
    work = _contact(service, offer, (Identifier("urn:programme", new_id()),))
    answers = together(service, *[(family.community, work)] * AT_ONCE)

    assert Counter(type(answer) for answer in answers) == {Accepted: 1, Repeated: AT_ONCE - 1}
    assert len(service.rows("contact", offer_id=offer.id)) == 1


# Two that conflict


@dataclass(frozen=True, slots=True)
class Case:
    """One woman at the start of a round, with what the units of the round need."""

    family: Family
    offer: Offer
    result_at: Any
    agreed_until: Any


def _withdraw(service: Service, case: Case) -> tuple[Caller, Work]:
    family = case.family
    received = Received("Consent", body(), target_id=family.consent)
    about = Reference("Organization", family.community.organisation_id)
    said = service.said(status=Status.INACTIVE)
    message = ReceivedConsent(received, Reference("Patient", family.woman), about, said)
    return family.hospital, partial(record_consent, rules=service.rules, message=message, now=service.now())


def _status(service: Service, offer: Offer, status: str, notes: tuple[dict[str, object], ...] = ()) -> Work:
    received = Received("Task", body(), target_id=offer.id)
    message = ReceivedUpdate(
        received, offer.id, None, said(status), "As agreed.", None, (), reported(notes, (), None, None)
    )
    return partial(receive_update, rules=service.rules, message=message, now=service.now())


def _contact(service: Service, offer: Offer, names: tuple[Identifier, ...] = ()) -> Work:
    message = ReceivedContact(
        Received("Encounter", body(), names),
        offer.handles.patient,
        offer.handles.service_request,
        ContactMode.PHONE,
        ContactOutcome.ATTENDED,
        service.now() - HOUR,
        None,
    )
    return partial(record_contact, rules=service.rules, message=message, now=service.now())


def _answers(status: str) -> Callable[[Service, Case], tuple[Caller, Work]]:
    return lambda service, case: (case.family.community, _status(service, case.offer, status))


def _tells(service: Service, case: Case) -> tuple[Caller, Work]:
    note: dict[str, object] = {"text": new_id()}
    return case.family.community, _status(service, case.offer, "accepted", (note,))


def _meets(service: Service, case: Case) -> tuple[Caller, Work]:
    return case.family.community, _contact(service, case.offer)


def _corrects(service: Service, case: Case) -> tuple[Caller, Work]:
    sent = piece(3, scores(3), status=screening.Status.CORRECTED)
    message = service.message(case.family.woman, sent, effective=case.result_at, corrects=True)
    return case.family.hospital, partial(receive_result, rules=service.rules, message=message, now=service.now())


def _voids(service: Service, case: Case) -> tuple[Caller, Work]:
    sent = piece(status=screening.Status.ENTERED_IN_ERROR)
    message = service.message(case.family.woman, sent, effective=case.result_at, corrects=True)
    return case.family.hospital, partial(receive_result, rules=service.rules, message=message, now=service.now())


def _screens(service: Service, case: Case) -> tuple[Caller, Work]:
    message = service.message(case.family.woman, piece(3, scores(3, 1)), effective=service.now() - DAY)
    return case.family.hospital, partial(receive_result, rules=service.rules, message=message, now=service.now())


def _dies(service: Service, case: Case) -> tuple[Caller, Work]:
    received = Received("Patient", body(), target_id=case.family.woman)
    message = ReceivedPatient(received, FACTS._replace(deceased=True), True)
    return case.family.hospital, partial(register_patient, rules=service.rules, message=message, now=service.now())


def _lapses(service: Service, case: Case) -> tuple[Caller, Work]:
    overdue = Overdue(DueKind.OFFER_LAPSES, case.offer.id, case.family.woman)
    late = case.offer.respond_by + HOUR
    return the_service(new_id()), partial(chase_overdue, rules=service.rules, overdue=overdue, now=late)


def _runs_out(service: Service, case: Case) -> tuple[Caller, Work]:
    overdue = Overdue(DueKind.CONSENT_ENDS, case.family.consent, case.family.woman)
    return the_service(new_id()), partial(chase_overdue, rules=service.rules, overdue=overdue, now=case.agreed_until)


def _orders(order: Order) -> Callable[[Service, Case], tuple[Caller, Work]]:
    def trigger(service: Service, case: Case) -> tuple[Caller, Work]:
        received = Received("ServiceRequest", body(), target_id=case.offer.referral_id)
        message = ReceivedInstruction(received, case.offer.referral_id, Instruction(order, service.now()))
        return case.family.hospital, partial(instruct, rules=service.rules, message=message, now=service.now())

    return trigger


_is_held = _orders(Order.HOLD)


def _loses(service: Service, case: Case) -> tuple[Caller, Work]:
    message = service.message(case.family.woman)._replace(safety_event=True)
    return case.family.hospital, partial(receive_result, rules=service.rules, message=message, now=service.now())


Trigger = Callable[[Service, Case], tuple[Caller, Work]]
EVERYWHERE: dict[str, Trigger] = {
    "withdraw": _withdraw,
    "cancel": _answers("cancelled"),
    "correct": _corrects,
    "present": _screens,
    "die": _dies,
    "hold": _is_held,
    "close": _orders(Order.CLOSE),
    "lose": _loses,
}
WHILE_OFFERED = {**EVERYWHERE, "accept": _answers("accepted"), "reject": _answers("rejected"), "lapse": _lapses}
WHILE_SUPPORTED = {
    **EVERYWHERE,
    "start": _answers("in-progress"),
    "pause": _answers("on-hold"),
    "complete": _answers("completed"),
    "fail": _answers("failed"),
    "note": _tells,
    "contact": _meets,
}
PAIRS = [("offered", *pair) for pair in combinations(WHILE_OFFERED, 2)] + [
    ("supported", *pair) for pair in combinations(WHILE_SUPPORTED, 2)
]
# A unit that came first may have ended it before the other was heard; an end of its own stays what it is.
ENDS_FIRST = {"complete": "completed"}


@dataclass(frozen=True, slots=True)
class House:
    hospital: Caller
    community: Caller
    programme: Programme


@pytest.fixture(scope="module")
def house(crowded: Service) -> House:
    hospital, community = crowded.hospital(), crowded.community()
    return House(hospital, community, crowded.programme(community))


def _begin(service: Service, house: House, state: str) -> Case:
    woman = service.woman(house.hospital)
    at = service.now()
    consent = service.consent(house.hospital, woman, house.community, period_end=at + DAY)
    assert isinstance(consent, Accepted)
    service.result(house.hospital, woman, piece(15, scores(15)), effective=at)
    offer = service.read(house.hospital, lambda tx: tx.feed.offers(TaskQuery(1, patient_ids=frozenset({woman}))))[0][0]
    family = Family(house.hospital, house.community, house.programme, woman, consent.id)
    case = Case(family, offer, at, at + DAY)
    if state != "offered":
        service.update(house.community, offer.id, "accepted")
        case = replace(case, offer=offer._replace(version=2))
    if state == "held":
        service.run(*_is_held(service, case))
    return case


def _round(service: Service, house: House, state: str, *triggers: Trigger) -> tuple[Case, list[Any]]:
    case = _begin(service, house, state)
    works = []
    for trigger in triggers:
        caller, work = trigger(service, case)
        works.append((replace(caller, correlation_id=new_id()), work))
    answers = together(service, *works)
    _everything_was_written_down(service, [caller for caller, _ in works])
    _holds_together(service, case)
    return case, answers


def _everything_was_written_down(service: Service, callers: list[Caller]) -> None:
    """Each message with what became of it, and its audit row; what time does is audited where it changed something."""
    messages = [caller.correlation_id for caller in callers if caller.client_id != "service"]
    kept = service.look(*(("inbound_message", {"correlation_id": each}) for each in messages))
    audited = service.look(*(("audit", {"correlation_id": each}) for each in messages))
    assert [len(rows) for rows in kept] == [1] * len(messages)
    assert all(audited)


def _holds_together(service: Service, case: Case) -> None:
    about_her = {"patient_id": case.family.woman}
    (referral,), (offer,), versions, owed = service.look(
        ("referral", about_her),
        ("offer", about_her),
        ("offer_version", {"offer_id": case.offer.id}),
        ("delivery", {**about_her, "state": "ready"}),
    )
    pair = referral["state"], offer["state"]
    assert not (offer["state"] in LIVE and referral["state"] in REFERRAL_ENDED), pair
    assert offer["state"] != "requested" or referral["state"] == "offered", pair
    assert offer["state"] not in ACTIVE or referral["state"] in ("supported", "on-hold"), pair
    assert [each["version"] for each in versions] == list(range(1, offer["version"] + 1))
    assert versions[-1]["state"] == offer["state"]
    assert offer["stamp"] == versions[-1]["stamp"] > 0
    newest = {("ServiceRequest", referral["version"]), ("Task", offer["version"])}
    owed_now = {
        (each["resource_type"], each["version"]) for each in owed if each["resource_type"] in ("ServiceRequest", "Task")
    }
    assert owed_now == newest


def _ended_by_withdrawal(service: Service, case: Case, other: str) -> None:
    about_her = {"patient_id": case.family.woman}
    (referral,), (offer,) = service.look(("referral", about_her), ("offer", about_her))
    if other in ENDS_FIRST and referral["state"] == ENDS_FIRST[other]:
        assert offer["state"] == ENDS_FIRST[other]
        return
    assert referral["state"] == "closed"
    # A programme that had ended its offer first keeps its own word for it.
    assert offer["state"] in ("cancelled", {"reject": "rejected", "fail": "failed"}.get(other))
    view = service.read(case.family.community, partial(_view, service=service, id=case.offer.id))
    assert (view.stage, view.preferred_name, view.district) == ("over", None, None)


def _view(tx: UnitOfWork, service: Service, id: str) -> OfferView:
    offer = tx.visible.offer(id)
    assert offer is not None
    return disclose(tx, service.rules, [offer], "Patient", service.now())[0]


@pytest.mark.parametrize(("state", "one", "other"), PAIRS, ids=lambda part: part)
def test_two_that_conflict_leave_everything_whole(
    crowded: Service, house: House, state: str, one: str, other: str
) -> None:
    triggers = WHILE_OFFERED if state == "offered" else WHILE_SUPPORTED
    for round in range(ROUNDS_FOR_EACH_PAIR):
        pair = (one, other) if round % 2 == 0 else (other, one)
        case, _ = _round(crowded, house, state, *(triggers[name] for name in pair))
        if "withdraw" in pair:
            _ended_by_withdrawal(crowded, case, other if one == "withdraw" else one)
        if "die" in pair and "complete" not in pair:
            assert crowded.referral(case.family.woman).state == "closed"
        if "present" in pair:
            assert "self-harm-present" in crowded.alerts(case.family.woman)


def test_a_withdrawal_holds_against_an_acceptance_in_300_rounds(crowded: Service, house: House) -> None:
    """Both orders really happen: in some rounds the programme had accepted first, in others it was too late."""
    first: Counter[str] = Counter()
    for round in range(ROUNDS_OF_WITHDRAWAL_AGAINST_ACCEPTANCE):
        pair = [_withdraw, _answers("accepted")]
        case, answers = _round(crowded, house, "offered", *(pair if round % 2 else reversed(pair)))
        withdrawn, accepted = answers if round % 2 else reversed(answers)
        assert isinstance(withdrawn, Accepted)
        _ended_by_withdrawal(crowded, case, "accept")
        first["accepted" if isinstance(accepted, Accepted) else "withdrawn"] += 1

    assert first["accepted"] > 0
    assert first["withdrawn"] > 0
    print(f"withdrawal against acceptance: {dict(first)}")


def test_a_hold_holds_against_an_acceptance_in_50_rounds(crowded: Service, house: House) -> None:
    """Either the offer is gone, or it was accepted first and is held: nobody begins while the hospital says wait."""
    ended: Counter[str] = Counter()
    for round in range(ROUNDS_OF_HOLD_AGAINST_ACCEPTANCE):
        pair = [_is_held, _answers("accepted")]
        case, answers = _round(crowded, house, "offered", *(pair if round % 2 else reversed(pair)))
        held, accepted = answers if round % 2 else reversed(answers)
        assert isinstance(held, Accepted)
        state, (offer,) = crowded.states(case.family.woman)
        assert state == "on-hold"
        assert offer == ("held-by-service" if isinstance(accepted, Accepted) else "cancelled")
        unseen = crowded.rows("unseen_change", offer_id=case.offer.id)
        assert len(unseen) == (1 if offer == "held-by-service" else 0)
        ended[offer] += 1

    assert ended.keys() == {"held-by-service", "cancelled"}
    print(f"hold against acceptance: {dict(ended)}")


# From which state, what would go on, what ends it, and where that leaves her: when the first was heard, and when not.
_CLOSED = ("closed", "cancelled")
AN_END_AGAINST_WHAT_GOES_ON: dict[str, tuple[str, Trigger, Trigger, tuple[tuple[str, str], tuple[str, str]]]] = {
    "resume against withdraw": ("held", _orders(Order.RESUME), _withdraw, (_CLOSED, _CLOSED)),
    "accept against void": ("offered", _answers("accepted"), _voids, (("on-hold", "held-by-service"), _CLOSED)),
    "accept against a consent that runs out": ("offered", _answers("accepted"), _runs_out, (_CLOSED, _CLOSED)),
}


@pytest.mark.parametrize("pair", AN_END_AGAINST_WHAT_GOES_ON)
def test_what_ends_contact_holds_against_what_goes_on(crowded: Service, house: House, pair: str) -> None:
    """A withdrawal always holds, no programme goes on under a result that was void, or once her consent has run out.

    However the machine deals its turns, each of the two has been the first.
    """
    state, goes_on, ends, (heard, too_late) = AN_END_AGAINST_WHAT_GOES_ON[pair]
    first: Counter[str] = Counter()
    for round in count():
        if round >= ROUNDS_OF_AN_END_AGAINST_WHAT_GOES_ON and len(first) == 2:
            break
        order = [ends, goes_on]
        case, answers = _round(crowded, house, state, *(order if round % 2 else reversed(order)))
        _, went_on = answers if round % 2 else reversed(answers)
        in_time = isinstance(went_on, Accepted)
        (found, (offer,)), alerts = crowded.states(case.family.woman), crowded.alerts(case.family.woman)
        assert (found, offer) == (heard if in_time else too_late)
        assert ("result-corrected" in alerts) is (found == "on-hold")
        view = crowded.read(case.family.community, partial(_view, service=crowded, id=case.offer.id))
        assert (view.preferred_name is None) is (found == "closed")
        first["in time" if in_time else "too late"] += 1

    print(f"{pair}: {dict(first)}")


def test_64_holds_at_once_are_one(service: Service) -> None:
    family, offer = service.supported()
    case = Case(family, offer, service.now(), None)
    caller, work = _is_held(service, case)
    answers = together(service, *[(caller, work)] * AT_ONCE)
    assert Counter(type(answer) for answer in answers) == {Accepted: 1, Repeated: AT_ONCE - 1}
    assert service.states(family.woman) == ("on-hold", ["held-by-service"])
    assert len(service.rows("instruction", referral_id=offer.referral_id)) == 1


def test_everything_at_once_leaves_everything_whole(crowded: Service, house: House) -> None:
    for state, triggers in (("offered", WHILE_OFFERED), ("supported", WHILE_SUPPORTED)) * 5:
        case, _ = _round(crowded, house, state, *triggers.values())
        assert crowded.referral(case.family.woman).state in REFERRAL_ENDED


def test_consents_that_come_at_once_release_a_waiting_referral_once(service: Service) -> None:
    """To two programmes, each several times: one of them gets one offer, and the clinic's request is settled."""
    district = new_id()
    hospital, communities = service.hospital(), (service.community(), service.community())
    for community in communities:
        service.programme(community, districts=frozenset({district}))
    woman = service.woman(hospital, district=district)
    service.result(hospital, woman, piece(15, scores(15)))
    assert service.states(woman) == ("awaiting-consent", [])

    def agreeing(community: Caller) -> tuple[Caller, Work]:
        about = Reference("Organization", community.organisation_id)
        message = ReceivedConsent(Received("Consent", body()), Reference("Patient", woman), about, service.said())
        return hospital, partial(record_consent, rules=service.rules, message=message, now=service.now())

    answers = together(service, *(agreeing(each) for each in communities * 4))
    assert all(isinstance(answer, Accepted) for answer in answers)
    assert service.states(woman) == ("offered", ["requested"])
    assert service.alert(woman, "consent-needed")["state"] == "resolved"
