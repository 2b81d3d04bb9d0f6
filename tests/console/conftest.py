"""An alert that waits for an answer, in a service of its own for each test."""

import secrets
from collections.abc import Iterator
from datetime import timedelta

import pytest

from service.referrals.answer_link import AnswerLink, Token
from service.shared.caller import the_service
from service.shared.ids import new_id
from tests.console.support import Desk, serving
from tests.flow.support import MINUTE, UNREACHABLE, Service, piece, scores


@pytest.fixture
def desk(migrated_sqlite_url: str) -> Iterator[Desk]:
    service = Service(migrated_sqlite_url)
    family = service.family()
    service.result(family.hospital, family.woman, piece(15, scores(15, 1)))
    yield _desk(service, family.woman, "self-harm-present")
    service.close()


@pytest.fixture
def unreachable(migrated_sqlite_url: str) -> Iterator[Desk]:
    """She was supported, and the last safe way to reach her was taken back."""
    service = Service(migrated_sqlite_url)
    family, _ = service.supported()
    service.pass_time(MINUTE)
    service.consent(family.hospital, family.woman, family.community, target_id=family.consent, safe_contact=UNREACHABLE)
    yield _desk(service, family.woman, "safe-contact-withdrawn")
    service.close()


def _desk(service: Service, woman: str, code: str) -> Desk:
    alert, token = service.alert(woman, code), Token(secrets.token_urlsafe(32))
    about = f"{alert['result_id']}.{alert['result_version']}" if alert["result_id"] else None
    link = AnswerLink(token.hash, alert["id"], alert["tenant_id"], about, service.now() + timedelta(hours=2))
    service.run(the_service(new_id()), lambda tx: tx.answers.add_link(link))
    return Desk(service, woman, f"/answer/{token.text}", serving(service, service.rules))
