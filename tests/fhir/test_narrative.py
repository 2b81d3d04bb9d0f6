import pytest

from service.fhir.narrative import clean

OPEN = '<div xmlns="http://www.w3.org/1999/xhtml">'


def div(inner: str) -> str:
    return f"{OPEN}{inner}</div>"


CLEANED = {
    "a script": ("Ada<script>alert(1)</script>", "Ada"),
    "an event": ('<b onclick="alert(1)">Ada</b>', "<b>Ada</b>"),
    "an image that fails": ('Ada<img src="x" onerror="alert(1)" alt="y"/>', 'Ada<img alt="y"/>'),
    "an image fetched from elsewhere": ('Ada<img src="https://spy.example/x.png"/>', "Ada<img/>"),
    "an image of the resource": ('<img src="#photo"/>', '<img src="#photo"/>'),
    "a script as link": ('<a href="javascript:alert(1)">Ada</a>', "<a>Ada</a>"),
    "data as link": ('<a href="data:text/html,x">Ada</a>', "<a>Ada</a>"),
    "a style that fetches": ('<p style="background:url(https://spy.example)">Ada</p>', "<p>Ada</p>"),
    "a form": ('<form action="https://spy.example"><input name="x"/>Ada</form>', "Ada"),
    "a frame": ('<iframe src="https://spy.example"></iframe>Ada', "Ada"),
    "a comment": ("<!-- secret -->Ada", "Ada"),
    "what FHIR allows": (
        '<table class="x"><tbody><tr><td colspan="2">A<br/>B<hr/></td></tr></tbody></table>',
        '<table class="x"><tbody><tr><td colspan="2">A<br/>B<hr/></td></tr></tbody></table>',
    ),
    "an attribute that HTML allows and XML does not": ('<img alt="1 < 2">', '<img alt="1 &lt; 2"/>'),
    "a blank that does not break": ("A&nbsp;B &amp; C", "A&#160;B &amp; C"),
}


@pytest.mark.parametrize(("inner", "left"), CLEANED.values(), ids=CLEANED)
def test_only_what_fhir_allows_is_left(inner: str, left: str) -> None:
    assert clean(div(inner)) == div(left)


@pytest.mark.parametrize(
    "lost",
    [
        pytest.param('<!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]><div>&y;</div>', id="an entity"),
        pytest.param(div("<script>alert(1)</script>"), id="nothing left to show"),
        pytest.param(div("Ada") + div("Grace"), id="two elements"),
        pytest.param("<p>Ada</p>", id="no div"),
        pytest.param("Ada", id="no element"),
    ],
)
def test_what_cannot_be_shown_safely_is_left_out_whole(lost: str) -> None:
    assert clean(lost) is None
