"""What a person wrote in a resource that was read strictly: every string in it that is no code and names nothing.

There is no list of the elements that may hold words, for then a volunteer who writes elsewhere is heard by nobody.
"""

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from service.fhir import terms
from service.fhir.read.common import entries
from service.fhir.read.written import NO_WORDS, as_shown, concern_of, members
from service.flow.rules import Labels
from service.referrals.escalation import Concern
from service.referrals.offer import Ending
from service.shared.code import Code

Tree = dict[str, Any]

# What a client may write beside these codes without having said anything of its own.
ENDING_DISPLAYS: dict[Ending, str] = {
    Ending.PLANNED: "Ended as planned",
    Ending.EARLY: "Ended early",
    Ending.ENDED_BY_HER: "Ended by her",
    Ending.NOT_REACHED: "Not reached",
}
_DISPLAYS: Mapping[Code, str] = {
    **{Code(terms.ENDING, code.value): display for code, display in ENDING_DISPLAYS.items()},
    Code(terms.CONTACT_MODE, "phone"): "Telephone",
    terms.FULFIL: "Fulfill the focal request",
    terms.SOCIAL_SERVICE: "Social service procedure",
    terms.PEER_SUPPORT: "Referral to peer support",
    Code(terms.ACT_CODE, "VR"): "virtual",
    Code(terms.ACT_CODE, "HH"): "home health",
    Code(terms.ACT_CODE, "AMB"): "ambulatory",
}
NONE_ACCEPTED: Labels = {}
PEER_SUPPORT_TEXT = "peer support"
# Systems whose codes say in words what they mean, so that a display may only repeat its code.
_IN_WORDS = (terms.OURS, terms.HL7, terms.TERMINOLOGY)
# The display of a reference to one of these is a name. Of her and of organisations we know what they are called.
_NAMES = re.compile(r"\b(Practitioner|PractitionerRole|RelatedPerson|Location|CareTeam|Device)/")
# A program writes these, by the name of the object that they stand in (FHIR R4, Bundle and Meta).
_BY_PROGRAM = {"search": "mode", "link": "relation", "meta": "source"}
# Blanks in these are no sign that a person wrote them; an author has a name.
_NEVER = frozenset({"contentType", "data", "valueBase64Binary", "authorString"})
# A date or a time, an address, or the name of another resource.
_NO_WORD = re.compile(r"[0-9]{4}(-[0-9]{2}(-[0-9]{2}(T\S+)?)?)?|(https?://|urn:)\S+|[A-Z][A-Za-z]+/\S+")
_TAG = re.compile(r"<[^>]*>")
_MOST = 50


@dataclass(frozen=True, slots=True)
class Wording:
    """`written` is what only a person can have put there; `labels` are displays, names of a kind of thing and
    narrative, which a program writes as well. `concerns` are those that any code in it stands for."""

    written: tuple[str, ...]
    labels: tuple[str, ...]
    concerns: frozenset[Concern]
    attached: bool


def wording(tree: Any, accepted: Labels = NONE_ACCEPTED) -> Wording:
    """What is written in `tree`, but for the labels that somebody has `accepted` (mappings/labels.toml).

    Each text once, in the order written; many, or long ones, as one that is cut to what a clinician is shown.
    """
    nodes = [(name, node) for name, node in members(tree, without=frozenset()) if isinstance(node, dict)]
    found = [each for name, node in nodes for each in _texts(name, node, accepted)]
    written = dict.fromkeys(text for text, is_label in found if not is_label)
    labels = dict.fromkeys(text for text, is_label in found if is_label and text not in written)
    return Wording(
        _fitting(list(written)),
        _fitting(list(labels)),
        frozenset(concern for _, node in nodes if (concern := concern_of(node)) is not None),
        any(name.endswith("Attachment") for name, _ in nodes),
    )


def _fitting(texts: list[str]) -> tuple[str, ...]:
    return as_shown(texts if len(texts) <= _MOST else ["\n".join(texts)])


def _texts(name: str, node: Tree, accepted: Labels) -> Iterator[tuple[str, bool]]:
    """What is written in one object, which stands under `name`, and whether it is a label there."""
    for key, value in node.items():
        for text in value if isinstance(value, list) else [value]:
            said = text.strip() if isinstance(text, str) and key not in _NEVER else ""
            if not said or _NO_WORD.fullmatch(said):
                continue
            if key == "div":
                yield " ".join(html.unescape(_TAG.sub(" ", said)).split()), True
            elif _is_no_text(name, key):
                # A code or an id of several words was written by a person who found no other place.
                if len(said.split()) > 1:
                    yield said, False
            elif key == "display":
                if not _is_known(node, said, accepted):
                    yield said, True
            elif key != "text" or not _repeats(node, said, accepted):
                yield said, key == "text" and (name == "type" or _is_coded(node))


def _is_no_text(name: str, key: str) -> bool:
    identifies = key == "value" and name.lower().endswith("identifier")
    return identifies or key in NO_WORDS or _BY_PROGRAM.get(name) == key


def _is_coded(node: Tree) -> bool:
    """Whether codes say what it is. What stands beside a concern is no label, whatever else is."""
    codings = _codings(node)
    return bool(codings) and not any(map(concern_of, codings))


def _codings(node: Tree) -> list[Tree]:
    return [each for each in entries(node.get("coding", [])) if isinstance(each, dict)]


def _is_known(node: Tree, display: str, accepted: Labels) -> bool:
    """The display of a code that is understood here, or the name of a person or a place that is referred to."""
    if "reference" in node:
        return _NAMES.search(str(node["reference"])) is not None
    system, code = str(node.get("system")), str(node.get("code"))
    known = {_DISPLAYS.get(Code(system, code)), code if system.startswith(_IN_WORDS) else None} - {None}
    known |= accepted.get(Code(system, code), frozenset())
    return _plain(display) in {_plain(str(each)) for each in known}


def _repeats(node: Tree, text: str, accepted: Labels) -> bool:
    """Whether the text of a concept says no more than its codes, or than our own request."""
    codings = _codings(node)
    displays = {_plain(str(each["display"])) for each in codings if "display" in each}
    return _plain(text) in {PEER_SUPPORT_TEXT, *displays} or any(_is_known(each, text, accepted) for each in codings)


def _plain(text: str) -> str:
    return " ".join(text.replace("-", " ").split()).casefold()
