"""The feed that programmes poll: parameters, marks, pages and links."""

from datetime import UTC, datetime, timedelta
from urllib.error import HTTPError
from urllib.parse import parse_qsl, quote, urlencode, urlsplit
from urllib.request import Request, urlopen

import httpx
import pytest

from service.demo.record import Resource
from service.shared.ids import new_id
from tests.journeys.support import World

PROFILE = "http://hl7.org/fhir/us/sdoh-clinicalcare/StructureDefinition/SDOHCC-TaskForReferralManagement"


def ids(tasks: list[Resource]) -> list[str]:
    return [each["id"] for each in tasks]


def search(world: World, query: str) -> Resource:
    return world.programme.must(200)("GET", f"Task?{query}")


def link(bundle: Resource, relation: str) -> str | None:
    return next((each["url"] for each in bundle["link"] if each["relation"] == relation), None)


def test_an_empty_poll_says_from_when_to_ask_the_next_time(world: World) -> None:
    later = datetime.now(UTC) + timedelta(days=1)
    for query in (f"_lastUpdated=gt{later:%Y-%m-%dT%H:%M:%SZ}", f"_id={new_id()}", f"owner=Organization/{new_id()}"):
        bundle = search(world, query)
        assert bundle["type"] == "searchset"
        assert "entry" not in bundle
        assert datetime.fromisoformat(bundle["meta"]["lastUpdated"]) <= datetime.now(UTC)
        assert link(bundle, "self") == f"{world.service.url}/fhir/Task?{query}"
        assert link(bundle, "next") is None


def test_a_poll_with_the_last_mark_brings_what_has_changed_and_nothing_twice(world: World) -> None:
    owner = f"owner={world.programme.organisation}"
    mark = search(world, owner)["meta"]["lastUpdated"]
    _, _, task = world.offered()
    bundle = search(world, f"{owner}&_lastUpdated=gt{mark}")
    assert [each["resource"]["id"] for each in bundle["entry"]] == [task["id"]]
    mark = bundle["meta"]["lastUpdated"]
    assert "entry" not in search(world, f"{owner}&_lastUpdated=gt{mark}")
    world.programme.must(200)("PUT", f"Task/{task['id']}", task | {"status": "accepted"})
    for spelling in ("_lastUpdated", "_lastupdated"):
        assert ids(world.tasks(f"{owner}&{spelling}=gt{mark}")) == [task["id"]]
        assert ids(world.tasks(f"{owner}&{spelling}=gt{quote(mark.replace('Z', '+00:00'))}")) == [task["id"]]
    # A plus that the client did not escape comes as a space.
    assert ids(world.tasks(f"{owner}&_lastUpdated=gt{mark.replace('Z', '+00:00')}")) == [task["id"]]


@pytest.mark.parametrize("form", ["Organization/{id}", "{id}", "{url}/fhir/Organization/{id}"])
def test_the_owner_may_be_named_in_every_form_of_a_reference(world: World, form: str) -> None:
    _, _, task = world.offered()
    owner = form.format(id=world.programme.identity.organisation_id, url=world.service.url)
    assert task["id"] in ids(world.tasks(f"owner={quote(owner, safe='')}"))
    assert world.tasks(f"owner={quote(form.format(id=new_id(), url=world.service.url), safe='')}") == []


def test_several_owners_and_patients_with_commas_are_all_meant_and_only_ones_own_found(either_world: World) -> None:
    world = either_world
    offered = [world.offered() for _ in range(3)]
    wanted = [task["id"] for _, _, task in offered[:2]]
    owner = f"{world.programme.organisation},{world.other_programme.organisation}"
    for party in (world.programme, world.hospital):
        patients = [party.must(200)("GET", f"Task/{id}")["for"]["reference"] for id in wanted]
        mine = f"owner={owner}&patient={','.join(patients)},Patient/{new_id()}"
        assert ids(world.tasks(mine, party)) == wanted
        assert ids(world.tasks(f"{mine}&_id={wanted[0]},{offered[2][2]['id']}", party)) == wanted[:1]
        for other in (world.other_programme, world.other_hospital):
            assert world.tasks(mine, other) == []
    # The hospital's own id for her finds nothing for a programme, nor the programme's for a hospital.
    for party, reference in (
        (world.programme, f"Patient/{offered[0][1]}"),
        (world.hospital, offered[0][2]["for"]["reference"]),
    ):
        assert world.tasks(f"patient={reference}", party) == []


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("status=requested", True),
        ("status=requested,accepted", True),
        ("status=accepted", False),
        ("status:not=failed&status:not=rejected&status:not=completed", True),
        ("status:not=requested", False),
        ("status:not=failed,rejected", True),
        ("status:not=failed,requested", False),
        ("code=fulfill,abort", True),
        (f"_profile={PROFILE},http://elsewhere.example/profile", True),
        ("status=requested&status=accepted", False),
        (f"_profile={PROFILE}", True),
        ("_profile=http://elsewhere.example/profile", False),
        ("code=fulfill", True),
        ("code=http://hl7.org/fhir/CodeSystem/task-code|fulfill", True),
        ("code=abort", False),
        ("_lastUpdated=gt2026-01-01", True),
        ("_lastUpdated=gt0001-01-01T00:00:00%2B14:00", True),
        ("_lastUpdated=le9999-12-31T23:59:59-14:00", True),
        ("_lastUpdated=le9999-12-31", True),
        ("_lastUpdated=le9999", True),
        ("_lastUpdated=gt2026-01", True),
        ("_lastUpdated=2020", False),
        ("_lastUpdated=lt2026-01-01T00:00", False),
        ("_format=json", True),
        ("_format=application/fhir%2Bjson", True),
    ],
)
def test_a_parameter_narrows_as_fhir_says(world: World, query: str, found: bool) -> None:
    _, _, task = world.offered()
    assert ids(world.tasks(f"_id={task['id']}&{query}")) == ([task["id"]] if found else [])


