"""A guide is its own fixture: what is played is read from the page, and what came of it is written back into it.

The page holds HTTP messages in fences, requests and answers by turns. A request inside a comment is played, and nobody
reads it. Between them may stand, unseen as well:

`<!-- 31 minutes later -->`;
`<!-- as read, with {"status": "accepted"} -->`: the next request sends back what is at its address, changed so;
`<!-- meanwhile, PROGRAMME changes Task/… by {"status": "accepted"} -->`: the other side reads it and sends it back so;
`<!-- in words -->…<!-- end -->`: what the note says that came into the record last.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any

TOKENS = re.compile(
    r"<!-- (?P<minutes>\d+) minutes later -->"
    r"|<!-- as read, with (?P<change>\{.*?\}) -->"
    r"|<!-- meanwhile, (?P<who>\w+) changes (?P<what>\S+) by (?P<by>\{.*?\}) -->"
    r"|<!-- in words -->\n.*?(?P<words><!-- end -->)"
    r"|```http\n(?P<text>.*?)\n?```",
    re.DOTALL,
)
ID = re.compile(r"(?<![0-9a-f-])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-f-])")
SECRET = re.compile(r"(?<=[?&]_page=)[\w.~-]+|(?<=/answer/)[\w.~-]+")
HANDLE = re.compile(r"(?<=Referral )[0-9A-F]{4}\b")  # the end of an offer's id, which names her to a programme
STAND_IN = "019aa000-0000-7000-8000-{:012d}"
WIDTH = 118


@dataclass(frozen=True, slots=True)
class Message:
    """A request or an answer. `start` is its first line."""

    start: str
    headers: dict[str, str]
    body: str

    @property
    def is_answer(self) -> bool:
        return self.start.startswith("HTTP/")

    @property
    def path(self) -> str:
        return self.start.split()[1]

    @property
    def tree(self) -> Any:
        return json.loads(self.body)

    def __str__(self) -> str:
        head = "\n".join([self.start, *(f"{name}: {value}" for name, value in self.headers.items())])
        return f"{head}\n\n{self.body}" if self.body else head


def read(text: str) -> Message:
    head, _, body = text.partition("\n\n")
    start, *lines = head.splitlines() or [""]
    headers = dict(line.split(": ", 1) for line in lines)
    return Message(start, headers, pretty(json.loads(body)) if body.lstrip().startswith("{") else body.strip())


def pretty(tree: Any, indent: str = "") -> str:
    """JSON with a line for each thing that fits on one, which a person can read sooner than one line for each brace."""
    flat = json.dumps(tree, ensure_ascii=False)
    if not isinstance(tree, dict | list) or len(indent) + len(flat) <= WIDTH:
        return flat
    deeper = indent + "  "
    if isinstance(tree, dict):
        rows = [f"{deeper}{json.dumps(name)}: {pretty(value, deeper)}" for name, value in tree.items()]
        return "{\n" + ",\n".join(rows) + f"\n{indent}}}"
    return "[\n" + ",\n".join(deeper + pretty(each, deeper) for each in tree) + f"\n{indent}]"


@dataclass(slots=True)
class Names:
    """Ids and secrets, which are new in every run, and what the page calls them."""

    actual: dict[str, str] = field(default_factory=dict)
    shown: dict[str, str] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)

    def bind(self, shown: str, actual: str) -> None:
        if shown not in self.actual and actual not in self.shown:
            self.actual[shown], self.shown[actual] = actual, shown
            if ID.fullmatch(actual):
                self.bind(shown[-4:].upper(), actual[-4:].upper())

    def learn(self, shown: str, actual: str) -> None:
        """What the page already calls the names in an answer, as far as it has the same form."""
        for pattern in (ID, SECRET):
            ours, theirs = pattern.findall(shown), pattern.findall(actual)
            if len(ours) == len(theirs):
                for pair in zip(ours, theirs, strict=True):
                    self.bind(*pair)

    def for_page(self, text: str) -> str:
        text = SECRET.sub(lambda found: self._call(found[0], "secret-{:03d}"), text)
        text = ID.sub(lambda found: self._call(found[0], STAND_IN), text)
        return HANDLE.sub(lambda found: self.shown.get(found[0], found[0]), text)

    def for_service(self, text: str) -> str:
        """An id that nobody has given yet is the sender's own, and goes as it is."""
        for found in ID.findall(text):
            self.bind(found, self.actual.get(found, found))
        for pattern in (SECRET, HANDLE):
            text = pattern.sub(lambda found: self.actual.get(found[0], found[0]), text)
        return ID.sub(lambda found: self.actual[found[0]], text)

    def _call(self, actual: str, form: str) -> str:
        if actual not in self.shown:
            number = next(n for n in range(10, 10_000) if form.format(n) not in self.taken | self.actual.keys())
            self.bind(form.format(number), actual)
        return self.shown[actual]
