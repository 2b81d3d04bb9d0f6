"""The three addresses of this room. They hold no rule: they take HTTP apart and put the answer together."""

import json
from collections.abc import Callable, Mapping

from fastapi import APIRouter, Request, Response

from service.security import errors, smart
from service.security.keys import CACHE_CONTROL, SigningKeys
from service.security.token import ASSERTION_TYPE, FORM, LARGEST_FORM, TokenEndpoint
from service.shared.ids import new_id
from service.shared.streams import read_at_most

TOKEN_FORM = {
    "type": "object",
    "required": ["grant_type", "scope", "client_assertion_type", "client_assertion"],
    "properties": {
        "grant_type": {"type": "string", "enum": ["client_credentials"]},
        "scope": {"type": "string", "description": "SMART v2 scopes with a space between them, as system/Task.rus"},
        "client_assertion_type": {"type": "string", "enum": [ASSERTION_TYPE]},
        "client_assertion": {
            "type": "string",
            "description": "JWT signed with RS384 or ES384; header alg, kid, typ JWT; claims iss and sub (both your"
            " client id), aud (the address of this endpoint), exp (at most 5 minutes ahead) and jti (new every time).",
        },
    },
}
TOKEN_ANSWER = {
    "type": "object",
    "required": ["access_token", "token_type", "expires_in", "scope"],
    "properties": {
        "access_token": {"type": "string"},
        "token_type": {"type": "string", "enum": ["bearer"]},
        "expires_in": {"type": "integer", "description": "seconds"},
        "scope": {"type": "string", "description": "what was granted, which may be less than was asked for"},
    },
}
TOKEN_OPERATION = {
    "requestBody": {"required": True, "content": {FORM: {"schema": TOKEN_FORM}}},
    "responses": {
        "200": {"description": "An access token.", "content": {"application/json": {"schema": TOKEN_ANSWER}}},
        "400": {"description": "Refused, with an `error` of RFC 6749, section 5.2."},
        "413": {"description": "The form is longer than 16,384 bytes."},
        "429": {"description": "Too many refused requests; `Retry-After` says for how many seconds to wait."},
    },
}


def router(endpoint: TokenEndpoint, keys: Callable[[], SigningKeys], base_url: str) -> APIRouter:
    """`keys` is asked at every request, so that a rotation needs no restart; `base_url` has no slash at its end."""
    routes = APIRouter(tags=["access"])

    @routes.post("/token", summary="Exchange a client assertion for an access token", openapi_extra=TOKEN_OPERATION)
    async def token(request: Request) -> Response:
        body = await read_at_most(request.stream(), LARGEST_FORM)
        address = request.client.host if request.client else ""
        correlation_id = getattr(request.state, "correlation_id", None) or new_id()
        reply = (
            errors.refusal(errors.TOO_LARGE)
            if body is None
            else await endpoint.issue(request.headers, body, address, correlation_id)
        )
        return Response(reply.body, reply.status, reply.headers)

    @routes.api_route("/token", methods=["GET", "PUT", "PATCH", "DELETE", "OPTIONS"], include_in_schema=False)
    async def not_posted() -> Response:
        reply = errors.refusal(errors.NOT_POSTED, Allow="POST")
        return Response(reply.body, reply.status, reply.headers)

    @routes.get("/.well-known/jwks.json", summary="The public keys with which this service signs")
    async def key_set() -> Response:
        return _json(keys().public(), CACHE_CONTROL)

    @routes.get("/fhir/.well-known/smart-configuration", summary="SMART App Launch discovery")
    async def configuration() -> Response:
        return _json(smart.configuration(base_url), "public, max-age=300")

    return routes


def _json(document: Mapping[str, object], cache_control: str) -> Response:
    return Response(json.dumps(document), headers={"Cache-Control": cache_control}, media_type="application/json")
