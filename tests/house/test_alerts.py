"""docs/alerts.md lists every alert there is, and what the tables say of it."""

import re
from pathlib import Path

import pytest

from service.referrals.alert import ALERT_KINDS, AlertCode
from service.referrals.review import ENDS, GROUPED, HELD

ROW = re.compile(r"^\| `([a-z-]+)` \| `([a-z-]+)` \| ([^|]+) \| [^|]+ \| ([^|]+) \|$", re.MULTILINE)


@pytest.fixture(scope="module")
def page(project: Path) -> str:
    return (project / "docs" / "alerts.md").read_text(encoding="utf-8")


def test_every_alert_has_its_row_with_its_task_and_priority(page: str) -> None:
    rows = {code: (task, priority) for code, task, priority, _ in ROW.findall(page)}
    assert list(rows) == [code.value for code in AlertCode]
    for code, kind in ALERT_KINDS.items():
        task, priority = rows[code.value]
        assert task == kind.task
        assert priority.startswith(kind.priority or "as the site says"), code
        assert priority.endswith(", worklist") is not kind.announced, code


def test_only_what_was_held_is_said_to_be_released_and_what_ends_a_referral_is_named(page: str) -> None:
    told = {code: words for code, _, _, words in ROW.findall(page)}
    says_so = re.compile(r"`suitable` (places|resumes)|[Aa]s (above|`)")
    released = {code for code, words in told.items() if says_so.search(words)}
    assert released == {code.value for code in GROUPED}
    assert all(f"`{code}`" in page.partition("| `reasonCode`")[0] for code in (*HELD, *ENDS))
