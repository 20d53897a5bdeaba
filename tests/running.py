"""The real ``sidecar serve`` as a child process, on ports that nobody else has: what tests from outside talk to."""

import asyncio
import json
import os
import re
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.child import TICK, Child

DRAIN = 15.0
"""Seconds that a stop may take, unless a test says otherwise: ``settings`` gives it 2 s to drain."""


def settings(given: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """*given*, and what every run in a test needs: ephemeral loopback ports, folders of its own, ``development``."""
    floor: dict[str, Any] = {
        "inbound": {"listen": "127.0.0.1:0", "timeouts": {"drain": "2s"}},
        "egress": {"listen": "127.0.0.1:0"},
        "health": {"listen": "127.0.0.1:0"},
        "state": {"dir": str(folder / "state")},
        "run": {"dir": str(folder / "run")},
        "development": True,
    }
    return _merged(floor, given)


def _merged(floor: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    both = {key: _merged(floor[key], given[key]) for key in floor.keys() & given.keys() if isinstance(floor[key], dict)}
    return {**floor, **given, **both}


class Running:
    """A sidecar that is up. ``url`` and ``port`` are inbound's."""

    def __init__(self, config: Path, folder: Path, env: Mapping[str, str]) -> None:
        self.config, self.folder, self.env = config, folder, env
        self._starts = 0
        self._child = self._start()

    def _start(self) -> Child:
        self._starts += 1
        argv = [sys.executable, "-m", "sidecar", "serve", "--config", str(self.config)]
        environ = {**os.environ, "PYTHONWARNINGS": "error", **self.env}
        return Child(argv, self.folder, f"sidecar-{self._starts}", env=environ)

    async def ready(self) -> None:
        """Wait until every listener has said where it is, and the probe says that requests can come."""
        await asyncio.to_thread(self._child.said, r"^sidecar: inbound on ")
        await asyncio.to_thread(self._child.said, r"^sidecar: health on ")

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
        """Another configuration in the same file, not read until a reload."""
        self.config.write_text(yaml.safe_dump(settings(given, self.folder)))

    async def said(self, pattern: str, *, within: float = 20.0) -> re.Match[str]:
        """Wait until it has printed or logged *pattern*."""
        return await asyncio.to_thread(lambda: self._child.said(pattern, timeout=within))

    def send(self, number: signal.Signals) -> None:
        self._child.send(number)

    async def stop(self, *, within: float = DRAIN) -> None:
        """SIGTERM; it must exit with 0."""
        self.send(signal.SIGTERM)
        code = await asyncio.to_thread(self._child.wait, within)
        assert code == 0, f"exit {code}\n{self.stderr}"

    async def killed(self) -> None:
        """SIGKILL, as a node's memory shortage would."""
        self.send(signal.SIGKILL)
        assert await asyncio.to_thread(self._child.wait, 5.0) == -signal.SIGKILL

    async def again(self) -> None:
        """Start it once more, with the same file and folders."""
        assert not self.running
        self._child = self._start()
        await self.ready()

    def end(self) -> None:
        self._child.end()

    def events(self) -> list[dict[str, Any]]:
        """The audit log: every event that has been drained so far, oldest first."""
        files = sorted((self.folder / "state" / "audit").glob("*.jsonl"))
        lines = [line for file in files for line in file.read_text().splitlines(keepends=True)]
        return [json.loads(line) for line in lines if line.endswith("\n")]

    async def event(self, wanted: Callable[[dict[str, Any]], bool], *, within: float = 5.0) -> dict[str, Any]:
        """Wait until an event that is *wanted* stands in the audit log."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            if found := next(filter(wanted, self.events()), None):
                return found
            await asyncio.sleep(5 * TICK)
        raise AssertionError(f"it isn't among {self.events()}")


@asynccontextmanager
async def sidecar(
    given: Mapping[str, Any], folder: Path, *, env: Mapping[str, str] | None = None
) -> AsyncIterator[Running]:
    """Start it on *given* (over ``settings``); at the end it must stop by SIGTERM with code 0, unless it has ended."""
    folder.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix="sidecar-", dir=folder))
    config = place / "sidecar.yaml"
    config.write_text(yaml.safe_dump(settings(given, place)))
    running = Running(config, place, env or {})
    try:
        await running.ready()
        yield running
        if running.running:
            await running.stop()
    finally:
        running.end()
