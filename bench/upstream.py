"""The world behind every way out: the same cheap answers over plain HTTP and over TLS.

``/echo`` is answered with the head as it arrived, ``/connections`` with how many were accepted so far, anything else
with 1 KB of JSON. ``upstream.py CERTIFICATE`` (a PEM file with its key); the first line of output is the plain port
and that of TLS.
"""

import asyncio
import gc
import json
import ssl
import sys

import uvloop
from agent import ANSWER, answer
from typing_extensions import override


class Upstream(asyncio.Protocol):
    """One connection; requests have no body and come one at a time."""

    accepted = 0

    def __init__(self) -> None:
        self._head = b""

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        Upstream.accepted += 1
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]  # a server's are Transports

    @override
    def data_received(self, data: bytes) -> None:
        self._head += data
        if not self._head.endswith(b"\r\n\r\n"):
            return
        head, self._head = self._head, b""
        if head.startswith(b"GET /echo"):
            self._transport.write(answer(head, b"text/plain"))
        elif head.startswith(b"GET /connections"):
            self._transport.write(answer(b"%d" % Upstream.accepted, b"text/plain"))
        else:
            self._transport.write(ANSWER)


async def serve(certificate: str) -> None:
    """Listen on two free ports until killed."""
    loop = asyncio.get_running_loop()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.set_alpn_protocols(["http/1.1"])
    plain = await loop.create_server(Upstream, "127.0.0.1", 0, backlog=2048)
    secure = await loop.create_server(Upstream, "127.0.0.1", 0, backlog=2048, ssl=context)
    sys.stdout.write(json.dumps([server.sockets[0].getsockname()[1] for server in (plain, secure)]) + "\n")
    sys.stdout.flush()
    gc.freeze()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1]))
