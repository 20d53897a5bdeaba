"""Two gates, one reading: what is accepted, as what, and that no third reader sees it otherwise."""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

import h11
import pytest
from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from hypothesis import example, given
from hypothesis import strategies as st

from sidecar.errors import AmbiguousCredentials, BadRequest, Refusal
from sidecar.relay.head import Head, Known, Shapes, parse, shape, trailers
from tests.fuzzing import examples


def shapes(most: int = 1024) -> Shapes[int]:
    return Shapes(len, most)


def read(data: bytes) -> Head[int]:
    return parse(data, shapes())


def get(*lines: bytes, first: bytes = b"GET / HTTP/1.1") -> bytes:
    return b"\r\n".join([first, b"Host: agent", *lines, b"", b""])


# requests


def test_a_head_is_read_into_its_parts() -> None:
    head = read(get(b"Accept:  a, b ", b"X-Empty:", b"accept: c", first=b"GET /a/b;c?d=e?f HTTP/1.1"))
    assert (head.method, head.target, head.path) == (b"GET", b"/a/b;c?d=e?f", b"/a/b;c")
    assert head.lines == [b"Host: agent", b"Accept:  a, b ", b"X-Empty:", b"accept: c"]
    assert (head.values(b"accept"), head.values(b"x-empty"), head.values(b"other")) == ([b"a, b", b"c"], [b""], [])
    assert (head.minor, head.keep_alive, head.length, head.chunked) == (1, True, 0, False)
    assert (head.websocket, head.expects, head.nominated) == (False, False, frozenset())
    assert head.shape.plain
    assert head.shape.plan == 3  # what the door made of the names: here, how many there are


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"M-SEARCH"])
def test_a_method_is_passed_on(method: bytes) -> None:
    assert read(get(first=method + b" / HTTP/1.1")).method == method


@pytest.mark.parametrize("method", [b"CONNECT", b"TRACE", b"PRI", b"BREW", b"get", b"GET,", b"A" * 40])
def test_a_method_is_refused(method: bytes) -> None:
    with pytest.raises(BadRequest):
        read(get(first=method + b" / HTTP/1.1"))


@pytest.mark.parametrize(
    "target",
    [
        b"/",
        b"//",
        b"/a%2Fb",
        b"/a%",
        b"/a;b=c",
        b"/?",
        b"/a?b#".rstrip(b"#"),
        b'/"<>\\^`{|}',
        b"/http://a/",
        b"/~!$&'()*+,",
    ],
)
def test_a_target_passes_as_it_came(target: bytes) -> None:
    assert read(get(first=b"GET " + target + b" HTTP/1.1")).target == target


@pytest.mark.parametrize(
    ("lines", "minor", "kept"),
    [
        ((), 1, True),
        ((), 0, False),
        ((b"Connection: close",), 1, False),
        ((b"Connection: keep-alive",), 0, True),
        ((b"Connection: Keep-Alive, Close",), 1, False),
        ((b"Connection: x", b"connection:CLOSE"), 1, False),
        ((b"Connection: ",), 1, True),
        ((b"Connection: closed",), 1, True),
    ],
)
def test_whether_the_connection_is_kept(lines: tuple[bytes, ...], minor: int, kept: bool) -> None:
    assert read(get(*lines, first=b"GET / HTTP/1.%d" % minor)).keep_alive is kept


def test_what_connection_names_is_for_one_connection() -> None:
    head = read(get(b"Connection: X-One ,close,, keep-alive", b"Connection: x-two, Upgrade"))
    assert head.nominated == {b"x-one", b"x-two"}


@pytest.mark.parametrize(
    ("lines", "length", "chunked"),
    [
        ((b"Content-Length: 0",), 0, False),
        ((b"Content-Length: 7",), 7, False),
        ((b"content-length:007",), 7, False),
        ((b"Content-Length: 999999999999999999",), 10**18 - 1, False),
        ((b"Transfer-Encoding: chunked",), 0, True),
        ((b"transfer-encoding:CHUNKED ",), 0, True),
    ],
)
def test_a_body_is_announced_in_one_way(lines: tuple[bytes, ...], length: int, chunked: bool) -> None:
    head = read(get(*lines, first=b"POST / HTTP/1.1"))
    assert (head.length, head.chunked) == (length, chunked)


