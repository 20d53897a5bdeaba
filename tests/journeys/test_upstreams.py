"""Upstreams that are away, slow, wrong or somebody else: a clear refusal in time, which hurts nobody else's calls."""

import asyncio
import json
import socket
import ssl
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import aiohttp
import pytest

from tests.certificates import Wrong
from tests.running import Running, serving
from tests.world import Answer, World

TOKEN, SECRET = "the-agents-own-handle-in-these-tests", "the-real-one-that-nobody-may-see"
GOOD, BAD, SLOW = "good.example.com", "bad.example.com", "slow.example.com"
WRONG: Mapping[Wrong, str] = {
    "self-signed": "self-signed certificate",
    "stranger": "unable to get local issuer certificate",
    "expired": "certificate has expired",
    "not yet": "certificate is not yet valid",
    "other name": "Hostname mismatch",
}
HOSTS = {wrong: f"{wrong.replace(' ', '-')}.example.com" for wrong in WRONG}
FIRST_BYTE, CONNECT = 0.5, 0.4
SPARE = 2.0
"""Seconds beyond a time limit, for a machine that is busy."""


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    wrong = {host: wrong for wrong, host in HOSTS.items()}
    with World.standing([GOOD, BAD, SLOW], wrong=wrong) as standing:
        yield standing


