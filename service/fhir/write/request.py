"""What a programme's ServiceRequest says of her in extensions, by the stage of its view (DESIGN 7)."""

from service.consent.disclosure import DISCLOSED, Element
from service.fhir import terms
from service.fhir.survey import Tree
from service.fhir.write.parts import Fact, extension, known
from service.fhir.write.safe_contact import safe_contact
from service.flow.disclose import BabyAge, OfferView
from service.screening.instrument import EscalationContact, Stage


def told(view: OfferView, element: Element, fact: Fact | None) -> Fact | None:
    """The fact, if the stage of the view discloses it."""
    return fact if element in DISCLOSED[view.stage] else None


def request_extensions(view: OfferView) -> list[Tree]:
    stage = None if view.pregnancy_stage is Stage.UNKNOWN else view.pregnancy_stage
    channel = told(view, Element.SAFE_CONTACT, view.channel)
    return [
        *known(told(view, Element.STAGE, stage), _stage),
        *_support_needs(view),
        *known(told(view, Element.DUE_MONTH, view.due_month), _due_month),
        *known(told(view, Element.BABY_AGE, view.baby_age), _baby_age),
        *known(told(view, Element.ESCALATION_CONTACT, view.escalation_contact), _escalation_contact),
        *([safe_contact(channel, view.safe_contact)] if channel and view.safe_contact else []),
    ]


def _stage(stage: Stage) -> Tree:
    return extension(terms.PREGNANCY_STAGE, valueCode=stage.value)


def _due_month(month: str) -> Tree:
    return extension(terms.DUE_MONTH, valueString=month)


def _baby_age(age: BabyAge) -> Tree:
    return extension(terms.BABY_AGE, valueCode=age.value)


def _escalation_contact(contact: EscalationContact) -> Tree:
    telephone = {"system": "phone", "value": contact.telephone}
    return extension(terms.ESCALATION_CONTACT, valueContactDetail={"name": contact.name, "telecom": [telephone]})


def _support_needs(view: OfferView) -> list[Tree]:
    """The extension in the form in which the hospital sends it, with what a programme may know of it."""
    said = [
        *known(told(view, Element.WISH, view.wish), lambda wish: extension("wish", valueCode=wish.value)),
        *(extension("access", valueCode=each.value) for each in told(view, Element.ACCESS, view.access) or ()),
    ]
    return [{"url": terms.SUPPORT_NEEDS, "extension": said}] if said else []
