"""The way to the next agent: for each call an assertion of the principal behind it (``identity.call``), signed with the
sidecar's own key.

Nothing is kept: an assertion is good for one call, so each has its own, and no two can be taken for one another.
"""

from sidecar.errors import NotPermitted
from sidecar.identity import call
from sidecar.oauth.credential import Ask, Credential
from sidecar.oauth.provider import Provider
from sidecar.oauth.surroundings import Signer, Surroundings
from sidecar.secret import Secret
from sidecar.wire.strict import base64url_encode


class Assertions:
    """A ``Source``."""

    fills = frozenset({b"authorization"})
    parameter = b""

    def __init__(self, provider: Provider, surroundings: Surroundings) -> None:
        self._provider, self._surroundings = provider, surroundings
        self._signer: Signer | None = None

    def ready(self, ask: Ask) -> Credential:
        surroundings, name = self._surroundings, self._provider.name
        if ask.principal is None:
            mend = "Send the invocation's handle: the next agent is called for a principal, never for the agent itself."
            raise NotPermitted(f"{name}: no principal is behind the call", mend=mend)
        if surroundings.public_url is None:
            mend = "Set inbound.public_url: it is by that URL that the next agent knows this one."
            raise NotPermitted(f"{name}: inbound.public_url isn't set", mend=mend)
        claims = call.assertion(
            ask.principal,
            issuer=surroundings.public_url,
            audience=self._provider.audience or "",
            agent=surroundings.agent,
            actors=ask.actors or ask.principal.actors,
            jti=base64url_encode(surroundings.random(16)).decode(),
            now=surroundings.clock(),
        )
        if self._signer is None:
            self._signer = surroundings.signer()
        token = self._signer.sign(call.TYP, claims)
        lines = f"Authorization: Bearer {token}\r\n".encode()
        return Credential(Secret(token), lines=lines, expires=float(claims["exp"]))

    async def obtain(self, ask: Ask) -> Credential:
        return self.ready(ask)

    def close(self) -> None:
        """Nothing is held."""
