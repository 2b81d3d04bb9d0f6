"""Which segments of a message belong together: its patients, what each agrees to, the orders of each, the observations
of each order.

The groups PATIENT_RESULT and ORDER_OBSERVATION of ORU^R01 (HL7 v2.5.1, 7.3.1). A document (MDM, 9.6.2) is read as one
order, with TXA in place of OBR or behind those that it answers. Segments of any other name, also those of a site's own,
belong to none and are kept.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from service.flow.rules import Rules
from service.hl7v2.dialect import Dialect
from service.hl7v2.read.codes import NOTHING_ASKED, Asked, asked_by
from service.hl7v2.read.observed import Observed, all_observed, of_document, ordered
from service.hl7v2.segments import Message, Segment
from service.screening.result import Status


@dataclass(slots=True)
class Order:
    """`headers` are its OBR, of a document those that it answers and its TXA, `common` is its ORC, `notes` are the NTE
    below any of its segments. Without a header its observations are about the patient.

    `asked` and `status` are what its headers say, None where they do not, `seen` what each of its observations does.
    """

    common: Segment | None = None
    headers: list[Segment] = field(default_factory=list)
    observations: list[Segment] = field(default_factory=list)
    notes: list[Segment] = field(default_factory=list)
    asked: Asked = NOTHING_ASKED
    status: Status | None = None
    seen: list[Observed] = field(default_factory=list)

    def read(self, dialect: Dialect, rules: Rules) -> None:
        document, self.asked = of_document(self.headers), asked_by(self.headers, dialect, rules)
        self.status = document or ordered(self.headers)
        self.seen = all_observed(
            self.observations, self.asked, self.status, dialect, rules, unfinished=document is not None
        )


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


def patients_in(message: Message, dialect: Dialect, rules: Rules) -> list[Patient]:
    """In their order; one without a PID stands for a message that names nobody."""
    found = _grouped(message)
    if not found[0].consents and not found[0].orders and len(found) > 1:
        del found[0]
    for order in (order for each in found for order in each.orders):
        order.read(dialect, rules)
    return found


def segments_of(patients: Iterable[Patient]) -> list[Segment]:
    return [segment for each in patients for segment in each.segments()]


def by_pid(message: Message, dialect: Dialect, rules: Rules) -> list[tuple[Segment, list[Patient]]]:
    """Each PID of a message, and what that has of the patient in it."""
    return [(each.pid, [each]) for each in patients_in(message, dialect, rules) if each.pid is not None]


def _grouped(message: Message) -> list[Patient]:
    """The first is for what comes before any PID."""
    patient = Patient()
    found, orders = [patient], patient.orders
    for segment in message.segments:
        match segment.name:
            case "OBX":
                if not orders:
                    orders.append(Order())
                orders[-1].observations.append(segment)
            case "OBR":
                _begun(orders).headers.append(segment)
            case "NTE" if orders:
                orders[-1].notes.append(segment)
            case "ORC":
                orders.append(Order(common=segment))
            case "PID":
                patient = Patient(segment, doubtful=patient.pid is not None and not orders)
                found.append(patient)
                orders = patient.orders
            case "CON":
                patient.consents.append(segment)
            case "TXA":
                orders.append(_document(segment, orders))
    return found


def _begun(orders: list[Order]) -> Order:
    """The order that an OBR begins, unless its ORC has."""
    if not orders or orders[-1].headers or orders[-1].observations:
        orders.append(Order())
    return orders[-1]


def _document(txa: Segment, orders: list[Order]) -> Order:
    """The orders of which nothing has come yet are those that it answers: they are taken from `orders`."""
    found = Order(headers=[txa])
    while orders and not orders[-1].observations and all(each.name == "OBR" for each in orders[-1].headers):
        answered = orders.pop()
        found.common = answered.common or found.common
        found.headers[:0], found.notes[:0] = answered.headers, answered.notes
    return found
