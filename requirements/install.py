"""Make a virtual environment hold exactly what the lock files name, and say in short lines what is going on.

``python requirements/install.py VENV SET...``: a set (``runtime``, ``test``, ``bench``) is ``requirements/SET.lock``. A
stamp in the environment remembers what was installed, so that a second run with the same locks and the same Python ends
at once. An environment made by another Python, or in another folder, is made anew. A set that stands apart is other
people's programs (agents' clients, a proxy to compare with), whose needs aren't ours: its environment holds it alone,
without the project. Standard library alone.
"""

import hashlib
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / "requirements"
BUILD = "build"  # what builds the project itself; part of every environment that holds it
APART = frozenset({"clients", "mitmproxy"})
PINNED = re.compile(r"^([A-Za-z0-9._-]+)==", re.MULTILINE)
SEEN = ("Collecting ", "Processing ", "Requirement already satisfied: ")  # how pip's lines on one package begin
PROGRESS = 20  # packages between two lines


def say(line: str) -> None:
    """One line to the person who waits, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def give_up(what: str, mend: str) -> NoReturn:
    """End with what is wrong and how to mend it."""
    sys.stderr.write(f"setup: {what}\n    {mend}\n")
    raise SystemExit(2)


def lock(name: str) -> Path:
    """The lock file of a set."""
    path = LOCKS / f"{name}.lock"
    if not path.is_file():
        give_up(f"there is no {path.relative_to(ROOT)}", "name a set that requirements/ has a lock file for")
    return path


def packages(names: Sequence[str]) -> frozenset[str]:
    """The packages that the sets pin."""
    return frozenset(found for name in names for found in PINNED.findall(lock(name).read_text(encoding="utf-8")))


def fingerprint(name: str) -> str:
    """What an installed set depends on: this Python, its lock, and what goes into an environment with it."""
    digest = hashlib.sha256(sys.version.encode())
    with_it = () if name in APART else (ROOT / "pyproject.toml", lock(BUILD))
    for path in (*with_it, lock(name)):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def progress(line: str, count: int, total: int) -> Iterator[str]:
    """What to tell about pip's newest line, *count* packages into *total*."""
    if line.startswith(SEEN) and count % PROGRESS == 0:
        yield f"  {count} of {total}"
    elif line.startswith("Installing collected packages: ") and "," in line:
        yield f"  unpacking {line.count(',') + 1}"


class Environment:
    """A virtual environment and the stamp of what it holds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._python = folder / "bin" / "python"
        self._stamp = folder / "installed.json"

    def installed(self) -> dict[str, str]:
        """The fingerprint of each set that was installed, by its name; none where the environment doesn't fit."""
        if not self.fits() or not self._stamp.is_file():
            return {}
        read: dict[str, str] = json.loads(self._stamp.read_text(encoding="utf-8"))
        return read

    def fits(self) -> bool:
        """Whether the environment was made by this Python, and in this very folder."""
        config = self.folder / "pyvenv.cfg"
        if not config.is_file() or not self._python.exists():
            return False
        said = dict(line.split(" = ", 1) for line in config.read_text(encoding="utf-8").splitlines() if " = " in line)
        python = Path(said.get("executable", "")).resolve() == Path(sys.executable).resolve()
        version = said.get("version") == ".".join(map(str, sys.version_info[:3]))
        return python and version and said.get("command", "").endswith(f" {self.folder}")

    def make(self) -> None:
        """Make the environment afresh."""
        if find_spec("venv") is None or find_spec("ensurepip") is None:
            give_up(
                f"{sys.executable} can't make virtual environments: it comes without venv or ensurepip",
                "install them (Debian, Ubuntu: apt-get install python3-venv), or name another Python: PYTHON=…",
            )
        shutil.rmtree(self.folder, ignore_errors=True)
        command = [sys.executable, "-m", "venv", str(self.folder)]
        made = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # our own words
        if made.returncode:
            shutil.rmtree(self.folder, ignore_errors=True)
            give_up(f"python -m venv {self.folder} failed:\n{made.stdout}{made.stderr}", "mend that and run it again")

    def install(self, names: Sequence[str]) -> None:
        """Install the sets with their hashes checked, then the project itself, editable, unless they stand apart."""
        apart = APART.issuperset(names)
        names = names if apart else [BUILD, *names]
        total = len(packages(names))
        say(f"  fetching {total} packages ({', '.join(names)}), each against its hash")
        files = [argument for name in names for argument in ("-r", str(lock(name)))]
        self._pip("install", "--require-hashes", "--no-deps", "--progress-bar", "off", *files, total=total)
        if not apart:
            self._pip("install", "--no-deps", "--no-build-isolation", "--no-index", "--editable", str(ROOT), total=1)
        self._pip("check", total=0)

    def stamp(self, names: Sequence[str]) -> None:
        """Remember what is installed now."""
        held = self.installed() | {name: fingerprint(name) for name in names}
        self._stamp.write_text(json.dumps(held, indent=1) + "\n", encoding="utf-8")

    def _pip(self, *arguments: str, total: int) -> None:
        command = [str(self._python), "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments]
        lines: list[str] = []
        count = 0
        with subprocess.Popen(  # noqa: S603  # our own words
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as pip:
            for line in pip.stdout or ():
                lines.append(line)
                count += line.startswith(SEEN)
                for told in progress(line, count, total):
                    say(told)
        if pip.returncode:
            give_up(f"pip {arguments[0]} failed:\n{''.join(lines[-30:])}", "mend that and run it again")


def main(arguments: Sequence[str]) -> None:
    """Bring the environment to what the locks say."""
    started = time.monotonic()
    environment = Environment(ROOT / arguments[0])
    names = arguments[1:]
    held = environment.installed()
    if all(held.get(name) == fingerprint(name) for name in names):
        return
    say(f"setting up {environment.folder.name} with Python {sys.version.split()[0]}")
    if not environment.fits():
        environment.make()
    environment.install(names)
    environment.stamp(names)
    say(f"  ready after {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
