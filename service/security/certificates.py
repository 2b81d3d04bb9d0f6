"""TLS for those who connect to us by themselves, without a proxy in between."""

import ssl
from pathlib import Path

from service.shared.errors import InvalidSettings


def server_context(certificate: Path, key: Path, client_ca: Path | None) -> ssl.SSLContext:
    """TLS 1.2 or newer with this certificate chain and its key, in PEM. With `client_ca` whoever connects must show a
    certificate that one of those in the file has signed, or is.

    Raises InvalidSettings naming the file that cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # Without a password a locked key is refused, where OpenSSL would ask the terminal for one and wait.
        context.load_cert_chain(certificate, key, password="")
    except (OSError, ValueError) as problem:
        raise InvalidSettings(f"{certificate} and {key} are no certificate with its key: {_reason(problem)}.") from None
    if client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        # A hospital's own certificate is trusted when it is in the file, whoever signed it.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        try:
            context.load_verify_locations(client_ca)
        except (OSError, ValueError) as problem:
            raise InvalidSettings(f"{client_ca} holds no certificates: {_reason(problem)}.") from None
    return context


def _reason(problem: Exception) -> str:
    if isinstance(problem, ssl.SSLError):
        return problem.reason or "they cannot be read"
    return getattr(problem, "strerror", None) or "they cannot be read"
