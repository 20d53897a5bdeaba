"""Connections outward: made to what was looked up and classified, over TLS that verifies, or refused and why."""

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

import pytest

from sidecar.egress.address import Own
from sidecar.egress.destination import Destination
from sidecar.egress.dial import Lookup, Way, here, system
from sidecar.errors import DestinationDenied, ProviderUnreachable, Refusal
from sidecar.relay.pool import Pool, Upstream
from tests.certificates import Certificates, Wrong
from tests.world import World

API = "api.example.com"
UNREACHABLE = ProviderUnreachable
WRONG: Mapping[Wrong, str] = {
    "self-signed": "self-signed certificate",
    "stranger": "unable to get local issuer certificate",
    "expired": "certificate has expired",
    "not yet": "certificate is not yet valid",
    "other name": "Hostname mismatch",
}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    wrong = {f"{kind.replace(' ', '-')}.example.com": kind for kind in WRONG}
    async with World([API], wrong=wrong, usual=False) as made:
        yield made


def own(*ports: int) -> Own:
    made = Own(here)
    for port in ports:
        made.add(port)
    return made


def way(
    url: str,
    trust: Certificates | None = None,
    *,
    resolve: Mapping[str, str] | None = None,
    private: bool | tuple[IPv4Network | IPv6Network, ...] = True,
    listeners: Own | None = None,
    lookup: Lookup | None = None,
) -> Way:
    context = (trust or Certificates()).client()
    return Way(
        Destination.of_url(url),
        resolve=resolve or {},
        private=private,
        own=listeners or own(),
        tls=lambda: context,
        loop=asyncio.get_running_loop(),
        lookup=lookup or nobody,
    )


async def nobody(name: str, port: int) -> Sequence[str]:
    raise AssertionError(f"nobody asked for {name}")


class Names:
    """Answers one list of addresses after another, and the last one for ever."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = [*answers]
        self.asked: list[str] = []

    async def __call__(self, name: str, port: int) -> Sequence[str]:
        self.asked.append(name)
        await asyncio.sleep(0)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Heard:
    """The exchange that a connection serves."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def from_upstream(self, data: bytes) -> None:
        self.answer.set_result(data)

    def upstream_lost(self, error: Exception | None) -> None:
        self.answer.set_exception(error or ConnectionResetError())

    def upstream_full(self, full: bool) -> None: ...


@asynccontextmanager
async def connected(to: Way, *, seconds: float = 5.0) -> AsyncIterator[Upstream]:
    pool = Pool(str(to.destination), to.dial, connect_seconds=seconds, clock=asyncio.get_running_loop().time)
    upstream = await pool.connect()
    try:
        yield upstream
    finally:
        upstream.drop()
        await asyncio.sleep(0.01)


async def asks(to: Way) -> Mapping[str, Any]:
    """What the world saw of a request by that way."""
    async with connected(to) as upstream:
        upstream.side = heard = Heard()
        upstream.transport.write(b"GET /a HTTP/1.1\r\nHost: %b\r\n\r\n" % to.destination.authority)
        async with asyncio.timeout(5):
            answer = await heard.answer
        seen: Mapping[str, Any] = json.loads(answer.partition(b"\r\n\r\n")[2])
        return seen


async def refused(to: Way, kind: type[Refusal]) -> Refusal:
    with pytest.raises(kind) as caught:
        async with connected(to):
            pass
    return caught.value


@asynccontextmanager
async def listening(
    address: str,
    port: int = 0,
    *,
    tls: ssl.SSLContext | None = None,
    does: Callable[[asyncio.StreamWriter], None] = lambda writer: None,
) -> AsyncIterator[tuple[int, list[asyncio.StreamReader]]]:
    """A server that does one thing with each connection; its port, and what it reads from each."""
    readers: list[asyncio.StreamReader] = []
    writers: list[asyncio.StreamWriter] = []

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        readers.append(reader)
        writers.append(writer)
        does(writer)

    server = await asyncio.start_server(accept, address, port, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1], readers
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0.01)


# TLS


async def test_https_verifies_the_host_and_speaks_http_1_1(world: World) -> None:
    to = way(world.url(API), world.certificates, resolve=world.resolve)
    assert (await asks(to))["host"] == API
    async with connected(to) as upstream:
        secure = upstream.transport.get_extra_info("ssl_object")
        assert secure.selected_alpn_protocol() == "http/1.1"
        assert secure.version() == "TLSv1.3"


