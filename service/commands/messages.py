"""messages: what came in, and putting it through its door once more. Lists hold ids, times, types and codes only."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

import typer

from service.commands import explained, opened_messages
from service.commands.registry import print_table

messages = typer.Typer(help="What came in, and what became of it.", no_args_is_help=True)


@messages.command("list")
@explained
def list_messages(
    door: Annotated[Literal["fhir", "hl7v2"] | None, typer.Option(help="only what came by this door")] = None,
    disposition: Annotated[str | None, typer.Option(help="only what became this, as the list names it")] = None,
    since: Annotated[
        str | None, typer.Option(help="only what came since: 2026-11-22, 2026-11-22T10:15, or 90m, 12h, 7d ago")
    ] = None,
    organisation: Annotated[
        str | None, typer.Option(help="only what this organisation sent, or nobody who is known")
    ] = None,
    at_most: Annotated[int, typer.Option(min=1, help="how many, the newest first")] = 100,
) -> None:
    """List messages."""
    from service.store.messages import MessageQuery

    query = MessageQuery(
        at_most, door=door, disposition=disposition, since=_moment(since), organisation_id=organisation
    )
    with opened_messages() as kept:
        rows = [
            (
                each.id,
                each.received_at.isoformat(timespec="seconds"),
                each.tenant_id,
                each.door,
                each.type,
                each.disposition,
                each.replayed_as or "",
            )
            for each in kept.list(query)
        ]
    print_table(("id", "received", "organisation", "door", "type", "disposition", "replayed as"), rows)


@messages.command("show")
@explained
def show(
    id: Annotated[str, typer.Argument(help="of a message, as `list` shows it")],
    body: Annotated[bool, typer.Option("--body", help="also its body: it holds personal data")] = False,
) -> None:
    """Show what became of a message. That it was shown is written into the audit."""
    with opened_messages() as kept:
        shown = kept.show(id, with_body=body)
    message = shown.message
    facts = {
        "id": message.id,
        "received": message.received_at.isoformat(timespec="seconds"),
        "organisation": message.tenant_id,
        "client": message.client_id,
        "door": message.door,
        "type": message.type,
        "disposition": message.disposition,
        "kept": "sealed, for thirty days" if message.sealed else "as it came",
        "replayed as": message.replayed_as or "not replayed",
        "correlation id": message.correlation_id,
    }
    print_table(("message", ""), list(facts.items()))
    for line in _told(shown.acknowledgement):
        typer.echo(f"answered  {line}")
    if shown.body is not None:
        typer.echo(shown.body.replace(b"\r\n", b"\n").replace(b"\r", b"\n").decode(errors="replace"))


@messages.command("replay")
@explained
def replay(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="of messages, as `list` shows them")],
) -> None:
    """Put messages through their door once more, as it is configured now: after a site's codes were mended, say.

    What had been acted on changes nothing. Each message is replayed once, and names the one that it became.
    """
    from service.office import NotAccepted

    failed = False
    with opened_messages() as kept:
        for id in ids:
            try:
                became = kept.replay(id)
            except NotAccepted as problem:
                failed = True
                typer.echo(f"Message {id}: {problem}", err=True)
                continue
            typer.echo(f"Message {id} became {became.id}: {became.disposition}")
    if failed:
        raise typer.Exit(2)


def _told(acknowledgement: bytes | None) -> list[str]:
    """MSA-1 and the ERR segments, which hold places and codes alone."""
    lines = (acknowledgement or b"").decode(errors="replace").replace("\x1c", "\r").split("\r")
    return [line[4:6] if line.startswith("MSA") else line for line in lines if line.startswith(("MSA", "ERR"))]


_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def _moment(since: str | None) -> datetime | None:
    from service.office import NotAccepted

    if since is None:
        return None
    number, unit = since[:-1], since[-1:]
    if number.isdecimal() and len(number) < 6 and unit in _UNITS:
        return datetime.now(UTC) - timedelta(**{_UNITS[unit]: int(number)})
    try:
        moment = datetime.fromisoformat(since)
    except ValueError:
        raise NotAccepted("Write --since as 2026-11-22, 2026-11-22T10:15, 90m, 12h or 7d.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
