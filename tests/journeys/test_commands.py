"""The command line is a contract that others script against: names, options, bare ids, tables and exit codes."""

import json
import os
import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from sqlalchemy import update
from typer.testing import CliRunner, Result

from service.__main__ import application
from service.demo.cast import HOSPITAL_SCOPE, assemble, new_key
from service.flow.received import Received
from service.mappings import own_folder
from service.parts import prepare
from service.referrals.delivery import Delivery, DeliveryTrigger
from service.security import sealing
from service.security.keys import load_or_create
from service.settings import read_settings
from service.shared.caller import Caller, OrganisationKind, the_service
from service.shared.clock import SystemClock
from service.shared.errors import InvalidMappings
from service.shared.ids import new_id
from service.store.deliveries import DELIVERY
from service.store.unit_of_work import UnitOfWork
from service.wiring import build_worker
from tests.flow.support import DAY, NOW, Service
from tests.hl7v2.doors import changed, oru
from tests.journeys.support import EMBEDDED, description

Run = Callable[..., Result]
NOWHERE = "http://127.0.0.1:9/fhir"
V2 = "mllps://engine.example:2575"
MOVED = "mllps://elsewhere.example:2575"
ID = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"


@pytest.fixture
def run(tmp_path: Path, migrated_file: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A command with a data folder of this test's own."""
    (tmp_path / "data").mkdir()
    shutil.copy(migrated_file, tmp_path / "data" / EMBEDDED)
    monkeypatch.setenv("PEER_REFERRAL_DATA_FOLDER", str(tmp_path / "data"))

    of_tests = {name: None for name in os.environ if name.startswith("PEER_REFERRAL_TEST_")}

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(application, arguments, env=of_tests)

    return invoke


@pytest.fixture
def jwks(tmp_path: Path) -> str:
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"keys": [new_key().as_dict(private=False)]}))
    return str(file)


def id_of(outcome: Result) -> str:
    """What --quiet prints: the id and nothing else."""
    assert outcome.exit_code == 0, outcome.output
    (id,) = outcome.stdout.splitlines()
    return id


def refusal(outcome: Result) -> str:
    """A clear line on standard error, exit code 2, and nothing on standard output."""
    assert outcome.exit_code == 2, outcome.output
    assert outcome.stdout == ""
    (line,) = outcome.stderr.splitlines()
    return line


def test_everybody_can_be_registered_and_listed(run: Run, tmp_path: Path, jwks: str) -> None:
    hospital = id_of(run("organisation", "add", "St Test", "--kind", "hospital", "--fhir-endpoint", NOWHERE, "-q"))
    named = ("--identifier", "https://circle.example/id|1")
    community = id_of(run("organisation", "add", "Circle", "--kind", "community", *named, "--quiet"))
    scopes = [part for scope in HOSPITAL_SCOPE.split() for part in ("--scope", scope)]
    client = id_of(run("client", "add", "--organisation", hospital, "--jwks", jwks, *scopes, "--quiet"))
    file = tmp_path / "programme.toml"
    file.write_text(description(assemble(NOWHERE), community))
    programme = id_of(run("programme", "import", str(file), "--quiet"))
    file.write_text(description(assemble(NOWHERE), community, places=7))
    assert id_of(run("programme", "import", str(file), "--quiet")) == programme

    assert rows(run("organisation", "list")) == [
        [hospital, "hospital", "St Test", NOWHERE],
        [community, "community", "Circle"],
    ]
    ((listed, of, state, *granted),) = rows(run("client", "list"))
    assert (listed, of, state) == (client, hospital, "active")
    assert granted == sorted(HOSPITAL_SCOPE.split())
    ((listed, of, *rest),) = rows(run("programme", "list"))
    assert (listed, of) == (programme, community)
    assert rest[-3:] == ["0", "of", "7"]
    assert rows(run("deliveries", "list")) == []

    assert client in run("client", "revoke", client).stdout
    assert rows(run("client", "list"))[0][2] == "revoked"


