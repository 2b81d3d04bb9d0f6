"""What a hospital that speaks only HL7 v2 is told, and what comes of every way in which it may answer."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import orjson
import pytest

from service.demo.people import HOSPITAL_NUMBER
from service.flow.merge_patients import ReceivedMerge, merge_patients
from service.flow.received import Identifier, Received
from service.hl7v2.frame import framed
from service.hl7v2.placer import as_identifier
from service.hl7v2.segments import Message
from service.hl7v2.write.build import NotValid
from service.hl7v2.write.outbound import Asked
from service.office import Office
from service.screening.instrument import AnswerLinks, Approval, Recorded
from service.shared.caller import Caller
from service.shared.ids import new_id
from tests.delivery.support import ANSWERS, LEASE, KnowsEverybody
from tests.flow.support import FACTS, MINUTE, body, piece, scores
from tests.hl7v2.engine import (
    CLOSE,
    Answer,
    Engine,
    acknowledgement,
    engine,
    hangs_up,
    nothing,
    says,
    then_closes,
)
from tests.hl7v2.sending import DIALECT, OUTBOUND, NewSender, V2Sender, senders

LONG = timedelta(minutes=16)


@pytest.fixture
def on_either(migrated_url: str) -> Iterator[NewSender]:
    """On each database in turn."""
    yield from senders(migrated_url)


def states(sender: V2Sender) -> set[str]:
    return {row["state"] for row in sender.rows("delivery")}


def kinds(heard: Engine) -> list[str]:
    """MSH-9.1 and the order of each message, in the order in which they came."""
    return [f"{each.header.text(9)} {code_of(each)}".strip() for each in heard.heard]


def code_of(message: Message) -> str:
    order = message.first("OBR")
    return order.text(4) if order else ""


def observed(message: Message) -> dict[str, str]:
    return {obx.text(3): obx.text(5) for obx in message.named("OBX")}


def link_answers(sender: V2Sender) -> None:
    links = AnswerLinks(Approval("Somebody", date(2026, 11, 22)), 24)
    policies = {id: replace(each, answer_link=links) for id, each in sender.rules.policies.items()}
    sender.rules = replace(sender.rules, policies=policies)


def waits_for_consent(sender: V2Sender) -> tuple[Caller, str, Caller]:
    """A hospital that is asked for her consent, the woman, and whom it would be for."""
    district = new_id()
    hospital, community = sender.hospital(), sender.community()
    sender.programme(community, districts=frozenset({district}))
    woman = sender.woman(hospital, district=district)
    sender.result(hospital, woman, piece(16, scores(16)))
    return hospital, woman, community


# What is told


def test_a_referral_its_offer_and_a_note_arrive_and_each_comes_once(new_sender: NewSender) -> None:
    with engine() as heard:
        sender = new_sender(heard)
        sender.offered()
        assert sender.step() == 3
        assert kinds(heard) == ["ORU PEER-REFERRAL", "ORU PEER-REFERRAL", "MDM"]
        assert sender.unsettled() == []
        assert sender.step() == 0
        assert heard.connections == 1
        pids = [message.first("PID") for message in heard.heard]
        assert {pid.raw(3) for pid in pids if pid} == {f"{each}^^^ST TEST^MR" for each in sender.numbers.values()}


def test_what_waits_for_an_engine_that_has_moved_goes_where_it_is_now(new_sender: NewSender) -> None:
    with engine(says("AE")) as old, engine() as new:
        sender = new_sender(old)
        family, _ = sender.offered()
        sender.step()
        office = Office(sender.store, sender.rules, sender.clock, new_id, allow_loopback=True)
        assert office.move_organisation(family.hospital.organisation_id, None, new.endpoint) == 0
        before = len(old.heard)
        sender.pass_time(LONG)
        sender.settle()
        assert (states(sender), len(old.heard)) == ({"done"}, before)
        assert kinds(new) == ["ORU PEER-REFERRAL", "ORU PEER-REFERRAL", "MDM"]


def test_a_later_status_replaces_the_earlier_one_under_the_same_name(new_sender: NewSender) -> None:
    with engine() as heard:
        sender = new_sender(heard)
        family, offer = sender.offered()
        sender.step()
        sender.update(family.community, offer.id, "accepted")
        sender.update(family.community, offer.id, "in-progress")
        sender.step()
        of_offer = [each for each in heard.heard if "offer-status" in observed(each)]
        assert [observed(each)["offer-status"] for each in of_offer] == ["requested", "in-progress"]
        assert [next(obx.text(11) for obx in each.named("OBX")) for each in of_offer] == ["F", "C"]
        assert len({next(each.named("OBX")).text(21) for each in of_offer}) == 1
        assert len(set(heard.controls)) == len(heard.controls)


def test_an_alert_is_one_message_and_its_task_is_not_owed(new_sender: NewSender) -> None:
    with engine() as heard:
        sender = new_sender(heard)
        sender.in_danger()
        assert [row["resource_type"] for row in sender.rows("delivery")] == ["Communication"]
        sender.step()
        assert kinds(heard) == ["ORU PEER-ALERT"]
        assert states(sender) == {"done"}


def test_an_alert_that_nobody_acknowledges_comes_again_as_a_new_result(new_sender: NewSender) -> None:
    with engine() as heard:
        sender = new_sender(heard)
        sender.in_danger()
        sender.step()
        sender.pass_time(LONG)
        sender.step()
        sender.step()
        orders = [each.first("OBR") for each in heard.heard]
        fillers = [order.text(3) for order in orders if order]
        assert fillers[1] == f"{fillers[0]}.1"
        assert [observed(each)["team"] for each in heard.heard] == ["Maternity team", "Perinatal mental-health lead"]


def test_what_the_programme_was_told_to_do_is_no_reason_in_the_record(new_sender: NewSender) -> None:
    with engine() as heard:
        sender = new_sender(heard)
        family, offer = sender.supported()
        sender.update(family.community, offer.id, "on-hold", "She is away.")
        sender.settle()
        sender.withdraw(family)
        sender.settle()
        told = [each for each in heard.heard if "offer-status" in observed(each)]
        assert [observed(each)["offer-status"] for each in told] == ["held-by-programme", "cancelled"]
        assert observed(told[0])["offer-reason"] == "She is away."
        assert not observed(told[1]).get("offer-reason")
        assert "consent-withdrawn" in {observed(each).get("referral-reason") for each in heard.heard}


def test_that_an_alert_is_over_is_told_once_and_alarms_nobody(on_either: NewSender) -> None:
    with engine() as heard:
        sender = on_either(heard)
        link_answers(sender)
        whom = waits_for_consent(sender)
        sender.settle()
        asked = next(each for each in heard.heard if code_of(each) == "PEER-ALERT")
        before = len(heard.heard)
        sender.consent(*whom)
        sender.settle()
        (over,) = (each for each in heard.heard[before:] if code_of(each) == "PEER-ALERT")
        orders = [order.text(3) for each in (asked, over) if (order := each.first("OBR"))]
        assert orders[0] == orders[1]
        first, *_ = said = [(obx.text(3), obx.text(5), obx.text(8), obx.text(11)) for obx in over.named("OBX")]
        assert first == ("alert-status", "resolved", "", "C")
        assert {flag for _, _, flag, _ in said} == {""}
        assert {(code, value) for code, value, _, status in said if status == "D"} == {
            ("acknowledge-by", ""),
            ("answer-link", ""),
        }
        assert {obx.text(21) for obx in asked.named("OBX")} <= {obx.text(21) for obx in over.named("OBX")}


def test_an_alert_that_is_over_before_anybody_heard_of_it_is_told_as_that_alone(new_sender: NewSender) -> None:
    with engine(otherwise=says("AE")) as heard:
        sender = new_sender(heard)
        whom = waits_for_consent(sender)
        sender.step()
        heard.otherwise = says("AA")
        before = len(heard.heard)
        sender.consent(*whom)
        sender.settle()
        alerts = [each for each in heard.heard[before:] if code_of(each) == "PEER-ALERT"]
        assert [observed(each).get("alert-status") for each in alerts] == ["resolved"]


def test_an_alert_brings_the_link_by_which_it_is_answered(new_sender: NewSender) -> None:
    with engine() as heard:
        sender = new_sender(heard)
        link_answers(sender)
        sender.in_danger()
        sender.step()
        (message,) = heard.heard
        assert observed(message)["answer-link"].startswith(f"{ANSWERS}/")
        assert len(sender.rows("answer_link")) == 1


def test_each_referral_keeps_the_order_behind_it_when_two_records_become_one(on_either: NewSender) -> None:
    with engine() as heard:
        sender = on_either(heard)
        hospital, community = sender.hospital(), sender.community()
        sender.programme(community)
        earlier, later = sender.woman(hospital), sender.woman(hospital)
        for woman, number in ((earlier, "ORD-60"), (later, "ORD-61")):
            sender.consent(hospital, woman, community)
            sender.result(hospital, woman, piece(16, scores(16)), content=ordered(number))
            sender.settle()
        sender.update(community, sender.offers(later)[0].id, "accepted")
        sender.settle()
        stays, goes = (Identifier(HOSPITAL_NUMBER, sender.numbers[each]) for each in (later, earlier))
        merge = ReceivedMerge(Received("Patient", body(), (stays,), stays), FACTS, (goes,))
        sender.run(hospital, lambda tx: merge_patients(tx, sender.rules, merge, sender.now()))
        sender.settle()
        orders = [order for each in heard.heard if (order := each.first("OBR")) and code_of(each) == "PEER-REFERRAL"]
        placers = {order.text(3): set[str]() for order in orders}
        for order in orders:
            placers[order.text(3)].add(order.raw(2))
        assert {tuple(each) for each in placers.values()} == {("ORD-60^MATERNITY",), ("ORD-61^MATERNITY",)}
        notes = [(each.first("TXA"), each) for each in heard.heard if each.header.text(9) == "MDM"]
        told = {" ".join(obx.text(5) for obx in each.named("OBX")): head.raw(14) for head, each in notes if head}
        assert {placer for said, placer in told.items() if "the other goes on" in said} == {"ORD-60^MATERNITY"}


def ordered(order: str) -> bytes:
    """An Observation that names the hospital's own order."""
    return orjson.dumps({"resourceType": "Observation", "identifier": [as_identifier(order, "MATERNITY", "")]})


