"""The ``mcp`` package's client, as anybody would use it: ``Client(transport, mode=…)``."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from httpx2 import AsyncClient
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

Error = MCPError


class Session:
    """An open one, in the words of ``visit``."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @property
    def version(self) -> str:
        return str(self._client.protocol_version)

    async def page(self, what: str, cursor: str | None) -> tuple[list[str], str | None]:
        """Names (URIs, of resources) of one page, and the cursor of the next."""
        listing = {
            "tools": self._client.list_tools,
            "prompts": self._client.list_prompts,
            "resources": self._client.list_resources,
            "resource_templates": self._client.list_resource_templates,
        }[what]
        found = await listing(cursor=cursor)
        return [_name(each) for each in getattr(found, what)], found.next_cursor

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> str:
        return _told(await self._client.call_tool(tool, dict(arguments)))

    async def count(self) -> tuple[str, list[float]]:
        """What ``count`` says at the end, and when each of its notes was here: seconds since the call."""
        begun, notes = time.monotonic(), list[float]()

        async def note(progress: float, total: float | None, message: str | None) -> None:
            notes.append(time.monotonic() - begun)

        return _told(await self._client.call_tool("count", {}, progress_callback=note)), notes

    async def read(self, uri: str) -> str:
        return str(getattr((await self._client.read_resource(uri)).contents[0], "text", ""))

    async def prompt(self, name: str) -> str:
        return str(getattr((await self._client.get_prompt(name)).messages[0].content, "text", ""))


@asynccontextmanager
async def session(url: str, headers: Mapping[str, str], mode: str) -> AsyncIterator[Session]:
    async with (
        AsyncClient(headers=dict(headers)) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode) as client,
    ):
        yield Session(client)


def _name(listed: Any) -> str:
    return str(getattr(listed, "uri", None) or getattr(listed, "uri_template", None) or listed.name)


def _told(result: Any) -> str:
    text = " ".join(block.text for block in result.content if block.type == "text")
    return f"error: {text}" if result.is_error else text
