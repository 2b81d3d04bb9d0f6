"""Behind a proxy a client is slowed by its own address, which only a proxy that is trusted may tell."""

from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest

from service.demo.authority import ASSERTION_TYPE
from service.demo.client import assertion
from service.security.limit import FAILURES
from tests.journeys.support import World

HERE, ELSEWHERE = "203.0.113.1", "203.0.113.2"


def fail(world: World, address: str) -> int:
    """One refused request for a token, as a proxy passes it on."""
    nobody = replace(world.hospital.identity, client_id="nobody")
    form = {
        "grant_type": "client_credentials",
        "scope": nobody.scope,
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": assertion(nobody, f"{world.service.url}/token"),
    }
    headers = {"X-Forwarded-For": address}
    return httpx.post(f"{world.service.url}/token", data=form, headers=headers, trust_env=False).status_code


@pytest.mark.parametrize(
    ("trusted", "elsewhere"),
    [("127.0.0.1", 400), ("127.0.0.0/8, ::1", 400), ("", 429), ("198.51.100.7", 429)],
    ids=["trusted by address", "trusted by network", "nobody is trusted", "another is trusted"],
)
def test_failures_count_for_the_address_that_a_trusted_proxy_tells(
    new_world: Callable[..., World], trusted: str, elsewhere: int
) -> None:
    world = new_world(trusted_proxies=trusted)
    assert [fail(world, HERE) for _ in range(FAILURES)] == [400] * FAILURES
    assert fail(world, HERE) == 429
    assert fail(world, ELSEWHERE) == elsewhere
