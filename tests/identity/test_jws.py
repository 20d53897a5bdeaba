"""Signatures: RFC vectors, and every one of Wycheproof's; where we differ from them on purpose, it is named."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.errors import Refusal, SignatureInvalid, TokenMalformed
from sidecar.identity import jws
from sidecar.identity.issuer import ASYMMETRIC
from sidecar.identity.key import KeyUnusable, read
from sidecar.wire.strict import base64url_encode
from tests.minting import Signer, signer

VECTORS = Path(__file__).parents[1] / "vectors" / "wycheproof"
SYMMETRIC = "HS* is valid JOSE and is never accepted here: the verifier of such a signature could have made it"
NO_ALGORITHM = "the key's own alg, ES521, names no algorithm (RFC 7518 has ES512), and a key's alg is binding here"
NOT_ITS_OWN = "the key's own alg is PS256 and the signature is PS384; a key's alg is binding here"
LENIENT = "a character outside the base64url alphabet, which a lenient decoder drops; and HS256 besides"
REFUSED_ON_PURPOSE: Mapping[int, str] = {
    **dict.fromkeys((1, 348, 352, 357, 358, 359, 376, 377), SYMMETRIC),
    **dict.fromkeys((372, 373), LENIENT),
    **dict.fromkeys((346, 350), NOT_ITS_OWN),
    **dict.fromkeys((347, 351), NO_ALGORITHM),
}
"""Vectors that others accept and we refuse. There is none the other way round."""


@dataclass(frozen=True, slots=True)
class Vector:
    number: int
    about: str
    valid: bool
    token: Any
    jwk: Mapping[str, Any]


def vectors() -> Iterator[Vector]:
    for group in json.loads((VECTORS / "json_web_signature_test.json").read_text())["testGroups"]:
        for test in group["tests"]:
            about = f"{test['tcId']} {group['comment']} {test['comment']}"
            jwk = group.get("public") or group["private"]
            yield Vector(test["tcId"], about, test["result"] == "valid", test["jws"], jwk)


ALL = list(vectors())


def accepted(vector: Vector) -> bool:
    """Whether our code takes the vector's signature, its key and its form included."""
    token = vector.token if isinstance(vector.token, str) else json.dumps(vector.token)
    try:
        jws.check(jws.read(token.encode()), read(vector.jwk), ASYMMETRIC)
    except (Refusal, KeyUnusable):
        return False
    return True


def test_wycheproofs_signatures_are_all_there() -> None:
    assert len(ALL) == 401
    assert {vector.number for vector in ALL} >= REFUSED_ON_PURPOSE.keys()


@pytest.mark.parametrize("vector", ALL, ids=lambda vector: vector.about)
def test_wycheproofs_signatures_agree(vector: Vector) -> None:
    assert accepted(vector) == (vector.valid and vector.number not in REFUSED_ON_PURPOSE)


def test_every_exception_is_a_valid_vector_that_we_refuse() -> None:
    excepted = {vector.number: vector.valid for vector in ALL if vector.number in REFUSED_ON_PURPOSE}
    assert all(excepted.values())


def test_the_form_of_the_base64_vectors_is_judged_and_not_their_algorithm_alone() -> None:
    """They are all HS256, so they would be refused anyway. 367 and 370 are the very bytes of the valid 357."""
    forms = {vector.number: vector for vector in ALL if 357 <= vector.number <= 377}
    assert forms[367].token == forms[370].token == forms[357].token
    readable = {357, 358, 359, 367, 370, 376, 377}
    for number in readable:
        assert jws.read(forms[number].token.encode()).header["alg"] == "HS256"
    for number in forms.keys() - readable:
        with pytest.raises(TokenMalformed):
            jws.read(forms[number].token.encode())


# RFC 7515, appendix A.2 to A.4, and RFC 8037, appendix A.4: one published example of each family.

