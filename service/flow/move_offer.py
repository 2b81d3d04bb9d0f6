"""Move an offer along its table, keep the version and owe the new status to the record."""

from service.flow.owe import owe
from service.flow.ports import Transaction
from service.flow.rules import Rules
from service.referrals.offer import LIVE, OFFER_TABLE, Offer, OfferState, OfferTrigger
from service.referrals.referral import Referral
from service.shared.audit import Action, AuditEvent


def move_offer(
    tx: Transaction, rules: Rules, offer: Offer, trigger: OfferTrigger, status_reason: str | None = None
) -> Offer | None:
    """The moved offer, or None when its table has no such row: then nothing has changed."""
    state = OFFER_TABLE.get((offer.state, trigger))
    if state is None:
        return None
    if state is OfferState.HELD_BY_PROGRAMME:
        # Not the service's to set: what the programme held before is its own again, for the reason that it gave.
        status_reason = tx.offers.last_reason(offer.id, state)
    recalled = trigger is OfferTrigger.SERVICE_RECALLS
    moved = offer._replace(state=state, version=offer.version + 1, status_reason=status_reason, recalled=recalled)
    save_offer(tx, rules, moved, offer)
    return moved


def refresh_offers(tx: Transaction, referral: Referral) -> None:
    """What a programme sees of her has changed."""
    for offer in tx.offers.of_referral(referral.id):
        if offer.state in LIVE:
            show_anew(tx, offer)


def show_anew(tx: Transaction, offer: Offer) -> None:
    """Its Task shows something else now: the programme's next poll brings it."""
    tx.offers.save(offer._replace(version=offer.version + 1), offer)


def save_offer(tx: Transaction, rules: Rules, changed: Offer, known: Offer) -> None:
    """Keep the changed offer as its next version, and owe it to the record."""
    tx.offers.save(changed, known)
    tx.audit.write(AuditEvent(Action.UPDATE, f"Task/{changed.id}", changed.patient_id, changed.state))
    owe(tx, rules, changed)
