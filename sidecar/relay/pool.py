"""Connections to one upstream, kept alive between requests."""

import asyncio
import socket
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol, cast

from sidecar.errors import AgentUnreachable, Refusal, Timeout
from sidecar.wire.endpoint import Endpoint, Tcp

MOST_IDLE = 128
IDLE_SECONDS = 4.0
"""Below the 5 s after which uvicorn and Node close an idle connection."""
FRESH_SECONDS = 1.0
"""A request that can't be repeated takes only a connection used this recently."""
HIGH_WATER = 65536


class Side(Protocol):
    """What an upstream connection reports to: the exchange that it serves."""

    def from_upstream(self, data: bytes) -> None: ...
    def upstream_lost(self, error: Exception | None) -> None: ...
    def upstream_full(self, full: bool) -> None: ...


class Upstream(asyncio.Protocol):
    """One connection to an upstream."""

    __slots__ = ("_pool", "idle_since", "owner", "reused", "side", "transport")

    transport: asyncio.Transport

    def __init__(self, pool: "Pool") -> None:
        self._pool = pool
        self.side: Side | None = None
        self.reused = False
        self.idle_since = 0.0
        self.owner: str | None = None
        """Who has used it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(HIGH_WATER)

    def data_received(self, data: bytes) -> None:
        if self.side is None:  # nothing was asked: whatever this answers, it isn't the next request
            self.transport.abort()
        else:
            self.side.from_upstream(data)

    def connection_lost(self, error: Exception | None) -> None:
        if self.side is None:
            self._pool.forget(self)
        else:
            side, self.side = self.side, None
            side.upstream_lost(error)

    def pause_writing(self) -> None:
        if self.side is not None:
            self.side.upstream_full(True)

    def resume_writing(self) -> None:
        if self.side is not None:
            self.side.upstream_full(False)

    def drop(self) -> None:
        """End it at once; nobody waits for what it still had to say."""
        self.side = None
        self.transport.abort()


Dial = Callable[[Callable[[], Upstream]], Awaitable[tuple[asyncio.BaseTransport, Upstream]]]


class Pool:
    """Keeps idle connections of one upstream: last in, first out, few seconds each, and each for one owner.

    What an upstream still says on a connection is taken for the next answer. One that answers more than it was asked
    (a body that it takes for a request: "CL.0 desync") would have one owner's words heard by another.
    """

    def __init__(
        self,
        name: str,
        dial: Dial,
        *,
        connect_seconds: float,
        clock: Callable[[], float],
        who: str = "the agent",
        unreachable: type[Refusal] = AgentUnreachable,
        late: type[Refusal] = Timeout,
    ) -> None:
        """*unreachable* and *late* are what its failures are answered with. *dial* may raise refusals of its own."""
        self.name = name
        """For the log: where it leads."""
        self.who = who
        """Whose answers come from it, in a sentence."""
        self.unreachable = unreachable
        self.late = late
        self._dial = dial
        self._connect_seconds = connect_seconds
        self._clock = clock
        self._idle: deque[Upstream] = deque()
        self._closed = False

    def take(self, owner: str | None, *, fresh: bool) -> Upstream | None:
        """An idle connection of *owner*'s, or ``None``: then ``connect``. *fresh*: for a request that can't be
        repeated."""
        idle = self._idle
        upstream = idle[-1] if idle else None
        if upstream is None or upstream.owner != owner:
            upstream = next((each for each in reversed(idle) if each.owner == owner), None)
        if upstream is None:
            return None
        if self._clock() - upstream.idle_since > (FRESH_SECONDS if fresh else IDLE_SECONDS):
            return None
        if upstream is idle[-1]:
            idle.pop()
        else:
            idle.remove(upstream)
        if upstream.transport.is_closing():
            return self.take(owner, fresh=fresh)
        upstream.reused = True
        return upstream

    async def connect(self) -> Upstream:
        """A new connection. Raise ``unreachable``, or what *dial* raises."""
        try:
            async with asyncio.timeout(self._connect_seconds):
                _, upstream = await self._dial(lambda: Upstream(self))
        except TimeoutError as error:
            raise self.unreachable(f"no connection to {self.name} within {self._connect_seconds:g} s") from error
        except OSError as error:
            raise self.unreachable(f"no connection to {self.name}: {error.strerror or type(error).__name__}") from error
        return upstream

    def give_back(self, upstream: Upstream, owner: str | None) -> None:
        """Keep it, for *owner* alone."""
        upstream.side = None
        transport = upstream.transport
        if transport.is_closing():
            return
        if self._closed or transport.get_write_buffer_size():
            transport.close()  # what is unsent is of a request that was answered early: none waits behind it
            return
        transport.resume_reading()  # the last caller's slowness is not the next one's
        upstream.idle_since, upstream.owner = self._clock(), owner
        if len(self._idle) >= MOST_IDLE:
            self._idle.popleft().transport.close()
        self._idle.append(upstream)

    def forget(self, upstream: Upstream) -> None:
        if upstream in self._idle:
            self._idle.remove(upstream)

    def sweep(self, now: float) -> None:
        """Close what has been idle too long."""
        while self._idle and now - self._idle[0].idle_since > IDLE_SECONDS:
            self._idle.popleft().transport.close()

    def close(self) -> None:
        """Close what is idle now, and what is given back later."""
        self._closed = True
        while self._idle:
            self._idle.pop().transport.abort()  # over TLS ``close`` would wait for the other side, past the loop's end


def dial_endpoint(endpoint: Endpoint, loop: asyncio.AbstractEventLoop) -> Dial:
    """Connections to where *endpoint* says."""

    async def dial(make: Callable[[], Upstream]) -> tuple[asyncio.BaseTransport, Upstream]:
        if isinstance(endpoint, Tcp):
            return await loop.create_connection(make, endpoint.host, endpoint.port)
        return await loop.create_unix_connection(make, str(endpoint.path))

    return dial


def dial_memory(serve: Callable[[], asyncio.Protocol], loop: asyncio.AbstractEventLoop) -> Dial:
    """Connections to a server of this process, over a pair of sockets that has no name anyone else could reach."""

    async def dial(make: Callable[[], Upstream]) -> tuple[asyncio.BaseTransport, Upstream]:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        await loop.connect_accepted_socket(serve, theirs)
        return await loop.create_unix_connection(make, sock=ours)

    return dial
