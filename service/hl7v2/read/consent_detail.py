"""What is said beside a yes, and holds for every yes in the message: until when, and how she may safely be reached."""

from collections.abc import Iterable, Mapping

from service.consent.safe_contact import Channel, Mode, Permission, SafeContact
from service.hl7v2.dialect import Dialect
from service.hl7v2.read.codes import says_no, triplets, values_of
from service.hl7v2.read.fields import said
from service.hl7v2.read.observed import OBSERVED
from service.hl7v2.segments import Segment
from service.hl7v2.site_codes import Detail
from service.hl7v2.times import moment
from service.screening.result import DECIDING

# OBX-11 of what counts; N says that it was not asked.
COUNTING = frozenset(letter for letter, status in OBSERVED.items() if status in DECIDING) - {"N"} | {""}
_PERMITS: Mapping[bool, Permission] = {True: Permission.ALLOW, False: Permission.DENY}


def details_in(segments: Iterable[Segment], dialect: Dialect) -> dict[Detail, Segment]:
    found: dict[Detail, Segment] = {}
    for obx in segments:
        if obx.name == "OBX" and said(obx, 11).upper() in COUNTING:
            for each in triplets(obx, 3):
                if each.code in dialect.codes.details:
                    found[dialect.codes.details[each.code]] = obx
    return found


def is_yes(obx: Segment | None) -> bool:
    return obx is not None and bool(values_of(obx)) and not says_no(values_of(obx))


def safe_contact(details: Mapping[Detail, Segment], dialect: Dialect) -> SafeContact | None:
    """What is not said is denied; None when nothing is said of it at all."""
    ways = [mode for mode in Mode if Detail(mode.value) in details]
    texts = {
        detail: said(details[detail], 5) or None if detail in details else None
        for detail in (Detail.CALLER_DESCRIPTION, Detail.CODE_WORD, Detail.REVIEW_BY)
    }
    if not ways:
        return None
    review = moment(texts[Detail.REVIEW_BY] or "", dialect.zone)
    return SafeContact(
        channels=tuple(_channel(mode, details[Detail(mode.value)]) for mode in ways),
        voicemail=_PERMITS[is_yes(details.get(Detail.VOICEMAIL))],
        caller_description=texts[Detail.CALLER_DESCRIPTION],
        code_word=texts[Detail.CODE_WORD],
        review_by=review.begins.date() if review else None,
    )


def _channel(mode: Mode, obx: Segment) -> Channel:
    value = said(obx, 5, 1) or said(obx, 5, 4) or said(obx, 5, 12)
    return Channel(mode, _PERMITS[is_yes(obx)], None if says_no(values_of(obx)) else value or None)
