"""What came in, for whoever runs the service: listed, shown, and put through its door once more."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from service.fhir import replay as fhir
from service.fhir.outcome import BadInput
from service.hl7v2 import replay as hl7v2
from service.hl7v2.door import Door
from service.hl7v2.look import DOOR as HL7V2
from service.office import NotAccepted
from service.shared.audit import Action, AuditEvent
from service.shared.caller import Caller, OrganisationKind, the_service
from service.shared.ids import new_id
from service.store.messages import KeptMessage, MessageQuery
from service.store.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Shown:
    """`acknowledgement` is how it was answered, of an HL7 v2 message of the last seven days."""

    message: KeptMessage
    acknowledgement: bytes | None
    body: bytes | None


class Messages:
    """By somebody who has the machine's own access. `base_url` is our own address as clients see it."""

    def __init__(self, door: Door, base_url: str) -> None:
        self._door, self._store, self._base_url = door, door.store, base_url
        self._caller: Caller = the_service(new_id())

    def list(self, query: MessageQuery) -> Sequence[KeptMessage]:
        return self._store.read_now(self._caller, lambda tx: tx.messages.list(query))

    def show(self, id: str, *, with_body: bool) -> Shown:
        """Each showing is a row of the audit. Raises NotAccepted when there is no such message."""

        def show(tx: UnitOfWork) -> Shown:
            kept = _found(tx, id)
            event = AuditEvent(Action.READ, f"Message/{id}", outcome="body shown" if with_body else "shown")
            tx.audit.write(event)
            return Shown(kept, tx.messages.acknowledgement(id), tx.messages.body(kept) if with_body else None)

        shown = self._store.run_now(self._caller, show)
        return replace(shown, body=self._opened(shown.message, shown.body)) if shown.body is not None else shown

    def replay(self, id: str) -> KeptMessage:
        """The message that it became. Raises NotAccepted when it cannot be put through its door once more."""
        kept, sealed, root = self._store.read_now(self._caller, lambda tx: _with_body(tx, id))
        body = self._opened(kept, sealed)
        caller = Caller("service", kept.tenant_id, OrganisationKind.HOSPITAL, frozenset(), kept.correlation_id)
        if kept.door == HL7V2:
            became = hl7v2.replay(self._door, kept, body, root, caller)
        elif fhir.can_be_replayed(kept):
            became = self._replay_result(kept, body, root, caller)
        else:
            raise NotAccepted(
                "Of what came by FHIR only results that were accepted are replayed: whoever was refused was told so."
            )
        if became is None:
            raise NotAccepted("It was replayed before; `messages show` names what it became.")
        return self._store.read_now(self._caller, lambda tx: _found(tx, became))

    def _replay_result(self, kept: KeptMessage, body: bytes, root: str, caller: Caller) -> str | None:
        door = self._door
        try:
            return fhir.replay(self._store, door.rules, self._base_url, door.clock.now(), kept, body, root, caller)
        except BadInput:
            raise NotAccepted("This version does not take that body any more.") from None

    def _opened(self, kept: KeptMessage, body: bytes) -> bytes:
        if not kept.sealed:
            return body
        try:
            return self._door.sealer.open(body, f"unreadable_message/{kept.id}")
        except ValueError:
            raise NotAccepted("It was sealed with another key than the one in the data folder.") from None


def _found(tx: UnitOfWork, id: str) -> KeptMessage:
    kept = tx.messages.find(id)
    if kept is None:
        raise NotAccepted("There is no such message; `messages list` shows them.")
    return kept


def _with_body(tx: UnitOfWork, id: str) -> tuple[KeptMessage, bytes, str]:
    kept = _found(tx, id)
    return kept, tx.messages.body(kept), tx.messages.root(id)
