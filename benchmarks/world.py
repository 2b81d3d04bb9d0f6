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
from service.parts import Parts, prepare
from service.referrals.programme import DeliveryMode, Model, Programme
from service.screening.instrument import Stage
from service.security.token import token_hash
from service.settings import Settings
from service.shared.caller import Caller, OrganisationKind, the_service
from service.shared.client import Client
from service.shared.ids import new_id
from service.store.directory import Organisation
from service.store.unit_of_work import UnitOfWork

HOSPITAL = "00000000-0000-7000-8000-000000000001"
SENDER = ("EHR", "TEST")
NOBODY_LISTENS = "http://127.0.0.1:9/fhir"
AT_ONCE = 64
POSITIVE = (2, 2, 2, 2, 2, 2, 1, 1, 1, 0)
NEGATIVE = (1, 0, 1, 0, 0, 0, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Woman:
    """By her id at the service, and by her number at the hospital."""

    id: str
    number: str


@dataclass(frozen=True, slots=True)
class World:
    """`women` are registered and have agreed; each token is good for a day."""

    settings: Settings
    programme: str
    hospital_token: str
    programme_token: str
    women: tuple[Woman, ...]


def observation(woman: str, number: str, scores: tuple[int, ...], at: datetime) -> bytes:
    """One EPDS as one Observation: the total, and its ten items as components."""
    screening = people.Screening(number, scores, at)
    items = [{key: item[key] for key in ("code", "valueInteger")} for item in people.epds_items(screening, woman)]
    return orjson.dumps({**people.epds_total(screening, woman), "component": items})


def oru(woman: str, number: str, control: str, scores: tuple[int, ...], at: datetime) -> bytes:
    """The same EPDS as an ORU^R01, its items in the hospital's own codes (hospital.toml)."""
    taken, name = f"{at:%Y%m%d%H%M%S}+0000", "Testperson^Testina-Maria^^^^^L~Testperson^Tessie^^^^^D"
    lines = [
        f"MSH|^~\\&|{SENDER[0]}|{SENDER[1]}|PR|PEER|{taken}||ORU^R01^ORU_R01|{control}|P|2.5.1",
        f"PID|1||{woman}^^^TEST^MR||{name}||19960229|F|||1 Example Terrace^^^^ZZ99 3VZ^^H^^Testborough||||eng",
        f"OBR|1||{number}^TEST|71354-5^EPDS^LN|||{taken}|||||||||||||||{taken}||OTH|F",
        f"OBX|1|NM|99046-5^Total score^LN||{sum(scores)}|{{score}}^score^UCUM|0-30||||F|||{taken}",
    ]
    lines += [
        f"OBX|{item + 1}|NM|EPDS{item}^Item {item}^L||{score}||0-3||||F|||{taken}"
        for item, score in enumerate(scores, 1)
    ]
    return "\r".join((*lines, "")).encode()


def make(settings: Settings, women: int, offers: int, tell: Callable[[int], None]) -> World:
    """Registers `women`, and as many more as there are to be `offers` waiting for the programme's answer.

    The hospital's record has an address, so that deliveries are owed. `tell` hears how many have been registered.
    """
    parts = prepare(settings)
    try:
        hospital, hospital_token = _admit(parts, HOSPITAL, OrganisationKind.HOSPITAL, HOSPITAL_SCOPE)
        programme, programme_token = _admit(parts, new_id(), OrganisationKind.COMMUNITY, PROGRAMME_SCOPE)
        parts.store.run_now(programme, lambda tx: tx.programmes.put(_programme(programme), _now()))
        known = asyncio.run(_register(parts, hospital, programme.organisation_id, women + offers, tell))
        for number, woman in enumerate(known[women:]):
            body = observation(woman.id, f"EARLIER-{number}", POSITIVE, _now())
            parts.store.run_now(hospital, partial(_receive, rules=parts.rules, body=body))
    finally:
        parts.store.close_now()
    return World(settings, programme.organisation_id, hospital_token, programme_token, tuple(known[:women]))


def _now() -> datetime:
    return datetime.now(UTC)


def _admit(parts: Parts, id: str, kind: OrganisationKind, scope: str) -> tuple[Caller, str]:
    """An organisation with a client, and a token that the client holds."""
    now, token, scopes = _now(), secrets.token_urlsafe(32), frozenset(scope.split())
    caller = Caller(new_id(), id, kind, scopes, new_id())
    endpoint = NOBODY_LISTENS if kind is OrganisationKind.HOSPITAL else None
    organisation = Organisation(caller.organisation_id, f"Test {kind}", kind, endpoint, None, True, now)

    def admit(tx: UnitOfWork) -> None:
        client = Client(caller.client_id, caller.organisation_id, kind, scopes, '{"keys":[]}', None)
        tx.access.add_client(client, now)
        tx.access.add_token(token_hash(token), caller.client_id, scopes, now, now + timedelta(days=1))
        if kind is OrganisationKind.HOSPITAL:
            engine = Client(new_id(), caller.organisation_id, kind, frozenset(), mllp_sender="|".join(SENDER))
            tx.access.add_client(engine, now)

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
) -> list[Woman]:
    known: list[Woman] = []
    for first in range(0, women, AT_ONCE):
        numbers = range(first, min(first + AT_ONCE, women))
        known += await asyncio.gather(*(_woman(parts, hospital, programme, number) for number in numbers))
        tell(len(known))
    return known


async def _woman(parts: Parts, hospital: Caller, programme: str, number: int) -> Woman:
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

    return Woman(await parts.store.run(hospital, register), person.hospital_number)


def _receive(tx: UnitOfWork, rules: Rules, body: bytes) -> None:
    tree, now = parse(body), _now()
    message = read_observation(tree, received(tree, body), rules=rules, base="", now=now)
    assert isinstance(receive_result(tx, rules, message, now), Accepted)
