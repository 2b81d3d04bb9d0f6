"""The one secret of the service and what is made of it."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from service.security.sealing import KEY_BYTES, Sealer, load_or_create
from service.shared.errors import InvalidSettings

SECRET = bytes(range(KEY_BYTES))


def test_a_token_is_the_same_for_the_same_words_and_the_same_secret_alone() -> None:
    one, other = Sealer(SECRET), Sealer(SECRET[::-1])
    assert one.token("words") == Sealer(SECRET).token("words")
    assert len({one.token("words"), one.token("other words"), other.token("words")}) == 3
    assert len(one.token("words")) == 43


@pytest.mark.parametrize("secret", [b"", SECRET[1:], SECRET + b"x"])
def test_a_secret_of_another_length_is_none(secret: bytes) -> None:
    with pytest.raises(InvalidSettings):
        Sealer(secret)


def test_of_programs_that_start_at_once_one_makes_the_secret_and_all_have_it(tmp_path: Path) -> None:
    for each in range(20):
        path = tmp_path / str(each)
        with ThreadPoolExecutor(8) as programs:
            tokens = set(programs.map(lambda path: load_or_create(path).token("words"), [path] * 8))
        assert len(tokens) == 1
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_secret_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "sealing-key"
    load_or_create(path)
    path.chmod(0o644)
    with pytest.raises(InvalidSettings):
        load_or_create(path)


def test_a_mounted_secret_may_be_read_by_its_group(tmp_path: Path) -> None:
    path = tmp_path / "sealing-key"
    made = load_or_create(path)
    path.chmod(0o640)
    assert load_or_create(path).token("words") == made.token("words")
