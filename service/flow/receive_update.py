"""A programme answers an offer, or reports on it (FHIR Task update by its owner)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from service.consent.disclosure import Element, ViewStage
from service.consent.gate import Permit, decide
from service.flow.advance import advance
from service.flow.answer import Accepted, Answer, Reason, Refused, Repeated
from service.flow.move_offer import save_offer
from service.flow.ports import Transaction
from service.flow.received import Received
from service.flow.remember import remember
from service.flow.rules import Rules
from service.referrals.offer import OFFER_TABLE, TASK_STATUS, VIEW_STAGE, Offer, OfferState, OfferTrigger
from service.referrals.referral import ReferralTrigger

Report = dict[str, object]

# What the referral hears when its offer moves there; what it hears of no other move.
_HEARD: dict[tuple[ViewStage, OfferState], ReferralTrigger] = {
    (ViewStage.OFFERED, OfferState.ACCEPTED): ReferralTrigger.OFFER_ACCEPTED,
    (ViewStage.OFFERED, OfferState.REJECTED): ReferralTrigger.OFFER_DECLINED,
    (ViewStage.OFFERED, OfferState.CANCELLED): ReferralTrigger.OFFER_RETURNED,
    (ViewStage.SUPPORTING, OfferState.CANCELLED): ReferralTrigger.OFFER_RETURNED,
    (ViewStage.SUPPORTING, OfferState.FAILED): ReferralTrigger.OFFER_RETURNED,
    (ViewStage.SUPPORTING, OfferState.COMPLETED): ReferralTrigger.OFFER_COMPLETED,
}
_NEEDS_A_REASON = frozenset(
    {
        OfferTrigger.PROGRAMME_REJECTS,
        OfferTrigger.PROGRAMME_HOLDS,
        OfferTrigger.PROGRAMME_FAILS,
        OfferTrigger.PROGRAMME_CANCELS,
    }
)


_ASKED_BY_STATUS: dict[str, OfferTrigger] = {
    "accepted": OfferTrigger.PROGRAMME_ACCEPTS,
    "rejected": OfferTrigger.PROGRAMME_REJECTS,
    "in-progress": OfferTrigger.PROGRAMME_STARTS,
    "on-hold": OfferTrigger.PROGRAMME_HOLDS,
    "completed": OfferTrigger.PROGRAMME_COMPLETES,
    "failed": OfferTrigger.PROGRAMME_FAILS,
    "cancelled": OfferTrigger.PROGRAMME_CANCELS,
}


@dataclass(frozen=True, slots=True)
class ReceivedUpdate:
    """A whole Task as the programme sent it. `base_version` is its meta.versionId: what differs from that is meant.

    `status` is Task.status. `fixed` holds what only the service sets, by element name, references as `Type/id`; an
    element that was left out is not in it.
    """

    received: Received
    offer_id: str
    base_version: int | None
    status: str
    status_reason: str | None
    business_status: str | None
    fixed: Mapping[str, str]
    notes: tuple[Report, ...]
    outputs: tuple[Report, ...]


def receive_update(tx: Transaction, rules: Rules, message: ReceivedUpdate, now: datetime) -> Answer:
    """Merge the update into the offer and move offer and referral. Only what differs from its base was intended."""
    offer = tx.visible.offer(message.offer_id)
    if offer is None:
        answer: Answer = Refused(Reason.NOT_FOUND)
    elif offer.organisation_id != tx.caller.organisation_id:
        answer = Refused(Reason.NOT_THE_OWNER)
    else:
        tx.patients.lock(offer.patient_id)
        # Read again under the lock: a withdrawal may have been committed while we waited for it.
        answer = _update(tx, rules, tx.visible.offer(offer.id) or offer, message, now)
    return remember(tx, message.received, offer.patient_id if offer else None, answer)


def _update(tx: Transaction, rules: Rules, offer: Offer, message: ReceivedUpdate, now: datetime) -> Answer:
    # What a volunteer writes is heard whatever becomes of the status that it came with.
    reported = _report(tx, rules, offer, message, now)
    moved = _merge(tx, rules, offer, message, now)
    if moved == offer and not reported:
        return Repeated("Task", offer.id, offer.version)
    if isinstance(moved, Refused) and not reported:
        return moved
    changed = replace(offer if isinstance(moved, Refused) else moved, version=offer.version + 1)
    save_offer(tx, changed, offer)
    if isinstance(moved, Refused):
        return moved
    heard = _HEARD.get((VIEW_STAGE[offer.state], moved.state)) if moved.state is not offer.state else None
    if heard is not None:
        advance(tx, rules, tx.referrals.get(offer.referral_id), heard, now)
    return Accepted("Task", offer.id, changed.version)


def _merge(tx: Transaction, rules: Rules, offer: Offer, message: ReceivedUpdate, now: datetime) -> Offer | Refused:
    if message.received.expected_version not in (None, offer.version):
        return Refused(Reason.VERSION_STALE)
    fixed = _fixed(offer)
    changed = next((element for element, sent in message.fixed.items() if sent != fixed.get(element, sent)), None)
    if changed is not None:
        return Refused(Reason.ELEMENT_FIXED, changed)
    base = offer if message.base_version is None else tx.offers.at_version(offer, message.base_version)
    if base is None:
        return Refused(Reason.VERSION_STALE, "meta.versionId")
    return _move(tx, rules, offer, base, message, now)


def _fixed(offer: Offer) -> dict[str, str]:
    return {
        "code": "fulfill",
        "for": f"Patient/{offer.handles.patient}",
        "focus": f"ServiceRequest/{offer.handles.service_request}",
        "owner": f"Organization/{offer.organisation_id}",
        "requester": f"Organization/{offer.tenant_id}",
    }


def _move(
    tx: Transaction, rules: Rules, offer: Offer, base: Offer, message: ReceivedUpdate, now: datetime
) -> Offer | Refused:
    """The offer with what the sender meant to change: a status that is the base's, or already ours, was not meant."""
    business_status = offer.business_status
    if message.business_status != base.business_status and message.business_status is not None:
        business_status = message.business_status
    if message.status in (TASK_STATUS[base.state], TASK_STATUS[offer.state]):
        return replace(offer, business_status=business_status)
    if TASK_STATUS[base.state] != TASK_STATUS[offer.state]:
        return Refused(Reason.CHANGED_MEANWHILE, "status")
    trigger = _ASKED_BY_STATUS.get(message.status)
    state = None if trigger is None else OFFER_TABLE.get((offer.state, trigger))
    if trigger is None or state is None:
        return Refused(Reason.TRANSITION_NOT_ALLOWED, "status")
    if trigger in _NEEDS_A_REASON and not message.status_reason:
        return Refused(Reason.STATUS_REASON_REQUIRED, "statusReason.text")
    refusal = _may_accept(tx, rules, offer, now) if state is OfferState.ACCEPTED else None
    reason = message.status_reason if trigger in _NEEDS_A_REASON else None
    return refusal or replace(offer, state=state, status_reason=reason, business_status=business_status)


