"""Attacks on the proof: other algorithms, signatures that do not hold, keys that are not the issuer's."""

from typing import Any

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from sidecar.wire.strict import base64url_encode
from tests.identity.attacks.mint import NOW, OURS, P256_ORDER, Mint
from tests.identity.attacks.row import each, rows
from tests.minting import encoded

ALGORITHM = [
    *each(
        "algorithm",
        "signature_invalid",
        "{} and no signature",
        ("none", "None", "NONE", "nOnE", "", "null", "HS256", "RS256", "dir", "RSA-OAEP", "ES256K", "Ed25519"),
        lambda m, alg: m.unsigned(alg),
    ),
    *rows(
        "algorithm",
        "signature_invalid",
        {
            "none, and a signature": lambda m: m.unsigned("none", b"AAAA"),
            "none, signed for real": lambda m: m.rsa.mint(m.claims(), {"alg": "none"}, signed_as="RS256"),
            "HS256 over the public key": lambda m: m.hmacked(m.pem()),
            "HS384 over the public key": lambda m: m.hmacked(m.pem(), "HS384"),
            "HS512 over the public key": lambda m: m.hmacked(m.pem(), "HS512"),
            "HS256 over the public JWK": lambda m: m.hmacked(encoded(m.rsa.jwk())),
            "HS256 over nothing": lambda m: m.hmacked(b""),
            "HS256 over the kid": lambda m: m.hmacked(b"rsa"),
            "in small letters": lambda m: m.rsa.mint(m.claims(), {"alg": "rs256"}, signed_as="RS256"),
            "with a space": lambda m: m.rsa.mint(m.claims(), {"alg": "RS256 "}, signed_as="RS256"),
            "not among the issuer's": lambda m: m.rsa.mint(m.claims(), {"alg": "RS512"}, signed_as="RS512"),
            "RS384, not among the issuer's": lambda m: m.rsa.mint(m.claims(), {"alg": "RS384"}, signed_as="RS384"),
            "not the key's own": lambda m: m.rsa.mint(m.claims(), {"alg": "PS256"}, signed_as="PS256"),
            "PS256 called RS256": lambda m: m.pss.mint(m.claims(), {"alg": "RS256"}, signed_as="PS256"),
            "RS256 called PS256": lambda m: m.rsa.mint(m.claims(), {"alg": "PS256"}, signed_as="RS256"),
            "ES256 with an RSA key's name": lambda m: m.ec.mint(m.claims(), {"kid": "rsa"}),
            "EdDSA with an EC key's name": lambda m: m.ed.mint(m.claims(), {"kid": "ec"}),
            "RS256 with an EC key's name": lambda m: m.rsa.mint(m.claims(), {"kid": "ec"}),
            "ES256 called EdDSA": lambda m: m.ec.mint(m.claims(), {"alg": "EdDSA"}, signed_as="ES256"),
        },
    ),
    *rows(
        "algorithm",
        "",
        {
            "RS256": lambda m: m.token(by=m.rsa),
            "PS256": lambda m: m.token(by=m.pss),
            "ES256": lambda m: m.token(by=m.ec),
            "EdDSA": lambda m: m.token(by=m.ed),
        },
    ),
]


def _half(signature: bytes, part: int) -> int:
    return int.from_bytes(signature[32 * part : 32 * (part + 1)], "big")


def _raw(r: int, s: int) -> bytes:
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def _embedded(mint: Mint, **header: Any) -> bytes:
    """Signed by a stranger who sends the key along."""
    return mint.token({"kid": "stranger", **header}, by=mint.stranger)