def test_an_expectation_is_seen_and_means_nothing_in_the_old_version() -> None:
    assert read(get(b"Expect: 100-Continue")).expects
    assert not read(get(b"Expect: 100-continue", first=b"GET / HTTP/1.0")).expects
    with pytest.raises(BadRequest, match="expectation"):
        read(get(b"Expect: miracles"))


WEBSOCKET = (
    b"Connection: keep-alive, Upgrade",
    b"Upgrade: WebSocket",
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    b"Sec-WebSocket-Version: 13",
)


def test_a_websocket_handshake_is_known_and_nothing_like_it_is() -> None:
    assert read(get(*WEBSOCKET)).websocket
    assert not read(get(*WEBSOCKET[1:])).websocket
    with pytest.raises(BadRequest, match="handshake"):
        read(get(*WEBSOCKET[:-1]))
    with pytest.raises(BadRequest, match="handshake"):
        read(get(*WEBSOCKET, first=b"PUT / HTTP/1.1"))


@pytest.mark.parametrize(
    "host", [b"a", b"a.example:80", b"a:", b"127.0.0.1:65535", b"[::1]", b"[::ffff:1.2.3.4]:8080", b"a_b", b"x" * 255]
)
def test_a_host_is_a_host(host: bytes) -> None:
    head = read(b"GET / HTTP/1.1\r\nHost:" + host + b"\r\n\r\n")
    assert head.value(head.shape.host) == host


@pytest.mark.parametrize("host", [b"", b":80", b"a b", b"a,b", b"a/b", b"a@b", b"a:b", b"a:123456", b"[g]", b"x" * 256])
def test_a_host_that_is_none_is_refused(host: bytes) -> None:
    with pytest.raises(BadRequest, match="Host"):
        read(b"GET / HTTP/1.1\r\nHost:" + host + b"\r\n\r\n")


@pytest.mark.parametrize(
    ("data", "refusal", "reason"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", BadRequest, "no Host"),
        (b"GET / HTTP/1.1\r\nX: y\r\n\r\n", BadRequest, "no Host"),
        (get(b"host: b"), BadRequest, "host appears more than once"),
        (get(b"Content-Length: 1", b"content-length: 1"), BadRequest, "llhttp|content-length appears more"),
        (get(b"Transfer-Encoding: chunked", b"Content-Length: 1"), BadRequest, "a length and chunks|llhttp"),
        (get(b"Content-Length: 1x"), BadRequest, "llhttp|number of bytes"),
        (get(b"Content-Length: 1" + b"0" * 18), BadRequest, "llhttp|number of bytes"),
        (get(b"Transfer-Encoding: gzip"), BadRequest, "transfer coding|llhttp"),
        (get(b"Transfer-Encoding: chunked", first=b"GET / HTTP/1.0"), BadRequest, "transfer coding|llhttp"),
        (get(b"Authorization: a", b"authorization: b"), AmbiguousCredentials, "authorization appears more"),
        (get(b"Proxy-Authorization: a", b"Proxy-Authorization: a"), AmbiguousCredentials, "proxy-authorization"),
        (get(b"Connection: host"), BadRequest, "Connection names Host"),
        (get(first=b"GET  / HTTP/1.1"), BadRequest, "request line"),
        (get(b"X : y"), BadRequest, "header field"),
        (get() + b"more", BadRequest, "header field|not well-formed"),
        (b"", BadRequest, "request line"),
    ],
)
def test_a_refusal_says_which_part_it_is_about(data: bytes, refusal: type[Refusal], reason: str) -> None:
    with pytest.raises(refusal, match=reason) as caught:
        read(data)
    assert type(caught.value) is refusal


