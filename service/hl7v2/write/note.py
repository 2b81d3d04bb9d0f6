"""MDM^T02: a step of the referral in plain words, as a document for the chart.

Each line of it is an OBX of its own. Engines file that as lines whatever they are; `\\.br\\` inside one TX is shown as
it stands by some of them.
"""

from service.hl7v2.write.build import Draft
from service.hl7v2.write.fields import coded, lines, text
from service.hl7v2.write.message import Sheet, header, patient
from service.hl7v2.write.outbound import Topic, Version

# Tables 0004 (she need be in no ward), 0270 (progress note), 0191, 0272 (restricted) and 0273 (available).
_NO_VISIT, _PROGRESS_NOTE, _TEXT, _RESTRICTED, _AVAILABLE = "N", "PN", "TX", "R", "AV"


def note_document(sheet: Sheet) -> list[Draft]:
    """The segments of the message. Raises NotNamed."""
    parcel = sheet.parcel
    assert parcel.note is not None  # noqa: S101 - packed with every note
    happened = sheet.time(parcel.note.happened_at)
    document = {
        1: "1",
        2: _PROGRESS_NOTE,
        3: _TEXT,
        4: happened,
        12: sheet.entity(parcel.note.id),
        14: sheet.placer,
        15: sheet.entity(parcel.note.referral_id),
        17: sheet.outbound.completion.value,
        18: _RESTRICTED,
        19: _AVAILABLE,
    }
    return [
        header(sheet, "MDM", "T02"),
        Draft("EVN", {2: happened}),
        patient(sheet),
        Draft("PV1", {1: "1", 2: _NO_VISIT}),
        Draft("TXA", document),
        *(_line(sheet, parcel.note.id, number, each) for number, each in enumerate(lines(parcel.note_text), 1)),
    ]


def _line(sheet: Sheet, note_id: str, number: int, line: str) -> Draft:
    named = sheet.entity(f"{note_id}.{number}") if sheet.outbound.version is Version.V2_6 else ""
    fields = {1: str(number), 2: "TX", 3: coded(sheet.outbound.topic(Topic.NOTE)), 4: str(number), 5: text(line)}
    return Draft("OBX", {**fields, 11: "F", 21: named})
