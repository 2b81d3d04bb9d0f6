"""The message of each delivery, and whether it corrects what may be on file."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from service.delivery.channel import Parcel
from service.flow.rules import Rules
from service.hl7v2.write.alert import alert_result
from service.hl7v2.write.build import Draft
from service.hl7v2.write.message import Sheet, identified
from service.hl7v2.write.note import note_document
from service.hl7v2.write.referral import offer_result, referral_result
from service.referrals.delivery import Delivery, DeliveryTrigger
from service.screening.instrument import Recorded

WRITERS: Mapping[Recorded, Callable[[Sheet, Rules], list[Draft]]] = {
    Recorded.ALERTS: alert_result,
    Recorded.ALERT_TASKS: alert_result,
    Recorded.REFERRAL: lambda sheet, _: referral_result(sheet),
    Recorded.OFFERS: lambda sheet, _: offer_result(sheet),
    Recorded.NOTES: lambda sheet, _: note_document(sheet),
}
_STATUSES = (Recorded.REFERRAL, Recorded.OFFERS)


def is_said(parcel: Parcel, rules: Rules) -> bool:
    """An alert is said for as long as it waits; that it is over, as what is owed of its Task, if that is."""
    kind, alert = Recorded(parcel.delivery.resource_type), parcel.alert
    if alert is None:
        return True
    if not alert.is_over:
        return kind is Recorded.ALERTS
    return kind is Recorded.ALERT_TASKS or Recorded.ALERT_TASKS not in rules.policy(alert.tenant_id).record


def drafted(sheet: Sheet, rules: Rules) -> tuple[Draft, ...]:
    """The segments, with OBX-11 F if what may be on file is nothing or this very message, and else C (table 0085).
    Raises NotNamed."""
    parcel = sheet.parcel
    delivery, write = parcel.delivery, WRITERS[Recorded(parcel.delivery.resource_type)]
    drafts = identified(write(sheet, rules), delivery)
    if not parcel.may_have_said_else and parcel.first_told in (None, control_of(drafts)):
        return drafts
    return identified(write(replace(sheet, corrects=True), rules), delivery)


def may_be_on_file(delivery: Delivery, drafts: tuple[Draft, ...], trigger: DeliveryTrigger) -> str | None:
    """MSH-10 of a status that may have arrived. What was under way when its sender died is taken for this one, which
    says the same or is a correction."""
    arrived = delivery.abandoned or trigger in (DeliveryTrigger.TAKEN, DeliveryTrigger.ANSWER_LOST)
    return control_of(drafts) if arrived and delivery.resource_type in _STATUSES else None


def newer_told(parcel: Parcel, trigger: DeliveryTrigger) -> int | None:
    """The version of a status that was taken, if that is newer than the one that was owed: to say it once more would be
    a correction of nothing."""
    delivery, status = parcel.delivery, parcel.offer or parcel.referral
    if trigger is not DeliveryTrigger.TAKEN or delivery.resource_type not in _STATUSES or status is None:
        return None
    return status.version if status.version > delivery.version else None


def control_of(drafts: tuple[Draft, ...]) -> str:
    """MSH-10."""
    return drafts[0].fields[10]