def test_where_the_two_gates_disagree_the_head_is_refused() -> None:
    """llhttp reads a lone CONNECT-like upgrade, or another body, where the grammar does not: nothing of it passes."""
    upgrade = get(b"Connection: upgrade", b"Upgrade: h2c")
    with pytest.raises(BadRequest):
        read(upgrade)
    with pytest.raises(BadRequest, match="llhttp refuses the head"):
        read(get(first=b"PLAY / HTTP/1.1"))  # a method of RTSP


def test_a_table_that_says_otherwise_than_llhttp_lets_nothing_pass() -> None:
    """What is remembered of names, or of the last head, could be wrong: llhttp sees every head all the same."""
    data = get(b"Content-Length: 3")
    kept = shapes()
    wrong = parse(data, kept)
    wrong.shape = replace(wrong.shape, plain=True)
    kept.keep(wrong)
    kept.keep(wrong)  # at the second sight
    with pytest.raises(BadRequest, match="another body"):
        parse(data, kept)
    before = read(data)
    before.length = 0
    assert parse(data, shapes(), before).length == 3


def test_the_last_head_says_nothing_of_one_in_another_version() -> None:
    before = read(get())
    assert before.keep_alive
    assert not parse(get(first=b"GET / HTTP/1.0"), shapes(), before).keep_alive


# shapes


def test_a_shape_says_where_the_framing_is() -> None:
    assert shape((b"Host", b"Content-Length", b"Transfer-Encoding"), len).fault is BadRequest
    made = shape((b"HOST", b"Content-Length", b"Connection", b"Expect", b"connection", b"Upgrade"), tuple)
    assert (made.host, made.length, made.connection, made.expect, made.upgrade) == (0, 1, (2, 4), 3, 5)
    assert (made.chunked, made.plain, made.fault) == (-1, False, None)
    assert made.plan == (b"host", b"content-length", b"connection", b"expect", b"upgrade")


def test_a_kept_shape_is_used_again_and_an_unkept_one_is_made_again() -> None:
    kept, data = shapes(), get(b"Accept: a")
    first = parse(data, kept)
    assert parse(data, kept).shape is not first.shape
    kept.keep(first)
    assert parse(data, kept).shape is not first.shape  # what comes but once isn't kept
    kept.keep(first)
    assert parse(data, kept).shape is first.shape
    assert parse(get(b"accept: a"), kept).shape is not first.shape  # another spelling, another shape
    kept.keep(parse(data, kept))


def test_the_shapes_that_are_kept_are_bounded_in_number_and_in_size() -> None:
    kept = shapes(most=4)
    made = [read(get(b"X-%d: a" % number)) for number in range(6)]
    for each in made * 2:
        kept.keep(each)
    assert [kept.of(each.shape.names) is each.shape for each in made] == [False, False, True, True, True, True]
    long = read(get(b"X" * Shapes.MOST_NAMES + b": a"))
    kept.keep(long)
    kept.keep(long)
    assert kept.of(long.shape.names) is not long.shape


def test_thousands_of_fields_of_one_name_are_read_in_linear_time() -> None:
    names = (b"Host", *[b"a"] * 30_000)
    assert len(shape(names, len).at[b"a"]) == 30_000  # would take some seconds if each made a longer copy


# what anyone may send

