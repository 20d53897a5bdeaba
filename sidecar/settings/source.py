"""Where a configuration comes from: its file, the files that it names, and the environment."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from sidecar.settings.problem import Absent, Misfit

MOST_BYTES = 1 << 20


class Source:
    """Reads, and remembers what it has read. A path that isn't absolute begins at the configuration's own folder."""

    def __init__(self, path: Path, environ: Mapping[str, str]) -> None:
        self.name = str(path)
        """The configuration's path as it was given, for messages."""
        self.files = [path.absolute()]
        self.variables: set[str] = set()
        self._folder = path.absolute().parent
        self._environ = environ

    def configuration(self) -> str:
        """Its text. Raise ``Misfit``."""
        return _text(self.files[0])

    def variable(self, name: str) -> str:
        """Raise ``Absent`` where the environment lacks it."""
        self.variables.add(name)
        if name not in self._environ:
            raise Absent(f"needs the variable {name}, which is not set", f"Set {name} in the sidecar's environment.")
        return self._environ[name]

    def file(self, path: str) -> str:
        """A file's text without the line break at its end. Raise ``Misfit``, and ``Absent`` where there is no file."""
        text = _text(self._remembered(path))
        return text.removesuffix("\n").removesuffix("\r")

    def existing(self, path: str) -> Path:
        """The absolute path of a file that another room will read. Raise ``Misfit``, and ``Absent`` where none is."""
        where = self._remembered(path)
        os.close(_open(where))
        return where

    def rooted(self, path: Path) -> Path:
        return self._folder / path

    def _remembered(self, path: str) -> Path:
        where = self.rooted(Path(path))
        if where not in self.files:
            self.files.append(where)
        return where


def _text(path: Path) -> str:
    with open(_open(path), "rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise Misfit(f"is {path}, a file of more than {MOST_BYTES >> 20} MiB", "Check that it is the right file.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Misfit(f"is {path}, which is not UTF-8 in its line {line}", "Write the file as plain UTF-8.") from None


def _open(path: Path) -> int:
    """A descriptor of a regular file that not everybody may write to. It doesn't wait for the other end of a FIFO."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise Absent(f"is {path}, which is not there", "Put the file there, or correct the path.") from None
    except OSError as error:
        raise Misfit(f"is {path}, which cannot be read: {error.strerror}", "Let the sidecar's user read it.") from None
    except ValueError:
        raise Misfit("is not a path", "Write a path without NUL.") from None
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode) and not mode & stat.S_IWOTH:
        return descriptor
    os.close(descriptor)
    if not stat.S_ISREG(mode):
        raise Misfit(f"is {path}, which is not a regular file", "Name a file.")
    raise Misfit(f"is {path}, which everybody on this machine may write to", f"Run  chmod o-w {path}")
