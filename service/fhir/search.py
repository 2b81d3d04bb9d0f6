"""The search of Task on the wire: parameters to a query value, and the opaque link to the next page (FHIR R4,
3.1.1)."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from pydantic import TypeAdapter

from service.fhir.parameters import Parameters, malformed, unknown
from service.fhir.read.times import begins, ends, is_partial
from service.fhir.terms import TASK_PROFILE
from service.fhir.write.alert import ALERT_STATUS
from service.fhir.write.record import TASK_STATUS
from service.security.sealing import Sealer
from service.shared.clock import milliseconds
from service.store.queries import Compare, TaskQuery

FIRST_PAGE = 1_000
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
        read = _PARAMETERS.get({"_lastupdated": "_lastUpdated", "subject": "patient"}.get(name, name))
        if read is not None:
            search = read(search, value)
        elif not lenient:
            raise unknown(name)
    return search


_LINK = TypeAdapter(TaskSearch)


def next_link(sealer: Sealer, organisation_id: str, search: TaskSearch, after: tuple[int, str]) -> str:
    """What goes into the next link: the whole search and the place reached, sealed, and good for this caller alone."""
    onward = replace(search, query=replace(search.query, after=after))
    return sealer.seal_text(_LINK.dump_json(onward), _place(organisation_id))


def read_next_link(sealer: Sealer, organisation_id: str, link: str) -> TaskSearch | None:
    """The search a link stands for; None when it was tampered with or was given to another organisation."""
    try:
        return _LINK.validate_json(sealer.open_text(link, _place(organisation_id)))
    except ValueError:
        return None


def _place(organisation_id: str) -> str:
    return f"next/{organisation_id}/Task"


def _id(value: str) -> str:
    """The id in `Type/id`, an absolute reference or a bare id."""
    return value.rstrip("/").rpartition("/")[2]


def _owner(search: TaskSearch, value: str) -> TaskSearch:
    return replace(search, query=replace(search.query, owner_id=_id(value)))


def _patient(search: TaskSearch, value: str) -> TaskSearch:
    return replace(search, query=replace(search.query, patient_id=_id(value)))


def _ids(search: TaskSearch, value: str) -> TaskSearch:
    ids = frozenset(_id(each) for each in value.split(",") if each)
    if not ids or len(ids) > FIRST_PAGE:
        raise malformed("_id")
    return replace(search, query=replace(search.query, ids=ids))


def _status(search: TaskSearch, value: str) -> TaskSearch:
    words = set(value.split(","))
    return _among(search, lambda word: word in words)


def _status_not(search: TaskSearch, value: str) -> TaskSearch:
    return _among(search, lambda word: word != value)


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
    return replace(search, referrals_only=True, nothing=value.partition("|")[0] != TASK_PROFILE)


def _code(search: TaskSearch, value: str) -> TaskSearch:
    return replace(search, referrals_only=True, nothing=value.rpartition("|")[2] != "fulfill")


def _sort(search: TaskSearch, value: str) -> TaskSearch:
    # The second key is always the id, so naming it changes nothing.
    key = value.removesuffix(",_id")
    if key.lower() not in ("_lastupdated", "-_lastupdated"):
        raise malformed("_sort")
    return replace(search, query=replace(search.query, descending=key.startswith("-")))


def _count(search: TaskSearch, value: str) -> TaskSearch:
    if not (
        value.isascii() and value.isdigit() and len(value) <= len(str(FIRST_PAGE)) and 1 <= int(value) <= FIRST_PAGE
    ):
        raise malformed("_count")
    return replace(search, query=replace(search.query, limit=int(value)))


def _include(search: TaskSearch, value: str) -> TaskSearch:
    if value not in ("Task:focus", "Task:focus:ServiceRequest"):
        raise malformed("_include")
    return replace(search, include_focus=True)


def _format(search: TaskSearch, value: str) -> TaskSearch:
    if value.partition(";")[0] not in ("json", "application/json", "application/fhir+json", "application/fhir json"):
        raise malformed("_format")
    return search


_PARAMETERS: dict[str, Callable[[TaskSearch, str], TaskSearch]] = {
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