_VALID = [
    get(),
    get(first=b"GET /a?b HTTP/1.0"),
    get(b"Authorization: Bearer a.b.c", b"Accept: */*", b"User-Agent: x y"),
    get(b"Content-Length: 3", first=b"POST /upload HTTP/1.1"),
    get(b"Transfer-Encoding: chunked", b"Trailer: x", first=b"PUT /upload HTTP/1.1"),
    get(b"Connection: close, x-a", b"X-A: 1", b"Expect: 100-continue", b"Content-Length: 0", first=b"POST / HTTP/1.1"),
    get(b"Connection: keep-alive", first=b"HEAD / HTTP/1.0"),
    get(*WEBSOCKET),
]
_BYTES = (
    b"\r",
    b"\n",
    b"\r\n",
    b"\x00",
    b" ",
    b"\t",
    b":",
    b",",
    b"\x0b",
    b"\x7f",
    b"\x80",
    b"0",
    b"5",
    b"-",
    b"#",
    b"?",
)
_LINES = (
    *(b"Host: b\r\n", b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n"),
    *(b"Transfer-Encoding: identity\r\n", b"Connection: upgrade\r\n", b"Upgrade: h2c\r\n", b"Connection: close\r\n"),
    *(b"Expect: 100-continue\r\n", b"X_Identity_Subject: a\r\n", b" folded\r\n", b"GET / HTTP/1.1\r\n"),
    *(b"chunked", b"HTTP/1.0", b"http://a"),
)
_PIECES = st.sampled_from(_BYTES + _LINES) | st.binary(min_size=1, max_size=3)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A valid head with a few places changed, and its end left where it was or not."""
    data = draw(st.sampled_from(_VALID))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        gone = draw(st.sampled_from([0, 0, 1, 2, 8]))
        data = data[:at] + draw(_PIECES | st.just(b"")) + data[at + gone :]
    return data


class _Llhttp:
    def __init__(self, data: bytes) -> None:
        self.fields: list[tuple[bytes, bytes]] = []
        self.url = b""
        parser = HttpRequestParser(self)
        with suppress(HttpParserUpgrade):
            parser.feed_data(data)
        self.method = parser.get_method()

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name, value))


def _fields(head: Head[int]) -> list[tuple[bytes, bytes]]:
    return [(name.lower(), head.value(index)) for index, name in enumerate(head.shape.names)]


def _h11_agrees(head: Head[int], data: bytes) -> None:
    """h11 sees the same request, and the same body in what follows."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    body = b"5\r\nhello\r\n0\r\n\r\n" if head.chunked else b"x" * min(head.length, 1000)
    connection.receive_data(data + body + b"NEXT")
    request = connection.next_event()
    assert isinstance(request, h11.Request)
    assert (request.method, request.target, request.http_version) == (head.method, head.target, b"1.%d" % head.minor)
    assert list(request.headers) == _fields(head)
    taken = b""
    while isinstance(event := connection.next_event(), h11.Data):
        taken += event.data
    if head.length > 1000:
        assert event is h11.NEED_DATA
        return
    assert isinstance(event, h11.EndOfMessage)
    assert taken == (b"hello" if head.chunked else body)
    assert connection.trailing_data[0] == b"NEXT"
    # where Upgrade stands, h11 keeps open that the protocol may change, whatever Connection says
    if head.minor == 1 and b"upgrade" not in dict(request.headers):
        assert (connection.their_state is h11.MUST_CLOSE) is not head.keep_alive


@examples(500)
@given(mutated() | st.binary(max_size=80).map(lambda noise: noise + b"\r\n\r\n"))
@example(get(b"Transfer-Encoding: chunked", b"Content-Length: 5"))
@example(b"GET / HTTP/1.1\nHost: a\n\n")
def test_whatever_arrives_is_refused_or_read_as_llhttp_and_h11_read_it(data: bytes) -> None:
    try:
        head = read(data)
    except (BadRequest, AmbiguousCredentials):
        return
    llhttp = _Llhttp(data)
    assert (llhttp.method, llhttp.url) == (head.method, head.target)
    assert [(name, value.rstrip(b" \t")) for name, value in llhttp.fields] == list(
        zip(head.shape.names, [head.value(index) for index in range(len(head.lines))], strict=True)
    )
    _h11_agrees(head, data)


@examples(200)
@given(mutated())
def test_a_kept_shape_and_a_new_one_give_the_same_head(data: bytes) -> None:
    kept = shapes()
    try:
        first = parse(data, kept)
    except Refusal:
        return
    kept.keep(first)
    kept.keep(first)
    second = parse(data, kept)
    assert second.shape is first.shape
    assert _slots(second) == _slots(first) == _slots(read(data))


@examples(300)
@given(
    mutated(), st.sampled_from([b"", b"GET /a", b"POST /b?c", b"HEAD /", b"OPTIONS /x", b"CONNECT /", b"get /", b"GET"])
)
def test_a_head_is_read_as_it_is_without_the_last_head(data: bytes, other: bytes) -> None:
    try:
        before = read(data)
    except Refusal:
        return
    again = other + data[data.index(b" HTTP/1.") :] if other else data
    try:
        alone = read(again)
    except Refusal as refusal:
        with pytest.raises(type(refusal)):
            parse(again, shapes(), before)
        return
    assert _slots(parse(again, shapes(), before)) == _slots(alone)


def test_what_a_door_noted_goes_on_with_the_same_head_alone() -> None:
    data = get(b"Accept: a")
    before = read(data)
    before.memo = note = {"a": 1}
    assert parse(data, shapes(), before).memo is note
    for other in (data.replace(b"GET /", b"HEAD /", 1), data.replace(b" / ", b" /b "), get(b"Accept: b")):
        assert parse(other, shapes(), before).memo == {}


def _slots(head: Head[int]) -> Mapping[str, object]:
    return {name: getattr(head, name) for name in Head.__slots__}


# fields that are known

TOKENS = {b"good": object(), b"also.good": object()}
BEARER = b"Authorization: Bearer good"


def knowing() -> Shapes[int]:
    return Shapes(len, token=TOKENS.get)


def known(table: Shapes[int], *heads: bytes) -> None:
    """Let *heads* in as often as it takes until they are known."""
    for data in heads:
        for _ in range(4):  # its names at the second sight, and they at the second after
            table.keep(parse(data, table))


def is_known(table: Shapes[int], data: bytes) -> bool:
    """Whether *data* is read by what *table* holds."""
    host = parse(data, table).host
    return any(entry._head.host is host for entry in table._known.values())


def test_fields_are_known_by_whatever_known_token_and_whatever_they_are_sent_for() -> None:
    table, data = knowing(), get(b"Accept: a", BEARER, b"X: b")
    for turn in range(4):
        assert not is_known(table, data), turn
        table.keep(parse(data, table))
    other = get(b"Accept: a", b"Authorization: Bearer also.good", b"X: b", first=b"POST /b?c HTTP/1.1")
    assert is_known(table, data)
    assert is_known(table, other)
    head = parse(other, table)
    assert (head.cut, head.token) == (b"also.good", TOKENS[b"also.good"])
    assert (head.method, head.target, head.path) == (b"POST", b"/b?c", b"/b")
    assert head.whole == other
    assert head.lines == [b"Host: agent", b"Accept: a", b"Authorization: Bearer ", b"X: b"]


@pytest.mark.parametrize(
    "other",
    [
        get(b"Accept: b", BEARER),
        get(b"accept: a", BEARER),
        get(b"Accept:a", BEARER),
        get(b"Accept: a ", BEARER),
        get(BEARER, b"Accept: a"),
        get(b"Accept: a", b"authorization: Bearer good"),
        get(b"Accept: a", b"Authorization: Bearer  good"),
        get(b"Accept: a", BEARER, b"X: a"),
        get(b"Accept: a", BEARER, first=b"GET / HTTP/1.0"),
        get(b"Accept: a", b"Authorization: Bearer bad"),
        get(b"Accept: a", b"Authorization: Bearer good "),
        get(b"Accept: a", b"Authorization: Bearer "),
    ],
)
def test_fields_that_differ_in_one_byte_or_come_with_another_token_are_read_anew(other: bytes) -> None:
    table = knowing()
    known(table, get(b"Accept: a", BEARER))
    assert is_known(table, get(b"Accept: a", BEARER))
    assert not is_known(table, other)


@pytest.mark.parametrize(
    "lines",
    [
        (BEARER, b"Content-Length: 3"),
        (BEARER, b"Transfer-Encoding: chunked"),
        (BEARER, b"Expect: 100-continue"),
        (BEARER, b"Connection: upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Key: " + b"A" * 22 + b"=="),
        (BEARER, b"Cookie: a=b"),
        (BEARER, b"COOKIE: a=b"),
        (BEARER, b"Proxy-Authorization: Basic YTpi"),
        (BEARER, b"X-Api-Key: a"),
        (BEARER, b"X-Access-Token: a"),
        (BEARER, b"Session-Id: a"),
        (BEARER, b"X-Long: " + b"a" * Shapes.LONGEST_KNOWN),
        (b"Authorization:  Bearer good",),
        (b"Authorization: Basic good",),
        (b"Authorization: Bearer bad",),
    ],
)
def test_no_body_nor_upgrade_is_known_and_no_secret_is_held(lines: tuple[bytes, ...]) -> None:
    table, data = knowing(), get(*lines)
    with suppress(BadRequest):
        known(table, data)
        assert not is_known(table, data)
    assert not table._known


def test_nothing_of_the_caller_is_held_with_the_fields() -> None:
    table = knowing()
    known(table, get(BEARER, first=b"GET /secret HTTP/1.1"))
    ((key, entry),) = table._known.items()
    assert b"good" not in key
    held = entry._head
    assert (held.whole, held.cut, held.token, held.method, held.target, held.path) == (b"", b"", None, b"", b"", b"")
    assert not any(b"good" in line for line in held.lines)


def test_where_tokens_are_passed_on_none_is_cut_out_and_no_fields_are_known() -> None:
    table, data = shapes(), get(BEARER)
    known(table, data)
    assert not table._known
    assert parse(data, table).lines[1] == BEARER


def test_fields_that_are_known_say_what_the_door_noted_of_them() -> None:
    table, data = knowing(), get(BEARER, b"X-Id: 0a")
    known(table, data)
    parse(data, table).memo["noted"] = 1
    assert parse(data, table).memo == {"noted": 1}
    assert parse(data, knowing()).memo == {}
    other = get(BEARER, b"X-Id: 0b")
    known(table, other)
    assert (parse(other, table).memo, parse(other, table).varied) == ({}, (2,))  # it was of the first ones


def test_ids_may_differ_and_everything_else_may_not() -> None:
    table = knowing()
    first, second = get(b"X-Id: 00-1f", BEARER, b"Deed: a-1"), get(b"X-Id: 00-e9", BEARER, b"Deed: a-1")
    known(table, first)
    assert not is_known(table, second)
    known(table, second)
    third = get(b"X-Id: ff-3B", BEARER, b"Deed: a-1")
    assert parse(third, table).lines == [b"Host: agent", b"X-Id: ff-3B", b"Authorization: Bearer ", b"Deed: a-1"]
    assert parse(third, table).varied == (1,)
    for data in (first, second, third):
        assert is_known(table, data)
    for differing in (
        get(b"X-Id: ff-3B", BEARER, b"Deed: a-2"),
        get(b"X-Id: ff-3G", BEARER, b"Deed: a-1"),
        get(b"X-Id: ff-3B0", BEARER, b"Deed: a-1"),
        get(b"X-Id: ff_3B", BEARER, b"Deed: a-1"),
        get(b"X-Id: ff-3B", BEARER, b"Daed: a-1"),
        get(b"X-Id: ff-3B", BEARER, b"Deeb: a-1"),
    ):
        assert not is_known(table, differing)


def test_another_name_of_the_same_digits_is_another_field() -> None:
    table = knowing()
    known(table, get(b"Fab: 1", BEARER), get(b"Bad: 1", BEARER))
    assert is_known(table, get(b"Fab: 1", BEARER))
    assert not is_known(table, get(b"Bad: 1", BEARER))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (b"Host: a1\r\n", b"Host: a2\r\n"),
        (b"Host: aa\r\nConnection: x-a\r\n", b"Host: aa\r\nConnection: x-b\r\n"),
        (b"Host: aa\r\nTE: a\r\n", b"Host: aa\r\nTE: b\r\n"),
    ],
)
def test_what_a_head_is_read_for_never_varies(first: bytes, second: bytes) -> None:
    table = knowing()
    one, other = (b"GET / HTTP/1.1\r\n" + fields + BEARER + b"\r\n\r\n" for fields in (first, second))
    known(table, one, other)
    assert is_known(table, one)
    assert not is_known(table, other)
    assert _said(parse(other, table)) == _said(parse(other, knowing()))


