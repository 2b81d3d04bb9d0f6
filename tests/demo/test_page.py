"""The live page: what it shows is escaped and whole, and what is added later is what it would have shown."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from itertools import pairwise

import httpx
import pytest

from service.demo.page.render import SCRIPT, STYLE, addition, page, policy, pretty, text
from service.demo.page.serve import live_page
from service.demo.step import Telling, Told
from tests.demo.support import ER7, SPITEFUL, STORY, WHOLE

DOCS = "http://127.0.0.1:1/docs"
VOID = {"meta", "link"}


class Reader(HTMLParser):
    """What a browser would make of it: which elements there are, and that each is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.ids: list[str] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.ids += [str(value) for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def telling() -> Telling:
    return Telling(told=list(WHOLE))


def test_what_was_on_the_wire_is_text_and_never_markup() -> None:
    shown = Reader(page(telling(), DOCS))
    # Nothing more is told, so there is nothing to follow.
    assert "script" not in shown.elements
    assert any("</pre><script>alert(1)</script> &" in each for each in shown.texts)
    assert any("She wants <support> & says so." in each for each in shown.texts)
    assert "\0" not in page(telling(), DOCS)


def test_a_page_says_who_said_what_to_whom_with_status_time_and_bytes() -> None:
    shown = " ".join(" ".join(Reader(page(telling(), DOCS)).texts).split())
    for told in (
        "Hospital → to Service", "says what she agreed to", "POST /fhir/Consent?a=<b>&c=1", "201", "42 ms",
        "As it was on the wire, 26 bytes", "with its secrets masked", "Second programme", "Hospital's record", "cut",
        'If-Match: W/"1"', "Not found at the programme:", "found instead: requested", "1 of 2, 201 in 42 ms",
        "Her record", "contact-attempts 0", "0 of 1 stories came to their end.", "No body.",
        "Hospital's engine → to Service", "ADT^A04 <M&1>", "AA", "MSA|AA|<M&1>", "␋MSH|^~\\&|MATERNITY", "␜␍",
    ):  # fmt: skip
        assert told in shown, told


def test_a_page_has_a_language_a_title_landmarks_and_headings_in_order() -> None:
    html = page(telling(), DOCS)
    elements = Reader(html).elements
    assert '<html lang="en">' in html
    assert [elements.count(name) for name in ("title", "h1", "main", "header", "footer", "nav")] == [1] * 5 + [2]
    levels = [int(name[1]) for name in elements if re.fullmatch(r"h[1-6]", name)]
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))


def parts_of(told: Told) -> dict[str, str]:
    parts = addition(told)["parts"]
    assert isinstance(parts, dict)
    return parts


def test_what_is_added_later_is_what_the_whole_page_would_have_shown() -> None:
    def squeezed(html: str) -> str:
        return re.sub(r"\s+", "", html)

    whole, identities = squeezed(page(telling(), DOCS)), set(Reader(page(telling(), DOCS)).ids)
    for told in WHOLE[1:]:
        for into, html in parts_of(told).items():
            assert squeezed(html) in whole
            assert into in identities
    assert STORY.title in str(addition(STORY)["say"])
    assert parts_of(STORY).keys() <= identities


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b'{"a":[1.50,"\xc3\xa9"]}', '{\n  "a": [\n    1.5,\n    "é"\n  ]\n}'),
        (b"grant_type=a&scope=b%2Fc+d", "grant_type = a\nscope = b/c d"),
        (ER7, "MSH|^~\\&|MATERNITY|SAMPLE|||20261122||ADT^A04|<M&1>|P|2.5.1\nPID|1||TEST-1||Test^Testine"),
        (b"MSHARED and no message", "MSHARED and no message"),
        (b"<p class=x>Sign in</p>", "<p class=x>Sign in</p>"),
        (b"\xff\x00\r", "�␀␍"),
        (b'"\\ud800"', '"?"'),
        (b"", ""),
    ],
)
def test_bodies_are_made_readable(body: bytes, shown: str) -> None:
    assert pretty(body) == shown


def test_bytes_are_shown_as_they_were() -> None:
    assert text(SPITEFUL) == SPITEFUL.decode()
    assert text(b"a\r\n\x1b[31m") == "a␍\n␛[31m"


def test_the_policy_allows_the_pages_own_style_and_script_and_nothing_else() -> None:
    started = page(Telling(), DOCS)
    for element, content in (("style", STYLE), ("script", SCRIPT)):
        inside = re.search(rf"<{element}[^>]*>(.*?)</{element}>", started, re.DOTALL)
        assert inside is not None
        assert inside[1] == content
        hashed = base64.b64encode(hashlib.sha256(inside[1].encode()).digest()).decode()
        assert f"{element}-src 'sha256-{hashed}'" in policy()
    assert policy().startswith("default-src 'none'")
    assert not re.search(r'(?:src|href)="(?!#|/demo|data:,|http://127\.0\.0\.1:1/docs)', started)
    assert "style=" not in page(telling(), DOCS)


def test_a_page_is_served_with_each_step_as_an_event_from_where_the_reader_was() -> None:
    with live_page(telling(), DOCS) as address, httpx.Client(trust_env=False, timeout=10) as http:
        answer = http.get(address)
        assert answer.headers["content-security-policy"] == policy()
        assert answer.text == page(telling(), DOCS)
        assert http.get(address.removesuffix("/demo"), follow_redirects=True).url.path == "/demo"
        for ask, begin in (({"after": "3"}, 3), ({"after": "nonsense"}, 0), ({}, 0)):
            heard = http.get(f"{address}/steps", params=ask).text.strip().split("\n\n")
            expected = [
                f"id: {place}\ndata: {json.dumps(addition(told))}"
                for place, told in enumerate(WHOLE, start=1)
                if place > begin
            ]
            assert heard == expected
        again = http.get(f"{address}/steps?after=0", headers={"Last-Event-ID": "4"}).text
        assert again.startswith("id: 5\n")
