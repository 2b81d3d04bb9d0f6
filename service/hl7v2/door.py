"""One frame in, the acknowledgements it is owed out: whatever came, once it is safely kept."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from service.flow.answer import Refused
from service.flow.keep_unreadable import Recognised, Salvaged, Unreadable
from service.flow.receive_long_message import begin_message, finish_message, go_on, units_of
from service.flow.receive_message import receive_message
from service.flow.received_message import Flaw, ReceivedMessage
from service.flow.refuse_message import refuse_message
from service.flow.rules import DEFAULT_SITE, Rules
from service.flow.tell_unnamed import Unnamed
from service.hl7v2.acknowledge import Error, Verdict, Wanted, acknowledge, wanted
from service.hl7v2.answer_referral import referral_answer
from service.hl7v2.dialect import Dialect
from service.hl7v2.errors import NotKept, Unfit, What
from service.hl7v2.frame import Fault, Frame
from service.hl7v2.look import DOOR, Looked, look, received_message, refusal_of
from service.hl7v2.read.message import TYPES, results_in, unnamed_in
from service.hl7v2.read.recognise import recognise
from service.hl7v2.salvage import salvage, salvaged, tells_of_one, tells_of_results
from service.hl7v2.understand import understand
from service.security.sealing import Sealer
from service.security.senders import Senders
from service.shared import telemetry
from service.shared.aside import aside
from service.shared.caller import Caller
from service.shared.clock import Clock
from service.shared.errors import Unavailable
from service.shared.ids import new_id
from service.store.engine import Store
from service.store.unit_of_work import UnitOfWork

# It ends no message, so it stands between the acknowledgements of one.
_BETWEEN = b"\x1c"
# A commit says that it is kept, and nothing of what was made of it.
_COMMITTED = ("C", Verdict.ACCEPT)
# An instrument alone, in a test or under another's control id, worries nobody; a risk does.
_ONLY_RISK = frozenset({Unfit.NOT_PRODUCTION, Unfit.CONTROL_ID_REUSED})
# MSH-11 of training and of debugging (table 0103).
_TESTS = frozenset("TD")
# Of what was cut nobody knows the rest, and it is the rest that may hold the result.
_CUT: frozenset[What] = frozenset({Fault.CUT_SHORT, Fault.TOO_LONG, Fault.OUTSIDE})


@dataclass(frozen=True, slots=True)
class Door:
    """`dialects` is by organisation id, with `default`."""

    store: Store[UnitOfWork]
    rules: Rules
    clock: Clock
    sealer: Sealer
    senders: Senders
    dialects: Mapping[str, Dialect]

    async def answer(self, frame: Frame, caller: Caller | None) -> Sequence[bytes]:
        """The acknowledgements in their order, without their framing; none when the sender asked for none.

        `caller` is whom the connection's certificate names; None on a plain connection, where MSH-3 and MSH-4 name it.
        Raises NotKept when nothing can be kept and the sender is told so, Unavailable when it is to be left without an
        answer: the connection is to be closed.
        """
        looked = await aside(frame.body, look, frame)
        if frame.fault is Fault.NOISE:
            return ()
        dialect = self.dialect(caller)
        try:
            caller = caller or await self.senders.caller("mllp_sender", looked.sender)
            if caller is None:
                telemetry.tell_person("sender-unknown")
                wrong = (None if looked.header else looked.wrong) or Unfit.SENDER_UNKNOWN
                return _split(self._told(looked, dialect, Verdict.REJECT, [Error(wrong)]))
            dialect = self.dialect(caller)
            return _split(await self._take(looked, dialect, caller))
        except Unavailable:
            told = self._told(looked, dialect, Verdict.ERROR, [Error(Unfit.UNAVAILABLE)])
            # A sender that is told nothing would take silence for a message that was kept.
            if dialect.closes_when_unavailable or not told:
                raise
            raise NotKept(_split(told)) from None

    def dialect(self, caller: Caller | None) -> Dialect:
        return self.dialects.get(caller.organisation_id if caller else DEFAULT_SITE, self.dialects[DEFAULT_SITE])

    async def _take(self, looked: Looked, dialect: Dialect, caller: Caller) -> bytes:
        now = self.clock.now()
        wrong: What
        try:
            understood = await aside(looked.body, understand, looked, dialect, self.rules, now)
            if isinstance(understood, tuple):
                kept = await self._receive(looked, dialect, caller, received_message(looked, understood), now)
                if isinstance(kept, bytes):
                    return kept
                wrong = Unfit.CONTROL_ID_REUSED
            else:
                wrong = understood
        except Unavailable:
            raise
        except Exception as defect:  # noqa: BLE001  # whatever it is, the message must not be lost by it
            telemetry.tell_defect("message-not-processed", defect, correlation_id=caller.correlation_id)
            wrong = Unfit.DEFECT
        return await self._refuse(looked, dialect, caller, wrong, now)

    async def _receive(
        self, looked: Looked, dialect: Dialect, caller: Caller, message: ReceivedMessage, now: datetime
    ) -> bytes | Refused:
        rules, units = self.rules, units_of(message.groups)

        def told(flaws: Sequence[Flaw]) -> bytes:
            return self.accepted(looked, dialect, flaws)

        if len(units) == 1:
            return await self.store.run(caller, lambda tx: receive_message(tx, rules, message, now, told))
        id = await self.store.run(caller, lambda tx: begin_message(tx, message))
        if not isinstance(id, str):
            return id
        flaws: list[Flaw] = []
        for unit in units:
            step = partial(go_on, rules=rules, received=message.received, unit=unit, id=id, now=now)
            flaws += await self.store.run(caller, step)
        return await self.store.run(caller, lambda tx: finish_message(tx, message, id, flaws, told))

    async def _refuse(self, looked: Looked, dialect: Dialect, caller: Caller, wrong: What, now: datetime) -> bytes:
        refused = await aside(looked.body, self._refused, looked, dialect, wrong, now)
        told = self._told(looked, dialect, Verdict.REJECT, [Error(wrong)])
        control = refusal_of(looked, wrong)
        return await self.store.run(
            caller,
            lambda tx: refuse_message(
                tx, self.rules, refused, control, now, told, reused=wrong is Unfit.CONTROL_ID_REUSED
            ),
        )

    def _refused(self, looked: Looked, dialect: Dialect, wrong: What, now: datetime) -> Unreadable:
        return replace(
            self.sealed(looked, wrong),
            results=self._results(looked, dialect, wrong, now),
            unnamed=self._unnamed(looked, dialect, wrong, now),
        )

    def sealed(self, looked: Looked, wrong: What) -> Unreadable:
        """As it is kept when it is not taken."""
        id = new_id()
        sealed = self.sealer.seal(looked.body, f"unreadable_message/{id}")
        fingerprint, type = hashlib.sha256(looked.body).hexdigest(), "^".join(filter(None, looked.type))
        return Unreadable(id, sealed, fingerprint, wrong.value, door=DOOR, type=type)

    def _results(self, looked: Looked, dialect: Dialect, wrong: What, now: datetime) -> Sequence[Salvaged]:
        """What may stand in it of results, of each woman of whom that is certain, and of nobody what is worse."""
        message, whole, found = looked.message, Recognised.NOTHING, list[Salvaged]()
        try:
            whole = recognise(message, dialect, self.rules) if message else salvage(looked.body, dialect, self.rules)
            if wrong in _CUT and tells_of_results(looked.body):
                whole = max(whole, Recognised.AN_INSTRUMENT)
            if _may_be_hers(looked, wrong) and _says_whose(looked, wrong):
                found += results_in(message or salvaged(looked.body), dialect, self.rules, now)
        except Exception as defect:  # noqa: BLE001  # what cannot be looked through is looked at by a person
            telemetry.tell_defect("message-not-recognised", defect)
            whole = max(whole, Recognised.AN_INSTRUMENT)
        if whole > max((each.recognised for each in found), default=Recognised.NOTHING):
            found.append(Salvaged(whole))
        return [each for each in found if wrong not in _ONLY_RISK or each.recognised is Recognised.A_CRITICAL_ANSWER]

    def _unnamed(self, looked: Looked, dialect: Dialect, wrong: What, now: datetime) -> Sequence[Unnamed]:
        """What it tells of a loss or a death, and of a no."""
        if not _may_be_hers(looked, wrong):
            return ()
        try:
            found = unnamed_in(looked.message or salvaged(looked.body), dialect, self.rules, now)
            return tuple(found if _says_whose(looked, wrong) else (replace(each, hers=()) for each in found))
        except Exception as defect:  # noqa: BLE001  # as above
            telemetry.tell_defect("message-not-recognised", defect)
            return ()

    def accepted(self, looked: Looked, dialect: Dialect, flaws: Sequence[Flaw]) -> bytes:
        return self._told(looked, dialect, Verdict.ACCEPT, [Error(flaw.problem, flaw.at) for flaw in flaws])

    def _told(self, looked: Looked, dialect: Dialect, verdict: Verdict, errors: Sequence[Error]) -> bytes:
        if looked.type[0] == "ACK" or looked.wrong is Fault.OUTSIDE:
            # An answer to an answer would go to and fro without end, and the message before what stands outside any
            # has its own.
            return b""
        asked: Wanted = wanted(looked.header, always=dialect.always_acknowledge)
        now = self.clock.now()
        answers = [
            acknowledge(looked.header, letter, verdict, () if (letter, verdict) == _COMMITTED else errors, now=now)
            for letter in asked.letters(verdict)
        ]
        if looked.type[0] == "REF" and looked.message and verdict in asked.application and verdict is Verdict.ACCEPT:
            answers[-1] = referral_answer(answers[-1], looked.message, errors, now=now)
        return _BETWEEN.join(answers)


def _may_be_hers(looked: Looked, wrong: What) -> bool:
    """What says that it is a test, and a message of a type that is not taken, says nothing of anybody."""
    is_test = wrong is Unfit.NOT_PRODUCTION and looked.header is not None and looked.header.text(11).upper() in _TESTS
    return not is_test and looked.type[0] in ("", *TYPES)


def _says_whose(looked: Looked, wrong: What) -> bool:
    """Whether all that can be made out of it is certainly of the patient below whom it stands."""
    return looked.message is not None or (wrong is not Fault.OUTSIDE and tells_of_one(looked.body))


def _split(told: bytes) -> Sequence[bytes]:
    return told.split(_BETWEEN) if told else ()
