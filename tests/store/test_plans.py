"""How the databases find what is asked again and again: by an index, and never by reading a table that only grows."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine, NullPool, create_engine, event

from service.flow.chase_overdue import DueKind
from service.referrals.delivery import Delivery, DeliveryState, Lane
from service.referrals.offer import OfferState
from service.shared.caller import Caller, OrganisationKind, the_service
from service.store.address import parse_url
from service.store.messages import KeptMessage
from service.store.queries import Compare, TaskQuery
from service.store.tables import metadata
from service.store.unit_of_work import UnitOfWork
from tests.flow.support import Service

SOME = frozenset({"one", "two"})
STATES = frozenset({OfferState.REQUESTED.value, OfferState.ACCEPTED.value})
HOSPITAL, COMMUNITY = (
    Caller("client", "organisation", kind, frozenset(), "")
    for kind in (OrganisationKind.HOSPITAL, OrganisationKind.COMMUNITY)
)
SINCE = ((Compare.FROM, 1),)
POLLS: dict[str, tuple[Caller, TaskQuery]] = {
    "everything": (COMMUNITY, TaskQuery(1_000)),
    "the usual poll": (COMMUNITY, TaskQuery(1_000, states=STATES, owner_ids=SOME, changed=SINCE)),
    "the next page": (COMMUNITY, TaskQuery(20, changed=SINCE, after=(5, "id"))),
    "the newest first": (COMMUNITY, TaskQuery(20, descending=True)),
    "by id": (COMMUNITY, TaskQuery(20, ids=SOME)),
    "a hospital's page": (HOSPITAL, TaskQuery(1_000)),
    "a hospital's poll": (HOSPITAL, TaskQuery(1_000, changed=SINCE)),
    "of women, by a programme": (COMMUNITY, TaskQuery(20, patient_ids=SOME)),
    "of women": (HOSPITAL, TaskQuery(20, patient_ids=SOME)),
}


@dataclass(frozen=True, slots=True)
class Node:
    """One step of a plan; `by` is what it looks up in an index, empty when it reads all of it."""

    what: str
    table: str
    by: str


def asked(service: Service, caller: Caller, work: Callable[[UnitOfWork], object]) -> list[tuple[str, Any]]:
    heard: list[tuple[str, Any]] = []

    def hear(_: object, __: object, statement: str, values: Any, *___: object) -> None:
        heard.append((statement, values))

    event.listen(Engine, "before_cursor_execute", hear)
    try:
        service.run(caller, work)
    finally:
        event.remove(Engine, "before_cursor_execute", hear)
    return heard


def plan(service: Service, statement: str, values: Any) -> list[Node]:
    """The steps that read a table. PostgreSQL reads an empty table whole if it may, so here it may not."""
    engine = create_engine(parse_url(service.url), poolclass=NullPool)
    with engine.connect() as connection:
        execute = connection.exec_driver_sql
        if connection.dialect.name == "sqlite":
            rows = execute(f"EXPLAIN QUERY PLAN {statement}", tuple(values)).all()
            return [_sqlite(row[3]) for row in rows if row[3].startswith(("SCAN", "SEARCH"))]
        execute("SET enable_seqscan = off")
        explained = execute(f"EXPLAIN (FORMAT JSON) {statement}", values).scalar_one()
        trees = json.loads(explained) if isinstance(explained, str) else explained
        return list(_postgresql(trees[0]["Plan"]))


def _sqlite(step: str) -> Node:
    words = step.split()
    return Node(step, words[1], "".join(re.findall(r"\((.*)\)$", step)) if words[0] == "SEARCH" else "")


def _postgresql(tree: dict[str, Any]) -> Iterator[Node]:
    if "Relation Name" in tree and tree["Node Type"] not in ("Bitmap Heap Scan", "ModifyTable"):
        yield Node(str(tree), tree["Relation Name"], tree.get("Index Cond", ""))
    elif tree["Node Type"] == "Bitmap Index Scan":
        yield Node(str(tree), tree["Index Name"], tree.get("Index Cond", ""))
    for below in tree.get("Plans", ()):
        yield from _postgresql(below)


def assert_looked_up(service: Service, heard: list[tuple[str, Any]]) -> None:
    assert heard
    for statement, values in heard:
        for node in plan(service, statement, values):
            assert node.by, f"all of it is read: {node.what}\n{statement}"


def test_chasing_looks_up_what_is_due_in_the_order_in_which_it_fell_due(service: Service) -> None:
    heard = asked(service, the_service(""), lambda tx: tx.due.overdue(service.now(), 100))
    assert len(heard) == len(DueKind)
    assert_looked_up(service, heard)
    for statement, values in heard:
        (node,) = plan(service, statement, values)
        column = re.findall(r"ORDER BY \w+\.(\w+)", statement)[0]
        assert re.search(rf"{column}\s*<", node.by), node.what


@pytest.mark.parametrize("name", POLLS)
def test_a_search_looks_up_its_tasks(service: Service, name: str) -> None:
    caller, query = POLLS[name]
    assert_looked_up(service, asked(service, caller, lambda tx: (tx.feed.offers(query), tx.feed.alerts(query))))


OWED = Delivery(
    id="delivery",
    destination_id="hospital",
    lane=Lane.URGENT,
    resource_type="Communication",
    resource_id="alert",
    version=1,
    patient_id="woman",
    state=DeliveryState.LEASED,
    attempts=1,
    due_at=datetime.now(UTC),
    last_outcome=None,
    correlation_id="",
    shown=False,
    owed_at=datetime.now(UTC),
)
# What the workers and merging ask, and the index that holds no more of it than they need.
WORK: dict[str, tuple[Callable[[UnitOfWork], object], str]] = {
    "where something is due": (lambda tx: tx.leases.destinations(Lane.STATUS), "ix_delivery_waiting"),
    "that hers is being sent": (lambda tx: tx.leases.destinations(Lane.STATUS), "ix_delivery_unsettled"),
    "what waits out a pause": (lambda tx: tx.sleeping.wake("hospital", 8, 40), "ix_delivery_waiting"),
    "the urgent alerts of a line": (lambda tx: tx.urgent.waiting("mllp://one", "worker"), "ix_delivery_waiting"),
    "those of them that wait": (lambda tx: tx.urgent.hasten("mllp://one", datetime.now(UTC)), "ix_delivery_waiting"),
    "that an earlier one of hers waits": (
        lambda tx: tx.leases.claim("worker", timedelta(minutes=1), Lane.STATUS, "hospital", 8),
        "ix_delivery_unsettled",
    ),
    "who makes her known": (lambda tx: tx.leases.introduce(OWED, "worker"), "ix_delivery_unsettled"),
    "what is stuck of hers": (lambda tx: tx.deliveries.stuck("hospital", "woman", 8), "ix_delivery_unsettled"),
    "what is stuck of all": (lambda tx: tx.deliveries.stuck("hospital", None, 8), "ix_delivery_unsettled"),
    "how many women wait": (lambda tx: tx.deliveries.women_waiting("hospital"), "ix_delivery_waiting"),
    "that it is told to be stuck": (
        lambda tx: tx.alerts.about_stuck("hospital", "woman"),
        "ix_alert_tenant_id_awaited",
    ),
    "copies that are answered": (lambda tx: tx.answers.awaited("hospital"), "ix_alert_tenant_id_awaited"),
    "copies that are not told": (lambda tx: tx.answers.awaited("hospital"), "ix_delivery_waiting"),
    "their names in the record": (lambda tx: tx.answers.awaited("hospital"), "ix_alias_resource_id_system"),
    "earlier merges": (lambda tx: tx.merging.carry_over("goes", "stays", ["result"]), "ix_patient_replaced_by"),
}
# They do not grow with what happens.
DIRECTORY = ("organisation", "programme")


@pytest.mark.parametrize("what", WORK)
def test_a_worker_passes_over_what_was_settled_long_ago(service: Service, what: str) -> None:
    work, index = WORK[what]
    heard = asked(service, HOSPITAL, work)
    nodes = [node for statement, values in heard for node in plan(service, statement, values)]
    read_whole = [node.what for node in nodes if not node.by and node.table not in DIRECTORY]
    assert [each for each in read_whole if not each.startswith(("SCAN CONSTANT ROW", "SCAN (subquery"))] == []
    # PostgreSQL chooses by what there is, which here is nothing.
    assert service.url.startswith("postgresql") or any(f" {index} " in node.what for node in nodes)


def _offers(tx: UnitOfWork, query: TaskQuery) -> object:
    return tx.feed.offers(query)


def test_a_poll_looks_up_only_what_has_changed(service: Service) -> None:
    for name in ("the usual poll", "the next page", "a hospital's poll"):
        caller, query = POLLS[name]
        for statement, values in asked(service, caller, partial(_offers, query=query)):
            (node,) = plan(service, statement, values)
            assert "stamp" in node.by, node.what


def test_counting_what_was_shown_passes_over_no_other_hour(service: Service) -> None:
    family, offer = service.offered()
    service.disclose(family.community, offer)
    service.pass_time(timedelta(hours=1))

    def show(tx: UnitOfWork) -> None:
        tx.audit.disclosed("Patient", offer.handles.patient, "1", family.woman)

    heard = [each for each in asked(service, family.community, show) if re.search("FROM (disclosure|audit)", each[0])]
    (this_hour,), (earlier,) = (plan(service, *each) for each in heard)
    assert all(column in this_hour.by for column in ("client_id", "subject", "hour")), this_hour.what
    assert "ix_audit_subject_read" in earlier.what
    assert "subject" in earlier.by


KEPT = KeptMessage("id", "tenant", "client", "hl7v2", "ORU^R01", datetime.now(UTC), "accepted", "", None, sealed=False)
# Each of these indexes holds only the rows that are asked for, so that no other message has to write into it, or is
# there for something else.
SELDOM: dict[str, Callable[[UnitOfWork], object]] = {
    "which version a programme was shown": lambda tx: tx.audit.highest_shown("Patient", "handle", "organisation"),
    "whether a referral has a positive result": lambda tx: tx.results.positive_in("referral"),
    "how a message was acknowledged": lambda tx: tx.messages.acknowledgement(KEPT),
    "what was replayed until it became a message": lambda tx: tx.messages.root("message"),
}


@pytest.mark.parametrize("what", SELDOM)
def test_what_is_seldom_asked_is_looked_up(service: Service, what: str) -> None:
    assert_looked_up(service, asked(service, COMMUNITY, SELDOM[what]))


@pytest.mark.parametrize("name", metadata.tables)
def test_sqlite_makes_no_table_of_its_own_to_insert_a_row(name: str) -> None:
    """It does for the condition of an index that has an IN over three or more, at every row."""
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        metadata.create_all(connection)
        added = metadata.tables[name].insert().compile(engine)
        steps = connection.exec_driver_sql(f"EXPLAIN {added}", (None,) * len(added.positiontup or ()))
        assert "OpenEphemeral" not in [step[1] for step in steps]


def test_what_a_message_made_is_looked_up_by_when_it_came(service: Service) -> None:
    hospital = service.hospital()
    woman = service.woman(hospital)
    (version,) = service.rows("resource_version", id=woman)
    found = list[str | None]()

    def ask(tx: UnitOfWork) -> None:
        found.extend(tx.messages.made(id) for id in (version["message_id"], "nobody"))

    (statement,) = (each for each in asked(service, hospital, ask) if "FROM resource_version" in each[0])
    (node,) = plan(service, *statement)
    assert all(column in node.by for column in ("tenant_id", "stamp")), node.what
    assert found == [woman, None]
