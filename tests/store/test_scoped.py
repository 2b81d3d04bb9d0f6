"""Visibility: no caller reads outside its own organisation's scope, and each kind of caller sees what is its own."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from service.flow.received import Identifier
from service.flow.rules import Rules
from service.referrals.offer import Offer, display_of
from service.shared.caller import Caller, the_service
from service.store import tables
from service.store.feed import Feed
from service.store.queries import TaskQuery
from service.store.scoped import SCOPE
from service.store.unit_of_work import UnitOfWork
from service.store.visible import Visible
from tests.flow.support import FACTS, NOW, Service, piece, scores


@dataclass(frozen=True, slots=True)
class Half:
    """A hospital with a woman of its own, offered to a programme of its own, and every id that leads to her."""

    hospital: Caller
    community: Caller
    patient: str
    consent: str
    observation: str
    referral: str
    alert: str
    offer: Offer


@pytest.fixture(scope="module")
def service(migrated_sqlite_url: str, rules: Rules) -> Iterator[Service]:
    with closing(Service(migrated_sqlite_url, rules=rules)) as opened:
        yield opened


@pytest.fixture(scope="module")
def halves(service: Service) -> tuple[Half, Half]:
    def half(number: int) -> Half:
        family, offer = service.offered()
        name = Identifier("urn:hospital", str(number))
        service.register(family.hospital, FACTS, name, target_id=family.woman, updates=True)
        service.result(family.hospital, family.woman, piece(3, scores(3, 1)), effective=NOW)
        (observation, *_) = service.rows("resource_version", type="Observation", patient_id=family.woman)
        alert = service.rows("alert", patient_id=family.woman)[0]["id"]
        offer = service.offers(family.woman)[0]
        referral = service.referral(family.woman).id
        return Half(
            family.hospital, family.community, family.woman, family.consent, observation["id"], referral, alert, offer
        )

    return half(1), half(2)


# kind -> how it is asked for -> may its hospital see it, may its programme
Ask = Callable[[UnitOfWork, Half], object]
ASKED: dict[str, tuple[Ask, bool, bool]] = {
    "patient_id": (lambda tx, half: tx.visible.patient_id(half.patient), True, False),
    "consent": (lambda tx, half: tx.visible.consent(half.consent), True, False),
    "referral": (lambda tx, half: tx.visible.referral(half.referral), True, False),
    "alert": (lambda tx, half: tx.visible.alert(half.alert), True, False),
    "resource Patient": (lambda tx, half: tx.visible.resource("Patient", half.patient), True, False),
    "resource Consent": (lambda tx, half: tx.visible.resource("Consent", half.consent), True, False),
    "resource Observation": (lambda tx, half: tx.visible.resource("Observation", half.observation), True, False),
    "offer": (lambda tx, half: tx.visible.offer(half.offer.id), True, True),
    "Patient handle": (lambda tx, half: tx.visible.offer_by_handle("Patient", half.offer.handles.patient), True, True),
    "ServiceRequest handle": (
        lambda tx, half: tx.visible.offer_by_handle("ServiceRequest", half.offer.handles.service_request), True, True,
    ),
    "Consent handle": (lambda tx, half: tx.visible.offer_by_handle("Consent", half.offer.handles.consent), True, True),
    "Observation handle": (
        lambda tx, half: tx.visible.offer_by_handle("Observation", half.offer.handles.observation), True, True,
    ),
    "named": (lambda tx, half: tx.visible.named([half.offer.id]), True, True),
    "named, by handle": (lambda tx, half: tx.visible.named([half.offer.handles.patient]), True, True),
    "offer by search": (lambda tx, half: tx.feed.offers(TaskQuery(9, ids=frozenset({half.offer.id}))), True, True),
    "offer by patient": (
        lambda tx, half: tx.feed.offers(TaskQuery(9, patient_ids=frozenset({half.patient}))), True, False,
    ),
    "offer by patient handle": (
        lambda tx, half: tx.feed.offers(TaskQuery(9, patient_ids=frozenset({half.offer.handles.patient}))), False, True,
    ),
    "offer by owner": (
        lambda tx, half: tx.feed.offers(TaskQuery(9, owner_ids=frozenset({half.community.organisation_id}))),
        True, True,
    ),
    "alert by search": (lambda tx, half: tx.feed.alerts(TaskQuery(9, ids=frozenset({half.alert}))), True, False),
    "referral with its stamp": (lambda tx, half: tx.feed.referrals([half.referral]), True, False),
    "alert by patient": (
        lambda tx, half: tx.feed.alerts(TaskQuery(9, patient_ids=frozenset({half.patient}))), True, False,
    ),
}  # fmt: skip
# Ids of hers under the wrong name find nothing, whoever asks.
NEVER: dict[str, Ask] = {
    "a programme's handle is no patient": lambda tx, half: tx.visible.patient_id(half.offer.handles.patient),
    "her id is no handle": lambda tx, half: tx.visible.offer_by_handle("Patient", half.patient),
    "one handle is not another": lambda tx, half: tx.visible.offer_by_handle("Consent", half.offer.handles.patient),
    "a handle is no resource": lambda tx, half: tx.visible.resource("Patient", half.offer.handles.patient),
}


def finds(service: Service, caller: Caller, ask: Ask, half: Half) -> bool:
    return bool(service.read(caller, lambda tx: ask(tx, half)))


@pytest.mark.parametrize("kind", ASKED)
def test_each_sees_what_is_its_own_and_nothing_of_the_other_half(
    service: Service, halves: tuple[Half, Half], kind: str
) -> None:
    ask, hospital_sees, programme_sees = ASKED[kind]
    for asked in halves:
        for asking in halves:
            own = asked is asking
            sees = {
                "hospital": finds(service, asking.hospital, ask, asked),
                "programme": finds(service, asking.community, ask, asked),
            }
            assert sees == {"hospital": own and hospital_sees, "programme": own and programme_sees}


@pytest.mark.parametrize("what", NEVER)
def test_ids_are_not_interchangeable(service: Service, halves: tuple[Half, Half], what: str) -> None:
    half = halves[0]
    for caller in (half.hospital, half.community):
        assert not finds(service, caller, NEVER[what], half)


def test_the_service_itself_reads_nothing_through_a_callers_view(service: Service, halves: tuple[Half, Half]) -> None:
    for ask, _, _ in ASKED.values():
        assert not finds(service, the_service(""), ask, halves[0])


def test_an_unfiltered_search_holds_the_callers_own_alone(service: Service, halves: tuple[Half, Half]) -> None:
    for half in halves:
        for caller in (half.hospital, half.community):
            assert [offer.id for offer in service.poll(caller)] == [half.offer.id]
        alerts = service.read(half.hospital, lambda tx: tx.feed.alerts(TaskQuery(9)))
        assert [alert.id for alert, _ in alerts] == [half.alert]


# What needs no scope, and why
WITHOUT_SCOPE = {
    "organisation": "a directory that every client may read",
    "commit_clock": "one number about nobody",
    "inbound_message": "reached by the key of a version that was found in scope",
}
# Asked only about what was found in scope before; it gives a number, and nothing of the row.
FROM_WHAT_WAS_FOUND = {"stamp_of"}


@pytest.mark.parametrize("face", [Visible, Feed])
def test_no_method_reads_a_callers_rows_without_the_callers_scope(
    service: Service, halves: tuple[Half, Half], face: type
) -> None:
    half = halves[0]
    arguments: dict[str, tuple[object, ...]] = {
        "patient_id": (half.patient,),
        "organisation_id": (half.community.organisation_id,),
        "consent": (half.consent,),
        "referral": (half.referral,),
        "offer": (half.offer.id,),
        "offer_by_handle": ("Patient", half.offer.handles.patient),
        "named": ([half.offer.id],),
        "called": ([display_of(half.offer.id)],),
        "dealings": (NOW,),
        "alert": (half.alert,),
        "resource": ("Patient", half.patient),
        "highest_stamp": (),
        "offers": (TaskQuery(9),),
        "alerts": (TaskQuery(9),),
        "referrals": ((half.referral,),),
    }
    methods = {name for name, _ in inspect.getmembers(face, inspect.isfunction) if not name.startswith("_")}
    assert methods <= arguments.keys() | FROM_WHAT_WAS_FOUND, "name here what a new method is asked with"
    for name in sorted(methods - FROM_WHAT_WAS_FOUND):
        for caller in (half.hospital, half.community):
            for statement, values in _statements(service, caller, face, name, arguments[name]):
                read = {table for table in tables.metadata.tables if f"FROM {table}" in " ".join(statement.split())}
                assert read, statement
                if read <= WITHOUT_SCOPE.keys():
                    continue
                scope = {f"{column} = ?" for (_, kind), column in SCOPE.items() if kind is caller.kind}
                assert any(condition in statement for condition in scope), f"{face.__name__}.{name}: {statement}"
                assert caller.organisation_id in values


def _statements(
    service: Service, caller: Caller, face: type, name: str, arguments: tuple[object, ...]
) -> list[tuple[str, tuple[Any, ...]]]:
    heard: list[tuple[str, tuple[Any, ...]]] = []

    def hear(_: object, __: object, statement: str, values: tuple[Any, ...], *___: object) -> None:
        heard.append((statement, values))

    event.listen(Engine, "before_cursor_execute", hear)
    try:
        service.read(caller, lambda tx: getattr(tx.visible if face is Visible else tx.feed, name)(*arguments))
    finally:
        event.remove(Engine, "before_cursor_execute", hear)
    return heard


def test_a_programme_has_no_scope_on_patients_consents_referrals_or_alerts() -> None:
    visible = {table.name for (table, kind) in SCOPE if kind == "community"}
    assert visible == {"offer", "resource_version"}


def test_only_the_store_knows_the_tables() -> None:
    """A door that could build its own statement could leave the scope out."""
    service = Path(__file__).parents[2] / "service"
    outside = [path for path in service.rglob("*.py") if "store" not in path.relative_to(service).parts[:1]]
    assert [str(path) for path in outside if "service.store.tables" in path.read_text()] == []
