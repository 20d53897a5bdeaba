"""The bench of tokens that are at hand: ``POST /v1/token`` beside OpenBao's KV, in one run, in random order.

`python bench/vending.py --help` lists the options; README.md beside this file says how it measures.
"""

import argparse
import os
import secrets
import select
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import holders
import run
import traffic
from holders import ACCESS_TOKEN, HOLDERS, Holder
from issuer import AUDIENCE, Issuer
from measure import MICRO, SETTLE_SECONDS
from process import Process, pinned
from report import CPU, SIDECAR, Samples, metric
from systems import Absent, Site
from traffic import WrongAnswer, clock

HERE = Path(__file__).resolve().parent
START_SECONDS = 20.0
WARM = 500
CALLERS = (1, 200)
CLOSED, PACED = "one after the other", "as they come"
COUNT = {1: 10_000, 200: 20_000}
RATE = {1: 500, 200: 2000}
"""Calls a second in all, where they come by themselves."""
SECONDS = 4.0
MOST_CPU, MOST_P99 = 60.0, 1000.0
"""Bounds of the sidecar, in µs: of CPU per call, and of the 99th percentile at 200 callers."""
P50, P99, EACH_SECOND = "p50 µs", "p99 µs", "calls a second"
KINDS = (CPU, P50, P99, EACH_SECOND)
PROGRAMS = {"OpenBao": (holders.openbao_program, "version")}

random = secrets.SystemRandom()


@dataclass(frozen=True, slots=True)
class Running:
    name: str
    process: Process
    port: int
    request: bytes
    size: int
    """Bytes of the answer's body."""


