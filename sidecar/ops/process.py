"""What the process itself takes, read from Linux's /proc (proc(5)) when someone asks."""

import os
import resource
from pathlib import Path

from sidecar.ops import metrics
from sidecar.ops.metrics import Sample


def samples() -> tuple[Sample, ...]:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return (
        metrics.CPU(usage.ru_utime + usage.ru_stime),
        metrics.MEMORY(_resident_bytes()),
        metrics.START(_started()),
        metrics.OPEN_FDS(len(os.listdir("/proc/self/fd"))),  # noqa: PTH208 - ten thousand names need not become paths
        metrics.MAX_FDS(resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
    )


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _started() -> float:
    """Seconds since the epoch: the machine's boot time plus the process's start in ticks after it."""
    # The second field, the program's name, may hold spaces and brackets: count from the last one (22 is starttime).
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    boot = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime "))
    return int(boot.split()[1]) + ticks / os.sysconf("SC_CLK_TCK")
