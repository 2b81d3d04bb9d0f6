"""Checks a resource with its `fhir.resources` R4B model: required primitives, choice elements, dates of the calendar.

For the resources in use R4B has the element names of R4. A model is imported when its type first comes, because each
costs tens of milliseconds and megabytes; it only judges, and nothing is ever written from it, since it loses decimals.

What it finds beyond the schema hangs on which elements are there, not on what they say, dates apart. A sender's
messages share a few forms, so a form that the model has passed once is known, and its cost is paid for each form and
not for each message.
"""

from collections import OrderedDict
from collections.abc import Hashable
from functools import cache
from importlib import import_module
from typing import Any

from pydantic import BaseModel, ValidationError

from service.fhir.faults import Fault
from service.fhir.outcome import MOST_ISSUES, Finding
from service.fhir.schema import names
from service.fhir.survey import Place, Survey, expression


@cache
def model(resource_type: str) -> type[BaseModel]:
    """The model class of one of `schema.RESOURCE_TYPES`."""
    module = import_module(f"fhir.resources.R4B.{resource_type.lower()}")
    found: type[BaseModel] = getattr(module, resource_type)
    return found


MOST_FORMS = 1_024
MOST_MEMBERS = 2_000

_passed: OrderedDict[Hashable, None] = OrderedDict()


def problems(found: Survey, body: bytes) -> list[Finding]:
    """What the model says against a body that the schema has passed; empty when all is well. `found` is its content."""
    known = found.form
    if known in _passed:
        _passed.move_to_end(known)
        return []
    against = _judge(body, found.root["resourceType"])
    if not against and found.members <= MOST_MEMBERS:
        _passed[known] = None
    if len(_passed) > MOST_FORMS:
        _passed.popitem(last=False)
    return against


def _judge(body: bytes, resource_type: str) -> list[Finding]:
    try:
        model(resource_type).model_validate_json(body)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        found = (_explain(dict(each), resource_type) for each in details)
        return [each for each in found if each is not None][:MOST_ISSUES]
    except (KeyError, TypeError, RecursionError):
        return [Finding(Fault.MODEL_REFUSED, resource_type)]
    return []


def _explain(error: dict[str, Any], resource_type: str) -> Finding | None:
    """Our own words for one error; the message of a field may quote what was received."""
    place: Place = (None, resource_type)
    for step in error["loc"]:
        place = (place, step)
    where = expression(place, names())
    match str(error["type"]).removeprefix("model_field_validation."):
        case "extra_forbidden":
            # The R4 schema knows the names better: R4B's Extension lacks valueMeta and _valueString, which R4 has.
            return None
        case "missing":
            return Finding(Fault.ELEMENT_MISSING, where, str(error["loc"][-1]))
        case "value_error" if "from this list" in error["msg"]:
            fault = Fault.CHOICE_REPEATED if "got multiple" in error["msg"] else Fault.CHOICE_MISSING
            return Finding(fault, where, _choices(error["msg"]))
        case kind if "date" in kind or "time" in kind:
            return Finding(Fault.DATE_IMPOSSIBLE, where)
    return Finding(Fault.MODEL_REFUSED, where)


def _choices(message: str) -> str:
    """The element names a message about a choice lists; they come from the model, and only those are taken."""
    quoted = message.partition("[")[2].partition("]")[0]
    known = [each for each in quoted.replace("'", "").split(", ") if each in names()]
    return ", ".join(known[:12]) + (", …" if len(known) > 12 else "")
