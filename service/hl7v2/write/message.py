"""A message that goes out: its header, whom it is about, and that it is what the standard says it must be."""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from service.delivery.channel import Parcel
from service.flow.received import Identifier
from service.hl7v2.dialect import Dialect
from service.hl7v2.write.fields import components, segment, text, time
from service.hl7v2.write.outbound import Outbound
from service.referrals.delivery import Delivery
from service.shared.errors import ServiceError

# Nobody's name is in what is sent: the hospital has it. U: this is no name (table 0200).
_NO_NAME = "^^^^^^U"


class NotValid(ServiceError):
    """What was written is no valid message: a defect of ours. It names the rule that is broken, never a value."""


class NotNamed(ServiceError):
    """None of her identifiers can be written in the hospital's own way."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """What every message needs: how this hospital wants it, and who we are there (MSH-3 and MSH-4)."""

    parcel: Parcel
    outbound: Outbound
    dialect: Dialect
    sender: tuple[str, str]
    now: datetime

    def entity(self, id: str) -> str:
        """An EI: our id, and whose it is."""
        return components(id, self.sender[0])


def control_id(delivery: Delivery) -> str:
    """MSH-10, which may have 20 characters: the same for each attempt, so that a receiver that has taken the message
    already knows it again."""
    return base64.b32encode(hashlib.sha256(delivery.id.encode()).digest())[:20].decode()


def header(sheet: Sheet, type: str, event: str) -> str:
    own, outbound = sheet.sender, sheet.outbound
    asked = (outbound.commit, outbound.application)
    fields = {
        **dict(enumerate(map(text, (*own, *outbound.receiving)), 2)),
        6: time(sheet.now),
        8: f"{type}^{event}^{type}_{event}",
        9: control_id(sheet.parcel.delivery),
        10: "P",
        11: outbound.version.value,
        14: asked[0] or "",
        15: asked[1] or "",
        17: "UNICODE UTF-8",
    }
    # MSH-1 is the delimiter itself, so that every field stands one place before its number.
    return segment("MSH", {1: "^~\\&", **fields})


def patient(sheet: Sheet) -> str:
    """PID-3 has her identifiers as the hospital itself writes them. Raises NotNamed."""
    numbers = [each for each in (_cx(one, sheet.dialect) for one in sheet.parcel.identifiers) if each]
    if not numbers:
        raise NotNamed
    return segment("PID", {1: "1", 3: "~".join(numbers), 5: _NO_NAME})


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


def validated(segments: Iterable[str], outbound: Outbound) -> bytes:
    """The message as bytes, once hl7apy finds in it what we wrote and nothing against the standard. Raises NotValid."""
    from hl7apy.consts import VALIDATION_LEVEL
    from hl7apy.exceptions import HL7apyException
    from hl7apy.parser import parse_message

    written: Sequence[str] = tuple(segments)
    try:
        message = parse_message("\r".join(written), validation_level=VALIDATION_LEVEL.STRICT)
        message.validate()
        read_back = message.to_er7().rstrip("\r").split("\r")
    except (HL7apyException, ValueError, AttributeError, TypeError, KeyError) as problem:
        raise NotValid(type(problem).__name__) from None
    if read_back != list(written) or message.version != outbound.version.value:
        raise NotValid("read back otherwise")
    return "".join(f"{each}\r" for each in written).encode()
