import re
import shutil
from pathlib import Path

import pytest

from service.mappings import load, own_folder
from service.shared.code import Code
from service.shared.errors import InvalidMappings

EPDS, PHQ9, SITE, CONSENT, CONTEXT, TEXTS, UNVERIFIED = (
    "instruments/epds.toml",
    "instruments/phq9.toml",
    "sites/default.toml",
    "consent.toml",
    "context.toml",
    "texts.toml",
    "unverified.toml",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(own_folder(), tmp_path / "mappings"))


def edit(folder: Path, file: str, old: str, new: str) -> None:
    """Change the first `old` that stands below the explanation at the top of the file."""
    path = folder / file
    top, content = re.split(r"\n(?=[^#\n])", path.read_text("utf-8"), maxsplit=1)
    assert old in content, f"{file} has no {old!r} to change"
    path.write_text(f"{top}\n{content.replace(old, new, 1)}", "utf-8")


def problems_of(folder: Path) -> list[str]:
    with pytest.raises(InvalidMappings) as refused:
        load(folder)
    return refused.value.problems


ACCEPTED_FOR_NOTHING = """[[accepted]]
system = "http://loinc.org"
code = "55758-7"
reason = "x"
by = "x"
on = 2026-11-22

[[accepted]]
system"""

REFUSALS = [
    (TEXTS, "harm-to-baby = ", "harm-to-babies = ", "texts.toml.concern.harm-to-babies: is no code that there is"),
    (EPDS, 'id = "epds"', 'id = ""', "epds.toml.id: is empty"),
    (EPDS, 'id = "epds"\n', "", "epds.toml.id: is missing"),
    (EPDS, 'id = "epds"', 'id = "phq9"', "phq9.toml.id: is used twice"),
    (EPDS, 'id = "epds"', "id = epds", "epds.toml: cannot be read as TOML"),
    (EPDS, "highest = 30", 'highest = "30"', "epds.toml.highest: is not a whole number"),
    (EPDS, "highest = 30", "highest = true", "epds.toml.highest: is not a whole number"),
    (EPDS, "highest = 30", "highest = 27", "epds.toml.highest: the items' ranges do not add up"),
    (EPDS, "highest = 30", "highest = 30\nmaximum = 30", "epds.toml.maximum: is not a known key"),
    (EPDS, 'by = "Peer', 'by = ""\nnote = "Peer', "epds.toml.approval.by: is empty"),
    (EPDS, "on = 2026-11-22", "", "epds.toml.approval.on: is missing"),
    (EPDS, "on = 2026-11-22", 'on = "yesterday"', "epds.toml.approval.on: is not a date"),
    (EPDS, "on = 2026-11-22", "on = 2026-11-22T10:00:00Z", "epds.toml.approval.on: is not a date"),
    (
        EPDS,
        '[[total_code]]\nsystem = "http://loinc.org"\ncode = "99046-5"',
        '[[total_code]]\nsystem = "http://loinc.org"\ncode = "99046-6"',
        "http://loinc.org|99046-6 has a wrong check digit",
    ),
    (EPDS, '"450320001"', '"450320010"', "http://snomed.info/sct|450320010 has a wrong check digit"),
    (EPDS, '"71354-5"', '"44261-6"', "http://loinc.org|44261-6 is claimed twice, first by epds"),
    (EPDS, 'code = "2"', 'code = "1"', "epds-item|1 is claimed twice, first by epds"),
    (EPDS, 'status = "verified"', 'status = "probably"', "status: is neither verified nor unverified"),
    (
        EPDS,
        'status = "verified"',
        'status = "unverified"',
        "450320001 is unverified and unverified.toml does not accept",
    ),
    (EPDS, 'source = "hl7dk', 'source = ""\nseen = "hl7dk', "epds.toml.total_code[2].source: is empty"),
    (EPDS, 'system = "http://snomed.info/sct"', 'system = "SNOMED"', "total_code[2].system: is not an absolute URI"),
    (EPDS, "positive_at = 13", "positive_at = 31", "cut_off.antenatal.positive_at: is outside the instrument's range"),
    (EPDS, "positive_at = 13", "positive_at = 0", "cut_off.antenatal.positive_at: is outside the instrument's range"),
    (EPDS, "positive_at = 13", "positive_at = -1", "cut_off.antenatal.positive_at: is below 0"),
    (EPDS, "repeat_at = 10", "repeat_at = 13", "cut_off.antenatal.repeat_at: is not between"),
    (EPDS, "repeat_at = 10", "repeat_at = 0", "cut_off.antenatal.repeat_at: is not between"),
    (EPDS, "[cut_off.postnatal]", "[cut_off.later]", "epds.toml.cut_off.postnatal: is missing"),
    (EPDS, "[cut_off.postnatal]", "[cut_off.later]", "epds.toml.cut_off.later: is not a known key"),
    (EPDS, "least_harm_answer = 1", "least_harm_answer = 0", "item[10].least_harm_answer: is outside answer_range"),
    (EPDS, "least_harm_answer = 1", "least_harm_answer = 4", "item[10].least_harm_answer: is outside answer_range"),
    (EPDS, "number = 3", "number = 4", "item[3].number: is not 3"),
    (EPDS, "lowest = 0\nhighest = 3\n", "lowest = 3\nhighest = 3\n", "answer_range.highest: is not above lowest"),
    (PHQ9, "score = 3", "score = 4", "phq9.toml.answer_code: a score is outside answer_range"),
    (SITE, 'by = "Peer', 'by = " "\nnote = "Peer', "default.toml.approval.by: is empty"),
    (SITE, 'unknown = "urgent"', 'unknown = "soon"', "default.toml.priority.unknown: is none of routine, urgent"),
    (SITE, "items_seconds = 300", "items_seconds = -1", "default.toml.waiting.items_seconds: is below 0"),
    (SITE, "items_seconds = 300", "item_seconds = 300", "default.toml.waiting.item_seconds: is not a known key"),
    (
        SITE,
        '"Task", ',
        '"Flag", ',
        "default.toml.record: is none of Communication, AlertTask, ServiceRequest, Task, Doc",
    ),
    (
        SITE,
        'record = ["Communication", "AlertTask", ',
        "record = [",
        "default.toml.record: names nothing that carries alerts",
    ),
    (SITE, "record = [", "record = []\nrecords = [", "default.toml.record: names nothing that carries alerts"),
    (SITE, "record = [", "records = [", "default.toml.record: is missing"),
    (SITE, "urgent_minutes = 15", "urgent_minutes = 0", "default.toml.acknowledge.urgent_minutes: is below 1"),
    (
        SITE,
        "[acknowledge]",
        "[proceed_with_alert]\non = 2026-11-22\n\n[acknowledge]",
        "default.toml.proceed_with_alert.by: is missing",
    ),
    (
        SITE,
        "[acknowledge]",
        '[as_recorded_safe_contact]\nby = "A. Lead"\n\n[acknowledge]',
        "default.toml.as_recorded_safe_contact.on: is missing",
    ),
    (
        SITE,
        "[acknowledge]",
        '[cut_off.epds.postnatal]\npositive_at = 40\nsource = "x"\n\n[acknowledge]',
        "default.toml.cut_off.epds.postnatal.positive_at: is outside",
    ),
    (
        SITE,
        "[acknowledge]",
        "[cut_off.epds.postnatal]\npositive_at = 9\n\n[acknowledge]",
        "default.toml.cut_off.epds.postnatal.source: is missing",
    ),
    (
        SITE,
        "[acknowledge]",
        '[cut_off.gad7.postnatal]\npositive_at = 9\nsource = "x"\n\n[acknowledge]',
        "default.toml.cut_off.gad7: is no instrument that is known",
    ),
    (CONSENT, "[[purpose]]", "[[reason]]", "consent.toml.reason: is not a known key"),
    (CONSENT, "longest_days = 365", "longest_days = 0", "consent.toml.longest_days: is below 1"),
    (
        CONSENT,
        'meanings = ["authoredby"]',
        "meanings = [1]",
        "consent.toml.report_back.meanings: is not a list of texts",
    ),
    (CONTEXT, '"11779-6"', '"11778-8"', "http://loinc.org|11778-8 is claimed twice"),
    (CONTEXT, '"11779-6"', '"44261-6"', "http://loinc.org|44261-6 is claimed twice"),
    (CONTEXT, 'means = "estimated-due-date"', 'means = "parity"', "code[1].means: is none of estimated-due-date"),
    (
        TEXTS,
        '[alert]\nself-harm-present = "A',
        '[alert]\nself-harm-present = "The EPDS is positive. A',
        "texts.toml.alert.self-harm-present: names an instrument",
    ),
    (TEXTS, "told = ", "heard = ", "texts.toml.escalation.told: is missing"),
    (TEXTS, "told = ", "heard = ", "texts.toml.escalation.heard: is not a known key"),
    (TEXTS, "{telephone}", "{name}", "texts.toml.escalation.heading: does not name each of"),
    (TEXTS, "{telephone}", "{programme}", "texts.toml.escalation.heading: does not name each of"),
    (TEXTS, "{telephone}", "{telephone.x}", "texts.toml.escalation.heading: does not name each of"),
    (TEXTS, "{telephone}", "{telephone", "texts.toml.escalation.heading: does not name each of"),
    (TEXTS, "This is no emergency", "The EPDS is no emergency", "texts.toml.escalation.emergency: names an instrument"),
    (TEXTS, 'otherwise = "The programme', 'other = "The programme', "texts.toml.concern.otherwise: is missing"),
    (TEXTS, 'otherwise = "The peer', 'other = "The peer', "texts.toml.alert.otherwise: is missing"),
    (
        TEXTS,
        "by {respond-by}",
        "by {score}",
        "texts.toml.note.offered: names {score} in braces, where it may name {prog",
    ),
    (TEXTS, "{programme} has accepted", "{programme.id} has", "texts.toml.note.accepted: names {programme.id} in"),
    (TEXTS, "{programme} has accepted", "{programme has", "texts.toml.note.accepted: names {"),
    (
        TEXTS,
        '[note]\nin-review = "A',
        '[note]\nin-review = "{programme}',
        "texts.toml.note.in-review: names {programme} in braces, where it may name nothing",
    ),
    (
        TEXTS,
        "attended: {sessions}",
        "attended: {items}",
        "texts.toml.note_contacts.counted: names {items} in braces, where it may name {att",
    ),
    (TEXTS, "paused-unasked =", "unasked =", "texts.toml.note.paused-unasked: is missing"),
    (TEXTS, "paused-unasked =", "unasked =", "texts.toml.note.unasked: is not a known key"),
    (TEXTS, 'planned = "The', 'planned = "EPDS. The', "texts.toml.note_contacts.planned: names an instrument"),
    (UNVERIFIED, 'reason = "the', 'reason = ""\nnote = "the', "unverified.toml.accepted[1].reason: is empty"),
    (
        UNVERIFIED,
        "[[accepted]]\nsystem",
        ACCEPTED_FOR_NOTHING,
        "55758-7 is accepted, but no file marks it unverified",
    ),
    ("programmes/example.toml", 'model = "one-to-one"', 'model = "chat"', "example.toml.model: is none of one-to-one"),
    (
        "programmes/example.toml",
        'stages = ["antenatal", "postnatal"]',
        'stages = ["unknown"]',
        "example.toml.stages: names neither antenatal nor postnatal",
    ),
    (
        "programmes/example.toml",
        "respond_within_hours = 48",
        "respond_within_hours = 0",
        "example.toml.respond_within_hours: leaves no time",
    ),
]


