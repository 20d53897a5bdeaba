"""The principal as a JWT of the sidecar's own, for agents that hand it on to someone who must be able to check it."""

import json
from collections.abc import Callable
from typing import Any

from sidecar.identity.principal import Principal
from sidecar.wire.strict import base64url_encode

SECONDS = 300
"""How long an assertion is good."""
_MOST = 2048
"""Of what is said of the principal, in bytes of JSON: as a header line it stands beside the others."""
_ORDER_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class Signer:
    """Signs assertions (ES256, ``typ: principal+jwt``) with a key that the root key yields: replicas share it."""

    def __init__(
        self, seed: bytes, *, issuer: str, audience: str, clock: Callable[[], float], random: Callable[[int], bytes]
    ) -> None:
        """*seed* is 48 bytes: more than the curve's order, so that the scalar is unbiased (FIPS 186-5, A.2.1)."""
        from cryptography.hazmat.primitives.asymmetric import ec
        from jwcrypto.jwk import JWK

        scalar = int.from_bytes(seed, "big") % (_ORDER_P256 - 1) + 1
        key = JWK.from_pyca(ec.derive_private_key(scalar, ec.SECP256R1()))
        self._key = key
        self._kid = key.thumbprint()
        self._issuer = issuer
        self._audience = audience
        self._clock = clock
        self._random = random

    def jwks(self) -> dict[str, Any]:
        """The public key, as a JWK Set (RFC 7517, section 5)."""
        public = self._key.export_public(as_dict=True)
        return {"keys": [{**public, "kid": self._kid, "use": "sig", "alg": "ES256"}]}

    def sign(self, principal: Principal) -> str:
        """Good for ``SECONDS`` from now. What is too long for a header is left out and named in ``truncated``."""
        from jwcrypto.jwt import JWT

        now = int(self._clock())
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": principal.id,
            "iat": now,
            "exp": now + SECONDS,
            "jti": base64url_encode(self._random(16)).decode(),
            "principal": _described(principal),
        }
        token = JWT(header={"alg": "ES256", "typ": "principal+jwt", "kid": self._kid}, claims=claims)
        token.make_signed_token(self._key)
        return str(token.serialize())


def _described(principal: Principal) -> dict[str, Any]:
    described: dict[str, Any] = {"issuer": principal.issuer_url, "kind": principal.kind.value}
    if principal.groups is None:
        described["groups_unknown"] = True
    truncated = []
    for name, value in (
        ("subject", principal.subject),
        ("tenant", principal.tenant),
        ("client", principal.client),
        ("scopes", sorted(principal.scopes)),
        ("roles", sorted(principal.roles)),
        ("groups", sorted(principal.groups or ())),
    ):
        if value and len(json.dumps({**described, name: value})) > _MOST:
            truncated.append(name)
        elif value:
            described[name] = value
    if truncated:
        described["truncated"] = truncated
    return described
