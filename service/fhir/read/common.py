"""What every reader needs: identifiers, references, codes and the values of extensions."""

import re
from collections.abc import Iterable
from typing import Any

from service.fhir.outcome import BadInput, Issue
from service.fhir.survey import Tree
from service.flow.received import Identifier, Received, Reference, identifier_of
from service.flow.rules import Rules
from service.shared.code import Code

_LITERAL = re.compile(
    r"(?:(?P<base>https?://[^?#]+)/)?(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9.-]{1,64})(?:/_history/[^/]+)?"
)


def unclear(expression: str, text: str, code: str = "business-rule") -> BadInput:
    """A 422 about one element. `code` is of the IssueType value set; `text` never repeats what was received."""
    return BadInput(422, (Issue(code, text, expression),))


def received(
    tree: Tree,
    body: bytes,
    *,
    condition: Identifier | None = None,
    target_id: str | None = None,
    expected_version: int | None = None,
    request: str | None = None,
) -> Received:
    """The message as every reader takes it. An identifier counts only with both its system and its value."""
    # A QuestionnaireResponse has one identifier, and a Bundle; every other resource here has a list of them.
    found = (_identifier(each) for each in entries(tree.get("identifier", [])))
    return Received(
        type=tree["resourceType"],
        content=body,
        identifiers=tuple(each for each in found if each is not None),
        condition=condition,
        target_id=target_id,
        expected_version=expected_version,
        request=request,
    )


def reference_of(node: Tree, base: str, default_type: str) -> Reference | None:
    """How `node`, a FHIR Reference, names a resource; None when only its own message could tell (#id, urn:uuid).

    `base` is this server's, without /fhir: a URL below it is a reference to our own id. `default_type` is what a
    logical identifier names that does not say so itself.
    """
    literal = node.get("reference")
    identifier = _identifier(node.get("identifier", {}))
    if literal is None:
        return Reference(node.get("type", default_type), identifier=identifier) if identifier else None
    match = _LITERAL.fullmatch(literal)
    if match is None:
        return None
    elsewhere = None if match["base"] in (None, f"{base.rstrip('/')}/fhir") else match["base"]
    return Reference(match["type"], match["id"], elsewhere, identifier)


def party(node: Tree, base: str, default_type: str = "Organization") -> Reference | None:
    """An organisation or person as comparable with another naming of it: by its id when it has one."""
    found = reference_of(node, base, default_type)
    return found._replace(identifier=None) if found and found.id else found


def read_reference(node: Tree | None, expression: str, base: str, default_type: str) -> Reference:
    """The same, for a reference that must be there and be understood. Raises BadInput."""
    if node is None:
        raise unclear(expression, "This element is needed here.", "required")
    found = reference_of(node, base, default_type)
    if found is None:
        raise unclear(
            expression,
            f"Refer to it as {default_type}/id, as an absolute URL that ends so, or by an identifier with system and "
            "value. A reference into the same message (# or urn:uuid) is not taken here.",
            "value",
        )
    return found


def codes(concept: Tree | None) -> list[Code]:
    """The codings of a CodeableConcept that have a system and a code; any other coding matches nothing."""
    return [
        Code(system, code)
        for each in (concept or {}).get("coding", ())
        if (system := each.get("system")) and (code := each.get("code"))
    ]


def written(concept: Tree | None) -> list[str]:
    """The codes of a CodeableConcept, of whatever system they are said to be."""
    return [each["code"] for each in (concept or {}).get("coding", ()) if "code" in each]


def entries(node: Any) -> list[Any]:
    """The entries of an array; what is none stands for an array of itself."""
    return node if isinstance(node, list) else [node]


def listed(wanted: Iterable[Code]) -> str:
    return ", ".join(map(str, sorted(wanted)))


def extension_values(node: Tree, url: str) -> list[Any]:
    """The value of each extension of `node` with that url, None for one that has extensions instead of a value."""
    return [
        next((value for name, value in each.items() if name.startswith("value")), None)
        for each in node.get("extension", ())
        if each.get("url") == url
    ]


def refuse_misnumbered(code: Code, rules: Rules, expression: str) -> None:
    """An item that no instrument has, in a code system of ours that numbers its items: nobody could mean another thing
    by it, so an answer would be lost. Raises BadInput."""
    if code.system in rules.own_systems and code not in rules.by_code:
        known = sorted(
            (each.item or 0, known.code) for known, each in rules.by_code.items() if known.system == code.system
        )
        numbers = ", ".join(number for _, number in known)
        raise unclear(expression, f"This instrument has no such item. Its items are: {numbers}.", "code-invalid")


def refuse_misplaced(codes: Iterable[str], rules: Rules, expression: str) -> None:
    """A code of an instrument that everybody knows, without its code system or under another: an answer would be lost.
    Raises BadInput."""
    for each in codes:
        if rules.use_elsewhere(each) is not None:
            own = next(code.system for code in rules.by_code if code.code == each)
            raise unclear(expression, f"This code is known here in its own code system alone: {own}.", "code-invalid")


_TEST_DATA = "HTEST"


def is_test_data(tree: Tree) -> bool:
    """Whether it is marked as that (v3-ActReason), whatever else is wrong with its form."""
    if "meta" not in tree:
        return False
    meta = [each for each in entries(tree["meta"]) if isinstance(each, dict)]
    marks = (mark for each in meta for name in ("tag", "security") for mark in entries(each.get(name)))
    return any(isinstance(each, dict) and each.get("code") == _TEST_DATA for each in marks)


def refuse_test_data(tree: Tree) -> None:
    """A result that is marked as test data must not reach anybody's care. Raises BadInput."""
    if is_test_data(tree):
        raise unclear(
            f"{tree['resourceType']}.meta",
            "This is marked as test data (HTEST), which this server does not take. Send it to a test server.",
        )


def _identifier(node: Tree) -> Identifier | None:
    return identifier_of(node.get("system"), node.get("value"))
