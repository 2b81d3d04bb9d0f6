"""Files that are there whole or not at all."""

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EEXIST
from pathlib import Path
from typing import BinaryIO

# The owner may do anything and a group may read, as mounted secrets need.
_OF_OTHERS = stat.S_IWGRP | stat.S_IXGRP | stat.S_IRWXO


def open_to_others(path: Path) -> bool:
    """Whether somebody else could use the secret in it, or put another there."""
    return os.name == "posix" and bool(path.stat().st_mode & _OF_OTHERS)


@contextmanager
def appearing(path: Path, *, replace: bool) -> Iterator[BinaryIO]:
    """Write a file that has its name only once it is whole and on the disk; nobody but its owner may read it.

    When the block raises, nothing is left. Raises FileExistsError when one of that name is there, or has come to be
    there meanwhile, and may not be replaced.
    """
    if path.exists() and not replace:
        raise FileExistsError(EEXIST, os.strerror(EEXIST), str(path))
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # mkstemp opens it with mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if replace:
            Path(name).replace(path)
        else:
            _name_it(name, path)
        _keep_the_name(path.parent)
    finally:
        Path(name).unlink(missing_ok=True)


def _name_it(name: str, path: Path) -> None:
    try:
        os.link(name, path)  # of two that do this at once, one hears that the name is taken
    except FileExistsError:
        raise
    except OSError:
        # Some file systems, as of a memory stick, know no second name for a file.
        Path(name).replace(path)


def _keep_the_name(folder: Path) -> None:
    """The name is in the folder, which has to reach the disk as well; systems that cannot open one need it not."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
