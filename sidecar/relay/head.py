"""Request heads: what is accepted as HTTP/1.1, and what each header is to a relay.

A request head must pass two gates that were written by different people. llhttp (Node's parser, through httptools)
owns the framing; a strict grammar, one regular expression, must accept the same bytes. Alone, llhttp lets two
``Host`` fields, a missing one, or an absolute-form target through; alone, the grammar would make us the authors of an
HTTP parser. Where they disagree, the head is refused.

Callers send the same header names again and again, so what follows from the names alone is decided once and kept as a
``Shape``: where the framing fields are, which lines are passed on, what is refused. A shape is made by the same code
whether it is kept or not.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from sidecar.errors import AmbiguousCredentials, BadRequest, Refusal

_NAME = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
FIELDS = rb"((?:" + _NAME + rb":[\t\x20-\x7e\x80-\xff]*+\r\n)*+)"
_REQUEST = re.compile(
    rb"(?!(?:CONNECT|TRACE) )([A-Z][A-Z\-]{0,31}+) (/[\x21\x22\x24-\x7e]*+) HTTP/1\.([01])\r\n" + FIELDS + rb"\r\n"
)
_METHODS = frozenset({b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS"})
_IN_TARGET = bytes([*range(0x21, 0x23), *range(0x24, 0x7F)])
"""For heads that are known: the engine of the expressions would have to be fetched into the cache for a line."""
_TRAILERS = re.compile(FIELDS + rb"\r\n")
LENGTH = re.compile(rb"[0-9]{1,18}")
_HOST = re.compile(rb"(?:[A-Za-z0-9\-._~%!$&'()*+;=]{1,255}|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")
_WEBSOCKET_KEY = re.compile(rb"[A-Za-z0-9+/]{21}[AQgw]==")

HOP_BY_HOP = frozenset(
    {b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te"}
    | {b"transfer-encoding", b"upgrade", b"http2-settings"}
)
"""Fields for one connection, never passed on (RFC 9110, section 7.6.1)."""

FRAMING = frozenset({b"content-length", b"host", b"expect", b"trailer"}) | HOP_BY_HOP
"""What never may stand in a trailer section (RFC 9110, section 6.5.1)."""

FIXED = FRAMING | {b"authorization"}
"""Fields whose values heads are read for here: those of ``Known`` have them alike."""

_ONCE = {
    b"host": BadRequest,
    b"content-length": BadRequest,
    b"transfer-encoding": BadRequest,
    b"expect": BadRequest,
    b"upgrade": BadRequest,
    b"sec-websocket-key": BadRequest,
    b"sec-websocket-version": BadRequest,
    b"content-type": BadRequest,
    b"authorization": AmbiguousCredentials,
    b"proxy-authorization": AmbiguousCredentials,
}

T = TypeVar("T")


@dataclass(slots=True)  # not frozen: a frozen one takes thrice as long to make, for heads never seen before
class Shape(Generic[T]):
    """What a head's field names say on their own. Indices are of header lines, -1 where the field is absent."""

    names: tuple[bytes, ...]
    at: Mapping[bytes, tuple[int, ...]]
    """Lower-case name to the lines that carry it."""
    fault: type[Refusal] | None
    fault_reason: str
    host: int
    length: int
    chunked: int
    connection: tuple[int, ...]
    upgrade: int
    expect: int
    plain: bool
    """No Upgrade, Expect or body, and one Connection at most: little about the framing needs a closer look."""
    plan: T
    """What the door made of these names."""
    kept: bool = field(default=False, compare=False)
    """It is in the table of those seen before."""
    open: bool = field(default=False, compare=False)
    """It is kept, has no body, and no name that promises a secret besides the bearer token: its fields may be known."""


def shape(names: tuple[bytes, ...], plan: Callable[[Mapping[bytes, tuple[int, ...]]], T]) -> Shape[T]:
    """Decide all that follows from *names* as they came."""
    at: dict[bytes, tuple[int, ...]] = {}
    repeated: dict[bytes, list[int]] = {}
    for index, name in enumerate(names):
        lower = name.lower()
        if lower in at:
            repeated.setdefault(lower, [*at[lower]]).append(index)
        else:
            at[lower] = (index,)
    if repeated:  # gathered apart: a tuple that grows by one is copied as often, and a caller chooses how often
        at |= {lower: tuple(indices) for lower, indices in repeated.items()}
    fault, reason = _fault(at, repeated)
    length, chunked = at.get(b"content-length", _ABSENT)[0], at.get(b"transfer-encoding", _ABSENT)[0]
    upgrade, expect = at.get(b"upgrade", _ABSENT)[0], at.get(b"expect", _ABSENT)[0]
    connection = at.get(b"connection", ())
    return Shape(
        names=names,
        at=at,
        fault=fault,
        fault_reason=reason,
        host=at.get(b"host", _ABSENT)[0],
        length=length,
        chunked=chunked,
        connection=connection,
        upgrade=upgrade,
        expect=expect,
        plain=length < 0 and chunked < 0 and upgrade < 0 and expect < 0 and len(connection) < 2,
        plan=plan(at),
    )


