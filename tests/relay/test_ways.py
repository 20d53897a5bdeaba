"""Requests that can't be streamed: a head that depends on the body, and tunnels that nobody looks into."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sidecar.errors import NotPermitted
from sidecar.relay import proxied
from sidecar.relay.head import Head
from sidecar.relay.passage import Gathered, Outcome, Passage, Peer, Way
from sidecar.relay.pool import Pool
from sidecar.relay.relay import Timeouts
from sidecar.wire.endpoint import Unix
from tests.relay.agents import Agent, Answering, agent, own, saying
from tests.relay.callers import Caller, caller
from tests.relay.relaying import PlainDoor, Relaying, relaying
from tests.relay.waiting import until

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Sealed(Gathered):
    """Its head says how long the body was, and what it began with."""

    __slots__ = ("_door",)
    most = 1000

    def __init__(self, pool: Pool, head: bytes, door: "GatheringDoor") -> None:
        super().__init__(pool, head, b"")
        self._door = door

    def gathered(self, body: bytes) -> bytes:
        if body.startswith(b"refuse"):
            raise NotPermitted("the body says so")
        return self.head + b"X-Body: %d %b\r\n" % (len(body), body[:5])

    def ended(self, outcome: Outcome, status: int) -> None:
        self._door.ends.append((outcome, status))


class GatheringDoor(PlainDoor):
    def admit(self, head: Head[None], peer: Peer) -> Passage:
        return Sealed(self.pool, b"%b %b HTTP/1.1\r\nHost: a\r\n" % (head.method, head.target), self)


class BlindTunnel(Passage):
    __slots__ = ()
    way = Way.BLIND


class BlindDoor(PlainDoor):
    def admit(self, head: Head[None], peer: Peer) -> Passage:
        return BlindTunnel(self.pool, b"", b"")


@asynccontextmanager
async def gathering(answer: Answering = own) -> AsyncIterator[tuple[Agent, Relaying, GatheringDoor, Caller]]:
    doors: list[GatheringDoor] = []

    def make(pool: Pool) -> GatheringDoor:
        doors.append(GatheringDoor(pool))
        return doors[0]

    async with (
        agent(answer) as upstream,
        relaying(make, upstream.endpoint, timeouts=Timeouts(first_byte=0.5, drain=0.2)) as served,
        caller(served.endpoint) as one,
    ):
        yield upstream, served, doors[0], one


def post(fields: bytes, body: bytes = b"") -> bytes:
    return b"POST /x HTTP/1.1\r\nHost: a\r\n%b\r\n%b" % (fields, body)


async def test_a_body_is_gathered_before_its_head_is_made() -> None:
    async with gathering() as (upstream, _, door, one):
        one.send(post(b"Content-Length: 10\r\n", b"hello"))
        await asyncio.sleep(0.05)
        assert not upstream.seen
        one.send(b"world")
        assert (await one.answer(b"POST")).body == b"POST /x helloworld"
        (seen,) = upstream.seen
        assert (seen.values(b"x-body"), seen.values(b"content-length")) == ([b"10 hello"], [b"10"])
        assert door.ends == [(Outcome.DONE, 200)]


async def test_chunks_are_gathered_into_a_length() -> None:
    async with gathering() as (upstream, _, _door, one):
        one.send(post(b"Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n"))
        one.send(b"5\r\nworld\r\n0\r\n\r\n" + post(b"Content-Length: 2\r\n", b"hi"))
        assert (await one.answer(b"POST")).body == b"POST /x helloworld"
        assert (await one.answer(b"POST")).body == b"POST /x hi"
        assert [seen.values(b"content-length") for seen in upstream.seen] == [[b"10"], [b"2"]]
        assert not upstream.seen[0].values(b"transfer-encoding")


@pytest.mark.parametrize("fields", [b"", b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n"])
async def test_an_empty_body_is_a_body_too(fields: bytes) -> None:
    async with gathering() as (upstream, _, _door, one):
        end = b"0\r\n\r\n" if b"chunked" in fields else b""
        assert (await one.ask(post(fields, end))).status == 200
        assert upstream.seen[0].values(b"x-body") == [b"0"]


async def test_who_waits_to_be_asked_for_the_body_is_asked() -> None:
    async with gathering() as (upstream, _, _door, one):
        one.send(post(b"Content-Length: 5\r\nExpect: 100-continue\r\n"))
        assert await one.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        one.send(b"hello")
        assert (await one.answer(b"POST")).body == b"POST /x hello"
        assert not upstream.seen[0].values(b"expect")


@pytest.mark.parametrize(
    "request_", [post(b"Content-Length: 1001\r\n"), post(b"Transfer-Encoding: chunked\r\n", b"3e9\r\n" + b"x" * 1001)]
)
async def test_a_body_that_is_too_large_to_wait_for_is_refused_at_once(request_: bytes) -> None:
    async with gathering() as (upstream, _, door, one):
        assert (await one.ask(request_)).status == 413
        assert not upstream.seen
        assert door.ends == [(Outcome.REFUSED, 0)]


async def test_a_body_can_be_refused_for_what_it_says() -> None:
    async with gathering() as (upstream, _, _door, one):
        assert (await one.ask(post(b"Content-Length: 6\r\n", b"refuse"))).status == 403
        assert (await one.ask(post(b"Content-Length: 2\r\n", b"ok"))).status == 200
        assert len(upstream.seen) == 1


async def test_a_malformed_chunk_is_refused() -> None:
    async with gathering() as (upstream, _, _door, one):
        assert (await one.ask(post(b"Transfer-Encoding: chunked\r\n", b"zz\r\n"))).status == 400
        assert not upstream.seen


async def test_a_body_that_never_comes_is_not_waited_for() -> None:
    async with gathering() as (upstream, _, door, one):
        one.send(post(b"Content-Length: 10\r\n", b"hello"))
        assert (await one.answer(b"POST")).status == 504
        assert not upstream.seen
        assert door.ends == [(Outcome.TIMED_OUT, 0)]


async def test_a_caller_that_leaves_while_its_body_is_gathered_leaves_nothing_behind() -> None:
    async with gathering() as (upstream, served, door, one):
        one.send(post(b"Content-Length: 10\r\n", b"hello"))
        await until(lambda: served.relay.requests == 1)
        one.reset()
        await until(lambda: door.ends == [(Outcome.CALLER_GONE, 0)])
        assert served.relay.requests == 0
        assert not upstream.seen


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
