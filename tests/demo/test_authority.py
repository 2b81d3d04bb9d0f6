"""The simulated record believes nobody: every way to be let in wrongly is tried."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from service.demo.authority import ASSERTION_TYPE, Authority, TokenRefused, TrustedClient
from service.demo.cast import new_key
from service.demo.client import Identity, assertion
from service.demo.hospital import SERVICE_SCOPE, HospitalRecord

TokenAnswer = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def hospital() -> Iterator[HospitalRecord]:
    """One for all: each test registers a key of its own."""
    with HospitalRecord() as serving:
        yield serving


def signed(identity: Identity, url: str, header: dict[str, Any], key: Any = None, **claims: Any) -> str:
    """An assertion with another header, key or claims; a None takes the entry away."""
    given = {
        "iss": identity.client_id,
        "sub": identity.client_id,
        "aud": url,
        "exp": int(time.time()) + 240,
        "jti": "x",
    }
    whole = {name: value for name, value in ({"alg": "ES384", "kid": identity.key.kid} | header).items() if value}
    kept = {name: value for name, value in (given | claims).items() if value is not None}
    algorithms = ["ES384", "ES256", "RS384", "RS256", "HS256", "none"]
    return jwt.encode(whole, kept, key or identity.key, algorithms=algorithms, default_type=None)


def test_a_good_assertion_gets_a_token_for_five_minutes(
    hospital: HospitalRecord, identity: Identity, token_answer: TokenAnswer
) -> None:
    answer = token_answer(assertion(identity, hospital.authority.token_url))
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    granted = answer.json()
    assert (granted["token_type"], granted["expires_in"], granted["scope"]) == ("bearer", 300, SERVICE_SCOPE)


def test_an_rs384_assertion_is_believed_as_well(hospital: HospitalRecord, token_answer: TokenAnswer) -> None:
    key = RSAKey.generate_key(2048, auto_kid=True)
    hospital.trust(TrustedClient("rsa", SERVICE_SCOPE, jwks={"keys": [key.as_dict(private=False)]}))
    claims = {"iss": "rsa", "sub": "rsa", "aud": hospital.authority.token_url, "exp": int(time.time()) + 60, "jti": "1"}
    header = {"alg": "RS384", "typ": "JWT", "kid": key.kid}
    assert token_answer(jwt.encode(header, claims, key, algorithms=["RS384"])).status_code == 200


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"aud": "https://elsewhere.example/token"}, "the audience is another"),
        ({"aud": None}, "the audience is another"),
        ({"sub": "somebody-else"}, "iss and sub are not both the client"),
        ({"iss": "somebody-else"}, "the client is unknown"),
        ({"exp": int(time.time()) - 60}, "the assertion has expired"),
        ({"exp": int(time.time()) + 7200}, "the assertion lives over five minutes"),
        ({"exp": str(int(time.time()) + 60)}, "exp is not a whole number"),
        ({"exp": None}, "exp is not a whole number"),
        # The whole run lies between collecting this and asking.
        ({"nbf": int(time.time()) + 3600}, "the assertion is of the future"),
        ({"iat": int(time.time()) + 3600}, "the assertion is of the future"),
        ({"jti": ""}, "jti is missing"),
        ({"jti": None}, "jti is missing"),
        ({"jti": "x" * 257}, "jti is missing"),
    ],
)
def test_an_assertion_with_bad_claims_gets_no_token(
    hospital: HospitalRecord, identity: Identity, token_answer: TokenAnswer, claims: dict[str, Any], why: str
) -> None:
    answer = token_answer(signed(identity, hospital.authority.token_url, {"typ": "JWT"}, **claims))
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_client"})
    assert hospital.authority.refusals[-1] == why


P256 = ECKey.generate_key("P-256", auto_kid=True)


@pytest.mark.parametrize(
    ("header", "key", "why"),
    [
        ({"typ": "JWT"}, new_key(), "the signature is not the client's"),
        ({"typ": "JWT", "kid": "unknown"}, None, "not exactly one registered key has this kid and type"),
        ({"typ": "JWT", "kid": None}, None, "kid is missing"),
        ({"typ": "at+jwt"}, None, "typ is not JWT"),
        ({"typ": None}, None, "typ is not JWT"),
        ({"typ": "JWT", "jku": "https://elsewhere.example/jwks"}, None, "jku is not the registered address"),
        ({"typ": "JWT", "alg": "ES256"}, P256, "the algorithm is neither ES384 nor RS384"),
        ({"typ": "JWT", "alg": "HS256"}, OctKey.generate_key(256), "the algorithm is neither ES384 nor RS384"),
        ({"typ": "JWT", "alg": "RS384"}, RSAKey.generate_key(2048), "not exactly one registered key has this kid"),
    ],
)
def test_an_assertion_with_a_bad_header_or_key_gets_no_token(
    hospital: HospitalRecord, identity: Identity, token_answer: TokenAnswer, header: dict[str, Any], key: Any, why: str
) -> None:
    answer = token_answer(signed(identity, hospital.authority.token_url, header, key))
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_client"})
    assert hospital.authority.refusals[-1].startswith(why)


@pytest.mark.parametrize("garbled", ["", "a.b", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "e30.W10.e30"])
def test_what_is_no_signed_jwt_gets_no_token(
    hospital: HospitalRecord, identity: Identity, token_answer: TokenAnswer, garbled: str
) -> None:
    answer = token_answer(garbled)
    assert answer.status_code == 400
    assert answer.json()["error"] in ("invalid_client", "invalid_request")


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("grant_type", "password", "unsupported_grant_type"),
        ("client_assertion_type", "something-else", "invalid_client"),
        ("scope", "system/Observation.c", "invalid_scope"),
        ("scope", "system/Task.dus system/Task.", "invalid_scope"),
        ("scope", "user/Task.r", "invalid_scope"),
        ("scope", "", "invalid_request"),
    ],
)
def test_a_form_that_asks_for_something_else_is_refused(
    hospital: HospitalRecord, identity: Identity, token_answer: TokenAnswer, field: str, value: str, error: str
) -> None:
    answer = token_answer(assertion(identity, hospital.authority.token_url), **{field: value})
    assert (answer.status_code, answer.json()["error"]) == (400, error)


def test_of_twenty_uses_of_one_assertion_at_once_one_gets_a_token(
    hospital: HospitalRecord, identity: Identity, token_answer: TokenAnswer
) -> None:
    once = assertion(identity, hospital.authority.token_url)
    with ThreadPoolExecutor(20) as pool:
        statuses = sorted(answer.status_code for answer in pool.map(token_answer, [once] * 20))
    assert statuses == [200] + [400] * 19
    assert set(hospital.authority.refusals[-19:]) == {"the assertion was used before"}


def test_a_token_is_good_for_five_minutes_and_no_longer(identity: Identity) -> None:
    now = [time.time()]
    authority = Authority("https://record.example/token", lambda: now[0])
    authority.trust(
        TrustedClient(identity.client_id, SERVICE_SCOPE, jwks={"keys": [identity.key.as_dict(private=False)]})
    )
    form = [
        ("grant_type", "client_credentials"),
        ("scope", SERVICE_SCOPE),
        ("client_assertion_type", ASSERTION_TYPE),
        ("client_assertion", assertion(identity, authority.token_url)),
    ]
    granted = asyncio.run(authority.grant(form))
    now[0] += 299
    assert authority.admitted(f"Bearer {granted.token}") == granted
    now[0] += 1
    assert authority.admitted(f"Bearer {granted.token}") is None
    with pytest.raises(TokenRefused, match="repeated"):
        asyncio.run(authority.grant([*form, form[0]]))


@contextmanager
def published(identities: list[Identity]) -> Iterator[str]:
    """The address at which the public keys of these can be read, as they are at that moment."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            keys = [identity.key.as_dict(private=False) for identity in identities]
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"keys": keys}).encode())

        def log_message(self, format: str, *args: object) -> None:
            """Nothing on the terminal."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/jwks.json"
        finally:
            server.shutdown()
            thread.join()


def test_keys_are_read_at_the_registered_address_and_again_when_a_new_one_signs(
    hospital: HospitalRecord, token_answer: TokenAnswer
) -> None:
    first, second = (Identity("", "by-address", SERVICE_SCOPE, new_key()) for _ in range(2))
    signers = [first]
    with published(signers) as url:
        hospital.trust(TrustedClient("by-address", SERVICE_SCOPE, jwks_url=url))
        assert token_answer(assertion(first, hospital.authority.token_url)).status_code == 200
        assert token_answer(assertion(second, hospital.authority.token_url)).status_code == 400
        signers[:] = [second]
        assert token_answer(assertion(second, hospital.authority.token_url)).status_code == 200


def test_a_client_whose_keys_cannot_be_read_gets_no_token(hospital: HospitalRecord, token_answer: TokenAnswer) -> None:
    hospital.trust(TrustedClient("silent", SERVICE_SCOPE, jwks_url="http://127.0.0.1:9/jwks.json"))
    answer = token_answer(assertion(Identity("", "silent", SERVICE_SCOPE, new_key()), hospital.authority.token_url))
    assert (answer.status_code, hospital.authority.refusals[-1]) == (400, "the client's keys cannot be read")


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer nonsense", "Basic YTpi"])
def test_a_call_without_a_token_in_force_is_401(
    hospital: HospitalRecord, http: httpx.Client, authorization: str | None
) -> None:
    headers = {"Authorization": authorization} if authorization is not None else {}
    for method, path in (("GET", "Task"), ("GET", "Task/1"), ("POST", "Task"), ("PUT", "Task/1"), ("GET", "Other")):
        answer = http.request(method, f"{hospital.base}/{path}", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'


def test_a_scope_reaches_only_as_far_as_it_says(
    hospital: HospitalRecord, http: httpx.Client, identity: Identity, token_answer: TokenAnswer
) -> None:
    answer = token_answer(assertion(identity, hospital.authority.token_url), scope="system/Task.rs system/Patient.u")
    assert answer.json()["scope"] == "system/Task.rs"
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    assert http.get(f"{hospital.base}/Task", headers=headers).status_code == 200
    assert http.get(f"{hospital.base}/Patient", headers=headers).status_code == 403
    assert http.post(f"{hospital.base}/Task", headers=headers, json={"resourceType": "Task"}).status_code == 403
