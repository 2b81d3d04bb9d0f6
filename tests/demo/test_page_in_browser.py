"""The live page in headless Chromium, judged by axe."""

from typing import Any

import pytest

from service.demo.page.serve import live_page
from service.demo.step import Telling
from tests.browser import NARROW, WIDE, violations
from tests.demo.support import ENDING, STEPS, STORY, WHOLE

pytestmark = pytest.mark.browser

DOCS = "http://127.0.0.1:1/docs"
VIEWS = [("light", WIDE), ("dark", WIDE), ("light", NARROW), ("dark", NARROW)]


@pytest.mark.parametrize(("scheme", "viewport"), VIEWS, ids=["light", "dark", "light-narrow", "dark-narrow"])
def test_axe_finds_nothing_wrong_and_nothing_is_cut_off(
    opened: Any, said: list[str], scheme: str, viewport: dict[str, int]
) -> None:
    with live_page(Telling(told=list(WHOLE)), DOCS) as address:
        page = opened(color_scheme=scheme, viewport=viewport)
        page.goto(address)
        assert violations(page) == {}
        for summary in page.locator("summary").all():
            if summary.is_visible():
                summary.click()
        for summary in page.locator(".raw:not([open]) > summary").all():
            summary.click()
        assert page.locator("details:not([open])").count() == 0
        assert violations(page) == {}
        assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
        assert said == []


def test_axe_finds_what_is_wrong(opened: Any) -> None:
    page = opened()
    page.set_content("<p style='color:#aaa;background:#fff'>pale</p><img src=''>")
    assert {"color-contrast", "image-alt", "html-has-lang"} <= violations(page).keys()


def test_new_steps_appear_by_themselves_and_are_said(opened: Any, said: list[str]) -> None:
    telling = Telling()
    with live_page(telling, DOCS) as address:
        page = opened()
        page.goto(address)
        assert page.locator(".step").count() == 0
        telling.tell(STORY)
        telling.tell(STEPS[0])
        page.wait_for_selector(f"text={STEPS[0].meaning}")
        assert page.get_by_role("status").inner_text() == f"Story 1, step 1: {STEPS[0].title}"
        for told in (*STEPS[1:], ENDING):
            telling.tell(told)
        page.wait_for_selector(".ending")
        assert page.locator(".step").count() == len(STEPS)
        assert violations(page) == {}
        followed = page.locator("#stories").inner_text()
        page.goto(address)
        assert page.locator("#stories").inner_text() == followed
        assert said == []


def test_without_script_the_link_shows_what_is_new(opened: Any) -> None:
    telling = Telling()
    with live_page(telling, DOCS) as address:
        page = opened(java_script_enabled=False)
        page.goto(address)
        telling.tell(STORY)
        telling.tell(STEPS[0])
        page.get_by_role("link", name="Refresh").click()
        assert page.locator(".step").count() == 1


def test_the_bytes_open_by_keyboard(opened: Any) -> None:
    with live_page(Telling(told=list(WHOLE)), DOCS) as address:
        page = opened(viewport=WIDE)
        page.goto(address)
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the stories"
        for _ in range(10):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.tagName") == "SUMMARY":
                break
        assert not page.get_by_text("As it was on the wire").first.is_visible()
        page.keyboard.press("Enter")
        assert page.get_by_text("As it was on the wire").first.is_visible()
