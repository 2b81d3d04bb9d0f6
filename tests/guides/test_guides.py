"""The guides show what happens: each is played from top to bottom against the real service, and nothing differs."""

import asyncio
from pathlib import Path

import pytest

from tests.guides import errors, interface
from tests.guides.play import GUIDES, played


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.stem)
def test_every_request_of_a_guide_is_answered_as_it_shows(guide: Path, tmp_path: Path) -> None:
    page = guide.read_text(encoding="utf-8")
    assert asyncio.run(played(page, tmp_path)).splitlines() == page.splitlines(), "If this is meant: `make guides`."


def test_every_command_and_message_by_which_an_interface_goes_live_is_answered_as_it_shows(tmp_path: Path) -> None:
    page = interface.PAGE.read_text(encoding="utf-8")
    assert interface.played(page, tmp_path).splitlines() == page.splitlines(), "If this is meant: `make guides`."


def test_a_command_whose_answer_the_page_has_wrong_is_put_right(tmp_path: Path) -> None:
    message = "```er7 a.hl7\nMSH|^~\\&|A|B|||20261118||DFT^P03|1|P|2.5\n```\n"
    page = f"{message}```console\n$ peer-referral hl7 check a.hl7\nwell\n```\n"
    assert "(type-unsupported 200 MSH^1^9^1^1)" in interface.played(page, tmp_path)


def test_the_page_of_errors_lists_what_the_service_says() -> None:
    page = errors.PAGE.read_text(encoding="utf-8")
    assert page == errors.written(page), "If this is meant: `make guides`."


def test_an_answer_that_the_guide_has_wrong_is_put_right(tmp_path: Path) -> None:
    page = "```http\nGET /fhir/Patient/x\n```\n```http\nHTTP/1.1 200 OK\n```\n"
    assert "HTTP/1.1 401 Unauthorized" in asyncio.run(played(page, tmp_path))


def test_a_request_whose_answer_nobody_is_shown_must_go_well(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="401"):
        asyncio.run(played("<!--\n```http\nGET /fhir/Patient/x\n```\n-->\n", tmp_path))
