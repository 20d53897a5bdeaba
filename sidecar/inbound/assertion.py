"""The principal as a JWT of the sidecar's own, for agents that hand it on to someone who must be able to check it."""

import json
from collections.abc import Callable
from typing import Any

from sidecar.identity.principal import Principal
from sidecar.keyring.signing import SigningKey
from sidecar.wire.strict import base64url_encode

SECONDS = 300
"""How long an assertion is good."""
_MOST = 2048
"""Of what is said of the principal, in bytes of JSON: as a header line it stands beside the others."""


class Signer:
    """Signs assertions (ES256, ``typ: principal+jwt``) with the sidecar's own key."""

    def __init__(
        self,
        key: SigningKey,
        *,
        issuer: str,
        audience: str,
        clock: Callable[[], float],
        random: Callable[[int], bytes],
    ) -> None:
        self._key = key
        self._issuer = issuer
        self._audience = audience
        self._clock = clock
        self._random = random

    def sign(self, principal: Principal) -> str:
        """Good for ``SECONDS`` from now. What is too long for a header is left out and named in ``truncated``."""
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
        return self._key.sign("principal+jwt", claims)


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
