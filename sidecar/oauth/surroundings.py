"""What sources of credentials need of the world around them."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from sidecar.identity.principal import Principal
from sidecar.invocation.proof import Proof
from sidecar.oauth.credential import Ask
from sidecar.oauth.provider import Provider
from sidecar.wire.http import Fetch


class Signer(Protocol):
    """The sidecar's own signing key (``keyring.signing``)."""

    def sign(self, typ: str, claims: Mapping[str, object]) -> str:
        """A JWT in compact form; *typ* is its header's."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Made by ``assembly``, for all providers of one configuration."""

    fetch: Fetch
    clock: Callable[[], float]
    """Epoch seconds."""
    random: Callable[[int], bytes]
    tasks: asyncio.TaskGroup
    """Owns what goes on when nobody waits for it. Nothing in it raises."""
    signer: Callable[[], Signer]
    """Called when a key is first needed."""
    agent: str
    """``agent.name``."""
    public_url: str | None = None
    """``inbound.public_url``."""
    refreshed: Callable[[Provider, Ask, frozenset[str]], None] = field(default=lambda _provider, _ask, _scopes: None)
    """Called with the granted scopes when a new token was got, before anyone has it; may raise a ``Refusal``."""
    proof: Callable[[bytes, Principal], Proof | None] = field(default=lambda _invocation, _principal: None)
    """The caller's own token, by the invocation's id, where providers exchange it (``invocation.proof.Proofs.of``)."""
    seconds: float = 10.0
    """How long obtaining a credential may take in all."""
