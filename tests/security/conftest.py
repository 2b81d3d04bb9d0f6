from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, RSAKey

from service.security.scopes import HOSPITAL
from service.shared.caller import OrganisationKind
from service.shared.client import Client
from service.shared.ids import new_id
from tests.security.support import ClientStore, Keys, LocalServer, Request, StillClock, TokenDesk, local_server

Serve = Callable[[Callable[[Request], tuple[int, dict[str, str], bytes | Iterator[bytes]]]], LocalServer]


@pytest.fixture(scope="session")
def keys() -> Keys:
    with pytest.warns(SecurityWarning):  # the library knows as well that it is too small
        weak = RSAKey.import_key(rsa.generate_private_key(65537, 1024))
    return Keys(
        rsa=RSAKey.generate_key(2048),
        ec=ECKey.generate_key("P-384"),
        weak=weak,
        short=ECKey.generate_key("P-256"),
        stranger=RSAKey.generate_key(2048),
    )


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture(scope="module")
def store(sqlite_url: str) -> Iterator[ClientStore]:
    opened = ClientStore(sqlite_url, StillClock())
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def either_store(database_url: str) -> Iterator[ClientStore]:
    """The same on both databases in turn."""
    opened = ClientStore(database_url, StillClock())
    yield opened
    opened.close()


@pytest.fixture
def desk(store: ClientStore, clock: StillClock, keys: Keys) -> TokenDesk:
    return new_desk(store, clock, keys)


@pytest.fixture
def either_desk(either_store: ClientStore, clock: StillClock, keys: Keys) -> TokenDesk:
    return new_desk(either_store, clock, keys)


def new_desk(store: ClientStore, clock: StillClock, keys: Keys) -> TokenDesk:
    store.events.clear()
    unknown = Client(new_id(), "nobody", OrganisationKind.HOSPITAL, frozenset(HOSPITAL.split()), jwks=keys.published())
    desk = TokenDesk(store, clock, keys, unknown)
    desk.client = desk.register()
    return desk


@pytest.fixture
def serve() -> Iterator[Serve]:
    with ExitStack() as servers:
        yield lambda answer: servers.enter_context(local_server(answer))
