"""Names of principals in events: keyed hashes, of which nobody reads who it was."""

import base64
import hashlib
import hmac

import pytest

from sidecar.identity.principal import Kind, Principal
from sidecar.journal import Subjects

KEY = bytes(range(32))


def principal(subject: str = "alice", kind: Kind = Kind.USER, tenant: str = "t1") -> Principal:
    return Principal(
        issuer_url="https://issuer.example",
        tenant=tenant,
        subject=subject,
        issuer="shop",
        kind=kind,
        name="Alice A.",
        email="alice@example.org",
    )


def test_ids_and_subjects_are_keyed_hashes() -> None:
    attributes = Subjects(KEY).of(principal())
    assert set(attributes) == {
        "identity.principal.id",
        "identity.principal.subject",
        "identity.principal.issuer",
        "identity.principal.kind",
        "identity.principal.tenant",
        "user.hash",
    }
    assert attributes["user.hash"] == attributes["identity.principal.id"]
    assert attributes["identity.principal.id"] != attributes["identity.principal.subject"]
    for name in ("identity.principal.id", "identity.principal.subject"):
        assert str(attributes[name]).startswith("h_")
        assert len(str(attributes[name])) == 34
    assert principal().id not in str(attributes)
    assert "alice" not in str(attributes).lower()
    assert attributes["identity.principal.issuer"] == "shop"
    assert attributes["identity.principal.kind"] == "user"
    assert attributes["identity.principal.tenant"] == "t1"


def test_the_hash_is_hmac_under_a_key_of_its_own() -> None:
    """HKDF (RFC 5869) with one block, spelled out."""
    extracted = hmac.digest(bytes(32), KEY, "sha256")
    own = hmac.digest(extracted, b"agent-identity-sidecar audit subjects v1\x01", "sha256")
    digest = hmac.new(own, b"principal\0" + principal().id.encode(), hashlib.sha256).digest()
    expected = "h_" + base64.b32encode(digest[:20]).decode().lower()
    assert Subjects(KEY).of(principal())["identity.principal.id"] == expected


def test_the_same_key_gives_the_same_hash_and_another_another() -> None:
    here, there, elsewhere = Subjects(KEY), Subjects(KEY), Subjects(bytes(32))
    assert here.of(principal()) == there.of(principal())
    assert here.of(principal())["user.hash"] != elsewhere.of(principal())["user.hash"]
    assert here.of(principal())["user.hash"] != here.of(principal("bob"))["user.hash"]
    assert here.of(principal())["user.hash"] != here.of(principal(tenant="t2"))["user.hash"]


def test_plain_subjects_are_themselves_and_still_no_email() -> None:
    attributes = Subjects(KEY, plain=True).of(principal())
    assert attributes["identity.principal.id"] == principal().id
    assert attributes["identity.principal.subject"] == attributes["user.id"] == "alice"
    assert "user.hash" not in attributes
    assert "@" not in str(attributes)


@pytest.mark.parametrize("kind", [Kind.SERVICE, Kind.WORKFLOW])
@pytest.mark.parametrize("plain", [False, True])
def test_only_a_user_has_a_user_attribute(kind: Kind, plain: bool) -> None:
    attributes = Subjects(KEY, plain=plain).of(principal(kind=kind, tenant=""))
    assert not {"user.id", "user.hash", "identity.principal.tenant"} & set(attributes)
    assert attributes["identity.principal.kind"] == kind.value


def test_the_key_is_not_printed() -> None:
    assert KEY.hex() not in repr(Subjects(KEY))
    assert repr(KEY) not in repr(Subjects(KEY))


@pytest.mark.parametrize("plain", [False, True])
def test_who_is_known_without_a_token_is_called_the_same(plain: bool) -> None:
    subjects, alice = Subjects(KEY, plain=plain), principal()
    assert subjects.called(alice.id, "alice", "t1", "shop", Kind.USER) == subjects.of(alice)
