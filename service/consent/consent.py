"""One Consent names one organisation, a period and purposes (IHE PCF shape, FHIR R4 Consent)."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from service.consent.safe_contact import SafeContact, narrows
from service.shared.code import Code


class Status(StrEnum):
    """FHIR R4 consent-state-codes."""

    DRAFT = "draft"
    PROPOSED = "proposed"
    ACTIVE = "active"
    REJECTED = "rejected"
    INACTIVE = "inactive"
    ENTERED_IN_ERROR = "entered-in-error"


NOT_YET_SAID = frozenset({Status.DRAFT, Status.PROPOSED})
NO_LONGER_GIVEN = frozenset({Status.REJECTED, Status.INACTIVE, Status.ENTERED_IN_ERROR})
NEVER_SAID = NOT_YET_SAID | {Status.ENTERED_IN_ERROR}


@dataclass(frozen=True, slots=True)
class Consent:
    """What a woman said about one organisation.

    `recipient_id` is the organisation it is about, None for all of them (only a denial may be that wide).
    `given_at` is Consent.dateTime. `withdrawn_at` is the instant at which a withdrawal reached us; once set it stays,
    so that the same Consent never permits again. `may_report_back` is the nested permit by which the programme may
    tell the hospital how often they met. `may_refuse`: nobody can tell whether it is a no, or takes back a yes that is
    known by another name.
    """

    id: str
    version: int
    tenant_id: str
    patient_id: str
    status: Status
    permits: bool
    recipient_id: str | None
    given_at: datetime | None
    period_start: datetime | None
    period_end: datetime | None
    purposes: frozenset[Code]
    may_report_back: bool
    safe_contact: SafeContact | None
    withdrawn_at: datetime | None = None
    may_refuse: bool = False

    def gives_permission(self) -> bool:
        return self.permits and self.status is Status.ACTIVE and self.withdrawn_at is None

    def ends_permission(self) -> bool:
        """Whether it is a no, or takes back what may have been a yes."""
        return self.status in NO_LONGER_GIVEN or (self.status is Status.ACTIVE and not self.permits)

    def was_said(self) -> bool:
        """Whether it counts at all. What was a yes or a no here still counts after it is called a draft or an error."""
        return self.status not in NEVER_SAID or self.withdrawn_at is not None

    def said_at(self) -> datetime | None:
        """Consent.dateTime, or for a withdrawal the instant at which it reached us, whichever is later."""
        return max((time for time in (self.given_at, self.withdrawn_at) if time is not None), default=None)


def revise(known: Consent, received: Consent, now: datetime) -> Consent:
    """The next version of a Consent. Less permission always sticks; permission does not come back to life.

    After a no, or an entry in error, this Consent never permits again, whatever is received under its identifier; that
    takes a new one. The no goes on counting for the organisation that it was about.
    """
    revised = replace(received, id=known.id, version=known.version + 1, withdrawn_at=None)
    if known.gives_permission():
        return revised if received.gives_permission() else _no(known, revised, now)
    if known.was_said():
        undated = received.given_at is None and not received.gives_permission()
        return _no(known, revised, now if undated else known.said_at() or now)
    if known.status is Status.ENTERED_IN_ERROR and not _is_no(revised):
        return replace(revised, status=Status.ENTERED_IN_ERROR)
    return revised


def _no(known: Consent, revised: Consent, since: datetime) -> Consent:
    """The end of a Consent is about whom it was about; a no that names somebody else as well is about everybody."""
    if not _is_no(revised):
        return replace(known, version=revised.version, status=revised.status, withdrawn_at=since)
    unnamed = revised.recipient_id is None and revised.status in NO_LONGER_GIVEN
    same = unnamed or revised.recipient_id == known.recipient_id
    return replace(revised, recipient_id=known.recipient_id if same else None, withdrawn_at=since)


def _is_no(consent: Consent) -> bool:
    return consent.was_said() and not consent.gives_permission()


def tells_more(known: Consent, revised: Consent) -> bool:
    """Whether the next version of a Consent says what has not been heard before: the same no, sent once more, does
    not."""
    return revised.gives_permission() or _word(known) != _word(revised)


def _word(consent: Consent) -> tuple[bool, bool, str | None, datetime | None]:
    return consent.was_said(), consent.gives_permission(), consent.recipient_id, consent.said_at()


def gives_less(known: Consent, received: Consent) -> bool:
    """Whether a change takes permission away: then it applies whatever version the sender had in mind."""
    if not received.gives_permission():
        return received.was_said() or known.gives_permission()
    return known.gives_permission() and (
        received.recipient_id != known.recipient_id
        or known.may_report_back > received.may_report_back
        or bool(known.purposes - received.purposes)
        or _begins(received) > _begins(known)
        or _ends(received) < _ends(known)
        or narrows(known.safe_contact, received.safe_contact)
    )


def _begins(consent: Consent) -> float:
    return consent.period_start.timestamp() if consent.period_start else float("-inf")


def _ends(consent: Consent) -> float:
    return consent.period_end.timestamp() if consent.period_end else float("inf")
