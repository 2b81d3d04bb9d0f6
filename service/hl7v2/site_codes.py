"""What a hospital's own codes say of a woman's life and of what she has agreed to: data from mappings/."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from service.consent.safe_contact import Mode
from service.referrals.life_event import LifeEvent


@dataclass(frozen=True, slots=True)
class EventRule:
    """Where a code stands that means an event: `segment` and `field`, in any of whose triplets it may be.

    A code that ends with `*` means all that begin so. `triggers` are the MSH-9.2 under which it counts, empty for all;
    `day` is the field of the same segment with the day on which it happened.
    """

    means: LifeEvent
    segment: str
    field: int
    codes: frozenset[str]
    triggers: frozenset[str] = frozenset()
    day: int | None = None

    def matches(self, code: str) -> bool:
        return code in self.codes or any(each[-1:] == "*" and code.startswith(each[:-1]) for each in self.codes)


@dataclass(frozen=True, slots=True)
class ConsentRule:
    """What a consent of this code is about. `organisation_id` None: every organisation, so that only a no counts, or
    with `asked` the one that a referral asks for. `report_back`: what she signs lets the programme report back.

    `yes` and `no` are the values of an OBX in the site's words. `days` is how long a yes lasts that names no end.
    """

    organisation_id: str | None
    asked: bool
    report_back: bool
    days: int | None
    yes: frozenset[str]
    no: frozenset[str]


class Detail(StrEnum):
    """What is said beside a consent, and holds for every yes in the same order. The modes are ways to reach her."""

    REPORT_BACK = "report-back"
    UNTIL = "until"
    VOICEMAIL = "voicemail"
    CALLER_DESCRIPTION = "caller-description"
    CODE_WORD = "code-word"
    REVIEW_BY = "review-by"
    VOICE = Mode.VOICE.value
    SMS = Mode.SMS.value
    WHATSAPP = Mode.WHATSAPP.value
    EMAIL = Mode.EMAIL.value
    POST = Mode.POST.value
    IN_PERSON = Mode.IN_PERSON.value


@dataclass(frozen=True, slots=True)
class SiteCodes:
    """`events` are tried in their order. `consents` is by the code of CON-2 or OBX-3, `details` by that of OBX-3.

    Who is younger than `woman_from` years is a baby or a child, and never referred. A baby's mother is named by PID-21,
    else by the NK1 with one of these `relationships` (NK1-3). `programmes` has the organisation by the code under which
    a referral asks for it (PRD-7, PRD-10).
    """

    woman_from: int
    relationships: frozenset[str]
    events: tuple[EventRule, ...] = ()
    consents: Mapping[str, ConsentRule] = field(default_factory=dict)
    details: Mapping[str, Detail] = field(default_factory=dict)
    programmes: Mapping[str, str] = field(default_factory=dict)

    def is_child(self, born: date, today: date) -> bool:
        return today.year - born.year - ((today.month, today.day) < (born.month, born.day)) < self.woman_from
