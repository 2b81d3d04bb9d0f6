"""A hospital has found that two of its records are one woman's: what was the one's becomes the other's."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from functools import reduce
from typing import NamedTuple

from service.consent.consent import Consent
from service.consent.merge import contradicted, narrower
from service.consent.safe_contact import SafeContact, newest
from service.flow.advance import advance
from service.flow.agreed import is_doubted
from service.flow.answer import Accepted, Answer, Refused
from service.flow.doubt_identity import doubt_all, doubt_identity
from service.flow.follow_safe_contact import follow_safe_contact
from service.flow.hear_event import announce_death
from service.flow.hold_back import hold_back
from service.flow.identify import MERGED_ID, known_as
from service.flow.judge_results import judge_results
from service.flow.move_alert import move_alert
from service.flow.move_offer import refresh_offers
from service.flow.owe import owe, owe_alert
from service.flow.pause_until_seen import pause_until_seen
from service.flow.ports import Transaction
from service.flow.raise_alert import alert_about
from service.flow.received import Identifier, Received
from service.flow.register_patient import ReceivedPatient, register_patient
from service.flow.remember import remember
from service.flow.rules import Rules
from service.referrals.alert import AlertCode, AlertTrigger
from service.referrals.life_event import SAME_EVENT, UNWELCOME, Heard
from service.referrals.needs import NOT_STATED
from service.referrals.offer import ACTIVE
from service.referrals.patient import NOTHING_SAID, Patient, PatientFacts, disagree, newest_due
from service.referrals.referral import Referral, ReferralTrigger, goes_on
from service.referrals.review import GROUPED, REQUESTS
from service.screening.result import Piece, attach
from service.shared.audit import Action, AuditEvent


class ReceivedMerge(NamedTuple):
    """`received` has the identifiers of the record that stays, and `facts` what is said of it: they count only when it
    was not known. `retired` are the identifiers of the other one."""

    received: Received
    facts: PatientFacts
    retired: tuple[Identifier, ...]


def merge_patients(tx: Transaction, rules: Rules, message: ReceivedMerge, now: datetime) -> Answer:
    """Let all names lead to one record, and all that is known of her be in it; said again, it changes nothing.

    Where the two do not agree on who she is, or on what she has agreed to, contact pauses and a person decides. In
    whatever order merges and other messages come, the same record is left with all of it.
    """
    received = message.received
    staying, leaving = known_as(tx, "Patient", received.names), known_as(tx, "Patient", message.retired)
    for id in sorted(staying | leaving):
        tx.patients.lock(id)
    if len(staying) > 1 or len(leaving) > 1:
        return remember(tx, received, None, doubt_all(tx, rules, staying | leaving, "identifier", now))
    facts = NOTHING_SAID if staying else message.facts
    answer = register_patient(tx, rules, ReceivedPatient(received, facts, updates=False), now)
    if isinstance(answer, Refused):
        return answer
    survivor = tx.patients.lock(answer.id)
    _rename(tx, survivor, received.names, message.retired)
    for id in leaving - {survivor.id}:
        retired = tx.patients.lock(id)
        said = message.facts._replace(deceased=survivor.facts.deceased)
        doubted = disagree(said, survivor.facts) or disagree(retired.facts, survivor.facts)
        _absorb(tx, rules, retired, survivor, received, now, doubted=doubted)
    return answer


def _rename(tx: Transaction, survivor: Patient, names: Iterable[Identifier], retired: Iterable[Identifier]) -> None:
    """Where what she is called by has become part of a name that was retired before, she is called by that again."""
    called = tx.aliases.names("Patient", survivor.id, survivor.tenant_id)
    for name in retired:
        tx.aliases.claim("Patient", name.system, name.value, survivor.id)
        tx.aliases.retire("Patient", name.system, name.value)
    if any((name.system, name.value) in called for name in retired):
        for name in names:
            tx.aliases.restore("Patient", name.system, name.value)


def _absorb(
    tx: Transaction,
    rules: Rules,
    retired: Patient,
    survivor: Patient,
    received: Received,
    now: datetime,
    *,
    doubted: bool,
) -> None:
    consents = tx.consents.of_patient(survivor.id), tx.consents.of_patient(retired.id)
    denied = contradicted(*consents, rules.consent_terms.purposes, now)
    reached = narrower(_reached(survivor, consents[0]), _reached(retired, consents[1]), now)
    unheard, unclear = _tells_news(tx, retired, survivor, now), is_doubted(rules, *consents, now)
    referral, both = _one_referral(tx, rules, retired, survivor, now)
    twins, left_behind = _twins(tx, retired, survivor)
    tx.merging.carry_over(retired.id, survivor.id, left_behind)
    _retire(tx, retired, survivor, received)
    for consent in denied:
        tx.consents.save(replace(consent, patient_id=survivor.id), begins_at=None)
    tx.patients.save(_joined(survivor, retired, reached))
    _tell_again(tx, rules, survivor.id)
    if referral is not None:
        _decide_here(tx, rules, tx.referrals.get(referral.id), unheard, now)
    if unclear:
        pause_until_seen(tx, rules, survivor.id, ReferralTrigger.UNREADABLE_REFUSAL, now)
    if doubted or denied or both:
        doubt_identity(tx, rules, survivor.id, now)
        if survivor.facts.deceased is not retired.facts.deceased:
            announce_death(tx, rules, survivor.id, now)
    elif referral is not None:
        alert_about(tx, rules, AlertCode.RECORDS_MERGED, survivor, now)
        referral = tx.referrals.get(referral.id)
        changed = advance(tx, rules, referral, ReferralTrigger.FACTS_CHANGED, now) or referral
        follow_safe_contact(tx, rules, changed, now)
    results = [reduce(attach, pieces, tx.results.get(id)) for id, pieces in twins.items()]
    judge_results(tx, rules, results, now)


def _reached(patient: Patient, consents: Iterable[Consent]) -> SafeContact | None:
    return newest(patient.safe_contact, *(each.safe_contact for each in consents))


def _one_referral(
    tx: Transaction, rules: Rules, retired: Patient, survivor: Patient, now: datetime
) -> tuple[Referral | None, bool]:
    """The one open referral that is left, and whether programmes supported her for both: then all of them pause, and
    none is ended but by a person."""
    found = [each for each in map(tx.referrals.open_of, (survivor.id, retired.id)) if each is not None]
    if len(found) < 2:
        return next(iter(found), None), False
    stays, ends = sorted(found, key=goes_on)
    supported = any(offer.state in ACTIVE for offer in tx.offers.of_referral(ends.id))
    # What the clinic was asked for so that this one could be placed is asked for the other, where it is needed still.
    for alert in tx.alerts.unresolved(ends.id, REQUESTS):
        move_alert(tx, rules, alert, AlertTrigger.NO_LONGER_NEEDED, now)
    tx.merging.hand_over(ends.id, stays.id)
    tx.aliases.claim("ServiceRequest", MERGED_ID, ends.id, stays.id)
    advance(tx, rules, ends, ReferralTrigger.MERGED, now)
    return stays, supported


def _tells_news(tx: Transaction, retired: Patient, survivor: Patient, now: datetime) -> bool:
    """Whether the one record has an event that may make contact unwelcome, and the referral that is open in the other
    has not heard of it."""
    heard, unheard = set[Heard](), set[Heard]()
    for each in (retired, survivor):
        events = tx.life_events.heard_since(each.id, UNWELCOME, now - SAME_EVENT)
        (unheard if tx.referrals.open_of(each.id) is None else heard).update(events)
    return not unheard <= heard


def _decide_here(tx: Transaction, rules: Rules, referral: Referral, event: bool, now: datetime) -> None:
    """What waits in the other record for a clinician's decision is to be decided about this referral."""
    about = tx.alerts.unresolved_about(referral.patient_id)
    asked = [each for each in about if each.code in GROUPED and each.referral_id != referral.id]
    hold_back(tx, rules, referral, asked, now, event=event)


