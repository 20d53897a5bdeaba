"""A listener: where it listens, how it ends, and that nothing which goes wrong in one connection ends it."""

import asyncio
import logging
import os
import socket
import ssl
import stat
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
import trustme

from sidecar.relay.connection import Connection
from sidecar.relay.passage import Outcome
from sidecar.relay.pool import Pool, Upstream, dial_endpoint
from sidecar.relay.relay import Timeouts
from sidecar.wire.endpoint import Tcp, Unix
from tests.fuzzing import LONG
from tests.relay.agents import Link, Request, agent, own, saying
from tests.relay.callers import Caller, Cut, caller
from tests.relay.relaying import Plain, plain
from tests.relay.waiting import until

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


async def hang(request: Request, link: Link) -> None:
    await link.receive()


# where


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_tcp_listener_has_a_port_and_knows_its_peers(host: str) -> None:
    async with agent() as upstream, plain(upstream.endpoint, listen=Tcp(host, 0)) as served:
        assert isinstance(served.endpoint, Tcp)
        assert served.endpoint.port
        async with caller(served.endpoint) as one:
            assert (await one.ask(GET)).status == 200
        (peer,) = served.door.peers
        assert (peer.address, peer.tls) == (host, False)


async def test_a_port_that_is_taken_is_an_error_of_the_system() -> None:
    async with agent() as upstream, plain(upstream.endpoint) as served:
        with pytest.raises(OSError, match="in use"):
            await served.relay.listen(served.endpoint)


@pytest.mark.parametrize("mode", [0o660, 0o600])
async def test_a_unix_listener_has_its_mode_and_peers_without_an_address(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "inbound.sock"
    before = os.umask(0o022)
    try:
        async with agent() as upstream, plain(upstream.endpoint) as served:
            endpoint = await served.relay.listen(Unix(path), mode=mode)
            assert stat.S_IMODE(path.stat().st_mode) == mode
            async with caller(endpoint) as one:
                assert (await one.ask(GET)).status == 200
            assert served.door.peers[0].address == ""
            assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)


async def test_a_socket_that_a_dead_process_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "inbound.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    async with (
        agent() as upstream,
        plain(upstream.endpoint, listen=Unix(path)) as served,
        caller(served.endpoint) as one,
    ):
        assert (await one.ask(GET)).status == 200


async def test_a_socket_that_someone_listens_on_is_not(tmp_path: Path) -> None:
    path = tmp_path / "inbound.sock"
    async with agent() as upstream, plain(upstream.endpoint, listen=Unix(path)) as served:
        with pytest.raises(OSError, match="in use"):
            await served.relay.listen(Unix(path))
        async with caller(Unix(path)) as one:
            assert (await one.ask(GET)).status == 200


async def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("data")
    async with agent() as upstream, plain(upstream.endpoint) as served:
        with pytest.raises(OSError, match="in use"):
            await served.relay.listen(Unix(path))
    assert path.read_text() == "data"


async def test_a_unix_path_that_is_too_long_says_so(tmp_path: Path) -> None:
    async with agent() as upstream, plain(upstream.endpoint) as served:
        with pytest.raises(OSError, match="at most"):
            await served.relay.listen(Unix(tmp_path / ("x" * 108)))


