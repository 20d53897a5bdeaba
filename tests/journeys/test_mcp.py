"""A user of an MCP server agrees in the protocol's own way: the real sidecar before a certified provider."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.journeys.granting import API, READ, Stage, stage
from tests.world import Answer, Seen

NEW = "2026-07-28"
META = {
    "io.modelcontextprotocol/protocolVersion": NEW,
    "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"url": {}}},
}
MIRRORED = {"MCP-Protocol-Version": NEW, "Mcp-Method": "tools/call", "Mcp-Name": "book"}
DONE = {"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": "booked"}]}}


def call(name: str = "book", **more: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, **more}}


def server(_seen: Seen) -> Answer:
    return Answer(200, [("Content-Type", "application/json")], json.dumps(DONE).encode())


@asynccontextmanager
async def desk(folder: Path) -> AsyncIterator[Stage]:
    """The world's API is an MCP server, of which everyone may use one tool with their own calendar."""
    async with stage(folder) as at:
        route = {
            "url": at.world.url(API, "/mcp"),
            "mcp": True,
            "provider": "calendar",
            "scopes": [READ],
            "private": True,
        }
        who = {"who": "any", "provider": "calendar", "scopes": [READ], "tools": ["desk/book"]}
        at.running.write({**at.given, "egress": {"routes": {"desk": route}}, "capabilities": {"book": who}})
        at.running.reload()
        await at.running.said("the configuration was read again: taken")
        at.world.says[API] = server
        yield at


async def say(at: Stage, handle: str, said: object, headers: dict[str, str] | None = None) -> Any:
    url, whose = f"{at.running.listener('egress')}/to/desk", {"X-Identity-Invocation": handle}
    async with at.client.post(url, json=said, headers={**whose, **(headers or {})}) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def test_an_older_client_is_sent_to_the_page_and_calls_again(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        alice = await at.handle("alice")
        assert (await say(at, alice, call("other")))["error"]["data"]["code"] == "tool_denied"
        error = (await say(at, alice, call()))["error"]
        assert error["code"] == -32042
        (asked,) = error["data"]["elicitations"]
        assert asked["url"].startswith(f"{at.public_url}/connect/")
        assert not at.world.requests
        await at.agree(asked["url"], "alice")
        assert await say(at, alice, call()) == DONE
        (seen,) = at.world.requests
        assert json.loads(seen.body) == call()
        event = await at.running.event(lambda event: event["name"] == "identity.tool_called")
        assert event["attributes"]["identity.tool"] == "desk/book"
        assert event["attributes"]["identity.principal.subject"] == "alice"


async def test_a_newer_client_is_waited_for_while_its_user_agrees(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        alice = await at.handle("alice")
        result = (await say(at, alice, call(_meta=META), MIRRORED))["result"]
        ((key, asked),) = result["inputRequests"].items()
        assert (result["resultType"], asked["method"]) == ("input_required", "elicitation/create")
        again = call(_meta=META, inputResponses={key: {"action": "accept"}})
        coming = asyncio.ensure_future(say(at, alice, again, MIRRORED))
        await at.agree(asked["params"]["url"], "alice")
        assert await coming == DONE
        (seen,) = at.world.requests
        assert json.loads(seen.body) == call(_meta=META)
        declined = call(_meta=META, inputResponses={key: {"action": "decline"}})
        carol = await at.handle("carol")
        assert (await say(at, carol, declined, MIRRORED))["error"]["message"] == "The user did not agree."
