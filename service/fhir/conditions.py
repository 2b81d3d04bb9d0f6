"""Conditions and versions, as headers, addresses and the entries of a Bundle write them."""

from service.fhir import lengths
from service.fhir.faults import Fault
from service.fhir.outcome import BadInput, Finding
from service.fhir.parameters import malformed, read_parameters
from service.flow.received import Identifier, identifier_of


def condition_of(text: str | None, *, required: bool) -> Identifier | None:
    """The one criterion that this server takes: `identifier=system|value` (FHIR R4, 3.1.0.8.1 and 3.1.0.4.3)."""
    if not text and not required:
        return None
    pairs = read_parameters((text or "").partition("?")[2] or text or "")
    system, _, value = pairs[0][1].partition("|") if len(pairs) == 1 and pairs[0][0] == "identifier" else ("", "", "")
    named = identifier_of(system, value)
    if named is None:
        raise malformed("identifier")
    if max(map(len, named)) > lengths.NAME:
        raise BadInput.of(Finding(Fault.TOO_LONG, "identifier", f"{lengths.NAME:,}"))
    return named


def expected_version_of(if_match: str | None) -> int | None:
    """The row version in `W/"3"` or, of a view, `W/"3.1.2"`."""
    if if_match is None or if_match.strip() == "*":
        return None
    version = if_match.strip().removeprefix("W/").strip('"').partition(".")[0]
    if not (version.isascii() and version.isdigit() and len(version) < 10):
        raise BadInput.of(Finding(Fault.HEADER_MALFORMED, None, "If-Match"))
    return int(version)
