"""Which JWKs may verify a signature, and which say themselves that they may not, or can't be trusted to."""

import math
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.identity.key import Key, KeyUnusable, read
from tests.minting import Signer, rsa_key, signer

ROCA_PRIMES = (11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157)


@pytest.fixture(scope="module")
def rsa() -> Signer:
    return signer("RS256", "a")


@pytest.fixture(scope="module")
def ec() -> Signer:
    return signer("ES256", "a")


@pytest.fixture(scope="module")
def ed() -> Signer:
    return signer("EdDSA", "a")


@pytest.mark.parametrize(
    ("alg", "kid", "algorithms"),
    [
        ("RS256", "a", {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}),
        ("ES256", "a", {"ES256"}),
        ("ES384", "a", {"ES384"}),
        ("ES512", "a", {"ES512"}),
        ("EdDSA", "a", {"EdDSA"}),
        ("EdDSA", "ed448", {"EdDSA"}),
    ],
)
def test_without_alg_a_key_is_good_for_those_of_its_type(alg: str, kid: str, algorithms: set[str]) -> None:
    one = signer(alg, kid)
    assert one.key(alg=None).algorithms == algorithms
    assert one.key().algorithms == {alg}


@pytest.mark.parametrize(
    "members",
    [
        {"use": None},
        {"key_ops": ["verify"]},
        {"key_ops": ["sign", "verify"], "use": None},
        {"kid": None},
        {"x5t": "abc", "x5c": ["MII"]},
        {"ext": True},
        {"issuer": 7},
    ],
)
def test_optional_members_may_be_there_or_not(rsa: Signer, members: Mapping[str, Any]) -> None:
    assert rsa.key(**members).fingerprint == rsa.key().fingerprint


UNUSABLE: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "for encryption": ("rsa", {"use": "enc"}),
    "for an unknown use": ("rsa", {"use": "tls"}),
    "use is a list": ("rsa", {"use": ["sig"]}),
    "may only sign": ("rsa", {"key_ops": ["sign"]}),
    "may only encrypt": ("rsa", {"key_ops": ["encrypt", "wrapKey"]}),
    "may do nothing": ("rsa", {"key_ops": []}),
    "key_ops is a text": ("rsa", {"key_ops": "verify"}),
    "alg of encryption": ("rsa", {"alg": "RSA-OAEP"}),
    "alg symmetric": ("rsa", {"alg": "HS256"}),
    "alg none": ("rsa", {"alg": "none"}),
    "alg of another type": ("rsa", {"alg": "ES256"}),
    "alg of another curve": ("ec", {"alg": "ES384"}),
    "alg of another kind of curve": ("ed", {"alg": "ES256"}),
    "alg is a list": ("rsa", {"alg": ["RS256"]}),
    "private": ("rsa", {"d": "AQAB"}),
    "half private": ("rsa", {"p": "AQAB"}),
    "a secret beside": ("ec", {"k": "AQAB"}),
    "symmetric": ("rsa", {"kty": "oct", "k": "AQAB"}),
    "no type": ("rsa", {"kty": None}),
    "type in small letters": ("rsa", {"kty": "rsa"}),
    "type is a list": ("ec", {"kty": ["EC"]}),
    "curve is a list": ("ec", {"crv": ["P-256"]}),
    "an unknown curve": ("ec", {"crv": "secp256k1"}),
    "another curve's name": ("ec", {"crv": "P-384"}),
    "no curve": ("ec", {"crv": None}),
    "a curve for key agreement": ("ed", {"crv": "X25519"}),
    "no modulus": ("rsa", {"n": None}),
    "no exponent": ("rsa", {"e": None}),
    "a modulus that is a number": ("rsa", {"n": 65537}),
    "a padded modulus": ("rsa", {"n": "AQAB=="}),
    "a modulus in the other alphabet": ("rsa", {"n": "ab+/"}),
    "an empty modulus": ("rsa", {"n": ""}),
    "a short modulus": ("rsa", {"n": "AQAB"}),
    "exponent one": ("rsa", {"e": "AQ"}),
    "exponent zero": ("rsa", {"e": "AA"}),
    "an even exponent": ("rsa", {"e": "AQAC"}),
    "a vast exponent": ("rsa", {"e": "AQAAAAE" + "A" * 30}),
    "a point off the curve": ("ec", {"y": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}),
    "a short coordinate": ("ec", {"x": "AQAB"}),
    "half a point": ("ec", {"y": None}),
    "a short point": ("ed", {"x": "AQAB"}),
    "a kid that is a number": ("rsa", {"kid": 1}),
    "a kid that is empty": ("rsa", {"kid": ""}),
    "a very long kid": ("rsa", {"kid": "k" * 513}),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_a_key_that_is_not_for_this_is_unusable(name: str, request: pytest.FixtureRequest) -> None:
    fixture, members = UNUSABLE[name]
    one: Signer = request.getfixturevalue(fixture)
    with pytest.raises(KeyUnusable) as raised:
        one.key(**members)
    assert str(raised.value)


