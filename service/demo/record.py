"""What the simulated hospital has on file: every version of every resource, in memory and, if asked, in a file too."""

import json
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

Resource = dict[str, Any]
Parameters = Sequence[tuple[str, str]]

TYPES = ("Patient", "ServiceRequest", "Task", "Communication", "DocumentReference")


class Refusal(Exception):
    """The record does not do this. `code` is an OperationOutcome issue code (FHIR R4, issue-type)."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(text)
        self.status, self.code, self.text = status, code, text


@dataclass(frozen=True, slots=True)
class Version:
    """One stored version; `resource` carries `id`, `meta.versionId` and `meta.lastUpdated`."""

    type: str
    id: str
    number: int
    resource: Resource

    @property
    def last_updated(self) -> str:
        return str(self.resource["meta"]["lastUpdated"])


class Record:
    """Create, read, update and search as FHIR R4 (http.html, sections 3.1.0.4 to 3.1.0.9) describes them.

    With a `journal` each version is a JSON line, on the disk before the caller hears of it; a record that opens the
    file again knows everything in it. Nothing is ever deleted. Safe to call from several threads.
    """

    def __init__(self, journal: Path | None = None) -> None:
        self._lock = threading.RLock()
        self._versions: dict[tuple[str, str], list[Version]] = {}
        self._by_identifier: dict[tuple[str, str], dict[str, None]] = {}
        self._given: Counter[str] = Counter()
        if journal and journal.exists():
            self._load(journal)
        self._journal = journal.open("ab") if journal else None

    def create(self, resource: Resource, if_none_exist: str | None = None) -> tuple[Version, bool]:
        """The stored version, and whether it is new: with `if_none_exist` the one match answers instead (200).

        Raises Refusal 412 when several match, 422 when a reference leads nowhere.
        """
        kind = resource["resourceType"]
        with self._lock:
            if if_none_exist is not None:
                found = self.search(kind, _criteria(if_none_exist))
                if len(found) > 1:
                    raise Refusal(412, "multiple-matches", "Several resources match If-None-Exist")
                if found:
                    return found[0], False
            self._resolve_references(resource)
            return self._store(kind, f"{kind.lower()}-{self._given[kind] + 1}", resource), True

    def update(self, identity: str, resource: Resource, if_match: int | None = None) -> Version:
        """A new version of something that is here. Raises Refusal 404, 412 (another version is current) or 422."""
        kind = resource["resourceType"]
        with self._lock:
            current = self.read(kind, identity)
            if if_match is not None and if_match != current.number:
                raise Refusal(412, "conflict", "If-Match names another version than the current one")
            self._resolve_references(resource)
            return self._store(kind, identity, resource)

    def read(self, kind: str, identity: str, number: int | None = None) -> Version:
        """The current version, or the one asked for. Raises Refusal 404."""
        versions = self.history(kind, identity)
        if number is None:
            return versions[-1]
        if not 1 <= number <= len(versions):
            raise Refusal(404, "not-found", "No such version")
        return versions[number - 1]

    def history(self, kind: str, identity: str) -> list[Version]:
        """All versions, oldest first. Raises Refusal 404."""
        with self._lock:
            if (kind, identity) not in self._versions:
                raise Refusal(404, "not-found", "No such resource")
            return list(self._versions[kind, identity])

    def search(self, kind: str, parameters: Parameters) -> list[Version]:
        """Current versions that match every parameter; a comma within a value means or. Raises Refusal 400."""
        if unknown := sorted({name for name, _ in parameters} - MATCHERS.keys()):
            raise Refusal(400, "not-supported", f"Search parameter {unknown[0]} is not supported")
        with self._lock:
            candidates = [self._versions[kind, identity][-1] for identity in self._candidates(kind, parameters)]
        return [found for found in candidates if _matches(found.resource, parameters)]

    def close(self) -> None:
        if self._journal:
            self._journal.close()

    def _candidates(self, kind: str, parameters: Parameters) -> list[str]:
        for name, value in parameters:
            if name == "identifier" and "," not in value and not value.startswith("|") and "|" in value[:-1]:
                return list(self._by_identifier.get((kind, value), ()))
        return [identity for held, identity in self._versions if held == kind]

    def _resolve_references(self, resource: Resource) -> None:
        for reference in _references(resource):
            kind, _, identity = reference.partition("/")
            if not reference.startswith("#") and (kind, identity.partition("/")[0]) not in self._versions:
                raise Refusal(422, "not-found", "A reference does not resolve in this record")

    def _store(self, kind: str, identity: str, resource: Resource) -> Version:
        number = len(self._versions.get((kind, identity), ())) + 1
        stamp = datetime.now(UTC).isoformat(timespec="milliseconds")
        meta = resource.get("meta", {}) | {"versionId": str(number), "lastUpdated": stamp}
        version = Version(kind, identity, number, resource | {"id": identity, "meta": meta})
        if self._journal:
            self._journal.write(json.dumps(version.resource, separators=(",", ":")).encode() + b"\n")
            self._journal.flush()
            os.fsync(self._journal.fileno())
        self._keep(version)
        return version

    def _keep(self, version: Version) -> None:
        key = version.type, version.id
        if key not in self._versions:
            self._given[version.type] += 1
        self._versions.setdefault(key, []).append(version)
        for identifier in version.resource.get("identifier", ()):
            token = f"{identifier.get('system', '')}|{identifier.get('value', '')}"
            self._by_identifier.setdefault((version.type, token), {})[version.id] = None

    def _load(self, journal: Path) -> None:
        kept = journal.read_bytes()
        # A line without its end was cut off before anybody heard of that version.
        whole = kept[: kept.rfind(b"\n") + 1]
        if len(whole) < len(kept):
            os.truncate(journal, len(whole))
        for line in whole.splitlines():
            resource: Resource = json.loads(line)
            number = int(resource["meta"]["versionId"])
            self._keep(Version(resource["resourceType"], resource["id"], number, resource))


def _criteria(if_none_exist: str) -> Parameters:
    if parameters := parse_qsl(if_none_exist.removeprefix("?"), keep_blank_values=True):
        return parameters
    raise Refusal(412, "invalid", "If-None-Exist names no criteria")


def _references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(reference := node.get("reference"), str):
            yield reference
        for child in node.values():
            yield from _references(child)
    elif isinstance(node, list):
        for child in node:
            yield from _references(child)


def _matches(resource: Resource, parameters: Parameters) -> bool:
    return all(any(MATCHERS[name](resource, one) for one in value.split(",")) for name, value in parameters)


def _has_identifier(resource: Resource, token: str) -> bool:
    """`system|value`, `|value` for one without a system, `system|` for any of a system, or `value` alone."""
    system, bar, value = token.rpartition("|")
    return any(
        (not bar or identifier.get("system", "") == system) and (not value or identifier.get("value") == value)
        for identifier in resource.get("identifier", ())
    )


def _is_about(resource: Resource, wanted: str) -> bool:
    person = resource.get("for") or resource.get("subject") or {}
    return bool(person.get("reference") == f"Patient/{wanted.removeprefix('Patient/')}")


MATCHERS: dict[str, Callable[[Resource, str], bool]] = {
    "_id": lambda resource, value: bool(resource["id"] == value),
    "_lastUpdated": lambda resource, value: bool(
        value.startswith("ge") and resource["meta"]["lastUpdated"] >= value[2:].replace(" ", "+")
    ),
    "_count": lambda resource, value: True,
    "identifier": _has_identifier,
    "patient": _is_about,
    "subject": _is_about,
    "status": lambda resource, value: bool(resource.get("status") == value),
}