JOE = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
RFC: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "RFC 7515, A.2 (RS256)": (
        f"eyJhbGciOiJSUzI1NiJ9.{JOE}."
        "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9"
        "uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB"
        "_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rq"
        "Vt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
        {
            "kty": "RSA",
            "n": "ofgWCuLjybRlzo0tZWJj"
            "NiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-"
            "pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdV"
            "MTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
            "e": "AQAB",
        },
    ),
    "RFC 7515, A.3 (ES256)": (
        f"eyJhbGciOiJFUzI1NiJ9.{JOE}.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
        {
            "kty": "EC",
            "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        },
    ),
    "RFC 7515, A.4 (ES512)": (
        "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7Xdt"
        "AG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn",
        {
            "kty": "EC",
            "crv": "P-521",
            "x": "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk",
            "y": "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2",
        },
    ),
    "RFC 8037, A.4 (EdDSA)": (
        "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg"
        "5BhVsPt9g7sVvpAr_MuM0KAg",
        {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RFC)
def test_an_rfcs_example_verifies(name: str) -> None:
    token, jwk = RFC[name]
    jws.check(jws.read(token.encode()), read(jwk), ASYMMETRIC)


@pytest.mark.parametrize("name", RFC)
def test_an_rfcs_example_with_one_bit_changed_does_not(name: str) -> None:
    token, jwk = RFC[name]
    head, payload, signature = token.split(".")
    changed = ("A" if payload[0] != "A" else "B") + payload[1:]
    with pytest.raises(SignatureInvalid):
        jws.check(jws.read(f"{head}.{changed}.{signature}".encode()), read(jwk), ASYMMETRIC)


@pytest.mark.parametrize(
    ("alg", "kid"),
    [*((alg, "a") for alg in sorted(ASYMMETRIC)), ("EdDSA", "ed448")],
)
def test_what_each_algorithm_signs_it_verifies(alg: str, kid: str) -> None:
    one = signer(alg, kid)
    parsed = jws.read(one.mint({}))
    jws.check(parsed, one.key(), ASYMMETRIC)
    with pytest.raises(SignatureInvalid, match="not allowed"):
        jws.check(parsed, one.key(), ASYMMETRIC - {alg})
    with pytest.raises(SignatureInvalid, match="does not hold"):
        jws.check(parsed, Signer(kid, alg, signer(alg, kid).private).key(), ASYMMETRIC)


def test_a_signature_of_an_algorithm_that_is_not_the_keys_does_not_count() -> None:
    one = signer("RS256", "a")
    with pytest.raises(SignatureInvalid, match="its key"):
        jws.check(jws.read(one.mint({}, {"alg": "PS256"}, signed_as="PS256")), one.key(), ASYMMETRIC)


def test_what_cannot_be_read_is_said_without_quoting_it() -> None:
    header = base64url_encode(b'{"alg": "RS256", "secret": hunter2}')
    with pytest.raises(TokenMalformed) as refused:
        jws.read(header + b".e30.AA")
    assert refused.value.reason == "the token cannot be read: not JSON in UTF-8"
    assert refused.value.__suppress_context__
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ({"alg": "RS256", "crit": ["exp"], "exp": 1}, "crit"),
        ({"alg": "RS256", "crit": []}, "crit"),
        ({"alg": "RS256", "b64": False}, "b64"),
        ({"alg": "RS256", "b64": "true"}, "b64"),
        ({}, "no alg"),
        ({"alg": None}, "no alg"),
        ({"alg": ["RS256"]}, "no alg"),
        ({"alg": "RS256", "typ": 1}, "typ"),
        ({"alg": "RS256", "kid": None}, "kid"),
    ],
)
def test_a_header_is_honoured_in_full_or_the_token_is_refused(header: dict[str, Any], reason: str) -> None:
    with pytest.raises(TokenMalformed, match=reason):
        jws.read(base64url_encode(json.dumps(header).encode()) + b".e30.AA")


@pytest.mark.parametrize("header", [{"alg": "x"}, {"alg": "x", "b64": True}, {"alg": "x", "typ": "", "kid": ""}])
def test_a_header_without_demands_is_read(header: dict[str, Any]) -> None:
    assert jws.read(base64url_encode(json.dumps(header).encode()) + b".e30.AA").header == header


def test_an_encrypted_token_is_explained() -> None:
    with pytest.raises(TokenMalformed) as refused:
        jws.read(b"eyJhbGciOiJSU0EtT0FFUCJ9.AA.AA.AA.AA")
    assert "encrypted" in refused.value.detail


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(token: bytes) -> None:
    try:
        parsed = jws.read(token)
    except TokenMalformed:
        return
    assert token.startswith(parsed.signing_input + b".")


@given(st.binary(max_size=60), st.binary(max_size=60), st.binary(max_size=60))
def test_any_three_parts_are_read_or_refused(header: bytes, payload: bytes, signature: bytes) -> None:
    token = b".".join(map(base64url_encode, (header, payload, signature)))
    try:
        parsed = jws.read(token)
    except TokenMalformed:
        return
    assert (parsed.payload, parsed.signature) == (payload, signature)
    assert isinstance(parsed.header["alg"], str)
