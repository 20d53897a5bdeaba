"""Callers over TLS: the same calls, and a certificate that is renewed while they call."""

import asyncio
import hashlib
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import trustme
from websockets.asyncio.client import connect

from tests.journeys.given import bearer, given
from tests.journeys.issuer import Issuer
from tests.journeys.patience import until
from tests.journeys.raw import read_answer
from tests.journeys.seen import seen
from tests.journeys.test_streams import BLOCK, MIB, watched
from tests.running import Running, serving


@dataclass(frozen=True, slots=True)
class Certificate:
    authority: trustme.CA
    folder: Path

    @property
    def configured(self) -> dict[str, Any]:
        return {"inbound": {"tls": {"cert": str(self.folder / "cert.pem"), "key": str(self.folder / "key.pem")}}}

    @property
    def client(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        return context

    def renew(self) -> None:
        leaf = self.authority.issue_cert("127.0.0.1")
        (self.folder / "cert.pem").write_bytes(b"".join(pem.bytes() for pem in leaf.cert_chain_pems))
        (self.folder / "key.pem").touch(0o600)
        (self.folder / "key.pem").write_bytes(leaf.private_key_pem.bytes())


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    made = Certificate(trustme.CA(), tmp_path_factory.mktemp("certificate"))
    made.renew()
    return made


@pytest.fixture(scope="module")
def secure(
    issuer: Issuer, fastapi: str, certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    with serving(given(issuer, fastapi, **certificate.configured), tmp_path_factory.mktemp("secure")) as running:
        yield running


@pytest.fixture
async def trusting(certificate: Certificate) -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(ssl=certificate.client)
    async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:
        yield session


@asynccontextmanager
async def over_tls(
    running: Running, context: ssl.SSLContext
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    async with asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port, ssl=context)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()


async def test_the_agent_reads_that_the_caller_came_over_tls(
    secure: Running, issuer: Issuer, trusting: aiohttp.ClientSession
) -> None:
    assert secure.url.startswith("https://")
    headers = await seen(trusting, secure, issuer.token())
    assert headers["x-identity-subject"] == "alice"
    assert headers["x-forwarded-proto"] == "https"
    assert headers["forwarded"].endswith("proto=https")


async def test_large_bodies_pass_both_ways_and_take_no_memory(
    secure: Running, issuer: Issuer, certificate: Certificate, trusting: aiohttp.ClientSession
) -> None:
    size = 64 * MIB
    async with watched(secure) as memory, over_tls(secure, certificate.client) as (reader, writer):
        head = b"POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\nAuthorization: Bearer %b\r\n\r\n"
        writer.write(head % (size, issuer.token().encode()))
        for _ in range(size // MIB):
            writer.write(BLOCK)
            await writer.drain()
        answer = (await read_answer(reader)).json()
        assert answer == {"bytes": size, "sha256": hashlib.sha256(BLOCK * (size // MIB)).hexdigest()}
        async with trusting.get(f"{secure.url}/download?n={size}", headers=bearer(issuer.token())) as response:
            assert await response.read() == BLOCK * (size // MIB)
    assert max(memory) - memory[0] < 20 * MIB


async def test_a_slow_reader_over_tls_fills_no_memory(
    secure: Running, issuer: Issuer, certificate: Certificate
) -> None:
    size = 64 * MIB
    async with watched(secure) as memory, over_tls(secure, certificate.client) as (reader, writer):
        head = b"GET /download?n=%d HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %b\r\n\r\n"
        writer.write(head % (size, issuer.token().encode()))
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(1.0)
        assert await reader.readexactly(size) == BLOCK * (size // MIB)
    assert max(memory) - memory[0] < 8 * MIB


async def test_a_websocket_opens_over_tls(secure: Running, issuer: Issuer, certificate: Certificate) -> None:
    url = secure.url.replace("https", "wss", 1) + "/ws"
    async with connect(url, additional_headers=bearer(issuer.token()), ssl=certificate.client) as socket:
        await socket.recv()
        await socket.send("hello")
        assert await socket.recv() == "hello"


async def test_a_refusal_of_a_call_with_a_body_is_read_before_the_connection_ends(
    secure: Running, certificate: Certificate
) -> None:
    async with over_tls(secure, certificate.client) as (reader, writer):
        writer.write(b"POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 100_000)
        answer = await read_answer(reader)
    assert answer.headers["sidecar-error"] == "token_missing"


async def test_plain_http_is_not_answered_on_a_tls_listener(secure: Running) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", secure.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    async with asyncio.timeout(10):
        assert b"HTTP/1.1" not in await reader.read()
    writer.close()


async def test_a_renewed_certificate_is_shown_after_a_reload(
    secure: Running, issuer: Issuer, certificate: Certificate, trusting: aiohttp.ClientSession
) -> None:
    async def shown() -> bytes:
        async with over_tls(secure, certificate.client) as (_, writer):
            found: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            return found

    async def renewed() -> bool:
        return await shown() != before

    before = await shown()
    url = f"{secure.url}/events?n=30&pause=0.05"
    async with trusting.get(url, headers=bearer(issuer.token())) as response:
        await response.content.readline()
        certificate.renew()
        secure.reload()
        assert await until(renewed)
        assert (await response.read()).endswith(b"id: 29\ndata: 29 \n\n"), "what is open runs on"
