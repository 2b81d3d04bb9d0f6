"""How an order is named, so that what a later message says of it takes the place of what was said before."""

from service.flow.received import Identifier
from service.hl7v2.read.fields import of, said
from service.hl7v2.read.orders import Order
from service.hl7v2.segments import Message, Segment

ORDER = "urn:peer-referral:hl7v2:order"
"""The system of these names: whose number it is, the number, and what was ordered under it."""


def name_of(message: Message, order: Order) -> Identifier | None:
    """By a document's own number (TXA-12), else the filler's (OBR-3, ORC-3), else the placer's (OBR-2, ORC-2); None
    without any. One number may have several orders under it, which differ in their code."""
    ordered = [each for each in order.headers if each.name == "OBR"]
    what = next((said(each, 4) or said(each, 4, 4) or said(each, 15) for each in ordered), "")
    documents = [each for each in order.headers if each.name == "TXA"]
    asked = ordered + ([order.common] if order.common else [])
    for kind, segments, field in (("document", documents, 12), ("filler", asked, 3), ("placer", asked, 2)):
        for segment in segments:
            if number := number_in(message, segment, field):
                return Identifier(ORDER, "|".join((kind, *number, what)))
    return None


def placer_of(order: Order) -> list[str]:
    """The number under which it was asked for (OBR-2, else ORC-2), as far as the parts of an EI say anything: what
    comes of the order is told under it again."""
    segments = [each for each in (*order.headers, order.common) if each is not None and each.name != "TXA"]
    return next((_parts(each, 2) for each in segments if said(each, 2)), [])


def instance_of(obx: Segment) -> str | None:
    """What the sender calls this one observation (OBX-21)."""
    return "^".join(_parts(obx, 21)) or None


def number_in(message: Message, segment: Segment, field: int) -> list[str]:
    """Whose number it is, and the number; empty without one. Without an authority it is the sending application's."""
    number, *authority = _parts(segment, field) or ("",)
    return [*(authority or [said(message.header, 3), said(message.header, 4)]), number] if number else []


def _parts(segment: Segment, field: int) -> list[str]:
    """An EI without what is empty at its end."""
    first = next(iter(segment.repetitions(field)), ())
    parts = [of(first, component) for component in (1, 2, 3)]
    while parts and not parts[-1]:
        parts.pop()
    return parts
