"""What counts when two records are found to be one woman's: of two words the one that permits less (DESIGN 7)."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import product

from service.consent.consent import Consent
from service.consent.disclosure import Element
from service.consent.gate import Permit, Refusal, Why, ask_gate
from service.consent.safe_contact import SafeContact, Window, denies_elsewhere, narrows, newest
from service.shared.code import Code

_NO = (Why.DENIED, Why.WITHDRAWN, Why.CONTRADICTORY)


def contradicted(
    one: Sequence[Consent], other: Sequence[Consent], purpose: frozenset[Code], now: datetime
) -> list[Consent]:
    """Each no in the one record to what the other permits, said anew: it counts until she is asked again.

    What only one of them speaks of counts as it was said.
    """
    return [*_renewed(one, other, purpose, now), *_renewed(other, one, purpose, now)]


def _renewed(
    said: Sequence[Consent], elsewhere: Sequence[Consent], purpose: frozenset[Code], now: datetime
) -> Iterable[Consent]:
    for actor in sorted({each.recipient_id for each in elsewhere if each.recipient_id is not None}):
        answers = [ask_gate(consents, actor, Element.DISTRICT, purpose, now) for consents in (said, elsewhere)]
        if isinstance(answers[0], Refusal) and answers[0].reason in _NO and isinstance(answers[1], Permit):
            about = [each for each in said if each.recipient_id in (actor, None) and not each.gives_permission()]
            no = max((each for each in about if each.was_said()), key=_said_at, default=None)
            # Two words that contradict each other may both be a yes; then neither of them is one any more.
            no = no or max((each for each in said if each.recipient_id == actor), key=_said_at)
            yield replace(no, withdrawn_at=now)


def _said_at(consent: Consent) -> float:
    said = consent.said_at()
    return said.timestamp() if said else float("inf")


def narrower(one: SafeContact | None, other: SafeContact | None, now: datetime) -> SafeContact | None:
    """How she may be reached by both records; what only one of them says counts. None: neither says anything.

    Where each allows what the other does not, nothing is safe until she is asked again; but of their hours those count
    that both allow. An older no to ways which the newer word does not give says nothing of those that it gives.
    """
    if one is None or other is None:
        return newest(one, other)
    one, other = _beside(one, other), _beside(other, one)
    if one == other:
        return newest(one, other)
    shared = _shared(one, other)
    if shared:
        one, other = replace(one, windows=shared), replace(other, windows=shared)
    within = next((mine for mine, theirs in ((one, other), (other, one)) if not narrows(mine, theirs)), None)
    return replace(within or SafeContact(()), said_at=now)


def _beside(said: SafeContact, other: SafeContact) -> SafeContact:
    return replace(said, channels=other.channels) if denies_elsewhere(said, other) else said


def _shared(one: SafeContact, other: SafeContact) -> tuple[Window, ...]:
    """The hours that lie in a window of each; none in two time zones, where the same hours are others."""
    if one.timezone != other.timezone:
        return ()
    pairs = product(one.windows, other.windows)
    found = (
        Window(tuple(day for day in a.days if day in b.days), max(a.start, b.start), min(a.end, b.end))
        for a, b in pairs
    )
    return tuple(each for each in found if each.days and each.start < each.end)
