"""Many principals who call one agent at the same time, and the agent, which tells what it was told of each."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

AGENT = "ag_" + "A" * 43


@dataclass(slots=True, eq=False)
class Invocation:
    """One call of the agent, as the agent knows it."""

    subject: str
    handle: str = field(repr=False)
    attach: str = field(repr=False)
    id: str
    """As the record names it: the span that the agent's is a child of."""
    leaves: float = float("inf")
    """When its answer was sent, in the loop's time,"""
    left: float = float("inf")
    """and when it had come: in between it begins to linger."""
    leave: "asyncio.Future[None]" = field(
        repr=False, default_factory=lambda: asyncio.get_running_loop().create_future()
    )


@dataclass(slots=True)
class Crowd:
    """``async with crowd.call(subject) as invocation``: it is open as long."""

    port: int = 0
    """Of the agent."""
    inbound: int = 0
    """Of the sidecar's front door."""
    tokens: dict[str, str] = field(default_factory=dict, repr=False)
    """By subject."""
    waiting: dict[str, "asyncio.Future[Invocation]"] = field(default_factory=dict)
    open: list[Invocation] = field(default_factory=list)
    dead: list[Invocation] = field(default_factory=list)
    """Those whose answer has come; for a while they linger."""
    handles: dict[bytes, Invocation] = field(default_factory=dict, repr=False)
    """All that have been given out."""
    calls: int = 0
    idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = field(default_factory=list)

    @asynccontextmanager
    async def agent(self) -> AsyncIterator[None]:
        server = await asyncio.get_running_loop().create_server(lambda: _Agent(self), "127.0.0.1", 0, backlog=1000)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()
            for _, writer in self.idle:
                writer.transport.abort()

    @asynccontextmanager
    async def call(self, subject: str, baggage: str = "") -> AsyncIterator[Invocation]:
        """Call the agent as *subject*; *baggage* is what the caller itself says."""
        self.calls += 1
        path = f"/{self.calls}"
        loop = asyncio.get_running_loop()
        told = self.waiting[path] = loop.create_future()
        reader, writer = self.idle.pop() if self.idle else await asyncio.open_connection("127.0.0.1", self.inbound)
        said = f"baggage: {baggage}\r\n" if baggage else ""
        head = f"GET {path} HTTP/1.1\r\nHost: a\r\n{said}Authorization: Bearer {self.tokens[subject]}\r\n\r\n"
        writer.write(head.encode())
        answered = asyncio.ensure_future(reader.readuntil(b"\r\n\r\n"))
        await asyncio.wait({told, answered}, return_when=asyncio.FIRST_COMPLETED)
        assert told.done(), f"the agent wasn't called: {answered.result()!r}"
        invocation = told.result()
        assert invocation.subject == subject
        self.open.append(invocation)
        try:
            yield invocation
        finally:
            self.open.remove(invocation)
            self.dead.append(invocation)
            invocation.leaves = loop.time()
            invocation.leave.set_result(None)
            answer = await answered
            await reader.readexactly(4)
            invocation.left = loop.time()
            assert answer.startswith(b"HTTP/1.1 200 "), answer
            self.idle.append((reader, writer))


class _Agent(asyncio.Protocol):
    """Answers once it is told to leave."""

    transport: asyncio.Transport

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self._held = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._held += data
        if not self._held.endswith(b"\r\n\r\n"):
            return
        first, *lines = self._held.decode("latin-1").split("\r\n")[:-2]
        self._held = b""
        told = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        (attach,) = re.findall("identity.invocation=(ih_[^,]*)", told["baggage"])
        invocation = Invocation(
            told["x-identity-subject"],
            told["x-identity-invocation"],
            attach,
            told["traceparent"].split("-")[2],
        )
        self._crowd.handles |= dict.fromkeys((invocation.handle.encode(), invocation.attach.encode()), invocation)
        invocation.leave.add_done_callback(self._leave)
        self._crowd.waiting.pop(first.split(" ")[1]).set_result(invocation)

    def _leave(self, _: object) -> None:
        self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nleft")
