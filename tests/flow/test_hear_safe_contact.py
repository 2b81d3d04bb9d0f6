"""How she may be reached is a word of its own, and what may be a no is heard as one: on both databases."""

from dataclasses import replace
from datetime import timedelta

import pytest

from service.consent.safe_contact import UNDATED, Channel, Mode, Permission, SafeContact
from service.flow.answer import Accepted, Answer, Reason, Refused, Repeated
from service.flow.hear_safe_contact import ReceivedSafeContact, hear_safe_contact
from service.flow.received import Received, Reference
from tests.flow.support import DAY, Family, Service
from tests.hl7v2.ward import Ward, merge, pid

OTHER = SafeContact((Channel(Mode.SMS, Permission.ALLOW, "+44 7700 900456"),))
NOTHING_SAFE = SafeContact(())


@pytest.fixture
def service(shared_service: Service) -> Service:
    return shared_service


def hear(service: Service, family: Family, said: SafeContact, replays: str | None = None) -> Answer:
    service.pass_time(timedelta(minutes=1))
    received = Received("Patient", b"", replays=replays)
    said = said if said.said_at else replace(said, said_at=service.now())
    message = ReceivedSafeContact(received, Reference("Patient", family.woman), said)
    return service.run(family.hospital, lambda tx: hear_safe_contact(tx, service.rules, message, service.now()))


def test_the_newest_word_counts_before_what_a_consent_says(service: Service) -> None:
    family, offer = service.supported()
    assert isinstance(hear(service, family, OTHER), Accepted)
    (view,) = service.disclose(family.community, offer)
    assert view.channel == OTHER.channels[0]
    assert isinstance(hear(service, family, OTHER), Repeated)


def test_without_a_safe_way_support_pauses_and_a_clinician_is_told_once(service: Service) -> None:
    family, _ = service.supported()
    for _ in range(2):
        hear(service, family, NOTHING_SAFE)
    assert service.states(family.woman) == ("on-hold", ["held-by-service"])
    assert service.alerts(family.woman) == ["safe-contact-withdrawn"]


def test_what_a_consent_says_as_well_outlives_it(service: Service) -> None:
    family, _ = service.supported()
    (consent,) = service.rows("consent", patient_id=family.woman)
    said = SafeContact((Channel(Mode.VOICE, Permission.ALLOW, consent["safe_contact"]["channels"][0][2]),))
    assert isinstance(hear(service, family, said), Accepted)
    assert isinstance(hear(service, family, said), Repeated)


def test_a_replay_undoes_no_word_of_hers(service: Service) -> None:
    family, _ = service.supported()
    said = replace(NOTHING_SAFE, said_at=service.now() - DAY)
    assert isinstance(hear(service, family, said, replays="earlier"), Repeated)
    assert service.states(family.woman) == ("supported", ["accepted"])


def test_of_two_words_without_a_time_the_last_to_come_counts_and_neither_against_one_that_has_a_time(
    service: Service,
) -> None:
    family, _ = service.supported()
    family = replace(family, woman=service.woman(family.hospital))
    number = replace(OTHER, channels=(Channel(Mode.VOICE, Permission.ALLOW, "+44 7700 900789"),))
    for said in (OTHER, number):
        assert isinstance(hear(service, family, replace(said, said_at=UNDATED)), Accepted)
    assert isinstance(hear(service, family, replace(OTHER, said_at=UNDATED), replays="earlier"), Refused)
    (woman,) = service.rows("patient", id=family.woman)
    assert woman["safe_contact"]["channels"] == [["voice", "allow", "+44 7700 900789"]]
    assert isinstance(hear(service, family, OTHER), Accepted)
    assert hear(service, family, replace(number, said_at=UNDATED)) == Refused(Reason.CHANGED_MEANWHILE)


def test_of_a_woman_who_is_not_known_nothing_is_heard(service: Service) -> None:
    family, _ = service.supported()
    assert hear(service, replace(family, woman="nobody"), OTHER) == Refused(Reason.SUBJECT_UNKNOWN)


def test_an_answer_that_may_be_a_no_pauses_contact_once(service: Service) -> None:
    ward = Ward(service)
    ward.supported()
    for _ in range(2):
        unclear = "OBX|1|ST|PEER^x^L||DECLINED||||||F|||20260530"
        assert ward.tells("A08", pid(), unclear) == "AA OBX^1^5 103 W"
    assert ward.state() == ("on-hold", ["held-by-service"])
    assert ward.alerts() == ["not-all-used", "unreadable-refusal"]


def test_an_answer_that_may_be_a_no_holds_against_an_older_yes_that_comes_after_it_until_it_can_be_told(
    service: Service,
) -> None:
    ward = Ward(service)
    ward.add_programme()
    for woman in ("W1", "W2"):
        ward.tells("A08", pid(woman), "OBX|1|ST|PEER^x^L||DECLINED||||||F|||20260530")
    ward.tells("A08", pid("W2"), "OBX|1|ST|PEER^x^L||Y||||||F|||20260530")
    for woman, state in (("W1", ("on-hold", [])), ("W2", ("offered", ["requested"]))):
        ward.tells("A08", *ward.agrees(woman))
        ward.positive(woman)
        assert ward.state(woman) == state


def test_an_answer_that_may_be_a_no_holds_against_an_older_yes_in_another_record_of_hers(service: Service) -> None:
    ward = Ward(service)
    ward.supported()
    ward.tells("A08", pid("W2"), "OBX|1|ST|PEER^x^L||DECLINED||||||F|||20260530")
    ward.sends(merge("W2", into="W1"))
    assert ward.state() == ("on-hold", ["held-by-service"])
    assert "unreadable-refusal" in ward.alerts()
