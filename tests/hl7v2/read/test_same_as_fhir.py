"""The same answers decide the same, whether they come as FHIR or as HL7 v2, and in whatever order."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.fhir.guard import parse
from service.fhir.read.common import received
from service.fhir.read.observation import read_observation
from service.flow.received_result import ReceivedResult
from service.flow.rules import DEFAULT_SITE, Rules
from service.hl7v2.dialect import Dialect
from service.hl7v2.read.message import READERS
from service.hl7v2.segments import read
from service.screening.decide import Decision, Readiness, decide, readiness
from service.screening.instrument import Stage
from service.screening.result import ScreeningResult, attach
from service.shared.code import LOINC

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
EPDS_ITEM = "https://peer-referral.example/fhir/CodeSystem/epds-item"
PHQ9_ITEMS = ["44250-9", "44255-8", "44259-0", "44254-1", "44251-7", "44258-2", "44252-5", "44253-3", "44260-8"]
# By instrument: the panel's code, the total's, and what the items are called in either form.
FORMS: Mapping[str, tuple[str, str, list[str], list[tuple[str, str]]]] = {
    "epds": (
        "71354-5",
        "99046-5",
        [f"EPDS{number}^^L" for number in range(1, 11)],
        [(EPDS_ITEM, str(number)) for number in range(1, 11)],
    ),
    "phq9": ("44249-1", "44261-6", [f"{code}^^LN" for code in PHQ9_ITEMS], [(LOINC, code) for code in PHQ9_ITEMS]),
}


@dataclass(frozen=True, slots=True)
class Answers:
    """`items` by number and `total` as they are written; what is not there was not sent."""

    instrument: str
    total: str | None
    items: Mapping[int, str]
    order: tuple[int, ...]


@st.composite
def answers(draw: st.DrawFn) -> Answers:
    """Mostly what a form gives, and now and then what it cannot: too much, too little, words, a total that is wrong."""
    instrument = draw(st.sampled_from(sorted(FORMS)))
    numbers = range(1, len(FORMS[instrument][2]) + 1)
    score = st.integers(0, 3).map(str) | st.sampled_from(["", "4", "-1", "2.5", "thirteen"])
    scores = st.integers(0, 3).map(str) if draw(st.booleans()) else score
    items = {number: draw(scores) for number in numbers if draw(st.integers(0, 9)) or draw(st.booleans())}
    added = sum(int(each) for each in items.values() if each.isdigit())
    stated = draw(st.sampled_from([None, str(added), str(added + 1), "30", "31", "0"]))
    kept = items if draw(st.integers(0, 3)) else {}
    lines = draw(st.permutations([*kept, 0]))
    return Answers(instrument, stated if kept or stated else "0", kept, tuple(lines))


def as_v2(sent: Answers, dialect: Dialect, rules: Rules) -> ReceivedResult:
    panel, total, names, _ = FORMS[sent.instrument]
    lines = [
        f"OBX|{place}|{'NM' if place % 2 else 'ST'}|{code}||{value}||||||F"
        for place, number in enumerate(sent.order, 1)
        for code, value in [(names[number - 1], sent.items[number]) if number else (f"{total}^^LN", sent.total)]
        if value is not None
    ]
    header = f"OBR|1||F1^LAB|{panel}^^LN|||20260301100000+0000||||||||||||||||||F"
    text = "\r".join(["MSH|^~\\&|A|B|||20260301||ORU^R01|1|P|2.5.1", "PID|1||1^^^MATERN^MR", header, *lines])
    (group,) = READERS["ORU", "R01"](read(text.encode()), dialect, rules, NOW)
    message = group.parts[-1].step
    assert isinstance(message, ReceivedResult)
    return message


def as_fhir(sent: Answers, rules: Rules) -> ReceivedResult:
    panel, total, _, names = FORMS[sent.instrument]
    parts = [(*names[number - 1], value) for number, value in sent.items.items()]
    parts += [(LOINC, total, sent.total)] if sent.total is not None else []
    components = [{"code": concept(system, code)} | value_of(value) for system, code, value in parts]
    tree = parse(json.dumps({
        "resourceType": "Observation",
        "status": "final",
        "code": concept(LOINC, panel),
        "subject": {"reference": "Patient/1"},
        "effectiveDateTime": "2026-03-01T10:00:00Z",
        "component": components,
    }).encode())  # fmt: skip
    return read_observation(tree, received(tree, b""), rules=rules, base="https://referral.example", now=NOW)


def concept(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def value_of(written: str) -> dict[str, Any]:
    if not written:
        return {"dataAbsentReason": {"coding": [{"code": "not-asked"}]}}
    try:
        return {"valueQuantity": {"value": float(written)}}
    except ValueError:
        return {"valueString": written}


def decision(message: ReceivedResult, rules: Rules) -> tuple[Readiness, Decision]:
    first = message.administered[0]
    result = ScreeningResult("1", "t", "p", first.instrument_id, first.respondent, first.effective, Stage.ANTENATAL)
    for each in message.administered:
        assert (each.instrument_id, each.effective) == (first.instrument_id, first.effective)
        result = attach(result, each.piece)
    instrument = rules.instruments[first.instrument_id]
    return readiness(result, instrument), decide(result, instrument, rules.policy(DEFAULT_SITE))


# The dialect and the rules are the same values for every example.
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(answers())
def test_the_same_answers_decide_the_same(dialect: Dialect, rules: Rules, sent: Answers) -> None:
    assert decision(as_v2(sent, dialect, rules), rules) == decision(as_fhir(sent, rules), rules)
