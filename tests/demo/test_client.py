"""The client of hospital and programme: tokens in time, one renewal after a 401, failures as one readable line."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import httpx
import pytest

from service.demo.cast import assemble, new_key
from service.demo.client import CallFailed, Exchange, Identity, SmartClient, connection
from service.demo.faults import Disturbance, DisturbanceKind
from service.demo.hospital import HospitalRecord
from service.demo.programme import Programme
from service.demo.record import Resource


def run(hospital: HospitalRecord, identity: Identity, work: Callable[[SmartClient], Awaitable[Exchange]]) -> Exchange:
    async def connected() -> Exchange:
        async with connection() as http:
            return await work(SmartClient(hospital.base, identity, http))

    return asyncio.run(connected())


def test_a_first_call_fetches_a_token_and_the_next_ones_use_it(hospital: HospitalRecord, identity: Identity) -> None:
    async def thrice(client: SmartClient) -> Exchange:
        for _ in range(2):
            await client.request("GET", "Task")
        return await client.request("GET", "Task")

    assert run(hospital, identity, thrice).must_be(200).body["resourceType"] == "Bundle"
    assert [call.path for call in hospital.journal].count("/token") == 1


def test_a_401_is_answered_with_one_new_token(hospital: HospitalRecord, identity: Identity) -> None:
    async def forgotten(client: SmartClient) -> Exchange:
        await client.token()
        client._token = "forgotten"
        return await client.request("GET", "Task")

    assert run(hospital, identity, forgotten).status == 200
    assert [call.status for call in hospital.journal if call.path == "/fhir/Task"] == [401, 200]


def test_a_key_that_is_not_registered_ends_in_one_line(hospital: HospitalRecord, identity: Identity) -> None:
    stranger = Identity("", identity.client_id, identity.scope, new_key())
    with pytest.raises(CallFailed, match=r"^POST /token answered 400 \(invalid_client\), not 200$"):
        run(hospital, stranger, lambda client: client.request("GET", "Task"))


def test_a_lost_answer_ends_in_one_line_that_names_no_query(hospital: HospitalRecord, identity: Identity) -> None:
    hospital.faults.add(Disturbance(DisturbanceKind.LOST_ANSWER, type="Task", times=None))
    with pytest.raises(CallFailed, match=r"^GET /fhir/Task got no answer \(\w+\)$"):
        run(hospital, identity, lambda client: client.request("GET", "Task?patient=secret"))


def test_a_programme_follows_next_links_remembers_where_it_was_and_stays_on_its_server(identity: Identity) -> None:
    asked: list[str] = []
    next_link = {"url": "https://service.example/fhir/Task?page=2"}

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.decode()
        asked.append(path)
        if path.endswith("smart-configuration"):
            return httpx.Response(200, json={"token_endpoint": "https://service.example/token"})
        if path == "/token":
            return httpx.Response(200, json={"access_token": "t", "expires_in": 300})
        task = {"resourceType": "Task", "id": str(len(asked))}
        bundle: Resource = {"meta": {"lastUpdated": "2026-11-22T10:00:00.123Z"}, "entry": [{"resource": task}]}
        links = [{"relation": "next", **next_link}] if "owner=" in path else []
        return httpx.Response(200, content=json.dumps(bundle | {"link": links}))

    async def polls() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
            programme = Programme(SmartClient("https://service.example/fhir", identity, http))
            tasks, _ = await programme.poll()
            assert [task["id"] for task in tasks] == ["3", "4"]
            assert "_lastUpdated=" not in asked[2]
            await programme.poll()
            assert "_lastUpdated=gt2026-11-22T10%3A00%3A00.123Z" in asked[4]
            next_link["url"] = "https://elsewhere.example/fhir/Task"
            with pytest.raises(CallFailed, match="leads away"):
                await programme.poll()

    asyncio.run(polls())


def test_the_cast_gives_away_public_keys_only() -> None:
    cast = assemble("http://127.0.0.1:1/fhir")
    for member in (cast.hospital, cast.programme, cast.next_programme):
        assert [sorted(key) for key in member.jwks["keys"]] == [["crv", "kid", "kty", "x", "y"]]
        assert member.jwks["keys"][0]["kid"] == member.registered_as("o", "c").key.kid
        assert str(member.key.as_dict(private=True)["d"]) not in repr(cast) + repr(member.registered_as("o", "c"))
