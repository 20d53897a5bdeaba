"""An upstream that judges every call: a path says whom it is made for, the credential says as whom it was let out.

A path is ``/<manner>/<serial>/<subject>``; ``-`` as the subject is the agent itself. The *manner* says how it is
answered; every answer's text is ``<serial> <subject>\\n``, so that it can't be taken for another's.
"""

import asyncio
import itertools
import json
import re
import ssl
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Self, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from tests.certificates import Certificates

KEY, PARAMETER = "the-agents-own-key", "the-agents-own-parameter"
ACCESS = "AKIAIOSFODNN7EXAMPLE"
NEXT, KEYS, QUERY, MACHINE, CLOUD, PLAIN = "next", "keys", "query", "machine", "cloud", "plain"
HOSTS = {route: f"{route}.example.com" for route in (NEXT, KEYS, QUERY, MACHINE, CLOUD, PLAIN)}
"""By the routes' names. All but ``plain`` are spoken to over TLS."""
_ESCAPED = re.compile(r"%(?:25)*(?:69|49)", re.IGNORECASE)
_HANDLE = re.compile(rb"(?=((?:ih|ag)_[A-Za-z0-9_-]{43}))")
_CHUNKED, _LAST = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0\r\n\r\n"
_SWITCHED = (
    b"HTTP/1.1 101 So\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Accept: MDAwMDAwMDAwMDAwMDAwMDAwMDA=\r\n\r\n"
)
_ANYBODYS = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n0 nobody\n"


@dataclass(slots=True)
class Judge:
    """Its findings: what came for whom, and all that was wrong."""

    verify: Callable[[str], dict[str, Any]]
    """The claims of an assertion, checked; raises where it isn't good."""
    alive: Callable[[bytes], bool]
    """Whether what looks like a handle is one, and good for something."""
    came: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    """By serial: as whom it was let out."""
    wrong: list[str] = field(default_factory=list)
    streams: dict[int, asyncio.Transport] = field(default_factory=dict)
    """Those that are open for ever, by serial."""
    ended: dict[int, float] = field(default_factory=dict)
    """When they did, in the loop's time."""
    manners: Counter[str] = field(default_factory=Counter)
    spent: dict[str, str] = field(default_factory=dict)
    """The ids of assertions, and the paths that they came with."""
    machines: "itertools.count[int]" = field(default_factory=itertools.count)
    ports: dict[str, int] = field(default_factory=dict)
    servers: list[asyncio.Server] = field(default_factory=list)
    open: set[asyncio.Transport] = field(default_factory=set)
    connections: int = 0

    async def listen(self, certificates: Certificates) -> Self:
        loop = asyncio.get_running_loop()
        for route, host in HOSTS.items():
            context: ssl.SSLContext | None = None if route == PLAIN else certificates.server(host)
            make = lambda route=route: _Connection(self, route)  # noqa: E731
            server = await loop.create_server(make, "127.0.0.1", 0, ssl=context, backlog=1000)
            self.ports[route] = server.sockets[0].getsockname()[1]
            self.servers.append(server)
        return self

    def url(self, route: str) -> str:
        return f"http{'' if route == PLAIN else 's'}://{HOSTS[route]}:{self.ports[route]}"

    async def close(self) -> None:
        for server in self.servers:
            server.close()
        for transport in [*self.open]:
            transport.abort()

    # what is wrong with a call

    def look(self, route: str, target: str, fields: list[tuple[str, str]]) -> None:
        """Judge a request's head."""
        path, _, query = target.partition("?")
        _, manner, serial, subject = path.split("/")
        values: dict[str, list[str]] = {}
        for name, value in fields:
            values.setdefault(name.lower(), []).append(value)
        try:
            who = self._who(route, values, path, query)
        except (ValueError, KeyError, IndexError) as error:
            who = f"unreadable ({type(error).__name__}: {error})"
        self.came[int(serial)].append(who)
        self.manners[manner] += 1
        if who != (subject if route in (NEXT, PLAIN) else "-"):
            self.wrong.append(f"{route} {target}: let out as {who}")
        self.wrong += [f"{route} {target}: {why}" for why in self._unfit(route, values)]

    def _unfit(self, route: str, values: dict[str, list[str]]) -> Iterator[str]:
        """What may not stand in a head."""
        for name in values:
            if name.replace("_", "-").startswith(("x-identity", "proxy-")):
                yield f"it has {name}"
        baggage = ",".join(values.get("baggage", []))
        if "identity" in baggage.lower() or _ESCAPED.search(baggage):
            yield "its baggage has a member of ours"
        if values.get("x-with-baggage") and baggage != values["x-with-baggage"][0]:
            yield "its own baggage has come to harm"
        if values["host"] != [f"{HOSTS[route]}:{self.ports[route]}"]:
            yield f"Host is {values['host']}"

    def _who(self, route: str, values: dict[str, list[str]], path: str, query: str) -> str:
        """As whom a call came."""
        if route == KEYS:
            return "-" if values["x-api-key"] == [KEY] else "somebody's key"
        if route == QUERY:
            return "-" if query.split("&").count(f"key={PARAMETER}") == 1 == query.count("key=") else "other parameters"
        (authorization,) = values["authorization"]
        if route == MACHINE:
            return "-" if authorization.startswith("Bearer machine-") else "somebody's token"
        if route == CLOUD:
            return "-" if authorization.startswith(f"AWS4-HMAC-SHA256 Credential={ACCESS}/") else "somebody's signature"
        scheme, _, token = authorization.partition(" ")
        claims = self.verify(token)
        # A call that is lost with a connection that was kept is made once more.
        if scheme != "Bearer" or self.spent.setdefault(claims["jti"], path) != path:
            raise ValueError("another call's assertion")
        return str(claims["principal"]["subject"])


