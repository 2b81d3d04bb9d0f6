"""Whom a programme's words are told to: one rule for a Communication, a Task, an Encounter and a Procedure, taken or
refused (DESIGN 9)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from service.flow.answer import Told
from service.flow.escalate import escalate
from service.flow.escalate_unnamed import escalate_unnamed, hospitals_of
from service.flow.move_offer import show_anew
from service.flow.new_words import SENT_AGAIN_WITHIN, new_words
from service.flow.ports import MOST_ENTRIES, Transaction
from service.flow.raise_alert import alert_about_offer, unseen
from service.flow.received import Naming
from service.flow.rules import Rules
from service.flow.told_first import told_first
from service.flow.words_shown import words_shown
from service.referrals.alert import MOST_UNSEEN, AlertCode
from service.referrals.escalation import Said
from service.referrals.offer import Offer, display_of


@dataclass(frozen=True, slots=True)
class Words:
    """What was written in a body of this `type`, and whom that may name. `fingerprint` is of the body."""

    type: str
    said: Said
    naming: Naming
    fingerprint: str


def offers_meant(tx: Transaction, naming: Naming, own: Offer | None = None) -> list[Offer]:
    """An offer of each woman who is named, in one order for every unit: `own`, which is meant in any case, and the
    newest of any other's that the caller holds or held. What is called as one that is named by an id is that one."""
    ids, displays = naming.ids, naming.displays
    if own is not None:
        ids, displays = ids - names_of(own), displays - {display_of(own.id)}
    named = _named(tx, frozenset(sorted(ids)[:MOST_ENTRIES]))
    displays = displays - {display_of(each.id) for each in named}
    held = [*named, *tx.visible.called(sorted(displays)[:MOST_ENTRIES])]
    newest = {each.patient_id: each for each in sorted(held, key=lambda each: each.id)}
    if own is not None:
        newest[own.patient_id] = own
    return [newest[woman] for woman in sorted(newest)]


def names_of(offer: Offer) -> frozenset[str]:
    """The ids by which its programme knows it."""
    its = offer.handles
    return frozenset((offer.id, its.patient, its.service_request, its.consent, its.observation))


def _named(tx: Transaction, ids: frozenset[str]) -> list[Offer]:
    """By an offer's own id, by one of its handles, or by an earlier Communication or contact about it."""
    found = [*tx.visible.named(ids)] if ids else []
    rest = ids.difference(*map(names_of, found))
    behind = tx.escalations.offers_behind(rest) if rest else frozenset()
    return [*found, *(tx.visible.named(behind) if behind else ())]


def lock_all(tx: Transaction, offers: Iterable[Offer]) -> None:
    """Lock the women of these offers, which are in the order of `offers_meant`."""
    for each in offers:
        tx.patients.lock(each.patient_id)


def hear_words(
    tx: Transaction, rules: Rules, words: Words, offers: Sequence[Offer], now: datetime, *, id: str
) -> Told | None:
    """Tell of words that came with nothing that is taken: her clinician, when one woman is meant; each one's, without a
    word of it, when there are several; else the hospitals that it may be about. `offers` are those meant, and `id` is
    what it is kept under.

    None when there is no word in it that its sender had not read itself.
    """
    lock_all(tx, offers)
    own = replace(words.said, texts=_not_shown(tx, rules, words.said.texts, offers))
    if not own.says_something:
        return None
    if not offers:
        return put_to_hospitals(tx, rules, replace(words, said=own), now, id=id)
    if len(offers) > 1:
        return ask_each_to_ring(tx, rules, offers, words.fingerprint, now)
    (offer,) = offers
    # What stands on the Task comes back with the whole.
    task = offer.id if words.type == "Task" else None
    new = new_words(tx, offer, own, now, resource=task, lately=words.fingerprint)
    if new.says_something:
        tell_her_clinician(tx, rules, offer, new, now, type=words.type, source=words.fingerprint)
    return Told.HER_CLINICIAN_ALL_THE_SAME


def _not_shown(tx: Transaction, rules: Rules, texts: tuple[str, ...], offers: Sequence[Offer]) -> tuple[str, ...]:
    ours: set[str | None] = {*rules.status_reasons.values()}
    for each in offers:
        ours |= {*words_shown(tx, rules, each), each.status_reason, each.business_status}
    return tuple(each for each in texts if each not in ours)


def tell_her_clinician(
    tx: Transaction,
    rules: Rules,
    offer: Offer,
    said: Said,
    now: datetime,
    *,
    type: str,
    source: str,
    id: str | None = None,
) -> None:
    escalate(tx, rules, offer, said, now, type=type, source=source, id=id)
    # What became of it shows on the Task. Read again: somebody may have changed it while we waited for the lock.
    show_anew(tx, tx.offers.get(offer.id))


def ask_each_to_ring(tx: Transaction, rules: Rules, offers: Sequence[Offer], fingerprint: str, now: datetime) -> Told:
    """Let the clinician of each of these women ring the programme, and tell none of them a word of it: for nobody can
    tell whose it is. Each body is told of once a day."""
    lock_all(tx, offers)
    for offer in offers:
        new_id = tx.new_id()
        if came_before(tx, f"{fingerprint} {offer.patient_id}", new_id) == new_id:
            _ask_to_ring(tx, rules, offer, now)
    return Told.SEVERAL_CLINICS if len(offers) > 1 else Told.HER_CLINICIAN_UNREAD


def _ask_to_ring(tx: Transaction, rules: Rules, offer: Offer, now: datetime) -> None:
    """Whoever has rung already must hear that there is more. Of a flood there is no end, so then it is counted."""
    code, topic = AlertCode.UNREADABLE_WORDS, f"{offer.patient_id}|{offer.programme_id}"
    waiting = len(unseen(tx, code, offer))
    if waiting >= MOST_UNSEEN and tx.alerts.count_again(offer.tenant_id, code, topic):
        return
    counts = waiting >= MOST_UNSEEN - 1
    alert_about_offer(tx, rules, code, offer, now, topic=topic if counts else None)


def came_before(tx: Transaction, fingerprint: str, id: str) -> str:
    """The id under which the same body came within a day; `id` when it did not."""
    return told_first(tx, f"body {fingerprint}", id, SENT_AGAIN_WITHIN)


def put_to_hospitals(tx: Transaction, rules: Rules, words: Words, now: datetime, *, id: str) -> Told:
    """Tell words that name no woman of the caller's, once a day for the same body (`tell_hospitals`)."""
    repeated = came_before(tx, words.fingerprint, id) != id
    return tell_hospitals(tx, rules, words.said, words.fingerprint, id, now, repeated=repeated)


def tell_hospitals(
    tx: Transaction, rules: Rules, said: Said, fingerprint: str, id: str, now: datetime, *, repeated: bool
) -> Told:
    """Put it to every hospital that the caller works with, for it names no woman of its own."""
    hospitals = hospitals_of(tx, rules, now)
    if not repeated:
        escalate_unnamed(tx, rules, hospitals, said, now, id=id, fingerprint=fingerprint)
    told = (Told.THE_OPERATOR_MUST_BE, Told.THE_ONE_HOSPITAL, Told.EVERY_HOSPITAL)
    return told[min(len(hospitals), 2)]
