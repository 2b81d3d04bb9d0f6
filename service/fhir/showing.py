"""What a caller is shown of each resource: its own view, asked of the gate and written to the audit in the same
unit."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

import orjson

from service.fhir.raw import exact, patch
from service.fhir.shown import Shown, Tree
from service.fhir.told import answers_to, show_communication, show_contact, words_behind
from service.fhir.write import alert as alerts
from service.fhir.write import directory, offer, record
from service.flow.disclose import OfferView, disclose
from service.flow.report_back import reported_back
from service.flow.rules import Rules
from service.referrals.alert import Alert
from service.referrals.instruction import Instruction
from service.referrals.offer import Offer
from service.referrals.referral import Referral
from service.shared.caller import OrganisationKind
from service.shared.clock import milliseconds
from service.store.unit_of_work import UnitOfWork


def show(tx: UnitOfWork, rules: Rules, type: str, id: str, now: datetime) -> Shown | None:
    """The resource as the caller may see it now; None when there is none in its view."""
    if type in _PUBLIC:
        return _PUBLIC[type](tx, id)
    by_kind = _COMMUNITY if tx.caller.kind is OrganisationKind.COMMUNITY else _HOSPITAL
    return by_kind.get(type, _as_received)(tx, rules, type, id, now)


def show_tasks(tx: UnitOfWork, rules: Rules, found: Sequence[tuple[Offer | Alert, int]], now: datetime) -> list[Shown]:
    """The Tasks that a search found, each with its stamp."""
    offers = [thing for thing, _ in found if isinstance(thing, Offer)]
    if tx.caller.kind is OrganisationKind.COMMUNITY:
        views = disclose(tx, rules, offers, "Task", now)
        write = _programme_tasks(tx, rules, views)
        return [_viewed(view, stamp, write) for view, (_, stamp) in zip(views, found, strict=True)]
    write_record = _record_tasks(tx, rules, offers, now)
    raised = [thing for thing, _ in found if isinstance(thing, Alert)]
    fitting = {id for alert in raised for id in alert.programmes}
    names = tx.programmes.called(fitting) if fitting else {}
    write_alert = partial(_alert, rules=rules, names=names, words=words_behind(tx, rules, raised))
    return [_recorded(tx, thing, stamp, write_record, write_alert) for thing, stamp in found]


def show_focus(tx: UnitOfWork, rules: Rules, found: Sequence[tuple[Offer | Alert, int]], now: datetime) -> list[Shown]:
    """The ServiceRequests that these Tasks are about, each once."""
    offers = [(thing, stamp) for thing, stamp in found if isinstance(thing, Offer)]
    if tx.caller.kind is OrganisationKind.COMMUNITY:
        views = disclose(tx, rules, [each for each, _ in offers], "ServiceRequest", now)
        return [_viewed(view, stamp, offer.service_request) for view, (_, stamp) in zip(views, offers, strict=True)]
    return _referrals_shown(tx, tx.feed.referrals({each.referral_id for each, _ in offers}))


def _viewed(view: OfferView, stamp: int, write: Callable[[OfferView, int], Tree]) -> Shown:
    return Shown(view.etag, stamp, lambda at: write(view, at))


def _programme_tasks(tx: UnitOfWork, rules: Rules, views: Sequence[OfferView]) -> Callable[[OfferView, int], Tree]:
    ids = [view.offer.id for view in views]
    notes, outputs = tx.offers.reports(ids, "note"), tx.offers.reports(ids, "output")
    answers = answers_to(tx, rules, ids)
    names = tx.organisations.names(
        {each for view in views for each in (view.offer.tenant_id, view.offer.organisation_id)}
    )

    def write(view: OfferView, stamp: int) -> Tree:
        id = view.offer.id
        return offer.task(
            view,
            stamp,
            rules,
            requester_name=names.get(view.offer.tenant_id),
            owner_name=names.get(view.offer.organisation_id),
            notes=notes.get(id, ()),
            outputs=outputs.get(id, ()),
            answers=answers.get(id, ()),
        )

    return write


def _record_tasks(tx: UnitOfWork, rules: Rules, offers: Sequence[Offer], now: datetime) -> Callable[[Offer, int], Tree]:
    notes = tx.offers.reports([each.id for each in offers], "note")
    names = tx.programmes.called({each.programme_id for each in offers})
    engagements = reported_back(tx, rules, offers, now)

    def write(each: Offer, stamp: int) -> Tree:
        name = names[each.programme_id]
        return record.record_task(each, stamp, name, engagements.get(each.id), notes.get(each.id, ()))

    return write


def _alert(alert: Alert, stamp: int, *, rules: Rules, names: Mapping[str, str], words: Mapping[str, str]) -> Tree:
    return alerts.alert_task(alert, stamp, rules, names, words.get(alert.id))


def _recorded(
    tx: UnitOfWork,
    thing: Offer | Alert,
    stamp: int,
    write_offer: Callable[[Offer, int], Tree],
    write_alert: Callable[[Alert, int], Tree],
) -> Shown:
    if thing.patient_id is not None:
        tx.audit.disclosed("Task", thing.id, str(thing.version), thing.patient_id)
    if isinstance(thing, Alert):
        return Shown(str(thing.version), stamp, lambda at: write_alert(thing, at))
    return Shown(str(thing.version), stamp, lambda at: write_offer(thing, at))


def _task(tx: UnitOfWork, rules: Rules, type: str, id: str, now: datetime) -> Shown | None:
    thing = tx.visible.offer(id) or tx.visible.alert(id)
    if thing is None:
        return None
    return show_tasks(tx, rules, [(thing, tx.feed.stamp_of(thing))], now)[0]


def _service_request(tx: UnitOfWork, rules: Rules, type: str, id: str, now: datetime) -> Shown | None:
    referral = tx.visible.referral(id)
    if referral is None:
        return None
    return _referrals_shown(tx, [(referral, tx.feed.stamp_of(referral))])[0]


def _referrals_shown(tx: UnitOfWork, referrals: Sequence[tuple[Referral, int]]) -> list[Shown]:
    told = tx.referrals.instructions([referral.id for referral, _ in referrals])
    return [_referral_shown(tx, referral, stamp, told.get(referral.id, ())) for referral, stamp in referrals]


def _referral_shown(tx: UnitOfWork, referral: Referral, stamp: int, told: Sequence[Instruction]) -> Shown:
    tx.audit.disclosed("ServiceRequest", referral.id, str(referral.version), referral.patient_id)
    return Shown(str(referral.version), stamp, lambda at: record.record_service_request(referral, at, told))


def _derived(tx: UnitOfWork, rules: Rules, type: str, id: str, now: datetime) -> Shown | None:
    """A programme's own Patient, ServiceRequest, Consent or Observation, which only this offer has."""
    found = tx.visible.offer_by_handle(type, id)
    if found is None:
        return None
    view = disclose(tx, rules, [found], type, now)[0]
    return _viewed(view, tx.feed.stamp_of(found), _DERIVED[type])


