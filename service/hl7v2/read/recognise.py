"""What observations that nobody acts on may be about: a screening result that went astray must not go unnoticed."""

from collections.abc import Iterable

from service.flow.keep_unreadable import Recognised
from service.flow.rules import Rules
from service.hl7v2.dialect import Dialect
from service.hl7v2.read.codes import Asked, elsewhere, is_risk, meanings, triplets, values_of
from service.hl7v2.read.orders import Order, patients_in
from service.hl7v2.segments import Message, Segment
from service.screening.instrument import CodeUse


def recognise(message: Message, dialect: Dialect, rules: Rules) -> Recognised:
    """Of a whole message, of whatever type."""
    patients = patients_in(message, dialect, rules)
    return recognise_orders([order for each in patients for order in each.orders], dialect, rules)


def recognise_orders(orders: Iterable[Order], dialect: Dialect, rules: Rules) -> Recognised:
    """Whether an observation is of a known instrument, or answers a critical question so that it is a risk.

    Whatever the status says of it: nothing is decided from this, a person is told to look.
    """
    found = Recognised.NOTHING
    for each in orders:
        found = max(found, _recognise(each.observations, each.asked, dialect, rules))
        if found is Recognised.NOTHING and each.asked.instrument_id is not None:
            found = Recognised.AN_INSTRUMENT
    return found


def _recognise(observations: Iterable[Segment], asked: Asked, dialect: Dialect, rules: Rules) -> Recognised:
    uses = [
        (obx, use)
        for obx in observations
        for named in (triplets(obx, 3),)
        for use in meanings(named, asked.code, dialect, rules) or elsewhere(named, asked, dialect, rules)
        if isinstance(use, CodeUse)
    ]
    if any(is_risk(obx.text(2).upper(), values_of(obx), use, dialect, rules) for obx, use in uses):
        return Recognised.A_CRITICAL_ANSWER
    return Recognised.AN_INSTRUMENT if uses else Recognised.NOTHING
