"""An authority of one's own and its certificates, for servers of the tests that speak TLS."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

TOMORROW = datetime.now(UTC) + timedelta(1)


class Authority:
    """An authority whose certificate stands in `file`, and the certificates that it signs."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.file = folder, folder / f"{name}.pem"
        self.key, self.name = ec.generate_private_key(ec.SECP256R1()), _name(name)
        signed = self._signed(self.name, self.key.public_key(), x509.BasicConstraints(ca=True, path_length=0))
        self.file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))

    def _signed(self, subject: x509.Name, key: Any, extension: x509.ExtensionType) -> x509.Certificate:
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(key)
        builder = builder.serial_number(x509.random_serial_number()).not_valid_after(TOMORROW)
        builder = builder.not_valid_before(TOMORROW - timedelta(2)).add_extension(extension, critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def certificate(self, host: str) -> tuple[Path, Path]:
        """A certificate for a host by name or address, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        known = x509.IPAddress(ip_address(host)) if host[0].isdigit() else x509.DNSName(host)
        signed = self._signed(_name(host), key.public_key(), x509.SubjectAlternativeName([known]))
        certificate, secret = self.folder / f"{host}.crt", self.folder / f"{host}.key"
        certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        secret.write_bytes(key.private_bytes(*plain))
        return certificate, secret


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
