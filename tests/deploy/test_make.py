"""Setting up on a fresh machine: what `make` says where it can't, and what it does where it can."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from requirements.install import Environment
from tests.child import ROOT
from tests.counterparts import missing

SMALL = re.compile(r"^packaging==.*?(?=^\S|\Z)", re.MULTILINE | re.DOTALL)

PYPROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "small"
version = "1"

[tool.hatch.build.targets.wheel]
packages = ["sidecar"]
"""


def make(*arguments: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """`make` in the project's folder, as a person calls it."""
    if shutil.which("make") is None:
        missing("make: on Debian, apt-get install make")
    # As a child of `make test` it would take over that one's flags.
    ours = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL", "PYTHON"}}
    whole = ["make", "--directory", str(ROOT), *arguments]
    if path is not None:
        ours["PATH"] = f"{path}:{ours['PATH']}"
    return subprocess.run(whole, env=ours, capture_output=True, text=True, check=False, timeout=50)


def script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_make_alone_says_what_there_is() -> None:
    said = make().stdout
    for target in ("demo", "test", "test-long", "check", "bench", "image", "lock", "clean"):
        assert f"\nmake {target} " in f"\n{said}"


@pytest.mark.parametrize("target", ["demo", "test"])
def test_a_machine_without_the_python_is_told_what_to_install(target: str) -> None:
    done = make(target, "PYTHON=python3-is-elsewhere")
    assert done.returncode == 2
    assert "python3-is-elsewhere is not on this machine" in done.stderr
    assert "apt-get install python3 python3-venv" in done.stderr


def test_too_old_a_python_is_refused_and_a_newer_one_is_named(tmp_path: Path) -> None:
    old = script(tmp_path / "old", 'case "$2" in *print*) echo 3.9.18 ;; *) exit 1 ;; esac')
    script(tmp_path / "python3.12", "exit 0")
    done = make("test", f"PYTHON={old}", path=tmp_path)
    assert done.returncode == 2
    assert f"{old} is 3.9.18: Python 3.11 or later is needed" in done.stderr
    assert "make PYTHON=python3.12 test" in done.stderr


def test_a_python_without_venv_is_told_what_to_install(tmp_path: Path) -> None:
    place, install = tmp_path / "venv", ROOT / "requirements" / "install.py"
    code = f"""
import runpy, sys
sys.modules["ensurepip"] = None
sys.argv = ["install.py", {str(place)!r}, "runtime"]
runpy.run_path({str(install)!r}, run_name="__main__")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 2
    assert "it comes without venv or ensurepip" in done.stderr
    assert "apt-get install python3-venv" in done.stderr
    assert not place.exists()


class Project:
    """A small project with our install script and one locked package."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "requirements").mkdir(parents=True)
        (folder / "sidecar").mkdir()
        (folder / "sidecar" / "__init__.py").touch()
        for name in ("requirements/install.py", "requirements/build.lock"):
            shutil.copy(ROOT / name, folder / name)
        (folder / "pyproject.toml").write_text(PYPROJECT)
        small = SMALL.search((ROOT / "requirements" / "build.lock").read_text())
        assert small is not None
        self.lock = folder / "requirements" / "runtime.lock"
        self.lock.write_text(small[0])

    def install(self, venv: str = ".venv", name: str = "runtime") -> tuple[str, float]:
        """What it said, and how long it took."""
        started = time.monotonic()
        command = [sys.executable, "requirements/install.py", venv, name]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False, timeout=140)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout, time.monotonic() - started


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_it_sets_up_once_and_again_only_when_something_changed(tmp_path: Path) -> None:
    project = Project(tmp_path / "first")
    said, _ = project.install()
    assert said.startswith("setting up .venv with Python 3.")
    assert re.search(r"fetching \d+ packages", said)
    assert re.search(r"ready after \d+ s", said)
    assert project.install()[0] == "", "a second run has nothing to do"
    assert project.install()[1] < 2
    where = [str(project.folder / ".venv/bin/python"), "-c", "import sidecar; print(sidecar.__file__)"]
    place = Path(subprocess.check_output(where, cwd=tmp_path, text=True).strip())
    assert place.parent == project.folder / "sidecar", "editable"

    project.lock.write_text(project.lock.read_text() + "\n")
    assert project.install()[0].startswith("setting up .venv"), "the lock changed"

    assert Environment(project.folder / ".venv").fits()
    moved = project.folder.rename(tmp_path / "second")
    assert not Environment(moved / ".venv").fits(), "its scripts still name the old folder"
    assert Environment(moved / ".venv").installed() == {}


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_agents_clients_have_an_environment_without_the_project(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.lock.rename(tmp_path / "requirements" / "clients.lock")
    assert "fetching 1 packages (clients)" in project.install(".venv-clients", "clients")[0]
    assert project.install(".venv-clients", "clients")[0] == "", "a second run has nothing to do"
    python = str(tmp_path / ".venv-clients/bin/python")
    assert subprocess.run([python, "-c", "import packaging"], cwd="/", check=False).returncode == 0
    assert subprocess.run([python, "-c", "import sidecar"], cwd="/", check=False, stderr=subprocess.DEVNULL).returncode


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_a_package_whose_bytes_differ_is_refused(tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    project.lock.write_text(re.sub(r"sha256:[0-9a-f]{64}", f"sha256:{'0' * 64}", project.lock.read_text()))
    (project.folder / "requirements" / "build.lock").write_text("")
    command = [sys.executable, "requirements/install.py", ".venv", "runtime"]
    done = subprocess.run(command, cwd=project.folder, capture_output=True, text=True, check=False, timeout=140)
    assert done.returncode == 2
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in done.stderr