def _may_accept(tx: Transaction, rules: Rules, offer: Offer, now: datetime) -> Refused | None:
    """Consent is asked again, and the place is taken under the programme's lock."""
    consents = tx.consents.of_patient(offer.patient_id)
    purpose = rules.consent_terms.purposes
    if not isinstance(decide(consents, offer.organisation_id, Element.PREFERRED_NAME, purpose, now), Permit):
        return Refused(Reason.NO_LIVE_CONSENT)
    programme = tx.programmes.lock(offer.programme_id)
    return Refused(Reason.NO_OPEN_PLACE) if programme.places_taken >= programme.places else None


def _report(tx: Transaction, rules: Rules, offer: Offer, message: ReceivedUpdate, now: datetime) -> bool:
    """Keep the notes and outputs that are new. What a volunteer writes goes unfiltered to a clinician (DESIGN 9)."""
    new: dict[str, list[Report]] = {"note": [], "output": []}
    for element, sent in (("note", message.notes), ("output", message.outputs)):
        known = list(tx.offers.reports([offer.id], element).get(offer.id, ())) if sent else []
        for content in sent:
            if content not in known:
                known.append(content)
                new[element].append(content)
                tx.offers.add_report(offer.id, element, content, now)
    if new["note"]:
        advance(tx, rules, tx.referrals.get(offer.referral_id), ReferralTrigger.RISK_ESCALATED, now)
    return any(new.values())
