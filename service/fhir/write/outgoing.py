"""What is written into a hospital's own record.

Nothing of ours resolves there, so references are the record's own, as `Type/id`, and organisations are an identifier
and a name (DESIGN 8). Each resource carries our identifier, by which it is found again.
"""

from base64 import b64encode
from collections.abc import Sequence

from service.fhir import terms
from service.fhir.survey import Tree
from service.fhir.write.alert import team
from service.fhir.write.directory import logical
from service.fhir.write.parts import LABELS, at, claims, concept, identified, identifier, present
from service.fhir.write.record import offer_elements, referral_elements
from service.flow.received import Identifier
from service.referrals.alert import Alert
from service.referrals.contact import Engagement
from service.referrals.note import Note
from service.referrals.offer import Offer
from service.referrals.programme import Programme
from service.referrals.referral import Referral
from service.screening.instrument import Rung
from service.store.directory import Organisation

NOTE_AUTHOR, NOTE_TITLE = "Peer referral service", "Referral to peer support"


def outgoing_patient(identifiers: Sequence[Identifier]) -> Tree:
    """Her, for a record that does not know her yet, by the identifiers that its hospital gave and nothing else."""
    return {
        "resourceType": "Patient",
        "identifier": [identifier(each.system, each.value) for each in identifiers],
    }


def outgoing_service_request(referral: Referral, patient: Tree) -> Tree:
    """The referral. The record's own hospital asks for it, so no requester is named."""
    return {
        "resourceType": "ServiceRequest",
        "meta": claims(terms.SERVICE_REQUEST_PROFILE, LABELS),
        **referral_elements(referral, patient),
    }


def outgoing_task(
    offer: Offer,
    engagement: Engagement | None,
    patient: Tree,
    service_request_reference: str | None,
    programme: Programme,
    owner: Organisation | None,
    hospital: Organisation,
) -> Tree:
    """The offer. `engagement` is None unless she allowed the programme to report back;
    `service_request_reference` is None for a record that takes no ServiceRequest.

    `owner` is the programme's organisation; without it the Task names the programme by our id for that organisation.
    """
    ours = identified("Organization", terms.ORGANISATION_ID, offer.organisation_id)
    return {
        "resourceType": "Task",
        "meta": claims(terms.TASK_PROFILE, LABELS),
        **offer_elements(
            offer,
            engagement,
            focus=_referral(offer.referral_id, service_request_reference),
            patient=patient,
            requester=logical(hospital),
            owner=logical(owner, programme.name) if owner else ours | {"display": programme.name},
        ),
    }


def outgoing_communication(
    alert: Alert,
    text: str,
    rung: Rung,
    patient: Tree | None,
    further: Sequence[str] = (),
    link: str | None = None,
) -> Tree:
    """The alert, said once on each rung of its ladder. `link` is where it may be answered once.

    A record may be read over her shoulder, so it carries no code for the reason: the neutral `text` is all, and what is
    `further` said: the names of the programmes that fit, which are neutral too, or a programme's own words, so marked.
    """
    page = [{"contentAttachment": {"contentType": "text/html", "url": link, "title": "Answer"}}] if link else []
    return present(
        {
            "resourceType": "Communication",
            "identifier": [identifier(terms.ALERT_ID, alert.message_name)],
            "status": "completed",
            "category": [concept(terms.ALERT_CATEGORY)],
            "priority": alert.priority.value,
            "subject": patient,
            "sent": at(alert.raised_at),
            "recipient": [team(rung)],
            "payload": [*({"contentString": said} for said in (text, *further)), *page],
        }
    )


def outgoing_note(note: Note, text: str, patient: Tree, service_request_reference: str | None) -> Tree:
    """A step of the referral in plain words, for the chart; of the referral itself the record may know nothing.

    One plain-text attachment, inline, is what every record that takes notes can show.
    """
    happened = at(note.happened_at)
    return {
        "resourceType": "DocumentReference",
        "meta": claims(labels=LABELS),
        "identifier": [identifier(terms.NOTE_ID, note.id)],
        "status": "current",
        "docStatus": "final",
        "type": concept(terms.NOTE, "Progress note"),
        "subject": patient,
        "date": happened,
        "author": [{"type": "Device", "display": NOTE_AUTHOR}],
        "description": NOTE_TITLE,
        "content": [
            {
                "attachment": {
                    "contentType": "text/plain",
                    "data": b64encode(text.encode()).decode(),
                    "title": NOTE_TITLE,
                    "creation": happened,
                }
            }
        ],
        "context": {"related": [_referral(note.referral_id, service_request_reference)]},
    }


def _referral(id: str, reference: str | None) -> Tree:
    return {"reference": reference} if reference else identified("ServiceRequest", terms.REFERRAL_ID, id)
