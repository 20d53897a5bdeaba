"""The load: a closed loop over one blocking connection, or over several with epoll; and streams, event by event.

A connection sends its next request when the answer to the last is complete, so one connection measures latency and
several measure what a proxy saves by finding more than one thing to do. Whatever isn't a complete 200 of the expected
size ends the measuring: a proxy that refuses quickly must not look fast.
"""

import select
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from itertools import cycle

BUFFER = 1 << 18
PATIENCE_SECONDS = 10.0
EVENT_END = b"\n\n\r\n"
END_STREAMS = b"\xff"

clock = time.perf_counter_ns


class WrongAnswer(Exception):
    """Not the answer that was asked for."""


def connect(port: int) -> socket.socket:
    """A connection to *port* of this machine."""
    connection = socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


@contextmanager
def connected(port: int, how_many: int) -> Iterator[list[socket.socket]]:
    """*how_many* connections, closed at the end."""
    with ExitStack() as stack:
        yield [stack.enter_context(closing(connect(port))) for _ in range(how_many)]


def expected(first: bytes | memoryview, size: int) -> int:
    """Bytes of the whole answer that begins with *first*, its body being *size* bytes."""
    start = bytes(first[:8192])
    end = start.find(b"\r\n\r\n")
    if start[8:13] != b" 200 " or end < 0:
        raise WrongAnswer(start[:300].decode(errors="replace"))
    return end + 4 + size


def ask(connection: socket.socket, request: bytes) -> bytes:
    """One exchange, whatever the answer: what arrives in one piece."""
    connection.sendall(request)
    return connection.recv(BUFFER)


def one_by_one(connection: socket.socket, requests: Iterator[bytes], count: int, size: int) -> list[int]:
    """*count* exchanges over one connection; nanoseconds that each took."""
    buffer = memoryview(bytearray(BUFFER))
    send, receive = connection.sendall, connection.recv_into
    took = []
    for _ in range(count):
        request = next(requests)
        begun = clock()
        send(request)
        got = receive(buffer)
        missing = expected(buffer[:got], size) - got
        while missing > 0:
            got = receive(buffer)
            missing -= got
            if not got:
                break
        took.append(clock() - begun)
        if missing:
            raise WrongAnswer(f"{missing} bytes are missing")
    return took


def side_by_side(connections: Sequence[socket.socket], requests: Iterator[bytes], count: int, size: int) -> list[int]:
    """*count* exchanges over several connections, each going on as soon as it has its answer; ns that each took."""
    buffer = memoryview(bytearray(BUFFER))
    poll = select.epoll()
    by_number = {connection.fileno(): connection for connection in connections}
    begun: dict[int, int] = {}
    missing: dict[int, int] = {}
    took: list[int] = []
    unsent = count

    for number, connection in by_number.items():
        poll.register(number, select.EPOLLIN)
        begun[number] = clock()
        connection.sendall(next(requests))
        unsent -= 1
    with closing(poll):
        while begun:
            ready = poll.poll(PATIENCE_SECONDS)
            if not ready:
                raise WrongAnswer("no answer came")
            for number, _ in ready:
                connection = by_number[number]
                got = connection.recv_into(buffer)
                left = missing.pop(number, 0) or expected(buffer[:got], size)
                left -= got
                if left:
                    if left < 0 or not got:
                        raise WrongAnswer(f"{left} bytes are missing")
                    missing[number] = left
                    continue
                took.append(clock() - begun.pop(number))
                if unsent > 0:
                    unsent -= 1
                    begun[number] = clock()
                    connection.sendall(next(requests))
    return took


def exchanges(connections: Sequence[socket.socket], requests: Iterator[bytes], count: int, size: int) -> list[int]:
    """*count* exchanges over *connections*; nanoseconds that each took."""
    if len(connections) == 1:
        return one_by_one(connections[0], requests, count, size)
    return side_by_side(connections, requests, count, size)


@contextmanager
def streams(port: int, tick: socket.socket, heads: Sequence[bytes]) -> Iterator[list[socket.socket]]:
    """One open stream for each of *heads*, ended by the agent at the end."""
    with connected(port, len(heads)) as connections:
        for connection, head in zip(connections, heads, strict=True):
            expected(ask(connection, head), 0)
        yield connections
        tick.sendall(END_STREAMS)
        for connection in connections:
            if not connection.recv(BUFFER).endswith(b"0\r\n\r\n"):
                raise WrongAnswer("a stream did not end")


def events(connections: Sequence[socket.socket], tick: socket.socket, count: int, pause: float) -> None:
    """*count* events over the streams; a stream's next is asked for *pause* seconds after the last has arrived."""
    poll = select.epoll()
    places = {connection.fileno(): place for place, connection in enumerate(connections)}
    for number in places:
        poll.register(number, select.EPOLLIN)
    tick.sendall(bytes(range(len(connections))))
    with closing(poll):
        sent, arrived = len(connections), 0
        while arrived < count:
            ready = poll.poll(PATIENCE_SECONDS)
            if not ready:
                raise WrongAnswer("no event came")
            for number, _ in ready:
                place = places[number]
                if not connections[place].recv(BUFFER).endswith(EVENT_END):
                    raise WrongAnswer("an event came in pieces")
                arrived += 1
                if sent < count:
                    sent += 1
                    if pause:
                        time.sleep(pause)
                    tick.sendall(bytes((place,)))


def endless(requests: Sequence[bytes]) -> Iterator[bytes]:
    """The same requests over and over."""
    return cycle(requests)


def fetch_number(port: int, path: str) -> int:
    """The number that is the whole body at *path*."""
    with closing(connect(port)) as connection:
        return int(
            ask(connection, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()).rpartition(b"\r\n\r\n")[2]
        )
