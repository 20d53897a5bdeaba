"""What is long: event streams, WebSockets, bodies larger than any buffer. Nothing is held back, lost, or hoarded."""

import asyncio
import hashlib
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import pairwise
from pathlib import Path

import aiohttp
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.journeys.given import bearer, given
from tests.journeys.issuer import Issuer
from tests.journeys.raw import connection, read_answer
from tests.running import Running, sidecar

MIB = 1024 * 1024
BLOCK = bytes(range(256)) * 4096
"""What the agents' downloads repeat, in a piece of 1 MiB."""
MOST_GROWTH = 20 * MIB
LONG = os.environ.get("LONG") == "1"


@asynccontextmanager
async def watched(running: Running) -> AsyncIterator[list[int]]:
    """The sidecar's resident memory, many times while the block runs."""
    seen = [running.rss()]

    async def watch() -> None:
        while True:
            seen.append(running.rss())
            await asyncio.sleep(0.05)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(watch())
        yield seen
        task.cancel()


def event(number: int, size: int = 0) -> bytes:
    return b"id: %d\ndata: %d %b\n\n" % (number, number, b"x" * size)


async def test_a_stream_of_100_000_events_arrives_whole_and_in_order(
    served: Running, issuer: Issuer, client: aiohttp.ClientSession
) -> None:
    count = 100_000
    async with client.get(f"{served.url}/events?n={count}", headers=bearer(issuer.token())) as response:
        assert response.content_type == "text/event-stream"
        body = await response.read()
    assert body.count(b"\n\n") == count
    assert body == b"".join(map(event, range(count)))


async def test_events_arrive_as_they_are_sent(served: Running, issuer: Issuer, client: aiohttp.ClientSession) -> None:
    began = time.monotonic()
    async with client.get(f"{served.url}/events?n=4&pause=0.4", headers=bearer(issuer.token())) as response:
        arrivals = [time.monotonic() - began async for line in response.content if line.startswith(b"id: ")]
    assert len(arrivals) == 4
    assert arrivals[0] < 0.4, "the first one came while the second was still unsent"
    assert all(later - earlier > 0.2 for earlier, later in pairwise(arrivals))


