"""Which programmes fit a woman, in what order, and why each was chosen or passed over (docs/matching.md).

Hard needs come first: a programme that misses one of them is never offered. What is not known of her excludes nothing,
but for her district and her language, without which nobody could meet her. Those that fit are ranked by what speaks for
them, the weightiest first (`Favour`), then by open places, then by id, so that equal ones always keep their order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from service.referrals.needs import NOT_STATED, SupportNeeds
from service.referrals.programme import WISHES_MET, Programme
from service.screening.instrument import Stage


class PassedOver(StrEnum):
    """The first hard need that a programme misses, in this order."""

    NOT_ACTIVE = "not-active"
    ALREADY_ASKED = "already-asked"
    TRAINING_LAPSED = "training-lapsed"
    STAGE_NOT_SERVED = "stage-not-served"
    DISTRICT_NOT_SERVED = "district-not-served"
    LANGUAGE_NOT_SPOKEN = "language-not-spoken"
    ACCESS_NOT_MET = "access-not-met"
    AGE_NOT_SERVED = "age-not-served"
    FIRST_BABY_ONLY = "first-baby-only"
    COMMUNITY_NOT_SERVED = "community-not-served"
    NO_OPEN_PLACE = "no-open-place"


class Favour(StrEnum):
    """What speaks for a programme that fits, the weightiest first."""

    WISH_MET = "wish-met"
    LANGUAGE_SPOKEN = "language-spoken"
    COMMUNITY_SHARED = "community-shared"
    OWN_DISTRICT = "own-district"


class Standing(StrEnum):
    """What became of a programme that fits."""

    CHOSEN = "chosen"
    NEXT = "fits"
    CONSENT_NEEDED = "consent-needed"
    CONTRADICTORY = "contradictory"
    REFUSED_BY_HER = "refused-by-her"
    NO_SAFE_CONTACT = "no-safe-contact"


@dataclass(frozen=True, slots=True)
class Needs:
    """What matching knows of her. `language` is a BCP 47 tag, None when the record does not say: with an interpreter
    needed, only a programme that has interpreters fits then. `age` is in whole years."""

    stage: Stage
    language: str | None
    interpreter: bool
    district: str | None
    age: int | None = None
    support: SupportNeeds = NOT_STATED


@dataclass(frozen=True, slots=True)
class Ranking:
    """`fits` best first; `passed_over` with the first hard need that each programme misses."""

    fits: tuple[Programme, ...]
    passed_over: tuple[tuple[Programme, PassedOver], ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """One programme in a placement. `favours` is empty, and `open_places` 0, for what was passed over."""

    programme_id: str
    verdict: Standing | PassedOver
    favours: tuple[Favour, ...] = ()
    open_places: int = 0


@dataclass(frozen=True, slots=True)
class Placement:
    """One time at which the referral was placed: every programme there was, the best first."""

    placed_at: datetime
    judged: tuple[Judged, ...]


def rank(programmes: Sequence[Programme], needs: Needs, asked: frozenset[str], today: date) -> Ranking:
    """Rank `programmes` for `needs`; those whose id is in `asked` have answered this referral already."""
    judged = [(programme, _misses(programme, needs, asked, today)) for programme in programmes]
    fits = [programme for programme, missed in judged if missed is None]
    fits.sort(key=lambda programme: _order(programme, needs))
    return Ranking(tuple(fits), tuple((programme, missed) for programme, missed in judged if missed is not None))


def favours(programme: Programme, needs: Needs) -> tuple[Favour, ...]:
    """What speaks for it, the weightiest first."""
    speaks = (
        (needs.support.wish in WISHES_MET[programme.model], Favour.WISH_MET),
        (_speaks(programme, needs), Favour.LANGUAGE_SPOKEN),
        (bool(needs.support.communities & programme.serves.communities), Favour.COMMUNITY_SHARED),
        (bool(programme.districts), Favour.OWN_DISTRICT),
    )
    return tuple(favour for holds, favour in speaks if holds)


def judge(ranking: Ranking, standings: Sequence[Standing], needs: Needs) -> tuple[Judged, ...]:
    """Everything that is to be remembered of a placement; `standings` are of `ranking.fits`, in its order."""
    fits = tuple(
        Judged(programme.id, standing, favours(programme, needs), programme.open_places)
        for programme, standing in zip(ranking.fits, standings, strict=True)
    )
    return fits + tuple(Judged(programme.id, missed) for programme, missed in ranking.passed_over)


def _misses(programme: Programme, needs: Needs, asked: frozenset[str], today: date) -> PassedOver | None:
    serves, support = programme.serves, needs.support
    checks = (
        (not programme.active, PassedOver.NOT_ACTIVE),
        (programme.id in asked, PassedOver.ALREADY_ASKED),
        (programme.training_has_lapsed(today), PassedOver.TRAINING_LAPSED),
        (needs.stage is not Stage.UNKNOWN and needs.stage not in programme.stages, PassedOver.STAGE_NOT_SERVED),
        (not _serves_district(programme, needs), PassedOver.DISTRICT_NOT_SERVED),
        (not (_speaks(programme, needs) or programme.interpreters), PassedOver.LANGUAGE_NOT_SPOKEN),
        (not support.access <= serves.access, PassedOver.ACCESS_NOT_MET),
        (not _serves_age(programme, needs.age), PassedOver.AGE_NOT_SERVED),
        (serves.first_baby_only and support.first_baby is False, PassedOver.FIRST_BABY_ONLY),
        (serves.communities_only and not support.communities & serves.communities, PassedOver.COMMUNITY_NOT_SERVED),
        (programme.open_places == 0, PassedOver.NO_OPEN_PLACE),
    )
    return next((missed for fails, missed in checks if fails), None)


def _serves_district(programme: Programme, needs: Needs) -> bool:
    return not programme.districts or (needs.district or "").casefold() in programme.districts


def _serves_age(programme: Programme, age: int | None) -> bool:
    youngest, oldest = programme.serves.from_age, programme.serves.to_age
    return age is None or ((youngest is None or youngest <= age) and (oldest is None or age <= oldest))


def _speaks(programme: Programme, needs: Needs) -> bool:
    if needs.language is None:
        return not needs.interpreter
    return needs.language.casefold().partition("-")[0] in programme.languages


def _order(programme: Programme, needs: Needs) -> tuple[tuple[bool, ...], int, str]:
    spoken_for = favours(programme, needs)
    return tuple(favour not in spoken_for for favour in Favour), -programme.open_places, programme.id
