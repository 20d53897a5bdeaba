"""A certificate authority of a test's own, and what it can get wrong."""

import datetime
import ssl
import tempfile
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Wrong = Literal["self-signed", "expired", "not yet", "other name", "stranger"]
"""What can be wrong with a server's certificate; a *stranger* is one of an authority that nobody trusts."""
DAY = datetime.timedelta(days=1)


class Certificates:
    """Issues certificates that are good for a day, all for one key."""

    def __init__(self) -> None:
        self._now = datetime.datetime.now(datetime.UTC)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._ca_key = ec.generate_private_key(ec.SECP256R1())
        self._ca_name = _name("the tests' own authority")
        self._ca = self._signed(self._ca_name, self._ca_name, self._ca_key, self._ca_key, authority=True)
        self.pem = self._ca.public_bytes(serialization.Encoding.PEM)
        """The authority's own certificate."""

    def server(self, host: str, wrong: Wrong | None = None) -> ssl.SSLContext:
        """A server's context that shows a certificate for *host*, a name or an address; ALPN is ``http/1.1``."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(["http/1.1"])
        with tempfile.NamedTemporaryFile(suffix=".pem") as file:  # the ssl module reads files alone
            file.write(self.chain(host, wrong))
            file.flush()
            context.load_cert_chain(file.name)
        return context

    def chain(self, host: str, wrong: Wrong | None = None) -> bytes:
        """The certificate for *host* and its key, PEM."""
        made = self._leaf(host, wrong)
        private = self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return made.public_bytes(serialization.Encoding.PEM) + private

    def client(self) -> ssl.SSLContext:
        """A client's context that trusts this authority alone."""
        return ssl.create_default_context(cadata=self.pem.decode())

    def write(self, path: Path) -> Path:
        path.write_bytes(self.pem)
        return path

    def _leaf(self, host: str, wrong: Wrong | None) -> x509.Certificate:
        shown = "other.example" if wrong == "other name" else host
        subject, issuer, by = _name(shown), self._ca_name, self._ca_key
        if wrong == "self-signed":
            issuer, by = subject, self._key
        elif wrong == "stranger":
            issuer, by = _name("a stranger"), ec.generate_private_key(ec.SECP256R1())
        shift = {"expired": -10, "not yet": 10}.get(wrong or "", 0)
        return self._signed(subject, issuer, self._key, by, host=shown, shift=shift)

    def _signed(
        self,
        subject: x509.Name,
        issuer: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        by: ec.EllipticCurvePrivateKey,
        *,
        host: str | None = None,
        shift: int = 0,
        authority: bool = False,
    ) -> x509.Certificate:
        begins = self._now + shift * DAY
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins - DAY)
            .not_valid_after(begins + DAY)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
        )
        if authority:
            builder = builder.add_extension(_AUTHORITY_USAGE, critical=True)
        if host is not None:
            builder = builder.add_extension(x509.SubjectAlternativeName([_general(host)]), critical=False)
        return builder.sign(by, hashes.SHA256())


_AUTHORITY_USAGE = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)
