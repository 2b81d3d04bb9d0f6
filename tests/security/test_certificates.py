"""A certificate that was renewed is taken for the next connection, and what cannot be used never."""

import os
import ssl
from pathlib import Path

import pytest

from service.security.certificates import Renewed, server_context
from service.shared.errors import InvalidSettings
from tests.hl7v2.certificates import issue


class Site:
    """The files of a listener, a context over them, and what was told of it."""

    def __init__(self, folder: Path) -> None:
        self.issued = {name: issue(folder, name) for name in ("first", "second")}
        self.certificate, self.key = folder / "shown.pem", folder / "shown.key"
        self.told: list[bool] = []
        self.put("first")
        files = self.certificate, self.key, None
        self.context = Renewed(lambda: server_context(*files), files, lambda problem: self.told.append(not problem))

    def put(self, name: str, *, key: bool = True) -> None:
        self.certificate.write_bytes(self.issued[name].certificate.read_bytes())
        if key:
            self.key.write_bytes(self.issued[name].key_file.read_bytes())


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_while_nothing_changes_it_is_the_same(site: Site) -> None:
    assert site.context() is site.context()
    assert site.told == []


def test_a_new_certificate_with_its_key_is_taken_and_told_once(site: Site) -> None:
    before = site.context()
    site.put("second")
    after = site.context()
    assert after is not before
    assert site.context() is after
    assert site.told == [True]


def test_between_a_certificate_and_its_key_the_last_good_one_goes_on(site: Site) -> None:
    before = site.context()
    site.put("second", key=False)
    assert site.context() is site.context() is before
    assert site.told == [False]
    site.put("second")
    assert site.context() is not before
    assert site.told == [False, True]


def test_one_that_is_taken_away_is_missed_only_by_the_next_start(site: Site) -> None:
    before = site.context()
    site.certificate.unlink()
    assert site.context() is before
    assert site.told == [False]
    with pytest.raises(InvalidSettings):
        server_context(site.certificate, site.key, None)


def test_one_that_is_put_in_its_place_by_another_name_is_seen(site: Site, tmp_path: Path) -> None:
    """As renewal clients do: the name is a link, which leads to another file with the time of the old one."""
    site.put("second")
    site.context()
    elsewhere = tmp_path / "elsewhere.pem"
    elsewhere.write_bytes(site.certificate.read_bytes())
    found = site.certificate.stat()
    os.utime(elsewhere, ns=(found.st_atime_ns, found.st_mtime_ns))
    before = site.context()
    elsewhere.replace(site.certificate)
    after: ssl.SSLContext = site.context()
    assert after is not before
