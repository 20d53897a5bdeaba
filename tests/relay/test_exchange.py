"""One request and its answer: framing rebuilt, bodies streamed both ways, and every way in which it can end."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from sidecar.errors import AgentUnreachable, BadRequest
from sidecar.relay.passage import Outcome
from sidecar.relay.relay import Timeouts
from tests.relay.agents import Agent, Answering, Link, Request, agent, own, saying
from tests.relay.callers import Caller, Cut, caller
from tests.relay.relaying import Plain, plain
from tests.relay.waiting import settled, until

OK = b"HTTP/1.1 200 OK\r\n"
EMPTY = OK + b"Content-Length: 0\r\n\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
HANDSHAKE = b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" + KEY + b"\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
MIB = 1 << 20


def get(target: bytes = b"/", version: bytes = b"1.1", fields: bytes = b"", method: bytes = b"GET") -> bytes:
    return b"%b %b HTTP/%b\r\nHost: a\r\n%b\r\n" % (method, target, version, fields)


def post(fields: bytes, body: bytes = b"") -> bytes:
    return b"POST / HTTP/1.1\r\nHost: a\r\n%b\r\n%b" % (fields, body)


@asynccontextmanager
async def scene(
    answer: Answering = own, *, timeouts: Timeouts | None = None, window: int | None = None
) -> AsyncIterator[tuple[Agent, Plain, Caller]]:
    async with (
        agent(answer) as upstream,
        plain(upstream.endpoint, timeouts=timeouts) as served,
        caller(served.endpoint, window=window) as one,
    ):
        yield upstream, served, one


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


# requests


async def test_a_length_stays_a_length_and_chunks_stay_chunks() -> None:
    async with scene() as (upstream, _, one):
        assert (await one.ask(post(b"Content-Length: 5\r\n", b"hello"))).body == b"POST / hello"
        assert upstream.seen[-1].values(b"content-length") == [b"5"]
        body = b"3;extension\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"
        assert (await one.ask(post(b"Transfer-Encoding: chunked\r\n", body))).body == b"POST / hello"
        assert upstream.seen[-1].values(b"transfer-encoding") == [b"chunked"]
        assert b"extension" not in upstream.raw
        assert (await one.ask(post(b"Content-Length: 0\r\n"))).body == b"POST / "
        assert upstream.seen[-1].values(b"content-length") == [b"0"]
        assert (await one.ask(post(b""))).status == 200
        assert not upstream.seen[-1].names & {b"content-length", b"transfer-encoding", b"connection"}


async def test_trailers_pass_but_those_of_the_framing_and_those_that_the_door_drops() -> None:
    trailers = b"X-Kept: 1\r\nX-Dropped: 2\r\nContent-Length: 3\r\nHost: b\r\nTrailer: x\r\nTE: x\r\n"
    async with scene() as (upstream, _, one):
        await one.ask(post(b"Transfer-Encoding: chunked\r\n", chunk(b"hello") + b"0\r\n" + trailers + b"\r\n"))
        assert upstream.seen[0].trailers == [(b"x-kept", b"1")]


async def test_a_body_that_comes_byte_by_byte_arrives() -> None:
    async with scene() as (_, _, one):
        for byte in post(b"Transfer-Encoding: chunked\r\n", chunk(b"hello") + b"0\r\nA: b\r\n\r\n"):
            one.send(bytes([byte]))
            await asyncio.sleep(0)
        assert (await one.answer()).body == b"POST / hello"


async def test_a_body_streams_before_it_has_ended() -> None:
    async with scene() as (upstream, _, one):
        one.send(post(b"Transfer-Encoding: chunked\r\n", chunk(b"first")))
        await until(lambda: b"first" in upstream.raw)
        one.send(chunk(b"second") + b"0\r\n\r\n")
        assert (await one.answer()).body == b"POST / firstsecond"


async def test_a_caller_that_waits_to_be_told_to_continue_is_told_by_the_agent() -> None:
    async def answer(request: Request, link: Link) -> None:
        assert request.values(b"expect") == [b"100-continue"]
        await link.say(b"HTTP/1.1 100 Continue\r\n\r\n")
        await own(request, link)

    async with scene(answer) as (_, _, one):
        one.send(post(b"Content-Length: 5\r\nExpect: 100-continue\r\n"))
        assert (await one.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 Continue")
        one.send(b"hello")
        assert (await one.answer()).body == b"POST / hello"


async def test_an_agent_that_does_not_want_the_body_says_so_before_it_comes() -> None:
    async def answer(request: Request, link: Link) -> None:
        await link.say(b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\n\r\nno")
        await link.receive()

    async with scene(answer) as (upstream, _, one):
        one.send(post(b"Content-Length: 5\r\nExpect: 100-continue\r\n"))
        early = await one.answer()
        assert (early.status, early.body, early.value(b"connection")) == (417, b"no", b"close")
        assert await one.ended()
        await asyncio.wait_for(upstream.links[0].ended, 1)


async def test_an_early_answer_reaches_a_caller_that_still_sends() -> None:
    async def answer(request: Request, link: Link) -> None:
        await link.say(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
        await link.receive()

    async with scene(answer) as (upstream, served, one):
        one.send(post(b"Content-Length: 1000000\r\n", b"x" * 1000))
        early = await one.answer()
        assert (early.status, early.body, early.value(b"connection")) == (413, b"big", b"close")
        for _ in range(20):
            one.send(b"x" * 10_000)  # nobody reads it, and the answer isn't lost to a reset
            await asyncio.sleep(0.001)
        assert await one.ended()
        await asyncio.wait_for(upstream.links[0].ended, 1)
        assert await served.door.ending() == [(Outcome.DONE, 413)]


async def test_an_answer_and_its_request_stream_at_the_same_time() -> None:
    async def echo(request: Request, link: Link) -> None:
        await link.say(CHUNKED)
        read = 0
        while read < 50:
            await link.receive()
            body = bytes(link.raw).partition(b"\r\n\r\n")[2]
            await link.say(chunk(body[read:]))
            read = len(body)
        await link.say(b"0\r\n\r\n")

    async with scene(echo) as (_, _, one):
        one.send(post(b"Content-Length: 50\r\n"))
        await one.reader.readuntil(b"\r\n\r\n")
        for number in range(10):
            one.send(b"%05d" % number)
            assert await one.reader.readexactly(10) == chunk(b"%05d" % number)
        assert await one.take(5) == b"0\r\n\r\n"


# answers


async def test_an_answer_streams_as_it_is_said() -> None:
    more = asyncio.Event()

    async def answer(request: Request, link: Link) -> None:
        await link.say(OK + b"Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in range(3):
            await link.say(chunk(b"data: %d\n\n" % number))
            await more.wait()
            more.clear()
        await link.say(b"0\r\nX-Done: yes\r\n\r\n")

    async with scene(answer) as (_, _, one):
        one.send(get())
        await one.reader.readuntil(b"\r\n\r\n")
        for number in range(3):
            async with asyncio.timeout(1):
                assert await one.reader.readexactly(14) == chunk(b"data: %d\n\n" % number)
            more.set()
        assert (await one.reader.readuntil(b"\r\n\r\n")) == b"0\r\nX-Done: yes\r\n\r\n"


async def test_answers_without_a_body_end_with_their_head() -> None:
    async with scene(saying(OK + b"Content-Length: 5\r\n\r\n")) as (upstream, _, one):
        head = await one.ask(get(method=b"HEAD"))
        assert (head.status, head.value(b"content-length"), head.body) == (200, b"5", b"")
        upstream.answer = saying(b"HTTP/1.1 204 No Content\r\n\r\n")
        assert (await one.ask(get())).status == 204
        upstream.answer = saying(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nETag: x\r\n\r\n")
        unchanged = await one.ask(get())
        assert (unchanged.status, unchanged.value(b"etag")) == (304, b"x")
        upstream.answer = saying(EMPTY)
        assert (await one.ask(get())).value(b"content-length") == b"0"
        assert len(upstream.links) == 1


async def test_interim_answers_pass_to_callers_that_know_them() -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nX-Agent-Secret: s\r\n\r\n"
    async with scene(saying(hints * 2 + OK + b"Content-Length: 2\r\n\r\nhi")) as (_, served, one):
        answer = await one.ask(get())
        assert (answer.interim, answer.status, answer.body) == ([103, 103], 200, b"hi")
        async with caller(served.endpoint) as old:
            old.send(get(version=b"1.0"))
            data = await old.rest()
        assert data.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"103" not in data


async def test_an_old_caller_gets_chunks_taken_apart_and_its_connection_closed() -> None:
    async with scene(saying(CHUNKED + chunk(b"hel") + chunk(b"lo") + b"0\r\nX: y\r\n\r\n")) as (upstream, _, one):
        one.send(get(version=b"1.0", fields=b"Connection: keep-alive\r\n"))
        data = await one.rest()
        head, _, body = data.partition(b"\r\n\r\n")
        assert body == b"hello"
        assert b"Transfer-Encoding" not in head
        assert b"Connection: close" in head
        assert upstream.seen[0].raw.startswith(b"GET / HTTP/1.1\r\n")


async def test_an_old_caller_keeps_its_connection_where_it_asks_and_the_length_is_known() -> None:
    async with scene() as (_, _, one):
        for _ in range(2):
            answer = await one.ask(get(version=b"1.0", fields=b"Connection: keep-alive\r\n"))
            assert (answer.value(b"connection"), answer.body) == (b"keep-alive", b"GET / ")
        assert (await one.ask(get(version=b"1.0"))).value(b"connection") == b"close"
        assert await one.ended()


async def test_a_body_that_ends_with_the_agents_connection_ends_with_the_callers() -> None:
    async with scene(saying(OK + b"\r\nhello", close=True)) as (_, served, one):
        answer = await one.ask(get())
        assert (answer.body, answer.value(b"connection")) == (b"hello", b"close")
        assert await one.ended()
        assert await served.door.ending() == [(Outcome.DONE, 200)]


async def test_the_answer_is_marked_and_what_the_door_drops_is_not_in_it() -> None:
    said = OK + b"X-Agent-Secret: s\r\nKeep-Alive: timeout=5\r\nServer: a\r\nContent-Length: 0\r\n\r\n"
    async with scene(saying(said)) as (_, _, one):
        answer = await one.ask(get())
        assert answer.names == {b"server", b"x-trace-id", b"content-length"}


# tunnels


async def pipe(request: Request, link: Link) -> None:
    """A WebSocket server without WebSocket: echoes bytes."""
    await link.body(request)
    assert (request.values(b"upgrade"), request.values(b"connection")) == ([b"websocket"], [b"Upgrade"])
    await link.say(SWITCH)
    while data := await link.receive():
        await link.say(data)


async def test_a_tunnel_carries_bytes_both_ways_until_the_caller_leaves() -> None:
    async with scene(pipe) as (upstream, served, one):
        assert (await one.ask(HANDSHAKE)).status == 101
        for size in (1, 10, 100_000):
            one.send(b"x" * size)
            assert await one.take(size) == b"x" * size
        one.writer.close()
        await asyncio.wait_for(upstream.links[0].ended, 1)
        assert await served.door.ending() == [(Outcome.CALLER_GONE, 101)]


async def test_a_tunnel_ends_when_the_agent_leaves_with_all_that_it_said() -> None:
    async with scene(saying(SWITCH + b"first frame" + b"y" * 300_000, close=True)) as (_, served, one):
        assert (await one.ask(HANDSHAKE)).status == 101
        assert await one.rest() == b"first frame" + b"y" * 300_000
        assert await served.door.ending() == [(Outcome.DONE, 101)]


async def test_a_tunnel_is_reset_where_the_agent_resets() -> None:
    async def answer(request: Request, link: Link) -> None:
        await link.body(request)
        await link.say(SWITCH)
        await link.receive()
        link.reset()

    async with scene(answer) as (_, served, one):
        await one.ask(HANDSHAKE)
        one.send(b"hello")
        assert not await one.ended()
        assert await served.door.ending() == [(Outcome.AGENT_GONE, 101)]


@pytest.mark.parametrize("size", [10, 300_000])
async def test_what_a_hasty_caller_says_before_the_switch_waits_for_it(size: int) -> None:
    go = asyncio.Event()

    async def answer(request: Request, link: Link) -> None:
        await link.body(request)
        await go.wait()
        assert link.raw.endswith(b"\r\n\r\n")
        await link.say(SWITCH)
        while data := await link.receive():
            await link.say(data)

    async with scene(answer) as (upstream, _, one):
        one.send(HANDSHAKE + b"z" * size)
        await until(lambda: upstream.begun)
        await asyncio.sleep(0.02)
        go.set()
        assert (await one.answer()).status == 101
        one.send(b"end")
        assert await one.take(size + 3) == b"z" * size + b"end"


async def test_a_handshake_that_the_agent_declines_leaves_http_on_the_callers_connection_alone() -> None:
    """At its other end somebody may still wait for the first frame, and would take the next request for that."""
    async with scene() as (upstream, _, one):
        assert (await one.ask(HANDSHAKE)).body == b"GET /ws "
        assert (await one.ask(get(b"/next"))).body == b"GET /next "
        assert len(upstream.links) == 2


async def test_frames_behind_a_declined_handshake_never_reach_the_agent() -> None:
    async with scene() as (upstream, _, one):
        one.send(HANDSHAKE + b"\x81\x85frame\r\n\r\n" + get(b"/smuggled"))
        assert (await one.answer()).body == b"GET /ws "
        refused = await one.answer()
        assert (refused.status, refused.value(b"connection")) == (400, b"close")
        assert await one.ended()
        assert upstream.targets == [b"/ws"]
        assert b"frame" not in upstream.raw


# retries


class Dying:
    """Answers the first requests, then ends the connection at each, before or after a byte."""

    def __init__(self, times: int, byte: bytes = b"") -> None:
        self.times, self.byte = times, byte

    async def __call__(self, request: Request, link: Link) -> None:
        if request.target == b"/warm" or self.times == 0:
            await own(request, link)
            return
        self.times -= 1
        await link.body(request)
        if self.byte:
            await link.say(self.byte)
        link.writer.close()


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE"])
async def test_a_request_that_may_be_repeated_is_sent_once_more_where_a_kept_connection_was_stale(
    method: bytes,
) -> None:
    async with scene(Dying(1)) as (upstream, served, one):
        await one.ask(get(b"/warm"))
        answer = await one.ask(get(b"/again", method=method))
        assert answer.status == 200
        assert [(request.target, request.link) for request in upstream.begun] == [
            (b"/warm", 0),
            (b"/again", 0),
            (b"/again", 1),
        ]
        assert await served.door.ending(2) == [(Outcome.DONE, 200)] * 2


async def test_it_is_sent_no_third_time() -> None:
    async with scene(Dying(9)) as (upstream, served, one):
        await one.ask(get(b"/warm"))
        assert (await one.ask(get(b"/again"))).status == 502
        assert len(upstream.begun) == 3
        assert await served.door.ending(2) == [(Outcome.DONE, 200), (Outcome.AGENT_GONE, 0)]


@pytest.mark.parametrize(
    "request_",
    [
        post(b""),
        post(b"Content-Length: 5\r\n", b"hello"),
        get(method=b"PATCH"),
        b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
        b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        HANDSHAKE,
    ],
    ids=["POST", "POST with a body", "PATCH", "PUT with a body", "PUT in chunks", "a handshake"],
)
async def test_a_request_that_may_not_be_repeated_is_not(request_: bytes) -> None:
    async with scene(Dying(1)) as (upstream, _, one):
        await one.ask(get(b"/warm"))
        assert (await one.ask(request_)).status == 502
        assert len(upstream.begun) == 2


async def test_a_request_is_not_repeated_once_a_byte_of_the_answer_has_come() -> None:
    async with scene(Dying(1, b"HTTP")) as (upstream, _, one):
        await one.ask(get(b"/warm"))
        assert (await one.ask(get(b"/again"))).status == 502
        assert len(upstream.begun) == 2


async def test_a_request_is_not_repeated_on_a_connection_of_its_own() -> None:
    async with scene(Dying(1)) as (upstream, _, one):
        assert (await one.ask(get(b"/again"))).status == 502
        assert len(upstream.begun) == 1


async def test_a_request_that_can_not_be_repeated_takes_no_connection_that_has_been_idle_for_long() -> None:
    async with scene() as (upstream, served, one):
        await one.ask(get(b"/warm"))
        served.pool._idle[-1].idle_since -= 2
        await one.ask(post(b"Content-Length: 2\r\n", b"hi"))
        await one.ask(get(b"/warm"))
        assert [request.link for request in upstream.seen] == [0, 1, 1]


# who leaves when


async def hang(request: Request, link: Link) -> None:
    await link.receive()


async def begin(request: Request, link: Link) -> None:
    await link.say(OK + b"Content-Length: 100\r\n\r\nbegun")
    await link.receive()


@pytest.mark.parametrize("leave", ["close", "reset", "half-close"])
@pytest.mark.parametrize(
    ("answer", "sent", "status"),
    [
        (hang, get(), 0),
        (hang, post(b"Content-Length: 100\r\n", b"x"), 0),
        (hang, post(b"Transfer-Encoding: chunked\r\n", b"5\r\nhe"), 0),
        (begin, get(), 200),
        (begin, post(b"Content-Length: 100\r\n", b"x"), 200),
        (pipe, HANDSHAKE, 101),
    ],
    ids=["before the answer", "inside the body", "inside a chunk", "inside the answer", "inside both", "in a tunnel"],
)
async def test_a_caller_that_leaves_ends_the_agents_call_within_a_second(
    answer: Answering, sent: bytes, status: int, leave: str
) -> None:
    async with scene(answer) as (upstream, served, one):
        one.send(sent)
        await until(lambda: upstream.begun)
        if status:
            await one.reader.readuntil(b"\r\n\r\n")
        match leave:
            case "close":
                one.writer.close()
            case "reset":
                one.reset()
            case _:  # who asks and says that it is done is taken to be gone
                one.writer.write_eof()
        await asyncio.wait_for(upstream.links[0].ended, 1)
        assert await served.door.ending() == [(Outcome.CALLER_GONE, status)]
        assert not served.relay.requests


async def test_an_agent_that_is_away_is_said_to_be() -> None:
    async with agent() as gone:
        endpoint = gone.endpoint
    async with plain(endpoint) as served, caller(served.endpoint) as one:
        for _ in range(2):
            answer = await one.ask(get())
            assert (answer.status, answer.value(b"sidecar-error")) == (502, b"agent_unreachable")
            assert b"Check that the agent runs" in answer.body
        assert [type(refusal) for refusal in served.door.refusals] == [AgentUnreachable] * 2
        assert "no connection to the agent" in served.door.refusals[0].reason
        assert await served.door.ending(2) == [(Outcome.AGENT_GONE, 0)] * 2


async def test_a_body_that_is_no_body_ends_the_agents_call() -> None:
    async with scene(hang) as (upstream, served, one):
        one.send(post(b"Transfer-Encoding: chunked\r\n", chunk(b"good")))
        await until(lambda: b"good" in upstream.raw)
        one.send(chunk(b"x" * 20) + b"nonsense\r\n")
        assert (await one.answer()).status == 400
        assert await one.ended()
        await asyncio.wait_for(upstream.links[0].ended, 1)
        assert not upstream.raw.endswith(b"0\r\n\r\n")
        assert await served.door.ending() == [(Outcome.REFUSED, 0)]
        assert isinstance(served.door.refusals[0], BadRequest)


async def test_a_bad_body_behind_an_early_answer_resets_it() -> None:
    async with scene(begin) as (upstream, served, one):
        one.send(post(b"Transfer-Encoding: chunked\r\n", chunk(b"good")))
        await one.reader.readuntil(b"\r\n\r\n")
        one.send(b"nonsense\r\n")
        with pytest.raises((ConnectionResetError, Cut)):
            await one.rest()
        await asyncio.wait_for(upstream.links[0].ended, 1)
        assert await served.door.ending() == [(Outcome.REFUSED, 200)]


# back-pressure


def buffered(served: Plain) -> int:
    """Bytes that the relay holds for its callers."""
    return sum(connection.transport.get_write_buffer_size() for connection in served.relay._connections)


async def test_a_slow_caller_slows_the_agent_down_and_gets_everything() -> None:
    piece, pieces = bytes(range(256)) * 256, 800  # 50 MiB
    said = 0

    async def answer(request: Request, link: Link) -> None:
        nonlocal said
        await link.body(request)
        await link.say(OK + b"Content-Length: %d\r\n\r\n" % (len(piece) * pieces))
        for _ in range(pieces):
            await link.say(piece)
            said += len(piece)

    async with scene(answer, window=65536) as (upstream, served, one):
        one.send(get())
        await until(lambda: served.relay._connections and buffered(served) > 65536)
        assert await settled(lambda: said) < 24 * MIB  # what kernels and the agent itself hold
        assert buffered(served) <= 65536 + 256 * 1024
        await one.reader.readuntil(b"\r\n\r\n")
        digest, left = hashlib.sha256(), len(piece) * pieces
        while left:
            data = await one.reader.read(MIB)
            assert data
            digest.update(data)
            left -= len(data)
        assert digest.digest() == hashlib.sha256(piece * pieces).digest()
        assert await served.door.ending() == [(Outcome.DONE, 200)]
        upstream.answer = own
        assert (await one.ask(get(b"/next"))).body == b"GET /next "
        assert len(upstream.links) == 1


async def test_a_slow_agent_slows_the_caller_down_and_gets_everything() -> None:
    piece, pieces = bytes(range(256)) * 256, 800
    go = asyncio.Event()
    digest = hashlib.sha256()

    async def answer(request: Request, link: Link) -> None:
        await go.wait()
        left = len(piece) * pieces
        while left:
            data = await link.receive()
            link.raw.clear()
            digest.update(data)
            left -= len(data)
        await link.say(EMPTY)

    sent = 0

    async def send(one: Caller) -> None:
        nonlocal sent
        for _ in range(pieces):
            one.writer.write(piece)
            await one.writer.drain()
            sent += len(piece)

    async with scene(answer) as (upstream, _, one), asyncio.TaskGroup() as tasks:
        one.send(post(b"Content-Length: %d\r\n" % (len(piece) * pieces)))
        await until(lambda: upstream.begun)
        sending = tasks.create_task(send(one))
        await until(lambda: sent > MIB)
        assert await settled(lambda: sent) < 24 * MIB
        assert not sending.done()
        go.set()
        assert (await one.answer()).status == 200
        assert digest.digest() == hashlib.sha256(piece * pieces).digest()


async def test_a_callers_slowness_is_not_the_next_ones() -> None:
    """The agent's connection goes back to the pool while its last caller has not read the answer yet."""
    async with scene(saying(OK + b"Content-Length: 250000\r\n\r\n" + b"x" * 250_000), window=4096) as (
        upstream,
        served,
        one,
    ):
        one.send(get())
        await served.door.ending()
        upstream.answer = own
        async with caller(served.endpoint) as other:
            for number in range(3):
                assert (await other.ask(get(b"/%d" % number))).body == b"GET /%d " % number
        assert len((await one.answer()).body) == 250_000


