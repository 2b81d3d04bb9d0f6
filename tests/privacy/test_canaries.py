"""A value of its own in every field of a hundred messages, and then nowhere but in the bodies themselves.

Searched: everything the service wrote to its output, its metrics, every error answer with its headers, every audit and
disclosure row, every delivery row, every other column that is no body and no fact the rules need, and every address
that the service asked of the hospital's record. A canary that shows up there is a leak.
"""

import copy
import itertools
import json
import re
from base64 import b64decode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import create_engine, select

from service.demo.cast import PROGRAMME_SCOPE
from service.demo.people import HOSPITAL_NUMBER, consent, instant, patient
from service.demo.record import Resource
from service.shared.ids import new_id
from service.store.address import parse_url
from service.store.tables.columns import Row, table
from service.store.tables.intake import UnreadableMessageRow
from service.store.tables.outgoing import AuditRow, DeliveryRow, DisclosureRow
from service.store.tables.referral import AlertRow, NoteRow, PlacementRow, ReferralRow
from tests.journeys.bundles import admission, bundle, entry, form, name
from tests.journeys.conftest import serving
from tests.journeys.support import POSITIVE, Party, World, epds, if_none_exist, new_person, wait_until

MARK = "zq"
# What a field must hold to be read at all. Everything else, down to displays and comments, is marked.
KEPT = {
    "resourceType", "system", "code", "use", "url", "reference", "status", "type", "intent", "priority", "language",
    "valueCode", "valueBoolean", "valueTime", "preferred", "active", "birthDate", "dateTime", "start", "end",
    "effectiveDateTime", "uri", "valueDate", "gender", "contentType", "id", "authoredOn", "lastModified", "time",
    "lastUpdated", "versionId", "profile", "meta", "meaning", "authored", "linkId", "method", "fullUrl", "ifNoneExist",
}  # fmt: skip


@dataclass
class Canaries:
    """Marks: each is a string, or a number, that stands nowhere else. `sent` counts the messages.

    `told` are those that a programme wrote to a clinician: they are to stand in the hospital's own record, too.
    `of_programmes` are all that a programme wrote anywhere: they may. `orders` are the hospital's ids of orders that
    were refused, by which it is to find whom they are about.
    """

    marks: set[str] = field(default_factory=set)
    sent: int = 0
    told: set[str] = field(default_factory=set)
    of_programmes: set[str] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    of_the_hospital: set[str] = field(default_factory=set)
    orders: set[str] = field(default_factory=set)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def word(self) -> str:
        mark = f"{MARK}{next(self._numbers):05}canary"
        self.marks.add(mark)
        return mark

    def order(self) -> str:
        mark = self.word()
        self.orders.add(mark)
        return mark

    def worry(self) -> str:
        mark = self.word()
        self.told.add(mark)
        return mark

    def number(self) -> float:
        """A decimal as no clock, count or port would write it."""
        mark = f"7{next(self._numbers):06}.3141593"
        self.marks.add(mark.rstrip("0"))
        return float(mark)

    def telephone(self) -> str:
        mark = f"+4470{next(self._numbers):08}"
        self.marks.add(mark)
        return mark

    def marked(self, node: Any, name: str = "") -> Any:
        """The tree with a mark in every string that need not be what it is."""
        if isinstance(node, dict):
            return {
                key: value if key in KEPT and not isinstance(value, dict | list) else self.marked(value, key)
                for key, value in node.items()
            }
        if isinstance(node, list):
            return [self.marked(each, name) for each in node]
        if isinstance(node, str) and name not in KEPT:
            return self.telephone() if node.startswith("+44") else self.word()
        return node

    def send(self, party: Party, method: str, path: str, body: Resource | bytes, **headers: str) -> httpx.Response:
        self.sent += 1
        answer = party.ask(method, path, body, **headers)
        if answer.status_code >= 400:
            self.errors.append(f"{answer.status_code} {dict(answer.headers)} {answer.text}")
        said = body.decode() if isinstance(body, bytes) else json.dumps(body)
        if answer.status_code == 400:
            self.unreadable.append(said)
        if party.identity.scope == PROGRAMME_SCOPE:
            self.of_programmes |= {mark for mark in self.marks if mark in said}
        return answer


