"""Registering organisations and their clients: what could never work, or not be told apart, is refused at once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.office import NotAccepted, Office
from service.parts import open_office
from service.settings import read_settings

IDENTIFIER = "https://a.example|1"


@pytest.fixture(params=[True, False], ids=["loopback", "public"])
def allow_loopback(request: pytest.FixtureRequest) -> bool:
    allowed: bool = request.param
    return allowed


@pytest.fixture
def office(tmp_path: Path, allow_loopback: bool) -> Iterator[Office]:
    settings = read_settings(data_folder=str(tmp_path), allow_loopback=str(allow_loopback).lower(), migrate=True)
    with open_office(settings) as opened:
        yield opened


def test_an_identifier_means_one_organisation(office: Office) -> None:
    first = office.add_organisation("St Test", "hospital", None, IDENTIFIER)
    for kind in ("hospital", "community"):
        with pytest.raises(NotAccepted, match=first):
            office.add_organisation("Other", kind, None, IDENTIFIER)
    assert [each.id for each in office.organisations()] == [first]
    for other in ("https://a.example|2", "https://b.example|1", None, None):
        office.add_organisation("Other", "community", None, other)
    assert len(office.organisations()) == 5


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "169.254.169.254", "10.0.0.1"])
def test_keys_are_not_to_be_fetched_from_where_they_would_be_refused(
    office: Office, allow_loopback: bool, host: str
) -> None:
    organisation = office.add_organisation("St Test", "hospital", None, None)
    address = f"https://{host}/jwks.json"
    if allow_loopback and host in ("127.0.0.1", "localhost", "[::1]"):
        assert office.add_client(organisation, ["system/Task.rs"], None, address)
        return
    with pytest.raises(NotAccepted, match="not public"):
        office.add_client(organisation, ["system/Task.rs"], None, address)
