"""Processes whose parents have gone, as a container's first process has them."""

import os
import subprocess
import sys
from pathlib import Path

from tests.child import ROOT

SUBREAPER = """
import ctypes, os, subprocess, sys, time
from sidecar.agent.orphans import Orphans

assert ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) == 0  # PR_SET_CHILD_SUBREAPER: orphans come to us, as to PID 1
spared = subprocess.Popen(["true"])
own = subprocess.Popen(["true"])
subprocess.run(["sh", "-c", "(sleep 0.1; exit 3) & sleep 60 >/dev/null 2>&1 & echo $! >" + sys.argv[1]], check=True)
time.sleep(0.5)

def zombies():
    children = open("/proc/self/task/%d/children" % os.getpid()).read().split()
    states = {int(pid): open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[0] for pid in children}
    return {pid for pid, state in states.items() if state == "Z"}

orphans = Orphans(spared.pid)
before = zombies()
orphans.sweep()
first = zombies()
assert own.wait() == 0  # who waits for its own child gets its exit code
orphans.sweep()
print(len(before), before == first, zombies() == {spared.pid}, spared.wait())
"""


def test_they_are_waited_for_and_those_that_others_wait_for_are_not(tmp_path: Path) -> None:
    running = tmp_path / "pid"
    argv = [sys.executable, "-c", SUBREAPER, str(running)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    os.kill(int(running.read_text()), 9)
    assert (done.stdout, done.stderr) == ("3 True True 0\n", "")
