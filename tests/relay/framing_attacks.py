"""Requests that could be read in two ways, or not at all, each beside the well-formed one that it imitates.

``@TOKEN@`` stands for a token that is good, so that framing alone decides. A request inside another asks for
``/smuggled``.
"""

from dataclasses import dataclass

HOST = b"Host: agent\r\n"
TOKEN = b"Authorization: Bearer @TOKEN@\r\n"
HELLO = b"5\r\nhello\r\n0\r\n\r\n"
INNER = b"GET /smuggled HTTP/1.1\r\n" + HOST + b"\r\n"
"""Of a length that is known before the token is."""
SMUGGLED = b"GET /smuggled HTTP/1.1\r\n" + HOST + TOKEN + b"\r\n"


@dataclass(frozen=True, slots=True)
class Attack:
    name: str
    sent: bytes
    control: bytes
    """Must be answered, by the agent, with what it said."""
    status: int = 400
    code: str = "bad_request"
    head_passes: bool = False
    """Only the body is bad: the agent may have seen the head, and never the whole."""


@dataclass(frozen=True, slots=True)
class Harmless:
    """Looks like an attack, and has one reading all the same."""

    name: str
    sent: bytes
    body: bytes
    """What the agent must read as the body."""
    absent: frozenset[bytes] = frozenset()
    """Lower-case names that the agent must not see."""


def get(fields: bytes = b"", line: bytes = b"GET /attack HTTP/1.1") -> bytes:
    return line + b"\r\n" + HOST + TOKEN + fields + b"\r\n"


def post(fields: bytes, body: bytes) -> bytes:
    return b"POST /attack HTTP/1.1\r\n" + HOST + TOKEN + fields + b"\r\n" + body


def line(name: str, sent: bytes, control: bytes = b"GET /attack HTTP/1.1") -> Attack:
    """An attack in the request line."""
    return Attack(f"request line: {name}", get(line=sent), get(line=control))


def field(name: str, sent: bytes, control: bytes) -> Attack:
    """An attack in a field that comes last; neither has its CRLF."""
    return Attack(f"field: {name}", get(sent + b"\r\n"), get(control + b"\r\n"))


def host(name: str, sent: bytes, control: bytes = HOST) -> Attack:
    """An attack in ``Host``: whole lines."""
    first = b"GET /attack HTTP/1.1\r\n"
    return Attack(f"host: {name}", first + sent + TOKEN + b"\r\n", first + control + TOKEN + b"\r\n")


def length(name: str, sent: bytes, control: bytes = b"Content-Length: 5", body: bytes = b"hello") -> Attack:
    return Attack(f"length: {name}", post(sent + b"\r\n", body), post(control + b"\r\n", body))


def coding(name: str, sent: bytes, control: bytes = b"Transfer-Encoding: chunked") -> Attack:
    return Attack(f"coding: {name}", post(sent + b"\r\n", HELLO), post(control + b"\r\n", HELLO))


def chunks(name: str, sent: bytes, control: bytes = HELLO) -> Attack:
    fields = b"Transfer-Encoding: chunked\r\n"
    return Attack(f"chunks: {name}", post(fields, sent + SMUGGLED), post(fields, control), head_passes=True)


def handshake(**changed: bytes | None) -> bytes:
    """A WebSocket handshake with lines changed, added or left out."""
    lines: dict[str, bytes | None] = {
        "line": b"GET /attack HTTP/1.1",
        "host": b"Host: agent",
        "token": b"Authorization: Bearer @TOKEN@",
        "connection": b"Connection: Upgrade",
        "upgrade": b"Upgrade: websocket",
        "key": b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "version": b"Sec-WebSocket-Version: 13",
        **changed,
    }
    return b"\r\n".join([each for each in lines.values() if each is not None]) + b"\r\n\r\n"


def websocket(name: str, **changed: bytes | None) -> Attack:
    """The sibling asks for no upgrade: that of the whole handshake has tests of its own."""
    return Attack(f"websocket: {name}", handshake(**changed) + SMUGGLED, get())


CL_TE = b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n"
TE_CL = b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n"

