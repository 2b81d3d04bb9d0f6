"""OBX as the components of an Observation, one for each repetition of OBX-5 (v2-to-FHIR, OBX[Observation])."""

import re
from functools import lru_cache
from typing import Any

from service.hl7v2.dialect import Dialect
from service.hl7v2.read.codes import CODED, FILES, Triplet, Values, triplets, triplets_of
from service.hl7v2.segments import Segment
from service.hl7v2.times import moment

Tree = dict[str, Any]

_ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
_UCUM = "http://unitsofmeasure.org"
_COMPARATORS = frozenset({"", "<", "<=", ">=", ">"})
_INTEGER = re.compile(r"[+-]?\d{1,15}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?\d{1,15}\.\d{1,15}", re.ASCII)


def components(obx: Segment, named: tuple[Triplet, ...], type: str, values: Values, dialect: Dialect) -> list[Tree]:
    """`named`, `type` and `values` are its codes, its OBX-2 and its OBX-5. A file is not shown."""
    code = concept(named, dialect)
    if type in FILES:
        return [{"code": code, "dataAbsentReason": _absent("unsupported")}]
    if not values:
        return [{"code": code, "dataAbsentReason": _absent("not-asked" if obx.text(11) == "N" else "unknown")}]
    return [{"code": code} | _value(type, parts, obx, dialect) for parts in values]


# A hospital writes the same few hundred codes in every message.
@lru_cache(maxsize=4096)
def concept(named: tuple[Triplet, ...], dialect: Dialect) -> Tree:
    """Not to be changed by whoever gets it: the next one gets the same."""
    return {"coding": [_coding(each, dialect) for each in named]}


def _coding(named: Triplet, dialect: Dialect) -> Tree:
    known = dialect.code(named.code, named.system)
    coding: Tree = {"code": named.code} if known is None else {"system": known.system, "code": known.code}
    return coding | {"display": named.display} if named.display else coding


def _value(type: str, parts: tuple[str, ...], obx: Segment, dialect: Dialect) -> Tree:
    if type in CODED:
        return {"valueCodeableConcept": concept(triplets_of(parts), dialect)}
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


def _absent(code: str) -> Tree:
    return {"coding": [{"system": _ABSENT, "code": code}]}
