"""What a frame says of each patient in it, or why it is not taken."""

from datetime import datetime

from service.flow.received_message import Group
from service.flow.rules import Rules
from service.hl7v2.dialect import Dialect
from service.hl7v2.errors import Unfit, What
from service.hl7v2.look import Looked
from service.hl7v2.read.fields import said
from service.hl7v2.read.message import READERS, TYPES
from service.hl7v2.shapes import VERSIONS


def understand(looked: Looked, dialect: Dialect, rules: Rules, now: datetime) -> tuple[Group, ...] | What:
    """Its groups, or what its sender has to mend before it is taken."""
    wrong = looked.wrong or _unfit(looked, dialect)
    if wrong is not None or looked.message is None:
        return wrong or Unfit.DEFECT
    return READERS[looked.type](looked.message, dialect, rules, now)


def _unfit(looked: Looked, dialect: Dialect) -> Unfit | None:
    """What the header says that keeps it from being taken, in the order in which a sender mends it."""
    header, (type, event) = looked.header, looked.type
    if header is None or not said(header, 10):
        return Unfit.CONTROL_ID_MISSING
    if not type:
        return Unfit.TYPE_MISSING
    if (type, event) not in READERS:
        return Unfit.EVENT_UNSUPPORTED if type in TYPES else Unfit.TYPE_UNSUPPORTED
    if header.text(11).upper() != "P" and not dialect.tests_are_taken:
        return Unfit.NOT_PRODUCTION
    # One that names no version is read all the same: nothing of what is read depends on it.
    return Unfit.VERSION_UNSUPPORTED if header.text(12) not in ("", *VERSIONS) else None
