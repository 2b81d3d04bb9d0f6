"""Our own signing keys: made once, kept private, published in time."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey

from service.security.keys import CACHE_CONTROL, PUBLISHED_BEFORE_USE, load, load_or_create, rotate
from service.shared.errors import InvalidSettings
from tests.security.support import NOW

TOMORROW = NOW + PUBLISHED_BEFORE_USE


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "signing-keys.json"


def test_the_first_use_makes_a_key_that_only_its_owner_can_read(path: Path) -> None:
    made = load_or_create(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [key.kid for key in load_or_create(path).keys] == [key.kid for key in made.keys]
    assert made.current(NOW).key.curve_name == "P-384"
    assert list(path.parent.iterdir()) == [path]


def test_of_many_that_start_at_once_all_use_the_same_key(path: Path) -> None:
    with ThreadPoolExecutor(16) as threads:
        kids = set(threads.map(lambda _: load_or_create(path).current(NOW).kid, range(32)))
    assert len(kids) == 1


def test_only_public_parts_are_published(path: Path) -> None:
    (published,) = load_or_create(path).public()["keys"]
    assert set(published) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    assert (published["crv"], published["use"], published["alg"]) == ("P-384", "sig", "ES384")
    assert not ECKey.import_key({name: str(value) for name, value in published.items()}).is_private


def test_a_new_key_is_published_for_a_day_before_it_signs(path: Path) -> None:
    before = load_or_create(path).current(NOW)
    rotated = rotate(path, NOW)
    assert rotated.keys[0].kid == before.kid
    assert len(rotated.keys) == 2
    assert rotated.current(TOMORROW - timedelta(seconds=1)).kid == before.kid
    after = rotated.current(TOMORROW)
    assert after.kid != before.kid
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(InvalidSettings):
        rotate(path, TOMORROW - timedelta(seconds=1))
    third = rotate(path, TOMORROW)
    assert third.keys[0].kid == after.kid
    assert len(third.keys) == 2


def test_the_published_set_is_kept_by_others_for_less_than_a_key_is_published_before_use() -> None:
    assert int(CACHE_CONTROL.rpartition("=")[2]) < PUBLISHED_BEFORE_USE.total_seconds()


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o601, 0o620, 0o610, 0o644, 0o666, 0o777])
def test_a_key_file_that_others_may_use_is_refused(path: Path, mode: int) -> None:
    load_or_create(path)
    path.chmod(mode)
    with pytest.raises(InvalidSettings, match="0600"):
        load_or_create(path)


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o440, 0o640])
def test_a_mounted_secret_may_be_read_by_its_group(path: Path, mode: int) -> None:
    kid = load_or_create(path).current(NOW).kid
    path.chmod(mode)
    assert load_or_create(path).current(NOW).kid == kid


def jwk(**changes: Any) -> dict[str, Any]:
    return {**ECKey.generate_key("P-384").as_dict(private=True), "kid": "a", **changes}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        json.dumps({"keys": []}),
        json.dumps({"keys": [{}]}),
        json.dumps({"keys": [jwk(kid="")]}),
        json.dumps({"keys": [jwk(kid=1)]}),
        json.dumps({"keys": [jwk(), jwk()]}),
        json.dumps({"keys": [jwk(kid=str(n)) for n in range(3)]}),
        json.dumps({"keys": [jwk(signs_from="soon")]}),
        json.dumps({"keys": [{**ECKey.generate_key("P-256").as_dict(private=True), "kid": "a"}]}),
        json.dumps({"keys": [{**ECKey.generate_key("P-384").as_dict(private=False), "kid": "a"}]}),
    ],
)
def test_anything_but_p384_keys_is_refused_without_repeating_it(path: Path, content: str) -> None:
    path.parent.mkdir()
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(InvalidSettings) as refusal:
        load(path)
    assert str(path) in str(refusal.value)
    assert '"d"' not in str(refusal.value)


def test_a_key_set_from_elsewhere_may_be_used(path: Path) -> None:
    path.parent.mkdir()
    path.write_text(json.dumps({"keys": [jwk(kid="ours")]}))
    path.chmod(0o600)
    assert load_or_create(path).current(NOW).kid == "ours"
