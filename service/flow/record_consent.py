"""She has said something about being referred: yes, no, no longer, or how she may be reached (FHIR Consent)."""

from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from service.consent.consent import Consent, gives_less, revise, tells_more
from service.consent.safe_contact import SafeContact
from service.flow.agreed import agrees_since, rests_on_others
from service.flow.answer import Accepted, Answer, Reason, Refused, Repeated
from service.flow.doubt_identity import doubt_all, one_subject
from service.flow.follow_consent import follow_consent
from service.flow.identify import identify, known_as
from service.flow.learn import learn
from service.flow.ports import Transaction
from service.flow.received import Identifier, Received, Reference
from service.flow.remember import remember
from service.flow.rules import Rules
from service.referrals.needs import SupportNeeds


class ReceivedConsent(NamedTuple):
    """`said` is the consent as read, without its ids; `recipient` is None when it is about every organisation.

    `needs` is None when it says nothing of what she asks for. `clears` is the name of the same word as it was said when
    nobody could tell what it means.
    """

    received: Received
    patient: Reference
    recipient: Reference | None
    said: Consent
    needs: SupportNeeds | None = None
    clears: Identifier | None = None

    @property
    def may_end(self) -> bool:
        """Whether contact with her may be unwelcome after it."""
        return self.said.may_refuse or self.said.ends_permission()


def is_no_news(tx: Transaction, rules: Rules, patient_id: str | None, message: ReceivedConsent, now: datetime) -> bool:
    """Whether a no that is refused would change nothing: it is known by its names already, as wide as this, she has
    agreed since, or nothing rests on whom it is about. One that takes back a yes by its name does, however old it
    is."""
    received, about = message.received, message.recipient and message.recipient.id
    ids = known_as(tx, "Consent", received.names) | ({received.target_id} if received.target_id else set())
    known = [each for each in map(tx.visible.consent, ids) if each is not None]
    noes = [each for each in known if each.was_said() and not each.gives_permission()]
    if any(each.recipient_id in (None, about) for each in noes):
        return True
    if patient_id is None or any(each.gives_permission() for each in known):
        return False
    consents = tx.consents.of_patient(patient_id)
    if about is not None and rests_on_others(tx, rules, patient_id, consents, about, now):
        return True
    return agrees_since(rules, consents, message.said, about, now)


def record_consent(tx: Transaction, rules: Rules, message: ReceivedConsent, now: datetime) -> Answer:
    """Keep the consent and let the open referral follow it. Less permission applies whatever If-Match says."""
    patient_id, refused = one_subject(tx, rules, message.patient, "patient", now)
    answer = _record(tx, rules, message, patient_id, now) if patient_id else refused
    return remember(tx, message.received, patient_id, answer)


def _record(tx: Transaction, rules: Rules, message: ReceivedConsent, patient_id: str, now: datetime) -> Answer:
    tx.patients.lock(patient_id)
    received, recipient_id = message.received, None
    if message.recipient is not None:
        recipient_id = tx.visible.organisation_id(message.recipient.id or "")
        if recipient_id is None:
            return Refused(Reason.RECIPIENT_UNKNOWN, "provision.actor")
    new_id = tx.new_id()
    owner = received.target_id or identify(tx, received, new_id)
    if isinstance(owner, Refused):
        return owner
    known = None if owner == new_id else tx.visible.consent(owner)
    given_at = _given_at(message.said, known, now)
    said = replace(
        message.said,
        id=owner,
        tenant_id=tx.caller.organisation_id,
        patient_id=patient_id,
        recipient_id=recipient_id,
        given_at=given_at,
        safe_contact=_safe_contact(message.said.safe_contact, known, given_at, now),
    )
    if owner == new_id:
        tx.consents.add(said, _begins_at(said, now))
        _clear(tx, message)
        learn(tx, patient_id, message.needs)
        follow_consent(tx, rules, said, now)
        return Accepted("Consent", owner, 1, created=True)
    return _revise(tx, rules, message, known, said, now)


def _clear(tx: Transaction, message: ReceivedConsent) -> None:
    for id in known_as(tx, "Consent", [message.clears] if message.clears else []):
        if (unclear := tx.visible.consent(id)) is not None:
            tx.consents.save(replace(unclear, may_refuse=False), begins_at=None)


def _given_at(said: Consent, known: Consent | None, now: datetime) -> datetime | None:
    """Never ahead of us, or no later word of hers would count: then it is when it first reached us."""
    if said.given_at is None or said.given_at <= now:
        return said.given_at
    return (known and known.given_at) or now


def _safe_contact(
    word: SafeContact | None, known: Consent | None, given_at: datetime | None, now: datetime
) -> SafeContact | None:
    """It was said with the consent; what has changed in it under the same time was said when it reached us."""
    if word is None or known is None or known.given_at != given_at:
        return word and replace(word, said_at=given_at or now)
    return known.safe_contact if word == known.safe_contact else replace(word, said_at=now)


def _revise(
    tx: Transaction, rules: Rules, message: ReceivedConsent, known: Consent | None, said: Consent, now: datetime
) -> Answer:
    received = message.received
    if known is not None and known.patient_id != said.patient_id and received.target_id is not None:
        return doubt_all(tx, rules, {known.patient_id, said.patient_id}, "patient", now)
    if known is None or known.patient_id != said.patient_id:
        return Refused(Reason.NOT_FOUND)
    latest = tx.inbox.latest("Consent", known.id)
    less = gives_less(known, said)
    # What a door does not write into the body may have become less in a yes: by HL7 v2 that a programme reports back.
    if latest is not None and received.repeats(latest[1]) and not (less and said.gives_permission()):
        return Repeated("Consent", known.id, known.version)
    if received.target_id is None and received.condition is not None and not less:
        return Repeated("Consent", known.id, known.version)
    if received.target_id is None and not less:
        return Refused(Reason.DIFFERENT_UNDER_SAME_IDENTIFIER, "identifier")
    if received.expected_version not in (None, known.version) and not less:
        return Refused(Reason.VERSION_STALE)
    revised = revise(known, said, now)
    tx.consents.save(revised, _begins_at(revised, now))
    learn(tx, revised.patient_id, message.needs)
    if tells_more(known, revised):
        follow_consent(tx, rules, revised, now)
    unused = ("Consent.status",) if said.gives_permission() and not revised.gives_permission() else ()
    return Accepted("Consent", known.id, revised.version, unused=unused)


def _begins_at(consent: Consent, now: datetime) -> datetime | None:
    """When a permission comes to count that does not yet: the referral hears of it again then."""
    start = consent.period_start
    return start if start is not None and start > now and consent.gives_permission() else None
