"""What becomes of a referral: its status, and each offer of it with how often she was met."""

import hashlib
from collections.abc import Iterator

from service.hl7v2.write.build import Draft
from service.hl7v2.write.message import Sheet, patient
from service.hl7v2.write.outbound import Topic
from service.hl7v2.write.result import Finding, Order, moment, number, result, status, words
from service.referrals.contact import Engagement, reason_told
from service.referrals.offer import Offer, OfferState
from service.referrals.referral import Referral


def referral_result(sheet: Sheet) -> list[Draft]:
    """Where the referral stands, and why it was closed. Raises NotNamed."""
    referral = _referral(sheet)
    findings = [status(sheet, Topic.REFERRAL_STATUS, referral.state.value, f"{referral.id}.status")]
    if referral.reason:
        findings.append(status(sheet, Topic.REFERRAL_REASON, referral.reason, f"{referral.id}.reason"))
    order = Order(Topic.REFERRAL, referral.id, referral.opened_at, referral.changed_at, findings)
    return result(sheet, [patient(sheet)], order)


def offer_result(sheet: Sheet) -> list[Draft]:
    """Where an offer of it stands, as an order below it, so that a record which files each order as a whole loses
    nothing; and what its programme says of the time with her if she allows that. Raises NotNamed."""
    referral, offer = _referral(sheet), sheet.parcel.offer
    assert offer is not None  # noqa: S101 - packed with every offer
    findings = list(_offer(sheet, offer))
    if sheet.parcel.engagement is not None:
        findings += _engagement(sheet, sheet.parcel.engagement, offer.id)
    # No moment of an offer's last change is known here, but it is owed since then.
    order = Order(Topic.REFERRAL, offer.id, referral.opened_at, sheet.written_at, findings, parent=referral.id)
    return result(sheet, [patient(sheet)], order)


def _offer(sheet: Sheet, offer: Offer) -> Iterator[Finding]:
    parcel, part = sheet.parcel, _part(offer.id)
    assert parcel.programme is not None  # noqa: S101 - packed with every offer
    yield words(Topic.PROGRAMME, parcel.programme.name, f"{offer.id}.programme", part)
    yield status(sheet, Topic.OFFER_STATUS, offer.state.value, f"{offer.id}.status", part)
    reason = reason_told(offer, parcel.engagement)
    # What was told while she allowed it stays with the hospital, and is not taken back.
    if reason or parcel.engagement is not None:
        yield words(Topic.OFFER_REASON, reason, f"{offer.id}.reason", part)
    respond_by = offer.respond_by if offer.state is OfferState.REQUESTED else None
    yield moment(sheet, Topic.RESPOND_BY, respond_by, f"{offer.id}.respond-by", part)
    if parcel.engagement is not None:
        yield words(Topic.PROGRAMME_STATUS, offer.business_status, f"{offer.id}.programme-status", part)


def _engagement(sheet: Sheet, engagement: Engagement, offer_id: str) -> Iterator[Finding]:
    part = _part(offer_id)
    yield number(Topic.CONTACT_ATTEMPTS, engagement.attempts, f"{offer_id}.attempts", part)
    yield number(Topic.SESSIONS_ATTENDED, engagement.sessions, f"{offer_id}.sessions", part)
    yield moment(sheet, Topic.LAST_CONTACT, engagement.last_contact, f"{offer_id}.last-contact", part)
    if engagement.ending is not None:
        yield status(sheet, Topic.ENDING, engagement.ending.value, f"{offer_id}.ending", part)


def _part(offer_id: str) -> str:
    """OBX-4 keeps the offers of one referral apart; it may have 20 characters."""
    return hashlib.sha256(offer_id.encode()).hexdigest()[:8]


def _referral(sheet: Sheet) -> Referral:
    referral = sheet.parcel.referral
    assert referral is not None  # noqa: S101 - packed with every referral and offer
    return referral
