"""Task, as a programme puts it back -> ReceivedUpdate."""

import re

from service.fhir.read.common import reference_of, unclear
from service.fhir.survey import Tree
from service.fhir.terms import FULFIL
from service.flow.receive_update import ReceivedUpdate
from service.flow.received import Received

_FIXED = {"for": "Patient", "focus": "ServiceRequest", "owner": "Organization", "requester": "Organization"}
_NO_ID = re.compile(r"(.*/)?|[A-Za-z]*")


def read_task(tree: Tree, received: Received, *, base: str) -> ReceivedUpdate:
    """`received.target_id` is the Task's id in the address, `base` this server's without /fhir.

    Raises BadInput when an output refers to a resource without its id: a client that could not create the resource
    still sends the Task (the CBO client of HL7 Gravity does).
    """
    for place, output in enumerate(tree.get("output", ())):
        if _NO_ID.fullmatch(output.get("valueReference", {}).get("reference", "Type/id")):
            raise unclear(
                f"Task.output[{place}].valueReference", "The reference has no id. Create the resource first.", "value"
            )
    return ReceivedUpdate(
        received=received,
        offer_id=received.target_id or tree.get("id", ""),
        base_version=_version(tree.get("meta", {}).get("versionId", "")),
        status=tree["status"],
        status_reason=_words(tree.get("statusReason"), "display"),
        business_status=_words(tree.get("businessStatus"), "code"),
        fixed=_fixed(tree, base),
        notes=tuple(tree.get("note", ())),
        outputs=tuple(tree.get("output", ())),
    )


def _version(written: str) -> int | None:
    """The offer's version; what follows it says which view was served."""
    number = re.match(r"[0-9]{1,15}(?![0-9])", written)
    return int(number[0]) if number else None


def _words(concept: Tree | None, otherwise: str) -> str | None:
    concept = concept or {}
    written = [concept.get("text"), *(each.get(otherwise) for each in concept.get("coding", ()))]
    return next((each.strip() for each in written if each and each.strip()), None)


def _fixed(tree: Tree, base: str) -> dict[str, str]:
    found = {name: _name(tree[name], base, default) for name, default in _FIXED.items() if name in tree}
    return found | ({"code": _code(tree["code"])} if "code" in tree else {})


def _name(node: Tree, base: str, default_type: str) -> str:
    """`Type/id` for a resource of ours. Anything else stays as it was sent, and so differs from what is fixed."""
    reference = reference_of(node, base, default_type)
    if reference is None or reference.base is not None or reference.id is None:
        return str(node.get("reference", ""))
    return f"{reference.type}/{reference.id}"


def _code(concept: Tree) -> str:
    codings = sorted(concept.get("coding", ()), key=lambda each: each.get("system") != FULFIL.system)
    return next((each["code"] for each in codings if "code" in each), "")