def rows(outcome: Result) -> list[list[str]]:
    """A table's rows without its heading, cut at spaces that are between columns or within a cell of several words."""
    assert outcome.exit_code == 0, outcome.output
    heading, *lines = outcome.stdout.splitlines()
    assert heading.startswith("id ")
    cells = [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in lines]
    return [
        [part for cell in line for part in (cell.split() if line[1:2] != ["hospital"] else [cell])] for line in cells
    ]


def test_without_quiet_a_sentence_names_the_new_id(run: Run) -> None:
    outcome = run("organisation", "add", "St Test", "--kind", "hospital")
    (row,) = rows(run("organisation", "list"))
    assert row[0] in outcome.stdout
    assert "St Test" in outcome.stdout


def test_migrate_may_be_run_again_and_again(run: Run) -> None:
    outcomes = [run("migrate") for _ in range(3)]
    assert [outcome.exit_code for outcome in outcomes] == [0, 0, 0]
    assert len({outcome.stdout for outcome in outcomes}) == 1


def test_migrate_and_the_office_work_on_postgresql(
    run: Run, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PEER_REFERRAL_DATABASE_URL", postgresql_url)
    before = refusal(run("organisation", "list"))
    assert "peer-referral migrate" in before
    assert [run("migrate").exit_code for _ in range(2)] == [0, 0]
    hospital = id_of(run("organisation", "add", "St Test", "--kind", "hospital", "-q", "--hl7v2-endpoint", V2))
    assert run("organisation", "change", hospital, "--hl7v2-endpoint", MOVED).exit_code == 0
    assert rows(run("organisation", "list"))[0] == [hospital, "hospital", "St Test", MOVED]


def test_mappings_check_names_what_is_there_and_every_problem_there_is(run: Run, tmp_path: Path) -> None:
    outcome = run("mappings", "check")
    assert outcome.exit_code == 0
    assert "epds" in outcome.stdout
    assert "phq9" in outcome.stdout
    (tmp_path / "empty").mkdir()
    wrong = run("mappings", "check", str(tmp_path / "empty"))
    assert wrong.exit_code == 2
    assert wrong.stderr.strip()
    assert "Traceback" not in wrong.output


def settle(delivery: Delivery, tx: UnitOfWork) -> bool:
    return tx.leases.settle(delivery, "worker", DeliveryTrigger.REFUSED_FOR_GOOD, "http-422")


def test_what_is_dead_is_sent_again_by_its_id_or_all_of_one_record_at_once(run: Run, tmp_path: Path) -> None:
    run("organisation", "list")  # makes the database
    service = Service(f"sqlite:///{tmp_path / 'data' / EMBEDDED}")
    offers = [service.offered() for _ in range(3)]
    for each in service.claim("worker", DAY):
        service.run(the_service(""), partial(settle, each))
    dead = [[row["id"] for row in service.rows("delivery", patient_id=family.woman)] for family, _ in offers]
    service.close()

    assert {(*row[3:5], *row[6:]) for row in rows(run("deliveries", "list"))} == {("dead", "1", "-", "http-422")}
    one, *_ = dead[0]
    outcome = run("deliveries", "retry", one, "nothing", *dead[1])
    assert outcome.exit_code == 2
    assert outcome.stdout.splitlines() == [f"Delivery {id} is on its way again." for id in (one, *dead[1])]
    assert outcome.stderr == "There is no such delivery that is dead or unknown: nothing.\n"

    there = offers[2][0].hospital.organisation_id
    assert run("deliveries", "retry", "--dead", there).stdout.count("is on its way again.") == 3
    assert run("deliveries", "retry", "--dead", there).stdout == "Nothing is dead there.\n"
    assert [row[0] for row in rows(run("deliveries", "list", "--state", "dead"))] == dead[0][:0:-1]


@pytest.mark.parametrize(
    ("owed", "due", "said"),
    [
        (timedelta(minutes=119, seconds=30), timedelta(minutes=-1), ("119m", "due")),
        (timedelta(hours=2, seconds=30), timedelta(minutes=14, seconds=30), ("2h", "14m")),
        (timedelta(days=9), timedelta(days=2, hours=1), ("9d", "2d")),
    ],
)
def test_a_delivery_that_waits_shows_how_old_it_is_and_when_it_is_tried_again(
    run: Run, tmp_path: Path, owed: timedelta, due: timedelta, said: tuple[str, str]
) -> None:
    run("organisation", "list")  # makes the database
    service = Service(f"sqlite:///{tmp_path / 'data' / EMBEDDED}")
    service.offered()
    now = datetime.now(UTC)
    values = {"owed_at": now - owed, "due_at": now + due, "last_outcome": "http-503"}
    service.run(the_service(""), lambda tx: tx.execute(update(DELIVERY).values(values)))
    service.close()
    assert {tuple(row[3:]) for row in rows(run("deliveries", "list"))} == {("ready", "0", *said, "http-503")}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        *(
            (("organisation", "add", "X", "--kind", "hospital", "--fhir-endpoint", endpoint), said)
            for endpoint, said in (
                ("ftp://x", "must be an https address"),
                ("http://record.example/fhir", "must be an https address"),
                ("https://[::1", "is not a URL"),
                ("https://record.example/fhir?x=1", "no query and no fragment"),
                ("https://record.example/fhir#f", "no query and no fragment"),
                ("https://record.example/fhir ", "has a blank in it"),
                ("https://user:secret@record.example/fhir", "no user"),
            )
        ),
        (("organisation", "add", "X" * 201, "--kind", "hospital"), "at most 200 characters"),
        (("organisation", "add", " ", "--kind", "hospital"), "needs a name"),
        (("organisation", "add", "one\ntwo", "--kind", "hospital"), "one line"),
        (("organisation", "add", "X", "--kind", "hospital", "--identifier", "https://x| "), "SYSTEM|VALUE"),
        (
            ("organisation", "add", "X", "--kind", "hospital", "--hl7v2-endpoint", "mllp://engine.example:2575"),
            "PEER_REFERRAL_MLLP_PLAIN",
        ),
        (("organisation", "add", "X", "--kind", "hospital", "--hl7v2-endpoint", "mllps://x"), "mllps://HOST:PORT"),
        (
            ("organisation", "add", "X", "--kind", "hospital", "--hl7v2-endpoint", V2, "--fhir-endpoint", NOWHERE),
            "goes one way",
        ),
        (("organisation", "add", "X", "--kind", "community", "--hl7v2-endpoint", V2), "Only a hospital"),
        (("organisation", "add", "X", "--kind", "hospital", "--identifier", "no-bar"), "SYSTEM|VALUE"),
        (("organisation", "change", "nobody", "--hl7v2-endpoint", V2), "no such organisation"),
        (("client", "revoke", "nobody"), "no such client"),
        (("deliveries", "retry", "nothing"), "no such delivery"),
        (("deliveries", "retry"), "deliveries or --dead"),
        (("deliveries", "retry", "nothing", "--dead", "nobody"), "deliveries or --dead"),
        (("deliveries", "retry", "--dead", "nobody"), "no such organisation"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(run: Run, arguments: tuple[str, ...], said: str) -> None:
    assert said in refusal(run(*arguments))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"--organisation": new_id()}, "no such organisation"),
        ({"--scope": "system/Task.read"}, "could never be granted"),
        ({"--jwks": ""}, "--jwks FILE or --jwks-url URL"),
        ({"--jwks-url": "https://circle.example/jwks"}, "--jwks FILE or --jwks-url URL"),
        ({"--jwks": "", "--jwks-url": "http://circle.example/jwks"}, "https"),
    ],
)
def test_a_client_that_could_never_call_is_refused(run: Run, jwks: str, changes: dict[str, str], said: str) -> None:
    hospital = id_of(run("organisation", "add", "St Test", "--kind", "hospital", "-q"))
    given = {"--organisation": hospital, "--jwks": jwks, "--scope": "system/Task.rus"} | changes
    outcome = run("client", "add", *(part for name, value in given.items() if value for part in (name, value)))
    assert said in refusal(outcome)
    assert rows(run("client", "list")) == []


