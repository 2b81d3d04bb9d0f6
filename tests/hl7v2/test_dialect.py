"""What a hospital has decided about HL7 v2, as mappings/ says it, and what of it is refused."""

import re
import shutil
import tomllib
from datetime import UTC
from pathlib import Path

import pytest

from service.mappings import load, load_dialects, own_folder
from service.shared.errors import InvalidMappings

GOLDEN = Path(__file__).parents[1] / "golden" / "hl7v2"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copied = Path(shutil.copytree(own_folder(), tmp_path / "mappings"))
    shutil.copy(GOLDEN / "site.toml", copied / "sites" / "hospital.toml")
    return copied


def test_a_hospital_says_only_what_differs(folder: Path) -> None:
    dialects = load_dialects(load(folder), folder)
    default, own = dialects["default"], dialects["hospital"]
    assert (str(default.zone), str(own.zone)) == (str(UTC), "Europe/Amsterdam")
    assert own.coding_systems == default.coding_systems
    assert own.languages == {**default.languages, "nederlands": "nl"}
    assert (default.forms, default.authorities) == ({}, {})


def test_a_site_without_anything_about_v2_has_the_default_and_its_own_clocks(folder: Path) -> None:
    site = folder / "sites" / "hospital.toml"
    site.write_text(site.read_text("utf-8").partition("[hl7v2]")[0], "utf-8")
    dialects = load_dialects(load(folder), folder)
    default, own = dialects["default"], dialects["hospital"]
    assert (str(default.zone), str(own.zone)) == (str(UTC), "Europe/Amsterdam")
    assert (own.authorities, own.not_hers) == (default.authorities, default.not_hers)


def test_the_rest_of_a_site_s_file_is_read_beside_it(folder: Path) -> None:
    assert load(folder).policies.keys() == {"default", "hospital"}


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('zone = "Europe/Amsterdam"', 'zone = "Amsterdam"', "hospital.toml.zone: is no time zone"),
        ('zone = "Europe/Amsterdam"', "zone = 1", "hospital.toml.zone: is not text"),
        ('zone = "Europe/Amsterdam"', 'zones = "UTC"', "hospital.toml.zones: is not a known key"),
        ("[hl7v2]", '[hl7v2]\nzone = "Europe/Amsterdam"', "hl7v2.zone: goes to the top of the site's file"),
        ("[hl7v2]", "[hl7v2]\ndistrict = 0", "hl7v2.district: is below 1"),
        ('"https://hospital.example/mrn"', '"mrn"', "authority[1].system: is not an absolute URI"),
        ('"https://hospital.example/roqua"', '"roqua"', "hl7v2.default_authority: is not an absolute URI"),
        (
            "[hl7v2.language]",
            '[hl7v2.coding_system]\nlN = "urn:x"\n[hl7v2.language]',
            "coding_system.lN: stands for two",
        ),
        ('["MATERN"]', '["MATERN", "MATERN"]', "authority[1].names: MATERN stands for two systems"),
        ('instrument = "epds"', 'instrument = "mansa"', "form[1].instrument: is no instrument that is known"),
        ('"epds_9", "epds_10"]', '"epds_9"]', "form[1].items: are not the 10 of this instrument"),
        ('"epds_9", "epds_10"]', '"epds_9", "epds_9"]', "form[1].items: epds_9 stands for two things"),
        ("items = [1, 2, 4]", "items = [1, 2, 11]", "answer[1].items: 11 is no item of this instrument"),
        ("items = [1, 2, 4]", 'items = ["1"]', "answer[1].items: is not a list of whole numbers"),
        ("items = [1, 2, 4]", "items = [1, 2, 4, 5]", "answer[2].scores.A1: stands for two answers to item 5"),
        ("A4 = 3 }", "A4 = 4 }", "answer[1].scores.A4: is no score of item 1"),
        ("A4 = 3 }", 'A4 = "3" }', "answer[1].scores.A4: is not a whole number"),
        ('"safety-event"', '"sadness"', "context[1].means: is none of estimated-due-date, safety-event"),
        ('"nl"', '"dutch!"', "language.Nederlands: is no language tag"),
        ('code = "EPDSBY"', "", "respondent.code: is missing"),
        ('"baby-in-care"', '"sadness"', "event[2].means: is none of birth, pregnancy-loss"),
        ('"baby-in-care"', '"announced"', "event[2].means: is no event of its own"),
        ('segment = "DG1"', 'segment = "diagnosis"', "event[1].segment: is no name of a segment"),
        ('"O03*"]', '"*"]', "event[1].codes: has one that means every code"),
        ("field = 3", "", "event[1].field: is missing"),
        ('"REFCONSENT"', '"PEERSUP"', "consent[2].codes: PEERSUP stands for two consents"),
        ('"REFCONSENT"', '"PeerSup"', "consent[2].codes: PeerSup stands for two consents"),
        ("asked = true", 'asked = true\norganisation = "x"', "consent[2].asked: is true, and an organisation is named"),
        ('no = ["N"]', 'no = ["Y"]', "consent[1].no: has a value that is a yes too"),
        ('days = 90\nyes = ["Y"]', "days = 90", "consent[1].yes: is missing"),
        ('yes = ["Y"]\nno = ["N"]', 'yes = ["Y"]', "consent[1].no: is missing"),
        ('yes = ["Y"]\nno = ["N"]', 'yes = ["Y"]\nno = []', "consent[1].no: is empty"),
        ("days = 90", "days = 0", "consent[1].days: is below 1"),
        ('"SAFEVM"', '"SAFETEL"', "consent_detail[2].codes: SAFETEL stands for two things"),
        ('means = "voice"', 'means = "pigeon"', "consent_detail[1].means: is none of report-back"),
        ('["PS-NORTH"]', '["PS-NORTH", "PS-NORTH"]', "programme[1].codes: PS-NORTH stands for two organisations"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_loaded(folder: Path, old: str, new: str, problem: str) -> None:
    site = folder / "sites" / "hospital.toml"
    text = site.read_text("utf-8")
    assert old in text
    site.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(InvalidMappings, match=re.escape(problem)):
        load_dialects(load(folder), folder)


def test_what_is_no_table_is_refused(folder: Path) -> None:
    site = folder / "sites" / "hospital.toml"
    site.write_text('hl7v2 = "yes"\n' + site.read_text("utf-8").partition("[hl7v2]")[0], "utf-8")
    with pytest.raises(InvalidMappings, match=r"hospital\.toml\.hl7v2: is not a table"):
        load_dialects(load(folder), folder)


def test_every_key_of_the_default_is_explained_at_its_top() -> None:
    text = (own_folder() / "hl7v2" / "default.toml").read_text("utf-8")
    explained = "".join(line for line in text.splitlines(keepends=True) if line.startswith("#"))
    for key in tomllib.loads(text):
        assert re.search(rf"^# \[*{key}\b", explained, re.MULTILINE), key
