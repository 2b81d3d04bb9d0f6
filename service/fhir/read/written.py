"""What a person wrote, found in a resource of any form: read where nothing may be too wrong to be heard (DESIGN 9)."""

import html
import re
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from service.fhir.lengths import NAME, shown
from service.fhir.read.common import reference_of
from service.fhir.terms import CONCERN
from service.flow.received import Naming
from service.referrals.escalation import Concern, Said
from service.referrals.offer import display_of
from service.screening.instrument import Priority

# What is no text of a person's, by the name of its element. Whatever has another name may be one.
NO_WORDS = frozenset(
    {
        "resourceType", "id", "reference", "system", "code", "url", "uri", "status", "type", "use", "priority",
        "intent", "language", "implicitRules", "contentType", "data", "hash", "size", "creation", "version",
        "versionId", "lastUpdated", "profile", "sent", "received", "time", "start", "end", "authoredOn",
        "instantiatesCanonical", "instantiatesUri", "comparator", "rank", "fullUrl", "performedDateTime",
        "method", "ifNoneMatch", "ifModifiedSince", "ifMatch", "ifNoneExist",
        "onsetDateTime", "birthDate", "unit", "valueCode", "valueUri", "valueUrl", "valueCanonical", "valueId",
        "valueOid", "valueUuid", "valueInstant", "valueDateTime", "valueDate", "valueTime",
    }
)  # fmt: skip
_NOT_WITHIN = frozenset({"meta", "identifier", "implicitRules"})
_NARRATIVE = "div"
_TAG = re.compile(r"<[^>]*>")
# As people write it, with a dash, a colon or "no." too: Referral DE41, Ref. no. DE41, Referrals DE41, 1FFB and 1ED4.
_DISPLAYS = re.compile(
    r"\b(?:Referrals?[\W_]{0,5}|Refs?[\W_]{1,5})(?:(?:numbers?|nos?|nr)[\W_]{0,5})?"
    r"([0-9A-F]{4}\b(?:[\W_]{1,5}(?:(?:and|or)[\W_]{1,5})?[0-9A-F]{4}\b)*)",
    re.IGNORECASE | re.ASCII,
)
_DISPLAYED = re.compile(r"\b[0-9A-F]{4}\b", re.IGNORECASE | re.ASCII)
_APART = "\n" * 8
_ANY_ID = re.compile(r"(?<![\w-])[0-9a-fA-F]{8}(?:-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}(?![\w-])")
_NAMES_AN_OFFER = frozenset(
    {"Task", "Patient", "ServiceRequest", "Consent", "Observation", "Communication", "Encounter", "Procedure"}
)
_CALLED = {"routine": Priority.ROUTINE, "urgent": Priority.URGENT, "asap": Priority.URGENT, "stat": Priority.URGENT}
_CONCERNS = {each.value: each for each in Concern}


def said_in(tree: Any) -> Said:
    """Everything written anywhere in it, the concerns that it codes, and how urgent it calls itself.

    `attached` when it also holds what is no text. What a clinician is shown is cut to what can be read (`shown`).
    """
    texts = [text for name, text in members(tree) if isinstance(text, str) and _is_words(name, text)]
    if not texts:
        texts = [_TAG.sub(" ", text) for name, text in members(tree) if name == _NARRATIVE and isinstance(text, str)]
    objects = [node for _, node in members(tree) if isinstance(node, dict)]
    return Said(
        texts=as_shown(texts),
        concerns=frozenset(concern for node in objects if (concern := concern_of(node)) is not None),
        called=called(tree.get("priority")) if isinstance(tree, dict) else None,
        attached=any("contentAttachment" in node for node in objects),
    )


def as_shown(texts: list[str]) -> tuple[str, ...]:
    """Each once and without blanks around it, all of them together no longer than a clinician is shown."""
    said = dict.fromkeys(clean(each).strip() for each in texts)
    said.pop("", None)
    whole = "\n".join(said)
    return tuple(said) if shown(whole) == whole else (shown(whole),)


def clean(text: str) -> str:
    """The text as any record can take it: half of a surrogate pair, NUL and the like become a mark."""
    sound = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return "".join(each if each >= " " or each in "\t\r\n" else "\ufffd" for each in sound)


def is_name(text: object) -> bool:
    """Whether any record can take it as the system or the value of an identifier."""
    return isinstance(text, str) and 0 < len(text) <= NAME and clean(text) == text


def concern_of(coding: Mapping[str, Any]) -> Concern | None:
    """The concern that a Coding of our system stands for: a code of it that we do not know is still one."""
    if coding.get("system") != CONCERN:
        return None
    code = coding.get("code")
    return _CONCERNS.get(code, Concern.OTHER) if isinstance(code, str) else Concern.OTHER


def called(word: object) -> Priority | None:
    """What a code of request-priority says of how urgent it is; None for any other."""
    return _CALLED.get(word) if isinstance(word, str) else None


def naming_in(tree: Any, base: str) -> Naming:
    """Whom it may name, wherever that stands in it: by a reference to what an offer can be told by, an id, or what we
    display. `base` is this server's: what is kept under another's address is none of ours."""
    ids: set[str] = set()
    words: list[str] = []
    for name, node in members(tree, without=frozenset()):
        if isinstance(node, str):
            reference = reference_of({"reference": node}, base, "") if "/" in node else None
            if reference is None:
                words.append(html.unescape(_TAG.sub(" ", node)) if name == _NARRATIVE else node)
            elif reference.type in _NAMES_AN_OFFER and reference.base is None and reference.id is not None:
                ids.add(reference.id)
    return Naming(frozenset(ids)) | naming_of(_APART.join(words))


def naming_of(text: str) -> Naming:
    """Whom a text may name: every id in it may be that of an offer, or a handle."""
    return Naming(
        frozenset(str(UUID(each)) for each in _ANY_ID.findall(text)),
        frozenset(display_of(each) for several in _DISPLAYS.findall(text) for each in _DISPLAYED.findall(several)),
    )


def members(tree: Any, *, without: frozenset[str] = _NOT_WITHIN) -> Iterator[tuple[str, Any]]:
    """Every member of every object in it with its name, in the order written; an entry of an array has the array's.

    Without recursion, for nothing was checked yet. What stands under a name in `without` is left out.
    """
    waiting: list[tuple[str, Any]] = [("text", tree)]
    while waiting:
        name, node = waiting.pop()
        yield name, node
        if isinstance(node, dict):
            inner = [(key, value) for key, value in node.items() if key not in without]
        elif isinstance(node, list):
            inner = [(name, each) for each in node]
        else:
            continue
        waiting.extend(reversed(inner))


def _is_words(name: str, text: str) -> bool:
    return name not in NO_WORDS and name != _NARRATIVE and bool(text.strip())
