"""Show an offer to the programme that holds it: what the gate permits at this moment, and an audit row for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from service.consent.consent import Consent
from service.consent.disclosure import DISCLOSED, Element, ViewStage
from service.consent.gate import Permit, ask_gate
from service.consent.safe_contact import Channel, SafeContact, newest, safe_channel
from service.flow.ports import Transaction
from service.flow.rules import Rules
from service.referrals.needs import Access, Wish
from service.referrals.offer import VIEW_STAGE, Offer
from service.referrals.patient import Patient
from service.screening.instrument import EscalationContact, Stage
from service.shared.clock import day_in


class BabyAge(StrEnum):
    """How old the baby is, as far as the estimated date of delivery tells."""

    UP_TO_3_MONTHS = "up-to-3-months"
    FROM_3_TO_6_MONTHS = "3-to-6-months"
    FROM_6_TO_12_MONTHS = "6-to-12-months"
    OVER_12_MONTHS = "over-12-months"


_YOUNGER_THAN_DAYS = {BabyAge.UP_TO_3_MONTHS: 92, BabyAge.FROM_3_TO_6_MONTHS: 183, BabyAge.FROM_6_TO_12_MONTHS: 366}


@dataclass(frozen=True, slots=True)
class OfferView:
    """An offer as its programme may see it now. What is not disclosed is None.

    `stage` is `over` as soon as the gate refuses, whatever the offer's state. `channel` is the one safe way to reach
    her, `safe_contact` the rules that go with it. `due_month` is `YYYY-MM`; once the baby is there its age is told
    instead. `access` is empty when she needs nothing of the kind.
    """

    offer: Offer
    stage: ViewStage
    consent: Consent | None
    district: str | None
    pregnancy_stage: Stage | None
    language: str | None
    interpreter: bool | None
    respond_by: datetime | None
    preferred_name: str | None
    channel: Channel | None
    safe_contact: SafeContact | None
    due_month: str | None
    wish: Wish | None = None
    access: tuple[Access, ...] = ()
    baby_age: BabyAge | None = None
    escalation_contact: EscalationContact | None = None

    @property
    def etag(self) -> str:
        """Row version, view stage, consent version, and what time alone changes: her stage, whether a way is safe.

        The baby's age counts on from the stage.
        """
        consent = self.consent.version if self.consent else 0
        stage = list(Stage).index(self.pregnancy_stage) if self.pregnancy_stage else 0
        stage += len(Stage) * list(BabyAge).index(self.baby_age) if self.baby_age else 0
        view = list(ViewStage).index(self.stage)
        return f"{self.offer.version}.{view}.{consent}.{stage}.{int(self.channel is not None)}"


def disclose(
    tx: Transaction, rules: Rules, offers: Sequence[Offer], resource_type: str, now: datetime
) -> list[OfferView]:
    """The view of each offer, written down as disclosed to the caller as a `resource_type`."""
    women = {offer.patient_id for offer in offers}
    consents, patients = tx.consents.of_patients(women), tx.patients.get_all(women)
    views = [
        _view(rules, offer, consents.get(offer.patient_id, ()), patients[offer.patient_id], now) for offer in offers
    ]
    for view in views:
        handle = _handle(view.offer, resource_type)
        tx.audit.disclosed(resource_type, handle, view.etag, view.offer.patient_id)
    return views


def _handle(offer: Offer, resource_type: str) -> str:
    handles = offer.handles
    return {
        "Task": offer.id,
        "Patient": handles.patient,
        "ServiceRequest": handles.service_request,
        "Consent": handles.consent,
        "Observation": handles.observation,
    }[resource_type]


def _view(rules: Rules, offer: Offer, consents: Sequence[Consent], patient: Patient, now: datetime) -> OfferView:
    stage = VIEW_STAGE[offer.state]
    permits = {
        element: ask_gate(consents, offer.organisation_id, element, rules.consent_terms.purposes, now)
        for element in DISCLOSED[stage]
    }
    allowed = {element for element, answer in permits.items() if isinstance(answer, Permit)}
    consent = next((answer.consent for answer in permits.values() if isinstance(answer, Permit)), None)
    if consent is None:
        return _nothing(offer)
    return _facts(rules, offer, stage, consent, patient, allowed, now)


def _nothing(offer: Offer) -> OfferView:
    return OfferView(offer, ViewStage.OVER, None, None, None, None, None, None, None, None, None, None)


def _facts(
    rules: Rules,
    offer: Offer,
    stage: ViewStage,
    consent: Consent,
    patient: Patient,
    allowed: set[Element],
    now: datetime,
) -> OfferView:
    facts, reachable = patient.facts, Element.SAFE_CONTACT in allowed
    agreed, policy = newest(consent.safe_contact, patient.safe_contact), rules.policy(offer.tenant_id)
    channel = safe_channel(agreed, now.date()) if reachable else None
    pregnancy_stage = patient.stage(now, policy)
    born = pregnancy_stage is Stage.POSTNATAL
    return OfferView(
        offer=offer,
        stage=stage,
        consent=consent,
        district=facts.district if Element.DISTRICT in allowed else None,
        pregnancy_stage=pregnancy_stage if Element.STAGE in allowed else None,
        language=facts.language if Element.LANGUAGE in allowed else None,
        interpreter=facts.interpreter if Element.INTERPRETER in allowed else None,
        respond_by=offer.respond_by if Element.RESPOND_BY in allowed else None,
        preferred_name=facts.preferred_name if Element.PREFERRED_NAME in allowed else None,
        channel=channel,
        safe_contact=agreed if channel is not None else None,
        due_month=_month(patient.delivery) if Element.DUE_MONTH in allowed and not born else None,
        wish=patient.needs.wish if Element.WISH in allowed else None,
        access=tuple(sorted(patient.needs.access)) if Element.ACCESS in allowed else (),
        baby_age=_baby_age(patient.delivery, day_in(policy.zone, now))
        if Element.BABY_AGE in allowed and born
        else None,
        escalation_contact=policy.escalation_contact if Element.ESCALATION_CONTACT in allowed else None,
    )


def _month(day: date | None) -> str | None:
    return None if day is None else f"{day:%Y-%m}"


def _baby_age(due: date | None, today: date) -> BabyAge | None:
    if due is None:
        return None
    days = (today - due).days
    return next((age for age, limit in _YOUNGER_THAN_DAYS.items() if days < limit), BabyAge.OVER_12_MONTHS)
