"""Applications served over real sockets, on TCP and on a unix socket."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

Serve = Callable[[web.Application], Awaitable[aiohttp.ClientSession]]
ServeUnix = Callable[[web.Application], Awaitable[Path]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Serve an application on loopback; a client session whose base is its address."""
    async with AsyncExitStack() as stack:

        async def serving(app: web.Application) -> aiohttp.ClientSession:
            runner = web.AppRunner(app)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            host, port = runner.addresses[0][:2]
            return await stack.enter_async_context(aiohttp.ClientSession(f"http://{host}:{port}"))

        yield serving


@pytest.fixture
async def serve_unix(tmp_path: Path) -> AsyncIterator[ServeUnix]:
    """Serve an application on a unix socket; the socket's path."""
    async with AsyncExitStack() as stack:

        async def serving(app: web.Application) -> Path:
            runner = web.AppRunner(app)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            path = tmp_path / "control.sock"
            await web.UnixSite(runner, path).start()
            return path

        yield serving