@pytest.fixture(scope="module")
def running(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with socket.create_server((world.address, 0)) as silent, socket.create_server((world.address, 0)) as gone:
        urls = {host.partition(".")[0]: world.url(host) for host in world.hosts}
        urls["silent"] = f"https://{GOOD}:{silent.getsockname()[1]}"
        urls["gone"] = f"https://{GOOD}:{gone.getsockname()[1]}"
        gone.close()
        common = {"provider": "key", "private": True}
        routes: dict[str, Any] = {name: {"url": url, **common} for name, url in urls.items()}
        routes["slow"]["timeouts"] = {"first_byte": f"{FIRST_BYTE * 1000:.0f}ms"}
        routes["silent"]["timeouts"] = {"connect": f"{CONNECT * 1000:.0f}ms"}
        given = {
            **world.configured,
            "agent": {"name": "travel-agent", "url": "http://127.0.0.1:8000", "token": TOKEN},
            "providers": {"key": {"type": "bearer", "token": {"env": "SECRET"}}},
            "egress": {"routes": routes},
            "capabilities": {"all": {"who": "agent", "routes": [*routes]}},
        }
        with serving(given, tmp_path_factory.mktemp("upstreams"), env={"SECRET": SECRET}) as started:
            yield started
            assert SECRET not in started.stdout + started.stderr
            assert "Traceback" not in started.stderr


@pytest.fixture
async def client(world: World) -> AsyncIterator[aiohttp.ClientSession]:
    world.says.clear()
    async with aiohttp.ClientSession(headers={"X-Identity-Invocation": TOKEN}) as session:
        yield session


class Told:
    """An answer, read whole, and the seconds that it took."""

    def __init__(self, status: int, headers: Mapping[str, str], body: str, seconds: float) -> None:
        self.status, self.headers, self.body, self.seconds = status, headers, body, seconds
        self.code = headers.get("Sidecar-Error", "")
        assert not self.code or SECRET not in body + str(dict(headers))

    @property
    def detail(self) -> str:
        detail: str = json.loads(self.body)["detail"]
        return detail


async def get(running: Running, client: aiohttp.ClientSession, route: str) -> Told:
    began = time.monotonic()
    async with client.get(f"{running.listener('egress')}/to/{route}/x") as answer:
        body = await answer.text()
    return Told(answer.status, answer.headers, body, time.monotonic() - began)


async def get_inside(running: Running, client: aiohttp.ClientSession, host: str) -> Told:
    """Through a tunnel, as a client that trusts the sidecar's CA."""
    trust = ssl.create_default_context(cafile=str(running.state.parent / "run" / "ca-bundle.pem"))
    proxy = f"http://{TOKEN}:@{running.listener('egress').removeprefix('http://')}"
    began = time.monotonic()
    async with client.get(f"https://{host}/x", proxy=proxy, ssl=trust) as answer:
        body = await answer.text()
    return Told(answer.status, answer.headers, body, time.monotonic() - began)


@pytest.mark.parametrize("way", ["prefix", "tunnel"])
@pytest.mark.parametrize("wrong", WRONG)
async def test_a_wrong_certificate_is_a_502_that_names_the_host_and_the_reason(
    running: Running, client: aiohttp.ClientSession, world: World, way: str, wrong: Wrong
) -> None:
    host = HOSTS[wrong]
    before = len(world.requests)
    told = await (
        get_inside(running, client, host) if way == "tunnel" else get(running, client, host.partition(".")[0])
    )
    assert (told.status, told.code) == (502, "provider_unreachable")
    assert f"https://{host}: its certificate does not verify: {WRONG[wrong]}" in told.detail
    assert len(world.requests) == before, "nothing was sent to whoever that is"


async def test_one_that_is_gone_is_a_502_that_names_it(running: Running, client: aiohttp.ClientSession) -> None:
    told = await get(running, client, "gone")
    assert (told.status, told.code) == (502, "provider_unreachable")
    assert GOOD in told.detail
    assert "connection refused" in told.detail


async def test_one_that_accepts_and_says_nothing_is_left_in_time(
    running: Running, client: aiohttp.ClientSession
) -> None:
    told = await get(running, client, "silent")
    assert (told.status, told.code) == (502, "provider_unreachable")
    assert CONNECT <= told.seconds < CONNECT + SPARE


@pytest.mark.parametrize("body", [b"", b'{"late": true}'])
async def test_one_that_is_slow_is_a_504_in_time(
    running: Running, client: aiohttp.ClientSession, world: World, body: bytes
) -> None:
    world.says[SLOW] = Answer(body=body, seconds=30)
    told = await get(running, client, "slow")
    assert (told.status, told.code) == (504, "timeout")
    assert FIRST_BYTE <= told.seconds < FIRST_BYTE + SPARE


NONSENSE = {
    "hangs up": b"",
    "another protocol": b"SSH-2.0-OpenSSH_9.9\r\n",
    "a page without a head": b"<html>Sorry</html>",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi!",
    "a length and chunks": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "another version": b"HTTP/2.0 200 OK\r\n\r\n",
    "no status": b"HTTP/1.1 OK\r\n\r\n",
    "a folded header": b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n",
    "an unasked switch": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
    "a head without an end": b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 20_000,
}


@pytest.mark.parametrize("nonsense", NONSENSE)
async def test_one_that_answers_nonsense_is_a_502(
    running: Running, client: aiohttp.ClientSession, world: World, nonsense: str
) -> None:
    world.says[BAD] = Answer(raw=NONSENSE[nonsense])
    told = await get(running, client, "bad")
    assert (told.status, told.code) == (502, "provider_unreachable")
    assert told.seconds < SPARE


async def test_half_an_answer_is_never_a_whole_one(
    running: Running, client: aiohttp.ClientSession, world: World
) -> None:
    world.says[BAD] = Answer(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    with pytest.raises(aiohttp.ClientPayloadError):
        await get(running, client, "bad")


@pytest.mark.parametrize("status", [429, 503])
async def test_one_that_limits_or_is_overloaded_speaks_for_itself(
    running: Running, client: aiohttp.ClientSession, world: World, status: int
) -> None:
    fields = [("Retry-After", "7"), ("Sidecar-Error", "not_permitted"), ("X-Identity-Subject", "mallory")]
    world.says[BAD] = Answer(status, fields, b"slow down")
    told = await get(running, client, "bad")
    assert (told.status, told.code, told.body) == (status, "", "slow down")
    assert told.headers["Retry-After"] == "7"
    assert "X-Identity-Subject" not in told.headers


async def test_who_calls_another_route_notices_nothing(
    running: Running, client: aiohttp.ClientSession, world: World
) -> None:
    world.says[SLOW] = Answer(seconds=30)
    world.says[BAD] = Answer(raw=b"")

    async def calm() -> float:
        return max([(await get(running, client, "good")).seconds for _ in range(50)])

    usual = await calm()
    async with asyncio.TaskGroup() as crowd:
        bad = [
            crowd.create_task(get(running, client, route))
            for route in ("slow", "silent", "gone", "bad", HOSTS["expired"].partition(".")[0])
            for _ in range(15)
        ]
        meanwhile = await calm()
    assert {each.result().code for each in bad} == {"timeout", "provider_unreachable"}
    assert meanwhile < max(10 * usual, 2.0)
