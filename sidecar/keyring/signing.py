"""The sidecar's own signing key, for all that it asserts: of the principal to the agent, of a principal to the next
agent, of itself to a provider. ``typ`` tells them apart (RFC 8725, section 3.11)."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from sidecar.wire.strict import base64url_encode

LABEL = "principal assertion P-256 v1"
"""By which the root key yields the seed: replicas share the key."""
SEED_BYTES = 48
"""More than the curve's order, so that the scalar is unbiased (FIPS 186-5, A.2.1)."""

_ORDER_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class SigningKey:
    """An EC key on P-256; it signs with ES256."""

    __slots__ = ("_jwk", "_private", "kid")

    def __init__(self, seed: bytes) -> None:
        from cryptography.hazmat.primitives.asymmetric import ec

        if len(seed) != SEED_BYTES:
            raise ValueError(f"a seed is {SEED_BYTES} bytes")
        scalar = int.from_bytes(seed, "big") % (_ORDER_P256 - 1) + 1
        self._private = ec.derive_private_key(scalar, ec.SECP256R1())
        numbers = self._private.public_key().public_numbers()
        x, y = (base64url_encode(number.to_bytes(32, "big")).decode() for number in (numbers.x, numbers.y))
        self._jwk = {"crv": "P-256", "kty": "EC", "x": x, "y": y}
        self.kid = base64url_encode(hashlib.sha256(_json(self._jwk)).digest()).decode()
        """Its thumbprint (RFC 7638)."""

    def jwks(self) -> dict[str, Any]:
        """The public key, as a JWK Set (RFC 7517, section 5)."""
        return {"keys": [{**self._jwk, "kid": self.kid, "use": "sig", "alg": "ES256"}]}

    def sign(self, typ: str, claims: Mapping[str, object]) -> str:
        """A JWT in compact form (RFC 7515, section 7.1)."""
        from sidecar.identity.signature import es256

        head = _json({"alg": "ES256", "kid": self.kid, "typ": typ})
        signing_input = base64url_encode(head) + b"." + base64url_encode(_json(claims))
        return (signing_input + b"." + base64url_encode(es256(self._private, signing_input))).decode()

    def __repr__(self) -> str:
        return f"SigningKey({self.kid})"


def _json(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
