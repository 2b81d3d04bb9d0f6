"""Checks a tree against the JSON schema of FHIR R4: element names, JSON types, formats and required value sets.

The schema is data in `schema/`; its README says where it comes from. Resources inside a resource (contained, entries
of a Bundle) are plain objects to it, so that each is checked by its own type and its errors name the exact element.
"""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from itertools import islice
from typing import Any

import jsonschema_rs
import orjson

from service.fhir.faults import Fault
from service.fhir.outcome import MOST_ISSUES, Finding
from service.fhir.survey import Place, Survey, Tree, expression

RESOURCE_TYPES = frozenset({
    "Bundle", "Communication", "Consent", "Encounter", "HealthcareService", "Observation", "OperationOutcome",
    "Organization", "Parameters", "Patient", "Procedure", "QuestionnaireResponse", "ServiceRequest", "Task",
})  # fmt: skip

_MEMBERS_TO_LIST_ALL = 5_000

_JSON_TYPES = {
    "object": "a JSON object",
    "array": "a JSON array",
    "string": "a JSON string, in quotes",
    "number": "a JSON number, without quotes",
    "integer": "a whole JSON number, without quotes",
    "boolean": "true or false, without quotes",
}

_FORMATS = {
    "base64Binary": "base64, in groups of four characters",
    "canonical": "a canonical URL without blanks",
    "code": "a code: no blanks at either end, single blanks inside",
    "date": "a date: YYYY, YYYY-MM or YYYY-MM-DD",
    "dateTime": "a dateTime: YYYY, YYYY-MM, YYYY-MM-DD or, with seconds and zone, 2026-01-31T09:30:00+00:00",
    "id": "an id: 1 to 64 letters, digits, '-' or '.'",
    "instant": "an instant with seconds and zone: 2026-01-31T09:30:00+00:00",
    "markdown": "a string that is not empty",
    "oid": "an OID as a URI: urn:oid:1.2.3",
    "string": "a string that is not empty",
    "time": "a time with seconds: 09:30:00",
    "uri": "a URI without blanks",
    "url": "a URL without blanks",
    "uuid": "a UUID as a URI, in lower case: urn:uuid:…",
}


def _data(name: str) -> Any:
    return orjson.loads(files("service.fhir").joinpath("schema", name).read_bytes())


@cache
def _definitions() -> dict[str, Tree]:
    definitions: dict[str, Tree] = _data("r4.schema.json")["definitions"]
    return definitions


@cache
def _r5_elements() -> dict[str, frozenset[str]]:
    return {name: frozenset(elements) for name, elements in _data("r5-elements.json").items()}


@cache
def names() -> frozenset[str]:
    """Every element name of the resources and data types in use: the only words of a body an error may repeat."""
    return frozenset(name for each in _definitions().values() for name in each.get("properties", ()))


@cache
def issue_types() -> frozenset[str]:
    """The codes of the value set IssueType (FHIR R4), of which every issue of an OperationOutcome has one."""
    return frozenset(_definitions()["OperationOutcome_Issue"]["properties"]["code"]["enum"])


@cache
def _formats() -> dict[str, str]:
    """What to expect, by pattern: that is all an error tells about the data type it comes from."""
    return {_definitions()[name]["pattern"]: text for name, text in _FORMATS.items() if name in _definitions()}


@cache
def validator(resource_type: str) -> jsonschema_rs.Validator:
    """The compiled schema of one of the `RESOURCE_TYPES`; the first call for a type takes some milliseconds."""
    return jsonschema_rs.Draft6Validator({"$ref": f"#/definitions/{resource_type}", "definitions": _definitions()})


def problems(found: Survey) -> list[Finding]:
    """What the schema says against the resource and each resource in it; empty when all is well."""
    return list(islice(_problems(found), MOST_ISSUES))


def _problems(found: Survey) -> Iterator[Finding]:
    for place, resource in found.resources.items():
        compiled = validator(resource["resourceType"])
        if not compiled.is_valid(resource):
            for error in _errors(compiled, resource, found.members):
                yield from _explain(error, place, resource)


def _errors(compiled: jsonschema_rs.Validator, resource: Tree, members: int) -> Iterable[jsonschema_rs.ValidationError]:
    """All errors, but of a large body the first alone: the library lists every one before it gives any."""
    if members <= _MEMBERS_TO_LIST_ALL:
        return compiled.iter_errors(resource)
    try:
        compiled.validate(resource)
    except jsonschema_rs.ValidationError as error:
        return [error]
    return []


def _explain(error: jsonschema_rs.ValidationError, place: Place, resource: Tree) -> Iterator[Finding]:
    """Our own words for one error; the library's message quotes what was received."""
    node: Any = resource
    for step in error.instance_path:
        place, node = (place, step), node[step]
    where, told = expression(place, names()), error.kind.as_dict()
    match error.kind.name:
        case "additionalProperties":
            for name in told["unexpected"]:
                yield _unknown(name, where, node, _elements(error), resource["resourceType"])
        case "required":
            yield Finding(Fault.ELEMENT_MISSING, f"{where}.{told['property']}", told["property"])
        case "enum":
            yield Finding(Fault.CODE_NOT_IN_VALUE_SET, where, ", ".join(each for each in told["options"] if each))
        case "type":
            kind = next(each for each in told["types"] if each != "null")
            yield Finding(Fault.JSON_TYPE_WRONG, where, _JSON_TYPES[kind])
        case "pattern":
            yield Finding(Fault.FORMAT_WRONG, where, _formats()[told["pattern"]])
        case "minimum":
            yield Finding(Fault.OUT_OF_RANGE, where, f"of at least {told['limit']}")
        case "maximum":
            yield Finding(Fault.OUT_OF_RANGE, where, f"of at most {told['limit']}")
        case _:
            yield Finding(Fault.MODEL_REFUSED, where)


def _elements(error: jsonschema_rs.ValidationError) -> list[str]:
    """The elements that R4 defines where the error is."""
    schema: Any = {"definitions": _definitions()}
    for step in error.schema_path[:-1]:
        schema = schema[step]
    return list(schema["properties"])


def _unknown(name: str, where: str, node: Tree, defined: list[str], resource_type: str) -> Finding:
    """Names the element when R4 or R5 knows the word somewhere; any other may be a person's and is only counted."""
    if where.endswith(resource_type) and name in _r5_elements().get(resource_type, ()):
        return Finding(Fault.ELEMENT_OF_R5, where, name)
    said = f"'{name}'" if name in names() else f"number {list(node).index(name) + 1} of the object's members"
    near = get_close_matches(name, defined, 1) if len(name) <= 64 else []
    return Finding(Fault.ELEMENT_UNKNOWN, where, f"{said}; perhaps '{near[0]}' was meant" if near else said)
