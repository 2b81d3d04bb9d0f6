"""The part of a transaction that remembers what came in."""

from datetime import timedelta
from typing import Protocol

from service.flow.answer import Answer
from service.flow.received import REMEMBERED_FOR, ControlKey, Earlier, Received


class Inbox(Protocol):
    def keep(self, received: Received, patient_id: str | None, answer: Answer) -> None:
        """Archive the message with what became of it; when it was accepted, as the resource's version that it made."""

    def archive(self, received: Received, disposition: str, id: str | None = None) -> str:
        """Keep a message that holds several resources; the id to name in `within` of each of them."""

    def settle(self, id: str, disposition: str) -> None:
        """What became of a message that was archived before it was acted on to its end."""

    def changed_since(self, type: str, id: str, message_id: str) -> bool:
        """Whether a message that came after this one, and is not what this became, has made a version of the
        resource."""

    def patient_of(self, type: str, id: str) -> str | None:
        """Whom the newest version of a received resource is about."""

    def keep_unreadable(
        self, id: str, sealed_body: bytes, reason: str, *, door: str, type: str, sealed_request: bytes | None
    ) -> None: ...
    def of_strangers(self) -> tuple[int, int]:
        """How many bodies are kept of clients that nobody has registered, and how many bytes they have."""

    def latest(self, type: str, id: str) -> tuple[int, bytes] | None:
        """Version and bytes of a received resource of this tenant."""


class MessageControl(Protocol):
    """Which HL7 v2 messages have come in the last seven days, and of what else somebody was told in them."""

    def claim(
        self, control: ControlKey, message_id: str, acknowledgement: bytes, within: timedelta = REMEMBERED_FOR
    ) -> Earlier | None:
        """Let this be the message of its key, unless there has been one `within`, at most: then it is returned."""

    def acknowledge(self, control: ControlKey, acknowledgement: bytes) -> None:
        """What a repeat of the message is to be answered, instead of what was given with the claim."""


class KeptMessages(Protocol):
    def replayed(self, id: str, by: str) -> bool:
        """Name the message that this one has become; False when it had become one before, or is not there."""
