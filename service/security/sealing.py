"""Encryption of what must be kept but not lie open, and of what we hand out to be handed back."""

import base64
import contextlib
import hashlib
import hmac
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from service.shared.errors import InvalidSettings
from service.shared.files import appearing, open_to_others

KEY_BYTES = 32
NONCE_BYTES = 12


class Sealer:
    """One secret of 32 bytes, from which the key of each use is derived."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) != KEY_BYTES:
            raise InvalidSettings(f"The file sealing-key must hold {KEY_BYTES} bytes; put back that of a backup.")
        self._cipher = AESGCM(hmac.digest(secret, b"seal", hashlib.sha256))
        self._tokens = hmac.digest(secret, b"token", hashlib.sha256)

    def seal(self, content: bytes, place: str) -> bytes:
        """Encrypt `content` for `place` alone: moved anywhere else it cannot be opened (AES-256-GCM)."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, content, place.encode())

    def open(self, sealed: bytes, place: str) -> bytes:
        """Raises ValueError when it was changed, or sealed for another place or by another key."""
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place.encode())
        except InvalidTag as problem:
            raise ValueError("it was not sealed here") from problem

    def seal_text(self, content: bytes, place: str) -> str:
        """The same as `seal`, in characters that stand in a URL as they are."""
        return base64.urlsafe_b64encode(self.seal(content, place)).decode().rstrip("=")

    def open_text(self, sealed: str, place: str) -> bytes:
        """What `seal_text` sealed for `place`. Raises ValueError when it is not ours, or is for another place."""
        return self.open(base64.b64decode(sealed + "=" * (-len(sealed) % 4), altchars=b"-_", validate=True), place)

    def token(self, said: str) -> str:
        """256 bits of these words, in characters that stand in a URL as they are: the same each time, and without the
        secret nobody can tell them from any others."""
        return base64.urlsafe_b64encode(hmac.digest(self._tokens, said.encode(), hashlib.sha256)).decode().rstrip("=")


def load_or_create(path: Path) -> Sealer:
    """The sealer whose secret is in `path`, made on first use; of two programs that start at once one makes it. Raises
    InvalidSettings when others can read the file."""
    with contextlib.suppress(FileExistsError), appearing(path, replace=False) as file:
        file.write(os.urandom(KEY_BYTES))
    if open_to_others(path):
        raise InvalidSettings(f"{path.name} can be used by others; its mode must be 0600 or 0640.")
    return Sealer(path.read_bytes())
