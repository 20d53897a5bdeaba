"""A CONNECT that goes on as TLS of our own, or in plain HTTP, on the same connection."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from sidecar.relay import proxied
from sidecar.relay.head import Head
from sidecar.relay.interception import BrokenOff
from sidecar.relay.passage import Opening, Peer, Stoppable
from sidecar.relay.pool import Pool
from sidecar.relay.relay import Timeouts
from tests.certificates import Certificates
from tests.relay.agents import Agent, agent, own
from tests.relay.callers import Caller, caller
from tests.relay.relaying import PlainDoor, Relaying, relaying
from tests.relay.waiting import until

HOST = "api.example.com"
CONNECT = b"CONNECT api.example.com:443 HTTP/1.1\r\nHost: api.example.com:443\r\n\r\n"
GET = b"GET /inside HTTP/1.1\r\nHost: api.example.com\r\n\r\n"


@dataclass(slots=True)
class Remembered:
    inside: list[Stoppable] = field(default_factory=list)

    def opened(self, connection: Stoppable) -> None:
        self.inside.append(connection)

    def closed(self, connection: Stoppable) -> None:
        self.inside.remove(connection)


class OpeningDoor(PlainDoor):
    context: ssl.SSLContext | None = None

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool)
        self.tunnel = Remembered()

    def admit(self, head: Head[None], peer: Peer) -> Any:
        if head.method == b"CONNECT":
            return Opening(self.context, self.tunnel, HOST)
        self.peers.append(peer)
        return self._passage(head)


@dataclass(frozen=True, slots=True)
class Scene:
    upstream: Agent
    served: Relaying
    door: OpeningDoor
    trust: ssl.SSLContext


@asynccontextmanager
async def scene(*, tls: bool = True) -> AsyncIterator[Scene]:
    doors: list[OpeningDoor] = []

    def make(pool: Pool) -> OpeningDoor:
        doors.append(OpeningDoor(pool))
        return doors[0]

    certificates = Certificates()
    async with (
        agent(own) as upstream,
        relaying(make, upstream.endpoint, timeouts=Timeouts(head=0.5, drain=0.2)) as served,
    ):
        served.relay.read = proxied.read
        if tls:
            doors[0].context = certificates.server(HOST)
        yield Scene(upstream, served, doors[0], certificates.client())


async def inside(one: Caller, trust: ssl.SSLContext, name: str = HOST) -> None:
    """CONNECT, and go on in TLS."""
    one.send(CONNECT)
    assert (await one.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
    await one.writer.start_tls(trust, server_hostname=name)


async def test_requests_inside_come_to_the_same_door_from_a_peer_that_has_the_tunnel() -> None:
    async with scene() as at, caller(at.served.endpoint) as one:
        await inside(one, at.trust)
        for _ in range(2):
            assert (await one.ask(GET)).body == b"GET /inside "
        assert all(peer.tunnel is at.door.tunnel and peer.tls for peer in at.door.peers)
        assert at.served.relay.connections == 1
        assert at.door.tunnel.inside == [at.door.peers[0].connection]
    await until(lambda: not at.door.tunnel.inside)


async def test_a_tunnel_without_tls_goes_on_in_plain_http() -> None:
    async with scene(tls=False) as at, caller(at.served.endpoint) as one:
        one.send(CONNECT)
        assert (await one.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        assert (await one.ask(GET)).body == b"GET /inside "
        assert at.door.peers[0].tunnel is at.door.tunnel
        assert not at.door.peers[0].tls
        assert at.served.relay.connections == 1


async def test_what_comes_with_the_end_of_the_handshake_is_not_lost() -> None:
    async with scene() as at:
        for _ in range(20):
            async with caller(at.served.endpoint) as one:
                one.send(CONNECT)
                await one.reader.readuntil(b"\r\n\r\n")
                upgrading = asyncio.ensure_future(one.writer.start_tls(at.trust, server_hostname=HOST))
                await upgrading
                one.send(GET)
                assert (await one.answer()).body == b"GET /inside "


async def test_a_stopped_inside_ends_the_connection() -> None:
    async with scene() as at, caller(at.served.endpoint) as one:
        await inside(one, at.trust)
        await one.ask(GET)
        at.door.tunnel.inside[0].stop()
        await until(lambda: at.served.relay.connections == 0)
        assert not at.door.tunnel.inside


async def test_a_client_that_does_not_trust_us_is_told_of_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async with scene() as at, caller(at.served.endpoint) as one:
        with caplog.at_level(logging.WARNING), pytest.raises((ssl.SSLError, ConnectionError)):
            await inside(one, ssl.create_default_context())
        await until(lambda: at.served.relay.connections == 0)
        await until(lambda: any("run.dir/ca.pem" in record.getMessage() for record in caplog.records))
        assert any(HOST in record.getMessage() for record in caplog.records)


async def test_many_that_break_off_are_two_lines_a_minute_for_each_host(caplog: pytest.LogCaptureFixture) -> None:
    later: list[tuple[float, Callable[[], object]]] = []

    def minute_over() -> None:
        seconds, call = later.pop(0)
        assert seconds == 60.0
        call()

    broken = BrokenOff(lambda seconds, call: later.append((seconds, call)))
    with caplog.at_level(logging.WARNING):
        for _ in range(1500):
            broken.off(HOST, "ConnectionResetError")
        broken.off("other.example.com", "TLSV1_ALERT_UNKNOWN_CA")
        assert len(caplog.records) == 2
        minute_over()
        minute_over()
        assert [HOST in record.getMessage() for record in caplog.records] == [True, False, True]
        assert "1499 more" in caplog.records[2].getMessage()
        broken.off(HOST, "ConnectionResetError")
        minute_over()
        assert len(caplog.records) == 4
        assert not later


async def test_connections_closed_without_tls_do_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async with scene() as at:
        with caplog.at_level(logging.WARNING):
            for _ in range(20):
                async with caller(at.served.endpoint) as one:
                    one.send(CONNECT)
                    await one.reader.readuntil(b"\r\n\r\n")
            await until(lambda: at.served.relay.connections == 0)
        assert len([record for record in caplog.records if HOST in record.getMessage()]) == 1


async def test_a_handshake_that_does_not_come_is_not_waited_for() -> None:
    async with scene() as at, caller(at.served.endpoint) as one:
        one.send(CONNECT)
        await one.reader.readuntil(b"\r\n\r\n")
        await until(lambda: at.served.relay.connections == 0, within=5.0)


async def test_bytes_behind_a_connect_that_was_not_answered_are_refused() -> None:
    async with scene() as at, caller(at.served.endpoint) as one:
        one.send(CONNECT + b"\x16\x03\x01")
        assert (await one.answer()).status == 400
        await until(lambda: at.served.relay.connections == 0, within=5.0)


async def test_a_caller_that_leaves_during_the_handshake_leaves_nothing_behind() -> None:
    async with scene() as at, caller(at.served.endpoint) as one:
        one.send(CONNECT)
        await one.reader.readuntil(b"\r\n\r\n")
        one.reset()
        await until(lambda: at.served.relay.connections == 0)
        assert not at.door.tunnel.inside


async def test_a_peer_that_does_not_say_goodbye_is_not_waited_for() -> None:
    async with scene() as at, caller(at.served.endpoint) as one:
        await inside(one, at.trust)
        await one.ask(GET)
        cast(asyncio.Transport, one.writer.transport).pause_reading()  # it sees no close_notify, and so answers none
        began = asyncio.get_running_loop().time()
        await at.served.relay.drain(10.0)
        assert asyncio.get_running_loop().time() - began < 5.0  # five times what is waited for it
