"""Heads as a forward proxy gets them: absolute form and CONNECT, rewritten and then read as any other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.errors import BadRequest, Refusal
from sidecar.relay.head import Head, Shapes, parse
from sidecar.relay.proxied import read
from tests.fuzzing import examples


def shapes() -> Shapes[None]:
    return Shapes(lambda at: None)


def head(first: bytes, fields: bytes = b"Host: api.example.com\r\n") -> Head[None]:
    return read(first + b"\r\n" + fields + b"\r\n", shapes())


@pytest.mark.parametrize(
    ("first", "authority", "target"),
    [
        (b"GET http://api.example.com/v1?q=1 HTTP/1.1", b"http://api.example.com", b"/v1?q=1"),
        (b"GET http://api.example.com HTTP/1.1", b"http://api.example.com", b"/"),
        (b"GET http://api.example.com?q=1 HTTP/1.1", b"http://api.example.com", b"/?q=1"),
        (b"GET HTTP://api.example.com:8080/ HTTP/1.0", b"HTTP://api.example.com:8080", b"/"),
        (b"POST https://[::1]:9/a//b%2F HTTP/1.1", b"https://[::1]:9", b"/a//b%2F"),
        # What is no host is told from one by who takes it for a host.
        (b"GET http://user@api.example.com/ HTTP/1.1", b"http://user@api.example.com", b"/"),
    ],
)
def test_absolute_form_says_whom_it_is_for_and_is_read_in_origin_form(
    first: bytes, authority: bytes, target: bytes
) -> None:
    read_as = head(first)
    assert (read_as.authority, read_as.target) == (authority, target)
    assert read_as.path == target.partition(b"?")[0]
    assert read_as.host == b"api.example.com"


def test_origin_form_is_for_nobody_else() -> None:
    assert head(b"GET /v1 HTTP/1.1").authority == b""


def test_the_fields_of_the_head_before_are_known_in_absolute_form_too() -> None:
    table = shapes()
    data = b"GET http://api.example.com/%b HTTP/1.1\r\nHost: api.example.com\r\n\r\n"
    first = read(data % b"1", table)
    second = read(data % b"2", table, first)
    assert (second.lines, second.target, second.authority) == (first.lines, b"/2", first.authority)
    third = read(b"GET /3 HTTP/1.1\r\nHost: api.example.com\r\n\r\n", table, second)
    assert (third.target, third.authority) == (b"/3", b"")


def test_origin_form_after_the_same_in_absolute_form_is_for_nobody_else() -> None:
    table, rest = shapes(), b"/1 HTTP/1.1\r\nHost: api.example.com\r\n\r\n"
    first = read(b"GET http://api.example.com" + rest, table)
    again = read(b"GET http://api.example.com" + rest, table, first)
    assert (again.target, again.authority) == (b"/1", b"http://api.example.com")
    assert read(b"GET " + rest, table, again).authority == b""


@pytest.mark.parametrize("minor", [b"0", b"1"])
def test_connect_says_whom_the_tunnel_is_for(minor: bytes) -> None:
    read_as = head(b"CONNECT api.example.com:443 HTTP/1." + minor)
    assert (read_as.method, read_as.authority, read_as.path) == (b"CONNECT", b"api.example.com:443", b"")
    assert read_as.minor == int(minor)


def test_an_old_client_connects_without_a_host() -> None:
    assert head(b"CONNECT api.example.com:443 HTTP/1.0", b"").host == b"api.example.com:443"
    with pytest.raises(BadRequest, match="no Host"):
        head(b"CONNECT api.example.com:443 HTTP/1.1", b"")


REFUSED = [
    b"GET ftp://api.example.com/ HTTP/1.1",
    b"GET http:///path HTTP/1.1",
    b"GET http:/api.example.com/ HTTP/1.1",
    b"GET //api.example.com/ HTTP/1.1 ",
    b"GET api.example.com/ HTTP/1.1",
    b"GET http://api.example.com/a#b HTTP/1.1",
    b"GET http://api.example.com#b HTTP/1.1",
    b"GET http://api.example.com/a b HTTP/1.1",
    b"GET http://api.exam\xc3\xa9ple.com/ HTTP/1.1",
    b"GET http://" + b"a" * 513 + b"/ HTTP/1.1",
    b"GET http://api.example.com/ HTTP/2.0",
    b"GET  http://api.example.com/ HTTP/1.1",
    b"get http://api.example.com/ HTTP/1.1",
    b"TRACE http://api.example.com/ HTTP/1.1",
    b"CONNECT http://api.example.com/ HTTP/1.1",
    b"CONNECT  api.example.com:443 HTTP/1.1",
    b"CONNECT api.example.com:443 HTTP/2.0",
    b"CONNECT api.example.com:443",
    b"CONNECT " + b"a" * 513 + b" HTTP/1.1",
    b"OPTIONS * HTTP/1.1",
    b"GET * HTTP/1.1",
    b"",
]


@pytest.mark.parametrize("first", REFUSED)
def test_what_is_neither_is_refused(first: bytes) -> None:
    if first == b"CONNECT http://api.example.com/ HTTP/1.1":
        # Well-formed as far as splitting goes: it is no host and port to the door.
        assert head(first).authority == b"http://api.example.com/"
        return
    with pytest.raises(BadRequest):
        head(first)


@pytest.mark.parametrize(
    "fields",
    [
        b"Content-Length: 5\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n",
    ],
)
def test_connect_has_no_body_and_no_upgrade(fields: bytes) -> None:
    with pytest.raises(BadRequest, match="CONNECT with"):
        head(b"CONNECT a:1 HTTP/1.1", b"Host: a:1\r\n" + fields)
    assert head(b"CONNECT a:1 HTTP/1.1", b"Host: a:1\r\nContent-Length: 0\r\n").method == b"CONNECT"


def test_the_head_that_is_read_in_a_connects_stead_is_not_known_by_it() -> None:
    connect = head(b"CONNECT a:1 HTTP/1.1", b"Host: a:1\r\n")
    plain = b"GET / HTTP/1.1\r\nHost: a:1\r\n\r\n"
    for before in (connect, read(b"GET http://b/ HTTP/1.1\r\nHost: a:1\r\n\r\n", shapes())):
        for data in (
            plain,
            b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
            b"GET http://c/ HTTP/1.1\r\nHost: a:1\r\n\r\n",
        ):
            found, alone = read(data, shapes(), before), read(data, shapes())
            assert (found.method, found.target, found.path) == (alone.method, alone.target, alone.path)
            assert found.authority == alone.authority


_text = st.text(alphabet=st.characters(min_codepoint=1, max_codepoint=255), max_size=40).map(
    lambda text: text.encode("latin-1")
)


@examples(300)
@given(st.sampled_from([b"GET ", b"CONNECT ", b"GET http://", b"GET /", b"POST https://a"]), _text, _text)
def test_whatever_comes_is_read_as_one_thing_or_refused(start: bytes, middle: bytes, fields: bytes) -> None:
    data = start + middle + b" HTTP/1.1\r\nHost: a\r\n" + fields + b"\r\n\r\n"
    try:
        read_as = read(data, shapes())
    except Refusal:
        return
    line = b"%b %b HTTP/1.%d\r\n" % (read_as.method, read_as.target, read_as.minor)
    assert read_as.method == b"CONNECT" or read_as.target.startswith(b"/")
    assert b"\r" not in line[:-2]
    if read_as.method != b"CONNECT":
        assert parse(line + read_as.whole.partition(b"\r\n")[2], shapes()).lines == read_as.lines