def test_rsa_below_2048_bits_is_unusable_and_2048_is_not() -> None:
    weak = Signer("weak", "RS256", rsa_key(0, 1024))
    with pytest.raises(KeyUnusable, match="1024 bits"):
        weak.key()
    assert signer("RS256").key().algorithms


def test_a_modulus_too_large_to_check_quickly_is_unusable(rsa: Signer) -> None:
    with pytest.raises(KeyUnusable, match="16392 bits"):
        rsa.key(n="_" * (16392 // 6))


def test_an_even_modulus_is_unusable(rsa: Signer) -> None:
    numbers = rsa.private.public_key().public_numbers()
    with pytest.raises(KeyUnusable, match="even"):
        rsa.key(n=_encoded(numbers.n - 1))


def test_leading_zeros_of_a_modulus_are_only_another_spelling(rsa: Signer) -> None:
    numbers = rsa.private.public_key().public_numbers()
    padded = _encoded(numbers.n, extra=1)
    assert padded != rsa.jwk()["n"]
    assert rsa.key(n=padded) == rsa.key()


def test_the_fingerprint_of_infineons_library_is_seen(rsa: Signer) -> None:
    """CVE-2017-15361: such a modulus is a power of 65537 modulo each of many small primes."""
    product = math.prod(ROCA_PRIMES)
    power = pow(65537, 2**20 + 7, product)
    modulus = (1 << 2047) + power - ((1 << 2047) % product)
    modulus += 0 if modulus % 2 else product
    with pytest.raises(KeyUnusable, match="ROCA"):
        rsa.key(n=_encoded(modulus))


def test_equal_keys_are_equal_and_others_are_not(rsa: Signer) -> None:
    assert rsa.key() == rsa.key(x5t="x")
    assert len({rsa.key(), rsa.key(), signer("RS256", "a").key(), rsa.key(alg=None), rsa.key(kid="b")}) == 4


def test_a_key_prints_no_number(rsa: Signer) -> None:
    assert rsa.jwk()["n"][:20] not in repr(rsa.key())


_member = st.none() | st.booleans() | st.integers() | st.text(max_size=50) | st.lists(st.text(max_size=5), max_size=2)


@given(
    st.dictionaries(
        st.sampled_from(["kty", "crv", "n", "e", "x", "y", "use", "key_ops", "alg", "kid", "issuer"])
        | st.text(max_size=4),
        _member | st.sampled_from(["RSA", "EC", "OKP", "P-256", "Ed25519", "sig", "AQAB", "RS256", "ES256"]),
        max_size=8,
    )
)
def test_whatever_is_published_is_a_key_or_unusable(jwk: dict[str, Any]) -> None:
    try:
        key = read(jwk)
    except KeyUnusable:
        return
    assert isinstance(key, Key)
    assert key.algorithms


def _encoded(number: int, extra: int = 0) -> str:
    from sidecar.wire.strict import base64url_encode

    return base64url_encode(number.to_bytes((number.bit_length() + 7) // 8 + extra, "big")).decode()