def test_no_more_lines_vary_than_are_worth_it() -> None:
    table = knowing()
    lines = [b"X-%d: 1" % number for number in range(Known.MOST_VARIED + 1)]
    known(table, get(BEARER, *lines), get(BEARER, *[line[:-1] + b"2" for line in lines]))
    assert is_known(table, get(BEARER, *lines))
    assert not is_known(table, get(BEARER, *[line[:-1] + b"2" for line in lines]))


def test_the_fields_that_are_known_are_bounded_in_number() -> None:
    table = knowing()
    for number in range(Shapes.MOST_KNOWN + 10):
        known(table, get(BEARER, b"X: " + b"x" * number))
        assert len(table._known) <= Shapes.MOST_KNOWN
    assert is_known(table, get(BEARER, b"X: " + b"x" * number))


def test_fields_are_known_for_a_minute_at_most() -> None:
    table, data = knowing(), get(BEARER)
    table.sweep(1000.0)
    known(table, data)
    table.sweep(1060.0)
    assert is_known(table, data)
    table.sweep(1060.1)
    assert not is_known(table, data)


def test_request_lines_are_remembered_within_bounds_and_without_what_may_be_a_secret() -> None:
    table = knowing()
    known(table, get(BEARER))
    for number in range(Shapes.MOST_LINES + 10):
        assert parse(get(BEARER, first=b"GET /%d HTTP/1.1" % number), table).path == b"/%d" % number
        assert len(table._lines) <= Shapes.MOST_LINES
    for target in (b"/a?access_token=b", b"/sessions/b", b"/" + b"a" * Shapes.LONGEST_LINE):
        assert parse(get(BEARER, first=b"GET " + target + b" HTTP/1.1"), table).target == target
        assert not any(target in line for line in table._lines)
    table.sweep(1000.0)
    assert not table._lines


