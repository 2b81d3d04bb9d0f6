"""What came in, for whoever runs the service: listed, shown, and put through its door once more."""

from collections.abc import Sequence
from dataclasses import dataclass

from service.fhir import door as fhir_door
from service.fhir import replay as fhir_replay
from service.fhir.asked import Asked, asked_in
from service.fhir.outcome import BadInput
from service.fhir.schema import issue_types
from service.flow.receive_long_message import BEGUN
from service.flow.receive_message import ACCEPTED, NOTHING_KNOWN, PARTLY, REPEATED
from service.hl7v2 import door as hl7v2_door
from service.hl7v2 import replay as hl7v2_replay
from service.hl7v2.errors import MEANINGS
from service.hl7v2.look import DOOR as HL7V2
from service.office import NotAccepted
from service.shared.audit import Action, AuditEvent
from service.shared.caller import NOBODY, Caller, OrganisationKind, the_service
from service.shared.ids import new_id
from service.store.messages import Content, KeptMessage, MessageQuery
from service.store.unit_of_work import UnitOfWork

DISPOSITIONS = frozenset((ACCEPTED, REPEATED, PARTLY, NOTHING_KNOWN, BEGUN, *MEANINGS))


@dataclass(frozen=True, slots=True)
class Shown:
    """`acknowledgement` is how it was answered, of an HL7 v2 message of the last seven days."""

    message: KeptMessage
    acknowledgement: bytes | None
    body: bytes | None


class Messages:
    """By somebody who has the machine's own access."""

    def __init__(self, hl7v2_door: hl7v2_door.Door, fhir_door: fhir_door.Door) -> None:
        self._hl7v2, self._fhir, self._store = hl7v2_door, fhir_door, hl7v2_door.store
        self._caller: Caller = the_service(new_id())

    def list(self, query: MessageQuery) -> Sequence[KeptMessage]:
        """Raises NotAccepted when there is none, and what is asked for is no disposition or no organisation."""
        return self._store.read_now(self._caller, lambda tx: tx.messages.list(query) or _none(tx, query))

    def show(self, id: str, *, with_body: bool) -> Shown:
        """Each showing is a row of the audit. Raises NotAccepted when there is no such message."""

        def show(tx: UnitOfWork) -> tuple[KeptMessage, bytes | None, Content]:
            kept = _found(tx, id)
            event = AuditEvent(Action.READ, f"Message/{id}", outcome="body shown" if with_body else "shown")
            tx.audit.write(event)
            return kept, tx.messages.acknowledgement(kept), tx.messages.content(kept)

        kept, acknowledgement, content = self._store.run_now(self._caller, show)
        return Shown(kept, acknowledgement, self._opened(kept, content).body if with_body else None)

    def replay(self, id: str) -> KeptMessage:
        """The message that it became. Raises NotAccepted when it cannot be put through its door once more."""
        kept, content, root, kind = self._store.read_now(self._caller, lambda tx: _to_be_replayed(tx, id))
        body, request = self._opened(kept, content)
        tenant_id, kind = self._sender_of(body) if kept.tenant_id == NOBODY else (kept.tenant_id, kind)
        caller = Caller("service", tenant_id, kind, frozenset(), kept.correlation_id)
        if kept.door == HL7V2:
            became = hl7v2_replay.replay(self._hl7v2, kept, body, root, caller)
        elif kind is OrganisationKind.HOSPITAL and fhir_replay.can_be_replayed(kept):
            became = self._replay_fhir(kept, body, asked_in(request.decode()) if request else None, root, caller)
        else:
            raise NotAccepted(
                "Of what came by FHIR, patients, consents, results and Bundles of a hospital are replayed that were"
                " refused, and results and Bundles that were accepted."
            )
        if became is None:
            raise NotAccepted("It was replayed before; `messages show` names what it became.")
        return self._store.read_now(self._caller, lambda tx: _found(tx, became))

    def _sender_of(self, body: bytes) -> tuple[str, OrganisationKind]:
        sender = self._store.read_now(self._caller, lambda tx: hl7v2_replay.sender_of(tx, body))
        if sender is None:
            raise NotAccepted("Its sender is not registered: `client add --mllp-sender`, and replay it then.")
        return sender.organisation_id, sender.kind

    def _replay_fhir(
        self, kept: KeptMessage, body: bytes, asked: Asked | None, root: str, caller: Caller
    ) -> str | None:
        try:
            return fhir_replay.replay(self._fhir, kept, body, asked, root, caller)
        except BadInput:
            raise NotAccepted("This version does not take that body any more, or what came after it.") from None

    def _opened(self, kept: KeptMessage, content: Content) -> Content:
        if not kept.sealed:
            return content
        place, sealer = f"unreadable_message/{kept.id}", self._hl7v2.sealer
        try:
            request = content.request and sealer.open(content.request, f"{place}/request")
            return Content(sealer.open(content.body, place), request)
        except ValueError:
            raise NotAccepted("It was sealed with another key than the one in the data folder.") from None


def _none(tx: UnitOfWork, query: MessageQuery) -> Sequence[KeptMessage]:
    asked, organisation = query.disposition, query.organisation_id
    # What one refused by FHIR became is all the codes of its answer, with commas.
    if asked is not None and not {*asked.split(",")} <= DISPOSITIONS | issue_types():
        raise NotAccepted("No message becomes that; `messages list` without --disposition shows what they became.")
    if organisation not in (None, NOBODY) and tx.organisations.find(organisation) is None:
        raise NotAccepted("There is no such organisation; `organisation list` shows them.")
    return ()


def _found(tx: UnitOfWork, id: str) -> KeptMessage:
    kept = tx.messages.find(id)
    if kept is None:
        raise NotAccepted("There is no such message; `messages list` shows them.")
    return kept


def _to_be_replayed(tx: UnitOfWork, id: str) -> tuple[KeptMessage, Content, str, OrganisationKind]:
    kept = _found(tx, id)
    sender = tx.organisations.find(kept.tenant_id)
    kind = OrganisationKind.HOSPITAL if sender is None else sender.kind
    return kept, tx.messages.content(kept), tx.messages.root(id), kind
