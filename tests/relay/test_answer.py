"""An agent's answer: what is taken for one, what of it is passed on, and that no third reader sees it otherwise."""

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.relay.answer import Answers
from sidecar.relay.head import Shapes
from tests.fuzzing import examples


def answers() -> Answers:
    return Answers(lambda name: name == b"x-secret")


def said(*lines: bytes, first: bytes = b"HTTP/1.1 200 OK") -> bytes:
    return b"\r\n".join([first, *lines, b"", b""])


def test_an_answer_is_read_and_its_framing_taken_out() -> None:
    answer = answers().parse(
        said(
            b"Content-Type: a",
            b"CONTENT-LENGTH: 5",
            b"X-Secret: s",
            b"Keep-Alive: x",
            b"x-b:  c ",
            first=b"HTTP/1.1 404 Not  Found",
        )
    )
    assert (answer.status, answer.reason, answer.length, answer.chunked) == (404, b"Not  Found", 5, False)
    assert list(answer.lines) == [b"Content-Type: a", b"x-b:  c "]
    assert (answer.keep_alive, answer.upgrade) == (True, b"")


@pytest.mark.parametrize("first", [b"HTTP/1.1 200", b"HTTP/1.1 200 ", b"HTTP/1.1 200 \xe4\t!", b"HTTP/1.1 999 x"])
def test_a_reason_may_be_anything_or_absent(first: bytes) -> None:
    assert answers().parse(said(first=first)).length == -1


@pytest.mark.parametrize(
    ("lines", "first", "kept"),
    [
        ((), b"HTTP/1.1 200 OK", True),
        ((), b"HTTP/1.0 200 OK", False),
        ((b"Connection: close",), b"HTTP/1.1 200 OK", False),
        ((b"Connection: x", b"connection: CLOSE"), b"HTTP/1.1 200 OK", False),
        ((b"Connection: Keep-Alive",), b"HTTP/1.0 200 OK", True),
        ((b"Connection: keep-alive, close",), b"HTTP/1.0 200 OK", False),
    ],
)
def test_whether_the_agents_connection_is_kept(lines: tuple[bytes, ...], first: bytes, kept: bool) -> None:
    assert answers().parse(said(*lines, first=first)).keep_alive is kept


def test_what_an_answers_connection_names_is_taken_out() -> None:
    answer = answers().parse(said(b"Connection: x-a, Upgrade", b"X-A: 1", b"X-B: 2", b"Upgrade: WebSocket"))
    assert list(answer.lines) == [b"X-B: 2"]
    assert answer.upgrade == b"websocket"


def test_equal_lengths_of_an_answer_are_one() -> None:
    assert answers().parse(said(b"Content-Length: 5", b"content-length: 5")).length == 5


def test_an_answer_in_chunks_is_known() -> None:
    assert answers().parse(said(b"Transfer-Encoding: Chunked")).chunked


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n\r\n",
        said(first=b"HTTP/2.0 200 OK"),
        said(first=b"HTTP/1.2 200 OK"),
        said(first=b"HTTP/1.1 20 OK"),
        said(first=b"HTTP/1.1 2000 OK"),
        said(first=b"HTTP/1.1 099 OK"),
        said(first=b"HTTP/1.1  200 OK"),
        said(first=b"ICY 200 OK"),
        said(first=b"HTTP/1.1 200 O\x00K"),
        said(b"Content-Length: 5", b"Content-Length: 6"),
        said(b"Content-Length: 5, 5"),
        said(b"Content-Length: -5"),
        said(b"Content-Length:"),
        said(b"Content-Length: 5", b"Transfer-Encoding: chunked"),
        said(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
        said(b"Transfer-Encoding: gzip, chunked"),
        said(b"Transfer-Encoding: identity"),
        said(b"Transfer-Encoding: chunked", first=b"HTTP/1.0 200 OK"),
        said(b"X : y"),
        said(b"X: y", b" folded"),
        said(b"X: y\rZ: w"),
        said(b"X: y\nZ: w"),
        said(b"X: \x00"),
        said(b": y"),
        said(b"no colon"),
        said() + b"more",
    ],
)
def test_an_answer_of_two_readings_is_none(data: bytes) -> None:
    with pytest.raises(ValueError, match="response"):
        answers().parse(data)


def test_the_shapes_of_answers_are_bounded_too() -> None:
    reader = answers()
    for number in range(Answers.MOST + 10):
        assert list(reader.parse(said(b"X-%d: a" % number, b"X-Secret: s")).lines) == [b"X-%d: a" % number]
    long = b"x" * Shapes.MOST_NAMES
    for _ in range(2):
        assert list(reader.parse(said(b"X-" + long + b": a", b"X-Secret: s")).lines) == [b"X-" + long + b": a"]
    assert list(reader.parse(said(b"X-Secret: s", b"X-1: b")).lines) == [b"X-1: b"]


@examples(150)
@given(st.binary(max_size=60).map(lambda noise: b"HTTP/1.1 200 OK\r\n" + noise + b"\r\n\r\n"))
def test_an_answer_that_is_read_is_read_as_h11_reads_it(data: bytes) -> None:
    try:
        answer = answers().parse(data)
    except ValueError:
        return
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("host", "a")]))
    connection.receive_data(data)
    event = connection.next_event()
    assert isinstance(event, h11.Response)
    assert {line.partition(b":")[0].lower() for line in answer.lines} <= {name for name, _ in event.headers}


def test_an_answers_head_is_read_once_as_long_as_it_is_the_same_and_sets_no_cookie() -> None:
    answers = Answers(lambda name: name == b"x-trace-id")
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Trace-Id: mallory\r\n%b\r\n"
    assert answers.parse(head % b"") is answers.parse(head % b"")
    assert answers.parse(head % b"").start == b"HTTP/1.1 200 OK\r\n"
    cookie = head % b"sEt-Cookie: session=1\r\n"
    assert answers.parse(cookie) is not answers.parse(cookie)
    long = head % (b"X: " + b"a" * Answers.LONGEST_SEEN + b"\r\n")
    assert answers.parse(long) is not answers.parse(long)


def test_the_answers_heads_that_are_remembered_are_bounded() -> None:
    answers = Answers(lambda name: False)
    heads = [b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length for length in range(3 * Answers.MOST_SEEN)]
    for length, head in enumerate(heads):
        assert answers.parse(head).length == length
        assert len(answers._seen) <= Answers.MOST_SEEN
