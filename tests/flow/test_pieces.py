"""One administration in pieces: however they come and however they are put together, it comes to the same."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.flow.receive_transaction import Entry, ReceivedTransaction, receive_transaction
from service.flow.received import Identifier, Received, Reference
from service.flow.received_result import Administered, ReceivedResult
from service.flow.rules import Rules
from service.screening.decide import Judgement, decide
from service.screening.instrument import Stage
from service.screening.result import Piece, ScreeningResult
from service.shared.ids import new_id
from tests.flow.support import NOW, Family, Service, body, piece

Groups = Sequence[Sequence[Piece]]
NUMBERS = range(1, 11)


@pytest.fixture(scope="module")
def service(migrated_sqlite_url: str, rules: Rules) -> Iterator[Service]:
    with closing(Service(migrated_sqlite_url, rules=rules)) as opened:
        yield opened


@dataclass(frozen=True, slots=True)
class Case:
    answers: tuple[int, ...]
    groups: tuple[tuple[Piece, ...], ...]

    @property
    def pieces(self) -> list[Piece]:
        return [each for group in self.groups for each in group]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Answers, what the sender makes of them, and how it sends that: in what order, and which of it together."""
    answers = tuple(draw(st.lists(st.integers(0, 3), min_size=10, max_size=10)))
    items = [piece(None, {number: answers[number - 1]}, source=f"item {number}") for number in NUMBERS]
    sources = frozenset(each.source for each in items)
    kinds = {
        "total": [piece(sum(answers), source="total", expects=frozenset({"form"}))],
        "panel": [piece(None, source="panel", expects=sources | {"total"})],
        "form": [piece(None, dict(zip(NUMBERS, answers, strict=True)), source="form")],
        "items": items,
    }
    made = draw(st.sets(st.sampled_from(sorted(kinds)), min_size=1).filter(lambda kinds: kinds != {"panel"}))
    pieces = draw(st.permutations([each for kind in sorted(made) for each in kinds[kind]]))
    cuts = draw(st.sets(st.integers(1, len(pieces))))
    ends = sorted({*cuts, len(pieces)})
    groups = [tuple(pieces[begin:end]) for begin, end in zip([0, *ends], ends, strict=False)]
    return Case(answers, tuple(groups))


def send(service: Service, family: Family, group: Sequence[Piece]) -> None:
    """Each piece is an Observation of its own; those of a group come in one transaction."""

    def message(one: Piece) -> ReceivedResult:
        received = Received("Observation", body(), (Identifier("urn:r", new_id()),))
        return ReceivedResult(
            received, Reference("Patient", family.woman), (Administered("epds", "patient", NOW, one),)
        )

    entries = tuple(Entry(place, new_id(), message(one)) for place, one in enumerate(group))
    sent = ReceivedTransaction(Received("Bundle", body()), entries, {})
    service.run(family.hospital, lambda tx: receive_transaction(tx, service.rules, sent, service.now()))


def settle(service: Service, family: Family) -> None:
    """The site's waiting time passes, for this woman alone: the clock of the others stands still."""
    (result,) = service.rows("screening_result", patient_id=family.woman)
    if result["waits_until"] is not None:
        service.chase(timedelta(seconds=301))


def judged(service: Service, family: Family) -> tuple[str, str, bool]:
    (row,) = service.rows("screening_result", patient_id=family.woman)
    return row["outcome"], row["self_harm"], row["needs_review"]


def at_once(rules: Rules, case: Case) -> Judgement:
    pieces = {each.source: each for each in case.pieces}
    result = ScreeningResult("", "", "", "epds", "patient", NOW, Stage.UNKNOWN, pieces)
    return decide(result, rules.instruments["epds"], rules.policies["default"]).judgement


@given(case=cases())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
@pytest.mark.hypothesis
def test_any_order_and_any_grouping_gives_the_same_decision_and_at_most_one_referral(
    service: Service, case: Case
) -> None:
    family = service.family()
    critical = case.answers[9]
    for group in case.groups:
        send(service, family, group)
        heard = "self-harm-present" in service.alerts(family.woman)
        came = any(
            reading.item == 10 for sent in case.groups[: case.groups.index(group) + 1] for each in sent
            for reading in each.readings
        )  # fmt: skip
        assert heard == (critical > 0 and came), "present is heard as soon as it has come, and never before"
    settle(service, family)

    expected = at_once(service.rules, case)
    assert judged(service, family) == (expected.outcome, expected.self_harm, expected.needs_review)
    assert len(service.rows("referral", patient_id=family.woman)) <= 1
    assert service.alerts(family.woman).count("self-harm-present") <= 1


ANSWERS = (2, 2, 2, 2, 2, 2, 1, 1, 1, 0)
FORM = piece(None, dict(zip(NUMBERS, ANSWERS, strict=True)), source="form")
EXPECTING = piece(15, source="total", expects=frozenset({"form"}))


def test_a_total_whose_form_is_on_its_way_raises_nothing_before_the_waiting_time_is_over(service: Service) -> None:
    family = service.family()
    send(service, family, [EXPECTING])
    assert (service.alerts(family.woman), service.rows("referral", patient_id=family.woman)) == ([], [])
    send(service, family, [FORM])
    assert (service.alerts(family.woman), service.states(family.woman)) == ([], ("offered", ["requested"]))


@pytest.mark.parametrize("seconds", [0, 60])
def test_the_site_says_how_long_is_waited(service: Service, seconds: int) -> None:
    family = service.family()
    policy = replace(service.rules.policies["default"], waits_for_items_seconds=seconds)
    waiting = replace(service.rules, policies={"default": policy})
    impatient: Any = Service(service.url, clock=service.clock, rules=waiting)
    impatient.store = service.store
    send(impatient, family, [EXPECTING])
    (row,) = service.rows("screening_result", patient_id=family.woman)
    assert row["waits_until"] == service.now() + timedelta(seconds=seconds)
