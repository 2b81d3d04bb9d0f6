"""What is written into a hospital's own record.

Nothing of ours resolves there, so references are the record's own, as `Type/id`, and organisations are an identifier
and a name (DESIGN 8). Each resource carries our identifier, by which it is found again.
"""

from collections.abc import Sequence

from service.fhir import terms
from service.fhir.survey import Tree
from service.fhir.write.directory import logical
from service.fhir.write.parts import LABELS, at, claims, concept, identifier, present
from service.fhir.write.record import offer_elements, referral_elements
from service.flow.received import Identifier
from service.referrals.alert import Alert
from service.referrals.contact import Engagement
from service.referrals.offer import Offer
from service.referrals.programme import Programme
from service.referrals.referral import Referral
from service.store.directory import Organisation


def outgoing_patient(identifiers: Sequence[Identifier]) -> Tree:
    """Her, for a record that does not know her yet, by the identifiers that its hospital gave and nothing else."""
    return {
        "resourceType": "Patient",
        "identifier": [identifier(each.system, each.value) for each in identifiers],
    }


def outgoing_service_request(referral: Referral, patient_reference: str) -> Tree:
    """The referral. The record's own hospital asks for it, so no requester is named."""
    return {
        "resourceType": "ServiceRequest",
        "meta": claims(terms.SERVICE_REQUEST_PROFILE, LABELS),
        **referral_elements(referral, {"reference": patient_reference}),
    }


def outgoing_task(
    offer: Offer,
    engagement: Engagement | None,
    patient_reference: str,
    service_request_reference: str,
    programme: Programme,
    owner: Organisation | None,
    hospital: Organisation,
) -> Tree:
    """The offer. `engagement` is None unless she allowed the programme to report back.

    `owner` is the programme's organisation; without it the Task names the programme by our id for that organisation.
    """
    ours = identifier(terms.ORGANISATION_ID, offer.organisation_id)
    named = {"type": "Organization", "identifier": ours, "display": programme.name}
    return {
        "resourceType": "Task",
        "meta": claims(terms.TASK_PROFILE, LABELS),
        **offer_elements(
            offer,
            engagement,
            focus={"reference": service_request_reference},
            patient={"reference": patient_reference},
            requester=logical(hospital),
            owner=logical(owner, programme.name) if owner else named,
        ),
    }


def outgoing_communication(
    alert: Alert, text: str, patient_reference: str | None, fitting: Sequence[Programme] = ()
) -> Tree:
    """The alert, said once on each rung of its ladder.

    A record may be read over her shoulder, so it carries no code for the reason: the neutral `text` is all, and the
    names of the programmes that are `fitting`, which are neutral too.
    """
    return present(
        {
            "resourceType": "Communication",
            "identifier": [identifier(terms.ALERT_ID, alert.id if alert.rung == 0 else f"{alert.id}.{alert.rung}")],
            "status": "completed",
            "category": [concept(terms.ALERT_CATEGORY)],
            "priority": alert.priority.value,
            "subject": {"reference": patient_reference} if patient_reference else None,
            "sent": at(alert.raised_at),
            "payload": [{"contentString": said} for said in (text, *(each.name for each in fitting))],
        }
    )
