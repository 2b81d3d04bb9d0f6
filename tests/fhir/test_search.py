"""The search of Task, from parameters to a query value, and the link to its next page."""

import base64
from dataclasses import replace
from datetime import UTC, datetime
from importlib.resources import files

import orjson
import pytest

from service.fhir.outcome import BadInput
from service.fhir.search import STATUSES, TaskSearch, read_search
from service.fhir.searching import TASKS
from service.fhir.terms import TASK_PROFILE
from service.security.sealing import Sealer
from service.shared.clock import milliseconds
from service.store.queries import Compare

DAY = milliseconds(datetime(2026, 11, 22, tzinfo=UTC))
HOUR = 3_600_000


def read(*parameters: tuple[str, str]) -> TaskSearch:
    return read_search(parameters, lenient=False)


@pytest.mark.parametrize(
    ("written", "changed"),
    [
        ("2026-11-22", ((Compare.FROM, DAY), (Compare.UP_TO, DAY + 24 * HOUR - 1))),
        ("gt2026-11-22", ((Compare.AFTER, DAY + 24 * HOUR - 1),)),
        ("ge2026-11-22", ((Compare.FROM, DAY),)),
        ("lt2026-11-22", ((Compare.BEFORE, DAY),)),
        ("le2026-11-22", ((Compare.UP_TO, DAY + 24 * HOUR - 1),)),
        ("gt2026-11-22T00:00:00Z", ((Compare.AFTER, DAY + 999),)),
        ("gt2026-11-22T00:00:00.000Z", ((Compare.AFTER, DAY),)),
        ("ge2026-11-22T01:00:00.000+01:00", ((Compare.FROM, DAY),)),
        ("ge2026-11-22T01:00:00.000 01:00", ((Compare.FROM, DAY),)),
        ("ge2026-11-22T00:00:00", ((Compare.FROM, DAY),)),
        ("le2026-10", ((Compare.UP_TO, milliseconds(datetime(2026, 11, 1, tzinfo=UTC)) - 1),)),
        ("gt2025", ((Compare.AFTER, milliseconds(datetime(2026, 1, 1, tzinfo=UTC)) - 1),)),
    ],
)
def test_a_time_of_lower_precision_is_the_whole_of_what_it_names(
    written: str, changed: tuple[tuple[Compare, int], ...]
) -> None:
    assert read(("_lastUpdated", written)).query.changed == changed


def test_every_time_given_narrows_the_search_further() -> None:
    search = read(("_lastUpdated", "ge2026-11-22"), ("_lastUpdated", "lt2026-11-23"))
    assert search.query.changed == ((Compare.FROM, DAY), (Compare.BEFORE, DAY + 24 * HOUR))


@pytest.mark.parametrize(
    ("status", "states", "alert_states"),
    [
        ("requested", {"requested"}, {"open"}),
        ("on-hold", {"held-by-programme", "held-by-service", "held-by-both"}, set()),
        ("accepted,completed", {"accepted", "completed"}, {"acknowledged", "resolved"}),
        ("draft", set(), set()),
        ("requested,draft", {"requested"}, {"open"}),
    ],
)
def test_a_status_stands_for_every_state_that_shows_as_it(
    status: str, states: set[str], alert_states: set[str]
) -> None:
    query = read(("status", status)).query
    assert (set(query.states or ()), set(query.alert_states or ())) == (states, alert_states)


@pytest.mark.parametrize("parameter", [("_profile", "x"), ("code", "fulfill")])
def test_what_only_referrals_have_leaves_the_alerts_out(parameter: tuple[str, str]) -> None:
    assert read(parameter).referrals_only


ONE, OTHER = "019aa000-0000-7000-8000-000000000001", "019aa000-0000-7000-8000-000000000002"


@pytest.mark.parametrize(
    ("written", "ids"),
    [
        (ONE, {ONE}),
        (f"Organization/{ONE},Organization/{OTHER}", {ONE, OTHER}),
        (f"https://a.example/fhir/Organization/{ONE},{OTHER}", {ONE, OTHER}),
        ("Organization/a.b-1", {"a.b-1"}),
    ],
)
def test_several_owners_with_commas_are_each_meant(written: str, ids: set[str]) -> None:
    assert read(("owner", written)).query.owner_ids == frozenset(ids)


def test_women_are_named_as_owners_are() -> None:
    for name in ("patient", "subject"):
        assert read((name, f"Patient/{ONE},{OTHER}")).query.patient_ids == frozenset({ONE, OTHER})


@pytest.mark.parametrize("name", ["owner", "patient", "_id"])
def test_what_is_named_twice_is_meant_only_where_both_agree(name: str) -> None:
    search = read((name, f"{ONE},{OTHER}"), (name, ONE))
    assert {search.query.owner_ids, search.query.patient_ids, search.query.ids} == {None, frozenset({ONE})}
    assert not search.nothing
    assert read((name, ONE), (name, OTHER)).nothing