ATTACKS: tuple[Attack, ...] = (
    # lengths
    length("twice, equal", b"Content-Length: 5\r\nContent-Length: 5"),
    length("twice, differing", b"Content-Length: 5\r\nContent-Length: 6"),
    length("twice, in another case", b"Content-Length: 5\r\ncontent-length: 5"),
    length("a list of equals", b"Content-Length: 5, 5"),
    length("a list that differs", b"Content-Length: 5, 50"),
    length("a plus", b"Content-Length: +5"),
    length("negative", b"Content-Length: -5"),
    length("hexadecimal", b"Content-Length: 0x5"),
    length("two numbers", b"Content-Length: 5 5"),
    length("a fraction", b"Content-Length: 5.0"),
    length("an exponent", b"Content-Length: 5e0"),
    length("underscores as Python reads them", b"Content-Length: 0_5"),
    length("digits of another script", "Content-Length: \u0665".encode()),
    length("empty", b"Content-Length:"),
    length("a word", b"Content-Length: five"),
    length("a vertical tab before it", b"Content-Length: \x0b5"),
    length("beyond 64 bits", b"Content-Length: 18446744073709551621"),
    length("a hundred digits", b"Content-Length: " + b"0" * 99 + b"5"),
    # codings
    coding("a length and chunks", b"Content-Length: 15\r\nTransfer-Encoding: chunked"),
    coding("chunks and a length", b"Transfer-Encoding: chunked\r\nContent-Length: 15"),
    coding("chunks and no length", b"Transfer-Encoding: chunked\r\nContent-Length:"),
    coding("chunks and a zero length", b"Transfer-Encoding: chunked\r\nContent-Length: 0"),
    coding("chunked twice in a list", b"Transfer-Encoding: chunked, chunked"),
    coding("chunked on two lines", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
    coding("identity on a second line", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"),
    coding("two spellings", b"Transfer-Encoding: chunked\r\ntransfer-encoding: chunked"),
    coding("compressed and chunked", b"Transfer-Encoding: gzip, chunked"),
    coding("chunked and compressed", b"Transfer-Encoding: chunked, gzip"),
    coding("identity", b"Transfer-Encoding: identity"),
    coding("compressed", b"Transfer-Encoding: gzip"),
    coding("an unknown one that ends alike", b"Transfer-Encoding: xchunked"),
    coding("an unknown one that begins alike", b"Transfer-Encoding: chunkedx"),
    coding("quoted", b'Transfer-Encoding: "chunked"'),
    coding("with a parameter", b"Transfer-Encoding: chunked;q=1"),
    coding("a comma behind", b"Transfer-Encoding: chunked,"),
    coding("a comma before", b"Transfer-Encoding: ,chunked"),
    coding("empty", b"Transfer-Encoding:"),
    coding("a vertical tab behind", b"Transfer-Encoding: chunked\x0b"),
    coding("a form feed before", b"Transfer-Encoding: \x0cchunked"),
    coding("a non-breaking space before", b"Transfer-Encoding: \xa0chunked"),
    coding("a space in the name", b"Transfer-Encoding : chunked"),
    coding("on a folded line", b"Transfer-Encoding:\r\n chunked"),
    coding("behind a bare CR", b"Foo: bar\rTransfer-Encoding: chunked"),
    coding("behind a bare LF", b"Foo: bar\nTransfer-Encoding: chunked"),
    Attack(
        "coding: chunks in HTTP/1.0",
        b"POST /attack HTTP/1.0\r\n" + HOST + TOKEN + b"Transfer-Encoding: chunked\r\n\r\n" + HELLO,
        b"POST /attack HTTP/1.0\r\n" + HOST + TOKEN + b"Content-Length: 5\r\n\r\nhello",
    ),
    # a request inside another
    Attack("smuggled: CL.TE", post(CL_TE, b"0\r\n\r\nG" + SMUGGLED), post(b"Content-Length: 6\r\n", b"0\r\n\r\nG")),
    Attack("smuggled: TE.CL", post(TE_CL, b"5c\r\n" + SMUGGLED), post(b"Transfer-Encoding: chunked\r\n", HELLO)),
    Attack(
        "smuggled: TE.TE",
        post(b"Transfer-Encoding: chunked\r\nTransfer-encoding: cow\r\n", b"0\r\n\r\n" + SMUGGLED),
        post(b"Transfer-Encoding: chunked\r\n", HELLO),
    ),
    Attack(
        "smuggled: two credentials before a body that is a request",
        post(TOKEN + b"Content-Length: %d\r\n" % len(INNER), INNER),
        post(b"Content-Length: 5\r\n", b"hello"),
        code="ambiguous_credentials",
    ),
    Attack(
        "smuggled: h2c with settings",
        get(b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n") + SMUGGLED,
        get(),
    ),
    Attack("smuggled: h2c alone", get(b"Connection: Upgrade\r\nUpgrade: h2c\r\n") + SMUGGLED, get()),
    Attack("smuggled: h2c beside websocket", handshake(upgrade=b"Upgrade: websocket, h2c") + SMUGGLED, get()),
    Attack("smuggled: TLS in place", get(b"Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n") + SMUGGLED, get()),
    # fields
    field("folded with a space", b"Foo: bar\r\n baz", b"Foo: bar baz"),
    field("folded with a tab", b"Foo: bar\r\n\tbaz", b"Foo: bar baz"),
    field("folded, empty", b"Foo: bar\r\n ", b"Foo: bar"),
    Attack(
        "field: folded at the first line",
        b"GET /attack HTTP/1.1\r\n Foo: bar\r\n" + HOST + TOKEN + b"\r\n",
        b"GET /attack HTTP/1.1\r\nFoo: bar\r\n" + HOST + TOKEN + b"\r\n",
    ),
    field("a bare CR in the value", b"Foo: bar\rX: y", b"Foo: bar; X: y"),
    field("a bare LF in the value", b"Foo: bar\nX: y", b"Foo: bar; X: y"),
    field("CR CR LF at the end", b"Foo: bar\r", b"Foo: bar"),
    field("a bare CR in the name", b"Fo\ro: bar", b"Foo: bar"),
    field("a bare LF in the name", b"Fo\no: bar", b"Foo: bar"),
    field("a NUL in the value", b"Foo: b\x00ar", b"Foo: bar"),
    field("a NUL in the name", b"F\x00oo: bar", b"Foo: bar"),
    field("an escape character in the value", b"Foo: \x1b[31m", b"Foo: [31m"),
    field("a backspace in the value", b"Foo: bar\x08", b"Foo: bar"),
    field("a DEL in the value", b"Foo: b\x7far", b"Foo: bar"),
    field("a space before the colon", b"Foo : bar", b"Foo: bar"),
    field("a tab before the colon", b"Foo\t: bar", b"Foo: bar"),
    field("a space before the colon of a length", b"Content-Length : 0", b"Content-Length: 0"),
    field("a space in the name", b"Fo o: bar", b"Foo: bar"),
    field("no name", b": bar", b"Foo: bar"),
    field("no colon", b"Foo bar", b"Foo: bar"),
    field("a name of Latin-1", b"F\xf6\xf6: bar", b"Foo: b\xf6r"),
    field("a name of UTF-8", "Fôo: bar".encode(), "Foo: bâr".encode()),
    field("a name in quotes", b'"Foo": bar', b"Foo: bar"),
    field("a name with a slash", b"Foo/1: bar", b"Foo-1: bar"),
    field("a name in brackets", b"[Foo]: bar", b"Foo: bar"),
    Attack(
        "field: a space at the start of the first line",
        b"GET /attack HTTP/1.1\r\n " + HOST + TOKEN + b"\r\n",
        b"GET /attack HTTP/1.1\r\n" + HOST + TOKEN + b"\r\n",
    ),
    Attack("field: LF alone ends the lines", get().replace(b"\r\n", b"\n"), get()),
    Attack("field: LF alone ends the head", get()[:-2] + b"\n", get()),
    Attack("field: CR alone ends the lines", get().replace(b"\r\n", b"\r"), get()),
    # credentials
    Attack("credentials: two lines", get(TOKEN), get(), code="ambiguous_credentials"),
    Attack(
        "credentials: two spellings", get(b"AUTHORIZATION: Bearer @TOKEN@\r\n"), get(), code="ambiguous_credentials"
    ),
    Attack(
        "credentials: Basic beside Bearer",
        get(b"authorization: Basic YTpi\r\n"),
        get(),
        code="ambiguous_credentials",
    ),
    # the request line
    line("two spaces before the target", b"GET  /attack HTTP/1.1"),
    line("two spaces before the version", b"GET /attack  HTTP/1.1"),
    line("tabs", b"GET\t/attack\tHTTP/1.1"),
    line("a vertical tab", b"GET\x0b/attack HTTP/1.1"),
    line("a space behind the version", b"GET /attack HTTP/1.1 "),
    line("a space before the method", b" GET /attack HTTP/1.1"),
    line("an empty line before it", b"\r\nGET /attack HTTP/1.1"),
    line("a bare LF before it", b"\nGET /attack HTTP/1.1"),
    line("a bare CR before it", b"\rGET /attack HTTP/1.1"),
    line("CR CR LF at its end", b"GET /attack HTTP/1.1\r"),
    line("a lower-case method", b"get /attack HTTP/1.1"),
    line("a mixed-case method", b"Get /attack HTTP/1.1"),
    line("an unknown method", b"SMUGGLE /attack HTTP/1.1"),
    line("no method", b"/attack HTTP/1.1"),
    line("a target with a space", b"GET /attack /smuggled HTTP/1.1"),
    line("no target", b"GET HTTP/1.1"),
    line("absolute form", b"GET http://agent/attack HTTP/1.1"),
    line("absolute form of another host", b"GET http://other/attack HTTP/1.1"),
    line("absolute form with https", b"GET https://agent/attack HTTP/1.1"),
    line("authority form", b"GET agent:80 HTTP/1.1"),
    line("asterisk form", b"OPTIONS * HTTP/1.1", b"OPTIONS /attack HTTP/1.1"),
    line("a relative target", b"GET attack HTTP/1.1"),
    line("a target that is a query", b"GET ?attack HTTP/1.1", b"GET /?attack HTTP/1.1"),
    line("a fragment", b"GET /attack#fragment HTTP/1.1", b"GET /attack%23fragment HTTP/1.1"),
    line("a NUL in the target", b"GET /att\x00ack HTTP/1.1"),
    line("a bare CR in the target", b"GET /att\rack HTTP/1.1"),
    line("a bare LF in the target", b"GET /att\nack HTTP/1.1"),
    line("Latin-1 in the target", b"GET /\xe4ttack HTTP/1.1", b"GET /%E4ttack HTTP/1.1"),
    line("a DEL in the target", b"GET /att\x7fack HTTP/1.1"),
    line("no version", b"GET /attack"),
    line("HTTP/0.9", b"GET /attack HTTP/0.9"),
    line("HTTP/1.2", b"GET /attack HTTP/1.2"),
    line("HTTP/2.0", b"GET /attack HTTP/2.0"),
    line("HTTP/1", b"GET /attack HTTP/1"),
    line("HTTP/1.10", b"GET /attack HTTP/1.10"),
    line("HTTP/1.01", b"GET /attack HTTP/1.01"),
    line("HTTP/01.1", b"GET /attack HTTP/01.1"),
    line("a lower-case version", b"GET /attack http/1.1"),
    line("another protocol", b"GET /attack ICE/1.1"),
    line("a streaming protocol", b"GET /attack RTSP/1.1"),
    line("CONNECT in authority form", b"CONNECT agent:80 HTTP/1.1"),
    line("CONNECT in origin form", b"CONNECT /attack HTTP/1.1"),
    line("TRACE", b"TRACE /attack HTTP/1.1"),
    line("a method of another protocol", b"PLAY /attack HTTP/1.1"),
    Attack("request line: HTTP/2's preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", get()),
    Attack("request line: a TLS greeting", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", get()),
    Attack("request line: a PROXY protocol's header", b"PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n" + get(), get()),
    # Host
    host("none", b""),
    Attack(
        "host: none in HTTP/1.0",
        b"GET /attack HTTP/1.0\r\n" + TOKEN + b"\r\n",
        b"GET /attack HTTP/1.0\r\n" + HOST + TOKEN + b"\r\n",
    ),
    host("two", HOST + HOST),
    host("two that differ", HOST + b"Host: other\r\n"),
    host("two spellings", HOST + b"host: agent\r\n"),
    host("empty", b"Host:\r\n"),
    host("with a path", b"Host: agent/path\r\n"),
    host("with a user", b"Host: user@agent\r\n"),
    host("with a space", b"Host: agent other\r\n"),
    host("a list", b"Host: agent, other\r\n"),
    host("a list without a space", b"Host: agent,other\r\n"),
    host("a URL", b"Host: http://agent\r\n"),
    host("a query", b"Host: agent?x\r\n"),
    host("a fragment", b"Host: agent#x\r\n"),
    host("a backslash", b"Host: agent\\other\r\n"),
    host("a quote", b'Host: a"gent\r\n'),
    host("a port that is no number", b"Host: agent:http\r\n", b"Host: agent:80\r\n"),
    host("a port of six digits", b"Host: agent:800000\r\n", b"Host: agent:8000\r\n"),
    host("two ports", b"Host: agent:80:80\r\n"),
    host("an open bracket", b"Host: [::1\r\n", b"Host: [::1]\r\n"),
    host("a name in brackets", b"Host: [agent]\r\n", b"Host: [::1]:80\r\n"),
    host("Latin-1", b"Host: \xe4gent\r\n"),
    host("longer than a name can be", b"Host: " + b"a" * 300 + b"\r\n"),
    host("named by Connection", HOST + b"Connection: Host\r\n"),
    # Expect
    field("an unknown expectation", b"Expect: 200-ok", b"Expect: 100-continue"),
    field("two expectations", b"Expect: 100-continue\r\nExpect: 100-continue", b"Expect: 100-continue"),
    # chunks
    chunks("a negative size", b"-5\r\nhello\r\n0\r\n\r\n"),
    chunks("a size with 0x", b"0x5\r\nhello\r\n0\r\n\r\n"),
    chunks("a size with a plus", b"+5\r\nhello\r\n0\r\n\r\n"),
    chunks("a size with a space before", b" 5\r\nhello\r\n0\r\n\r\n"),
    chunks("a size with a space behind", b"5 \r\nhello\r\n0\r\n\r\n"),
    chunks("a size with a tab behind", b"5\t\r\nhello\r\n0\r\n\r\n"),
    chunks("a size with an underscore", b"0_5\r\nhello\r\n0\r\n\r\n"),
    chunks("a size that is no number", b"five\r\nhello\r\n0\r\n\r\n"),
    chunks("no size", b"\r\nhello\r\n0\r\n\r\n"),
    chunks("a size of 16 digits", b"0000000000000005\r\nhello\r\n0\r\n\r\n"),
    chunks("a size of 17 digits that wraps", b"10000000000000005\r\nhello\r\n0\r\n\r\n"),
    chunks("a comma behind the size", b"5,5\r\nhello\r\n0\r\n\r\n"),
    chunks("an extension with a bare CR", b"5;a\rb\r\nhello\r\n0\r\n\r\n", b"5;ab\r\nhello\r\n0\r\n\r\n"),
    chunks("an extension with a bare LF", b"5;a\nhello\r\n0\r\n\r\n", b"5;a\r\nhello\r\n0\r\n\r\n"),
    chunks("an extension with a NUL", b"5;a\x00b\r\nhello\r\n0\r\n\r\n", b"5;ab\r\nhello\r\n0\r\n\r\n"),
    chunks(
        "an extension without an end",
        b"5;" + b"a" * 600 + b"\r\nhello\r\n0\r\n\r\n",
        b"5;" + b"a" * 60 + b"\r\nhello\r\n0\r\n\r\n",
    ),
    chunks("LF behind the size", b"5\nhello\r\n0\r\n\r\n"),
    chunks("CR behind the size", b"5\rhello\r\n0\r\n\r\n"),
    chunks("CR CR LF behind the size", b"5\r\r\nhello\r\n0\r\n\r\n"),
    chunks("LF behind the data", b"5\r\nhello\n0\r\n\r\n"),
    chunks("nothing behind the data", b"5\r\nhello0\r\n\r\n"),
    chunks("data longer than their size", b"4\r\nhello\r\n0\r\n\r\n"),
    chunks("data shorter than their size", b"6\r\nhello\r\n0\r\n\r\n"),
    chunks("junk behind the last size", b"5\r\nhello\r\n0 junk\r\n\r\n"),
    chunks("LF ends the trailers", b"5\r\nhello\r\n0\r\nFoo: bar\n\r\n\r\n", b"5\r\nhello\r\n0\r\nFoo: bar\r\n\r\n"),
    chunks("LF behind the last size", b"5\r\nhello\r\n0\n\r\n"),
    chunks(
        "a folded trailer", b"5\r\nhello\r\n0\r\nFoo: bar\r\n baz\r\n\r\n", b"5\r\nhello\r\n0\r\nFoo: bar baz\r\n\r\n"
    ),
    chunks("a NUL in a trailer", b"5\r\nhello\r\n0\r\nFoo: b\x00r\r\n\r\n", b"5\r\nhello\r\n0\r\nFoo: bar\r\n\r\n"),
    chunks(
        "a space before a trailer's colon",
        b"5\r\nhello\r\n0\r\nFoo : bar\r\n\r\n",
        b"5\r\nhello\r\n0\r\nFoo: bar\r\n\r\n",
    ),
    chunks(
        "trailers without an end",
        b"5\r\nhello\r\n0\r\n" + b"Foo: bar\r\n" * 1000,
        b"5\r\nhello\r\n0\r\n" + b"Foo: bar\r\n" * 100 + b"\r\n",
    ),
    # WebSocket
    websocket("no key", key=None),
    websocket("two keys", more=b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
    websocket("a short key", key=b"Sec-WebSocket-Key: dGhlIHNhbXBsZQ=="),
    websocket("a key with stray bits", key=b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR=="),
    websocket("a key that is no base64", key=b"Sec-WebSocket-Key: ******************Q=="),
    websocket("no version", version=None),
    websocket("an old version", version=b"Sec-WebSocket-Version: 8"),
    websocket("two versions", more=b"Sec-WebSocket-Version: 13"),
    websocket("a list of versions", version=b"Sec-WebSocket-Version: 13, 8"),
    websocket("POST", line=b"POST /attack HTTP/1.1"),
    websocket("HTTP/1.0", line=b"GET /attack HTTP/1.0"),
    websocket("a body", more=b"Content-Length: 5"),
    websocket("a chunked body", more=b"Transfer-Encoding: chunked"),
    websocket("two upgrades", more=b"Upgrade: websocket"),
    websocket("another protocol", upgrade=b"Upgrade: websockets"),
    websocket("another protocol first", upgrade=b"Upgrade: h2c, websocket"),
    # sizes
    Attack(
        "size: one long field",
        get(b"Foo: " + b"a" * 33000 + b"\r\n"),
        get(b"Foo: " + b"a" * 30000 + b"\r\n"),
        431,
        "too_large",
    ),
    Attack("size: many fields", get(b"Foo: a\r\n" * 5000), get(b"Foo: a\r\n" * 500), 431, "too_large"),
    Attack(
        "size: a long target",
        get(line=b"GET /" + b"a" * 33000 + b" HTTP/1.1"),
        get(line=b"GET /" + b"a" * 8000 + b" HTTP/1.1"),
        431,
        "too_large",
    ),
    Attack("size: a name without an end", get()[:-2] + b"a" * 33000, get(), 431, "too_large"),
)

HARMLESS: tuple[Harmless, ...] = (
    Harmless("Chunked, capitalised", post(b"Transfer-Encoding: Chunked\r\n", HELLO), b"hello"),
    Harmless("CHUNKED", post(b"TRANSFER-ENCODING: CHUNKED\r\n", HELLO), b"hello"),
    Harmless("two spaces before chunked", post(b"Transfer-Encoding:  chunked\r\n", HELLO), b"hello"),
    Harmless("no space before chunked", post(b"Transfer-Encoding:chunked\r\n", HELLO), b"hello"),
    Harmless("a space behind chunked", post(b"Transfer-Encoding: chunked \r\n", HELLO), b"hello"),
    Harmless("a length with zeros before it", post(b"Content-Length: 005\r\n", b"hello"), b"hello"),
    Harmless("a length with white space around it", post(b"Content-Length: \t5 \r\n", b"hello"), b"hello"),
    Harmless(
        "a size with zeros before it",
        post(b"Transfer-Encoding: chunked\r\n", b"0005\r\nhello\r\n000\r\n\r\n"),
        b"hello",
    ),
    Harmless(
        "sizes in both cases",
        post(b"Transfer-Encoding: chunked\r\n", b"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n"),
        b"0123456789" * 2,
    ),
    Harmless(
        "extensions", post(b"Transfer-Encoding: chunked\r\n", b'5;a;b=c;d="e f"\r\nhello\r\n0;last\r\n\r\n'), b"hello"
    ),
    Harmless(
        "an extension that looks like a chunk",
        post(b"Transfer-Encoding: chunked\r\n", b"5;5 hello 0\r\nhello\r\n0\r\n\r\n"),
        b"hello",
    ),
    Harmless(
        "Upgrade without Connection",
        get(b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"),
        b"",
        frozenset({b"upgrade", b"connection", b"http2-settings"}),
    ),
    Harmless(
        "Connection: upgrade without Upgrade",
        get(b"Connection: upgrade\r\n"),
        b"",
        frozenset({b"upgrade", b"connection"}),
    ),
    Harmless(
        "a WebSocket handshake without Connection",
        handshake(connection=None),
        b"",
        frozenset({b"upgrade", b"connection"}),
    ),
    Harmless(
        "Keep-Alive and Proxy-Connection",
        get(b"Keep-Alive: timeout=1\r\nProxy-Connection: close\r\n"),
        b"",
        frozenset({b"keep-alive", b"proxy-connection"}),
    ),
    Harmless("TE", get(b"Connection: TE\r\nTE: trailers\r\n"), b"", frozenset({b"te", b"connection"})),
    Harmless(
        "Proxy-Authorization", get(b"Proxy-Authorization: Basic YTpi\r\n"), b"", frozenset({b"proxy-authorization"})
    ),
    Harmless(
        "Connection names the length",
        post(b"Connection: Content-Length\r\nContent-Length: 5\r\n", b"hello"),
        b"hello",
        frozenset({b"connection"}),
    ),
    Harmless(
        "Connection names the coding",
        post(b"Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n", HELLO),
        b"hello",
        frozenset({b"connection"}),
    ),
    Harmless(
        "Connection names a field",
        get(b"Connection: x-hop, x-other\r\nX-Hop: 1\r\nX-Other: 2\r\n"),
        b"",
        frozenset({b"x-hop", b"x-other", b"connection"}),
    ),
    Harmless(
        "Connection names a trailer",
        post(b"Connection: x-hop\r\nTransfer-Encoding: chunked\r\n", b"5\r\nhello\r\n0\r\nX-Hop: 1\r\n\r\n"),
        b"hello",
        frozenset({b"x-hop", b"connection"}),
    ),
    Harmless("a body that is a request", post(b"Content-Length: %d\r\n" % len(INNER), INNER), INNER),
    Harmless(
        "a chunk that is a request",
        post(b"Transfer-Encoding: chunked\r\n", b"%x\r\n" % len(INNER) + INNER + b"\r\n0\r\n\r\n"),
        INNER,
    ),
    Harmless("a GET with a body", get(b"Content-Length: %d\r\n" % len(INNER)) + INNER, INNER),
    Harmless(
        "trailers of the framing",
        post(
            b"Transfer-Encoding: chunked\r\n",
            b"5\r\nhello\r\n0\r\n"
            b"Content-Length: 50\r\nTransfer-Encoding: gzip\r\nHost: other\r\nConnection: close\r\n\r\n",
        ),
        b"hello",
        frozenset({b"connection"}),
    ),
)
