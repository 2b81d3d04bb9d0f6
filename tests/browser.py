"""A page in headless Chromium, judged by axe. `make browser` runs what is marked so; without a browser that fails, and
says so.

Playwright drives a Chromium of the machine (Debian: package chromium), or its own where it has one.
"""

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 320, "height": 640}
WITHIN_MS = 10_000


# Until it is closed an event loop of its own runs in this thread, beside which no other test could run one.
@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    # Only tests marked `browser` need it, and only `make browser` installs it.
    from playwright.sync_api import sync_playwright

    names = ("chromium", "chromium-browser", "google-chrome")
    found = next((path for path in map(shutil.which, names) if path), None)
    # Chromium refuses its sandbox to root, as in a container; what it opens here is our own page alone.
    arguments = ["--no-sandbox"] if os.name == "posix" and os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=arguments)
        yield opened
        opened.close()


@pytest.fixture
def said() -> list[str]:
    """What the browser complained of."""
    return []


@pytest.fixture
def opened(browser: Any, said: list[str]) -> Iterator[Any]:
    """Open a new page with these settings of the browser."""
    contexts = []

    def new(**settings: object) -> Any:
        contexts.append(browser.new_context(**settings))
        page = contexts[-1].new_page()
        page.set_default_timeout(WITHIN_MS)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        return page

    yield new
    for context in contexts:
        context.close()


def violations(page: Any) -> dict[str, list[str]]:
    """By rule, the elements that break it."""
    from axe_playwright_python.sync_playwright import Axe

    judged = Axe().run(page).response
    return {each["id"]: [str(node["html"]) for node in each["nodes"]] for each in judged["violations"]}
