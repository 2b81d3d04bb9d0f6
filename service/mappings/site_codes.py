"""The part of `[hl7v2]` that says what a hospital's codes mean for a woman's life and for what she has agreed to."""

import re

from service.hl7v2.site_codes import ConsentRule, Detail, EventRule, SiteCodes
from service.mappings.reader import Table
from service.referrals.life_event import BY_STATUS, LifeEvent

_SEGMENT = re.compile("[A-Z][A-Z0-9]{2}")


def read_site_codes(table: Table) -> SiteCodes:
    newborn = table.table("newborn")
    programmes: dict[str, str] = {}
    for row in table.tables("programme"):
        for code in row.texts("codes"):
            if code in programmes:
                row.note("codes", f"{code} stands for two organisations")
            programmes[code] = row.text("organisation")
    return SiteCodes(
        woman_from=newborn.whole("woman_from", at_least=1),
        relationships=frozenset(newborn.texts("relationships")),
        events=tuple(map(_event, table.tables("event"))),
        consents=_consents(table.tables("consent")),
        details=_details(table.tables("consent_detail")),
        programmes=programmes,
    )


def _event(row: Table) -> EventRule:
    segment = row.text("segment")
    if not _SEGMENT.fullmatch(segment):
        row.note("segment", "is no name of a segment, such as DG1")
    codes = frozenset(row.texts("codes"))
    if not all(code.rstrip("*") for code in codes):
        row.note("codes", "has one that means every code")
    means = row.member("means", LifeEvent)
    if means in BY_STATUS:
        row.note("means", "is no event of its own: whether it is final, the observation says")
    return EventRule(
        means=means,
        segment=segment,
        field=row.whole("field", at_least=1),
        codes=codes,
        triggers=frozenset(row.optional_texts("triggers")),
        day=row.optional_whole("day"),
    )


def _consents(rows: list[Table]) -> dict[str, ConsentRule]:
    found: dict[str, ConsentRule] = {}
    for row in rows:
        rule = ConsentRule(
            organisation_id=row.optional_text("organisation"),
            asked=row.optional_flag("asked"),
            report_back=row.optional_flag("report_back"),
            days=row.optional_whole("days", at_least=1),
            yes=frozenset(row.texts("yes")),
            no=frozenset(row.texts("no")),
        )
        if rule.asked and rule.organisation_id is not None:
            row.note("asked", "is true, and an organisation is named as well")
        for key in ("yes", "no"):
            if key in row and not row.texts(key):
                row.note(key, "is empty, so that an answer of hers cannot be told")
        if rule.yes & rule.no:
            row.note("no", "has a value that is a yes too")
        for code in row.texts("codes"):
            # A message may write it in either case.
            if any(each.casefold() == code.casefold() and known is not rule for each, known in found.items()):
                row.note("codes", f"{code} stands for two consents")
            found[code] = rule
    return found


def _details(rows: list[Table]) -> dict[str, Detail]:
    found: dict[str, Detail] = {}
    for row in rows:
        means = row.member("means", Detail)
        for code in row.texts("codes"):
            if found.setdefault(code, means) is not means:
                row.note("codes", f"{code} stands for two things")
    return found
