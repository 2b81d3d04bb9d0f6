"""A programme that polls with the lastUpdated of the page before misses nothing and is told nothing twice.

`make faults` polls for 20 seconds on each database, `make test` for eight; PEER_REFERRAL_TEST_SECONDS says how long.
"""

import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Event

from service.flow.answer import Accepted
from service.flow.disclose import disclose
from service.referrals.offer import Offer
from service.shared.caller import Caller
from service.store.queries import Compare, TaskQuery
from service.store.unit_of_work import UnitOfWork
from tests.flow.support import Service, piece, scores

SECONDS = float(os.environ.get("PEER_REFERRAL_TEST_SECONDS", "8"))
WRITERS = 8
WOMEN_TO_BEGIN_WITH = 24
PAGE = 5

Page = tuple[list[tuple[Offer, int]], int]


@dataclass
class Poller:
    """What it saw: (offer, version) in the order of the polls, and the mark that each poll gave it.

    With `page` it fetches small pages by the place of the last row, and keeps the mark of the first of them.
    """

    service: Service
    caller: Caller
    page: int = 10_000
    mark: int = 0
    marks: list[int] = field(default_factory=list)
    seen: list[list[tuple[str, int]]] = field(default_factory=list)

    def poll(self) -> None:
        found, mark = self._fetch(None)
        rows = list(found)
        while self.page < 10_000 and len(found) == self.page:
            found, _ = self._fetch((found[-1][1], found[-1][0].id))
            rows += found
        self.mark = mark
        self.marks.append(mark)
        self.seen.append([(offer.id, offer.version) for offer, _ in rows])

    def _fetch(self, after: tuple[int, str] | None) -> Page:
        """As a search does it."""
        query = TaskQuery(self.page, changed=((Compare.AFTER, self.mark),), after=after)
        return self.service.store.read_now(self.caller, partial(self._show, query=query))

    def _show(self, tx: UnitOfWork, query: TaskQuery) -> Page:
        found, mark = tx.feed.offers(query), tx.feed.highest_stamp()
        disclose(tx, self.service.rules, [offer for offer, _ in found], "Task", self.service.now())
        return found, mark


def test_a_poller_that_reuses_last_updated_misses_nothing_and_hears_nothing_twice(service: Service) -> None:
    hospital, community = service.hospital(), service.community()
    service.programme(community)
    offers = [_another(service, hospital, community) for _ in range(WOMEN_TO_BEGIN_WITH)]
    poller = Poller(service, community)
    by_page = Poller(service, replace(community, client_id="by-page"), PAGE)
    over = Event()
    with ThreadPoolExecutor(WRITERS + 2) as threads:
        writers = [threads.submit(_write, service, hospital, community, offers, over, seed) for seed in range(WRITERS)]
        readers = [threads.submit(_poll, each, over) for each in (poller, by_page)]
        time.sleep(SECONDS)
        over.set()
        written = sum(each.result() for each in writers)
        for reader in readers:
            reader.result()
    for each in (poller, by_page):
        each.poll()

    everything = [
        (row["stamp"], row["offer_id"], row["version"])
        for id in offers
        for row in service.rows("offer_version", offer_id=id)
    ]
    heard = [one for page in poller.seen for one in page]
    print(f"{written} units, {len(everything)} versions of {len(offers)} offers")
    print(f"{len(poller.marks)} polls, {len(heard)} rows")
    assert written > 10 * WRITERS
    assert len(poller.marks) > 10
    assert poller.marks == sorted(poller.marks)
    assert len(heard) == len(set(heard)), "a row came again although it had not changed"
    for each in (poller, by_page):
        assert _missed(each, everything) == []


def _another(service: Service, hospital: Caller, community: Caller) -> str:
    woman = service.woman(hospital)
    service.consent(hospital, woman, community)
    service.result(hospital, woman, piece(15, scores(15)))
    (offer,) = service.offers(woman)
    return offer.id


def _write(service: Service, hospital: Caller, community: Caller, offers: list[str], over: Event, seed: int) -> int:
    """Mostly reports on offers that are there, now and then a new one."""
    units, chosen = 0, random.Random(seed)
    while not over.is_set():
        if chosen.random() < 0.1:
            offers.append(_another(service, hospital, community))
            units += 3
        else:
            answer = service.update(community, chosen.choice(offers), "requested", business_status=str(chosen.random()))
            assert isinstance(answer, Accepted)
            units += 1
    return units


def _poll(poller: Poller, over: Event) -> None:
    while not over.is_set():
        poller.poll()


def _missed(poller: Poller, everything: list[tuple[int, str, int]]) -> list[tuple[str, int]]:
    """What was committed at or below a poll's mark, was the newest there, and had not been seen by that poll."""
    missed: list[tuple[str, int]] = []
    committed = sorted(everything)
    newest: dict[str, int] = {}
    seen: dict[str, int] = {}
    place = 0
    for mark, page in zip(poller.marks, poller.seen, strict=True):
        changed = set()
        while place < len(committed) and committed[place][0] <= mark:
            _, offer, version = committed[place]
            newest[offer] = max(version, newest.get(offer, 0))
            changed.add(offer)
            place += 1
        for offer, version in page:
            seen[offer] = max(version, seen.get(offer, 0))
        missed += [(offer, newest[offer]) for offer in changed if seen.get(offer, 0) < newest[offer]]
    assert place == len(committed)
    return missed
