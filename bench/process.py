"""A measured process: started on one core, its CPU time and memory read from /proc, its children's included."""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")
STOP_SECONDS = 10.0


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """Run this thread, and what it starts, on *core*. (A child inherits the mask, so no `taskset` delays its start.)"""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@dataclass(frozen=True, slots=True)
class Process:
    """A process in a session of its own, and its log."""

    popen: subprocess.Popen[bytes]
    log: Path

    @classmethod
    def start(cls, command: Sequence[str], *, core: int, folder: Path, environ: Mapping[str, str]) -> "Process":
        """Start *command* pinned to *core*, its output going to a log in *folder*."""
        log = folder / "log"
        with pinned(core), log.open("wb") as output:
            popen = subprocess.Popen(  # noqa: S603  # the bench starts the programs that it measures
                command,
                cwd=folder,
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return cls(popen, log)

    def alive(self) -> bool:
        """Whether it still runs."""
        return self.popen.poll() is None

    def cpu_ns(self) -> int:
        """Time on a CPU so far, in nanoseconds, of all its threads and children (/proc/PID/task/TID/schedstat)."""
        return sum(
            int(task.joinpath("schedstat").read_text().split()[0])
            for pid in tree(self.popen.pid)
            for task in Path(f"/proc/{pid}/task").iterdir()
        )

    def rss_bytes(self) -> int:
        """Resident memory of the process and its children, added up; shared pages count once for each."""
        return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE for pid in tree(self.popen.pid))

    def stop(self) -> int:
        """End it as an orchestrator would, and give its exit code."""
        if self.alive():
            self.popen.send_signal(signal.SIGTERM)
        try:
            return self.popen.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.popen.pid, signal.SIGKILL)
            return self.popen.wait()

    def tail(self) -> str:
        """The end of its log, for a message about a failure."""
        return self.log.read_text(errors="replace")[-2000:]


def tree(pid: int) -> list[int]:
    """*pid* and every living descendant."""
    found = [pid]
    for parent in found:  # grows while it is walked
        for task in Path(f"/proc/{parent}/task").iterdir():
            found += [int(child) for child in task.joinpath("children").read_text().split()]
    return found
