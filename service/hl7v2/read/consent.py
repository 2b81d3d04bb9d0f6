"""CON and the observations by which a site tells of consent -> ReceivedConsent, as far as the site's codes say.

Whatever is not known to be a yes is none: an unknown code is told and gives nothing, and of one consent a no is heard
however it is written (DESIGN 7).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from service.consent.consent import Consent, Status
from service.flow.received import Identifier, Received, Reference
from service.flow.received_message import Flaw, Part, Problem
from service.flow.record_consent import ReceivedConsent
from service.flow.rules import Rules
from service.hl7v2.dialect import Dialect
from service.hl7v2.read.codes import triplets, values_of
from service.hl7v2.read.consent_body import consent_body
from service.hl7v2.read.consent_detail import COUNTING, details_in, is_yes, safe_contact
from service.hl7v2.read.fields import at, said
from service.hl7v2.segments import Segment
from service.hl7v2.site_codes import ConsentRule, Detail
from service.hl7v2.times import local_moment, next_day
from service.shared.clock import is_to_come

CONSENT = "urn:peer-referral:hl7v2:consent"
"""The system of their names: hers, the site's code, and when she decided."""
TYPE, STATUS, DECIDED, BEGINS, ENDS = 2, 11, 13, 14, 15
# Table 0498. Anything else that is written there (refused, rescinded, limited, bypassed) is no yes.
_ACTIVE, _PENDING = "A", "P"
_VOID = frozenset("DWX")


@dataclass(frozen=True, slots=True)
class _Word:
    """What one segment says: `agrees` None when it says nothing yet, a Problem when nobody can tell what. `decided`,
    `begins` and `ends` are as written; `place` is the field with the time, `answer` the one with the yes or no."""

    segment: Segment
    code: str
    rule: ConsentRule
    agrees: bool | Problem | None
    answer: int
    decided: str
    place: int
    begins: str = ""
    ends: str = ""
    void: bool = False


def read_consents(
    segments: Iterable[Segment],
    subject: Reference,
    dialect: Dialect,
    rules: Rules,
    now: datetime,
    asked: str | None = None,
) -> tuple[list[Part], list[Flaw]]:
    """`segments` are those that are about `subject`; `asked` is the organisation that a referral asks for, by id.

    The newest word comes first, and a no before a yes of the same time: so an older no ends nothing, and an older yes
    releases nothing.
    """
    words: list[tuple[ReceivedConsent, str]] = []
    flaws: list[Flaw] = []
    segments = tuple(segments)
    # Most results come from hospitals that say nothing of consent in them.
    if not dialect.codes.consents and "CON" not in {each.name for each in segments}:
        return [], flaws
    details = details_in(segments, dialect)
    for word in _words(segments, dialect, flaws):
        read = _consent(word, subject, details, dialect, rules, now, asked)
        if isinstance(read, ReceivedConsent):
            words.append((read, at(word.segment)))
        elif read is not None:
            field = word.answer if read is word.agrees else word.place
            flaws.append(Flaw(read, at(word.segment, field)))
    words.sort(key=lambda each: (each[0].said.given_at or now, not each[0].said.permits), reverse=True)
    return [Part(*each) for each in words], flaws


def refuses(segments: Iterable[Segment], dialect: Dialect) -> bool:
    """Whether somebody says no in them, or takes back a yes."""
    return any(word.agrees is False for word in _words(segments, dialect, []))


def nobodys_consents(segments: Iterable[Segment], dialect: Dialect) -> list[Flaw]:
    """What is said of consent where nobody can tell who says it, for a person to find out."""
    return [
        Flaw(Problem.IDENTIFIER_UNUSABLE, at(each))
        for each in segments
        if each.name == "CON" or (each.name == "OBX" and _rule(each, 3, dialect)[1] is not None)
    ]


def _words(segments: Iterable[Segment], dialect: Dialect, flaws: list[Flaw]) -> Iterator[_Word]:
    order_time = ""
    for segment in segments:
        if segment.name == "OBR":
            order_time = said(segment, 7)
        elif segment.name == "CON":
            word = _of_con(segment, dialect)
            if word is None:
                flaws.append(Flaw(Problem.CODE_UNKNOWN, at(segment, TYPE)))
            else:
                yield word
        elif segment.name == "OBX":
            found = _of_obx(segment, order_time, dialect)
            if found is not None:
                yield found


