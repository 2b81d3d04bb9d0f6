"""A step -> HTML. Every value is escaped by the template; nothing is marked as safe but our own style and script."""

import base64
import hashlib
import json
from pathlib import Path
from urllib.parse import parse_qsl

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from service.demo.er7 import lines
from service.demo.step import SIDES, Ending, Fact, Message, Party, Side, Step, Story, Telling, Told
from service.demo.words import took

FOLDER = Path(__file__).parent
# A control character is shown by its picture (U+2400 and on); HTML has no way to hold it.
PICTURES = {code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n"} | {0x7F: 0x2421}
NAMES: dict[Party, str] = {
    Party.HOSPITAL: "Hospital",
    Party.RECORD: "Hospital's record",
    Party.ENGINE: "Hospital's engine",
    Party.CLINICIAN: "Clinician",
    Party.SERVICE: "Service",
    Party.PROGRAMME: "Programme",
    Party.PROGRAMME_2: "Second programme",
}
STYLE, SCRIPT = (Markup((FOLDER / name).read_text(encoding="utf-8")) for name in ("style.css", "follow.js"))  # noqa: S704  # our own files


def page(telling: Telling, docs_url: str) -> str:
    """The whole page, with what was told so far."""
    told = list(telling.told)
    stories = [
        (story, [one for one in told if isinstance(one, Step) and one.story == story.number])
        for story in told
        if isinstance(story, Story)
    ]
    ending = next((one for one in told if isinstance(one, Ending)), None)
    return _templates.get_template("page.html").render(
        stories=stories, ending=ending, told=len(told), docs_url=docs_url, style=STYLE, script=SCRIPT
    )


def addition(told: Told) -> dict[str, object]:
    """What the page adds when this is told: HTML to put at the end of elements, by their ids, and a line to say."""
    match told:
        case Story():
            parts = {"contents": _part("link", told), "stories": _part("story", told, ())}
            return {"parts": parts, "say": f"Story {told.number}: {told.title}"}
        case Step():
            say = f"Story {told.story}, step {told.number}: {told.title}"
            return {"parts": {f"story-{told.story}-steps": _part("step", told)}, "say": say}
        case Ending():
            return {"parts": {"ending": _part("ending", told)}, "say": "The stories are over."}


def policy() -> str:
    """Content-Security-Policy: our style and our script by their hashes, our own events, the empty icon."""
    style, script = (_hashed(text) for text in (STYLE, SCRIPT))
    return (
        f"default-src 'none'; style-src '{style}'; script-src '{script}'; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def text(body: bytes) -> str:
    """The bytes as text that can stand in a page; what is no UTF-8 is replaced."""
    return body.decode("utf-8", "replace").translate(PICTURES)


def pretty(body: bytes) -> str:
    """The same for a reader: JSON indented, a form with a field and HL7 v2 with a segment on each line."""
    if segments := lines(body):
        return "\n".join(segments).translate(PICTURES)
    try:
        tree = json.loads(body)
    except ValueError:
        fields = [] if set(body) & set(b" <\n") else parse_qsl(body.decode("utf-8", "replace"))
        return "\n".join(f"{name} = {value}" for name, value in fields).translate(PICTURES) or text(body)
    # Half a surrogate pair may be written in JSON, and cannot be written in UTF-8.
    return json.dumps(tree, indent=2, ensure_ascii=False).encode("utf-8", "replace").decode().translate(PICTURES)


def _part(name: str, *values: object) -> str:
    """What a macro of parts.html makes of these."""
    return str(getattr(_templates.get_template("parts.html").module, name)(*values))


def _sides(message: Message) -> str:
    """The classes that put a message between its two lanes, pointing the right way."""
    return f"from-{SIDES[message.who]} to-{SIDES[message.whom]}"


def _hashed(content: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()


_templates = Environment(
    loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_templates.filters.update(pretty=pretty, text=text, took=took, sides=_sides, party=NAMES.__getitem__)
_templates.tests.update(message=lambda event: isinstance(event, Message), fact=lambda event: isinstance(event, Fact))
_templates.globals.update(lanes=tuple(Side))
