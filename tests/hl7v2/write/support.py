"""Parcels with fixed ids and times, and the messages that are written of them.

`python -m tests.hl7v2.write.support` writes the golden files anew; read every difference before you keep one.
"""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import orjson

from service.delivery.channel import Parcel
from service.flow.received import Identifier
from service.flow.rules import DEFAULT_SITE
from service.hl7v2.dialect import Dialect
from service.hl7v2.placer import as_identifier
from service.hl7v2.write.build import Draft, build
from service.hl7v2.write.drafts import drafted
from service.hl7v2.write.message import Sheet
from service.hl7v2.write.outbound import Outbound
from service.mappings import load_dialects, load_outbound
from service.referrals.alert import AlertState, Practitioner, Review, ReviewOutcome
from service.referrals.delivery import Delivery, DeliveryState, Lane
from service.referrals.note_text import Told, note_text
from service.referrals.offer import OfferState
from tests.fhir.write import support
from tests.fhir.write.support import (
    ASKING,
    CLOSED,
    DESCRIBED,
    ENDED,
    ENGAGEMENT,
    HOSPITAL,
    NOTE_OF,
    NUMBER,
    OFFER,
    PROGRAMME,
    RAISED,
    REFERRAL,
    TOLD,
)

GOLDEN = Path(__file__).parents[2] / "golden" / "hl7v2" / "sent"
ZONE = ZoneInfo("Africa/Nairobi")
POLICY = replace(support.RULES.policies[DEFAULT_SITE], zone=ZONE)
RULES = replace(support.RULES, policies={DEFAULT_SITE: POLICY})
NOW = datetime(2026, 11, 3, 9, 30, tzinfo=UTC)
OUTBOUND = load_outbound()["default"]
SENDER = ("PEER-REFERRAL", "TEST-PEERS")
NATIONAL = Identifier("https://fhir.nhs.uk/Id/nhs-number", "9990000018")
ELSEWHERE = Identifier("https://elsewhere.example/number", "X-1")
DIALECT = replace(
    load_dialects(RULES)["default"],
    authorities={("ST TEST", "MR"): NUMBER.system, ("2.16.840.1.113883.2.1.4.1", ""): NATIONAL.system},
)
RECEIVER = replace(HOSPITAL, fhir_endpoint=None, hl7v2_endpoint="mllps://engine.example:2575")
ORDERED = orjson.dumps({"identifier": [as_identifier("ORD-4711", "MATERNITY", "2.999.3")]})


def owed(type: str, id: str, lane: Lane = Lane.STATUS, patient_id: str | None = OFFER.patient_id) -> Parcel:
    """A parcel with nothing in it yet but whom it is about."""
    delivery = Delivery(
        id="01a00000-0000-7000-8000-00000000dd01",
        destination_id=RECEIVER.id,
        lane=lane,
        resource_type=type,
        resource_id=id,
        version=1,
        patient_id=patient_id,
        state=DeliveryState.LEASED,
        attempts=1,
        due_at=NOW,
        last_outcome=None,
        correlation_id="01a00000-0000-7000-8000-00000000dd02",
        shown=False,
        owed_at=NOW,
    )
    names = () if patient_id is None else (NUMBER, ELSEWHERE, NATIONAL)
    return Parcel(delivery, RECEIVER, names, {}, observations=(ORDERED,))


REFERRED = replace(owed("ServiceRequest", REFERRAL.id), referral=REFERRAL)
OFFERED = replace(owed("Task", OFFER.id), referral=REFERRAL, offer=OFFER, programme=PROGRAMME)
SUPPORTED = replace(
    OFFERED,
    offer=OFFER._replace(state=OfferState.COMPLETED, status_reason="Finished", business_status="Last call made"),
    engagement=ENDED,
    first_told="AN-EARLIER-MESSAGE",
)
UNTOLD = replace(SUPPORTED, engagement=None)
ALERTING = replace(
    owed("Communication", RAISED.id, Lane.URGENT),
    alert=RAISED,
    escalation=TOLD,
    programme=DESCRIBED,
    link="https://service.example/answer/TOKEN",
)
CLIMBED = replace(ALERTING, alert=replace(RAISED, rung=1), escalation=None, link=None)
OVER = replace(
    owed("AlertTask", RAISED.id, Lane.ROUTINE),
    alert=replace(
        RAISED,
        rung=1,
        state=AlertState.RESOLVED,
        review=Review(ReviewOutcome.SUITABLE, Practitioner("M. Test", "Midwife"), NOW),
    ),
)
ASKING_HER = replace(owed("Communication", ASKING.id, Lane.URGENT), alert=ASKING, fitting=(PROGRAMME,))
ABOUT_NOBODY = replace(
    owed("Communication", RAISED.id, Lane.URGENT, None), alert=replace(RAISED, patient_id=None), observations=()
)
NOTED = replace(
    owed("DocumentReference", NOTE_OF.id),
    referral=REFERRAL,
    note=NOTE_OF,
    note_text=note_text(RULES.note_texts, NOTE_OF.kind, [Told(OFFER, PROGRAMME.name, ENGAGEMENT)], ZONE),
)
PARCELS = {
    "referral": REFERRED,
    "referral-closed": replace(REFERRED, referral=CLOSED, first_told="AN-EARLIER-MESSAGE"),
    "offer": OFFERED,
    "offer-completed": SUPPORTED,
    "offer-completed-and-not-reported": UNTOLD,
    "alert-of-a-programme": ALERTING,
    "alert-on-the-second-rung": CLIMBED,
    "alert-that-is-over": OVER,
    "alert-that-asks-for-consent": ASKING_HER,
    "alert-about-no-woman": ABOUT_NOBODY,
    "note": NOTED,
}


def draft(parcel: Parcel, outbound: Outbound = OUTBOUND, dialect: Dialect = DIALECT) -> list[Draft]:
    return list(drafted(Sheet(parcel, outbound, dialect, SENDER), RULES))


def written(parcel: Parcel, outbound: Outbound = OUTBOUND) -> bytes:
    return build(draft(parcel, outbound))


def readable(message: bytes) -> str:
    return message.decode().replace("\r", "\n")


if __name__ == "__main__":
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for name, parcel in PARCELS.items():
        (GOLDEN / f"{name}.hl7").write_text(readable(written(parcel)), encoding="utf-8")