def _twins(tx: Transaction, retired: Patient, survivor: Patient) -> tuple[dict[str, list[Piece]], list[str]]:
    """What both records know of the same administration: the pieces to add to the survivor's result, by its id, and the
    results of the retired one that are left with it, void."""
    added: dict[str, list[Piece]] = {}
    left_behind = []
    for result in tx.results.of_patient(retired.id):
        twin = tx.results.find(result._replace(patient_id=survivor.id))
        if twin is not None:
            added[twin.id] = list(result.pieces.values())
            left_behind.append(result.id)
            referral_id = tx.results.referral_of(result.id)
            if referral_id is not None and tx.results.referral_of(twin.id) is None:
                tx.results.join(twin.id, referral_id)
            tx.results.void(result.id)
    return added, left_behind


def _retire(tx: Transaction, retired: Patient, survivor: Patient, received: Received) -> None:
    """Its last version is what was known of it, with the record that it has become part of."""
    version = retired.version + 1
    tx.patients.save(retired._replace(version=version, replaced_by=survivor.id))
    _, body = tx.inbox.latest("Patient", retired.id) or (1, received.body)
    tx.inbox.keep(received._replace(content=body), retired.id, Accepted("Patient", retired.id, version))
    tx.audit.write(AuditEvent(Action.UPDATE, f"Patient/{retired.id}", retired.id, "merged"))


def _joined(survivor: Patient, retired: Patient, reached: SafeContact | None) -> Patient:
    """What the survivor does not say is as the other said it; that she died, only where both say so."""
    mine, theirs = survivor.facts, retired.facts
    facts = PatientFacts._make(said or other for said, other in zip(mine, theirs, strict=True))
    facts = facts._replace(deceased=mine.deceased and theirs.deceased)
    due = newest_due(survivor, retired)
    births = [day for day in (survivor.delivered_on, retired.delivered_on) if day is not None]
    return survivor._replace(
        facts=facts,
        due_date=due.due_date,
        due_said_at=due.due_said_at,
        delivered_on=max(births, default=None),
        needs=retired.needs if survivor.needs == NOT_STATED else survivor.needs,
        safe_contact=reached,
    )


def _tell_again(tx: Transaction, rules: Rules, patient_id: str) -> None:
    """Whatever is open is about another record now: every reader of it, and the hospital's own, finds the newer
    version."""
    for alert in tx.alerts.unresolved_about(patient_id):
        changed = replace(alert, version=alert.version + 1)
        tx.alerts.save(changed, alert)
        owe_alert(tx, rules, changed)
    referral = tx.referrals.open_of(patient_id)
    if referral is not None:
        changed_referral = referral._replace(version=referral.version + 1)
        tx.referrals.save(changed_referral, referral.state)
        owe(tx, rules, changed_referral)
        refresh_offers(tx, changed_referral)
