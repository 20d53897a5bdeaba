"""The whole demo, run as a newcomer runs it."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.counterparts import missing

ROOT = Path(__file__).parent.parent.parent
COMMAND = [sys.executable, "-m", "sidecar", "demo"]


@pytest.fixture
def scratch() -> Iterator[Path]:
    """Where the demo keeps its files: somewhere short, since a unix socket's path has at most 107 bytes (unix(7))."""
    with tempfile.TemporaryDirectory(prefix="demo-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture
def environ(scratch: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", "TMPDIR": str(scratch)}


def test_every_step_of_the_story_holds_and_nothing_is_left(environ: dict[str, str], scratch: Path) -> None:
    begun = time.monotonic()
    done = subprocess.run(
        [*COMMAND, "--once"], cwd=scratch, env=environ, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✗" not in done.stdout
    assert re.search(r"✓ every step held: (\d+) of \1\n", done.stdout)
    assert re.findall(r"^(\d)  ", done.stdout, re.MULTILINE) == [str(number) for number in range(1, 8)]
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "Traceback" not in done.stderr
    assert [*scratch.iterdir()] == []
    assert time.monotonic() - begun < 15


def test_no_credential_is_shown(environ: dict[str, str], scratch: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "--once"], cwd=scratch, env=environ, capture_output=True, text=True, timeout=30, check=False
    )
    shown = done.stdout + done.stderr
    assert not re.search(r"eyJ[\w-]{10,}", shown)
    assert not re.search(r"ih_[\w-]{10,}", shown)


class Playing:
    """A demo that stays up."""

    def __init__(self, cwd: Path, environ: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            COMMAND, cwd=cwd, env={**environ, "PYTHONUNBUFFERED": "1"}, stdout=subprocess.PIPE, text=True
        )
        self.shown = ""

    def read_until(self, words: str) -> str:
        stream = self.process.stdout
        assert stream is not None
        for line in stream:
            self.shown += line
            if words in line:
                return self.shown
        raise AssertionError(f"it ended without {words!r}: {self.shown}")

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


@pytest.fixture
def playing(environ: dict[str, str], scratch: Path) -> Iterator[Playing]:
    playing = Playing(scratch, environ)
    yield playing
    playing.end()


def commands(shown: str) -> list[str]:
    """The commands of the invitation, as they are printed."""
    invitation = shown[shown.index("In another terminal") :]
    return [line.strip() for line in invitation.splitlines() if line.startswith("     ") and line.strip()]


def test_the_commands_that_it_prints_work_as_printed(playing: Playing, environ: dict[str, str], scratch: Path) -> None:
    if not shutil.which("curl"):
        missing("curl, which the demo's commands are for")
    printed = commands(playing.read_until("Ctrl-C"))
    assert len([line for line in printed if "curl" in line]) >= 7
    setting = [line for line in printed if line.startswith(("ISSUER=", "TOKEN=")) and "?" not in line]

    def run(line: str, *before: str) -> str:
        script = "\n".join([*setting, *before, line])
        done = subprocess.run(
            ["bash", "-e", "-c", script],
            cwd=scratch,
            env=environ,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        return done.stdout + done.stderr

    def one(words: str) -> str:
        return next(line for line in printed if words in line and not line.startswith("TOKEN"))

    assert "curl -i $AGENT/" in printed
    whoami = one("/whoami")
    assert '"hello, alice"' in run(whoami)
    assert '"hello, bob"' in run(whoami, setting[1].replace("alice", "bob").partition("#")[0])
    assert "data: 5 of 5 for alice" in run(one("/stream"))
    assert "Sidecar-Error: token_missing" in run("curl -is $AGENT/")
    expired, other = (line for line in printed if line.startswith("TOKEN") and "?" in line)
    assert "Sidecar-Error: token_expired" in run(whoami, expired)
    assert "Sidecar-Error: audience_invalid" in run(whoami, other)
    assert "sidecar_requests_total{" in run(one("/metrics"))
    assert "ready" in run(one(" status "))
    assert "identity." in run(one("tail "))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly_when_it_is_told(playing: Playing, scratch: Path, number: signal.Signals) -> None:
    playing.read_until("Ctrl-C")
    playing.process.send_signal(number)
    assert playing.process.wait(timeout=10) == 0
    assert "nothing of it is left" in playing.read_until("Ended")
    assert [*scratch.iterdir()] == []


def test_it_ends_cleanly_in_the_middle_of_the_story(playing: Playing, scratch: Path) -> None:
    playing.read_until("Alice calls")
    playing.process.send_signal(signal.SIGTERM)
    assert playing.process.wait(timeout=10) == 130
    assert [*scratch.iterdir()] == []
