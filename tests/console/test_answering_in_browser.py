"""The page behind an answer link in headless Chromium, judged by axe: its form, and each of its answers."""

import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import uvicorn

from service.console import answering
from tests.browser import NARROW, WIDE, violations
from tests.console.support import GOOD, Desk

pytestmark = pytest.mark.browser

VIEWS = pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])


@pytest.fixture
def address(desk: Desk) -> Iterator[str]:
    """Where a browser finds the page of the desk's link."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(desk.application, log_level="warning", lifespan="off", ws="none")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}{desk.address}"
        server.should_exit = True
        thread.join()


def fill_in(page: Any) -> None:
    page.get_by_label("Your name").fill(GOOD["name"])
    page.get_by_label("Your role").fill(GOOD["role"])
    page.get_by_label("Reviewed: peer support is suitable").check()


def send(page: Any) -> Any:
    """The answer to the form as it is sent."""
    with page.expect_navigation() as navigation:
        page.get_by_role("button", name="Send").click()
    return navigation.value


def assert_good(page: Any, viewport: dict[str, int], heading: str) -> None:
    assert page.get_by_role("heading", level=1).inner_text() == heading
    assert page.title() == heading
    assert violations(page) == {}
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]


@VIEWS
def test_axe_finds_nothing_wrong_with_the_form_and_what_it_is_answered(
    opened: Any, said: list[str], address: str, viewport: dict[str, int]
) -> None:
    page = opened(viewport=viewport)
    page.goto(address)
    assert_good(page, viewport, "An alert waits for an answer")
    fill_in(page)
    assert_good(page, viewport, "An alert waits for an answer")
    assert send(page).status == 200
    assert_good(page, viewport, "Thank you")
    assert said == []
    assert page.goto(address).status == 410
    assert_good(page, viewport, "This alert waits for no answer here")


@VIEWS
def test_axe_finds_nothing_wrong_with_a_form_that_comes_again(
    opened: Any, address: str, viewport: dict[str, int]
) -> None:
    page = opened(viewport=viewport)
    page.goto(address)
    fill_in(page)
    page.get_by_label("Your name").evaluate("each => each.removeAttribute('maxlength')")
    page.get_by_label("Your name").fill("M. Test " * 100)
    assert send(page).status == 422
    assert "at most" in page.get_by_role("alert").inner_text()
    assert_good(page, viewport, "An alert waits for an answer")
    assert page.get_by_label("Your role").input_value() == GOOD["role"]


@VIEWS
def test_axe_finds_nothing_wrong_with_what_a_link_says_when_it_takes_no_answer(
    opened: Any, desk: Desk, address: str, viewport: dict[str, int]
) -> None:
    page = opened(viewport=viewport)
    assert page.goto(f"{address}x").status == 404
    assert_good(page, viewport, "This link is not known")
    page.goto(address)
    fill_in(page)
    desk.send_a_newer_result()
    assert send(page).status == 409
    assert_good(page, viewport, "Not taken")
    desk.service.pass_time(timedelta(hours=2))
    assert page.goto(address).status == 410
    assert_good(page, viewport, "This link is over")
    assert any(page.goto(address).status == 429 for _ in range(2 * answering.PER_MINUTE + 1))  # in two minutes at most
    assert_good(page, viewport, "Please wait")


def test_the_form_is_filled_in_and_sent_by_keyboard_alone(opened: Any, desk: Desk, address: str) -> None:
    page = opened(viewport=WIDE)
    page.goto(address)
    for said in (GOOD["name"], GOOD["role"]):
        page.keyboard.press("Tab")
        page.keyboard.type(said)
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert page.title() == "Thank you"
    assert desk.alert["reviewed_by"] == GOOD["name"]
