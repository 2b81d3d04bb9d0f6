"""CON and the observations by which a site tells of consent -> ReceivedConsent, and how she may safely be reached ->
ReceivedSafeContact, as far as the site's codes say.

Whatever is not known to be a yes is none: an unknown code is told and gives nothing, and of one consent a no is heard
however it is written (DESIGN 7). What may be one pauses contact.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from service.consent.consent import Consent, Status
from service.consent.safe_contact import UNDATED
from service.flow.hear_safe_contact import ReceivedSafeContact
from service.flow.received import Identifier, Received, Reference
from service.flow.received_message import Flaw, Part, Problem
from service.flow.record_consent import ReceivedConsent
from service.flow.rules import Rules
from service.hl7v2.dialect import Dialect
from service.hl7v2.read.consent_body import consent_body
from service.hl7v2.read.consent_detail import OF_A_YES, Details, details_in, safe_contact, says_yes, tells_ways, unread
from service.hl7v2.read.consent_word import Word, words_in
from service.hl7v2.read.fields import at, said
from service.hl7v2.segments import Message, Segment
from service.hl7v2.site_codes import Detail
from service.hl7v2.times import ends, local_moment, next_day
from service.shared.clock import is_to_come

_TIME = 14
CONSENT = "urn:peer-referral:hl7v2:consent"
"""The system of their names: hers, the site's code, of what is asked for with whom, when she decided, else by which
message it came, and whether nobody can tell what."""


def read_consents(
    message: Message,
    segments: Iterable[Segment],
    subject: Reference,
    dialect: Dialect,
    rules: Rules,
    now: datetime,
    asked: str | Flaw | None = None,
) -> tuple[list[Part], list[Flaw]]:
    """`segments` are those of the `message` that are about `subject`; `asked` is the organisation that a referral asks
    for, by id, or what keeps it from saying so.

    The newest word comes first, and a no before a yes of the same time: so an older no ends nothing, and an older yes
    releases nothing.
    """
    words: list[tuple[ReceivedConsent, str]] = []
    flaws: list[Flaw] = []
    segments = tuple(segments)
    # Most results come from hospitals that say nothing of consent in them.
    codes = dialect.codes
    if not (codes.consents or codes.details) and "CON" not in {each.name for each in segments}:
        return [], flaws
    details, spoken = details_in(segments, dialect, now), list(words_in(segments, dialect, flaws))
    for word in spoken:
        if isinstance(word.agrees, Problem):
            flaws.append(Flaw(word.agrees, at(word.segment, word.answer)))
        read = _consent(word, message.header, subject, details, dialect, rules, now, asked)
        if isinstance(read, ReceivedConsent):
            words.append((read, at(word.segment)))
        elif read is not None:
            flaws.append(read if isinstance(read, Flaw) else Flaw(read, at(word.segment, word.place)))
    words.sort(key=lambda each: (each[0].said.given_at or now, not each[0].said.permits), reverse=True)
    # What nobody can tell is held against every yes in the message.
    words.sort(key=lambda each: each[0].said.status is Status.PROPOSED)
    flaws += unread(details, dialect)
    if not spoken:
        flaws += [Flaw(Problem.SEGMENT_MISSING, at(details[each][0].obx)) for each in sorted(OF_A_YES & details.keys())]
    agreed = [each for each in words if each[0].said.permits and tells_ways(segments, dialect)]
    return [*_safe_contact(agreed, details, subject, dialect, now), *(Part(*each) for each in words)], flaws


def _safe_contact(
    agreed: Sequence[tuple[ReceivedConsent, str]], details: Details, subject: Reference, dialect: Dialect, now: datetime
) -> Iterator[Part]:
    """Before every yes, so that whoever is chosen by it can reach her. `agreed` are those that tell the ways too, the
    newest first."""
    agreed_at = next((min(word.said.given_at or now, now) for word, _ in agreed), None)
    word = safe_contact(details, dialect, now, agreed_at)
    if word is not None:
        time = [_TIME] if word.said_at == UNDATED else []
        place = next((at(told[0].obx, *time) for told in details.values()), *(place for _, place in agreed[:1]))
        yield Part(ReceivedSafeContact(Received("Patient", b""), subject, word), place)


def _consent(
    word: Word,
    header: Segment,
    subject: Reference,
    details: Details,
    dialect: Dialect,
    rules: Rules,
    now: datetime,
    asked: str | Flaw | None,
) -> ReceivedConsent | Problem | Flaw | None:
    """What is wrong with its time or its organisation, or None when it says nothing yet."""
    if not isinstance(word.agrees, bool) and not word.doubtful:
        return None
    agrees, when = word.agrees is True, local_moment(word.decided, dialect.zone)
    if agrees and (when is None or is_to_come(when.begins, now)):
        # The newest word counts, so a yes whose time nobody knows could overtake a no.
        return Problem.VALUE_UNREADABLE if word.decided else Problem.VALUE_MISSING
    whom = word.rule.organisation_id or (asked if word.rule.asked else None)
    organisation = whom if isinstance(whom, str) else None
    if agrees and organisation is None:
        return whom if isinstance(whom, Flaw) else Problem.CODE_UNKNOWN
    given_at = now if when is None else when.begins
    if when is not None and not agrees:
        # A no that has only a day counts from the end of that day.
        given_at = ends(when, dialect.zone)
    consent = _said(word, given_at, details, dialect, rules)
    name = _name(word, header if when is None else None, subject, organisation)
    # What nobody can tell is no version of what she says when it can be told.
    unclear = Identifier(CONSENT, f"{name}|unclear")
    clears = None if isinstance(word.agrees, Problem) else unclear
    identifier = Identifier(CONSENT, name) if clears else unclear
    recipient = None if organisation is None else Reference("Organization", organisation)
    body = consent_body(consent, identifier, subject, recipient, when.fhir if when else None, rules.consent_terms)
    received = Received("Consent", body, (identifier,))
    return ReceivedConsent(received, subject, recipient, consent, clears=clears)


def _name(word: Word, header: Segment | None, subject: Reference, organisation: str | None) -> str:
    """`header` is that of its message, where that is all that tells when it was said."""
    her = (subject.identifier.system, subject.identifier.value) if subject.identifier else ("", "")
    whom = (organisation,) if word.rule.asked and organisation else ()
    # A no without a time counts from when it came: under another message it is another word.
    when = (word.decided,) if header is None else (header.text(7), header.text(10))
    return "|".join((*her, word.code, *whom, *when))


def _said(word: Word, given_at: datetime, details: Details, dialect: Dialect, rules: Rules) -> Consent:
    agrees, terms = word.agrees is True, rules.consent_terms
    unclear = Status.PROPOSED if word.doubtful else Status.REJECTED
    no = Status.ENTERED_IN_ERROR if word.void else unclear
    said_no = Consent(
        id="", version=1, tenant_id="", patient_id="", status=Status.ACTIVE if agrees else no, permits=agrees,
        recipient_id=None, given_at=given_at, period_start=None, period_end=None, purposes=frozenset(),
        may_report_back=False, safe_contact=None, may_refuse=word.doubtful,
    )  # fmt: skip
    if not agrees:
        return said_no
    reports = Detail.REPORT_BACK
    longest = given_at + timedelta(days=min(word.rule.days or terms.longest_days, terms.longest_days))
    begins = local_moment(word.begins, dialect.zone)
    return replace(
        said_no,
        period_start=begins.begins if begins else None,
        period_end=min([longest, *_ends(word, details, dialect, given_at)]),
        purposes=terms.purposes,
        may_report_back=says_yes(details[reports]) if reports in details else word.rule.report_back,
    )


def _ends(word: Word, details: Details, dialect: Dialect, given_at: datetime) -> Iterator[datetime]:
    """The last day belongs to it. An end that cannot be read is one that may have passed."""
    until = (said(one.obx, 5) for one in details.get(Detail.UNTIL, ()))
    for written in filter(None, (word.ends, *until)):
        end = local_moment(written, dialect.zone)
        if end is None:
            yield given_at
        else:
            yield next_day(end.begins, dialect.zone) if len(end.fhir) == len("2026-01-01") else end.begins
