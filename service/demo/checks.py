"""What must hold of what each side sees, as pure functions: each gives the problems it found, none when all is well.

A problem names the element, never a value that should not have been seen.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from service.demo.people import CLINICIAN, OURS, Person
from service.demo.programme import Offer
from service.demo.record import Resource

SAFE_CONTACT = f"{OURS}/StructureDefinition/safe-contact"
ESCALATION = f"{OURS}/StructureDefinition/escalation"
TASK_PROFILE = "http://hl7.org/fhir/us/sdoh-clinicalcare/StructureDefinition/SDOHCC-TaskForReferralManagement"
PLACING = {"resourceType", "id", "meta", "active", "communication", "extension", "address"}
CONTACTING = PLACING | {"name", "telecom"}
STUB = {"resourceType", "id", "meta", "active"}
GIVING_AWAY = {"self-harm", "suicide", "epds", "phq-9", "depression", "score"}
ONCE_EACH = {"Patient": 1, "ServiceRequest": 1, "Task": 1, "Communication": 1, "DocumentReference": 3}
LIVES = {"ServiceRequest": ["active", "completed"], "Task": ["requested", "accepted", "completed"]}


def problems_before_acceptance(offer: Offer, person: Person) -> list[str]:
    """The programme may know where and in what language, and nothing that says who she is."""
    return [
        *_beyond(offer.patient, PLACING),
        *_seen(offer.everything, _only_when_accepted(person)),
        *_scores(offer.others),
        *wrong(TASK_PROFILE in offer.task.get("meta", {}).get("profile", ()), "Task.meta.profile is not the profile"),
        *wrong(_districts(offer.patient) == [person.district], "Patient.address.district is not hers"),
        *wrong(_safe_contact(offer.request) is None, "the safe contact is shown before acceptance"),
    ]


def problems_after_acceptance(offer: Offer, person: Person) -> list[str]:
    """The programme now has a name to say and one number to ring, with its rules, and still no record and no score."""
    names = [(name.get("family"), name.get("given")) for name in offer.patient.get("name", ())]
    numbers = [_digits(point.get("value", "")) for point in offer.patient.get("telecom", ())]
    rules = json.dumps(_safe_contact(offer.request) or {})
    return [
        *_beyond(offer.patient, CONTACTING),
        *_seen(offer.everything, _never(person)),
        *_scores(offer.others),
        *wrong(names == [(None, [person.preferred])], "Patient.name is not her preferred name alone"),
        *wrong(numbers == [_digits(person.safe_number)], "Patient.telecom is not the one safe number"),
        *wrong("voicemail" in rules, "the safe contact comes without its rules"),
    ]


def problems_of_a_tombstone(offer: Offer, person: Person) -> list[str]:
    """What stays readable of an offer that was declined: that it was, and no fact about her."""
    return [
        *wrong(offer.task.get("status") == "rejected", "Task.status is not rejected"),
        *_beyond(offer.patient, STUB),
        *_seen(offer.everything, _only_when_accepted(person) | {"district": person.district}),
        *_scores(offer.others),
    ]


def problems_of_an_alert(communications: Iterable[Resource], person: Person) -> list[str]:
    """Her household may read it over her shoulder: no name, no score, no instrument, no word of what it is about."""
    words = {word for one in communications for word in re.findall(r"[\w-]+", json.dumps(one.get("payload")).lower())}
    names = {name.lower() for name in (person.preferred, person.given, person.family)}
    return [f"Communication.payload says {word}" for word in sorted(words & (GIVING_AWAY | names))]


def problems_of_an_answer(task: Resource) -> list[str]:
    """The programme may know that a clinician has seen what it wrote, and when, and not who it was."""
    told = [one for one in task.get("extension", ()) if one.get("url") == ESCALATION]
    parts = {one["url"]: one for each in told for one in each["extension"]}
    return [
        *wrong("valueInstant" in parts.get("acknowledged", {}), "Task does not say when it was acknowledged"),
        *wrong(CLINICIAN not in json.dumps(task), "Task says who it was"),
    ]


def engagement(task: Resource) -> tuple[int, int]:
    """How many attempts and how many sessions the task in the hospital's record speaks of, 0 when of none."""
    counts = {
        coding.get("code"): output.get("valueInteger", 0)
        for output in task.get("output", ())
        for coding in output.get("type", {}).get("coding", ())
    }
    return counts.get("contact-attempts", 0), counts.get("sessions-attended", 0)


