"""The certificates of interception: our own CA's, which is good for the routes' names alone, and leaves under it.

RFC 5280 as strict verifiers read it (OpenSSL's X509_V_FLAG_X509_STRICT, which is Python 3.13's default): key
identifiers on both, and critical constraints on the CA.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

BACKDATED = timedelta(days=1)
"""Both are good from a day ago: a container's clock may be behind the sidecar's."""
AUTHORITY_LIFE = timedelta(days=3650)
LEAF_LIFE = timedelta(days=29)
"""From now; 30 days in all, which is within every client's limit for a leaf."""

NOBODY = "invalid"
"""The one permitted name where there is none, for nobody has it (RFC 6761, section 6.4): no list would permit all."""

_EVERY_ADDRESS = tuple(x509.IPAddress(ip_network(network)) for network in ("0.0.0.0/0", "::/0"))
_OURS = "Agent Identity Sidecar"
_USES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def authority(key: ec.EllipticCurvePrivateKey, hosts: Iterable[str], now: float) -> x509.Certificate:
    """A CA's certificate, signed by itself, for the host names *hosts* (A-labels) and no address; *now* is epoch
    seconds.

    A permitted name admits the names below it as well (RFC 5280, section 4.2.1.10), which no constraint can prevent:
    that the CA signs for exactly the routes' hosts is ``ca.Authority``'s part.
    """
    began = _when(now)
    names = [x509.DNSName(host) for host in sorted(hosts) or [NOBODY]]
    public = key.public_key()
    identifier = x509.SubjectKeyIdentifier.from_public_key(public)
    # A name of its own, so that who still trusts one before it looks for an issuer that isn't there, and says so.
    name = _name(f"{_OURS} CA {identifier.digest[:4].hex()}")
    return (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(began - BACKDATED)
        .not_valid_after(began + AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage("key_cert_sign"), critical=True)
        .add_extension(x509.NameConstraints(permitted_subtrees=names, excluded_subtrees=_EVERY_ADDRESS), critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )


def leaf(
    host: str,
    public: ec.EllipticCurvePublicKey,
    *,
    issuer: x509.Certificate,
    key: ec.EllipticCurvePrivateKey,
    now: float,
) -> x509.Certificate:
    """A server's certificate for *host* and nothing else, signed by *issuer* with its *key*."""
    began = _when(now)
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return (
        x509.CertificateBuilder(issuer_name=issuer.subject, subject_name=_name(_OURS), public_key=public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(began - BACKDATED)
        .not_valid_after(min(began + LEAF_LIFE, issuer.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage("digital_signature"), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(key, hashes.SHA256())
    )


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _when(now: float) -> datetime:
    return datetime.fromtimestamp(int(now), UTC)


def _name(common: str) -> x509.Name:
    """A common name of ours: a host stands in the subject alternative name alone (RFC 9525), whatever its length."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _usage(use: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{name: name == use for name in _USES})
