"""What a door asks for in a search, as values: the door reads the wire, the store writes the statement."""

from dataclasses import dataclass, replace
from enum import StrEnum


class Compare(StrEnum):
    """FHIR search prefixes on an instant, in whole milliseconds."""

    EQUAL = "eq"
    AFTER = "gt"
    FROM = "ge"
    BEFORE = "lt"
    UP_TO = "le"


@dataclass(frozen=True, slots=True)
class TaskQuery:
    """`states` and `alert_states` are the stored states that the asked statuses stand for, None for any.

    `changed` compares the stamp. `after` is the place of the last row seen: its stamp and id. Nothing is asked of
    owner or patient beyond the caller's own view unless they are set. A programme knows a woman by the ids that its
    offers gave her, and a hospital by its own: `patient_ids` are the caller's.
    """

    limit: int
    ids: frozenset[str] | None = None
    states: frozenset[str] | None = None
    alert_states: frozenset[str] | None = None
    changed: tuple[tuple[Compare, int], ...] = ()
    owner_ids: frozenset[str] | None = None
    patient_ids: frozenset[str] | None = None
    descending: bool = False
    after: tuple[int, str] | None = None

    def one_more(self) -> "TaskQuery":
        """The same with a longer page, by which its reader sees whether there is another."""
        return replace(self, limit=self.limit + 1)
