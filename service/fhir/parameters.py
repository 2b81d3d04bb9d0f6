"""Parameters as addresses, headers and forms write them: `name=value&name=value`."""

from collections.abc import Sequence
from urllib.parse import parse_qsl

from fastapi import Request

from service.fhir.faults import Fault
from service.fhir.outcome import BadInput, Finding
from service.fhir.survey import NOT_ALLOWED

Parameters = Sequence[tuple[str, str]]
LONGEST_NAME = 64


def read_parameters(text: str) -> list[tuple[str, str]]:
    """Raises BadInput naming the first that no text of a resource could equal: one with a control character, as %00, or
    with bytes that are no UTF-8, as %FF."""
    # Bytes that are no UTF-8 become halves of surrogate pairs; a mark in their place would make one of two identifiers.
    found = parse_qsl(text, keep_blank_values=True, errors="surrogateescape")
    for name, value in found:
        if NOT_ALLOWED.search(name) or NOT_ALLOWED.search(value):
            raise malformed(NOT_ALLOWED.sub("\ufffd", name))
    return found


def query_of(request: Request) -> str:
    """What stands behind the question mark, as it was sent."""
    query: bytes = request.scope["query_string"]
    return query.decode(errors="surrogateescape")


def malformed(name: str) -> BadInput:
    return _about(name, Fault.PARAMETER_MALFORMED)


def unknown(name: str) -> BadInput:
    return _about(name, Fault.PARAMETER_UNKNOWN)


def too_many(name: str) -> BadInput:
    return _about(name, Fault.PARAMETER_TOO_MANY)


def _about(name: str, fault: Fault) -> BadInput:
    return BadInput.of(Finding(fault, None, name[:LONGEST_NAME]))