@pytest.mark.parametrize(("file", "old", "new", "problem"), REFUSALS)
def test_what_is_wrong_is_refused_and_named(folder: Path, file: str, old: str, new: str, problem: str) -> None:
    edit(folder, file, old, new)
    assert any(problem in line for line in problems_of(folder)), problems_of(folder)


def test_an_unverified_code_is_refused_once_nobody_accepts_it(folder: Path) -> None:
    (folder / UNVERIFIED).write_text("", "utf-8")
    (problem,) = problems_of(folder)
    assert problem.startswith("instruments/epds.toml.total_code[1].status: http://loinc.org|99046-5 is unverified")


def test_a_list_of_consent_codes_that_is_left_out_is_refused(folder: Path) -> None:
    content = (folder / CONSENT).read_text("utf-8")
    (folder / CONSENT).write_text(content.replace("[[scope]]", "[[category]]"), "utf-8")
    assert problems_of(folder) == ["consent.toml.scope: is missing"]


def test_an_alert_that_would_be_put_to_nobody_is_refused(folder: Path) -> None:
    path = folder / SITE
    path.write_text(path.read_text("utf-8").replace("[[ladder]]", "[[steps]]"), "utf-8")
    assert "sites/default.toml.ladder: has no rung: an alert would be put to nobody" in problems_of(folder)


