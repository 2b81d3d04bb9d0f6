"""The search of Task on the wire: parameters to a query value (FHIR R4, 3.1.1)."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from service.fhir.paging import FIRST_PAGE, alternatives, check_format, count
from service.fhir.parameters import Parameters, malformed, unknown
from service.fhir.read.times import begins, ends, is_partial
from service.fhir.terms import FULFIL, TASK_PROFILE
from service.fhir.write.alert import ALERT_STATUS
from service.fhir.write.record import TASK_STATUS
from service.shared.clock import milliseconds
from service.shared.ids import UUID
from service.store.queries import Compare, TaskQuery

TASK_STATUSES = "http://hl7.org/fhir/task-status"
# FHIR R4, 4.4.1.290. Some of them no Task of ours ever has.
STATUSES = frozenset({
    "draft", "requested", "received", "accepted", "rejected", "ready", "cancelled", "in-progress", "on-hold", "failed",
    "completed", "entered-in-error",
})  # fmt: skip
# As a token may be written (FHIR R4, 3.1.1.4.10): the code, with its system, or any code of that system.
_FULFIL = {FULFIL.code, f"{FULFIL.system}|{FULFIL.code}", f"{FULFIL.system}|"}
_REFERENCE = re.compile(r"(?:(?:https?://\S+/)?(?P<type>[A-Za-z]+)/)?(?P<id>[A-Za-z0-9.-]{1,64})/?")
_MOMENT = re.compile(r"\d{4}(-\d\d(-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?)?)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class TaskSearch:
    """`referrals_only` leaves the alerts out; `nothing` is True when a parameter can match no Task of ours."""

    query: TaskQuery
    include_focus: bool = False
    referrals_only: bool = False
    nothing: bool = False


def read_search(parameters: Parameters, *, lenient: bool) -> TaskSearch:
    """Raises BadInput naming the parameter that is unknown, unless `lenient` (Prefer: handling=lenient), or
    malformed."""
    search = TaskSearch(TaskQuery(limit=FIRST_PAGE))
    for name, value in parameters:
        # The HL7 guide itself writes `_lastupdated`, and so do its clients.
        read = PARAMETERS.get({"_lastupdated": "_lastUpdated", "subject": "patient"}.get(name, name))
        if read is not None:
            search = read(search, value)
        elif not lenient:
            raise unknown(name)
    return search


def _owner(search: TaskSearch, value: str) -> TaskSearch:
    asked, named = search.query, _named("owner", "Organization", value)
    return _narrowed(search, replace(asked, owner_ids=_both(asked.owner_ids, named)))


def _patient(search: TaskSearch, value: str) -> TaskSearch:
    asked, named = search.query, _named("patient", "Patient", value)
    return _narrowed(search, replace(asked, patient_ids=_both(asked.patient_ids, named)))


def _ids(search: TaskSearch, value: str) -> TaskSearch:
    asked, named = search.query, frozenset(each.rpartition("/")[2] for each in alternatives("_id", value))
    return _narrowed(search, replace(asked, ids=_both(asked.ids, named)))


def _named(name: str, type: str, value: str) -> frozenset[str]:
    return frozenset(_id(name, type, each) for each in alternatives(name, value))


def _id(name: str, type: str, reference: str) -> str:
    """The id in `Type/id`, an absolute reference or a bare id. All of ours are UUIDs, so that a bare word is none."""
    found = _REFERENCE.fullmatch(reference)
    if not found or (found["type"] != type if found["type"] else not UUID.fullmatch(found["id"])):
        raise malformed(name)
    return found["id"]


def _both(present: frozenset[str] | None, further: frozenset[str]) -> frozenset[str]:
    """A parameter that comes again narrows the search further."""
    return further if present is None else present & further


def _narrowed(search: TaskSearch, query: TaskQuery) -> TaskSearch:
    nothing = frozenset() in (query.ids, query.owner_ids, query.patient_ids)
    return replace(search, query=query, nothing=search.nothing or nothing)


def _status(search: TaskSearch, value: str) -> TaskSearch:
    words = _statuses("status", value)
    return _among(search, lambda word: word in words)


def _status_not(search: TaskSearch, value: str) -> TaskSearch:
    words = _statuses("status:not", value)
    return _among(search, lambda word: word not in words)


def _statuses(name: str, value: str) -> set[str]:
    words = {each.removeprefix(f"{TASK_STATUSES}|") for each in alternatives(name, value)}
    if not words <= STATUSES:
        raise malformed(name)
    return words


def _among(search: TaskSearch, wanted: Callable[[str], bool]) -> TaskSearch:
    """Narrow to the states whose Task.status is wanted; repeated parameters all apply."""
    query = search.query
    offers = {state.value for state, word in TASK_STATUS.items() if wanted(word)}
    alerts = {state.value for state, word in ALERT_STATUS.items() if wanted(word)}
    narrowed = replace(
        query,
        states=frozenset(offers if query.states is None else offers & query.states),
        alert_states=frozenset(alerts if query.alert_states is None else alerts & query.alert_states),
    )
    return replace(search, query=narrowed)


def _last_updated(search: TaskSearch, value: str) -> TaskSearch:
    prefix = value[:2] if value[:1].isalpha() else "eq"
    if prefix not in {each.value for each in Compare}:
        raise malformed("_lastUpdated")
    start, end = _range(value[2:] if value[:1].isalpha() else value)
    # A value of lower precision is a range: `gt` starts after its end, `le` ends at its end.
    edges: Mapping[str, tuple[tuple[Compare, int], ...]] = {
        "eq": ((Compare.FROM, start), (Compare.UP_TO, end)),
        "gt": ((Compare.AFTER, end),),
        "ge": ((Compare.FROM, start),),
        "lt": ((Compare.BEFORE, start),),
        "le": ((Compare.UP_TO, end),),
    }
    return replace(search, query=replace(search.query, changed=(*search.query.changed, *edges[prefix])))


def _range(value: str) -> tuple[int, int]:
    """The first and last millisecond that a date or dateTime of any precision stands for. A space is a `+`
    unescaped."""
    text = value.replace(" ", "+")
    if not _MOMENT.fullmatch(text):
        raise malformed("_lastUpdated")
    try:
        if is_partial(text):
            return milliseconds(begins(text)), milliseconds(ends(text)) - 1
        instant = datetime.fromisoformat(text)
    except ValueError as problem:
        raise malformed("_lastUpdated") from problem
    first = milliseconds(instant if instant.tzinfo else instant.replace(tzinfo=UTC))
    return first, first if "." in text else first + 999


def _profile(search: TaskSearch, value: str) -> TaskSearch:
    meant = any(each.partition("|")[0] == TASK_PROFILE for each in alternatives("_profile", value))
    return replace(search, referrals_only=True, nothing=search.nothing or not meant)


def _code(search: TaskSearch, value: str) -> TaskSearch:
    meant = not _FULFIL.isdisjoint(alternatives("code", value))
    return replace(search, referrals_only=True, nothing=search.nothing or not meant)


def _sort(search: TaskSearch, value: str) -> TaskSearch:
    # The second key is always the id, so naming it changes nothing.
    key = value.removesuffix(",_id")
    if key.lower() not in ("_lastupdated", "-_lastupdated"):
        raise malformed("_sort")
    return replace(search, query=replace(search.query, descending=key.startswith("-")))


def _count(search: TaskSearch, value: str) -> TaskSearch:
    return replace(search, query=replace(search.query, limit=count(value)))


def _include(search: TaskSearch, value: str) -> TaskSearch:
    if value not in ("Task:focus", "Task:focus:ServiceRequest"):
        raise malformed("_include")
    return replace(search, include_focus=True)


def _format(search: TaskSearch, value: str) -> TaskSearch:
    check_format(value)
    return search


PARAMETERS: dict[str, Callable[[TaskSearch, str], TaskSearch]] = {
    "owner": _owner,
    "patient": _patient,
    "_id": _ids,
    "status": _status,
    "status:not": _status_not,
    "_lastUpdated": _last_updated,
    "_profile": _profile,
    "code": _code,
    "_sort": _sort,
    "_count": _count,
    "_include": _include,
    "_format": _format,
}
