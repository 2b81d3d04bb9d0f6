"""What this server says of itself (FHIR R4, CapabilityStatement), from the one table of what it serves."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from service.fhir import terms
from service.fhir.survey import Tree
from service.fhir.write.parts import concept, present
from service.shared.code import Code

# The day on which the table last changed.
DATE = "2026-11-22"
OAUTH_URIS = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
SMART = Code(f"{terms.TERMINOLOGY}/restful-security-service", "SMART-on-FHIR")


@dataclass(frozen=True, slots=True)
class Served:
    """One resource type: `interactions` of the type-restful-interaction value set, `search` from parameter to its type.

    `conditional_update` tells of `PUT Type?identifier=`; every create takes If-None-Exist, every read If-None-Match.
    `operations` is from name to definition.
    """

    type: str
    interactions: tuple[str, ...]
    search: Mapping[str, str] = field(default_factory=dict)
    includes: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    conditional_update: bool = False
    operations: tuple[str, ...] = ()


SERVED: tuple[Served, ...] = (
    Served("Communication", ("read", "create")),
    Served("Consent", ("read", "update", "create")),
    Served("Encounter", ("read", "update", "create")),
    Served(
        "HealthcareService",
        ("read", "search-type"),
        search={
            "_id": "token",
            "active": "token",
            "characteristic": "token",
            "district": "string",
            "language": "token",
            "name": "string",
            "organization": "reference",
            "service-type": "token",
        },
    ),
    Served("Observation", ("read", "update", "create")),
    Served(
        "Organization",
        ("read", "search-type"),
        search={"_id": "token", "active": "token", "identifier": "token", "name": "string", "type": "token"},
    ),
    Served("Patient", ("read", "update", "create"), conditional_update=True),
    Served("Procedure", ("read", "update", "create")),
    Served("Provenance", ("read",)),
    Served("QuestionnaireResponse", ("read", "update", "create")),
    Served(
        "ServiceRequest",
        ("read", "update"),
        profiles=(terms.SERVICE_REQUEST_PROFILE,),
        operations=("hold", "placement", "resume"),
    ),
    Served(
        "Task",
        ("read", "update", "search-type"),
        search={
            "_id": "token",
            "_lastUpdated": "date",
            "_profile": "uri",
            "code": "token",
            "owner": "reference",
            "patient": "reference",
            "status": "token",
        },
        includes=("Task:focus",),
        profiles=(terms.TASK_PROFILE,),
    ),
)

# What the URLs mean that we write; anybody may read it.
DEFINED: tuple[Served, ...] = (
    Served("CodeSystem", ("read",)),
    Served("OperationDefinition", ("read",)),
    Served("StructureDefinition", ("read",)),
    Served("ValueSet", ("read",)),
)


def capability(base_url: str, version: str) -> Tree:
    """The document at `{base_url}/fhir/metadata`; `base_url` has no slash at its end, `version` is the program's."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": DATE,
        "kind": "instance",
        "software": {"name": "peer-referral", "version": version},
        "implementation": {"description": "Peer-support referral service", "url": f"{base_url}/fhir"},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "rest": [
            {
                "mode": "server",
                "security": _security(base_url),
                "resource": [_resource(served) for served in (*SERVED, *DEFINED)],
                "interaction": [{"code": "transaction"}, {"code": "batch"}],
            }
        ],
    }


def _security(base_url: str) -> Tree:
    token = {"url": "token", "valueUri": f"{base_url}/token"}
    return {
        "extension": [{"url": OAUTH_URIS, "extension": [token]}],
        "service": [concept(SMART)],
        "description": "SMART Backend Services: client credentials with a signed assertion (RS384 or ES384).",
    }


def _resource(served: Served) -> Tree:
    creates, reads = "create" in served.interactions, "read" in served.interactions
    return present(
        {
            "type": served.type,
            "supportedProfile": list(served.profiles),
            "interaction": [{"code": code} for code in served.interactions],
            "versioning": "versioned" if served in SERVED else None,
            "conditionalCreate": creates or None,
            "conditionalRead": "not-match" if reads and served in SERVED else None,
            "conditionalUpdate": served.conditional_update or None,
            "searchInclude": list(served.includes),
            "searchParam": [{"name": name, "type": kind} for name, kind in served.search.items()],
            "operation": [
                {"name": name, "definition": f"{terms.OURS}/OperationDefinition/{name}"} for name in served.operations
            ],
        }
    )
