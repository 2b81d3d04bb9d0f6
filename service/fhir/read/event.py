"""An Observation that is refused for its form: whether it tells of a loss, or of anything else that makes contact
unwelcome."""

from datetime import datetime
from typing import Any

from service.fhir.read.common import entries, is_test_data
from service.fhir.read.times import begins
from service.flow.rules import Rules
from service.referrals.life_event import is_history
from service.screening.instrument import Context
from service.screening.result import VOID, Status
from service.shared.code import Code

_TIMES = ("effectiveDateTime", "effectiveInstant")


def may_tell_of_event(resource: Any, rules: Rules, now: datetime) -> bool:
    """By the rules of one that is taken (`read_observation`), as far as its form lets them be asked. What cannot be
    told, as its status or its time, speaks against nothing: a pause harms little."""
    if not isinstance(resource, dict) or resource.get("resourceType") != "Observation":
        return False
    status = resource.get("status")
    if status in [each.value for each in VOID] or _is_history(resource, now) or is_test_data(resource):
        return False
    parts = [resource, *(each for each in entries(resource.get("component")) if isinstance(each, dict))]
    return any(
        _names_event(part.get("code"), rules) or _names_event(part.get("valueCodeableConcept"), rules)
        for part in parts
        if part.get("valueBoolean") is not False
        if status != Status.REGISTERED.value or any(name.startswith("value") for name in part)
    )


def _names_event(concept: Any, rules: Rules) -> bool:
    held = [each.get("coding") for each in entries(concept) if isinstance(each, dict)]
    codings = [each for coding in held for each in entries(coding) if isinstance(each, dict)]
    codes = (Code(str(each.get("system")), str(each.get("code"))) for each in codings)
    return any(rules.context_codes.get(code) is Context.SAFETY_EVENT for code in codes)


def _is_history(resource: dict[str, Any], now: datetime) -> bool:
    written = next((each for name in _TIMES if isinstance(each := resource.get(name), str)), "")
    try:
        return is_history(begins(written), now)
    except (ValueError, TypeError):
        return False