def _provenance(tx: UnitOfWork, rules: Rules, type: str, id: str, now: datetime) -> Shown | None:
    """Of a review that was made; its id is the alert's."""
    alert = tx.visible.alert(id)
    review = alert.review if alert else None
    if alert is None or review is None:
        return None
    if alert.patient_id is not None:
        tx.audit.disclosed(type, id, str(alert.version), alert.patient_id)
    return Shown(str(alert.version), tx.feed.stamp_of(alert), lambda at: alerts.provenance(alert, review, at))


def _as_received(tx: UnitOfWork, rules: Rules, type: str, id: str, now: datetime) -> Shown | None:
    kept = tx.visible.resource(type, id)
    if kept is None:
        return None
    if kept.patient_id is not None:
        tx.audit.disclosed(type, id, str(kept.version), kept.patient_id)
    return Shown(
        str(kept.version),
        kept.stamp,
        lambda at: orjson.Fragment(patch(kept.body, id=id, version=kept.version, stamp_ms=at)),
    )


def _patient(tx: UnitOfWork, rules: Rules, type: str, id: str, now: datetime) -> Shown | None:
    """As received; of a record that has become part of another, that it is in use no more and which one that is."""
    shown = _as_received(tx, rules, type, id, now)
    survivor = tx.patients.get_all((id,))[id].replaced_by if shown else None
    if shown is None or survivor is None:
        return shown
    return replace(shown, write=lambda at: _replaced(shown.write(at), survivor))


def _replaced(written: object, survivor: str) -> Tree:
    tree: Tree = exact(orjson.dumps(written))
    links = [*tree.get("link", ()), {"other": {"reference": f"Patient/{survivor}"}, "type": "replaced-by"}]
    return {**tree, "active": False, "link": links}


def _organisation(tx: UnitOfWork, id: str) -> Shown | None:
    found = tx.organisations.find(id)
    if found is None:
        return None
    return Shown("1", milliseconds(found.added_at), lambda at: directory.organisation(found))


def _programme(tx: UnitOfWork, id: str) -> Shown | None:
    """A hospital may have the name of one that takes nobody any more; an organisation has its own alone."""
    found = tx.programmes.listed(id)
    if found is None:
        return None
    if tx.caller.kind is OrganisationKind.COMMUNITY and found.programme.organisation_id != tx.caller.organisation_id:
        return None
    return Shown(found.version, milliseconds(found.changed_at), lambda at: directory.healthcare_service(found))


_PUBLIC: Mapping[str, Callable[[UnitOfWork, str], Shown | None]] = {
    "HealthcareService": _programme,
    "Organization": _organisation,
}
Show = Callable[[UnitOfWork, Rules, str, str, datetime], Shown | None]

_HOSPITAL: Mapping[str, Show] = {
    "Task": _task,
    "ServiceRequest": _service_request,
    "Patient": _patient,
    "Provenance": _provenance,
    "Encounter": show_contact,
    "Procedure": show_contact,
}
_COMMUNITY: Mapping[str, Show] = {
    "Task": _task,
    "ServiceRequest": _derived,
    "Patient": _derived,
    "Consent": _derived,
    "Observation": _derived,
    "Communication": show_communication,
}
_DERIVED: Mapping[str, Callable[[OfferView, int], Tree]] = {
    "ServiceRequest": offer.service_request,
    "Patient": offer.patient,
    "Consent": offer.consent,
    "Observation": offer.observation,
}
