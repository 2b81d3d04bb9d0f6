"""labels.toml: what a programme's system writes beside its codes without anybody having said it."""

from service.mappings.codes import approval, plain_code
from service.mappings.reader import Table
from service.shared.code import Code


def read_labels(table: Table) -> dict[Code, frozenset[str]]:
    """The texts that are accepted beside each code."""
    found: dict[Code, frozenset[str]] = {}
    for row in table.tables("label"):
        approval(row)
        code = plain_code(row)
        if code in found:
            row.note("code", f"{code} has two rows")
        found[code] = frozenset(row.texts("displays"))
    return found
