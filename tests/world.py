"""The world outside, as an agent's egress finds it: any host names, over TLS and plain, on an address of this machine.

    async with World(["api.example.com"]) as world:
        configuration = {**world.configured, "egress": {"routes": {"api": {"url": world.url("api.example.com"), ...}}}}
        ...
        (seen,) = world.requests
        assert seen.values("authorization") == ["Bearer the real one"]

Every request is recorded and answered with a JSON text of what was seen (``Seen.json``), unless ``world.says`` has
another answer for its host. Routes to it need ``private: true``: it is on loopback. Tests without a loop of their own
use ``with World.standing([...]) as world``: then it lives in a thread.
"""

import asyncio
import json
import os
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from tests.certificates import Certificates, Wrong
from tests.counterparts import missing

_INTERIM = b"HTTP/1.1 100 Continue\r\n\r\n"
_BODILESS = (204, 304)


@dataclass(slots=True)
class Seen:
    """One request, as it arrived."""

    host: str
    """Whom it was for: the TLS server name, or of plain http the ``Host``; without the port."""
    tls: bool
    connection: int
    """Which connection it came on, from 0."""
    method: str = ""
    target: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    """Names and values as sent, in their order, as latin-1."""
    body: bytes = b""
    trailers: list[tuple[str, str]] = field(default_factory=list)
    aborted: bool = False
    """The connection ended before the answer had been sent whole."""

    def values(self, name: str) -> list[str]:
        """All values of the header *name*, whatever its case."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def json(self) -> dict[str, Any]:
        """What the echo answers."""
        return {
            "host": self.host,
            "tls": self.tls,
            "connection": self.connection,
            "method": self.method,
            "target": self.target,
            "headers": [[name, value] for name, value in self.headers],
            "body": self.body.decode("latin-1"),
            "trailers": [[name, value] for name, value in self.trailers],
        }


@dataclass(frozen=True, slots=True)
class Answer:
    """What a host says instead of the echo."""

    status: int = 200
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""
    seconds: float = 0.0
    """How long its head takes."""
    pieces: int = 1
    """More than one: *body* is sent so many times, chunked,"""
    pause: float = 0.0
    """with so many seconds before each but the first."""
    raw: bytes | None = None
    """Sent as it is, in place of all that; then the connection is closed. ``b""``: it hangs up without a word."""


Says = Answer | Callable[[Seen], Answer]


class World:
    """Started with ``async with``. *wrong*: hosts whose certificate is bad. *usual*: on 443 and 80 (of a loopback
    address that no other process of tests has), as most routes' URLs mean; else on ports that were free."""

    def __init__(self, hosts: Sequence[str], *, wrong: Mapping[str, Wrong] | None = None, usual: bool = True) -> None:
        self.hosts = (*hosts, *(wrong or {}))
        self.requests: list[Seen] = []
        """In the order in which they were complete."""
        self.says: dict[str, Says] = {}
        """By host; ``world.says["api.example.com"] = Answer(503, [("Retry-After", "7")])``."""
        self.connections = 0
        """How many were accepted; over TLS: after the handshake."""
        self.open: set[asyncio.Protocol] = set()
        """Those that are open now."""
        self.address = ""
        self.tls_port = self.plain_port = 0
        self.certificates = Certificates()
        self._usual = usual
        self._contexts = {host: self.certificates.server(host, (wrong or {}).get(host)) for host in self.hosts}
        self._names = {context: host for host, context in self._contexts.items()}
        self._folder: tempfile.TemporaryDirectory[str]
        self._servers: list[asyncio.Server] = []

    @property
    def ca_file(self) -> Path:
        return Path(self._folder.name, "world.pem")

    @property
    def resolve(self) -> dict[str, str]:
        """Every host's address."""
        return dict.fromkeys(self.hosts, self.address)

    @property
    def configured(self) -> dict[str, Any]:
        """What a sidecar's configuration says so that it finds and trusts this world."""
        return {"tls": {"ca_file": str(self.ca_file)}, "resolve": self.resolve}

    def url(self, host: str, path: str = "", *, tls: bool = True) -> str:
        """Of one of its hosts, with the port where it isn't the usual one."""
        assert host in self.hosts, f"{host} is none of {self.hosts}"
        port, usual = (self.tls_port, 443) if tls else (self.plain_port, 80)
        return f"{'https' if tls else 'http'}://{host}{'' if port == usual else f':{port}'}{path}"

    async def __aenter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="world-")
        self.certificates.write(self.ca_file)
        loop = asyncio.get_running_loop()
        # A stranger's server name is answered with the alert that is meant for it (RFC 6066, section 3).
        context = self.certificates.server("nobody.example")
        context.sni_callback = self._choose
        for address in _addresses():
            try:
                secure = await loop.create_server(lambda: Connection(self), address, self._usual * 443, ssl=context)
            except PermissionError:
                missing("root, or net.ipv4.ip_unprivileged_port_start=0, to listen on port 443")
            except OSError:  # another world's
                continue
            plain = await loop.create_server(lambda: Connection(self), address, self._usual * 80)
            self._servers = [secure, plain]
            self.address = address
            self.tls_port, self.plain_port = (server.sockets[0].getsockname()[1] for server in self._servers)
            return self
        raise AssertionError("no loopback address is free")

    async def __aexit__(self, *_: object) -> None:
        for server in self._servers:
            server.close()
        for connection in (*self.open,):
            cast(Connection, connection).transport.abort()
        for server in self._servers:
            await server.wait_closed()
        await asyncio.sleep(0)
        self._folder.cleanup()

    @classmethod
    @contextmanager
    def standing(cls, hosts: Sequence[str], **options: Any) -> Iterator[Self]:
        """In a thread of its own, for tests that block."""
        world, up, down = cls(hosts, **options), threading.Event(), threading.Event()
        failed: list[BaseException] = []

        async def live() -> None:
            async with world:
                up.set()
                await asyncio.to_thread(down.wait)

        def run() -> None:
            try:
                asyncio.run(live())
            except BaseException as error:  # noqa: BLE001 - it is raised in the test's own thread
                failed.append(error)
                up.set()

        thread = threading.Thread(target=run, name="world")
        thread.start()
        try:
            up.wait()
            if not failed:
                yield world
        finally:
            down.set()
            thread.join()
            if failed:
                raise failed[0]

    def _choose(self, connecting: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> int | None:
        # Whoever names no host connects by address.
        if (name or self.address) not in self._contexts:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME if name else None
        connecting.context = self._contexts[name or self.address]
        return None

    def named(self, connection: ssl.SSLObject) -> str:
        """The host that the connection's other end asked for."""
        return self._names.get(connection.context, "")


def _addresses() -> Iterator[str]:
    """Loopback addresses (127.0.0.0/8 is this machine's whole), those of this process first."""
    pid = os.getpid()
    for turn in range(128):
        yield f"127.{64 + ((pid >> 16) + turn) % 128}.{pid >> 8 & 255}.{max(pid & 255, 1)}"


class Connection(asyncio.Protocol):
    """Reads requests, one after another, and answers each."""

    transport: asyncio.Transport

    def __init__(self, world: World) -> None:
        self._world = world
        self._waiting: list[Seen] = []
        self._answering: asyncio.Task[None] | None = None
        self._parser = HttpRequestParser(self)
        self._seen = Seen("", tls=False, connection=0)
        self._complete = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.number = self._world.connections
        self._world.connections += 1
        self._world.open.add(self)
        secure = transport.get_extra_info("ssl_object")
        self._tls = secure is not None
        self._name = self._world.named(secure) if self._tls else ""

    def connection_lost(self, error: Exception | None) -> None:
        self._world.open.discard(self)
        if self._answering is not None:
            self._answering.cancel()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            self.transport.write(_head(400, [("Connection", "close")], 0))
            self.transport.close()

    def on_message_begin(self) -> None:
        self._seen = Seen(self._name, self._tls, self.number)
        self._fields, self._target, self._body = self._seen.headers, b"", bytearray()

    def on_url(self, piece: bytes) -> None:
        self._target += piece

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        seen = self._seen
        seen.method, seen.target = self._parser.get_method().decode(), self._target.decode("latin-1")
        if not seen.tls and (named := seen.values("host")):
            seen.host = named[0].rsplit(":", 1)[0]
        self._fields = seen.trailers
        if seen.values("expect"):
            self.transport.write(_INTERIM)

    def on_body(self, piece: bytes) -> None:
        self._body += piece

    def on_message_complete(self) -> None:
        self._seen.body = bytes(self._body)
        self._world.requests.append(self._seen)
        self._waiting.append(self._seen)
        if self._answering is None:
            self._next()

    def _next(self) -> None:
        """The echo at once, so that an upstream in a measurement costs little; another answer in a task."""
        while self._waiting and not self.transport.is_closing():
            seen = self._waiting.pop(0)
            says = self._world.says.get(seen.host)
            if says is not None:
                answer = says if isinstance(says, Answer) else says(seen)
                self._answering = asyncio.get_running_loop().create_task(self._answer(seen, answer))
                self._answering.add_done_callback(self._answered)
                return
            body = b"" if seen.method == "HEAD" else json.dumps(seen.json()).encode()
            self.transport.write(_head(200, [("Content-Type", "application/json")], len(body)) + body)

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._answering = None
        if not task.cancelled():
            task.result()
            self._next()

    async def _answer(self, seen: Seen, answer: Answer) -> None:
        seen.aborted = True
        await asyncio.sleep(answer.seconds)
        if answer.raw is not None:
            self.transport.write(answer.raw)
            self.transport.close()
        elif answer.pieces > 1:
            self.transport.write(_head(answer.status, answer.headers, None))
            for number in range(answer.pieces):
                await asyncio.sleep(answer.pause if number else 0)
                self.transport.write(b"%x\r\n%b\r\n" % (len(answer.body), answer.body))
            self.transport.write(b"0\r\n\r\n")
        elif answer.status in _BODILESS or seen.method == "HEAD":
            self.transport.write(_head(answer.status, answer.headers, None if answer.status in _BODILESS else 0))
        else:
            self.transport.write(_head(answer.status, answer.headers, len(answer.body)) + answer.body)
        seen.aborted = False


def _head(status: int, headers: Sequence[tuple[str, str]], length: int | None) -> bytes:
    """*length* ``None``: chunked, or no body at all."""
    framing = [("Content-Length", str(length))] if length is not None else []
    if length is None and status not in _BODILESS:
        framing = [("Transfer-Encoding", "chunked")]
    lines = "".join(f"{name}: {value}\r\n" for name, value in [*headers, *framing])
    return f"HTTP/1.1 {status} So\r\n{lines}\r\n".encode("latin-1")
