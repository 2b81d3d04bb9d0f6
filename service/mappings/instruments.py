"""instruments/*.toml and context.toml."""

from service.mappings.codes import CodeBook, approval
from service.mappings.reader import Table
from service.screening.instrument import CodeUse, Context, CutOff, Instrument, Item, Role, Stage
from service.shared.code import Code

_BOTH_STAGES = (Stage.ANTENATAL, Stage.POSTNATAL)


def read_instrument(table: Table, book: CodeBook) -> Instrument:
    id = table.text("id")
    items = _items(table, id, book)
    lowest, highest = table.whole("lowest"), table.whole("highest")
    if (sum(item.lowest for item in items), sum(item.highest for item in items)) != (lowest, highest):
        table.note("highest", "the items' ranges do not add up to lowest and highest")
    cut_offs = table.table("cut_off")
    instrument = Instrument(
        id=id,
        title=table.text("title"),
        version=table.text("version"),
        lowest=lowest,
        highest=highest,
        items=items,
        total_codes=book.claim(table.tables("total_code"), CodeUse(id, Role.TOTAL)),
        panel_codes=book.claim(table.tables("panel_code"), CodeUse(id, Role.PANEL)),
        cut_offs={stage: read_cut_off(cut_offs.table(stage), lowest, highest) for stage in _BOTH_STAGES},
        approval=approval(table.table("approval")),
    )
    if not instrument.total_codes:
        table.note("total_code", "is missing")
    return instrument


def read_cut_off(table: Table, lowest: int, highest: int) -> CutOff:
    """A cut-off that divides the range `lowest` to `highest`: nobody would be negative below it, or positive above."""
    cut_off = CutOff(table.whole("positive_at"), table.optional_whole("repeat_at"), table.text("source"))
    if not lowest < cut_off.positive_at <= highest:
        table.note("positive_at", "is outside the instrument's range")
    if cut_off.repeat_at is not None and not lowest < cut_off.repeat_at < cut_off.positive_at:
        table.note("repeat_at", "is not between the lowest total and positive_at")
    return cut_off


def read_site_cut_offs(table: Table, instruments: dict[str, Instrument]) -> dict[str, dict[Stage, CutOff]]:
    """A site's own cut-offs by instrument id; a stage that it leaves out stays as the instrument has it."""
    found: dict[str, dict[Stage, CutOff]] = {}
    for id in table.names():
        stages = table.table(id)
        instrument = instruments.get(id)
        if instrument is None:
            table.note(id, "is no instrument that is known")
            continue
        found[id] = {
            stage: read_cut_off(stages.table(stage), instrument.lowest, instrument.highest)
            for stage in _BOTH_STAGES
            if stage in stages
        }
    return found


def read_context(table: Table, book: CodeBook) -> dict[Code, Context]:
    found: dict[Code, Context] = {}
    for row in table.tables("code"):
        code = book.code(row)
        if code in found or code in book.uses:
            row.note("code", f"{code} is claimed twice")
        found[code] = row.member("means", Context)
    return found


def _items(table: Table, instrument_id: str, book: CodeBook) -> tuple[Item, ...]:
    answer_range = table.table("answer_range")
    lowest, highest = answer_range.whole("lowest"), answer_range.whole("highest")
    answers = {book.code(row): row.whole("score") for row in table.tables("answer_code")}
    if not all(lowest <= score <= highest for score in answers.values()):
        table.note("answer_code", "a score is outside answer_range")
    items = []
    for ordinal, row in enumerate(table.tables("item"), 1):
        number = row.whole("number", at_least=1)
        if number != ordinal:
            row.note("number", f"is not {ordinal}: items are numbered from 1 in their order")
        codes = book.claim(row.tables("codes"), CodeUse(instrument_id, Role.ITEM, number))
        harm = row.optional_whole("least_harm_answer")
        if harm is not None and not lowest < harm <= highest:
            row.note("least_harm_answer", "is outside answer_range, or is its lowest answer")
        items.append(Item(number, codes, lowest, highest, harm, answers))
    if lowest >= highest:
        answer_range.note("highest", "is not above lowest")
    return tuple(items)
