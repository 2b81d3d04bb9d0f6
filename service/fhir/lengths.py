"""How long a string may be, by the name of its element: one table, read where a body is taken in.

Beyond it a body is refused with the element named. What a programme writes is not: it is kept whole with the message,
and what is shown of it is cut and says so (`shown`), because the door for worries is never strict (DESIGN 9).
"""

import hashlib
from collections.abc import Iterator

from service.fhir.faults import Fault
from service.fhir.outcome import Finding
from service.fhir.schema import names
from service.fhir.survey import Survey, above, expression

NAME, REFERENCE, URL, PHRASE, TEXT = 255, 512, 2_048, 4_096, 1024 * 1024
"""Characters: TEXT is FHIR R4's own limit of any string (section 2.24.0.1). What a name or a reference may have is what
the unique keys of both databases hold, also when every character takes four bytes."""
PERSON = 200
"""Characters of the name and of the role under which a clinician answers or orders something, by whichever door."""
SHOWN = 10_000
"""Characters of a programme's note, or of its reason, that a clinician is shown."""

# A resource's id is held to 64 by its format, and base64 by the size of the whole body.
MOST: dict[str, int] = {
    **dict.fromkeys(("system", "value", "code", "version", "unit", "id", "valueCode", "valueId"), NAME),
    **dict.fromkeys(("family", "given", "prefix", "suffix"), NAME),
    **dict.fromkeys(("city", "district", "state", "postalCode", "country"), NAME),
    **dict.fromkeys(("reference", "fullUrl"), REFERENCE),
    **dict.fromkeys(("url", "profile", "source", "implicitRules", "valueUri", "valueUrl", "valueCanonical"), URL),
    **dict.fromkeys(("display", "line", "name", "title"), PHRASE),
    **dict.fromkeys(("data", "valueBase64Binary"), 2 * TEXT),
}


def problems(found: Survey) -> Iterator[Finding]:
    """What is longer than its element may be."""
    for place, length in found.long:
        element = next(step for _, step in (place, *above(place)) if isinstance(step, str))
        most = MOST.get(element, TEXT)
        if length > most:
            yield Finding(Fault.TOO_LONG, expression(place, names()), f"{most:,}")


def shown(text: str) -> str:
    """The text as a clinician is shown it. What is cut ends with a mark that says so, the same for the same text."""
    if len(text) <= SHOWN:
        return text
    fingerprint = hashlib.sha256(text.encode(errors="replace")).hexdigest()[:12]
    mark = (
        f" … [Cut here. It has {len(text):,} characters; the whole is kept with the message received, {fingerprint}.]"
    )
    return text[: SHOWN - len(mark)] + mark
