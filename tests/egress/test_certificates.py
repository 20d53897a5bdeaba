"""What our certificates hold, and that verifiers which nobody here wrote take them, and no others under the same CA."""

import os
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import TypeVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from sidecar.egress import certificates
from tests.egress.intercepted import NOW, client, shaken

HOST = "api.example.com"
KEY = certificates.new_key()
LEAF_KEY = certificates.new_key()
CA = certificates.authority(KEY, [HOST, "files.example.org"], NOW)
WHEN = datetime.fromtimestamp(NOW, UTC)
_Kind = TypeVar("_Kind", bound=x509.ExtensionType)


def leaf(host: str = HOST) -> x509.Certificate:
    return certificates.leaf(host, LEAF_KEY.public_key(), issuer=CA, key=KEY, now=NOW)


def of_address(address: str) -> x509.Certificate:
    """As ``leaf``, but for an address, which ours never makes."""
    like = leaf()
    made = x509.CertificateBuilder(
        issuer_name=like.issuer,
        subject_name=like.subject,
        public_key=LEAF_KEY.public_key(),
        serial_number=1,
        not_valid_before=like.not_valid_before_utc,
        not_valid_after=like.not_valid_after_utc,
    )
    for extension in like.extensions:
        value: x509.ExtensionType = extension.value
        if isinstance(value, x509.SubjectAlternativeName):
            value = x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))])
        made = made.add_extension(value, critical=extension.critical)
    return made.sign(KEY, hashes.SHA256())


def critical(certificate: x509.Certificate, kind: type[_Kind]) -> _Kind:
    found = certificate.extensions.get_extension_for_class(kind)
    assert found.critical
    return found.value


def server(certificate: x509.Certificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    key = LEAF_KEY.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    descriptor = os.memfd_create("leaf")
    os.write(descriptor, certificates.pem(certificate) + key)
    context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    os.close(descriptor)
    return context


class TestTheAuthority:
    def test_it_is_a_ca_that_signs_leaves_and_nothing_else(self) -> None:
        assert critical(CA, x509.BasicConstraints) == x509.BasicConstraints(ca=True, path_length=0)
        usage = critical(CA, x509.KeyUsage)
        assert usage.key_cert_sign
        assert not any((usage.digital_signature, usage.crl_sign, usage.key_agreement))

    def test_it_is_good_for_its_hosts_and_for_no_address(self) -> None:
        constraints = critical(CA, x509.NameConstraints)
        assert constraints.permitted_subtrees == [x509.DNSName(HOST), x509.DNSName("files.example.org")]
        assert constraints.excluded_subtrees == [
            x509.IPAddress(ip_network("0.0.0.0/0")),
            x509.IPAddress(ip_network("::/0")),
        ]

    def test_without_hosts_it_is_good_for_none(self) -> None:
        none = certificates.authority(KEY, [], NOW)
        assert critical(none, x509.NameConstraints).permitted_subtrees == [x509.DNSName("invalid")]

    def test_it_is_good_from_a_day_ago_for_ten_years(self) -> None:
        assert CA.not_valid_before_utc == WHEN - timedelta(days=1)
        assert CA.not_valid_after_utc == WHEN + timedelta(days=3650)

    def test_two_have_different_names_and_serial_numbers(self) -> None:
        other = certificates.authority(certificates.new_key(), [HOST], NOW)
        assert other.subject != CA.subject
        assert other.serial_number != CA.serial_number


class TestALeaf:
    def test_it_names_its_host_and_is_a_servers(self) -> None:
        made = leaf()
        names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert [*names] == [x509.DNSName(HOST)]
        uses = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        assert [*uses] == [ExtendedKeyUsageOID.SERVER_AUTH]
        assert critical(made, x509.KeyUsage).digital_signature
        assert critical(made, x509.BasicConstraints).ca is False

    def test_it_says_which_key_signed_it(self) -> None:
        by = leaf().extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
        assert by == CA.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest

    def test_it_is_good_for_thirty_days_one_of_which_has_passed(self) -> None:
        made = leaf()
        assert made.not_valid_before_utc == WHEN - timedelta(days=1)
        assert made.not_valid_after_utc - made.not_valid_before_utc == timedelta(days=30)

    def test_it_does_not_outlive_its_ca(self) -> None:
        late = CA.not_valid_after_utc - timedelta(days=3)
        made = certificates.leaf(HOST, LEAF_KEY.public_key(), issuer=CA, key=KEY, now=late.timestamp())
        assert made.not_valid_after_utc == CA.not_valid_after_utc

    def test_no_two_have_the_same_serial_number(self) -> None:
        assert len({leaf().serial_number for _ in range(20)}) == 20

    def test_a_host_of_the_greatest_length_has_one(self) -> None:
        host = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 61])
        names = leaf(host).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert [*names] == [x509.DNSName(host)]


class TestVerifiers:
    def test_openssl_takes_it_at_its_strictest(self) -> None:
        assert shaken(server(leaf()), client(certificates.pem(CA)), HOST).version() == "TLSv1.3"

    def test_the_web_pki_profile_takes_it(self) -> None:
        verifier = PolicyBuilder().store(Store([CA])).time(WHEN).build_server_verifier(x509.DNSName(HOST))
        made = leaf()
        assert verifier.verify(made, []) == [made, CA]

    @pytest.mark.parametrize(
        "host", ["evil.example", "example.com", "xapi.example.com", "api.example.com.evil.example"]
    )
    def test_under_the_same_key_no_other_name_is_taken(self, host: str) -> None:
        with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
            shaken(server(leaf(host)), client(certificates.pem(CA)), host)
        verifier = PolicyBuilder().store(Store([CA])).time(WHEN).build_server_verifier(x509.DNSName(host))
        with pytest.raises(VerificationError):
            verifier.verify(leaf(host), [])

    @pytest.mark.parametrize("address", ["10.0.0.1", "127.0.0.1", "2001:db8::1"])
    def test_under_the_same_key_no_address_is_taken(self, address: str) -> None:
        with pytest.raises(ssl.SSLCertVerificationError, match="excluded subtree violation"):
            shaken(server(of_address(address)), client(certificates.pem(CA)), address)

    def test_with_no_hosts_no_name_is_taken(self) -> None:
        none = certificates.authority(KEY, [], NOW)
        made = certificates.leaf(HOST, LEAF_KEY.public_key(), issuer=none, key=KEY, now=NOW)
        with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
            shaken(server(made), client(certificates.pem(none)), HOST)

    def test_a_permitted_name_admits_those_below_it_so_the_ca_has_to_refuse_them(self) -> None:
        below = f"below.{HOST}"
        assert shaken(server(leaf(below)), client(certificates.pem(CA)), below).version() == "TLSv1.3"
