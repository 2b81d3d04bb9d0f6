"""What a call means to the people in the story, for those who read no FHIR and no HL7 v2, and how long it took."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from service.demo.er7 import Er7
from service.demo.step import Call, Party

# By method and resource type; a type with "?" is a search.
BETWEEN_PEOPLE = {
    ("POST", "token"): "proves who it is",
    ("PUT", "Patient"): "says who she is",
    ("POST", "Consent"): "says what she agreed to",
    ("POST", "Observation"): "sends a result",
    ("POST", "Encounter"): "reports a contact",
    ("POST", "Communication"): "asks for a clinician",
    ("PUT", "Task"): "answers",
    ("GET", "Task?"): "asks what is new",
    ("GET", "Task"): "reads the offer",
    ("GET", "ServiceRequest"): "reads what is asked for",
    ("GET", "Organization"): "looks up an organisation",
    ("GET", "Patient"): "reads what it may know of her",
    ("GET", "Observation"): "reads why, without any score",
    ("GET", "Consent"): "reads what she agreed to",
}
INTO_THE_RECORD = {
    ("POST", "token"): "proves who it is",
    ("GET", "Patient?"): "looks for her",
    ("GET", "ServiceRequest?"): "looks whether the referral is there",
    ("GET", "Task?"): "looks whether the offer is there",
    ("GET", "Communication?"): "looks whether the message is there",
    ("POST", "Patient"): "files her",
    ("POST", "ServiceRequest"): "files the referral",
    ("POST", "Task"): "files the offer",
    ("POST", "Communication"): "tells the maternity team",
    ("GET", "DocumentReference?"): "looks whether the note is there",
    ("POST", "DocumentReference"): "files a note",
    ("PUT", "ServiceRequest"): "brings the referral up to date",
    ("PUT", "Task"): "brings the offer up to date",
    ("PUT", "Communication"): "brings the message up to date",
}
# By message type and what was ordered (OBR-4).
TO_THE_ENGINE = {
    ("ORU^R01", "PEER-REFERRAL"): "says where the referral stands",
    ("ORU^R01", "PEER-ALERT"): "asks for a clinician",
    ("MDM^T02", ""): "files a note",
}


def words_for(whom: Party, call: Call) -> str:
    table: Mapping[tuple[str, str], str] = INTO_THE_RECORD if whom is Party.RECORD else BETWEEN_PEOPLE
    target = urlsplit(call.target)
    kind = target.path.removeprefix("/fhir/").strip("/").partition("/")[0]
    search = "?" if target.query and call.method == "GET" else ""
    return table.get((call.method, kind + search), "speaks")


def words_for_message(message: Er7) -> str:
    """The same for what the service sends by HL7 v2."""
    return TO_THE_ENGINE.get((message.type, message.first("OBR").text(4)), "speaks")


def took(seconds: float) -> str:
    """A length of time as a person reads it."""
    return f"{1000 * seconds:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
