"""An agent that calls the next one: ``/next/…`` goes to its own way out, by the route ``next``, for whoever called."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web


class Relaying:
    """``seen`` is what reached it: the path and the headers of each request, names in small letters."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.egress = ""
        """Its sidecar's way out; set once that is up."""
        self.url = ""
        self._session: aiohttp.ClientSession

    def reached(self, path: str) -> bool:
        return any(seen == path for seen, _ in self.seen)

    def of(self, path: str) -> dict[str, str]:
        """The headers of the one request for *path*."""
        (found,) = [headers for seen, headers in self.seen if seen == path]
        return found

    async def _answer(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.seen.append((request.path, headers))
        if not request.path.startswith("/next/"):
            return web.json_response(headers)
        own = {"X-Identity-Invocation": headers["x-identity-invocation"]}
        url = f"{self.egress}/to/next{request.path.removeprefix('/next')}"
        async with self._session.get(url, headers=own) as answer:
            return web.Response(body=await answer.read(), status=answer.status)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Relaying"]:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            async with aiohttp.ClientSession() as self._session:
                yield self
        finally:
            await runner.cleanup()
