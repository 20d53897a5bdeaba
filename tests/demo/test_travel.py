"""The demo's MCP server, to a client that nobody here wrote and to what isn't one."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import pytest

from sidecar.demo.server import serving
from sidecar.demo.travel import BOOK, LIST, VERSION, Travel
from tests.clients.mcp.stage import visitors

HEADERS = {"MCP-Protocol-Version": VERSION, "Mcp-Method": "tools/call", "Mcp-Name": BOOK}
CALL = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": BOOK, "arguments": {"to": "Oxford"}}}


@pytest.fixture
def travel() -> Travel:
    return Travel()


@pytest.fixture
async def url(travel: Travel) -> AsyncIterator[str]:
    async with serving(travel.application()) as url:
        yield f"{url}/mcp"


async def asked(url: str, message: object, headers: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
    async with aiohttp.ClientSession() as session, session.post(url, json=message, headers=headers) as answer:
        return answer.status, await answer.json()


async def test_the_official_client_lists_and_calls(travel: Travel, url: str) -> None:
    plan = {"url": url, "headers": {}, "mode": "auto", "calls": [[LIST, {}], [BOOK, {"to": "Oxford"}], ["fly", {}]]}
    # In a thread: the server is on this loop.
    (came,) = await asyncio.to_thread(visitors()["typescript"].visit, [plan], {})
    assert (came["version"], came["tools"]) == (VERSION, [[LIST, BOOK]])
    assert came["calls"] == ["Oxford, Wonderland", "Oxford is booked and paid for", "refused -32602"]
    assert travel.booked == ["Oxford"]


async def test_it_books_what_there_is(travel: Travel, url: str) -> None:
    status, answer = await asked(url, CALL, HEADERS)
    assert (status, answer["id"], travel.booked) == (200, 7, ["Oxford"])
    params = {"name": BOOK, "arguments": {"to": "Mars"}}
    status, answer = await asked(url, CALL | {"params": params}, HEADERS)
    assert (status, answer["error"]["code"], travel.booked) == (200, -32602, ["Oxford"])


@pytest.mark.parametrize("name", [*HEADERS])
async def test_headers_that_say_something_else_are_refused(travel: Travel, url: str, name: str) -> None:
    status, answer = await asked(url, CALL, HEADERS | {name: "other"})
    assert (status, answer["error"]["code"], travel.booked) == (400, -32020, [])


@pytest.mark.parametrize("message", [[], [CALL], "x", {}, {"method": "tools/list"}, {"method": "x", "params": 1}])
async def test_what_is_no_message_is_refused(url: str, message: object) -> None:
    status, answer = await asked(url, message, HEADERS)
    assert (status, answer["error"]["code"]) == (400, -32600)


async def test_methods_that_it_does_not_know_are_refused(url: str) -> None:
    message = {"jsonrpc": "2.0", "id": 1, "method": "prompts/list", "params": {}}
    status, answer = await asked(url, message, {"MCP-Protocol-Version": VERSION, "Mcp-Method": "prompts/list"})
    assert (status, answer["error"]["code"]) == (404, -32601)
