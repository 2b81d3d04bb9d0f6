"""A plain consent to start from, and the instants around it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from service.consent.consent import Consent, Status
from service.shared.code import Code

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
MILLISECOND = timedelta(milliseconds=1)

ACTOR, OTHER_ACTOR = "organisation-a", "organisation-b"
TREATMENT, RESEARCH = Code("purposes", "TREAT"), Code("purposes", "HRESCH")
PURPOSE = frozenset({TREATMENT})

YES = Consent(
    id="yes",
    version=1,
    tenant_id="hospital",
    patient_id="woman",
    status=Status.ACTIVE,
    permits=True,
    recipient_id=ACTOR,
    given_at=NOW - 10 * DAY,
    period_start=NOW - 10 * DAY,
    period_end=NOW + 90 * DAY,
    purposes=PURPOSE,
    may_report_back=True,
    safe_contact=None,
)
NO = replace(
    YES, id="no", permits=False, period_start=None, period_end=None, purposes=frozenset(), may_report_back=False
)
