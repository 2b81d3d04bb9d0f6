"""Code rows: where each code comes from, whether anybody has seen it there, and that no two rows claim the same one."""

from service.mappings.reader import Table
from service.screening.instrument import Approval, CodeUse
from service.shared.code import Code, has_right_check_digit


class CodeBook:
    """Reads code rows and remembers whom they belong to.

    `uses` has what each instrument's code stands for. An unverified code has to be accepted by name.
    """

    def __init__(self, unverified: Table) -> None:
        self.uses: dict[Code, CodeUse] = {}
        self._accepted: dict[Code, Table] = {}
        for row in unverified.tables("accepted"):
            row.text("reason")
            approval(row)
            self._accepted[plain_code(row)] = row
        self._not_needed = set(self._accepted)

    def code(self, row: Table) -> Code:
        """The code of `row`, with its check digit, its status and its source looked at."""
        code = plain_code(row)
        row.text("source")
        status = row.text("status")
        if status not in ("verified", "unverified"):
            row.note("status", "is neither verified nor unverified")
        if status == "unverified" and code not in self._accepted:
            row.note("status", f"{code} is unverified and unverified.toml does not accept it")
        if status == "unverified":
            self._not_needed.discard(code)
        return code

    def codes(self, rows: list[Table]) -> frozenset[Code]:
        return frozenset(self.code(row) for row in rows)

    def claim(self, rows: list[Table], use: CodeUse) -> frozenset[Code]:
        """The codes of `rows`, which from now on stand for `use` and for nothing else."""
        claimed = []
        for row in rows:
            code = self.code(row)
            if code in self.uses:
                row.note("code", f"{code} is claimed twice, first by {self.uses[code].instrument_id}")
            self.uses.setdefault(code, use)
            claimed.append(code)
        return frozenset(claimed)

    def close(self) -> None:
        """Note what unverified.toml accepts although nothing marks it unverified."""
        for code in sorted(self._not_needed):
            self._accepted[code].note("code", f"{code} is accepted, but no file marks it unverified")


def approval(table: Table) -> Approval:
    return Approval(table.text("by"), table.day("on"))


def plain_code(row: Table) -> Code:
    code = Code(row.text("system"), row.text("code"))
    if not code.system.startswith(("http://", "https://", "urn:")):
        row.note("system", "is not an absolute URI")
    if not has_right_check_digit(code):
        row.note("code", f"{code} has a wrong check digit")
    return code
