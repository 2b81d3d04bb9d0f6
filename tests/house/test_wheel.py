"""The wheel is whole: installed elsewhere, away from the checkout, it starts and finds its mappings and its JSON."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest


def run(folder: Path, *command: str, **environment: str) -> str:
    finished = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout
    return finished.stdout


@pytest.fixture(scope="module")
def wheel(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("wheel")
    run(project, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(built), ".")
    (only,) = built.glob("*.whl")
    return only


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("installed")
    run(target, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--target", str(target), str(wheel))
    return target


def test_the_wheel_holds_everything_that_the_program_reads(project: Path, wheel: Path) -> None:
    packed = set(zipfile.ZipFile(wheel).namelist())
    service = [path for path in (project / "service").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    mappings = [path for path in (project / "mappings").rglob("*") if path.is_file()]
    assert {path.relative_to(project).as_posix() for path in service} <= packed
    assert {f"service/_mappings/{path.relative_to(project / 'mappings').as_posix()}" for path in mappings} <= packed
    assert not any(name.startswith(("tests/", "mappings/", "demo/")) for name in packed)


def test_the_installed_program_starts_from_another_folder(installed: Path, tmp_path: Path) -> None:
    where = "import service; print(service.__file__)"
    assert run(tmp_path, "-c", where, PYTHONPATH=str(installed)).strip().startswith(str(installed))
    assert "serve" in run(tmp_path, "-m", "service", "--help", PYTHONPATH=str(installed))


def test_the_installed_program_checks_its_own_mappings(installed: Path, tmp_path: Path) -> None:
    run(tmp_path, "-m", "service", "mappings", "check", PYTHONPATH=str(installed))
