"""What must be found when a story is over in which the service was killed, and when it is to be killed."""

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass

from service.demo.step import Step, Telling
from tests.faults.store import ALERT, AUDIT, CONTACT, MESSAGE, NOTE, OFFER, REFERRAL, VERSION, Store

EVERY = int(os.environ.get("PEER_REFERRAL_TEST_KILLS", "3")) > 3
CALLS, DELIVERIES, ONCE = "calls", "deliveries", "once"
OBSERVATIONS = 12
"""Ten items, their total and the due date."""


@dataclass(frozen=True, slots=True)
class Ending:
    """What must be found when the story is over: nothing missing, nothing twice.

    `referral` and `offers` are statuses, the offers' in the order they were made; `contacts` are those that were
    reported; `alerts` are codes, `notes` kinds of steps in the order in which they happened.
    """

    referral: tuple[str, ...]
    offers: tuple[str, ...]
    contacts: int
    alerts: tuple[str, ...]
    notes: tuple[str, ...]
    consents: int = 1
    observations: int = OBSERVATIONS


def once(number: int) -> Iterator[bool]:
    return itertools.chain(itertools.repeat(False, number), (True,), itertools.repeat(False))


def told_last(telling: Telling) -> list[str]:
    last = telling.told[-1]
    assert isinstance(last, Step)
    return [last.title, *(problem for fact in last.facts for problem in fact.problems)]


def kept(store: Store, patient_id: str, ending: Ending) -> dict[str, list[str]]:
    """What is wrong in the service's own tables: each of what was sent once, each effect with its audit row."""
    column, about = store.column, {"patient_id": patient_id}
    referrals, offers, alerts = (column(of, "id", **about) for of in (REFERRAL, OFFER, ALERT))
    contacts = [id for offer in offers for id in column(CONTACT, "id", offer_id=offer)]
    notes = [kind for referral in referrals for kind in column(NOTE, "kind", referral_id=referral)]
    sent = {kind: column(VERSION, "id", type=kind, **about) for kind in ("Consent", "Observation", "Encounter")}
    wanted = {"Consent": ending.consents, "Observation": ending.observations, "Encounter": ending.contacts}
    effects = [
        f"Patient/{patient_id}",
        *(f"{kind}/{id}" for kind, ids in sent.items() for id in ids),
        *(f"ServiceRequest/{id}" for id in referrals),
        *(f"Task/{id}" for id in offers),
        *(f"Alert/{id}" for id in alerts),
    ]
    return {
        "versions kept": differing({kind: len(ids) for kind, ids in sent.items()}, wanted),
        "referrals": differing(len(referrals), len(ending.referral)),
        "offers": differing(len(offers), len(ending.offers)),
        "contacts": differing(len(contacts), ending.contacts),
        "alerts": differing(sorted(column(ALERT, "code", **about)), sorted(ending.alerts)),
        "notes": differing(sorted(notes), sorted(ending.notes)),
        "effects without audit": sorted(set(effects) - store.audited("C", "U")),
        "messages without audit": sorted(set(column(MESSAGE, "correlation_id")) - set(column(AUDIT, "correlation_id"))),
    }


def differing(found: object, wanted: object) -> list[str]:
    return [] if found == wanted else [f"{found}, not {wanted}"]