LINES = (
    *(b"GET / HTTP/1.1", b"POST /a?b HTTP/1.1", b"GET / HTTP/1.0", b"PLAY / HTTP/1.1", b"GET x HTTP/1.1"),
    *(b"GET /a#b HTTP/1.1", b"GET  / HTTP/1.1", b"GET / HTTP/1.1 ", b"GET / a HTTP/1.1", b"get / HTTP/1.1"),
    *(b"GET /\x7f HTTP/1.1", b"GET /\xe9 HTTP/1.1", b"M-SEARCH / HTTP/1.1", b"TRACE / HTTP/1.1", b"GET / HTTP/2.0"),
    *(b"CONNECT / HTTP/1.1", b"GET /'\"<>[]{}|^`% HTTP/1.1", b"GET /\tb HTTP/1.1", b"GET /", b"", b"GET /\0 HTTP/1.1"),
    *(
        b"GET / HTTP/1.1\n",
        b"GET / HTTP/1.1\rX: a",
        b" GET / HTTP/1.1",
        b"GET http://a/ HTTP/1.1",
        b"OPTIONS * HTTP/1.1",
    ),
    *(
        b"GET /? HTTP/1.1",
        b"GET /~!$&()*+,;=:@-._\\ HTTP/1.1",
        b"GET / http/1.1",
        b"GET / HTTP/1.1\r",
        b"GET\t/ HTTP/1.1",
    ),
)


