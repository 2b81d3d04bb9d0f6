"""A backup holds every value exactly, and what is not whole, not ours or not wanted is refused with nothing changed."""

import json
import shutil
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, insert, select, text, update

from service.store import migrate as migrations
from service.store.address import parse_url
from service.store.archive import MANIFEST, BackupFailed, Manifest
from service.store.backup import back_up
from service.store.migrate import check, latest, migrate
from service.store.restore import open_backup, restore
from service.store.tables.columns import table
from service.store.tables.directory import OrganisationRow
from service.store.tables.intake import InboundMessageRow
from service.store.tables.woman import PatientRow

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
ORGANISATION, PATIENT, MESSAGE = table(OrganisationRow), table(PatientRow), table(InboundMessageRow)
HOSPITAL = {
    "id": "hospital", "name": "Sánta Test \U0001f476", "kind": "hospital", "fhir_endpoint": None,
    "identifier_system": None, "identifier_value": None, "active": True,
    "added_at": NOW + timedelta(microseconds=123_456),
}  # fmt: skip
WOMAN = {
    "id": "woman", "tenant_id": "hospital", "version": 2**31 - 1, "preferred_name": "“Ada”\n",
    "birth_date": date(1, 1, 1), "district": None, "language": "",
    "interpreter": False, "deceased": True, "due_date": None,
}  # fmt: skip
RECEIVED = {
    "id": "message", "tenant_id": "hospital", "client_id": "c", "door": "fhir", "type": "Patient",
    "body": bytes(range(256)), "received_at": NOW, "disposition": "accepted", "correlation_id": "x",
}  # fmt: skip


def change(url: str, *statements: Any) -> None:
    engine = create_engine(parse_url(url))
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(statement)
    engine.dispose()


def look(url: str, question: Callable[[Connection], object]) -> object:
    engine = create_engine(parse_url(url))
    with engine.connect() as connection:
        answer = question(connection)
    engine.dispose()
    return answer


def content(url: str) -> object:
    tables = (ORGANISATION, PATIENT, MESSAGE)
    return look(url, lambda connection: [list(connection.execute(select(each)).mappings()) for each in tables])


@pytest.fixture
def filled_url(migrated_file: Path, tmp_path: Path) -> str:
    url = f"sqlite:///{shutil.copy(migrated_file, tmp_path / 'filled.db')}"
    clock = text("UPDATE commit_clock SET last = 1800000000123")
    change(
        url,
        insert(ORGANISATION).values(HOSPITAL),
        insert(PATIENT).values(WOMAN),
        insert(MESSAGE).values(RECEIVED),
        clock,
    )
    return url


@pytest.fixture
def file(filled_url: str, tmp_path: Path) -> Path:
    path = tmp_path / "made.backup"
    back_up(filled_url, path, {"sealing-key": b"\x00secret"}, NOW)
    return path