class _Connection(asyncio.Protocol):
    transport: asyncio.Transport

    def __init__(self, judge: Judge, route: str) -> None:
        self._judge, self._route = judge, route
        self._parser = HttpRequestParser(self)
        self._loop = asyncio.get_running_loop()
        self._queue: list[tuple[str, str, str, bool]] = []
        self._busy = False
        self._upgraded = False
        self._forever: list[int] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._judge.open.add(self.transport)
        self._judge.connections += 1

    def connection_lost(self, error: Exception | None) -> None:
        self._judge.open.discard(self.transport)
        for serial in self._forever:
            self._judge.ended[serial] = self._loop.time()
            self._judge.streams.pop(serial, None)

    def data_received(self, data: bytes) -> None:
        if self._upgraded:
            self.transport.write(data)
            return
        if any(map(self._judge.alive, _HANDLE.findall(data))):
            self._judge.wrong.append(f"{self._route}: a handle came along")
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            self._upgraded = True
        except HttpParserError as error:
            self._judge.wrong.append(f"{self._route}: {type(error).__name__} in {data[:200]!r}")
            self.transport.abort()

    def on_message_begin(self) -> None:
        self._target, self._body = b"", b""
        self._fields: list[tuple[str, str]] = []

    def on_url(self, piece: bytes) -> None:
        self._target += piece

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        target = self._target.decode("latin-1")
        if target == "/token":
            return
        self._judge.look(self._route, target, self._fields)
        _, self._manner, self._serial, self._subject = target.partition("?")[0].split("/")
        if self._manner == "early":
            self._answer("say", self._serial, self._subject)

    def on_body(self, piece: bytes) -> None:
        self._body += piece

    def on_message_complete(self) -> None:
        if self._target == b"/token":
            body = json.dumps({"access_token": f"machine-{next(self._judge.machines)}", "expires_in": 4}).encode()
            said = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
            self._later(0.05, said % (len(body), body))
            return
        if self._body and self._body.rstrip(b".") != f"{self._serial} {self._subject}".encode():
            self._judge.wrong.append(f"{self._route} {self._target!r}: another's body, {self._body[:80]!r}")
        if self._manner == "early":
            return
        self._answer(self._manner, self._serial, self._subject)

    def _answer(self, manner: str, serial: str, subject: str) -> None:
        text = f"{serial} {subject}\n".encode()
        whole = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(text), text)
        chunk = b"%x\r\n%b\r\n" % (len(text), text)
        said = {
            "say": whole,
            "chunks": _CHUNKED + chunk + _LAST,
            "drip": _CHUNKED + chunk,
            "close": b"HTTP/1.1 200 OK\r\n\r\n" + text,
            "much": whole + _ANYBODYS,
            "die": whole[:-5],
            "ws": _SWITCHED + text,
            "forever": _CHUNKED + chunk,
        }
        if manner == "hang-up":
            self.transport.abort()
        elif manner in said:
            self.transport.write(said[manner])
        if manner == "late":
            self._later(0.03, whole)
        elif manner == "drip":
            self._later(0.02, chunk + _LAST)
        elif manner in ("close", "die"):
            self.transport.close()
        elif manner in ("ws", "forever", "never"):
            self._forever.append(int(serial))
            self._judge.streams[int(serial)] = self.transport

    def _later(self, seconds: float, data: bytes) -> None:
        def write() -> None:
            if not self.transport.is_closing():
                self.transport.write(data)

        self._loop.call_later(seconds, write)
