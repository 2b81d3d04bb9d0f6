"""What must hold of what the infirmary has on file, and of what the service made of its messages; as in checks.py."""

import json
from collections.abc import Sequence
from itertools import groupby

from service.demo.chart import Chart, Document, Observation
from service.demo.checks import wrong
from service.demo.engine import Heard
from service.demo.infirmary import NUMBER
from service.demo.people import Person
from service.demo.record import Resource
from service.demo.step import Entry, masked

LIVES = {
    "referral-status": ["offered", "supported", "completed"],
    "offer-status": ["requested", "accepted", "completed"],
    "contact-attempts": ["1", "2"],
    "sessions-attended": ["0", "1"],
}
# Work that begins with the first contact is a step of its own or not, and so is a count of none.
BESIDE = {"offer-status": "in-progress", "contact-attempts": "0"}
# The alert, the referral, and the offer of it.
ORDERS = ["PEER-ALERT", "PEER-REFERRAL", "PEER-REFERRAL"]
NOTES = ("has been asked", "has accepted", "has come to its end")


def problems_of_the_chart(chart: Chart, person: Person) -> list[str]:
    """At the end: everything is there, once, in order, about her alone and under the names that it began with."""
    named = {(each.name, each.order, each.code, each.part) for each in chart.observations}
    orders = sorted({(each.ordered, each.order) for each in chart.observations})
    filed: Sequence[Observation | Document] = (*chart.observations, *chart.documents)
    numbers, placers = {each.number for each in filed}, {each.placer for each in filed}
    texts = [each.text for each in chart.documents]
    return [
        *wrong(numbers == {person.hospital_number}, "PID-3 is not hers alone"),
        *wrong(placers == chart.orders, "OBR-2 and TXA-14 are not her order's number alone"),
        *wrong([name for name, _ in orders] == ORDERS, f"OBR-3 names {len(orders)} orders"),
        *wrong(len(named) == len({name for name, *_ in named}), "OBX-21 stands for several observations"),
        *(f"{code} was {' -> '.join(_life(chart, code))}" for code in LIVES if _life(chart, code) != LIVES[code]),
        *wrong(
            len(texts) == len(NOTES) and all(map(str.__contains__, texts, NOTES)), f"the notes are {len(texts)} others"
        ),
    ]


def problems_of_her_patient(patient: Resource, person: Person) -> list[str]:
    """What the service made of PID."""
    identifiers = [(each.get("system"), each.get("value")) for each in patient.get("identifier", ())]
    return [
        *wrong(identifiers == [(NUMBER, person.hospital_number)], "Patient.identifier is not her hospital number"),
        *wrong(person.preferred in json.dumps(patient.get("name")), "Patient.name is not as PID-5 has it"),
        *wrong(patient.get("birthDate") == person.birth_date.isoformat(), "Patient.birthDate is not as PID-7 has it"),
    ]


def told(heard: Heard) -> Entry:
    """A message as the chart's list shows it; a text that came as lines is one again."""
    found = heard.message.named("OBX")
    by_code = groupby(found, lambda each: each.text(3))
    texts = [f"{code} {' '.join(each.text(5) for each in lines)}" for code, lines in by_code]
    status = found[0].text(11) if found else ""
    ordered = heard.message.first("OBR").text(4).removeprefix("PEER-").lower() or "note"
    said = masked("; ".join(texts).encode()).decode()
    return Entry(f"{heard.at:%H:%M:%S.%f}"[:12], heard.message.type, status, ordered, said)


def _life(chart: Chart, code: str) -> Sequence[str]:
    return [value for value in chart.life(code) if value != BESIDE.get(code)]
