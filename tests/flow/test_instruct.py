"""A hospital holds, resumes, closes and voids its referral, from every state that a referral can be in."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any

import pytest

from service.flow.answer import Accepted, Answer, Reason, Refused, Repeated
from service.flow.hear_refused_order import receive_order
from service.flow.instruct import Described, ReceivedInstruction, instruct
from service.flow.received import Received, Reference
from service.flow.revise_referral import ReceivedRevision, revise_referral
from service.referrals.instruction import HoldReason, Instruction, Order
from service.referrals.referral import ReferralState
from service.shared.caller import the_service
from service.shared.ids import new_id
from tests.flow.support import MINUTE, NOW, UNREACHABLE, Family, Service, body, piece, scores, why

HOLD, RESUME, CLOSE, VOID = Order.HOLD, Order.RESUME, Order.CLOSE, Order.VOID


def _in_review(service: Service) -> Family:
    family = service.family()
    service.result(family.hospital, family.woman, piece(15, scores(15, 1)))
    return family


def _awaiting_consent(service: Service) -> Family:
    family = service.family()
    service.withdraw(family)
    service.result(family.hospital, family.woman, piece(15, scores(15)))
    return family


def _placing(service: Service) -> Family:
    family = service.family()
    service.consent(family.hospital, family.woman, family.community, given_at=service.now(), safe_contact=UNREACHABLE)
    service.result(family.hospital, family.woman, piece(15, scores(15)))
    return family


def _ended(service: Service, how: str) -> Family:
    family, offer = service.supported()
    if how == "completed":
        service.update(family.community, offer.id, "completed")
    else:
        service.tell(family.hospital, service.referral(family.woman).id, CLOSE if how == "closed" else VOID)
    return family


def _returned(service: Service) -> Family:
    family, offer = service.supported()
    service.update(family.community, offer.id, "failed", "She has moved.")
    return family


def _held(service: Service) -> Family:
    family, _ = service.supported()
    service.tell(family.hospital, service.referral(family.woman).id, HOLD, text="Earlier.")
    return family


BEGIN: dict[str, Callable[[Service], Family]] = {
    "in-review": _in_review,
    "awaiting-consent": _awaiting_consent,
    "placing": _placing,
    "offered": lambda service: service.offered()[0],
    "supported": lambda service: service.supported()[0],
    "held": _held,
    "returned": _returned,
    "completed": lambda service: _ended(service, "completed"),
    "closed": lambda service: _ended(service, "closed"),
    "entered-in-error": lambda service: _ended(service, "entered-in-error"),
}
REFUSED = "transition-not-allowed"
# begin -> order -> (answer, referral, offers) afterwards
EXPECTED: dict[str, dict[Order, tuple[str, str, list[str]]]] = {
    "in-review": {
        HOLD: ("accepted", "on-hold", []),
        RESUME: (REFUSED, "in-review", []),
        CLOSE: ("accepted", "closed", []),
        VOID: ("accepted", "entered-in-error", []),
    },
    "awaiting-consent": {
        HOLD: ("accepted", "on-hold", []),
        RESUME: (REFUSED, "awaiting-consent", []),
        CLOSE: ("accepted", "closed", []),
        VOID: ("accepted", "entered-in-error", []),
    },
    "placing": {
        HOLD: ("accepted", "on-hold", []),
        RESUME: (REFUSED, "placing", []),
        CLOSE: ("accepted", "closed", []),
        VOID: ("accepted", "entered-in-error", []),
    },
    "offered": {
        HOLD: ("accepted", "on-hold", ["cancelled"]),
        RESUME: (REFUSED, "offered", ["requested"]),
        CLOSE: ("accepted", "closed", ["cancelled"]),
        VOID: ("accepted", "entered-in-error", ["entered-in-error"]),
    },
    "supported": {
        HOLD: ("accepted", "on-hold", ["held-by-service"]),
        RESUME: (REFUSED, "supported", ["accepted"]),
        CLOSE: ("accepted", "closed", ["cancelled"]),
        VOID: ("accepted", "entered-in-error", ["entered-in-error"]),
    },
    "held": {
        HOLD: ("accepted", "on-hold", ["held-by-service"]),
        RESUME: ("accepted", "supported", ["in-progress"]),
        CLOSE: ("accepted", "closed", ["cancelled"]),
        VOID: ("accepted", "entered-in-error", ["entered-in-error"]),
    },
    "returned": {
        HOLD: ("accepted", "on-hold", ["failed"]),
        RESUME: ("accepted", "placing", ["failed"]),
        CLOSE: ("accepted", "closed", ["failed"]),
        VOID: ("accepted", "entered-in-error", ["entered-in-error"]),
    },
    "completed": {
        HOLD: (REFUSED, "completed", ["completed"]),
        RESUME: (REFUSED, "completed", ["completed"]),
        CLOSE: (REFUSED, "completed", ["completed"]),
        VOID: ("accepted", "entered-in-error", ["entered-in-error"]),
    },
    "closed": {
        HOLD: (REFUSED, "closed", ["cancelled"]),
        RESUME: (REFUSED, "closed", ["cancelled"]),
        CLOSE: ("repeated", "closed", ["cancelled"]),
        VOID: ("accepted", "entered-in-error", ["entered-in-error"]),
    },
    "entered-in-error": {
        HOLD: (REFUSED, "entered-in-error", ["entered-in-error"]),
        RESUME: (REFUSED, "entered-in-error", ["entered-in-error"]),
        CLOSE: (REFUSED, "entered-in-error", ["entered-in-error"]),
        VOID: ("repeated", "entered-in-error", ["entered-in-error"]),
    },
}


def test_the_table_has_every_state_and_order() -> None:
    assert EXPECTED.keys() == BEGIN.keys()
    assert {*BEGIN} - {"held", "returned"} == {*ReferralState} - {"on-hold"}
    assert all(row.keys() == {*Order} for row in EXPECTED.values())


@pytest.mark.parametrize(("begin", "order"), list(product(BEGIN, Order)))
def test_what_an_order_does_in_each_state(service: Service, begin: str, order: Order) -> None:
    family = BEGIN[begin](service)
    before = service.referral(family.woman)
    answer = service.tell(family.hospital, before.id, order)

    said, state, offers = EXPECTED[begin][order]
    assert why(answer) == said
    assert service.states(family.woman) == (state, offers)
    after = service.referral(family.woman)
    kept = service.rows("instruction", referral_id=before.id)
    if isinstance(answer, Accepted):
        assert answer == Accepted("ServiceRequest", after.id, after.version)
        assert after.version > before.version
        assert kept[-1]["order"] == order
        assert (kept[-1]["practitioner"], kept[-1]["role"]) == ("Test Midwife Marlow", "Midwife")
    else:
        assert after == before


@pytest.mark.parametrize("order", Order)
def test_the_same_once_more_changes_nothing(service: Service, order: Order) -> None:
    family = _held(service) if order is RESUME else service.supported()[0]
    referral = service.referral(family.woman)
    first = service.tell(family.hospital, referral.id, order, text="As agreed.")
    assert isinstance(first, Accepted)
    before = service.states(family.woman), service.offers(family.woman), service.rows("instruction")
    service.pass_time(MINUTE)

    again = service.tell(family.hospital, referral.id, order, text="As agreed.")
    assert again == Repeated("ServiceRequest", referral.id, first.version)
    assert (service.states(family.woman), service.offers(family.woman), service.rows("instruction")) == before


def test_a_hold_for_another_reason_is_kept_beside_the_first(service: Service) -> None:
    family = _held(service)
    referral = service.referral(family.woman)
    answer = service.tell(family.hospital, referral.id, HOLD, reason=HoldReason.BABY_DIED)

    assert answer == Accepted("ServiceRequest", referral.id, referral.version + 1)
    assert [row["reason"] for row in service.rows("instruction")] == [None, "baby-died"]
    assert [offer.version for offer in service.offers(family.woman)] == [3]


def test_a_late_retry_of_a_resume_does_not_lift_a_newer_hold_when_it_says_which_version_it_means(
    service: Service,
) -> None:
    family = _held(service)
    held = service.referral(family.woman)
    service.tell(family.hospital, held.id, RESUME, expected_version=held.version)
    service.tell(family.hospital, held.id, HOLD)
    assert why(service.tell(family.hospital, held.id, RESUME, expected_version=held.version)) == "version-stale"
    assert service.states(family.woman) == ("on-hold", ["held-by-service"])


def test_a_programme_reads_that_it_is_to_pause_and_never_why(service: Service) -> None:
    family, offer = service.supported()
    service.tell(
        family.hospital, service.referral(family.woman).id, HOLD, reason=HoldReason.PREGNANCY_LOSS, text="At 19 weeks."
    )
    (held,) = service.poll(family.community)

    assert held.state.value == "held-by-service"
    assert held.status_reason == service.rules.status_reason("paused")
    assert held.status_reason.startswith("Paused: do not contact")
    (view,) = service.disclose(family.community, offer)
    assert (view.stage, view.preferred_name) == ("supporting", "Ada")


def test_a_hold_of_the_service_is_lifted_by_a_clinician_alone(service: Service) -> None:
    family = _held(service)
    (offer,) = service.offers(family.woman)
    for status in ("in-progress", "completed", "accepted"):
        refused = service.update(family.community, offer.id, status, "We begin.")
        assert refused == Refused(Reason.HELD_BY_SERVICE, "status")
    assert why(service.update(family.community, offer.id, "on-hold")) == "repeated"
    assert service.states(family.woman) == ("on-hold", ["held-by-service"])

    service.tell(family.hospital, service.referral(family.woman).id, RESUME)
    (resumed,) = service.poll(family.community)
    assert (resumed.state.value, resumed.status_reason) == ("in-progress", service.rules.status_reason("resumed"))


AWAY = "She is away until May."


def _held_twice(service: Service) -> tuple[Family, str]:
    """By the programme first, and by a clinician then."""
    family, offer = service.supported()
    service.update(family.community, offer.id, "on-hold", AWAY)
    service.tell(family.hospital, service.referral(family.woman).id, HOLD)
    return family, offer.id


def test_a_hold_of_the_programme_is_its_own_again_when_the_services_is_lifted(service: Service) -> None:
    family, offer_id = _held_twice(service)
    (paused,) = service.poll(family.community)
    assert (paused.state.value, paused.status_reason) == ("held-by-both", service.rules.status_reason("paused"))
    service.tell(family.hospital, service.referral(family.woman).id, RESUME)
    (offer,) = service.poll(family.community)
    assert (offer.state.value, offer.status_reason) == ("held-by-programme", AWAY)
    assert service.states(family.woman)[0] == "supported"
    assert why(service.update(family.community, offer_id, "in-progress")) == "accepted"
    assert service.states(family.woman) == ("supported", ["in-progress"])


def test_what_both_hold_the_programme_cannot_lift_and_may_give_back(service: Service) -> None:
    family, offer_id = _held_twice(service)
    for status in ("in-progress", "completed", "accepted"):
        assert service.update(family.community, offer_id, status, "We begin.") == Refused(
            Reason.HELD_BY_SERVICE, "status"
        )
    assert service.states(family.woman) == ("on-hold", ["held-by-both"])
    assert why(service.update(family.community, offer_id, "failed", "We cannot wait.")) == "accepted"
    assert service.states(family.woman) == ("on-hold", ["failed"])


def test_what_a_programme_read_as_its_own_hold_is_the_services_meanwhile(service: Service) -> None:
    family, offer = service.supported()
    service.update(family.community, offer.id, "on-hold", AWAY)
    read = service.offers(family.woman)[0].version
    service.tell(family.hospital, service.referral(family.woman).id, HOLD)
    late = service.update(family.community, offer.id, "in-progress", base_version=read)
    assert late == Refused(Reason.HELD_BY_SERVICE, "status")


def test_a_programme_that_ended_its_hold_before_the_services_goes_on_when_that_is_lifted(service: Service) -> None:
    family, offer = service.supported()
    service.update(family.community, offer.id, "on-hold", AWAY)
    service.update(family.community, offer.id, "in-progress")
    referral = service.referral(family.woman)
    for order, offers in ((HOLD, "held-by-service"), (RESUME, "in-progress")):
        service.tell(family.hospital, referral.id, order)
        assert service.states(family.woman)[1] == [offers]


def test_each_hold_of_the_programme_comes_back_with_its_own_reason(service: Service) -> None:
    family, offer_id = _held_twice(service)
    referral_id = service.referral(family.woman).id
    service.tell(family.hospital, referral_id, RESUME)
    service.update(family.community, offer_id, "in-progress")
    service.update(family.community, offer_id, "on-hold", "Her volunteer is ill.")
    service.tell(family.hospital, referral_id, HOLD)
    service.tell(family.hospital, referral_id, RESUME, by="Test Midwife Mere")
    assert service.offers(family.woman)[0].status_reason == "Her volunteer is ill."


def test_support_does_not_go_on_past_an_urgent_worry_that_nobody_has_reviewed(service: Service) -> None:
    family = _held(service)
    (offer,) = service.offers(family.woman)
    service.update(family.community, offer.id, "on-hold", notes=({"text": "I am worried about her."},))
    assert service.alerts(family.woman) == ["escalation"]
    refused = service.tell(family.hospital, service.referral(family.woman).id, RESUME)
    assert why(refused) == "risk-not-reviewed"
    assert service.states(family.woman) == ("on-hold", ["held-by-service"])


@pytest.mark.parametrize("status", ["cancelled", "failed"])
def test_a_programme_may_give_back_what_is_held(service: Service, status: str) -> None:
    family = _held(service)
    (offer,) = service.offers(family.woman)
    assert why(service.update(family.community, offer.id, status, "We cannot wait.")) == "accepted"
    assert service.states(family.woman) == ("on-hold", [status])
    assert service.alerts(family.woman) == ["escalation", "returned"]


def test_resumed_without_a_programme_it_is_offered_to_the_next_she_agreed_to(service: Service) -> None:
    family = _returned(service)
    other = service.community()
    service.programme(other)
    service.consent(family.hospital, family.woman, other)
    service.tell(family.hospital, service.referral(family.woman).id, RESUME)
    assert service.states(family.woman) == ("offered", ["failed", "requested"])


def test_a_hold_is_no_way_past_a_review(service: Service) -> None:
    family = _in_review(service)
    referral = service.referral(family.woman)
    service.tell(family.hospital, referral.id, HOLD)
    service.tell(family.hospital, referral.id, RESUME)
    assert service.states(family.woman) == ("in-review", [])
    assert service.poll(family.community) == []


def test_support_goes_on_only_when_no_risk_waits_for_its_review(service: Service) -> None:
    family = _held(service)
    service.result(family.hospital, family.woman, piece(15, scores(15, 2)), effective=service.now())
    refused = service.tell(family.hospital, service.referral(family.woman).id, RESUME)
    assert refused == Refused(Reason.RISK_NOT_REVIEWED, "status")
    assert service.states(family.woman) == ("on-hold", ["held-by-service"])


def test_new_consent_or_another_positive_result_lifts_no_hold(service: Service) -> None:
    family, _ = service.offered()
    service.tell(family.hospital, service.referral(family.woman).id, HOLD)
    service.consent(family.hospital, family.woman, family.community, given_at=service.now())
    service.result(family.hospital, family.woman, piece(18, scores(18)), effective=service.now())
    assert service.states(family.woman) == ("on-hold", ["cancelled"])


def test_it_is_the_hospitals_own_referral_alone(service: Service) -> None:
    family, offer = service.supported()
    referral = service.referral(family.woman)
    for stranger in (service.hospital(), family.community):
        for id in (referral.id, offer.handles.service_request, "nothing"):
            assert why(service.tell(stranger, id, HOLD)) == "not-found"
    assert service.states(family.woman) == ("supported", ["accepted"])


def test_the_id_of_the_copy_in_the_record_means_the_referral(service: Service) -> None:
    family, _ = service.supported()
    referral, in_record = service.referral(family.woman), new_id()
    endpoint = "http://127.0.0.1:1/fhir"
    service.run(family.hospital, lambda tx: tx.aliases.claim("ServiceRequest", endpoint, in_record, referral.id))
    assert service.tell(family.hospital, in_record, HOLD) == Accepted(
        "ServiceRequest", referral.id, referral.version + 1
    )
    assert service.rows("audit", subject=f"ServiceRequest/{in_record}") == []


def test_a_referral_put_back_may_name_no_other_woman(service: Service) -> None:
    family, _ = service.supported()
    referral, other = service.referral(family.woman), service.woman(family.hospital)
    tell = service.tell
    assert tell(family.hospital, referral.id, CLOSE, subject=Reference("Patient", other)) == Refused(
        Reason.ELEMENT_FIXED, "subject"
    )
    assert why(tell(family.hospital, referral.id, CLOSE, subject=Reference("Patient", family.woman))) == "accepted"


def test_a_status_that_is_no_order_is_refused_unless_it_is_so_already(service: Service) -> None:
    family, _ = service.supported()
    referral = service.referral(family.woman)
    for states, answer in (
        ({ReferralState.SUPPORTED, ReferralState.OFFERED}, "repeated"),
        ({ReferralState.ON_HOLD}, Reason.BY_OPERATION_ALONE),
        ({ReferralState.COMPLETED}, REFUSED),
    ):
        received = Received("ServiceRequest", body(), target_id=referral.id)
        message = ReceivedRevision(received, referral.id, frozenset(states), None, None)
        put_back = partial(revise_referral, rules=service.rules, message=message, now=service.now())
        assert why(service.run(family.hospital, put_back)) == answer
    assert service.referral(family.woman) == referral


def test_a_note_that_the_referral_does_not_carry_is_refused_and_what_it_carries_may_be_sent_back(
    service: Service,
) -> None:
    family, _ = service.supported()
    referral = service.referral(family.woman)
    service.tell(family.hospital, referral.id, HOLD, reason=HoldReason.SAFETY, text="Ring me first.")

    def put_back(*notes: str) -> str:
        received = Received("ServiceRequest", body(), target_id=referral.id)
        on_hold = frozenset({ReferralState.ON_HOLD})
        message = ReceivedRevision(received, referral.id, on_hold, None, None, Described(words=notes))
        step = partial(revise_referral, rules=service.rules, message=message, now=service.now())
        return why(service.run(family.hospital, step))

    assert put_back("hold: safety: Ring me first.") == "repeated"
    assert put_back("hold: safety: Ring me first.", "She moved.") == "element-fixed"


def test_every_order_is_kept_and_audited_and_owed_to_the_record(service: Service) -> None:
    family, offer = service.supported()
    referral = service.referral(family.woman)
    service.tell(family.hospital, referral.id, HOLD)

    (kept,) = service.rows("inbound_message", type="ServiceRequest")
    assert kept["disposition"] == "accepted"
    assert service.rows("resource_version", type="ServiceRequest") == []
    audited = {(row["subject"], row["outcome"]) for row in service.rows("audit", patient_id=family.woman)}
    assert (f"ServiceRequest/{referral.id}", "success") in audited
    assert ("Task", offer.id, 3) in service.owed(family.woman)
    assert ("ServiceRequest", referral.id, referral.version + 1) in service.owed(family.woman)


def test_the_service_itself_has_no_hospitals_word(service: Service) -> None:
    family, _ = service.supported()
    assert why(service.tell(the_service(""), service.referral(family.woman).id, HOLD)) == "not-found"


@pytest.mark.parametrize(
    ("wrong", "element", "means_another"),
    [
        ({"ids": frozenset({"another"})}, "identifier", True),
        ({"subject": Reference("Patient", "another")}, "subject", True),
        ({"hospitals": frozenset({"another"})}, "requester", False),
        ({"opened_at": NOW + MINUTE}, "authoredOn", False),
        ({"reasons": frozenset({"woman-died"})}, "extension", False),
    ],
)
@pytest.mark.parametrize("orders", [True, False])
def test_what_describes_another_referral_is_refused_by_its_element_unless_it_is_clear_which_one_is_to_end(
    service: Service, wrong: dict[str, Any], element: str, means_another: bool, orders: bool
) -> None:
    family, _ = service.supported()
    referral = service.referral(family.woman)
    right = Described(
        ids=frozenset({referral.id}),
        hospitals=frozenset({referral.tenant_id}),
        opened_at=referral.opened_at.replace(microsecond=0),
    )

    def sent(described: Described) -> Answer:
        received = Received("ServiceRequest", body(), target_id=referral.id)
        said = Instruction(CLOSE, service.now())
        if orders:
            order = ReceivedInstruction(received, referral.id, said, described)
            return service.run(family.hospital, lambda tx: instruct(tx, service.rules, order, service.now()))
        revision = ReceivedRevision(received, referral.id, frozenset({referral.state}), None, None, described)
        return service.run(family.hospital, lambda tx: revise_referral(tx, service.rules, revision, service.now()))

    answer = sent(replace(right, **wrong))
    if orders and not means_another:
        assert isinstance(answer, Accepted)
        assert answer.unused == (f"ServiceRequest.{element}",)
        assert service.states(family.woman) == ("closed", ["cancelled"])
    else:
        assert isinstance(answer, Refused)
        assert (answer.reason, answer.element) == ("element-fixed", element)
        assert service.referral(family.woman) == referral
        assert not isinstance(sent(right), Refused)


@pytest.mark.parametrize("order", Order)
def test_an_old_version_stands_in_the_way_of_an_order_to_go_on_and_of_no_other(service: Service, order: Order) -> None:
    family = _held(service)
    referral = service.referral(family.woman)
    answer = service.tell(family.hospital, referral.id, order, text="Now.", expected_version=referral.version - 1)
    goes_on = order is RESUME
    assert why(answer) == ("version-stale" if goes_on else "accepted")
    assert (service.referral(family.woman) == referral) is goes_on


def test_what_is_said_of_a_referral_that_is_over_already_is_named_unless_it_was_said_before(service: Service) -> None:
    family, _ = service.supported()
    id, named = service.referral(family.woman).id, ("ServiceRequest.priority",)

    def close(*words: str) -> tuple[str, tuple[str, ...]]:
        said = Instruction(CLOSE, service.now(), text=" ".join(words) or None)
        received = Received("ServiceRequest", body(), target_id=id)
        message = ReceivedInstruction(received, id, said, Described(words=words), named)
        answer = service.run(family.hospital, lambda tx: instruct(tx, service.rules, message, service.now()))
        assert not isinstance(answer, Refused)
        return why(answer), answer.unused

    assert close("Moved.", "Told.") == ("accepted", named)
    for words in (("Moved.", "Told."), (), ("close: Moved. Told.",), ("close: Moved. Told.", "Moved.", "Told.")):
        assert close(*words) == ("repeated", named)
    for words in (("Told.", "She died."), ("close",), ("Moved",), ("close: Moved. Told.", "Told")):
        assert close(*words) == ("repeated", (*named, "ServiceRequest.note"))


def test_the_same_order_that_is_refused_pauses_contact_once(service: Service) -> None:
    family, _ = service.supported()
    id, told = service.referral(family.woman).id, Described(Reference("Patient", new_id()))
    first, another = body(), body()
    for sent, state in ((first, "on-hold"), (first, "supported"), (another, "on-hold")):
        received = Received("ServiceRequest", sent, target_id=id)
        order = ReceivedInstruction(received, id, Instruction(CLOSE, service.now()), told)
        answer = service.run(family.hospital, partial(receive_order, rules=service.rules, message=order, now=NOW))
        assert (why(answer), service.states(family.woman)[0]) == ("element-fixed", state)
        service.tell(family.hospital, id, RESUME)
