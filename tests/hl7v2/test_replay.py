"""A message that is put through its door once more: what was not understood is acted on, and nothing else."""

from datetime import timedelta

import pytest

from service.hl7v2.dialect import ANY_ORDER
from service.hl7v2.frame import Fault, Frame
from service.office import NotAccepted
from service.screening.instrument import CodeUse, Role
from service.store.messages import KeptMessage
from tests.flow.support import Service, StillClock
from tests.hl7v2.doors import MSH, Hospital, changed, group, mended, oru
from tests.hl7v2.ward import Ward, con, message, pid

UNKNOWN_AUTHORITY = "W1^^^CLINIC^MR"
LOCAL = b"|DEPR^Total^L|"


@pytest.fixture
def hospital(service: Service) -> Hospital:
    return Hospital(service)


def replay(hospital: Hospital, id: str) -> KeptMessage:
    return hospital.messages().replay(id)


def only(hospital: Hospital, table: str = "inbound_message") -> str:
    (row,) = hospital.rows(table)
    return str(row["id"])


def localised() -> bytes:
    """A result by a code of the hospital's own, under an order that is known."""
    return oru("M1", total=22).replace(b"|99046-5^EPDS total^LN|", LOCAL)


FORM = {ANY_ORDER: {"DEPR": CodeUse("epds", Role.TOTAL)}}


def test_what_could_not_be_used_of_a_message_is_used_once_its_hospital_is_mapped(hospital: Hospital) -> None:
    hospital.send(oru("M1", total=22).replace(b"W1^^^HOSP&1.2.3&ISO^MR", UNKNOWN_AUTHORITY.encode()))
    first = only(hospital)
    after = mended(hospital, authorities={("CLINIC", ""): "https://clinic.example/mrn"})
    became = replay(after, first)
    assert became.disposition == "accepted"
    assert len(hospital.rows("patient")) == len(hospital.rows("referral")) == 1
    original, again = hospital.rows("inbound_message")
    assert (original["replayed_as"], original["disposition"]) == (became.id, "identifier-unusable")
    assert (again["id"], again["body"]) == (became.id, original["body"])


@pytest.mark.parametrize("order", [b"71354-5^EPDS^LN", b"DEPR^Screening^L"], ids=["a known order", "an own order"])
def test_a_result_by_a_code_that_was_not_known_decides_when_it_is(hospital: Hospital, order: bytes) -> None:
    hospital.send(localised().replace(b"71354-5^EPDS^LN", order))
    assert hospital.rows("referral") == []
    replay(mended(hospital, forms=FORM), only(hospital))
    assert [row["instrument_id"] for row in hospital.rows("screening_result")] == ["epds"]
    assert len(hospital.rows("referral")) == 1


def test_a_message_is_replayed_once(hospital: Hospital) -> None:
    hospital.send(localised())
    id, after = only(hospital), mended(hospital, forms=FORM)
    replay(after, id)
    with pytest.raises(NotAccepted, match="replayed before"):
        replay(after, id)
    assert len(hospital.rows("referral")) == 1


def test_what_had_been_acted_on_is_not_acted_on_again(hospital: Hospital) -> None:
    lines = [
        MSH.format(control="M1"),
        *group(woman="W1", total=22, order="A"),
        *group(woman="", total=22, order="B")[1:],
    ]
    unknown = [
        line.replace("W2^^^HOSP&1.2.3&ISO^MR", "W2^^^CLINIC^MR") for line in group(woman="W2", total=22, order="C")
    ]
    hospital.send("\r".join([*lines, *unknown]).encode())
    alerts, results = hospital.alerts(), hospital.rows("screening_result")
    became = replay(mended(hospital, authorities={("CLINIC", ""): "https://clinic.example/mrn"}), only(hospital))
    assert became.disposition == "accepted"
    after = hospital.rows("screening_result")
    assert [row for row in after if row["patient_id"] == results[0]["patient_id"]] == results
    assert len(hospital.rows("referral")) == 2
    new = list(hospital.alerts())
    for each in alerts:
        new.remove(each)
    # Of the woman who is known now, and nothing anew of the other.
    assert "identity-conflict" not in new
    assert new.count("unreadable-result") == 0


def test_what_came_after_a_message_is_not_undone_by_its_replay(hospital: Hospital) -> None:
    """The same order, first by a code that was not known, then corrected by one that is."""
    hospital.send(localised())
    first = only(hospital)
    clock = hospital.service.clock
    assert isinstance(clock, StillClock)
    clock.pass_time(timedelta(hours=1))
    corrected = oru("M2", total=3, order="F-M1").replace(b"||||||F|", b"||||||C|").replace(b"||OTH|F", b"||OTH|C")
    assert hospital.told(corrected).startswith("AA")
    before = hospital.rows("screening_result")
    replay(mended(hospital, forms=FORM), first)
    assert hospital.rows("screening_result") == before
    assert hospital.rows("referral") == []


