"""The data types that every written resource is made of (FHIR R4, section 2.24)."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from service.fhir import terms
from service.fhir.raw import instant
from service.fhir.survey import Tree
from service.shared.clock import milliseconds
from service.shared.code import Code

Fact = TypeVar("Fact")

ROUTINE = "routine"
# The labels are about the referral; a label on an alert or on her own record could hide it from those who must see it.
LABELS = (terms.RESTRICTED, terms.PSYCHIATRY)

NO_EMERGENCY_CHANNEL = (
    "Peer support is offered beside her care; it is not a clinical service. This request is no emergency channel and "
    "nobody watches it around the clock. If she or her baby may be in danger, ring the emergency services or her "
    "maternity team at once, and do not wait for an answer here."
)


def present(tree: Tree) -> Tree:
    """The tree without the members that say nothing: FHIR allows neither null nor an empty string, array or object."""
    return {name: value for name, value in tree.items() if value not in (None, "", [], {})}


def known(fact: Fact | None, write: Callable[[Fact], Tree]) -> list[Tree]:
    """A repeating element with one entry when there is something to write, and none otherwise."""
    return [] if fact is None else [write(fact)]


def at(moment: datetime) -> str:
    """A FHIR instant in UTC with milliseconds."""
    return instant(milliseconds(moment))


def meta(version: int | str, stamp_ms: int, profile: str | None = None, labels: Sequence[Code] = ()) -> Tree:
    """`stamp_ms` is the commit's stamp in milliseconds since 1970, UTC."""
    return {"versionId": str(version), "lastUpdated": instant(stamp_ms)} | claims(profile, labels)


def claims(profile: str | None = None, labels: Sequence[Code] = ()) -> Tree:
    """The part of Meta that a sender may set: the server that keeps the resource adds version and time."""
    return present({"profile": [profile] if profile else None, "security": [coding(label) for label in labels]})


def coding(code: Code, display: str | None = None) -> Tree:
    return present({"system": code.system, "code": code.code, "display": display})


def concept(code: Code, display: str | None = None, text: str | None = None) -> Tree:
    return present({"coding": [coding(code, display)], "text": text})


def words(text: str | None) -> Tree | None:
    """A CodeableConcept of text alone."""
    return {"text": text} if text else None


def identifier(system: str, value: str) -> Tree:
    return {"system": system, "value": value}


def identified(type: str, system: str, value: str) -> Tree:
    """A reference by business identifier, to what the reader may or may not hold."""
    return {"type": type, "identifier": identifier(system, value)}


def reference(type: str, id: str, display: str | None = None) -> Tree:
    return present({"reference": f"{type}/{id}", "display": display})


def extension(url: str, **value: str | bool | int | Tree) -> Tree:
    """A simple extension: `extension(url, valueCode="x")`."""
    return {"url": url, **value}


def peer_support(*details: Tree) -> Tree:
    """What is asked for, the same in every ServiceRequest: neighbouring elements, from category to orderDetail."""
    return {
        "category": [concept(terms.SOCIAL_SERVICE, "Social service procedure")],
        "priority": ROUTINE,
        "code": peer_support_code(),
        "orderDetail": [*details, {"text": NO_EMERGENCY_CHANNEL}],
    }


def peer_support_code() -> Tree:
    return concept(terms.PEER_SUPPORT, "Referral to peer support", "Peer support")
