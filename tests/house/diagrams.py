"""The state diagrams of docs/architecture.md, made from the tables themselves. `make diagrams` writes them anew."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from service.referrals import alert, delivery, offer, referral

State = TypeVar("State", bound=StrEnum)
Trigger = TypeVar("Trigger", bound=StrEnum)

PAGE = Path(__file__).parents[2] / "docs" / "architecture.md"
MARKED = re.compile(r"(<!-- machine: (?P<name>\w+), written by `make diagrams` -->\n).*?(<!-- end -->)", re.DOTALL)

Rows = Mapping[tuple[str, str], tuple[str, tuple[str, ...]]]
"""(state, trigger) -> (state, effects)"""


@dataclass(frozen=True, slots=True)
class Machine:
    """`groups` are sets of states, wider ones first, that share an arrow where a trigger leads all of them away."""

    states: tuple[str, ...]
    rows: Rows
    begins: tuple[str, ...]
    groups: tuple[tuple[str, tuple[str, ...]], ...] = ()


def _machine(
    states: type[State],
    table: Mapping[tuple[State, Trigger], object],
    begins: Iterable[State],
    *groups: tuple[str, tuple[State, ...]],
) -> Machine:
    return Machine(
        states=tuple(state.value for state in states),
        rows={(state.value, trigger.value): _step(step) for (state, trigger), step in table.items()},
        begins=tuple(state.value for state in begins),
        groups=tuple((name, tuple(state.value for state in members)) for name, members in groups),
    )


def _step(step: object) -> tuple[str, tuple[str, ...]]:
    """A row says the next state, or the next state and the effects."""
    if isinstance(step, tuple):
        state, effects = step
        return str(state), tuple(str(effect) for effect in effects)
    return str(step), ()


MACHINES: dict[str, Machine] = {
    "referral": _machine(
        referral.ReferralState,
        referral.REFERRAL_TABLE,
        (referral.ReferralState.IN_REVIEW, referral.ReferralState.PLACING),
        ("open", referral.OPEN),
        ("before acceptance", referral.BEFORE_ACCEPTANCE),
    ),
    "offer": _machine(
        offer.OfferState,
        offer.OFFER_TABLE,
        (offer.OfferState.REQUESTED,),
        ("live", offer.LIVE),
        ("accepted and not over", offer.ACTIVE),
    ),
    "alert": _machine(alert.AlertState, alert.ALERT_TABLE, (alert.AlertState.OPEN,)),
    "delivery": _machine(delivery.DeliveryState, delivery.DELIVERY_TABLE, (delivery.DeliveryState.READY,)),
}


def written(page: str) -> str:
    """The page with what stands between its markers made anew. Raises KeyError for a machine that does not exist."""
    return MARKED.sub(lambda found: f"{found[1]}{section(MACHINES[found['name']])}{found[3]}", page)


def section(machine: Machine) -> str:
    """The diagram of what changes the state, and below it every row with its effects."""
    return "\n".join(
        [
            "```mermaid",
            *_diagram(machine),
            "```",
            "",
            "<details><summary>Every row</summary>",
            "",
            *_every_row(machine),
            "",
            "</details>",
            "",
        ]
    )


def _diagram(machine: Machine) -> list[str]:
    lines = ["stateDiagram-v2", *_names(machine, machine.groups, machine.states, "    ")]
    lines += [f"    [*] --> {_id(state)}" for state in machine.begins]
    arrows: dict[tuple[str, str], list[str]] = {}
    for trigger in _triggers(machine.rows):
        for origin, target in _arrows(machine, trigger):
            arrows.setdefault((origin, target), []).append(trigger)
    lines += [f"    {_id(origin)} --> {_id(end)}: {'<br/>'.join(label)}" for (origin, end), label in arrows.items()]
    leading_on = {state for (state, _), (target, _) in machine.rows.items() if target != state}
    return lines + [f"    {_id(state)} --> [*]" for state in machine.states if state not in leading_on]


def _names(
    machine: Machine, groups: Sequence[tuple[str, tuple[str, ...]]], states: Sequence[str], indent: str
) -> list[str]:
    """The states by name; those of a group in a box, the narrower group's box within the wider one's."""
    if not groups:
        return [f'{indent}state "{state}" as {_id(state)}' for state in states]
    (name, members), *narrower = groups
    inside = _names(machine, narrower, members, indent + "    ")
    outside = [state for state in states if state not in members]
    return [
        f'{indent}state "{name}" as {_id(name)} {{',
        *inside,
        f"{indent}}}",
        *_names(machine, (), outside, indent),
    ]


def _arrows(machine: Machine, trigger: str) -> list[tuple[str, str]]:
    """Where `trigger` leads away to, one arrow for a whole group where it can be."""
    steps = {state: target for (state, named), (target, _) in machine.rows.items() if named == trigger}
    steps = {state: target for state, target in steps.items() if target != state}
    found: list[tuple[str, str]] = []
    for name, members in machine.groups:
        targets = {steps.get(state) for state in members}
        target = targets.pop()
        # An arrow from a box into itself cannot be drawn.
        if not targets and target is not None and target not in members:
            found.append((name, target))
            steps = {state: to for state, to in steps.items() if state not in members}
    return found + list(steps.items())


def _every_row(machine: Machine) -> list[str]:
    rows: dict[tuple[str, str, tuple[str, ...]], list[str]] = {}
    for trigger in _triggers(machine.rows):
        for state in machine.states:
            if (state, trigger) in machine.rows:
                target, effects = machine.rows[state, trigger]
                rows.setdefault((trigger, "stays" if target == state else target, effects), []).append(state)
    lines = [
        f"| {trigger} | {', '.join(origins)} | {target} | {', '.join(effects)} |"
        for (trigger, target, effects), origins in rows.items()
    ]
    return ["| Trigger | From | To | What follows |", "|---|---|---|---|", *lines]


def _triggers(rows: Rows) -> list[str]:
    return list(dict.fromkeys(trigger for _, trigger in rows))


def _id(name: str) -> str:
    return re.sub(r"\W", "_", name)


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
