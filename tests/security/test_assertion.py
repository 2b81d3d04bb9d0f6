"""Every way in which a client assertion can be wrong: refused with the same words, and told apart only in the audit."""

import json
from dataclasses import replace
from typing import Any

import pytest

from service.security.errors import Flaw
from tests.security.support import NOW, TOKEN_URL, TokenDesk, encoded, public, signed

REFUSED = {"error": "invalid_client", "error_description": "The client assertion was not accepted."}
PRESENT = int(NOW.timestamp())


def refused(desk: TokenDesk, assertion: str, fault: Flaw) -> None:
    assert desk.ask(assertion) == (400, REFUSED)
    assert desk.store.outcomes() == [fault.value]


@pytest.mark.parametrize("algorithm", ["RS384", "ES384"])
def test_both_required_algorithms_are_accepted(desk: TokenDesk, algorithm: str) -> None:
    key, kid = (desk.keys.rsa, "rsa-1") if algorithm == "RS384" else (desk.keys.ec, "ec-1")
    assertion = signed({"alg": algorithm, "typ": "JWT", "kid": kid}, desk.claims(), key, algorithm)
    status, answer = desk.ask(assertion)
    assert (status, answer["token_type"], answer["expires_in"]) == (200, "bearer", 300)
    assert desk.store.outcomes() == ["success"]


@pytest.mark.parametrize("algorithm", ["none", "None", "HS256", "RS256", "PS384", "ES256", "", 384, ["RS384"], None])
def test_every_other_algorithm_is_refused_whatever_it_is_signed_with(desk: TokenDesk, algorithm: Any) -> None:
    header = {"alg": algorithm, "typ": "JWT", "kid": "rsa-1"}
    refused(desk, signed(header, desk.claims(), desk.keys.rsa, "RS384"), Flaw.ALGORITHM)


def test_a_public_key_taken_for_a_shared_secret_signs_nothing(desk: TokenDesk) -> None:
    secret = desk.keys.rsa.as_pem(private=False).decode()
    header = {"alg": "HS256", "typ": "JWT", "kid": "rsa-1"}
    refused(desk, signed(header, desk.claims(), secret, "HS256"), Flaw.ALGORITHM)


def test_an_unsigned_assertion_is_refused(desk: TokenDesk) -> None:
    unsigned = signed({"alg": "none", "typ": "JWT", "kid": "rsa-1"}, desk.claims(), desk.keys.rsa, "none")
    refused(desk, unsigned + "AA", Flaw.ALGORITHM)
    assert desk.ask(unsigned) == (400, REFUSED)
    assert desk.store.outcomes()[-1] == Flaw.SEGMENTS.value


@pytest.mark.parametrize("header", [{"typ": "at+jwt"}, {"typ": "jwt"}, {"typ": None}, {"typ": 1}])
def test_the_type_must_be_jwt(desk: TokenDesk, header: dict[str, Any]) -> None:
    refused(desk, desk.assertion(header), Flaw.TYPE)


@pytest.mark.parametrize("header", [{"kid": None}, {"kid": ""}, {"kid": 1}, {"kid": ["rsa-1"]}])
def test_the_key_must_be_named(desk: TokenDesk, header: dict[str, Any]) -> None:
    refused(desk, desk.assertion(header), Flaw.KEY_ID)


@pytest.mark.parametrize("header", [{"crit": ["exp"], "exp": 1}, {"crit": []}, {"b64": True}, {"b64": False}])
def test_an_extension_that_must_be_understood_is_not(desk: TokenDesk, header: dict[str, Any]) -> None:
    refused(desk, desk.assertion(header), Flaw.CRITICAL)


@pytest.mark.parametrize("jku", ["https://elsewhere.example/jwks.json", "", 7])
def test_a_key_location_that_is_not_registered_is_refused(desk: TokenDesk, jku: Any) -> None:
    refused(desk, desk.assertion({"jku": jku}), Flaw.KEY_LOCATION)


@pytest.mark.parametrize(
    "text",
    [
        "one.two",
        "one.two.three.four",
        "a b.c.d",
        "%%%.%%%.%%%",
        "..",
        ".".join([encoded(b"[]").decode(), encoded(b"{}").decode(), "AA"]),
        ".".join([encoded(b'{"alg":"RS384","alg":"none"}').decode(), encoded(b"{}").decode(), "AA"]),
        ".".join([encoded(b'{"alg":NaN}').decode(), encoded(b"{}").decode(), "AA"]),
        ".".join([encoded(b"[" * 5000).decode(), encoded(b"{}").decode(), "AA"]),
        ".".join([encoded(b'{"alg":"RS384"}').decode(), encoded(b"\xff\xfe").decode(), "AA"]),
    ],
)
def test_what_is_no_jwt_is_refused(desk: TokenDesk, text: str) -> None:
    refused(desk, text, Flaw.SEGMENTS)


