"""``fastmcp``'s client: ``Client(StreamableHttpTransport(…), mode=…)``."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport
from mcp.shared.exceptions import MCPError

Error = MCPError


class Session:
    """An open one, in the words of ``visit``."""

    def __init__(self, client: Client[Any]) -> None:
        self._client = client

    @property
    def version(self) -> str:
        return str(self._client.session.protocol_version)

    async def page(self, what: str, cursor: str | None) -> tuple[list[str], str | None]:
        listing = {
            "tools": self._client.list_tools_mcp,
            "prompts": self._client.list_prompts_mcp,
            "resources": self._client.list_resources_mcp,
            "resource_templates": self._client.list_resource_templates_mcp,
        }[what]
        found = await listing(cursor=cursor)
        return [_name(each) for each in getattr(found, what)], found.next_cursor

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> str:
        return _told(await self._client.call_tool_mcp(tool, dict(arguments)))

    async def count(self) -> tuple[str, list[float]]:
        begun, notes = time.monotonic(), list[float]()

        async def note(progress: float, total: float | None, message: str | None) -> None:
            notes.append(time.monotonic() - begun)

        return _told(await self._client.call_tool_mcp("count", {}, progress_handler=note)), notes

    async def read(self, uri: str) -> str:
        return str(getattr((await self._client.read_resource(uri))[0], "text", ""))

    async def prompt(self, name: str) -> str:
        return str(getattr((await self._client.get_prompt(name)).messages[0].content, "text", ""))


@asynccontextmanager
async def session(url: str, headers: Mapping[str, str], mode: str) -> AsyncIterator[Session]:
    async with Client(StreamableHttpTransport(url, headers=dict(headers)), mode=mode) as client:
        yield Session(client)


def _name(listed: Any) -> str:
    return str(getattr(listed, "uri", None) or getattr(listed, "uri_template", None) or listed.name)


def _told(result: Any) -> str:
    text = " ".join(block.text for block in result.content if block.type == "text")
    return f"error: {text}" if result.is_error else text
