"""What observations that nobody acts on may be about: a screening result that went astray must not go unnoticed."""

from collections.abc import Iterable

from service.flow.keep_unreadable import Recognised
from service.flow.rules import Rules
from service.hl7v2.dialect import Dialect
from service.hl7v2.read.codes import Asked, asked_by, elsewhere, meanings, scores, triplets, values_of
from service.hl7v2.read.orders import Order, patients_in
from service.hl7v2.segments import Message, Segment
from service.screening.instrument import CodeUse


def recognise(message: Message, dialect: Dialect, rules: Rules) -> Recognised:
    """Of a whole message, of whatever type."""
    return recognise_orders((order for each in patients_in(message) for order in each.orders), dialect, rules)


def recognise_orders(orders: Iterable[Order], dialect: Dialect, rules: Rules) -> Recognised:
    """Whether an observation is of a known instrument, or answers a critical question so that it is a risk.

    Whatever the status says of it: nothing is decided from this, a person is told to look.
    """
    found = Recognised.NOTHING
    for each in orders:
        asked = asked_by(each.headers, dialect, rules)
        found = max(found, _recognise(each.observations, asked, dialect, rules))
        if found is Recognised.NOTHING and asked.instrument_id is not None:
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
    if any(is_risk(obx, use, dialect, rules) for obx, use in uses):
        return Recognised.A_CRITICAL_ANSWER
    return Recognised.AN_INSTRUMENT if uses else Recognised.NOTHING


def is_risk(obx: Segment, use: CodeUse, dialect: Dialect, rules: Rules) -> bool:
    """Whether it answers a critical question, which this is, so that self-harm is present."""
    item = rules.instruments[use.instrument_id].by_number.get(use.item or 0)
    harmful = None if item is None else item.least_harm_answer
    return harmful is not None and any(
        each is not None and each >= harmful
        for each in scores(obx.text(2).upper(), values_of(obx), use, dialect, rules)
    )
