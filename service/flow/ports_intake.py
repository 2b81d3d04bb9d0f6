"""What the steps need of the place where messages are kept."""

from typing import Protocol

from service.flow.answer import Answer
from service.flow.received import Received


class Inbox(Protocol):
    def keep(self, received: Received, patient_id: str | None, answer: Answer) -> None:
        """Archive the message with what became of it; when it was accepted, as the resource's version that it made."""

    def archive(self, received: Received, disposition: str) -> str:
        """Keep a message that holds several resources; the id to name in `within` of each of them."""

    def patient_of(self, type: str, id: str) -> str | None:
        """Whom the newest version of a received resource is about."""

    def keep_unreadable(self, id: str, sealed_body: bytes, reason: str) -> None: ...
    def latest(self, type: str, id: str) -> tuple[int, bytes] | None:
        """Version and bytes of a received resource of this tenant."""
