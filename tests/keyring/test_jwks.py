"""Published documents: a key set is taken if it holds a usable key, a discovery document if it is the issuer's own."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.errors import Refusal
from sidecar.identity import jws
from sidecar.identity.idps import Common, issuer
from sidecar.identity.issuer import ASYMMETRIC, Issuer
from sidecar.keyring.jwks import MOST_BYTES, MOST_KEYS, Keys, Unfit, jwks_uri, keys
from tests.minting import Signer, signer

VECTORS = Path(__file__).parents[1] / "vectors" / "wycheproof"
SYMMETRIC = "a symmetric key is valid JOSE and is never used here"
REFUSED_ON_PURPOSE: Mapping[int, str] = dict.fromkeys((2, 13, 14, 15), SYMMETRIC)
"""Vectors that others accept and we refuse. There is none the other way round."""


@dataclass(frozen=True, slots=True)
class Vector:
    number: int
    about: str
    valid: bool
    token: str
    jwks: Mapping[str, Any]


def vectors() -> Iterator[Vector]:
    for group in json.loads((VECTORS / "json_web_key_test.json").read_text())["testGroups"]:
        for test in group["tests"]:
            about = f"{test['tcId']} {group['comment']} {test['comment']}"
            jwks = group.get("public") or group["private"]
            yield Vector(int(test["tcId"]), about, test["result"] == "valid", test["jws"], jwks)


ALL = list(vectors())


def accepted(vector: Vector) -> bool:
    """Whether our code takes the vector's signature with the vector's key set."""
    try:
        parsed = jws.read(vector.token.encode())
        key = keys(json.dumps(vector.jwks).encode()).fit(parsed.header.get("kid"), parsed.header["alg"])
        if key is None:
            return False
        jws.check(parsed, key, ASYMMETRIC)
    except (Refusal, Unfit):
        return False
    return True


@pytest.mark.parametrize("vector", ALL, ids=lambda vector: vector.about)
def test_wycheproofs_key_sets_agree(vector: Vector) -> None:
    assert accepted(vector) == (vector.valid and vector.number not in REFUSED_ON_PURPOSE)


def test_wycheproofs_key_sets_are_all_there_and_no_exception_is_idle() -> None:
    assert len(ALL) == 26
    assert all(vector.valid for vector in ALL if vector.number in REFUSED_ON_PURPOSE)
    assert any(accepted(vector) for vector in ALL)


@pytest.fixture(scope="module")
def rsa() -> Signer:
    return signer("RS256", "a")


@pytest.fixture(scope="module")
def ec() -> Signer:
    return signer("ES256", "b")


def body(*jwks: Any, **members: Any) -> bytes:
    return json.dumps({"keys": list(jwks), **members}).encode()


def test_usable_keys_are_taken_and_the_others_left_out_with_their_reason(rsa: Signer, ec: Signer) -> None:
    taken = keys(body(rsa.jwk(), {"kty": "oct", "k": "AQAB"}, ec.jwk(use="enc"), 7, ec.jwk()))
    assert taken.keys == {rsa.key(), ec.key()}
    assert taken.skipped == (
        "key 1: it is symmetric, or its private part is published",
        "key 2: its use is not sig",
        "key 3: it is not an object",
    )


def test_a_key_that_is_published_twice_is_one(rsa: Signer) -> None:
    taken = keys(body(rsa.jwk(), rsa.jwk()))
    assert taken.keys == {rsa.key()}
    assert taken.fit("a", "RS256") == rsa.key()


def test_two_keys_of_one_name_are_told_apart_by_type_and_never_guessed(rsa: Signer, ec: Signer) -> None:
    namesake = Signer("a", "ES256", ec.private)
    both = keys(body(rsa.jwk(), namesake.jwk()))
    assert both.fit("a", "RS256") == rsa.key()
    assert both.fit("a", "ES256") == namesake.key()
    ambiguous = keys(body(rsa.jwk(), Signer("a", "RS256", signer("RS256").private).jwk()))
    assert ambiguous.fit("a", "RS256") is None
    assert ambiguous.knows("a", "RS256")


def test_a_token_without_a_kid_needs_a_set_in_which_one_key_fits(rsa: Signer, ec: Signer) -> None:
    taken = keys(body(rsa.jwk(), ec.jwk(), signer("ES256", "c").jwk()))
    assert taken.fit(None, "RS256") == rsa.key()
    assert taken.fit(None, "ES256") is None
    assert taken.fit(None, "EdDSA") is None
    assert [taken.knows(None, alg) for alg in ("RS256", "ES256", "EdDSA")] == [True, True, False]


def test_a_key_without_a_name_fits_a_token_without_one(rsa: Signer) -> None:
    taken = keys(body(rsa.jwk(kid=None)))
    assert taken.fit(None, "RS256") == rsa.key(kid=None)
    assert taken.fit("a", "RS256") is None


def test_the_names_and_algorithms_that_are_asked_for_are_met_exactly(rsa: Signer) -> None:
    taken = keys(body(rsa.jwk()))
    assert taken.fit("A", "RS256") is None
    assert taken.fit("a", "PS256") is None
    assert not taken.knows("A", "RS256")
    assert taken.knows("a", "PS256")


GARBAGE: Mapping[str, bytes] = {
    "nothing": b"",
    "a page": b"<html>Sign in to the Wi-Fi</html>",
    "null": b"null",
    "an array": b"[]",
    "a text": b'"keys"',
    "no keys": b"{}",
    "keys null": b'{"keys":null}',
    "keys an object": b'{"keys":{}}',
    "an empty set": b'{"keys":[]}',
    "keys twice": b'{"keys":[],"keys":[]}',
    "cut": b'{"keys":[{"kty":"RSA"',
    "not UTF-8": b'{"keys":["\xff"]}',
    "too deep": b'{"keys":' + b"[" * 40 + b"]" * 40 + b"}",
    "only what is not usable": b'{"keys":[{"kty":"oct","k":"AQAB"},{}]}',
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_is_no_key_set(name: str) -> None:
    with pytest.raises(Unfit):
        keys(GARBAGE[name])


def test_a_set_of_more_than_a_mebibyte_is_none_and_one_of_just_that_is(rsa: Signer) -> None:
    padded = body(rsa.jwk(), x="")
    full = body(rsa.jwk(), x="x" * (MOST_BYTES - len(padded)))
    assert len(full) == MOST_BYTES
    assert keys(full).keys == {rsa.key()}
    with pytest.raises(Unfit, match="more than"):
        keys(full + b" ")


def test_a_set_of_too_many_keys_is_none(rsa: Signer) -> None:
    with pytest.raises(Unfit, match="at most"):
        keys(body(rsa.jwk(), *([{}] * MOST_KEYS)))
    assert keys(body(rsa.jwk(), *([{}] * (MOST_KEYS - 1)))).keys == {rsa.key()}


def test_why_a_set_is_not_usable_is_said_briefly(rsa: Signer) -> None:
    with pytest.raises(Unfit) as raised:
        keys(body(*[rsa.jwk(use="enc")] * 500))
    assert len(str(raised.value)) <= 500
    assert rsa.jwk()["n"] not in str(raised.value)


@given(st.binary(max_size=100))
def test_any_bytes_are_a_key_set_or_unfit(text: bytes) -> None:
    with pytest.raises(Unfit):
        keys(text)


_member = st.none() | st.integers() | st.text(max_size=8) | st.lists(st.text(max_size=3), max_size=2)


@given(
    st.lists(st.dictionaries(st.sampled_from(["kty", "n", "e", "crv", "x", "kid", "use", "alg"]), _member), max_size=3)
)
def test_any_entries_are_a_key_set_or_unfit(entries: list[dict[str, Any]]) -> None:
    try:
        taken = keys(body(*entries))
    except Unfit:
        return
    assert isinstance(taken, Keys)
    assert taken.keys


# Discovery

OP = issuer("op", "oidc", {"issuer": "https://op.example.com", "audience": ("a",)}, Common())
TENANTS = ("4f2d0000-0000-4000-8000-00000000000a", "4f2d0000-0000-4000-8000-00000000000b")
ENTRA = issuer("entra", "entra", {"tenant": TENANTS, "audience": ("a",)}, Common())
COGNITO = issuer(
    "pool", "cognito", {"region": "eu-central-1", "user_pool_id": "eu-central-1_a", "client_ids": ("c",)}, Common()
)
LOCAL = issuer("local", "oidc", {"issuer": "http://127.0.0.1:8000", "audience": ("a",)}, Common())
KEYS = "https://keys.example.com/jwks"


def document(**members: Any) -> bytes:
    return json.dumps({"issuer": "https://op.example.com", "jwks_uri": KEYS, **members}).encode()


@pytest.mark.parametrize(
    ("one", "members"),
    [
        (OP, {}),
        (COGNITO, {"issuer": COGNITO.urls[0]}),
        (COGNITO, {"issuer": COGNITO.urls[1]}),
        (ENTRA, {"issuer": "https://login.microsoftonline.com/{tenantid}/v2.0"}),
        (LOCAL, {"issuer": "http://127.0.0.1:8000"}),
        (LOCAL, {"issuer": "http://127.0.0.1:8000", "jwks_uri": "http://localhost:8000/jwks"}),
    ],
)
def test_the_issuers_own_document_says_where_the_keys_are(one: Issuer, members: dict[str, Any]) -> None:
    assert jwks_uri(document(**members), one) == members.get("jwks_uri", KEYS)


@pytest.mark.parametrize(
    ("one", "members"),
    [
        (OP, {"issuer": "https://evil.example"}),
        (OP, {"issuer": "https://op.example.com/"}),
        (OP, {"issuer": None}),
        (OP, {"issuer": ["https://op.example.com"]}),
        (OP, {"issuer": {"a": 1}}),
        (ENTRA, {"issuer": ENTRA.urls[0]}),
        (ENTRA, {"issuer": "https://login.microsoftonline.com/common/v2.0"}),
        (OP, {"jwks_uri": None}),
        (OP, {"jwks_uri": 7}),
        (OP, {"jwks_uri": ""}),
        (OP, {"jwks_uri": "keys"}),
        (OP, {"jwks_uri": "https://"}),
        (OP, {"jwks_uri": "https://[::1"}),
        (OP, {"jwks_uri": "http://keys.example.com/jwks"}),
        (OP, {"jwks_uri": "http://127.0.0.1/jwks"}),
        (OP, {"jwks_uri": "file:///etc/passwd"}),
        (LOCAL, {"issuer": "http://127.0.0.1:8000", "jwks_uri": "http://keys.example.com/jwks"}),
    ],
)
def test_anothers_document_or_one_that_leads_astray_is_unfit(one: Issuer, members: dict[str, Any]) -> None:
    with pytest.raises(Unfit):
        jwks_uri(document(**members), one)


def test_a_huge_document_is_unfit() -> None:
    with pytest.raises(Unfit, match="more than"):
        jwks_uri(document(x="x" * MOST_BYTES), OP)


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_is_no_document(name: str) -> None:
    with pytest.raises(Unfit):
        jwks_uri(GARBAGE[name], OP)
