"""hl7: for whoever builds the interface that sends HL7 v2."""

from pathlib import Path
from typing import Annotated

import typer

from service.commands import explained

hl7 = typer.Typer(help="For whoever builds an HL7 v2 interface.", no_args_is_help=True)


@hl7.callback()
def group() -> None:
    """Keeps `check` a command of its own while it is the only one."""


@hl7.command("check")
@explained
def check(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="messages, plain or as over MLLP")],
    organisation: Annotated[
        str | None, typer.Option(help="id of the hospital that would send it; its site file decides")
    ] = None,
) -> None:
    """Tell what would become of the messages in a file: nothing is sent and nothing is kept.

    Ends with status 1 when a message would be refused, or something of it not be used.
    """
    from datetime import UTC, datetime

    from service.flow.rules import DEFAULT_SITE
    from service.hl7v2.check import check as check_message
    from service.hl7v2.check import frames_in
    from service.mappings import load, load_dialects
    from service.office import NotAccepted
    from service.settings import read_settings

    settings = read_settings()
    folder = settings.mappings_folder
    rules = load(folder)
    dialects = load_dialects(rules, folder)
    if organisation not in {None, *dialects}:
        raise NotAccepted("No file in sites/ is about this organisation. Leave it out for what holds without one.")
    dialect = dialects[organisation or DEFAULT_SITE]
    frames = frames_in(file.read_bytes(), settings.mllp_longest)
    if not frames:
        raise NotAccepted("There is no message in that file.")
    checked = [check_message(each, dialect, rules, datetime.now(UTC)) for each in frames]
    for each in checked:
        typer.echo("\n".join(each.lines))
    failing = sum(each.fails for each in checked)
    typer.echo(f"{len(checked)} checked, {failing} with something to mend.")
    if failing:
        raise typer.Exit(1)
