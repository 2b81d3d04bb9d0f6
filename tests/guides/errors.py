"""The table of docs/errors.md, made from the service's own. `make guides` writes it anew."""

from pathlib import Path

from service.fhir.faults import ERRORS, Row
from service.security import errors as access

PAGE = Path(__file__).parents[2] / "docs" / "errors.md"
BEGINS, ENDS = "<!-- written by `make guides` -->\n", "<!-- end -->\n"
TOKEN_ERRORS = [each for each in vars(access).values() if isinstance(each, access.OAuthError)]


def written(page: str) -> str:
    """The page with the table between its marks made anew."""
    before, _, rest = page.partition(BEGINS)
    after = rest.partition(ENDS)[2]
    rows = sorted(set(ERRORS.values()), key=lambda row: (row.status, row.code, row.sentence))
    token = [f"| {each.status} | `{each.code}` | {each.description} |" for each in TOKEN_ERRORS]
    table = ["## From the FHIR door", "", "| Status | `issue.code` | `issue.diagnostics` |", "|---|---|---|"]
    table += [f"| {row.status} | `{row.code}` | {_said(row)} |" for row in rows]
    table += [
        "",
        "## From the token endpoint",
        "",
        "| Status | `error` | `error_description` |",
        "|---|---|---|",
        *token,
    ]
    return f"{before}{BEGINS}\n{chr(10).join(table)}\n\n{ENDS}{after}"


def _said(row: Row) -> str:
    """`…` stands for what was expected."""
    return row.sentence.replace("{}", "…").replace("|", "\\|")
