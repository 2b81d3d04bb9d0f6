"""What she asks of peer support beside what her record says of her: said by her, stated by her hospital."""

from dataclasses import dataclass
from enum import StrEnum


class Wish(StrEnum):
    """With whom she would rather be: it orders the programmes that fit and excludes none."""

    ONE_TO_ONE = "one-to-one"
    GROUP = "group"


class Access(StrEnum):
    """What she cannot do without: a programme that does not say it meets each of them is not offered to her."""

    STEP_FREE = "step-free"
    HEARING = "hearing"
    SIGHT = "sight"
    EASY_READ = "easy-read"
    NO_TRAVEL = "no-travel"
    CHILDCARE = "childcare"
    WOMEN_ONLY = "women-only"


@dataclass(frozen=True, slots=True)
class SupportNeeds:
    """`wish` None is no preference, `first_baby` None not said. `communities` are the languages' and cultures' own
    words for the peers she would feel at home with, in lower case; they are never disclosed."""

    wish: Wish | None = None
    access: frozenset[Access] = frozenset()
    communities: frozenset[str] = frozenset()
    first_baby: bool | None = None


NOT_STATED = SupportNeeds()
