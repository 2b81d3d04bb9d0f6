"""Our own signing keys (ES384), with which we prove to a hospital's record who we are.

The file is a JWK Set of private keys. A key that is to come is published a day before it signs, so that no server is
met with a key it has not had time to fetch.
"""

import contextlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from service.shared.errors import InvalidSettings
from service.shared.files import appearing, open_to_others

ALGORITHM = "ES384"
CURVE = "P-384"
PUBLISHED_BEFORE_USE = timedelta(hours=24)
CACHE_CONTROL = "public, max-age=3600"
MOST_KEYS = 2


@dataclass(frozen=True, slots=True)
class SigningKey:
    """`signs_from` is in whole seconds since 1970-01-01T00:00:00Z; 0 is always."""

    key: ECKey
    kid: str
    signs_from: int


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """One key, or two while one follows the other, in the order in which they sign."""

    keys: tuple[SigningKey, ...]

    def current(self, now: datetime) -> SigningKey:
        """The latest key whose time has come."""
        ready = [key for key in self.keys if key.signs_from <= now.timestamp()]
        return ready[-1] if ready else self.keys[0]

    def public(self) -> dict[str, list[dict[str, object]]]:
        """The JWK Set for `/.well-known/jwks.json`, without private parts. Serve it with CACHE_CONTROL."""
        return {"keys": [_public(key) for key in self.keys]}


def load_or_create(path: Path) -> SigningKeys:
    """The keys in this file, made on first use with mode 0600; of two programs that start at once one makes it.

    Raises InvalidSettings when others may read the file or it holds anything but P-384 keys with a kid.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):  # another program was quicker
            _write(path, (_new_key(signs_from=0),), replace=False)
    return load(path)


def load(path: Path) -> SigningKeys:
    """The keys in this file. Raises InvalidSettings, whose message never repeats what the file says."""
    try:
        if open_to_others(path):
            raise InvalidSettings(f"The signing keys in {path} may be used by others; set mode 0600.")
        keys = tuple(_read(jwk) for jwk in json.loads(path.read_bytes())["keys"])
    except (OSError, ValueError, KeyError, TypeError, JoseError):
        raise InvalidSettings(f"The signing keys in {path} cannot be read as P-384 keys with a kid.") from None
    if not 1 <= len(keys) <= MOST_KEYS or len({key.kid for key in keys}) != len(keys):
        raise InvalidSettings(f"{path} must hold one signing key or two, each with its own kid.")
    return SigningKeys(tuple(sorted(keys, key=lambda key: key.signs_from)))


def rotate(path: Path, now: datetime) -> SigningKeys:
    """Publish a new key today that signs from tomorrow; the key before the present one is dropped.

    Raises InvalidSettings while an earlier rotation still waits for its day.
    """
    current = load(path).current(now)
    if current != load(path).keys[-1]:
        raise InvalidSettings("A new signing key is already published and has not begun to sign.")
    successor = _new_key(int((now + PUBLISHED_BEFORE_USE).timestamp()))
    _write(path, (current, successor), replace=True)
    return load(path)


def _new_key(signs_from: int) -> SigningKey:
    key = ECKey.generate_key(CURVE)
    return SigningKey(key, key.thumbprint(), signs_from)


def _read(jwk: dict[str, str | int]) -> SigningKey:
    signs_from = jwk.get("signs_from", 0)
    key = ECKey.import_key({name: jwk[name] for name in ("kty", "crv", "x", "y", "d")})  # type: ignore[misc]  # all text
    kid = jwk["kid"]
    if key.curve_name != CURVE or not isinstance(kid, str) or not kid or not isinstance(signs_from, int):
        raise ValueError("not one of our keys")
    return SigningKey(key, kid, signs_from)


def _public(key: SigningKey) -> dict[str, object]:
    point = key.key.as_dict(private=False)
    return {**{name: point[name] for name in ("kty", "crv", "x", "y")}, "kid": key.kid, "use": "sig", "alg": ALGORITHM}


def _write(path: Path, keys: tuple[SigningKey, ...], *, replace: bool) -> None:
    private = [{**_public(key), "d": key.key.as_dict(private=True)["d"], "signs_from": key.signs_from} for key in keys]
    with appearing(path, replace=replace) as file:
        file.write(json.dumps({"keys": private}).encode())
