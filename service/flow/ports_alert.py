"""The part of a transaction by which a clinician hears, and answers."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from service.referrals.alert import Alert, AlertCode
from service.referrals.escalation import Escalation


class Alerts(Protocol):
    def get(self, id: str) -> Alert: ...
    def lock(self, id: str) -> Alert:
        """The same, held until the commit: an alert may be about no woman whose lock would do."""

    def add(self, alert: Alert) -> None: ...
    def save(self, alert: Alert, moved_from: Alert) -> None: ...
    def was_raised(self, tenant_id: str, code: AlertCode, topic: str) -> bool: ...
    def count_again(self, tenant_id: str, code: AlertCode, topic: str) -> bool:
        """Whether one on this topic is open, which has counted it."""

    def unresolved(self, referral_id: str, codes: Collection[AlertCode]) -> Sequence[Alert]: ...
    def unresolved_about(self, patient_id: str) -> Sequence[Alert]: ...


class Escalations(Protocol):
    def add(self, escalation: Escalation) -> None: ...
    def find(self, id: str) -> Escalation | None: ...
    def behind(self, alert_ids: Collection[str]) -> Mapping[str, Escalation]:
        """By the alert's id, of those alerts that an escalation raised."""

    def offers_behind(self, ids: Collection[str]) -> Collection[str]:
        """By id, the offers that Communications and contacts with these ids are about."""

    def of_offer(self, offer_id: str) -> Sequence[Escalation]: ...
    def answered(self, offer_ids: Collection[str]) -> Mapping[str, Sequence[tuple[Escalation, Alert]]]:
        """Each with its alert as it is now, the oldest first, by the offer's id."""