def test_the_number_of_the_order_behind_it_comes_back(new_sender: NewSender) -> None:
    with engine() as heard:
        sender = new_sender(heard)
        family = sender.family()
        sender.result(family.hospital, family.woman, piece(16, scores(16, harm=1)), content=ordered("ORD-4711"))
        sender.step()
        sender.step()
        assert len(heard.heard) > 1
        alert = next(each for each in heard.heard if code_of(each) == "PEER-ALERT")
        status = next(each for each in heard.heard if code_of(each) == "PEER-REFERRAL")
        for message in (alert, status):
            order = message.first("OBR")
            assert order is not None
            assert order.raw(2) == "ORD-4711^MATERNITY"


def test_of_a_woman_whom_the_hospital_could_not_recognise_an_alert_arrives_at_once(new_sender: NewSender) -> None:
    with engine() as heard:
        sender = new_sender(heard)
        sender.dialect = replace(sender.dialect, authorities={})
        sender.in_danger()
        sender.step()
        (message,) = heard.heard
        assert (message.first("PID"), observed(message)["patient"]) == (None, "not-named")
        assert states(sender) == {"done"}


def test_her_statuses_wait_of_which_a_person_is_told_and_go_by_themselves_once_she_can_be_named(
    new_sender: NewSender,
) -> None:
    with engine() as heard:
        sender = new_sender(heard)
        sender.dialect = replace(sender.dialect, authorities={})
        sender.offered()
        for _ in range(10):
            sender.step()
            sender.pass_time(LONG)
        assert set(kinds(heard)) == {"ORU PEER-ALERT"}
        assert "patient-without-identifier" in sender.last_outcomes()
        assert [alert["state"] for alert in sender.rows("alert") if alert["code"] == "delivery-stuck"] == ["open"]
        sender.dialect = DIALECT
        sender.step()
        sender.step()
        assert {"ORU PEER-REFERRAL", "MDM"} < set(kinds(heard))
        assert sender.unsettled() == []
        assert [alert["state"] for alert in sender.rows("alert") if alert["code"] == "delivery-stuck"] == ["resolved"]


