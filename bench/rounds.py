"""Rounds: every system started afresh, every workload on every system in an order drawn anew, every figure noted."""

import os
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import measure
import report
import systems
import traffic
from measure import MIX, ONE, Callers, Workload
from process import Process
from report import DIRECT, SIDECAR, Samples
from traffic import WrongAnswer

MEMORY = "memory"
EXPORTING = "sidecar+OTLP"
EXPORTED = (ONE, MIX)  # the workloads that are measured with OTLP on, too
EXPORT_SETTLE_SECONDS = 6.0  # OpenTelemetry's batch processors export every five seconds

shuffled = secrets.SystemRandom().sample


@dataclass(frozen=True, slots=True)
class Running:
    """A system that has been started; *process* is None for the agent itself, which is only compared with."""

    name: str
    port: int
    process: Process | None
    folder: Path


@dataclass(slots=True)
class Bench:
    """One run: what it measures, and what it has found."""

    site: systems.Site
    callers: Callers
    tick: int
    core: int
    workloads: Sequence[Workload]
    memory: bool
    progress: Callable[[str], None]
    samples: Samples = field(default_factory=Samples)
    absent: dict[str, str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def round(self, turn: int, names: Sequence[str], folder: Path) -> None:
        """Start all, measure all, stop all."""
        running: list[Running] = []
        served: dict[str, int] = {}
        with ExitStack() as stack:
            for name in shuffled(names, len(names)):
                running += self._begin(turn, name, folder / f"{turn}-{name}", stack)
            for workload in shuffled(self.workloads, len(self.workloads)):
                self.progress(f"round {turn}: {workload.label}")
                self._workload(turn, workload, running, served)
            for system in running:
                self._memory(turn, system, later=True)
        for system in running:
            if system.name in (SIDECAR, EXPORTING):
                self._recorded(system, served.get(system.name, 0))

    def _begin(self, turn: int, name: str, folder: Path, stack: ExitStack) -> list[Running]:
        self.progress(f"round {turn}: {name} starts")
        try:
            system = self._start(turn, name, folder, stack)
        except systems.Absent as absence:
            self.absent[name] = str(absence)
            return []
        except (WrongAnswer, OSError) as wrong:
            self._failed(name, "start", wrong)
            self.absent[name] = "it did not start"
            return []
        self._memory(turn, system, later=False)
        return [system]

    def _start(self, turn: int, name: str, folder: Path, stack: ExitStack) -> Running:
        folder.mkdir(parents=True)
        launch = systems.SYSTEMS[name](self.site, folder)
        environ = {"PATH": os.environ.get("PATH", ""), "HOME": str(folder), **launch.environ}
        begun = time.perf_counter_ns()
        process = Process.start(launch.command, core=self.core, folder=folder, environ=environ)
        stack.callback(process.stop)
        took = measure.first_answer(launch.port, process, self.callers.one(), begun)
        self.samples.add(name, report.START, turn, took)
        ours = name in (SIDECAR, EXPORTING)
        measure.prove(launch.port, self.callers, verifies=name in systems.VERIFYING, injects=ours)
        return Running(name, launch.port, process, folder)

    def _memory(self, turn: int, system: Running, *, later: bool) -> None:
        if not self.memory or system.process is None:
            return
        time.sleep(measure.SETTLE_SECONDS)
        try:
            idle, crowded = measure.memory(system.port, system.process, self.callers)
        except (WrongAnswer, OSError) as wrong:
            self._failed(system.name, MEMORY, wrong)
            return
        if later:
            self.samples.add(system.name, report.CROWDED_LATER, turn, crowded)
        else:
            self.samples.add(system.name, report.IDLE, turn, idle)
            self.samples.add(system.name, report.CROWDED, turn, crowded)

    def _workload(self, turn: int, workload: Workload, running: Sequence[Running], served: dict[str, int]) -> None:
        """One workload on all systems, right after one another: what disturbs one is likely to disturb all."""
        exported = workload.name in EXPORTED
        if workload.name == MIX:
            self.callers.renew()
        targets = [
            Running(DIRECT, self.site.agent, None, Path()),
            *(s for s in running if exported or s.name != EXPORTING),
        ]
        p50: dict[str, float] = {}
        for system in shuffled(targets, len(targets)):
            settle = EXPORT_SETTLE_SECONDS if system.name == EXPORTING else measure.SETTLE_SECONDS
            try:
                load = measure.load(system.port, system.process, workload, self.callers, self.tick, settle)
            except (WrongAnswer, OSError) as wrong:
                self._failed(system.name, workload.label, wrong)
                continue
            served[system.name] = served.get(system.name, 0) + workload.requests
            if load.cpu is not None:
                self.samples.add(
                    system.name, report.metric(report.CPU, workload.name, workload.connections), turn, load.cpu
                )
            if load.p50 is not None:
                p50[system.name] = load.p50
        self._latencies(turn, workload, p50)

    def _latencies(self, turn: int, workload: Workload, p50: Mapping[str, float]) -> None:
        if DIRECT not in p50:
            return
        kind = report.metric(report.ADDED, workload.name, workload.connections)
        for name, latency in p50.items():
            self.samples.add(name, kind, turn, latency - (0.0 if name == DIRECT else p50[DIRECT]))

    def _recorded(self, system: Running, served: int) -> None:
        """The event of every request must be in the record, or what was measured isn't the product."""
        files = system.folder.glob("state/audit/*.jsonl*")
        recorded = sum(file.read_bytes().count(b'"identity.init"') for file in files)
        if recorded < served:
            self._failed(system.name, "record", WrongAnswer(f"{recorded} events for {served} requests"))
        if system.name == EXPORTING and not traffic.fetch_number(self.site.issuer_port, "/collected"):
            self._failed(system.name, "record", WrongAnswer("the collector got nothing"))

    def _failed(self, name: str, what: str, why: Exception) -> None:
        self.failures.append(f"{name}, {what}: {why}")
        self.progress(f"  {self.failures[-1]}")
