"""Patient -> ReceivedPatient: the few facts that placing her needs, out of all that her record says."""

from collections.abc import Sequence
from datetime import datetime

from service.fhir.outcome import BadInput, Finding
from service.fhir.read.common import extension_values
from service.fhir.read.support_needs import read_support_needs
from service.fhir.read.times import is_ahead, whole_day
from service.fhir.survey import Tree
from service.fhir.terms import INTERPRETER_REQUIRED, LANGUAGE
from service.flow.answer import Reason
from service.flow.received import Received
from service.flow.register_patient import ReceivedPatient
from service.referrals.patient import PatientFacts, birth_date
from service.shared.language import language_tag

INTERPRETER_NEEDED = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-interpreter-needed"
YES = "373066001"  # SNOMED CT, in US Core's value set for interpreter needed

# Name.use and Address.use, None where it is not said. Where she lived or is billed is not where a programme looks.
_NAMES = ("usual", "official", None, "nickname", "temp", "anonymous", "maiden", "old")
_ADDRESSES = ("home", None, "temp", "work")


def read_patient(tree: Tree, received: Received, *, updates: bool, now: datetime) -> ReceivedPatient:
    """`updates` is True for PUT. What it does not say is None or False, and so is a birth date that nobody can have.

    Raises BadInput for a birth or a death that is still to come, and for needs that nobody knows.
    """
    _refuse_the_future(tree, now)
    # An update that is addressed to an id of ours says no other id than that.
    own_id = tree.get("id") if received.target_id is None else None
    return ReceivedPatient(received, _facts(tree, now), updates, own_id, read_support_needs(tree))


def _refuse_the_future(tree: Tree, now: datetime) -> None:
    told = {name: tree[name] for name in ("birthDate", "deceasedDateTime") if tree.get(name)}
    ahead = [name for name, written in told.items() if is_ahead(written, now)]
    if ahead:
        raise BadInput.of(*(Finding(Reason.IN_THE_FUTURE, f"Patient.{name}") for name in ahead))


def _facts(tree: Tree, now: datetime) -> PatientFacts:
    return PatientFacts(
        preferred_name=next((each for each in map(_given, _by_use(tree.get("name", ()), _NAMES)) if each), None),
        birth_date=birth_date(whole_day(tree.get("birthDate", "")), now.date()),
        district=next((each for each in map(_district, _by_use(tree.get("address", ()), _ADDRESSES)) if each), None),
        language=_language(tree.get("communication", ())),
        interpreter=_interpreter(tree),
        deceased=tree.get("deceasedBoolean") is True or "deceasedDateTime" in tree,
        gender=tree["gender"] if tree.get("gender") != "unknown" and "gender" in tree else None,
    )


def _by_use(nodes: Sequence[Tree], uses: Sequence[str | None]) -> list[Tree]:
    wanted = [each for each in nodes if each.get("use") in uses]
    return sorted(wanted, key=lambda each: uses.index(each.get("use")))


def _given(name: Tree) -> str | None:
    """The first given name. A null stands for one that has only extensions."""
    return next((each.strip() for each in name.get("given", ()) if each and each.strip()), None)


def _district(address: Tree) -> str | None:
    district: str = address.get("district", "")
    return district.strip() or None


def _language(communications: Sequence[Tree]) -> str | None:
    """The preferred one, else the only one: of several without a preference none is known to suit her."""
    preferred = [each for each in communications if each.get("preferred") is True]
    chosen = (preferred or communications)[:1] if preferred or len(communications) == 1 else ()
    return next((_tag(each["language"]) for each in chosen), None)


def _tag(concept: Tree) -> str | None:
    """The BCP 47 tag. Another system's code is taken when it reads as one: many send en without saying of what."""
    codings = sorted(concept.get("coding", ()), key=lambda each: each.get("system") != LANGUAGE)
    tags = (language_tag(str(each.get("code", ""))) for each in codings)
    return next((each for each in tags if each), None)


def _interpreter(tree: Tree) -> bool:
    needed = [each.get("code") for each in extension_values(tree, INTERPRETER_NEEDED) if isinstance(each, dict)]
    return True in extension_values(tree, INTERPRETER_REQUIRED) or YES in needed
