"""Task, as a programme puts it back -> ReceivedUpdate."""

import re
from collections.abc import Collection, Iterator

from service.fhir.lengths import shown
from service.fhir.read.common import reference_of, unclear
from service.fhir.read.wording import Wording, wording
from service.fhir.read.written import called, naming_in
from service.fhir.survey import Tree
from service.fhir.terms import ENDING, FULFIL
from service.fhir.write.record import TASK_STATUS
from service.flow.keep_reports import BUSINESS_STATUS, LABELS, STATUS_REASON, WORDS, Reported
from service.flow.received import NOBODY, Received
from service.flow.received_update import Named, NamedActivity, Part, ReceivedUpdate
from service.flow.rules import Labels
from service.referrals.contact import CONTACT_TYPES
from service.referrals.escalation import Said
from service.referrals.offer import Ending, as_programmes_see
from service.screening.instrument import Priority

_PARTS = {
    "for": (Part.WOMAN, "Patient"),
    "focus": (Part.REFERRAL, "ServiceRequest"),
    "owner": (Part.PROGRAMME, "Organization"),
    "requester": (Part.HOSPITAL, "Organization"),
}
_OFFER_STATES = {status: as_programmes_see(state) for state, status in TASK_STATUS.items()}
# The elements of which each entry, or each text, is a report of its own.
_REPORTED = frozenset({"note", "output", STATUS_REASON, BUSINESS_STATUS})
_NO_ID = re.compile(r"(.*/)?|[A-Za-z]*")


def read_task(tree: Tree, received: Received, *, base: str, ours: Collection[str], labels: Labels) -> ReceivedUpdate:
    """`received.target_id` is the Task's id in the address, `base` this server's without /fhir. `ours` is what the
    service itself writes beside a status, and `labels` what a program writes beside a code: a programme that sends the
    whole Task back has not said it.

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
        state=_OFFER_STATES.get(tree["status"]),
        status_reason=_words(tree.get("statusReason"), "display"),
        business_status=_words(tree.get("businessStatus"), "code"),
        named=tuple(_named(tree, base)),
        reports=(
            *(_note(each, base) for each in tree.get("note", ())),
            *(_output(each, base, labels) for each in tree.get("output", ())),
            *_beside_the_status(tree, STATUS_REASON, base, ours, labels),
            *_beside_the_status(tree, BUSINESS_STATUS, base, ours, labels),
            *_elsewhere(tree, base, labels),
        ),
        ending=_ending(tree),
        activities=tuple(_activities(tree, base)),
        naming=naming_in(_unreported(tree), base),
    )


def _activities(tree: Tree, base: str) -> Iterator[NamedActivity]:
    """The contacts here that its outputs refer to; what another server keeps is its own to know."""
    for place, output in enumerate(tree.get("output", ())):
        for kind in CONTACT_TYPES:
            id = _our_id(output.get("valueReference", {}), base, kind)
            if id is not None:
                yield NamedActivity(kind, id, f"Task.output[{place}].valueReference")


def _version(written: str) -> int | None:
    """The offer's version; what follows it says which view was served."""
    number = re.match(r"[0-9]{1,15}(?![0-9])", written)
    return int(number[0]) if number else None


def _words(concept: Tree | None, otherwise: str) -> str | None:
    concept = concept or {}
    written = [concept.get("text"), *(each.get(otherwise) for each in concept.get("coding", ()))]
    return next((shown(each.strip()) for each in written if each and each.strip()), None)


def _note(note: Tree, base: str) -> Reported:
    content = note | {"text": shown(note["text"])} if "text" in note else note
    return _entry("note", content, _said(wording(note)), base)


def _entry(element: str, content: Tree, said: Said | None, base: str) -> Reported:
    return Reported(element, content, said, NOBODY if said is None else naming_in(content, base))


def _said(found: Wording, urgency: Priority | None = None) -> Said | None:
    """Labels are apart: the same ones come with every entry, and are told once."""
    if not (found.written or found.concerns or found.attached):
        return None
    return Said(found.written, found.concerns, urgency, found.attached)


def _output(output: Tree, base: str, labels: Labels) -> Reported:
    """A concern by a code of ours in type or value, with how urgent it is as a code; or words, whatever their type."""
    codes = [output.get("valueCode"), *(each.get("code") for each in _codings(output.get("valueCodeableConcept")))]
    urgency = next((urgency for each in codes if (urgency := called(each)) is not None), None)
    return _entry("output", output, _said(wording(output, labels), urgency), base)


def _beside_the_status(
    tree: Tree, element: str, base: str, ours: Collection[str], labels: Labels
) -> Iterator[Reported]:
    """Each of its words, and each concern that it codes. Any other code says nothing to a clinician, nor does the
    display that belongs to it. A Task that calls itself urgent calls them so; what else they are, the step knows."""
    found, naming = wording(tree.get(element, {}), labels), naming_in(tree.get(element, {}), base)
    urgent = Priority.URGENT if called(tree.get("priority")) is Priority.URGENT else None
    for text in (*found.written, *found.labels):
        if text not in ours:
            yield Reported(element, {"text": text}, Said((text,), called=urgent), naming)
    # By a code: two of them may stand for the same concern.
    for concern in sorted(found.concerns):
        yield Reported(element, {"concern": concern.value}, Said((), frozenset({concern}), urgent), naming)


def _elsewhere(tree: Tree, base: str, labels: Labels) -> Iterator[Reported]:
    """What is written in any other element, and the labels in all: nobody else would read it."""
    found = wording(_unreported(tree), labels)
    for element, texts in ((WORDS, found.written), (LABELS, found.labels)):
        for text in texts:
            yield Reported(element, {"text": text}, Said((text,)))
    entries = [each for each in (*tree.get("note", ()), *tree.get("output", ())) if wording(each, labels).labels]
    naming = naming_in(entries, base)
    for text in wording(entries, labels).labels:
        if text not in found.labels:
            yield Reported(LABELS, {"text": text}, Said((text,)), naming)
    for concern in sorted(found.concerns):
        yield Reported(WORDS, {"concern": concern.value}, Said((), frozenset({concern})))
    if found.attached:
        yield Reported(WORDS, {"attached": True}, Said(attached=True))


def _unreported(tree: Tree) -> Tree:
    return {name: value for name, value in tree.items() if name not in _REPORTED}


def _ending(tree: Tree) -> Ending | None:
    """Our code for it, wherever a client can put one; of several outputs the last counts."""
    concepts = [*(each.get("valueCodeableConcept") for each in tree.get("output", ())), tree.get("businessStatus")]
    codings = [each for concept in (*concepts, tree.get("statusReason")) for each in _codings(concept)]
    codes = [each.get("code") for each in codings if each.get("system") == ENDING]
    return next((Ending(code) for code in reversed(codes) if code in set(Ending)), None)


def _codings(concept: Tree | None) -> list[Tree]:
    return list((concept or {}).get("coding", ()))


def _named(tree: Tree, base: str) -> Iterator[Named]:
    for element, (part, kind) in _PARTS.items():
        if element in tree:
            yield Named(part, _our_id(tree[element], base, kind), element)
    if "code" in tree and _code(tree["code"]) != FULFIL.code:
        yield Named(Part.REFERRAL, None, "code")


def _our_id(node: Tree, base: str, kind: str) -> str | None:
    reference = reference_of(node, base, kind)
    return reference.id if reference and reference.base is None and reference.type == kind else None


def _code(concept: Tree) -> str:
    codings = sorted(concept.get("coding", ()), key=lambda each: each.get("system") != FULFIL.system)
    return next((each["code"] for each in codings if "code" in each), "")
