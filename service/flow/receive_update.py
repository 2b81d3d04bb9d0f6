"""A programme answers an offer, or reports on it (FHIR Task update by its owner)."""

from dataclasses import replace
from datetime import datetime

from service.consent.disclosure import Element, ViewStage
from service.consent.gate import Permit, ask_gate
from service.flow.advance import advance
from service.flow.answer import Accepted, Answer, Reason, Refused, Repeated, saying
from service.flow.hear_words import Words, hear_words, lock_all, offers_meant
from service.flow.keep_reports import Kept, as_one, keep_reports
from service.flow.move_offer import save_offer
from service.flow.ports import Transaction
from service.flow.received_update import Part, ReceivedUpdate
from service.flow.remember import remember
from service.flow.rules import Rules
from service.referrals.offer import (
    OFFER_TABLE,
    PAUSED,
    VIEW_STAGE,
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


def receive_update(tx: Transaction, rules: Rules, message: ReceivedUpdate, now: datetime) -> Answer:
    """Merge the update into the offer and move offer and referral. Only what differs from its base was intended."""
    offer = tx.visible.offer(message.offer_id)
    if offer is None:
        # Its tombstone may be gone: then there is nothing to update, and somebody may still be worried about her.
        offer = next(iter(tx.visible.named({message.offer_id})), None)
        if offer is None:
            return remember(tx, message.received, None, _not_found(tx, rules, message, now))
        lock_all(tx, offers_meant(tx, message.all_naming, offer))
        answer: Answer = Refused(Reason.NOT_FOUND, told=_report(tx, rules, offer, message, now).told)
    elif offer.organisation_id != tx.caller.organisation_id:
        answer = Refused(Reason.NOT_THE_OWNER)
    else:
        lock_all(tx, offers_meant(tx, message.all_naming, offer))
        # Read again under the lock: a withdrawal may have been committed while we waited for it.
        answer = _update(tx, rules, tx.visible.offer(offer.id) or offer, message, now)
    return remember(tx, message.received, offer.patient_id, answer)


def _not_found(tx: Transaction, rules: Rules, message: ReceivedUpdate, now: datetime) -> Refused:
    """A Task that is not the caller's. Somebody may be worried all the same about whom else it names, or does not."""
    if not message.says_something:
        return Refused(Reason.NOT_FOUND)
    naming, said = message.all_naming, as_one(message.reports, decides=False)
    words = Words("Task", said, naming, message.received.fingerprint())
    return Refused(Reason.NOT_FOUND, told=hear_words(tx, rules, words, offers_meant(tx, naming), now, id=tx.new_id()))


def _update(tx: Transaction, rules: Rules, offer: Offer, message: ReceivedUpdate, now: datetime) -> Answer:
    nowhere = _leads_nowhere(tx, offer, message)
    if nowhere is not None:
        message = replace(message, reports=tuple(each for each in message.reports if each.said is not None))
    # What a volunteer writes is heard whatever becomes of the status that it came with.
    reported = _report(tx, rules, offer, message, now)
    moved = nowhere or _merge(tx, rules, offer, message, now)
    if reported.withheld and isinstance(moved, Offer):
        # The hospital reads these two beside the status.
        reason = offer.status_reason if moved.state is offer.state else None
        moved = moved._replace(status_reason=reason, business_status=offer.business_status)
    if moved == offer and not reported.new:
        return saying(Repeated("Task", offer.id, offer.version), reported.told)
    if isinstance(moved, Refused):
        moved = replace(moved, told=reported.told)
        if not reported.new:
            return moved
    changed = (offer if isinstance(moved, Refused) else moved)._replace(version=offer.version + 1)
    save_offer(tx, rules, changed, offer)
    if isinstance(moved, Refused):
        return moved
    heard = _HEARD.get((VIEW_STAGE[offer.state], moved.state)) if moved.state is not offer.state else None
    if heard is not None:
        advance(tx, rules, tx.referrals.get(offer.referral_id), heard, now)
    return saying(Accepted("Task", offer.id, changed.version), reported.told)


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
        return offer._replace(business_status=business_status, ending=message.ending or offer.ending)
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
    return refusal or offer._replace(
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
    return keep_reports(
        tx,
        rules,
        offer,
        base,
        message.reports,
        now,
        naming=message.naming,
        received=message.received,
        decides=decides,
        whole=message.is_whole,
    )
