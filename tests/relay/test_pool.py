"""Connections to an upstream: kept for a moment, reused newest first, never one that is not well."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from sidecar.errors import AgentUnreachable
from sidecar.relay.own import Own
from sidecar.relay.pool import FRESH_SECONDS, IDLE_SECONDS, MOST_IDLE, Pool, Upstream, dial_endpoint
from sidecar.wire.endpoint import Tcp, Unix
from tests.relay.agents import agent
from tests.relay.callers import caller
from tests.relay.relaying import plain
from tests.relay.waiting import until


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Kept:
    """A side that records what it is told."""

    def __init__(self) -> None:
        self.data = b""
        self.lost: list[Exception | None] = []
        self.full: list[bool] = []

    def from_upstream(self, data: bytes) -> None:
        self.data += data

    def upstream_lost(self, error: Exception | None) -> None:
        self.lost.append(error)

    def upstream_full(self, full: bool) -> None:
        self.full.append(full)


@asynccontextmanager
async def pool() -> AsyncIterator[tuple[Pool, Clock, list[asyncio.StreamWriter]]]:
    """A pool whose upstream accepts and says nothing; the far ends of its connections."""
    ends: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: ends.append(writer), "127.0.0.1", 0)
    clock = Clock()
    endpoint = Tcp("127.0.0.1", server.sockets[0].getsockname()[1])
    made = Pool("the agent", dial_endpoint(endpoint, asyncio.get_running_loop()), connect_seconds=1.0, clock=clock)
    try:
        yield made, clock, ends
    finally:
        made.close()
        server.close()
        for end in ends:
            end.transport.abort()
        await asyncio.sleep(0)


async def kept(made: Pool, count: int) -> list[Upstream]:
    """As many connections, given back in order."""
    upstreams = [await made.connect() for _ in range(count)]
    for upstream in upstreams:
        made.give_back(upstream, None)
    return upstreams


async def test_the_connection_that_was_used_last_is_taken_first() -> None:
    async with pool() as (made, _, _):
        assert made.take(None, fresh=False) is None
        first, second = await kept(made, 2)
        assert [each.reused for each in (first, second)] == [False, False]
        assert made.take(None, fresh=False) is second
        assert made.take(None, fresh=True) is first
        assert first.reused
        assert made.take(None, fresh=False) is None


async def test_a_connection_that_has_been_idle_is_taken_only_for_what_can_be_repeated() -> None:
    async with pool() as (made, clock, _):
        (only,) = await kept(made, 1)
        clock.now += FRESH_SECONDS + 0.1
        assert made.take(None, fresh=True) is None
        assert made.take(None, fresh=False) is only


async def test_a_connection_that_has_been_idle_for_long_is_taken_for_nothing_and_closed() -> None:
    async with pool() as (made, clock, _):
        old, _ = await kept(made, 2)
        clock.now += IDLE_SECONDS + 0.1
        assert made.take(None, fresh=False) is None
        young = await made.connect()
        made.give_back(young, None)
        made.sweep(clock.now)
        assert old.transport.is_closing()
        assert not young.transport.is_closing()
        assert made.take(None, fresh=False) is young


async def test_a_connection_that_is_closing_is_passed_over() -> None:
    async with pool() as (made, _, _):
        good, bad = await kept(made, 2)
        bad.transport.close()
        assert made.take(None, fresh=False) is good
        made.give_back(bad, None)
        assert made.take(None, fresh=False) is None


async def test_a_connection_that_the_upstream_closes_is_forgotten() -> None:
    async with pool() as (made, _, ends):
        one, other = await kept(made, 2)
        await until(lambda: len(ends) == 2)
        for end in ends:
            end.close()
        await until(lambda: one.transport.is_closing() and other.transport.is_closing())
        await until(lambda: not made._idle)


async def test_a_connection_that_speaks_unasked_is_ended() -> None:
    async with pool() as (made, _, ends):
        (only,) = await kept(made, 1)
        await until(lambda: ends)
        ends[0].write(b"HTTP/1.1 200 OK\r\n\r\n")
        await until(only.transport.is_closing)
        assert made.take(None, fresh=False) is None


async def test_no_more_are_kept_than_are_of_use() -> None:
    async with pool() as (made, _, _):
        upstreams = await kept(made, MOST_IDLE + 1)
        assert [each.transport.is_closing() for each in upstreams] == [True] + [False] * MOST_IDLE


async def test_a_connection_is_for_who_has_used_it() -> None:
    """What is still to come on it could be an answer to what another one asked."""
    async with pool() as (made, clock, _):
        hers, older, newer = [await made.connect() for _ in range(3)]
        made.give_back(older, "bob")
        made.give_back(hers, "alice")
        made.give_back(newer, "bob")
        assert made.take("carol", fresh=False) is None
        assert made.take(None, fresh=False) is None
        assert made.take("alice", fresh=False) is hers
        assert made.take("alice", fresh=False) is None
        assert made.take("bob", fresh=False) is newer
        clock.now += IDLE_SECONDS + 0.1
        assert made.take("bob", fresh=False) is None
        made.sweep(clock.now)
        assert older.transport.is_closing()


async def test_a_connection_with_something_unsent_is_not_kept() -> None:
    async with pool() as (made, _, ends):
        upstream = await made.connect()
        await until(lambda: ends)
        ends[0].transport.pause_reading()  # type: ignore[attr-defined]  # it is a transport that reads, too
        upstream.side = side = Kept()
        while not side.full:
            upstream.transport.write(b"x" * 1_000_000)
        made.give_back(upstream, None)
        assert upstream.transport.is_closing()
        upstream.transport.abort()


async def test_a_closed_pool_keeps_nothing() -> None:
    async with pool() as (made, _, _):
        (idle,) = await kept(made, 1)
        out = await made.connect()
        made.close()
        made.give_back(out, None)
        assert idle.transport.is_closing()
        assert out.transport.is_closing()


async def test_a_side_is_told_what_happens_and_nothing_after_it_has_dropped() -> None:
    async with pool() as (made, _, ends):
        upstream = await made.connect()
        upstream.side = side = Kept()
        await until(lambda: ends)
        ends[0].write(b"hello")
        await until(lambda: side.data == b"hello")
        ends[0].close()
        await until(lambda: side.lost)
        assert side.lost == [None]

        dropped = await made.connect()
        dropped.side = side = Kept()
        dropped.drop()
        await until(dropped.transport.is_closing)
        await asyncio.sleep(0.01)
        assert not side.lost


async def test_an_upstream_that_is_not_there_is_named() -> None:
    async with agent() as gone:
        endpoint = gone.endpoint
    made = Pool("the agent", dial_endpoint(endpoint, asyncio.get_running_loop()), connect_seconds=1.0, clock=Clock())
    with pytest.raises(AgentUnreachable) as caught:
        await made.connect()
    assert "no connection to the agent: " in caught.value.reason


async def test_an_upstream_that_does_not_accept_is_given_up_within_its_time() -> None:
    async def dial(make: Callable[[], Upstream]) -> tuple[asyncio.BaseTransport, Upstream]:
        await asyncio.sleep(60)
        raise AssertionError

    made = Pool("the agent", dial, connect_seconds=0.1, clock=Clock())
    began = asyncio.get_running_loop().time()
    with pytest.raises(AgentUnreachable, match=r"within 0\.1 s"):
        await made.connect()
    assert asyncio.get_running_loop().time() - began < 3


async def test_an_upstream_on_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "agent.sock"
    async with agent() as upstream:
        server = await asyncio.start_unix_server(upstream.serve, str(path))
        async with plain(Unix(path)) as served, caller(served.endpoint) as one:
            for _ in range(2):
                assert (await one.ask(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n")).body == b"GET /a "
            assert len(upstream.links) == 1
        server.close()


async def test_a_unix_socket_that_is_not_there_is_an_agent_that_is_away(tmp_path: Path) -> None:
    async with plain(Unix(tmp_path / "none.sock")) as served, caller(served.endpoint) as one:
        assert (await one.ask(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n")).status == 502


# in memory


@asynccontextmanager
async def pages() -> AsyncIterator[Own]:
    async def echo(request: web.Request) -> web.Response:
        return web.json_response(
            {"path": request.path, "body": (await request.read()).decode(), "peer": request.remote}
        )

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(100):
            await response.write(b"x" * 10_000)
        return response

    def application() -> web.Application:
        made = web.Application()
        made.router.add_get("/stream", stream)
        made.router.add_route("*", "/{rest:.*}", echo)
        return made

    own = Own(application, asyncio.get_running_loop())
    try:
        yield own
    finally:
        await own.close()


async def test_an_application_of_this_process_is_an_upstream_without_a_name() -> None:
    async with pages() as own, plain(Tcp("127.0.0.1", 1)) as served, caller(served.endpoint) as one:
        served.door.pool = in_memory = Pool("own", own.dial, connect_seconds=5.0, clock=Clock())
        for number in range(3):
            answer = await one.ask(b"POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi" % number)
            assert answer.status == 200
            assert b'{"path": "/%d", "body": "hi", "peer": ' % number in answer.body
        assert len((await one.ask(b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")).body) == 1_000_000
        in_memory.close()


@pytest.mark.parametrize("coding", [b"gzip", b"br", b"deflate"])
async def test_a_body_comes_as_it_was_sent_whatever_it_is_said_to_be(
    coding: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with pages() as own, plain(Tcp("127.0.0.1", 1)) as served, caller(served.endpoint) as one:
        served.door.pool = in_memory = Pool("own", own.dial, connect_seconds=5.0, clock=Clock())
        for path in (b"/", b"/stream"):  # read, and left
            first = b"%b %b HTTP/1.1\r\nHost: a\r\n" % (b"POST" if path == b"/" else b"GET", path)
            answer = await one.ask(first + b"Content-Encoding: %b\r\nContent-Length: 5\r\n\r\nplain" % coding)
            assert answer.status == 200
            assert path == b"/stream" or b'"body": "plain"' in answer.body
        in_memory.close()
    assert caplog.text == ""


async def test_an_application_that_has_ended_is_away() -> None:
    async with pages() as own, plain(Tcp("127.0.0.1", 1)) as served:
        served.door.pool = in_memory = Pool("own", own.dial, connect_seconds=5.0, clock=Clock())
        async with caller(served.endpoint) as one:
            assert (await one.ask(b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n")).status == 200
        in_memory.close()
        await own.close()
        async with caller(served.endpoint) as one:
            assert (await one.ask(b"GET /2 HTTP/1.1\r\nHost: a\r\n\r\n")).status == 502
