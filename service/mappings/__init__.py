"""Reads mappings/*.toml whole into the rooms' own values, and refuses all of it on one error.

Every problem is listed with its file and key, so that a site mends them in one go. The grammar of each file is
explained at the top of that file.
"""

import hashlib
from pathlib import Path

from service.consent.terms import ConsentTerms
from service.flow.rules import DEFAULT_SITE, Rules
from service.hl7v2.dialect import Dialect
from service.hl7v2.write.outbound import Outbound
from service.mappings.codes import CodeBook
from service.mappings.dialects import read_dialect
from service.mappings.instruments import read_context, read_instrument
from service.mappings.labels import read_labels
from service.mappings.outbound import read_outbound
from service.mappings.programmes import programme_of
from service.mappings.reader import Folder, Table
from service.mappings.sites import over_default, read_policy
from service.mappings.texts import Wording
from service.referrals.alert import AlertCode
from service.referrals.escalation import Concern
from service.referrals.programme import Programme
from service.screening.instrument import Instrument, Policy

_SERVICE = Path(__file__).resolve().parent.parent
_DEFAULT_SITE_FILE = "sites/default.toml"
_DEFAULT_DIALECT_FILE = "hl7v2/default.toml"
_DEFAULT_OUTBOUND_FILE = "hl7v2/outbound.toml"


def load(folder: Path | None = None) -> Rules:
    """All of `folder`, by default what is installed with the service, or `mappings/` beside it in a checkout.

    Raises InvalidMappings with one line for each problem.
    """
    files = Folder(folder or own_folder())
    book = CodeBook(files.table("unverified.toml"))
    instruments = _instruments(files, book)
    texts = Wording(files.table("texts.toml"), instruments.values())
    rules = Rules(
        instruments=instruments,
        by_code=book.uses,
        context_codes=read_context(files.table("context.toml"), book),
        policies=_policies(files, instruments),
        consent_terms=_consent_terms(files.table("consent.toml"), book),
        alert_texts=texts.by_code("alert", list(AlertCode)),
        status_reasons=texts.by_code("status_reason"),
        note_texts=texts.notes(),
        escalation_texts=texts.escalation(),
        concern_texts=texts.by_code("concern", list(Concern)),
        labels=read_labels(files.table("labels.toml")),
        version=_version(files.path),
    )
    for name in files.names("programmes/*.toml"):
        programme_of(files.table(name), name, default_respond_hours=1)
    book.close()
    files.close()
    return rules


def load_dialects(rules: Rules, folder: Path | None = None) -> dict[str, Dialect]:
    """How each hospital writes HL7 v2, by organisation id, with `default` for one that has said nothing of its own.

    Raises InvalidMappings with one line for each problem.
    """
    files = Folder(folder or own_folder())
    tables = _of_each_site(files, _DEFAULT_DIALECT_FILE, "hl7v2")
    found = {id: read_dialect(table, id, rules) for id, table in tables.items()}
    files.close()
    return found


def load_outbound(folder: Path | None = None) -> dict[str, Outbound]:
    """How the messages look that each hospital gets by HL7 v2, likewise."""
    files = Folder(folder or own_folder())
    tables = _of_each_site(files, _DEFAULT_OUTBOUND_FILE, "hl7v2", "outbound")
    found = {id: read_outbound(table) for id, table in tables.items()}
    files.close()
    return found


def read_programme(file: Path, id: str, rules: Rules) -> Programme:
    """The programme that `file` describes, with nobody in it yet. Raises InvalidMappings."""
    files = Folder(file.parent)
    default = rules.policies[DEFAULT_SITE].respond_within_hours
    programme = programme_of(files.table(file.name), id, default)
    files.close()
    return programme


def definitions() -> dict[str, bytes]:
    """The FHIR definitions in mappings/fhir/ by `Type/id`: of what this version writes, so never a site's own."""
    files = sorted((own_folder() / "fhir").glob("*.json"))
    return {path.stem.replace("-", "/", 1): path.read_bytes() for path in files}


def own_folder() -> Path:
    """`mappings/` as a wheel carries it, else the one in the checkout that the service runs from."""
    packaged = _SERVICE / "_mappings"
    return packaged if packaged.is_dir() else _SERVICE.parent / "mappings"


def _instruments(files: Folder, book: CodeBook) -> dict[str, Instrument]:
    found: dict[str, Instrument] = {}
    for name in files.names("instruments/*.toml"):
        table = files.table(name)
        instrument = read_instrument(table, book)
        if instrument.id in found:
            table.note("id", "is used twice")
        found[instrument.id] = instrument
    if not found:
        files.problems.append("instruments: there is no instrument")
    return found


def _policies(files: Folder, instruments: dict[str, Instrument]) -> dict[str, Policy]:
    default = files.content(_DEFAULT_SITE_FILE)
    found: dict[str, Policy] = {}
    for name in files.names("sites/*.toml"):
        is_default = name == _DEFAULT_SITE_FILE
        table = files.table(name, default if is_default else over_default(default, files.content(name)))
        policy = read_policy(table, is_default, instruments)
        if policy.id in found:
            table.note("organisation", "has two files")
        found[policy.id] = policy
    return found


def _of_each_site(files: Folder, default_file: str, *path: str) -> dict[str, Table]:
    """What each site says at this path, laid over the default file; and that itself."""
    default = files.content(default_file)
    found = {DEFAULT_SITE: files.table(default_file, default)}
    for name in files.names("sites/*.toml"):
        site = files.content(name)
        own: object = site
        for key in path:
            own = own.get(key, {}) if isinstance(own, dict) else None
        id, place = site.get("organisation", DEFAULT_SITE), f"{name}.{'.'.join(path)}"
        if not isinstance(own, dict) or not isinstance(id, str):
            files.problems.append(f"{place}: is not a table of an organisation")
        elif "organisation" in site:
            found[id] = files.table(place, over_default(default, own))
    return found


def _consent_terms(table: Table, book: CodeBook) -> ConsentTerms:
    terms = ConsentTerms(
        scopes=book.codes(table.tables("scope")),
        categories=book.codes(table.tables("category")),
        recipient_roles=book.codes(table.tables("recipient_role")),
        purposes=book.codes(table.tables("purpose")),
        report_back_meanings=frozenset(table.table("report_back").texts("meanings")),
        longest_days=table.whole("longest_days", at_least=1),
    )
    for key in ("scope", "category", "recipient_role", "purpose"):
        if key not in table:
            table.note(key, "is missing")
    return terms


def _version(folder: Path) -> str:
    content = hashlib.sha256()
    for path in sorted(folder.rglob("*.toml")):
        content.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return content.hexdigest()[:12]
