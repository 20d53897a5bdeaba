"""The sidecar's own signing key: the same from the same seed, and anyone who has its public half can check it."""

import json
from typing import Any

import jwt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sidecar.errors import SignatureInvalid
from sidecar.identity import jws, key
from sidecar.keyring.signing import SEED_BYTES, SigningKey

SEED = bytes(range(SEED_BYTES))
ONE = SigningKey(SEED)


def test_a_signature_is_checked_with_the_published_key_alone() -> None:
    token = ONE.sign("some+jwt", {"aud": "b", "n": 1, "text": "Zoë"})
    found = jwt.PyJWKSet.from_dict(ONE.jwks())[ONE.kid]
    assert jwt.decode(token, found, ["ES256"], audience="b") == {"aud": "b", "n": 1, "text": "Zoë"}
    assert jwt.get_unverified_header(token) == {"alg": "ES256", "kid": ONE.kid, "typ": "some+jwt"}


def test_our_own_reader_takes_it() -> None:
    published = key.read(ONE.jwks()["keys"][0])
    token = jws.read(ONE.sign("some+jwt", {"a": 1}).encode())
    jws.check(token, published, frozenset({"ES256"}))
    assert json.loads(token.payload) == {"a": 1}
    with pytest.raises(SignatureInvalid):
        jws.check(token, key.read(SigningKey(SEED[::-1]).jwks()["keys"][0]), frozenset({"ES256"}))


def test_the_same_seed_is_the_same_key_everywhere() -> None:
    assert SigningKey(SEED).jwks() == ONE.jwks()
    assert SigningKey(SEED[::-1]).kid != ONE.kid


def test_its_name_is_its_thumbprint() -> None:
    from jwcrypto.jwk import JWK

    published = ONE.jwks()["keys"][0]
    assert JWK(**published).thumbprint() == ONE.kid
    assert published.keys() == {"kty", "crv", "x", "y", "kid", "use", "alg"}


@given(st.binary(min_size=SEED_BYTES, max_size=SEED_BYTES))
@example(bytes(SEED_BYTES))
@example(b"\xff" * SEED_BYTES)  # above the curve's order
def test_every_seed_is_a_key(seed: bytes) -> None:
    assert len(SigningKey(seed).kid) == 43


@pytest.mark.parametrize("seed", [b"", b"0" * (SEED_BYTES - 1), b"0" * (SEED_BYTES + 1)])
def test_a_seed_of_another_length_is_a_mistake(seed: bytes) -> None:
    with pytest.raises(ValueError, match="48 bytes"):
        SigningKey(seed)


def test_it_never_shows_its_private_half() -> None:
    private: Any = ONE._private
    assert str(private.private_numbers().private_value) not in repr(ONE) + str(ONE)
    assert repr(ONE) == f"SigningKey({ONE.kid})"
