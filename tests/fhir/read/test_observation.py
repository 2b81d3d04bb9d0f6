"""Results in the shapes that public profiles and public code give them."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.fhir.outcome import BadInput
from service.fhir.read.common import received
from service.fhir.read.observation import read_observation
from service.flow.received import Reference
from service.flow.received_result import ReceivedResult
from service.flow.rules import Rules
from service.mappings import load
from service.referrals.patient import DueDate
from service.screening.instrument import Role
from service.screening.result import Reading, Status

Tree = dict[str, Any]
Read = Callable[..., ReceivedResult]
Coding = tuple[str, str]

BASE = "https://referral.example"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TAKEN = datetime(2026, 2, 1, 8, tzinfo=UTC)
LOINC, SNOMED = "http://loinc.org", "http://snomed.info/sct"
EPDS_ITEM = "https://peer-referral.example/fhir/CodeSystem/epds-item"
EPDS_TOTAL, EPDS_PANEL, EPDS_SCORE = (LOINC, "99046-5"), (LOINC, "71354-5"), (SNOMED, "450320001")
PHQ9_TOTAL, PHQ9_PANEL, PHQ9_9 = (LOINC, "44261-6"), (LOINC, "44249-1"), (LOINC, "44260-8")
DUE, DUE_FROM_PERIOD = (LOINC, "11778-8"), (LOINC, "11779-6")
UNKNOWN = ("https://hospital.example/codes", "screening")
TOTAL_15 = Reading(Role.TOTAL, None, 15)


def concept(*codings: Coding) -> Tree:
    return {"coding": [{"system": system, "code": code} for system, code in codings]}


def part(*codings: Coding, **said: object) -> Tree:
    return {"code": concept(*codings)} | said


def item(number: int, score: int) -> Tree:
    return part((EPDS_ITEM, str(number)), valueInteger=score)


@pytest.fixture
def read(guarded: Callable[[Tree], Tree], rules: Rules) -> Read:
    def reading(*codings: Coding, **elements: object) -> ReceivedResult:
        tree = guarded({
            "resourceType": "Observation",
            "status": "final",
            "code": concept(*codings),
            "subject": {"reference": "Patient/1"},
            "effectiveDateTime": "2026-02-01T10:00:00+02:00",
            **elements,
        })  # fmt: skip
        return read_observation(tree, received(tree, b""), rules=rules, base=BASE, now=NOW)

    return reading


def stated(message: ReceivedResult) -> tuple[Reading, ...]:
    (only,) = message.administered
    return only.piece.readings


def test_a_total_is_a_piece_of_one_administration(read: Read) -> None:
    sent = [{"value": "no system"}, {"system": "urn:a", "value": "1"}, {"system": "urn:b", "value": "2"}]
    message = read(EPDS_TOTAL, valueInteger=15, identifier=sent)
    assert message.subject == Reference("Patient", "1")
    assert (message.corrects, message.due) == (False, None)
    (administered,) = message.administered
    assert administered.instrument_id == "epds"
    assert administered.respondent == "patient"
    assert administered.effective == datetime(2026, 2, 1, 8, tzinfo=UTC)
    assert administered.piece.source == "urn:a|1"
    assert administered.piece.status is Status.FINAL
    assert administered.piece.readings == (TOTAL_15,)
    assert administered.piece.expects == frozenset()


ON_PANEL = Reading(Role.TOTAL, None, 15, code_role_mismatch=True)


@pytest.mark.parametrize(
    ("codings", "value", "reading"),
    [
        ([EPDS_TOTAL], {"valueInteger": 15}, TOTAL_15),
        ([EPDS_SCORE], {"valueInteger": 15}, TOTAL_15),
        ([PHQ9_TOTAL], {"valueString": "15"}, TOTAL_15),
        ([PHQ9_TOTAL], {"valueString": " 15 "}, TOTAL_15),
        ([EPDS_TOTAL], {"valueQuantity": {"value": 15, "unit": "{score}"}}, TOTAL_15),
        ([EPDS_TOTAL], {"valueQuantity": {"value": 15.0, "system": "urn:a", "code": "{score}"}}, TOTAL_15),
        ([PHQ9_PANEL], {"valueQuantity": {"value": 15}}, ON_PANEL),
        ([PHQ9_PANEL], {"valueInteger": 15}, ON_PANEL),
        ([EPDS_PANEL], {"valueInteger": 15}, ON_PANEL),
        ([EPDS_PANEL, EPDS_TOTAL], {"valueInteger": 15}, ON_PANEL),
        ([UNKNOWN, EPDS_TOTAL], {"valueInteger": 15}, TOTAL_15),
        ([EPDS_TOTAL, EPDS_SCORE], {"valueInteger": 15}, TOTAL_15),
        ([EPDS_TOTAL], {"valueInteger": 31}, Reading(Role.TOTAL, None, 31)),
        ([EPDS_TOTAL], {"valueInteger": -1}, Reading(Role.TOTAL, None, -1)),
        ([PHQ9_9], {"valueInteger": 0}, Reading(Role.ITEM, 9, 0)),
        ([PHQ9_9], {"valueCodeableConcept": concept((LOINC, "LA6570-1"))}, Reading(Role.ITEM, 9, 2)),
        ([PHQ9_9], {"valueCodeableConcept": concept(UNKNOWN, (LOINC, "LA6568-5"))}, Reading(Role.ITEM, 9, 0)),
        ([EPDS_PANEL], {}, Reading(Role.PANEL, None, None)),
        ([EPDS_TOTAL], {"dataAbsentReason": concept(UNKNOWN)}, Reading(Role.TOTAL, None, None)),
        ([PHQ9_9], {"dataAbsentReason": concept(UNKNOWN)}, Reading(Role.ITEM, 9, None)),
        ([PHQ9_9], {"_valueInteger": {"id": "unanswered"}}, Reading(Role.ITEM, 9, None)),
    ],
)
def test_a_number_is_read_from_every_shape_it_is_seen_in(
    read: Read, codings: list[Coding], value: Tree, reading: Reading
) -> None:
    assert stated(read(*codings, **value)) == (reading,)
    assert stated(read(*codings[::-1], **value)) == (reading,)


@pytest.mark.parametrize(
    ("coding", "value"),
    [
        (EPDS_TOTAL, {"valueQuantity": {"value": 13, "comparator": ">="}}),
        (EPDS_TOTAL, {"valueQuantity": {"value": 3.5}}),
        (EPDS_TOTAL, {"valueQuantity": {"unit": "{score}"}}),
        (EPDS_TOTAL, {"valueString": ">=13"}),
        (EPDS_TOTAL, {"valueString": "thirteen"}),
        (EPDS_TOTAL, {"valueString": "-1"}),
        (EPDS_TOTAL, {"valueString": "99999999999999999999"}),
        (EPDS_TOTAL, {"valueBoolean": True}),
        (EPDS_TOTAL, {"valueRange": {"low": {"value": 13}}}),
        (EPDS_TOTAL, {"valueCodeableConcept": concept((LOINC, "LA6570-1"))}),
        (EPDS_PANEL, {"valueString": "positive"}),
        (PHQ9_9, {"valueCodeableConcept": concept(UNKNOWN)}),
        (PHQ9_9, {"valueCodeableConcept": {"text": "2"}}),
        (PHQ9_9, {"valueCodeableConcept": concept((LOINC, "LA6568-5"), (LOINC, "LA6571-9"))}),
        ((EPDS_ITEM, "10"), {"valueCodeableConcept": concept((LOINC, "LA6568-5"))}),
    ],
)
def test_a_value_that_is_no_number_is_unreadable_and_its_element_is_named(
    read: Read, coding: Coding, value: Tree
) -> None:
    (reading,) = stated(read(coding, **value))
    assert (reading.value, reading.unreadable) == (None, next(iter(value)))
    (inside,) = stated(read(UNKNOWN, component=[part(coding, **value)]))
    assert (inside.value, inside.unreadable) == (None, f"component.{next(iter(value))}")
    assert (inside.role, inside.item) == (reading.role, reading.item)


def test_components_are_readings_of_the_same_piece(read: Read) -> None:
    message = read(EPDS_TOTAL, valueInteger=15, component=[item(10, 1), item(1, 3), part(UNKNOWN, valueInteger=9)])
    assert stated(message) == (TOTAL_15, Reading(Role.ITEM, 10, 1), Reading(Role.ITEM, 1, 3))


def test_components_are_read_below_a_code_that_is_not_known(read: Read) -> None:
    message = read(UNKNOWN, component=[part(EPDS_TOTAL, valueInteger=15), item(10, 0)])
    assert stated(message) == (TOTAL_15, Reading(Role.ITEM, 10, 0))
    assert message.administered[0].piece.source == "parts"


def test_two_instruments_in_one_message_are_two_administrations(read: Read) -> None:
    message = read(UNKNOWN, component=[part(PHQ9_TOTAL, valueInteger=4), part(EPDS_TOTAL, valueInteger=15)])
    assert [each.instrument_id for each in message.administered] == ["epds", "phq9"]
    assert [each.piece.readings[0].value for each in message.administered] == [15, 4]


@pytest.mark.parametrize(
    "codings",
    [
        [EPDS_TOTAL, PHQ9_TOTAL],
        [PHQ9_TOTAL, PHQ9_9],
        [PHQ9_PANEL, PHQ9_9],
        [(EPDS_ITEM, "1"), (EPDS_ITEM, "2")],
        [EPDS_PANEL, PHQ9_TOTAL],
        [EPDS_TOTAL, DUE],
    ],
)
def test_codings_that_mean_different_things_are_refused(read: Read, codings: list[Coding]) -> None:
    for order in (codings, codings[::-1]):
        with pytest.raises(BadInput) as caught:
            read(*order, valueInteger=1)
        assert (caught.value.status, caught.value.issues[0].expression) == (422, "Observation.code")
        with pytest.raises(BadInput) as caught:
            read(UNKNOWN, component=[part(UNKNOWN), part(*order, valueInteger=1)])
        assert caught.value.issues[0].expression == "Observation.component[1].code"


@pytest.mark.parametrize("number", ["11", "0", "010"])
def test_an_item_that_the_instrument_has_not_got_is_refused_by_its_place(read: Read, number: str) -> None:
    beyond = (EPDS_ITEM, number)
    for expression, elements in (
        ("Observation.code", [beyond]),
        ("Observation.code", [UNKNOWN, beyond]),
        ("Observation.component[1].code", []),
    ):
        with pytest.raises(BadInput) as caught:
            read(*(elements or [EPDS_TOTAL]), valueInteger=2, component=[item(10, 0), part(beyond, valueInteger=2)])
        (issue,) = caught.value.issues
        assert (caught.value.status, issue.code, issue.expression) == (422, "code-invalid", expression)
        assert "1, 2, 3, 4, 5, 6, 7, 8, 9, 10." in issue.text


def test_a_message_of_no_known_instrument_decides_nothing(read: Read) -> None:
    assert read(UNKNOWN, valueInteger=15).administered == ()


@pytest.mark.parametrize("code", [{"text": "EPDS total"}, {"coding": [{"code": "10"}]}])
def test_a_code_without_a_system_is_not_known(read: Read, code: Tree) -> None:
    assert read(code=code, valueInteger=15).administered == ()


ELSEWHERE: list[Tree] = [
    {},
    {"system": "https://loinc.org"},
    {"system": "urn:oid:2.16.840.1.113883.6.1"},
    {"system": SNOMED},
]


@pytest.mark.parametrize("system", ELSEWHERE, ids=str)
def test_a_code_that_everybody_knows_is_refused_under_another_system_than_its_own(read: Read, system: Tree) -> None:
    sent = {"coding": [{"code": PHQ9_9[1], **system}]}
    told = (("Observation.code", {"code": sent}), ("Observation.component[0].code", {"component": [{"code": sent}]}))
    for expression, elements in told:
        with pytest.raises(BadInput) as caught:
            read(UNKNOWN, valueInteger=2, **elements)
        (issue,) = caught.value.issues
        assert (caught.value.status, issue.code, issue.expression) == (422, "code-invalid", expression)
        assert issue.text.endswith(f"{LOINC}.")


def test_beside_a_coding_that_is_known_another_may_be_anything(read: Read) -> None:
    assert stated(read(EPDS_TOTAL, ("urn:local", PHQ9_9[1]), valueInteger=15)) == (TOTAL_15,)


@pytest.mark.parametrize(
    ("codings", "source"),
    [
        ([EPDS_TOTAL], "total"),
        ([(EPDS_ITEM, "3")], "item 3"),
        ([EPDS_PANEL], "panel"),
        ([EPDS_PANEL, EPDS_TOTAL], "panel"),
    ],
)
def test_a_piece_without_an_identifier_is_named_by_what_it_is(read: Read, codings: list[Coding], source: str) -> None:
    assert read(*codings, valueInteger=1).administered[0].piece.source == source


@pytest.mark.parametrize(
    ("elements", "effective"),
    [
        ({"effectiveDateTime": "2022-11-29T20:50:32.718000+00:00"}, datetime(2022, 11, 29, 20, 50, 32, 718000, UTC)),
        ({"effectiveDateTime": "2026-02-01"}, datetime(2026, 2, 1, tzinfo=UTC)),
        ({"effectiveDateTime": "2026-02"}, datetime(2026, 2, 1, tzinfo=UTC)),
        ({"effectiveDateTime": "2026"}, datetime(2026, 1, 1, tzinfo=UTC)),
        (
            {"effectivePeriod": {"start": "2026-02-01T10:00:00Z", "end": "2026-02-01T10:10:00Z"}},
            datetime(2026, 2, 1, 10, tzinfo=UTC),
        ),
        ({"effectiveInstant": "2026-02-01T10:00:00.5Z"}, datetime(2026, 2, 1, 10, 0, 0, 500000, UTC)),
    ],
)
def test_the_administration_is_found_by_its_effective_time(read: Read, elements: Tree, effective: datetime) -> None:
    (administered,) = read(EPDS_TOTAL, valueInteger=15, **{"effectiveDateTime": None} | elements).administered
    assert (administered.effective, administered.respondent) == (effective, "patient")


@pytest.mark.parametrize(
    ("elements", "effective"),
    [
        ({}, NOW),
        ({"effectivePeriod": {"end": "2026-02-01T10:10:00Z"}}, datetime(2026, 2, 1, 10, 10, tzinfo=UTC)),
        ({"effectivePeriod": {"end": "2019-05"}}, datetime(2019, 6, 1, tzinfo=UTC)),
        ({"issued": "2019-05-01T10:10:00Z"}, datetime(2019, 5, 1, 10, 10, tzinfo=UTC)),
        (
            {"issued": "2026-02-03T10:10:00Z", "effectivePeriod": {"end": "2026-02-01"}},
            datetime(2026, 2, 2, tzinfo=UTC),
        ),
        ({"issued": "2026-03-01T12:00:01Z"}, NOW),
    ],
)
def test_without_a_time_it_is_an_administration_of_its_own_as_old_as_is_known(
    read: Read, elements: Tree, effective: datetime
) -> None:
    sent = [{"system": "urn:a", "value": "1"}]
    elements = {"effectiveDateTime": None, "identifier": sent} | elements
    (administered,) = read(EPDS_TOTAL, valueInteger=15, **elements).administered
    assert (administered.effective, administered.respondent) == (effective, "source:urn:a|1")


@pytest.mark.parametrize(
    ("performer", "respondent"),
    [
        ([{"reference": "Patient/1"}], "patient"),
        ([{"reference": "Practitioner/1"}], "patient"),
        ([{"reference": "#midwife"}, {"display": "a midwife"}], "patient"),
        ([{"reference": "Practitioner/1"}, {"reference": "RelatedPerson/2"}], "RelatedPerson/2"),
        ([{"reference": f"{BASE}/fhir/RelatedPerson/2"}], "RelatedPerson/2"),
        ([{"reference": "https://ehr.example/RelatedPerson/2"}], "https://ehr.example/RelatedPerson/2"),
        ([{"type": "RelatedPerson", "identifier": {"system": "urn:a", "value": "7"}}], "urn:a|7"),
    ],
)
def test_a_partner_who_answered_is_another_respondent(read: Read, performer: list[Tree], respondent: str) -> None:
    midwife = [{"resourceType": "Patient", "id": "midwife"}] if "#midwife" in str(performer) else None
    message = read(EPDS_TOTAL, valueInteger=15, performer=performer, contained=midwife)
    assert message.administered[0].respondent == respondent


@pytest.mark.parametrize(
    ("focus", "respondent"),
    [
        ([{"reference": "Patient/1"}], "patient"),
        ([{"reference": f"{BASE}/fhir/Patient/1", "display": "she"}], "patient"),
        ([{"reference": "RelatedPerson/2"}], "RelatedPerson/2"),
        ([{"reference": "Patient/1"}, {"reference": "Patient/2"}], "Patient/2"),
        ([{"display": "her husband"}], "focus"),
    ],
)
def test_what_is_about_somebody_else_is_another_respondents(read: Read, focus: list[Tree], respondent: str) -> None:
    assert read(EPDS_TOTAL, valueInteger=15, focus=focus).administered[0].respondent == respondent


def test_that_it_was_another_is_known_without_a_time_too(read: Read) -> None:
    sent = {"identifier": [{"system": "urn:a", "value": "1"}], "performer": [{"reference": "RelatedPerson/2"}]}
    (administered,) = read(EPDS_TOTAL, valueInteger=15, effectiveDateTime=None, **sent).administered
    assert administered.respondent == "source:another:urn:a|1"


def test_the_parts_it_names_are_expected_by_their_sources(read: Read) -> None:
    members = [
        {"identifier": {"system": "urn:a", "value": "1"}},
        {"reference": "Observation/2", "identifier": {"system": "urn:a", "value": "2"}},
        {"reference": f"{BASE}/fhir/Observation/3"},
        {"reference": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"},
        {"display": "item ten"},
    ]
    forms = [{"reference": "QuestionnaireResponse/phq-9-example"}]
    (administered,) = read(PHQ9_PANEL, hasMember=members, derivedFrom=forms).administered
    assert administered.piece.expects == {
        "urn:a|1",
        "urn:a|2",
        "Observation/3",
        "urn:uuid:c757873d-ec9a-4326-a141-556f43239520",
        "QuestionnaireResponse/phq-9-example",
    }


@pytest.mark.parametrize("status", Status)
def test_a_status_that_changes_what_came_before_corrects(read: Read, status: Status) -> None:
    message = read(EPDS_TOTAL, valueInteger=15, status=status.value)
    assert message.administered[0].piece.status is status
    assert message.corrects is (status.value in {"amended", "corrected", "cancelled", "entered-in-error"})


@pytest.mark.parametrize(
    ("elements", "due"),
    [
        ({"valueDateTime": "2026-06-01"}, date(2026, 6, 1)),
        ({"valueDateTime": "2026-06-01T00:30:00+02:00"}, date(2026, 6, 1)),
        ({"valueDateTime": "2026-06"}, None),
        ({"valueString": "June"}, None),
        ({"valueDateTime": "2026-06-01", "status": "preliminary"}, None),
        ({"valueDateTime": "2026-06-01", "status": "corrected"}, date(2026, 6, 1)),
    ],
)
def test_the_due_date_is_a_day_that_counts(read: Read, elements: Tree, due: date | None) -> None:
    message = read(DUE, **elements)
    assert (message.due and message.due.day, message.administered) == (due, ())


def test_a_due_date_may_come_with_the_result(read: Read) -> None:
    message = read(EPDS_TOTAL, valueInteger=15, component=[part(DUE, valueDateTime="2026-06-01")])
    assert message.due == DueDate(date(2026, 6, 1), TAKEN)
    assert stated(message) == (TOTAL_15,)


def test_a_day_on_which_nobody_can_be_due_is_refused(read: Read) -> None:
    with pytest.raises(BadInput):
        read(DUE, valueDateTime="2099-12-31")


def test_two_due_dates_that_differ_are_refused(read: Read) -> None:
    dates = [part(DUE, valueDateTime="2026-06-01"), part(DUE_FROM_PERIOD, valueDateTime="2026-06-09")]
    with pytest.raises(BadInput):
        read(UNKNOWN, component=dates)
    assert read(UNKNOWN, component=[dates[0], dates[0]]).due == DueDate(date(2026, 6, 1), TAKEN)


@pytest.mark.parametrize(("value", "day"), [({"valueDateTime": "2026-06-01"}, date(2026, 6, 1)), ({}, None)])
def test_a_due_date_is_taken_back(read: Read, value: Tree, day: date | None) -> None:
    assert read(DUE, status="entered-in-error", **value).due == DueDate(day, TAKEN, stands=False)


def test_a_due_date_of_long_ago_is_history_and_refused_for_nothing(read: Read) -> None:
    assert read(DUE, valueDateTime="2024-01-01").due is None


@pytest.mark.parametrize("element", ["tag", "security"])
def test_test_data_is_refused_in_words(read: Read, element: str) -> None:
    label = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}
    with pytest.raises(BadInput) as caught:
        read(EPDS_TOTAL, valueInteger=15, meta={element: [label]})
    assert caught.value.status == 422
    assert "test data" in caught.value.issues[0].text
    assert read(EPDS_TOTAL, valueInteger=15, meta={element: [label | {"code": "TREAT"}]}).administered


@pytest.mark.parametrize("subject", [None, {"reference": "#her"}, {"display": "Testina"}])
def test_a_result_of_nobody_is_refused(read: Read, subject: Tree | None) -> None:
    contained = [{"resourceType": "Patient", "id": "her"}] if subject == {"reference": "#her"} else None
    with pytest.raises(BadInput) as caught:
        read(EPDS_TOTAL, valueInteger=15, subject=subject, contained=contained)
    assert (caught.value.status, caught.value.issues[0].expression) == (422, "Observation.subject")


RULES = load()
CODINGS = st.lists(st.sampled_from([EPDS_TOTAL, EPDS_SCORE, EPDS_PANEL, UNKNOWN]), min_size=1, unique=True)
VALUES = st.sampled_from([{"valueInteger": 12}, {"valueString": "12"}, {"valueString": "x"}, {}])
ITEMS = st.lists(st.tuples(st.integers(1, 10), st.integers(-1, 4)).map(lambda said: item(*said)), max_size=12)


@given(CODINGS, VALUES, ITEMS, st.randoms(use_true_random=False))
def test_the_order_of_codings_and_components_does_not_matter(
    codings: list[Coding], value: Tree, items: list[Tree], chance: Any
) -> None:
    def said() -> tuple[object, ...]:
        tree = {
            "resourceType": "Observation",
            "status": "final",
            "code": concept(*codings),
            "subject": {"reference": "Patient/1"},
            "component": items,
            **value,
        }
        message = read_observation(tree, received(tree, b""), rules=RULES, base=BASE, now=NOW)
        pieces = [(each.instrument_id, each.respondent, each.piece.source) for each in message.administered]
        return pieces, Counter(reading for each in message.administered for reading in each.piece.readings)

    before = said()
    chance.shuffle(codings)
    chance.shuffle(items)
    assert said() == before


STILLBIRTH, LIVE_BIRTH, OUTCOME = (SNOMED, "237364002"), (SNOMED, "281050002"), (LOINC, "63893-2")


@pytest.mark.parametrize(
    ("codings", "elements", "tells"),
    [
        ((STILLBIRTH,), {}, True),
        ((STILLBIRTH,), {"valueBoolean": True}, True),
        ((STILLBIRTH,), {"valueBoolean": False}, False),
        ((OUTCOME,), {"valueCodeableConcept": concept(STILLBIRTH)}, True),
        ((OUTCOME,), {"valueCodeableConcept": concept(LIVE_BIRTH)}, False),
        ((("urn:local", STILLBIRTH[1]),), {}, True),
        ((OUTCOME,), {"valueCodeableConcept": concept(("urn:local", STILLBIRTH[1]))}, True),
        ((OUTCOME,), {"valueCodeableConcept": {"coding": [{"code": STILLBIRTH[1]}]}}, True),
        ((OUTCOME,), {"component": [part(OUTCOME, valueCodeableConcept=concept(STILLBIRTH))]}, True),
        ((STILLBIRTH,), {"status": "preliminary"}, True),
        ((STILLBIRTH,), {"status": "unknown"}, True),
        ((STILLBIRTH,), {"status": "registered"}, False),
        ((STILLBIRTH,), {"status": "registered", "valueBoolean": True}, True),
        ((STILLBIRTH,), {"status": "cancelled"}, False),
        ((STILLBIRTH,), {"status": "entered-in-error"}, False),
        ((STILLBIRTH,), {"effectiveDateTime": "2025-05-11"}, False),
        ((STILLBIRTH,), {"effectiveDateTime": "2025-05-12"}, True),
        ((DUE,), {"valueDateTime": "2026-09-01"}, False),
    ],
)
def test_a_loss_is_read_from_code_or_value_while_it_is_no_history(
    read: Read, codings: tuple[Coding, ...], elements: Tree, tells: bool
) -> None:
    message = read(*codings, **elements)
    assert message.safety_event is tells
    assert message.administered == ()