@pytest.fixture
def certificate(tmp_path: Path) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "engine.st-test.example")])
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, NOW, NOW + DAY).sign(key, SHA256())
    file = tmp_path / "engine.pem"
    file.write_bytes(made.public_bytes(Encoding.PEM))
    return str(file)


def test_a_sender_of_hl7_v2_is_registered_by_its_certificate_or_its_name(run: Run, certificate: str) -> None:
    hospital = id_of(run("organisation", "add", "St Test", "--kind", "hospital", "-q"))
    to = ("client", "add", "--organisation", hospital, "--quiet")
    by_certificate = id_of(run(*to, "--certificate", certificate))
    by_name = id_of(run(*to, "--mllp-sender", "EHR|MATERNITY"))
    listed = {row[0]: row[3] for row in rows(run("client", "list"))}
    assert listed[by_name] == "EHR|MATERNITY"
    assert re.fullmatch("[0-9a-f]{64}", listed[by_certificate])
    for known_by in (("--certificate", certificate), ("--mllp-sender", "EHR|MATERNITY")):
        assert "another client" in refusal(run(*to, *known_by)).lower()
    run("client", "revoke", by_name)
    assert id_of(run(*to, "--mllp-sender", "EHR|MATERNITY")) != by_name


@pytest.mark.parametrize(
    ("kind", "given", "said"),
    [
        ("hospital", ("--mllp-sender", "EHR"), "APPLICATION|FACILITY"),
        ("hospital", ("--mllp-sender", "|MATERNITY"), "APPLICATION|FACILITY"),
        ("hospital", ("--mllp-sender", "A|B", "--scope", "system/Task.rus"), "neither scopes nor"),
        ("hospital", ("--mllp-sender", "A|B", "--certificate", __file__), "either --certificate"),
        ("hospital", ("--certificate", __file__), "no certificate"),
        ("hospital", (), "--scope"),
        ("community", ("--mllp-sender", "A|B"), "Only a hospital"),
    ],
)
def test_a_sender_that_could_never_be_known_is_refused(run: Run, kind: str, given: tuple[str, ...], said: str) -> None:
    organisation = id_of(run("organisation", "add", "St Test", "--kind", kind, "-q"))
    assert said in refusal(run("client", "add", "--organisation", organisation, *given))
    assert rows(run("client", "list")) == []