async def test_a_slow_reader_slows_the_agent_and_fills_no_memory(served: Running, issuer: Issuer) -> None:
    count, size = 30_000, 1000
    request = f"GET /events?n={count}&size={size} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {issuer.token()}\r\n\r\n"
    async with watched(served) as memory, connection(served, within=50) as (reader, writer):
        writer.write(request.encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        await asyncio.sleep(1.5)  # 30 MB are waiting to be read
        body = await _chunked_body(reader)
    assert body == b"".join(event(number, size) for number in range(count))
    assert max(memory) - memory[0] < 8 * MIB


async def _chunked_body(reader: asyncio.StreamReader) -> bytes:
    pieces = []
    while count := int(await reader.readuntil(b"\r\n"), 16):
        pieces.append((await reader.readexactly(count + 2))[:-2])
    return b"".join(pieces)


async def test_a_websocket_is_a_call_like_any_other_until_it_is_open(served: Running, issuer: Issuer) -> None:
    url = served.url.replace("http", "ws", 1) + "/ws"
    with pytest.raises(InvalidStatus) as refused:
        async with connect(url):
            pass
    assert refused.value.response.status_code == 401
    assert refused.value.response.headers["Sidecar-Error"] == "token_missing"
    spoofed = {"X-Identity-Subject": "mallory"}
    async with connect(url, additional_headers=bearer(issuer.token()) | spoofed) as socket:
        assert socket.response is not None
        assert "X-Trace-Id" in socket.response.headers
        headers = json.loads(await socket.recv())
    assert headers["x-identity-subject"] == "alice"
    assert "authorization" not in headers


async def test_a_websocket_echoes_whatever_is_said(served: Running, issuer: Issuer) -> None:
    url = served.url.replace("http", "ws", 1) + "/ws"
    async with connect(url, additional_headers=bearer(issuer.token()), max_size=4 * MIB, compression=None) as socket:
        await socket.recv()
        for number in range(500):
            await socket.send(f"message {number}")
        assert [await socket.recv() for _ in range(500)] == [f"message {number}" for number in range(500)]
        await socket.send(BLOCK)
        assert await socket.recv() == BLOCK
        await asyncio.wait_for(await socket.ping(), 5)
    assert socket.close_code == 1000


@pytest.fixture
def size(request: pytest.FixtureRequest) -> int:
    """2 GiB through one agent, and in the long form through each."""
    whole = LONG or request.node.callspec.params["agent"] == "fastapi"
    return 2048 * MIB if whole else 256 * MIB


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_an_upload_of_any_size_takes_no_memory(served: Running, issuer: Issuer, size: int) -> None:
    async with watched(served) as memory, connection(served, within=250) as (reader, writer):
        writer.write(
            b"POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\nAuthorization: Bearer %b\r\n\r\n"
            % (size, issuer.token().encode())
        )
        for _ in range(size // MIB):
            writer.write(BLOCK)
            await writer.drain()
        answer = (await read_answer(reader)).json()
    digest = hashlib.sha256()
    for _ in range(size // MIB):
        digest.update(BLOCK)
    assert answer == {"bytes": size, "sha256": digest.hexdigest()}
    assert max(memory) - memory[0] < MOST_GROWTH


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_download_of_any_size_takes_no_memory(
    served: Running, issuer: Issuer, client: aiohttp.ClientSession, size: int
) -> None:
    twice, at = memoryview(BLOCK + BLOCK), 0
    url = f"{served.url}/download?n={size + 1}"
    async with watched(served) as memory, client.get(url, headers=bearer(issuer.token())) as response:
        assert response.headers["Content-Length"] == str(size + 1)
        async for piece in response.content.iter_any():
            offset = at % MIB
            assert piece == twice[offset : offset + len(piece)]
            at += len(piece)
    assert at == size + 1
    assert max(memory) - memory[0] < MOST_GROWTH


async def test_uploads_follow_each_other_on_kept_connections(served: Running, issuer: Issuer) -> None:
    """The head and much of the body come in one piece, and there is a connection to the agent for it at once."""
    head = b"POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\nAuthorization: Bearer %b\r\n\r\n"
    request = head % (4 * MIB, issuer.token().encode()) + 4 * BLOCK
    async with connection(served, within=20) as (reader, writer):
        for _ in range(20):
            writer.write(request)
            assert (await read_answer(reader)).json()["bytes"] == 4 * MIB


async def test_a_slow_agent_slows_the_upload_and_fills_no_memory(served: Running, issuer: Issuer) -> None:
    size = 64 * MIB
    async with watched(served) as memory, connection(served, within=50) as (reader, writer):
        writer.write(
            b"POST /sink?pause=1.5 HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\nAuthorization: Bearer %b\r\n\r\n"
            % (size, issuer.token().encode())
        )
        for _ in range(size // MIB):
            writer.write(BLOCK)
            await writer.drain()
        assert (await read_answer(reader)).json()["bytes"] == size
    assert max(memory) - memory[0] < 8 * MIB


@pytest.mark.parametrize(
    ("request_line", "token"), [("GET /download?n=3000000", True), ("GET /echo", False)], ids=["answers", "refusals"]
)
async def test_a_caller_that_only_sends_and_never_reads_fills_no_memory(
    issuer: Issuer, fastapi: str, tmp_path: Path, request_line: str, token: bool
) -> None:
    """Pipelined requests whose answers nobody takes: the sidecar stops reading them, rather than keep answers."""
    line = f"Authorization: Bearer {issuer.token()}\r\n" if token else ""
    request = f"{request_line} HTTP/1.1\r\nHost: a\r\n{line}\r\n".encode()
    async with (
        sidecar(given(issuer, fastapi), tmp_path) as running,
        watched(running) as memory,
        connection(running, limit=1024) as (_, writer),
    ):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(_send_for_ever(writer, request * 1000), 4)
    assert max(memory) - memory[0] < MOST_GROWTH


async def _send_for_ever(writer: asyncio.StreamWriter, data: bytes) -> None:
    while True:
        writer.write(data)
        await writer.drain()


async def test_a_caller_that_stops_reading_holds_up_nobody_else(
    served: Running, issuer: Issuer, client: aiohttp.ClientSession
) -> None:
    """Whatever is left of its answer when the sidecar has no more room for it, other calls have agents to talk to."""
    token = issuer.token()
    request = "GET /download?n={} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n\r\n"
    async with AsyncExitStack() as stack:
        for step in range(60):
            _, writer = await stack.enter_async_context(connection(served, within=50, limit=1024))
            writer.write(request.format(2 * MIB + step * 64 * 1024, token).encode())
            await asyncio.sleep(0.03)
            async with asyncio.timeout(5), client.get(served.url + "/echo", headers=bearer(token)) as response:
                assert response.status == 200
