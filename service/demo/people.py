"""Invented people, and what a hospital would send about them. No name, number or place here is anybody's.

Telephone numbers are of the range kept free for fiction (Ofcom, 07700 900000 to 900999), hosts end in .example
(RFC 2606), and the postcode lies in the pseudo-area ZZ.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from service.demo.record import Resource

OURS = "https://peer-referral.example/fhir"
HOSPITAL = "https://st-test.example"
HOSPITAL_NUMBER = f"{HOSPITAL}/hospital-number"
RESULT_NUMBER = f"{HOSPITAL}/result"
CONSENT_NUMBER = f"{HOSPITAL}/consent"
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
LOINC, SNOMED = "http://loinc.org", "http://snomed.info/sct"

CLINICIAN = "Testine Sampleclinician"
CLINICIAN_ROLE = "perinatal mental-health midwife"
EPDS_TOTAL = "450320001"
EPDS_ITEM = f"{OURS}/CodeSystem/epds-item"
ESTIMATED_DUE_DATE = "11778-8"


@dataclass(frozen=True, slots=True)
class Person:
    """A woman in the story. `safe_number` is the one number on which she may be rung, `home_number` never."""

    hospital_number: str
    preferred: str
    given: str
    family: str
    birth_date: date
    due_date: date
    safe_number: str
    home_number: str
    street: str
    district: str
    postcode: str
    language: str
    code_word: str

    @property
    def identifier(self) -> tuple[str, str]:
        return HOSPITAL_NUMBER, self.hospital_number


@dataclass(frozen=True, slots=True)
class Screening:
    """One administration of the EPDS: the scores of items 1 to 10 in order, and when. The wording is nobody's here."""

    number: str
    answers: tuple[int, ...]
    at: datetime

    @property
    def total(self) -> int:
        return sum(self.answers)


def tessie(today: date) -> Person:
    """The woman of story one, ten weeks before her due date."""
    return Person(
        hospital_number="TEST-000417",
        preferred="Tessie",
        given="Testina-Maria",
        family="Testperson",
        birth_date=date(1996, 2, 29),
        due_date=today + timedelta(weeks=10),
        safe_number="+44 7700 900123",
        home_number="+44 7700 900456",
        street="1 Example Terrace",
        district="Testborough",
        postcode="ZZ99 3VZ",
        language="en",
        code_word="marigold",
    )


def patient(person: Person) -> Resource:
    """Her record as the hospital holds it: far more than any programme may see."""
    system, value = person.identifier
    return {
        "resourceType": "Patient",
        "identifier": [{"use": "usual", "system": system, "value": value}],
        "active": True,
        "name": [
            {"use": "official", "family": person.family, "given": [person.given]},
            {"use": "usual", "given": [person.preferred]},
        ],
        "telecom": [{"system": "phone", "value": person.home_number, "use": "home"}],
        "gender": "female",
        "birthDate": person.birth_date.isoformat(),
        "address": [
            {"use": "home", "line": [person.street], "district": person.district, "postalCode": person.postcode}
        ],
        "communication": [
            {"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": person.language}]}, "preferred": True}
        ],
        "extension": [
            {"url": "http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired", "valueBoolean": False}
        ],
    }


def consent(
    person: Person, patient_id: str, hospital: str, programme: str, given: datetime, number: int = 1
) -> Resource:
    """She agrees to one programme for half a year, lets it report back, and says how she may be reached.

    `hospital` and `programme` are organisation ids at the service; `number` counts her consents. The shape is IHE
    PCF's, with the safe-contact extension.
    """
    return {
        "resourceType": "Consent",
        "identifier": [{"system": CONSENT_NUMBER, "value": f"{person.hospital_number}-{number}"}],
        "status": "active",
        "scope": _concept(f"{TERMINOLOGY}/consentscope", "patient-privacy"),
        "category": [_concept(LOINC, "59284-0"), _concept(f"{TERMINOLOGY}/v3-ActCode", "IDSCL")],
        "patient": {"reference": f"Patient/{patient_id}"},
        "dateTime": instant(given),
        "performer": [{"reference": f"Patient/{patient_id}"}],
        "organization": [{"reference": f"Organization/{hospital}"}],
        "sourceAttachment": {"contentType": "application/pdf", "title": "Signed form, version 3"},
        "policy": [{"uri": f"{HOSPITAL}/consent/peer-support/v3"}],
        "provision": {
            "type": "permit",
            "period": {"start": instant(given), "end": instant(given + timedelta(days=182))},
            "actor": [_recipient(programme)],
            "purpose": [{"system": f"{TERMINOLOGY}/v3-ActReason", "code": "TREAT"}],
            "provision": [
                {
                    "type": "permit",
                    "actor": [_recipient(hospital)],
                    "data": [{"meaning": "authoredby", "reference": {"reference": f"Organization/{programme}"}}],
                }
            ],
        },
        "extension": [_safe_contact(person, given.date())],
    }


