"""A message that goes out: its header, and whom it is about."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from service.delivery.channel import Parcel
from service.flow.received import Identifier
from service.hl7v2.dialect import Dialect
from service.hl7v2.placer import placer_of
from service.hl7v2.write.build import Draft
from service.hl7v2.write.fields import components, text, time
from service.hl7v2.write.outbound import Outbound
from service.referrals.delivery import Delivery
from service.shared.errors import ServiceError

# Nobody's name is in what is sent: the hospital has it. U: this is no name (table 0200).
_NO_NAME = "^^^^^^U"


class NotNamed(ServiceError):
    """None of her identifiers can be written in the hospital's own way."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """What every message needs: how this hospital wants it, and who we are there (MSH-3 and MSH-4). `corrects`: the
    record may have another state of the same on file."""

    parcel: Parcel
    outbound: Outbound
    dialect: Dialect
    sender: tuple[str, str]
    corrects: bool = False

    @property
    def written_at(self) -> datetime:
        """When it began to be owed: a message that is sent again is the same, with its time (MSH-7)."""
        return self.parcel.delivery.owed_at

    def time(self, moment: datetime) -> str:
        """A DTM, as the hospital's clocks show it."""
        return time(moment, self.dialect.zone)

    @property
    def placer(self) -> str:
        """An EI: the hospital's own order behind all this; empty without one."""
        return components(*placer_of(self.parcel.observations))

    def entity(self, id: str) -> str:
        """An EI: our id, and whose it is."""
        return components(id, self.sender[0])


def identified(drafts: Sequence[Draft], delivery: Delivery) -> tuple[Draft, ...]:
    """With MSH-10, which may have 20 characters and is made of all that is said: a receiver that has taken the message
    knows it again, and takes what says anything else for another one."""
    said = hashlib.sha256(repr((delivery.id, *drafts)).encode()).digest()
    msh, *others = drafts
    return Draft(msh.name, {**msh.fields, 10: base64.b32encode(said)[:20].decode()}), *others


def header(sheet: Sheet, type: str, event: str) -> Draft:
    """All of it but MSH-10."""
    outbound = sheet.outbound
    return Draft(
        "MSH",
        {
            **dict(enumerate(map(text, (*sheet.sender, *outbound.receiving)), 3)),
            7: sheet.time(sheet.written_at),
            9: f"{type}^{event}^{type}_{event}",
            11: "P",
            12: outbound.version.value,
            15: outbound.commit or "",
            16: outbound.application or "",
            18: "UNICODE UTF-8",
        },
    )


def patient(sheet: Sheet) -> Draft:
    """PID-3 has her identifiers as the hospital itself writes them. Raises NotNamed."""
    numbers = [each for each in (_cx(one, sheet.dialect) for one in sheet.parcel.identifiers) if each]
    if not numbers:
        raise NotNamed
    return Draft("PID", {1: "1", 3: "~".join(numbers), 5: _NO_NAME})


def _cx(identifier: Identifier, dialect: Dialect) -> str | None:
    """The identifier under its authority's own name (CX.4) and with its type (CX.5)."""
    value, system = text(identifier.value), identifier.system
    for (name, type), named in dialect.authorities.items():
        if named == system:
            authority = f"&{text(name)}&ISO" if _is_oid(name) else text(name)
            return f"{value}^^^{authority}^{text(type)}".rstrip("^")
    if system == dialect.default_authority:
        return value
    if system.startswith("urn:oid:"):
        return f"{value}^^^&{text(system.removeprefix('urn:oid:'))}&ISO"
    return None


def _is_oid(name: str) -> bool:
    return "." in name and all(part.isdecimal() for part in name.split("."))
