"""Organisations and their programmes: what is public of them."""

from service.fhir import terms
from service.fhir.survey import Tree
from service.fhir.write.parts import concept, extension, identifier, known, meta, present, reference
from service.referrals.programme import Programme, Statements
from service.shared.caller import OrganisationKind
from service.shared.clock import milliseconds
from service.shared.code import Code
from service.store.directory import Organisation
from service.store.programmes import Listed

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


def healthcare_service(listed: Listed) -> Tree:
    """FHIR HealthcareService: model as type, modes and access as characteristics, whom it is for as eligibility.

    A district is the display of a coverage area, for there is no Location to point to. No districts means everywhere.
    """
    programme = listed.programme
    return present(
        {
            "resourceType": "HealthcareService",
            "id": programme.id,
            "meta": meta(listed.version, milliseconds(listed.changed_at)),
            "extension": _extensions(programme),
            "active": programme.active,
            "providedBy": reference("Organization", programme.organisation_id),
            "category": [concept(terms.SOCIAL_SERVICE, "Social service procedure")],
            "type": [concept(Code(terms.PROGRAMME_MODEL, programme.model.value))],
            "name": programme.name,
            "telecom": known(programme.telephone, lambda number: {"system": "phone", "value": number}),
            "coverageArea": [{"display": district} for district in sorted(programme.districts)],
            "eligibility": [{"code": code} for code in _eligibility(programme)],
            "characteristic": [
                *(concept(Code(terms.DELIVERY_MODE, mode.value)) for mode in programme.modes),
                *(concept(Code(terms.ACCESS_NEED, each.value)) for each in sorted(programme.serves.access)),
                *([concept(terms.INTERPRETERS)] if programme.interpreters else []),
            ],
            "communication": [concept(Code(terms.LANGUAGE, tag)) for tag in sorted(programme.languages)],
        }
    )


def _extensions(programme: Programme) -> list[Tree]:
    quality = _quality(programme)
    return [
        extension(terms.OPEN_PLACES, valueInteger=programme.open_places),
        *([{"url": terms.PROGRAMME_QUALITY, "extension": quality}] if quality else []),
    ]


def _quality(programme: Programme) -> list[Tree]:
    states: Statements = programme.states
    renewed = programme.training_renewed_until
    return [
        *known(states.supporters, lambda text: extension("supporters", valueString=text)),
        *known(states.training_hours, lambda hours: extension("training-hours", valueInteger=hours)),
        *(extension("training-topic", valueString=topic) for topic in states.training_topics),
        *known(renewed, lambda day: extension("training-renewed-until", valueDate=day.isoformat())),
        *known(states.supervisor, lambda role: extension("supervisor", valueString=role)),
        *known(states.supervision_every_weeks, lambda weeks: extension("supervision-every-weeks", valueInteger=weeks)),
        *known(states.safeguarding, lambda text: extension("safeguarding", valueString=text)),
    ]


def _eligibility(programme: Programme) -> list[Tree]:
    serves = programme.serves
    ages = f"{serves.from_age or 0}-{'' if serves.to_age is None else serves.to_age}"
    return [
        *(concept(Code(terms.PROGRAMME_SERVES, stage.value)) for stage in sorted(programme.stages)),
        *([concept(Code(terms.PROGRAMME_SERVES, "first-baby-only"))] if serves.first_baby_only else []),
        *([concept(Code(terms.PROGRAMME_SERVES, "age"), text=ages)] if ages != "0-" else []),
        *([concept(Code(terms.PROGRAMME_SERVES, "communities-only"))] if serves.communities_only else []),
        *(concept(Code(terms.PROGRAMME_SERVES, "community"), text=each) for each in sorted(serves.communities)),
    ]
