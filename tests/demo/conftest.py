"""A simulated hospital record of its own for each test, a client that it trusts, and a woman it has registered."""

from collections.abc import Callable, Iterator
from datetime import date

import httpx
import pytest

from service.demo.authority import ASSERTION_TYPE, TrustedClient
from service.demo.cast import new_key
from service.demo.client import Identity, assertion
from service.demo.hospital import SERVICE_SCOPE, HospitalRecord
from service.demo.people import OURS, patient, tessie
from service.demo.record import Resource

FHIR_JSON = "application/fhir+json"


@pytest.fixture
def hospital() -> Iterator[HospitalRecord]:
    with HospitalRecord() as serving:
        yield serving


@pytest.fixture
def identity(hospital: HospitalRecord) -> Identity:
    """A client with all that the service is allowed, registered by its public key."""
    client = Identity("", "peer-referral", SERVICE_SCOPE, new_key())
    hospital.trust(TrustedClient(client.client_id, client.scope, jwks={"keys": [client.key.as_dict(private=False)]}))
    return client


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=10) as client:
        yield client


@pytest.fixture
def token_answer(hospital: HospitalRecord, http: httpx.Client) -> Callable[..., httpx.Response]:
    """Ask for a token with this assertion; other form fields may be replaced."""

    def ask(signed: str, **changes: str) -> httpx.Response:
        form = {
            "grant_type": "client_credentials",
            "scope": SERVICE_SCOPE,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": signed,
        }
        return http.post(hospital.authority.token_url, data=form | changes)

    return ask


@pytest.fixture
def bearer(hospital: HospitalRecord, identity: Identity, token_answer: Callable[..., httpx.Response]) -> str:
    answer = token_answer(assertion(identity, hospital.authority.token_url))
    return str(answer.json()["access_token"])


@pytest.fixture
def ask(hospital: HospitalRecord, http: httpx.Client, bearer: str) -> Callable[..., httpx.Response]:
    """One FHIR call with a token in force."""

    def call(method: str, path: str, body: Resource | None = None, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"Authorization": f"Bearer {bearer}", "Content-Type": FHIR_JSON} | named
        return http.request(method, f"{hospital.base}/{path}", json=body, headers=sent)

    return call


@pytest.fixture
def woman(hospital: HospitalRecord) -> str:
    """The id under which the hospital has registered her itself."""
    return hospital.record.create(patient(tessie(date(2026, 11, 22))))[0].id


@pytest.fixture
def referral(woman: str) -> Callable[..., Resource]:
    """A ServiceRequest about her under a number of the service's."""

    def numbered(number: str = "1", **changes: object) -> Resource:
        return {
            "resourceType": "ServiceRequest",
            "identifier": [{"system": f"{OURS}/identifier/referral", "value": number}],
            "status": "active",
            "intent": "order",
            "subject": {"reference": f"Patient/{woman}"},
            **changes,
        }

    return numbered
