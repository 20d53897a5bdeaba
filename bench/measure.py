"""One measurement at a time: a cold start, memory, CPU and latency of a workload, and that the system does its job."""

import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import count

import heads
import traffic
from agent import LARGE, SMALL
from issuer import Issuer
from process import Process

MICRO = 1000.0
SETTLE_SECONDS = 0.3
START_SECONDS = 20.0
IDLE_CONNECTIONS = 1000
TOKENS = 100


@dataclass(frozen=True, slots=True)
class Workload:
    """What is asked of a system: *count* exchanges (or events), after *warm* that aren't measured."""

    name: str
    connections: int
    count: int
    warm: int
    size: int = SMALL
    pause: float | None = None  # seconds before each event of a stream

    @property
    def label(self) -> str:
        """As the table names it."""
        return f"{self.name}, {self.connections} connection{'s' if self.connections > 1 else ''}"

    @property
    def requests(self) -> int:
        """How many requests it makes in all."""
        return self.count + self.warm if self.pause is None else self.connections

    def shorter(self, share: int) -> "Workload":
        """The same with a part of the measured exchanges."""
        return replace(self, count=self.count // share)


ONE, MIX, UNSEEN, BIG = "one shape", "20 shapes, 100 tokens", "shape never seen", "1 MiB"
STREAM, FLOOD = "SSE event, one a ms", "SSE event, back to back"
WORKLOADS = tuple(
    Workload(name, connections, count, warm, size, pause)
    for name, count, warm, size, pause in (
        (ONE, 3000, 300, SMALL, None),
        (MIX, 3000, 600, SMALL, None),
        (UNSEEN, 2000, 300, SMALL, None),
        (STREAM, 800, 100, 0, 0.001),
        (FLOOD, 3000, 200, 0, 0.0),
        (BIG, 240, 24, LARGE, None),
    )
    for connections in (1, 8)
)


class Callers:
    """The requests of a whole run."""

    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer
        self._serial = count()
        self.token = issuer.token(0)
        self._mixed: list[bytes] = []

    def renew(self) -> None:
        """Mix new tokens, so that whoever remembers them for a minute still does when the measuring begins."""
        self._mixed = heads.mixed([self._issuer.token(user) for user in range(TOKENS)])

    def requests(self, workload: Workload) -> Iterator[bytes]:
        """As many requests as the workload takes, and more."""
        match workload.name:
            case name if name == MIX:
                return traffic.endless(self._mixed)
            case name if name == UNSEEN:
                return heads.unseen(self.token, self._serial, workload.count + workload.warm)
            case name if name == BIG:
                return traffic.endless([self.one("/1m")])
            case _:
                return traffic.endless([self.one()])

    def one(self, path: str = "/v1/trips/42?currency=EUR") -> bytes:
        """The one caller's request."""
        return heads.head(heads.ONE, self.token, path)

    def forged(self) -> bytes:
        """The one caller's request with a signature that isn't the issuer's."""
        body, _, signature = self.token.rpartition(b".")
        return heads.head(heads.ONE, body + b"." + signature[::-1])


@dataclass(frozen=True, slots=True)
class Load:
    """CPU and median latency of one exchange, both in µs; no latency for streams, no CPU without a process."""

    cpu: float | None
    p50: float | None


def first_answer(port: int, process: Process, request: bytes, begun_ns: int) -> float:
    """Milliseconds from *begun_ns* until the system has answered *request* with 200."""
    while process.alive() and time.perf_counter_ns() - begun_ns < START_SECONDS * 1e9:
        try:
            with traffic.connected(port, 1) as (connection,):
                if traffic.ask(connection, request)[8:13] == b" 200 ":
                    return (time.perf_counter_ns() - begun_ns) / 1e6
        except OSError:  # not listening yet
            pass
        time.sleep(0.001)
    raise traffic.WrongAnswer(f"no 200 came; its log ends: {process.tail()}")


def prove(port: int, callers: Callers, *, verifies: bool, injects: bool) -> None:
    """Raise unless the system refuses a forged token and tells the agent who called, where it should."""
    with traffic.connected(port, 1) as (connection,):
        status = traffic.ask(connection, callers.forged())[9:12]
        if verifies and status not in (b"401", b"403"):
            raise traffic.WrongAnswer(f"a forged token was answered with {status.decode()}")
    with traffic.connected(port, 1) as (connection,):
        echo = traffic.ask(connection, callers.one("/echo")).lower()
        if injects and b"\r\nx-identity-principal: p_" not in echo:
            raise traffic.WrongAnswer("the agent was not told who called")


def memory(port: int, process: Process, callers: Callers) -> tuple[float, float]:
    """Resident MB as it stands, and with 1,000 connections that are idle after a request each."""
    before = process.rss_bytes() / 1e6
    with ExitStack() as stack:
        for _ in range(IDLE_CONNECTIONS):
            (connection,) = stack.enter_context(traffic.connected(port, 1))
            traffic.one_by_one(connection, traffic.endless([callers.one()]), 1, SMALL)
        time.sleep(SETTLE_SECONDS)
        return before, process.rss_bytes() / 1e6


def load(port: int, process: Process | None, workload: Workload, callers: Callers, tick: int, settle: float) -> Load:
    """Put *workload* on the system. CPU is counted from rest to rest, so what follows an answer counts as well."""
    if workload.pause is not None:
        with traffic.connected(tick, 1) as (pace,):
            asking = [callers.one(f"/sse/{number}") for number in range(workload.connections)]
            with traffic.streams(port, pace, asking) as connections:
                traffic.events(connections, pace, workload.warm, workload.pause)
                cpu = _cpu(process, settle)
                traffic.events(connections, pace, workload.count, workload.pause)
                return Load(_spent(process, cpu, workload.count, settle), None)
    with traffic.connected(port, workload.connections) as connections:
        requests = callers.requests(workload)
        traffic.exchanges(connections, requests, workload.warm, workload.size)
        cpu = _cpu(process, settle)
        took = traffic.exchanges(connections, requests, workload.count, workload.size)
        return Load(_spent(process, cpu, workload.count, settle), statistics.median(took) / MICRO)


def _cpu(process: Process | None, settle: float) -> int:
    if process is None:
        return 0
    time.sleep(settle)
    return process.cpu_ns()


def _spent(process: Process | None, before: int, count: int, settle: float) -> float | None:
    return None if process is None else (_cpu(process, settle) - before) / count / MICRO
