"""Story one as README.md tells it: its own code for keys and tokens, its requests in their order, the files it links.

What the service answers is compared with the examples of answers, so that these stay true as well.
"""

import re
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import uvicorn

from service import wiring
from service.fhir.documentation import EXAMPLES
from service.parts import open_office, prepare
from service.settings import Settings

Tree = dict[str, Any]

PROJECT = Path(__file__).parents[2]
README = (PROJECT / "README.md").read_text(encoding="utf-8")
CODE = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
SCOPES = [re.findall(r'--scope "([^"]+)"', block) for block in re.findall(r"client add .*?\)\n", README, re.DOTALL)]


EXAMPLES_ARE_OF = date(2026, 11, 18)
DUE_DAY = "-30"


def as_of_yesterday(text: str) -> str:
    """The same text with every day moved, so that the examples are of yesterday."""
    # What happened at ten o'clock must not lie ahead of whoever runs this at night.
    moved = date.today() - timedelta(days=1) - EXAMPLES_ARE_OF  # noqa: DTZ011  # whole days suffice
    # A month by itself is the month she is due in, whose day the other examples give.
    text = re.sub(r'"valueString": "(20\d\d-\d\d)"', rf'"valueString": "\1{DUE_DAY}"', text)
    text = re.sub(r"20\d\d-\d\d-\d\d", lambda day: str(date.fromisoformat(day[0]) + moved), text)
    return re.sub(r'"valueString": "(20\d\d-\d\d)-\d\d"', r'"valueString": "\1"', text)


def stand_in(number: int) -> str:
    return f"019aa000-0000-7000-8000-{number:012d}"


@dataclass
class Site:
    """The served service, with both parties registered; `ids` are what the ids of the examples stand for."""

    base: str
    tokens: dict[str, str]
    ids: dict[str, str]

    def call(self, who: str, method: str, path: str, body: Tree | None = None, **headers: str) -> Tree:
        sent = {"Authorization": f"Bearer {self.tokens[who]}", "Content-Type": "application/fhir+json", **headers}
        content = None if body is None else orjson.dumps(body)
        answer = httpx.request(method, f"{self.base}/fhir/{path}", content=content, headers=sent)
        assert answer.status_code in (200, 201), answer.text
        tree: Tree = answer.json()
        return tree

    def example(self, name: str) -> Tree:
        text = (EXAMPLES / f"{name}.json").read_text(encoding="utf-8")
        text = as_of_yesterday(text)
        for number, id in self.ids.items():
            text = text.replace(number, id)
        tree: Tree = orjson.loads(text)
        return tree


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    listening = socket.create_server(("127.0.0.1", 0))
    base = f"http://127.0.0.1:{listening.getsockname()[1]}"
    settings = Settings(data_folder=tmp_path / "var", base_url=base)
    monkeypatch.chdir(tmp_path)
    exec(CODE[0], {})
    with open_office(settings) as office:
        hospital = office.add_organisation("St Test Maternity", "hospital", None, None)
        programme = office.add_organisation("Riverside Companions", "community", None, None)
        description = as_of_yesterday(
            (PROJECT / "mappings" / "programmes" / "example.toml").read_text(encoding="utf-8")
        )
        (tmp_path / "riverside.toml").write_text(
            re.sub(r"(?m)^organisation = .*", f'organisation = "{programme}"', description), encoding="utf-8"
        )
        office.import_programme(tmp_path / "riverside.toml")
        clients = {
            name: office.add_client(id, " ".join(scopes).split(), Path(f"{name}.jwks.json").read_text(), None)
            for (name, id), scopes in zip((("hospital", hospital), ("programme", programme)), SCOPES, strict=True)
        }
    server = uvicorn.Server(uvicorn.Config(wiring.build_application(prepare(settings)), log_level="critical"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    code: Tree = {}
    exec(CODE[1], code)
    tokens = {
        name: code["token"](base, clients[name], f"{name}.key.json", " ".join(scopes))
        for name, scopes in zip(("hospital", "programme"), SCOPES, strict=True)
    }
    yield Site(base, tokens, {stand_in(1): hospital, stand_in(2): programme})
    server.should_exit = True
    thread.join(timeout=20)


def elements(tree: Any) -> Any:
    """What it consists of, without ids, times and versions, which differ from run to run."""
    match tree:
        case dict():
            changing = {"versionId", "lastUpdated", "lastModified", "authoredOn", "id", "link", "fullUrl", "display"}
            return {name: elements(value) for name, value in tree.items() if name not in changing}
        case list():
            return [elements(each) for each in tree]
        case str() if re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-7|^20\d\d-\d\d-\d\dT", tree):
            return "…"
    return tree


def test_story_one_goes_as_the_readme_tells_it(site: Site) -> None:
    programme = site.ids[stand_in(2)]
    her = "identifier=https://st-test.example/hospital-number%7CTEST-000417"
    site.ids[stand_in(3)] = site.call("hospital", "PUT", f"Patient?{her}", site.example("patient"))["id"]
    site.call("hospital", "POST", "Consent", site.example("consent"))
    inbox = f"Task?owner=Organization/{programme}&_sort=_lastUpdated"
    mark = site.call("programme", "GET", inbox)["meta"]["lastUpdated"]
    site.call("hospital", "POST", "Observation", site.example("observation-due-date"))
    site.call("hospital", "POST", "Observation", site.example("observation-epds"))

    found = site.call("programme", "GET", f"{inbox}&_lastUpdated=gt{mark}")
    assert [entry["resource"]["status"] for entry in found["entry"]] == ["requested"]
    task = found["entry"][0]["resource"]
    request, patient = (site.call("programme", "GET", task[name]["reference"]) for name in ("focus", "for"))
    (reason,), (agreed,) = request["reasonReference"], request["supportingInfo"]
    answers = {
        "task-requested": task,
        "service-request-before": request,
        "patient-before": patient,
        "observation-view": site.call("programme", "GET", reason["reference"]),
        "consent-view": site.call("programme", "GET", agreed["reference"]),
    }

    accepted = task | {"status": "accepted"}
    task = site.call(
        "programme", "PUT", f"Task/{task['id']}", accepted, **{"If-Match": f'W/"{task["meta"]["versionId"]}"'}
    )
    request, patient = (site.call("programme", "GET", task[name]["reference"]) for name in ("focus", "for"))
    answers |= {"service-request-after": request, "patient-after": patient}
    site.ids |= {stand_in(11): request["id"], stand_in(12): patient["id"]}
    site.call("programme", "POST", "Encounter", site.example("encounter"))
    task = site.call("programme", "GET", f"Task/{task['id']}")
    assert site.call("programme", "PUT", f"Task/{task['id']}", task | {"status": "completed"})["status"] == "completed"

    seen = site.call("hospital", "GET", "Task?_sort=_lastUpdated")["entry"]
    assert [entry["resource"]["status"] for entry in seen] == ["completed"]
    for name, answer in answers.items():
        assert elements(answer) == elements(site.example(name)), name
