"""MCP spoken by hand, for what no well-behaved client would say."""

import http.client
import json
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tests.clients.mcp.stage import Stage

MODERN, LEGACY = "2026-07-28", "2025-11-25"
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientInfo": {"name": "by-hand", "version": "1.0.0"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
ACCEPT = ("Accept", "application/json, text/event-stream")
JSON = ("Content-Type", "application/json")
_CLIENT = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "by-hand", "version": "1.0.0"}}
SECONDS = 10.0
Fields = Iterable[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Heard:
    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes = field(repr=False)

    @property
    def code(self) -> str | None:
        return self.headers.get("sidecar-error")

    def message(self) -> dict[str, Any]:
        """The message in it, or the last of a stream; empty where there is none."""
        events = [line[5:] for line in self.body.splitlines() if line.startswith(b"data:") and line[5:].strip()]
        try:
            found = json.loads(events[-1] if events else self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def tools(self) -> list[str]:
        return [tool["name"] for tool in self.message()["result"]["tools"]]


class Line:
    """A connection that is kept, to one desk, in one era. What is said on it says each time for whom."""

    def __init__(self, stage: Stage, desk: str, version: str) -> None:
        there = urlsplit(stage.egress)
        assert there.hostname is not None
        self.version, self._path = version, f"/to/{desk}"
        self._connection = http.client.HTTPConnection(there.hostname, there.port, timeout=SECONDS)

    def close(self) -> None:
        self._connection.close()

    def say(self, method: str, body: bytes, fields: Fields) -> Heard:
        """As it is; ``Content-Length`` is the only header that is added."""
        connection = self._connection
        connection.putrequest(method, self._path, skip_accept_encoding=True)
        for name, value in fields:
            connection.putheader(name, value.encode("latin-1"))
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        with connection.getresponse() as answer:
            headers = {name.lower(): value for name, value in answer.getheaders()}
            return Heard(answer.status, headers, answer.read())

    def post(self, handle: str, message: object, session: str | None = None) -> Heard:
        """A message as it should be."""
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        return self.say("POST", body, [*self.fields(handle, session), *mirrored(message, self.version)])

    def fields(self, handle: str, session: str | None = None) -> Sequence[tuple[str, str]]:
        """What every request has."""
        told = [("X-Identity-Invocation", handle), ACCEPT, JSON, ("MCP-Protocol-Version", self.version)]
        return [*told, ("Mcp-Session-Id", session)] if session else told

    def begin(self, handle: str) -> str | None:
        """Shake hands, in the era that does; the session's id, where there is one."""
        if self.version == MODERN:
            return None
        heard = self.post(handle, {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": _CLIENT})
        assert heard.status == 200, heard
        session = heard.headers.get("mcp-session-id")
        self.post(handle, {"jsonrpc": "2.0", "method": "notifications/initialized"}, session)
        return session


def request(method: str, version: str = MODERN, **params: Any) -> dict[str, Any]:
    whole = {**params, "_meta": META} if version == MODERN else params
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": whole}


def call(tool: object, arguments: object = None, version: str = MODERN) -> dict[str, Any]:
    return request("tools/call", version, name=tool, arguments={} if arguments is None else arguments)


def mirrored(message: object, version: str) -> list[tuple[str, str]]:
    """The headers that say again what *message* says, in the era that has them."""
    if version != MODERN or not isinstance(message, dict) or not isinstance(message.get("method"), str):
        return []
    params = message.get("params")
    name = params.get("name", params.get("uri")) if isinstance(params, dict) else None
    found = [("Mcp-Method", message["method"])]
    return [*found, ("Mcp-Name", encoded(name))] if isinstance(name, str) else found


def encoded(value: str) -> str:
    """As a header's value: base64 where it isn't plain (2026-07-28, "Streamable HTTP")."""
    plain = value.isascii() and value.isprintable() and value == value.strip() and not value.startswith("=?")
    return value if plain else f"=?base64?{b64encode(value.encode('utf-8', 'surrogatepass')).decode()}?="
