"""The signatures of JWS by their JWA names (RFC 7518, sections 3.3 to 3.5; RFC 8037, section 3.1), and the public keys
that check them: what ``cryptography`` calls each.

It is imported when the first key is read: nothing that waits for no key waits for it.
"""

from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from sidecar.wire.strict import base64url

_HASHES: Mapping[str, type[hashes.HashAlgorithm]] = {
    "256": hashes.SHA256,
    "384": hashes.SHA384,
    "512": hashes.SHA512,
}
_EC: Mapping[str, type[ec.EllipticCurve]] = {"P-256": ec.SECP256R1, "P-384": ec.SECP384R1, "P-521": ec.SECP521R1}
_OKP: Mapping[str, Any] = {"Ed25519": ed25519.Ed25519PublicKey, "Ed448": ed448.Ed448PublicKey}


def public_key(jwk: Mapping[str, str]) -> Any:
    """The key of ``kty``, ``crv`` and the numbers that go with them. Raise ``ValueError`` where those are no point of
    the curve, or no key."""
    octets = {member: base64url(jwk[member].encode()) for member in jwk.keys() - {"kty", "crv"}}
    if jwk["kty"] == "OKP":
        return _OKP[jwk["crv"]].from_public_bytes(octets["x"])
    numbers = {member: int.from_bytes(each, "big") for member, each in octets.items()}
    if jwk["kty"] == "EC":
        return ec.EllipticCurvePublicNumbers(numbers["x"], numbers["y"], _EC[jwk["crv"]]()).public_key()
    return rsa.RSAPublicNumbers(numbers["e"], numbers["n"]).public_key()


def holds(alg: str, key: Any, signed: bytes, signature: bytes) -> bool:
    """Whether *key*, which is one for *alg*, made *signature* over *signed*."""
    try:
        match alg[:2]:
            case "RS":
                key.verify(signature, signed, padding.PKCS1v15(), _hash(alg))
            case "PS":  # the salt is as long as the hash, and so is MGF1's (RFC 7518, section 3.5)
                salted = padding.PSS(padding.MGF1(_hash(alg)), _hash(alg).digest_size)
                key.verify(signature, signed, salted, _hash(alg))
            case "ES":
                return _ecdsa(alg, key, signed, signature)
            case _:
                key.verify(signature, signed)
    except InvalidSignature:
        return False
    return True


def es256(key: ec.EllipticCurvePrivateKey, signed: bytes) -> bytes:
    """R and S, each in 32 bytes (RFC 7518, section 3.4)."""
    numbers = decode_dss_signature(key.sign(signed, ec.ECDSA(hashes.SHA256())))
    return b"".join([number.to_bytes(32, "big") for number in numbers])


def _hash(alg: str) -> hashes.HashAlgorithm:
    return _HASHES[alg[2:]]()


def _ecdsa(alg: str, key: ec.EllipticCurvePublicKey, signed: bytes, signature: bytes) -> bool:
    """R and S are of the length of the curve's order, neither more nor less."""
    size = (key.key_size + 7) // 8
    if len(signature) != 2 * size:
        return False
    r, s = int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
    key.verify(encode_dss_signature(r, s), signed, ec.ECDSA(_hash(alg)))
    return True
