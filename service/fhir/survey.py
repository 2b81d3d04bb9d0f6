"""One walk over a received tree that notes everything the checks after it want to look at."""

import re
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

Tree: TypeAlias = dict[str, Any]
Place: TypeAlias = "tuple[Place | None, str | int]"
"""Where a node stands: the place it is in, and its name or index there. Cheap to make, written out only in an error."""

Level: TypeAlias = list[tuple[Place, Any]]
"""The nodes that stand equally deep."""

DEEPEST = 50
LONG = 255
"""Characters that every string may have; what is longer is noted, for its element may not allow it."""
ADDRESSES = frozenset({"reference", "url", "fullUrl"})
_WATCHED = ADDRESSES | {"div"}
EXTENSIONS = frozenset({"extension", "modifierExtension"})

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(T.*)?", re.ASCII)
_IMPOSSIBLE = "a date that does not exist"

# FHIR R4, section 2.24.0.1: no characters below U+0020 but tab, CR and LF. A lone surrogate cannot be written as UTF-8.
NOT_ALLOWED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")


class Repeated(dict[str, Any]):
    """A JSON object in which a member came more than once; the last one stands."""

    names: list[str]


@dataclass(slots=True)
class Survey:
    """Everything that is to be said of the tree, by what it is.

    `objects` has the names in each object, `types` the JSON types in each node, `remarks` the resource types, and which
    dates in which node do not exist.
    """

    root: Tree
    objects: list[tuple[str, ...]] = field(default_factory=list)
    types: list[tuple[type, ...]] = field(default_factory=list)
    remarks: list[Hashable] = field(default_factory=list)
    too_deep: list[Place] = field(default_factory=list)
    repeated: list[tuple[Place, Repeated]] = field(default_factory=list)
    not_allowed: list[Place] = field(default_factory=list)
    long: list[tuple[Place, int]] = field(default_factory=list)
    empty: list[Place] = field(default_factory=list)
    nulls: list[tuple[Place, Tree | list[Any]]] = field(default_factory=list)
    addresses: list[tuple[Place, str]] = field(default_factory=list)
    extensions: list[tuple[Place, Tree]] = field(default_factory=list)
    periods: list[tuple[Place, Tree]] = field(default_factory=list)
    narratives: list[tuple[Place, str]] = field(default_factory=list)
    resources: dict[Place, Tree] = field(default_factory=dict)

    @property
    def form(self) -> Hashable:
        """What the tree consists of, whatever it says."""
        return tuple(self.objects), tuple(self.types), tuple(self.remarks)

    @property
    def names(self) -> int:
        """How many members its objects have."""
        return sum(map(len, self.objects))

    @property
    def members(self) -> int:
        """The same, with those of its arrays."""
        return sum(map(len, self.types))


def survey(root: Tree, name: str, escapes: bool) -> Survey:
    """Notes by kind, each in the order of the document by level; `name` begins every expression.

    `escapes` says whether the text held an escape that may stand for a forbidden character. JSON allows them in no
    other form, so without one no string needs to be searched; a name that holds one is no element and fails the schema.
    """
    found = Survey(root)
    top: Place = (None, name)
    found.resources[top] = root
    level: Level = [(top, root)]
    for _ in range(DEEPEST):
        below = _look(found, level, escapes)
        if not below:
            return found
        level = below
    found.too_deep.append(level[0][0])
    return found


def _look(found: Survey, level: Level, escapes: bool) -> Level:
    """Notes what is to be noted of these nodes; the nodes in them."""
    below: Level = []
    for place, node in level:
        members: Iterable[tuple[str | int, Any]]
        if type(node) is list:
            members, types = enumerate(node), tuple(map(type, node))
        else:
            members, types = node.items(), tuple(map(type, node.values()))
            found.objects.append(tuple(node))
            _note_object(found, place, node)
        found.types.append(types)
        if not node:
            found.empty.append(place)
        for step, child in members:
            kind = type(child)
            if kind is str:
                if step in _WATCHED or not child or len(child) > LONG or escapes:
                    _note_string(found, (place, step), child)
                if child[4:5] == "-" and _DATE.fullmatch(child) and not _is_in_the_calendar(child):
                    found.remarks.append((len(found.types), step, _IMPOSSIBLE))
            elif kind is dict or kind is list or kind is Repeated:
                below.append(((place, step), child))
            elif child is None:
                found.nulls.append(((place, step), node))
    return below


def _note_string(found: Survey, place: Place, value: str) -> None:
    step = place[1]
    if not value:
        found.empty.append(place)
    if len(value) > LONG:
        found.long.append((place, len(value)))
    if NOT_ALLOWED.search(value):
        found.not_allowed.append(place)
    if step in ADDRESSES:
        found.addresses.append((place, value))
    elif step == "div":
        found.narratives.append((place, value))


def _note_object(found: Survey, place: Place, node: Tree) -> None:
    parent, step = place
    holder = parent and parent[1]
    if holder in EXTENSIONS:
        found.extensions.append((place, node))
    elif holder == "contained" or step == "resource" or (step == "outcome" and holder == "response"):
        found.resources[place] = node
    if "resourceType" in node:
        found.remarks.append(node["resourceType"])
    if "end" in node and "start" in node:
        found.periods.append((place, node))
    if type(node) is Repeated:
        found.repeated.append((place, node))


def _is_in_the_calendar(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def above(place: Place) -> Iterator[Place]:
    """The places that hold this one, nearest first."""
    parent = place[0]
    while parent is not None:
        yield parent
        parent = parent[0]


def expression(place: Place, names: frozenset[str]) -> str:
    """The place as FHIRPath, cut off before the first name that R4 does not know: a sender's own word stays out."""
    steps = [place, *above(place)]
    text = str(steps.pop()[1])
    while steps:
        step = steps.pop()[1]
        if isinstance(step, int):
            text += f"[{step}]"
        elif step in names:
            text += f".{step}"
        else:
            break
    return text
