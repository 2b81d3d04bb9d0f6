"""The part of a transaction that is about who a woman is."""

from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import Protocol

from service.referrals.life_event import Heard, LifeEvent
from service.referrals.patient import Patient


class Patients(Protocol):
    def lock(self, id: str) -> Patient:
        """The first statement of every unit about a woman: nobody else changes anything of hers until it commits."""

    def lock_present(self, id: str) -> Patient:
        """For an id that was read in an earlier unit: the record that it may have become part of since."""

    def get_all(self, ids: Collection[str]) -> Mapping[str, Patient]: ...
    def add(self, patient: Patient) -> None: ...
    def save(self, patient: Patient) -> None: ...
    def end_safe_contact(self, id: str, now: datetime) -> bool:
        """That the way to reach her has ended is acted upon now and due no more; False when that had been done, or is
        due later."""


class Aliases(Protocol):
    def find(self, type: str, system: str, value: str) -> str | None: ...
    def claim(self, type: str, system: str, value: str, resource_id: str, tenant_id: str | None = None) -> str:
        """Let this name stand for `resource_id`, unless it is taken already: returns whom it stands for. It is a name
        in the caller's own tenant when `tenant_id` is None."""

    def retire(self, type: str, system: str, value: str) -> None:
        """It still leads to what it stands for, which is called so no more."""

    def restore(self, type: str, system: str, value: str) -> None:
        """What it stands for is called so again."""

    def names(self, type: str, resource_id: str, tenant_id: str) -> list[tuple[str, str]]:
        """(system, value) of every name that it goes by; of its former ones if it has no other."""


class LifeEvents(Protocol):
    def heard(self, patient_id: str, event: LifeEvent, happened_on: date | None) -> Mapping[str, datetime]:
        """When it was heard last from each source."""

    def hear(
        self, patient_id: str, event: LifeEvent, happened_on: date | None, now: datetime, sources: Collection[str]
    ) -> None:
        """From these sources it is heard now."""

    def heard_since(self, patient_id: str, events: Collection[LifeEvent], since: datetime) -> set[Heard]:
        """Which of `events`, and of what days."""


class Merging(Protocol):
    def hand_over(self, referral_id: str, to_id: str) -> None:
        """The offers that go on, the alerts that nobody has resolved, the results and the sender's own numbers of one
        referral are another's. Its copy in the record stays its own, for it says there that it has ended."""

    def carry_over(self, patient_id: str, to_id: str, left_behind: Collection[str]) -> None:
        """All that is one woman's is another's, but for the results in `left_behind`, by id."""
