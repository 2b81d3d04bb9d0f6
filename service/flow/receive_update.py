"""A programme answers an offer, or reports on it (FHIR Task update by its owner)."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, auto

from service.consent.disclosure import Element, ViewStage
from service.consent.gate import Permit, ask_gate
from service.flow.advance import advance
from service.flow.answer import Accepted, Answer, Reason, Refused, Repeated
from service.flow.identify import once_held
from service.flow.keep_reports import LABELS, Kept, Reported, keep_reports
from service.flow.move_offer import save_offer
from service.flow.ports import Transaction
from service.flow.received import Received
from service.flow.remember import remember
from service.flow.rules import Rules
from service.referrals.offer import (
    OFFER_TABLE,
    PAUSED,
    VIEW_STAGE,
    Ending,
    Offer,
    OfferState,
    OfferTrigger,
    as_programmes_see,
)
from service.referrals.referral import ReferralTrigger

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
_BRINGS_ABOUT: dict[OfferState, OfferTrigger] = {
    OfferState.ACCEPTED: OfferTrigger.PROGRAMME_ACCEPTS,
    OfferState.REJECTED: OfferTrigger.PROGRAMME_REJECTS,
    OfferState.IN_PROGRESS: OfferTrigger.PROGRAMME_STARTS,
    OfferState.HELD_BY_PROGRAMME: OfferTrigger.PROGRAMME_HOLDS,
    OfferState.COMPLETED: OfferTrigger.PROGRAMME_COMPLETES,
    OfferState.FAILED: OfferTrigger.PROGRAMME_FAILS,
    OfferState.CANCELLED: OfferTrigger.PROGRAMME_CANCELS,
}


class Part(Enum):
    """Whom and what an offer brings together, which only the service sets."""

    WOMAN = auto()
    REFERRAL = auto()
    PROGRAMME = auto()
    HOSPITAL = auto()


@dataclass(frozen=True, slots=True)
class Named:
    """How an update names a part: by the id that its sender knows it by, None for anything that is not ours.

    `element` is where it says so, for the answer.
    """

    part: Part
    id: str | None
    element: str


@dataclass(frozen=True, slots=True)
class NamedActivity:
    """What an update says has come of the support: a contact by its type and our id, and where it says so."""

    type: str
    id: str
    element: str


@dataclass(frozen=True, slots=True)
class ReceivedUpdate:
    """What a programme says of an offer as a whole; what differs from `base_version` is what it means.

    `state` is as programmes see it, None for one that no offer has. What an update leaves out is not in `named`.
    `base_version` None means the present version. `ending` is how the contacts ended, if the programme says so.
    """

    received: Received
    offer_id: str
    base_version: int | None
    state: OfferState | None
    status_reason: str | None
    business_status: str | None
    named: tuple[Named, ...]
    reports: tuple[Reported, ...]
    ending: Ending | None = None
    activities: tuple[NamedActivity, ...] = ()

    @property
    def says_something(self) -> bool:
        """Whether words stand in it that are its sender's own; a label may be one that it was shown."""
        return any(each.said is not None for each in self.reports if each.element != LABELS)


def receive_update(tx: Transaction, rules: Rules, message: ReceivedUpdate, now: datetime) -> Answer:
    """Merge the update into the offer and move offer and referral. Only what differs from its base was intended."""
    offer = tx.visible.offer(message.offer_id)
    if offer is None:
        # Its tombstone may be gone: then there is nothing to update, and somebody may still be worried about her.
        offer, heard = once_held(tx, "Task", message.offer_id), False
        if offer is not None:
            tx.patients.lock(offer.patient_id)
            heard = _report(tx, rules, offer, message, now).heard
        answer: Answer = Refused(Reason.NOT_FOUND, heard=heard)
    elif offer.organisation_id != tx.caller.organisation_id:
        answer = Refused(Reason.NOT_THE_OWNER)
    else:
        tx.patients.lock(offer.patient_id)
        # Read again under the lock: a withdrawal may have been committed while we waited for it.
        answer = _update(tx, rules, tx.visible.offer(offer.id) or offer, message, now)
    return remember(tx, message.received, offer.patient_id if offer else None, answer)


