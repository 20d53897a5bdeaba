"""What a container's first process has to do beside its work, as init does: wait for those whose parents have gone.

Whoever else here starts a process waits for it (a signer's ``credential_process``, say): so one that has ended is
waited for only when it has been a zombie for two sweeps.
"""

import os
from contextlib import suppress
from pathlib import Path

FIRST = 1
"""The process that orphans are given to: PID 1 of its namespace."""


class Orphans:
    def __init__(self, spared: int) -> None:
        """*spared* is the process that is never touched."""
        self._spared = spared
        self._seen: frozenset[int] = frozenset()

    def sweep(self) -> None:
        """To be called now and then, a second apart at least."""
        zombies = frozenset(filter(_is_zombie, _children() - {self._spared}))
        for pid in zombies & self._seen:
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        self._seen = zombies


def _children() -> frozenset[int]:
    """Of any of our threads (proc_tid_children(5)); none where the kernel doesn't tell."""
    found: set[int] = set()
    for each in Path("/proc/self/task").glob("*/children"):
        with suppress(OSError):  # a thread that has ended meanwhile
            found.update(map(int, each.read_text().split()))
    return frozenset(found)


def _is_zombie(pid: int) -> bool:
    with suppress(ChildProcessError):
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    return False
