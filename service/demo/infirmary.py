"""What the infirmary's record sends by HL7 v2.5.1: who she is, what she agreed to, and her results."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from string import Template

from service.demo.er7 import segment, text, time, written
from service.demo.people import Person, Screening

APPLICATION, FACILITY, AUTHORITY = "MATERNITY", "SAMPLE INFIRMARY", "INFIRMARY"
NUMBER = "https://sample-infirmary.example/hospital-number"
HELD_BACK = "N"


def site_file(infirmary: str, programme: str) -> str:
    """Its file for mappings/sites/, once the service has said these organisations' ids."""
    template = Path(__file__).with_name("infirmary.toml").read_text(encoding="utf-8")
    return Template(template).substitute(infirmary=infirmary, programme=programme)


def registration(person: Person, control: str, now: datetime) -> bytes:
    """ADT^A04: she is booked."""
    return written(_header("ADT", "A04", "ADT_A01", control, now), _event(now), _woman(person), _visit())


def agreement(person: Person, control: str, now: datetime) -> bytes:
    """ADT^A08 with a CON segment: she agrees to peer support, and says how she may safely be reached."""
    said = {
        "SAFE-TEL": ("Safe telephone", person.safe_number),
        "SAFE-VOICEMAIL": ("Message may be left", HELD_BACK),
        "SAFE-CALLER": ("Say you are", "the library"),
        "SAFE-WORD": ("Code word", person.code_word),
    }
    details = (_line(number, "ST", code, *each, now) for number, (code, each) in enumerate(said.items(), 1))
    con = segment("CON", {1: "1", 2: "PEER-SUPPORT^Peer support^L", 11: "A", 13: time(now)})
    head = _header("ADT", "A08", "ADT_A01", control, now)
    return written(head, _event(now), _woman(person), _visit(), con, *details)


def result(person: Person, screening: Screening, control: str, now: datetime, processing: str = "P") -> bytes:
    """ORU^R01: the ten items, their total and her due date, under the infirmary's own order number."""
    order = {
        1: "1",
        2: f"{order_number(screening)}^{AUTHORITY}",
        3: f"{screening.number}^{AUTHORITY}",
        4: "EPDS^Screening^L",
        7: time(screening.at),
        25: "F",
    }
    head = _header("ORU", "R01", "ORU_R01", control, now, processing)
    return written(head, _woman(person), segment("OBR", order), *_answers(person, screening))


def order_number(screening: Screening) -> str:
    return f"ORD-{screening.number}"


def _answers(person: Person, screening: Screening) -> Iterator[str]:
    for item, score in enumerate(screening.answers, 1):
        yield _line(item, "NM", f"EPDS{item}", f"Item {item}", str(score), screening.at)
    yield _line(11, "NM", "EPDSTOT", "Total", str(screening.total), screening.at)
    yield _line(12, "DT", "EDD", "Due date", f"{person.due_date:%Y%m%d}", screening.at)


def _header(type: str, event: str, structure: str, control: str, now: datetime, processing: str = "P") -> str:
    fields: Mapping[int, str] = {
        3: APPLICATION,
        4: FACILITY,
        5: "PEER-REFERRAL",
        7: time(now),
        9: f"{type}^{event}^{structure}",
        10: control,
        11: processing,
        12: "2.5.1",
        18: "UNICODE UTF-8",
    }
    return segment("MSH", fields)


def _event(now: datetime) -> str:
    return segment("EVN", {2: time(now)})


def _woman(person: Person) -> str:
    family, given, preferred, street = map(text, (person.family, person.given, person.preferred, person.street))
    return segment(
        "PID",
        {
            1: "1",
            3: f"{person.hospital_number}^^^{AUTHORITY}^MR",
            5: f"{family}^{given}^^^^^L~^{preferred}^^^^^D",
            7: f"{person.birth_date:%Y%m%d}",
            8: "F",
            11: f"{street}^^^^{person.postcode}^^H^^{text(person.district)}",
            13: f"{person.home_number}^PRN^PH",
            15: "eng",
        },
    )


def _visit() -> str:
    return segment("PV1", {1: "1", 2: "O"})


def _line(number: int, type: str, code: str, called: str, value: str, at: datetime) -> str:
    fields = {1: str(number), 2: type, 3: f"{code}^{text(called)}^L", 5: text(value), 11: "F", 14: time(at)}
    return segment("OBX", fields)
