"""Telling a hospital that speaks HL7 v2: what it is owed goes to its interface engine over MLLP.

There is nothing to be read back, so what got no answer is simply sent again, under the same MSH-10 as long as it says
the same: the receiver knows by that whether it has it already. A status that says anything else than the first one
that may have arrived is a correction of it.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from service.delivery.channel import Parcel, Sent
from service.flow.rules import DEFAULT_SITE, Rules
from service.hl7v2.awaited import VERDICTS, Awaited
from service.hl7v2.dialect import Dialect
from service.hl7v2.lines import NotCalled
from service.hl7v2.outgoing import NOTHING_WAS_SENT, Line, NotAnswered
from service.hl7v2.write.build import NotValid, build
from service.hl7v2.write.drafts import control_of, drafted, is_said, may_be_on_file, newer_told
from service.hl7v2.write.message import NotNamed, Sheet
from service.hl7v2.write.outbound import Asked, Outbound
from service.referrals.delivery import DeliveryTrigger
from service.shared import telemetry
from service.shared.clock import Clock


@dataclass(frozen=True, slots=True)
class Hl7v2Channel:
    """`connect` gives the connection to an endpoint, the same one each time; it raises NotCalled. `dialects` and
    `outbound` are by organisation id, with `default`. `sender` are MSH-3 and MSH-4."""

    connect: Callable[[str], Line]
    rules: Rules
    dialects: Mapping[str, Dialect]
    outbound: Mapping[str, Outbound]
    sender: tuple[str, str]
    clock: Clock

    async def send(self, parcel: Parcel) -> Sent:
        """Bring the parcel to its destination, in the newest state that it was packed in."""
        if not is_said(parcel, self.rules):
            return Sent(DeliveryTrigger.NO_LONGER_WANTED, "not-in-hl7v2")
        sheet = self._sheet(parcel)
        try:
            line = self.connect(parcel.destination.line or "")
            drafts = drafted(sheet, self.rules)
            # To build one takes so long that others would wait for it.
            message = await asyncio.to_thread(build, drafts)
        except NotCalled:
            return Sent(DeliveryTrigger.REFUSED_FOR_GOOD, "foreign-address")
        except NotNamed:
            # Nobody has refused it, and it can be written as soon as the site's file is mended.
            return Sent(DeliveryTrigger.TRY_AGAIN, "patient-without-identifier")
        except NotValid as defect:
            telemetry.tell_defect("message-not-valid", defect, delivery=parcel.delivery.id, rule=str(defect))
            return Sent(DeliveryTrigger.REFUSED_FOR_GOOD, "not-valid")
        sent = await self._exchange(line, sheet, control_of(drafts), message)
        on_file = may_be_on_file(parcel.delivery, drafts, sent.trigger)
        return replace(sent, control_id=on_file, told=newer_told(parcel, sent.trigger))

    async def _exchange(self, line: Line, sheet: Sheet, control: str, message: bytes) -> Sent:
        awaited = Awaited(control, sheet.outbound.application is Asked.ALWAYS, self.clock.now())
        try:
            await line.exchange(message, sheet.parcel.delivery.lane.value, awaited.hear)
        except NotAnswered as problem:
            safe = problem.failure in NOTHING_WAS_SENT
            trigger = DeliveryTrigger.TRY_AGAIN if safe else DeliveryTrigger.ANSWER_LOST
            # A commit alone is worth telling: the engine has it, and its application is silent.
            return Sent(
                trigger, f"answered-{awaited.verdict}" if awaited.verdict in VERDICTS else problem.failure.value
            )
        trigger = VERDICTS[awaited.verdict]
        if trigger is not DeliveryTrigger.TAKEN:
            return Sent(trigger, f"answered-{awaited.verdict}")
        return Sent(trigger, "taken")

    def _sheet(self, parcel: Parcel) -> Sheet:
        id = parcel.destination.id
        outbound = self.outbound.get(id) or self.outbound[DEFAULT_SITE]
        dialect = self.dialects.get(id) or self.dialects[DEFAULT_SITE]
        return Sheet(parcel, outbound, dialect, self.sender)
