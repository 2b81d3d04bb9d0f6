"""One administration of an instrument, put together from the messages that speak of it, in whatever order they come."""

from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from itertools import chain, compress, repeat
from operator import itemgetter
from types import MappingProxyType
from typing import NamedTuple

from service.screening.instrument import CodeUse, Role, Stage


class Status(StrEnum):
    """FHIR R4 observation-status."""

    REGISTERED = "registered"
    PRELIMINARY = "preliminary"
    FINAL = "final"
    AMENDED = "amended"
    CORRECTED = "corrected"
    CANCELLED = "cancelled"
    ENTERED_IN_ERROR = "entered-in-error"
    UNKNOWN = "unknown"


SELF = "patient"
"""The respondent of a result that she answered herself."""
# The respondent of a result whose source tells no time of administration begins so and goes on with the source's name.
OF_ITS_OWN = "source:"
_ANOTHERS_OWN = f"{OF_ITS_OWN}another:"
DECIDING = frozenset({Status.FINAL, Status.AMENDED, Status.CORRECTED})
# What voids or changes what came before under the same identifier.
CORRECTING = frozenset({Status.AMENDED, Status.CORRECTED, Status.CANCELLED, Status.ENTERED_IN_ERROR})
STILL_TO_COME = frozenset({Status.REGISTERED, Status.PRELIMINARY})
# What takes back all that was said before. Every other status that does not decide says something all the same.
VOID = frozenset({Status.CANCELLED, Status.ENTERED_IN_ERROR})
_SETTLED = DECIDING | VOID

# A correction may overtake what it corrects, and a void is for ever: of two from one source the higher rank counts.
_RANK: Mapping[Status, int] = {
    Status.REGISTERED: 0,
    Status.UNKNOWN: 0,
    Status.PRELIMINARY: 1,
    Status.FINAL: 2,
    Status.CANCELLED: 2,
    Status.AMENDED: 3,
    Status.CORRECTED: 3,
    Status.ENTERED_IN_ERROR: 4,
}


# Tuples, because a frozen dataclass takes four times as long to make, and every result makes a few dozen.
class Reading(NamedTuple):
    """One number that a piece states.

    `value` None with `unreadable` set: there was a value and it could not be used; `unreadable` names its element,
    never its content. Both None: the sender says that there is no value (dataAbsentReason, an unanswered item).
    `code_role_mismatch`: the code is known for another role, such as a panel's code that carries the total.
    """

    role: Role
    item: int | None
    value: int | None
    unreadable: str | None = None
    code_role_mismatch: bool = False


class Piece(NamedTuple):
    """What one source says: an Observation with its components, an OBX, a QuestionnaireResponse.

    `source` names it at its sender and stays the same when it is corrected; `names` are the references that lead to it.
    `expects` are the sources or references that it names as belonging to it (hasMember, derivedFrom) and that may still
    be on their way.
    """

    source: str
    status: Status
    readings: tuple[Reading, ...]
    expects: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()


class Said(NamedTuple):
    """What the pieces that may decide come to: the final, amended and corrected ones.

    `scores` has every score that some source states, with its item's number, None for the total; `items` (number ->
    score) and `total` are the higher where two sources differ. `unreadable` are the numbers of what could not be used,
    likewise, `heard_of` those of the items that were sent, with or without a usable answer: nothing more is to be
    expected of them.
    """

    scores: frozenset[tuple[int | None, int]]
    total: int | None
    items: Mapping[int | None, int]
    unreadable: frozenset[int | None]
    heard_of: frozenset[int]
    code_role_mismatch: bool

    @property
    def contradicts_itself(self) -> bool:
        return len(self.scores) > len(self.items) + (self.total is not None)


class _Administration(NamedTuple):
    id: str
    tenant_id: str
    patient_id: str
    instrument_id: str
    respondent: str
    effective: datetime
    stage: Stage
    pieces: Mapping[str, Piece] = MappingProxyType({})


