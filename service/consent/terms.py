"""What a Consent has to say before it can permit anything here: data that a site may change, read from mappings/."""

from dataclasses import dataclass

from service.shared.code import Code


@dataclass(frozen=True, slots=True)
class ConsentTerms:
    """The codes that the gate accepts. A code that is not listed never permits; nothing is inferred from text.

    `scopes` and `categories` say that the resource is a privacy consent to disclose (IHE PCF, HL7 SDOHCC-Consent): the
    scope and at least one category must be listed. `recipient_roles` are the `provision.actor.role` of who may receive,
    `purposes` the `provision.purpose`, `report_back_meanings` the `provision.data.meaning` of a nested permit that lets
    the programme report back. `longest_days` ends a permit that names no earlier end.
    """

    scopes: frozenset[Code]
    categories: frozenset[Code]
    recipient_roles: frozenset[Code]
    purposes: frozenset[Code]
    report_back_meanings: frozenset[str]
    longest_days: int
