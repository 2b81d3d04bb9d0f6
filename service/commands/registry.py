"""organisation, client and programme: who takes part. Each `add` prints the new id, alone with --quiet."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from service.commands import explained, opened_office
from service.referrals.programme import Programme
from service.shared.caller import OrganisationKind

organisation = typer.Typer(help="Hospitals and community organisations.", no_args_is_help=True)
client = typer.Typer(help="The systems that speak for an organisation.", no_args_is_help=True)
programme = typer.Typer(help="Peer-support programmes.", no_args_is_help=True)

WIDEST = 10_000
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="print the id alone")]


@organisation.command("add")
@explained
def add_organisation(
    name: str,
    kind: Annotated[
        Literal[OrganisationKind.HOSPITAL, OrganisationKind.COMMUNITY],
        typer.Option(help="a hospital sends results, a community organisation runs programmes"),
    ],
    fhir_endpoint: Annotated[str | None, typer.Option(help="FHIR base of the hospital's own record")] = None,
    hl7v2_endpoint: Annotated[
        str | None, typer.Option(help="instead: where it takes HL7 v2, as mllps://HOST:PORT")
    ] = None,
    identifier: Annotated[str | None, typer.Option(help="its business identifier, as SYSTEM|VALUE")] = None,
    quiet: Quiet = False,
) -> None:
    """Register an organisation."""
    with opened_office() as office:
        id = office.add_organisation(name, kind, fhir_endpoint, identifier, hl7v2_endpoint)
    typer.echo(id if quiet else f"Organization/{id} is registered: {name}")
    if hl7v2_endpoint is not None and not quiet:
        typer.echo("To answer alerts it needs an [answer_link] in its site's file, or a client that may update Task.")


@organisation.command("list")
@explained
def list_organisations() -> None:
    """List the organisations."""
    with opened_office() as office:
        rows = [(each.id, each.kind.value, each.name, each.endpoint or "") for each in office.organisations()]
    print_table(("id", "kind", "name", "endpoint"), rows)


@organisation.command("change")
@explained
def change_organisation(
    id: str,
    fhir_endpoint: Annotated[str | None, typer.Option(help="FHIR base of its own record from now on")] = None,
    hl7v2_endpoint: Annotated[
        str | None, typer.Option(help="instead: where it takes HL7 v2 from now on, as mllps://HOST:PORT")
    ] = None,
) -> None:
    """Say where a hospital's record or its HL7 v2 engine has moved to. What waits goes there too; nothing is restarted.

    A record is asked for everything anew before it is written to, and is told of the alerts that wait for an answer.
    """
    with opened_office() as office:
        told = office.move_organisation(id, fhir_endpoint, hl7v2_endpoint)
    typer.echo(f"Organization/{id} is reached at {fhir_endpoint or hl7v2_endpoint}. It is told of {told} alerts anew.")


@client.command("add")
@explained
def add_client(
    organisation: Annotated[str, typer.Option(help="id of the organisation it speaks for")],
    scope: Annotated[
        list[str] | None, typer.Option(help="a SMART v2 scope, as system/Task.rus; may be repeated")
    ] = None,
    jwks: Annotated[
        Path | None, typer.Option(help="file with its public keys, a JWK Set", exists=True, dir_okay=False)
    ] = None,
    jwks_url: Annotated[str | None, typer.Option(help="https address of its public keys")] = None,
    certificate: Annotated[
        Path | None,
        typer.Option(help="instead: the certificate of a sender of HL7 v2", exists=True, dir_okay=False),
    ] = None,
    mllp_sender: Annotated[
        str | None, typer.Option(help="instead: MSH-3|MSH-4 of a sender of HL7 v2 on a plain connection")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Register a client with its public keys and the most it may ever be granted, or a hospital's sender of HL7 v2."""
    from service.office import NotAccepted

    scopes = [part for each in scope or () for part in each.split()]
    sends = certificate is not None or mllp_sender is not None
    if sends and (scopes or jwks is not None or jwks_url is not None):
        raise NotAccepted("A sender of HL7 v2 has neither scopes nor a JWK Set.")
    if not sends and not scopes:
        raise NotAccepted("Give at least one --scope.")
    with opened_office() as office:
        if sends:
            shown = certificate.read_bytes() if certificate is not None else None
            id = office.add_sender(organisation, certificate=shown, mllp_sender=mllp_sender)
        else:
            keys = jwks.read_text(errors="replace") if jwks is not None else None
            id = office.add_client(organisation, scopes, keys, jwks_url)
    typer.echo(id if quiet else f"Client {id} is registered for Organization/{organisation}")


@client.command("list")
@explained
def list_clients() -> None:
    """List the clients."""
    with opened_office() as office:
        rows = [
            (
                each.id,
                each.organisation_id,
                "revoked" if each.revoked else "active",
                each.mllp_sender or each.certificate or " ".join(sorted(each.scopes)),
            )
            for each in office.clients()
        ]
    print_table(("id", "organisation", "state", "scopes, sender or certificate"), rows)


@client.command("revoke")
@explained
def revoke_client(id: str) -> None:
    """End a client and every token it holds; running services feel it within a second."""
    with opened_office() as office:
        office.revoke_client(id)
    typer.echo(f"Client {id} is revoked.")


@programme.command("import")
@explained
def import_programme(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="the programme's TOML file")],
    quiet: Quiet = False,
) -> None:
    """Register a programme from its description, or replace that of the organisation's programme of the same name."""
    with opened_office() as office:
        added = office.import_programme(file)
    typer.echo(added.id if quiet else f"Programme {added.id} is registered.")
    if added.training_has_lapsed(_today()):
        until = added.training_renewed_until
        typer.echo(
            f"It gets no new offers: training_renewed_until was {until}. Import it again once that is renewed.",
            err=True,
        )


@programme.command("list")
@explained
def list_programmes() -> None:
    """List the programmes with their places, also those that are not active."""
    with opened_office() as office:
        rows = [
            (
                each.id,
                each.organisation_id,
                each.name,
                _state(each, _today()),
                each.model.value,
                " ".join(sorted(each.languages)),
                ", ".join(sorted(each.districts)) or "everywhere",
                f"{each.places_taken} of {each.places}",
            )
            for each in office.programmes()
        ]
    columns = ("id", "organisation", "name", "state", "model", "languages", "districts", "places taken")
    print_table(columns, rows)


def _today() -> date:
    return datetime.now(UTC).date()


def _state(programme: Programme, today: date) -> str:
    lapsed = "training lapsed" if programme.training_has_lapsed(today) else "active"
    return lapsed if programme.active else "not active"


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns of text, as wide as they need to be."""
    table = Table(*columns, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*row)
    # Not the terminal's width: a column cut short is no use to whoever copies an id, or pipes the list on.
    Console(width=WIDEST).print(table)
