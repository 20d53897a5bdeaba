"""The health listener's application: yes or no for probes, numbers for Prometheus, no detail about anyone.

It listens where the whole cluster may come, so it says nothing that a stranger could use: why the sidecar isn't ready
is told on the control socket.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from sidecar.ops import metrics
from sidecar.ops.metrics import Sample

if TYPE_CHECKING:
    from aiohttp import web


def application(*, unready: Callable[[], Sequence[str]], samples: Callable[[], Iterable[Sample]]) -> "web.Application":
    """Serve ``/livez``, ``/readyz`` and ``/metrics``; *unready* gives the reasons why not (``readiness.unready``)."""
    from aiohttp import web

    async def livez(_request: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    async def readyz(_request: web.Request) -> web.Response:
        return web.Response(text="not ready\n", status=503) if unready() else web.Response(text="ready\n")

    async def exposition(_request: web.Request) -> web.Response:
        return web.Response(body=metrics.render(samples()).encode(), headers={"Content-Type": metrics.CONTENT_TYPE})

    app = web.Application()
    app.add_routes([web.get("/livez", livez), web.get("/readyz", readyz), web.get("/metrics", exposition)])
    app.on_response_prepare.append(plain)
    return app


async def plain(_request: "web.Request", response: "web.StreamResponse") -> None:
    """Neither cached nor sniffed, and without the versions of what serves it."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers.popall("Server", None)