def test_tasks_come_in_the_order_asked_for(world: World) -> None:
    wanted = [world.offered()[2]["id"] for _ in range(3)]
    of_these = f"_id={','.join(wanted)}"
    assert ids(world.tasks(of_these)) == wanted
    assert ids(world.tasks(f"{of_these}&_sort=_lastUpdated")) == wanted
    assert ids(world.tasks(f"{of_these}&_sort=-_lastUpdated")) == wanted[::-1]


def test_what_a_task_is_about_may_come_with_it(world: World) -> None:
    _, _, task = world.offered()
    bundle = search(world, f"_id={task['id']}&_include=Task:focus")
    found = {each["search"]["mode"]: each["resource"] for each in bundle["entry"]}
    assert found["match"] == task
    assert found["include"] == world.programme.must(200)("GET", task["focus"]["reference"])
    assert [each["fullUrl"] for each in bundle["entry"]] == [
        f"{world.service.url}/fhir/{each['resource']['resourceType']}/{each['resource']['id']}"
        for each in bundle["entry"]
    ]


def test_pages_hold_everything_once_and_a_change_meanwhile_moves_nothing(world: World) -> None:
    tasks = [world.offered()[2] for _ in range(5)]
    seen: list[str] = []
    bundle = search(world, f"_id={','.join(ids(tasks))}&_count=2&_include=Task:focus")
    mark = bundle["meta"]["lastUpdated"]
    following = link(bundle, "next")
    while True:
        matches = [each["resource"]["id"] for each in bundle["entry"] if each["search"]["mode"] == "match"]
        assert len(matches) <= 2
        seen += matches
        if following is None:
            break
        if len(seen) == 2:  # the second page's first is changed while the first is being read
            world.programme.must(200)("PUT", f"Task/{tasks[2]['id']}", tasks[2] | {"status": "accepted"})
        bundle = world.programme.must(200)("GET", following)
        following = link(bundle, "next")
    # What changed while it was being read comes at its new place, or with the next poll: it is never missed.
    again = ids(world.tasks(f"_id={','.join(ids(tasks))}&_lastUpdated=gt{mark}"))
    assert again == [tasks[2]["id"]]
    assert sorted(set(seen) | set(again)) == sorted(ids(tasks))
    assert len(seen) == len(set(seen))


def page_link(world: World) -> str:
    wanted = ",".join(world.offered()[2]["id"] for _ in range(2))
    following = link(search(world, f"_id={wanted}&_count=1"), "next")
    assert following is not None
    return following


def test_a_link_that_was_tampered_with_or_is_anothers_leads_nowhere(world: World) -> None:
    following = page_link(world)
    assert world.programme.ask("GET", following).status_code == 200
    base, page = following.partition("?")[0], dict(parse_qsl(urlsplit(following).query))["_page"]
    middle = len(page) // 2
    for tampered in (
        page[:-1],
        page[:middle] + ("A" if page[middle] != "A" else "B") + page[middle + 1 :],
        "",
        "x",
        "." * 9,
    ):
        answer = world.programme.ask("GET", f"{base}?{urlencode({'_page': tampered})}")
        assert (answer.status_code, answer.json()["issue"][0]["code"]) == (404, "not-found"), tampered
    for other in (world.other_programme, world.other_hospital, world.hospital):
        assert other.ask("GET", following).status_code == 404
    # It says nothing to whoever reads it in a log: neither whose it is nor what was searched for.
    assert world.programme.identity.organisation_id not in page


def test_what_stands_beside_a_link_would_not_be_heard_and_is_refused_by_its_name(world: World) -> None:
    following = page_link(world)
    for name in ("status", "_count", "_sort", "_page"):
        answer = world.programme.ask("GET", f"{following}&{name}=x")
        assert (answer.status_code, answer.json()["issue"][0]["code"]) == (400, "value")
        assert f"'{name}'" in answer.json()["issue"][0]["diagnostics"]
    assert world.programme.ask("GET", f"{following}&_format=json").status_code == 200
    assert world.programme.ask("GET", f"{following}&status=accepted", Prefer="handling=lenient").status_code == 200