@pytest.fixture
def target(database_url: str) -> str:
    """An address with nothing behind it, on either database."""
    address = parse_url(database_url)
    if address.get_backend_name() == "sqlite":
        for path in Path(str(address.database)).parent.glob("service.db*"):
            path.unlink()
    else:
        engine = create_engine(address, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
        engine.dispose()
    return database_url


def put_back(url: str, file: Path, *, replace: bool = False) -> Manifest:
    with open_backup(file) as found:
        restore(url, found, replace=replace)
        return found.manifest


def test_every_kind_of_value_comes_back_as_it_was_on_either_database_and_back_again(
    filled_url: str, file: Path, target: str, tmp_path: Path
) -> None:
    put_back(target, file)
    assert content(target) == content(filled_url)
    assert check(target) == []
    assert look(target, lambda connection: connection.execute(text("SELECT last FROM commit_clock")).all()) == [
        (1_800_000_000_123,)
    ]
    again = tmp_path / "again.backup"
    first, second = put_back(target, file, replace=True), back_up(target, again, {}, NOW)
    assert {each.name: each.sha256 for each in second.tables} == {each.name: each.sha256 for each in first.tables}
    put_back(filled_url, again, replace=True)
    assert content(filled_url) == content(target)


def test_the_file_says_what_it_is_and_keeps_the_keys(file: Path) -> None:
    with open_backup(file) as found:
        assert found.keys() == {"sealing-key": b"\x00secret"}
        assert (found.manifest.schema, found.manifest.made_at) == (latest(), "2026-11-22T09:30:00+00:00")
        assert {each.name: each.rows for each in found.manifest.tables if each.rows} == {
            "organisation": 1, "patient": 1, "inbound_message": 1, "commit_clock": 1,
        }  # fmt: skip


def test_a_database_that_holds_anything_is_replaced_only_on_request(file: Path, target: str) -> None:
    migrate(target)
    put_back(target, file)  # migrated and empty
    other = {**HOSPITAL, "id": "other", "name": "Other"}
    change(target, insert(ORGANISATION).values(other))
    before = content(target)
    with pytest.raises(BackupFailed, match="not empty"):
        put_back(target, file)
    assert content(target) == before
    put_back(target, file, replace=True)
    assert content(target) != before


def test_a_database_of_another_program_is_never_emptied(file: Path, target: str) -> None:
    change(target, text("CREATE TABLE theirs (id INTEGER PRIMARY KEY)"), text("INSERT INTO theirs VALUES (1)"))
    with pytest.raises(BackupFailed, match="not of this program"):
        put_back(target, file, replace=True)
    assert look(target, lambda connection: connection.execute(text("SELECT id FROM theirs")).all()) == [(1,)]


def rewritten(
    file: Path, manifest: Callable[[dict[str, Any]], object] = bool, **members: Callable[[bytes], bytes]
) -> Path:
    """A copy of the backup with its manifest or other members changed."""
    target = file.with_suffix(".changed")
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            held = old.read(name)
            if name == MANIFEST:
                tree = json.loads(held)
                manifest(tree)
                held = json.dumps(tree).encode()
            change_it = members.get(Path(name).stem.replace("-", "_"))
            new.writestr(name, change_it(held) if change_it else held)
    return target


def cut_short(file: Path) -> Path:
    target = file.with_suffix(".short")
    target.write_bytes(file.read_bytes()[:-200])
    return target


def garbled(file: Path) -> Path:
    """A few bytes in the middle of a member are others."""
    target, held = file.with_suffix(".garbled"), bytearray(file.read_bytes())
    with zipfile.ZipFile(file) as archive:
        place = archive.getinfo("tables/inbound_message.jsonl").header_offset
    held[place + 80 : place + 90] = b"0123456789"
    target.write_bytes(held)
    return target


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda file: rewritten(file, patient=lambda _: b""), "damaged"),
        (lambda file: rewritten(file, patient=lambda held: held.replace(b"Ada", b"Eva")), "damaged"),
        (lambda file: rewritten(file, patient=lambda held: held * 2), "cannot take a row of the table patient "),
        (lambda file: rewritten(file, patient=lambda _: b"not json\n"), "damaged"),
        (lambda file: rewritten(file, lambda tree: tree.update(schema="9999")), "newer version"),
        (lambda file: rewritten(file, lambda tree: tree.update(format=2)), "newer one"),
        (lambda file: rewritten(file, lambda tree: tree["tables"][0]["columns"].update(more="text")), "not those"),
        (lambda file: rewritten(file, lambda tree: tree["tables"][0].update(name="nothing")), "damaged"),
        (lambda file: rewritten(file, lambda tree: tree.pop("tables")), "no backup"),
        (cut_short, "damaged"),
        (garbled, "damaged"),
    ],
)  # fmt: skip
def test_what_is_damaged_or_newer_changes_nothing(
    filled_url: str, file: Path, spoil: Callable[[Path], Path], said: str
) -> None:
    wrong = spoil(file)
    other = {**HOSPITAL, "id": "other"}
    change(filled_url, insert(ORGANISATION).values(other))
    before = content(filled_url)
    with pytest.raises(BackupFailed, match=said):
        put_back(filled_url, wrong, replace=True)
    assert content(filled_url) == before
    assert check(filled_url) == []


def test_a_text_that_only_the_other_database_takes_is_told_by_its_table_alone(
    filled_url: str, target: str, tmp_path: Path
) -> None:
    change(filled_url, update(PATIENT).values(preferred_name="Ada\x00"))
    file = tmp_path / "odd.backup"
    back_up(filled_url, file, {}, NOW)
    if parse_url(target).get_backend_name() == "sqlite":
        put_back(target, file)
        assert content(target) == content(filled_url)
        return
    with pytest.raises(BackupFailed, match="row of the table patient") as failed:
        put_back(target, file)
    assert "Ada" not in str(failed.value)
    assert failed.value.__suppress_context__


def test_keys_that_are_not_as_they_were_are_refused(file: Path) -> None:
    with open_backup(rewritten(file, sealing_key=lambda _: b"other")) as found, pytest.raises(BackupFailed):
        found.keys()


def test_a_backup_of_an_older_version_is_brought_up_to_date(
    filled_url: str, file: Path, target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "migrations"
    shutil.copytree(migrations.MIGRATIONS, folder)
    (folder / "versions" / "9998_renames.py").write_text(
        f'from alembic import op\n\nrevision = "9998"\ndown_revision = "{latest()}"\n\n\n'
        "def upgrade() -> None:\n    op.execute(\"UPDATE patient SET district = 'Elsewhere'\")\n"
    )
    monkeypatch.setattr(migrations, "MIGRATIONS", folder)
    put_back(target, file)
    found = look(target, lambda connection: connection.execute(text("SELECT district FROM patient")).all())
    assert found == [("Elsewhere",)]
    assert look(
        target, lambda connection: connection.execute(text("SELECT version_num FROM alembic_version")).all()
    ) == [("9998",)]


def test_a_file_is_replaced_only_on_request_and_a_failed_backup_leaves_the_old_one(
    filled_url: str, file: Path, tmp_path: Path
) -> None:
    before, empty = file.read_bytes(), tmp_path / "empty.db"
    empty.touch()
    with pytest.raises(FileExistsError):
        back_up(filled_url, file, {}, NOW)
    with pytest.raises(BackupFailed, match="nothing to back up"):
        back_up(f"sqlite:///{empty}", file, {}, NOW, replace=True)
    assert file.read_bytes() == before
    back_up(filled_url, file, {}, NOW, replace=True)
    assert file.read_bytes() != before


def test_no_database_is_made_by_backing_it_up(tmp_path: Path) -> None:
    with pytest.raises(BackupFailed, match="no database"):
        back_up(f"sqlite:///{tmp_path / 'none.db'}", tmp_path / "x", {}, NOW)
    assert list(tmp_path.iterdir()) == []