@pytest.fixture
def came_in(run: Run, tmp_path: Path) -> tuple[str, str, str]:
    """A hospital, a message of its that was refused and one that was accepted."""
    hospital = id_of(run("organisation", "add", "St Test", "--kind", "hospital", "-q"))
    caller = Caller("client", hospital, OrganisationKind.HOSPITAL, frozenset(), new_id())
    refused = new_id()
    sealer = sealing.load_or_create(tmp_path / "data" / "sealing-key")
    sealed = sealer.seal(changed(oru(), 9, "DFT^P03"), f"unreadable_message/{refused}")
    service = Service(f"sqlite:///{tmp_path / 'data' / EMBEDDED}", clock=SystemClock())

    def keep(tx: UnitOfWork) -> str:
        tx.inbox.keep_unreadable(refused, sealed, "type-unsupported", door="hl7v2", type="DFT^P03", sealed_request=None)
        return tx.inbox.archive(Received("ORU^R01", oru(), door="hl7v2"), "accepted")

    accepted = service.run(caller, keep)
    service.close()
    return hospital, refused, accepted


def test_what_came_in_is_listed_by_ids_times_types_and_codes_alone(run: Run, came_in: tuple[str, str, str]) -> None:
    hospital, refused, accepted = came_in
    listed = rows(run("messages", "list"))
    assert [(row[0], *row[2:]) for row in listed] == [
        (accepted, hospital, "hl7v2", "ORU^R01", "accepted"),
        (refused, hospital, "hl7v2", "DFT^P03", "type-unsupported"),
    ]
    for asked, found in (
        (("--disposition", "accepted"), [accepted]),
        (("--door", "fhir"), []),
        (("--organisation", hospital, "--at-most", "1"), [accepted]),
        (("--since", "1h"), [accepted, refused]),
        (("--since", "2999-01-01"), []),
        *((("--disposition", each), []) for each in ("begun", "no-score", "too-long", "code-invalid,security")),
    ):
        assert [row[0] for row in rows(run("messages", "list", *asked))] == found
    assert "Write --since" in refusal(run("messages", "list", "--since", "yesterday"))
    assert "No message becomes that" in refusal(run("messages", "list", "--disposition", "nope"))
    assert "no such organisation" in refusal(run("messages", "list", "--organisation", "somebody"))
    assert rows(run("messages", "list", "--organisation", "nobody")) == []
    assert run("messages", "list", "--door", "mllp").exit_code == 2