class ScreeningResult(_Administration):
    """The key is tenant, patient, instrument, respondent, effective instant. `pieces` has the newest of each source."""

    @cached_property
    def said(self) -> Said:
        """Worked out once, when it is first asked for."""
        stated = [piece.readings for piece in self.pieces.values() if piece.status in DECIDING]
        # A dozen readings of each message: as columns they are gone through without a step of Python for each.
        _, items, values, unusable, mismatch = [*zip(*chain(*stated), strict=True)] or [()] * 5
        scores = frozenset(zip(items, values, strict=True)) - frozenset(zip(items, repeat(None)))
        highest = dict(sorted(scores, key=itemgetter(1)))
        return Said(
            scores,
            total=highest.pop(None, None),
            items=highest,
            unreadable=frozenset(compress(items, unusable)),
            heard_of=frozenset(items) - {None},
            code_role_mismatch=any(mismatch),
        )

    @property
    def is_anothers(self) -> bool:
        """Whether somebody else than she answered: what it says of her is not known."""
        hers = self.respondent == SELF or self.respondent.startswith(OF_ITS_OWN)
        return not hers or self.respondent.startswith(_ANOTHERS_OWN)

    @property
    def undecided(self) -> list[Piece]:
        """The pieces that may not decide, or not yet, and that nobody has taken back."""
        return [piece for piece in self.pieces.values() if piece.status not in _SETTLED]

    @property
    def counts(self) -> bool:
        """Whether any piece may decide. False while all are preliminary, and again when all are void."""
        return any(piece.status in DECIDING for piece in self.pieces.values())

    @property
    def more_expected(self) -> bool:
        """Whether something names a part that has not come yet, or only in a preliminary form."""
        arrived = [piece for piece in self.pieces.values() if piece.status not in STILL_TO_COME]
        came = {name for piece in arrived for name in (piece.source, *piece.names)}
        return any(piece.expects - came for piece in self.pieces.values() if piece.status in DECIDING)


def of_its_own(respondent: str, source: str) -> str:
    """The respondent of what `source` says without a time."""
    return f"{OF_ITS_OWN if respondent == SELF else _ANOTHERS_OWN}{source}"


def attach(result: ScreeningResult, *pieces: Piece) -> ScreeningResult:
    """The result with each piece in place of what its source said before, unless that outranks it."""
    kept = dict(result.pieces)
    for piece in pieces:
        known = kept.get(piece.source)
        if known is None or _RANK[piece.status] >= _RANK[known.status]:
            kept[piece.source] = piece
    return result._replace(pieces=kept)


def without(result: ScreeningResult, sources: Collection[str]) -> ScreeningResult:
    """The result without what these sources said: they have said it of another administration."""
    return result._replace(pieces={name: piece for name, piece in result.pieces.items() if name not in sources})


def reading(use: CodeUse, value: int | None, unreadable: str | None = None) -> Reading:
    """What a coded element states. A panel's code with a number states the total (seen in public data), noted as such;
    a total's code with nothing at all is a panel's heading."""
    if use.role is Role.PANEL and (value is not None or unreadable is not None):
        return Reading(Role.TOTAL, None, value, unreadable, code_role_mismatch=True)
    if use.role is Role.TOTAL and value is None and unreadable is None:
        return Reading(Role.PANEL, None, None, code_role_mismatch=True)
    return Reading(use.role, use.item, value, unreadable)


def whole_score(value: float | Decimal | str) -> int | None:
    """The score that a wire value states, or None when it is no whole number: 3.5, ">=13", "thirteen", "", 1e400."""
    if isinstance(value, str):
        value = value.strip()
        return int(value) if value.isascii() and value.isdigit() and len(value) <= _LONGEST else None
    if type(value) is int:
        return value if abs(value) < 10**_LONGEST else None
    number = Decimal(value)
    if isinstance(value, bool) or not number.is_finite() or abs(number) >= 10**_LONGEST or number != int(number):
        return None
    return int(number)


_LONGEST = 4  # digits; beyond any instrument, and short enough that no sender can make a huge integer of it