def _of_con(con: Segment, dialect: Dialect) -> _Word | None:
    code, rule = _rule(con, TYPE, dialect)
    if rule is None:
        return None
    status = said(con, STATUS).upper()
    agrees: bool | Problem | None = None if status == _PENDING else status == _ACTIVE
    agrees = agrees if status else Problem.VALUE_MISSING
    return _Word(con, code, rule, agrees, STATUS, said(con, DECIDED), DECIDED, said(con, BEGINS), said(con, ENDS))


def _of_obx(obx: Segment, order_time: str, dialect: Dialect) -> _Word | None:
    code, rule = _rule(obx, 3, dialect)
    if rule is None:
        return None
    status, values = said(obx, 11).upper(), {part for parts in values_of(obx) for part in parts[:2] if part}
    void = status in _VOID
    agrees: bool | Problem | None = None
    if void or values & rule.no:
        agrees = False
    elif values and status in COUNTING:
        agrees = True if values & rule.yes else Problem.CODE_UNKNOWN
    return _Word(obx, code, rule, agrees, 5, said(obx, 14) or order_time, 14, void=void)


def _rule(segment: Segment, field: int, dialect: Dialect) -> tuple[str, ConsentRule | None]:
    for each in triplets(segment, field):
        if each.code in dialect.codes.consents:
            return each.code, dialect.codes.consents[each.code]
    return "", None


def _consent(
    word: _Word,
    subject: Reference,
    details: Mapping[Detail, Segment],
    dialect: Dialect,
    rules: Rules,
    now: datetime,
    asked: str | None,
) -> ReceivedConsent | Problem | None:
    """What is wrong with it, or None when it says nothing yet."""
    if word.agrees is None or isinstance(word.agrees, Problem):
        return word.agrees
    when = local_moment(word.decided, dialect.zone)
    if word.agrees and (when is None or is_to_come(when.begins, now)):
        # The newest word counts, so a yes whose time nobody knows could overtake a no.
        return Problem.VALUE_UNREADABLE if word.decided else Problem.VALUE_MISSING
    organisation = word.rule.organisation_id or (asked if word.rule.asked else None)
    if word.agrees and organisation is None:
        return Problem.CODE_UNKNOWN
    given_at = now if when is None else when.begins
    if when is not None and not word.agrees and len(when.fhir) <= len("2026-01-01"):
        # A no that has only a day counts from the end of that day.
        given_at = next_day(when.begins, dialect.zone) - timedelta(milliseconds=1)
    consent = _said(word, given_at, details, dialect, rules)
    identifier = _name(word, subject)
    recipient = None if organisation is None else Reference("Organization", organisation)
    body = consent_body(consent, identifier, subject, recipient, when.fhir if when else None, rules.consent_terms)
    received = Received("Consent", body, (identifier,))
    return ReceivedConsent(received, subject, recipient, consent)


def _name(word: _Word, subject: Reference) -> Identifier:
    her = (subject.identifier.system, subject.identifier.value) if subject.identifier else ("", "")
    return Identifier(CONSENT, "|".join((*her, word.code, word.decided)))


def _said(
    word: _Word, given_at: datetime, details: Mapping[Detail, Segment], dialect: Dialect, rules: Rules
) -> Consent:
    agrees, terms = bool(word.agrees), rules.consent_terms
    no = Status.ENTERED_IN_ERROR if word.void else Status.REJECTED
    said_no = Consent(
        id="", version=1, tenant_id="", patient_id="", status=Status.ACTIVE if agrees else no, permits=agrees,
        recipient_id=None, given_at=given_at, period_start=None, period_end=None, purposes=frozenset(),
        may_report_back=False, safe_contact=None,
    )  # fmt: skip
    if not agrees:
        return said_no
    longest = given_at + timedelta(days=min(word.rule.days or terms.longest_days, terms.longest_days))
    begins = local_moment(word.begins, dialect.zone)
    return replace(
        said_no,
        period_start=begins.begins if begins else None,
        period_end=min([longest, *_ends(word, details, dialect, given_at)]),
        purposes=terms.purposes,
        may_report_back=word.rule.report_back or is_yes(details.get(Detail.REPORT_BACK)),
        safe_contact=safe_contact(details, dialect),
    )


def _ends(word: _Word, details: Mapping[Detail, Segment], dialect: Dialect, given_at: datetime) -> Iterator[datetime]:
    """The last day belongs to it. An end that cannot be read is one that may have passed."""
    until = details.get(Detail.UNTIL)
    for written in filter(None, (word.ends, said(until, 5) if until else "")):
        end = local_moment(written, dialect.zone)
        if end is None:
            yield given_at
        else:
            yield next_day(end.begins, dialect.zone) if len(end.fhir) == len("2026-01-01") else end.begins
