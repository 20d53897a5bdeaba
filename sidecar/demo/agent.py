"""The demo's agent: an ordinary HTTP server that has never heard of tokens. It reads headers, greets who called, looks
things up for them and uses tools for them, without a credential of its own."""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

import aiohttp
from aiohttp import web

from sidecar.demo import travel

EVENTS = 5
PAUSE = 0.05
"""Seconds between two events of the stream."""
_META = {
    "io.modelcontextprotocol/protocolVersion": travel.VERSION,
    "io.modelcontextprotocol/clientInfo": {"name": "demo-agent", "version": "1.0.0"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


def application(sidecar: Callable[[], str]) -> web.Application:
    """``/`` greets, ``/whoami`` shows the identity headers that arrived, ``/stream`` sends server-sent events.
    ``/look-up/<route>/<path>`` asks what is behind a route of the sidecar's, and ``/elsewhere`` what is behind none.
    ``/tools`` lists the travel desk's tools, as a model would be given them, and ``/tools/<tool>`` calls one, with the
    query as its arguments.

    *sidecar* gives the URL that an agent of one's own reads from ``SIDECAR_URL``.
    """

    async def look_up(request: web.Request) -> web.Response:
        return await _asked(request, f"{sidecar()}/to/{request.match_info['where']}")

    async def elsewhere(request: web.Request) -> web.Response:
        return await _asked(request, "http://elsewhere.example.com/", proxy=sidecar())

    async def tools(request: web.Request) -> web.Response:
        return await _asked(request, f"{sidecar()}/to/travel", message=("tools/list", {}))

    async def tool(request: web.Request) -> web.Response:
        params = {"name": request.match_info["tool"], "arguments": dict(request.query)}
        return await _asked(request, f"{sidecar()}/to/travel", message=("tools/call", params))

    app = web.Application()
    app.add_routes([web.get("/", _hello), web.get("/whoami", _whoami), web.get("/stream", _stream)])
    app.add_routes([web.get("/look-up/{where:.+}", look_up), web.get("/elsewhere", elsewhere)])
    app.add_routes([web.get("/tools", tools), web.get("/tools/{tool}", tool)])
    return app


async def _asked(
    request: web.Request, url: str, *, proxy: str | None = None, message: tuple[str, Mapping[str, Any]] | None = None
) -> web.Response:
    """What is answered at *url* to whom the caller's handle names; problems as they came. *message*: method and
    parameters of what is said to an MCP server."""
    headers = {"X-Identity-Invocation": request.headers["X-Identity-Invocation"]}
    body = None
    if message is not None:
        method, params = message
        headers |= {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": travel.VERSION}
        headers |= {"Mcp-Method": method} | ({"Mcp-Name": params["name"]} if "name" in params else {})
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": _META}}
    async with (
        aiohttp.ClientSession() as session,
        session.request("GET" if body is None else "POST", url, headers=headers, json=body, proxy=proxy) as answer,
    ):
        code = answer.headers.get("Sidecar-Error")
        return web.json_response({"status": answer.status, "code": code, "answer": await answer.text()})


async def _hello(request: web.Request) -> web.Response:
    return web.Response(text=f"hello, {_caller(request)}\n")


async def _whoami(request: web.Request) -> web.Response:
    shown = {name: _shown(name, value) for name, value in request.headers.items() if _of_identity(name)}
    answer = {"greeting": f"hello, {_caller(request)}", "headers": shown}
    return web.Response(text=json.dumps(answer, indent=2) + "\n", content_type="application/json")


async def _stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    await response.prepare(request)
    for number in range(1, EVENTS + 1):
        await response.write(f"data: {number} of {EVENTS} for {_caller(request)}\n\n".encode())
        await asyncio.sleep(PAUSE)
    return response


def _caller(request: web.Request) -> str:
    return unquote(request.headers.get("X-Identity-Subject", "whoever you are"))


def _of_identity(name: str) -> bool:
    lower = name.lower().replace("_", "-")
    return lower.startswith(("x-identity-", "x-forwarded-")) or lower in {"authorization", "traceparent"}


def _shown(name: str, value: str) -> str:
    """*value*, but no credential: an agent that echoed its handle would give its caller's rights away."""
    secret = {"x-identity-invocation": "ih_… (the handle; it stays with the agent)", "authorization": "…"}
    return secret.get(name.lower(), value)
