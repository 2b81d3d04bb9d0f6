"""How many statements something costs."""

from collections.abc import Callable

from sqlalchemy import event
from sqlalchemy.engine import Engine


def count(work: Callable[[], object]) -> int:
    """Statements between BEGIN and COMMIT, the lock of the stamp aside: it is the dialect's own round trip."""
    heard = 0

    def hear(*_: object) -> None:
        nonlocal heard
        heard += 1

    event.listen(Engine, "before_cursor_execute", hear)
    try:
        work()
    finally:
        event.remove(Engine, "before_cursor_execute", hear)
    return heard
