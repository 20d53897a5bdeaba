"""Visits to MCP servers, in a process of its own: ``python -m tests.clients.mcp.visit CLIENT PLAN``.

PLAN is a JSON list of visits, made at a time; each is ``{"url", "headers", "mode", "calls": [[tool, arguments], …]}``.
Prints for each, in that order, what it came to: the protocol's version, every page of every list, what each call, the
counting, a prompt and two resources came back with. What was refused is ``refused CODE``.
"""

import asyncio
import importlib
import json
import sys
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any

MOST_PAGES = 30
URIS = ("trip://all", "trip://Oxford")


async def pages(session: Any, what: str) -> list[list[str]]:
    found, cursor = list[list[str]](), None
    while not found or (cursor is not None and len(found) < MOST_PAGES):
        names, cursor = await session.page(what, cursor)
        found.append(names)
    return found


async def outcome(client: Any, doing: Awaitable[Any]) -> Any:
    try:
        return await doing
    except client.Error as error:
        return f"refused {error.error.code}"


async def visit(client: Any, plan: Mapping[str, Any]) -> dict[str, Any]:
    async with client.session(plan["url"], plan["headers"], plan["mode"]) as session:
        told = {"version": session.version}
        for what in ("tools", "prompts", "resources", "resource_templates"):
            told[what] = await outcome(client, pages(session, what))
        told["calls"] = [
            await outcome(client, session.call(tool, arguments)) for tool, arguments in plan.get("calls", ())
        ]
        told["count"] = await outcome(client, session.count())
        told["prompt"] = await outcome(client, session.prompt("welcome"))
        told["read"] = [await outcome(client, session.read(uri)) for uri in URIS]
        return told


async def visited(client: Any, plan: Mapping[str, Any]) -> dict[str, Any]:
    """A visit; one that doesn't get past the door comes to the status that it was turned away with."""
    try:
        return await visit(client, plan)
    except BaseExceptionGroup as group:
        found: BaseException = group
        while isinstance(found, BaseExceptionGroup):
            found = found.exceptions[0]
        return {"failed": f"{type(found).__name__}: {found}"}
    except Exception as error:  # noqa: BLE001  # whatever it is, the test wants to read it
        return {"failed": f"{type(error).__name__}: {error}"}


async def all_of(client: Any, plans: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return await asyncio.gather(*(visited(client, plan) for plan in plans))


if __name__ == "__main__":
    told = asyncio.run(all_of(importlib.import_module(f"tests.clients.mcp.{sys.argv[1]}"), json.loads(sys.argv[2])))
    sys.stdout.write(json.dumps(told))
