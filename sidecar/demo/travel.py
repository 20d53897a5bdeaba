"""The demo's MCP server: a travel desk with two tools, one of which spends money. It asks nobody who they are.

It speaks the protocol's revision 2026-07-28, which has neither sessions nor a handshake: every POST is one JSON-RPC
message, whose method and name stand in headers, too, and is answered with one. What a client has to say in each is
checked as a server has to.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

VERSION = "2026-07-28"
LIST, BOOK = "list_trips", "book_trip"
TRIPS = ("Oxford", "Wonderland")
_INVALID_REQUEST, _METHOD_NOT_FOUND, _INVALID_PARAMS, _HEADER_MISMATCH = -32600, -32601, -32602, -32020
_WHO = {"io.modelcontextprotocol/serverInfo": {"name": "travel-desk", "version": "1.0.0"}}
_FRESH = {"ttlMs": 0, "cacheScope": "public"}
"""Everybody gets the same list from here: who sees less of it does so because of the sidecar."""
_TO = {"type": "object", "properties": {"to": {"type": "string", "enum": [*TRIPS]}}, "required": ["to"]}
TOOLS = (
    {"name": LIST, "description": "Where one can go.", "inputSchema": {"type": "object"}},
    {"name": BOOK, "description": "Book a trip, and pay for it.", "inputSchema": _TO},
)


@dataclass(slots=True)
class Travel:
    booked: list[str] = field(default_factory=list)
    """Where to, trip by trip."""

    def application(self) -> web.Application:
        app = web.Application()
        app.add_routes([web.post("/mcp", self._message)])
        return app

    async def _message(self, request: web.Request) -> web.Response:
        """Streamable HTTP: the headers say the method and the name once more, and must say the same."""
        try:
            message = json.loads(await request.read())
            method, params = message["method"], message["params"]
            named = params.get("name")
        except (ValueError, KeyError, TypeError, AttributeError):
            return _failed(400, None, _INVALID_REQUEST, "This is no message.")
        said = tuple(request.headers.get(name) for name in ("MCP-Protocol-Version", "Mcp-Method", "Mcp-Name"))
        if said != (VERSION, method, named):
            return _failed(400, message.get("id"), _HEADER_MISMATCH, "The headers say something else.")
        return self._answered(message.get("id"), method, params)

    def _answered(self, number: object, method: str, params: Mapping[str, Any]) -> web.Response:
        if method == "server/discover":
            return _result(number, {"supportedVersions": [VERSION], "capabilities": {"tools": {}}, **_FRESH})
        if method == "tools/list":
            return _result(number, {"tools": TOOLS, **_FRESH})
        if method == "tools/call":
            return self._called(number, params)
        return _failed(404, number, _METHOD_NOT_FOUND, "Method not found")

    def _called(self, number: object, params: Mapping[str, Any]) -> web.Response:
        tool, to = params["name"], (params.get("arguments") or {}).get("to")
        if tool == LIST:
            return _told(number, ", ".join(TRIPS))
        if tool != BOOK or to not in TRIPS:
            return _failed(200, number, _INVALID_PARAMS, "There is no such tool, or no such trip.")
        self.booked.append(to)
        return _told(number, f"{to} is booked and paid for")


def _told(number: object, text: str) -> web.Response:
    return _result(number, {"content": [{"type": "text", "text": text}], "isError": False})


def _result(number: object, result: Mapping[str, Any]) -> web.Response:
    whole = {"resultType": "complete", "_meta": _WHO, **result}
    return web.json_response({"jsonrpc": "2.0", "id": number, "result": whole})


def _failed(status: int, number: object, code: int, message: str) -> web.Response:
    error = {"code": code, "message": message}
    return web.json_response({"jsonrpc": "2.0", "id": number, "error": error}, status=status)
