"""The bench of the way out: the sidecar beside mitmproxy and Envoy, in one run, pinned, interleaved in random order.

`python bench/egress.py --help` lists the options; README.md beside this file says how it measures.
"""

import argparse
import os
import secrets
import ssl
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import exits
import outward
import run
import trustme
from exits import EXITS, FIRST, HOST, World
from issuer import AUDIENCE, Issuer
from outward import INTERCEPTED, PREFIX, WORKS, Way, Work
from process import Process, pinned
from report import ADDED, CPU, DIRECT, SIDECAR, Samples, metric
from systems import Absent, envoy_program
from traffic import WrongAnswer

HERE = Path(__file__).resolve().parent
MITMPROXY = "mitmproxy"
SHARE = 0.1
"""Of mitmproxy's CPU per request: at most so much."""
FIRST_ADDS = 3.0
"""Milliseconds that interception may add to the first call to a host."""
START_SECONDS = 20.0
PROGRAMS = {MITMPROXY: (exits.mitmproxy_program, "--version"), "Envoy": (envoy_program, "--version")}


def first(name: str) -> str:
    """The metric of a first call."""
    return f"first call to a new host ms: {name}"


shuffled = secrets.SystemRandom().sample


@dataclass(frozen=True, slots=True)
class Running:
    name: str
    way: Way
    process: Process | None


