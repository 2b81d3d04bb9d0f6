"""The token endpoint on a real database: its form, its replays, its scopes and its brakes."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from service.security.errors import Flaw
from service.security.scopes import HOSPITAL
from service.security.token import LARGEST_FORM, token_hash
from tests.security.support import NOW, ClientStore, TokenDesk, public, signed


def test_a_token_is_opaque_short_lived_never_cached_and_kept_only_as_its_hash(desk: TokenDesk) -> None:
    status, answer, headers = asyncio.run(desk.send(desk.form(desk.assertion())))
    assert status == 200
    assert {**answer, "access_token": ""} == {
        "access_token": "",
        "token_type": "bearer",
        "expires_in": 300,
        "scope": " ".join(sorted(HOSPITAL.split())),
    }
    assert headers == {"Content-Type": "application/json", "Cache-Control": "no-store", "Pragma": "no-cache"}
    token = answer["access_token"]
    assert len(token) == 43
    assert desk.store.run_now(lambda tx: tx.access.grant(token)) is None
    grant = desk.store.run_now(lambda tx: tx.access.grant(token_hash(token)))
    assert grant is not None
    assert (grant.client, (grant.expires_at - NOW).total_seconds()) == (desk.client, 300)


def test_issue_and_denial_are_in_the_audit_and_say_who(desk: TokenDesk) -> None:
    assertion = desk.assertion()
    desk.ask(assertion)
    desk.ask(assertion)
    desk.ask("garbage")
    told = [(event.subject, event.outcome) for event in desk.store.events]
    assert told == [
        (f"Client/{desk.client.id}", "success"),
        (f"Client/{desk.client.id}", Flaw.REPLAY.value),
        ("Client/unknown", Flaw.SEGMENTS.value),
    ]


def test_an_assertion_works_once_also_after_a_restart(desk: TokenDesk) -> None:
    assertion = desk.assertion()
    assert desk.ask(assertion)[0] == 200
    assert desk.ask(assertion)[1]["error"] == "invalid_client"
    desk.reopen()
    assert desk.ask(assertion)[1]["error"] == "invalid_client"
    assert desk.store.outcomes() == ["success", "replay", "replay"]


def test_two_clients_may_use_the_same_jti(desk: TokenDesk) -> None:
    assert desk.ask(desk.assertion(jti="same"))[0] == 200
    desk.client = desk.register()
    assert desk.ask(desk.assertion(jti="same"))[0] == 200


def test_of_a_hundred_replays_at_once_one_is_answered(either_desk: TokenDesk) -> None:
    """From a hundred addresses, so that the brake on failures cannot hide a second success."""
    desk = either_desk
    body = desk.form(desk.assertion())

    async def together() -> list[int]:
        sent = [desk.send(body, address=f"192.0.2.{number}") for number in range(100)]
        return [status for status, _, _ in await asyncio.gather(*sent)]

    statuses = asyncio.run(together())
    assert sorted(statuses) == [200] + [400] * 99
    assert sorted(desk.store.outcomes()) == ["replay"] * 99 + ["success"]


def test_of_a_hundred_threads_one_uses_an_assertion(either_desk: TokenDesk) -> None:
    store = either_desk.store
    with ThreadPoolExecutor(20) as threads:
        firsts = list(
            threads.map(
                lambda _: store.run_now(lambda tx: tx.access.use_assertion("issuer", "the-one", NOW)), range(100)
            )
        )
    assert firsts.count(True) == 1


def test_two_servers_on_one_database_accept_an_assertion_once(either_desk: TokenDesk, database_url: str) -> None:
    desk = either_desk
    second = ClientStore(database_url, desk.clock)
    other = TokenDesk(second, desk.clock, desk.keys, desk.client)
    body = desk.form(desk.assertion())

    async def both() -> list[int]:
        replies = await asyncio.gather(
            *(server.send(body, address=f"192.0.2.{n}") for n in range(20) for server in (desk, other))
        )
        return [status for status, _, _ in replies]

    try:
        assert sorted(asyncio.run(both())) == [200] + [400] * 39
    finally:
        second.close()


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"grant_type": None}, "invalid_request"),
        ({"grant_type": ""}, "invalid_request"),
        ({"scope": None}, "invalid_request"),
        ({"client_assertion": None}, "invalid_request"),
        ({"client_assertion_type": None}, "invalid_request"),
        ({"grant_type": "authorization_code"}, "unsupported_grant_type"),
        ({"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"}, "invalid_client"),
        ({"client_id": "another"}, "invalid_client"),
        ({"scope": "system/Task.dus"}, "invalid_scope"),
        ({"scope": "system/Task.read"}, "invalid_scope"),
        ({"scope": 'system/Task.r"'}, "invalid_scope"),
        ({"scope": "openid launch"}, "invalid_scope"),
        ({"scope": "system/Task.d system/Medication.cruds"}, "invalid_scope"),
        ({"scope": " "}, "invalid_scope"),
    ],
)
def test_a_wrong_parameter_has_its_own_oauth_error(desk: TokenDesk, changes: dict[str, Any], error: str) -> None:
    status, answer = desk.ask(desk.assertion(), **changes)
    assert (status, answer["error"]) == (400, error)
    assert set(answer) == {"error", "error_description"}


def test_the_client_id_may_be_repeated_in_the_form(desk: TokenDesk) -> None:
    assert desk.ask(desk.assertion(), client_id=desk.client.id)[0] == 200


@pytest.mark.parametrize("name", ["grant_type", "scope", "client_assertion_type", "client_assertion", "unheard_of"])
def test_a_parameter_that_stands_twice_is_refused(desk: TokenDesk, name: str) -> None:
    body = desk.form(desk.assertion(), unheard_of="1") + f"&{name}=1".encode()
    status, answer, _ = asyncio.run(desk.send(body))
    assert (status, answer["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data", "text/plain", ""])
def test_only_a_form_is_read(desk: TokenDesk, content_type: str) -> None:
    status, answer, _ = asyncio.run(desk.send(desk.form(desk.assertion()), content_type))
    assert (status, answer["error"]) == (400, "invalid_request")


def test_a_form_may_name_its_encoding(desk: TokenDesk) -> None:
    content_type = "Application/X-WWW-Form-Urlencoded; charset=UTF-8"
    assert asyncio.run(desk.send(desk.form(desk.assertion()), content_type))[0] == 200


@pytest.mark.parametrize(
    "body", [b"", b"&", b"\xff\xfe", b"grant_type", b"a=%ff", b"&".join(b"p%d=1" % n for n in range(30))]
)
def test_a_garbled_form_is_an_invalid_request(desk: TokenDesk, body: bytes) -> None:
    status, answer, _ = asyncio.run(desk.send(body))
    assert (status, answer["error"]) == (400, "invalid_request")


def test_a_second_way_to_say_who_one_is_is_refused(desk: TokenDesk) -> None:
    status, answer, _ = asyncio.run(desk.send(desk.form(desk.assertion()), authorization="Basic eDp5"))
    assert (status, answer["error"]) == (400, "invalid_request")


def test_a_form_of_more_than_16_kilobytes_is_refused(desk: TokenDesk) -> None:
    body = desk.form(desk.assertion())
    fits = body + b"&pad=" + b"x" * (LARGEST_FORM - len(body) - 5)
    assert asyncio.run(desk.send(fits + b"x"))[0] == 413
    assert asyncio.run(desk.send(fits))[0] == 200


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        ("system/Task.rus", "system/Task.rus"),
        ("system/Task.cruds", "system/Task.rus"),
        ("system/*.cruds", " ".join(sorted(HOSPITAL.split()))),
        ("system/*.c", "system/Consent.c system/Observation.c system/Patient.c system/QuestionnaireResponse.c"),
        ("system/Task.r system/Task.u", "system/Task.ru"),
        ("openid patient/Task.r system/Task.r system/Medication.r", "system/Task.r"),
    ],
)
def test_what_is_granted_is_what_was_asked_for_and_allowed(desk: TokenDesk, asked: str, granted: str) -> None:
    status, answer = desk.ask(desk.assertion(), scope=asked)
    assert (status, answer["scope"]) == (200, granted)


def test_a_refused_scope_uses_the_assertion_up(desk: TokenDesk) -> None:
    assertion = desk.assertion()
    assert desk.ask(assertion, scope="system/Medication.r")[1]["error"] == "invalid_scope"
    assert desk.ask(assertion)[1]["error"] == "invalid_client"
    assert desk.store.outcomes() == ["invalid_scope", "replay"]


def test_whoever_keeps_failing_is_slowed_and_no_one_else(desk: TokenDesk) -> None:
    other = desk.register()

    async def attack() -> None:
        for attempt in range(1000):
            status, _, headers = await desk.send(desk.form(desk.assertion(aud="wrong")))
            assert status == (400 if attempt < 10 else 429)
            if status == 429:
                assert 0 < int(headers["Retry-After"]) <= 61
        assert (await desk.send(desk.form(desk.assertion())))[0] == 429
        assert (await desk.send(desk.form(desk.assertion()), address="192.0.2.2"))[0] == 200
        ours, desk.client = desk.client, other
        assert (await desk.send(desk.form(desk.assertion())))[0] == 200
        desk.client = ours
        desk.clock.seconds += 61
        assert (await desk.send(desk.form(desk.assertion())))[0] == 200

    asyncio.run(attack())
    assert desk.store.outcomes().count(Flaw.AUDIENCE.value) == 10


def test_a_new_false_name_each_time_does_not_escape_the_brake(desk: TokenDesk) -> None:
    async def attack() -> list[int]:
        return [(await desk.send(desk.form(desk.assertion(iss=f"nobody-{n}"))))[0] for n in range(30)]

    assert asyncio.run(attack()) == [400] * 10 + [429] * 20


def test_a_rotated_key_is_good_until_it_is_taken_out(desk: TokenDesk) -> None:
    both = {"keys": [public(desk.keys.rsa, "rsa-1"), public(desk.keys.stranger, "rsa-2")]}
    desk.client = desk.register(jwks=json.dumps(both))
    header = {"alg": "RS384", "typ": "JWT", "kid": "rsa-2"}
    assert desk.ask(desk.assertion())[0] == 200
    assert desk.ask(signed(header, desk.claims(), desk.keys.stranger, "RS384"))[0] == 200
    desk.client = desk.register(jwks=json.dumps({"keys": both["keys"][1:]}))
    assert desk.ask(desk.assertion())[0] == 400
    assert desk.ask(signed(header, desk.claims(), desk.keys.stranger, "RS384"))[0] == 200
