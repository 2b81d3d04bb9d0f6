"""Plays a guide. `make guides` writes what came of it into the guides; the test compares."""

import asyncio
import base64
import json
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.guides import errors, interface
from tests.guides.page import ID, SECRET, TOKENS, Message, Names, pretty, read
from tests.guides.stage import PROJECT, RECORD, Stage, stage

GUIDES = sorted((PROJECT / "docs").glob("integration-*.md"))
EXAMPLE = PROJECT / "mappings" / "programmes" / "example.toml"
RECORD_HOST = httpx.URL(RECORD).host
SHOWN_HEADERS = ("location", "etag", "retry-after", "www-authenticate")
SPELLED = {"etag": "ETag", "www-authenticate": "WWW-Authenticate"}
FROM_FILE = re.compile(r"< (?P<file>\S+), (?P<old>\S+) -> (?P<new>\S+)")


@dataclass(slots=True)
class Player:
    """Goes through a page from top to bottom. `answer` is what the last request got, until the page shows it."""

    stage: Stage
    answer: Message | None = None
    change: dict[str, Any] | None = None

    @property
    def names(self) -> Names:
        return self.stage.names

    async def play(self, token: re.Match[str]) -> str:
        if token["minutes"]:
            await self.stage.pass_time(int(token["minutes"]))
        elif token["change"]:
            self.change = json.loads(token["change"])
        elif token["what"]:
            await self._meanwhile(token["who"], token["what"], json.loads(token["by"]))
        elif token["words"]:
            return f"<!-- in words -->\n> {self._note()}\n{token['words']}"
        else:
            return f"```http\n{await self._message(read(token['text']))}\n```"
        return token[0]

    async def _message(self, message: Message) -> Message:
        if message.is_answer:
            assert self.answer is not None, f"No request before this answer: {message.start}"
            shown, self.answer = self._shown(message, self.answer), None
            return shown
        self.be_content()
        if message.headers.get("Host") == RECORD_HOST:
            return self._written_to_record(message)
        return await self._ask(message)

    def be_content(self) -> None:
        """What nobody is shown the answer to must have gone well."""
        assert self.answer is None or self.answer.start.startswith("HTTP/1.1 2"), self.answer

    async def _meanwhile(self, who: str, what: str, by: dict[str, Any]) -> None:
        self.be_content()
        self.change = by
        headers = {"Authorization": f"Bearer ${who}_TOKEN", "Content-Type": "application/fhir+json"}
        await self._ask(Message(f"PUT /fhir/{what}", headers, ""))
        self.be_content()

    async def _ask(self, message: Message) -> Message:
        """Sends it, lets everything that follows happen, and keeps the answer. What is shown may have been composed."""
        if self.change is not None:
            change, self.change = self.change, None
            message = await self._as_read(message, change)
        await self.stage.pass_time(1)
        self.stage.record.heard.clear()
        method, path = message.start.split()
        got = await self.stage.http.request(
            method,
            self.names.for_service(path),
            content=await self._content(message),
            headers=await self._headers(message),
        )
        assert got.status_code < 500, got.text
        self.answer = Message(f"HTTP/1.1 {got.status_code} {got.reason_phrase}", dict(got.headers), _body(got))
        await self.stage.settle()
        return message

    async def _as_read(self, message: Message, change: dict[str, Any]) -> Message:
        """With what is at its address now for a body, changed so."""
        headers = {name: value for name, value in message.headers.items() if name == "Authorization"}
        await self._ask(Message(f"GET {message.path}", headers, ""))
        self.be_content()
        assert self.answer is not None
        tree = json.loads(self.names.for_page(self.answer.body))
        return Message(message.start, message.headers, pretty(tree | change))

    async def _headers(self, message: Message) -> dict[str, str]:
        headers = {name: self.names.for_service(value) for name, value in message.headers.items()}
        if token := re.fullmatch(r"Bearer \$(\w+)_TOKEN", headers.get("Authorization", "")):
            headers["Authorization"] = f"Bearer {await self.stage.token(token[1])}"
        return headers

    async def _content(self, message: Message) -> bytes:
        if found := FROM_FILE.fullmatch(message.body):
            text = (PROJECT / found["file"]).read_text(encoding="utf-8")
            return self.names.for_service(text.replace(found["old"], found["new"])).encode()
        body = re.sub(r"\$(\w+)_ASSERTION", lambda who: self.stage.assertion(who[1]), message.body)
        return self.names.for_service(body).encode()

    def _written_to_record(self, message: Message) -> Message:
        """The last thing of this kind that the service wrote, since the last request, into the hospital's record."""
        method, path = message.start.split()
        kind = path.split("/")[2].partition("?")[0]
        fits = [pair for pair in self.stage.record.heard if pair[0].start.startswith(f"{method} /fhir/{kind}")]
        assert fits, f"Not written: {message.start}; but {[each.start for each, _ in self.stage.record.heard]}"
        said, self.answer = fits[-1]
        return self._shown(message, Message(said.start, {"Host": RECORD_HOST, **said.headers}, said.body), every=True)

    def _note(self) -> str:
        """What the note says that was written into the record last."""
        notes = [said.tree for said, _ in self.stage.record.heard if said.start == "POST /fhir/DocumentReference"]
        assert notes, "No note was written since the last request."
        return base64.b64decode(notes[-1]["content"][0]["attachment"]["data"]).decode()

    def _shown(self, shown: Message, actual: Message, *, every: bool = False) -> Message:
        """The actual message in the page's own names."""
        headers = {
            name: value for name, value in httpx.Headers(actual.headers).items() if every or name in SHOWN_HEADERS
        }
        tree = json.loads(actual.body) if actual.body.startswith("{") else actual.body
        if isinstance(tree, dict) and "access_token" in tree:
            tree["access_token"] = "eyJ..."
        body = pretty(tree) if isinstance(tree, dict) else actual.body
        self._learn(shown, f"{actual.start} {' '.join(headers.values())}", tree)
        named = {SPELLED.get(name, name.title()): self.names.for_page(value) for name, value in headers.items()}
        body = self.names.for_page(body)
        body = pretty(json.loads(body)) if body.startswith("{") else body
        return Message(self.names.for_page(actual.start), named, body)

    def _learn(self, shown: Message, head: str, tree: Any) -> None:
        self.names.learn(f"{shown.start} {' '.join(shown.headers.values())}", head)
        if isinstance(tree, dict) and shown.body.startswith("{"):
            self._walk(shown.tree, tree)

    def _walk(self, shown: Any, actual: Any) -> None:
        match shown, actual:
            case dict(), dict():
                for name in shown.keys() & actual.keys():
                    self._walk(shown[name], actual[name])
            case list(), list():
                for pair in zip(shown, actual, strict=False):
                    self._walk(*pair)
            case str(), str():
                self.names.learn(shown, actual)


