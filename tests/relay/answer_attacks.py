"""Answers that could be read in two ways, end too soon or say too much, each beside a well-formed one."""

from dataclasses import dataclass
from enum import Enum, auto


class Fate(Enum):
    REFUSED = auto()
    """The caller gets 502, and nothing of what the agent said."""
    CUT = auto()
    """The caller got the head, then a reset: never an end that looks like one."""
    RIGHT = auto()
    """The caller gets what was meant; what else was said is lost, with the connection it came on."""


OK = b"HTTP/1.1 200 OK\r\n"
HELLO = OK + b"Content-Length: 5\r\n\r\nhello"
CHUNKS = OK + b"Transfer-Encoding: chunked\r\n\r\n"
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n"
OTHER = OK + b"Content-Length: 7\r\n\r\nmallory"
"""What the next caller must never get."""


@dataclass(frozen=True, slots=True)
class Attack:
    name: str
    said: bytes
    fate: Fate
    control: bytes = HELLO
    method: bytes = b"GET"
    status: int = 200
    body: bytes = b"hello"
    close: bool = False
    """The agent closes its connection behind it."""
    pieces: int = 1
    later: bytes = b""
    """What the agent says after a moment."""
    kept: bool = False
    """The agent's connection may serve the next request."""


def refused(name: str, said: bytes, control: bytes = HELLO, *, close: bool = False, pieces: int = 1) -> Attack:
    return Attack(name, said, Fate.REFUSED, control, close=close, pieces=pieces)


def fields(name: str, lines: bytes, control: bytes) -> Attack:
    """In a field of an answer of five bytes."""
    length = b"Content-Length: 5\r\n"
    return refused(name, OK + lines + b"\r\n" + length + b"\r\nhello", OK + control + b"\r\n" + length + b"\r\nhello")


def framing(name: str, lines: bytes) -> Attack:
    return refused(name, OK + lines + b"\r\n\r\n5\r\nhello\r\n0\r\n\r\n", CHUNKS + b"5\r\nhello\r\n0\r\n\r\n")


def cut(name: str, said: bytes, control: bytes = CHUNKS + b"5\r\nhello\r\n0\r\n\r\n", *, close: bool = True) -> Attack:
    return Attack(name, said, Fate.CUT, control, close=close)


def chunks(name: str, body: bytes) -> Attack:
    return cut(f"chunks: {name}", CHUNKS + body, close=False)


def surplus(
    name: str, said: bytes, later: bytes = b"", *, method: bytes = b"GET", status: int = 200, body: bytes = b"hello"
) -> Attack:
    return Attack(f"behind: {name}", said, Fate.RIGHT, method=method, status=status, body=body, later=later)


def right(name: str, said: bytes, *, kept: bool = True, close: bool = False, pieces: int = 1) -> Attack:
    return Attack(name, said, Fate.RIGHT, kept=kept, close=close, pieces=pieces)


