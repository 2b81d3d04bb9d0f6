"""One frame in, the acknowledgements it is owed out: whatever came, once it is safely kept."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from operator import attrgetter

from service.flow.answer import Refused
from service.flow.keep_unreadable import Unreadable
from service.flow.receive_long_message import begin_message, finish_message, go_on, units_of
from service.flow.receive_message import receive_message
from service.flow.received_message import Flaw, ReceivedMessage
from service.flow.refuse_message import refuse_message, refuse_stranger
from service.flow.rules import DEFAULT_SITE, Rules
from service.hl7v2.acknowledge import Error, Verdict, Wanted, acknowledge, wanted
from service.hl7v2.answer_referral import referral_answer
from service.hl7v2.dialect import Dialect
from service.hl7v2.errors import NotKept, Unfit, What
from service.hl7v2.frame import Fault, Frame
from service.hl7v2.look import Looked, look, received_message, refusal_of
from service.hl7v2.refused import heard, sealed
from service.hl7v2.understand import understand
from service.security.sealing import Sealer
from service.security.senders import Senders
from service.shared import telemetry
from service.shared.aside import aside
from service.shared.caller import Caller, OrganisationKind
from service.shared.clock import Clock
from service.shared.errors import Unavailable
from service.store.engine import Store
from service.store.unit_of_work import UnitOfWork

# It ends no message, so it stands between the acknowledgements of one.
_BETWEEN = b"\x1c"
# A commit says that it is kept, and nothing of what was made of it.
_COMMITTED = ("C", Verdict.ACCEPT)
_IS_CRITICAL = attrgetter("is_critical")


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
            caller = caller or await self.senders.caller("mllp_sender", *looked.senders)
            if caller is None:
                return _split(await self._refuse_stranger(looked, await self.senders.stranger()))
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
        refused = await aside(looked.body, self.refused, looked, [dialect], wrong, now)
        told = self._told(looked, dialect, Verdict.REJECT, [Error(wrong)])
        control = refusal_of(looked, wrong)
        return await self.store.run(
            caller,
            lambda tx: refuse_message(
                tx, self.rules, refused, control, now, told, reused=wrong is Unfit.CONTROL_ID_REUSED
            ),
        )

    async def _refuse_stranger(self, looked: Looked, caller: Caller) -> bytes:
        """What is nobody's may be any hospital's, in the codes of any: that takes its time, and nobody waits for it."""
        wrong, now, default = looked.wrong or Unfit.SENDER_UNKNOWN, self.clock.now(), self.dialects[DEFAULT_SITE]
        dialects = [self.dialect(caller)] if caller.kind is OrganisationKind.HOSPITAL else self.dialects.values()
        refused = await asyncio.to_thread(self.refused, looked, dialects, wrong, now)
        told = self._told(looked, default, Verdict.REJECT, [Error(Unfit.SENDER_UNKNOWN if looked.header else wrong)])
        control = refusal_of(looked, wrong)
        kept = await self.store.run(caller, lambda tx: refuse_stranger(tx, self.rules, refused, control, now, told))
        facts = {"organisation": caller.organisation_id, "message": kept or "not kept"}
        telemetry.tell_person("sender-unknown", **facts)
        if refused.is_critical and caller.kind is not OrganisationKind.HOSPITAL and kept in (refused.id, None):
            telemetry.tell_risk_not_heard(**facts)
        return told

    def refused(self, looked: Looked, dialects: Iterable[Dialect], wrong: What, now: datetime) -> Unreadable:
        """As it is kept, with what the codes of any of these tell of it that is critical, else those of the first."""
        kept = sealed(looked, wrong, self.sealer)
        return max((heard(kept, looked, each, self.rules, wrong, now) for each in dialects), key=_IS_CRITICAL)

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


def _split(told: bytes) -> Sequence[bytes]:
    return told.split(_BETWEEN) if told else ()
