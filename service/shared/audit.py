"""What is written down about every access and effect (IHE BALP, ATNA): identifiers only, never a person's details."""

from enum import StrEnum
from typing import NamedTuple


class Action(StrEnum):
    """DICOM and ATNA action codes: create, read, update, delete (here: cancel), execute."""

    CREATE = "C"
    READ = "R"
    UPDATE = "U"
    DELETE = "D"
    EXECUTE = "E"


class AuditEvent(NamedTuple):
    """One row of the audit: what was done, to which thing, about which woman, with what outcome.

    `subject` names a thing as `Type/id` in our own ids; `patient_id` is None where no woman is concerned; `outcome` is
    `success` or the code of the refusal.
    """

    action: Action
    subject: str
    patient_id: str | None = None
    outcome: str = "success"