ATTACKS: tuple[Attack, ...] = (
    # framing
    framing("two lengths that differ", b"Content-Length: 5\r\nContent-Length: 6"),
    framing("a list of lengths", b"Content-Length: 5, 5"),
    framing("a negative length", b"Content-Length: -5"),
    framing("a hexadecimal length", b"Content-Length: 0x5"),
    framing("an empty length", b"Content-Length:"),
    framing("a length of 19 digits", b"Content-Length: 1000000000000000005"),
    framing("a length and chunks", b"Content-Length: 15\r\nTransfer-Encoding: chunked"),
    framing("chunks and a length", b"Transfer-Encoding: chunked\r\nContent-Length: 15"),
    framing("chunked twice", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
    framing("chunked in a list", b"Transfer-Encoding: gzip, chunked"),
    framing("identity", b"Transfer-Encoding: identity"),
    framing("a coding that ends alike", b"Transfer-Encoding: xchunked"),
    refused(
        "chunks in HTTP/1.0",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        CHUNKS + b"5\r\nhello\r\n0\r\n\r\n",
    ),
    # fields
    fields("a folded line", b"Foo: bar\r\n baz", b"Foo: bar baz"),
    fields("a folded line with a tab", b"Foo: bar\r\n\tbaz", b"Foo: bar baz"),
    fields("a bare LF", b"Foo: bar\nX: y", b"Foo: bar X: y"),
    fields("a bare CR", b"Foo: bar\rX: y", b"Foo: bar X: y"),
    fields("a NUL", b"Foo: b\x00r", b"Foo: bar"),
    fields("an escape character", b"Foo: \x1b[2J", b"Foo: [2J"),
    fields("a space before the colon", b"Foo : bar", b"Foo: bar"),
    fields("no colon", b"Foo bar", b"Foo: bar"),
    fields("no name", b": bar", b"Foo: bar"),
    fields("a name with a space", b"Fo o: bar", b"Foo: bar"),
    fields("a name of Latin-1", b"F\xf6o: bar", b"Foo: b\xf6r"),
    fields("LF alone ends the head", b"Foo: bar\r\n\nhello", b"Foo: bar"),
    refused("LF alone ends every line", HELLO.replace(b"\r\n", b"\n"), close=True),
    # the status line
    refused("HTTP/2.0", HELLO.replace(b"1.1", b"2.0")),
    refused("HTTP/1.2", HELLO.replace(b"1.1", b"1.2")),
    refused("HTTP/0.9", b"hello", close=True),
    refused("a status of two digits", HELLO.replace(b"200", b"20")),
    refused("a status of four digits", HELLO.replace(b"200", b"2000")),
    refused("a status below 100", HELLO.replace(b"200", b"099")),
    refused("two spaces", HELLO.replace(b" 200", b"  200")),
    refused("a NUL in the reason", HELLO.replace(b"OK", b"O\x00K")),
    refused("another protocol", HELLO.replace(b"HTTP/1.1", b"ICY")),
    refused("an empty line first", b"\r\n" + HELLO),
    refused("garbage first", b"garbage\r\n\r\n" + HELLO),
    # sizes and ends
    refused(
        "a head of more than 64 KiB",
        OK + b"Foo: " + b"a" * 70000 + b"\r\nContent-Length: 5\r\n\r\nhello",
        OK + b"Foo: " + b"a" * 60000 + b"\r\nContent-Length: 5\r\n\r\nhello",
    ),
    refused("a head without an end", OK + b"Foo: " + b"a" * 70000, pieces=3),
    refused("no answer", b"", close=True),
    refused("half a head", OK + b"Content-Le", close=True),
    # a change of protocol that nobody asked for
    refused(
        "101 unasked", b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" + OTHER
    ),
    refused("101 to h2c", b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n" + OTHER),
    refused("101 to nothing", b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + OTHER),
    refused("an interim answer with a body", b"HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\nhello" + HELLO),
    # what ends too soon
    cut("a body shorter than its length", OK + b"Content-Length: 6\r\n\r\nhello", HELLO),
    cut("no body at all", OK + b"Content-Length: 6\r\n\r\n", HELLO),
    cut("chunks without a last one", CHUNKS + b"5\r\nhello\r\n"),
    cut("chunks cut inside one", CHUNKS + b"6\r\nhello"),
    cut("chunks cut inside a size", CHUNKS + b"5"),
    cut("chunks cut before the last CRLF", CHUNKS + b"5\r\nhello\r\n0\r\n"),
    cut("chunks cut inside the trailers", CHUNKS + b"5\r\nhello\r\n0\r\nFoo: bar\r\n"),
    chunks("a size that is no number", b"x\r\nhello\r\n0\r\n\r\n"),
    chunks("a negative size", b"-5\r\nhello\r\n0\r\n\r\n"),
    chunks("a size with 0x", b"0x5\r\nhello\r\n0\r\n\r\n"),
    chunks("a size of 17 digits", b"10000000000000005\r\nhello\r\n0\r\n\r\n"),
    chunks("a space behind the size", b"5 \r\nhello\r\n0\r\n\r\n"),
    chunks("an extension with a NUL", b"5;\x00\r\nhello\r\n0\r\n\r\n"),
    chunks("LF behind the size", b"5\nhello\r\n0\r\n\r\n"),
    chunks("LF behind the data", b"5\r\nhello\n0\r\n\r\n"),
    chunks("data longer than their size", b"4\r\nhello\r\n0\r\n\r\n"),
    chunks("a folded trailer", b"5\r\nhello\r\n0\r\nFoo: bar\r\n baz\r\n\r\n"),
    chunks("a trailer with a bare LF", b"5\r\nhello\r\n0\r\nFoo: bar\nX: y\r\n\r\n"),
    chunks("trailers without an end", b"5\r\nhello\r\n0\r\n" + b"Foo: bar\r\n" * 1000),
    # what says too much
    surplus("a length", HELLO + OTHER),
    surplus("half a body", OK + b"Content-Length: 5\r\n\r\nhe", b"llo" + OTHER),
    surplus("the last chunk", CHUNKS + b"5\r\nhello\r\n0\r\n\r\n" + OTHER),
    surplus("half a chunk", CHUNKS + b"5\r\nhe", b"llo\r\n0\r\n\r\n" + OTHER),
    surplus("a length of zero", OK + b"Content-Length: 0\r\n\r\n" + OTHER, body=b""),
    surplus("an answer to HEAD", HELLO, method=b"HEAD", body=b""),
    surplus("an answer in chunks to HEAD", CHUNKS + b"5\r\nhello\r\n0\r\n\r\n", method=b"HEAD", body=b""),
    surplus("204", b"HTTP/1.1 204 No Content\r\n\r\n" + OTHER, status=204, body=b""),
    surplus("204 with a length", NO_CONTENT + b"Content-Length: 45\r\n\r\n", OTHER, status=204, body=b""),
    surplus("204 in chunks", NO_CONTENT + b"Transfer-Encoding: chunked\r\n\r\n", OTHER, status=204, body=b""),
    surplus("304", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 45\r\n\r\n" + OTHER, status=304, body=b""),
    surplus("a header that splits the answer", OK + b"Content-Length: 5\r\nLocation: /\r\n\r\nhello" + OTHER),
    # what looks odd and has one reading
    right("equal lengths", OK + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"),
    right("Chunked, capitalised", OK + b"Transfer-Encoding: CHUNKED\r\n\r\n5;a=b\r\nhello\r\n0\r\n\r\n"),
    right("no reason", b"HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello"),
    right("HTTP/1.0", b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", kept=False),
    right("HTTP/1.0, kept alive", b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello"),
    right("Connection: close", OK + b"Connection: close\r\nContent-Length: 5\r\n\r\nhello", kept=False),
    right("the end of the connection as the body's", OK + b"\r\nhello", kept=False, close=True),
    right("one byte at a time", HELLO, pieces=len(HELLO)),
    right("chunks, one byte at a time", CHUNKS + b"5\r\nhello\r\n0\r\n\r\n", pieces=len(CHUNKS) + 15),
    right("a thousand interim answers", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 1000 + HELLO),
    right("ten thousand interim answers", b"HTTP/1.1 100 \r\n\r\n" * 10000 + HELLO),
)
