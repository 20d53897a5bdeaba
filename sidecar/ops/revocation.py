"""What the command ``revoke`` asks over the control socket: that all of one principal ends."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sidecar.errors import Refusal
from sidecar.ops.vault import gone
from sidecar.vault.grant import Grant
from sidecar.vault.store import Unavailable, Unusable

if TYPE_CHECKING:
    from aiohttp import web


@dataclass(frozen=True, slots=True)
class Ended:
    """How much was ended, and is no more."""

    tokens: int
    """Tokens that were remembered as verified."""
    invocations: int
    """Invocations whose handles were alive."""
    calls: int
    """Calls of the agent that were under way."""
    credentials: int
    """Credentials that were held in memory."""
    sign_ins: int
    """Browsers that were signed in on the consent pages."""

    def document(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Revoking:
    """*principal* is an id, or what the record calls it."""

    end: Callable[[str], Ended]
    """All but grants, at once."""
    keep_out: Callable[[str, float], float]
    """For so many seconds; until when it is, epoch seconds. Raises ``OSError``: it holds while this process lives."""
    record: Callable[[str, Ended], None]
    """Raises ``AuditUnavailable``."""
    disconnect: Callable[[str], Awaitable[Sequence[tuple[Grant, bool]]]]
    """Their grants, each with whether its provider has revoked it. Raises a ``Refusal``."""


def routes(revoking: Revoking) -> "list[web.AbstractRouteDef]":
    """``POST /revocation?principal=ID``, with ``block=SECONDS`` and ``grants=yes``; ``DELETE /revocation?principal=ID``
    lets them in again. What fails says so in ``failure``, beside what was done."""
    from aiohttp import web

    async def post(request: web.Request) -> web.Response:
        query = request.query
        block = float(query["block"]) if "block" in query else None
        done = await revoked(revoking, query["principal"], block, grants=query.get("grants") == "yes")
        return web.json_response(done, status=503 if "failure" in done else 200)

    async def delete(request: web.Request) -> web.Response:
        done = _kept_out(revoking, request.query["principal"], 0.0)
        return web.json_response(done, status=503 if "failure" in done else 200)

    return [web.post("/revocation", post), web.delete("/revocation", delete)]


async def revoked(revoking: Revoking, principal: str, block: float | None, *, grants: bool) -> dict[str, Any]:
    """First nobody comes in as *principal*, then what is open ends; what needs a record or the vault comes last, so
    that neither holds that up."""
    done: dict[str, Any] = {"principal": principal, "blocked_until": None, "revoked": []}
    if block is not None:
        done |= _kept_out(revoking, principal, block)
    ended = revoking.end(principal)
    done["ended"] = ended.document()
    try:
        revoking.record(principal, ended)
    except Refusal as refusal:
        done["failure"] = f"it can't be recorded, so grants are as they were: {refusal.reason}"
        return done
    if grants:
        done |= await _disconnected(revoking, principal)
    return done


def _kept_out(revoking: Revoking, principal: str, seconds: float) -> dict[str, Any]:
    try:
        until = revoking.keep_out(principal, seconds)
    except OSError as error:
        return {"failure": f"a restart will not know of it, for it can't be written down: {error}"}
    return {"blocked_until": until if seconds else None}


async def _disconnected(revoking: Revoking, principal: str) -> dict[str, Any]:
    try:
        return {"revoked": gone(await revoking.disconnect(principal))}
    except Refusal as refusal:
        return {"failure": f"not all of their grants are revoked: {refusal.reason}"}
    except (Unavailable, Unusable) as error:
        return {"failure": f"none of their grants is revoked: {error}"}
