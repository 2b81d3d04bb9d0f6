"""What docker/ asks of the project is there: files, commands with their options, settings; and no secret has a default.

The image itself is not built here, which would need a container engine.
"""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from service.__main__ import application

FOLDER = Path(__file__).parents[2] / "docker"
DOCKERFILE = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = (FOLDER / "compose.yaml").read_text(encoding="utf-8")

COMMANDS = [
    tuple(json.loads(words))
    for words in re.findall(r"^CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    + re.findall(r"^ +command: (\[.*\])$", COMPOSE, re.MULTILINE)
]


def test_the_commands_of_the_service_are_all_found() -> None:
    assert 'ENTRYPOINT ["python", "-m", "service"]' in DOCKERFILE
    assert {command[0] for command in COMMANDS} == {"serve", "worker", "migrate"}
    assert len(COMMANDS) == 4


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_the_program_knows_the_command_and_its_options(command: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(application, [*command, "--help"])
    assert shown.exit_code == 0, shown.output


def test_every_setting_that_compose_gives_is_read(project: Path) -> None:
    declared = (project / "service" / "settings.py").read_text(encoding="utf-8")
    given = re.findall(r"^ +PEER_REFERRAL_([A-Z_]+):", COMPOSE, re.MULTILINE)
    assert len(given) >= 2
    assert [name for name in given if not re.search(rf"^ +{name.lower()}:", declared, re.MULTILINE)] == []


def test_everything_that_the_image_copies_exists_and_is_sent_to_the_builder(project: Path) -> None:
    sent = re.findall(r"^!(.+)$", (project / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE)
    copied = [
        name for line in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE) for name in line.split()
    ]
    assert {"pyproject.toml", "service", "mappings"} <= set(copied)
    assert set(copied) == set(sent)
    assert [name for name in copied if not (project / name).exists()] == []


def test_no_secret_has_a_default() -> None:
    wanted = re.findall(r"\$\{(\w+)(:\?[^}]+)?", COMPOSE)
    assert {name for name, complaint in wanted if complaint} == {"POSTGRES_PASSWORD", "PEER_REFERRAL_BASE_URL"}
    assert {name for name, complaint in wanted if not complaint} == {"PEER_REFERRAL_TRUSTED_PROXIES", "MAPPINGS"}


def test_the_service_does_not_run_as_root() -> None:
    last_stage = DOCKERFILE.rsplit("FROM ", 1)[1]
    assert re.search(r"^USER 10001:10001$", last_stage, re.MULTILINE)
