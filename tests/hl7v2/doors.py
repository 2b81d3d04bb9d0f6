"""A door for HL7 v2 on a real store, and short words for what a hospital sends through it."""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from service import mappings
from service.fhir.door import Door as FhirDoor
from service.fhir.door import RateLimit
from service.flow.rules import DEFAULT_SITE, Rules
from service.hl7v2.dialect import Dialect
from service.hl7v2.door import Door
from service.hl7v2.errors import NotKept
from service.hl7v2.frame import Frame
from service.hl7v2.segments import Message, read
from service.messages import Messages
from service.security.bearer import Bearers
from service.security.sealing import Sealer
from service.security.senders import Senders
from service.shared.caller import Caller
from tests.flow.support import Service

BASE = "http://127.0.0.1:8080"
MSH = "MSH|^~\\&|EHR|MATERNITY|PR|PEER|20260601120000+0000||ORU^R01^ORU_R01|{control}|P|2.5.1"
PID = "PID|1||{woman}^^^HOSP&1.2.3&ISO^MR||Tester^Tessie^^^^^L||{born}|F"
OBR = "OBR|1||{order}^MAT|71354-5^EPDS^LN|||20260601110000+0000|||||||||||||||20260601110500+0000||OTH|F"
TOTAL = "OBX|1|NM|99046-5^EPDS total^LN||{total}||||||F|||20260601110000+0000"


def oru(control: str = "M1", *, woman: str = "W1", total: int = 0, born: str = "19950401", order: str = "") -> bytes:
    """A result of one woman: an EPDS by its total."""
    lines = [MSH.format(control=control), *group(woman=woman, total=total, born=born, order=order or f"F-{control}")]
    return "\r".join((*lines, "")).encode()


def group(*, woman: str, total: int, order: str, born: str = "19950401") -> list[str]:
    return [each.format(woman=woman, total=total, order=order, born=born) for each in (PID, OBR, TOTAL)]


def changed(body: bytes, number: int, value: str) -> bytes:
    """The message with another MSH field."""
    first, _, rest = body.partition(b"\r")
    fields = first.split(b"|")
    fields += [b""] * (number - len(fields))
    fields[number - 1] = value.encode()
    return b"|".join(fields) + b"\r" + rest


@dataclass
class Hospital:
    """A hospital whose engine speaks HL7 v2 to a service in this process."""

    service: Service
    habits: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def caller(self) -> Caller:
        return self.service.hospital()

    @cached_property
    def door(self) -> Door:
        dialects = mappings.load_dialects(self.service.rules)
        own: Dialect = replace(dialects[DEFAULT_SITE], **self.habits)
        return Door(
            store=self.service.store,
            rules=self.service.rules,
            clock=self.service.clock,
            sealer=Sealer(os.urandom(32)),
            senders=Senders(self.service.store),
            dialects={**dialects, self.caller.organisation_id: own},
        )

    def messages(self, rules: Rules | None = None) -> Messages:
        """What an operator does about what came in; `rules` are those of a service that was mended."""
        known = rules or self.service.rules
        return Messages(replace(self.door, rules=known), self.fhir(known))

    def fhir(self, rules: Rules) -> FhirDoor:
        """The other door of the same service."""
        store, clock = self.service.store, self.service.clock
        return FhirDoor(store, rules, clock, Bearers(store, clock), self.door.sealer, BASE, RateLimit(1_000))

    def answers(self, *frames: bytes | Frame, plain: bool = False) -> list[Sequence[bytes]]:
        """All at once, each with what came back for it. On a `plain` connection nobody knows who sends."""

        async def send() -> list[Sequence[bytes]]:
            sent = (each if isinstance(each, Frame) else Frame(each) for each in frames)
            return await asyncio.gather(*(self._told(each, None if plain else self.caller) for each in sent))

        return asyncio.run(send())

    async def _told(self, frame: Frame, caller: Caller | None) -> Sequence[bytes]:
        """What its sender hears, also that it is to send again."""
        try:
            return await self.door.answer(frame, caller)
        except NotKept as not_kept:
            return not_kept.answers

    def send(self, body: bytes | Frame) -> Message:
        """The one acknowledgement of it."""
        (answer,) = self.answers(body)[0]
        return read(answer)

    def told(self, body: bytes | Frame) -> str:
        """Its code, and of each problem place, condition and severity: `AA PID^1^3 204 W`."""
        return said(self.send(body))

    def told_plainly(self, body: bytes) -> str:
        (answer,) = self.answers(body, plain=True)[0]
        return said(read(answer))

    def rows(self, table: str, **equal: object) -> list[dict[str, Any]]:
        return self.service.rows(table, tenant_id=self.caller.organisation_id, **equal)

    def alerts(self) -> list[str]:
        return sorted(row["code"] for row in self.rows("alert"))


def mended(hospital: Hospital, **habits: Any) -> Hospital:
    """The same hospital after its site map was changed."""
    after = Hospital(hospital.service, habits)
    after.caller = hospital.caller
    object.__setattr__(after.door, "sealer", hospital.door.sealer)
    return after


def said(answer: Message) -> str:
    errors = [" ".join(filter(None, (each.raw(2), each.text(3), each.text(4)))) for each in answer.named("ERR")]
    return " ".join([answer.segments[1].text(1), *errors])
