"""Answers that are rewritten as they come."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from sidecar.relay.answer import Answer
from sidecar.relay.head import Head
from sidecar.relay.passage import Gathered, Outcome, Passage, Peer, Sieve
from sidecar.relay.pool import Pool
from sidecar.relay.relay import Timeouts
from tests.relay.agents import Agent, Answering, Link, Request, agent, saying
from tests.relay.callers import Caller, Cut, caller
from tests.relay.relaying import PlainDoor, Relaying, relaying


class Upper:
    """Says it all louder, each line as soon as it is whole."""

    def __init__(self, *, whole: bool) -> None:
        self.whole = whole
        self._line = b""

    def feed(self, data: bytes) -> bytes:
        lines, newline, self._line = (self._line + data).rpartition(b"\n")
        if b"wrong" in lines:
            raise ValueError("it is wrong")
        return (lines + newline).upper()

    def end(self) -> bytes:
        if self._line == b"cut":
            raise ValueError("it is cut")
        return self._line.upper() + b"!"


class Rewritten(Gathered):
    __slots__ = ("_door",)

    def __init__(self, pool: Pool, head: bytes, door: "RewritingDoor") -> None:
        super().__init__(pool, head, b"X-Mark: 1\r\n")
        self._door = door

    def gathered(self, body: bytes) -> bytes:
        assert not body
        return self.head

    def sieve(self, answer: Answer) -> Sieve | None:
        if b"X-Refused: 1" in answer.lines:
            raise ValueError("its head says so")
        return None if b"X-Plain: 1" in answer.lines else Upper(whole=self._door.whole)

    def streaming(self, push: Callable[[bytes], None]) -> None:
        self._door.push = push

    def ended(self, outcome: Outcome, status: int) -> None:
        self._door.ends.append((outcome, status))


class RewritingDoor(PlainDoor):
    whole = False
    push: Callable[[bytes], None]

    def admit(self, head: Head[None], peer: Peer) -> Passage:
        return Rewritten(self.pool, b"%b %b HTTP/1.1\r\nHost: a\r\n" % (head.method, head.target), self)


@asynccontextmanager
async def rewriting(
    answer: Answering, *, whole: bool = False
) -> AsyncIterator[tuple[Agent, Relaying, RewritingDoor, Caller]]:
    doors: list[RewritingDoor] = []

    def make(pool: Pool) -> RewritingDoor:
        doors.append(RewritingDoor(pool))
        doors[0].whole = whole
        return doors[0]

    async with (
        agent(answer) as upstream,
        relaying(make, upstream.endpoint, timeouts=Timeouts(first_byte=0.5, drain=0.2)) as served,
        caller(served.endpoint) as one,
    ):
        yield upstream, served, doors[0], one


GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
LENGTH = b"HTTP/1.1 200 OK\r\nX-Own: 1\r\nContent-Length: 9\r\n\r\none\ntwo\nt"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nX-Own: 1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\none\nt\r\n4\r\nwo\nt\r\n0\r\nX-T: 1\r\n\r\n"
)
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\nX-Own: 1\r\n\r\none\ntwo\nt"
EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize("whole", [False, True], ids=["streamed", "whole"])
@pytest.mark.parametrize("pieces", [1, 4, 50])
@pytest.mark.parametrize("said", [LENGTH, CHUNKED, UNTIL_CLOSE], ids=["length", "chunked", "until close"])
async def test_an_answer_is_rewritten_however_it_is_framed(said: bytes, pieces: int, *, whole: bool) -> None:
    async with rewriting(saying(said, pieces=pieces, close=said is UNTIL_CLOSE), whole=whole) as (_, _, door, one):
        for _ in range(2):
            answer = await one.ask(GET)
            assert answer.body == b"ONE\nTWO\nT!"
            assert (answer.value(b"x-own"), answer.value(b"x-mark")) == (b"1", b"1")
            assert answer.value(b"content-length") == (b"10" if whole else None)
            assert not answer.trailers
        assert door.ends == [(Outcome.DONE, 200)] * 2


@pytest.mark.parametrize("whole", [False, True], ids=["streamed", "whole"])
async def test_an_empty_answer_ends_too(*, whole: bool) -> None:
    async with rewriting(saying(EMPTY), whole=whole) as (_, _, _door, one):
        assert (await one.ask(GET)).body == b"!"
        assert (await one.ask(GET)).body == b"!"


async def test_an_upstream_s_connection_is_kept_behind_a_rewritten_answer() -> None:
    async with rewriting(saying(CHUNKED)) as (upstream, _, _door, one):
        await one.ask(GET)
        await one.ask(GET)
        assert len(upstream.links) == 1


async def test_bytes_behind_a_rewritten_answer_are_nobody_s() -> None:
    async with rewriting(saying(LENGTH + b"more"), whole=True) as (upstream, _, _door, one):
        assert (await one.ask(GET)).body == b"ONE\nTWO\nT!"
        assert (await one.ask(GET)).body == b"ONE\nTWO\nT!"
        assert len(upstream.links) == 2


async def test_what_is_whole_goes_on_at_once_and_ours_between() -> None:
    slow = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\none\ntw\r\n"
    held = asyncio.Event()

    async def answer(request: Request, link: Link) -> None:
        await link.body(request)
        await link.say(slow)
        await held.wait()
        await link.say(b"2\r\no\n\r\n0\r\n\r\n")

    async with rewriting(answer) as (_, _, door, one):
        one.send(GET)
        head = await one.reader.readuntil(b"\r\n\r\n")
        assert b"Transfer-Encoding: chunked" in head
        assert await one.reader.readexactly(9) == b"4\r\nONE\n\r\n"
        door.push(b"ours\n")
        assert await one.reader.readexactly(10) == b"5\r\nours\n\r\n"
        held.set()
        assert await one.reader.readuntil(b"0\r\n\r\n") == b"5\r\nTWO\n!\r\n0\r\n\r\n"
        door.push(b"too late")
        assert (await one.ask(GET)).status == 200


async def test_an_older_caller_gets_it_until_the_end_of_the_connection() -> None:
    async with rewriting(saying(CHUNKED)) as (_, _, _door, one):
        one.send(b"GET /x HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n")
        said = await one.reader.read()
        assert said.endswith(b"\r\n\r\nONE\nTWO\nT!")
        assert b"Connection: close" in said


@pytest.mark.parametrize(
    "said",
    [
        LENGTH.replace(b"one\n", b"wrong\n").replace(b"9", b"11"),
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ncut",
        b"HTTP/1.1 200 OK\r\nX-Refused: 1\r\nContent-Length: 0\r\n\r\n",
        CHUNKED.replace(b"4\r\nwo", b"zz\r\nwo"),
        LENGTH.replace(b"9", b"90"),
    ],
    ids=["its middle", "its end", "its head", "its framing", "it is cut off"],
)
async def test_an_answer_that_can_t_be_rewritten_is_a_refusal_where_it_is_held(said: bytes) -> None:
    async with rewriting(saying(said, close=True), whole=True) as (_, _, door, one):
        assert (await one.ask(GET)).status == 502
        assert door.ends == [(Outcome.AGENT_GONE, door.ends[0][1])]


async def test_an_answer_that_can_t_be_rewritten_is_cut_where_it_has_begun() -> None:
    async with rewriting(saying(LENGTH.replace(b"two\n", b"").replace(b"9", b"11"), later=b"wrong\n")) as (*_, one):
        with pytest.raises((Cut, ConnectionResetError)):
            await one.ask(GET)


async def test_what_is_not_rewritten_passes_as_it_came() -> None:
    async with rewriting(saying(LENGTH.replace(b"X-Own", b"X-Plain"))) as (_, _, _door, one):
        answer = await one.ask(GET)
        assert (answer.body, answer.value(b"content-length")) == (b"one\ntwo\nt", b"9")


@pytest.mark.parametrize("said", [b"HTTP/1.1 204 No Content\r\n\r\n", b"HTTP/1.1 304 Not Modified\r\n\r\n"])
async def test_an_answer_without_a_body_has_none_to_rewrite(said: bytes) -> None:
    async with rewriting(saying(said)) as (_, _, _door, one):
        answer = await one.ask(GET)
        assert (answer.body, answer.value(b"transfer-encoding")) == (b"", None)


async def test_an_answer_that_stops_coming_is_a_timeout_while_it_is_held() -> None:
    async with rewriting(saying(LENGTH[:-3]), whole=True) as (_, _, _door, one):
        assert (await one.ask(GET)).status == 504
