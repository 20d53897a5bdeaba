"""A stand-in for the sidecar's egress listener, the harshest that there can be: it passes every tunnel on blindly.

So whatever a client puts into a tunnel arrives at the world outside, where a test looks for it.
"""

import asyncio
import base64
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True, slots=True)
class Came:
    """A request's head, as it came to this listener itself."""

    method: str
    target: str
    headers: Mapping[str, str]
    """By lower-case name."""

    @property
    def user(self) -> str | None:
        """The proxy's user."""
        scheme, _, value = self.headers.get("proxy-authorization", "").partition(" ")
        assert scheme in ("", "Basic")
        return base64.b64decode(value).decode().removesuffix(":") if value else None

    @property
    def header(self) -> str | None:
        return self.headers.get("x-identity-invocation")


@dataclass
class WayOut:
    """``resolve``: where tunnels lead, by ``host:port``."""

    resolve: Mapping[str, tuple[str, int]]
    port: int = 0
    came: list[Came] = field(default_factory=list)
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def tunnels(self) -> list[str | None]:
        """Whose they were, in their order."""
        return [came.user for came in self.came if came.method == "CONNECT"]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                method, target, _ = head[0].split(" ")
                pairs = (line.partition(": ") for line in head[1:] if line)
                came = Came(method, target, {name.lower(): value for name, _, value in pairs})
                self.came.append(came)
                if method == "CONNECT":
                    await self._tunnel(target, reader, writer)
                    break
                await reader.readexactly(int(came.headers.get("content-length", 0)))
                writer.write(self._answer(came))
        writer.close()

    def _answer(self, came: Came) -> bytes:
        to = parse_qs(urlsplit(came.target).query).get("to")
        body = json.dumps({"headers": dict(came.headers)}).encode()
        line = f"HTTP/1.1 302 Found\r\nLocation: {to[0]}" if to else "HTTP/1.1 200 OK"
        return f"{line}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body

    async def _tunnel(self, target: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if target not in self.resolve:
            writer.write(b"HTTP/1.1 403 destination_denied\r\nContent-Length: 0\r\n\r\n")
            return
        there, back = await asyncio.open_connection(*self.resolve[target])
        self._writers.add(back)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await asyncio.gather(_pump(reader, back), _pump(there, writer))

    async def close(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0.01)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@contextmanager
def standing(resolve: Mapping[str, tuple[str, int]]) -> Iterator[WayOut]:
    """In a thread of its own, for clients that block."""
    way_out, up, down = WayOut(resolve), threading.Event(), threading.Event()

    async def live() -> None:
        server: Any = await asyncio.start_server(way_out.serve, "127.0.0.1", 0)
        way_out.port = server.sockets[0].getsockname()[1]
        up.set()
        await asyncio.to_thread(down.wait)
        server.close()
        await way_out.close()

    thread = threading.Thread(target=asyncio.run, args=(live(),), name="way out")
    thread.start()
    try:
        assert up.wait(10)
        yield way_out
    finally:
        down.set()
        thread.join()
