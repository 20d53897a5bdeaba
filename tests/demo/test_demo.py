"""The whole demo, run as a newcomer runs it."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.child import ROOT, Child, child
from tests.counterparts import missing

COMMAND = [sys.executable, "-m", "sidecar", "demo"]


@pytest.fixture
def scratch() -> Iterator[Path]:
    """Where the demo keeps its files: somewhere short, since a unix socket's path has at most 107 bytes (unix(7))."""
    with tempfile.TemporaryDirectory(prefix="demo-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture
def environ(scratch: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", "TMPDIR": str(scratch)}


def shell(script: str, cwd: Path, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-e", "-c", script], cwd=cwd, env=environ, capture_output=True, text=True, timeout=30, check=False
    )


def test_every_step_of_the_story_holds_and_nothing_is_left(environ: dict[str, str], scratch: Path) -> None:
    done = shell(f"{sys.executable} -m sidecar demo --once", scratch, environ)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✗" not in done.stdout
    assert re.search(r"✓ every step held: (\d+) of \1\n", done.stdout)
    assert re.findall(r"^(\d+)  ", done.stdout, re.MULTILINE) == [str(number) for number in range(1, 12)]
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert done.stderr == ""
    assert [*scratch.iterdir()] == []
    assert not re.search(r"(eyJ|ih_)[\w-]{10,}", done.stdout), "a credential is shown"


def test_who_reads_only_its_beginning_is_no_error(environ: dict[str, str], scratch: Path) -> None:
    done = shell(f"{sys.executable} -m sidecar demo --once | head -n 1", scratch, environ)
    assert (done.stdout.count("\n"), done.stderr) == (1, "")
    assert [*scratch.iterdir()] == []


def test_a_sidecar_that_cannot_start_is_said_in_words(environ: dict[str, str], scratch: Path) -> None:
    # Coverage, which could not write either, would say so.
    unmeasured = "unset COVERAGE_PROCESS_CONFIG; ulimit -f 64"
    done = shell(f"{unmeasured}; {sys.executable} -m sidecar demo --once", scratch, environ)
    assert (done.returncode, done.stderr) == (1, "")
    assert "✗ the sidecar starts" in done.stdout
    assert [*scratch.iterdir()] == []


@pytest.fixture
def playing(environ: dict[str, str], tmp_path: Path) -> Iterator[Child]:
    """A demo that stays up."""
    with child(COMMAND, tmp_path, "demo", env=environ) as playing:
        yield playing


def commands(shown: str) -> list[str]:
    """The commands of the invitation, as they are printed."""
    invitation = shown[shown.index("In another terminal") :]
    return [line.strip() for line in invitation.splitlines() if line.startswith("     ") and line.strip()]


def test_the_commands_that_it_prints_work_as_printed(playing: Child, environ: dict[str, str], scratch: Path) -> None:
    if not shutil.which("curl"):
        missing("curl, which the demo's commands are for")
    playing.said("Ctrl-C")
    printed = commands(playing.stdout)
    setting = [line for line in printed if line.startswith(("ISSUER=", "TOKEN=", "STATE=")) and "?" not in line]

    def answer(line: str, *before: str) -> str:
        assert line in printed
        return shell("\n".join([*setting, *before, line]), scratch, environ).stdout

    whoami = 'curl -i $AGENT/whoami -H "Authorization: Bearer $TOKEN"'
    assert '"hello, alice"' in answer(whoami)
    assert '"hello, bob"' in answer(whoami, setting[1].replace("alice", "bob"))
    assert "data: 5 of 5 for alice" in answer('curl -N $AGENT/stream -H "Authorization: Bearer $TOKEN"')
    assert "Sidecar-Error: token_missing" in answer("curl -i $AGENT/")
    expired, elsewhere = (line for line in printed if line.startswith("TOKEN") and "?" in line)
    assert "Sidecar-Error: token_expired" in answer(whoami, expired)
    assert "Sidecar-Error: audience_invalid" in answer(whoami, elsewhere)
    assert "identity." in answer("tail -n 3 $STATE/audit/*.jsonl")
    status, metrics = printed[-2:]
    assert "ready" in answer(status)
    assert "sidecar_requests_total{" in answer(metrics)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly_when_it_is_told(playing: Child, scratch: Path, number: signal.Signals) -> None:
    playing.said("Ctrl-C")
    playing.send(number)
    assert playing.wait() == 0
    assert "nothing of it is left" in playing.stdout
    assert (playing.stderr, [*scratch.iterdir()]) == ("", [])


def test_it_ends_cleanly_in_the_middle_of_the_story(playing: Child, scratch: Path) -> None:
    playing.said("Alice calls")
    playing.send(signal.SIGTERM)
    assert playing.wait() == 130
    assert (playing.stderr, [*scratch.iterdir()]) == ("", [])