def test_a_body_is_shown_only_when_it_is_asked_for(run: Run, came_in: tuple[str, str, str]) -> None:
    for id in came_in[1:]:
        shown = run("messages", "show", id)
        assert id in shown.stdout
        assert "Tester" not in shown.stdout
        assert "Tester^Tessie" in run("messages", "show", id, "--body").stdout
    assert "no such message" in refusal(run("messages", "show", "nobody"))


def test_a_message_is_replayed_and_says_what_it_became(run: Run, came_in: tuple[str, str, str]) -> None:
    _, refused, accepted = came_in
    outcome = run("messages", "replay", refused, accepted)
    assert outcome.exit_code == 0, outcome.output
    first, second = outcome.stdout.splitlines()
    assert first.endswith(": type-unsupported")
    assert second.endswith(": accepted")
    assert len(rows(run("messages", "list"))) == 4
    again = run("messages", "replay", refused)
    assert (again.exit_code, again.stdout) == (2, "")
    assert "replayed before" in again.stderr


@pytest.mark.parametrize("content", [b"not json", b"{}", b'{"keys": []}', b"\xff", None])
def test_keys_that_cannot_be_read_are_said_in_one_line(run: Run, tmp_path: Path, content: bytes | None) -> None:
    hospital = id_of(run("organisation", "add", "St Test", "--kind", "hospital", "-q"))
    file = tmp_path / "wrong.json"
    if content is not None:
        file.write_bytes(content)
    given = ("--organisation", hospital, "--jwks", str(file), "--scope", "system/Task.rus")
    outcome = run("client", "add", *given)
    assert outcome.exit_code == 2
    assert outcome.stderr.strip()
    assert "Traceback" not in outcome.output


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"places": -1}, "places"),
        ({"model": "séance"}, "model"),
        ({"name": ""}, "name"),
        ({"surprise": 1}, "surprise"),
        ({"name": "X" * 201}, "at most 200 characters"),
        ({"languages": ["en", "klingonish"]}, "no primary language tag"),
        ({"languages": ["en-GB"]}, "no primary language tag"),
    ],
)
def test_a_wrong_programme_is_refused_by_the_name_of_its_field(
    run: Run, tmp_path: Path, changes: dict[str, object], said: str
) -> None:
    community = id_of(run("organisation", "add", "Circle", "--kind", "community", "-q"))
    file = tmp_path / "programme.toml"
    file.write_text(description(assemble(NOWHERE), community, **changes))
    outcome = run("programme", "import", str(file))
    assert outcome.exit_code == 2
    assert said in outcome.stderr
    assert rows(run("programme", "list")) == []


