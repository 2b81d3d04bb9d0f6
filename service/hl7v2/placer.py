"""The number under which a hospital ordered a screening: kept as an identifier of the Observation (v2-to-FHIR,
EI[Identifier]), and told again with all that comes of it.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

_PLACER = {"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "PLAC"}
_OBJECT_IDENTIFIER = "urn:oid:"


def as_identifier(number: str, namespace: str = "", universal: str = "") -> dict[str, Any]:
    named: dict[str, Any] = {"type": {"coding": [_PLACER]}, "value": number}
    if universal.replace(".", "").isdecimal():
        named["system"] = f"{_OBJECT_IDENTIFIER}{universal}"
    return named | ({"assigner": {"display": namespace}} if namespace else {})


def placer_of(observations: Iterable[bytes]) -> Sequence[str]:
    """The parts of an EI: those of the first Observation that has such an identifier, none without one."""
    return next(filter(None, map(_placer_of, observations)), ())


def _placer_of(observation: bytes) -> tuple[str, ...]:
    identifiers = json.loads(observation).get("identifier")
    for each in identifiers if isinstance(identifiers, list) else ():
        codes = [coding.get("code") for coding in each.get("type", {}).get("coding", ())]
        if _PLACER["code"] in codes and each.get("value"):
            system, namespace = each.get("system", ""), each.get("assigner", {}).get("display", "")
            if system.startswith(_OBJECT_IDENTIFIER):
                return each["value"], namespace, system.removeprefix(_OBJECT_IDENTIFIER), "ISO"
            return each["value"], namespace
    return ()
