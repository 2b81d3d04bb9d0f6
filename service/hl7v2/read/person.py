"""PID as the FHIR Patient that is kept and shown: what the message says and nothing else (v2-to-FHIR, PID[Patient])."""

from collections.abc import Mapping
from datetime import tzinfo
from typing import Any

import orjson

from service.flow.received import Identifier
from service.hl7v2.read.fields import of, said
from service.hl7v2.segments import Segment
from service.hl7v2.times import moment
from service.referrals.patient import PatientFacts

Tree = dict[str, Any]

LANGUAGES = "urn:ietf:bcp:47"
# Tables 0001, 0200, 0190, 0201 and 0202.
GENDERS: Mapping[str, str] = {"F": "female", "M": "male", "O": "other", "U": "unknown", "A": "other", "N": "other"}
_NAMES: Mapping[str, str] = {"D": "usual", "L": "official", "N": "nickname", "M": "maiden", "S": "anonymous"}
_ADDRESSES: Mapping[str, str] = {
    "H": "home", "P": "home", "L": "home", "C": "temp", "B": "work", "O": "work", "BA": "old"
}  # fmt: skip
_SYSTEMS: Mapping[str, str] = {"PH": "phone", "CP": "phone", "FX": "fax", "BP": "pager", "INTERNET": "email"}


def person(
    pid: Segment, identifiers: tuple[Identifier, ...], facts: PatientFacts, zone: tzinfo, unused: frozenset[int]
) -> bytes:
    """`facts` are what was read of the same segment, `unused` the fields that are not believed."""
    born, died = (None if field in unused else _fhir(pid, field, zone) for field in (7, 29))
    if facts.birth_date:
        born = facts.birth_date.isoformat()
    language = {"language": {"coding": [{"system": LANGUAGES, "code": facts.language}]}, "preferred": True}
    telephones = [
        _telephone(parts, use) for field, use in ((13, "home"), (14, "work")) for parts in pid.repetitions(field)
    ]
    tree: Tree = {
        "resourceType": "Patient",
        "identifier": [{"system": each.system, "value": each.value} for each in identifiers],
        "name": [_name(parts) for parts in pid.repetitions(5)],
        "telecom": [each for each in telephones if "value" in each],
        "gender": GENDERS.get(said(pid, 8).upper()),
        "birthDate": born,
        "address": [_address(parts) for parts in pid.repetitions(11)],
        "communication": [language] if facts.language else None,
        "deceasedDateTime": died,
        "deceasedBoolean": facts.deceased if not died and pid.raw(30) and 30 not in unused else None,
    }
    return orjson.dumps(_filled(tree))


def _name(parts: tuple[str, ...]) -> Tree:
    return _filled({
        "use": _NAMES.get(of(parts, 7).upper()),
        "family": of(parts, 1),
        "given": [each for each in (of(parts, 2), of(parts, 3)) if each],
    })  # fmt: skip


def _address(parts: tuple[str, ...]) -> Tree:
    return _filled({
        "use": _ADDRESSES.get(of(parts, 7).upper()),
        "line": [each for each in (of(parts, 1), of(parts, 2)) if each],
        "city": of(parts, 3),
        "district": of(parts, 9),
        "state": of(parts, 4),
        "postalCode": of(parts, 5),
        "country": of(parts, 6),
    })  # fmt: skip


def _telephone(parts: tuple[str, ...], use: str) -> Tree:
    """The number as it is written whole, in XTN.12 or, until v2.6, XTN.1; else put together of its parts."""
    address = of(parts, 4)
    whole = of(parts, 12) or of(parts, 1) or " ".join(filter(None, (of(parts, each) for each in (5, 6, 7))))
    system = "email" if address else _SYSTEMS.get(of(parts, 3).upper(), "phone")
    return _filled({"system": system, "value": address or whole, "use": use})


def _fhir(pid: Segment, field: int, zone: tzinfo) -> str | None:
    meant = moment(said(pid, field), zone)
    return None if meant is None else meant.fhir


def _filled(tree: Tree) -> Tree:
    return {name: value for name, value in tree.items() if value not in (None, "", [], {}, [{}])}
