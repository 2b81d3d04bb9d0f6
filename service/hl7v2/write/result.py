"""ORU^R01: where a referral stands, how the contacts went, and alerts, each as a result of an order of ours (OBR-3)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from service.hl7v2.write.build import Draft
from service.hl7v2.write.fields import coded, text
from service.hl7v2.write.message import Sheet, header
from service.hl7v2.write.outbound import Topic, Version

# Table 0085: what is on file of it is to be deleted.
_WITHDRAWN = "D"


@dataclass(frozen=True, slots=True)
class Finding:
    """One OBX. `value` is ready to be sent, of the type `type` (OBX-2); `part` tells apart those of one topic (OBX-4).
    An empty value: there is no such thing, or none any more, and what is on file of it goes (OBX-11 D).

    `name` is what it is called by itself (OBX-21), and `flag` how much it asks for attention (OBX-8).
    """

    topic: Topic
    type: str
    value: str
    name: str
    part: str = ""
    flag: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """`filler` names it for good (OBR-3), `parent` the order that it is part of (OBR-29). `began_at` is OBR-7, and
    `changed_at` when what it says came to be so."""

    topic: Topic
    filler: str
    began_at: datetime
    changed_at: datetime
    findings: Sequence[Finding]
    parent: str = ""


def result(sheet: Sheet, whom: Sequence[Draft], *orders: Order) -> list[Draft]:
    """The segments of the message. `whom` is her PID, or nothing."""
    below = (segment for number, each in enumerate(orders, 1) for segment in _segments(sheet, number, each))
    return [header(sheet, "ORU", "R01"), *whom, *below]


def _segments(sheet: Sheet, number: int, order: Order) -> Iterator[Draft]:
    status = "C" if sheet.corrects else "F"
    yield _obr(sheet, number, order, status)
    said = [each for each in order.findings if each.value or sheet.corrects]
    for place, each in enumerate(said, 1):
        yield _obx(sheet, order, place, each, status if each.value else _WITHDRAWN)


def moment(sheet: Sheet, topic: Topic, at: datetime | None, name: str, part: str = "") -> Finding:
    """A time, whose type has another name since 2.6."""
    type = "DTM" if sheet.outbound.version is Version.V2_6 else "TS"
    return Finding(topic, type, sheet.time(at) if at else "", name, part)


def status(sheet: Sheet, topic: Topic, value: str, name: str, part: str = "") -> Finding:
    return Finding(topic, "CWE", coded(sheet.outbound.value(value)), name, part)


def words(topic: Topic, value: str | None, name: str, part: str = "", flag: str = "") -> Finding:
    return Finding(topic, "TX", text(value or ""), name, part, flag)


def number(topic: Topic, value: int, name: str, part: str = "") -> Finding:
    return Finding(topic, "NM", str(value), name, part)


def _obr(sheet: Sheet, number: int, order: Order, status: str) -> Draft:
    return Draft(
        "OBR",
        {
            1: str(number),
            2: sheet.placer,
            3: sheet.entity(order.filler),
            4: coded(sheet.outbound.topic(order.topic)),
            7: sheet.time(order.began_at),
            22: sheet.time(order.changed_at),
            25: status,
            **({29: f"^{sheet.entity(order.parent).replace('^', '&')}"} if order.parent else {}),
        },
    )


def _obx(sheet: Sheet, order: Order, number: int, finding: Finding, status: str) -> Draft:
    named = sheet.entity(finding.name) if sheet.outbound.version is Version.V2_6 else ""
    return Draft(
        "OBX",
        {
            1: str(number),
            2: finding.type,
            3: coded(sheet.outbound.topic(finding.topic)),
            4: text(finding.part),
            5: finding.value,
            8: finding.flag,
            11: status,
            14: sheet.time(order.changed_at),
            21: named,
        },
    )
