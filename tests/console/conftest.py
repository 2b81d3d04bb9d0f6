"""An alert that waits for an answer, in a service of its own for each test."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from fastapi import FastAPI

from service.console import answering
from service.fhir.application import Identified
from service.referrals.answer_link import AnswerLink, new_token
from service.shared.caller import the_service
from service.shared.ids import new_id
from tests.console.support import Desk
from tests.flow.support import Service, piece, scores


@pytest.fixture
def desk(migrated_sqlite_url: str) -> Iterator[Desk]:
    service = Service(migrated_sqlite_url)
    family = service.family()
    service.result(family.hospital, family.woman, piece(15, scores(15, 1)))
    alert, token = service.alert(family.woman, "self-harm-present"), new_token()
    about = f"{alert['result_id']}.{alert['result_version']}"
    link = AnswerLink(token.hash, alert["id"], alert["tenant_id"], about, service.now() + timedelta(hours=2))
    service.run(the_service(new_id()), lambda tx: tx.answers.add_link(link))
    application = FastAPI()
    application.add_middleware(Identified)
    application.include_router(answering.router(service.store, service.rules, service.clock))
    yield Desk(service, family.woman, f"/answer/{token.text}", application)
    service.close()
