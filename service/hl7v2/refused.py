"""A frame that is not taken: how it is kept, and what can be told of it all the same."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from service.flow.keep_unreadable import Recognised, Salvaged, Unreadable
from service.flow.rules import Rules
from service.flow.tell_unnamed import Unnamed
from service.hl7v2.dialect import Dialect
from service.hl7v2.errors import Unfit, What
from service.hl7v2.frame import Fault
from service.hl7v2.look import DOOR, Looked
from service.hl7v2.read.message import TYPES, results_in, unnamed_in
from service.hl7v2.read.recognise import recognise
from service.hl7v2.read.referral import stops_in
from service.hl7v2.salvage import is_test, salvage, salvaged, tells_of_one, tells_of_results, without_headers
from service.security.sealing import Sealer
from service.shared import telemetry
from service.shared.ids import new_id

# An instrument alone, in a test, under another's control id or of a sender whom nobody knows, worries no clinician; a
# risk does.
_ONLY_RISK = frozenset({Unfit.NOT_PRODUCTION, Unfit.CONTROL_ID_REUSED, Unfit.SENDER_UNKNOWN})
_TYPE = re.compile("[A-Z]{3}")
# Of what was cut nobody knows the rest, and it is the rest that may hold the result.
_CUT: frozenset[What] = frozenset({Fault.CUT_SHORT, Fault.TOO_LONG, Fault.OUTSIDE})


def sealed(looked: Looked, wrong: What, sealer: Sealer) -> Unreadable:
    """As it is kept."""
    id = new_id()
    body = sealer.seal(looked.body, f"unreadable_message/{id}")
    fingerprint, type = hashlib.sha256(without_headers(looked.body)).hexdigest(), "^".join(filter(None, looked.type))
    return Unreadable(id, body, fingerprint, wrong.value, door=DOOR, type=type)


def heard(kept: Unreadable, looked: Looked, dialect: Dialect, rules: Rules, wrong: What, now: datetime) -> Unreadable:
    """With what a person is to be told of it. What says that it is a test says nothing of anybody."""
    test = is_test(looked.body) and not dialect.tests_are_taken
    results = _results(looked, dialect, rules, wrong, now, test=test)
    if test:
        return replace(kept, results=results)
    unnamed = _unnamed(looked, dialect, rules, wrong, now)
    return replace(kept, results=[*results, *_stops(looked, dialect, wrong, now)], unnamed=unnamed)


def _results(
    looked: Looked, dialect: Dialect, rules: Rules, wrong: What, now: datetime, *, test: bool
) -> Sequence[Salvaged]:
    """What may stand in it of results, of each woman of whom that is certain, and of nobody what is worse."""
    message, whole, found = looked.message, Recognised.NOTHING, list[Salvaged]()
    try:
        whole = recognise(message, dialect, rules) if message else salvage(looked.body, dialect, rules)
        if wrong in _CUT and tells_of_results(looked.body):
            whole = max(whole, Recognised.AN_INSTRUMENT)
        if not test and _says_whose(looked, wrong):
            found += results_in(message or salvaged(looked.body), dialect, rules, now)
    except Exception as defect:  # noqa: BLE001  # what cannot be looked through is looked at by a person
        telemetry.tell_defect("message-not-recognised", defect)
        whole = max(whole, Recognised.AN_INSTRUMENT)
    if whole > max((each.recognised for each in found), default=Recognised.NOTHING):
        found.append(Salvaged(whole))
    only_risk = test or wrong in _ONLY_RISK or _only_orders(looked)
    return [each for each in found if not only_risk or each.recognised is Recognised.A_CRITICAL_ANSWER]


def _unnamed(looked: Looked, dialect: Dialect, rules: Rules, wrong: What, now: datetime) -> Sequence[Unnamed]:
    """What it tells of a loss or a death, and of a no."""
    try:
        found = unnamed_in(looked.message or salvaged(looked.body), dialect, rules, now)
        told = found if _says_whose(looked, wrong) else (replace(each, hers=()) for each in found)
        # A feed of what is not taken at all is of every patient, and a person would be told of each who is not known.
        not_taken = _is_of_no_type_taken(looked)
        return [replace(each, events=frozenset(), refuses=False) if not_taken else each for each in told]
    except Exception as defect:  # noqa: BLE001  # as above
        telemetry.tell_defect("message-not-recognised", defect)
        return ()


def _stops(looked: Looked, dialect: Dialect, wrong: What, now: datetime) -> Sequence[Salvaged]:
    """What it would end."""
    try:
        order = stops_in(looked.message or salvaged(looked.body), dialect, now)
    except Exception as defect:  # noqa: BLE001  # as above
        telemetry.tell_defect("message-not-recognised", defect)
        return ()
    if order is None:
        return ()
    subjects = order.subjects if _says_whose(looked, wrong) else ()
    return [Salvaged(Recognised.NOTHING, subjects, addressed=order.referral, stops=order.order)]


def _is_of_no_type_taken(looked: Looked) -> bool:
    """Every type that there is has three letters (table 0076). Of anything else nobody knows what it was to be."""
    return _TYPE.fullmatch(looked.type[0]) is not None and looked.type[0] not in TYPES


def _only_orders(looked: Looked) -> bool:
    """Whether it asks for a questionnaire, as an engine that sends its orders too does for everybody, and answers
    none."""
    return _is_of_no_type_taken(looked) and looked.message is not None and looked.message.first("OBX") is None


def _says_whose(looked: Looked, wrong: What) -> bool:
    """Whether all that can be made out of it is certainly of the patient below whom it stands."""
    return looked.message is not None or (wrong is not Fault.OUTSIDE and tells_of_one(looked.body))
