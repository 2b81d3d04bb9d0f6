"""The OpenAPI document and its page, so that a client can be written from them and the README alone.

The words are data in documentation.json, and each example is a file in examples/. The schemas there are small and made
by hand, with the elements that count here and no others: all of R4 would be 3 MB.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import Response
from fastapi.utils import deep_dict_update

from service.fhir.documentation_page import add_page
from service.security.scopes import Interaction

Tree = dict[str, Any]

FHIR_JSON = "application/fhir+json"
FORM = "application/x-www-form-urlencoded"
EXAMPLES = Path(__file__).with_name("examples")
METHODS = frozenset({"get", "put", "post"})

_ALWAYS = (401, 403, 406, 429, 503)
_TAKING = (*_ALWAYS, 400, 409, 412, 413, 415, 422)
_HEADERS = {"X-Request-Id": "RequestId", "X-Correlation-Id": "CorrelationId"}
_VERSION_HEADERS = {**_HEADERS, "ETag": "ETag", "Last-Modified": "LastModified"}
_WRITTEN_HEADERS = {**_VERSION_HEADERS, "Location": "Location"}


def taking(resource_type: str, method: str, path: str = "") -> Tree:
    """Keyword arguments of `add_api_route` for an address that takes this resource by POST or PUT."""
    creates = method == "POST"
    by_identifier = not creates and path != "" and "{id}" not in path
    name = ("create" if creates else "update") + resource_type + ("ByIdentifier" if by_identifier else "")
    extra: Tree = {"parameters": [_parameter("IfNoneExist" if creates else "IfMatch"), _parameter("Prefer")]}
    if by_identifier:
        extra["parameters"].insert(0, _words()["identifier"])
    extra["requestBody"] = _sent(name, resource_type)
    answered_with = _operation(name).get("answers_with", resource_type)
    said = {201: "It is new and kept."} if creates or by_identifier else {}
    said[200] = "It was there already." if creates else "It is kept, or nothing had changed."
    answers = {status: _answered(name, words, answered_with, _WRITTEN_HEADERS) for status, words in said.items()}
    refusals = _TAKING if creates or by_identifier else (*_TAKING, 404)
    interaction = Interaction.CREATE if creates else Interaction.UPDATE
    return _route(name, f"system/{resource_type}.{interaction}", extra, answers, refusals)


def bundling(scopes: Iterable[str]) -> Tree:
    """The same for POST of a Bundle; `scopes` are those that an entry may need, none of which all need."""
    name = "takeBundle"
    kept = "Every entry of a transaction is kept; of a batch, each says for itself."
    answers = {200: _answered(name, kept, "Bundle", _HEADERS)}
    route = _route(name, "", {"parameters": [], "requestBody": _sent(name, "Bundle")}, answers, (*_TAKING, 404))
    route["openapi_extra"]["security"] = [{"smart": sorted(scopes)}, {"accessToken": []}]
    return route


def operating(path: str) -> Tree:
    """The same for an operation on one ServiceRequest, which takes Parameters."""
    name = f"{path.rpartition('$')[2]}ServiceRequest"
    parameters = [_parameter("IfMatch"), _parameter("Prefer")]
    extra: Tree = {"parameters": parameters, "requestBody": _sent(name, "Parameters")}
    answers = {200: _answered(name, "It is so, or was so already.", "ServiceRequest", _WRITTEN_HEADERS)}
    return _route(name, f"system/ServiceRequest.{Interaction.UPDATE}", extra, answers, (*_TAKING, 404))


def reading(resource_type: str) -> Tree:
    """The same for GET of one resource by its id."""
    name = f"read{resource_type}"
    answers = {
        200: _answered(name, "It, as this caller may see it now.", resource_type, _VERSION_HEADERS),
        304: {"description": "It is still the version named in If-None-Match.", "headers": _headers(_VERSION_HEADERS)},
    }
    extra: Tree = {"parameters": [_parameter("IfNoneMatch")]}
    return _route(name, f"system/{resource_type}.{Interaction.READ}", extra, answers, (*_ALWAYS, 404))


def defining(resource_type: str) -> Tree:
    """The same for GET of a definition, which anybody may read."""
    content = {FHIR_JSON: {"schema": {"type": "object", "additionalProperties": True}}}
    return {
        "operation_id": f"read{resource_type}",
        "summary": f"Read a {resource_type} of ours",
        "description": "What a URL of ours in a resource means; the id is the last part of the URL. Needs no token.",
        "response_class": Response,
        "response_description": "The definition.",
        "responses": {200: {"content": content}, 404: {"$ref": "#/components/responses/404"}},
    }


def asking_placement() -> Tree:
    """The same for the reasons for which a referral was put to one programme and not to another."""
    name = "readPlacement"
    answers = {200: _answered(name, "Every time it was placed, the first one first.", "Parameters", _HEADERS)}
    return _route(name, f"system/ServiceRequest.{Interaction.READ}", {"parameters": []}, answers, (*_ALWAYS, 404))


def searching(method: str = "GET", resource_type: str = "Task") -> Tree:
    """The same for a search, by GET or by POST of a form."""
    by_form = method == "POST"
    name = f"search{resource_type}s" + ("ByPost" if by_form else "")
    parameters = _words()["search"] if resource_type == "Task" else _words()["directory"][resource_type]
    extra: Tree = {"parameters": [_parameter("Handling"), *(() if by_form else parameters)]}
    if by_form:
        fields = {each["name"]: each["schema"] | {"description": each["description"]} for each in parameters}
        example = {"owner": "Organization/019aa000-0000-7000-8000-000000000002", "status": "requested,accepted"}
        form = {"schema": {"type": "object", "properties": fields}, "example": example}
        extra["requestBody"] = {"required": True, "content": {FORM: form}}
    answers = {200: _answered(name, "One page of them.", "Bundle", _HEADERS)}
    refusals = (*_ALWAYS, 400, 404, *((413, 415) if by_form else ()))
    return _route(name, f"system/{resource_type}.{Interaction.SEARCH}", extra, answers, refusals)


def add_documentation(application: FastAPI, base_url: str = "") -> None:
    """Serve the page at /docs and make /openapi.json whole.

    `base_url` is our address as clients see it, without a slash at its end; without one the document says that
    everything is where the document itself came from.
    """

    @cache
    def document() -> Tree:
        return _document(application, base_url)

    application.openapi = document  # type: ignore[method-assign]  # the way that FastAPI gives to change its document
    add_page(application)


def _document(application: FastAPI, base_url: str) -> Tree:
    words = _words()
    document = get_openapi(
        title=application.title,
        version=application.version,
        description=words["description"],
        routes=application.routes,
        tags=words["tags"],
        servers=[{"url": base_url or "/"}],
        license_info={"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
    )
    for path, item in document["paths"].items():
        for method in METHODS & item.keys():
            _complete(item[method], path)
            deep_dict_update(item[method], words["others"].get(path, {}).get(method, {}))
    operations = [item[method] for item in document["paths"].values() for method in METHODS & item.keys()]
    document["components"] = words["components"] | {"securitySchemes": _security_schemes(operations, base_url)}
    return document


def _complete(operation: Tree, path: str) -> None:
    """What the framework guesses and we know: words for a status, empty schemas, its own 422, an id in the path."""
    for answer in operation["responses"].values():
        if "$ref" in answer:
            del answer["description"]
        guessed = [media for media, content in answer.get("content", {}).items() if content.get("schema") == {}]
        for media in guessed:
            del answer["content"][media]
    if "HTTPValidationError" in str(operation["responses"].get("422")):
        del operation["responses"]["422"]
    if "{id}" in path:
        declared = [each for each in operation.get("parameters", ()) if each.get("in") != "path"]
        operation["parameters"] = [_parameter("Id"), *declared]


def _security_schemes(operations: Iterable[Tree], base_url: str) -> Tree:
    needed = {scope for each in operations for way in each.get("security", ()) for scope in way.get("smart", ())}
    flow = {
        "tokenUrl": f"{base_url}/token",
        "scopes": {scope: _meaning(scope) for scope in sorted(needed)},
    }
    return {
        "smart": {
            "type": "oauth2",
            "description": "SMART Backend Services: client credentials, proved with a signed assertion. How: see "
            "POST /token. Letters of one type are asked for together, in the order c r u d s: system/Task.rus.",
            "flows": {"clientCredentials": flow},
        },
        "accessToken": {"type": "http", "scheme": "bearer", "description": "A token that POST /token has given you."},
    }


def _meaning(scope: str) -> str:
    resource_type, _, letter = scope.removeprefix("system/").partition(".")
    return f"{Interaction(letter).name.lower()} {resource_type}"


def _route(name: str, scope: str, extra: Tree, answers: Mapping[int, Tree], refusals: Iterable[int]) -> Tree:
    words = _operation(name)
    extra["parameters"].append(_parameter("RequestId"))
    refused = {status: {"$ref": f"#/components/responses/{status}"} for status in sorted(refusals)}
    return {
        "operation_id": name,
        "summary": words["summary"],
        "description": words["description"],
        "response_class": Response,
        "response_description": answers[200]["description"],
        "responses": {**answers, **refused},
        "openapi_extra": {**extra, "security": [{"smart": [scope]}, {"accessToken": []}]},
    }


def _answered(name: str, description: str, resource_type: str, headers: Mapping[str, str]) -> Tree:
    words = _operation(name)
    examples = words.get("answer") or words["examples"]
    content = {FHIR_JSON: {"schema": _schema(resource_type), "examples": _examples(examples)}}
    return {"description": description, "headers": _headers(headers), "content": content}


def _sent(name: str, resource_type: str) -> Tree:
    content = {"schema": _schema(resource_type), "examples": _examples(_operation(name)["examples"])}
    return {"required": True, "content": {FHIR_JSON: content, "application/json": content}}


def _headers(names: Mapping[str, str]) -> Tree:
    return {header: {"$ref": f"#/components/headers/{name}"} for header, name in names.items()}


def _parameter(name: str) -> Tree:
    return {"$ref": f"#/components/parameters/{name}"}


def _schema(resource_type: str) -> Tree:
    return {"$ref": f"#/components/schemas/{resource_type}"}


def _examples(named: Mapping[str, str]) -> Tree:
    return {name: {"$ref": f"#/components/examples/{name}"} for name in named}


def _operation(name: str) -> Tree:
    words: Tree = _words()["operations"][name]
    return words


@cache
def _words() -> Tree:
    words: Tree = orjson.loads(Path(__file__).with_suffix(".json").read_bytes())
    words["components"]["examples"] = {
        name: {"summary": summary, "value": orjson.loads((EXAMPLES / f"{name}.json").read_bytes())}
        for operation in words["operations"].values()
        for name, summary in {**operation.get("examples", {}), **operation.get("answer", {})}.items()
    }
    return words
