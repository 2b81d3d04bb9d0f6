"""What may change the meaning of all that it stands in: who does not understand it must not act on the rest."""

from collections.abc import Iterator
from typing import Any

from service.fhir.survey import Place, Survey, above

MODIFIERS = ("modifierExtension", "implicitRules")
# What ends contact with her: no meaning that is not understood may keep it from being heard.
_ENDS = ("revoked", "entered-in-error")


def modifiers(found: Survey) -> Iterator[Place]:
    """The modifier extensions and the rule sets (FHIR R4, 2.4.1.1 and Resource.implicitRules): none is understood here.

    Of a Consent only a permit is refused for one, by its reader: a no counts whatever else it says. So does the end of
    a referral, and a hold, which its reader tells from what lifts it; the answer names what was not understood.
    """
    type = found.root["resourceType"]
    if type == "Parameters" or (type == "ServiceRequest" and found.root.get("status") in _ENDS):
        return
    for place, _ in found.extensions:
        holder = place[0]
        if holder is not None and holder[1] == "modifierExtension" and _type(found, place) != "Consent":
            yield place
    for place, resource in found.resources.items():
        if resource.get("implicitRules") and resource["resourceType"] != "Consent":
            yield place, "implicitRules"


def _type(found: Survey, place: Place) -> str:
    return str(next(found.resources[each] for each in above(place) if each in found.resources)["resourceType"])


def modified(node: Any, where: str) -> Iterator[str]:
    """The same anywhere in `node`, each as an expression; `where` is its own."""
    for name, value in node.items() if isinstance(node, dict) else ():
        if name in MODIFIERS:
            yield f"{where}.{name}"
        for place, each in enumerate(value) if isinstance(value, list) else ():
            yield from modified(each, f"{where}.{name}[{place}]")
        yield from modified(value, f"{where}.{name}")
