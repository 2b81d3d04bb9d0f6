"""Two records turn out to be one woman's: nothing that was known of either is lost, and no doubt is passed over."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.consent.consent import Status
from service.consent.safe_contact import Channel, Mode, Permission, SafeContact
from service.flow.answer import Accepted, Answer, Repeated
from service.flow.doubt_identity import doubt_identity
from service.flow.hear_event import NO_NAME, ReceivedEvent, hear_event
from service.flow.instruct import Described, ReceivedInstruction, instruct
from service.flow.merge_patients import ReceivedMerge, merge_patients
from service.flow.receive_result import receive_result
from service.flow.received import Identifier, Received, Reference
from service.flow.received_result import Administered, ReceivedResult
from service.flow.request_referral import ReceivedRequest, request_referral
from service.referrals.instruction import Instruction, Order
from service.referrals.life_event import LifeEvent
from service.referrals.patient import PatientFacts
from service.screening.instrument import Stage
from service.shared.caller import Caller
from tests.flow.support import DAY, FACTS, HOUR, REACHABLE, Family, Service, body, piece, scores, why
from tests.flow.test_review_alert import review

MINE, OTHER, THIRD, FOURTH = (Identifier("urn:hospital:mr", value) for value in ("100", "200", "300", "400"))
BORN = date(1994, 3, 2)
BY_TEXT = SafeContact((Channel(Mode.SMS, Permission.ALLOW, "+44 7700 900999"),))
_SOURCES = count(1)


@dataclass(frozen=True)
class Ward:
    """A hospital whose women are known by their record numbers, and a programme that all of them may be offered to."""

    service: Service
    hospital: Caller
    community: Caller

    def merge(self, retired: Identifier, into: Identifier, facts: PatientFacts = FACTS) -> Answer:
        received = Received("Patient", body(), (into,), into, door="hl7v2", within=self.archive())
        message = ReceivedMerge(received, facts, (retired,))
        now = self.service.now()
        return self.service.run(self.hospital, lambda tx: merge_patients(tx, self.service.rules, message, now))

    def archive(self) -> str:
        """Where the message is kept that a door has taken in."""
        return self.service.run(self.hospital, lambda tx: tx.inbox.archive(Received("ADT^A40", b"MSH"), "accepted"))

    def woman(self, name: Identifier, **facts: Any) -> str:
        answer = self.service.register(self.hospital, FACTS._replace(**facts), name, updates=True, condition=name)
        return str(answer.id) if not hasattr(answer, "reason") else why(answer)

    def known_as(self, name: Identifier) -> str | None:
        return self.service.read(self.hospital, lambda tx: tx.aliases.find("Patient", name.system, name.value))

    def positive(self, name: Identifier, total: int = 15, harm: int = 0, days_ago: int = 0) -> Answer:
        at = self.service.now() - days_ago * DAY
        source = f"result-{next(_SOURCES)}"
        told = Administered("epds", "patient", at, piece(total, scores(total, harm), source=source))
        received = Received("Observation", body(), (Identifier("urn:results", source),))
        message = ReceivedResult(received, Reference("Patient", identifier=name), (told,))
        return self.service.run(
            self.hospital, lambda tx: receive_result(tx, self.service.rules, message, self.service.now())
        )

    def agreed(self, woman: str, **said: Any) -> Answer:
        return self.service.consent(self.hospital, woman, self.community, **said)

    def accepted(self, woman: str) -> None:
        (offer,) = [each for each in self.service.offers(woman) if each.state == "requested"]
        assert why(self.service.update(self.community, offer.id, "accepted")) == "accepted"


@pytest.fixture
def ward(service: Service) -> Ward:
    hospital, community = service.hospital(), service.community()
    service.programme(community)
    return Ward(service, hospital, community)


def test_all_that_was_the_one_womans_is_the_other_womans(ward: Ward) -> None:
    service = ward.service
    stays, goes = ward.woman(MINE, birth_date=BORN), ward.woman(OTHER, birth_date=BORN)
    ward.agreed(goes)
    ward.positive(OTHER)
    ward.accepted(goes)

    assert isinstance(ward.merge(OTHER, into=MINE, facts=FACTS._replace(birth_date=BORN)), Repeated)

    assert service.states(stays) == ("supported", ["accepted"])
    for table in ("screening_result", "consent", "referral", "offer", "alert"):
        assert service.rows(table, patient_id=goes) == [], table
    assert service.rows("delivery", patient_id=goes, state="ready") == []
    assert ward.known_as(OTHER) == stays
    assert service.alerts(stays) == ["records-merged"]


def test_what_comes_later_under_the_retired_number_is_the_survivors(ward: Ward) -> None:
    stays, _ = ward.woman(MINE), ward.woman(OTHER)
    ward.merge(OTHER, into=MINE)
    ward.positive(OTHER)

    assert len(ward.service.rows("screening_result", patient_id=stays)) == 1
    assert ward.service.states(stays)[0] == "awaiting-consent"


def test_a_later_message_that_names_the_old_id_is_about_the_survivor(ward: Ward) -> None:
    stays, goes = ward.woman(MINE), ward.woman(OTHER)
    ward.merge(OTHER, into=MINE)
    ward.agreed(goes)

    assert [row["patient_id"] for row in ward.service.rows("consent")] == [stays]


def test_a_merge_said_again_changes_nothing(ward: Ward) -> None:
    stays = ward.woman(MINE)
    goes = ward.woman(OTHER)
    ward.agreed(goes)
    ward.positive(OTHER)
    ward.merge(OTHER, into=MINE)
    tables = ("patient", "offer", "referral", "alert", "alias", "consent", "screening_result")
    before = {table: ward.service.rows(table) for table in tables}

    assert isinstance(ward.merge(OTHER, into=MINE), Repeated)

    assert {table: ward.service.rows(table) for table in tables} == before
    assert stays


def test_a_number_that_was_never_heard_of_leads_to_the_survivor_from_now_on(ward: Ward) -> None:
    assert why(ward.merge(OTHER, into=MINE)) == "accepted"
    assert ward.known_as(OTHER) == ward.known_as(MINE)
    assert ward.known_as(MINE) is not None


def test_a_survivor_that_was_never_heard_of_takes_over_what_the_other_had(ward: Ward) -> None:
    goes = ward.woman(OTHER)
    ward.positive(OTHER)
    ward.merge(OTHER, into=MINE)

    stays = ward.known_as(MINE)
    assert stays not in (None, goes)
    assert [row["patient_id"] for row in ward.service.rows("referral")] == [stays]


def test_numbers_of_two_known_women_are_not_guessed_at(ward: Ward) -> None:
    ward.woman(MINE)
    ward.woman(OTHER)
    ward.woman(THIRD)
    received = Received("Patient", body(), (MINE,), MINE, door="hl7v2", within=ward.archive())
    message = ReceivedMerge(received, FACTS, (OTHER, THIRD))
    service = ward.service
    answer = service.run(ward.hospital, lambda tx: merge_patients(tx, service.rules, message, service.now()))

    assert why(answer) == "identity-conflict"
    assert [service.alerts(str(ward.known_as(each))) for each in (MINE, OTHER, THIRD)] == [["identity-conflict"]] * 3
    assert len({ward.known_as(each) for each in (MINE, OTHER, THIRD)}) == 3


def test_the_record_is_written_to_under_the_number_that_stays(ward: Ward) -> None:
    stays, _ = ward.woman(MINE), ward.woman(OTHER)
    ward.merge(OTHER, into=MINE)
    tenant = ward.hospital.organisation_id

    assert ward.service.read(ward.hospital, lambda tx: tx.aliases.names("Patient", stays, tenant)) == [
        (MINE.system, MINE.value)
    ]


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        pytest.param({"birth_date": BORN}, {"birth_date": BORN + DAY}, id="another birth date"),
        pytest.param({"preferred_name": "Ada"}, {"preferred_name": "Grace"}, id="another name"),
        pytest.param({"deceased": False}, {"deceased": True}, id="only one of them lives"),
    ],
)
def test_records_that_do_not_agree_on_who_she_is_let_contact_pause(
    ward: Ward, mine: dict[str, Any], theirs: dict[str, Any]
) -> None:
    stays = ward.woman(MINE, **mine)
    goes = ward.woman(OTHER, **theirs | {"deceased": False})
    ward.agreed(goes)
    ward.positive(OTHER)
    ward.accepted(goes)
    if theirs.get("deceased"):
        # Told while nothing was open for the other record.
        stays, goes = goes, ward.woman(THIRD, deceased=True)
        ward.merge(THIRD, into=OTHER, facts=FACTS)
    else:
        ward.merge(OTHER, into=MINE, facts=FACTS._replace(**mine))

    assert ward.service.states(stays) == ("on-hold", ["held-by-service"])
    died = ["safety-event"] if theirs.get("deceased") else []
    assert ward.service.alerts(stays) == ["identity-conflict", *died]


@pytest.mark.parametrize("dead", [MINE, OTHER], ids=["the one that stays", "the other"])
def test_a_death_that_one_record_alone_told_ends_support_when_it_is_told_again_of_her(
    ward: Ward, dead: Identifier
) -> None:
    service = ward.service
    lives = OTHER if dead is MINE else MINE
    women = {lives: ward.woman(lives), dead: ward.woman(dead, deceased=True)}
    ward.agreed(women[lives])
    ward.positive(lives)
    ward.accepted(women[lives])
    ward.merge(OTHER, into=MINE)
    family = Family(ward.hospital, ward.community, service.programme(ward.community), women[MINE], "")

    def die() -> None:
        event = ReceivedEvent(
            Received("Patient", body()), Reference("Patient", identifier=dead), LifeEvent.WOMAN_DIED, None, NO_NAME
        )
        service.run(ward.hospital, lambda tx: hear_event(tx, service.rules, event, service.now()))

    die()
    assert service.states(family.woman) == ("on-hold", ["held-by-service"])
    assert service.alerts(family.woman) == ["identity-conflict", "safety-event"]
    for code in ("identity-conflict", "safety-event"):
        assert why(review(service, family, code)) == "accepted"
    assert service.states(family.woman)[0] == "supported"
    die()
    assert service.states(family.woman) == ("closed", ["cancelled"])


def event_of(ward: Ward, name: Identifier, event: LifeEvent = LifeEvent.PREGNANCY_LOSS) -> None:
    service, told = ward.service, Received("Patient", body())
    message = ReceivedEvent(told, Reference("Patient", identifier=name), event, None, NO_NAME)
    service.run(ward.hospital, lambda tx: hear_event(tx, service.rules, message, service.now()))


def doubt(ward: Ward, name: Identifier) -> None:
    woman = str(ward.known_as(name))
    ward.service.run(ward.hospital, lambda tx: doubt_identity(tx, ward.service.rules, woman, ward.service.now()))


def risk(ward: Ward, name: Identifier) -> None:
    """An answer about self-harm in a result that refers nobody."""
    ward.positive(name, total=3, harm=3, days_ago=3)


@pytest.mark.parametrize("referred", [MINE, OTHER], ids=["the one that stays", "the other"])
@pytest.mark.parametrize(
    ("tell", "accepted", "state", "alert"),
    [
        (event_of, False, ("on-hold", ["cancelled"]), "safety-event"),
        (event_of, True, ("on-hold", ["held-by-service"]), "safety-event"),
        (doubt, False, ("on-hold", ["cancelled"]), "identity-conflict"),
        (doubt, True, ("on-hold", ["held-by-service"]), "identity-conflict"),
        (risk, False, ("in-review", ["cancelled"]), "self-harm-present"),
        (risk, True, ("supported", ["accepted"]), "self-harm-present"),
    ],
)
def test_what_the_other_record_has_to_be_seen_holds_for_the_referral_as_for_one_that_opens(
    ward: Ward,
    referred: Identifier,
    tell: Callable[[Ward, Identifier], None],
    accepted: bool,
    state: tuple[str, list[str]],
    alert: str,
) -> None:
    service, other = ward.service, OTHER if referred is MINE else MINE
    women = {name: ward.woman(name) for name in (MINE, OTHER)}
    tell(ward, other)
    ward.agreed(women[referred])
    ward.positive(referred)
    if accepted:
        ward.accepted(women[referred])

    ward.merge(OTHER, into=MINE)

    stays = women[MINE]
    assert service.states(stays) == state
    assert sorted(service.alerts(stays)) == sorted([alert, "records-merged"])
    (asked,) = service.rows("alert", patient_id=stays, code=alert)
    assert asked["referral_id"] == service.referral(stays).id
    family = Family(ward.hospital, ward.community, service.programme(ward.community), stays, "")
    assert why(review(service, family, alert)) == "accepted"
    assert service.states(stays)[0] == ("supported" if accepted else "offered")


def test_a_loss_that_a_clinician_was_asked_about_already_is_asked_about_no_more(ward: Ward) -> None:
    service = ward.service
    stays, _ = ward.woman(MINE), ward.woman(OTHER)
    ward.agreed(stays)
    ward.positive(MINE)
    ward.accepted(stays)
    family = Family(ward.hospital, ward.community, service.programme(ward.community), stays, "")
    event_of(ward, MINE)
    event_of(ward, OTHER)
    assert why(review(service, family, "safety-event")) == "accepted"

    ward.merge(OTHER, into=MINE)

    assert service.states(stays)[0] == "supported"
    assert service.alerts(stays) == ["safety-event", "records-merged"]


def test_an_offer_that_nobody_has_answered_is_taken_back_when_the_records_do_not_agree(ward: Ward) -> None:
    stays, goes = ward.woman(MINE, birth_date=BORN), ward.woman(OTHER, birth_date=BORN + DAY)
    ward.agreed(goes)
    ward.positive(OTHER)
    ward.merge(OTHER, into=MINE, facts=FACTS._replace(birth_date=BORN))

    assert ward.service.states(stays) == ("on-hold", ["cancelled"])


def test_the_note_of_a_pause_is_about_every_programme_that_supported_one_of_the_two(ward: Ward) -> None:
    service, women = ward.service, [ward.woman(name) for name in (MINE, OTHER)]
    for woman, name in zip(women, (MINE, OTHER), strict=True):
        ward.agreed(woman)
        ward.positive(name)
        ward.accepted(woman)
    ward.merge(OTHER, into=MINE)
    (paused,) = service.rows("note", kind="paused")
    moved = service.read(ward.hospital, lambda tx: tx.notes.offers_moved(tx.notes.get(paused["id"])))
    assert {offer.id: offer.state for offer in moved} == {
        offer.id: "held-by-service" for offer in service.offers(women[0])
    }
    assert len(moved) == len(women)


def test_of_two_open_referrals_one_goes_on(ward: Ward) -> None:
    service = ward.service
    stays, goes = ward.woman(MINE), ward.woman(OTHER)
    ward.agreed(goes)
    ward.positive(OTHER)
    ward.accepted(goes)
    ward.positive(MINE)
    assert service.states(stays)[0] == "awaiting-consent"

    ward.merge(OTHER, into=MINE)

    referrals = {row["state"]: row["reason"] for row in service.rows("referral", patient_id=stays)}
    assert referrals == {"supported": None, "closed": "merged"}
    assert [offer.state for offer in service.offers(stays)] == ["accepted"]
    assert {row["referral_id"] for row in service.rows("screening_result")} == {
        row["id"] for row in service.rows("referral", state="supported")
    }


@pytest.mark.parametrize("woman", [MINE, OTHER])
def test_a_clinician_takes_back_by_the_number_of_either_request_the_referral_that_goes_on(
    ward: Ward, woman: Identifier
) -> None:
    service, number = ward.service, {name: (Identifier("urn:requests", name.value),) for name in (MINE, OTHER)}

    def request(name: Identifier, *, ends: bool = False) -> Answer:
        message = ReceivedRequest(
            Received("ServiceRequest", body(), number[name]), Reference("Patient", identifier=name), ends
        )
        return service.run(ward.hospital, lambda tx: request_referral(tx, service.rules, message, service.now()))

    stays, goes = ward.woman(MINE), ward.woman(OTHER)
    request(MINE)
    ended = service.referral(stays).id
    ward.agreed(goes)
    request(OTHER)
    ward.accepted(goes)
    claimed = ("ServiceRequest", "http://127.0.0.1:1/fhir", "theirs")
    service.run(ward.hospital, lambda tx: tx.aliases.claim(*claimed, ended))
    ward.merge(OTHER, into=MINE)
    assert service.states(stays) == ("supported", ["accepted"])

    assert why(request(woman, ends=True)) == "accepted"
    reasons = {row["id"]: row["reason"] for row in service.rows("referral", patient_id=stays)}
    assert sorted(map(str, reasons.values())) == ["closed-by-clinician", "merged"]
    assert reasons[ended] == "merged"
    # The copy of it in the record says that it has ended.
    assert service.read(ward.hospital, lambda tx: tx.aliases.find(*claimed)) == ended


def merged_referrals(ward: Ward) -> tuple[str, str]:
    """A referral that was closed as merged, and the one that goes on, supported."""
    service = ward.service
    stays, goes = ward.woman(MINE), ward.woman(OTHER)
    ward.positive(MINE)
    ward.agreed(goes)
    ward.positive(OTHER)
    ward.accepted(goes)
    ended, going_on = service.referral(stays).id, service.referral(goes).id
    third = ward.woman(THIRD)
    ward.positive(THIRD)
    first = service.referral(third).id
    # The closed one of a chain leads to the last.
    ward.merge(THIRD, into=MINE)
    ward.merge(OTHER, into=MINE)
    merged = [row["id"] for row in service.rows("referral", patient_id=stays, reason="merged")]
    assert sorted(merged) == sorted((ended, first))
    return first, going_on


@pytest.mark.parametrize(
    ("order", "state"),
    [
        (Order.HOLD, ("on-hold", ["held-by-service"])),
        (Order.CLOSE, ("closed", ["cancelled"])),
        (Order.VOID, ("entered-in-error", ["entered-in-error"])),
    ],
)
@pytest.mark.parametrize("by_copy", [False, True], ids=["by our id", "by its copy's"])
def test_what_stops_contact_by_the_id_of_a_merged_referral_stops_the_one_that_goes_on(
    ward: Ward, order: Order, state: tuple[str, list[str]], by_copy: bool
) -> None:
    service = ward.service
    ended, going_on = merged_referrals(ward)
    if by_copy:
        claimed = ("ServiceRequest", "http://127.0.0.1:1/fhir", "theirs")
        service.run(ward.hospital, lambda tx: tx.aliases.claim(*claimed, ended))
    said = Instruction(order, service.now(), practitioner="Test Midwife Marlow", role="Midwife")
    id = "theirs" if by_copy else ended
    message = ReceivedInstruction(
        Received("ServiceRequest", body(), target_id=id), id, said, Described(ids=frozenset({ended}))
    )
    answer = service.run(ward.hospital, lambda tx: instruct(tx, service.rules, message, service.now()))
    assert isinstance(answer, Accepted)
    assert answer.id == going_on
    (row,) = service.rows("referral", id=going_on)
    assert (row["state"], [each.state for each in service.offers(row["patient_id"])]) == state


def test_a_merged_referral_that_is_sent_back_as_it_was_read_ends_nothing(ward: Ward) -> None:
    service = ward.service
    ended, going_on = merged_referrals(ward)
    described = Described(ids=frozenset({ended}), reasons=frozenset({"merged"}))
    message = ReceivedInstruction(
        Received("ServiceRequest", body(), target_id=ended), ended, Instruction(Order.CLOSE, service.now()), described
    )
    answer = service.run(ward.hospital, lambda tx: instruct(tx, service.rules, message, service.now()))
    assert why(answer) == "repeated"
    assert [row["state"] for row in service.rows("referral", id=going_on)] == ["supported"]


@pytest.mark.parametrize("code", ["consent-needed", "unplaced"])
def test_what_the_clinic_is_asked_for_is_asked_once_when_three_records_become_one(service: Service, code: str) -> None:
    ward = Ward(service, service.hospital(), service.community())
    if code == "consent-needed":
        service.programme(ward.community)
    for name in (MINE, OTHER, THIRD):
        ward.woman(name)
        ward.positive(name)
    assert [row["state"] for row in service.rows("alert", code=code)] == ["open"] * 3

    for retired in (OTHER, THIRD):
        ward.merge(retired, into=MINE)

    (referral,) = service.rows("referral", reason=None)
    (asked,) = [row for row in service.rows("alert", code=code) if row["state"] == "open"]
    assert (asked["patient_id"], asked["referral_id"]) == (ward.known_as(MINE), referral["id"])


def test_a_risk_is_never_answered_by_a_merge(ward: Ward) -> None:
    for name in (MINE, OTHER):
        ward.woman(name)
        ward.positive(name, harm=1)

    ward.merge(OTHER, into=MINE)

    risks = ward.service.rows("alert", code="self-harm-present")
    assert [row["state"] for row in risks] == ["open", "open"]


def test_a_risk_that_waits_for_review_keeps_the_other_record_from_being_offered(ward: Ward) -> None:
    service = ward.service
    stays, goes = ward.woman(MINE), ward.woman(OTHER)
    ward.agreed(stays)
    ward.positive(MINE)
    ward.positive(OTHER, harm=2, days_ago=1)
    assert service.states(goes) == ("in-review", [])

    ward.merge(OTHER, into=MINE)

    (state,) = [row["state"] for row in service.rows("referral", patient_id=stays, reason=None)]
    assert state == "in-review"
    assert [offer.state for offer in service.offers(stays)] == ["cancelled"]
    alert = service.alert(stays, "self-harm-present")
    assert alert["referral_id"] == next(row["id"] for row in service.rows("referral", state="in-review"))


def test_two_programmes_that_support_her_both_pause_and_neither_is_ended(ward: Ward) -> None:
    service = ward.service
    stays, goes = ward.woman(MINE), ward.woman(OTHER)
    for woman, name in ((stays, MINE), (goes, OTHER)):
        ward.agreed(woman)
        ward.positive(name)
        ward.accepted(woman)

    ward.merge(OTHER, into=MINE)

    assert [offer.state for offer in service.offers(stays)] == ["held-by-service", "held-by-service"]
    assert len({offer.referral_id for offer in service.offers(stays)}) == 1
    assert [row["state"] for row in service.rows("referral", reason=None)] == ["on-hold"]


def test_a_no_in_either_record_counts_over_a_later_yes_in_the_other(ward: Ward) -> None:
    service = ward.service
    stays, goes = ward.woman(MINE), ward.woman(OTHER)
    ward.agreed(stays, given_at=service.now() - 3 * DAY, permits=False)
    ward.agreed(goes, given_at=service.now() - DAY)
    ward.positive(OTHER)
    ward.accepted(goes)
    (offer,) = service.offers(goes)

    ward.merge(OTHER, into=MINE)

    assert service.states(stays) == ("on-hold", ["held-by-service"])
    assert service.disclose(ward.community, offer)[0].preferred_name is None
    service.pass_time(DAY)
    ward.agreed(stays, given_at=service.now())
    assert service.disclose(ward.community, offer)[0].preferred_name == "Ada"


def test_a_withdrawal_in_the_retired_record_counts_over_the_survivors_yes(ward: Ward) -> None:
    service = ward.service
    stays, goes = ward.woman(MINE), ward.woman(OTHER)
    ward.agreed(stays)
    ward.positive(MINE)
    taken_back = ward.agreed(goes)
    ward.service.consent(
        ward.hospital, goes, ward.community, target_id=getattr(taken_back, "id", ""), status=Status.INACTIVE
    )
    ward.merge(OTHER, into=MINE)

    assert service.states(stays) == ("on-hold", ["cancelled"])


def test_a_yes_in_the_retired_record_places_the_survivors_referral(ward: Ward) -> None:
    stays, goes = ward.woman(MINE), ward.woman(OTHER)
    ward.positive(MINE)
    ward.agreed(goes)
    ward.merge(OTHER, into=MINE)

    assert ward.service.states(stays) == ("offered", ["requested"])


def test_of_two_ways_to_reach_her_none_is_safe_that_only_one_record_allows(ward: Ward) -> None:
    service = ward.service
    stays, goes = ward.woman(MINE), ward.woman(OTHER)
    ward.agreed(stays, safe_contact=REACHABLE)
    ward.agreed(goes, safe_contact=BY_TEXT, given_at=service.now() - 2 * DAY)
    service.pass_time(DAY)
    ward.merge(OTHER, into=MINE)
    ward.positive(MINE)

    assert service.states(stays) == ("placing", [])
    assert "no-safe-contact" in service.alerts(stays)


@pytest.mark.parametrize("accepted", [False, True], ids=["offered", "supported"])
@pytest.mark.parametrize("other", [REACHABLE, BY_TEXT], ids=["the same way", "another way"])
def test_what_goes_on_hears_that_a_merge_leaves_no_safe_way_to_reach_her(
    ward: Ward, accepted: bool, other: SafeContact
) -> None:
    service = ward.service
    stays, goes = ward.woman(MINE), ward.woman(OTHER)
    ward.agreed(stays, safe_contact=REACHABLE)
    ward.positive(MINE)
    if accepted:
        ward.accepted(stays)
    ward.agreed(goes, safe_contact=other, given_at=service.now() - 2 * DAY)
    service.pass_time(HOUR)
    ward.merge(OTHER, into=MINE)

    on, paused, alert = {
        False: (("offered", ["requested"]), ("placing", ["cancelled"]), "no-safe-contact"),
        True: (("supported", ["accepted"]), ("on-hold", ["held-by-service"]), "safe-contact-withdrawn"),
    }[accepted]
    assert service.states(stays) == (on if other == REACHABLE else paused)
    assert service.alerts(stays) == ["records-merged", *([] if other == REACHABLE else [alert])]


def test_one_administration_that_both_records_know_is_one_result_with_all_its_pieces(ward: Ward) -> None:
    service = ward.service
    stays, goes = ward.woman(MINE), ward.woman(OTHER)
    ward.positive(MINE, total=9)
    ward.positive(OTHER, total=14, harm=1)
    assert service.alerts(goes) == ["self-harm-present"]

    ward.merge(OTHER, into=MINE)

    (result,) = service.rows("screening_result", patient_id=stays)
    assert {each["source"] for each in result["pieces"]["pieces"]} == {
        each["source"] for row in service.rows("screening_result") for each in row["pieces"]["pieces"]
    }
    assert result["outcome"] == "positive"
    assert "self-harm-present" in service.alerts(stays)
    assert service.referral(stays).state == "in-review"
    (left,) = service.rows("screening_result", patient_id=goes)
    assert left["outcome"] is None


def test_what_the_survivor_does_not_say_is_as_the_other_said_it(ward: Ward) -> None:
    service = ward.service
    stays, goes = ward.woman(MINE, district=None), ward.woman(OTHER, district="North", interpreter=True)
    service.tell_due_date(ward.hospital, goes, service.now().date() + timedelta(days=60))
    ward.merge(OTHER, into=MINE)

    woman = service.run(ward.hospital, lambda tx: tx.patients.lock(stays))
    assert (woman.facts.district, woman.facts.interpreter) == ("North", True)
    assert woman.stage(service.now(), service.rules.policy("")) is Stage.ANTENATAL


@pytest.mark.parametrize("newer", [MINE, OTHER])
def test_of_two_due_dates_the_newest_counts(ward: Ward, newer: Identifier) -> None:
    service = ward.service
    now = service.now()
    women = {MINE: ward.woman(MINE), OTHER: ward.woman(OTHER)}
    for number, woman in women.items():
        weeks, days = (10, 1) if number == newer else (20, 30)
        service.tell_due_date(ward.hospital, woman, now.date() + timedelta(weeks=weeks), now - timedelta(days=days))
    ward.merge(OTHER, into=MINE)
    known = service.run(ward.hospital, lambda tx: tx.patients.lock(women[MINE]))
    assert (known.due_date, known.due_said_at) == (now.date() + timedelta(weeks=10), now - timedelta(days=1))


def test_every_open_thing_has_a_newer_version_for_whoever_reads_it(ward: Ward) -> None:
    service = ward.service
    stays, goes = ward.woman(MINE), ward.woman(OTHER)
    ward.agreed(goes)
    ward.positive(OTHER)
    (before,) = service.offers(goes)
    ward.merge(OTHER, into=MINE)

    (after,) = service.offers(stays)
    assert after.version > before.version
    assert after.handles == before.handles
    owed = {(type, id) for type, id, _ in service.owed(stays)}
    assert ("ServiceRequest", after.referral_id) in owed


@st.composite
def _stories(draw: st.DrawFn) -> list[tuple[str, ...]]:
    """Merges of a chain and results under each of its numbers, in any order."""
    merges = [("merge", "100", "200"), ("merge", "200", "300"), ("merge", "300", "400")]
    results = [("result", number) for number in ("100", "200", "300", "400")]
    known = [("woman", number) for number in draw(st.sets(st.sampled_from(["100", "200", "300", "400"])))]
    return list(draw(st.permutations([*merges, *results, *known])))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=_stories())
def test_in_any_order_of_merges_and_results_one_record_has_all_of_it(ward: Ward, story: list[tuple[str, ...]]) -> None:
    service = ward.service
    fresh = Ward(service, service.hospital(), ward.community)
    days, sent = count(1), 0
    for what, *numbers in story:
        names = [Identifier("urn:hospital:mr", number) for number in numbers]
        if what == "merge":
            fresh.merge(names[0], into=names[1])
        else:
            fresh.woman(names[0])
        if what == "result":
            fresh.positive(names[0], total=14, harm=1, days_ago=next(days))
            sent += 1

    survivors = {fresh.known_as(each) for each in (MINE, OTHER, THIRD, FOURTH)}
    assert len(survivors) == 1
    (survivor,) = survivors
    assert survivor is not None
    tenant = fresh.hospital.organisation_id
    kept = service.rows("screening_result", tenant_id=tenant)
    assert [row["patient_id"] for row in kept] == [survivor] * sent
    harm = service.rows("alert", tenant_id=tenant, code="self-harm-present")
    assert [row["patient_id"] for row in harm] == [survivor] * sent
    referrals = service.rows("referral", tenant_id=tenant)
    assert {row["patient_id"] for row in referrals} == {survivor}
    assert [row["state"] for row in referrals if row["state"] != "closed"] == ["in-review"]
