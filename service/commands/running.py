"""demo, serve, listen, worker, migrate and mappings check."""

from pathlib import Path
from typing import Annotated

import typer

from service.commands import explained

mappings = typer.Typer(help="The clinical and site data in mappings/.", no_args_is_help=True)


@explained
def demo(
    exit_after: Annotated[bool, typer.Option("--exit", help="end after the stories instead of serving on")] = False,
    pause: Annotated[float, typer.Option(help="seconds to wait after each step, for an audience", min=0)] = 0.0,
) -> None:
    """Play five stories on the real service with simulated hospitals and programmes, then keep serving."""
    from service.commands.demonstration import demonstrate

    raise typer.Exit(demonstrate(exit_after=exit_after, pause=pause))


@explained
def serve(
    host: Annotated[str | None, typer.Option(help="address to listen on")] = None,
    port: Annotated[int | None, typer.Option(help="port to listen on")] = None,
    mllp_port: Annotated[int | None, typer.Option(help="also listen for HL7 v2 on this port")] = None,
    worker: Annotated[
        bool, typer.Option("--worker/--no-worker", help="also send deliveries and keep due times")
    ] = True,
    end_with_input: Annotated[
        bool, typer.Option("--end-with-input", help="end when standard input does: with the program that holds it")
    ] = False,
) -> None:
    """Serve the API, and the worker in the same process."""
    from service import serving
    from service.settings import read_settings

    settings = read_settings(host=host, port=port, mllp_port=mllp_port)
    serving.serve(settings, with_worker=worker, end_with_input=end_with_input)


@explained
def listen(
    host: Annotated[str | None, typer.Option(help="address to listen on")] = None,
    mllp_port: Annotated[int | None, typer.Option(help="port to listen on; 2575 when nothing else is set")] = None,
    probes_port: Annotated[int | None, typer.Option(help="port of its probes; 8081 when nothing else is set")] = None,
) -> None:
    """Listen for HL7 v2 alone, without the API and without a worker; probes are answered on this machine."""
    from service import serving
    from service.settings import read_settings

    serving.listen(read_settings(mllp_host=host, mllp_port=mllp_port, probes_port=probes_port))


@explained
def worker(
    probes_port: Annotated[int | None, typer.Option(help="port of its probes; 8082 when nothing else is set")] = None,
) -> None:
    """Run a worker alone: it sends deliveries and keeps due times; probes are answered on this machine."""
    from service import serving
    from service.settings import read_settings

    serving.work(read_settings(probes_port=probes_port))


@explained
def migrate() -> None:
    """Bring the database to the tables of this version. Running it again does nothing."""
    from service.settings import read_settings
    from service.store.migrate import migrate as migrate_database

    settings = read_settings()
    settings.data_folder.mkdir(parents=True, exist_ok=True)
    migrate_database(settings.database)
    typer.echo("The database is up to date.")


@mappings.command("check")
@explained
def check(
    folder: Annotated[Path | None, typer.Argument(help="a site's own folder instead of the one in use")] = None,
) -> None:
    """Read all of mappings/ and list every problem in it."""
    from datetime import UTC

    from service.delivery.reach import tells_by_message
    from service.flow.rules import DEFAULT_SITE
    from service.mappings import load, load_dialects, load_outbound
    from service.settings import read_settings

    folder = folder or read_settings().mappings_folder
    rules = load(folder)
    dialects = load_dialects(rules, folder)
    load_outbound(folder)
    for policy in rules.policies.values():
        if not tells_by_message(policy):
            typer.echo(f"{policy.id}: alerts go out as Tasks alone, so it cannot be a hospital reached by HL7 v2")
        if policy.id in dialects and policy.id != DEFAULT_SITE and policy.answer_link is None:
            typer.echo(f"{policy.id}: no [answer_link], so a hospital that speaks HL7 v2 alone could answer no alert")
        if policy.id != DEFAULT_SITE and policy.zone is UTC:
            typer.echo(
                f"{policy.id}: no zone, so days and hours in its texts, and times without an offset, are those of UTC"
            )
    instruments = ", ".join(sorted(rules.instruments))
    typer.echo(f"mappings/ is right: {instruments}; {len(rules.policies)} site policies; version {rules.version}")
