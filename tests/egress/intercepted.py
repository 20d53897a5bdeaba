"""TLS as an agent's client and our CA speak it: in memory, and to real clients on a real socket."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from sidecar.egress.ca import Authority
from sidecar.keyring.root import Root

NOW = float(int(time.time()))
"""When the certificates are made: real verifiers look at the real clock."""
STRICT = ssl.VerifyFlags.VERIFY_X509_STRICT | ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
"""What Python 3.13 has on by itself (``ssl.create_default_context``)."""
HOSTS = frozenset({"api.example.com", "files.example.org"})


def authority(
    folder: Path, hosts: frozenset[str] = HOSTS, *, key: bytes = b"k" * 32, clock: Callable[[], float] = lambda: NOW
) -> Authority:
    return Authority.opened(folder, Root(key), hosts, clock)


def client(pem: bytes) -> ssl.SSLContext:
    """A client that trusts *pem* alone, and is as strict as any."""
    context = ssl.create_default_context(cadata=pem.decode())
    context.verify_flags |= STRICT
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


def shaken(server: ssl.SSLContext, context: ssl.SSLContext, name: str | None) -> ssl.SSLObject:
    """The client's end of a handshake with *name* as the server's, in memory. Raise what the client raises."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = context.wrap_bio(to_client, to_server, server_hostname=name)
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(3):
        with suppress(ssl.SSLWantReadError):
            ours.do_handshake()
        with suppress(ssl.SSLError):  # the client tells more of it
            theirs.do_handshake()
    ours.do_handshake()
    return ours


@asynccontextmanager
async def answering(context: ssl.SSLContext) -> AsyncIterator[int]:
    """The port of a TLS server on loopback that answers any request with ``intercepted``."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\nConnection: close\r\n\r\nintercepted")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]
