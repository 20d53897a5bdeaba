"""What the user has granted: ``GET /v1/connections``, ``DELETE /v1/connections/{provider}``, and what came of a
question to them, ``GET /v1/consents/{session}``."""

from collections.abc import Mapping, Sequence
from typing import Any

from sidecar.api import record
from sidecar.api.asked import Asked
from sidecar.errors import ProviderUnknown
from sidecar.vault.grant import Grant, Owner

_AGENT = "The agent itself has granted nothing: send the handle of the invocation whose user you mean."


async def listed(asked: Asked) -> Mapping[str, Any]:
    principal = asked.invocation(instead=_AGENT).principal
    connections = asked.surroundings.connections
    held = await connections.held(Owner.of_principal(principal)) if connections is not None else {}
    return {"connections": [_described(name, grant) for name in sorted(held) for grant in held[name]]}


async def disconnect(asked: Asked) -> None:
    principal = asked.invocation(instead=_AGENT).principal
    connections = asked.surroundings.connections
    provider = asked.provider = asked.surroundings.providers.get(asked.name)
    if provider is None:
        raise ProviderUnknown("no provider has the name in the path")
    if connections is None:
        return
    owner = Owner.of_principal(principal)
    grants = (await connections.held(owner)).get(provider.name, ())
    if grants:
        record.revoked(asked, _scopes(grants))
    await connections.disconnect(owner, provider)


async def consent(asked: Asked) -> Mapping[str, Any]:
    principal = asked.invocation(instead=_AGENT).principal
    return {"status": str(asked.surroundings.consent(principal, asked.name))}


def _described(provider: str, grant: Grant) -> Mapping[str, Any]:
    return {
        "provider": provider,
        "account": grant.label,
        "scopes": sorted(grant.place.scopes),
        "connected_at": int(grant.since),
        "used_at": None if grant.used is None else int(grant.used),
        "used_by": grant.used_by or None,
        "usable": grant.alive,
    }


def _scopes(grants: Sequence[Grant]) -> frozenset[str]:
    return frozenset[str]().union(*(grant.place.scopes for grant in grants))
