"""What connections of HL7 v2 are encrypted with, and who is told when its files have changed."""

from functools import partial
from pathlib import Path

from service.security.certificates import Context, Renewed, client_context, server_context
from service.shared import telemetry
from service.shared.errors import InvalidSettings


def listening(certificate: Path | None, key: Path | None, client_ca: Path | None) -> Context | None:
    """For whoever connects to us; None where no certificate is set. Raises InvalidSettings."""
    if certificate is None or key is None:
        return None
    files = (certificate, key, client_ca)
    return Renewed(partial(server_context, *files), files, _tell)


def sending(certificate: Path | None, key: Path | None, server_ca: Path | None) -> Context:
    """For our own connections to hospitals' engines. Raises InvalidSettings."""
    files = (certificate, key, server_ca)
    return Renewed(partial(client_context, *files), files, _tell)


def _tell(problem: InvalidSettings | None) -> None:
    if problem is None:
        telemetry.tell("certificate-renewed")
    else:
        telemetry.tell_person("certificate-not-renewed", reason=str(problem))
