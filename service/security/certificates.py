"""TLS for connections without a proxy in between: of those who connect to us, and ours to a hospital."""

import ssl
from collections.abc import Callable, Iterable
from pathlib import Path

from service.shared.errors import InvalidSettings

Context = Callable[[], ssl.SSLContext]
"""The context for the next connection."""


class Renewed:
    """A context that `make` makes anew for the next connection when one of its files has changed.

    While they cannot be used, as between a new certificate and its key, the last good one goes on. `tell` hears of each
    change once: None, or why it was not taken.
    """

    def __init__(
        self,
        make: Context,
        files: Iterable[Path | None],
        tell: Callable[[InvalidSettings | None], None],
    ) -> None:
        self._make, self._tell = make, tell
        self._files = [file for file in files if file is not None]
        self._seen = self._state()
        self._context = make()

    def __call__(self) -> ssl.SSLContext:
        state = self._state()
        if state != self._seen:
            self._seen, problem = state, None
            try:
                self._context = self._make()
            except InvalidSettings as found:
                problem = found
            self._tell(problem)
        return self._context

    def _state(self) -> list[tuple[int, ...]]:
        return [_state(file) for file in self._files]


def _state(file: Path) -> tuple[int, ...]:
    try:
        found = file.stat()
    except OSError:
        return ()
    return found.st_mtime_ns, found.st_size, found.st_ino


def server_context(certificate: Path, key: Path, client_ca: Path | None) -> ssl.SSLContext:
    """TLS 1.2 or newer with this certificate chain and its key, in PEM. With `client_ca` whoever connects must show a
    certificate that one of those in the file has signed, or is.

    Raises InvalidSettings naming the file that cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _show(context, certificate, key)
    if client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        _trust(context, client_ca)
    return context


def client_context(certificate: Path | None, key: Path | None, server_ca: Path | None) -> ssl.SSLContext:
    """TLS 1.2 or newer to a server that proves the name it is called by, with a certificate that one of those in
    `server_ca` has signed or is, or one of the machine's own authorities has. With `certificate` it is shown ours.

    Raises InvalidSettings likewise.
    """
    context = ssl.create_default_context() if server_ca is None else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate is not None and key is not None:
        _show(context, certificate, key)
    if server_ca is not None:
        _trust(context, server_ca)
    return context


def _show(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    try:
        # Without a password a locked key is refused, where OpenSSL would ask the terminal for one and wait.
        context.load_cert_chain(certificate, key, password="")
    except (OSError, ValueError) as problem:
        raise InvalidSettings(f"{certificate} and {key} are no certificate with its key: {_reason(problem)}.") from None


def _trust(context: ssl.SSLContext, file: Path) -> None:
    # A hospital's own certificate is trusted when it is in the file, whoever signed it.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(file)
    except (OSError, ValueError) as problem:
        raise InvalidSettings(f"{file} holds no certificates: {_reason(problem)}.") from None


def _reason(problem: Exception) -> str:
    if isinstance(problem, ssl.SSLError):
        return problem.reason or "they cannot be read"
    return getattr(problem, "strerror", None) or "they cannot be read"
