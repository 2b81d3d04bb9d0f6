"""An order and its OBX as the one FHIR Observation that is kept and shown (v2-to-FHIR, OBX[Observation])."""

from collections.abc import Sequence

import orjson

from service.flow.received import Identifier, Reference
from service.hl7v2.dialect import Dialect
from service.hl7v2.placer import as_identifier
from service.hl7v2.read.codes import Triplet
from service.hl7v2.read.component import Tree, concept
from service.hl7v2.read.observed import Observed
from service.screening.result import DECIDING, VOID, Status

_CATEGORY = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "survey"}]}
# What the whole is, when its parts differ and none is still to come: what was corrected shows.
_STATUSES = (Status.CORRECTED, Status.AMENDED, Status.FINAL, Status.CANCELLED, Status.ENTERED_IN_ERROR)


def observation(
    order: tuple[Triplet, ...],
    parts: Sequence[Observed],
    subject: Reference,
    name: Identifier | None,
    statuses: set[Status],
    effective: str | None,
    dialect: Dialect,
    placer: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> bytes:
    """`order` are the codes of what was ordered, `statuses` those of it and of its parts, `effective` a FHIR dateTime,
    `placer` the parts of the number under which it was asked for, `notes` what was written beside it.

    What was taken back is not shown, and neither is a file: both stand in the message, which is kept as it came.
    """
    codes = order or next((each.named for each in parts if each.named), ())
    tree: Tree = {
        "resourceType": "Observation",
        "status": _whole(statuses).value,
        "category": [_CATEGORY],
        "code": concept(codes, dialect),
    }
    if names := _names(name, placer):
        tree["identifier"] = names
    if subject.identifier is not None:
        her = {"system": subject.identifier.system, "value": subject.identifier.value}
        tree["subject"] = {"type": "Patient", "identifier": her}
    if effective is not None:
        tree["effectiveDateTime"] = effective
    if components := [component for each in parts for component in each.components]:
        tree["component"] = components
    if notes:
        tree["note"] = [{"text": each} for each in notes]
    return orjson.dumps(tree)


def _whole(statuses: set[Status]) -> Status:
    """Preliminary until the last of its parts may decide, so that what makes it final is no repetition."""
    standing = statuses - VOID
    if standing <= DECIDING:
        return next((each for each in _STATUSES if each in statuses), Status.UNKNOWN)
    return standing.pop() if len(standing) == 1 else Status.PRELIMINARY


def _names(name: Identifier | None, placer: Sequence[str]) -> list[Tree]:
    own: list[Tree] = [{"system": name.system, "value": name.value}] if name is not None else []
    return own + ([as_identifier(*placer)] if placer else [])
