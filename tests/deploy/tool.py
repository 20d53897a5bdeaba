"""Command-line tools that come with the tests' locked packages."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.counterparts import missing


def tool(name: str) -> str:
    """The tool beside this Python, else the system's."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    return found or missing(f"{name}: install requirements/test.lock")


def printed(*command: str) -> str:
    """What *command* prints; that it fails is a failure of the test, with all that it said."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=50)
    assert done.returncode == 0, f"{command[0]}\n{done.stdout}\n{done.stderr}"
    return done.stdout
