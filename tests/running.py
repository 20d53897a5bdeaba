"""The real ``sidecar serve`` as a child process, on ports that nobody else has: what tests from outside talk to."""

import asyncio
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.child import TICK, Child

STOP_SECONDS = 15.0
"""What a stop may take, unless a test says otherwise: ``settings`` gives it 2 s to drain."""

Event = dict[str, Any]


def settings(given: Mapping[str, Any], own: Path) -> dict[str, Any]:
    """*given*, and what every run in a test needs: ephemeral loopback ports, folders in its *own*, ``development``."""
    floor: dict[str, Any] = {
        "inbound": {"listen": "127.0.0.1:0", "timeouts": {"drain": "2s"}},
        "egress": {"listen": "127.0.0.1:0"},
        "health": {"listen": "127.0.0.1:0"},
        "state": {"dir": str(own / "state")},
        "run": {"dir": str(own / "run")},
        "development": True,
    }
    return _merged(floor, given)


def _merged(floor: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    both = {key: _merged(floor[key], given[key]) for key in floor.keys() & given.keys() if isinstance(floor[key], dict)}
    return {**floor, **given, **both}


class Running:
    """A sidecar that is up. ``url`` and ``port`` are inbound's."""

    def __init__(self, given: Mapping[str, Any], folder: Path, env: Mapping[str, str]) -> None:
        self.folder, self.env = folder, env
        self._own = Path(tempfile.mkdtemp(prefix="sidecar-"))  # short: a unix socket's path has at most 107 bytes
        self.state = self._own / "state"
        self.config = folder / "sidecar.yaml"
        self._starts = 0
        self.write(given)
        self._child = self._start()

    def _start(self) -> Child:
        self._starts += 1
        argv = [sys.executable, "-m", "sidecar", "serve", "--config", str(self.config)]
        environ = {**os.environ, "PYTHONWARNINGS": "error", **self.env}
        return Child(argv, self.folder, f"sidecar-{self._starts}", env=environ)

    def wait_ready(self) -> None:
        """Until the listeners that every configuration has say where they are."""
        for name in ("inbound", "health"):
            self.listener(name)

    def listener(self, name: str) -> str:
        """The URL of a listener, as ``serve`` printed it."""
        return self._child.said(rf"^sidecar: {name} on (\S+)")[1]

    @property
    def url(self) -> str:
        return self.listener("inbound")

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    @property
    def health(self) -> str:
        return self.listener("health")

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def running(self) -> bool:
        return self._child.running

    @property
    def stdout(self) -> str:
        return self._child.stdout

    @property
    def stderr(self) -> str:
        return self._child.stderr

    def rss(self) -> int:
        """Resident memory, in bytes."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)
        assert found is not None
        return int(found[1]) * 1024

    def write(self, given: Mapping[str, Any]) -> None:
        """Put *given* (over ``settings``) into its file; a running one doesn't read it before it is told to."""
        self.config.write_text(yaml.safe_dump(settings(given, self._own)))

    def send(self, number: signal.Signals) -> None:
        self._child.send(number)

    def reload(self) -> None:
        """SIGHUP."""
        self.send(signal.SIGHUP)

    async def said(self, pattern: str, *, within: float = 20.0) -> re.Match[str]:
        """Wait until it has printed or logged *pattern*."""
        return await asyncio.to_thread(lambda: self._child.said(pattern, timeout=within))

    async def ended(self, *, within: float = STOP_SECONDS) -> int:
        """Its exit code, once it has one."""
        return await asyncio.to_thread(self._child.wait, within)

    def stop(self, *, within: float = STOP_SECONDS) -> None:
        """SIGTERM; it must exit with 0."""
        self.send(signal.SIGTERM)
        code = self._child.wait(within)
        assert code == 0, f"exit {code}\n{self.stderr}"

    def kill(self) -> None:
        """SIGKILL, as a node that is short of memory would."""
        self.send(signal.SIGKILL)
        assert self._child.wait() == -signal.SIGKILL

    async def again(self) -> None:
        """Start it once more, with the same file and folders."""
        assert not self.running
        self._child = self._start()
        await asyncio.to_thread(self.wait_ready)

    def end(self) -> None:
        self._child.end()
        shutil.rmtree(self._own)

    def events(self) -> list[Event]:
        """The audit log: every event that has been drained so far, oldest first; whole lines alone."""
        files = sorted((self.state / "audit").glob("*.jsonl"))
        lines = [line for file in files for line in file.read_text().splitlines(keepends=True)]
        return [json.loads(line) for line in lines if line.endswith("\n")]

    async def event(self, wanted: Callable[[Event], bool], *, within: float = 5.0) -> Event:
        """Wait until an event that is *wanted* stands in the audit log."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            if found := next(filter(wanted, self.events()), None):
                return found
            await asyncio.sleep(5 * TICK)
        raise AssertionError(f"it isn't among {self.events()}")


@contextmanager
def serving(given: Mapping[str, Any], folder: Path, *, env: Mapping[str, str] | None = None) -> Iterator[Running]:
    """Start it on *given* (over ``settings``); at the end it must stop by SIGTERM with code 0, unless it has ended."""
    folder.mkdir(parents=True, exist_ok=True)
    running = Running(given, Path(tempfile.mkdtemp(prefix="sidecar-", dir=folder)), env or {})
    try:
        running.wait_ready()
        yield running
        if running.running:
            running.stop()
    finally:
        running.end()


@asynccontextmanager
async def sidecar(
    given: Mapping[str, Any], folder: Path, *, env: Mapping[str, str] | None = None
) -> AsyncIterator[Running]:
    """``serving`` for a test that has a loop of its own to keep running meanwhile."""
    context = serving(given, folder, env=env)
    running = await asyncio.to_thread(context.__enter__)
    try:
        yield running
    except BaseException as error:
        if not await asyncio.to_thread(context.__exit__, type(error), error, error.__traceback__):
            raise
    else:
        await asyncio.to_thread(context.__exit__, None, None, None)
