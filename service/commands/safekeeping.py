"""backup and restore, and the service's own keys."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from service.commands import explained

keys = typer.Typer(help="The keys with which the service signs.", no_args_is_help=True)


@explained
def backup(
    file: Annotated[Path, typer.Argument(dir_okay=False, help="the file to write")],
    replace: Annotated[bool, typer.Option("--replace", help="replace a file of that name")] = False,
    with_keys: Annotated[
        bool, typer.Option("--keys/--no-keys", help="also put in the service's own keys, which are secret")
    ] = True,
) -> None:
    """Write all data, and the service's keys, to one file. The service may go on meanwhile.

    What had been acknowledged when it began is in it. It holds patient data: it is readable by you alone (mode 0600)
    and is not encrypted, so keep it where the database itself might be kept. SQLite and PostgreSQL make the same file.
    """
    from service.settings import read_settings
    from service.store.archive import BackupFailed
    from service.store.backup import back_up

    settings = read_settings()
    held = {name: path.read_bytes() for name, path in settings.key_files.items() if with_keys and path.exists()}
    try:
        made = back_up(settings.database, file, held, datetime.now(UTC), replace=replace, tell=_tell)
    except FileExistsError:
        raise BackupFailed(f"{file} is there already. To replace it, say --replace.") from None
    inside = ", ".join(sorted(held)) or "no keys"
    typer.echo(f"{file} holds {made.rows:,} rows of schema {made.schema}, and {inside}. It holds patient data.")


@explained
def restore(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="a file that `backup` made")],
    replace: Annotated[
        bool, typer.Option("--yes", "--replace", help="replace what the database and the key files hold")
    ] = False,
) -> None:
    """Put a backup into the database of these settings, SQLite or PostgreSQL. Stop the service first.

    Everything is compared with the file, and kept whole or not at all. A backup of an older version is brought up to
    date. What happened after the backup was made is gone from here: docs/operations.md says whom to tell.
    """
    from service.settings import Settings, read_settings
    from service.shared.files import appearing
    from service.store.archive import BackupFailed
    from service.store.restore import open_backup
    from service.store.restore import restore as put_back

    def differing(settings: Settings, held: dict[str, bytes]) -> list[Path]:
        """The key files to be written, because they are not there or are others."""
        paths = ((settings.key_files[name], content) for name, content in held.items())
        return [path for path, content in paths if not path.exists() or path.read_bytes() != content]

    settings = read_settings()
    settings.data_folder.mkdir(parents=True, exist_ok=True)
    with open_backup(file) as found:
        held = {name: content for name, content in found.keys().items() if name in settings.key_files}
        wanted = differing(settings, held)
        if not replace and any(path.exists() for path in wanted):
            raise BackupFailed("The data folder holds other keys than the backup. To replace them, say --yes.")
        put_back(settings.database, found, replace=replace, tell=_tell)
        for path in wanted:
            with appearing(path, replace=True) as out:
                out.write(held[path.name])
        made = found.manifest
    typer.echo(f"Restored {made.rows:,} rows as they were at {made.made_at}, and compared them with the file.")


@keys.command("rotate")
@explained
def rotate() -> None:
    """Publish a new signing key today; it signs from tomorrow, when every record has had time to fetch it."""
    from service.security.keys import rotate as rotate_keys
    from service.settings import read_settings

    newest = rotate_keys(read_settings().signing_keys, datetime.now(UTC)).keys[-1]
    begins = datetime.fromtimestamp(newest.signs_from, UTC)
    typer.echo(f"Key {newest.kid} is published, and signs from {begins:%Y-%m-%d %H:%M} UTC.")


def _tell(what: str) -> None:
    typer.echo(what, err=True)
