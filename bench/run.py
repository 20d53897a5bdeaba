"""The bench: the sidecar beside nginx, HAProxy and Envoy, in one run, pinned, interleaved in random order.

`python bench/run.py --help` lists the options; README.md beside this file says how it measures.
"""

import argparse
import gc
import json
import os
import platform
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import report
import systems
from issuer import AUDIENCE, Issuer
from measure import BIG, FLOOD, MIX, ONE, STREAM, UNSEEN, WORKLOADS, Callers
from process import pinned
from report import DIRECT, Samples
from rounds import MEMORY, Bench

HERE = Path(__file__).resolve().parent
START = "start"
WORKLOAD_NAMES = {"one": ONE, "mix": MIX, "unseen": UNSEEN, "sse": STREAM, "flood": FLOOD, "1m": BIG}


def say(text: str) -> None:
    """Progress, away from the results."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


@contextmanager
def peer(core: int, *command: str) -> Iterator[list[int]]:
    """A process of ours around the proxies; its first line of output is its ports."""
    with pinned(core):
        process = subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE)  # noqa: S603  # our own programs
    try:
        if process.stdout is None:
            raise RuntimeError("a pipe was asked for")
        ports: list[int] = json.loads(process.stdout.readline())
        yield ports
    finally:
        process.kill()
        process.communicate()


@contextmanager
def stage(options: argparse.Namespace, folder: Path) -> Iterator[Bench]:
    """An agent, an issuer with its tokens, and this process, all on their cores."""
    cores = sorted(os.sched_getaffinity(0))
    measured, elsewhere = cores[-1], cores[0]
    load = elsewhere if options.cores == 2 else measured
    served = folder / "served"
    served.mkdir()
    with (
        peer(elsewhere, str(HERE / "issuer.py"), str(served)) as (port,),
        peer(load, str(HERE / "agent.py")) as (agent, tick),
    ):
        issuer = Issuer(f"http://127.0.0.1:{port}")
        (served / "jwks.json").write_bytes(issuer.jwks())
        (served / "openid-configuration").write_bytes(issuer.discovery())
        (folder / "public.pem").write_bytes(issuer.public_pem())
        callers = Callers(issuer)
        site = systems.Site(agent, f"http://127.0.0.1:{port}", AUDIENCE, folder / "public.pem", port)
        asked = frozenset(options.only or (*WORKLOAD_NAMES, MEMORY, START))
        names = [WORKLOAD_NAMES[name] for name in asked if name in WORKLOAD_NAMES]
        share = 4 if options.quick else 1
        workloads = [work.shorter(share) for work in WORKLOADS if work.name in names]
        with pinned(load):
            yield Bench(site, callers, tick, measured, workloads, MEMORY in asked, say)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(
        description="CPU, latency, memory and cold start of the sidecar beside other proxies."
    )
    parser.add_argument("--rounds", type=int, help="how many rounds (8; with --quick 2)")
    parser.add_argument(
        "--quick", action="store_true", help="a quarter of the requests, two rounds: to see that it works"
    )
    parser.add_argument("--only", nargs="+", choices=[*WORKLOAD_NAMES, MEMORY, START], help="measure these alone")
    parser.add_argument("--systems", nargs="+", choices=list(systems.SYSTEMS), default=list(systems.SYSTEMS))
    parser.add_argument(
        "--cores", type=int, choices=(1, 2), default=1, help="2: agent and load on another core than the proxy"
    )
    parser.add_argument("--check", action="store_true", help="exit with 1 unless every bound holds")
    parser.add_argument("--raw", type=Path, help="write every figure of every round to this file, as JSON")
    return parser.parse_args(arguments)


def prepare() -> None:
    """Room for a thousand connections on both sides; no collector's pauses; SIGTERM stops the proxies as well."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    gc.disable()


def machine(names: Sequence[str], programs: systems.Programs = systems.PROGRAMS) -> str:
    """One line on what it ran on, and with what."""
    return (
        f"{platform.machine()}, {os.cpu_count()} CPUs, Linux {platform.release()}, "
        f"CPython {platform.python_version()}, {', '.join(versions(names, programs))}; "
        f"load average {os.getloadavg()[0]:.2f} at the start"
    )


def versions(names: Sequence[str], programs: systems.Programs) -> Iterator[str]:
    """The names and versions of the counterparts that are here."""
    for name, (find, flag) in programs.items():
        if name in names:
            with suppress(systems.Absent):
                said = subprocess.run([find(), flag], capture_output=True, text=True, check=False)  # noqa: S603
                found = re.search(r"\d+\.\d+\.\d+", said.stdout + said.stderr)
                yield f"{name} {found[0]}" if found else name


def results(bench: Bench, names: Sequence[str], about: str) -> tuple[str, bool]:
    """Everything that was found, and whether all of it is as it must be."""
    present = [DIRECT, *(name for name in names if name not in bench.absent)]
    lines = ["# Results", "", about, "", report.table(bench.samples, present), ""]
    lines += [f"- not measured: {name}: {why}" for name, why in bench.absent.items()]
    lines += [f"- FAIL {failure}" for failure in bench.failures]
    judged = report.verdicts(bench.samples, bench.absent)
    lines += [f"- {'PASS' if held else 'FAIL'} {words}" for held, words in judged]
    return "\n".join(lines), not bench.failures and all(held for held, _ in judged)


def write_raw(samples: Samples, file: Path) -> None:
    """Every figure as JSON: system, metric, round."""
    found = [{"system": name, "metric": what, "rounds": figures} for (name, what), figures in samples.figures.items()]
    file.write_text(json.dumps(found, indent=1))


def main() -> int:
    """Run the rounds, print the results."""
    options = parse()
    rounds = options.rounds or (2 if options.quick else 8)
    prepare()
    begun = time.monotonic()
    about = machine(options.systems)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, stage(options, Path(folder)) as bench:
        for turn in range(1, rounds + 1):
            bench.round(turn, options.systems, Path(folder))
            say(f"round {turn} of {rounds}, {time.monotonic() - begun:.0f} s")
    text, good = results(bench, options.systems, f"{about}; {rounds} rounds, {options.cores} core(s)")
    sys.stdout.write(text + "\n")
    if options.raw:
        write_raw(bench.samples, options.raw)
    return 1 if options.check and not good else 0


if __name__ == "__main__":
    sys.exit(main())
