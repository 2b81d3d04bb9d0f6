"""What a programme may see, by stage. An allow-list: an element that stands in no row is disclosed to nobody.

Never in any row: score, items, diagnosis, record numbers, household, other programmes.
"""

from enum import StrEnum


class Element(StrEnum):
    DISTRICT = "district"
    STAGE = "stage"
    LANGUAGE = "language"
    INTERPRETER = "interpreter"
    ACCESS = "access"
    WISH = "wish"
    RESPOND_BY = "respond-by"
    PREFERRED_NAME = "preferred-name"
    SAFE_CONTACT = "safe-contact"
    DUE_MONTH = "due-month"
    BABY_AGE = "baby-age"
    ESCALATION_CONTACT = "escalation-contact"
    ENGAGEMENT = "engagement"


class ViewStage(StrEnum):
    """How much of her a programme sees: before it accepts, while it supports her, and after it is over."""

    OFFERED = "offered"
    SUPPORTING = "supporting"
    OVER = "over"


_BEFORE_ACCEPTANCE = frozenset(
    {
        Element.DISTRICT,
        Element.STAGE,
        Element.LANGUAGE,
        Element.INTERPRETER,
        Element.ACCESS,
        Element.WISH,
        Element.RESPOND_BY,
    }
)

DISCLOSED: dict[ViewStage, frozenset[Element]] = {
    ViewStage.OFFERED: _BEFORE_ACCEPTANCE,
    ViewStage.SUPPORTING: _BEFORE_ACCEPTANCE
    | {
        Element.PREFERRED_NAME,
        Element.SAFE_CONTACT,
        Element.DUE_MONTH,
        Element.BABY_AGE,
        Element.ESCALATION_CONTACT,
    },
    ViewStage.OVER: frozenset(),
}
