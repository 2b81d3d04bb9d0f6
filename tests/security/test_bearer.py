"""Access tokens at the doors: until when they are believed, and how soon a revocation is felt."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import update

from service.security.bearer import Bearers
from service.security.errors import InvalidToken
from service.shared.caller import Caller
from service.store.retention import forget
from service.store.tables.directory import OrganisationRow
from tests.security.support import NOW, TokenDesk


@pytest.fixture
def bearers(desk: TokenDesk) -> Bearers:
    return Bearers(desk.store, desk.clock, desk.clock.elapsed)


def verify(bearers: Bearers, token: str) -> Caller:
    return asyncio.run(bearers.verify(f"Bearer {token}", "correlation"))


def test_a_token_stands_for_its_client_and_for_no_more_than_was_granted(desk: TokenDesk, bearers: Bearers) -> None:
    token = desk.ask(desk.assertion(), scope="system/Task.r system/Consent.cu")[1]["access_token"]
    caller = verify(bearers, token)
    assert (caller.client_id, caller.organisation_id) == (desk.client.id, desk.client.organisation_id)
    assert (caller.kind, caller.correlation_id) == (desk.client.kind, "correlation")
    assert caller.scopes == {"system/Task.r", "system/Consent.cu"}


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Basic eDp5", "Bearer short", "Bearer " + "x" * 43, "Bearer " + "x" * 44, "x" * 43],
)
def test_a_missing_garbled_or_foreign_token_is_refused(bearers: Bearers, header: str | None) -> None:
    with pytest.raises(InvalidToken):
        asyncio.run(bearers.verify(header, "correlation"))


def test_the_scheme_is_read_in_any_case(desk: TokenDesk, bearers: Bearers) -> None:
    token = desk.ask(desk.assertion())[1]["access_token"]
    assert asyncio.run(bearers.verify(f"bEARER {token}", "c")).client_id == desk.client.id


@pytest.mark.parametrize("asked_before", [True, False])
def test_a_token_lives_for_three_hundred_seconds(desk: TokenDesk, bearers: Bearers, asked_before: bool) -> None:
    token = desk.ask(desk.assertion())[1]["access_token"]
    desk.clock.present = NOW + timedelta(seconds=299)
    if asked_before:
        verify(bearers, token)
    desk.clock.present = NOW + timedelta(seconds=300)
    with pytest.raises(InvalidToken):
        verify(bearers, token)


def test_a_revoked_client_is_refused_within_a_second(desk: TokenDesk, bearers: Bearers) -> None:
    token = desk.ask(desk.assertion())[1]["access_token"]
    verify(bearers, token)
    assert desk.store.run_now(lambda tx: tx.access.revoke_client(desk.client.id, NOW))
    desk.clock.seconds += 1.0
    with pytest.raises(InvalidToken):
        verify(bearers, token)
    assert not desk.store.run_now(lambda tx: tx.access.revoke_client(desk.client.id, NOW))


def test_a_token_of_an_organisation_that_was_closed_is_refused(desk: TokenDesk, bearers: Bearers) -> None:
    token = desk.ask(desk.assertion())[1]["access_token"]
    close = update(OrganisationRow).where(OrganisationRow.id == desk.client.organisation_id).values(active=False)  # type: ignore[arg-type]  # SQLModel types the column as its value
    desk.store.run_now(lambda tx: tx.connection.execute(close))
    with pytest.raises(InvalidToken):
        verify(bearers, token)
    assert desk.ask(desk.assertion())[0] == 400


def test_the_store_is_asked_once_a_second_for_one_token(
    desk: TokenDesk, bearers: Bearers, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = desk.ask(desk.assertion())[1]["access_token"]
    asked, read = [], desk.store.read

    async def counted(caller: Caller, work: object) -> object:
        asked.append(caller)
        return await read(caller, work)  # type: ignore[arg-type]  # passed on as it came

    monkeypatch.setattr(desk.store, "read", counted)
    for _ in range(5):
        verify(bearers, token)
    assert len(asked) == 1
    desk.clock.seconds += 1.0
    verify(bearers, token)
    assert len(asked) == 2


def test_what_is_dead_is_forgotten_and_what_lives_is_kept(desk: TokenDesk, bearers: Bearers) -> None:
    assertion = desk.assertion()
    token = desk.ask(assertion)[1]["access_token"]
    later = NOW + timedelta(seconds=269)
    desk.store.run_now(lambda tx: forget(tx.connection.execute, later))
    verify(bearers, token)
    assert desk.ask(assertion)[0] == 400
    desk.clock.seconds += 2
    desk.store.run_now(lambda tx: forget(tx.connection.execute, NOW + timedelta(seconds=301)))
    with pytest.raises(InvalidToken):
        verify(bearers, token)
