"""The simulated record's HTTP door: SMART discovery, the token endpoint and the FHIR R4 interactions it offers."""

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from starlette.requests import Request

from service.demo.authority import KEY_TYPES, TOKEN_SECONDS, Authority, Grant, TokenRefused
from service.demo.record import TYPES, Record, Refusal, Resource, Version

FHIR_JSON = "application/fhir+json"
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Reply:
    """What a caller is to hear, and who it was if a token told."""

    status: int
    body: Resource
    headers: dict[str, str] = field(default_factory=dict)
    client_id: str | None = None


Work = Callable[[Request], Awaitable[Reply]]
Interaction = Callable[[Request, Resource], Reply]


class Door:
    """`base` is the FHIR base address; `routes` are (path, method, work)."""

    def __init__(self, base: str, authority: Authority, record: Record) -> None:
        self._base, self._authority, self._record = base, authority, record
        one, versions = "/fhir/{type}/{id}", "/fhir/{type}/{id}/_history"
        self.routes: tuple[tuple[str, str, Work], ...] = (
            ("/fhir/.well-known/smart-configuration", "GET", self._configuration),
            ("/fhir/metadata", "GET", _capabilities),
            ("/token", "POST", self._token),
            ("/fhir/{type}", "POST", self._guarded("c", self._create)),
            ("/fhir/{type}", "GET", self._guarded("s", self._search)),
            (one, "PUT", self._guarded("u", self._update)),
            (one, "GET", self._guarded("r", self._read)),
            (versions, "GET", self._guarded("r", self._history)),
            (f"{versions}/{{number:int}}", "GET", self._guarded("r", self._read)),
        )

    def _guarded(self, letter: str, interaction: Interaction) -> Work:
        """The token first, then the body, then the record; every refusal is an OperationOutcome."""

        async def work(request: Request) -> Reply:
            granted = self._authority.admitted(request.headers.get("Authorization"))
            headers = {"Content-Type": f"{FHIR_JSON}; charset=utf-8; fhirVersion=4.0"}
            try:
                _check_may(granted, request.path_params["type"], letter)
                reply = interaction(request, await _resource(request) if letter in "cu" else {})
            except Refusal as refusal:
                issue = {"severity": "error", "code": refusal.code, "diagnostics": refusal.text}
                reply = Reply(refusal.status, {"resourceType": "OperationOutcome", "issue": [issue]})
                if refusal.status == 401:
                    headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
            return Reply(reply.status, reply.body, headers | reply.headers, granted.client_id if granted else None)

        return work

    def _create(self, request: Request, resource: Resource) -> Reply:
        version, created = self._record.create(resource, request.headers.get("If-None-Exist"))
        return self._one(version, 201 if created else 200)

    def _update(self, request: Request, resource: Resource) -> Reply:
        identity = request.path_params["id"]
        if resource.get("id") != identity:
            raise Refusal(400, "invalid", "The id in the body is not the id in the address")
        return self._one(self._record.update(identity, resource, _version_named(request.headers.get("If-Match"))), 200)

    def _read(self, request: Request, _: Resource) -> Reply:
        path = request.path_params
        return self._one(self._record.read(path["type"], path["id"], path.get("number")), 200)

    def _history(self, request: Request, _: Resource) -> Reply:
        versions = self._record.history(request.path_params["type"], request.path_params["id"])
        return Reply(200, self._bundle("history", versions[::-1]))

    def _search(self, request: Request, _: Resource) -> Reply:
        found = self._record.search(request.path_params["type"], request.query_params.multi_items())
        return Reply(200, self._bundle("searchset", found))

    def _one(self, version: Version, status: int) -> Reply:
        location = f"{self._base}/{version.type}/{version.id}/_history/{version.number}"
        return Reply(status, version.resource, {"ETag": f'W/"{version.number}"', "Location": location})

    def _bundle(self, kind: str, versions: list[Version]) -> Resource:
        entries = [{"fullUrl": f"{self._base}/{one.type}/{one.id}", "resource": one.resource} for one in versions]
        bundle: Resource = {"resourceType": "Bundle", "type": kind, "total": len(entries)}
        return bundle | ({"entry": entries} if entries else {})

    async def _token(self, request: Request) -> Reply:
        headers = {"Content-Type": "application/json", "Cache-Control": "no-store", "Pragma": "no-cache"}
        try:
            if request.headers.get("Content-Type", "").partition(";")[0].strip() != FORM:
                raise TokenRefused("invalid_request", "the request is not a form")
            granted = await self._authority.grant(parse_qsl((await request.body()).decode("utf-8", "replace")))
        except TokenRefused as refused:
            self._authority.refusals.append(refused.why)
            return Reply(400, {"error": refused.error}, headers)
        body = {"access_token": granted.token, "token_type": "bearer", "expires_in": TOKEN_SECONDS}
        return Reply(200, body | {"scope": granted.scope}, headers, granted.client_id)

    async def _configuration(self, _: Request) -> Reply:
        body = {
            "token_endpoint": self._authority.token_url,
            "grant_types_supported": ["client_credentials"],
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": sorted(KEY_TYPES),
            "scopes_supported": [f"system/{kind}.crus" for kind in TYPES],
            "capabilities": ["client-confidential-asymmetric", "permission-v2"],
            "code_challenge_methods_supported": ["S256"],
        }
        return Reply(200, body, {"Content-Type": "application/json"})


async def _capabilities(_: Request) -> Reply:
    interactions = [{"code": code} for code in ("read", "vread", "update", "history-instance", "create", "search-type")]
    resources = [{"type": kind, "interaction": interactions, "conditionalCreate": True} for kind in TYPES]
    body = {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-11-01",
        "kind": "instance",
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "rest": [{"mode": "server", "resource": resources}],
    }
    return Reply(200, body, {"Content-Type": FHIR_JSON})


def _check_may(granted: Grant | None, kind: str, letter: str) -> None:
    if granted is None:
        raise Refusal(401, "login", "No bearer token in force")
    if kind not in TYPES:
        raise Refusal(404, "not-supported", "This record does not hold that type")
    if not granted.allows(kind, letter):
        raise Refusal(403, "forbidden", "The token's scope does not reach this far")


async def _resource(request: Request) -> Resource:
    if request.headers.get("Content-Type", "").partition(";")[0].strip() not in (FHIR_JSON, "application/json"):
        raise Refusal(415, "not-supported", "The body is not FHIR JSON")
    try:
        resource = json.loads(await request.body())
    except ValueError as error:
        raise Refusal(400, "structure", "The body is not JSON") from error
    if not isinstance(resource, dict) or resource.get("resourceType") != request.path_params["type"]:
        raise Refusal(400, "invalid", "resourceType is not the type in the address")
    return resource


def _version_named(if_match: str | None) -> int | None:
    if if_match is None:
        return None
    if match := re.fullmatch(r'(?:W/)?"(\d+)"', if_match.strip()):
        return int(match[1])
    raise Refusal(400, "invalid", "If-Match names no version")
