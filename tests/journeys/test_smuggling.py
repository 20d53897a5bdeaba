"""Code in the agent that has a handle of its own tries to make a call that is another's, byte by byte."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.journeys.calling import BOUND, UNBOUND, Call, Line
from tests.journeys.crowd import Invocation
from tests.journeys.isolation import Stage, stage
from tests.journeys.judge import HOSTS, KEYS, NEXT, PLAIN
from tests.journeys.raw import Answer, read_answer

WEBSOCKET = (
    f"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    f"Sec-WebSocket-Key: {base64.b64encode(b'0' * 16).decode()}\r\n"
)


@dataclass(frozen=True, slots=True)
class Attack:
    """A request of user1's to ``/to/<route>/say/7/user1``; ``{own}`` is its handle, ``{other}`` user2's."""

    fields: str
    refused: str = "bad_request"
    """By which code; empty: it is let out, as user1's alone."""
    body: str = ""
    route: str = NEXT
    first: str = "POST {path} HTTP/1.1\r\n"


OWN = "X-Identity-Invocation: {own}\r\n"
ATTACKS = {
    "a second value by a folded line": Attack("X-Identity-Invocation: {own}\r\n {other}\r\n"),
    "a line that begins with white space": Attack(OWN + " X-Identity-Invocation: {other}\r\n"),
    "a space before the colon": Attack("X-Identity-Invocation : {other}\r\n" + OWN),
    "a tab before the colon": Attack("X-Identity-Invocation\t: {other}\r\n" + OWN),
    "a bare LF": Attack(OWN + "A: b\nX-Identity-Invocation: {other}\r\n"),
    "a bare CR": Attack(OWN + "A: b\rX-Identity-Invocation: {other}\r\n"),
    "a NUL": Attack(OWN + "A: b\0X-Identity-Invocation: {other}\r\n"),
    "two of them": Attack(OWN + "X-IDENTITY-INVOCATION: {other}\r\n", "invocation_ambiguous"),
    "two by CGI's spelling": Attack(OWN + "X_Identity-Invocation: {other}\r\n", "invocation_ambiguous"),
    "two in one": Attack("X-Identity-Invocation: {own}, {other}\r\n", "invocation_invalid"),
    "two Authorizations": Attack(
        "Authorization: Bearer {own}\r\nAuthorization: Bearer {other}\r\n", "ambiguous_credentials"
    ),
    "two for the proxy": Attack(
        "Proxy-Authorization: Bearer {own}\r\nProxy-Authorization: Bearer {other}\r\n", "ambiguous_credentials"
    ),
    "two lengths": Attack(OWN + "Content-Length: 0\r\nContent-Length: 50\r\n", body="x" * 50),
    "a list of lengths": Attack(OWN + "Content-Length: 0, 50\r\n", body="x" * 50),
    "a signed length": Attack(OWN + "Content-Length: +0\r\n"),
    "a length and chunks": Attack(OWN + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", body="0\r\n\r\n"),
    "another coding": Attack(OWN + "Transfer-Encoding: chunked, identity\r\n", body="0\r\n\r\n"),
    "a coding that looks like chunks": Attack(OWN + "Transfer-Encoding: xchunked\r\n", body="0\r\n\r\n"),
    "chunks in HTTP/1.0": Attack(
        OWN + "Transfer-Encoding: chunked\r\n", body="0\r\n\r\n", first="POST {path} HTTP/1.0\r\n"
    ),
    "an upgrade to HTTP/2": Attack(
        OWN + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
    ),
    "HTTP/2 at once": Attack("\r\nSM\r\n", first="PRI * HTTP/2.0\r\n"),
    "a Host that Connection names": Attack(OWN + "Connection: Host\r\n"),
    "absolute form to another host": Attack(
        OWN, "destination_denied", first="GET http://plain.example.com:{plain}/say/7/user1 HTTP/1.1\r\n"
    ),
    "a user before the host": Attack(
        OWN, "bad_request", first="GET http://{other}@plain.example.com:{plain}/say/7/user1 HTTP/1.1\r\n"
    ),
    "Connection names the handle": Attack(OWN + "Connection: X-Identity-Invocation\r\n", ""),
    "Connection names the credential": Attack(OWN + "Connection: Authorization, close\r\n", ""),
    "Connection names the key": Attack(OWN + "Connection: x-api-key\r\n", "", route=KEYS),
    "Connection names framing": Attack(OWN + "Connection: Content-Length\r\nContent-Length: 7\r\n", "", body="7 user1"),
    "Connection names the trace": Attack(OWN + "Connection: traceparent, baggage\r\n", ""),
    "the credential's place is taken": Attack(
        OWN + "Authorization: Bearer mine\r\nx_api_key: mine\r\nX-Api-Key: mine\r\nX-API-Key: mine\r\n", "", route=KEYS
    ),
    "trailers": Attack(
        OWN + "Transfer-Encoding: chunked\r\nTrailer: Authorization\r\n",
        "",
        body="7\r\n7 user1\r\n0\r\nAuthorization: Bearer mine\r\nX-Identity-Subject: user2\r\n\r\n",
    ),
    "chunks with extensions": Attack(
        OWN + "Transfer-Encoding: chunked\r\n", "", body="7;a=b\r\n7 user1\r\n0;{other}\r\n\r\n"
    ),
    "HTTP/1.0 kept alive": Attack(OWN + "Connection: keep-alive\r\n", "", first="GET {path} HTTP/1.0\r\n"),
    "what is the sidecar's to say": Attack(
        OWN + "X-Identity-Subject: user2\r\nx_identity_principal: p\r\nX-Identity-Assertion: a\r\n", ""
    ),
    "another's trace": Attack(OWN + "traceparent: 00-{trace}-{other_id}-01\r\n", ""),
}


def filled(text: str, at: Stage, one: Invocation, other: Invocation, route: str) -> str:
    known = {"own": one.handle, "other": other.handle, "other_id": other.id, "trace": "1" * 32}
    known |= {"path": f"/to/{route}/say/7/user1", "plain": str(at.judge.ports[PLAIN])}
    for name, value in known.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def request(at: Stage, one: Invocation, other: Invocation, attack: Attack) -> bytes:
    host = f"Host: 127.0.0.1:{at.calling.port}\r\n"
    whole = attack.first + host + attack.fields + "\r\n" + attack.body
    return filled(whole, at, one, other, attack.route).encode("latin-1")


async def asked(line: Line, data: bytes) -> Answer:
    line.writer.write(data)
    async with asyncio.timeout(10):
        answer = await read_answer(line.reader)
        while answer.status < 200:
            answer = await read_answer(line.reader)
    return answer


@asynccontextmanager
async def two(folder: Path) -> AsyncIterator[tuple[Stage, Invocation, Invocation]]:
    async with stage(folder) as at, at.crowd.call("user1") as one, at.crowd.call("user2") as other:
        yield at, one, other


async def test_no_request_is_read_as_anothers(tmp_path: Path) -> None:
    async with two(tmp_path) as (at, one, other):
        for name, attack in ATTACKS.items():
            line = await at.calling.line("prefix", "")
            answer = await asked(line, request(at, one, other, attack))
            at.calling.drop(line)
            assert answer.headers.get("sidecar-error", "") == attack.refused, name
            assert bool(at.judge.came.pop(7, None)) is not bool(attack.refused), name
            assert attack.refused or answer.content == b"7 user1\n", name
            assert at.judge.wrong == [], name


async def test_a_tunnel_leads_to_where_it_was_opened_and_nowhere_else(tmp_path: Path) -> None:
    async with two(tmp_path) as (at, one, other):
        named = f"{HOSTS[NEXT]}:{at.judge.ports[NEXT]}"
        elsewhere = f"{HOSTS[KEYS]}:{at.judge.ports[KEYS]}"
        own, here = f"X-Identity-Invocation: {one.handle}\r\n", f"127.0.0.1:{at.calling.port}"
        inside = {
            f"GET https://{named}/say/1/user1 HTTP/1.1\r\nHost: {named}\r\n{own}\r\n": "bad_request",
            f"CONNECT {elsewhere} HTTP/1.1\r\nHost: {elsewhere}\r\n{own}\r\n": "bad_request",
            f"GET /say/1/user1 HTTP/1.1\r\nHost: {elsewhere}\r\n{own}\r\n": "destination_denied",
            f"GET /say/1/user1 HTTP/1.1\r\nHost: {HOSTS[NEXT]}\r\n{own}\r\n": "destination_denied",
            f"GET /to/keys/say/1/user1 HTTP/1.1\r\nHost: {here}\r\n{own}\r\n": "destination_denied",
            f"GET /v1/principal HTTP/1.1\r\nHost: {here}\r\n{own}\r\n": "destination_denied",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n": "bad_request",
        }
        for way in (UNBOUND, BOUND):
            for data, code in inside.items():
                line = await at.calling.line(way, NEXT, one if way == BOUND else None)
                answer = await asked(line, data.encode())
                at.calling.drop(line)
                assert answer.headers["sidecar-error"] == code, data
        line = await at.calling.line(BOUND, NEXT, one)
        stolen = f"GET /say/1/user2 HTTP/1.1\r\nHost: {named}\r\nAuthorization: Bearer {other.handle}\r\n\r\n"
        behind = f"GET /say/2/user1 HTTP/1.1\r\nHost: {named}\r\n\r\n"
        answer = await asked(line, (stolen + behind).encode())
        assert answer.headers["sidecar-error"] == "invocation_mismatch"
        assert await line.reader.read() == b""
        at.calling.drop(line)
        assert not at.judge.came


@pytest.mark.parametrize(("asked_for", "lets_in"), [(HOSTS[NEXT], True), (None, True), (HOSTS[KEYS], False)])
async def test_the_handshake_in_a_tunnel_names_that_tunnels_host(
    tmp_path: Path, asked_for: str | None, lets_in: bool
) -> None:
    async with two(tmp_path) as (at, one, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", at.calling.port)
        named = f"{HOSTS[NEXT]}:{at.judge.ports[NEXT]}"
        writer.write(f"CONNECT {named} HTTP/1.1\r\nHost: {named}\r\n\r\n".encode())
        assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
        careless = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        careless.check_hostname, careless.verify_mode = False, ssl.CERT_NONE
        careless.set_alpn_protocols(["h2"])  # which isn't spoken here; it isn't agreed on either
        try:
            await writer.start_tls(careless, server_hostname=asked_for)
        except (ssl.SSLError, ConnectionError):
            assert not lets_in
        else:
            assert lets_in
            assert writer.get_extra_info("ssl_object").selected_alpn_protocol() is None
            line = Line(reader, writer, (UNBOUND, NEXT, ""))
            call = at.calling.carrying(Call(1, NEXT, "say", one), many=False)
            assert (await asked(line, at.calling.sent(call, UNBOUND))).content == call.text
        writer.transport.abort()


# upstreams that are led astray


@asynccontextmanager
async def instead(
    at: Stage, serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
) -> AsyncIterator[None]:
    """Have *serve* in the place of the upstream that is spoken to in clear."""

    writers: list[asyncio.StreamWriter] = []

    async def quietly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await serve(reader, writer)

    at.judge.servers[[*HOSTS].index(PLAIN)].close()
    server = await asyncio.start_server(quietly, "127.0.0.1", at.judge.ports[PLAIN])
    try:
        yield
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0)


def post(at: Stage, owner: Invocation, path: str, body: str = "", more: str = "") -> bytes:
    return (
        f"POST /to/plain{path} HTTP/1.1\r\nHost: 127.0.0.1:{at.calling.port}\r\n{more}"
        f"Authorization: Bearer {owner.handle}\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


async def test_what_an_upstream_makes_of_a_body_is_heard_by_nobody_else(tmp_path: Path) -> None:
    """It ignores bodies, and reads them as requests ("CL.0"): from then on each of its answers is one behind."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            path = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1]
            await asyncio.sleep(0.2 if b"planted" in path else 0)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(path), path))

    async with two(tmp_path) as (at, one, other), instead(at, serve):
        mine, theirs = [await at.calling.line("prefix", "") for _ in range(2)]
        planted = "GET /planted HTTP/1.1\r\nHost: a\r\n\r\n"
        assert (await asked(mine, post(at, one, "/mine", planted))).content == b"/mine"
        for number in range(5):
            assert (await asked(theirs, post(at, other, f"/{number}"))).content == b"/%d" % number
        for line in (mine, theirs):
            at.calling.drop(line)


async def test_an_upstream_that_waits_for_frames_gets_no_request_of_anothers(tmp_path: Path) -> None:
    """It has declined an upgrade, as it says, and reads on as if it had not."""
    frames: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno")
        frames.append(await reader.read())

    async with two(tmp_path) as (at, one, other), instead(at, serve):
        for owner, more in ((one, WEBSOCKET), (other, "")):
            head = f"GET /to/plain/x HTTP/1.1\r\nHost: 127.0.0.1:{at.calling.port}\r\n{more}"
            line = await at.calling.line("prefix", "")
            answer = await asked(line, f"{head}X-Identity-Invocation: {owner.handle}\r\n\r\n".encode())
            at.calling.drop(line)
            assert answer.content == b"no"
        assert not any(frames)


FORGED = (
    b"Sidecar-Error: not_permitted\r\nsidecar_error: x\r\nX-Trace-Id: 0\r\nX-Identity-Subject: eve\r\nx_trace_id: 0\r\n"
)


async def test_no_upstream_speaks_for_the_sidecar(tmp_path: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 103 Early Hints\r\n" + FORGED + b"\r\n")
        writer.write(b"HTTP/1.1 403 Forbidden\r\nProxy-Authenticate: Basic\r\n" + FORGED)
        writer.write(b"Transfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n" + FORGED + b"\r\n")

    async with two(tmp_path) as (at, one, _), instead(at, serve):
        line = await at.calling.line("prefix", "")
        line.writer.write(post(at, one, "/x"))
        said = b""
        async with asyncio.timeout(10):
            while not said.endswith(b"0\r\n\r\n"):
                said += await line.reader.read(65536)
        at.calling.drop(line)
        assert said.count(b"HTTP/1.1 ") == 2
        lowered = said.lower().replace(b"_", b"-")
        assert lowered.count(b"x-trace-id") == 1
        assert not any(each in lowered for each in (b"sidecar-error", b"x-identity", b"proxy-auth"))
