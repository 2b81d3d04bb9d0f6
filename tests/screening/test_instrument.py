import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from service.mappings import load, own_folder
from service.screening.decide import rule_version
from service.screening.instrument import CutOff, Stage, cut_off, stage_at

RULES = load()
EPDS = RULES.instruments["epds"]
POLICY = RULES.policy("any hospital")
DUE = date(2026, 6, 1)


def test_the_unknown_stage_uses_the_lower_of_both_cut_offs() -> None:
    known = [cut_off(EPDS, stage, POLICY).positive_at for stage in (Stage.ANTENATAL, Stage.POSTNATAL)]
    assert known[0] != known[1]
    assert cut_off(EPDS, Stage.UNKNOWN, POLICY).positive_at == min(known)


def test_the_unknown_stage_repeats_from_the_lower_of_both_bands() -> None:
    cut_offs = {Stage.ANTENATAL: CutOff(12, 6, "one"), Stage.POSTNATAL: CutOff(10, 8, "other")}
    assert cut_off(replace(EPDS, cut_offs=cut_offs), Stage.UNKNOWN, POLICY) == CutOff(10, 6, "one; other")


def test_a_sites_own_cut_off_holds_for_its_stage_and_leaves_the_other_alone() -> None:
    site = replace(POLICY, cut_offs={"epds": {Stage.ANTENATAL: CutOff(8, 6, "local validation")}})
    assert cut_off(EPDS, Stage.ANTENATAL, site) == CutOff(8, 6, "local validation")
    assert cut_off(EPDS, Stage.POSTNATAL, site) == EPDS.cut_offs[Stage.POSTNATAL]
    unknown = cut_off(EPDS, Stage.UNKNOWN, site)
    assert (unknown.positive_at, unknown.repeat_at) == (8, 6)


@pytest.mark.parametrize(
    ("days_from_due", "stage"),
    [
        (-200, Stage.ANTENATAL),
        (0, Stage.ANTENATAL),
        (1, Stage.UNKNOWN),
        (14, Stage.UNKNOWN),
        (15, Stage.POSTNATAL),
        (300, Stage.POSTNATAL),
    ],
)
def test_the_stage_follows_from_the_due_date_and_is_uncertain_just_after_it(days_from_due: int, stage: Stage) -> None:
    effective = datetime(2026, 6, 1, 10, tzinfo=UTC) + timedelta(days=days_from_due)
    assert stage_at(effective, DUE, POLICY) is stage


@pytest.mark.parametrize(
    ("zone", "effective", "stage"),
    [
        ("Pacific/Auckland", "2026-06-01T11:30+00:00", Stage.ANTENATAL),
        ("Pacific/Auckland", "2026-06-01T12:30+00:00", Stage.UNKNOWN),  # 00:30 on the next day
        ("America/New_York", "2026-06-02T03:30+00:00", Stage.ANTENATAL),  # 23:30 on the due date
        ("America/New_York", "2026-06-02T04:30+00:00", Stage.UNKNOWN),
    ],
)
def test_the_day_of_a_screening_is_that_of_the_site_s_clocks(zone: str, effective: str, stage: Stage) -> None:
    policy = replace(POLICY, zone=ZoneInfo(zone))
    assert stage_at(datetime.fromisoformat(effective), DUE, policy) is stage


def test_without_a_due_date_the_stage_is_unknown() -> None:
    assert stage_at(datetime(2026, 6, 1, tzinfo=UTC), None, POLICY) is Stage.UNKNOWN


@pytest.mark.parametrize("seed", ["1", "2"])
def test_the_rule_version_is_the_same_in_every_process(seed: str) -> None:
    program = (
        "from service.mappings import load, own_folder; from service.screening.decide import rule_version\n"
        "rules = load(); print(rule_version(rules.instruments['epds'], rules.policy('another hospital')))"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONHASHSEED": seed},
        cwd=own_folder().parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert printed.stdout.strip() == rule_version(EPDS, POLICY)


def test_any_change_of_the_instrument_or_the_policy_changes_the_rule_version() -> None:
    changed_item = replace(EPDS.items[9], least_harm_answer=2)
    versions = {
        rule_version(EPDS, POLICY),
        rule_version(replace(EPDS, items=(*EPDS.items[:9], changed_item)), POLICY),
        rule_version(replace(EPDS, cut_offs={**EPDS.cut_offs, Stage.POSTNATAL: CutOff(11, None, "x")}), POLICY),
        rule_version(EPDS, replace(POLICY, waits_for_items_seconds=1)),
        rule_version(EPDS, replace(POLICY, cut_offs={"epds": {Stage.POSTNATAL: CutOff(11, None, "x")}})),
        rule_version(RULES.instruments["phq9"], POLICY),
    }
    assert len(versions) == 6