async def test_an_address_is_verified_as_one(world: World) -> None:
    for shown, said in ((world.address, None), (API, "IP address mismatch")):
        async with listening(world.address, tls=world.certificates.server(shown)) as (port, _):
            to = way(f"https://{world.address}:{port}", world.certificates)
            if said is not None:
                assert said in (await refused(to, UNREACHABLE)).detail
                continue
            async with connected(to) as upstream:
                assert upstream.transport.get_extra_info("ssl_object").version()


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_certificate_that_does_not_verify_is_named_with_its_host_and_its_fault(
    world: World, wrong: Wrong
) -> None:
    host = f"{wrong.replace(' ', '-')}.example.com"
    refusal = await refused(way(world.url(host), world.certificates, resolve=world.resolve), UNREACHABLE)
    assert refusal.status == 502
    assert f"No connection to {world.url(host)}: its certificate does not verify: {WRONG[wrong]}" in refusal.detail
    assert "tls.ca_file" in refusal.detail
    assert refusal.detail.startswith(refusal.reason)
    assert not world.requests


async def test_a_port_that_does_not_speak_tls_is_said(world: World) -> None:
    refusal = await refused(
        way(f"https://{API}:{world.plain_port}", world.certificates, resolve=world.resolve), UNREACHABLE
    )
    assert "the TLS handshake failed: wrong version number" in refusal.detail


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")
async def test_old_tls_is_not_spoken_though_the_context_would(world: World) -> None:
    old, lax = world.certificates.server(API), world.certificates.client()
    for context in (old, lax):
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    async with listening(world.address, tls=old) as (port, _):
        _, writer = await asyncio.open_connection(world.address, port, ssl=lax, server_hostname=API)
        assert writer.get_extra_info("ssl_object").version() == "TLSv1.1"
        writer.transport.abort()
        to = Way(
            Destination("https", API, port),
            resolve=world.resolve,
            private=True,
            own=own(),
            tls=lambda: lax,
            loop=asyncio.get_running_loop(),
        )
        assert "No connection to" in (await refused(to, UNREACHABLE)).detail


async def test_who_hangs_up_in_the_handshake_is_unreachable(world: World) -> None:
    async with listening(world.address, does=lambda writer: writer.transport.abort()) as (port, _):
        url = f"https://{API}:{port}"
        refusal = await refused(way(url, world.certificates, resolve=world.resolve), UNREACHABLE)
    assert f"No connection to {url}: the connection ended before it could be used: " in refusal.detail


async def test_who_never_answers_the_handshake_is_left_within_the_time(world: World) -> None:
    async with listening(world.address) as (port, readers):
        to = way(f"https://{API}:{port}", world.certificates, resolve=world.resolve)
        with pytest.raises(Refusal, match=r"within 0\.2 s"):
            async with connected(to, seconds=0.2):
                pass
        async with asyncio.timeout(2):
            await readers[0].read()


# connections


async def test_plain_http_is_a_bare_connection(world: World) -> None:
    seen = await asks(way(world.url(API, tls=False), resolve=world.resolve))
    assert (seen["host"], seen["tls"]) == (API, False)


async def test_where_nothing_listens_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    refusal = await refused(way(f"http://api.example.com:{port}", resolve={API: "127.0.0.1"}), UNREACHABLE)
    assert refusal.detail == f"No connection to http://{API}:{port}: connection refused."


async def test_the_next_address_is_tried_where_the_first_one_does_not_answer(world: World) -> None:
    names = Names(["127.0.0.9", "::1", world.address])
    seen = await asks(way(world.url(API, tls=False), lookup=names))
    assert seen["host"] == API
    assert names.asked == [API]


async def test_of_several_that_do_not_answer_one_reason_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    to = way(f"http://{API}:{port}", lookup=Names(["127.0.0.9", "127.0.0.10"]))
    assert (await refused(to, UNREACHABLE)).detail.endswith(": connection refused.")


# names


async def test_a_literal_address_is_not_looked_up(world: World) -> None:
    await asks(way(f"http://{world.address}:{world.plain_port}"))


@pytest.mark.parametrize("key", [API, f"{API}:{{port}}"])
async def test_a_pinned_name_is_not_looked_up(world: World, key: str) -> None:
    await asks(way(world.url(API, tls=False), resolve={key.format(port=world.plain_port): world.address}))


async def test_a_pin_is_no_way_round_the_rules(world: World) -> None:
    for address in ("169.254.169.254", "fe80::1", "fd00:ec2::254", "::ffff:a9fe:a9fe"):
        refusal = await refused(way(world.url(API), resolve={API: address}), DestinationDenied)
        assert str(ip_address(address)) in refusal.reason  # which Python 3.13 spells otherwise than 3.11


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "name or service not known"),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), "temporary failure in name res"),
        (socket.gaierror(), "gaierror"),
        (OSError(24, "Too many open files"), "too many open files"),
        (UnicodeError("label too long"), "it is too long"),
    ],
)
async def test_a_name_that_is_not_resolved_is_said(error: Exception, said: str) -> None:
    async def lookup(name: str, port: int) -> Sequence[str]:
        raise error

    refusal = await refused(way(f"https://{API}", lookup=lookup), UNREACHABLE)
    assert refusal.detail.startswith(f"No connection to https://{API}: the name {API} is not resolved: {said}")


