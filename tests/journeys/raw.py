"""A request as raw bytes and its answer as they come: for what no well-behaved client would send."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tests.running import Running


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes
    """As it came: chunks, where there are any, are still in it."""

    @property
    def content(self) -> bytes:
        """The body without its framing."""
        return unchunked(self.body) if self.headers.get("transfer-encoding") == "chunked" else self.body

    def json(self) -> Any:
        return json.loads(self.content)

    def echoed(self, name: str) -> list[str]:
        """The values of a header as ``/echo`` saw it."""
        return [value for key, value in self.json()["headers"] if key == name]


def unchunked(body: bytes) -> bytes:
    out, rest = b"", body
    while True:
        size, _, rest = rest.partition(b"\r\n")
        count = int(size, 16)
        if not count:
            return out
        out, rest = out + rest[:count], rest[count + 2 :]


def answer(data: bytes) -> Answer:
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    fields = (line.partition(":") for line in lines)
    return Answer(int(first.split()[1]), {name.lower(): value.strip() for name, _, value in fields}, body)


async def say(running: Running, data: bytes) -> Answer:
    """Send *data* on a connection of its own and read until the answer has ended."""
    async with connection(running) as (reader, writer):
        writer.write(data)
        return await read_answer(reader)


@asynccontextmanager
async def connection(
    running: Running, *, within: float = 10.0, limit: int = 65536
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to inbound, whose use may take so many seconds; *limit* is the bytes that are read ahead."""
    async with asyncio.timeout(within):
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port, limit=limit)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    """One answer, by its length, its chunks or the end of the connection."""
    head = await reader.readuntil(b"\r\n\r\n")
    found = answer(head)
    if "content-length" in found.headers:
        body = await reader.readexactly(int(found.headers["content-length"]))
    elif found.headers.get("transfer-encoding") == "chunked":
        body = await _chunks(reader)
    elif found.status in (204, 304) or found.status < 200:
        body = b""
    else:
        body = await reader.read()
    return Answer(found.status, found.headers, body)


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while True:
        size = await reader.readuntil(b"\r\n")
        body += size
        count = int(size, 16)
        if count:
            body += await reader.readexactly(count + 2)
            continue
        while (line := await reader.readuntil(b"\r\n")) != b"\r\n":
            body += line
        return body + line
