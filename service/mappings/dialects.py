"""hl7v2/default.toml, and `[hl7v2]` of sites/*.toml: how a hospital writes its HL7 v2 messages."""

from collections.abc import Iterator

from service.flow.rules import Rules
from service.hl7v2.dialect import ANY_ORDER, ANY_TYPE, Dialect
from service.mappings.reader import Table
from service.mappings.site_codes import read_site_codes
from service.mappings.sites import questions_in
from service.screening.instrument import CodeUse, Context
from service.shared.language import language_tag


def read_dialect(table: Table, organisation_id: str, rules: Rules) -> Dialect:
    table.leave("outbound")
    if "zone" in table:
        table.note(
            "zone", "goes to the top of the site's file, above all tables: it is that of its FHIR and of its texts too"
        )
    forms, panels = _forms(table, rules)
    asked, codes = table.optional_table("respondent"), read_site_codes(table)
    return Dialect(
        organisation_id=organisation_id,
        zone=rules.policy(organisation_id).zone,
        tests_are_taken=table.flag("tests_are_taken"),
        always_acknowledge=table.flag("always_acknowledge"),
        closes_when_unavailable=table.flag("closes_when_unavailable"),
        authorities=_authorities(table.tables("authority")),
        default_authority=_url(table, "default_authority") if "default_authority" in table else None,
        not_hers=frozenset(table.texts("not_hers")),
        coding_systems=_coding_systems(table.table("coding_system")),
        forms=forms,
        panels=panels,
        answers=_answers(table.tables("answer"), rules),
        context=_context(table.tables("context")),
        # What is said of consent may stand under the order of an instrument.
        ignored=frozenset((*table.texts("ignored"), *codes.consents, *codes.details)),
        respondent=asked.text("code") if asked else None,
        herself=frozenset(asked.texts("herself") if asked else ()),
        languages=_languages(table.table("language")),
        district=table.whole("district", at_least=1),
        codes=codes,
    )


def _url(table: Table, key: str) -> str:
    url = table.text(key)
    if not url.startswith(("http://", "https://", "urn:")):
        table.note(key, "is not an absolute URI")
    return url


def _coding_systems(table: Table) -> dict[str, str]:
    """By their names in small letters: LN, ln and Ln are one."""
    found: dict[str, str] = {}
    for name in table.names():
        url = _url(table, name)
        if found.setdefault(name.casefold(), url) != url:
            table.note(name, "stands for two coding systems, in capital and in small letters")
    return found


def _authorities(rows: list[Table]) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    for row in rows:
        types, system = row.optional_texts("types") or (ANY_TYPE,), _url(row, "system")
        for key in ((name, type) for name in row.texts("names") for type in types):
            if key in found:
                row.note("names", f"{key[0]} stands for two systems")
            found[key] = system
    return found


def _forms(table: Table, rules: Rules) -> tuple[dict[str, dict[str, CodeUse]], dict[str, str]]:
    """Two rows with one order are two instruments under it."""
    forms: dict[str, dict[str, CodeUse]] = {}
    panels: dict[str, str] = {}
    for row in table.tables("form"):
        orders = row.optional_texts("orders")
        for order in orders:
            if panels.setdefault(order, row.text("instrument")) != row.text("instrument"):
                row.note("orders", f"{order} is an order of two instruments")
        for order, (code, use) in _each(orders or (ANY_ORDER,), row, rules):
            uses = forms.setdefault(order, {})
            if uses.get(code, use) != use:
                row.note("items", f"{code} stands for two things")
            uses[code] = use
    return forms, panels


def _each(orders: tuple[str, ...], row: Table, rules: Rules) -> Iterator[tuple[str, tuple[str, CodeUse]]]:
    questions = questions_in(row, rules.instruments)
    return ((order, question) for order in orders for question in questions)


def _answers(rows: list[Table], rules: Rules) -> dict[tuple[str, int], dict[str, int]]:
    found: dict[tuple[str, int], dict[str, int]] = {}
    for row in rows:
        id, scores = row.text("instrument"), row.table("scores")
        by_number = rules.instruments[id].by_number if id in rules.instruments else {}
        if not by_number:
            row.note("instrument", "is no instrument that is known")
        stated = {code: scores.whole(code) for code in scores.names()}
        for number in row.optional_wholes("items") or by_number:
            item, answers = by_number.get(number), found.setdefault((id, number), {})
            for code, score in stated.items():
                if item is not None and not item.lowest <= score <= item.highest:
                    scores.note(code, f"is no score of item {number}")
                if answers.setdefault(code, score) != score:
                    scores.note(code, f"stands for two answers to item {number}")
            if item is None and by_number:
                row.note("items", f"{number} is no item of this instrument")
    return found


def _context(rows: list[Table]) -> dict[str, Context]:
    return {code: row.member("means", Context) for row in rows for code in row.texts("codes")}


def _languages(table: Table) -> dict[str, str]:
    found = {}
    for written in table.names():
        tag = language_tag(table.text(written))
        if tag is None:
            table.note(written, "is no language tag")
        found[written.casefold()] = tag or ""
    return found
