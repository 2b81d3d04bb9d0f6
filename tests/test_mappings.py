import re
import shutil
from datetime import date
from pathlib import Path

import pytest

from service.flow.rules import OTHERWISE
from service.mappings import load, own_folder, read_programme
from service.referrals.alert import AlertCode
from service.referrals.escalation import Concern
from service.referrals.referral import ReferralTrigger
from service.screening.instrument import Approval, CodeUse, Context, CutOff, Priority, Role, Stage
from service.shared.code import LOINC, SNOMED, Code
from service.shared.errors import InvalidMappings

RULES = load()
OUR_ITEMS = "https://peer-referral.example/fhir/CodeSystem/epds-item"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(own_folder(), tmp_path / "mappings"))


def edit(folder: Path, file: str, old: str, new: str) -> None:
    path = folder / file
    content = path.read_text("utf-8")
    assert old in content, f"{file} has no {old!r} to change"
    path.write_text(content.replace(old, new), "utf-8")


def problems_of(folder: Path) -> list[str]:
    with pytest.raises(InvalidMappings) as refused:
        load(folder)
    return refused.value.problems


def test_the_shipped_mappings_load_and_name_what_each_code_stands_for() -> None:
    assert set(RULES.instruments) == {"epds", "phq9"}
    assert RULES.by_code[Code(LOINC, "99046-5")] == CodeUse("epds", Role.TOTAL)
    assert RULES.by_code[Code(SNOMED, "450320001")] == CodeUse("epds", Role.TOTAL)
    assert RULES.by_code[Code(LOINC, "71354-5")] == CodeUse("epds", Role.PANEL)
    assert RULES.by_code[Code(OUR_ITEMS, "10")] == CodeUse("epds", Role.ITEM, 10)
    assert RULES.by_code[Code(LOINC, "44261-6")] == CodeUse("phq9", Role.TOTAL)
    assert RULES.by_code[Code(LOINC, "44260-8")] == CodeUse("phq9", Role.ITEM, 9)
    assert RULES.context_codes[Code(LOINC, "11778-8")] is Context.ESTIMATED_DUE_DATE


def test_each_instrument_has_its_range_its_one_critical_item_and_its_coded_answers() -> None:
    ranges = {each.id: (each.lowest, each.highest, len(each.items)) for each in RULES.instruments.values()}
    assert ranges == {"epds": (0, 30, 10), "phq9": (0, 27, 9)}
    critical = {each.id: [item.number for item in each.critical_items] for each in RULES.instruments.values()}
    assert critical == {"epds": [10], "phq9": [9]}
    answers = RULES.instruments["phq9"].items[8].answers
    assert [answers[Code(LOINC, code)] for code in ("LA6568-5", "LA6569-3", "LA6570-1", "LA6571-9")] == [0, 1, 2, 3]


EPDS_FORM = """
[[form]]
questionnaire = "https://hospital.example/Questionnaire/booking"
instrument = "epds"
items = ["1humor", "2happiness", "3blame", "4worry", "5anxious", "6grow", "7sleep", "8sad", "9cry", "10harm"]
total = "score"
"""
PHQ9_FORM = """
[[form]]
questionnaire = "https://hospital.example/Questionnaire/booking"
instrument = "phq9"
items = ["p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9"]
total = "sum"
"""
SITE = """organisation = "{id}"

[approval]
by = "A lead"
on = 2026-11-22
"""


def with_forms(folder: Path, *forms: str) -> Path:
    (folder / "sites" / "hospital.toml").write_text(SITE.format(id="hospital") + "".join(forms), "utf-8")
    return folder


