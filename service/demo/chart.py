"""What the infirmary has on file of what the service told it; a message with a flaw is refused whole."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from service.demo.er7 import Er7, Segment

TAKEN = ("ORU^R01", "MDM^T02")
NO_NAME = "U"
# OBX-11 (table 0085) of what is to be deleted, which has no value any more.
WITHDRAWN = "D"


@dataclass(frozen=True, slots=True)
class Observation:
    """One state of one OBX, under its order. `name` is OBX-21, by which a later state is known as one of the same."""

    control: str
    number: str
    order: str
    ordered: str
    placer: str
    name: str
    code: str
    part: str
    value: str
    flag: str
    status: str


@dataclass(frozen=True, slots=True)
class Document:
    """A note for the chart, by its own name (TXA-12). `text` has its lines."""

    control: str
    number: str
    name: str
    placer: str
    text: str


@dataclass(slots=True)
class Chart:
    """`women` are the hospital numbers on its books, `orders` its own order numbers (OBR-2). It only grows, so that
    another thread may read it."""

    women: set[str] = field(default_factory=set)
    orders: set[str] = field(default_factory=set)
    observations: list[Observation] = field(default_factory=list)
    documents: list[Document] = field(default_factory=list)

    def file(self, message: Er7) -> list[str]:
        """Why it is not taken; nothing when it is on file now."""
        if problems := [problem for check in CHECKS for problem in check(self, message)]:
            return problems
        if message.type == "ORU^R01":
            self.observations += _observations(message)
        else:
            self.documents.append(_document(message))
        return []

    def life(self, code: str) -> list[str]:
        """What the observations of this code (OBX-3) said one after the other, a state that was repeated once."""
        values = [one.value for one in self.observations if one.code == code]
        return [value for place, value in enumerate(values) if place == 0 or values[place - 1] != value]

    def lines(self, code: str) -> str:
        """The text of an observation that came as lines, as one."""
        return " ".join(one.value for one in self.observations if one.code == code)


def _header(_: Chart, message: Er7) -> Iterator[str]:
    header = message.first("MSH")
    if message.type not in TAKEN:
        yield "MSH-9 is nothing that is taken here"
    if not message.control:
        yield "MSH-10 is missing"
    if (header.text(11), header.text(12)) != ("P", "2.6"):
        yield "MSH-11 and MSH-12 are not P and 2.6"


def _woman(chart: Chart, message: Er7) -> Iterator[str]:
    woman = message.first("PID")
    if woman.text(3) not in chart.women:
        yield "PID-3 is nobody's here"
    if (woman.text(5), woman.text(5, 7)) != ("", NO_NAME):
        yield "PID-5 tells a name, which is not needed"


def _order(chart: Chart, message: Er7) -> Iterator[str]:
    kind, place, own = ("OBR", 2, 3) if message.type == "ORU^R01" else ("TXA", 14, 12)
    head = message.first(kind)
    if head.text(place) not in chart.orders:
        yield f"{kind}-{place} is no order of ours"
    if not head.text(own):
        yield f"{kind}-{own} is missing"
    if kind == "TXA" and head.text(own) in {each.name for each in chart.documents}:
        yield "TXA-12 is on file already"


def _lines(chart: Chart, message: Er7) -> Iterator[str]:
    known = {each.name: each for each in chart.observations}
    found = [*_placed(message)]
    if not all(line.text(1) == str(place) for _, place, line in found) or not found:
        yield "OBX-1 does not count the lines"
    if not all(line.text(21) and bool(line.text(5)) is not (line.text(11) == WITHDRAWN) for *_, line in found):
        yield "OBX-5 or OBX-21 is missing"
    for each in _observations(message) if message.type == "ORU^R01" else ():
        before = known.get(each.name)
        if before and (before.order, before.code, before.part) != (each.order, each.code, each.part):
            yield "OBX-21 was another observation's"
        if each.status not in ("F", "C", WITHDRAWN) or (before and each.status == "F"):
            yield "OBX-11 is not C or D for what is on file, and F or C for what is new"


CHECKS: tuple[Callable[[Chart, Er7], Iterator[str]], ...] = (_header, _woman, _order, _lines)


def _observations(message: Er7) -> list[Observation]:
    number = message.first("PID").text(3)
    return [_observation(message.control, number, order, line) for order, _, line in _placed(message)]


def _placed(message: Er7) -> Iterator[tuple[Segment, int, Segment]]:
    """Each OBX with the OBR that it stands below, and its place there."""
    order, place = Segment(("OBR",)), 0
    for each in message.segments:
        if each.fields[0] == "OBR":
            order, place = each, 0
        elif each.fields[0] == "OBX":
            place += 1
            yield order, place, each


def _observation(control: str, number: str, order: Segment, line: Segment) -> Observation:
    return Observation(
        control,
        number,
        order.text(3),
        order.text(4),
        order.text(2),
        line.text(21),
        line.text(3),
        line.text(4),
        line.text(5),
        line.text(8),
        line.text(11),
    )


def _document(message: Er7) -> Document:
    head = message.first("TXA")
    words = " ".join(each.text(5) for each in message.named("OBX"))
    return Document(message.control, message.first("PID").text(3), head.text(12), head.text(14), words)