_ABSENT = (-1,)


def _fault(at: Mapping[bytes, tuple[int, ...]], repeated: Iterable[bytes]) -> tuple[type[Refusal] | None, str]:
    if b"host" not in at:
        return BadRequest, "no Host"
    for name in repeated:
        if name in _ONCE:
            return _ONCE[name], f"{name.decode()} appears more than once"
    if b"content-length" in at and b"transfer-encoding" in at:
        return BadRequest, "a length and chunks"
    return None, ""


class Head(Generic[T]):
    """One request head that both gates accepted."""

    __slots__ = (
        "authority",
        "chunked",
        "cut",
        "expects",
        "host",
        "keep_alive",
        "key",
        "length",
        "lines",
        "memo",
        "method",
        "minor",
        "nominated",
        "path",
        "shape",
        "target",
        "token",
        "varied",
        "websocket",
        "whole",
    )

    method: bytes
    target: bytes
    """Path and query, as they came."""
    path: bytes
    """Without the query."""
    host: bytes
    authority: bytes
    """Whom a proxied request is for, as its target says: ``host:port`` of CONNECT, ``scheme://host[:port]`` of absolute
    form. Empty in origin form."""
    minor: int
    whole: bytes
    """As it came, token and all."""
    lines: list[bytes]
    """Header lines as they came, without CRLF."""
    key: bytes
    """The fields without their token, where they might be known to ``Shapes`` and aren't; else empty."""
    memo: Any
    """What a door notes of these fields, at first an empty dictionary: for every head that has the same, but for the
    lines that are ``varied``."""
    varied: tuple[int, ...]
    """Lines that needn't be those by which ``memo`` was made."""
    shape: Shape[T]
    length: int
    """The body's bytes; 0 where there is none or it is chunked."""
    chunked: bool
    keep_alive: bool
    websocket: bool
    """A well-formed WebSocket handshake (RFC 6455, section 4.1)."""
    expects: bool
    """``Expect: 100-continue``."""
    cut: bytes
    """The bearer token that was cut out of these lines; empty where none was."""
    token: Any
    """What the door held of it, and perhaps no longer does; ``None``: nothing."""
    nominated: frozenset[bytes]
    """Lower-case names that Connection says are for this connection alone."""

    def value(self, index: int) -> bytes:
        """The field value of line *index*, without white space around it."""
        return self.lines[index].partition(b":")[2].strip(b" \t")

    def values(self, name: bytes) -> list[bytes]:
        return [self.value(index) for index in self.shape.at.get(name, ())]


class _Gate:
    """What llhttp says of a head: whether a body follows, or another protocol."""

    __slots__ = ("complete",)

    on_message_begin = on_url = on_header = on_headers_complete = on_body = on_status = None
    on_chunk_header = on_chunk_complete = None
    """Said, so that the parser's look for each is a short one."""

    def __init__(self) -> None:
        self.complete = False

    def opens(self, data: bytes) -> bool:
        """Let *data* through; return whether it upgrades the connection. Raise ``BadRequest``."""
        parser = HttpRequestParser(self)  # a fresh one for every head: a used one remembers Connection: close
        try:
            parser.feed_data(data)
        except HttpParserUpgrade:
            return True
        except HttpParserError as error:
            raise BadRequest(f"llhttp refuses the head: {type(error).__name__}") from error
        return False

    def on_message_complete(self) -> None:
        self.complete = True


Line = tuple[bytes, bytes, bytes]
"""Of a request line: the method, the target and its path."""


def _line(line: bytes) -> Line | None:
    """What the grammar reads in *line*, CRLF included; ``None`` also where it is an unusual one."""
    parts = line.split(b" ")
    if len(parts) != 3 or parts[0] not in _METHODS or parts[2] != b"HTTP/1.1\r\n":
        return None
    target = parts[1]
    if not target.startswith(b"/") or target.translate(None, _IN_TARGET):
        return None
    return parts[0], target, target.partition(b"?")[0]


