"""The agent behind every proxy: as cheap and steady as Python can make it, and the same for all.

It answers by path: ``/1m`` 1 MiB, ``/sse/N`` a stream, ``/echo`` the head as it arrived, anything else 1 KB of JSON.
A stream sends one event for each byte N that arrives on the *tick* port, so whoever measures sets the pace, one event
after another has gone through, without timers. Byte 255 ends all streams. The two ports are the first line of output.
"""

import asyncio
import gc
import json
import sys

import uvloop
from typing_extensions import override

SMALL = 1024
LARGE = 1 << 20
END_STREAMS = 255


def answer(body: bytes, kind: bytes = b"application/json") -> bytes:
    """A response that keeps the connection open."""
    return b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n%b" % (kind, len(body), body)


def padded(size: int) -> bytes:
    """A JSON object of exactly *size* bytes."""
    shell = b'{"answer": ""}'
    return shell[:-2] + b"a" * (size - len(shell)) + shell[-2:]


DATA = b'data: {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": " itinerary"}}\n\n'
EVENT = b"%x\r\n%b\r\n" % (len(DATA), DATA)
STREAM = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n"
    b"X-Accel-Buffering: no\r\nTransfer-Encoding: chunked\r\n\r\n"
)
ANSWER = answer(padded(SMALL))
MEBIBYTE = answer(padded(LARGE))
STREAMS: dict[int, asyncio.Transport] = {}


class Agent(asyncio.Protocol):
    """One connection; requests have no body and come one at a time."""

    def __init__(self) -> None:
        self._head = b""

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]  # a server's are Transports

    @override
    def data_received(self, data: bytes) -> None:
        self._head += data
        if not self._head.endswith(b"\r\n\r\n"):
            return
        head, self._head = self._head, b""
        if head.startswith(b"GET /sse/"):
            STREAMS[int(head.split(b" ", 2)[1][5:])] = self._transport
            self._transport.write(STREAM)
        elif head.startswith(b"GET /1m"):
            self._transport.write(MEBIBYTE)
        elif head.startswith(b"GET /echo"):
            self._transport.write(answer(head, b"text/plain"))
        else:
            self._transport.write(ANSWER)


class Tick(asyncio.Protocol):
    """The measurer's hand on the streams."""

    @override
    def data_received(self, data: bytes) -> None:
        for number in data:
            if number == END_STREAMS:
                for stream in STREAMS.values():
                    stream.write(b"0\r\n\r\n")
                STREAMS.clear()
            else:
                STREAMS[number].write(EVENT)


async def serve() -> None:
    """Listen on two free ports until killed."""
    loop = asyncio.get_running_loop()
    agent = await loop.create_server(Agent, "127.0.0.1", 0, backlog=2048)
    tick = await loop.create_server(Tick, "127.0.0.1", 0)
    ports = [server.sockets[0].getsockname()[1] for server in (agent, tick)]
    sys.stdout.write(json.dumps(ports) + "\n")
    sys.stdout.flush()
    gc.freeze()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve())
