"""Tunnels that nobody looks into."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sidecar.relay import proxied
from sidecar.relay.head import Head
from sidecar.relay.passage import Passage, Peer, Way
from sidecar.wire.endpoint import Unix
from tests.relay.agents import Agent, Answering, agent, saying
from tests.relay.callers import Caller, caller
from tests.relay.relaying import PlainDoor, Relaying, relaying

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class BlindTunnel(Passage):
    __slots__ = ()
    way = Way.BLIND


class BlindDoor(PlainDoor):
    def admit(self, head: Head[None], peer: Peer) -> Passage:
        return BlindTunnel(self.pool, b"", b"")


@asynccontextmanager
async def blind(answer: Answering) -> AsyncIterator[tuple[Agent, Relaying, Caller]]:
    async with (
        agent(answer) as upstream,
        relaying(BlindDoor, upstream.endpoint) as served,
        caller(served.endpoint) as one,
    ):
        served.relay.read = proxied.read
        yield upstream, served, one


async def test_a_blind_tunnel_passes_whatever_comes() -> None:
    async with blind(saying(OK)) as (upstream, served, one):
        one.send(b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n")
        assert (await one.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        one.send(b"GET /inside HTTP/1.1\r\nHost: b\r\n\r\n")
        assert await one.reader.readexactly(len(OK)) == OK
        assert upstream.seen[0].target == b"/inside"
        assert served.relay.requests == 1


async def test_a_blind_tunnel_to_nowhere_is_a_refusal() -> None:
    async with relaying(BlindDoor, Unix(Path("/nowhere"))) as served, caller(served.endpoint) as one:
        served.relay.read = proxied.read
        one.send(b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n")
        assert (await one.answer()).status == 502
