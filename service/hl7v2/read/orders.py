"""Which segments of a message belong together: its patients, what each agrees to, the orders of each, the observations
of each order.

The groups PATIENT_RESULT and ORDER_OBSERVATION of ORU^R01 (HL7 v2.5.1, 7.3.1). A document (MDM, 9.6.2) is read as one
order, with TXA in place of OBR or behind those that it answers. Segments of any other name, also those of a site's own,
belong to none and are kept.
"""

from dataclasses import dataclass, field
from typing import Literal

from service.hl7v2.segments import Message, Segment


@dataclass(slots=True)
class Order:
    """`headers` are its OBR, of a document those that it answers and its TXA, `common` is its ORC, `notes` are the NTE
    below any of its segments. Without a header its observations are about the patient."""

    common: Segment | None = None
    headers: list[Segment] = field(default_factory=list)
    observations: list[Segment] = field(default_factory=list)
    notes: list[Segment] = field(default_factory=list)


@dataclass(slots=True)
class Patient:
    """`pid` is None for what comes before the first PID, `consents` are its CON, wherever among the orders they stand.
    `doubtful`: the PID before this one had no order of its own, so nobody can tell which of the two all of this is
    about.
    """

    pid: Segment | None = None
    orders: list[Order] = field(default_factory=list)
    consents: list[Segment] = field(default_factory=list)
    doubtful: bool = False

    def segments(self) -> list[Segment]:
        """Its consents, then each order's own and its observations."""
        return self.consents + [each for order in self.orders for each in (*order.headers, *order.observations)]

    def observations(self) -> list[Segment]:
        return [each for order in self.orders for each in order.observations]


_Kind = Literal["patient", "consent", "common", "header", "document", "observation", "note"]
_KINDS: dict[str, _Kind] = {
    "PID": "patient",
    "CON": "consent",
    "ORC": "common",
    "OBR": "header",
    "TXA": "document",
    "OBX": "observation",
    "NTE": "note",
}


def patients_in(message: Message) -> list[Patient]:
    """In their order; one without a PID stands for a message that names nobody."""
    found = [Patient()]
    for segment in message.segments:
        kind = _KINDS.get(segment.name)
        if kind is not None:
            _put(found, segment, kind)
    if not found[0].segments() and not found[0].orders and len(found) > 1:
        del found[0]
    return found


def _put(found: list[Patient], segment: Segment, kind: _Kind) -> None:
    orders = found[-1].orders
    if kind == "patient":
        before = found[-1]
        found.append(Patient(segment, doubtful=before.pid is not None and not before.orders))
    elif kind == "consent":
        found[-1].consents.append(segment)
    elif kind == "common":
        orders.append(Order(common=segment))
    elif kind == "header":
        if not orders or orders[-1].headers or orders[-1].observations:
            orders.append(Order())
        orders[-1].headers.append(segment)
    elif kind == "document":
        orders.append(_document(segment, orders))
    elif kind == "note":
        if orders:
            orders[-1].notes.append(segment)
    else:
        if not orders:
            orders.append(Order())
        orders[-1].observations.append(segment)


def _document(txa: Segment, orders: list[Order]) -> Order:
    """The orders of which nothing has come yet are those that it answers: they are taken from `orders`."""
    found = Order(headers=[txa])
    while orders and not orders[-1].observations and all(each.name == "OBR" for each in orders[-1].headers):
        answered = orders.pop()
        found.common = answered.common or found.common
        found.headers[:0], found.notes[:0] = answered.headers, answered.notes
    return found