def test_a_site_says_what_the_questions_of_its_forms_stand_for(folder: Path) -> None:
    unnamed = EPDS_FORM.replace('questionnaire = "https://hospital.example/Questionnaire/booking"\n', "")
    rules = load(with_forms(folder, EPDS_FORM, PHQ9_FORM, unnamed))
    forms = rules.policy("hospital").forms
    booking = forms["https://hospital.example/Questionnaire/booking"]
    assert (booking["10harm"], booking["score"]) == (CodeUse("epds", Role.ITEM, 10), CodeUse("epds", Role.TOTAL))
    assert (booking["p9"], booking["sum"]) == (CodeUse("phq9", Role.ITEM, 9), CodeUse("phq9", Role.TOTAL))
    assert forms[""]["1humor"] == CodeUse("epds", Role.ITEM, 1)
    assert rules.policy("another").forms == {}


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('"epds"', '"edps"', "sites/hospital.toml.form[1].instrument: is no instrument that is known"),
        (', "10harm"', "", "sites/hospital.toml.form[1].items: are not the 10 of this instrument, in their order"),
        ('"2happiness"', '"1humor"', "sites/hospital.toml.form[1].items: 1humor stands for two things in this form"),
        ('total = "score"', 'sum = "score"', "sites/hospital.toml.form[1].sum: is not a known key"),
    ],
)
def test_a_form_that_does_not_fit_its_instrument_is_refused(folder: Path, old: str, new: str, problem: str) -> None:
    assert EPDS_FORM.count(old) == 1
    assert problem in problems_of(with_forms(folder, EPDS_FORM.replace(old, new)))


def test_no_wording_of_an_instrument_is_held() -> None:
    for path in own_folder().glob("instruments/*.toml"):
        content = path.read_text("utf-8")
        assert not re.search(r"I have|myself|display|wording =", content), path.name


def test_the_same_content_has_the_same_version_and_any_change_another(folder: Path) -> None:
    assert load(folder).version == RULES.version
    edit(folder, "texts.toml", "Placed elsewhere.", "Placed with others.")
    edited = load(folder).version
    (folder / "instruments/phq9.toml").rename(folder / "instruments/other.toml")
    assert len({RULES.version, edited, load(folder).version}) == 3


def test_a_site_with_a_file_of_its_own_differs_only_where_it_says_so(folder: Path) -> None:
    (folder / "sites/riverside.toml").write_text(
        'organisation = "hospital-1"\n[approval]\nby = "Dr. A. Lead"\non = 2026-10-01\n'
        '[priority]\nunknown = "routine"\n'
        '[proceed_with_alert]\nby = "Dr. A. Lead"\non = 2026-10-01\n'
        '[cut_off.epds.antenatal]\npositive_at = 11\nsource = "local validation"\n',
        "utf-8",
    )
    rules = load(folder)
    site, default = rules.policy("hospital-1"), rules.policy("hospital-2")
    assert default == RULES.policy("hospital-2")
    assert site.approval == Approval("Dr. A. Lead", date(2026, 10, 1)) == site.proceed_with_alert
    assert (site.unknown_priority, site.unscorable_priority) == (Priority.ROUTINE, Priority.URGENT)
    assert site.cut_offs == {"epds": {Stage.ANTENATAL: CutOff(11, None, "local validation")}}
    assert site.waits_for_items_seconds == default.waits_for_items_seconds
    assert site.digest != default.digest


def test_a_site_of_its_own_needs_its_own_approval(folder: Path) -> None:
    (folder / "sites/riverside.toml").write_text('organisation = "hospital-1"\n', "utf-8")
    assert problems_of(folder) == ["sites/riverside.toml.approval: is missing"] + [
        f"sites/riverside.toml.approval.{key}: is missing" for key in ("by", "on")
    ]


def test_one_organisation_has_one_file(folder: Path) -> None:
    own = 'organisation = "hospital-1"\n[approval]\nby = "A"\non = 2026-10-01\n'
    for name in ("a.toml", "b.toml"):
        (folder / "sites" / name).write_text(own, "utf-8")
    assert problems_of(folder) == ["sites/b.toml.organisation: has two files"]


def test_by_default_nobody_has_approved_the_less_cautious_choices() -> None:
    policy = RULES.policy("any hospital")
    assert policy.proceed_with_alert is None
    assert policy.as_recorded_safe_contact is None
    assert policy.unknown_priority is policy.unscorable_priority is Priority.URGENT


def test_every_alert_has_words_and_an_unknown_code_has_the_general_ones() -> None:
    assert set(AlertCode) <= set(RULES.alert_texts)
    assert set(Concern) - {Concern.OTHER} <= set(RULES.concern_texts)
    assert RULES.concern_text(Concern.OTHER) == RULES.concern_texts[OTHERWISE]
    assert RULES.alert_text("a code of next year") == RULES.alert_texts[OTHERWISE]


