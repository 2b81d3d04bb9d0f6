"""Organisations, which every client may read."""

from service.fhir import terms
from service.fhir.survey import Tree
from service.fhir.write.parts import concept, identifier, meta, present
from service.shared.caller import OrganisationKind
from service.shared.clock import milliseconds
from service.store.directory import Organisation

_TYPES = {
    OrganisationKind.HOSPITAL: terms.HEALTHCARE_PROVIDER,
    OrganisationKind.COMMUNITY: terms.COMMUNITY_GROUP,
}


def organisation(organisation: Organisation) -> Tree:
    """FHIR Organization. A registration is not changed afterwards: there is one version, of the time it was added."""
    own = organisation.identifier
    return present(
        {
            "resourceType": "Organization",
            "id": organisation.id,
            "meta": meta(1, milliseconds(organisation.added_at)),
            "identifier": [
                *([identifier(own.system, own.value)] if own else []),
                identifier(terms.ORGANISATION_ID, organisation.id),
            ],
            "active": organisation.active,
            "type": [concept(_TYPES[organisation.kind])] if organisation.kind in _TYPES else [],
            "name": organisation.name,
        }
    )


def logical(organisation: Organisation, name: str | None = None) -> Tree:
    """A reference for a server that does not hold it: the identifier by which it is known, else ours, and a name."""
    own = organisation.identifier
    known_by = identifier(own.system, own.value) if own else identifier(terms.ORGANISATION_ID, organisation.id)
    return {"type": "Organization", "identifier": known_by, "display": name or organisation.name}