def verdicts(placements: Resource) -> list[dict[str, str]]:
    """For each time that she was placed, oldest first, the verdict on each programme by its name."""
    return [
        {
            _part(programme, "service")["valueReference"]["display"]: _part(programme, "verdict")["valueCode"]
            for programme in placement["part"]
            if programme["name"] == "programme"
        }
        for placement in placements["parameter"]
    ]


def problems_of_the_loop(histories: Mapping[str, Sequence[Sequence[Resource]]]) -> list[str]:
    """What the hospital's record must hold at the end: by type, each resource's versions, oldest first."""
    counts = {kind: len(histories.get(kind, ())) for kind in ONCE_EACH}
    lives = {kind: [_statuses(versions) for versions in histories.get(kind, ())] for kind in LIVES}
    return [
        *(f"{counts[kind]} {kind} instead of {wanted}" for kind, wanted in ONCE_EACH.items() if counts[kind] != wanted),
        *(f"{kind} was {' -> '.join(life)}" for kind in LIVES for life in lives[kind] if life != LIVES[kind]),
    ]


def _part(parameter: Resource, name: str) -> Resource:
    found: Resource = next(part for part in parameter["part"] if part["name"] == name)
    return found


def _statuses(versions: Sequence[Resource]) -> list[str]:
    """The statuses in order without repetition; work that begins with the first contact is a step of its own or not."""
    statuses = [version.get("status", "") for version in versions]
    return [status for status, _ in groupby(statuses) if status != "in-progress"]


def _never(person: Person) -> dict[str, str]:
    """What no programme sees at any time."""
    return {
        "family name": person.family,
        "official given name": person.given,
        "birth date": person.birth_date.isoformat(),
        "hospital number": person.hospital_number,
        "home telephone": person.home_number,
        "street": person.street,
        "postcode": person.postcode,
        "due date": person.due_date.isoformat(),
    }


def _only_when_accepted(person: Person) -> dict[str, str]:
    """What a programme that has not accepted, or has declined, does not see either."""
    safe = {"preferred name": person.preferred, "safe telephone": person.safe_number, "code word": person.code_word}
    return _never(person) | safe


def _seen(resources: Iterable[Resource], hidden: dict[str, str]) -> list[str]:
    texts = {resource.get("resourceType", "?"): json.dumps(resource) for resource in resources}
    compact = {kind: _digits(text) for kind, text in texts.items()}
    return [
        f"{kind} shows her {what}"
        for kind, text in texts.items()
        for what, value in hidden.items()
        if value.casefold() in text.casefold() or ("telephone" in what and _subscriber(value) in compact[kind])
    ]


def _scores(resources: Iterable[Resource]) -> list[str]:
    observations = [one for one in resources if one.get("resourceType") == "Observation"]
    elements = {name for one in observations for name in one}
    valued = {name for name in elements if name.startswith("value")} | elements & {"component", "interpretation"}
    return [f"Observation.{name} is shown" for name in sorted(valued)]


def _beyond(patient: Resource, allowed: set[str]) -> list[str]:
    parts = {name for address in patient.get("address", ()) for name in address}
    return [f"Patient.{name} is shown" for name in sorted(patient.keys() - allowed)] + [
        f"Patient.address.{name} is shown" for name in sorted(parts - {"district"})
    ]


def _districts(patient: Resource) -> list[str]:
    return [address.get("district", "") for address in patient.get("address", ())]


def _safe_contact(request: Resource) -> Resource | None:
    return next((one for one in request.get("extension", ()) if one.get("url") == SAFE_CONTACT), None)


def wrong(holds: bool, problem: str) -> list[str]:
    """The problem, unless it holds."""
    return [] if holds else [problem]


def _digits(text: str) -> str:
    return "".join(character for character in text if character.isdigit())


def _subscriber(number: str) -> str:
    """The part of a telephone number that every way of writing it has in common."""
    return _digits(number)[-9:]
