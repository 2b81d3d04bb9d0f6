"""Certificates for two ends on this machine: each signs its own, and trusts the other's alone."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True, slots=True)
class Certificate:
    """Two files in PEM: the certificate, and the key that only its owner has."""

    file: Path
    key: Path

    def listening(self, other: "Certificate") -> ssl.SSLContext:
        """For whoever takes connections, and lets in the other alone."""
        return self._between(ssl.PROTOCOL_TLS_SERVER, other)

    def calling(self, other: "Certificate") -> ssl.SSLContext:
        """For whoever connects, to the other alone."""
        return self._between(ssl.PROTOCOL_TLS_CLIENT, other)

    def _between(self, protocol: int, other: "Certificate") -> ssl.SSLContext:
        context = ssl.SSLContext(protocol)
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(self.file, self.key)
        context.load_verify_locations(other.file)
        return context


def self_signed(folder: Path, called: str) -> Certificate:
    """A fresh one for 127.0.0.1, good for a day, as `called`.pem and `called`.key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, called)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = Certificate(folder / f"{called}.pem", folder / f"{called}.key")
    files.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    files.key.touch(mode=0o600)
    files.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    return files
