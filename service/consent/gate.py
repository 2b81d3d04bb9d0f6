"""The one place that says whether an organisation may be told something now. Unknown is a refusal."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from service.consent.consent import Consent
from service.consent.disclosure import Element
from service.shared.clock import CLOCKS_DIFFER_BY
from service.shared.code import Code


class Why(StrEnum):
    NO_CONSENT = "no-consent"
    TIME_UNKNOWN = "time-unknown"
    CONTRADICTORY = "contradictory"
    DENIED = "denied"
    WITHDRAWN = "withdrawn"
    NOT_YET_VALID = "not-yet-valid"
    EXPIRED = "expired"
    PURPOSE_NOT_COVERED = "purpose-not-covered"
    REPORTING_BACK_NOT_PERMITTED = "reporting-back-not-permitted"


@dataclass(frozen=True, slots=True)
class Permit:
    """She agreed. `consent` is the very version under which it may be told, for the audit and the view's ETag."""

    consent: Consent


@dataclass(frozen=True, slots=True)
class Refusal:
    """`said_at` is the instant of two words that contradict each other, None where another reason is."""

    reason: Why
    said_at: datetime | None = None


def ask_gate(
    consents: Sequence[Consent], actor: str, element: Element, purpose: frozenset[Code], now: datetime
) -> Permit | Refusal:
    """Whether `actor`, a programme's organisation id, may be told `element` for `purpose` at `now`.

    `purpose` is the set of codes by which a consent may name it (mappings/consent.toml); one of them is enough.

    The newest word counts, by Consent.dateTime, or for a withdrawal by the instant at which it reached us. Two newest
    words that differ in anything, or one whose time is unknown, deny. What is not yet said, or was entered in error
    before it meant anything here, is no word at all. `Element.ENGAGEMENT` asks whether the actor may report back
    to the hospital, which needs the nested permit.
    """
    said = [consent for consent in consents if consent.was_said() and consent.recipient_id in (actor, None)]
    if not said:
        return Refusal(Why.NO_CONSENT)
    times = [time for consent in said if (time := consent.said_at()) is not None]
    if len(times) < len(said):
        return Refusal(Why.TIME_UNKNOWN)
    newest = [consent for consent, time in zip(said, times, strict=True) if time == max(times)]
    silent = [consent for consent in newest if not consent.gives_permission()]
    if len(silent) == len(newest):
        return Refusal(Why.WITHDRAWN if any(consent.withdrawn_at for consent in silent) else Why.DENIED)
    # The same word under two identifiers is one word; which of the two is named must not depend on their order.
    consent = min(newest, key=lambda each: each.id)
    others = (each for each in newest if each is not consent)
    if any(replace(each, id=consent.id, version=consent.version) != consent for each in others):
        return Refusal(Why.CONTRADICTORY, max(times))
    return _within(consent, element, purpose, now)


def _within(consent: Consent, element: Element, purpose: frozenset[Code], now: datetime) -> Permit | Refusal:
    if consent.recipient_id is None:
        return Refusal(Why.NO_CONSENT)
    if consent.given_at is None or consent.given_at > now + CLOCKS_DIFFER_BY:
        return Refusal(Why.TIME_UNKNOWN)
    if consent.period_start is not None and now < consent.period_start:
        return Refusal(Why.NOT_YET_VALID)
    if consent.period_end is not None and now >= consent.period_end:
        return Refusal(Why.EXPIRED)
    if not purpose & consent.purposes:
        return Refusal(Why.PURPOSE_NOT_COVERED)
    if element is Element.ENGAGEMENT and not consent.may_report_back:
        return Refusal(Why.REPORTING_BACK_NOT_PERMITTED)
    return Permit(consent)