async def test_a_name_without_an_address_is_said() -> None:
    refusal = await refused(way(f"https://{API}", lookup=Names([])), UNREACHABLE)
    assert refusal.detail.endswith("is not resolved: it has no address.")


async def test_the_systems_resolver_gives_addresses_once_each() -> None:
    lookup = system(asyncio.get_running_loop())
    found = await lookup("localhost", 80)
    assert found
    assert len(set(found)) == len(found)
    assert all(ip_address(each).is_loopback for each in found)
    with pytest.raises(UnicodeError):
        await lookup("a" * 64, 80)


async def test_those_who_ask_at_the_same_time_wait_for_one_answer(world: World) -> None:
    names = Names([world.address])
    to = way(world.url(API, tls=False), lookup=names)
    await asyncio.gather(*(asks(to) for _ in range(10)))
    assert names.asked == [API]
    await asks(to)
    assert names.asked == [API] * 2, "an answer is not kept"


async def test_those_who_wait_for_an_answer_that_fails_are_told_as_well() -> None:
    to = way(f"http://{API}", lookup=Names([]))
    refusals = await asyncio.gather(*(refused(to, UNREACHABLE) for _ in range(3)))
    assert len({each.detail for each in refusals}) == 1
    assert len({*map(id, refusals)}) == 3


async def test_when_the_one_who_asked_goes_away_the_next_one_asks(world: World) -> None:
    began, go = asyncio.Event(), asyncio.Event()
    asked: list[str] = []

    async def lookup(name: str, port: int) -> Sequence[str]:
        asked.append(name)
        began.set()
        await go.wait()
        return [world.address]

    to = way(world.url(API, tls=False), lookup=lookup)
    first, second, third = (asyncio.ensure_future(asks(to)) for _ in range(3))
    await began.wait()
    third.cancel()
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0.01)
    go.set()
    assert (await second)["host"] == API
    assert asked == [API] * 2
    await asyncio.gather(first, third, return_exceptions=True)


# addresses


async def test_a_private_address_is_for_routes_that_say_so(world: World) -> None:
    url = world.url(API, tls=False)
    refusal = await refused(way(url, private=False, resolve=world.resolve), DestinationDenied)
    assert refusal.reason == f"{url}: {world.address} is loopback"
    assert world.address not in refusal.detail
    assert "private: true" in refusal.detail
    await asks(way(url, private=(ip_network(world.address),), resolve=world.resolve))
    assert world.connections == 1


@pytest.mark.parametrize("bad", ["127.0.0.1", "169.254.169.254", "::1", "fe80::1", "10.0.0.1", "0.0.0.0"])
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
async def test_one_bad_address_refuses_the_good_ones_beside_it(world: World, bad: str, order: tuple[int, int]) -> None:
    both = (world.address, bad)
    to = way(
        world.url(API, tls=False),
        private=(ip_network(world.address),),
        lookup=Names([both[order[0]], both[order[1]]]),
    )
    assert bad in (await refused(to, DestinationDenied)).reason
    assert world.connections == 0


async def test_what_is_dialled_is_what_was_classified(world: World) -> None:
    """The name answers a good address to the check, and a private one to whoever asks again."""
    async with listening("127.0.0.1", world.plain_port) as (_, trapped):
        names = Names([world.address], ["127.0.0.1"])
        to = way(world.url(API, tls=False), private=(ip_network(world.address),), lookup=names)
        assert (await asks(to))["host"] == API
        assert names.asked == [API]
        assert "127.0.0.1 is loopback" in (await refused(to, DestinationDenied)).reason
    assert not trapped


# the sidecar's own


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2", "::1", "::ffff:127.0.0.1", "0.0.0.0", "::"])
async def test_the_sidecars_own_listener_is_denied_by_every_address(address: str) -> None:
    family = "::" if ":" in address else "0.0.0.0"
    async with listening(family) as (port, reached):
        to = way(f"http://{API}:{port}", resolve={API: address}, listeners=own(port))
        assert "is the sidecar's own" in (await refused(to, DestinationDenied)).reason
        async with connected(way(f"http://{API}:{port}", resolve={API: "127.0.0.1" if family != "::" else "::1"})):
            pass
    assert len(reached) == 1, "which is the one that was let through"


async def test_which_addresses_are_this_machines() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect(("198.51.100.1", 9))
            mine = [asking.getsockname()[0]]
        except OSError:  # a machine without a network
            mine = []
    for text in ("127.0.0.1", "127.99.0.1", "::1", *mine):
        assert here(ip_address(text)), text
    for text in ("198.51.100.1", "8.8.8.8", "2001:db8::1", "fe80::1", "255.255.255.255"):
        assert not here(ip_address(text)), text


def test_a_way_is_made_without_any_io() -> None:
    """So that a reload makes them all at once."""
    made: Callable[..., Any] = Way
    loop = asyncio.new_event_loop()
    made(Destination("https", API, 443), resolve={}, private=False, own=own(), tls=ssl.SSLContext, loop=loop)
    loop.close()
