"""What may change the meaning of all that it stands in: who does not understand it must not act on the rest."""

from collections.abc import Iterator, Mapping

from service.fhir.survey import Place, Survey, above

# The URLs that are understood here, by the element that holds them.
UNDERSTOOD: Mapping[str, frozenset[str]] = {"modifierExtension": frozenset(), "implicitRules": frozenset()}


def not_understood(found: Survey) -> Iterator[Place]:
    """The modifier extensions and the rule sets that are not known (FHIR R4, 2.4.1.1 and Resource.implicitRules).

    Of a Consent only a permit is refused for one, by its reader: a no counts whatever else it says.
    """
    for place, node in found.extensions:
        holder = place[0]
        modifies = holder is not None and holder[1] == "modifierExtension"
        if modifies and node.get("url") not in UNDERSTOOD["modifierExtension"] and _type(found, place) != "Consent":
            yield place
    for place, resource in found.resources.items():
        rules = resource.get("implicitRules")
        if rules and rules not in UNDERSTOOD["implicitRules"] and resource["resourceType"] != "Consent":
            yield place, "implicitRules"


def _type(found: Survey, place: Place) -> str:
    return str(next(found.resources[each] for each in above(place) if each in found.resources)["resourceType"])