@dataclass
class Run:
    world: World
    canaries: Canaries


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A hundred messages, valid and refused, at the loudest level of logging, with all that follows from them."""
    with serving(tmp_path_factory.mktemp("service"), log_level="debug", requests_per_minute="100000") as world:
        canaries = Canaries()
        for number in range(16):
            whole_story(world, canaries, ends="completed" if number % 2 else "rejected")
        for refused in REFUSED:
            refused(world, canaries)
        wait_until(lambda: not owed(world), "everything owed is delivered", 60)
        assert httpx.get(f"{world.service.url}/readyz", trust_env=False).status_code == 200
        yield Run(world, canaries)


def owed(world: World) -> list[str]:
    return [row["id"] for row in rows(world, DeliveryRow) if row["state"] not in ("done", "superseded")]


def rows(world: World, of: type[Row]) -> list[dict[str, Any]]:
    engine = create_engine(parse_url(world.service.settings().database))
    with engine.connect() as connection:
        found = [dict(row) for row in connection.execute(select(table(of))).mappings()]
    engine.dispose()
    return found


def whole_story(world: World, canaries: Canaries, ends: str) -> None:
    """A woman registers, agrees, screens positive, is accepted, contacted and spoken of: every string a mark."""
    person = new_person()
    sent = canaries.marked(patient(person))
    sent |= {"contact": [{"name": {"text": canaries.word()}}], "text": narrative(canaries)}
    # Placing her needs these as they are; her district is told to programmes, and so stands in their bodies.
    sent["address"][0]["district"] = person.district
    her = canaries.send(world.hospital, "POST", "Patient", sent, If_None_Exist=if_none_exist(sent)).json()["id"]
    organisations = world.hospital.identity.organisation_id, world.programme.identity.organisation_id
    agreed = canaries.marked(consent(person, her, *organisations, world.today - timedelta(hours=1)))
    for each in agreed["extension"][0]["extension"]:
        if each["url"] == "timezone":
            each["valueString" if "valueString" in each else "valueCode"] = "Europe/London"
    assert canaries.send(world.hospital, "POST", "Consent", agreed).status_code == 201
    answered_at = datetime.now(UTC) - timedelta(minutes=5)
    # The same administration as a form, in a Bundle; its items by their codes, its words all marked.
    filled_in = canaries.marked(form(f"Patient/{her}", POSITIVE, answered_at)) | {"text": narrative(canaries)}
    for each in filled_in["item"]:
        each["text"] = canaries.word()
    kept = canaries.send(world.hospital, "POST", "", bundle(entry(name(), filled_in)))
    assert kept.status_code == 200, kept.text
    result = canaries.marked(epds(her, POSITIVE, answered_at)) | {"note": [{"text": canaries.word()}]}
    result["extension"] = [{"url": "https://st-test.example/weight", "valueDecimal": canaries.number()}]
    assert canaries.send(world.hospital, "POST", "Observation", result).status_code == 201
    (task,) = [each for each in world.tasks() if each["status"] == "requested"]
    if ends == "rejected":
        answered(world, canaries, task, ends)
        return
    task = answered(world, canaries, task, "accepted")
    world.programme.must(200)("GET", task["for"]["reference"])
    world.programme.must(200)("GET", task["focus"]["reference"])
    encounter = {
        "resourceType": "Encounter",
        "identifier": [{"system": "https://circle.example/contact", "value": canaries.word()}],
        "status": "finished",
        "class": {"code": "VR"},
        "subject": task["for"] | {"display": canaries.word()},
        "basedOn": [task["focus"]],
        "period": {"start": instant(datetime.now(UTC))},
        "reasonCode": [{"text": canaries.worry()}],
    }
    assert canaries.send(world.programme, "POST", "Encounter", encounter).status_code == 201
    paused_and_resumed(world, canaries, task)
    noted = world.programme.must(200)("GET", f"Task/{task['id']}") | {"note": [{"text": canaries.worry()}]}
    procedure = {
        "resourceType": "Procedure",
        "identifier": [{"system": "https://circle.example/contact", "value": canaries.word()}],
        "status": "completed",
        "subject": task["for"] | {"display": canaries.word()},
        "performedDateTime": instant(datetime.now(UTC)),
        "note": [{"text": canaries.worry()}],
    }
    assert canaries.send(world.programme, "POST", "Procedure", procedure).status_code == 201
    worried(world, canaries, task)
    task = canaries.send(world.programme, "PUT", f"Task/{task['id']}", noted).json()
    answered(world, canaries, task, "completed")


def worried(world: World, canaries: Canaries, task: Resource) -> None:
    """Told in good form, in a bad one, and about nobody; the answers hold no word of it."""
    for about in ([{"reference": f"Task/{task['id']}"}], [f"Task/{task['id']}"], []):
        sent: Resource = {
            "resourceType": "Communication",
            "identifier": [{"system": "https://circle.example/message", "value": canaries.word()}],
            "status": "completed",
            "about": about,
            "payload": [{"contentString": canaries.worry()}],
        }
        answer = canaries.send(world.programme, "POST", "Communication", sent)
        assert answer.status_code == 201
        canaries.errors.append(f"{dict(answer.headers)} {answer.text}")
    canaries.send(world.programme, "POST", "Communication", f'{{"payload": "{canaries.worry()}'.encode())


def paused_and_resumed(world: World, canaries: Canaries, task: Resource) -> None:
    """What a hospital says of its hold is nobody else's, the programme's least of all."""
    referral = world.hospital.must(200)("GET", f"Task/{task['id']}")["focus"]["reference"]
    by = [
        {"name": "practitioner", "valueReference": {"display": canaries.word()}},
        {"name": "role", "valueCodeableConcept": {"text": canaries.word()}},
    ]
    why = [{"name": "reason", "valueCode": "baby-in-care"}, {"name": "note", "valueString": canaries.word()}]
    for operation, parameters in (("hold", by + why), ("resume", by)):
        sent = {"resourceType": "Parameters", "parameter": parameters}
        assert canaries.send(world.hospital, "POST", f"{referral}/${operation}", sent).status_code == 200
        seen = [world.programme.must(200)("GET", f"Task/{task['id']}")]
        seen += [world.programme.must(200)("GET", seen[0][each]["reference"]) for each in ("focus", "for")]
        canaries.shown.append(json.dumps(seen))
        canaries.of_the_hospital |= {each for each in canaries.marks if each in json.dumps(sent)}


def answered(world: World, canaries: Canaries, task: Resource, status: str) -> Resource:
    reason, business = canaries.word(), canaries.word()
    canaries.told |= {reason, business}
    said = {"status": status, "statusReason": {"text": reason}, "businessStatus": {"text": business}}
    answer = canaries.send(world.programme, "PUT", f"Task/{task['id']}", task | said)
    assert answer.status_code == 200, answer.text
    moved: Resource = answer.json()
    return moved


def narrative(canaries: Canaries) -> Resource:
    return {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{canaries.word()}</div>'}


# What is refused, each in another stage of the door.


def broken_json(world: World, canaries: Canaries) -> None:
    canaries.send(
        world.hospital, "POST", "Patient", f'{{"resourceType": "Patient", "name": "{canaries.word()}" '.encode()
    )


def unknown_element(world: World, canaries: Canaries) -> None:
    canaries.send(world.hospital, "POST", "Patient", patient(new_person()) | {canaries.word(): canaries.word()})


def repeated_member(world: World, canaries: Canaries) -> None:
    word = canaries.word()
    canaries.send(world.hospital, "POST", "Patient", f'{{"resourceType":"Patient","{word}":1,"{word}":2}}'.encode())


def wrong_code(world: World, canaries: Canaries) -> None:
    canaries.send(world.hospital, "POST", "Patient", patient(new_person()) | {"gender": canaries.word()})


def wrong_date(world: World, canaries: Canaries) -> None:
    canaries.send(world.hospital, "POST", "Patient", patient(new_person()) | {"birthDate": canaries.word()})


def wrong_type(world: World, canaries: Canaries) -> None:
    canaries.send(world.hospital, "POST", "Patient", patient(new_person()) | {"active": canaries.word()})


def another_resource(world: World, canaries: Canaries) -> None:
    canaries.send(world.hospital, "POST", "Patient", {"resourceType": canaries.word()})


def unknown_subject(world: World, canaries: Canaries) -> None:
    about = {"identifier": {"system": HOSPITAL_NUMBER, "value": canaries.word()}}
    canaries.send(world.hospital, "POST", "Observation", epds(new_id(), POSITIVE) | {"subject": about})


def score_out_of_range(world: World, canaries: Canaries) -> None:
    _, her = world.register()
    canaries.send(
        world.hospital, "POST", "Observation", canaries.marked(epds(her, POSITIVE)) | {"valueInteger": 7314159}
    )
    canaries.marks.add("7314159")


def form_of_nobody_known(world: World, canaries: Canaries) -> None:
    item = {"linkId": canaries.word(), "text": canaries.word(), "answer": [{"valueString": canaries.word()}]}
    sent = form(f"Patient/{new_id()}", item=[item])
    canaries.send(world.hospital, "POST", "QuestionnaireResponse", sent | {"questionnaire": f"urn:{canaries.word()}"})


def bundles(world: World, canaries: Canaries) -> None:
    """Refused in every stage: by the guard, by its requests and references, by a reader, and by the step."""
    person = new_person()
    spoilt: tuple[Callable[[Resource], None], ...] = (
        lambda sent: sent["entry"][0]["resource"].update({canaries.word(): canaries.word()}),
        lambda sent: sent["entry"][0]["request"].update(url=f"{canaries.word()}/{canaries.word()}"),
        lambda sent: sent["entry"][1]["request"].update(ifNoneExist=f"name={canaries.word()}"),
        lambda sent: sent["entry"][1]["request"].update(ifMatch=canaries.word()),
        lambda sent: sent["entry"][0]["resource"].update(subject={"reference": f"Patient?name={canaries.word()}"}),
        lambda sent: sent["entry"][0]["resource"].update(
            subject={"reference": f"Patient?identifier={canaries.word()}|{canaries.word()}"}
        ),
        lambda sent: sent["entry"][2]["resource"].update(item=[{"linkId": canaries.word(), "text": canaries.word()}]),
        lambda sent: sent.update(type=canaries.word()),
    )
    for spoil in spoilt:
        for kind in ("transaction", "batch"):
            _, sent = admission(world, person)
            sent = canaries.marked(sent) | {"type": kind}
            spoil(sent)
            answer = canaries.send(world.hospital, "POST", "", sent)
            canaries.errors += [] if answer.status_code >= 400 else [answer.text]


def same_identifier(world: World, canaries: Canaries) -> None:
    person, _ = world.register()
    canaries.send(world.hospital, "POST", "Patient", patient(person) | {"name": [{"text": canaries.word()}]})


def unclear_consent(world: World, canaries: Canaries) -> None:
    person, her = world.register()
    agreed = consent(person, her, world.hospital.identity.organisation_id, new_id(), world.today)
    canaries.send(world.hospital, "POST", "Consent", canaries.marked(agreed))


def condition(world: World, canaries: Canaries) -> None:
    canaries.send(world.hospital, "POST", "Patient", patient(new_person()), If_None_Exist=f"name={canaries.word()}")


def headers(world: World, canaries: Canaries) -> None:
    marks = {name: canaries.word() for name in ("X_Request_Id", "X_Correlation_Id", "Prefer", "User_Agent", "Referer")}
    canaries.send(world.hospital, "POST", "Patient", b"{", **marks)
    canaries.send(world.hospital, "PUT", f"Patient/{new_id()}", b"{}", If_Match=canaries.word())
    canaries.send(world.hospital, "POST", "Patient", b"{}", Content_Type=f"text/{canaries.word()}")


def addresses(world: World, canaries: Canaries) -> None:
    for party in (world.hospital, world.programme):
        for method, path in (
            ("GET", f"Patient/{canaries.word()}"),
            ("GET", f"{canaries.word()}/{canaries.word()}"),
            ("GET", f"Task?patient={canaries.word()}"),
            ("GET", f"Task?owner={canaries.word()}&_id={canaries.word()}"),
            ("GET", f"Task?status={canaries.word()}"),
            ("GET", f"Task?_lastUpdated={canaries.word()}"),
            ("GET", f"Task?_page={canaries.word()}"),
            ("DELETE", f"Patient/{canaries.word()}"),
        ):
            answer = party.ask(method, path)
            if answer.status_code >= 400:
                canaries.errors.append(f"{answer.status_code} {dict(answer.headers)} {answer.text}")


def updates_of_what_is_not_there(world: World, canaries: Canaries) -> None:
    for kind, body in (
        ("Patient", patient(new_person())),
        ("Task", {"resourceType": "Task", "status": "accepted", "intent": "order"}),
    ):
        id = canaries.word()
        party = world.hospital if kind == "Patient" else world.programme
        canaries.send(party, "PUT", f"{kind}/{id}", copy.deepcopy(body) | {"id": id})


def answers_that_are_not_taken(world: World, canaries: Canaries) -> None:
    """To an alert: without an outcome, for another result, and by a link that nobody made."""
    _, her = world.register()
    world.screen(her, (0,) * 9 + (2,))
    (task,) = [each["resource"] for each in world.hospital.ask("GET", f"Task?patient={her}").json()["entry"]]
    named = {"type": {"text": canaries.word()}, "valueReference": {"display": canaries.word()}}
    for status in ("completed", "rejected"):
        body = task | {"status": status, "output": [named], "note": [{"text": canaries.word()}]}
        canaries.send(world.hospital, "PUT", f"Task/{task['id']}", body)
    for method in ("GET", "POST"):
        form = {"name": canaries.word(), "role": canaries.word(), "answer": canaries.word()}
        address = f"{world.service.url}/answer/{canaries.word()}"
        answer = httpx.request(method, address, data=form if method == "POST" else None, trust_env=False)
        canaries.errors.append(f"{answer.status_code} {dict(answer.headers)} {answer.text}")


def unclear_orders(world: World, canaries: Canaries) -> None:
    for path in ("$hold", "$resume"):
        for parameter in ({"name": canaries.word()}, {"name": "reason", "valueCode": canaries.word()}):
            sent = {"resourceType": "Parameters", "parameter": [parameter]}
            canaries.send(world.hospital, "POST", f"ServiceRequest/{canaries.order()}/{path}", sent)
    put: Resource = {"resourceType": "ServiceRequest", "status": "revoked", "intent": "order"}
    put |= {"id": canaries.order(), "subject": {"display": canaries.word()}, "note": [{"text": canaries.word()}]}
    canaries.send(world.hospital, "PUT", f"ServiceRequest/{put['id']}", put)


def tokens(world: World, canaries: Canaries) -> None:
    for asked in ({"grant_type": canaries.word()}, {"client_assertion": canaries.word(), "scope": canaries.word()}):
        answer = world.hospital.http.post(f"{world.service.url}/token", data=asked)
        canaries.errors.append(f"{answer.status_code} {dict(answer.headers)} {answer.text}")
    answer = httpx.get(
        f"{world.service.url}/fhir/Task", headers={"Authorization": f"Bearer {canaries.word()}"}, trust_env=False
    )
    canaries.errors.append(f"{answer.status_code} {dict(answer.headers)} {answer.text}")


REFUSED: tuple[Callable[[World, Canaries], None], ...] = (
    broken_json, unknown_element, repeated_member, wrong_code, wrong_date, wrong_type, another_resource,
    unknown_subject, score_out_of_range, form_of_nobody_known, bundles, same_identifier, unclear_consent, condition,
    headers, addresses, updates_of_what_is_not_there, answers_that_are_not_taken, unclear_orders, tokens,
)  # fmt: skip


def places(run: Run) -> dict[str, str]:
    """Everything that somebody other than the two ends of a message may read, as text."""
    world = run.world

    def told(of: type[Row]) -> str:
        return json.dumps(rows(world, of), default=str)

    return {
        "output": world.service.said.read_text(),
        "metrics": httpx.get(f"{world.service.url}/metrics", trust_env=False).text,
        "error answers": "\n".join(run.canaries.errors),
        "audit": told(AuditRow),
        "disclosures": told(DisclosureRow),
        "deliveries": told(DeliveryRow),
        "alerts": told(AlertRow),
        "referrals": told(ReferralRow),
        "placements": told(PlacementRow),
        "notes": told(NoteRow),
        "notes in the record": "\n".join(notes_in_the_record(world)),
        IN_THE_RECORD: json.dumps([each.resource for each in world.record.record.search("Communication", [])]),
        "addresses asked of the record": "\n".join(call.path for call in world.record.journal),
    }


def notes_in_the_record(world: World) -> list[str]:
    """Each as its reader sees it, and once more as it went over the wire."""
    notes = [each.resource for each in world.record.record.search("DocumentReference", [])]
    read = [b64decode(each["content"][0]["attachment"]["data"]).decode() for each in notes]
    return [*read, *map(json.dumps, notes)]


# The hospital's own number for her is how its own record finds her: a FHIR search by identifier, told to nobody else.
OWN_NUMBER = "addresses asked of the record"
# What a programme wrote to a clinician is read there, and by nobody else.
ALERTS, IN_THE_RECORD = "alerts", "alerts in the record"


def test_no_canary_sings(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    canaries, found = run.canaries, {}
    for place, text in places(run).items():
        assert text, f"nothing was said in {place}"
        hits = {mark for mark in canaries.marks if mark in text}
        meant = {
            OWN_NUMBER: own_numbers(run),
            ALERTS: canaries.orders,
            IN_THE_RECORD: canaries.of_programmes | canaries.orders,
        }.get(place, set())
        found[place] = sorted(hits - meant)
    with capsys.disabled():
        searched = ", ".join(f"{place} {len(text):,}" for place, text in places(run).items() if place in found)
        print(f"\n{canaries.sent} messages, {len(canaries.marks)} canaries; characters searched: {searched}")
    assert canaries.sent >= 100
    assert len(canaries.marks) > 300
    assert found == {place: [] for place in found}


def test_no_programme_reads_who_paused_and_why(run: Run) -> None:
    shown = "\n".join(run.canaries.shown)
    assert "on-hold" in shown
    assert len(run.canaries.of_the_hospital) > 20
    assert not [each for each in (*run.canaries.of_the_hospital, "baby-in-care") if each in shown]
    in_record = json.dumps([call.body for call in run.world.record.journal])
    assert not [each for each in run.canaries.of_the_hospital if each in in_record]


def own_numbers(run: Run) -> set[str]:
    women = run.world.record.record.search("Patient", [])
    return {each["value"] for woman in women for each in woman.resource["identifier"]}


def test_the_search_would_have_found_them(run: Run) -> None:
    """The bodies hold what the other places must not: the marks were really sent, and really kept."""
    held = json.dumps([call.body for call in run.world.record.journal])
    files = b"".join(path.read_bytes() for path in run.world.service.folder.glob("peer-referral.db*")).decode("latin-1")
    assert len({mark for mark in run.canaries.marks if mark in files}) > 200
    assert any(mark in held for mark in run.canaries.marks)


def test_notes_tell_each_step_and_no_number_but_days_and_counts(run: Run) -> None:
    """A score would be one: what may stand in a note is a day, and how often she was met."""
    notes = [text for text in notes_in_the_record(run.world) if not text.startswith("{")]
    counted = re.compile(r"\b\d{1,2} [A-Z][a-z]+ 20\d\d\b|held: \d+\.|attended: \d+\.")
    assert len(notes) >= 16 * 2
    assert [text for text in notes if re.search(r"\d", counted.sub("", text))] == []


def test_every_word_to_a_clinician_has_reached_the_hospitals_record(run: Run) -> None:
    alerts = places(run)[IN_THE_RECORD]
    assert len(run.canaries.told) > 20
    assert {mark for mark in run.canaries.told if mark not in alerts} == set()


def test_what_could_not_be_read_is_kept_sealed(run: Run) -> None:
    files = b"".join(path.read_bytes() for path in run.world.service.folder.glob("peer-referral.db*")).decode("latin-1")
    unread = {mark for mark in run.canaries.marks for body in run.canaries.unreadable if mark in body}
    assert len(unread) > 5
    assert len(rows(run.world, UnreadableMessageRow)) >= len(run.canaries.unreadable)
    # What was heard of it all the same is kept as what a programme told.
    assert {mark for mark in unread - run.canaries.told if mark in files} == set()