def _update(tx: Transaction, rules: Rules, offer: Offer, message: ReceivedUpdate, now: datetime) -> Answer:
    nowhere = _leads_nowhere(tx, offer, message)
    if nowhere is not None:
        message = replace(message, reports=tuple(each for each in message.reports if each.said is not None))
    # What a volunteer writes is heard whatever becomes of the status that it came with.
    reported = _report(tx, rules, offer, message, now)
    moved = nowhere or _merge(tx, rules, offer, message, now)
    if moved == offer and not reported.new:
        return Repeated("Task", offer.id, offer.version)
    if isinstance(moved, Refused):
        moved = replace(moved, heard=reported.heard)
        if not reported.new:
            return moved
    changed = replace(offer if isinstance(moved, Refused) else moved, version=offer.version + 1)
    save_offer(tx, rules, changed, offer)
    if isinstance(moved, Refused):
        return moved
    heard = _HEARD.get((VIEW_STAGE[offer.state], moved.state)) if moved.state is not offer.state else None
    if heard is not None:
        advance(tx, rules, tx.referrals.get(offer.referral_id), heard, now)
    return Accepted("Task", offer.id, changed.version)


def _leads_nowhere(tx: Transaction, offer: Offer, message: ReceivedUpdate) -> Refused | None:
    for each in message.activities:
        contact = tx.contacts.find(each.id)
        if contact is None or (contact.type, contact.offer_id) != (each.type, offer.id):
            return Refused(Reason.ACTIVITY_UNKNOWN, each.element)
    return None


def _merge(tx: Transaction, rules: Rules, offer: Offer, message: ReceivedUpdate, now: datetime) -> Offer | Refused:
    if message.received.expected_version not in (None, offer.version):
        return Refused(Reason.VERSION_STALE)
    parts = _parts(offer)
    changed = next((each for each in message.named if each.id != parts[each.part]), None)
    if changed is not None:
        return Refused(Reason.ELEMENT_FIXED, changed.element)
    base = _base(tx, offer, message)
    if base is None:
        return Refused(Reason.BASE_VERSION_UNKNOWN, "meta.versionId")
    return _move(tx, rules, offer, base, message, now)


def _base(tx: Transaction, offer: Offer, message: ReceivedUpdate) -> Offer | None:
    """What its sender had read; None when there was no such version."""
    if message.base_version in (None, offer.version):
        return offer
    return tx.offers.at_version(offer, message.base_version)


def _parts(offer: Offer) -> dict[Part, str]:
    return {
        Part.WOMAN: offer.handles.patient,
        Part.REFERRAL: offer.handles.service_request,
        Part.PROGRAMME: offer.organisation_id,
        Part.HOSPITAL: offer.tenant_id,
    }


def _move(
    tx: Transaction, rules: Rules, offer: Offer, base: Offer, message: ReceivedUpdate, now: datetime
) -> Offer | Refused:
    """The offer with what the sender meant to change: a state that is the base's, or already ours, was not meant."""
    business_status = offer.business_status
    if message.business_status != base.business_status and message.business_status is not None:
        business_status = message.business_status
    known, present = as_programmes_see(base.state), as_programmes_see(offer.state)
    if message.state in (known, present):
        return replace(offer, business_status=business_status, ending=message.ending or offer.ending)
    if known is not present:
        return Refused(Reason.CHANGED_MEANWHILE, "status")
    trigger = None if message.state is None else _BRINGS_ABOUT.get(message.state)
    state = None if trigger is None else OFFER_TABLE.get((offer.state, trigger))
    if trigger is None or state is None:
        held = trigger is not None and offer.state in PAUSED
        return Refused(Reason.HELD_BY_SERVICE if held else Reason.TRANSITION_NOT_ALLOWED, "status")
    if trigger in _NEEDS_A_REASON and not message.status_reason:
        return Refused(Reason.STATUS_REASON_REQUIRED, "statusReason.text")
    refusal = _may_accept(tx, rules, offer, now) if state is OfferState.ACCEPTED else None
    reason = message.status_reason if trigger in _NEEDS_A_REASON else None
    return refusal or replace(
        offer,
        state=state,
        status_reason=reason,
        business_status=business_status,
        ending=message.ending or offer.ending,
    )


def _may_accept(tx: Transaction, rules: Rules, offer: Offer, now: datetime) -> Refused | None:
    """Consent is asked again. The place has been the offer's own since it was made."""
    consents, purposes = tx.consents.of_patient(offer.patient_id), rules.consent_terms.purposes
    answer = ask_gate(consents, offer.organisation_id, Element.PREFERRED_NAME, purposes, now)
    return None if isinstance(answer, Permit) else Refused(Reason.NO_LIVE_CONSENT)


def _report(tx: Transaction, rules: Rules, offer: Offer, message: ReceivedUpdate, now: datetime) -> Kept:
    """Keep what is new of what it reports and tell a clinician what was said."""
    if not message.reports:
        return Kept()
    base = _base(tx, offer, message) or offer
    decides = message.state not in (None, as_programmes_see(base.state))
    return keep_reports(tx, rules, offer, base, message.reports, now, decides=decides)
