"""QuestionnaireResponse -> ReceivedResult: an administration as the form that was filled in.

R4 puts no code beside an answer, only the linkId of its question. It is understood when it is a code itself, written
as `system|code` or as the last part of a path (`/44250-9`), as LOINC's own forms have it, or when a site's file says
what it stands for.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from service.fhir.read.common import (
    extension_values,
    read_reference,
    reference_of,
    refuse_misnumbered,
    refuse_misplaced,
    refuse_test_data,
    unclear,
)
from service.fhir.read.observation import source_of
from service.fhir.read.times import begins
from service.fhir.survey import Tree
from service.fhir.terms import ITEM_WEIGHT, ORDINAL_VALUE
from service.flow.received import Received
from service.flow.received_result import Administered, ReceivedResult
from service.flow.rules import Rules
from service.screening.instrument import CodeUse, Role
from service.screening.result import DECIDING, SELF, Piece, Reading, Status, of_its_own, reading, whole_score
from service.shared.code import LOINC, Code

# A form that is being filled in, or was given up, says nothing yet; the rest means what it means of an Observation.
_STATUS: Mapping[str, Status] = {
    "in-progress": Status.PRELIMINARY,
    "completed": Status.FINAL,
    "amended": Status.AMENDED,
    "entered-in-error": Status.ENTERED_IN_ERROR,
    "stopped": Status.UNKNOWN,
}
_CORRECTS = frozenset({Status.AMENDED, Status.ENTERED_IN_ERROR})

_Questions = Mapping[str, CodeUse]


class Question(NamedTuple):
    """An item of the form that belongs to an instrument."""

    item: Tree
    use: CodeUse


def read_response(
    tree: Tree, received: Received, *, rules: Rules, questions: Mapping[str, _Questions], base: str, now: datetime
) -> ReceivedResult:
    """`questions` are the site's forms, by canonical URL and linkId; `base` is this server's, without /fhir.

    Without `authored` it is an administration of its own, at `now`. Raises BadInput for test data, for a subject that
    is missing or cannot be understood, and for a form in which no known instrument can be found.
    """
    refuse_test_data(tree)
    subject = read_reference(tree.get("subject"), "QuestionnaireResponse.subject", base, "Patient")
    status, form = _STATUS[tree["status"]], _form(tree, questions)
    stated = _stated(tree, form, rules)
    if not stated and status in DECIDING:
        raise unclear(
            "QuestionnaireResponse.item",
            "No instrument that is known here is recognised in this form. An item is recognised when its linkId is the "
            "item's LOINC code, or when the site's mapping says which item it is.",
            "not-supported",
        )
    source = _source(received, tree)
    effective, respondent = tree.get("authored"), _respondent(tree, base)
    return ReceivedResult(
        received=received,
        subject=subject,
        administered=tuple(
            Administered(
                instrument_id,
                respondent if effective else of_its_own(respondent, source),
                begins(effective) if effective else now,
                Piece(source, status, tuple(readings), names=frozenset(_own_name(tree))),
            )
            for instrument_id, readings in sorted(stated.items())
        ),
        corrects=status in _CORRECTS,
    )


def use_of(link_id: str, questions: _Questions, rules: Rules) -> CodeUse | None:
    """What a question stands for: as the site says of this form, else by the code that its linkId is."""
    return questions.get(link_id) or rules.use(_code_of(link_id))


def _code_of(link_id: str) -> Code:
    system, bar, code = link_id.rpartition("|")
    return Code(system, code) if bar else Code(LOINC, link_id.rpartition("/")[2])


def _questions_of(tree: Tree, questions: _Questions, rules: Rules) -> Iterator[Question]:
    """Every item that belongs to a known instrument, in whatever group or under whatever answer it stands."""
    for item in _items(tree):
        link_id = item["linkId"]
        if link_id not in questions:
            refuse_misnumbered(_code_of(link_id), rules, "QuestionnaireResponse.item.linkId")
        use = use_of(link_id, questions, rules)
        if use is None and "|" in link_id:
            refuse_misplaced([_code_of(link_id).code], rules, "QuestionnaireResponse.item.linkId")
        if use is not None:
            yield Question(item, use)


def _items(node: Tree) -> Iterator[Tree]:
    for item in node.get("item", ()):
        yield item
        yield from _items(item)
        for answer in item.get("answer", ()):
            yield from _items(answer)


def _form(tree: Tree, questions: Mapping[str, _Questions]) -> _Questions:
    """What the site says of this form; a canonical URL may end in the form's version."""
    return questions.get(tree.get("questionnaire", "").partition("|")[0], {})


def _stated(tree: Tree, form: _Questions, rules: Rules) -> dict[str, list[Reading]]:
    """Instrument -> what the form states of it. A form that the site has named, and nothing is found in, is
    unreadable."""
    stated: dict[str, list[Reading]] = defaultdict(list)
    for question in _questions_of(tree, form, rules):
        stated[question.use.instrument_id] += _readings(question, rules)
    if stated or "questionnaire" not in tree:
        return stated
    return {use.instrument_id: [Reading(Role.TOTAL, None, None, "item")] for use in form.values()}


def _readings(question: Question, rules: Rules) -> list[Reading]:
    """What each answer states. A question answered twice, or by two scores, is for a clinician to look at."""
    item, use = question
    readings = []
    for answer in item.get("answer", ()):
        name = next((each for each in answer if each.startswith("value")), None)
        if name is not None:
            scores = sorted(_scores(answer, use, rules))
            readings += [reading(use, score) for score in scores] or [reading(use, None, f"item.answer.{name}")]
    return readings or [Reading(use.role, use.item, None)]


def _scores(answer: Tree, use: CodeUse, rules: Rules) -> set[int]:
    """The whole numbers that one answer states; none when it cannot be read: text, a code that nobody knows."""
    for name, value in answer.items():
        if name in ("valueInteger", "valueDecimal", "valueString"):
            number = whole_score(value)
            return set() if number is None else {number}
        if name == "valueCoding":
            return _coded(value, answer, use, rules)
    return set()


def _coded(coding: Tree, answer: Tree, use: CodeUse, rules: Rules) -> set[int]:
    """By the answer's code, which some send without its system, and by the ordinal that the form gives it."""
    answers = next((each.answers for each in rules.instruments[use.instrument_id].items if each.number == use.item), {})
    system = coding.get("system")
    scores = {
        score for code, score in answers.items() if code.code == coding.get("code") and system in (None, code.system)
    }
    weights = [
        each
        for node in (coding, answer)
        for url in (ORDINAL_VALUE, ITEM_WEIGHT)
        for each in extension_values(node, url)
    ]
    ordinals = [whole_score(each) for each in weights if isinstance(each, int | float)]
    return set() if None in ordinals else scores | {each for each in ordinals if each is not None}


def _respondent(tree: Tree, base: str) -> str:
    """Who answered: she herself, unless a related person is named as the source."""
    named = reference_of(tree["source"], base, "") if "source" in tree else None
    return source_of(named) if named is not None and named.type == "RelatedPerson" else SELF


def _source(received: Received, tree: Tree) -> str:
    """What the sender calls it: its identifier, else its id there, else that it is the form."""
    if received.identifiers:
        first = received.identifiers[0]
        return f"{first.system}|{first.value}"
    return next(iter(_own_name(tree)), "form")


def _own_name(tree: Tree) -> list[str]:
    return [f"{tree['resourceType']}/{tree['id']}"] if "id" in tree else []