@pytest.mark.parametrize("first", LINES)
def test_a_request_line_before_known_fields_is_read_as_any(first: bytes) -> None:
    table, data = knowing(), get(BEARER, first=first)
    known(table, get(BEARER))
    try:
        alone = parse(data, knowing())
    except Refusal as refusal:
        with pytest.raises(type(refusal), match=re.escape(refusal.reason)):
            parse(data, table)
    else:
        assert _said(parse(data, table)) == _said(alone)


@pytest.mark.parametrize("first", [b"GET / HTTP/1.1", b"GET /b HTTP/1.1"])
def test_llhttp_sees_what_is_known_as_well(first: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing:
        def __init__(self, gate: object) -> None: ...

        def feed_data(self, data: bytes) -> None:
            raise HttpParserError

    table, data = knowing(), get(BEARER)
    known(table, data)
    before, again = parse(data, table), get(BEARER, first=first)
    assert is_known(table, again)
    monkeypatch.setattr("sidecar.relay.head.HttpRequestParser", Refusing)
    for last in (before, None):
        with pytest.raises(BadRequest, match="llhttp refuses the head"):
            parse(again, table, last)


@examples(300)
@given(mutated(), mutated(), st.booleans())
def test_two_heads_are_never_one(data: bytes, other: bytes, same: bool) -> None:
    table, bearing = knowing(), get(BEARER, b"X-Id: 1")
    known(table, bearing)
    last = parse(bearing, table)
    for first, second in ((data, other), (bearing, data), (data, bearing), (bearing, bearing)):
        both = first + second
        if both.endswith(b"\r\n\r\n") and both.index(b"\r\n\r\n") + 4 < len(both):
            with pytest.raises(BadRequest):
                parse(both, table, last if same else None)


_PART = st.sampled_from([b"a", b"F", b"0", b"9", b"-", b"g", b" ", b":", b"=", b"%", b"%b"])
_FIELD = st.tuples(
    st.sampled_from([b"X-Id", b"X-Id", b"Fab", b"Bad", b"traceparent", b"Connection", b"Accept", b"x_a", b"Expect"]),
    st.lists(_PART, max_size=4).map(b"".join),
)
_SENT = st.tuples(
    st.sampled_from(LINES[:5]),
    st.sampled_from([b"good", b"also.good", b"bad"]),
    st.lists(_FIELD, max_size=3),
)


@examples(300)
@given(st.lists(_SENT, min_size=4, max_size=12))
def test_reading_with_what_is_known_equals_reading_without(
    sent: list[tuple[bytes, bytes, list[tuple[bytes, bytes]]]],
) -> None:
    table = knowing()
    for first, token, fields in sent + sent:
        lines = [name + b": " + value for name, value in fields]
        data = get(*lines, b"Authorization: Bearer " + token, first=first)
        try:
            alone = parse(data, knowing())
        except Refusal as refusal:
            with pytest.raises(type(refusal)):
                parse(data, table)
            continue
        found = parse(data, table)
        assert _said(found) == _said(alone)
        table.keep(found)


@examples(300)
@given(mutated().map(lambda data: data.replace(b"\r\n", b"\r\n" + BEARER + b"\r\n", 1)), st.data())
def test_whatever_is_known_other_digits_are_read_as_they_are_without_it(data: bytes, draws: st.DataObject) -> None:
    """Ids in any place: what comes of them is what would come had nothing been known."""
    table = knowing()
    for _ in range(4):
        changed = bytearray(data)
        places = [at for at, byte in enumerate(data) if byte in b"0123456789abcdefABCDEF"]
        for at in draws.draw(st.lists(st.sampled_from(places), max_size=3)):
            changed[at] = draws.draw(st.sampled_from(b"0a7F"))
        again = bytes(changed)
        for _ in range(3):
            try:
                alone = parse(again, knowing())
            except Refusal as refusal:
                with pytest.raises(type(refusal)):
                    parse(again, table)
                break
            found = parse(again, table)
            assert _said(found) == _said(alone)
            table.keep(found)


def _said(head: Head[int]) -> Mapping[str, object]:
    """All that a head says to those who come after."""
    return {name: value for name, value in _slots(head).items() if name not in ("key", "memo", "varied")}


# trailers


def test_trailers_are_read_by_lower_case_name() -> None:
    assert trailers(b"\r\n") == []
    assert trailers(b"X-A: 1\r\nX-a:2\r\n\r\n") == [(b"x-a", b"X-A: 1"), (b"x-a", b"X-a:2")]
    for bad in (
        b"",
        b"X: 1\r\n",
        b"X : 1\r\n\r\n",
        b"X: 1\n\r\n",
        b"X: 1\r\n y\r\n\r\n",
        b"X: \x00\r\n\r\n",
        b"\r\n\r\n",
    ):
        with pytest.raises(ValueError, match="trailer section"):
            trailers(bad)
