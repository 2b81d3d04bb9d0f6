"""The command line. What a command needs is imported when it runs, so that the others answer at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import typer

from service.shared.errors import InvalidMappings, ServiceError

if TYPE_CHECKING:
    from service.messages import Messages
    from service.office import Office

P = ParamSpec("P")
T = TypeVar("T")


def explained(command: Callable[P, T]) -> Callable[P, T]:
    """A problem of ours ends a command with its own words and exit code 2, never with a trace. What the environment
    only seems to set is said first."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        from service.settings import unknown_settings

        for each in unknown_settings():
            typer.echo(each, err=True)
        try:
            return command(*args, **kwargs)
        except InvalidMappings as problem:
            typer.echo("\n".join(problem.problems), err=True)
        except ServiceError as problem:
            typer.echo(problem, err=True)
        except OSError as problem:
            typer.echo(f"{problem.filename or 'A file'}: {problem.strerror or 'cannot be used'}", err=True)
        raise typer.Exit(2)

    return run


@contextmanager
def opened_office() -> Iterator[Office]:
    """Administration over the database of these settings."""
    from service.parts import open_office
    from service.settings import read_settings

    with open_office(read_settings()) as office:
        yield office


@contextmanager
def opened_messages() -> Iterator[Messages]:
    """The same for what came in."""
    from service import wiring
    from service.settings import read_settings

    with wiring.messages(read_settings()) as messages:
        yield messages
