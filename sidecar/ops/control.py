"""The control socket's application: what the commands ask a running sidecar.

Only ``state.dir/control.sock`` (0600) leads here, so who asks may read the state directory anyway.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING

from sidecar.ops.health import plain
from sidecar.ops.status import Reloaded, Status

if TYPE_CHECKING:
    from aiohttp import web


def application(
    *,
    status: Callable[[], Status],
    reload: Callable[[], Awaitable[Reloaded]],
    more: "Iterable[web.AbstractRouteDef]" = (),
) -> "web.Application":
    """Serve ``GET /status`` and ``POST /reload``; a reload that was refused is a 422 that says what is wrong."""
    from aiohttp import web

    async def get_status(_request: web.Request) -> web.Response:
        return web.json_response(status().document())

    async def post_reload(_request: web.Request) -> web.Response:
        outcome = await reload()
        return web.json_response(outcome.document(), status=422 if outcome.problems else 200)

    app = web.Application()
    app.add_routes([web.get("/status", get_status), web.post("/reload", post_reload), *more])
    app.on_response_prepare.append(plain)
    return app
