"""REF^I12 to I14 -> ReceivedRequest, with what it says of the woman and of her consent (v2.5.1, chapter 11).

Which programme is asked for (PRD with the role RT: its identifiers, from v2.6 on its organisation) decides only whom a
consent in the same message is about: it is chosen among those that she has agreed to, by the service's own rules.
"""

from collections.abc import Iterator
from datetime import datetime

from service.flow.hear_refused_order import RefusedOrder
from service.flow.keep_unreadable import Recognised
from service.flow.received import Identifier, Received, Reference
from service.flow.received_message import Flaw, Group, Part, Problem
from service.flow.request_referral import ReceivedRequest
from service.flow.rules import Rules
from service.hl7v2.dialect import Dialect
from service.hl7v2.read.baby import is_baby, of_baby
from service.hl7v2.read.consent import read_consents
from service.hl7v2.read.event import of_her_life, unnamed
from service.hl7v2.read.fields import at, of, said
from service.hl7v2.read.naming import number_in
from service.hl7v2.read.orders import Patient, patients_in
from service.hl7v2.read.patient import Named, read_patient
from service.hl7v2.read.recognise import recognise
from service.hl7v2.read.result import read_order
from service.hl7v2.segments import Message, Segment
from service.hl7v2.times import moment
from service.referrals.instruction import Order

REFERRAL = "urn:peer-referral:hl7v2:referral"
"""The system of a request's name: whose number it is, and the number (RF1-6)."""
STATUS, NUMBER, ASKED, EXPIRES = 1, 6, 7, 8
ROLE, NAME = 1, 2
# The fields of PRD that name a programme, and their components: its identifiers (PLN), and as an organisation (XON) its
# name, its number until v2.6, its identifier.
_NAMED = {7: (1,), 10: (1, 3, 10)}
_REFERS, _REFERRED_TO = "RP", "RT"
_CHANGES, _CANCELS = "I13", "I14"
# Table 0283, which a site may add to: what is written otherwise may be an end as well.
_OPEN, _ENDED = ("", "A", "P"), ("R", "E")


def read_referral(message: Message, dialect: Dialect, rules: Rules, now: datetime) -> tuple[Group, ...]:
    """One group: a referral is about one woman."""
    return (_read(message, dialect, rules, now)._replace(stops=stops_in(message, dialect, now)),)


def _read(message: Message, dialect: Dialect, rules: Rules, now: datetime) -> Group:
    pids = list(message.named("PID"))
    patients = patients_in(message, dialect, rules)

    def of_nobody(*flaws: Flaw) -> Group:
        nobodys = unnamed(message, patients, dialect, rules, now)
        return Group(None, (), flaws, recognise(message, dialect, rules), nobodys)

    if len(pids) > 1:
        return of_nobody(Flaw(Problem.SEGMENT_MISPLACED, "PID^2"))
    if not pids:
        return of_nobody(Flaw(Problem.SEGMENT_MISSING, "PID^1"))
    named = read_patient(pids[0], dialect, now, updates=False)
    if named.subject is None:
        return of_nobody(*named.flaws)
    if is_baby(message, pids[0], dialect, now):
        group = of_baby(message, patients, pids[0], dialect, rules, now)
        flaws = dict.fromkeys((Flaw(Problem.IDENTIFIER_UNUSABLE, at(pids[0])), *group.flaws))
        return group._replace(flaws=tuple(flaws))
    return _group(message, patients, named, dialect, rules, now)


def _group(
    message: Message,
    patients: list[Patient],
    named: Named,
    dialect: Dialect,
    rules: Rules,
    now: datetime,
) -> Group:
    assert named.patient is not None and named.subject is not None  # noqa: S101, PT018 - the caller has looked
    flaws = [*named.flaws]
    asked = _asked(message, dialect, flaws)
    consents, unclear = read_consents(message, message.segments, named.subject, dialect, rules, now, asked)
    orders = [order for patient in patients for order in patient.orders if order.observations]
    read = [read_order(message, order, named.subject, dialect, rules, now) for order in orders]
    asks, unused = _request(message, named.subject, dialect)
    flaws += unused
    parts = [Part(named.patient, "PID^1"), *consents, *(each.part for each in read if each.part is not None)]
    parts += of_her_life(message, patients, named.subject, dialect, rules, now)
    parts += [Part(asks, "RF1^1")] if asks is not None else []
    return Group(
        subject=named.subject,
        parts=tuple(parts),
        flaws=(*flaws, *unclear, *(flaw for each in read for flaw in each.flaws)),
        recognised=max((each.recognised for each in read), default=Recognised.NOTHING),
    )