@pytest.mark.parametrize("path", ["Task", "HealthcareService"])
@pytest.mark.parametrize("twice", ["_count=1&_count=2", "_sort=_lastUpdated&_sort=-_lastUpdated"])
def test_how_to_answer_may_be_said_once(world: World, path: str, twice: str) -> None:
    answer = world.programme.ask("GET", f"{path}?{twice}")
    assert answer.status_code == 400
    assert f"'{twice.partition('=')[0]}'" in answer.json()["issue"][0]["diagnostics"]


def test_the_search_may_be_posted_as_a_form(world: World) -> None:
    _, _, task = world.offered()
    party = world.programme

    def post(form: dict[str, str], query: str = "", **headers: str) -> httpx.Response:
        sent = {"Authorization": f"Bearer {party.token()}", **headers}
        return party.http.post(f"{world.service.url}/fhir/Task/_search{query}", data=form, headers=sent)

    for answer in (post({"_id": task["id"]}), post({"status": "requested"}, f"?_id={task['id']}")):
        assert [each["resource"] for each in answer.json()["entry"]] == [task]
    assert post({"_id": task["id"]}, **{"Content-Type": "text/plain"}).status_code == 415
    assert post({"surprise": "1"}).status_code == 400
    assert post({"_id": "x" * 70_000}).status_code == 413


@pytest.mark.parametrize(
    "name", ["authored-on", "identifier", "owner:Organization.type", "_summary", "for", "jane-doe"]
)
def test_a_parameter_that_is_not_known_is_named_unless_the_client_is_lenient(world: World, name: str) -> None:
    _, _, task = world.offered()
    query = f"_id={task['id']}&{name}=x"
    refused = world.programme.ask("GET", f"Task?{query}")
    assert refused.status_code == 400
    assert f"'{name}'" in refused.json()["issue"][0]["diagnostics"]
    lenient = world.programme.ask("GET", f"Task?{query}", Prefer="handling=lenient")
    assert [each["resource"]["id"] for each in lenient.json()["entry"]] == [task["id"]]
    assert world.programme.ask("GET", f"Task?{query}", Prefer="handling=strict").status_code == 400


@pytest.mark.parametrize("kind", ["Task", "Organization"])
def test_a_query_that_is_too_long_is_refused_and_never_cut(world: World, kind: str) -> None:
    """The server itself takes no such address. By urllib, for httpx has a bound of its own."""

    def asked(query: str) -> int:
        headers = {"Authorization": f"Bearer {world.programme.token()}", "Prefer": "handling=lenient"}
        try:
            with urlopen(Request(f"{world.programme.url}/fhir/{kind}?{query}", headers=headers)) as answer:
                return int(answer.status)
        except HTTPError as refused:
            return refused.code

    assert [asked(f"colour={'x' * length}") for length in (65_000, 65_536)] == [200, 400]


@pytest.mark.parametrize(
    "query",
    [
        "_lastUpdated=yesterday",
        "_lastUpdated=ap2026-01-01",
        "_lastUpdated=gt2026-13-01",
        "_lastUpdated=",
        "_lastUpdated=gt2026-W01",
        "_lastUpdated=gt20260101",
        "_count=-1",
        "_count=many",
        "_count=1001",
        "_sort=owner",
        "_include=Task:patient",
        "_include=*",
        "_format=xml",
        "_id=",
        "status=",
        "status=request",
        "status:not=request",
        "code=",
        "_profile=",
        "owner=",
        "owner=me",
        "owner=Organization/",
        "patient=me",
    ],
)
def test_a_parameter_that_cannot_be_understood_is_named(world: World, query: str) -> None:
    refused = world.programme.ask("GET", f"Task?{query}")
    assert (refused.status_code, refused.json()["issue"][0]["code"]) == (400, "value")
    assert f"'{query.partition('=')[0]}'" in refused.json()["issue"][0]["diagnostics"]


def test_a_hospital_finds_its_own_offers_and_alerts_and_a_programme_no_alert(world: World) -> None:
    _, patient_id, task = world.offered()
    _, in_danger = world.register()
    world.screen(in_danger, (3, 3, 3, 3, 0, 0, 0, 0, 0, 2))
    (held,) = world.tasks(f"patient=Patient/{patient_id}", world.hospital)
    assert held["id"] == task["id"]
    assert held["for"]["reference"] == f"Patient/{patient_id}"
    (alert,) = world.tasks(f"patient={in_danger}", world.hospital)
    assert alert["code"]["coding"][0]["code"] == "clear-review"
    assert world.tasks(f"_id={alert['id']}") == []
    assert world.programme.ask("GET", f"Task/{alert['id']}").status_code == 404
    assert world.hospital.must(200)("GET", f"Task/{alert['id']}") == alert
