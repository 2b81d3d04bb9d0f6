"""A file is there whole or not at all, for its owner alone."""

import os
import stat
from pathlib import Path

import pytest

from service.shared.files import appearing


def write(path: Path, content: bytes, *, replace: bool = False) -> None:
    with appearing(path, replace=replace) as file:
        file.write(content)


def test_a_file_has_its_name_only_once_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    with appearing(path, replace=False) as file:
        file.write(b"whole")
        assert not path.exists()
    assert path.read_bytes() == b"whole"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("there", [True, False], ids=["over another", "new"])
def test_a_block_that_raises_leaves_what_was_there_and_nothing_else(tmp_path: Path, there: bool) -> None:
    path = tmp_path / "keys"
    if there:
        write(path, b"before")

    def fail() -> None:
        with appearing(path, replace=True) as file:
            file.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert [each.read_bytes() for each in tmp_path.iterdir()] == ([b"before"] if there else [])


def test_nothing_is_replaced_unasked_not_even_what_came_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    write(path, b"first")
    with pytest.raises(FileExistsError):
        write(path, b"second")
    other = tmp_path / "other"

    def be_slow() -> None:
        with appearing(other, replace=False) as file:
            file.write(b"second")
            other.write_bytes(b"quicker")

    with pytest.raises(FileExistsError):
        be_slow()
    assert (path.read_bytes(), other.read_bytes()) == (b"first", b"quicker")
    write(path, b"third", replace=True)
    assert path.read_bytes() == b"third"
    assert {each.name for each in tmp_path.iterdir()} == {"keys", "other"}


def test_a_file_system_without_second_names_does_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("no links here")

    monkeypatch.setattr(os, "link", refuse)
    write(tmp_path / "keys", b"whole")
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"whole"]