@pytest.mark.parametrize("file", [SITE, CONSENT, CONTEXT, TEXTS, UNVERIFIED])
def test_a_file_that_is_not_there_is_named(folder: Path, file: str) -> None:
    (folder / file).unlink()
    assert f"{file}: there is no such file" in problems_of(folder)


def test_a_folder_without_instruments_is_refused(folder: Path) -> None:
    shutil.rmtree(folder / "instruments")
    assert "instruments: there is no instrument" in problems_of(folder)


def test_all_problems_of_all_files_are_listed_at_once(folder: Path) -> None:
    edit(folder, EPDS, "positive_at = 13", "positive_at = 31")
    edit(folder, PHQ9, "score = 3", "score = 4")
    edit(folder, TEXTS, "otherwise = ", "other = ")
    assert len(problems_of(folder)) == 4


LABEL = """[[label]]
system = "https://circle.example/type"
code = "42"
displays = ["Peer support, one to one"]
by = "Somebody"
on = 2026-11-22
"""


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        (LABEL + LABEL, "labels.toml.label[2].code: https://circle.example/type|42 has two rows"),
        (LABEL.replace("by =", "who ="), "labels.toml.label[1].by: is missing"),
        (LABEL.replace("https://", ""), "labels.toml.label[1].system: is not an absolute URI"),
        (
            LABEL.replace('["Peer support, one to one"]', '[""]'),
            "labels.toml.label[1].displays: is not a list of texts",
        ),
    ],
)
def test_a_label_that_nobody_can_have_accepted_is_refused(folder: Path, written: str, problem: str) -> None:
    (folder / "labels.toml").write_text(LABEL, "utf-8")
    assert load(folder).labels == {Code("https://circle.example/type", "42"): {"Peer support, one to one"}}
    (folder / "labels.toml").write_text(written, "utf-8")
    assert problem in problems_of(folder)
