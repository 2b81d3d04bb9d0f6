"""Who must be known to the service before the story begins: plain values for whoever prepares the service."""

from dataclasses import dataclass, field

from joserfc.jwk import ECKey, KeySet, KeySetSerialization

from service.demo.client import Identity
from service.demo.people import HOSPITAL
from service.demo.record import Resource

HOSPITAL_SCOPE = (
    "system/Patient.cru system/Consent.cru system/Observation.crus system/QuestionnaireResponse.cru "
    "system/ServiceRequest.rus system/Task.rus system/Organization.rs system/HealthcareService.rs "
    "system/Encounter.r system/Procedure.r"
)
PROGRAMME_SCOPE = (
    "system/Task.rus system/ServiceRequest.rs system/Patient.rs system/Consent.rs system/Observation.rs "
    "system/Organization.rs system/HealthcareService.rs system/Encounter.crus system/Procedure.crus "
    "system/Communication.crs"
)


@dataclass(frozen=True, slots=True)
class Member:
    """One organisation with its client. `kind` is hospital or community; `identifier` is (system, value)."""

    name: str
    kind: str
    identifier: tuple[str, str]
    scope: str
    key: ECKey = field(repr=False)
    fhir_endpoint: str | None = None

    @property
    def jwks(self) -> KeySetSerialization:
        """The public half of its key, as it would be registered."""
        return KeySet([self.key]).as_dict(private=False)

    def registered_as(self, organisation_id: str, client_id: str) -> Identity:
        """What the member needs to call the service, once the service has said these ids."""
        return Identity(organisation_id, client_id, self.scope, self.key)


@dataclass(frozen=True, slots=True)
class Cast:
    """`programme_description` is what a programme's TOML file holds, without the id of its organisation."""

    hospital: Member
    programme: Member
    programme_description: Resource


def assemble(fhir_endpoint: str) -> Cast:
    """The cast of story one with fresh keys; `fhir_endpoint` is the FHIR base of the simulated hospital record."""
    programme = "Test Borough Parent Circle"
    return Cast(
        hospital=Member(
            name="St Test's Maternity",
            kind="hospital",
            identifier=(f"{HOSPITAL}/organisation", "st-test"),
            scope=HOSPITAL_SCOPE,
            key=new_key(),
            fhir_endpoint=fhir_endpoint,
        ),
        programme=Member(
            name=programme,
            kind="community",
            identifier=("https://parent-circle.example/organisation", "parent-circle"),
            scope=PROGRAMME_SCOPE,
            key=new_key(),
        ),
        programme_description={
            "name": programme,
            "active": True,
            "model": "one-to-one",
            "modes": ["phone", "home-visit"],
            "languages": ["en", "cy"],
            "districts": ["Testborough"],
            "stages": ["antenatal", "postnatal"],
            "interpreters": False,
            "places": 12,
            "respond_within_hours": 72,
            "telephone": "+44 7700 900789",
        },
    )


def new_key() -> ECKey:
    """A private P-384 key for ES384; its kid is its thumbprint (RFC 7638)."""
    return ECKey.generate_key("P-384", auto_kid=True)
