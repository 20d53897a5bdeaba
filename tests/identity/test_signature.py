"""Signatures, beside what PyJWT makes and takes of the same."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.identity.signature import es256, holds, public_key
from tests.fuzzing import examples
from tests.minting import ALGORITHMS, Signer, signer

NAMES = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
SIGNED = b"header.payload"


@pytest.fixture(scope="module")
def signers() -> Mapping[str, Signer]:
    return {alg: signer(alg) for alg in NAMES}


def signed(one: Signer) -> bytes:
    made: bytes = ALGORITHMS[one.alg].sign(SIGNED, one.private)
    return made


@pytest.mark.parametrize("alg", NAMES)
def test_what_pyjwt_signs_holds_for_its_own_text_key_and_algorithm(alg: str, signers: Mapping[str, Signer]) -> None:
    key, signature = signers[alg].key().material, signed(signers[alg])
    assert holds(alg, key, SIGNED, signature)
    assert not holds(alg, key, SIGNED + b"x", signature)
    assert not holds(alg, signer(alg, "another").key().material, SIGNED, signature)
    for other in NAMES:
        if other != alg and other[:2] in ("RS", "PS") and alg[:2] in ("RS", "PS"):
            assert not holds(other, key, SIGNED, signature)


@pytest.mark.parametrize("alg", NAMES)
@examples(40)
@given(at=st.integers(0, 10_000), bit=st.integers(0, 7), more=st.binary(max_size=2), less=st.integers(0, 2))
def test_any_other_signature_is_told_from_it_as_pyjwt_does(
    alg: str, signers: Mapping[str, Signer], at: int, bit: int, more: bytes, less: int
) -> None:
    key, right = signers[alg].key().material, signed(signers[alg])
    other = bytearray(right)
    other[at % len(other)] ^= 1 << bit
    for each in (bytes(other), right + more, right[: len(right) - less], more):
        assert holds(alg, key, SIGNED, each) is ALGORITHMS[alg].verify(SIGNED, key, each) is (each == right)


def test_an_ecdsa_signature_of_zeros_or_in_der_is_none(signers: Mapping[str, Signer]) -> None:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    one = signers["ES256"]
    der = one.private.sign(SIGNED, ec.ECDSA(hashes.SHA256()))
    for each in (b"", bytes(64), b"\xff" * 64, der, der[:64]):
        assert not holds("ES256", one.key().material, SIGNED, each)


def test_es256_is_what_pyjwt_verifies(signers: Mapping[str, Signer]) -> None:
    one = signers["ES256"]
    for number in range(64):  # some of their numbers begin with a zero
        text = b"%d" % number
        assert ALGORITHMS["ES256"].verify(text, one.key().material, es256(one.private, text))


@pytest.mark.parametrize(
    "jwk",
    [
        {"kty": "EC", "crv": "P-256", "x": "AQ", "y": "AQ"},
        {"kty": "EC", "crv": "P-256", "x": "A" * 42, "y": "A" * 42},
        {"kty": "RSA", "n": "AQ", "e": "AQ"},
        {"kty": "OKP", "crv": "Ed25519", "x": "AQ"},
    ],
)
def test_what_is_no_key_is_none(jwk: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        public_key(jwk)
