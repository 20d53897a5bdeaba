"""``GET /v1/principal``: who called."""

from collections.abc import Mapping
from typing import Any

from sidecar.api import record
from sidecar.api.asked import Asked
from sidecar.identity.principal import Principal
from sidecar.invocation.invocation import Invocation

_AGENT = (
    "The agent itself is no principal: send the handle of the invocation that you ask about (X-Identity-Invocation)."
)


async def principal(asked: Asked) -> Mapping[str, Any]:
    invocation = asked.invocation(instead=_AGENT)
    record.principal_read(asked)
    return document(invocation, asked.surroundings.named)


def document(invocation: Invocation, named: Mapping[str, frozenset[str]] | None) -> dict[str, Any]:
    """The principal of *invocation*; what isn't known is ``null``, and groups are where they are unknown. *named*
    narrows groups and roles, as it does in headers."""
    principal = invocation.principal
    return {
        "id": principal.id,
        "subject": principal.subject,
        "issuer": principal.issuer,
        "issuer_url": principal.issuer_url,
        "kind": principal.kind.value,
        "tenant": principal.tenant or None,
        "client": principal.client,
        "name": principal.name,
        "email": principal.email,
        "groups_unknown": principal.groups is None,
        **_lists(principal, named),
        "actors": list(principal.actors),
        "invocation_id": invocation.id.decode(),
        "trace_id": invocation.trace_id.decode(),
    }


def _lists(principal: Principal, named: Mapping[str, frozenset[str]] | None) -> dict[str, list[str] | None]:
    groups, roles = principal.groups, principal.roles
    if named is not None:
        groups = None if groups is None else groups & named["groups"]
        roles &= named["roles"]
    return {
        "groups": None if groups is None else sorted(groups),
        "roles": sorted(roles),
        "scopes": sorted(principal.scopes),
    }