SIGNATURE = [
    *rows(
        "signature",
        "signature_invalid",
        {
            "none": lambda m: m.resigned(lambda s: b""),
            "cut": lambda m: m.resigned(lambda s: s[:-1]),
            "longer": lambda m: m.resigned(lambda s: s + b"\0"),
            "one bit": lambda m: m.resigned(lambda s: bytes([s[0] ^ 1]) + s[1:]),
            "the last bit": lambda m: m.resigned(lambda s: s[:-1] + bytes([s[-1] ^ 1])),
            "zeros": lambda m: m.resigned(lambda s: bytes(len(s))),
            "ones": lambda m: m.resigned(lambda s: b"\xff" * len(s)),
            "backwards": lambda m: m.resigned(lambda s: s[::-1]),
            "of another token": lambda m: m.resigned(lambda s: m.rsa.sign(b"x")),
            "of the claims alone": lambda m: m.resigned(lambda s: m.rsa.sign(m.parts()[1])),
            "another subject afterwards": lambda m: m.spliced(sub="bob"),
            "more time afterwards": lambda m: m.spliced(exp=NOW + 9999),
            "another scope afterwards": lambda m: m.spliced(scope="admin"),
            "another header afterwards": lambda m: (
                base64url_encode(b'{"alg":"RS256","kid":"rsa"}') + b"." + b".".join(m.parts()[1:])
            ),
            "a stranger's key of the same name": lambda m: m.token(by=m.stranger),
            "a stranger's EC key of the same name": lambda m: m.token(by=m.strange_ec),
            "another configured issuer's key": lambda m: m.token(by=m.neighbour),
            "another configured issuer's key, called ours": lambda m: m.token({"kid": "rsa"}, by=m.neighbour),
            "EC zeros": lambda m: m.resigned(lambda s: _raw(0, 0), m.ec),
            "EC r is zero": lambda m: m.resigned(lambda s: _raw(0, _half(s, 1)), m.ec),
            "EC s is zero": lambda m: m.resigned(lambda s: _raw(_half(s, 0), 0), m.ec),
            "EC ones": lambda m: m.resigned(lambda s: _raw(1, 1), m.ec),
            "EC the order": lambda m: m.resigned(lambda s: _raw(P256_ORDER, P256_ORDER), m.ec),
            "EC r and s swapped": lambda m: m.resigned(lambda s: s[32:] + s[:32], m.ec),
            "EC in DER": lambda m: m.resigned(lambda s: encode_dss_signature(_half(s, 0), _half(s, 1)), m.ec),
            "EC too long": lambda m: m.resigned(lambda s: b"\0" + s[:32] + b"\0" + s[32:], m.ec),
            "EC one half": lambda m: m.resigned(lambda s: s[:32], m.ec),
            "Ed25519 zeros": lambda m: m.resigned(lambda s: bytes(64), m.ed),
            "Ed25519 cut": lambda m: m.resigned(lambda s: s[:63], m.ed),
        },
    ),
    *rows(
        "signature",
        "",
        {
            "untouched RSA": lambda m: m.resigned(lambda s: s),
            "untouched EC": lambda m: m.resigned(lambda s: s, m.ec),
            "untouched Ed25519": lambda m: m.resigned(lambda s: s, m.ed),
        },
    ),
    *rows(
        "signature",
        "",
        {
            "the neighbour's own": lambda m: m.token(by=m.neighbour, iss="https://n.example"),
        },
        "neighbour",
    ),
]

KEY = [
    *rows(
        "key",
        "signature_invalid",
        {
            "sent along (jwk)": lambda m: _embedded(m, jwk=m.stranger.jwk()),
            "sent along under our name (jwk)": lambda m: _embedded(m, kid="rsa", jwk=m.stranger.jwk()),
            "at a stranger's address (jku)": lambda m: _embedded(m, jku="https://evil.example/jwks"),
            "at our address with a detour (jku)": lambda m: _embedded(m, jku=f"{OURS}@evil.example"),
            "a stranger's certificate (x5c)": lambda m: _embedded(m, x5c=["MIIB"]),
            "a stranger's certificate's address (x5u)": lambda m: _embedded(m, x5u="https://evil.example"),
            "unknown": lambda m: m.token({"kid": "unknown"}),
            "no name where several fit": lambda m: m.token({"kid": None}, by=m.rsa),
            "an empty name": lambda m: m.token({"kid": ""}),
            "another spelling": lambda m: m.token({"kid": "RSA"}),
            "a name with a space": lambda m: m.token({"kid": "rsa "}),
            "a path": lambda m: m.token({"kid": "../../../dev/null"}),
            "a query": lambda m: m.token({"kid": "x' UNION SELECT 'key"}),
            "a command": lambda m: m.token({"kid": "rsa|touch /x"}),
            "a NUL in the name": lambda m: m.token({"kid": "rsa\0"}),
            "a very long name": lambda m: m.token({"kid": "k" * 8000}),
            "the neighbour's name": lambda m: m.token({"kid": "neighbour"}),
        },
    ),
    *rows(
        "key",
        "signature_invalid",
        {
            "confined to another tenant": lambda m: m.entra(by=m.confined),
        },
        "entra",
    ),
    *rows(
        "key",
        "",
        {
            "by its name": lambda m: m.token({"kid": "rsa"}),
            "no name where one fits": lambda m: m.token({"kid": None}, by=m.ec),
            "an address in the header that nobody asks": lambda m: m.token({"jku": "https://evil.example/jwks"}),
            "a key in the header that nobody reads": lambda m: m.token({"jwk": m.stranger.jwk()}),
        },
    ),
    *rows(
        "key",
        "",
        {
            "Entra's, confined to no tenant": lambda m: m.entra(),
        },
        "entra",
    ),
]
