"""What programmes may report of the contacts with her: asked of the gate each time that it is told to the hospital."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from service.consent.disclosure import Element
from service.consent.gate import Permit, ask_gate
from service.flow.ports import Transaction
from service.flow.rules import Rules
from service.referrals.contact import Engagement
from service.referrals.offer import Offer


def reported_back(tx: Transaction, rules: Rules, offers: Sequence[Offer], now: datetime) -> Mapping[str, Engagement]:
    """By the offer's id, of those whose programme she allows, at this moment, to report back."""
    consents, purposes = tx.consents.of_patients({each.patient_id for each in offers}), rules.consent_terms.purposes
    answers = (
        (each, ask_gate(consents.get(each.patient_id, ()), each.organisation_id, Element.ENGAGEMENT, purposes, now))
        for each in offers
    )
    return tx.contacts.engagements([each for each, answer in answers if isinstance(answer, Permit)])
