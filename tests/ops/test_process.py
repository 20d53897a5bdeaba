"""What the process takes, against what the machine says elsewhere."""

import os
import time
from pathlib import Path

from sidecar.ops import metrics, process


def samples() -> dict[str, float]:
    return {sample.metric.name: sample.value for sample in process.samples()}


def test_memory_is_what_the_kernel_calls_resident() -> None:
    status = Path("/proc/self/status").read_text()
    kilobytes = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))
    assert abs(samples()[metrics.MEMORY.name] - kilobytes * 1024) < 32 << 20


def test_an_open_file_is_counted(tmp_path: Path) -> None:
    before = samples()[metrics.OPEN_FDS.name]
    with (tmp_path / "one").open("w"), (tmp_path / "two").open("w"):
        assert samples()[metrics.OPEN_FDS.name] == before + 2
    assert before < samples()[metrics.MAX_FDS.name]


def test_the_start_lies_before_now_and_after_the_machine_booted() -> None:
    started = samples()[metrics.START.name]
    assert time.time() - 3600 < started < time.time() + 1


def test_cpu_time_grows_with_work() -> None:
    before = samples()[metrics.CPU.name]
    while os.times().user + os.times().system < before + 0.02:
        pass
    assert samples()[metrics.CPU.name] > before
