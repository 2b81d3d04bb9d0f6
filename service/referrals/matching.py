"""Which programmes fit a woman, in what order, and why each of the others was passed over.

Hard needs come first: a programme that misses one of them is never offered. The ranking among those that fit is: her
language spoken rather than interpreted, then a programme for her own district, then most places open, then the id so
that equal ones always come in the same order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from service.referrals.programme import Programme
from service.screening.instrument import Stage


class PassedOver(StrEnum):
    NOT_ACTIVE = "not-active"
    TRAINING_LAPSED = "training-lapsed"
    NO_OPEN_PLACE = "no-open-place"
    STAGE_NOT_SERVED = "stage-not-served"
    DISTRICT_NOT_SERVED = "district-not-served"
    LANGUAGE_NOT_SPOKEN = "language-not-spoken"
    ALREADY_ASKED = "already-asked"


@dataclass(frozen=True, slots=True)
class Needs:
    """What matching knows of her. `language` is a BCP 47 tag, None when the record does not say: with an interpreter
    needed, only a programme that has interpreters fits then."""

    stage: Stage
    language: str | None
    interpreter: bool
    district: str | None


@dataclass(frozen=True, slots=True)
class Ranking:
    """`fits` best first; `passed_over` with the first hard need that each programme misses."""

    fits: tuple[Programme, ...]
    passed_over: tuple[tuple[Programme, PassedOver], ...]


def rank(programmes: Sequence[Programme], needs: Needs, asked: frozenset[str], today: date) -> Ranking:
    """Rank `programmes` for `needs`; those whose id is in `asked` have answered this referral already."""
    judged = [(programme, _misses(programme, needs, asked, today)) for programme in programmes]
    fits = [programme for programme, missed in judged if missed is None]
    fits.sort(key=lambda programme: _order(programme, needs))
    return Ranking(tuple(fits), tuple((programme, missed) for programme, missed in judged if missed is not None))


def _misses(programme: Programme, needs: Needs, asked: frozenset[str], today: date) -> PassedOver | None:
    lapsed = programme.training_renewed_until is not None and programme.training_renewed_until < today
    checks = (
        (not programme.active, PassedOver.NOT_ACTIVE),
        (programme.id in asked, PassedOver.ALREADY_ASKED),
        (lapsed, PassedOver.TRAINING_LAPSED),
        (needs.stage is not Stage.UNKNOWN and needs.stage not in programme.stages, PassedOver.STAGE_NOT_SERVED),
        (not _serves_district(programme, needs), PassedOver.DISTRICT_NOT_SERVED),
        (not (_speaks(programme, needs) or programme.interpreters), PassedOver.LANGUAGE_NOT_SPOKEN),
        (programme.places_taken >= programme.places, PassedOver.NO_OPEN_PLACE),
    )
    return next((missed for fails, missed in checks if fails), None)


def _serves_district(programme: Programme, needs: Needs) -> bool:
    return not programme.districts or (needs.district or "").casefold() in programme.districts


def _speaks(programme: Programme, needs: Needs) -> bool:
    if needs.language is None:
        return not needs.interpreter
    return needs.language.casefold().partition("-")[0] in programme.languages


def _order(programme: Programme, needs: Needs) -> tuple[bool, bool, int, str]:
    return (
        not _speaks(programme, needs),
        not programme.districts,
        programme.places_taken - programme.places,
        programme.id,
    )