def due_date(person: Person, patient_id: str, at: datetime) -> Resource:
    """The estimated due date, from which the service tells that she is antenatal."""
    return _observation(patient_id, f"{person.hospital_number}-due-date", LOINC, ESTIMATED_DUE_DATE, at) | {
        "valueDateTime": person.due_date.isoformat()
    }


def epds_items(screening: Screening, patient_id: str) -> Iterator[Resource]:
    """One Observation for each item, in order, all with the instant of the total."""
    for item, score in enumerate(screening.answers, start=1):
        number = f"{screening.number}-{item}"
        yield _observation(patient_id, number, EPDS_ITEM, str(item), screening.at) | {"valueInteger": score}


def epds_total(screening: Screening, patient_id: str) -> Resource:
    return _observation(patient_id, f"{screening.number}-total", SNOMED, EPDS_TOTAL, screening.at) | {
        "valueInteger": screening.total
    }


def answered(alert: Resource, status: str, verb: str) -> Resource:
    """The service's Task as a clinician sends it back, with who she is; `verb` is acknowledged or reviewed."""
    by: Resource = {"valueReference": {"type": "Practitioner", "display": CLINICIAN}}
    parts: dict[str, Resource] = {f"{verb}-by": by, f"{verb}-by-role": {"valueString": CLINICIAN_ROLE}}
    said = [{"type": _concept(f"{OURS}/CodeSystem/alert-output", code), **value} for code, value in parts.items()]
    return alert | {"status": status, "output": [*alert.get("output", ()), *said]}


def reviewed(alert: Resource, outcome: str) -> Resource:
    """The service's Task with what the clinician's review came to."""
    coded = {"valueCodeableConcept": _concept(f"{OURS}/CodeSystem/review-outcome", outcome)}
    task = answered(alert, "completed", "reviewed")
    output = {"type": _concept(f"{OURS}/CodeSystem/alert-output", "review-outcome"), **coded}
    return task | {"output": [*task["output"], output]}


def outcome_of(alert: Resource) -> str:
    """What the review came to, empty when there was none."""
    concepts = [one["valueCodeableConcept"] for one in alert.get("output", ()) if "valueCodeableConcept" in one]
    return str(concepts[-1]["coding"][0]["code"]) if concepts else ""


def identifier_of(resource: Resource) -> str:
    """`system|value` of its first identifier, as If-None-Exist and searches want it."""
    first = resource["identifier"][0]
    return f"{first['system']}|{first['value']}"


def instant(at: datetime) -> str:
    """A FHIR instant in UTC with milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds")


def _observation(patient_id: str, number: str, system: str, code: str, at: datetime) -> Resource:
    return {
        "resourceType": "Observation",
        "identifier": [{"system": RESULT_NUMBER, "value": number}],
        "status": "final",
        "category": [_concept(f"{TERMINOLOGY}/observation-category", "survey")],
        "code": _concept(system, code),
        "subject": {"reference": f"Patient/{patient_id}"},
        "effectiveDateTime": instant(at),
    }


def _recipient(organisation: str) -> Resource:
    return {
        "role": _concept(f"{TERMINOLOGY}/v3-ParticipationType", "IRCP"),
        "reference": {"reference": f"Organization/{organisation}"},
    }


def _safe_contact(person: Person, today: date) -> Resource:
    weekdays = [{"url": "day", "valueCode": day} for day in ("mon", "tue", "wed", "thu", "fri")]
    hours = [{"url": "from", "valueTime": "09:30:00"}, {"url": "to", "valueTime": "14:30:00"}]
    return {
        "url": f"{OURS}/StructureDefinition/safe-contact",
        "extension": [
            _channel("voice", "allow", person.safe_number),
            _channel("sms", "deny", person.safe_number),
            _channel("post", "deny", None),
            {"url": "voicemail", "valueCode": "deny"},
            {"url": "text-content", "valueCode": "none"},
            {"url": "withhold-number", "valueBoolean": True},
            {"url": "caller-description", "valueString": "the library"},
            {"url": "window", "extension": weekdays + hours},
            {"url": "timezone", "valueCode": "Europe/London"},
            {"url": "code-word", "valueString": person.code_word},
            {"url": "review-by", "valueDate": (today + timedelta(weeks=11)).isoformat()},
        ],
    }


def _channel(mode: str, permission: str, value: str | None) -> Resource:
    said: list[Resource] = [{"url": "mode", "valueCode": mode}, {"url": "permission", "valueCode": permission}]
    return {"url": "channel", "extension": said + ([{"url": "value", "valueString": value}] if value else [])}


def _concept(system: str, code: str) -> Resource:
    return {"coding": [{"system": system, "code": code}]}
