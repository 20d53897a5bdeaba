"""One measurement of a way out: CPU and latency of kept connections, the first call to a new host, and a proof."""

import socket
import ssl
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass

import traffic
from agent import SMALL
from exits import FIRST, HOST, REAL, Exit, World
from measure import MICRO, Load
from process import Process
from traffic import WrongAnswer

PREFIX, INTERCEPTED = "prefix", "intercepted"
SETTLE_SECONDS = 0.3
COUNT, WARM = 3000, 300
AGENT = "agent.example.com"


@dataclass(frozen=True, slots=True)
class Work:
    """What is asked of a way out: requests over so many kept connections, opened beforehand."""

    name: str
    connections: int
    count: int = COUNT

    @property
    def label(self) -> str:
        """As the table names it."""
        return f"{self.name}, {self.connections} connection{'s' if self.connections > 1 else ''}"


WORKS = tuple(Work(name, connections) for name in (PREFIX, INTERCEPTED) for connections in (1, 8))


@dataclass(frozen=True, slots=True)
class Way:
    """A way out that runs. ``exit`` is None for the upstream itself, which is only compared with."""

    world: World
    exit: Exit | None
    handle: bytes
    context: ssl.SSLContext

    def request(self, name: str, path: bytes = b"/v1/trips/42?currency=EUR") -> bytes:
        """What an SDK sends, with a handle in the place of its key."""
        host, target = b"127.0.0.1:%d" % self.world.plain, path
        if name == INTERCEPTED:
            host = b"%b:%d" % (HOST.encode(), self.world.secure)
        elif self.exit is not None and self.exit.prefix:
            host, target = b"127.0.0.1:%d" % self.exit.launch.port, self.exit.prefix + path
        elif self.exit is not None:
            target = b"http://%b%b" % (host, path)
        return (
            b"GET %b HTTP/1.1\r\nHost: %b\r\nUser-Agent: python-httpx/0.28.1\r\nAccept: */*\r\n"
            b"Accept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\nAuthorization: Bearer %b\r\n\r\n"
        ) % (target, host, self.handle)

    @contextmanager
    def connected(self, name: str, how_many: int) -> Iterator[list[socket.socket]]:
        """*how_many* connections on which requests can be sent: over TLS where they are to be intercepted."""
        with ExitStack() as stack:
            yield [stack.enter_context(closing(self._connection(name))) for _ in range(how_many)]

    def _connection(self, name: str) -> socket.socket:
        if self.exit is None:
            plain = traffic.connect(self.world.secure if name == INTERCEPTED else self.world.plain)
        else:
            plain = traffic.connect(self.exit.launch.port)
        return self.secured(plain, HOST) if name == INTERCEPTED else plain

    def secured(self, plain: socket.socket, host: str) -> socket.socket:
        """TLS to *host*, in a CONNECT that is opened first where there is a way out."""
        if self.exit is not None:
            authority = f"{host}:{self.world.secure}".encode()
            opened = traffic.ask(plain, b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n\r\n" % (authority, authority))
            if opened[8:13] != b" 200 ":
                raise WrongAnswer(opened[:300].decode(errors="replace"))
        return self.context.wrap_socket(plain, server_hostname=host)


def prove(way: Way, name: str) -> None:
    """Raise unless the upstream gets the real credential, and nothing of the agent's."""
    with way.connected(name, 1) as (connection,):
        echo = _whole(connection, way.request(name, b"/echo"))
    if f"authorization: bearer {REAL}\r\n" not in echo.decode().lower():
        raise WrongAnswer(f"the upstream got no real credential: {echo[:300].decode(errors='replace')}")
    if way.handle in echo:
        raise WrongAnswer("the upstream got the agent's handle")


def _whole(connection: socket.socket, request: bytes) -> bytes:
    """The body of the answer, however many pieces it comes in."""
    answer = traffic.ask(connection, request)
    head, _, body = answer.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or b"0")
    while len(body) < length and (more := connection.recv(traffic.BUFFER)):
        body += more
    return body or answer


def load(way: Way, process: Process | None, work: Work) -> Load:
    """Put *work* on it. CPU is counted from rest to rest, the opening of connections left out."""
    accepted = _accepted(way.world)
    with way.connected(work.name, work.connections) as connections:
        requests = traffic.endless([way.request(work.name)])
        traffic.exchanges(connections, requests, WARM, SMALL)
        before = _rest(process)
        took = traffic.exchanges(connections, requests, work.count, SMALL)
        if _accepted(way.world) > accepted + work.connections + 1:  # the question's own
            raise WrongAnswer("a connection was not kept")
        spent = None if process is None else (_rest(process) - before) / work.count / MICRO
        return Load(spent, statistics.median(took) / MICRO)


def first_calls(way: Way, name: str) -> list[float]:
    """Milliseconds of the first call to each of half of ``FIRST``, connection and all. Their upstream takes TLS: by
    *name* the call is intercepted on its way, or comes in by prefix, where nothing has to be.
    """
    begin = (PREFIX, INTERCEPTED).index(name)
    return [_first_call(way, name, number) for number in range(begin, len(FIRST), 2)]


def _first_call(way: Way, name: str, number: int) -> float:
    host, port = FIRST[number], way.world.secure
    if name == INTERCEPTED:
        named, called = (b"Host: %b:%d" % (each.encode(), port) for each in (HOST, host))
        request = way.request(name).replace(named, called)
    else:
        request = way.request(name).replace(b"/to/plain", b"/to/first-%d" % number)
    begun = time.perf_counter_ns()
    connection = traffic.connect(way.exit.launch.port if way.exit is not None else port)
    with closing(way.secured(connection, host) if name == INTERCEPTED else connection) as ready:
        traffic.one_by_one(ready, iter([request]), 1, SMALL)
        return (time.perf_counter_ns() - begun) / 1e6


def handle(out: Exit, token: bytes) -> bytes:
    """Call the agent as a user: the handle of that call, as the agent got it."""
    head = b"GET /echo HTTP/1.1\r\nHost: %b\r\nAuthorization: Bearer %b\r\n\r\n" % (AGENT.encode(), token)
    with traffic.connected(out.inbound, 1) as (connection,):
        echo = traffic.ask(connection, head)
    for line in echo.split(b"\r\n"):
        name, _, value = line.partition(b": ")
        if name.lower() == b"x-identity-invocation":
            return value
    raise WrongAnswer(f"the agent got no handle: {echo[:300].decode(errors='replace')}")


def _accepted(world: World) -> int:
    return traffic.fetch_number(world.plain, "/connections")


def _rest(process: Process | None) -> int:
    if process is None:
        return 0
    time.sleep(SETTLE_SECONDS)
    return process.cpu_ns()