def test_a_claim_that_stands_twice_is_refused(desk: TokenDesk) -> None:
    claims = json.dumps(desk.claims())[:-1].encode() + b', "sub": "someone-else"}'
    header = {"alg": "RS384", "typ": "JWT", "kid": "rsa-1"}
    refused(desk, signed(header, claims, desk.keys.rsa, "RS384"), Flaw.SEGMENTS)


def test_a_key_that_is_not_in_the_set_is_refused(desk: TokenDesk) -> None:
    refused(desk, desk.assertion({"kid": "rsa-2"}), Flaw.KEY_CHOICE)


def test_a_kid_that_two_keys_share_is_refused(desk: TokenDesk) -> None:
    twins = [public(desk.keys.rsa, "rsa-1"), public(desk.keys.stranger, "rsa-1")]
    desk.client = desk.register(jwks=json.dumps({"keys": twins}))
    refused(desk, desk.assertion(), Flaw.KEY_CHOICE)


def test_one_kid_may_name_an_rsa_and_an_elliptic_key(desk: TokenDesk) -> None:
    pair = [public(desk.keys.rsa, "rsa-1"), public(desk.keys.ec, "rsa-1")]
    desk.client = desk.register(jwks=json.dumps({"keys": pair}))
    assert desk.ask(desk.assertion())[0] == 200


def test_a_kid_of_the_other_kind_of_key_is_refused(desk: TokenDesk) -> None:
    refused(desk, desk.assertion({"kid": "ec-1"}), Flaw.KEY_CHOICE)


def test_a_key_that_is_too_small_is_refused(desk: TokenDesk) -> None:
    small = [public(desk.keys.weak, "rsa-1"), public(desk.keys.short, "ec-1")]
    desk.client = desk.register(jwks=json.dumps({"keys": small}))
    weak = signed({"alg": "RS384", "typ": "JWT", "kid": "rsa-1"}, desk.claims(), desk.keys.weak, "RS384")
    refused(desk, weak, Flaw.KEY_STRENGTH)
    short = signed({"alg": "ES384", "typ": "JWT", "kid": "ec-1"}, desk.claims(), desk.keys.short, "ES384")
    assert desk.ask(short) == (400, REFUSED)
    assert desk.store.outcomes()[-1] == Flaw.KEY_STRENGTH.value


@pytest.mark.parametrize("change", [{"n": "!"}, {"e": 5}, {"e": None}, {"use": "wrong", "key_ops": ["verify"]}])
def test_a_garbled_key_is_refused(desk: TokenDesk, change: dict[str, Any]) -> None:
    desk.client = desk.register(jwks=json.dumps({"keys": [{**public(desk.keys.rsa, "rsa-1"), **change}]}))
    refused(desk, desk.assertion(), Flaw.KEY_STRENGTH)


def test_a_key_for_encryption_proves_nothing(desk: TokenDesk) -> None:
    desk.client = desk.register(jwks=json.dumps({"keys": [{**public(desk.keys.rsa, "rsa-1"), "use": "enc"}]}))
    refused(desk, desk.assertion(), Flaw.SIGNATURE)


def test_another_ones_signature_is_refused(desk: TokenDesk) -> None:
    header = {"alg": "RS384", "typ": "JWT", "kid": "rsa-1"}
    refused(desk, signed(header, desk.claims(), desk.keys.stranger, "RS384"), Flaw.SIGNATURE)


def test_a_changed_claim_breaks_the_signature(desk: TokenDesk) -> None:
    header, _, signature = desk.assertion().split(".")
    refused(desk, ".".join([header, encoded(desk.claims()).decode(), signature]), Flaw.SIGNATURE)


def test_a_header_that_claims_es384_over_an_rs384_signature_is_refused(desk: TokenDesk) -> None:
    header = {"alg": "ES384", "typ": "JWT", "kid": "ec-1"}
    refused(desk, signed(header, desk.claims(), desk.keys.rsa, "RS384"), Flaw.SIGNATURE)


@pytest.mark.parametrize("issuer", [None, "", "nobody", 7, ["x"], "with\u0000nul", "lone\ud800surrogate", "x" * 10_000])
def test_an_issuer_that_is_no_client_is_refused(desk: TokenDesk, issuer: Any) -> None:
    refused(desk, desk.assertion(iss=issuer), Flaw.UNKNOWN_CLIENT)


@pytest.mark.parametrize("subject", [None, "", "another", 7])
def test_issuer_and_subject_must_be_the_same_client(desk: TokenDesk, subject: Any) -> None:
    refused(desk, desk.assertion(sub=subject), Flaw.ISSUER)


def test_a_client_cannot_speak_for_another(desk: TokenDesk) -> None:
    other = desk.register(jwks=json.dumps({"keys": [public(desk.keys.stranger, "rsa-1")]}))
    refused(desk, desk.assertion(iss=other.id, sub=other.id), Flaw.SIGNATURE)


