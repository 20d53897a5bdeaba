"""One public key of an issuer, read strictly from its JWK (RFC 7517, 7518, 8037)."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sidecar.wire.strict import base64url, base64url_encode

LEAST_RSA_BITS, MOST_RSA_BITS = 2048, 16384
MOST_RSA_EXPONENT = 1 << 32
MOST_KID = 512
"""The longest ``kid`` that is held or looked up, in characters."""

_RSA = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
_CURVES: Mapping[tuple[str, str], tuple[str, Mapping[str, int]]] = {
    ("EC", "P-256"): ("ES256", {"x": 32, "y": 32}),
    ("EC", "P-384"): ("ES384", {"x": 48, "y": 48}),
    ("EC", "P-521"): ("ES512", {"x": 66, "y": 66}),
    ("OKP", "Ed25519"): ("EdDSA", {"x": 32}),
    ("OKP", "Ed448"): ("EdDSA", {"x": 57}),
}
"""Key type and curve → its one algorithm, and its coordinates with their lengths in bytes (RFC 7518, 6.2.1.2;
RFC 8037, section 2)."""

_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})

_ROCA = (
    (11, 2), (13, 6), (17, 8), (19, 9), (37, 3), (53, 26), (61, 20), (71, 35), (73, 24),
    (79, 13), (97, 6), (103, 51), (107, 53), (109, 54), (127, 42), (151, 50), (157, 78),
)  # fmt: skip
"""Primes with the order of 65537 modulo each: a modulus that lies in all of these subgroups was made by Infineon's
broken RSA library (CVE-2017-15361), and can be factored; an honest one does by chance once in 2^27."""


class KeyUnusable(ValueError):
    """The key cannot verify signatures here; the text says why, without quoting the key."""


@dataclass(frozen=True, slots=True)
class Key:
    """A public key that may verify signatures. ``read`` makes it."""

    kid: str | None
    algorithms: frozenset[str]
    """The algorithms that it may verify: those of its type and curve, or the one that its own ``alg`` names."""
    fingerprint: bytes
    """SHA-256 over type, curve and numbers: equal for equal keys."""
    issuer: str | None = None
    """Entra: the issuer that the key is confined to; ``{tenantid}`` in it stands for the token's tenant."""
    material: Any = field(default=None, repr=False, compare=False)


def read(jwk: Mapping[str, Any]) -> Key:
    """Raise ``KeyUnusable`` unless *jwk* is a public key that is meant for, and fit for, verifying signatures."""
    if _PRIVATE & jwk.keys():
        raise KeyUnusable("it is symmetric, or its private part is published")
    _meant_for_verifying(jwk)
    numbers, algorithms = _rsa(jwk) if jwk.get("kty") == "RSA" else _curve(jwk)
    alg = jwk.get("alg", next(iter(algorithms)))
    if not isinstance(alg, str) or alg not in algorithms:
        raise KeyUnusable("its alg does not go with its type and curve")
    kid, issuer = jwk.get("kid"), jwk.get("issuer")
    if kid is not None and not (isinstance(kid, str) and 0 < len(kid) <= MOST_KID):
        raise KeyUnusable(f"its kid is not a text of 1 to {MOST_KID} characters")
    return Key(
        kid=kid,
        algorithms=frozenset({alg}) if "alg" in jwk else algorithms,
        fingerprint=hashlib.sha256(json.dumps(numbers, sort_keys=True).encode()).digest(),
        issuer=issuer if isinstance(issuer, str) else None,
        material=_material(numbers),
    )


def _meant_for_verifying(jwk: Mapping[str, Any]) -> None:
    """RFC 7517, 4.2 and 4.3: both are optional, and binding where they are."""
    if jwk.get("use", "sig") != "sig":
        raise KeyUnusable("its use is not sig")
    operations = jwk.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        raise KeyUnusable("its key_ops do not hold verify")


def _rsa(jwk: Mapping[str, Any]) -> tuple[dict[str, str], frozenset[str]]:
    modulus, exponent = (int.from_bytes(_octets(jwk, member), "big") for member in ("n", "e"))
    if not LEAST_RSA_BITS <= modulus.bit_length() <= MOST_RSA_BITS:
        raise KeyUnusable(f"it is an RSA key of {modulus.bit_length()} bits, not {LEAST_RSA_BITS} to {MOST_RSA_BITS}")
    if not (modulus & exponent & 1 and 3 <= exponent <= MOST_RSA_EXPONENT):
        raise KeyUnusable("its modulus is even, or its exponent is not an odd number from 3 to 2^32")
    if all(pow(modulus, order, prime) == 1 for prime, order in _ROCA):
        raise KeyUnusable("its modulus has the fingerprint of CVE-2017-15361 (ROCA)")
    return {"kty": "RSA", "n": _number(modulus), "e": _number(exponent)}, _RSA


def _curve(jwk: Mapping[str, Any]) -> tuple[dict[str, str], frozenset[str]]:
    kty, crv = jwk.get("kty"), jwk.get("crv")
    if not (isinstance(kty, str) and isinstance(crv, str) and (kty, crv) in _CURVES):
        raise KeyUnusable("its kty and crv are not of a supported asymmetric algorithm")
    algorithm, lengths = _CURVES[kty, crv]
    coordinates = {member: _octets(jwk, member) for member in lengths}
    if any(len(coordinates[member]) != length for member, length in lengths.items()):
        raise KeyUnusable("its coordinates have not the length of its curve")
    encoded = {member: base64url_encode(octets).decode() for member, octets in coordinates.items()}
    return {"kty": kty, "crv": crv, **encoded}, frozenset({algorithm})


def _octets(jwk: Mapping[str, Any], member: str) -> bytes:
    value = jwk.get(member)
    if not isinstance(value, str):
        raise KeyUnusable(f"it has no {member}")
    try:
        return base64url(value.encode())
    except ValueError as error:
        raise KeyUnusable(f"its {member} is not base64url") from error


def _number(value: int) -> str:
    return base64url_encode(value.to_bytes((value.bit_length() + 7) // 8, "big")).decode()


def _material(numbers: Mapping[str, str]) -> Any:
    from sidecar.identity.signature import public_key

    try:
        return public_key(numbers)
    except ValueError as error:
        raise KeyUnusable("its numbers are no point of its curve, or no key") from error
