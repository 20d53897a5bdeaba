"""An agent's calls out, as bytes over connections that all its invocations share: what they carry, what comes back."""

import asyncio
import base64
import random
import ssl
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from tests.journeys.crowd import AGENT, Crowd, Invocation
from tests.journeys.judge import HOSTS, KEYS, PLAIN, Judge

LINGER = 0.5
"""Seconds, as configured."""
PREFIX, ABSOLUTE, UNBOUND, AGENTS, BOUND = "prefix", "absolute", "unbound", "agents", "bound"
"""The ways: tunnels that nobody, the agent, or an invocation has opened."""
BROKEN = (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError)
SECONDS = 30.0
"""In which a call has its answer, or is stuck."""


@dataclass(slots=True)
class Call:
    """One call; *caller* is whom it is made for, ``None``: the agent."""

    serial: int
    route: str
    manner: str
    caller: Invocation | None = None
    fields: list[str] = field(default_factory=list, repr=False)
    body: bool = False
    refused: frozenset[str] = frozenset()
    """By which codes it must be; none: it must be let out."""
    query: str = ""
    other: Invocation | None = None
    """Whose handle it carries beside its caller's."""

    @property
    def subject(self) -> str:
        return self.caller.subject if self.caller is not None else "-"

    @property
    def text(self) -> bytes:
        return f"{self.serial} {self.subject}\n".encode()

    @property
    def path(self) -> str:
        return f"/{self.manner}/{self.serial}/{self.subject}{self.query}"


@dataclass(slots=True)
class Reply:
    status: int
    code: str
    """``Sidecar-Error``."""
    body: bytes
    closes: bool