def test_a_programme_whose_training_has_lapsed_is_described_and_it_is_said_that_it_gets_no_offers(
    run: Run, tmp_path: Path
) -> None:
    community = id_of(run("organisation", "add", "Circle", "--kind", "community", "-q"))
    file = tmp_path / "programme.toml"
    yesterday, today = (str(datetime.now(UTC).date() - timedelta(days)) for days in (1, 0))
    for until, states in ((yesterday, ["training", "lapsed"]), (today, ["active"])):
        text = description(assemble(NOWHERE), community, training_renewed_until=until)
        file.write_text(text.replace(f'"{until}"', until))
        outcome = run("programme", "import", str(file), "--quiet")
        assert (f"no new offers: training_renewed_until was {until}" in outcome.stderr) is (until == yesterday)
        assert id_of(outcome)
        ((_, _, *rest),) = rows(run("programme", "list"))
        assert " ".join(states) in " ".join(rest)


def test_a_programme_belongs_to_a_community_organisation_that_is_known(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "programme.toml"
    file.write_text(description(assemble(NOWHERE), new_id()))
    assert "no such organisation" in refusal(run("programme", "import", str(file)))
    hospital = id_of(run("organisation", "add", "St Test", "--kind", "hospital", "-q"))
    file.write_text(description(assemble(NOWHERE), hospital))
    assert "community organisation" in refusal(run("programme", "import", str(file)))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PEER_REFERRAL_DATABASE_URL", "mysql://nowhere/x", "sqlite:///a-file or postgresql://"),
        ("PEER_REFERRAL_DATABASE_URL", "postgresql://nobody@127.0.0.1:9/none", "cannot be reached"),
        ("PEER_REFERRAL_BASE_URL", "http://referral.example", "https"),
        ("PEER_REFERRAL_PORT", "80800", "PEER_REFERRAL_PORT: "),
        ("PEER_REFERRAL_MLLP_APPLICATION", "A-NAME-OF-25-CHARACTERS-..", "PEER_REFERRAL_MLLP_APPLICATION: "),
        ("PEER_REFERRAL_REQUESTS_PER_MINUTE", "many", "PEER_REFERRAL_REQUESTS_PER_MINUTE: "),
        ("PEER_REFERRAL_HOST", "0.0.0.0", "PEER_REFERRAL_BASE_URL"),
        ("PEER_REFERRAL_TRUSTED_PROXIES", "*", "addresses or networks"),
    ],
)
def test_a_wrong_environment_is_named_and_nothing_starts(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    for command in (("organisation", "list"), ("serve",), ("worker",), ("migrate",)):
        assert said in refusal(run(*command))


def test_a_file_that_is_no_database_is_said_in_one_line_by_every_command(run: Run, tmp_path: Path) -> None:
    (tmp_path / "data" / EMBEDDED).write_bytes(b"not a database" * 100)
    for command in (("migrate",), ("organisation", "list"), ("serve",), ("backup", str(tmp_path / "backup"))):
        assert "SQLITE_NOTADB" in refusal(run(*command))


def test_a_name_that_sets_nothing_is_said_with_the_one_that_may_be_meant_and_stops_nothing(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PEER_REFERRAL_DATABSE_URL", "postgresql://nobody@127.0.0.1:9/none")
    monkeypatch.setenv("PEER_REFERRAL_SERVICE_HOST", "10.0.0.1")
    outcome = run("organisation", "list")
    assert outcome.exit_code == 0
    assert outcome.stderr.splitlines() == [
        "PEER_REFERRAL_DATABSE_URL is no setting and does nothing. Is PEER_REFERRAL_DATABASE_URL meant?",
        "PEER_REFERRAL_SERVICE_HOST is no setting and does nothing.",
    ]


def test_a_backup_says_what_it_holds_and_replaces_nothing_unasked(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "night.zip"
    (tmp_path / "data" / EMBEDDED).unlink()
    assert "no database" in refusal(run("backup", str(file)))
    id_of(run("organisation", "add", "St Test", "--kind", "hospital", "-q"))
    made = run("backup", str(file))
    assert made.exit_code == 0
    assert "It holds patient data." in made.stdout
    assert refusal(run("backup", str(file))) == f"{file} is there already. To replace it, say --replace."
    assert run("backup", str(file), "--replace").exit_code == 0
    assert "not empty" in refusal(run("restore", str(file)))
    assert "compared them with the file" in run("restore", str(file), "--yes").stdout
    assert "no backup" in refusal(run("restore", __file__))


def test_keys_go_with_the_backup_and_other_keys_are_not_overwritten_unasked(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys, file, bare = tmp_path / "data" / "signing-keys.json", str(tmp_path / "a.zip"), str(tmp_path / "b.zip")
    id_of(run("organisation", "add", "St Test", "--kind", "hospital", "-q"))
    load_or_create(keys)
    before = keys.read_bytes()
    assert "signing-keys.json" in run("backup", file).stdout
    assert "no keys" in run("backup", bare, "--no-keys").stdout

    keys.unlink()
    load_or_create(keys)
    other = keys.read_bytes()
    monkeypatch.setenv("PEER_REFERRAL_DATABASE_URL", f"sqlite:///{tmp_path / 'elsewhere.db'}")
    assert "other keys" in refusal(run("restore", file))
    assert not (tmp_path / "elsewhere.db").exists()
    assert run("restore", bare).exit_code == 0
    assert keys.read_bytes() == other
    assert run("restore", file, "--yes").exit_code == 0
    assert keys.read_bytes() == before
    assert keys.stat().st_mode & 0o777 == 0o600


def test_a_rotated_key_is_published_beside_the_old_one_and_once_a_day(run: Run, tmp_path: Path) -> None:
    keys = tmp_path / "data" / "signing-keys.json"
    assert "cannot be read" in refusal(run("keys", "rotate"))
    (first,) = load_or_create(keys).keys
    rotated = run("keys", "rotate")
    assert rotated.exit_code == 0
    old, new = load_or_create(keys).keys
    assert old.kid == first.kid
    assert new.kid in rotated.stdout
    assert "already published" in refusal(run("keys", "rotate"))


def test_a_hospital_may_be_reached_by_hl7_v2_instead(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    add = ("organisation", "add", "St Test", "--kind", "hospital", "-q", "--hl7v2-endpoint")
    monkeypatch.setenv("PEER_REFERRAL_MLLP_PLAIN", "true")
    for endpoint in (V2, "mllp://engine.example:2575"):
        id_of(run(*add, endpoint))
        assert rows(run("organisation", "list"))[-1][-1] == endpoint


def test_that_a_hospital_could_answer_no_alert_is_said_wherever_it_is_set_up(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    add = ("organisation", "add", "St Test", "--kind", "hospital", "--hl7v2-endpoint", V2)
    said = run(*add).stdout
    assert "[answer_link]" in said
    id = said.split()[0].removeprefix("Organization/")
    folder = Path(shutil.copytree(own_folder(), tmp_path / "mappings"))
    approved = 'by = "Somebody"\non = 2026-11-22\n'
    silent = f'organisation = "{id}"\n[approval]\n{approved}[hl7v2]\ndistrict = 8\n'
    for written, says in ((silent, True), (f"{silent}[answer_link]\n{approved}hours = 72\n", False)):
        (folder / "sites" / "own.toml").write_text(written, "utf-8")
        checked = run("mappings", "check", str(folder)).stdout
        assert (f"{id}: no [answer_link]" in checked) is says
        assert f"{id}: no zone" in checked
        caplog.clear()
        parts = prepare(read_settings(data_folder=tmp_path / "data", mappings_folder=folder))
        build_worker(parts)
        parts.store.close_now()
        assert ("alerts-cannot-be-answered" in caplog.messages) is says


def test_that_answer_links_lead_to_this_machine_is_said_of_a_hospital_elsewhere(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    here, elsewhere = (
        run("organisation", "add", name, "--kind", "hospital", "--hl7v2-endpoint", endpoint, "-q").stdout.strip()
        for name, endpoint in (("Here", "mllp://127.0.0.1:6661"), ("Elsewhere", V2))
    )
    folder = Path(shutil.copytree(own_folder(), tmp_path / "mappings"))
    link = 'by = "Somebody"\non = 2026-11-22\n'
    for id in (here, elsewhere):
        written = f'organisation = "{id}"\n[approval]\n{link}[answer_link]\n{link}hours = 72\n'
        (folder / "sites" / f"{id}.toml").write_text(written, "utf-8")
    said = []
    for base_url in (None, "https://referrals.example.org"):
        caplog.clear()
        parts = prepare(read_settings(data_folder=tmp_path / "data", mappings_folder=folder, base_url=base_url))
        build_worker(parts)
        parts.store.close_now()
        said.append(
            [each.__dict__["facts"]["organisation"] for each in caplog.records if "lead-nowhere" in each.message]
        )
    assert said == [[elsewhere], []]


def test_what_has_moved_is_reached_there_and_by_the_way_that_it_was(run: Run) -> None:
    elsewhere = "https://record.example/fhir"
    add, change = ("organisation", "add", "St Test", "--kind", "hospital", "-q"), ("organisation", "change")
    by_v2, by_fhir = id_of(run(*add, "--hl7v2-endpoint", V2)), id_of(run(*add, "--fhir-endpoint", NOWHERE))
    by_none = [id_of(run(*add)) for _ in range(2)]
    assert MOVED in run(*change, by_v2, "--hl7v2-endpoint", MOVED).stdout
    assert elsewhere in run(*change, by_fhir, "--fhir-endpoint", f"{elsewhere}/").stdout
    assert "reached by FHIR" in refusal(run(*change, by_fhir, "--hl7v2-endpoint", MOVED))
    assert "reached by HL7 v2" in refusal(run(*change, by_v2, "--fhir-endpoint", NOWHERE))
    assert "either --fhir-endpoint or" in refusal(run(*change, by_fhir))
    assert "goes one way" in refusal(run(*change, by_fhir, "--fhir-endpoint", NOWHERE, "--hl7v2-endpoint", V2))
    assert "no query" in refusal(run(*change, by_fhir, "--fhir-endpoint", f"{elsewhere}?x=1"))
    assert run(*change, by_none[0], "--fhir-endpoint", NOWHERE).exit_code == 0
    assert run(*change, by_none[1], "--hl7v2-endpoint", V2).exit_code == 0
    listed = {row[0]: row[-1] for row in rows(run("organisation", "list"))}
    assert listed == {by_v2: MOVED, by_fhir: elsewhere, by_none[0]: NOWHERE, by_none[1]: V2}


def test_nothing_that_a_hospital_could_not_hear_of_is_begun(run: Run, tmp_path: Path) -> None:
    id_of(run("organisation", "add", "St Test", "--kind", "hospital", "-q", "--hl7v2-endpoint", V2))
    folder = Path(shutil.copytree(own_folder(), tmp_path / "mappings"))
    site = folder / "sites" / "default.toml"
    takes = 'record = ["Communication", "AlertTask",'
    site.write_text(site.read_text("utf-8").replace(takes, 'record = ["AlertTask",'), "utf-8")
    outcome = run("mappings", "check", str(folder))
    assert outcome.exit_code == 0
    assert "default: alerts go out as Tasks alone" in outcome.stdout
    settings = read_settings(data_folder=tmp_path / "data", mappings_folder=folder)
    parts = prepare(settings)
    with pytest.raises(InvalidMappings) as refused:
        build_worker(parts)
    parts.store.close_now()
    assert "would hear of no alert" in refused.value.problems[0]