@dataclass(slots=True)
class Bench:
    """One run: what it measures, and what it has found."""

    site: Site
    token: bytes
    measured: int
    elsewhere: int
    share: int
    samples: Samples = field(default_factory=Samples)
    absent: dict[str, str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def round(self, turn: int, names: Sequence[str], folder: Path) -> None:
        """Start all, measure all, stop all."""
        running: list[Running] = []
        with ExitStack() as stack:
            for name in random.sample(names, len(names)):
                running += self._begin(name, folder / f"{turn}-{name.partition(',')[0]}-{len(name)}", stack)
            works = [(kind, callers) for kind in (CLOSED, PACED) for callers in CALLERS]
            for kind, callers in random.sample(works, len(works)):
                run.say(f"round {turn}: {kind}, {callers}")
                for one in random.sample(running, len(running)):
                    self._work(turn, one, kind, callers)

    def _begin(self, name: str, folder: Path, stack: ExitStack) -> list[Running]:
        try:
            return [self._start(name, folder, stack)]
        except Absent as absence:
            self.absent[name] = str(absence)
        except (WrongAnswer, OSError) as wrong:
            self.absent[name] = "it did not start"
            self._failed(name, "start", wrong)
        return []

    def _start(self, name: str, folder: Path, stack: ExitStack) -> Running:
        folder.mkdir(parents=True)
        holder = HOLDERS[name](self.site, self.token, folder)
        launch = holder.launch
        environ = {"PATH": os.environ.get("PATH", ""), "HOME": str(folder), **launch.environ}
        process = Process.start(launch.command, core=self.measured, folder=folder, environ=environ)
        stack.callback(process.stop)
        request, answer = _first(process, holder)
        head, _, body = answer.partition(b"\r\n\r\n")
        if head[8:13] != b" 200 " or ACCESS_TOKEN.encode() not in body:
            raise WrongAnswer(f"it gave no token: {head.decode(errors='replace')}")
        return Running(name, process, launch.port, request, len(body))

    def _work(self, turn: int, one: Running, kind: str, callers: int) -> None:
        try:
            found = self._closed(one, callers) if kind == CLOSED else self._paced(one, callers)
        except (WrongAnswer, OSError) as wrong:
            self._failed(one.name, f"{kind}, {callers}", wrong)
            return
        for what, figure in found.items():
            self.samples.add(one.name, metric(what, kind, callers), turn, figure)

    def _closed(self, one: Running, callers: int) -> Mapping[str, float]:
        """Each caller asks again as soon as it has its answer; all on one core."""
        count = COUNT[callers] // self.share
        with pinned(self.measured), traffic.connected(one.port, callers) as connections:
            requests = traffic.endless([one.request])
            traffic.exchanges(connections, requests, max(WARM, callers), one.size)
            with _spent(one.process) as cpu:
                begun = clock()
                took = traffic.exchanges(connections, requests, count, one.size)
                lasted = clock() - begun
        # Of many who all ask at once, who is answered first is asked for again first: their times say nothing.
        latency = _percentiles(took) if callers == 1 else {}
        return {CPU: cpu[0] / count, **latency, EACH_SECOND: count / lasted * 1e9}

    def _paced(self, one: Running, callers: int) -> Mapping[str, float]:
        """Calls come whenever they like, at a rate that leaves time between them; load and holder have a core each."""
        with pinned(self.elsewhere), traffic.connected(one.port, callers) as connections:
            traffic.exchanges(connections, traffic.endless([one.request]), max(WARM, callers), one.size)
            with _spent(one.process) as cpu:
                took = arriving(connections, one.request, one.size, RATE[callers], SECONDS / self.share)
        return {CPU: cpu[0] / len(took), **_percentiles(took)}

    def _failed(self, name: str, what: str, why: Exception) -> None:
        self.failures.append(f"{name}, {what}: {why}")
        run.say(f"  {self.failures[-1]}")


def arriving(
    connections: Sequence[traffic.socket.socket], request: bytes, size: int, rate: float, seconds: float
) -> list[int]:
    """Calls at random times, *rate* a second on the average, each on a connection that is free then; ns from when each
    was due until its answer was whole. Who finds no connection free, or is served late here, has waited all the same.
    """
    buffer = memoryview(bytearray(traffic.BUFFER))
    poll = select.epoll()
    by_number = {connection.fileno(): connection for connection in connections}
    for number in by_number:
        poll.register(number, select.EPOLLIN)
    free, due_of, missing, took = list(by_number), dict[int, int](), dict[int, int](), list[int]()
    random.shuffle(free)
    begun = clock()
    times = list(_arrivals(begun, rate, begun + int(seconds * 1e9)))
    coming = iter(times)
    due = next(coming, None)
    with closing(poll):
        while len(took) < len(times):
            if clock() > times[-1] + traffic.PATIENCE_SECONDS * 1e9:
                raise WrongAnswer("no answer came")
            while due is not None and due <= clock() and free:
                number = free.pop(0)
                due_of[number] = due
                by_number[number].sendall(request)
                due = next(coming, None)
            for number, _ in poll.poll(0):  # which is what a core of one's own is for: a timer is late by a millisecond
                got = by_number[number].recv_into(buffer)
                left = (missing.pop(number, 0) or traffic.expected(buffer[:got], size)) - got
                if left < 0 or not got:
                    raise WrongAnswer(f"{left} bytes are missing")
                if left:
                    missing[number] = left
                    continue
                took.append(clock() - due_of.pop(number))
                free.append(number)
    return took


def _arrivals(at: int, rate: float, end: int) -> Iterator[int]:
    while (at := at + int(random.expovariate(rate) * 1e9)) < end:
        yield at


def _percentiles(took: Sequence[int]) -> Mapping[str, float]:
    return {P50: statistics.median(took) / MICRO, P99: statistics.quantiles(took, n=100)[98] / MICRO}


@contextmanager
def _spent(process: Process) -> Iterator[list[float]]:
    """The CPU time in µs, from rest to rest: what follows an answer counts as well."""
    time.sleep(SETTLE_SECONDS)
    before, spent = process.cpu_ns(), [0.0]
    yield spent
    time.sleep(2 * SETTLE_SECONDS)
    spent[0] = (process.cpu_ns() - before) / MICRO


def _first(process: Process, holder: Holder) -> tuple[bytes, bytes]:
    """The holder's request, once it listens, and its answer."""
    deadline = time.monotonic() + START_SECONDS
    while process.alive() and time.monotonic() < deadline:
        try:
            request = holder.ready()
            with traffic.connected(holder.launch.port, 1) as (connection,):
                return request, traffic.ask(connection, request)
        except OSError:  # not yet
            time.sleep(0.05)
    raise WrongAnswer(f"it does not listen; its log ends: {process.tail()}")


@contextmanager
def stage(options: argparse.Namespace, folder: Path) -> Iterator[Bench]:
    """An agent and an issuer for the handle."""
    cores = sorted(os.sched_getaffinity(0))
    served = folder / "served"
    served.mkdir()
    with (
        run.peer(cores[0], str(HERE / "issuer.py"), str(served)) as (port,),
        run.peer(cores[0], str(HERE / "agent.py")) as (agent, _),
    ):
        issuer = Issuer(f"http://127.0.0.1:{port}")
        (served / "jwks.json").write_bytes(issuer.jwks())
        (served / "openid-configuration").write_bytes(issuer.discovery())
        site = Site(agent, f"http://127.0.0.1:{port}", AUDIENCE, folder / "unused.pem", port)
        yield Bench(site, issuer.token(0), cores[-1], cores[0], 4 if options.quick else 1)


def table(samples: Samples, systems: Sequence[str]) -> str:
    """All figures, a row for each metric."""
    rivals = [name for name in systems if name != SIDECAR]
    rows = [["", *systems, *(f"{SIDECAR} ÷ {rival}" for rival in rivals)]]
    for name in (metric(what, kind, callers) for kind in (CLOSED, PACED) for callers in CALLERS for what in KINDS):
        cells = [samples.cell(system, name) for system in systems]
        if any(cell != "-" for cell in cells):
            ratios = (samples.ratio(SIDECAR, name, rival) for rival in rivals)
            rows.append([name, *cells, *("-" if ratio is None else f"{ratio:.2f}" for ratio in ratios)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def verdicts(samples: Samples, absent: Mapping[str, str]) -> Iterator[tuple[bool, str]]:
    """Whether each bound holds by the median, in words."""
    for name in absent:
        yield False, f"{name} is missing here, so nothing was compared"
    for what, most in (
        *((metric(CPU, CLOSED, callers), MOST_CPU) for callers in CALLERS),
        (metric(P99, PACED, 200), MOST_P99),
    ):
        if (figure := samples.median(SIDECAR, what)) is not None:
            yield figure <= most, f"{what}: {figure:.1f}, at most {most:.0f}"


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description="CPU and latency of a token that is at hand, beside OpenBao's KV.")
    parser.add_argument("--rounds", type=int, help="how many rounds (8; with --quick 2)")
    parser.add_argument("--quick", action="store_true", help="a quarter of the calls, two rounds")
    parser.add_argument("--systems", nargs="+", choices=list(HOLDERS), default=list(HOLDERS))
    parser.add_argument("--check", action="store_true", help="exit with 1 unless every bound holds")
    parser.add_argument("--raw", type=Path, help="write every figure of every round to this file, as JSON")
    return parser.parse_args(arguments)


def main() -> int:
    """Run the rounds, print the results."""
    options = parse()
    rounds = options.rounds or (2 if options.quick else 8)
    run.prepare()
    about = run.machine(options.systems, PROGRAMS)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, stage(options, Path(folder)) as bench:
        for turn in range(1, rounds + 1):
            bench.round(turn, options.systems, Path(folder))
    present = [name for name in options.systems if name not in bench.absent]
    lines = ["# A token that is at hand", "", f"{about}; {rounds} rounds", "", table(bench.samples, present), ""]
    lines += [f"- not measured: {name}: {why}" for name, why in bench.absent.items()]
    lines += [f"- FAIL {failure}" for failure in bench.failures]
    judged = [*verdicts(bench.samples, bench.absent)]
    lines += [f"- {'PASS' if held else 'FAIL'} {words}" for held, words in judged]
    sys.stdout.write("\n".join(lines) + "\n")
    if options.raw:
        run.write_raw(bench.samples, options.raw)
    good = not bench.failures and all(held for held, _ in judged)
    return 1 if options.check and not good else 0


if __name__ == "__main__":
    sys.exit(main())
