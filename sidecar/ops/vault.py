"""What the commands ask of the vault over the control socket: its grants, and new keys.

Tokens never come here. What says whose a grant is does: who asks may read the state directory, and with it the vault.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sidecar.errors import Refusal
from sidecar.vault.grant import Grant
from sidecar.vault.rotation import Rotation
from sidecar.vault.store import Unavailable, Unusable
from sidecar.vault.vault import Vault

if TYPE_CHECKING:
    from aiohttp import web

    _Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


Disconnect = Callable[[Sequence[Grant]], Awaitable[Sequence[tuple[Grant, bool]]]]
"""Removes grants from the vault; each, with whether its provider has revoked it, too. Raises a ``Refusal``."""


@dataclass(frozen=True, slots=True)
class Kept:
    vault: Vault
    rotation: Rotation
    disconnect: Disconnect
    admit: Callable[[Path], Awaitable[str]]
    """Lets the state key in a file open the vault, too; its id. Raises ``Unusable``."""


def routes(kept: Kept) -> "list[web.AbstractRouteDef]":
    """``GET /grants``, ``DELETE /grants?grant=ID`` or ``?principal=ID``, ``POST`` and ``GET /keys/rotation``,
    ``POST /keys/admission?file=PATH``. What fails says so in ``failure``."""
    from aiohttp import web

    def answered(answer: Callable[["web.Request"], Awaitable[dict[str, Any]]]) -> "_Handler":
        async def handle(request: web.Request) -> web.Response:
            try:
                return web.json_response(await answer(request))
            except Refusal as refusal:
                return web.json_response({"failure": refusal.reason}, status=refusal.status)
            except (Unavailable, Unusable) as error:
                return web.json_response({"failure": str(error)}, status=503)

        return handle

    asked = _Asked(kept)
    return [
        web.get("/grants", answered(asked.grants)),
        web.delete("/grants", answered(asked.revoke)),
        web.get("/keys/rotation", answered(asked.rotation)),
        web.post("/keys/rotation", answered(asked.rotate)),
        web.post("/keys/admission", answered(asked.admit)),
    ]


class _Asked:
    def __init__(self, kept: Kept) -> None:
        self._kept = kept

    async def grants(self, _request: "web.Request") -> dict[str, Any]:
        grants = [document(grant) async for grant in self._kept.vault.all()]
        return {"grants": sorted(grants, key=lambda one: (one["principal"], one["server"], one["scopes"]))}

    async def revoke(self, request: "web.Request") -> dict[str, Any]:
        wanted = {request.query.getone(name, "") for name in ("grant", "principal")}
        chosen = [one async for one in self._kept.vault.all() if wanted & {one.place.id, one.place.owner.id}]
        return {"revoked": gone(await self._kept.disconnect(chosen))}

    async def rotation(self, _request: "web.Request") -> dict[str, Any]:
        return self._kept.rotation.progress.document()

    async def rotate(self, _request: "web.Request") -> dict[str, Any]:
        return self._kept.rotation.begin().document()

    async def admit(self, request: "web.Request") -> dict[str, Any]:
        return {"admitted": await self._kept.admit(Path(request.query.getone("file", "")))}


def gone(grants: Sequence[tuple[Grant, bool]]) -> list[dict[str, Any]]:
    """Each, with whether its provider has revoked it."""
    return [document(grant) | {"revoked": told} for grant, told in grants]


def document(grant: Grant) -> dict[str, Any]:
    place = grant.place
    return {
        "id": place.id,
        "principal": place.owner.id,
        "issuer": place.owner.issuer_url,
        "tenant": place.owner.tenant,
        "subject": place.owner.subject,
        "server": place.at.server,
        "client": place.at.client_id,
        "namespace": place.at.namespace,
        "scopes": sorted(place.scopes),
        "account": grant.label or grant.account,
        "since": grant.since,
        "used": grant.used,
        "used_by": grant.used_by,
        "dead": grant.dead,
    }
