"""Agents that a test makes by hand, for what no HTTP server would do; none of their connections outlives the test."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
"""What is done with one connection; when it returns, the connection is closed."""


@asynccontextmanager
async def listening(serve: Serve, at: int | Path = 0) -> AsyncIterator[str]:
    """Serve on a port (0: any) or on a unix socket; yields the agent's URL."""
    async with asyncio.TaskGroup() as group:
        tasks: set[asyncio.Task[None]] = set()

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                    await serve(reader, writer)
                    await writer.drain()
            finally:
                writer.close()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            tasks.add(group.create_task(handle(reader, writer)))

        if isinstance(at, Path):
            server, url = await asyncio.start_unix_server(accept, at), f"unix:{at}"
        else:
            server = await asyncio.start_server(accept, "127.0.0.1", at)
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server:
            yield url
        for task in tasks:
            task.cancel()


def always(answer: bytes, *, keep: bool = False) -> Serve:
    """The same answer to every request, which has no body; *keep* the connection open for more of them."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        while keep:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)

    return serve
