"""Told to stop: not ready at once, streams run to their end or to the drain's, and the exit code is 0."""

import asyncio
import signal
import time
from pathlib import Path

import aiohttp
import pytest

from tests.journeys.given import bearer, given
from tests.journeys.issuer import Issuer
from tests.journeys.patience import SLACK, until
from tests.journeys.raw import say
from tests.running import Running, sidecar


async def ready(running: Running) -> int:
    async with aiohttp.ClientSession() as session, session.get(f"{running.health}/readyz") as response:
        return response.status


async def test_a_stop_is_known_at_once_and_lets_streams_run_to_their_end(
    issuer: Issuer, agent: str, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    more = {"inbound": {"timeouts": {"drain": "20s"}}}
    async with sidecar(given(issuer, agent, **more), tmp_path) as running:
        assert await until(lambda: _is(running, 200)), "ready"
        url = f"{running.url}/events?n=20&pause=0.1"
        async with client.get(url, headers=bearer(issuer.token())) as response:
            await response.content.readline()
            running.send(signal.SIGTERM)
            assert await until(lambda: _is(running, 503), 1.0), "not ready any more"
            assert (await response.read()).endswith(b"id: 19\ndata: 19 \n\n")
        assert await running.ended() == 0


async def _is(running: Running, status: int) -> bool:
    return await ready(running) == status


async def test_a_stop_waits_no_longer_than_drain(
    issuer: Issuer, agent: str, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    more = {"inbound": {"timeouts": {"drain": "1s"}}}
    async with sidecar(given(issuer, agent, **more), tmp_path) as running:
        url = f"{running.url}/events?n=100000&pause=0.05"
        async with client.get(url, headers=bearer(issuer.token())) as response:
            await response.content.readline()
            began = time.monotonic()
            running.send(signal.SIGTERM)
            with pytest.raises((aiohttp.ClientPayloadError, aiohttp.ClientConnectionError)):
                await response.read()
            assert time.monotonic() - began > 0.9
        assert await running.ended(within=1.0 * SLACK) == 0


async def test_a_stop_ends_idle_connections_and_takes_no_new_ones(
    issuer: Issuer, fastapi: str, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async with sidecar(given(issuer, fastapi), tmp_path) as running:
        port = running.port
        async with client.get(running.url + "/echo", headers=bearer(issuer.token())) as response:
            assert response.status == 200
        began = time.monotonic()
        running.send(signal.SIGTERM)
        assert await running.ended() == 0
        assert time.monotonic() - began < 1.0 * SLACK, "an idle connection is nothing to wait for"
    with pytest.raises(OSError, match="Connect call failed"):
        await asyncio.open_connection("127.0.0.1", port)


async def test_without_requests_a_stop_takes_no_time_and_leaves_nothing_behind(
    issuer: Issuer, fastapi: str, tmp_path: Path
) -> None:
    async with sidecar(given(issuer, fastapi), tmp_path) as running:
        assert (await say(running, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")).status == 401
        control = running.state / "control.sock"
        assert control.is_socket()
        assert control.stat().st_mode & 0o777 == 0o600
        running.send(signal.SIGINT)
        assert await running.ended() == 0
        assert not control.exists()
    assert "Traceback" not in running.stderr