class Known(Generic[T]):
    """Fields that were let in, without their token: what was found out about them serves all that are the same.

    They may differ in the hex digits of some lines' values, such as ids of requests and traces have. No rule about a
    field's form sets one such digit apart from another, so where nothing but those differ and nothing is read off
    them here, all else that a head is read for is the same.
    """

    __slots__ = ("_head", "_rest", "_varied")

    MOST_VARIED = 8

    def __init__(self, head: Head[T], varied: tuple[int, ...] = ()) -> None:
        """Those in the lines *varied* may have other digits."""
        key = head.key
        self._head = kept = _like(head)
        kept.whole, kept.cut, kept.token = b"", b"", None
        kept.method = kept.target = kept.path = b""
        kept.varied = varied
        if varied:
            kept.memo = {}
        self._varied: list[tuple[int, int, int]] = []
        self._rest: list[tuple[int, bytes]] = []
        at = begins = 0
        for index, line in enumerate(head.lines):
            if index in varied:
                value_at = at + line.index(b":") + 1
                self._rest.append((begins, key[begins:value_at]))
                self._varied.append((index, at, begins := at + len(line)))
            at += len(line) + 2
        self._rest.append((begins, key[begins:]))

    def of(self, data: bytes, line: "Line", key: bytes) -> Head[T] | None:
        """The head *data* that begins with *line*, and whose fields are *key*, which is this one's but for hex digits;
        ``None`` where it isn't."""
        for at, same in self._rest:
            if not key.startswith(same, at):
                return None
        gate = _Gate()
        if gate.opens(data) or not gate.complete:
            return None
        head = _like(self._head)
        head.method, head.target, head.path = line
        if self._varied:
            head.lines = lines = head.lines.copy()
            for index, at, end in self._varied:
                lines[index] = key[at:end]
        return head

    def joined(self, head: Head[T]) -> "Known[T] | None":
        """What *head*, that ``of`` gave nothing for, and this one are both known by; ``None`` where nothing is."""
        mine = self._head
        if head.shape is not mine.shape:
            return None
        differing = [index for index, line in enumerate(head.lines) if line != mine.lines[index]]
        varied = tuple(sorted({*mine.varied, *differing}))
        if len(varied) > self.MOST_VARIED or not FIXED.isdisjoint(
            [head.shape.names[index].lower() for index in varied]
        ):
            return None
        return Known(head, varied)