def test_words_that_may_stand_beside_a_pause_do_not_say_that_nothing_is_paused() -> None:
    """An identity-conflict about the same message pauses contact."""
    words = RULES.alert_text("unnamed-event")
    assert "Unless another alert of this moment says that contact is on hold, nothing is paused" in words
    assert "on hold" in RULES.alert_text("identity-conflict")


NOTES = RULES.note_texts
SAID_IN_NOTES = [
    *NOTES.by_kind.values(),
    *NOTES.unasked.values(),
    NOTES.contacts,
    *NOTES.endings.values(),
]
PLAIN = [re.sub(r"\{[a-z-]+\}", "X", text) for text in SAID_IN_NOTES]


@pytest.mark.parametrize("text", sorted({*RULES.alert_texts.values(), *RULES.status_reasons.values(), *PLAIN}))
def test_every_text_is_neutral(text: str) -> None:
    assert not re.search(
        r"\d|[{}%]|score|depress|perinatal|postnatal|antenatal|mental|suicid|self-harm|baby|pregnan|mum|mother|violence",
        text,
        re.IGNORECASE,
    )


def test_a_programme_cannot_tell_from_the_words_what_happened_to_her() -> None:
    said = RULES.status_reason
    closed = {ReferralTrigger.WOMAN_DIED, ReferralTrigger.CLOSED_BY_CLINICIAN, ReferralTrigger.SELF_HARM_PRESENT}
    paused = {
        ReferralTrigger.SAFETY_EVENT,
        ReferralTrigger.IDENTITY_CONFLICT,
        ReferralTrigger.HELD_BY_CLINICIAN,
        ReferralTrigger.NO_LONGER_POSITIVE,
    }
    assert (
        len(
            {
                said(trigger)
                for trigger in closed | {ReferralTrigger.SELF_HARM_UNKNOWN, ReferralTrigger.RISK_NOT_REVIEWED}
            }
        )
        == 1
    )
    assert len({said(trigger) for trigger in paused}) == 1


def test_the_example_programme_reads_with_nobody_in_it_and_matched_without_regard_to_case() -> None:
    programme = read_programme(own_folder() / "programmes/example.toml", "p1", RULES)
    assert (programme.id, programme.places_taken) == ("p1", 0)
    assert programme.districts == {"riverside", "northfield"}
    assert programme.stages == {Stage.ANTENATAL, Stage.POSTNATAL}


def test_a_programme_without_its_own_time_to_answer_has_the_default(folder: Path) -> None:
    edit(folder, "programmes/example.toml", "respond_within_hours = 48\n", "")
    programme = read_programme(folder / "programmes/example.toml", "p1", RULES)
    assert programme.respond_within_hours == RULES.policy("any hospital").respond_within_hours


def test_a_programme_file_with_problems_is_refused_with_all_of_them(folder: Path) -> None:
    edit(folder, "programmes/example.toml", "places = 20", 'places = "many"\ncolour = "blue"')
    with pytest.raises(InvalidMappings) as refused:
        read_programme(folder / "programmes/example.toml", "p1", RULES)
    assert refused.value.problems == [
        "example.toml.places: is not a whole number",
        "example.toml.colour: is not a known key",
    ]


APPROVALS = ("proceed_with_alert", "as_recorded_safe_contact", "answer_link")


@pytest.mark.parametrize("key", APPROVALS)
def test_what_was_approved_for_everybody_else_holds_for_no_site_with_a_file_of_its_own(folder: Path, key: str) -> None:
    with (folder / "sites" / "default.toml").open("a", encoding="utf-8") as file:
        file.write(f'\n[{key}]\nby = "Somebody"\non = 2026-11-22\n' + ("hours = 24\n" if key == "answer_link" else ""))
    own = 'organisation = "own"\n\n[approval]\nby = "Somebody else"\non = 2026-11-23\n'
    (folder / "sites" / "own.toml").write_text(own, "utf-8")
    policies = load(folder).policies
    assert getattr(policies["default"], key)
    assert not getattr(policies["own"], key)
