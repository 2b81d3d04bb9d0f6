"""The command line. What a command needs is imported when it runs, so that the others answer at once."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import typer

from service.shared.errors import InvalidMappings, ServiceError

P = ParamSpec("P")
T = TypeVar("T")


def explained(command: Callable[P, T]) -> Callable[P, T]:
    """A problem of ours ends a command with its own words and exit code 2, never with a trace."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
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
