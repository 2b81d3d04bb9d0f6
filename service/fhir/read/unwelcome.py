"""What is refused for its form: whether it tells of a loss or of her death, of anything else that makes contact
unwelcome, or may be her no to it, or an order to stop it.

By the rules of what is taken, as far as its form lets them be asked. What cannot be told speaks against nothing: a
pause harms little.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import orjson

from service.consent.consent import NOT_YET_SAID, Status
from service.consent.terms import ConsentTerms
from service.fhir.asked import Asked
from service.fhir.guard import check
from service.fhir.outcome import BadInput
from service.fhir.read.common import entries, is_test_data, received
from service.fhir.read.patient import read_patient
from service.fhir.read.times import begins
from service.fhir.write.record import REQUEST_STATUS
from service.flow.register_patient import ReceivedPatient
from service.flow.rules import Rules
from service.referrals.instruction import Order
from service.referrals.life_event import is_history
from service.referrals.referral import ReferralState
from service.screening.instrument import Context
from service.screening.result import VOID
from service.screening.result import Status as ResultStatus
from service.shared.code import Code

_TIMES = ("effectiveDateTime", "effectiveInstant")
_NOT_DIED = (False, None, "", "false")
_UNSAID = tuple(each.value for each in NOT_YET_SAID)
# A record may call an order completed when all is done that it had to do: nobody is to stop for that.
_GOES_ON = ("draft", "active", "completed", "unknown")
# What of a Patient says who she is.
_WHO = ("id", "identifier", "name", "gender", "birthDate")


def may_tell_of_event(resource: Any, rules: Rules, now: datetime) -> bool:
    """An Observation of an event (`read_observation`), or the Patient of a woman who has died."""
    if _is(resource, "Patient"):
        return any(name.startswith("deceased") and value not in _NOT_DIED for name, value in resource.items())
    if not _is(resource, "Observation"):
        return False
    status = resource.get("status")
    if status in [each.value for each in VOID] or _is_history(resource, now):
        return False
    parts = [resource, *_objects(resource.get("component"))]
    return any(
        names_event(part.get("code"), rules) or names_event(part.get("valueCodeableConcept"), rules)
        for part in parts
        if part.get("valueBoolean") is not False
        if status != ResultStatus.REGISTERED.value or any(name.startswith("value") for name in part)
    )


def may_be_a_no(resource: Any, terms: ConsentTerms) -> bool:
    """A Consent (`read_consent`) that is not plainly a yes, unsaid, or about something else. Of a status that nobody
    knows it may be that she has taken back a yes, and what permits nothing may be meant to deny."""
    if not _is(resource, "Consent"):
        return False
    scopes = set(_codes(resource.get("scope")))
    if scopes and terms.scopes.isdisjoint(scopes):
        return False
    status = resource.get("status")
    return not _permits(resource) if status == Status.ACTIVE.value else status not in _UNSAID


def may_stop(resource: dict[str, Any], asked: Asked) -> Order | None:
    """What is sent to a referral (`read_service_request`) and does not plainly let it go on, and every `$hold`."""
    if asked.type != "ServiceRequest" or asked.id is None or is_test_data(resource):
        return None
    if asked.path.endswith(f"/${Order.HOLD}"):
        return Order.HOLD
    status = resource.get("status")
    if asked.path.endswith(f"/${Order.RESUME}") or status in _GOES_ON:
        return None
    return Order.HOLD if status == REQUEST_STATUS[ReferralState.ON_HOLD] else Order.CLOSE


def who_in(resource: Any, address: str | None, now: datetime) -> ReceivedPatient | None:
    """Who a Patient says she is, by what of that is sound and the id that it is sent to; None where its identifiers are
    not sound."""
    if not isinstance(resource, dict) or resource.get("resourceType") != "Patient":
        return None
    told = {name: resource[name] for name in _WHO if name in resource and _read({name: resource[name]}, now)}
    said = None if "identifier" in resource.keys() - told.keys() else _read(told, now)
    return said and said._replace(received=said.received._replace(target_id=address))


def _read(told: dict[str, Any], now: datetime) -> ReceivedPatient | None:
    tree = {"resourceType": "Patient", **told}
    try:
        check(tree, orjson.dumps(tree), "Patient")
        return read_patient(tree, received(tree, b""), updates=False, now=now)
    except (BadInput, TypeError):
        return None


def _is(resource: Any, type: str) -> bool:
    return isinstance(resource, dict) and resource.get("resourceType") == type and not is_test_data(resource)


def _permits(consent: dict[str, Any]) -> bool:
    roots = _objects(consent.get("provision"))
    typed = [each for each in roots if "type" in each]
    clauses = typed or [each for root in roots for each in _objects(root.get("provision"))]
    return "permit" in [each.get("type") for each in clauses]


def _objects(node: Any) -> list[dict[str, Any]]:
    return [each for each in entries(node) if isinstance(each, dict)]


def names_event(concept: Any, rules: Rules) -> bool:
    """Whether one of its codes is that of an event that makes contact unwelcome; of what everybody knows also under no
    system, or another than its own."""
    found = list(_codes(concept))
    meanings = (*map(rules.context_codes.get, found), *(rules.well_known.get(each.code) for each in found))
    return Context.SAFETY_EVENT in meanings


def _codes(concept: Any) -> Iterator[Code]:
    codings = [each for held in _objects(concept) for each in _objects(held.get("coding"))]
    yield from (Code(str(each.get("system")), str(each.get("code"))) for each in codings)


def _is_history(resource: dict[str, Any], now: datetime) -> bool:
    written = next((each for name in _TIMES if isinstance(each := resource.get(name), str)), "")
    try:
        return is_history(begins(written), now)
    except (ValueError, TypeError):
        return False
