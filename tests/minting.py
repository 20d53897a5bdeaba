"""Tokens signed byte by byte, well-formed or not: what a library that refuses to make bad tokens can't give."""

import functools
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from sidecar.identity.key import Key, read
from sidecar.wire.strict import base64url_encode

ALGORITHMS = jwt.algorithms.get_default_algorithms()
_CURVES = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}
_RSA_POOL = 8


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key with its name and its algorithm."""

    kid: str
    alg: str
    private: Any

    def jwk(self, **members: Any) -> dict[str, Any]:
        """The public half as it is published; a member that is ``None`` is left out."""
        public = {**ALGORITHMS[self.alg].to_jwk(self.private.public_key(), as_dict=True), "kid": self.kid}
        public.pop("key_ops", None)
        whole = {**public, "alg": self.alg, "use": "sig", **members}
        return {name: value for name, value in whole.items() if value is not None}

    def key(self, **members: Any) -> Key:
        return read(self.jwk(**members))

    def sign(self, signing_input: bytes, alg: str | None = None) -> bytes:
        return bytes(ALGORITHMS[alg or self.alg].sign(signing_input, self.private))

    def mint(
        self,
        claims: Mapping[str, Any] | bytes,
        header: Mapping[str, Any] | bytes | None = None,
        *,
        signed_as: str | None = None,
    ) -> bytes:
        """A token. As a mapping *header* changes the usual one (``None``: a member is left out), as bytes it is it."""
        usual = {"alg": self.alg, "kid": self.kid, "typ": "JWT"}
        if not isinstance(header, bytes):
            header = encoded({name: value for name, value in {**usual, **(header or {})}.items() if value is not None})
        signing_input = base64url_encode(header) + b"." + base64url_encode(encoded(claims))
        return signing_input + b"." + base64url_encode(self.sign(signing_input, signed_as))


def encoded(value: Mapping[str, Any] | bytes) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()


@functools.cache
def rsa_key(number: int, bits: int = 2048) -> rsa.RSAPrivateKey:
    """RSA keys are dear: each is made once in a process."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


_numbers, _rsa_numbers = itertools.count(), itertools.count()


def signer(alg: str = "RS256", kid: str | None = None) -> Signer:
    """A signer with a key that the last few of its kind did not have."""
    number = next(_numbers)
    private: Any
    if alg.startswith("ES"):
        private = ec.generate_private_key(_CURVES[alg])
    elif alg == "EdDSA":
        private = ed448.Ed448PrivateKey.generate() if kid == "ed448" else ed25519.Ed25519PrivateKey.generate()
    else:
        private = rsa_key(next(_rsa_numbers) % _RSA_POOL)
    return Signer(kid or f"{alg.lower()}-{number}", alg, private)
