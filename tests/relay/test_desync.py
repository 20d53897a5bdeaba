"""Whatever bytes a caller sends in whatever pieces: the agent gets no request that a third reader would not see."""

import asyncio
from contextlib import suppress
from itertools import pairwise

import h11
from hypothesis import example, given
from hypothesis import strategies as st

from tests.fuzzing import examples
from tests.relay.agents import agent
from tests.relay.callers import caller
from tests.relay.relaying import plain

Read = list[tuple[bytes, bytes, bytes]]
LAST = b"GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
SECONDS = 0.05


def by_h11(data: bytes) -> Read:
    """(method, target, body) of each request that is whole, up to the first that h11 refuses."""
    read: Read = []
    while data:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
        connection.receive_data(data)
        try:
            request = connection.next_event()
            if not isinstance(request, h11.Request):
                break
            body = b""
            while isinstance(event := connection.next_event(), h11.Data):
                body += event.data
        except h11.RemoteProtocolError:
            break
        if not isinstance(event, h11.EndOfMessage):
            break
        read.append((request.method, request.target, body))
        if connection.their_state is h11.MUST_CLOSE:
            break
        data = connection.trailing_data[0]
    return read


async def by_the_agent(pieces: list[bytes]) -> Read:
    async with agent() as upstream, plain(upstream.endpoint) as served:
        async with caller(served.endpoint) as one:
            with suppress(ConnectionError, TimeoutError):
                for piece in pieces:
                    one.send(piece)
                    await asyncio.sleep(0)
                async with asyncio.timeout(SECONDS):
                    await one.rest()
        assert not [problem for problem in upstream.garbage if "ended inside a body" not in problem], upstream.garbage
        return [(request.method, request.target, request.body) for request in upstream.seen]


_bodies = st.sampled_from(
    [b"", b"hello", b"GET /inner HTTP/1.1\r\nHost: a\r\n\r\n", b"0\r\n\r\n", b"5\r\nhello\r\n0\r\n\r\n"]
)
_LINES = (
    *(b"", b"X: y\r\n", b"Connection: keep-alive\r\n", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"),
    *(b"Transfer-Encoding: identity\r\n", b"X: y\r\n Z: w\r\n", b"Content-Length: 0\r\nX: y\r\n", b"Host: b\r\n"),
)
_fields = st.sampled_from(_LINES)


@st.composite
def _requests(draw: st.DrawFn) -> bytes:
    body = draw(_bodies)
    framing = draw(st.sampled_from(["length", "chunks", "none", "wrong"]))
    head = draw(st.sampled_from([b"GET", b"POST", b"PUT"])) + b" /%d HTTP/1.1\r\nHost: a\r\n" % draw(st.integers(0, 9))
    head += draw(_fields)
    match framing:
        case "length":
            return head + b"Content-Length: %d\r\n\r\n" % len(body) + body
        case "chunks":
            chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            return head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk + b"0\r\n\r\n"
        case "wrong":
            return head + b"Content-Length: %d\r\n\r\n" % max(0, len(body) + draw(st.integers(-2, 2))) + body
        case _:
            return head + b"\r\n" + body


@st.composite
def _streams(draw: st.DrawFn) -> list[bytes]:
    """Some requests one behind the other, perhaps with a byte changed, in a few pieces."""
    data = b"".join(draw(st.lists(_requests(), min_size=1, max_size=4))) + LAST
    if draw(st.booleans()):
        at = draw(st.integers(0, len(data) - 1))
        data = data[:at] + draw(st.sampled_from([b"", b"\r", b"\n", b" ", b"0", b"\x00", b":"])) + data[at + 1 :]
    places = sorted({0, len(data), *draw(st.lists(st.integers(0, len(data)), max_size=4))})
    return [data[start:stop] for start, stop in pairwise(places)]


@examples(200)
@given(_streams())
@example([b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + LAST])
@example([b"POST / HTTP/1.1\r\nHost: a\r\nAuthorization: a\r\nAuthorization: b\r\nContent-Length: 75\r\n\r\n" + LAST])
def test_the_agent_gets_what_a_third_reader_reads_or_a_part_of_it(pieces: list[bytes]) -> None:
    expected = by_h11(b"".join(pieces))
    got = asyncio.run(by_the_agent(pieces))
    assert got == expected[: len(got)]


def test_a_well_formed_stream_is_read_to_its_end() -> None:
    pieces = [
        b"POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe",
        b"lloGET /2 HTTP/1.1\r\nHost: a\r\n\r\n" + LAST,
    ]
    expected = [(b"POST", b"/1", b"hello"), (b"GET", b"/2", b""), (b"GET", b"/last", b"")]
    assert by_h11(b"".join(pieces)) == expected
    assert asyncio.run(by_the_agent(pieces)) == expected
