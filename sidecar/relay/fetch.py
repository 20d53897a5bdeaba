"""The sidecar's own calls: one small HTTP/1.1 exchange on a connection of its own, TLS verified, bounded in time and
size.

It is written on asyncio and llhttp rather than on a client library because the first call (an issuer's keys) stands
between a pod's start and its first answer, and a client library's import costs more than all the rest of that way.
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from httptools import HttpParserError, HttpResponseParser

from sidecar.wire.http import Fetch, Request, Response, Unreachable

_READ = 65536
_MOST_HEADERS = 200


class _Reader:
    """Collects one response from llhttp's calls."""

    def __init__(self, most: int) -> None:
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.complete = False
        self._most = most

    def on_header(self, name: bytes, value: bytes) -> None:
        key = name.decode("latin-1").lower()
        text = value.decode("latin-1")
        self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text
        if len(self.headers) > _MOST_HEADERS:
            raise Unreachable("the answer has too many headers")

    def on_body(self, piece: bytes) -> None:
        self.body += piece
        if len(self.body) > self._most:
            raise Unreachable(f"the answer is larger than {self._most} bytes")

    def on_message_complete(self) -> None:
        self.complete = True


def fetcher(*, tls: Callable[[], ssl.SSLContext], resolve: Mapping[str, str]) -> Fetch:
    """A ``Fetch`` that verifies with *tls* (made at its first use) and finds the hosts of *resolve* where that says."""
    made: list[ssl.SSLContext] = []

    def context() -> ssl.SSLContext:
        if not made:
            made.append(tls())
        return made[0]

    async def fetch(request: Request) -> Response:
        parts = urlsplit(request.url)
        host = parts.hostname or ""
        address, port = resolved(resolve, host, parts.port or (443 if parts.scheme == "https" else 80))
        secure: dict[str, Any] = {"ssl": context(), "server_hostname": host} if parts.scheme == "https" else {}
        try:
            async with asyncio.timeout(request.seconds):
                reader, writer = await asyncio.open_connection(address, port, **secure)
                try:
                    writer.write(_head(request, parts.netloc.rpartition("@")[2], parts.path or "/", parts.query))
                    return await _answer(reader, request.most)
                finally:
                    writer.transport.abort()
        except TimeoutError as error:
            raise Unreachable(f"no answer within {request.seconds:g} s") from error
        except ssl.SSLCertVerificationError as error:
            raise Unreachable(f"the certificate of {host} does not verify: {error.verify_message}") from error
        except (OSError, HttpParserError) as error:
            raise Unreachable(f"{type(error).__name__}: {_said(error)}") from error

    return fetch


def resolved(resolve: Mapping[str, str], host: str, port: int) -> tuple[str, int]:
    """Where *host* is to be found: ``host`` or ``host:port`` may be pinned to ``address`` or ``address:port``."""
    pinned = resolve.get(f"{host}:{port}") or resolve.get(host)
    if pinned is None:
        return host, port
    if pinned.startswith("["):
        address, _, rest = pinned[1:].partition("]")
        return address, int(rest[1:]) if rest.startswith(":") else port
    if pinned.count(":") == 1:
        address, _, text = pinned.partition(":")
        return address, int(text)
    return pinned, port


def _said(error: Exception) -> str:
    return (error.strerror or "") if isinstance(error, OSError) else "the answer is not HTTP"


def _head(request: Request, host: str, path: str, query: str) -> bytes:
    target = f"{path}?{query}" if query else path
    fields = {"Host": host, "Accept": "application/json", "Accept-Encoding": "identity", "Connection": "close"}
    fields |= request.headers
    if request.body:
        fields["Content-Length"] = str(len(request.body))
    lines = [f"{request.method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    head = "\r\n".join(lines)
    if head.count("\n") != len(fields) + 2 or not head.isascii():
        raise Unreachable("the request has a line break or a character that HTTP can't carry")
    return head.encode() + request.body


async def _answer(reader: asyncio.StreamReader, most: int) -> Response:
    collected = _Reader(most)
    parser = HttpResponseParser(collected)
    while not collected.complete:
        data = await reader.read(_READ)
        if not data:
            break
        parser.feed_data(data)
    status = parser.get_status_code()
    framed = "content-length" in collected.headers or "transfer-encoding" in collected.headers
    if not status or (framed and not collected.complete):
        raise Unreachable("the connection was closed before the answer was complete")
    return Response(status, collected.headers, bytes(collected.body))


def trust(ca_file: str | None) -> ssl.SSLContext:
    """The system's roots, and a company's own. Raise ``OSError`` or ``ssl.SSLError``."""
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context
