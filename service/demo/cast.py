"""Who must be known to the service before the story begins: plain values for whoever prepares the service."""

import json
from dataclasses import dataclass, field

from joserfc.jwk import ECKey, KeySet, KeySetSerialization

from service.demo.client import Identity
from service.demo.people import HOSPITAL
from service.demo.record import Resource

PROGRAMME, NEXT_PROGRAMME = "Test Borough Parent Circle", "Example Quay Companions"
HOSPITAL_SCOPE = (
    "system/Patient.cru system/Consent.cru system/Observation.crus system/QuestionnaireResponse.cru "
    "system/ServiceRequest.rus system/Task.rus system/Provenance.rs system/Organization.rs system/HealthcareService.rs "
    "system/Encounter.r system/Procedure.r"
)
INFIRMARY_SCOPE = "system/Patient.r system/Task.rs"
PROGRAMME_SCOPE = (
    "system/Task.rus system/ServiceRequest.rs system/Patient.rs system/Consent.rs system/Observation.rs "
    "system/Organization.rs system/HealthcareService.rs system/Encounter.crus system/Procedure.crus "
    "system/Communication.crs"
)


@dataclass(frozen=True, slots=True)
class Member:
    """One organisation with its client. `kind` is hospital or community; `identifier` is (system, value).

    `certificate` is that of its sender of HL7 v2, in PEM.
    """

    name: str
    kind: str
    identifier: tuple[str, str]
    scope: str
    key: ECKey = field(repr=False)
    fhir_endpoint: str | None = None
    hl7v2_endpoint: str | None = None
    certificate: bytes | None = None

    @property
    def jwks(self) -> KeySetSerialization:
        """The public half of its key, as it would be registered."""
        return KeySet([self.key]).as_dict(private=False)

    def registered_as(self, organisation_id: str, client_id: str) -> Identity:
        """What the member needs to call the service, once the service has said these ids."""
        return Identity(organisation_id, client_id, self.scope, self.key)


@dataclass(frozen=True, slots=True)
class Cast:
    """Each `…_description` is what a programme's TOML file holds, as `programme_file` writes it."""

    hospital: Member
    infirmary: Member
    programme: Member
    programme_description: Resource
    next_programme: Member
    next_programme_description: Resource


def assemble(fhir_endpoint: str, hl7v2_endpoint: str | None = None, certificate: bytes | None = None) -> Cast:
    """The cast of the stories with fresh keys. `fhir_endpoint` is the FHIR base of the simulated hospital record,
    `hl7v2_endpoint` where the infirmary's engine takes HL7 v2, `certificate` what it shows when it sends."""
    return Cast(
        hospital=Member(
            name="St Test's Maternity",
            kind="hospital",
            identifier=(f"{HOSPITAL}/organisation", "st-test"),
            scope=HOSPITAL_SCOPE,
            key=new_key(),
            fhir_endpoint=fhir_endpoint,
        ),
        infirmary=Member(
            name="Sample Infirmary",
            kind="hospital",
            identifier=("https://sample-infirmary.example/organisation", "infirmary"),
            scope=INFIRMARY_SCOPE,
            key=new_key(),
            hl7v2_endpoint=hl7v2_endpoint,
            certificate=certificate,
        ),
        programme=_programme(PROGRAMME, "parent-circle"),
        programme_description=_description(PROGRAMME, places=12, telephone="+44 7700 900789"),
        next_programme=_programme(NEXT_PROGRAMME, "quay-companions"),
        next_programme_description=_description(NEXT_PROGRAMME, places=4, telephone="+44 7700 900790"),
    )


def programme_file(organisation_id: str, description: Resource) -> str:
    """The programme's TOML file. Strings, numbers, booleans and lists are written the same in TOML as in JSON."""
    whole = {"organisation": organisation_id, **description}
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in whole.items())


def _programme(name: str, label: str) -> Member:
    identifier = f"https://{label}.example/organisation", label
    return Member(name, "community", identifier, PROGRAMME_SCOPE, new_key())


def _description(name: str, places: int, telephone: str) -> Resource:
    return {
        "name": name,
        "active": True,
        "model": "one-to-one",
        "modes": ["phone", "home-visit"],
        "languages": ["en", "cy"],
        "districts": ["Testborough"],
        "stages": ["antenatal", "postnatal"],
        "interpreters": False,
        "places": places,
        "respond_within_hours": 72,
        "telephone": telephone,
    }


def new_key() -> ECKey:
    """A private P-384 key for ES384; its kid is its thumbprint (RFC 7638)."""
    return ECKey.generate_key("P-384", auto_kid=True)
