"""OBR and its OBX -> ReceivedResult: which administration of which instrument it is, and what numbers it states.

One order is one FHIR Observation, and each OBX a piece of its own: a later message of the same order may bring, correct
or take back a single one of them, and says nothing of the others (HL7 v2.5.1, 7.4.2.11).
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from typing import NamedTuple

from service.flow.keep_unreadable import Recognised
from service.flow.received import Received, Reference
from service.flow.received_message import Flaw, Part, Problem
from service.flow.received_result import Administered, ReceivedResult
from service.flow.rules import Rules
from service.hl7v2.dialect import Dialect
from service.hl7v2.read.administration import Times, administrations, at_the_latest
from service.hl7v2.read.codes import ordered_code
from service.hl7v2.read.fields import at, of, said
from service.hl7v2.read.naming import instance_of, name_of, placer_of
from service.hl7v2.read.observation import observation
from service.hl7v2.read.observed import Observed
from service.hl7v2.read.orders import Order
from service.hl7v2.read.recognise import recognise_orders
from service.hl7v2.segments import NULL, Message, Segment
from service.hl7v2.times import Moment, day
from service.referrals.patient import DueDate, due_date
from service.screening.instrument import CodeUse, Context, Role
from service.screening.result import CORRECTING, DECIDING, SELF, STILL_TO_COME, VOID, Piece, Reading, Status, of_its_own

_DUE_DATE = Context.ESTIMATED_DUE_DATE
OTHERS = "other"
"""Who answered when it was not she herself."""
_NO_VALUE = Reading(Role.PANEL, None, None)
_A_FILE = Reading(Role.TOTAL, None, None, "OBX-5")


class Understood(NamedTuple):
    """What comes of an order: nothing when it speaks of nothing that is known here, or cannot be acted on."""

    part: Part | None
    flaws: tuple[Flaw, ...] = ()
    recognised: Recognised = Recognised.NOTHING


class _Reader(NamedTuple):
    """One order, and what everything about it needs. `files` are the files and words that are all there is of their
    instrument, `due_dates` what tells when her baby is due, or takes that back."""

    message: Message
    order: Order
    dialect: Dialect
    now: datetime
    times: Times
    files: list[Observed]
    due_dates: list[Observed]

    def latest(self) -> datetime:
        return at_the_latest(self.order.headers, self.dialect, self.now)


def read_order(
    message: Message, order: Order, subject: Reference, dialect: Dialect, rules: Rules, now: datetime
) -> Understood:
    """`subject` is whom the order is about. Never raises for what stands in it."""
    seen, head = order.seen, next(iter(order.headers), order.common) or order.observations[0]
    reader = _Reader(
        message, order, dialect, now,
        times=administrations(order.headers, order.observations, dialect),
        files=_files(seen),
        due_dates=[one for one in seen if one.meaning is _DUE_DATE and one.wrong is None],
    )  # fmt: skip
    if _is_of_another_alone(reader):
        return Understood(None, (Flaw(Problem.SEGMENT_MISSING, at(head)),), Recognised.AN_INSTRUMENT)
    if order.asked.instrument_id is None and all(one.meaning is None for one in seen):
        return Understood(None)
    useless = _useless(order, head)
    if useless is not None:
        return Understood(None, (useless,), recognise_orders([order], dialect, rules))
    wrong = [one for one in seen if one.wrong is not None]
    left_out = [one.obx for one in wrong if one.of_instrument is not None]
    lost = [replace(order, observations=left_out)] if left_out else []
    flaws = tuple(_flaws(reader, wrong))
    return Understood(Part(_result(reader, subject), at(head)), flaws, recognise_orders(lost, dialect, rules))


def tells_only_when_due(order: Order) -> bool:
    """Whether it tells when her baby is due, and nothing that only an order of a screening can tell."""
    of_others = order.asked.instrument_id is not None or any(one.of_instrument is not None for one in order.seen)
    return not of_others and any(one.meaning is _DUE_DATE for one in order.seen)


def _useless(order: Order, head: Segment) -> Flaw | None:
    """Why nothing of it can be acted on."""
    if not order.observations:
        return Flaw(Problem.SEGMENT_MISSING, at(head))
    if order.status in VOID and any(one.decides and one.of_instrument for one in order.seen):
        # The order was taken back, and its results say that they are final: one of the two is wrong.
        return Flaw(Problem.VALUE_UNREADABLE, at(head, 25))
    return None


def _flaws(reader: _Reader, wrong: list[Observed]) -> Iterator[Flaw]:
    yield from [Flaw(one.wrong[0], at(one.obx, one.wrong[1])) for one in wrong if one.wrong is not None]
    yield from [Flaw(Problem.TIME_UNREADABLE, at(*place)) for place in reader.times.untimely]
    unscorable = [one for one in reader.order.seen if one.has_no_score]
    yield from [Flaw(Problem.NO_SCORE, at(one.obx, 5)) for one in (*reader.files, *unscorable)]
    told = [(one, _due_on(one, reader.now)) for one in reader.due_dates if _stands(one)]
    differ = len({when for _, when in told}) > 1
    yield from [Flaw(Problem.VALUE_UNREADABLE, at(one.obx, 5)) for one, when in told if differ or when is None]


def _result(reader: _Reader, subject: Reference) -> ReceivedResult:
    order, seen = reader.order, reader.order.seen
    name, first = name_of(reader.message, order), reader.times.first
    statuses = {one.status for one in seen} | ({order.status} if order.status is not None else set())
    named, placer = next(filter(None, map(ordered_code, order.headers)), ()), placer_of(order)
    body = observation(
        named, seen, subject, name, statuses, first and first.fhir, reader.dialect, placer, _notes(order)
    )
    return ReceivedResult(
        received=Received("Observation", body, (name,) if name else ()),
        subject=subject,
        administered=tuple(_administered(reader, name.value if name else None)),
        corrects=not CORRECTING.isdisjoint(statuses),
        due=_due(reader),
        whole=False,
    )


def _due(reader: _Reader) -> DueDate | None:
    """What takes a due date back counts where none stands beside it."""
    stands = [one for one in reader.due_dates if _stands(one)]
    taken_back = [one for one in reader.due_dates if one.status in VOID or (one.decides and one.obx.raw(5) == NULL)]
    days = {_due_on(one, reader.now) for one in stands} or {day(said(one.obx, 5)) for one in taken_back}
    if not days or (stands and (len(days) > 1 or None in days)):
        return None
    times = [reader.times.by_obx.get(one.obx.number) for one in stands or taken_back]
    at = max((each.begins for each in times if each is not None), default=reader.latest())
    return DueDate(days.pop() if len(days) == 1 else None, at if at < reader.now else None, stands=bool(stands))


def _stands(one: Observed) -> bool:
    return one.decides and bool(one.values)


def _due_on(one: Observed, now: datetime) -> date | None:
    return due_date(day(said(one.obx, 5)), now.date())


def _notes(order: Order) -> list[str]:
    """What each NTE says, its repetitions as lines (NTE-3 is formatted text)."""
    written = ("\n".join(of(parts, 1) for parts in each.repetitions(3)).strip() for each in order.notes)
    return [each for each in written if each]


def _administered(reader: _Reader, name: str | None) -> Iterator[Administered]:
    """One piece of what is said under one name in one status: a number that is sent in two code systems is one."""
    order, times, first = reader.order, reader.times.by_obx, reader.times.first
    found: dict[tuple[str, Moment | None, str, Status], tuple[Reading, ...]] = defaultdict(tuple)
    for one in order.seen:
        if one.readings and isinstance(one.meaning, CodeUse):
            # What it is in its order; without a name of the order, what the sender calls it, else one of each.
            source = f"{name} {one.what}" if name else instance_of(one.obx) or one.what
            found[one.meaning.instrument_id, times.get(one.obx.number), source, one.status] += one.readings
    asked = order.asked.instrument_id
    if asked is not None and all(one.of_instrument != asked for one in order.seen):
        # The questionnaire came, and nothing that is known of it: the panel alone, of which a clinician hears in time.
        status = order.status or next((one.status for one in order.seen), Status.UNKNOWN)
        found[asked, first, f"{name or ''} {Role.PANEL.value}".strip(), status] = (_NO_VALUE,)
    respondent = _respondent(reader)
    untimed = of_its_own(respondent, name or "order")
    rest = frozenset({f"{untimed} rest"} if order.status in STILL_TO_COME else ())
    for (instrument_id, when, source, status), readings in found.items():
        piece = Piece(source, status, readings, rest if status in DECIDING else frozenset())
        who, effective = (respondent, when.begins) if when else (untimed, reader.latest())
        yield Administered(instrument_id, who, effective, piece)
    for one in reader.files:
        # Beside a score that comes otherwise it must not make that unreadable.
        when = times.get(one.obx.number)
        piece = Piece(f"{name or ''} file".strip(), one.status, (_A_FILE,))
        yield Administered(one.of_instrument or "", f"{untimed} file", when.begins if when else reader.latest(), piece)


def _files(seen: list[Observed]) -> list[Observed]:
    """The files and words that are all there is of their instrument: nothing can be computed, so a person looks."""
    files = [one for one in seen if not one.readings and one.of_instrument is not None and one.decides]
    scored = {one.of_instrument for one in seen if files and any(each.value is not None for each in one.readings)}
    return [one for one in files if one.of_instrument not in scored]


def _is_of_another_alone(reader: _Reader) -> bool:
    """Whether it says that somebody else answered, and of nothing: it may correct who gave the answers that came
    before."""
    return not any(one.meaning or one.wrong for one in reader.order.seen) and _respondent(reader) == OTHERS


def _respondent(reader: _Reader) -> str:
    """She herself, unless the hospital says with an observation of its own who answered, and it was not she."""
    code, herself = reader.dialect.respondent, reader.dialect.herself
    if code is None:
        return SELF
    answers = [said(one.obx, 5) for one in reader.order.seen if any(each.code == code for each in one.named)]
    return SELF if all(not each or each in herself for each in answers) else OTHERS
