"""Listens for word of changed tools, with the ``mcp`` package's client: ``python -m tests.clients.mcp.listen URL HANDLE
MODE``. Prints ``listening LIST``, and ``changed LIST`` at each word: the names that are on the list then."""

import asyncio
import sys

from httpx2 import AsyncClient
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client


async def tell(client: Client, what: str) -> None:
    listed = await client.list_tools(cache_mode="bypass")
    sys.stdout.write(f"{what} {','.join(tool.name for tool in listed.tools)}\n")
    sys.stdout.flush()


async def main(url: str, handle: str, mode: str) -> None:
    changes: asyncio.Queue[None] = asyncio.Queue()

    async def noted(message: object) -> None:
        """In the older era word comes unasked."""
        if "ToolListChanged" in type(getattr(message, "root", message)).__name__:
            changes.put_nowait(None)

    async with (
        AsyncClient(headers={"X-Identity-Invocation": handle}, timeout=60) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode, message_handler=noted) as client,
    ):
        if mode == "legacy":
            await tell(client, "listening")
            while True:
                await changes.get()
                await tell(client, "changed")
        async with client.listen(tools_list_changed=True) as subscription:
            await tell(client, "listening")
            async for _ in subscription:
                await tell(client, "changed")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
