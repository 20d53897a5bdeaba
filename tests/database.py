"""A PostgreSQL server of the tests' own, on a unix socket: the system's, run as a user who isn't root."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from tests.counterparts import missing


class Database:
    """Starts at once, with an empty database in a folder of its own; ``stop`` and ``start`` let it be away."""

    def __init__(self) -> None:
        self._bin = _binaries()
        self.folder = Path(tempfile.mkdtemp(prefix="pg-"))  # short: a socket's path ends at 107 characters
        self._user = _user()
        if self._user is not None:
            account = pwd.getpwnam(self._user)
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        self._data = self.folder / "data"
        self._run("initdb", "-D", self._data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8")
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        options = {"listen_addresses": "", "unix_socket_directories": self.folder, "fsync": "off"}
        arguments = [f"-c{name}={value}" for name, value in options.items()]
        self.process = subprocess.Popen(
            [self._bin / "postgres", "-D", self._data, *arguments],
            user=self._user,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(200):
            if self._run("pg_isready", "-h", self.folder, "-q", check=False) == 0:
                return
            time.sleep(0.05)
        raise TimeoutError("PostgreSQL did not start")

    def stop(self) -> None:
        """At once: who is connected is cut off."""
        assert self.process is not None
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(30)
        self.process = None

    def url(self, schema: str) -> str:
        """Of an empty place of that name."""
        self.sql(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
        return f"postgresql://postgres@/postgres?host={self.folder}&search_path={schema}"

    def sql(self, statement: str) -> str:
        """What psql prints for *statement*, unadorned."""
        command = [str(self._bin / "psql"), "-h", str(self.folder), "-U", "postgres", "-XAtqc", statement]
        return subprocess.run(command, check=True, capture_output=True, text=True, cwd=self.folder).stdout

    def close(self) -> None:
        if self.process is not None:
            self.stop()
        shutil.rmtree(self.folder)

    def _run(self, program: str, *arguments: str | Path, check: bool = True) -> int:
        command = [self._bin / program, *arguments]
        return subprocess.run(command, check=check, user=self._user, cwd=self.folder, capture_output=True).returncode


def _binaries() -> Path:
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "postgres").exists():
            return folder
    found = shutil.which("postgres")
    return Path(found).resolve().parent if found else missing("PostgreSQL: run  apt-get install postgresql")


def _user() -> str | None:
    """PostgreSQL doesn't run as root."""
    return "postgres" if os.geteuid() == 0 else None
