"""What a client discovers about our token endpoint (SMART App Launch 2.2, conformance)."""

from service.security.assertion import KEY_TYPES
from service.security.scopes import HOSPITAL, PROGRAMME


def configuration(base_url: str) -> dict[str, object]:
    """The document at `{base_url}/fhir/.well-known/smart-configuration`; `base_url` has no slash at its end.

    It names no issuer and no authorization endpoint, since nobody signs in here; `code_challenge_methods_supported` is
    required of every server all the same.
    """
    return {
        "token_endpoint": f"{base_url}/token",
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": list(KEY_TYPES),
        "scopes_supported": sorted({*HOSPITAL.split(), *PROGRAMME.split()}),
        "code_challenge_methods_supported": ["S256"],
        "capabilities": ["client-confidential-asymmetric", "permission-v2"],
    }
