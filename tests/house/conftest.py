"""Where the project's own files are, for the rules that the house sets itself."""

import os
from pathlib import Path

import pytest

# What tools and runs leave behind, as in .gitignore.
LEFT_BEHIND = {"__pycache__", "build", "dist", "var"}


@pytest.fixture(scope="session")
def project() -> Path:
    """The folder that holds pyproject.toml."""
    return Path(__file__).parents[2]


@pytest.fixture(scope="session")
def project_files(project: Path) -> list[Path]:
    """Every file that belongs to the project; no git is needed, so a source archive passes too."""
    found: list[Path] = []
    for folder, folders, files in os.walk(project):
        folders[:] = [name for name in folders if name == ".ci" or not (name.startswith(".") or name in LEFT_BEHIND)]
        # In a linked worktree git's own folder is a file, which says where the other one is.
        found += [Path(folder, name) for name in files if name != ".git"]
    return [path for path in found if ".db" not in path.suffixes and not path.name.endswith((".db-wal", ".db-shm"))]
