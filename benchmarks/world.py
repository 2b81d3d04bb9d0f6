"""A database with everyone on it that the cases need, made by the steps themselves before anything is served."""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial

import orjson

from service.demo import people
from service.demo.cast import HOSPITAL_SCOPE, PROGRAMME_SCOPE
from service.fhir.guard import parse
from service.fhir.read.common import received
from service.fhir.read.consent import read_consent
from service.fhir.read.observation import read_observation
from service.fhir.read.patient import read_patient
from service.flow.answer import Accepted
from service.flow.receive_result import receive_result
from service.flow.record_consent import record_consent
from service.flow.register_patient import register_patient
from service.flow.rules import Rules
from service.referrals.programme import DeliveryMode, Model, Programme
from service.screening.instrument import Stage
from service.security.token import token_hash
from service.settings import Settings
from service.shared.caller import Caller, OrganisationKind, the_service
from service.shared.client import Client
from service.shared.ids import new_id
from service.store.directory import Organisation
from service.store.unit_of_work import UnitOfWork
from service.wiring import Parts, prepare

NOBODY_LISTENS = "http://127.0.0.1:9/fhir"
AT_ONCE = 64
POSITIVE = (2, 2, 2, 2, 2, 2, 1, 1, 1, 0)
NEGATIVE = (1, 0, 1, 0, 0, 0, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class World:
    """`women` are registered and have agreed, by their ids at the service; each token is good for a day."""

    settings: Settings
    programme: str
    hospital_token: str
    programme_token: str
    women: tuple[str, ...]


def observation(woman: str, number: str, scores: tuple[int, ...], at: datetime) -> bytes:
    """One EPDS as one Observation: the total, and its ten items as components."""
    screening = people.Screening(number, scores, at)
    items = [{key: item[key] for key in ("code", "valueInteger")} for item in people.epds_items(screening, woman)]
    return orjson.dumps({**people.epds_total(screening, woman), "component": items})


def make(settings: Settings, women: int, offers: int, tell: Callable[[int], None]) -> World:
    """Registers `women`, and as many more as there are to be `offers` waiting for the programme's answer.

    The hospital's record has an address, so that deliveries are owed. `tell` hears how many have been registered.
    """
    parts = prepare(settings)
    try:
        hospital, hospital_token = _admit(parts, OrganisationKind.HOSPITAL, HOSPITAL_SCOPE)
        programme, programme_token = _admit(parts, OrganisationKind.COMMUNITY, PROGRAMME_SCOPE)
        parts.store.run_now(programme, lambda tx: tx.programmes.put(_programme(programme), _now()))
        ids = asyncio.run(_register(parts, hospital, programme.organisation_id, women + offers, tell))
        for number, woman in enumerate(ids[women:]):
            body = observation(woman, f"EARLIER-{number}", POSITIVE, _now())
            parts.store.run_now(hospital, partial(_receive, rules=parts.rules, body=body))
    finally:
        parts.store.close_now()
    return World(settings, programme.organisation_id, hospital_token, programme_token, tuple(ids[:women]))


def _now() -> datetime:
    return datetime.now(UTC)


def _admit(parts: Parts, kind: OrganisationKind, scope: str) -> tuple[Caller, str]:
    """An organisation with a client, and a token that the client holds."""
    now, token, scopes = _now(), secrets.token_urlsafe(32), frozenset(scope.split())
    caller = Caller(new_id(), new_id(), kind, scopes, new_id())
    endpoint = NOBODY_LISTENS if kind is OrganisationKind.HOSPITAL else None
    organisation = Organisation(caller.organisation_id, f"Test {kind}", kind, endpoint, None, True, now)

    def admit(tx: UnitOfWork) -> None:
        client = Client(caller.client_id, caller.organisation_id, kind, scopes, '{"keys":[]}', None)
        tx.access.add_client(client, now)
        tx.access.add_token(token_hash(token), caller.client_id, scopes, now, now + timedelta(days=1))

    office = the_service(new_id())
    parts.store.run_now(office, lambda tx: tx.organisations.add(organisation))
    parts.store.run_now(office, admit)
    return caller, token


def _programme(caller: Caller) -> Programme:
    return Programme(
        id=new_id(),
        organisation_id=caller.organisation_id,
        name="Test Parent Circle",
        active=True,
        model=Model.ONE_TO_ONE,
        modes=(DeliveryMode.PHONE,),
        languages=frozenset({"en"}),
        districts=frozenset(),
        stages=frozenset(Stage),
        interpreters=False,
        places=1_000_000,
        places_taken=0,
        respond_within_hours=72,
        training_renewed_until=None,
        telephone=None,
    )


async def _register(
    parts: Parts, hospital: Caller, programme: str, women: int, tell: Callable[[int], None]
) -> list[str]:
    ids: list[str] = []
    for first in range(0, women, AT_ONCE):
        numbers = range(first, min(first + AT_ONCE, women))
        ids += await asyncio.gather(*(_woman(parts, hospital, programme, number) for number in numbers))
        tell(len(ids))
    return ids


async def _woman(parts: Parts, hospital: Caller, programme: str, number: int) -> str:
    """A patient, and her consent to be referred to this organisation."""
    now, rules = _now(), parts.rules
    person = replace(people.tessie(now.date()), hospital_number=f"TEST-{number:06}")

    def register(tx: UnitOfWork) -> str:
        body = orjson.dumps(people.patient(person))
        tree = parse(body)
        known = register_patient(tx, rules, read_patient(tree, received(tree, body), updates=False, now=now), now)
        assert isinstance(known, Accepted)
        body = orjson.dumps(people.consent(person, known.id, hospital.organisation_id, programme, now))
        tree = parse(body)
        message = read_consent(tree, received(tree, body), terms=rules.consent_terms, base="", now=now)
        assert isinstance(record_consent(tx, rules, message, now), Accepted)
        return known.id

    return await parts.store.run(hospital, register)


def _receive(tx: UnitOfWork, rules: Rules, body: bytes) -> None:
    tree, now = parse(body), _now()
    message = read_observation(tree, received(tree, body), rules=rules, base="", now=now)
    assert isinstance(receive_result(tx, rules, message, now), Accepted)