async def test_a_caller_that_reads_nothing_gets_no_more_answers_than_fit() -> None:
    """Pipelined requests wait until the answers before them have been taken."""
    async with scene(saying(OK + b"Content-Length: 60000\r\n\r\n" + b"x" * 60_000), window=4096) as (
        _,
        served,
        one,
    ):
        one.send(get() * 2000)
        await until(lambda: served.relay._connections and buffered(served) > 65536)
        answered = await settled(lambda: len(served.door.ends))
        assert answered < 400
        assert buffered(served) <= 65536 + 256 * 1024
        for _ in range(answered + 20):
            assert len((await one.answer()).body) == 60_000
        assert len(served.door.ends) > answered


async def test_what_comes_on_an_idle_connection_ends_it() -> None:
    async def answer(request: Request, link: Link) -> None:
        await own(request, link)
        await asyncio.sleep(0.02)
        await link.say(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nmallory")
        await link.receive()

    async with scene(answer) as (upstream, _, one):
        await one.ask(get(b"/1"))
        await asyncio.wait_for(upstream.links[0].ended, 1)
        assert (await one.ask(get(b"/2"))).body == b"GET /2 "


async def test_a_body_that_stops_coming_is_waited_for_no_longer_than_nothing_may_move() -> None:
    async with scene(timeouts=Timeouts(idle=0.2, first_byte=60.0, drain=0.2)) as (upstream, served, one):
        one.send(post(b"Content-Length: 10\r\n", b"hello"))
        answer = await one.answer(b"POST")
        assert answer.status == 504
        assert b"stopped coming" in answer.body
        assert served.door.ends == [(Outcome.TIMED_OUT, 0)]
        assert not upstream.seen