@dataclass(slots=True)
class Bench:
    """One run: what it measures, and what it has found."""

    world: World
    token: bytes
    core: int
    works: Sequence[Work]
    samples: Samples = field(default_factory=Samples)
    absent: dict[str, str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def round(self, turn: int, names: Sequence[str], folder: Path) -> None:
        """Start all, measure all, stop all."""
        direct = Running(DIRECT, Way(self.world, None, b"a-placeholder", trusting(self.world.ca)), None)
        running = [direct]
        with ExitStack() as stack:
            for name in shuffled(names, len(names)):
                running += self._begin(name, folder / f"{turn}-{name}", stack)
            self._first(turn, [system for system in running if system.name in (DIRECT, SIDECAR)])
            for work in shuffled(self.works, len(self.works)):
                run.say(f"round {turn}: {work.label}")
                self._work(turn, work, shuffled(running, len(running)))
        if SIDECAR in {system.name for system in running}:
            self._recorded(folder / f"{turn}-{SIDECAR}")

    def _begin(self, name: str, folder: Path, stack: ExitStack) -> list[Running]:
        try:
            return [self._start(name, folder, stack)]
        except Absent as absence:
            self.absent[name] = str(absence)
        except (WrongAnswer, OSError) as wrong:
            self._failed(name, "start", wrong)
            self.absent[name] = "it did not start"
        return []

    def _start(self, name: str, folder: Path, stack: ExitStack) -> Running:
        folder.mkdir(parents=True)
        prepared = EXITS[name](self.world, folder)
        launch = prepared.launch
        environ = {"PATH": os.environ.get("PATH", ""), "HOME": str(folder), **launch.environ}
        process = Process.start(launch.command, core=self.core, folder=folder, environ=environ)
        stack.callback(process.stop)
        _wait(process, prepared)
        way = Way(self.world, prepared, b"a-placeholder", trusting(prepared.ca))
        if prepared.inbound:
            way = replace(way, handle=outward.handle(prepared, self.token))
        for kind in (PREFIX, INTERCEPTED):
            outward.prove(way, kind)
        return Running(name, way, process)

    def _first(self, turn: int, running: Sequence[Running]) -> None:
        """What is new to the sidecar: hosts whose certificates it has yet to make, upstreams it has yet to reach."""
        for system in running:
            for name in (INTERCEPTED,) if system.name == DIRECT else (INTERCEPTED, PREFIX):
                took = outward.first_calls(system.way, name)
                self.samples.add(system.name, first(name), turn, statistics.median(took))

    def _work(self, turn: int, work: Work, running: Sequence[Running]) -> None:
        """One workload on all, right after one another: what disturbs one is likely to disturb all."""
        p50 = {}
        for system in running:
            try:
                load = outward.load(system.way, system.process, work)
            except (WrongAnswer, OSError) as wrong:
                self._failed(system.name, work.label, wrong)
                continue
            if load.cpu is not None:
                self.samples.add(system.name, metric(CPU, work.name, work.connections), turn, load.cpu)
            if load.p50 is not None:
                p50[system.name] = load.p50
        for name, latency in p50.items():
            less = 0.0 if name == DIRECT else p50.get(DIRECT, 0.0)
            self.samples.add(name, metric(ADDED, work.name, work.connections), turn, latency - less)

    def _recorded(self, folder: Path) -> None:
        """The event of every request must be in the record, or what was measured isn't the product."""
        files = folder.glob("state/audit/*.jsonl*")
        recorded = sum(file.read_bytes().count(b'"identity.credential_attached"') for file in files)
        served = sum(work.count + outward.WARM for work in self.works)
        if recorded < served:
            self._failed(SIDECAR, "record", WrongAnswer(f"{recorded} events for {served} requests"))

    def _failed(self, name: str, what: str, why: Exception) -> None:
        self.failures.append(f"{name}, {what}: {why}")
        run.say(f"  {self.failures[-1]}")


def _wait(process: Process, prepared: exits.Exit) -> None:
    """Until it listens and its CA is there."""
    deadline = time.monotonic() + START_SECONDS
    while process.alive() and time.monotonic() < deadline:
        try:
            with outward.traffic.connected(prepared.launch.port, 1):
                if prepared.ca.exists():
                    return
        except OSError:  # not yet
            pass
        time.sleep(0.01)
    raise WrongAnswer(f"it does not listen; its log ends: {process.tail()}")


def trusting(ca: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(ca))
    context.set_alpn_protocols(["http/1.1"])
    return context


@contextmanager
def stage(options: argparse.Namespace, folder: Path) -> Iterator[Bench]:
    """The upstream with its certificate, an agent and an issuer for the handles, this process, all on their cores."""
    cores = sorted(os.sched_getaffinity(0))
    measured, elsewhere = cores[-1], cores[0]
    on = elsewhere if options.cores == 2 else measured
    certificates, own = trustme.CA(), trustme.CA()
    certificates.cert_pem.write_to_path(folder / "ca.pem")
    certificates.issue_cert(HOST, *FIRST).private_key_and_cert_chain_pem.write_to_path(folder / "upstream.pem")
    own.cert_pem.write_to_path(folder / "own-ca.pem")
    own.issue_cert(HOST).private_key_and_cert_chain_pem.write_to_path(folder / "own-leaf.pem")
    served = folder / "served"
    served.mkdir()
    with (
        run.peer(elsewhere, str(HERE / "issuer.py"), str(served)) as (port,),
        run.peer(elsewhere, str(HERE / "agent.py")) as (agent, _),
        run.peer(on, str(HERE / "upstream.py"), str(folder / "upstream.pem")) as (plain, secure),
    ):
        issuer = Issuer(f"http://127.0.0.1:{port}")
        (served / "jwks.json").write_bytes(issuer.jwks())
        (served / "openid-configuration").write_bytes(issuer.discovery())
        world = World(
            agent,
            f"http://127.0.0.1:{port}",
            AUDIENCE,
            plain,
            secure,
            folder / "ca.pem",
            folder / "own-ca.pem",
            folder / "own-leaf.pem",
        )
        works = [replace(work, count=work.count // (4 if options.quick else 1)) for work in WORKS]
        with pinned(on):
            yield Bench(world, issuer.token(0), measured, works)


def table(samples: Samples, systems: Sequence[str]) -> str:
    """All figures, a row for each metric."""
    rivals = [name for name in systems if name in PROGRAMS]
    names = [metric(kind, work.name, work.connections) for kind in (CPU, ADDED) for work in WORKS]
    rows = [["", *systems, *(f"{SIDECAR} ÷ {rival}" for rival in rivals)]]
    for name in (*names, first(PREFIX), first(INTERCEPTED)):
        ratios = (samples.ratio(SIDECAR, name, rival) for rival in rivals)
        cells = [samples.cell(system, name) for system in systems]
        rows.append([name, *cells, *("-" if ratio is None else f"{ratio:.2f}" for ratio in ratios)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def verdicts(samples: Samples, absent: Mapping[str, str]) -> Iterator[tuple[bool, str]]:
    """Whether each bound holds by the median, in words."""
    if MITMPROXY in absent:
        yield False, f"{MITMPROXY} is missing here, so nothing was compared"
    for work in WORKS:
        name = metric(CPU, work.name, work.connections)
        ratio = samples.ratio(SIDECAR, name, MITMPROXY)
        if ratio is not None:
            yield ratio <= SHARE, f"{name}: {ratio:.3f} of {MITMPROXY}'s, at most {SHARE}"
    without, intercepted = (samples.median(SIDECAR, first(name)) for name in (PREFIX, INTERCEPTED))
    if without is not None and intercepted is not None:
        added = intercepted - without
        yield (
            added <= FIRST_ADDS,
            f"the first call to a new host: interception adds {added:.2f} ms, at most {FIRST_ADDS}",
        )


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description="CPU and latency of the way out beside other proxies.")
    parser.add_argument("--rounds", type=int, help="how many rounds (8; with --quick 2)")
    parser.add_argument("--quick", action="store_true", help="a quarter of the requests, two rounds")
    parser.add_argument("--systems", nargs="+", choices=list(EXITS), default=list(EXITS))
    parser.add_argument("--cores", type=int, choices=(1, 2), default=1, help="2: upstream and load on another core")
    parser.add_argument("--check", action="store_true", help="exit with 1 unless every bound holds")
    parser.add_argument("--raw", type=Path, help="write every figure of every round to this file, as JSON")
    return parser.parse_args(arguments)


def results(bench: Bench, names: Sequence[str], about: str) -> tuple[str, bool]:
    """Everything that was found, and whether all of it is as it must be."""
    present = [DIRECT, *(name for name in names if name not in bench.absent)]
    lines = ["# The way out", "", about, "", table(bench.samples, present), ""]
    lines += [f"- not measured: {name}: {why}" for name, why in bench.absent.items()]
    lines += [f"- FAIL {failure}" for failure in bench.failures]
    judged = [*verdicts(bench.samples, bench.absent)]
    lines += [f"- {'PASS' if held else 'FAIL'} {words}" for held, words in judged]
    return "\n".join(lines), not bench.failures and all(held for held, _ in judged)


def main() -> int:
    """Run the rounds, print the results."""
    options = parse()
    rounds = options.rounds or (2 if options.quick else 8)
    run.prepare()
    begun = time.monotonic()
    about = run.machine(options.systems, PROGRAMS)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, stage(options, Path(folder)) as bench:
        for turn in range(1, rounds + 1):
            bench.round(turn, options.systems, Path(folder))
            run.say(f"round {turn} of {rounds}, {time.monotonic() - begun:.0f} s")
    text, good = results(bench, options.systems, f"{about}; {rounds} rounds, {options.cores} core(s)")
    sys.stdout.write(text + "\n")
    if options.raw:
        run.write_raw(bench.samples, options.raw)
    return 1 if options.check and not good else 0


if __name__ == "__main__":
    sys.exit(main())
