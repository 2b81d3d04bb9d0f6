"""The version of this program, as its package names it."""

from importlib.metadata import PackageNotFoundError, version


def _version() -> str:
    try:
        return version("peer-referral")
    except PackageNotFoundError:  # run from a checkout that was never installed
        return "0.1.0"


VERSION = _version()
