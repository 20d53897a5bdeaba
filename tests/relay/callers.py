"""A caller in raw bytes: sends what no client library would, and reads answers as h11 does."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import h11

from sidecar.wire.endpoint import Endpoint, Tcp
from tests.relay.resetting import reset
from tests.relay.waiting import SECONDS


class Cut(Exception):
    """The connection ended in good order before the answer was whole."""


@dataclass(slots=True)
class Answer:
    status: int
    fields: list[tuple[bytes, bytes]]
    body: bytes = b""
    trailers: list[tuple[bytes, bytes]] = field(default_factory=list)
    interim: list[int] = field(default_factory=list)
    """The 1xx before it."""

    def value(self, name: bytes) -> bytes | None:
        """The one value of a field, ``None`` where it is absent."""
        values = [value for key, value in self.fields if key == name]
        assert len(values) < 2, f"{name!r} more than once"
        return values[0] if values else None

    @property
    def names(self) -> set[bytes]:
        return {name for name, _ in self.fields}


class Caller:
    """One connection to the relay."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self._rest = b""

    def send(self, data: bytes) -> None:
        """Nothing happens where the relay has closed the connection: on uvloop, it would be another error."""
        if not self.writer.is_closing():
            self.writer.write(data)

    async def answer(self, method: bytes = b"GET") -> Answer:
        """The next answer. Raise ``Cut``, ``ConnectionResetError``, or h11's error where it is no HTTP."""
        parser = h11.Connection(h11.CLIENT)
        parser.send(h11.Request(method=method, target=b"/", headers=[(b"host", b"a"), *_upgrade(method)]))
        parser.send(h11.EndOfMessage())
        if self._rest:
            parser.receive_data(self._rest)
        interim: list[int] = []
        async with asyncio.timeout(SECONDS):
            event = await self._event(parser)
            while isinstance(event, h11.InformationalResponse) and event.status_code != 101:
                interim.append(event.status_code)
                event = await self._event(parser)
            if isinstance(event, h11.ConnectionClosed):
                raise Cut("no answer")
            assert isinstance(event, h11.Response | h11.InformationalResponse), event
            answer = Answer(event.status_code, list(event.headers), interim=interim)
            if answer.status != 101:
                await self._body(parser, answer)
        self._rest = parser.trailing_data[0]
        return answer

    async def _body(self, parser: h11.Connection, answer: Answer) -> None:
        while isinstance(event := await self._event(parser), h11.Data):
            answer.body += event.data
        assert isinstance(event, h11.EndOfMessage), event
        answer.trailers = list(event.headers)

    async def _event(self, parser: h11.Connection) -> h11.Event:
        while (event := parser.next_event()) is h11.NEED_DATA:
            data = await self.reader.read(65536)
            parser.receive_data(data)
            if not data:
                try:
                    event = parser.next_event()
                except h11.RemoteProtocolError as error:
                    raise Cut(str(error)) from error
                break
        assert isinstance(event, h11.Event)
        return event

    async def ask(self, data: bytes) -> Answer:
        """Send *data*, one request, and read its answer."""
        self.send(data)
        method = data.partition(b" ")[0]
        return await self.answer(method if method.isalpha() else b"GET")

    async def take(self, count: int) -> bytes:
        """Raw bytes, as of a tunnel."""
        async with asyncio.timeout(SECONDS):
            while len(self._rest) < count:
                data = await self.reader.read(65536)
                if not data:
                    raise Cut(f"{self._rest!r}")
                self._rest += data
        data, self._rest = self._rest[:count], self._rest[count:]
        return data

    async def rest(self) -> bytes:
        """Everything until the relay closes in good order. Raise ``ConnectionResetError`` where it doesn't."""
        async with asyncio.timeout(SECONDS):
            data, self._rest = self._rest + await self.reader.read(), b""
            return data

    async def ended(self) -> bool:
        """Wait until the relay has closed without a further byte; ``False`` for a reset."""
        try:
            data = await self.rest()
        except ConnectionResetError:
            return False
        assert data == b"", data[:200]
        return True

    def reset(self) -> None:
        """Go away at once."""
        reset(self.writer)


def _upgrade(method: bytes) -> list[tuple[bytes, bytes]]:
    """For h11 to know that it asked for a 101."""
    if method != b"GET":
        return []
    return [(b"connection", b"upgrade"), (b"upgrade", b"websocket")]


@asynccontextmanager
async def caller(
    endpoint: Endpoint, *, tls: ssl.SSLContext | None = None, window: int | None = None, limit: int = 65536
) -> AsyncIterator[Caller]:
    """A connection to *endpoint*; *window* is the size of the kernel's receive buffer, *limit* that of our own."""
    if isinstance(endpoint, Tcp):
        sock = socket.socket(socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET)
        if window is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        sock.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(sock, (endpoint.host, endpoint.port))
        except BaseException:
            sock.close()
            raise
        host = "localhost" if tls else None
        reader, writer = await asyncio.open_connection(sock=sock, ssl=tls, server_hostname=host, limit=limit)
    else:
        reader, writer = await asyncio.open_unix_connection(str(endpoint.path), limit=limit)
    try:
        yield Caller(reader, writer)
    finally:
        writer.transport.abort()
