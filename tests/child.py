"""A child process of a test: started, waited for by its ready line, and ended, with its output at hand."""

import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TICK = 0.01


class Child:
    """Its streams go to files, so that nothing has to drain a pipe and nothing is lost when it dies."""

    def __init__(self, argv: Sequence[str], folder: Path, name: str, *, env: Mapping[str, str] | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.name = name
        self._out, self._err = folder / f"{name}.out", folder / f"{name}.err"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self._process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=ROOT, env=env, start_new_session=True
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def stdout(self) -> str:
        return self._out.read_text(errors="replace")

    @property
    def stderr(self) -> str:
        return self._err.read_text(errors="replace")

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def said(self, pattern: str, *, timeout: float = 20.0) -> re.Match[str]:
        """Wait until *pattern* is in either stream; a child that ends before is an AssertionError with what it said."""
        deadline = time.monotonic() + timeout
        while True:
            ended = not self.running
            for text in (self.stdout, self.stderr):
                if found := re.search(pattern, text, re.MULTILINE):
                    return found
            if ended or time.monotonic() > deadline:
                state = f"ended with {self._process.returncode}" if ended else f"was silent for {timeout} s"
                raise AssertionError(f"{self.name} {state} before it said {pattern!r}\n{self.stdout}\n{self.stderr}")
            time.sleep(TICK)

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait(self, timeout: float = 10.0) -> int:
        """Its exit code, negative for the signal that ended it."""
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} still runs after {timeout} s\n{self.stdout}\n{self.stderr}") from None

    def end(self) -> None:
        """SIGTERM, and SIGKILL for one that doesn't listen."""
        if self.running:
            self.send(signal.SIGTERM)
            try:
                self._process.wait(5.0)
            except subprocess.TimeoutExpired:
                self.send(signal.SIGKILL)
                self._process.wait(5.0)


@contextmanager
def child(argv: Sequence[str], folder: Path, name: str, *, env: Mapping[str, str] | None = None) -> Iterator[Child]:
    """A ``Child`` that doesn't outlive the block."""
    process = Child(argv, folder, name, env=env)
    try:
        yield process
    finally:
        process.end()
