"""hl7v2/outbound.toml, and `[hl7v2.outbound]` of sites/*.toml: how the messages look that a hospital gets."""

from service.hl7v2.write.outbound import Asked, Coded, Completion, Outbound, Topic, Version
from service.mappings.reader import Table


def read_outbound(table: Table) -> Outbound:
    system = table.text("system")
    commit, application = (table.member(key, Asked) if key in table else None for key in ("commit", "application"))
    if {commit, application} != {None} and Asked.ALWAYS not in (commit, application):
        table.note("", "asks for no acknowledgement at all, so that nobody would know what has arrived")
    return Outbound(
        version=table.member("version", Version),
        receiving=(
            table.optional_text("receiving_application") or "",
            table.optional_text("receiving_facility") or "",
        ),
        commit=commit,
        application=application,
        completion=table.member("completion", Completion),
        system=system,
        codes=_codes(table.table("code"), system),
        texts=_texts(table.table("text")),
    )


def _codes(table: Table, system: str) -> dict[Topic, Coded]:
    found = {}
    for name in table.names():
        row = table.table(name)
        if name not in set(Topic):
            table.note(name, "is nothing that is sent")
            continue
        found[Topic(name)] = Coded(row.text("code"), row.text("text"), row.optional_text("system") or system)
    return found


def _texts(table: Table) -> dict[str, str]:
    return {code: table.text(code) for code in table.names()}
