"""A caller's connection: requests in order, refusals, limits and time limits."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from sidecar.errors import BadRequest, NotPermitted, RateLimited, TokenMissing
from sidecar.relay.head import Head
from sidecar.relay.passage import Outcome, Times
from sidecar.relay.relay import Limits, Timeouts
from tests.relay.agents import Agent, Answering, Link, Request, agent, own, saying
from tests.relay.callers import Caller, caller
from tests.relay.relaying import TRACE, Plain, plain
from tests.relay.waiting import until

OK = b"HTTP/1.1 200 OK\r\n"


def get(target: bytes = b"/", version: bytes = b"1.1", fields: bytes = b"", method: bytes = b"GET") -> bytes:
    return b"%b %b HTTP/%b\r\nHost: a\r\n%b\r\n" % (method, target, version, fields)


def post(body: bytes, target: bytes = b"/") -> bytes:
    return b"POST %b HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b" % (target, len(body), body)


@asynccontextmanager
async def scene(
    answer: Answering = own,
    *,
    timeouts: Timeouts | None = None,
    limits: Limits | None = None,
    window: int | None = None,
) -> AsyncIterator[tuple[Agent, Plain, Caller]]:
    async with (
        agent(answer) as upstream,
        plain(upstream.endpoint, timeouts=timeouts, limits=limits) as served,
        caller(served.endpoint, window=window) as one,
    ):
        yield upstream, served, one


async def hang(request: Request, link: Link) -> None:
    await link.receive()


# requests in order


async def test_a_connection_serves_one_request_after_another_on_one_of_the_agents() -> None:
    async with scene() as (upstream, served, one):
        for number in range(5):
            answer = await one.ask(get(b"/%d" % number))
            assert (answer.body, answer.value(b"connection")) == (b"GET /%d " % number, None)
        assert len(upstream.links) == 1
        assert served.relay.counts.connections == served.relay.connections == 1


async def test_pipelined_requests_are_answered_in_order_one_at_a_time() -> None:
    open_now = most = 0

    async def answer(request: Request, link: Link) -> None:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        await asyncio.sleep(0.005 if int(request.target[1:]) % 3 == 0 else 0)
        open_now -= 1
        await own(request, link)

    async with scene(answer) as (upstream, _, one):
        one.send(
            b"".join(post(b"body", b"/%d" % number) if number % 2 else get(b"/%d" % number) for number in range(20))
        )
        for number in range(20):
            expected = b"POST /%d body" if number % 2 else b"GET /%d "
            assert (await one.answer()).body == expected % number
        assert most == 1
        assert upstream.targets == [b"/%d" % number for number in range(20)]


async def test_pipelined_requests_come_in_any_pieces() -> None:
    data = get(b"/1") + post(b"hello", b"/2") + get(b"/3")
    async with scene() as (_, _, one):
        for start in range(0, len(data), 7):
            one.send(data[start : start + 7])
            await asyncio.sleep(0)
        bodies = [(await one.answer()).body for _ in range(3)]
        assert bodies == [b"GET /1 ", b"POST /2 hello", b"GET /3 "]


CHUNKED = b"POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "bodies"),
    [
        (get(b"/1") + get(b"/2"), [b"GET /1 ", b"GET /2 "]),
        (get(b"/0") + get(b"/0"), [b"GET /0 ", b"GET /0 "]),
        (get(b"/1") + post(b"a\r\n\r\n", b"/2"), [b"GET /1 ", b"POST /2 a\r\n\r\n"]),
        (post(b"a\r\n\r\n", b"/1") + get(b"/2"), [b"POST /1 a\r\n\r\n", b"GET /2 "]),
        (CHUNKED, [b"POST /c hello"]),
        (get(b"/1") + CHUNKED + get(b"/2"), [b"GET /1 ", b"POST /c hello", b"GET /2 "]),
        (post(b"\r\n\r\n"), [b"POST / \r\n\r\n"]),
        (get(b"/1") * 200, [b"GET /1 "] * 200),
    ],
)
async def test_what_ends_as_a_head_does_is_read_as_all_that_it_is(data: bytes, bodies: list[bytes]) -> None:
    """Also behind a request without a body, where one head alone is looked for first."""
    async with scene() as (_, _, one):
        for _ in range(3):
            assert (await one.ask(get(b"/0"))).body == b"GET /0 "
            one.send(data)
            assert [(await one.answer()).body for _ in bodies] == bodies


@pytest.mark.parametrize("bad", [b"GET / HTTP/1.1\r\n\r\n", b"G T / HTTP/1.1\r\nHost: a\r\n\r\n", b"\r\n\r\n"])
async def test_what_stands_before_a_head_that_is_none_is_answered_and_nothing_behind_it(bad: bytes) -> None:
    for before in (b"", get(b"/1")):
        async with scene() as (upstream, served, one):
            assert (await one.ask(get(b"/0"))).status == 200
            one.send(before + bad + get(b"/2"))
            if before:
                assert (await one.answer()).body == b"GET /1 "
            assert (await one.answer()).status == 400
            assert await one.ended()
            assert b"/2" not in upstream.targets
            assert [refusal.code for refusal in served.door.refusals] == ["bad_request"]


async def test_more_pipelined_requests_than_are_held_at_once_are_all_answered() -> None:
    async with scene() as (_, _, one):
        one.send(b"".join(get(b"/%04d" % number, fields=b"X: " + b"y" * 900 + b"\r\n") for number in range(300)))
        for number in range(300):
            assert (await one.answer()).body == b"GET /%04d " % number


async def test_thousands_of_pipelined_requests_that_are_refused_are_all_answered() -> None:
    def first(head: Head[None]) -> None:
        raise TokenMissing

    async with scene() as (upstream, served, one):
        served.door.first = first
        one.send(get() * 3000)
        for _ in range(3000):
            assert (await one.answer()).status == 401
        assert not upstream.links


@pytest.mark.parametrize("last", [get(fields=b"Connection: close\r\n"), get(version=b"1.0")])
async def test_nothing_is_served_behind_the_last_request(last: bytes) -> None:
    async with scene() as (upstream, _, one):
        one.send(last + get(b"/more"))
        assert (await one.answer()).value(b"connection") == b"close"
        assert await one.ended()
        assert upstream.targets == [b"/"]


async def test_a_head_that_comes_byte_by_byte_is_read() -> None:
    async with scene() as (_, _, one):
        for byte in get(b"/slow"):
            one.send(bytes([byte]))
            await asyncio.sleep(0)
        assert (await one.answer()).body == b"GET /slow "


@pytest.mark.parametrize(
    "begun",
    [b"\r\n", b"\n", b"GET / HTTP/1.1\n", b"GET / HTTP/1.1\r\nHost: a\x00", b"GET /\rX", b"GET / HTTP/1.1\r\nX: a\r\r"],
)
async def test_what_nothing_can_mend_is_refused_before_the_head_is_whole(begun: bytes) -> None:
    async with scene() as (_, _, one):
        one.send(begun)
        async with asyncio.timeout(1):
            assert (await one.answer()).status == 400
        assert await one.ended()


# refusals


async def test_a_refusal_is_answered_by_the_sidecar_alone() -> None:
    def first(head: Head[None]) -> None:
        raise RateLimited("reason for the record", retry_after=7)

    async with scene() as (upstream, served, one):
        served.door.first = first
        for method in (b"GET", b"HEAD", b"OPTIONS"):  # one connection: nothing is unclear about where each ends
            answer = await one.ask(get(method=method))
            assert (answer.status, answer.value(b"sidecar-error")) == (429, b"rate_limited")
            assert (answer.value(b"x-trace-id"), answer.value(b"retry-after")) == (TRACE.encode(), b"7")
            assert answer.value(b"content-type") == b"application/problem+json"
            if method == b"HEAD":
                assert answer.body == b""
            else:
                assert json.loads(answer.body)["code"] == "rate_limited"
                assert b"for the record" not in answer.body
        assert not upstream.links
        assert served.relay.counts.refusals == {"rate_limited": 3}


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize(
    "sent", [post(b"hello"), b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"]
)
async def test_a_refused_body_is_never_read_as_a_request(sent: bytes, waits: bool) -> None:
    async def refuse() -> None:
        await asyncio.sleep(0)
        raise NotPermitted

    def first(head: Head[None]) -> object:
        if waits:
            return refuse()
        raise NotPermitted

    async with scene() as (upstream, served, one):
        served.door.first = first  # type: ignore[assignment]  # what it returns is awaited
        one.send(sent + get(b"/smuggled"))
        answer = await one.answer()
        assert (answer.status, answer.value(b"connection")) == (403, b"close")
        assert await one.ended()
        assert not upstream.links
        assert len(served.door.refusals) == 1


@pytest.mark.parametrize("waits", [False, True])
async def test_a_bad_request_ends_the_connection_whenever_it_is_found(waits: bool) -> None:
    async def refuse() -> None:
        raise BadRequest

    def first(head: Head[None]) -> object:
        if waits:
            return refuse()
        raise BadRequest

    async with scene() as (_, served, one):
        served.door.first = first  # type: ignore[assignment]  # what it returns is awaited
        assert (await one.ask(get())).value(b"connection") == b"close"
        assert await one.ended()


async def test_a_refusal_ends_the_connection_of_an_old_caller() -> None:
    def first(head: Head[None]) -> None:
        raise NotPermitted

    async with scene() as (_, served, one):
        served.door.first = first
        answer = await one.ask(get(version=b"1.0", fields=b"Connection: keep-alive\r\n"))
        assert answer.value(b"connection") == b"close"
        assert await one.ended()


async def test_a_refusal_reaches_a_caller_that_still_sends_and_ends_soon() -> None:
    def first(head: Head[None]) -> None:
        raise NotPermitted

    async with scene() as (_, served, one):
        served.door.first = first
        one.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n" + b"x" * 100_000)
        assert (await one.answer()).status == 403
        began = asyncio.get_running_loop().time()
        while served.relay.connections:
            one.send(b"x" * 1000)
            await asyncio.sleep(0.02)
        assert 1 < asyncio.get_running_loop().time() - began < 4


@pytest.mark.parametrize("waits", [False, True])
async def test_a_bug_becomes_a_500_that_says_nothing_and_a_traceback_in_the_log(
    waits: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail() -> None:
        raise RuntimeError("kaputt")

    def first(head: Head[None]) -> object:
        if waits:
            return fail()
        raise RuntimeError("kaputt")

    async with scene() as (_, served, one):
        served.door.first = first  # type: ignore[assignment]  # what it returns is awaited
        with caplog.at_level(logging.ERROR):
            answer = await one.ask(get())
        assert (answer.status, answer.value(b"sidecar-error")) == (500, b"internal")
        assert b"kaputt" not in answer.body
        assert await one.ended()
        (record,) = caplog.records
        assert record.exc_info is not None
        assert str(record.exc_info[1]) == "kaputt"
        served.door.first = lambda head: None
        async with caller(served.endpoint) as other:
            assert (await other.ask(get())).status == 200


# a door that waits


async def test_a_body_and_a_next_request_wait_with_the_door() -> None:
    go = asyncio.Event()

    async def wait() -> None:
        await go.wait()

    async with scene() as (upstream, served, one):
        served.door.first = lambda head: wait() if head.target == b"/1" else None
        one.send(post(b"hello", b"/1") + get(b"/2"))
        await until(lambda: served.door.peers)
        await asyncio.sleep(0.01)
        assert not upstream.links
        go.set()
        assert (await one.answer()).body == b"POST /1 hello"
        assert (await one.answer()).body == b"GET /2 "


async def test_a_large_body_waits_with_the_door_in_the_callers_hands() -> None:
    go = asyncio.Event()

    async def wait() -> None:
        await go.wait()

    async with scene() as (_, served, one):
        served.door.first = lambda head: wait()
        body = bytes(range(256)) * 16384  # 4 MiB
        one.send(post(body))
        await until(lambda: served.door.peers)
        await asyncio.sleep(0.1)
        (connection,) = served.relay._connections
        assert len(connection._buffer) < 65536 + 256 * 1024
        go.set()
        assert (await one.answer()).body == b"POST / " + body


async def test_a_caller_that_leaves_while_the_door_waits_cancels_the_wait() -> None:
    cancelled = asyncio.Event()

    async def wait() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async with scene() as (upstream, served, one):
        served.door.first = lambda head: wait()
        one.send(get())
        await until(lambda: served.door.peers)
        one.reset()
        async with asyncio.timeout(1):
            await cancelled.wait()
        assert not served.door.ends  # nothing was let in
        assert not upstream.links


async def test_a_door_that_takes_too_long_is_not_waited_for() -> None:
    async def wait() -> None:
        await asyncio.sleep(60)

    async with scene(timeouts=Timeouts(first_byte=0.1)) as (_, served, one):
        served.door.first = lambda head: wait()
        answer = await one.ask(get())
        assert (answer.status, answer.value(b"sidecar-error")) == (504, b"timeout")
        assert await one.ended()


# limits


@pytest.mark.parametrize("pieces", [1, 7])
async def test_a_head_above_the_limit_is_refused(pieces: int) -> None:
    async with scene(limits=Limits(head=2000)) as (upstream, _, one):
        fits = get(fields=b"X: " + b"y" * (2000 - len(get(fields=b"X: \r\n"))) + b"\r\n")
        assert len(fits) == 2000
        assert (await one.ask(fits)).status == 200
        data = get(fields=b"X: " + b"y" * 2000 + b"\r\n")
        for start in range(0, len(data), len(data) // pieces):
            one.send(data[start : start + len(data) // pieces])
            await asyncio.sleep(0.001)
        answer = await one.answer()
        assert (answer.status, answer.value(b"sidecar-error")) == (431, b"too_large")
        assert await one.ended()
        assert len(upstream.seen) == 1


@pytest.mark.parametrize(("key", "said"), [("egress.limits", "the configuration's egress.limits.head"), ("", "")])
async def test_a_head_above_the_limit_is_told_which_limit_that_is(key: str, said: str) -> None:
    async with scene(limits=Limits(head=100, key=key)) as (_, _, one):
        answer = await one.ask(get(fields=b"X: " + b"y" * 100 + b"\r\n"))
        detail = json.loads(answer.body)["detail"]
        assert detail.startswith("Send fewer or shorter headers")
        assert said in detail
        assert key or "limits" not in detail


async def test_a_head_at_the_limit_behind_another_request_is_read() -> None:
    async with scene(limits=Limits(head=100)) as (_, _, one):
        one.send(get(b"/1") + get(b"/" + b"x" * 60) + get(b"/2"))
        assert [(await one.answer()).status for _ in range(3)] == [200, 200, 200]


async def test_requests_above_the_limit_are_told_to_come_back() -> None:
    async with (
        scene(hang, limits=Limits(requests=2)) as (upstream, served, one),
        caller(served.endpoint) as two,
        caller(served.endpoint) as three,
    ):
        one.send(get(b"/1"))
        two.send(get(b"/2"))
        await until(lambda: len(upstream.begun) == 2)
        answer = await three.ask(get(b"/3"))
        assert (answer.status, answer.value(b"sidecar-error")) == (503, b"overloaded")
        assert answer.value(b"retry-after") == b"1"
        one.reset()
        await until(lambda: served.relay.requests == 1)
        upstream.answer = own
        assert (await three.ask(get(b"/3"))).body == b"GET /3 "  # on the same connection


async def test_requests_for_which_the_door_waits_count_too() -> None:
    go = asyncio.Event()

    async def wait() -> None:
        await go.wait()

    async with scene(limits=Limits(requests=1)) as (_, served, one):
        served.door.first = lambda head: wait()
        async with caller(served.endpoint) as two:
            one.send(get(b"/1"))
            await until(lambda: served.door.peers)
            assert (await two.ask(get(b"/2"))).status == 503
        go.set()
        assert (await one.answer()).status == 200
        assert (await one.ask(get(b"/1"))).status == 200


async def test_connections_above_the_limit_are_told_to_come_back() -> None:
    async with scene(hang, limits=Limits(connections=2)) as (upstream, served, one):
        async with caller(served.endpoint) as two:
            one.send(get())
            two.send(get())
            await until(lambda: len(upstream.begun) == 2)
            async with caller(served.endpoint) as three:
                answer = await three.answer()
                assert (answer.status, answer.value(b"sidecar-error")) == (503, b"overloaded")
                assert await three.ended()
        await until(lambda: served.relay.connections == 1)


async def test_connections_that_only_wait_make_room() -> None:
    async with scene(limits=Limits(connections=2)) as (_, served, one):
        await one.ask(get())
        async with caller(served.endpoint) as two:
            await two.ask(get())
            async with caller(served.endpoint) as three:
                assert (await three.ask(get())).status == 200
            assert await one.ended()
        await until(lambda: served.relay.connections <= 2)


# time limits


async def test_a_head_that_does_not_end_is_not_waited_for() -> None:
    async with scene(timeouts=Timeouts(head=0.3)) as (_, served, one):
        one.send(b"GET / HTTP/1.1\r\nHost: a\r\n")
        answering = asyncio.ensure_future(one.answer())
        for number in range(60):  # dripping doesn't help
            if answering.done():
                break
            one.send(b"X-%d: y\r\n" % number)
            await asyncio.sleep(0.05)
        assert (await answering).status == 400
        assert await one.ended()
        assert "no whole head within 0.3 s" in served.door.refusals[0].reason


async def test_a_next_head_that_does_not_end_is_not_waited_for_either() -> None:
    async with scene(timeouts=Timeouts(head=0.2)) as (_, _, one):
        one.send(get() + b"GET / HT")
        assert (await one.answer()).status == 200
        assert (await one.answer()).status == 400
        assert await one.ended()


async def test_a_connection_that_says_nothing_is_closed_without_a_word() -> None:
    async with scene(timeouts=Timeouts(head=0.1, idle=0.2)) as (_, served, one):
        assert await one.ended()
        async with caller(served.endpoint) as two:
            await two.ask(get())
            began = asyncio.get_running_loop().time()
            assert await two.ended()
            assert asyncio.get_running_loop().time() - began > 0.15
        assert not served.door.refusals


async def test_an_agent_that_does_not_answer_in_time_is_given_up() -> None:
    async with scene(hang, timeouts=Timeouts(first_byte=0.2)) as (upstream, served, one):
        answer = await one.ask(get())
        assert (answer.status, answer.value(b"sidecar-error")) == (504, b"timeout")
        await asyncio.wait_for(upstream.links[0].ended, 1)
        assert await served.door.ending() == [(Outcome.TIMED_OUT, 0)]
        upstream.answer = own
        assert (await one.ask(get())).status == 200  # there is nothing wrong with this one


async def test_a_passage_is_held_to_time_limits_of_its_own_from_the_first_one_on() -> None:
    """Whenever it comes between two sweeps of a relay whose own limits are long."""
    async with scene(hang) as (_, served, one):
        served.door.times = Times(first_byte=0.3, idle=0.3)
        for pause in (0.8, 0.1):
            await asyncio.sleep(pause)
            began = time.monotonic()
            assert (await one.ask(get())).status == 504
            assert 0.3 <= time.monotonic() - began < 0.6
        began = time.monotonic()
        one.send(post(b"hello")[:-2])
        await asyncio.sleep(0.2)
        one.send(b"lo")
        assert (await one.answer()).status == 504
        assert 0.4 <= time.monotonic() - began < 0.8, "from the last of the body on"


async def test_a_body_that_is_on_its_way_is_given_time() -> None:
    async with scene(timeouts=Timeouts(first_byte=0.6)) as (_, _, one):
        one.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n")
        for byte in b"hello all":
            await asyncio.sleep(0.1)
            one.send(bytes([byte]))
        assert (await one.answer()).body == b"POST / hello all"


async def test_a_body_that_stops_coming_is_given_up() -> None:
    async with scene(timeouts=Timeouts(first_byte=0.2)) as (upstream, _, one):
        one.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nhel")
        assert (await one.answer()).status == 504
        assert await one.ended()
        await asyncio.wait_for(upstream.links[0].ended, 1)


async def test_an_answer_that_stops_coming_is_reset() -> None:
    async def stop(request: Request, link: Link) -> None:
        await link.say(OK + b"\r\nhello")
        await link.receive()

    async with scene(stop, timeouts=Timeouts(idle=0.2)) as (upstream, served, one):
        one.send(get())
        with pytest.raises(ConnectionResetError):
            await one.rest()
        await asyncio.wait_for(upstream.links[0].ended, 1)
        assert await served.door.ending() == [(Outcome.TIMED_OUT, 200)]


async def test_an_answer_that_goes_on_is_given_all_the_time() -> None:
    async def drip(request: Request, link: Link) -> None:
        await link.say(OK + b"Content-Length: 9\r\n\r\n")
        for byte in b"hello all":
            await asyncio.sleep(0.1)
            await link.say(bytes([byte]))

    async with scene(drip, timeouts=Timeouts(idle=0.6, first_byte=0.6)) as (_, _, one):
        assert (await one.ask(get())).body == b"hello all"


async def test_an_answers_head_that_comes_in_drips_has_no_longer_than_another() -> None:
    async def drip(request: Request, link: Link) -> None:
        for byte in OK + b"Content-Length: 0\r\n\r\n":
            await asyncio.sleep(0.1)
            await link.say(bytes([byte]))

    async with scene(drip, timeouts=Timeouts(idle=3600, first_byte=0.4)) as (_, _, one):
        answer = await one.ask(get())
        assert (answer.status, answer.value(b"sidecar-error")) == (504, b"timeout")


@pytest.mark.parametrize("speaker", ["caller", "agent"])
async def test_a_tunnel_lives_while_either_side_speaks(speaker: str) -> None:
    async def tunnel(request: Request, link: Link) -> None:
        await link.body(request)
        await link.say(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        for _ in range(8):
            if speaker == "agent":
                await asyncio.sleep(0.1)
                await link.say(b".")
            else:
                await link.receive()
        await link.receive()

    handshake = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    async with scene(tunnel, timeouts=Timeouts(idle=0.6, first_byte=0.6)) as (upstream, served, one):
        await one.ask(get(fields=handshake + b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"))
        for _ in range(8):
            if speaker == "caller":
                await asyncio.sleep(0.1)
                one.send(b".")
            else:
                await one.take(1)
        assert not upstream.links[0].ended.done()
        await asyncio.wait_for(upstream.links[0].ended, 2)  # and no longer
        assert await served.door.ending() == [(Outcome.TIMED_OUT, 101)]


@pytest.mark.parametrize("fields", [b"Connection: close\r\n", b"Content-Length: 10\r\n"], ids=["last", "early"])
async def test_a_slow_caller_gets_the_whole_of_a_last_answer(fields: bytes) -> None:
    """The end of the connection waits for what is still to be taken, longer than it would for a caller that is done."""
    body = b"x" * 8_000_000

    async def answer(request: Request, link: Link) -> None:
        await link.say(OK + b"Content-Length: %d\r\n\r\n" % len(body))
        await link.say(body)

    async with scene(answer, window=4096) as (_, served, one):
        one.send(get(fields=fields))
        read = 0
        await one.reader.readuntil(b"\r\n\r\n")
        while not served.door.ends:
            read += len(await one.reader.read(65536))
        await asyncio.sleep(2.6)  # all that is left is the relay's and the kernel's
        assert read + len(await one.rest()) == len(body)
        await until(lambda: not served.relay.connections)


async def test_a_caller_that_never_takes_its_last_answer_is_given_up() -> None:
    body = b"x" * 3_000_000
    async with scene(
        saying(OK + b"Content-Length: %d\r\n\r\n" % len(body) + body), timeouts=Timeouts(idle=0.3), window=4096
    ) as (_, served, one):
        one.send(get(fields=b"Connection: close\r\n"))
        await one.reader.readuntil(b"\r\n\r\n")
        one.writer.transport.pause_reading()  # type: ignore[attr-defined]  # it is a transport that reads, too
        await until(lambda: not served.relay.connections, within=6)
        async with caller(served.endpoint) as other:
            assert (await other.ask(get())).status == 200  # whatever happened, the relay is well


async def test_a_head_in_thousands_of_pieces_costs_no_more_than_it_should() -> None:
    """Each piece is looked at once: all of it anew would be seconds for one head that anyone may send."""
    async with scene() as (_, served, one):
        one.send(b"GET / HTTP/1.1\r\nHost: a\r\nX: ")
        await until(lambda: any(connection._buffer for connection in served.relay._connections))
        (connection,) = served.relay._connections
        began = time.process_time()
        for _ in range(30_000):
            connection.data_received(b"y")
        assert time.process_time() - began < 2
        connection.data_received(b"\r\n\r\n")
        assert (await one.answer()).status == 200


async def test_a_door_has_all_of_its_time_whenever_it_begins() -> None:
    async def slow(head: Head[None]) -> None:
        await asyncio.sleep(0.9)

    async with agent() as upstream, plain(upstream.endpoint, timeouts=Timeouts(first_byte=1.0, drain=0.2)) as served:
        served.door.first = slow
        for _ in range(3):  # wherever in the sweeps' period it falls
            async with caller(served.endpoint) as one:
                assert (await one.ask(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")).status == 200
