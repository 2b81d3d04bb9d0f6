"""PID as the FHIR Patient that is kept and shown: what the message says and nothing else (v2-to-FHIR, PID[Patient])."""

from collections.abc import Mapping
from datetime import tzinfo
from typing import Any

import orjson

from service.flow.received import Identifier
from service.hl7v2.read.fields import numbers, said
from service.hl7v2.segments import Segment
from service.hl7v2.times import moment
from service.referrals.patient import PatientFacts

Tree = dict[str, Any]

LANGUAGES = "urn:ietf:bcp:47"
# Tables 0001, 0200, 0190, 0201 and 0202.
_GENDERS: Mapping[str, str] = {"F": "female", "M": "male", "O": "other", "U": "unknown", "A": "other", "N": "other"}
_NAMES: Mapping[str, str] = {"D": "usual", "L": "official", "N": "nickname", "M": "maiden", "S": "anonymous"}
_ADDRESSES: Mapping[str, str] = {
    "H": "home", "P": "home", "L": "home", "C": "temp", "B": "work", "O": "work", "BA": "old"
}  # fmt: skip
_SYSTEMS: Mapping[str, str] = {"PH": "phone", "CP": "phone", "FX": "fax", "BP": "pager", "INTERNET": "email"}


def person(pid: Segment, identifiers: tuple[Identifier, ...], facts: PatientFacts, zone: tzinfo) -> bytes:
    """`facts` are what was read of the same segment."""
    born = facts.birth_date.isoformat() if facts.birth_date else _fhir(pid, 7, zone)
    died = _fhir(pid, 29, zone)
    language = {"language": {"coding": [{"system": LANGUAGES, "code": facts.language}]}, "preferred": True}
    telephones = [_telephone(pid, field, number) for field in (13, 14) for number in numbers(pid, field)]
    tree: Tree = {
        "resourceType": "Patient",
        "identifier": [{"system": each.system, "value": each.value} for each in identifiers],
        "name": [_name(pid, number) for number in numbers(pid, 5)],
        "telecom": [each for each in telephones if "value" in each],
        "gender": _GENDERS.get(said(pid, 8).upper()),
        "birthDate": born,
        "address": [_address(pid, number) for number in numbers(pid, 11)],
        "communication": [language] if facts.language else None,
        "deceasedDateTime": died,
        "deceasedBoolean": facts.deceased if not died and pid.raw(30) else None,
    }
    return orjson.dumps(_filled(tree))


def _name(pid: Segment, number: int) -> Tree:
    given = [said(pid, 5, component, number) for component in (2, 3)]
    return _filled({
        "use": _NAMES.get(said(pid, 5, 7, number).upper()),
        "family": said(pid, 5, 1, number),
        "given": [each for each in given if each],
    })  # fmt: skip


def _address(pid: Segment, number: int) -> Tree:
    lines = [said(pid, 11, component, number) for component in (1, 2)]
    return _filled({
        "use": _ADDRESSES.get(said(pid, 11, 7, number).upper()),
        "line": [each for each in lines if each],
        "city": said(pid, 11, 3, number),
        "district": said(pid, 11, 9, number),
        "state": said(pid, 11, 4, number),
        "postalCode": said(pid, 11, 5, number),
        "country": said(pid, 11, 6, number),
    })  # fmt: skip


def _telephone(pid: Segment, field: int, number: int) -> Tree:
    """The number as it is written whole, in XTN.12 or, until v2.6, XTN.1; else put together of its parts."""
    address = said(pid, field, 4, number)
    parts = " ".join(filter(None, (said(pid, field, component, number) for component in (5, 6, 7))))
    system = "email" if address else _SYSTEMS.get(said(pid, field, 3, number).upper(), "phone")
    written = address or said(pid, field, 12, number) or said(pid, field, 1, number) or parts
    return _filled({"system": system, "value": written, "use": "home" if field == 13 else "work"})


def _fhir(pid: Segment, field: int, zone: tzinfo) -> str | None:
    meant = moment(said(pid, field), zone)
    return None if meant is None else meant.fhir


def _filled(tree: Tree) -> Tree:
    return {name: value for name, value in tree.items() if value not in (None, "", [], {}, [{}])}
