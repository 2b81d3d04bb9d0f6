"""Certificates of a test's own, as files in PEM."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PEM = serialization.Encoding.PEM


@dataclass(frozen=True, slots=True)
class Issued:
    name: x509.Name
    key: ec.EllipticCurvePrivateKey
    certificate: Path
    key_file: Path

    def client(self, trusted: "Issued") -> ssl.SSLContext:
        """Whoever connects with this certificate, to a server that `trusted` has signed."""
        context = anonymous(trusted)
        context.load_cert_chain(self.certificate, self.key_file)
        return context


def anonymous(trusted: Issued) -> ssl.SSLContext:
    """Whoever connects without a certificate of its own."""
    return ssl.create_default_context(cafile=str(trusted.certificate))


def issue(folder: Path, called: str, by: Issued | None = None) -> Issued:
    """A certificate signed by another, or by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, called)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(by.name if by else name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
        .sign(by.key if by else key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    issued = Issued(name, key, folder / f"{called}.pem", folder / f"{called}.key")
    issued.certificate.write_bytes(certificate.public_bytes(PEM))
    issued.key_file.write_bytes(key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, plain))
    return issued