def test_a_message_that_is_not_valid_is_never_sent_and_is_shown(
    new_sender: NewSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> bytes:
        raise NotValid("made up")

    monkeypatch.setattr("service.hl7v2.channel.build", refuse)
    with engine() as heard:
        sender = new_sender(heard)
        sender.in_danger()
        sender.step()
        assert heard.connections == 0
        assert sorted(filter(None, sender.last_outcomes())) == ["not-valid"]
        assert "delivery-stuck" in {alert["code"] for alert in sender.rows("alert")}


def test_a_task_that_was_owed_before_is_let_go_of(new_sender: NewSender) -> None:
    with engine() as heard:
        sender = new_sender(heard)
        sender.in_danger()
        (row,) = sender.rows("delivery")
        by_v2 = sender.channel().hl7v2
        parcels = []

        class Peeking(KnowsEverybody):
            async def send(self, parcel: Any) -> Any:
                parcels.append(parcel)
                return await by_v2.send(replace(parcel, delivery=replace(parcel.delivery, resource_type="AlertTask")))

        sender.step(sender.worker(Peeking()))
        (after,) = sender.rows("delivery")
        assert (after["state"], after["last_outcome"]) == ("superseded", "not-in-hl7v2")
        assert (row["id"], heard.heard) == (after["id"], [])


# How it may answer


@pytest.mark.parametrize(
    ("answer", "state", "outcome"),
    [
        pytest.param(says("AA"), "done", "taken", id="accepted"),
        pytest.param(says("CA"), "done", "taken", id="committed, where no more was asked for"),
        pytest.param(then_closes(says("AA")), "done", "taken", id="accepted, and closes"),
        pytest.param(says("AE"), "ready", "answered-AE", id="error"),
        pytest.param(says("CE"), "ready", "answered-CE", id="commit error"),
        pytest.param(says("AR"), "dead", "answered-AR", id="rejected"),
        pytest.param(says("CR"), "dead", "answered-CR", id="commit rejected"),
        pytest.param(nothing, "unknown", "no-answer", id="no answer"),
        pytest.param(hangs_up, "unknown", "cut-off", id="hangs up"),
        pytest.param(lambda _: [b"\x0bMSH|^~\\&|", CLOSE], "unknown", "cut-off", id="cut in the middle of its answer"),
        pytest.param(
            lambda each: [framed(acknowledgement(each, "AA", of="SOMEBODY-ELSE"))],
            "unknown",
            "answer-to-another",
            id="an answer to another message",
        ),
        pytest.param(
            lambda each: [framed(acknowledgement(each, "AA", of=""))],
            "unknown",
            "answer-to-another",
            id="an answer to no message",
        ),
        pytest.param(
            lambda each: [framed(acknowledgement(each, "AE", of="SOMEBODY-ELSE")), *says("AA")(each)],
            "done",
            "taken",
            id="ours after another's",
        ),
        pytest.param(lambda _: [framed(b"\x00\xff garbage")], "unknown", "answer-is-no-message", id="garbage"),
        pytest.param(lambda _: [b"HTTP/1.1 400 Bad Request\r\n\r\n"], "unknown", "no-answer", id="another protocol"),
        pytest.param(
            lambda each: [framed(acknowledgement(each, "OK"))], "unknown", "answer-is-no-message", id="no known code"
        ),
        pytest.param(
            lambda each: [framed(acknowledgement(each, "AA"))[:-1]], "done", "taken", id="its last CR is missing"
        ),
        pytest.param(
            lambda each: [bytes([one]) for one in framed(acknowledgement(each, "AA"))],
            "done",
            "taken",
            id="byte by byte",
        ),
        pytest.param(
            lambda each: [b"\r\n", framed(acknowledgement(each, "AA").replace(b"\r", b"\r\n"))],
            "done",
            "taken",
            id="blanks before it, and lines that end with CRLF",
        ),
    ],
)  # fmt: skip
def test_every_answer_has_its_consequence(new_sender: NewSender, answer: Answer, state: str, outcome: str) -> None:
    with engine(answer) as heard:
        sender = new_sender(heard)
        sender.in_danger()
        sender.step()
        row = sender.deliveries("Communication")[0]
        assert (row["state"], row["last_outcome"]) == (state, outcome)
        assert len(heard.controls) == 1


@pytest.mark.parametrize("links", [False, True], ids=["", "with a link"])
@pytest.mark.parametrize("answer", [nothing, hangs_up, says("AE"), lambda _: [framed(b"garbage")]])
def test_what_was_not_answered_comes_again_as_the_same_message(
    new_sender: NewSender, answer: Answer, links: bool
) -> None:
    with engine(answer, answer, answer) as heard:
        sender = new_sender(heard)
        if links:
            link_answers(sender)
        sender.in_danger()
        for _ in range(5):
            sender.step()
            sender.pass_time(MINUTE)
        assert len(heard.controls) == 4
        assert [each.segments for each in heard.heard[1:]] == [heard.heard[0].segments] * 3
        assert states(sender) == {"done"}


def test_each_message_that_is_sent_again_is_the_same_to_its_time_and_a_later_one_is_another(
    new_sender: NewSender,
) -> None:
    with engine(*[nothing] * 3) as heard:
        sender = new_sender(heard)
        family, offer = sender.offered()
        for _ in range(12):
            sender.step()
            sender.pass_time(MINUTE)
        sender.update(family.community, offer.id, "accepted")
        sender.settle()
        by_control: dict[str, set[str]] = {}
        for each in heard.heard:
            by_control.setdefault(each.header.text(10), set()).add(str([line.fields for line in each.segments]))
        assert len(heard.heard) > len(by_control)
        assert {len(each) for each in by_control.values()} == {1}
        times = [each.header.text(7) for each in heard.heard]
        assert times == sorted(times)
        assert len(set(times)) > 1


def test_what_may_have_arrived_and_says_something_else_now_is_another_message(new_sender: NewSender) -> None:
    filed: dict[str, list[list[str]]] = {}
    lost = True

    def strict(message: Message) -> Sequence[bytes]:
        """Other content under an MSH-10 that was filed is refused, also when nobody heard that it was."""
        body = [list(each.fields) for each in message.segments[1:]]
        known = filed.setdefault(message.header.text(10), body)
        return [] if lost else says("AA" if known == body else "AR")(message)

    with engine(otherwise=strict) as heard:
        sender = new_sender(heard)
        link_answers(sender)
        family, offer = sender.offered()
        sender.in_danger()
        sender.step()
        sender.update(family.community, offer.id, "accepted")
        lost = False
        sender.settle()
        assert states(sender) <= {"done", "superseded"}
        assert sender.rows("alert", code="delivery-stuck") == []
        again = {(order.text(3), each.header.text(10)) for each in heard.heard if (order := each.first("OBR"))}
        fillers = [filler for filler, _ in again]
        assert fillers.count(offer.id) + fillers.count(offer.referral_id) > 1
        alert = next(each for each in heard.heard if code_of(each) == "PEER-ALERT").first("OBR")
        assert alert is not None
        assert fillers.count(alert.text(3)) == 1


def test_an_answer_that_comes_too_late_is_taken_for_nobody_elses(new_sender: NewSender) -> None:
    late: list[Message] = []

    def nothing_yet(message: Message) -> list[bytes]:
        late.append(message)
        return []

    def both(message: Message) -> list[bytes]:
        return [framed(acknowledgement(late[0], "AR")), framed(acknowledgement(message, "AA"))]

    with engine(nothing_yet, both) as heard:
        sender = new_sender(heard)
        for _ in range(2):  # one gets none in time, and what comes next for somebody else gets both
            sender.in_danger()
        sender.step()
        assert states(sender) == {"unknown", "done"}
        assert heard.connections == 2


def test_what_keeps_failing_is_shown_to_a_person(new_sender: NewSender) -> None:
    with engine(otherwise=says("AE")) as heard:
        sender = new_sender(heard)
        sender.offered()
        for _ in range(9):
            sender.step()
            sender.pass_time(LONG)
        assert "delivery-stuck" in {alert["code"] for alert in sender.rows("alert")}
        assert len(heard.heard) == 8 + 1
        for _ in range(12):
            sender.step()
            sender.pass_time(MINUTE / 4)
        # From then on it holds up nothing; only the alert that says so is tried before.
        assert kinds(heard).count("ORU PEER-ALERT") > 1
        assert any("offer-status" in observed(each) for each in heard.heard)


def test_what_was_rejected_is_shown_at_once_and_is_not_sent_again(new_sender: NewSender) -> None:
    with engine(says("AR")) as heard:
        sender = new_sender(heard)
        sender.in_danger()
        sender.step()
        assert "delivery-stuck" in {alert["code"] for alert in sender.rows("alert")}
        (first, *_) = heard.controls
        for _ in range(3):
            sender.pass_time(MINUTE)
            sender.step()
        assert heard.controls.count(first) == 1


def test_nobody_listens(new_sender: NewSender) -> None:
    with engine() as gone:
        pass
    sender = new_sender(gone)
    sender.in_danger()
    sender.step()
    (row,) = sender.rows("delivery")
    assert (row["state"], row["last_outcome"]) == ("ready", "not-reached")


def test_nothing_goes_in_plain_beyond_this_machine(new_sender: NewSender) -> None:
    sender = new_sender("mllp://engine.example:2575")
    sender.in_danger()
    sender.step()
    row = sender.deliveries("Communication")[0]
    assert (row["state"], row["last_outcome"]) == ("dead", "foreign-address")


# Enhanced mode


@pytest.mark.parametrize(
    ("application", "codes", "state"),
    [
        (Asked.NEVER, ("CA",), "done"),
        (Asked.NEVER, ("CE",), "ready"),
        (Asked.NEVER, ("CR",), "dead"),
        (Asked.ALWAYS, ("CA", "AA"), "done"),
        (Asked.ALWAYS, ("AA",), "done"),
        (Asked.ALWAYS, ("CA", "AE"), "ready"),
        (Asked.ALWAYS, ("CA", "AR"), "dead"),
        (Asked.ALWAYS, ("CA",), "unknown"),
        (Asked.ALWAYS, ("CR",), "dead"),
    ],
)
def test_a_commit_is_enough_where_no_more_was_asked_for(
    new_sender: NewSender, application: Asked, codes: tuple[str, ...], state: str
) -> None:
    with engine(says(*codes)) as heard:
        sender = new_sender(heard, outbound=replace(OUTBOUND, commit=Asked.ALWAYS, application=application))
        sender.in_danger()
        sender.step()
        assert [heard.heard[0].header.text(number) for number in (15, 16)] == ["AL", application.value]
        row = sender.deliveries("Communication")[0]
        said_last = "taken" if state == "done" else f"answered-{codes[-1]}"
        assert (row["state"], row["last_outcome"]) == (state, said_last)


def test_an_application_that_asks_for_it_hears_that_its_answer_arrived(new_sender: NewSender) -> None:
    def asking(message: Message) -> list[bytes]:
        commit = framed(acknowledgement(message, "CA"))
        return [commit, framed(acknowledgement(message, "AA", asks="AL"))]

    with engine(asking) as heard:
        sender = new_sender(heard, outbound=replace(OUTBOUND, commit=Asked.ALWAYS, application=Asked.ALWAYS))
        sender.offered()
        sender.step()
        assert states(sender) == {"done"}
        (reply,) = heard.replies
        answer = reply.first("MSA")
        assert answer is not None
        assert (answer.text(1), answer.text(2)) == ("CA", f"E{heard.controls[0][:10]}")


def test_a_hospital_may_take_alerts_by_message_alone_and_nothing_else(new_sender: NewSender) -> None:
    with engine() as heard:
        sender = new_sender(heard)
        policies = {
            id: replace(each, record=frozenset({Recorded.ALERTS})) for id, each in sender.rules.policies.items()
        }
        sender.rules = replace(sender.rules, policies=policies)
        sender.offered()
        sender.in_danger()
        sender.step()
        assert kinds(heard) == ["ORU PEER-ALERT"]


@pytest.mark.parametrize("answer", [nothing, hangs_up, says("AE"), says("CE")], ids=["none", "closed", "AE", "CE"])
def test_the_note_never_comes_before_what_it_tells_of(new_sender: NewSender, answer: Answer) -> None:
    with engine(answer) as heard:
        sender = new_sender(heard)
        sender.offered()
        for _ in range(4):
            sender.step()
            sender.pass_time(timedelta(seconds=2))
        assert kinds(heard) == ["ORU PEER-REFERRAL", "ORU PEER-REFERRAL", "ORU PEER-REFERRAL", "MDM"]
        assert heard.controls[0] == heard.controls[1]


def test_after_an_outage_no_note_comes_before_the_status_that_it_tells_of(on_either: NewSender) -> None:
    with engine(says("AE")) as heard:
        sender = on_either(heard)
        family, offer = sender.supported()
        sender.step()
        sender.update(family.community, offer.id, "completed")
        sender.settle()
        tried, *after = kinds(heard)
        assert tried == "ORU PEER-REFERRAL"
        assert after == ["ORU PEER-REFERRAL", "ORU PEER-REFERRAL", "MDM", "MDM", "MDM"]
        assert [observed(each).get("referral-status") for each in heard.heard[:2]] == ["supported", "completed"]


def test_a_status_whose_sender_died_says_what_is_newest_and_says_it_once(on_either: NewSender) -> None:
    with engine() as heard:
        sender = on_either(heard)
        family, offer = sender.offered()
        assert len(sender.claim("died", LEASE)) == 3
        sender.update(family.community, offer.id, "accepted")
        sender.pass_time(LEASE)
        sender.settle(pause=MINUTE)
        assert kinds(heard) == ["ORU PEER-REFERRAL", "ORU PEER-REFERRAL", "MDM", "MDM"]
        assert [observed(each).get("offer-status") for each in heard.heard] == [None, "accepted", None, None]
        sender.update(family.community, offer.id, "in-progress")
        sender.settle(pause=MINUTE)
        assert [obx.text(11) for obx in heard.heard[-1].named("OBX")][:2] == ["C", "C"]
