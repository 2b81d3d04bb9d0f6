"""Parameters of `$hold` and `$resume` -> ReceivedInstruction."""

from datetime import datetime
from typing import Any

from service.fhir import terms
from service.fhir.faults import Fault
from service.fhir.lengths import PERSON, PHRASE
from service.fhir.modifiers import modified
from service.fhir.outcome import BadInput, Finding
from service.fhir.read.common import unclear
from service.fhir.survey import Tree
from service.flow.instruct import ReceivedInstruction
from service.flow.received import Received
from service.referrals.instruction import HoldReason, Instruction, Order

_WHO = ("practitioner", "role", "note")
PARAMETERS = {Order.HOLD: ("reason", *_WHO), Order.RESUME: _WHO}


def read_parameters(tree: Tree, received: Received, order: Order, now: datetime) -> ReceivedInstruction:
    """Raises BadInput unless it names who orders this, and in which role: a referral pauses and goes on by a person.

    Each parameter stands once at most; one that is not known is refused, for a word that is not heard may matter. What
    may change the meaning of the rest keeps no hold from being heard.
    """
    unused = tuple(modified(tree, "Parameters"))
    if unused and order is not Order.HOLD:
        raise BadInput.of(*(Finding(Fault.MODIFIER_UNKNOWN, each) for each in unused))
    given: dict[str, tuple[str, Any]] = {}
    for place, each in enumerate(tree.get("parameter", ())):
        where = f"Parameters.parameter[{place}]"
        name = each.get("name")
        if name not in PARAMETERS[order] or name in given:
            raise unclear(f"{where}.name", f"Taken are, each once: {', '.join(PARAMETERS[order])}.", "value")
        given[name] = where, next((value for key, value in each.items() if key.startswith("value")), None)
    said = Instruction(
        order=order,
        given_at=now,
        reason=_reason(*given["reason"]) if "reason" in given else None,
        practitioner=_named(given, "practitioner"),
        role=_named(given, "role"),
        text=_words(*given["note"], PHRASE) if "note" in given else None,
    )
    return ReceivedInstruction(received, received.target_id or "", said, unused=unused)


def _reason(where: str, value: Any) -> HoldReason:
    coding = value if isinstance(value, dict) else {"code": value}
    if coding.get("system", terms.HOLD_REASON) != terms.HOLD_REASON or coding.get("code") not in {*HoldReason}:
        raise unclear(where, f"The reason is one of {terms.HOLD_REASON}: {', '.join(HoldReason)}.", "value")
    return HoldReason(coding["code"])


def _named(given: dict[str, tuple[str, Any]], name: str) -> str:
    """The words by which a person, or what she is, is told: of a Reference or a concept what it shows of itself."""
    where, value = given.get(name, ("Parameters.parameter", None))
    words = _words(where, value, PERSON) if value is not None else None
    if words is None:
        raise unclear(where, f"The parameter {name} is needed: who orders this, and in which role.", "required")
    return words


def _words(where: str, value: Any, most: int) -> str | None:
    if isinstance(value, dict):
        codings = value.get("coding", ())
        written = [
            value.get("display"),
            value.get("text"),
            *(each.get("display") or each.get("code") for each in codings),
            value.get("identifier", {}).get("value"),
            value.get("reference"),
        ]
        value = next((each for each in written if each), None)
    if value is not None and not isinstance(value, str):
        raise unclear(where, "Expected a string, a Reference or a CodeableConcept.", "value")
    if value is not None and len(value) > most:
        raise unclear(where, f"At most {most:,} characters.", "too-long")
    return (value or "").strip() or None
