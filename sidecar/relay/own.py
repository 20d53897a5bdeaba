"""What the sidecar itself answers: aiohttp applications that get their connections in memory."""

import asyncio
import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from sidecar.relay.pool import Dial, Upstream, dial_memory

if TYPE_CHECKING:
    from aiohttp import web

_UNBOUNDED = dict.fromkeys(("max_line_size", "max_field_size", "max_headers"), 1 << 30)
"""The relay has bounded the head already. aiohttp's own bounds are lower, and its complaint quotes the value: in the
answer and in the log, where a handle would stand."""
_AS_IT_COMES = {"auto_decompress": False}
"""No page of ours takes a packed body, and one that is packed badly would be a bug in aiohttp's log."""


class Own:
    """An application, made when it is first asked: aiohttp's import is no part of the way to a pod's first answer."""

    def __init__(self, make: "Callable[[], web.Application]", loop: asyncio.AbstractEventLoop) -> None:
        self._make = make
        self._loop = loop
        self._runner: web.AppRunner | None = None
        self._starting = asyncio.Lock()

    @property
    def dial(self) -> Dial:
        async def dial(make: Callable[[], Upstream]) -> tuple[asyncio.BaseTransport, Upstream]:
            server = await self._server()
            return await dial_memory(server, self._loop)(make)

        return dial

    async def _server(self) -> Callable[[], asyncio.Protocol]:
        async with self._starting:
            if self._runner is None:
                # In a thread: 100 ms of importing at the first probe must not hold up everyone's streams.
                web = await asyncio.to_thread(importlib.import_module, "aiohttp.web")
                runner = web.AppRunner(
                    self._make(), access_log=None, handle_signals=False, **_UNBOUNDED, **_AS_IT_COMES
                )
                await runner.setup()
                self._runner = runner
            server: Callable[[], asyncio.Protocol] | None = self._runner.server
            if server is None:
                raise ConnectionRefusedError("the application has ended")
            return server

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