@pytest.mark.parametrize(
    ("parameters", "nothing"),
    [
        ([("code", "fulfill")], False),
        ([("code", "abort,http://hl7.org/fhir/CodeSystem/task-code|fulfill")], False),
        ([("code", "http://hl7.org/fhir/CodeSystem/task-code|")], False),
        ([("code", "http://elsewhere.example|fulfill")], True),
        ([("code", r"a\,fulfill")], True),
        ([("code", r"\fulfill")], False),
        ([("code", "abort"), ("code", "fulfill")], True),
        ([("code", "abort"), ("_profile", TASK_PROFILE)], True),
        ([("_profile", f"http://a.example,{TASK_PROFILE}|3.0.0")], False),
        ([("_profile", "http://a.example")], True),
    ],
)
def test_a_comma_means_or_unless_it_is_escaped(parameters: list[tuple[str, str]], nothing: bool) -> None:
    assert read(*parameters).nothing is nothing


@pytest.mark.parametrize(
    "value",
    ["", ",", "requested,", ",requested", "request", "Requested", "requested|", "http://a.example|requested", "a\\"],
)
@pytest.mark.parametrize("name", ["status", "status:not"])
def test_a_status_that_fhir_does_not_know_is_named(name: str, value: str) -> None:
    with pytest.raises(BadInput) as refused:
        read((name, value))
    assert f"'{name}'" in refused.value.issues[0].text


def test_a_status_may_say_its_system() -> None:
    assert read(("status", "http://hl7.org/fhir/task-status|requested")) == read(("status", "requested"))


def test_the_statuses_are_those_of_fhir() -> None:
    schema = orjson.loads(files("service.fhir").joinpath("schema/r4.schema.json").read_bytes())
    assert set(schema["definitions"]["Task"]["properties"]["status"]["enum"]) == STATUSES


@pytest.mark.parametrize(
    "value",
    ["", ",", "me", "Organization/", "/", "a b", f"{ONE},", f"{ONE},me", f"Device/{ONE}", f"{ONE},Device/{ONE}", "#x"],
)
@pytest.mark.parametrize("name", ["owner", "patient"])
def test_an_owner_or_a_patient_that_is_no_reference_is_named(name: str, value: str) -> None:
    with pytest.raises(BadInput) as refused:
        read((name, value))
    assert f"'{name}'" in refused.value.issues[0].text


@pytest.mark.parametrize("name", ["_id", "owner", "patient", "code", "_profile"])
def test_at_most_a_thousand_are_asked_for_at_once(name: str) -> None:
    read((name, ",".join([ONE] * 1_000)))
    with pytest.raises(BadInput):
        read((name, ",".join([ONE] * 1_001)))


def test_an_unknown_parameter_is_named_no_longer_than_it_need_be() -> None:
    with pytest.raises(BadInput) as refused:
        read(("x" * 500, "1"))
    (issue,) = refused.value.issues
    assert "x" * 64 in issue.text
    assert "x" * 65 not in issue.text
    assert read_search([("x", "1")], lenient=True) == read()


SEARCHES = [
    read(),
    read(("_count", "7"), ("_sort", "-_lastUpdated"), ("_include", "Task:focus")),
    read(("status", "requested"), ("owner", "Organization/o1"), ("patient", "Patient/p1"), ("_id", "a,b")),
    read(("_lastUpdated", "2026-11-22"), ("_profile", "x")),
]


def onward(search: TaskSearch) -> TaskSearch:
    return replace(search, query=replace(search.query, after=(DAY, "task-1")))


@pytest.fixture(scope="module")
def sealer() -> Sealer:
    return Sealer(bytes(range(32)))


@pytest.mark.parametrize("search", SEARCHES)
def test_a_link_carries_the_whole_search_and_the_place_reached(search: TaskSearch, sealer: Sealer) -> None:
    link = TASKS.next_link(sealer, "organisation", onward(search))
    followed = TASKS.read_link(sealer, "organisation", link)
    assert followed is not None
    assert followed.query.after == (DAY, "task-1")
    assert (followed.include_focus, followed.referrals_only) == (search.include_focus, search.referrals_only)
    for name in ("limit", "ids", "states", "alert_states", "changed", "owner_ids", "patient_ids", "descending"):
        assert getattr(followed.query, name) == getattr(search.query, name), name


def test_a_link_is_good_for_whom_it_was_made_and_only_as_it_was_made(sealer: Sealer) -> None:
    link = TASKS.next_link(sealer, "organisation", onward(SEARCHES[0]))
    assert TASKS.read_link(sealer, "another", link) is None
    assert replace(TASKS, type="Organization").read_link(sealer, "organisation", link) is None
    for place in range(0, len(link), 7):
        other = "A" if link[place] != "A" else "B"
        assert TASKS.read_link(sealer, "organisation", link[:place] + other + link[place + 1 :]) is None
    assert TASKS.read_link(Sealer(bytes(32)), "organisation", link) is None
    for nonsense in ("", ".", "a.b", link + "x", "é", "x" * 10_000):
        assert TASKS.read_link(sealer, "organisation", nonsense) is None
    foreign = sealer.seal_text(orjson.dumps({"for": "organisation"})[:-2], "next/organisation/Task")
    assert TASKS.read_link(sealer, "organisation", foreign) is None


def test_a_link_tells_nothing_of_the_search(sealer: Sealer) -> None:
    link = TASKS.next_link(sealer, "organisation", onward(SEARCHES[0]))
    inside = base64.urlsafe_b64decode(link + "=" * (-len(link) % 4))
    assert not any(said in inside for said in (b"organisation", b"task-1", b"limit"))
