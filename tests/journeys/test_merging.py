"""Two records become one on a store where others are at work too: nobody acts on what is another's by then."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import pytest

from service.flow.answer import Accepted, Answer, Repeated
from service.flow.merge_patients import ReceivedMerge, merge_patients
from service.flow.receive_result import receive_result
from service.flow.receive_update import receive_update
from service.flow.received import Identifier, Received, Reference
from service.flow.received_update import ReceivedUpdate
from service.referrals.offer import Offer, OfferState
from service.shared.caller import Caller
from service.shared.ids import new_id
from service.store.unit_of_work import UnitOfWork
from tests.flow.support import FACTS, Family, Service, body, piece, scores

ROUNDS = 25
SYSTEM = "urn:hospital:mr"


@dataclass(frozen=True)
class Two:
    """Two records of one hospital; the second has an offer that waits for its programme's answer."""

    family: Family
    stays: Identifier
    goes: Identifier
    offer: Offer


def _two(service: Service, *, survivor_is_older: bool) -> Two:
    family = service.family()
    facts = FACTS._replace(district=next(iter(family.programme.districts)))
    stays, goes = Identifier(SYSTEM, new_id()), Identifier(SYSTEM, new_id())
    woman = {}
    for name in (stays, goes) if survivor_is_older else (goes, stays):
        answer = service.register(family.hospital, facts, name)
        assert isinstance(answer, Accepted)
        woman[name] = answer.id
    service.consent(family.hospital, woman[goes], family.community)
    service.result(family.hospital, woman[goes], piece(15, scores(15)))
    (offer,) = service.offers(woman[goes])
    return Two(family, stays, goes, offer)


def _merge(service: Service, two: Two, now: datetime) -> Callable[[UnitOfWork], Answer]:
    within = service.run(two.family.hospital, lambda tx: tx.inbox.archive(Received("ADT^A40", b"MSH"), "accepted"))
    received = Received("Patient", body(), (two.stays,), two.stays, door="hl7v2", within=within)
    return partial(merge_patients, rules=service.rules, message=ReceivedMerge(received, FACTS, (two.goes,)), now=now)


def _accept(service: Service, two: Two, now: datetime) -> Callable[[UnitOfWork], Answer]:
    id = two.offer.id
    accepts = ReceivedUpdate(Received("Task", body(), target_id=id), id, None, OfferState.ACCEPTED, None, None, (), ())
    return partial(receive_update, rules=service.rules, message=accepts, now=now)


def _result(service: Service, two: Two, now: datetime) -> Callable[[UnitOfWork], Answer]:
    told = service.message("", piece(16, scores(16), source=new_id()), effective=now)
    told = told._replace(subject=Reference("Patient", identifier=two.goes))
    return partial(receive_result, rules=service.rules, message=told, now=now)


@pytest.mark.parametrize("survivor_is_older", [True, False], ids=["into the older record", "into the newer record"])
def test_what_comes_while_two_records_become_one_is_the_survivors(service: Service, survivor_is_older: bool) -> None:
    """Whichever is first: the offer is the survivor's and accepted, and so is a result under the retired number."""
    for _ in range(ROUNDS):
        two = _two(service, survivor_is_older=survivor_is_older)
        hospital, now = two.family.hospital, service.now()
        works = [
            (hospital, _merge(service, two, now)),
            (two.family.community, _accept(service, two, now)),
            (hospital, _result(service, two, now)),
        ]

        async def fire(works: list[tuple[Caller, Callable[[UnitOfWork], Answer]]] = works) -> list[Answer]:
            return await asyncio.gather(*(service.store.run(caller, work) for caller, work in works))

        merged, *others = asyncio.run(fire())

        assert isinstance(merged, Repeated)
        assert all(isinstance(answer, Accepted) for answer in others)
        survivor, retired = merged.id, two.offer.patient_id
        assert service.states(survivor) == ("supported", ["accepted"])
        of_hospital = {"tenant_id": hospital.organisation_id}
        results = [row["patient_id"] for row in service.rows("screening_result", **of_hospital)]
        assert results == [survivor, survivor]
        for table in ("referral", "offer", "consent", "alert"):
            assert retired not in {row["patient_id"] for row in service.rows(table, **of_hospital)}, table
