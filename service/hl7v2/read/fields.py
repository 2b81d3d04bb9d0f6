"""What the readers ask of a segment, and how they tell where in a message something stands."""

from service.hl7v2.segments import NULL, Segment


def said(segment: Segment, field: int, component: int = 1, repetition: int = 1) -> str:
    """One value; a value that is to be deleted is as none."""
    text = segment.text(field, component, repetition)
    return "" if text == NULL else text


def of(parts: tuple[str, ...], component: int) -> str:
    """One component of a repetition, with the same exception."""
    text = parts[component - 1] if component <= len(parts) else ""
    return "" if text == NULL else text


def at(segment: Segment, *path: int) -> str:
    """`OBX^2^5`: the second OBX of the message, its field 5; further numbers are repetition, component, subcomponent
    (ERL, HL7 v2.5.1, 2.A.28)."""
    return "^".join(map(str, (segment.name, segment.number, *path)))