def stops_in(message: Message, dialect: Dialect, now: datetime) -> RefusedOrder | None:
    """The order that it may be, to end a referral, and whose that may be."""
    request = message.first("RF1")
    status = said(request, STATUS).upper() if request else ""
    changed = message.header.text(9, 2).upper() == _CHANGES and status not in _OPEN
    if message.header.text(9).upper() != "REF" or not (changed or _ends(message, status)):
        return None
    number = number_in(message, request, NUMBER) if request else []
    read = (read_patient(pid, dialect, now, updates=False) for pid in message.named("PID"))
    subjects = [each.subject for each in read if each.subject]
    name = Identifier(REFERRAL, "|".join(number)) if number else None
    return RefusedOrder(Order.CLOSE, Reference("ServiceRequest", identifier=name), subjects, f"{name} {subjects}")


def _ends(message: Message, status: str) -> bool:
    return message.header.text(9, 2).upper() == _CANCELS or status in _ENDED


def _request(message: Message, subject: Reference, dialect: Dialect) -> tuple[ReceivedRequest | None, list[Flaw]]:
    """Of a request that ends, nothing counts but its number; one that may be over, or an end, opens nothing."""
    request = message.first("RF1")
    if request is None:
        return None, [Flaw(Problem.SEGMENT_MISSING, "RF1^1")]
    number, status = number_in(message, request, NUMBER), said(request, STATUS).upper()
    ends = _ends(message, status)
    asked, expires = (moment(said(request, field), dialect.zone) for field in (ASKED, EXPIRES))
    flaws = [] if number else [Flaw(Problem.VALUE_MISSING, at(request, NUMBER))]
    if not ends:
        flaws += [] if status in _OPEN else [Flaw(Problem.CODE_UNKNOWN, at(request, STATUS))]
        unread = [field for field, time in ((ASKED, asked), (EXPIRES, expires)) if said(request, field) and not time]
        flaws += [Flaw(Problem.VALUE_UNREADABLE, at(request, field)) for field in unread]
    if flaws:
        return None, flaws
    received = Received("ServiceRequest", b"", identifiers=(Identifier(REFERRAL, "|".join(number)),))
    asked_at, expires_at = (time.begins if time else None for time in (asked, expires))
    return ReceivedRequest(received, subject, ends, _who(message), asked_at, expires_at), []


def _asked(message: Message, dialect: Dialect, flaws: list[Flaw]) -> str | Flaw | None:
    """The organisation that is asked for. A programme that the site has not mapped is noted among the flaws; that none
    is named is one only where a consent depends on it."""
    found = set[str]()
    unsaid: Flaw | None = Flaw(Problem.SEGMENT_MISSING, "PRD^1")
    for provider in message.named("PRD"):
        if said(provider, ROLE).upper() == _REFERRED_TO:
            names = dict(_names(provider))
            known = {dialect.codes.programmes[each] for each in names if each in dialect.codes.programmes}
            found |= known
            unsaid = None if names else Flaw(Problem.VALUE_MISSING, at(provider, min(_NAMED)))
            if names and not known:
                flaws.append(Flaw(Problem.CODE_UNKNOWN, at(provider, min(names.values()))))
    return found.pop() if len(found) == 1 else unsaid


def _names(provider: Segment) -> Iterator[tuple[str, int]]:
    """What may name a programme, and in which field it stands."""
    for field, components in _NAMED.items():
        for parts in provider.repetitions(field):
            yield from ((name, field) for each in components if (name := of(parts, each)))


def _who(message: Message) -> str | None:
    """Who refers, as they are written: given and family name."""
    for provider in message.named("PRD"):
        if said(provider, ROLE).upper() == _REFERS:
            return " ".join(filter(None, (said(provider, NAME, 2), said(provider, NAME, 1)))) or None
    return None