def test_a_revoked_client_is_refused_in_the_same_words(desk: TokenDesk) -> None:
    assert desk.store.run_now(lambda tx: tx.access.revoke_client(desk.client.id, NOW))
    refused(desk, desk.assertion(), Flaw.REVOKED)
    assert desk.ask(desk.assertion(aud="wrong")) == (400, REFUSED)
    assert desk.store.outcomes()[-1] == Flaw.REVOKED.value


@pytest.mark.parametrize(
    "audience",
    [
        None,
        "",
        TOKEN_URL + "/",
        TOKEN_URL.upper(),
        "https://other.example/token",
        [],
        [TOKEN_URL + "/"],
        {TOKEN_URL: 1},
    ],
)
def test_an_audience_other_than_the_exact_address_is_refused(desk: TokenDesk, audience: Any) -> None:
    refused(desk, desk.assertion(aud=audience), Flaw.AUDIENCE)


def test_a_list_of_audiences_may_hold_our_address(desk: TokenDesk) -> None:
    assert desk.ask(desk.assertion(aud=["https://other.example/token", 7, TOKEN_URL]))[0] == 200


@pytest.mark.parametrize(
    "expiry",
    [
        None,
        str(PRESENT + 60),
        PRESENT + 60.5,
        True,
        PRESENT + 331,
        PRESENT + 86_400,
        PRESENT - 30,
        PRESENT - 3600,
        1e999,
    ],
)
def test_an_expiry_that_is_past_or_far_or_no_whole_number_is_refused(desk: TokenDesk, expiry: Any) -> None:
    claims = json.dumps(desk.claims(exp=expiry)).replace("Infinity", "1e999").encode()
    header = {"alg": "RS384", "typ": "JWT", "kid": "rsa-1"}
    refused(desk, signed(header, claims, desk.keys.rsa, "RS384"), Flaw.EXPIRY)


@pytest.mark.parametrize("expiry", [PRESENT - 29, PRESENT + 1, PRESENT + 300, PRESENT + 330])
def test_thirty_seconds_of_skew_are_forgiven_at_both_ends(desk: TokenDesk, expiry: int) -> None:
    assert desk.ask(desk.assertion(exp=expiry))[0] == 200


@pytest.mark.parametrize("claim", ["nbf", "iat"])
@pytest.mark.parametrize("instant", [PRESENT + 31, PRESENT + 86_400, str(PRESENT), True, [PRESENT]])
def test_an_assertion_from_the_future_is_refused(desk: TokenDesk, claim: str, instant: Any) -> None:
    refused(desk, desk.assertion(**{claim: instant}), Flaw.NOT_YET_VALID)


@pytest.mark.parametrize("claim", ["nbf", "iat"])
@pytest.mark.parametrize("instant", [PRESENT - 3600, PRESENT, PRESENT + 30, PRESENT - 0.5])
def test_an_assertion_that_has_begun_is_accepted(desk: TokenDesk, claim: str, instant: Any) -> None:
    assert desk.ask(desk.assertion(**{claim: instant}))[0] == 200


@pytest.mark.parametrize("jti", [None, "", 7, "x" * 257, "x" * 10_000, "with\u0000nul", "lone\ud800surrogate", ["x"]])
def test_a_jti_that_is_no_short_text_is_refused(desk: TokenDesk, jti: Any) -> None:
    refused(desk, desk.assertion(jti=jti), Flaw.JTI)


def test_the_first_thing_that_is_wrong_is_what_the_audit_names(desk: TokenDesk) -> None:
    """Each step mends the earliest fault; the next in the order of the checks appears."""
    desk.client = replace(desk.client)
    wrong: dict[str, Any] = {"jti": "", "nbf": PRESENT + 999, "exp": 1, "aud": "x", "sub": "x", "iss": "x"}
    header: dict[str, Any] = {"jku": "x", "crit": [], "kid": None, "typ": "x", "alg": "x"}
    expected = [Flaw.ALGORITHM, Flaw.TYPE, Flaw.KEY_ID, Flaw.CRITICAL]
    for fault in expected:
        desk.ask(desk.assertion(header, **wrong))
        assert desk.store.outcomes()[-1] == fault.value
        header.popitem()
    desk.reopen()
    for fault in (
        Flaw.UNKNOWN_CLIENT,
        Flaw.KEY_LOCATION,
        Flaw.ISSUER,
        Flaw.AUDIENCE,
        Flaw.EXPIRY,
    ):
        desk.ask(desk.assertion(header, **wrong))
        assert desk.store.outcomes()[-1] == fault.value
        if fault is Flaw.KEY_LOCATION:
            header.clear()
        else:
            wrong.popitem()
    desk.reopen()
    for fault in (Flaw.NOT_YET_VALID, Flaw.JTI):
        desk.ask(desk.assertion(header, **wrong))
        assert desk.store.outcomes()[-1] == fault.value
        wrong.popitem()
    assert desk.ask(desk.assertion(header, **wrong))[0] == 200
