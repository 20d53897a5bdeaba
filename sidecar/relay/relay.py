"""A listener and everything that its connections share: the door, limits, time limits, counters."""

import asyncio
import contextlib
import errno
import logging
import os
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, NoReturn

from sidecar.errors import Internal, Overloaded, Refusal
from sidecar.relay.answer import Answers
from sidecar.relay.connection import Connection
from sidecar.relay.exchange import Exchange
from sidecar.relay.head import Head, parse
from sidecar.relay.interception import BrokenOff
from sidecar.relay.passage import Door, Outcome, Passage, Peer, Times, Tunnel
from sidecar.relay.pool import HIGH_WATER, Upstream
from sidecar.wire.endpoint import Endpoint, Tcp, Unix

log = logging.getLogger(__name__)

_BACKLOG = 1024
_LONGEST_PATH = 107
"""Bytes of ``sun_path`` without its NUL (unix(7))."""
_EVICTED = 64
_FAREWELL_SECONDS = 1.0
"""How long a TLS peer has to say goodbye as well (RFC 8446, section 6.1): without, 30 s."""
_DONE = Outcome.DONE


@dataclass(frozen=True, slots=True)
class Limits:
    """What is refused beyond: bytes of a head, connections, requests at one time."""

    head: int = 32 * 1024
    connections: int = 10_000
    requests: int = 1_000
    key: str = ""
    """The configuration's, below which they stand, if they do."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """In seconds."""

    head: float = 10.0
    connect: float = 1.0
    first_byte: float = 120.0
    idle: float = 3600.0
    drain: float = 30.0


@dataclass(slots=True)
class Counts:
    """What has happened, for metrics; never a principal."""

    done: int = 0
    broken_off: Counter[Outcome] = field(default_factory=Counter)
    statuses: dict[int, int] = field(default_factory=dict)
    refusals: Counter[str] = field(default_factory=Counter)
    connections: int = 0

    @property
    def outcomes(self) -> dict[Outcome, int]:
        return {Outcome.DONE: self.done, **self.broken_off} if self.done else dict(self.broken_off)


class Relay:
    """Serves connections until it is drained. *door* may be exchanged at any time: each head meets the one of its
    moment."""

    def __init__(
        self,
        door: Door,
        *,
        limits: Limits,
        timeouts: Timeouts,
        answer_drops: Callable[[bytes], bool],
        loop: asyncio.AbstractEventLoop,
        tasks: asyncio.TaskGroup,
        read: Callable[..., Head[Any]] = parse,
    ) -> None:
        """*read* reads request heads: ``head.parse``, or ``proxied.read`` where a forward proxy is served."""
        self.door = door
        self.read = read
        self.limits = limits
        self.timeouts = timeouts
        self.answers = Answers(answer_drops)
        self.counts = Counts()
        self.broken = BrokenOff(loop.call_later)
        self.requests = 0
        """Open now."""
        self.draining = False
        self.tick = loop.time()
        """The loop's time, as of the last sweep: what deadlines are reckoned from."""
        self.idle_at = self.tick + timeouts.idle
        """The deadline of what has just done something."""
        self._shortest = min(timeouts.head, timeouts.first_byte, timeouts.idle)
        self._sooner = asyncio.Event()
        self._loop = loop
        self._tasks = tasks
        self._connections: set[Connection] = set()
        self._servers: list[asyncio.Server] = []

    @property
    def connections(self) -> int:
        return len(self._connections)

    # listening

    async def listen(self, endpoint: Endpoint, tls: ssl.SSLContext | None = None, mode: int = 0o660) -> Endpoint:
        """Open a listener; return where it is, with the port chosen. *mode* is a unix socket's. Raise ``OSError``."""
        if isinstance(endpoint, Unix):
            listener = _unix(endpoint, mode)
            server = await self._loop.create_unix_server(self.connection, sock=listener, backlog=_BACKLOG)
            self._servers.append(server)
            return endpoint
        server = await self._loop.create_server(
            self.connection,
            endpoint.host,
            endpoint.port,
            ssl=tls,
            ssl_shutdown_timeout=_FAREWELL_SECONDS if tls is not None else None,
            backlog=_BACKLOG,
            reuse_address=True,
        )
        self._servers.append(server)
        return Tcp(endpoint.host, server.sockets[0].getsockname()[1])

    def connection(self, tunnel: Tunnel | None = None) -> Connection:
        return Connection(self, tunnel)

    async def shake(
        self, transport: asyncio.Transport, protocol: asyncio.Protocol, context: ssl.SSLContext
    ) -> asyncio.Transport:
        """Go on over *transport* as a TLS server. Raise ``OSError`` or ``ssl.SSLError``."""
        secure = await self._loop.start_tls(
            transport,
            protocol,
            context,
            server_side=True,
            ssl_handshake_timeout=self.timeouts.head,
            ssl_shutdown_timeout=_FAREWELL_SECONDS,
        )
        if secure is None or secure.is_closing():  # uvloop's word for one that was lost before the handshake's end
            raise ConnectionResetError("the connection has gone")
        secure.set_write_buffer_limits(HIGH_WATER)
        return secure

    def stop_where(self, doomed: Callable[[Peer, Passage | None], bool]) -> int:
        """End at once the connections whose peer and passage, if one is under way, are *doomed*; return how many."""
        gone = [
            connection
            for connection in self._connections
            if doomed(connection.peer, connection.exchange.passage if connection.exchange is not None else None)
        ]
        for connection in gone:
            connection.stop()
        return len(gone)

    @property
    def moment(self) -> float:
        """The loop's time, where ``tick``, which is as old as the last sweep, would end a wait before its time."""
        return self._loop.time()

    def heed(self, times: Times) -> float:
        """The loop's time, from which *times* run that a passage brought with it. Sweeps are as frequent as these take
        from now on."""
        if (shortest := min(times.first_byte, times.idle)) < self._shortest:
            self._shortest = shortest
            self._sooner.set()
        return self._loop.time()

    async def sweep(self) -> None:
        """End what has outlived its deadline, for ever: one clock for all connections."""
        while True:
            self._sooner.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(1.0, max(0.02, self._shortest / 5))):
                    await self._sooner.wait()
            self.tick = now = self._loop.time()
            self.idle_at = now + self.timeouts.idle
            self.door.shapes.sweep(now)
            for connection in self._connections:
                if connection.idle:
                    connection.before = None
            for connection in [each for each in self._connections if each.deadline < now]:
                try:
                    connection.expire()
                except Exception:
                    log.exception("a connection could not be ended in order")
                    connection.transport.abort()

    async def drain(self, seconds: float | None = None) -> None:
        """Take nothing new; let what is open run to its end, for *seconds* at most, or ``timeouts.drain``."""
        self.draining = True
        for server in self._servers:
            server.close()
        for connection in [each for each in self._connections if each.idle]:
            connection.transport.close()
        deadline = self._loop.time() + (self.timeouts.drain if seconds is None else seconds)
        while self._connections and self._loop.time() < deadline:  # noqa: ASYNC110 - once in a life, not worth an event
            await asyncio.sleep(0.02)
        self.stop()

    def stop(self) -> None:
        """End at once whatever is left."""
        self.draining = True
        for server in self._servers:
            server.close()
        for connection in list(self._connections):
            connection.stop()

    # what connections report

    def opened(self, connection: Connection) -> None:
        self.counts.connections += 1
        self._connections.add(connection)
        if len(self._connections) > self.limits.connections and not self._evict():
            connection.refuse(Overloaded("too many connections", retry_after=1), None, close=True)

    def _evict(self) -> bool:
        """Make room by ending connections that wait for a next request, those first that have waited longest."""
        idle = sorted((each for each in self._connections if each.idle and each.served), key=lambda each: each.deadline)
        for connection in idle[:_EVICTED]:
            connection.transport.abort()
        return bool(idle)

    def closed(self, connection: Connection) -> None:
        self._connections.discard(connection)

    def overloaded(self) -> NoReturn:
        raise Overloaded(f"{self.limits.requests} requests are open", retry_after=1)

    def done(self, outcome: Outcome, status: int) -> None:
        self.requests -= 1
        counts = self.counts
        if outcome is _DONE:  # an Enum's hash is a call, and most end so
            counts.done += 1
        else:
            counts.broken_off[outcome] += 1
        statuses = counts.statuses
        statuses[status] = statuses.get(status, 0) + 1

    def refused(self, refusal: Refusal) -> None:
        self.counts.refusals[refusal.code] += 1

    # waiting

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return self._tasks.create_task(work)

    def admit(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Wait for a door: the request counts as open meanwhile."""
        self.requests += 1
        task = self.spawn(work)
        task.add_done_callback(self._admitted)
        return task

    def _admitted(self, _task: asyncio.Task[None]) -> None:
        self.requests -= 1

    def dial(self, connection: Connection, exchange: Exchange) -> None:
        """Connect to the exchange's upstream, then begin."""
        connection.dialling(self.spawn(self._dial(connection, exchange)))

    async def _dial(self, connection: Connection, exchange: Exchange) -> None:
        refusal: Refusal | None = None
        upstream: Upstream | None = None
        try:
            upstream = await exchange.passage.pool.connect()
        except Refusal as caught:
            refusal = caught
        except Exception:
            log.exception("a connection failed inside the sidecar")
            refusal = Internal()
        if connection.exchange is not exchange:
            if upstream is not None:
                upstream.drop()
            return
        connection.dialling(None)
        if upstream is not None:
            exchange.begin(upstream)
        elif refusal is not None:
            exchange.stop()
            connection.failed(exchange, refusal, Outcome.AGENT_GONE)


def _unix(endpoint: Unix, mode: int) -> socket.socket:
    """A bound unix socket, in place of one that a dead process left; a living one is an ``OSError``."""
    path = str(endpoint.path)
    if len(os.fsencode(path)) > _LONGEST_PATH:
        raise OSError(errno.ENAMETOOLONG, f"a unix socket's path has at most {_LONGEST_PATH} bytes")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except OSError:
            if endpoint.path.is_socket():
                endpoint.path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    masked = os.umask(0o777 & ~mode)
    try:
        listener.bind(path)
    except OSError:
        listener.close()
        raise
    finally:
        os.umask(masked)
    return listener