class Shapes(Generic[T]):
    """The shapes seen so far, and whole blocks of fields, bounded in number and in size.

    A client says the same fields again and again, with the tokens of many users and over many connections: once the
    bearer token is cut out they are the same, or differ in an id. Those are looked up with every hex digit made one.
    """

    __slots__ = ("_kept", "_known", "_lines", "_most", "_plan", "_seen", "_swept", "token")

    MOST_NAMES = 2048
    """Bytes of names above which a shape isn't kept: a caller chooses its names."""
    MOST_SEEN = 4096
    MOST_KNOWN, LONGEST_KNOWN = 512, 2048
    """Blocks of fields, and the bytes of each."""
    MOST_LINES, LONGEST_LINE = 512, 256
    """Request lines, and the bytes of each."""
    SECONDS_KNOWN = 60.0

    def __init__(
        self,
        plan: Callable[[Mapping[bytes, tuple[int, ...]]], T],
        most: int = 1024,
        token: Callable[[bytes], object | None] | None = None,
    ) -> None:
        """*plan* is the door's part of each shape. *token* gives what the door holds of a bearer token that it verified
        once; without it tokens stay where they are, and no fields are known."""
        self.token = token
        self._plan = plan
        self._kept: dict[tuple[bytes, ...], Shape[T]] = {}
        self._known: dict[bytes, Known[T]] = {}
        self._lines: dict[bytes, Line] = {}
        self._most = most
        self._seen: set[int] = set()
        self._swept = 0.0

    def of(self, names: tuple[bytes, ...]) -> Shape[T]:
        return self._kept.get(names) or shape(names, self._plan)

    def known(self, key: bytes) -> Known[T] | None:
        """What the fields *key*, or such as differ from them in hex digits, are known by."""
        return self._known.get(key.translate(_DIGITS))

    def line(self, line: bytes) -> Line | None:
        """What the request line *line*, CRLF included, says; ``None`` where that needs a closer look."""
        read = self._lines.get(line)
        if read is None:
            read = _line(line)
            if read is not None and len(line) <= self.LONGEST_LINE and not _SECRET.search(line.lower()):
                if len(self._lines) >= self.MOST_LINES:
                    self._lines.clear()
                self._lines[line] = read
        return read

    def keep(self, head: Head[T]) -> None:
        """Remember *head*, which was let in: strangers can't fill the tables."""
        if not head.shape.kept:
            self._keep(head.shape)
        elif head.key and head.shape.open and len(head.key) <= self.LONGEST_KNOWN:
            self._know(head)

    def _know(self, head: Head[T]) -> None:
        key = head.key.translate(_DIGITS)
        if not self._again(hash(key)):
            return
        before = self._known.get(key)
        known = Known(head) if before is None else before.joined(head)
        if known is None:
            return
        if before is None and len(self._known) >= self.MOST_KNOWN:
            for each in list(self._known)[: self.MOST_KNOWN // 2]:
                del self._known[each]
        self._known[key] = known

    def sweep(self, now: float) -> None:
        """Forget all fields and lines once a minute, *now* being monotonic seconds: what is still said is soon known
        again."""
        if now - self._swept > self.SECONDS_KNOWN:
            self._known.clear()
            self._lines.clear()
            self._swept = now

    def _keep(self, shape: Shape[T]) -> None:
        if not self._again(hash(shape.names)) or sum(map(len, shape.names)) > self.MOST_NAMES:
            return
        if len(self._kept) >= self._most:
            for names in list(self._kept)[: self._most // 2]:
                self._kept.pop(names).kept = False
        self._kept[shape.names] = shape
        shape.kept = True
        shape.open = shape.plain and not any(map(_SECRET.search, shape.at.keys() - _NO_SECRET))

    def _again(self, sight: int) -> bool:
        """Whether there was this *sight* before: what comes but once would only push out what comes again."""
        if sight in self._seen:
            return True
        if len(self._seen) >= self.MOST_SEEN:
            self._seen.clear()
        self._seen.add(sight)
        return False


_DIGITS = bytes.maketrans(b"123456789abcdefABCDEF", b"0" * 21)
_SECRET = re.compile(
    rb"auth|token|cookie|key|secret|session|passw|pwd|credential|signature|jwt|oidc|assertion|dpop|otp"
)
_NO_SECRET = frozenset({b"authorization", b"mcp-session-id"})
"""The token is cut out of the one; the other opens nothing without one (MCP 2025-11-25, Security Best Practices)."""


def parse(data: bytes, shapes: Shapes[T], before: Head[T] | None = None) -> Head[T]:
    """Read one request head, its empty line included. Raise ``BadRequest`` or ``AmbiguousCredentials``.

    *before* is the last head of the same connection, done with: where this one is the same, token and all, it is that
    once more. llhttp sees every head, whatever is known of it.
    """
    if before is not None and data == before.whole and before.shape.upgrade < 0:
        gate = _Gate()
        if not gate.opens(data) and gate.complete is not (before.length > 0 or before.chunked):
            before.authority = before.key = b""
            return before
    if shapes.token is not None:
        at = data.find(_BEARER)
        if data[at - 3 : at] in _BEFORE_BEARER:
            begins = at + len(_BEARER)
            ends = data.find(b"\r", begins)
            cut = data[begins:ends]
            token = shapes.token(cut)
            if token is not None:
                head = _abridged(data[:begins] + data[ends:], shapes)
                head.whole, head.cut, head.token = data, cut, token
                return head
    head = _read(data, shapes)
    head.whole = data
    return head


def _abridged(data: bytes, shapes: Shapes[T]) -> Head[T]:
    """The head *data*, out of which the bearer token was cut.

    The token is most of a head. One that was verified has been through both gates in this very place, byte by byte, so
    they needn't walk it again: for the framing it is as good as none.
    """
    fields_at = data.find(b"\r") + 2
    key = data[fields_at:]
    known = shapes.known(key)
    line = shapes.line(data[:fields_at]) if known is not None else None
    head = known.of(data, line, key) if known is not None and line is not None else None
    if head is None:
        head = _read(data, shapes)
        head.key = key if head.minor else b""
    return head


_BEARER, _BEFORE_BEARER = b"uthorization: Bearer ", (b"\r\nA", b"\r\na")
"""How nearly all callers begin the line; other spellings take the longer way to the same end."""


def _read(data: bytes, shapes: Shapes[T]) -> Head[T]:
    """The head that *data* is, of which nothing is known yet."""
    match = _REQUEST.fullmatch(data)
    if match is None:
        raise BadRequest(_why_not(data))
    method, target, minor, fields = match.groups()
    gate = _Gate()
    upgraded = gate.opens(data)
    head: Head[T] = Head()
    head.cut, head.token, head.key, head.memo = b"", None, b"", {}
    head.varied = ()
    head.lines = lines = fields.splitlines()
    head.shape = known = shapes.of(tuple([line.partition(b":")[0] for line in lines]))
    if known.fault is not None:
        raise known.fault(known.fault_reason)
    head.authority = b""
    head.method = method
    head.target = target
    head.path = target.partition(b"?")[0]
    head.minor = 1 if minor == b"1" else 0
    head.host = host = head.value(known.host)
    if not _HOST.fullmatch(host):
        raise BadRequest("Host is not a host and port")
    if known.plain and (not known.connection or lines[known.connection[0]] in _KEEP_ALIVE):
        head.length, head.chunked, head.websocket, head.expects = 0, False, False, False
        head.keep_alive = head.minor == 1 or known.connection != ()
        head.nominated = _NONE
    else:
        _frame(head)
    body = head.length > 0 or head.chunked
    if not (head.websocket if upgraded else gate.complete is not body):
        raise BadRequest("llhttp reads an upgrade, or another body")
    return head


def _like(before: Head[T]) -> Head[T]:
    """A head with the fields of *before*, and all that follows from them alone."""
    head: Head[T] = Head()
    head.lines, head.memo, head.shape, head.minor = before.lines, before.memo, before.shape, before.minor
    head.varied = before.varied
    head.host, head.authority, head.key = before.host, b"", b""
    head.length, head.chunked = before.length, before.chunked
    head.keep_alive, head.expects, head.nominated = before.keep_alive, before.expects, before.nominated
    head.websocket = False
    return head


_NONE: frozenset[bytes] = frozenset()
_KEEP_ALIVE = frozenset({b"Connection: keep-alive", b"connection: keep-alive", b"Connection: Keep-Alive"})
"""How nearly all clients say it; other spellings take the longer way to the same end."""


def _frame(head: Head[T]) -> None:
    """Settle body, persistence and upgrade from the fields that speak of them (RFC 9112, sections 6 and 9)."""
    known = head.shape
    head.length, head.chunked = _body(head)
    options = _options(head)
    head.keep_alive = b"close" not in options if head.minor else b"keep-alive" in options
    head.nominated = frozenset(options) - {b"close", b"keep-alive", b"upgrade"}
    if b"host" in head.nominated:
        raise BadRequest("Connection names Host")
    head.expects = False
    if known.expect >= 0:
        if head.value(known.expect).lower() != b"100-continue":
            raise BadRequest("an expectation other than 100-continue")
        head.expects = head.minor == 1
    head.websocket = known.upgrade >= 0 and b"upgrade" in options
    if head.websocket:
        _websocket(head)


def _body(head: Head[T]) -> tuple[int, bool]:
    known = head.shape
    if known.chunked >= 0:
        if head.minor == 0 or head.value(known.chunked).lower() != b"chunked":
            raise BadRequest("a transfer coding other than chunked, or one in HTTP/1.0")
        return 0, True
    if known.length < 0:
        return 0, False
    length = head.value(known.length)
    if not LENGTH.fullmatch(length):
        raise BadRequest("Content-Length is not a number of bytes")
    return int(length), False


def _options(head: Head[T]) -> list[bytes]:
    """Connection's options, lower-case."""
    if not head.shape.connection:
        return []
    joined = b",".join([head.value(index) for index in head.shape.connection])
    return [option for part in joined.lower().split(b",") if (option := part.strip(b" \t"))]


def _websocket(head: Head[T]) -> None:
    """Refuse an upgrade that is not a well-formed WebSocket handshake."""
    key, version = head.values(b"sec-websocket-key"), head.values(b"sec-websocket-version")
    if not (
        head.method == b"GET"
        and head.minor == 1
        and head.length == 0
        and not head.chunked
        and head.value(head.shape.upgrade).lower() == b"websocket"
        and len(key) == 1
        and _WEBSOCKET_KEY.fullmatch(key[0])
        and version == [b"13"]
    ):
        raise BadRequest("an upgrade that is no well-formed WebSocket handshake")


def _why_not(data: bytes) -> str:
    """Name the part that the grammar refuses, for the record."""
    line, _, fields = data.partition(b"\r\n")
    if not _REQUEST.fullmatch(line + b"\r\n\r\n"):
        return "the request line is not HTTP/1.x in origin form"
    for line in fields.split(b"\r\n"):
        if line and not _TRAILERS.fullmatch(line + b"\r\n\r\n"):
            return "a header field is not name, colon, value on one line"
    return "the head is not well-formed"


def trailers(data: bytes) -> list[tuple[bytes, bytes]]:
    """Read a trailer section, its empty line included, as (lower-case name, line). Raise ``ValueError``."""
    match = _TRAILERS.fullmatch(data)
    if match is None:
        raise ValueError("the trailer section is not well-formed")
    lines = match[1][:-2].split(b"\r\n") if match[1] else []
    return [(line.partition(b":")[0].lower(), line) for line in lines]
