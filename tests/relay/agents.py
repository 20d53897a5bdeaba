"""An upstream in raw bytes: records every byte, reads requests as h11 does, and says what a test wants it to say."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import h11

from sidecar.wire.endpoint import Tcp
from tests.relay.resetting import reset

Fields = Sequence[tuple[bytes, bytes]]


@dataclass(slots=True)
class Request:
    """One request as h11 understood it."""

    method: bytes
    target: bytes
    fields: Fields
    """Lower-case names; values without white space around them."""
    raw: bytes
    """The head as it came, its empty line included."""
    link: int
    """The number of the connection it came on."""
    body: bytes = b""
    trailers: Fields = ()

    def values(self, name: bytes) -> list[bytes]:
        return [value for key, value in self.fields if key == name]

    @property
    def names(self) -> set[bytes]:
        return {name for name, _ in self.fields}


class Garbage(Exception):
    """What came is no HTTP to h11, or ended too soon."""


class Link:
    """One connection from the relay."""

    def __init__(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.number, self.writer = number, writer
        self.raw = bytearray()
        """All that came."""
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the relay has closed it, or reset it."""
        self._reader = reader
        self._rest = b""
        self._parser = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)

    async def request(self) -> Request | None:
        """The next request's head, or ``None`` at the end of the connection."""
        self._parser = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
        begun = len(self.raw) - len(self._rest)
        if self._rest:
            self._parser.receive_data(self._rest)
            self._rest = b""
        event = await self._event()
        if isinstance(event, h11.ConnectionClosed):
            return None
        assert isinstance(event, h11.Request)
        head = bytes(self.raw[begun:]).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        return Request(event.method, event.target, list(event.headers), head, self.number)

    async def body(self, request: Request) -> None:
        """Read what is left of *request*."""
        while not isinstance(event := await self._event(), h11.EndOfMessage):
            if not isinstance(event, h11.Data):
                raise Garbage("the connection ended inside a body")
            request.body += bytes(event.data)
        request.trailers = list(event.headers)
        self._rest = self._parser.trailing_data[0]

    async def _event(self) -> h11.Event:
        while True:
            try:
                event = self._parser.next_event()
            except h11.RemoteProtocolError as error:
                raise Garbage(str(error)) from error
            if event is not h11.NEED_DATA:
                assert isinstance(event, h11.Event)
                return event
            self._parser.receive_data(await self.receive())

    async def receive(self) -> bytes:
        """Raw bytes, as for a tunnel; what h11 has left over comes first."""
        if self._rest:
            data, self._rest = self._rest, b""
            return data
        try:
            data = await self._reader.read(65536)
        except ConnectionError:
            data = b""
        self.raw += data
        if not data and not self.ended.done():
            self.ended.set_result(None)
        return data

    async def say(self, data: bytes) -> None:
        """Raise ``ConnectionError`` where the relay has gone away."""
        if self.writer.is_closing():
            raise ConnectionResetError
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        reset(self.writer)


Answering = Callable[[Request, Link], Awaitable[None]]


async def own(request: Request, link: Link) -> None:
    """Answer *request* with what is only its own: method, target, body."""
    await link.body(request)
    body = b"%b %b %b" % (request.method, request.target, request.body)
    await link.say(
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + (b"" if request.method == b"HEAD" else body)
    )


def saying(data: bytes, *, later: bytes = b"", close: bool = False, pieces: int = 1) -> Answering:
    """Answer every request with *data*, in *pieces* that arrive one by one, then *later*."""

    async def answer(request: Request, link: Link) -> None:
        await link.body(request)
        size = -(-len(data) // pieces)
        for start in range(0, len(data), size):
            await link.say(data[start : start + size])
            if pieces > 1:
                await asyncio.sleep(0.005)
        if later:
            await asyncio.sleep(0.02)
            await link.say(later)
        if close:
            link.writer.close()

    return answer


@dataclass(slots=True)
class Agent:
    """Listens on loopback; ``answer`` may be exchanged at any time."""

    answer: Answering = own
    seen: list[Request] = field(default_factory=list)
    """Every request whose body has come whole, or whose answer didn't read it."""
    begun: list[Request] = field(default_factory=list)
    """Every request whose head has come."""
    garbage: list[str] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    port: int = 0
    linked: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def endpoint(self) -> Tcp:
        return Tcp("127.0.0.1", self.port)

    @property
    def targets(self) -> list[bytes]:
        return [request.target for request in self.seen]

    @property
    def raw(self) -> bytes:
        """All that came on all connections."""
        return b"".join(bytes(link.raw) for link in self.links)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = Link(len(self.links), reader, writer)
        self.links.append(link)
        try:
            while (request := await link.request()) is not None:
                self.begun.append(request)
                await self.answer(request, link)
                self.seen.append(request)
        except Garbage as error:
            self.garbage.append(str(error))
        except ConnectionError:
            pass
        finally:
            if not link.ended.done():
                link.ended.set_result(None)
            writer.close()


@asynccontextmanager
async def agent(answer: Answering = own, *, limit: int = 65536) -> AsyncIterator[Agent]:
    """An upstream; *limit* is the bytes it takes in before it is asked for them."""
    made = Agent(answer)
    handling: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(made.serve(reader, writer))
        handling.add(task)
        task.add_done_callback(handling.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, limit=limit)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        for task in list(handling):
            task.cancel()
        for task in list(handling):
            with suppress(asyncio.CancelledError):
                await task