def test_a_no_without_a_time_counts_from_when_it_came_and_not_from_its_replay(service: Service) -> None:
    ward = Ward(service)
    ward.sends(changed(message("A03", pid(), con("R", "")), 11, "T"))
    service.pass_time(timedelta(minutes=1))
    ward.add_programme()
    ward.tells("A08", pid(), con("A", f"{service.now():%Y%m%d%H%M%S}"), *ward.agrees()[2:])
    ward.positive()
    after = mended(ward.hospital, **ward.hospital.habits, tests_are_taken=True)
    assert replay(after, only(ward.hospital, "unreadable_message")).disposition == "accepted"
    assert len(ward.rows("consent")) == 2
    assert ward.state() == ("offered", ["requested"])


def test_what_was_refused_is_opened_and_taken_when_it_can_be(hospital: Hospital) -> None:
    refused = changed(oru("M1", total=22), 11, "T")
    hospital.send(refused)
    sealed = only(hospital, "unreadable_message")
    after = mended(hospital, tests_are_taken=True)
    became = replay(after, sealed)
    assert became.disposition == "accepted"
    assert len(hospital.rows("referral")) == 1
    assert hospital.rows("unreadable_message")[0]["replayed_as"] == became.id
    assert after.told(refused) == "AA"
    assert [row["disposition"] for row in hospital.rows("inbound_message")] == ["accepted", "repeated"]


def test_what_is_refused_still_is_kept_as_refused_and_tells_nobody_anew(hospital: Hospital) -> None:
    hospital.send(changed(oru(), 9, "DFT^P03"))
    alerts = hospital.alerts()
    became = replay(hospital, only(hospital, "unreadable_message"))
    assert (became.disposition, became.sealed) == ("type-unsupported", True)
    assert hospital.alerts() == alerts
    assert replay(hospital, became.id).disposition == "type-unsupported"


@pytest.mark.parametrize("fault", [Fault.CUT_SHORT, Fault.EMBEDDED, Fault.TOO_LONG])
def test_what_was_no_whole_message_is_none_when_it_is_replayed(hospital: Hospital, fault: Fault) -> None:
    hospital.send(Frame(oru(total=22), fault))
    assert replay(hospital, only(hospital, "unreadable_message")).disposition == fault.value
    assert hospital.rows("referral") == []


def test_other_content_under_a_control_id_is_taken_when_a_person_says_so(hospital: Hospital) -> None:
    hospital.send(oru("M1"))
    hospital.send(oru("M1", total=22, order="another"))
    assert replay(hospital, only(hospital, "unreadable_message")).disposition == "accepted"
    assert len(hospital.rows("referral")) == 1


def test_showing_a_message_is_a_row_of_the_audit_and_its_body_is_shown_only_when_asked_for(hospital: Hospital) -> None:
    refused = changed(oru(), 9, "DFT^P03")
    hospital.send(refused)
    id = only(hospital, "unreadable_message")
    messages = hospital.messages()
    assert messages.show(id, with_body=False).body is None
    shown = messages.show(id, with_body=True)
    assert shown.body == refused
    assert shown.acknowledgement is not None
    assert b"|200^" in shown.acknowledgement
    rows = hospital.service.rows("audit", subject=f"Message/{id}", action="R")
    assert [(row["client_id"], row["outcome"]) for row in rows] == [("service", "shown"), ("service", "body shown")]


def test_what_there_is_not_can_be_neither_shown_nor_replayed(hospital: Hospital) -> None:
    messages = hospital.messages()
    for ask in (lambda: messages.show("nobody", with_body=True), lambda: messages.replay("nobody")):
        with pytest.raises(NotAccepted, match="no such message"):
            ask()


def test_what_was_sealed_with_another_key_is_not_opened(hospital: Hospital) -> None:
    hospital.send(changed(oru(), 9, "DFT^P03"))
    other = Hospital(hospital.service)
    with pytest.raises(NotAccepted, match="another key"):
        replay(other, only(hospital, "unreadable_message"))


def test_a_patient_that_came_by_fhir_and_was_accepted_is_not_replayed(hospital: Hospital) -> None:
    woman = hospital.service.woman(hospital.caller)
    kept = only(hospital)
    assert woman
    with pytest.raises(NotAccepted, match="that were refused"):
        replay(hospital, kept)
