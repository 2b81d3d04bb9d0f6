"""The program in processes that come of one which has imported it: that is most of what a start costs.

Each is a process like any other, with sockets and an end of its own. What is typed, `python -m service`, is started by
the demonstration, by the installed wheel, and where README.md and docs/operations.md are followed.
"""

import multiprocessing
import os
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["service.__main__", "service.serving"])


def start(arguments: Sequence[str], environment: Mapping[str, str], said: Path) -> ForkServerProcess:
    """Both its outputs are added to the file `said`."""
    process = _CONTEXT.Process(target=_run, args=(arguments, dict(environment), said), daemon=True)
    process.start()
    return process


def _run(arguments: Sequence[str], environment: Mapping[str, str], said: Path) -> None:
    os.chdir(Path(__file__).parents[2])
    os.environ.clear()
    os.environ.update(environment)
    with said.open("ab") as output:
        for standard in (1, 2):
            os.dup2(output.fileno(), standard)
    sys.argv = ["peer-referral", *arguments]
    from service.__main__ import main

    main()
