"""The number under which a hospital ordered a screening, which it knows again in what it is told of it."""

import json
from typing import Any

PLACER = "PLAC"
_OBJECT_IDENTIFIER = "urn:oid:"


def placer_of(observation: bytes) -> tuple[str, ...]:
    """The parts of an EI of the identifier whose type is PLAC (HL7 v2-to-FHIR, EI[Identifier]), none without one."""
    tree: dict[str, Any] = json.loads(observation)
    identifiers = tree.get("identifier")
    for each in identifiers if isinstance(identifiers, list) else ():
        if PLACER in _types(each) and each.get("value"):
            system, namespace = each.get("system", ""), each.get("assigner", {}).get("display", "")
            if system.startswith(_OBJECT_IDENTIFIER):
                return each["value"], namespace, system.removeprefix(_OBJECT_IDENTIFIER), "ISO"
            return (each["value"], namespace)
    return ()


def _types(identifier: dict[str, Any]) -> list[str]:
    return [coding.get("code", "") for coding in identifier.get("type", {}).get("coding", ())]
