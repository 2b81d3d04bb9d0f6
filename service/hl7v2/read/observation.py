"""An order and its OBX as the one FHIR Observation that is kept and shown (v2-to-FHIR, OBX[Observation])."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import orjson

from service.flow.received import Identifier, Reference
from service.hl7v2.dialect import Dialect
from service.hl7v2.read.codes import CODED, Triplet, triplets, triplets_of
from service.hl7v2.read.observed import Observed
from service.hl7v2.segments import Segment
from service.hl7v2.times import moment
from service.screening.result import Status

Tree = dict[str, Any]

_CATEGORY = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "survey"}]}
_PLACER = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "PLAC"}]}
_ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
_UCUM = "http://unitsofmeasure.org"
# What the whole is, when its parts differ: what was corrected shows, and what is not yet there does not hide what is.
_STATUSES = (
    Status.CORRECTED, Status.AMENDED, Status.FINAL, Status.PRELIMINARY, Status.REGISTERED, Status.CANCELLED,
    Status.ENTERED_IN_ERROR,
)  # fmt: skip
_VOID = frozenset({Status.CANCELLED, Status.ENTERED_IN_ERROR})
_COMPARATORS = frozenset({"", "<", "<=", ">=", ">"})
_INTEGER = re.compile(r"[+-]?\d{1,15}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?\d{1,15}\.\d{1,15}", re.ASCII)


def observation(
    order: tuple[Triplet, ...],
    parts: Sequence[Observed],
    subject: Reference,
    name: Identifier | None,
    status: Status | None,
    effective: str | None,
    dialect: Dialect,
    placer: Sequence[str] = (),
) -> bytes:
    """`order` are the codes of what was ordered, `status` that of the order, `effective` a FHIR dateTime, `placer` the
    parts of the number under which it was asked for.

    What was taken back is not shown, and neither is a file: both stand in the message, which is kept as it came.
    """
    codes = order or next((each.named for each in parts if each.named), ())
    statuses = {each.status for each in parts} | ({status} if status is not None else set())
    tree: Tree = {
        "resourceType": "Observation",
        "status": next((each.value for each in _STATUSES if each in statuses), Status.UNKNOWN.value),
        "category": [_CATEGORY],
        "code": _concept(codes, dialect),
    }
    if names := _names(name, placer):
        tree["identifier"] = names
    if subject.identifier is not None:
        her = {"system": subject.identifier.system, "value": subject.identifier.value}
        tree["subject"] = {"type": "Patient", "identifier": her}
    if effective is not None:
        tree["effectiveDateTime"] = effective
    components = [
        component
        for each in parts
        if each.named and each.status not in _VOID
        for component in _components(each, dialect)
    ]
    if components:
        tree["component"] = components
    return orjson.dumps(tree)


def _names(name: Identifier | None, placer: Sequence[str]) -> list[Tree]:
    own: list[Tree] = [{"system": name.system, "value": name.value}] if name is not None else []
    return own + ([_placer(*placer)] if placer else [])


def _placer(number: str, namespace: str = "", universal: str = "") -> Tree:
    """EI[Identifier] of v2-to-FHIR."""
    named: Tree = {"type": _PLACER, "value": number}
    if universal.replace(".", "").isdecimal():
        named["system"] = f"urn:oid:{universal}"
    return named | ({"assigner": {"display": namespace}} if namespace else {})


def _components(one: Observed, dialect: Dialect) -> list[Tree]:
    """One of each repetition of OBX-5."""
    code = _concept(one.named, dialect)
    if one.is_file:
        return [{"code": code, "dataAbsentReason": _absent("unsupported")}]
    if not one.values:
        return [{"code": code, "dataAbsentReason": _absent("not-asked" if one.obx.text(11) == "N" else "unknown")}]
    return [{"code": code} | _value(one.type, parts, one.obx, dialect) for parts in one.values]


def _value(type: str, parts: tuple[str, ...], obx: Segment, dialect: Dialect) -> Tree:
    if type in CODED:
        return {"valueCodeableConcept": _concept(triplets_of(parts), dialect)}
    comparator, written, *rest = (*parts, "") if type == "SN" else ("", *parts)
    number = _number(written) if type in ("NM", "SN") else None
    if number is not None and not any(rest) and comparator in _COMPARATORS:
        bound = {"comparator": comparator} if comparator else {}
        return {"valueQuantity": {"value": number} | bound | _unit(obx)}
    if type in ("DT", "DTM", "TS") and (meant := moment(parts[0], dialect.zone)) is not None:
        return {"valueDateTime": meant.fhir}
    return {"valueString": " ".join(filter(None, parts))}


def _number(text: str) -> int | float | None:
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _DECIMAL.fullmatch(text) else None


def _unit(obx: Segment) -> Tree:
    unit = next(iter(triplets(obx, 6)), None)
    if unit is None:
        return {}
    return {"unit": unit.code} | ({"system": _UCUM, "code": unit.code} if unit.system == "UCUM" else {})


# A hospital writes the same few hundred codes in every message.
@lru_cache(maxsize=4096)
def _concept(named: tuple[Triplet, ...], dialect: Dialect) -> Tree:
    """Not to be changed by whoever gets it: the next one gets the same."""
    return {"coding": [_coding(each, dialect) for each in named]}


def _coding(named: Triplet, dialect: Dialect) -> Tree:
    known = dialect.code(named.code, named.system)
    coding: Tree = {"code": named.code} if known is None else {"system": known.system, "code": known.code}
    return coding | {"display": named.display} if named.display else coding


def _absent(code: str) -> Tree:
    return {"coding": [{"system": _ABSENT, "code": code}]}
