"""A consent as the FHIR Consent that is kept and shown (IHE Privacy Consent on FHIR)."""

from typing import Any

import orjson

from service.consent.consent import Consent
from service.consent.terms import ConsentTerms
from service.flow.received import Identifier, Reference
from service.shared.code import Code

Tree = dict[str, Any]


def consent_body(
    consent: Consent,
    identifier: Identifier,
    subject: Reference,
    recipient: Reference | None,
    decided: str | None,
    terms: ConsentTerms,
) -> bytes:
    """`decided` is a FHIR dateTime, as exact as it was sent. What the site's codes stand for is written out; how she
    may be reached is not, for it is shown by the service's own rules alone."""
    tree: Tree = {
        "resourceType": "Consent",
        "identifier": [{"system": identifier.system, "value": identifier.value}],
        "status": consent.status.value,
        "scope": {"coding": _codings(terms.scopes)},
        "category": [{"coding": [each]} for each in _codings(terms.categories)],
    }
    if subject.identifier is not None:
        her = {"system": subject.identifier.system, "value": subject.identifier.value}
        tree["patient"] = {"type": "Patient", "identifier": her}
    if decided is not None:
        tree["dateTime"] = decided
    tree["provision"] = _provision(consent, recipient, terms)
    return orjson.dumps(tree)


def _provision(consent: Consent, recipient: Reference | None, terms: ConsentTerms) -> Tree:
    provision: Tree = {"type": "permit" if consent.permits else "deny"}
    period = {"start": consent.period_start, "end": consent.period_end}
    if any(period.values()):
        provision["period"] = {name: each.isoformat() for name, each in period.items() if each is not None}
    if recipient is not None:
        role = {"coding": _codings(terms.recipient_roles)}
        provision["actor"] = [{"role": role, "reference": {"reference": f"Organization/{recipient.id}"}}]
    if consent.purposes:
        provision["purpose"] = _codings(consent.purposes)
    return provision


def _codings(codes: frozenset[Code]) -> list[Tree]:
    return [{"system": each.system, "code": each.code} for each in sorted(codes)]
