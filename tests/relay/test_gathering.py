"""Requests that are decided by their body."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager

import pytest

from sidecar.errors import NotPermitted
from sidecar.relay.head import Head
from sidecar.relay.passage import Gathered, Outcome, Passage, Peer, Reply
from sidecar.relay.pool import Pool
from sidecar.relay.relay import Timeouts
from tests.relay.agents import Agent, Answering, agent, own
from tests.relay.callers import Caller, caller
from tests.relay.relaying import PlainDoor, Relaying, relaying
from tests.relay.waiting import until


class Sealed(Gathered):
    """Its head says how long the body was, and what it began with."""

    __slots__ = ("_door", "body")
    most = 1000

    def __init__(self, pool: Pool, head: bytes, door: "GatheringDoor") -> None:
        super().__init__(pool, head, b"X-Mark: 1\r\n")
        self.body = None
        self._door = door

    def gathered(self, body: bytes) -> bytes | Reply | Awaitable[bytes | Reply]:
        if body.startswith(b"refuse"):
            raise NotPermitted("the body says so")
        if body.startswith(b"bug"):
            raise KeyError("a bug")
        if body.startswith(b"reply"):
            return Reply(200, b"Content-Type: text/plain\r\n", b"ours", "tool_denied")
        if body.startswith(b"later"):
            return self._later(body)
        if body.startswith(b"other"):
            self.body = b"in its place"
        return self.head + b"X-Body: %d %b\r\n" % (len(body), body[:5])

    async def _later(self, body: bytes) -> bytes | Reply:
        await asyncio.sleep(0.05)
        match body[5:]:
            case b"refuse":
                raise NotPermitted("at last")
            case b"reply":
                return Reply(202, b"")
            case b"never":
                await asyncio.sleep(60)
            case b"bug":
                raise KeyError("a bug")
            case _:
                return self.head
        raise AssertionError("nobody waits so long")

    def ended(self, outcome: Outcome, status: int) -> None:
        self._door.ends.append((outcome, status))


class GatheringDoor(PlainDoor):
    def admit(self, head: Head[None], peer: Peer) -> Passage:
        return Sealed(self.pool, b"%b %b HTTP/1.1\r\nHost: a\r\n" % (head.method, head.target), self)


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


async def test_a_body_may_be_answered_at_once_without_any_upstream() -> None:
    async with gathering() as (upstream, _, door, one):
        answer = await one.ask(post(b"Content-Length: 5\r\n", b"reply"))
        assert (answer.status, answer.body) == (200, b"ours")
        assert (answer.value(b"sidecar-error"), answer.value(b"x-mark")) == (b"tool_denied", b"1")
        assert answer.value(b"content-type") == b"text/plain"
        assert (await one.ask(post(b"Content-Length: 2\r\n", b"hi"))).body == b"POST /x hi"
        assert len(upstream.seen) == 1
        assert door.ends == [(Outcome.DONE, 200)] * 2


@pytest.mark.parametrize("first", [b"reply", b"refuse"])
@pytest.mark.parametrize("at_once", [True, False])
async def test_what_stands_behind_a_body_that_is_answered_at_once_is_the_next_request(
    first: bytes, *, at_once: bool
) -> None:
    async with gathering() as (_, _, _door, one):
        head, rest = post(b"Content-Length: %d\r\n" % len(first)), post(b"Content-Length: 2\r\n", b"hi")
        one.send(head + (b"" if not at_once else first + rest))
        if not at_once:
            await asyncio.sleep(0.02)
            one.send(first + rest)
        assert (await one.answer(b"POST")).status == (200 if first == b"reply" else 403)
        assert (await one.answer(b"POST")).body == b"POST /x hi"


async def test_a_body_may_be_thought_about() -> None:
    async with gathering() as (_, served, _door, one):
        assert (await one.ask(post(b"Content-Length: 5\r\n", b"later"))).body == b"POST /x later"
        answer = await one.ask(post(b"Content-Length: 10\r\n", b"laterreply"))
        assert (answer.status, answer.body, answer.value(b"content-length")) == (202, b"", b"0")
        assert (await one.ask(post(b"Content-Length: 11\r\n", b"laterrefuse"))).status == 403
        assert served.relay.requests == 0


@pytest.mark.parametrize("body", [b"bug", b"laterbug"])
async def test_a_bug_is_an_answer_too(body: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async with gathering() as (upstream, _, _door, one):
        assert (await one.ask(post(b"Content-Length: %d\r\n" % len(body), body))).status == 500
        assert not upstream.seen
        assert "a request failed inside the sidecar" in caplog.text


async def test_a_thought_that_takes_too_long_is_ended() -> None:
    async with gathering() as (upstream, served, door, one):
        assert (await one.ask(post(b"Content-Length: 10\r\n", b"laternever"))).status == 504
        assert not upstream.seen
        assert (served.relay.requests, door.ends) == (0, [(Outcome.TIMED_OUT, 0)])


async def test_a_caller_that_leaves_ends_the_thought() -> None:
    async with gathering() as (upstream, served, door, one):
        one.send(post(b"Content-Length: 10\r\n", b"laternever"))
        await until(lambda: served.relay.requests == 1)
        one.reset()
        await until(lambda: door.ends == [(Outcome.CALLER_GONE, 0)])
        assert not upstream.seen


async def test_another_body_may_go_in_its_place() -> None:
    async with gathering() as (upstream, _, _door, one):
        assert (await one.ask(post(b"Content-Length: 5\r\n", b"other"))).body == b"POST /x in its place"
        assert upstream.seen[0].values(b"content-length") == [b"12"]
