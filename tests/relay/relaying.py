"""A relay that runs, with a plain door that lets everything pass."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sidecar.errors import Refusal
from sidecar.relay.head import HOP_BY_HOP, Head, Shapes
from sidecar.relay.passage import Door, Notice, Outcome, Passage, Peer, Times
from sidecar.relay.pool import Pool, dial_endpoint
from sidecar.relay.relay import Limits, Relay, Timeouts
from sidecar.wire.endpoint import Endpoint, Tcp
from tests.relay.waiting import until

TRACE = "0af7651916cd43dd8448eb211c80319c"


class Counted(Passage):
    """Tells its door how it ended."""

    __slots__ = ("_ends", "timeouts")

    def __init__(self, pool: Pool, head: bytes, ends: list[tuple[Outcome, int]], times: Times | None) -> None:
        super().__init__(pool, head, f"X-Trace-Id: {TRACE}\r\n".encode())
        self._ends = ends
        self.timeouts = times

    def ended(self, outcome: Outcome, status: int) -> None:
        self._ends.append((outcome, status))


class PlainDoor:
    """Lets everything pass to one pool; ``first`` may refuse, wait or fail before."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.shapes: Shapes[None] = Shapes(lambda at: None)
        self.first: Callable[[Head[None]], Awaitable[None] | None] = lambda head: None
        self.admitted: list[bytes] = []
        self.ends: list[tuple[Outcome, int]] = []
        self.refusals: list[Refusal] = []
        self.peers: list[Peer] = []
        self.times: Times | None = None
        """What passages bring with them."""

    def admit(self, head: Head[None], peer: Peer) -> Passage | Awaitable[Passage]:
        self.peers.append(peer)
        waits = self.first(head)
        return self._passage(head) if waits is None else self._wait(head, waits)

    async def _wait(self, head: Head[None], waits: Awaitable[None]) -> Passage:
        await waits
        return self._passage(head)

    def _passage(self, head: Head[None]) -> Passage:
        self.admitted.append(head.target)
        self.shapes.keep(head)
        kept = [line for line in head.lines if not self.drops(line.partition(b":")[0].lower())]
        first = b"%b %b HTTP/1.1\r\n" % (head.method, head.target)
        return Counted(self.pool, first + b"".join([line + b"\r\n" for line in kept]), self.ends, self.times)

    def refused(self, refusal: Refusal, head: Head[None] | None, peer: Peer) -> Notice:
        self.refusals.append(refusal)
        return Notice(TRACE)

    def drops(self, name: bytes) -> bool:
        return name in HOP_BY_HOP or name in (b"content-length", b"x-dropped")

    async def ending(self, count: int = 1) -> list[tuple[Outcome, int]]:
        """Wait for *count* passages to have ended."""
        await until(lambda: len(self.ends) >= count)
        return self.ends


@dataclass(frozen=True, slots=True)
class Relaying:
    relay: Relay
    endpoint: Endpoint
    pool: Pool


@asynccontextmanager
async def relaying(
    make: Callable[[Pool], Door],
    upstream: Endpoint,
    *,
    limits: Limits | None = None,
    timeouts: Timeouts | None = None,
    drops: Callable[[bytes], bool] = lambda name: name == b"x-agent-secret",
    listen: Endpoint | None = None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Relaying]:
    """A relay to *upstream* with the door that *make* makes, swept as in a running sidecar."""
    loop = asyncio.get_running_loop()
    timeouts = timeouts or Timeouts(drain=0.2)
    async with asyncio.TaskGroup() as tasks:
        pool = Pool("the agent", dial_endpoint(upstream, loop), connect_seconds=timeouts.connect, clock=loop.time)
        relay = Relay(
            make(pool), limits=limits or Limits(), timeouts=timeouts, answer_drops=drops, loop=loop, tasks=tasks
        )
        endpoint = await relay.listen(listen or Tcp("127.0.0.1", 0), tls)
        sweep = tasks.create_task(relay.sweep())
        try:
            yield Relaying(relay, endpoint, pool)
        finally:
            sweep.cancel()
            relay.stop()
            pool.close()


@dataclass(frozen=True, slots=True)
class Plain:
    """A relay, and its plain door."""

    relay: Relay
    endpoint: Endpoint
    pool: Pool
    door: PlainDoor


@asynccontextmanager
async def plain(
    upstream: Endpoint,
    *,
    limits: Limits | None = None,
    timeouts: Timeouts | None = None,
    listen: Endpoint | None = None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Plain]:
    doors: list[PlainDoor] = []

    def make(pool: Pool) -> PlainDoor:
        doors.append(PlainDoor(pool))
        return doors[0]

    async with relaying(make, upstream, limits=limits, timeouts=timeouts, listen=listen, tls=tls) as running:
        yield Plain(running.relay, running.endpoint, running.pool, doors[0])
