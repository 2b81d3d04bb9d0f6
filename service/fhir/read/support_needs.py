"""The support-needs extension -> SupportNeeds. A need that nobody here knows is refused: dropped it would be missed."""

from typing import Any

from service.fhir.read.common import extension_values, unclear
from service.fhir.survey import Tree
from service.fhir.terms import SUPPORT_NEEDS
from service.referrals.needs import Access, SupportNeeds, Wish

NO_PREFERENCE = "no-preference"


def read_support_needs(tree: Tree) -> SupportNeeds | None:
    """None when the resource says nothing of them. Raises BadInput for what is said twice or is not understood."""
    said = [each for each in tree.get("extension", ()) if each.get("url") == SUPPORT_NEEDS]
    where = f"{tree['resourceType']}.extension"
    if len(said) > 1:
        raise unclear(where, "Give the support-needs extension once.")
    return _needs(said[0], where) if said else None


def _needs(node: Tree, where: str) -> SupportNeeds:
    wish, first_baby = _only(node, "wish", where), _only(node, "first-baby", where)
    if wish not in (None, NO_PREFERENCE, *Wish):
        raise unclear(where, f"'wish' of support-needs is one of {', '.join([*Wish, NO_PREFERENCE])}.", "value")
    if not isinstance(first_baby, bool | None):
        raise unclear(where, "'first-baby' of support-needs is true or false.", "value")
    access, communities = extension_values(node, "access"), extension_values(node, "community")
    if not all(isinstance(each, str) and each in set(Access) for each in access):
        raise unclear(where, f"'access' of support-needs is one of {', '.join(Access)}.", "value")
    if not all(isinstance(each, str) and each.strip() for each in communities):
        raise unclear(where, "'community' of support-needs is a text.", "value")
    return SupportNeeds(
        wish=Wish(wish) if wish in set(Wish) else None,
        access=frozenset(Access(each) for each in access),
        communities=frozenset(each.strip().casefold() for each in communities),
        first_baby=first_baby,
    )


def _only(node: Tree, url: str, where: str) -> Any:
    said = extension_values(node, url)
    if len(said) > 1:
        raise unclear(where, f"Give '{url}' of support-needs once.")
    return said[0] if said else None