async def test_a_tls_listener(tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    body = b"x" * 3_000_000
    async with agent() as upstream, plain(upstream.endpoint, tls=context) as served:
        async with caller(served.endpoint, tls=trusting) as one:
            for _ in range(2):
                assert (await one.ask(GET)).status == 200
            answer = await one.ask(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            assert answer.body == b"POST / " + body
            upstream.answer = saying(OK + b"Content-Length: 10\r\n\r\nhalf", close=True)
            with pytest.raises((Cut, ConnectionError, ssl.SSLError)):
                await one.ask(GET)
        upstream.answer = own
        async with caller(served.endpoint, tls=trusting) as one:
            refused = await one.ask(b"GET / HTTP/1.1\r\n\r\n")
            assert (refused.status, refused.value(b"connection")) == (400, b"close")
            assert await one.ended()
        assert all(peer.tls for peer in served.door.peers)
        async with caller(served.endpoint) as one:  # not TLS: no answer, and no harm
            one.send(GET)
            with pytest.raises((Cut, ConnectionError)):
                await one.answer()
        async with caller(served.endpoint, tls=trusting) as one:
            assert (await one.ask(GET)).status == 200


# draining


async def test_draining_closes_what_is_idle_and_takes_nothing_new() -> None:
    async with agent() as upstream, plain(upstream.endpoint, timeouts=Timeouts(drain=30)) as served:
        async with caller(served.endpoint) as idle, caller(served.endpoint) as silent:
            await idle.ask(GET)
            await until(lambda: served.relay.connections == 2)
            async with asyncio.timeout(5):  # long before what is allowed for those that are open
                await served.relay.drain()
            assert await idle.ended()
            assert await silent.ended()
        with pytest.raises(ConnectionRefusedError):
            async with caller(served.endpoint):
                pass


async def test_draining_lets_a_stream_run_to_its_end() -> None:
    go = asyncio.Event()

    async def answer(request: Request, link: Link) -> None:
        await link.say(OK + b"Content-Length: 10\r\n\r\nhello")
        await go.wait()
        await link.say(b"world")

    async with agent(answer) as upstream, plain(upstream.endpoint, timeouts=Timeouts(drain=5)) as served:
        async with caller(served.endpoint) as one, asyncio.TaskGroup() as tasks:
            one.send(GET)
            await one.reader.readuntil(b"hello")
            draining = tasks.create_task(served.relay.drain())
            await asyncio.sleep(0.05)
            assert not draining.done()
            go.set()
            assert await one.rest() == b"world"
        assert served.door.ends == [(Outcome.DONE, 200)]


async def test_draining_answers_what_is_under_way_and_says_that_it_is_the_last() -> None:
    go = asyncio.Event()

    async def answer(request: Request, link: Link) -> None:
        await go.wait()
        await own(request, link)

    async with agent(answer) as upstream, plain(upstream.endpoint, timeouts=Timeouts(drain=5)) as served:
        async with caller(served.endpoint) as one, caller(served.endpoint) as half, asyncio.TaskGroup() as tasks:
            one.send(GET + GET)
            half.send(b"GET /half HTTP/1.1\r\nHost:")
            await until(lambda: upstream.begun and served.relay.connections == 2)
            await asyncio.sleep(0.02)
            tasks.create_task(served.relay.drain())
            await asyncio.sleep(0.02)
            go.set()
            answer_ = await one.answer()
            assert (answer_.status, answer_.value(b"connection")) == (200, b"close")
            assert await one.ended()
            half.send(b" a\r\n\r\n")
            answer_ = await half.answer()
            assert (answer_.body, answer_.value(b"connection")) == (b"GET /half ", b"close")
            assert await half.ended()
        assert upstream.targets == [b"/", b"/half"]


@pytest.mark.parametrize(
    ("answer", "sent", "status"),
    [(hang, GET, 0), (saying(OK + b"\r\nhello"), GET, 200), (saying(SWITCH), HANDSHAKE, 101)],
    ids=["before its answer", "in its answer", "a tunnel"],
)
async def test_draining_cuts_in_the_end_what_does_not(
    answer: Callable[[Request, Link], asyncio.Future[None]], sent: bytes, status: int
) -> None:
    async with agent(answer) as upstream, plain(upstream.endpoint, timeouts=Timeouts(drain=0.2)) as served:
        async with caller(served.endpoint) as one:
            one.send(sent)
            await until(lambda: upstream.begun)
            if status:
                await one.reader.readuntil(b"\r\n\r\n")
            began = asyncio.get_running_loop().time()
            await served.relay.drain()
            assert 0.15 < asyncio.get_running_loop().time() - began < 3
            with pytest.raises(ConnectionResetError):
                await one.rest()
            await asyncio.wait_for(upstream.links[0].ended, 1)
        assert served.door.ends == [(Outcome.STOPPED, status)]
        assert not served.relay.requests


async def test_stopping_cancels_a_door_that_waits() -> None:
    cancelled = asyncio.Event()

    async def wait() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            cancelled.set()

    async with agent() as upstream, plain(upstream.endpoint) as served, caller(served.endpoint) as one:
        served.door.first = lambda head: wait()
        one.send(GET)
        await until(lambda: served.door.peers)
        served.relay.stop()
        async with asyncio.timeout(1):
            await cancelled.wait()


# counting


async def test_what_happened_is_counted() -> None:
    async with agent() as upstream, plain(upstream.endpoint) as served:
        for sent in (GET, GET, b"GET / HTTP/1.1\r\n\r\n"):
            async with caller(served.endpoint) as one:
                await one.ask(sent)
        await until(lambda: not served.relay.connections)
        counts = served.relay.counts
        assert counts.connections == 3
        assert counts.statuses == {200: 2}
        assert counts.outcomes == {Outcome.DONE: 2}
        assert counts.refusals == {"bad_request": 1}
        assert served.relay.requests == 0


# what goes wrong


async def test_a_dial_that_fails_in_an_unheard_of_way_is_a_500_for_its_caller_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def dial(make: Callable[[], Upstream]) -> tuple[asyncio.BaseTransport, Upstream]:
        raise RuntimeError("kaputt")

    async with agent() as upstream, plain(upstream.endpoint) as served:
        good = served.door.pool
        served.door.pool = Pool("broken", dial, connect_seconds=1.0, clock=lambda: 0.0)
        async with caller(served.endpoint) as one:
            with caplog.at_level(logging.ERROR):
                answer = await one.ask(GET)
            assert (answer.status, answer.value(b"sidecar-error")) == (500, b"internal")
            assert b"kaputt" not in answer.body
        assert caplog.records
        served.door.pool = good
        async with caller(served.endpoint) as one:
            assert (await one.ask(GET)).status == 200
        assert len(served.door.ends) == 2


async def test_a_connection_that_can_not_even_expire_does_not_stop_the_sweep(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Connection):
        def expire(self) -> None:
            raise RuntimeError("kaputt")

    async with agent(hang) as upstream, plain(upstream.endpoint, timeouts=Timeouts(head=0.1, first_byte=0.2)) as served:
        served.relay.connection = lambda tunnel=None: Broken(served.relay)  # type: ignore[method-assign]  # the next is broken
        broken_endpoint = await served.relay.listen(Tcp("127.0.0.1", 0))
        async with caller(broken_endpoint) as broken, caller(served.endpoint) as one:
            with caplog.at_level(logging.ERROR):
                one.send(GET)
                assert (await one.answer()).status == 504
            with pytest.raises((Cut, ConnectionError)):
                await broken.answer()
        assert any(record.exc_info for record in caplog.records)


async def test_a_caller_that_leaves_while_the_agent_is_dialled_leaves_nothing_behind() -> None:
    dialled = asyncio.Event()

    async with agent() as upstream, plain(upstream.endpoint) as served:
        inner = dial_endpoint(upstream.endpoint, asyncio.get_running_loop())

        async def slow(make: Callable[[], Upstream]) -> tuple[asyncio.BaseTransport, Upstream]:
            dialled.set()
            await asyncio.sleep(0.1)
            return await inner(make)

        served.door.pool = Pool("slow", slow, connect_seconds=1.0, clock=lambda: 0.0)
        async with caller(served.endpoint) as one:
            one.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello")
            await dialled.wait()
            one.reset()
            assert await served.door.ending() == [(Outcome.CALLER_GONE, 0)]
        await asyncio.sleep(0.15)
        assert not upstream.links
        assert not served.relay.requests


async def test_a_body_that_comes_while_the_agent_is_dialled_waits() -> None:
    async with agent() as upstream, plain(upstream.endpoint) as served:
        inner = dial_endpoint(upstream.endpoint, asyncio.get_running_loop())

        async def slow(make: Callable[[], Upstream]) -> tuple[asyncio.BaseTransport, Upstream]:
            await asyncio.sleep(0.1)
            return await inner(make)

        served.door.pool = Pool("slow", slow, connect_seconds=1.0, clock=lambda: 0.0)
        body = bytes(range(256)) * 8192
        async with caller(served.endpoint) as one:
            answer = await one.ask(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            assert answer.body == b"POST / " + body
        async with caller(served.endpoint) as one:
            one.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
            await asyncio.sleep(0.02)
            one.send(b"0\r\n\r\n" + GET)
            assert (await one.answer()).body == b"POST / hello"
            assert (await one.answer()).body == b"GET / "


async def test_the_agent_is_away_within_a_second() -> None:
    async def never(make: Callable[[], Upstream]) -> tuple[asyncio.BaseTransport, Upstream]:
        await asyncio.sleep(60)
        raise AssertionError

    async with agent() as upstream, plain(upstream.endpoint) as served, caller(served.endpoint) as one:
        served.door.pool = Pool("far", never, connect_seconds=served.relay.timeouts.connect, clock=lambda: 0.0)
        began = asyncio.get_running_loop().time()
        assert (await one.ask(GET)).status == 502
        assert asyncio.get_running_loop().time() - began < 2


# everything at once


class Crowd:
    """Callers that hurry, dawdle, leave and misbehave, and an agent that does as well, by one seed."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.wrong: list[str] = []

    async def answer(self, request: Request, link: Link) -> None:
        """Body, and what is only this request's own, in one of the ways in which an answer may be said."""
        mood = self.random.random()
        if mood < 0.05:
            link.reset()
            return
        if mood < 0.1:
            await link.say(OK + b"Content-Length: 5\r\n\r\nearly")  # without reading the body
            link.writer.close()
            return
        await link.body(request)
        await asyncio.sleep(self.random.choice([0, 0, 0.001, 0.01]))
        said = request.target * self.random.choice([1, 1, 100, 20_000])
        if mood < 0.15:
            await link.say(OK + b"Content-Length: %d\r\n\r\n" % (len(said) + 5) + said)
            link.reset()
        elif mood < 0.4:
            await link.say(OK + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n" % (len(said), said))
            await link.say(b"0\r\n\r\n")
        elif mood < 0.45:
            await link.say(OK + b"\r\n" + said)
            link.writer.close()
        else:
            await link.say(b"HTTP/1.1 103 Hints\r\n\r\n" + OK + b"Content-Length: %d\r\n\r\n" % len(said) + said)

    async def caller(self, served: Plain, name: int) -> None:
        for turn in range(4):
            window = self.random.choice([None, 4096])
            async with caller(served.endpoint, window=window) as one:
                targets = [b"/%d-%d-%d" % (name, turn, number) for number in range(self.random.randint(1, 6))]
                for target in targets:
                    one.send(self.request(target))
                    await asyncio.sleep(self.random.choice([0, 0, 0.002]))
                if self.random.random() < 0.2:
                    await asyncio.sleep(self.random.random() / 50)
                    one.reset()
                    continue
                await self.read(one, targets)

    def request(self, target: bytes) -> bytes:
        match self.random.randrange(4):
            case 0:
                body = b"x" * self.random.choice([0, 10, 100_000])
                return b"POST %b HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b" % (target, len(body), body)
            case 1:
                return b"PUT %b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" % target
            case _:
                return b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % target

    async def read(self, one: Caller, targets: list[bytes]) -> None:
        """Each answer is its own request's or a refusal; a connection may end, and then nothing more comes."""
        for target in targets:
            try:
                answer = await one.answer()
            except (Cut, ConnectionError):
                return
            own_ = answer.body == target * (len(answer.body) // len(target)) and answer.body
            if not (answer.status == 200 and (own_ or answer.body == b"early")) and answer.status != 502:
                self.wrong.append(f"{target!r}: {answer.status} {answer.body[:60]!r}")
            if answer.value(b"connection") == b"close":
                return


@pytest.mark.parametrize("seed", range(100 if LONG else 3))
async def test_in_a_crowd_everyone_gets_only_their_own_and_nothing_is_left_behind(
    seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    crowd = Crowd(seed)
    async with agent(crowd.answer) as upstream, plain(upstream.endpoint) as served:
        with caplog.at_level(logging.WARNING):
            async with asyncio.timeout(40), asyncio.TaskGroup() as tasks:
                for name in range(25):
                    tasks.create_task(crowd.caller(served, name))
            await until(lambda: not served.relay.connections and not served.relay.requests)
        assert not crowd.wrong
        assert len(served.door.ends) == len(served.door.admitted)
        assert sum(served.relay.counts.outcomes.values()) == len(served.door.ends)
        assert not caplog.records
        assert all("closed connection" in problem or "inside a body" in problem for problem in upstream.garbage)
