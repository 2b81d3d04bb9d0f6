"""A client's proof of identity: the signed JWT of private_key_jwt (RFC 7523; SMART client-confidential-asymmetric).

The checks stand in one fixed order, so that the audit names the first thing that was wrong. `read` does what needs no
client, `verify` the rest; that the assertion is used only once is decided by the store (`Access.use_assertion`).
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from joserfc.util import base64_to_int, urlsafe_b64decode

from service.security.errors import Flaw, InvalidClient
from service.shared.client import Client

KEY_TYPES = {"RS384": "RSA", "ES384": "EC"}
LEEWAY_SECONDS = 30
LONGEST_LIFE_SECONDS = 300
LONGEST_NAME = 256
RSA_BITS = range(2048, 8193)
SEGMENTS = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")

JsonKey = Mapping[str, object]
"""One key of a JWK Set, as published (RFC 7517)."""


@dataclass(frozen=True, slots=True)
class Assertion:
    """What a client sent, read but not believed: `issuer` says only whose keys to try."""

    text: str
    algorithm: str
    key_id: str
    key_location: str | None
    issuer: str
    claims: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Proof:
    """A verified assertion. After `dead_at` it could not be accepted again even if its use were forgotten."""

    jti: str
    dead_at: datetime


def read(text: str) -> Assertion:
    """Take the assertion apart. Raises InvalidClient."""
    _require(SEGMENTS.fullmatch(text) is not None, Flaw.SEGMENTS)
    header, claims = (_json(segment) for segment in text.split(".")[:2])
    algorithm, key_id, issuer = header.get("alg"), header.get("kid"), claims.get("iss")
    if not isinstance(algorithm, str) or algorithm not in KEY_TYPES:
        raise InvalidClient(Flaw.ALGORITHM)
    _require(header.get("typ") == "JWT", Flaw.TYPE)
    if not isinstance(key_id, str) or not key_id:
        raise InvalidClient(Flaw.KEY_ID)
    # We understand no extension, so whatever is marked as critical, or changes how the payload is read, is refused.
    _require("crit" not in header and "b64" not in header, Flaw.CRITICAL)
    location = header.get("jku")
    _require("jku" not in header or isinstance(location, str), Flaw.KEY_LOCATION)
    return Assertion(
        text=text,
        algorithm=algorithm,
        key_id=key_id,
        key_location=location if isinstance(location, str) else None,
        issuer=issuer if isinstance(issuer, str) and _is_name(issuer) else "",
        claims=claims,
    )


def check_key_location(assertion: Assertion, client: Client) -> None:
    """A `jku` may only repeat what is registered; it is never an address to fetch from. Raises InvalidClient."""
    _require(assertion.key_location in (None, client.jwks_url), Flaw.KEY_LOCATION)


def verify(assertion: Assertion, client: Client, keys: Iterable[JsonKey], audience: str, now: datetime) -> Proof:
    """Believe the assertion or raise InvalidClient.

    `keys` is the client's whole key set, `audience` the address of our token endpoint, exactly as published.
    """
    _check_signature(assertion, _choose(keys, assertion.key_id, KEY_TYPES[assertion.algorithm]))
    claims, present = assertion.claims, now.timestamp()
    _require(claims.get("iss") == claims.get("sub") == client.id, Flaw.ISSUER)
    _require(not client.revoked, Flaw.REVOKED)
    named = claims.get("aud")
    _require(named == audience or (isinstance(named, list) and audience in named), Flaw.AUDIENCE)
    expiry = claims.get("exp")
    if not isinstance(expiry, int):
        raise InvalidClient(Flaw.EXPIRY)
    _require(present - LEEWAY_SECONDS < expiry <= present + LONGEST_LIFE_SECONDS + LEEWAY_SECONDS, Flaw.EXPIRY)
    _require(
        all(_has_begun(claims[name], present) for name in ("nbf", "iat") if name in claims),
        Flaw.NOT_YET_VALID,
    )
    jti = claims.get("jti")
    if not isinstance(jti, str) or not _is_name(jti):
        raise InvalidClient(Flaw.JTI)
    return Proof(jti, datetime.fromtimestamp(expiry + LEEWAY_SECONDS, UTC))


def is_strong(key: JsonKey) -> bool:
    """RSA of 2,048 to 8,192 bits, or P-384: what RS384 and ES384 need, and no more work than a signature is worth."""
    if key.get("kty") == "EC":
        return key.get("crv") == "P-384"
    modulus = key.get("n")
    return key.get("kty") == "RSA" and isinstance(modulus, str) and _bits(modulus) in RSA_BITS


def _choose(keys: Iterable[JsonKey], key_id: str, key_type: str) -> RSAKey | ECKey:
    candidates = [key for key in keys if key.get("kid") == key_id and key.get("kty") == key_type]
    _require(len(candidates) == 1, Flaw.KEY_CHOICE)
    _require(is_strong(candidates[0]), Flaw.KEY_STRENGTH)
    import_key: Callable[[dict[str, object]], RSAKey | ECKey]
    import_key = RSAKey.import_key if key_type == "RSA" else ECKey.import_key  # type: ignore[assignment]  # a looser dict
    try:
        return import_key(dict(candidates[0]))
    except (JoseError, ValueError, KeyError, TypeError) as problem:
        raise InvalidClient(Flaw.KEY_STRENGTH) from problem


def _check_signature(assertion: Assertion, key: RSAKey | ECKey) -> None:
    registry = jws.JWSRegistry(algorithms=list(KEY_TYPES), strict_check_header=False)
    # The whole request is capped; the library's own limits are too low for a long `jku` or a large RSA key.
    registry.max_header_length, registry.max_signature_length = 4096, 2048
    try:
        jws.deserialize_compact(assertion.text, key, registry=registry)
    except (JoseError, ValueError, TypeError) as problem:
        raise InvalidClient(Flaw.SIGNATURE) from problem


def _json(segment: str) -> dict[str, object]:
    try:
        tree = json.loads(
            urlsafe_b64decode(segment.encode()), object_pairs_hook=_without_repeats, parse_constant=_not_json
        )
    except (ValueError, RecursionError) as problem:
        raise InvalidClient(Flaw.SEGMENTS) from problem
    if not isinstance(tree, dict):
        raise InvalidClient(Flaw.SEGMENTS)
    return tree


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    tree = dict(pairs)
    if len(tree) != len(pairs):
        raise ValueError("A name stands twice.")
    return tree


def _not_json(_constant: str) -> object:
    raise ValueError("NaN and Infinity are not JSON.")


def _bits(number: str) -> int:
    try:
        return base64_to_int(number).bit_length()
    except ValueError:
        return 0


def _has_begun(instant: object, present: float) -> bool:
    is_number = isinstance(instant, (int, float)) and not isinstance(instant, bool)
    return is_number and instant <= present + LEEWAY_SECONDS  # type: ignore[operator]  # a number, by the line before


def _is_name(text: str) -> bool:
    """Fit for a key column: PostgreSQL holds no NUL, and neither database a lone surrogate."""
    return 0 < len(text) <= LONGEST_NAME and text.isprintable()


def _require(holds: bool, fault: Flaw) -> None:
    if not holds:
        raise InvalidClient(fault)
