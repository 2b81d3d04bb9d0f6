"""What a person wrote, found in a resource of any form: read where nothing may be too wrong to be heard (DESIGN 9)."""

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from service.fhir.lengths import NAME, shown
from service.fhir.read.common import entries, reference_of
from service.fhir.terms import CONCERN, OFFER_ID, REQUEST_ID
from service.flow.received import Reference
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
_DISPLAY = re.compile(r"\bReferral\s+([0-9A-F]{4})\b", re.IGNORECASE | re.ASCII)
_OUR_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")
NAMES_AN_OFFER = ("Task", "Patient", "ServiceRequest", "Consent", "Observation", "Communication")
_BY_IDENTIFIER = {OFFER_ID: "Task", REQUEST_ID: "ServiceRequest"}
_CALLED = {"routine": Priority.ROUTINE, "urgent": Priority.URGENT, "asap": Priority.URGENT, "stat": Priority.URGENT}
_CONCERNS = {each.value: each for each in Concern}
MOST_NAMED = 40


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


def named_in(tree: Any, base: str) -> tuple[Reference, ...]:
    """Every resource that it names by which an offer can be told, however it names it. `base` is this server's."""
    found = dict.fromkeys(_named(tree, base))
    return tuple(found)[:MOST_NAMED]


def displays_in(tree: Any) -> frozenset[str]:
    """What it calls a referral as we display it (`display_of`), where it names something or anywhere in its words."""
    nodes = [node for _, node in members(tree) if isinstance(node, dict)]
    named = [node.get("display") for node in nodes]
    named += [each.get("value") for node in nodes for each in entries(node.get("identifier")) if isinstance(each, dict)]
    written = [text for name, text in members(tree) if isinstance(text, str) and _is_words(name, text)]
    found = (each for text in [*named, *written] if isinstance(text, str) for each in _DISPLAY.findall(text))
    return frozenset(display_of(each) for each in islice(found, MOST_NAMED))


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


def _named(tree: Any, base: str) -> Iterator[Reference]:
    for _, node in members(tree):
        if isinstance(node, str):
            reference = reference_of({"reference": node}, base, "") if "/" in node else None
            if reference is not None and reference.type in NAMES_AN_OFFER:
                yield reference
        elif isinstance(node, dict):
            for each in entries(node.get("identifier")):
                type = _BY_IDENTIFIER.get(str(each.get("system"))) if isinstance(each, dict) else None
                value = str(each.get("value")) if isinstance(each, dict) else ""
                if type is not None and _OUR_ID.fullmatch(value):
                    yield Reference(type, value)
