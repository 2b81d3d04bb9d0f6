"""SMART v2 scopes for systems (SMART App Launch 2.2, scopes-and-launch-context): `system/Task.rus`.

Scopes say what kind of thing a client may do. Which woman it may do it to is the store's question (`tx.visible`).
"""

import re
from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache

HOSPITAL = (
    "system/Patient.cru system/Consent.cru system/Observation.crus system/QuestionnaireResponse.cru"
    " system/ServiceRequest.rus system/Task.rus system/Provenance.rs system/Organization.rs system/HealthcareService.rs"
    " system/Encounter.r system/Procedure.r"
)
PROGRAMME = (
    "system/Task.rus system/ServiceRequest.rs system/Patient.rs system/Consent.rs system/Observation.rs"
    " system/Organization.rs system/HealthcareService.rs system/Encounter.crus system/Procedure.crus"
    " system/Communication.crs"
)

LETTERS = "cruds"
TOKEN = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+")
SYSTEM = re.compile(r"system/(\*|[A-Z][A-Za-z]{1,63})\.(c?r?u?d?s?)")

_TYPES = {"*", *(found[1] for scope in f"{HOSPITAL} {PROGRAMME}".split() if (found := SYSTEM.fullmatch(scope)))}

Access = dict[str, frozenset[str]]
"""Resource type, or `*` for all of them, to the letters of `cruds` that are allowed on it."""


class Interaction(StrEnum):
    """The letters of a scope. A vread and the history of one resource are READ, the history of a type is SEARCH."""

    CREATE = "c"
    READ = "r"
    UPDATE = "u"
    DELETE = "d"
    SEARCH = "s"


class InvalidScope(ValueError):
    """A requested scope that no reading makes sense of; the message names no part of the request."""


def allows(scopes: Iterable[str], resource_type: str, interaction: Interaction) -> bool:
    """Whether any of these scopes allows the interaction on the type. A scope that is not understood allows nothing."""
    return any(_allows(scope, resource_type, interaction.value) for scope in scopes)


def narrow(requested: str, authorised: Iterable[str]) -> frozenset[str]:
    """What to grant: the part of the request that the client is authorised for; empty when there is none.

    A `system/` scope that is not SMART v2 in letter order (`.dus`, `.read`, `?` parameters) makes the whole request
    invalid, for guessing at its meaning would grant what nobody asked for. Other launch contexts (`patient/`, `openid`)
    mean nothing between systems and are left out.

    Raises InvalidScope for a malformed list (RFC 6749, section 3.3) or a malformed `system/` scope.
    """
    asked = _read(_checked(requested))
    may = _read(authorised)
    granted: dict[str, set[str]] = {}
    for asked_type, asked_letters in asked.items():
        for may_type, may_letters in may.items():
            if "*" in (asked_type, may_type) or asked_type == may_type:
                narrower = may_type if asked_type == "*" else asked_type
                granted.setdefault(narrower, set()).update(asked_letters & may_letters)
    return frozenset(_write(resource, letters) for resource, letters in granted.items() if letters)


def problems(scopes: Iterable[str]) -> list[str]:
    """For registering a client: the scopes that could never be granted or used, as they were given."""
    return [scope for scope in scopes if (parsed := _parse(scope)) is None or parsed[0] not in _TYPES]


def _checked(requested: str) -> list[str]:
    scopes = [scope for scope in requested.split(" ") if scope]
    for scope in scopes:
        if not TOKEN.fullmatch(scope):
            raise InvalidScope("The scope list is malformed.")
        if scope.startswith("system/") and _parse(scope) is None:
            raise InvalidScope("A system scope is not a SMART v2 scope with its letters in the order c r u d s.")
    return scopes


def _read(scopes: Iterable[str]) -> Access:
    access: Access = {}
    for parsed in map(_parse, scopes):
        if parsed is not None:
            resource, letters = parsed
            access[resource] = access.get(resource, frozenset()) | letters
    return access


def _write(resource: str, letters: set[str]) -> str:
    return f"system/{resource}." + "".join(letter for letter in LETTERS if letter in letters)


@lru_cache(maxsize=1024)
def _parse(scope: str) -> tuple[str, frozenset[str]] | None:
    found = SYSTEM.fullmatch(scope)
    return (found[1], frozenset(found[2])) if found and found[2] else None


def _allows(scope: str, resource_type: str, letter: str) -> bool:
    parsed = _parse(scope)
    return parsed is not None and parsed[0] in ("*", resource_type) and letter in parsed[1]
