"""Administration: who takes part, and what a person does about deliveries. Each call is one audited unit of work."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from service.delivery.reach import tells_by_message
from service.flow.ports import MOST_ENTRIES
from service.flow.received import identifier_of
from service.flow.rules import DEFAULT_SITE, Rules
from service.flow.tell_anew import tell_anew
from service.hl7v2 import lines
from service.mappings import read_programme
from service.referrals.delivery import Delivery, DeliveryState
from service.referrals.programme import LONGEST_NAME, Programme
from service.security import outgoing
from service.security import scopes as scope_rules
from service.security.jwks import address_problem, set_problems
from service.security.senders import fingerprint
from service.shared.audit import Action, AuditEvent
from service.shared.caller import Caller, OrganisationKind, the_service
from service.shared.client import Client, SenderName
from service.shared.clock import Clock
from service.shared.errors import ServiceError
from service.shared.ids import IdMaker
from service.store.directory import Organisation
from service.store.engine import Store
from service.store.unit_of_work import UnitOfWork

T = TypeVar("T")


class NotAccepted(ServiceError):
    """What an administrator asked for cannot be done as it was put; the message says why."""


class Office:
    """Administration over an open store, by somebody who has the machine's own access to it."""

    def __init__(
        self,
        store: Store[UnitOfWork],
        rules: Rules,
        clock: Clock,
        make_id: IdMaker,
        *,
        allow_loopback: bool,
        allow_plain: bool = False,
    ) -> None:
        self._store, self._rules, self._clock, self._make_id = store, rules, clock, make_id
        self._allow_loopback, self._allow_plain = allow_loopback, allow_plain
        self._caller: Caller = the_service(make_id())

    def add_organisation(
        self,
        name: str,
        kind: str,
        fhir_endpoint: str | None,
        identifier: str | None,
        hl7v2_endpoint: str | None = None,
    ) -> str:
        """Raises NotAccepted for an endpoint that may not be called, two of them, or an identifier without its `|` or
        another organisation's: whom a Consent means by it could not be told."""
        self._check_endpoints(kind, fhir_endpoint, hl7v2_endpoint)
        name = name.strip()
        if not (name.isprintable() and 0 < len(name) <= LONGEST_NAME):
            raise NotAccepted(f"An organisation needs a name: one line of at most {LONGEST_NAME} characters.")
        named = identifier_of(*(identifier or "").partition("|")[::2])
        if identifier is not None and named is None:
            raise NotAccepted("Write the identifier as SYSTEM|VALUE.")
        organisation = Organisation(
            id=self._make_id(),
            name=name,
            kind=OrganisationKind(kind),
            fhir_endpoint=fhir_endpoint and fhir_endpoint.rstrip("/"),
            hl7v2_endpoint=hl7v2_endpoint,
            identifier=named,
            active=True,
            added_at=self._clock.now(),
        )

        def add(tx: UnitOfWork) -> str:
            same = [each.id for each in tx.organisations.all() if named is not None and each.identifier == named]
            if same:
                raise NotAccepted(f"Organization/{same[0]} has this identifier already.")
            tx.organisations.add(organisation)
            tx.audit.write(AuditEvent(Action.CREATE, f"Organization/{organisation.id}"))
            return organisation.id

        return self._do(add)

    def _check_endpoints(self, kind: str, fhir: str | None, hl7v2: str | None) -> None:
        if fhir is not None and hl7v2 is not None:
            raise NotAccepted("Give either a FHIR endpoint or an HL7 v2 endpoint: what is owed goes one way.")
        if fhir is not None and (problem := outgoing.endpoint_problem(fhir)):
            raise NotAccepted(f"The FHIR endpoint {problem}.")
        if hl7v2 is not None and (problem := lines.endpoint_problem(hl7v2, allow_plain=self._allow_plain)):
            raise NotAccepted(f"The HL7 v2 endpoint {problem}.")
        if hl7v2 is not None and not tells_by_message(self._rules.policies[DEFAULT_SITE]):
            raise NotAccepted(
                "By sites/default.toml alerts go out as Tasks alone, which HL7 v2 has not: it would hear none."
            )
        if (fhir or hl7v2) is not None and kind != OrganisationKind.HOSPITAL:
            raise NotAccepted("Only a hospital has a record to write into; leave the endpoint out.")

    def move_organisation(self, id: str, fhir_endpoint: str | None, hl7v2_endpoint: str | None) -> int:
        """Have what a hospital is owed go there from now on, also what waits. How many alerts that wait for an answer
        its record is told of anew. Raises NotAccepted."""

        def move(tx: UnitOfWork) -> list[str]:
            hospital = self._organisation(tx, id)
            self._check_endpoints(hospital.kind, fhir_endpoint, hl7v2_endpoint)
            if hospital.endpoint is not None and (hospital.line is None) != (hl7v2_endpoint is None):
                way = "FHIR" if hospital.line is None else "HL7 v2"
                raise NotAccepted(f"It is reached by {way}. Where to may be changed, not the way: all was told so.")
            tx.organisations.move(id, fhir_endpoint and fhir_endpoint.rstrip("/"), hl7v2_endpoint)
            tx.audit.write(AuditEvent(Action.UPDATE, f"Organization/{id}"))
            return tx.alerts.awaited(id) if hospital.line is None else []

        if fhir_endpoint is None and hl7v2_endpoint is None:
            raise NotAccepted("Give either --fhir-endpoint or --hl7v2-endpoint.")
        waiting = self._do(move)
        for alert_id in waiting:
            self._do(partial(tell_anew, rules=self._rules, alert_id=alert_id))
        return len(waiting)

    def organisations(self) -> list[Organisation]:
        return self._store.read_now(self._caller, lambda tx: tx.organisations.all())

    def add_client(self, organisation_id: str, scopes: list[str], jwks: str | None, jwks_url: str | None) -> str:
        """Raises NotAccepted when the organisation is unknown, or keys or scopes could never work."""
        if (jwks is None) == (jwks_url is None):
            raise NotAccepted("Give either --jwks FILE or --jwks-url URL.")
        problems = [f"The scope {each} could never be granted." for each in scope_rules.problems(scopes)]
        problems += set_problems(jwks) if jwks is not None else []
        problem = address_problem(jwks_url, self._allow_loopback) if jwks_url is not None else None
        problems += [problem] if problem else []
        if problems:
            raise NotAccepted("\n".join(problems))
        return self._add_client(
            organisation_id, Client("", "", OrganisationKind.SERVICE, frozenset(scopes), jwks, jwks_url)
        )

    def add_sender(self, organisation_id: str, *, certificate: bytes | None, mllp_sender: str | None) -> str:
        """A hospital's sender of HL7 v2, known by its certificate (PEM) or by MSH-3|MSH-4. Raises NotAccepted."""
        if (certificate is None) == (mllp_sender is None):
            raise NotAccepted("Give either --certificate FILE or --mllp-sender 'APPLICATION|FACILITY'.")
        application, bar, _ = (mllp_sender or "").partition("|")
        if mllp_sender is not None and not (application.strip() and bar):
            raise NotAccepted("Write the sender as APPLICATION|FACILITY, as they stand in MSH-3 and MSH-4.")
        try:
            known_by = None if certificate is None else fingerprint(certificate)
        except ValueError:
            raise NotAccepted("That file holds no certificate in PEM.") from None
        return self._add_client(
            organisation_id,
            Client("", "", OrganisationKind.HOSPITAL, frozenset(), certificate=known_by, mllp_sender=mllp_sender),
        )

    def _add_client(self, organisation_id: str, client: Client) -> str:
        names: dict[SenderName, str | None] = {"certificate": client.certificate, "mllp_sender": client.mllp_sender}
        sends = [(by, name) for by, name in names.items() if name is not None]

        def add(tx: UnitOfWork) -> str:
            organisation = self._organisation(tx, organisation_id)
            if sends and organisation.kind is not OrganisationKind.HOSPITAL:
                raise NotAccepted("Only a hospital sends HL7 v2.")
            if any(tx.access.sender(by, name) for by, name in sends):
                raise NotAccepted("Another client that is active is known by the same; revoke that one first.")
            id = self._make_id()
            added = replace(client, id=id, organisation_id=organisation.id, kind=organisation.kind)
            tx.access.add_client(added, self._clock.now())
            tx.audit.write(AuditEvent(Action.CREATE, f"Client/{id}"))
            return id

        return self._do(add)

    def clients(self) -> list[Client]:
        return self._store.read_now(self._caller, lambda tx: tx.access.clients())

    def revoke_client(self, id: str) -> None:
        def revoke(tx: UnitOfWork) -> bool:
            revoked = tx.access.revoke_client(id, self._clock.now())
            tx.audit.write(AuditEvent(Action.DELETE, f"Client/{id}", outcome="success" if revoked else "not-found"))
            return revoked

        if not self._do(revoke):
            raise NotAccepted("There is no such client that is still active.")

    def import_programme(self, file: Path) -> Programme:
        """Add the programme, or replace the description of the one of that name in that organisation.

        Raises InvalidMappings for a description that is wrong, NotAccepted for one of an unknown organisation.
        """
        draft = read_programme(file, self._make_id(), self._rules)

        def put(tx: UnitOfWork) -> Programme:
            organisation = self._organisation(tx, draft.organisation_id)
            if organisation.kind is not OrganisationKind.COMMUNITY:
                raise NotAccepted("A programme belongs to a community organisation.")
            known = tx.programmes.named(organisation.id, draft.name)
            programme = replace(draft, id=known) if known else draft
            tx.programmes.put(programme, self._clock.now())
            action = Action.UPDATE if known else Action.CREATE
            tx.audit.write(AuditEvent(action, f"HealthcareService/{programme.id}"))
            return programme

        return self._do(put)

    def programmes(self) -> list[Programme]:
        return self._store.read_now(self._caller, lambda tx: [each.programme for each in tx.programmes.every()])

    def deliveries(self, states: frozenset[DeliveryState], at_most: int) -> list[Delivery]:
        return self._store.read_now(self._caller, lambda tx: tx.deliveries.list(states, at_most))

    def retry_deliveries(self, ids: Iterable[str]) -> list[str]:
        """Those of `ids` that were dead or unknown, and are on their way again as if they were new."""
        asked = list(dict.fromkeys(ids))
        chunks = (asked[begin : begin + MOST_ENTRIES] for begin in range(0, len(asked), MOST_ENTRIES))
        return [id for chunk in chunks for id in self._do(partial(_retry, ids=chunk))]

    def retry_dead(self, destination_id: str) -> list[str]:
        """The same for everything that is dead to one destination. Raises NotAccepted for an unknown organisation."""

        def dead(tx: UnitOfWork) -> list[Delivery]:
            destination = self._organisation(tx, destination_id)
            return tx.deliveries.list(frozenset({DeliveryState.DEAD}), None, destination.id)

        return self.retry_deliveries(each.id for each in self._store.read_now(self._caller, dead))

    def _do(self, work: Callable[[UnitOfWork], T]) -> T:
        return self._store.run_now(self._caller, work)

    def _organisation(self, tx: UnitOfWork, id: str) -> Organisation:
        found = tx.organisations.find(id)
        if found is None:
            raise NotAccepted("There is no such organisation; `organisation list` shows them.")
        return found


def _retry(tx: UnitOfWork, ids: list[str]) -> list[str]:
    retried = [id for id in ids if tx.deliveries.retry(id)]
    for id in ids:
        outcome = "success" if id in retried else "not-found"
        tx.audit.write(AuditEvent(Action.EXECUTE, f"Delivery/{id}", outcome=outcome))
    return retried
