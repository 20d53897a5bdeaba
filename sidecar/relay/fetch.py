"""The sidecar's own calls: one small HTTP/1.1 exchange on a connection of its own, TLS verified, bounded in time and
size.

It is written on asyncio and llhttp rather than on a client library because the first call (an issuer's keys) stands
between a pod's start and its first answer, and a client library's import costs more than all the rest of that way.
"""

import asyncio
import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from sidecar.wire.http import Fetch, Late, Request, Response, Unreachable

_READ = 65536
_MOST_HEADERS = 200
_MOST_HEAD = 65536
_FINAL = 200
_LINE = re.compile(r"[\t\x20-\x7e]+")
_TARGET = re.compile(r"[\x21-\x7e]+")


class _Reader:
    """Collects the first final response from llhttp's calls."""

    def __init__(self, most: int) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.complete = False
        self.fault: str | None = None
        """Why no more of it is wanted: an exception from within a call would come out as another one."""
        self._most = most
        self._read = 0
        self._parser = HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        """Raise ``Unreachable`` where this is no HTTP, or more than is wanted."""
        self._read += len(data)
        if self._read > 2 * self._most + _MOST_HEAD:
            self.fault = self.fault or f"the answer is larger than {self._most} bytes, head and framing aside"
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            self.fault = "the answer switches to another protocol"
        except HttpParserError as error:
            if not self.complete:  # what follows a whole answer is nobody's
                self.fault = self.fault or f"the answer is not HTTP: {error}"
        if self.fault is not None:
            raise Unreachable(self.fault)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.complete:
            return
        key = name.decode("latin-1").lower()
        text = value.decode("latin-1")
        self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text
        if len(self.headers) > _MOST_HEADERS:
            self.fault = "the answer has too many headers"

    def on_headers_complete(self) -> None:
        if not self.complete:
            self.status = self._parser.get_status_code()
            if self._parser.get_http_version() not in ("1.0", "1.1"):
                self.fault = "the answer is not HTTP/1.x"

    def on_body(self, piece: bytes) -> None:
        if not self.complete and self.fault is None:
            self.body += piece
            if len(self.body) > self._most:
                self.fault = f"the answer is larger than {self._most} bytes"

    def on_message_complete(self) -> None:
        if self.status >= _FINAL:
            self.complete = True
        else:  # an interim answer; the one that counts follows
            self.status = 0
            self.headers.clear()

    @property
    def ends_with_the_connection(self) -> bool:
        """The head has come, and says nothing else of where the body ends (RFC 9112, section 6.3)."""
        framed = "content-length" in self.headers or "transfer-encoding" in self.headers
        return self.status >= _FINAL and not framed


def fetcher(*, tls: Callable[[], ssl.SSLContext], resolve: Mapping[str, str]) -> Fetch:
    """A ``Fetch`` that verifies with *tls* (made at its first use) and finds the hosts of *resolve* where that says."""
    made: list[ssl.SSLContext] = []

    def context() -> ssl.SSLContext:
        if not made:
            made.append(tls())
        return made[0]

    async def fetch(request: Request) -> Response:
        place = _Place.of(request.url)
        address, port = resolved(resolve, place.host, place.port)
        try:
            secure: dict[str, Any] = {"ssl": context(), "server_hostname": place.host} if place.secure else {}
            async with asyncio.timeout(request.seconds):
                reader, writer = await asyncio.open_connection(address, port, **secure)
                try:
                    writer.write(_head(request, place))
                    return await _answer(reader, request.most)
                finally:
                    writer.transport.abort()
        except TimeoutError as error:
            raise Late(f"no answer within {request.seconds:g} s") from error
        except ssl.SSLCertVerificationError as error:
            raise Unreachable(f"the certificate of {place.host} does not verify: {error.verify_message}") from error
        except (OSError, UnicodeError) as error:  # the latter of a host that can't be a name
            said = error.strerror if isinstance(error, OSError) else None
            raise Unreachable(f"{type(error).__name__}: {said or 'no connection'}") from error

    return fetch


@dataclass(frozen=True, slots=True)
class _Place:
    """A URL taken apart."""

    secure: bool
    host: str
    port: int
    authority: str
    target: str

    @classmethod
    def of(cls, url: str) -> "_Place":
        """Raise ``Unreachable`` for what is no ``http`` or ``https`` URL; its text may hold a secret and isn't told."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise Unreachable("the URL can't be read") from error
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Unreachable("the URL is not http:// or https:// and a host")
        secure = parts.scheme == "https"
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        if not _TARGET.fullmatch(target):
            raise Unreachable("the URL has a character that HTTP can't carry")
        authority = parts.netloc.rpartition("@")[2]
        return cls(secure, parts.hostname, port or (443 if secure else 80), authority, target)


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


def _head(request: Request, place: _Place) -> bytes:
    fields = {"Host": place.authority, "Accept": "application/json", "Accept-Encoding": "identity"}
    fields |= {"Connection": "close", **request.headers}
    if request.body:
        fields["Content-Length"] = str(len(request.body))
    lines = [f"{request.method} {place.target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    if not all(_LINE.fullmatch(line) for line in lines):
        raise Unreachable("the request has a line break or a character that HTTP can't carry")
    return "\r\n".join([*lines, "", ""]).encode() + request.body


async def _answer(reader: asyncio.StreamReader, most: int) -> Response:
    collected = _Reader(most)
    while not collected.complete:
        data = await reader.read(_READ)
        if not data:
            break
        collected.feed(data)
    if not collected.complete and not collected.ends_with_the_connection:
        raise Unreachable("the connection was closed before the answer was complete")
    return Response(collected.status, collected.headers, bytes(collected.body))


def trust(ca_file: str | None) -> ssl.SSLContext:
    """The system's roots, and a company's own. Raise ``OSError`` or ``ssl.SSLError``."""
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context