def _body(answer: httpx.Response) -> str:
    """A page for people is named and not shown."""
    return "(a page)" if answer.headers.get("content-type", "").startswith("text/html") else answer.text


async def played(page: str, folder: Path) -> str:
    """The page as it would be, had everything in it just happened."""
    described = re.search(r"```toml\n(.*?)```", page, re.DOTALL)
    async with stage(folder, described[1] if described else EXAMPLE.read_text(encoding="utf-8")) as staged:
        staged.names.taken |= set(ID.findall(page)) | set(SECRET.findall(page))
        player, parts, end = Player(staged), [], 0
        for token in TOKENS.finditer(page):
            line = page.count("\n", 0, token.start()) + 1
            try:
                parts += [page[end : token.start()], await player.play(token)]
            except Exception as problem:
                problem.add_note(f"at line {line} of the guide")
                raise
            end = token.end()
        player.be_content()
        return "".join([*parts, page[end:]])


if __name__ == "__main__":
    errors.PAGE.write_text(errors.written(errors.PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        interface.PAGE.write_text(
            interface.played(interface.PAGE.read_text(encoding="utf-8"), Path(folder)), encoding="utf-8"
        )
    for guide in GUIDES:
        with tempfile.TemporaryDirectory() as folder:
            guide.write_text(asyncio.run(played(guide.read_text(encoding="utf-8"), Path(folder))), encoding="utf-8")
