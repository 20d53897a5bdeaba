"""How calls end when someone goes away, is slow, or says nothing more."""

import asyncio
import contextlib
import socket
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.journeys.given import bearer, given
from tests.journeys.handmade import always, listening
from tests.journeys.issuer import Issuer
from tests.journeys.patience import SLACK, until
from tests.journeys.raw import connection
from tests.running import Running, sidecar

HI = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


async def seen_by(agent: str) -> dict[str, Any]:
    async with aiohttp.ClientSession() as session, session.get(f"{agent}/seen") as response:
        answer: dict[str, Any] = await response.json()
        return answer


# the caller goes away


@pytest.mark.parametrize("request_line", ["GET /wait?name={}", "GET /events?n=1000000&pause=0.05&name={}"])
async def test_a_caller_that_goes_away_cancels_the_agents_call(
    served: Running, agent: str, issuer: Issuer, request_line: str
) -> None:
    name = f"{request_line.split('?')[0].split('/')[1]}-{served.pid}"
    line = request_line.format(name)

    async def started() -> bool:
        return name in (await seen_by(agent))["started"]

    async with connection(served) as (reader, writer):
        writer.write(f"{line} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {issuer.token()}\r\n\r\n".encode())
        if "events" in line:
            await reader.readuntil(b"id: 1\n")
        else:
            assert await until(started)
    left = time.monotonic()

    async def gone() -> float | None:
        at: float | None = (await seen_by(agent))["gone"].get(name)
        return at

    at = await until(gone, 1.0 * SLACK)
    assert at is not None
    assert at - left < 1.0 * SLACK


# the agent is away, slow, or dies


async def test_an_agent_that_is_away_is_a_502_that_says_what_to_check(
    issuer: Issuer, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        async with sidecar(given(issuer, url), tmp_path) as running:
            began = time.monotonic()
            async with client.post(running.url + "/echo", data=b"x", headers=bearer(issuer.token())) as response:
                assert time.monotonic() - began < 1.0 * SLACK
                assert response.status == 502
                problem = await response.json()
    assert problem["code"] == "agent_unreachable"
    assert "agent.url" in problem["detail"]


async def test_an_agent_that_takes_no_connection_is_a_502_within_the_connect_limit(
    issuer: Issuer, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """Its backlog is full: a SYN gets no answer at all."""
    with closing(socket.socket()) as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        async with sidecar(given(issuer, f"http://127.0.0.1:{full.getsockname()[1]}"), tmp_path) as running:
            began = time.monotonic()
            async with client.get(running.url + "/echo", headers=bearer(issuer.token())) as response:
                assert response.status == 502
                assert 0.9 < time.monotonic() - began < 1.0 * SLACK
        for each in waiting:
            each.close()


async def test_an_agent_that_comes_back_is_used_at_once(
    issuer: Issuer, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async with listening(always(HI)) as url:
        port = int(url.rsplit(":", 1)[1])
    async with sidecar(given(issuer, url), tmp_path) as running:
        async with client.get(running.url + "/", headers=bearer(issuer.token())) as response:
            assert response.status == 502
        async with (
            listening(always(HI), port),
            client.get(running.url + "/", headers=bearer(issuer.token())) as response,
        ):
            assert (response.status, await response.text()) == (200, "hi")


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_kept_connection_that_the_agent_closed_costs_no_call(
    issuer: Issuer, client: aiohttp.ClientSession, tmp_path: Path, method: str
) -> None:
    """The agent closes each connection behind its answer without saying so; not one call fails for it."""

    async with listening(always(HI)) as url, sidecar(given(issuer, url), tmp_path) as running:
        for _ in range(200):
            async with client.request(method, running.url + "/", headers=bearer(issuer.token())) as response:
                assert response.status == 200


async def test_an_agent_that_is_slow_is_a_504(
    issuer: Issuer, agent: str, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    more = {"inbound": {"timeouts": {"first_byte": "400ms"}}}
    async with sidecar(given(issuer, agent, **more), tmp_path) as running:
        began = time.monotonic()
        async with client.get(running.url + "/slow?seconds=20", headers=bearer(issuer.token())) as response:
            assert response.status == 504
            assert response.headers["Sidecar-Error"] == "timeout"
            assert 0.3 < time.monotonic() - began < 1.0 * SLACK
        async with client.get(running.url + "/slow?seconds=0.1", headers=bearer(issuer.token())) as response:
            assert response.status == 200, "one call's time is not another's"


@pytest.mark.parametrize(
    "half",
    [b"Content-Length: 1000\r\n\r\nhalf", b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"],
    ids=["length", "chunked"],
)
async def test_half_an_answer_is_never_taken_for_a_whole_one(
    issuer: Issuer, client: aiohttp.ClientSession, tmp_path: Path, half: bytes
) -> None:
    async with (
        listening(always(b"HTTP/1.1 200 OK\r\n" + half)) as url,
        sidecar(given(issuer, url), tmp_path) as running,
    ):
        with pytest.raises((aiohttp.ClientPayloadError, aiohttp.ClientConnectionError)):
            async with client.get(running.url + "/", headers=bearer(issuer.token())) as response:
                await response.read()


async def test_an_agent_that_dies_before_it_answers_is_a_502(
    issuer: Issuer, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    calls = 0

    async def serve(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        nonlocal calls
        calls += 1
        await reader.readuntil(b"\r\n\r\n")

    async with (
        listening(serve) as url,
        sidecar(given(issuer, url), tmp_path) as running,
        client.post(running.url + "/", data=b"once", headers=bearer(issuer.token())) as response,
    ):
        assert response.status == 502
    assert calls == 1, "what can't be repeated isn't"


@pytest.mark.parametrize("speaks", ["caller", "agent", "nobody"])
async def test_an_open_websocket_ends_when_neither_side_has_spoken_for_too_long(
    issuer: Issuer, tmp_path: Path, speaks: str
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        while speaks == "agent":
            writer.write(b".")
            await writer.drain()
            await asyncio.sleep(0.1)
        await reader.read()

    more = {"inbound": {"timeouts": {"idle": "800ms"}}}
    async with (
        listening(serve) as url,
        sidecar(given(issuer, url, **more), tmp_path) as running,
        connection(running) as (reader, writer),
    ):
        writer.write(
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer %b\r\n\r\n" % issuer.token().encode()
        )
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        ended = asyncio.ensure_future(_ended(reader))
        for _ in range(25):
            if speaks == "caller":
                writer.write(b".")
            await asyncio.sleep(0.1)
        assert ended.done() == (speaks == "nobody")
        ended.cancel()


async def _ended(reader: asyncio.StreamReader) -> None:
    with contextlib.suppress(ConnectionError):
        while await reader.read(1024):
            pass