@dataclass(slots=True)
class Line:
    """A connection to the sidecar, or a tunnel through it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    key: tuple[str, str, str]


@dataclass(slots=True)
class Calling:
    """Makes calls and says what is wrong with their answers."""

    crowd: Crowd
    judge: Judge
    port: int
    """Of egress."""
    trust: ssl.SSLContext
    dice: random.Random
    wrong: list[str] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    made: dict[int, Call] = field(default_factory=dict)
    loose: set[int] = field(default_factory=set)
    """Serials of calls that were broken off, so that they may or may not have arrived."""
    heard: dict[int, str] = field(default_factory=dict)
    """By serial: the code of the refusal that came back, or nothing."""
    free: dict[tuple[str, str, str], list[Line]] = field(default_factory=dict)

    # lines

    async def line(self, way: str, route: str, owner: Invocation | None = None) -> Line:
        """One that is free, or a new one."""
        direct = way in (PREFIX, ABSOLUTE)
        key = (PREFIX if direct else way, "" if direct else route, owner.handle if owner is not None else "")
        lines = self.free.get(key)
        if lines:
            return lines.pop(self.dice.randrange(len(lines)))
        return await self.new(key, owner)

    async def new(self, key: tuple[str, str, str], owner: Invocation | None = None) -> Line:
        way, route, _ = key
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        if way != PREFIX:
            named = f"{HOSTS[route]}:{self.judge.ports[route]}"
            handle = AGENT if way == AGENTS else owner.handle if owner is not None else ""
            basic = base64.b64encode(f"{handle}:".encode()).decode()
            said = f"Basic {basic}" if self.dice.random() < 0.5 else f"Bearer {handle}"
            carrier = f"Proxy-Authorization: {said}\r\n" if handle else ""
            writer.write(f"CONNECT {named} HTTP/1.1\r\nHost: {named}\r\n{carrier}\r\n".encode())
            answer = await reader.readuntil(b"\r\n\r\n")
            if not answer.startswith(b"HTTP/1.1 200 "):
                writer.transport.abort()
                raise ConnectionRefusedError(answer.split(b"\r\n")[0].decode())
            if route != PLAIN:
                await writer.start_tls(self.trust, server_hostname=HOSTS[route])
        return Line(reader, writer, key)

    def give_back(self, line: Line) -> None:
        self.free.setdefault(line.key, []).append(line)

    def drop(self, line: Line) -> None:
        line.writer.transport.abort()

    def drop_all(self, owner: Invocation) -> None:
        """Those that *owner*'s handle has opened."""
        for key in [key for key in self.free if key[2] == owner.handle]:
            for line in self.free.pop(key):
                self.drop(line)

    def close(self) -> None:
        for line in [line for lines in self.free.values() for line in lines]:
            self.drop(line)

    # bytes

    def sent(self, call: Call, way: str) -> bytes:
        """The request, as it goes over a line of *way*."""
        self.made[call.serial] = call
        named = f"{HOSTS[call.route]}:{self.judge.ports[call.route]}"
        target, host = call.path, named
        if way == PREFIX:
            target, host = f"/to/{call.route}{call.path}", f"127.0.0.1:{self.port}"
        elif way == ABSOLUTE:
            target = self.judge.url(call.route) + call.path
        body = call.text.rstrip(b"\n") + b"." * self.dice.choice((0, 10, 3000)) if call.body else b""
        fields = [*call.fields]
        if call.body and self.dice.random() < 0.3:
            body = b"%x\r\n%b\r\n0\r\nX-Late: 1\r\n\r\n" % (len(body), body)
            fields.append("Transfer-Encoding: chunked")
        elif call.body:
            fields.append(f"Content-Length: {len(body)}")
        if call.manner == "ws":
            key = base64.b64encode(b"0" * 16).decode()
            fields += ["Connection: Upgrade", "Upgrade: websocket", f"Sec-WebSocket-Key: {key}"]
            fields.append("Sec-WebSocket-Version: 13")
        lines = "".join(f"{each}\r\n" for each in fields)
        method = "POST" if call.body else "GET"
        return f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n".encode() + body

    async def reply(self, line: Line) -> Reply:
        """The next answer on *line*. Raise one of ``BROKEN`` where it doesn't come whole."""
        reader = line.reader
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        fields = {
            name.lower(): value.strip() for name, _, value in (each.partition(":") for each in head.split("\r\n"))
        }
        if "content-length" in fields:
            body = await reader.readexactly(int(fields["content-length"]))
        elif "transfer-encoding" in fields:
            body = b""
            while size := int(await reader.readuntil(b"\r\n"), 16):
                body += (await reader.readexactly(size + 2))[:-2]
            await reader.readexactly(2)
        else:
            body = await reader.read()
        closes = fields.get("connection", "").lower() == "close"
        return Reply(int(head[9:12]), fields.get("sidecar-error", ""), body, closes)

    # calls

    async def make(self, call: Call, way: str, owner: Invocation | None = None) -> None:
        """Make *call* by *way*; *owner* is whose a bound tunnel is."""
        try:
            line = await self.line(way, call.route, owner)
        except BROKEN as error:
            self.judge_broken(call, error, opened=False, owner=owner)
            return
        line.writer.write(self.sent(call, way))
        await self.hear(call, line, owner=owner)

    async def pipeline(self, calls: Sequence[Call], way: str) -> None:
        """Make *calls* at once on one line, and hear the answers in their order."""
        line = await self.line(way, calls[0].route)
        line.writer.write(b"".join([self.sent(call, way) for call in calls]))
        for at, call in enumerate(calls):
            if not await self.hear(call, line, last=at == len(calls) - 1):
                self.loose.update(each.serial for each in calls[at + 1 :])
                return

    async def hear(self, call: Call, line: Line, *, last: bool = True, owner: Invocation | None = None) -> bool:
        """Judge the answer to *call*; whether another may come on *line*."""
        try:
            async with asyncio.timeout(SECONDS):
                reply = await self.reply(line)
        except (*BROKEN, TimeoutError) as error:
            self.drop(line)
            self.judge_broken(call, error, owner=owner)
            return False
        self.judge_reply(call, reply)
        if reply.closes or (not last and reply.code == "bad_request"):
            self.drop(line)
            return False
        if last:
            self.give_back(line)
        return True

    async def abort(self, call: Call, way: str) -> None:
        """Begin *call* and break it off, somewhere."""
        try:
            line = await self.line(way, call.route)
        except BROKEN:
            return
        whole = self.sent(call, way)
        self.loose.add(call.serial)
        cut = self.dice.choice((self.dice.randrange(1, len(whole)), len(whole), len(whole)))
        line.writer.write(whole[:cut])
        with suppress(*BROKEN, TimeoutError):
            async with asyncio.timeout(self.dice.choice((0, 0.005, 0.02, 0.04))):
                await line.reader.read(self.dice.choice((1, 60, 300)))
        self.outcomes["broken off"] += 1
        self.drop(line)

    # judgements

    @staticmethod
    def lately(owner: Invocation | None) -> bool:
        """Its time may have come while a call was under way."""
        return owner is not None and asyncio.get_running_loop().time() > owner.leaves + LINGER - 0.02

    def judge_reply(self, call: Call, reply: Reply) -> None:
        self.outcomes[reply.code or str(reply.status)] += 1
        self.heard[call.serial] = reply.code
        let_out = frozenset({"provider_unreachable" if call.manner == "hang-up" else ""})
        allowed = call.refused or let_out
        if self.lately(call.caller):
            allowed |= {"invocation_invalid"}
        if self.lately(call.other):  # a handle that is dead already is harmless anywhere else
            allowed |= {"invocation_invalid"} | let_out
        if reply.code not in allowed:
            self.wrong.append(f"{call}: {reply.status} {reply.code or reply.body[:80]!r}")
        elif not reply.code and (reply.body.replace(call.text, b"") or not reply.body):
            self.wrong.append(f"{call}: it got {reply.body[:80]!r}")

    def judge_broken(
        self, call: Call, error: BaseException, *, opened: bool = True, owner: Invocation | None = None
    ) -> None:
        self.outcomes["no answer"] += 1
        if not opened and owner is not None and self.lately(owner):
            return
        self.loose.add(call.serial)
        if call.manner not in ("die", "hang-up") and not (self.lately(call.caller) or self.lately(owner)):
            self.wrong.append(f"{call}: {type(error).__name__} {error}")

    # what carries a handle

    def carrying(self, call: Call, *, many: bool = True) -> Call:
        """*call* with its caller's handle in one place, or in several."""
        owner = call.caller
        if owner is None:
            call.fields += [f"Authorization: Bearer {AGENT}"]
            return call
        ways = [[f"X-Identity-Invocation: {owner.handle}"], [f"x-iDENTITY-invocation:{owner.handle}\t"]]
        basic = base64.b64encode(f"{owner.handle}:".encode()).decode()
        ways += [[f"Authorization: {scheme} {owner.handle}"] for scheme in ("Bearer", "token", "DPoP")]
        ways += [[f"Authorization: Basic {basic}"], [f"Proxy-Authorization: Basic {basic}"]]
        ways += [[f"Proxy-Authorization: Bearer {owner.handle}"]]
        ways += [[f"baggage: a=1,identity.invocation={owner.attach}, b=2;c", "X-With-Baggage: a=1,b=2;c"]]
        if call.route == KEYS:
            ways += [[f"X-API-Key: {owner.handle}"]]
        call.fields += self.dice.choice(ways)
        if many and self.dice.random() < 0.1 and not call.fields[0].startswith(("x-", "X-Identity")):
            call.fields += ways[0]
        return call
