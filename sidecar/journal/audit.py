"""The first audit log: lines of JSON in an append-only file, rotated by size and age, deleted when kept long enough.

``<name>.jsonl`` is the file that is written, ``<name>-<first sequence number>.jsonl`` are the older ones. A line that
a crash or a full disk has torn is cut off before anything follows it; the record it came from is still in the ring.
"""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final

ROTATE: Final = 64 << 20
DAY: Final = 86400.0
_TAIL: Final = 1 << 16  # longer than any line
_LINE: Final = re.compile(rb'\{"seq":(\d{1,20}),"time":"([0-9T:-]{19})')


class AuditLog:
    """One writer's log. Nothing here is for the event loop's thread once it runs: each method may wait for the disk."""

    def __init__(
        self, directory: Path, name: str, *, keep: float, most: int | None = None, rotate: int = ROTATE
    ) -> None:
        """*keep* is in seconds; *most*, if given, bounds the bytes of all files together. Raise ``OSError``."""
        self.directory = directory
        self.name = name
        self.path = directory / f"{name}.jsonl"
        self._keep = keep
        self._most = most
        self._rotate_at = rotate
        self._fd = -1
        self._open()

    def _open(self) -> None:
        self._fd = _open(self.path)
        self._size = _mend(self.path)
        self._torn = False
        self.last_seq = next(filter(None, map(last_seq, [self.path, *reversed(older(self.directory, self.name))])), 0)
        """The highest sequence number that is in a file; 0 where there is none."""
        self._synced = self._size, self.last_seq
        self._first, self._began = first(self.path)
        _sync_directory(self.directory)

    def append(self, lines: bytes, first_seq: int, last_seq: int, now: float) -> None:
        """Write whole *lines*. Raise ``OSError``, and then none of them is there."""
        if self._torn:
            self._cut()
        full = self._size + len(lines) > self._rotate_at or now - self._began > min(DAY, self._keep)
        if self._size and full:
            self.rotate(now)
        if not self._size:
            self._first, self._began = first_seq, now
        try:
            _write(self._fd, lines)
        except OSError:
            self._torn = True
            with suppress(OSError):  # then it is tried again before the next append
                self._cut()
            raise
        self._size += len(lines)
        self.last_seq = last_seq

    def sync(self) -> None:
        """Have what was appended on the disk. Raise ``OSError``, and then what wasn't there before is taken back.

        The kernel reports a lost page once and then forgets it: syncing again would prove nothing.
        """
        try:
            os.fdatasync(self._fd)
        except OSError:
            self._size, self.last_seq = self._synced
            self._torn = True
            raise
        self._synced = self._size, self.last_seq

    def _cut(self) -> None:
        """Take back what a failed write has left. Raise ``OSError``."""
        os.ftruncate(self._fd, self._size)
        self._torn = False

    def rotate(self, now: float) -> None:
        """Begin a new file. Raise ``OSError``."""
        self.sync()
        number = self._first or self.last_seq
        while (rotated := self.directory / f"{self.name}-{number}.jsonl").exists():
            number += 1
        new = self.path.with_suffix(".new")
        fd = _open(new)
        try:
            with suppress(FileNotFoundError):  # renamed already by a rotation that failed half-way
                self.path.rename(rotated)
            new.rename(self.path)
        except OSError:
            os.close(fd)
            raise
        os.close(self._fd)
        self._fd = fd
        self._size = 0
        self._synced = 0, self.last_seq
        _sync_directory(self.directory)
        self.expire(now)

    def expire(self, now: float) -> None:
        """Delete the files whose last line was kept long enough, and the oldest beyond the bound. Raise ``OSError``."""
        room = None if self._most is None else self._most - self._size
        for path in reversed(older(self.directory, self.name)):
            status = path.stat()
            if room is not None:
                room -= status.st_size
            if now - status.st_mtime > self._keep or (room is not None and room < 0):
                path.unlink()

    def close(self) -> None:
        os.close(self._fd)


def older(directory: Path, name: str) -> list[Path]:
    """A log's rotated files, oldest first."""
    return sorted(directory.glob(f"{name}-[0-9]*.jsonl"), key=seq_in_name)


def seq_in_name(path: Path) -> int:
    """The sequence number of a rotated file's first line; 0 where that is another file."""
    digits = path.stem.rpartition("-")[2]
    return int(digits) if digits.isdecimal() else 0


def seq_of(line: bytes) -> int:
    """A line's sequence number; 0 where it has none."""
    found = _LINE.match(line)
    return int(found[1]) if found else 0


def last_seq(path: Path) -> int:
    """The sequence number of the last line of *path* that has one; 0 where none has."""
    numbers = map(seq_of, reversed(_tail(path).split(b"\n")))
    return next(filter(None, numbers), 0)


def first(path: Path) -> tuple[int, float]:
    """The first line's sequence number and time, in epoch seconds; zeros where there is none."""
    with path.open("rb") as file:
        found = _LINE.match(file.read(256))
    return (int(found[1]), datetime.fromisoformat(found[2].decode() + "+00:00").timestamp()) if found else (0, 0.0)


def entries(directory: Path, name: str) -> Iterator[bytes]:
    """Every line of a log, oldest first."""
    for path in [*older(directory, name), directory / f"{name}.jsonl"]:
        with path.open("rb") as file:
            yield from file


def _open(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def _mend(path: Path) -> int:
    """Cut off what follows the last newline; the size that is left."""
    size = path.stat().st_size
    while torn := len(tail := _tail(path)) - (tail.rfind(b"\n") + 1):
        size -= torn
        os.truncate(path, size)
    return size


def _tail(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL))
        return file.read()


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _sync_directory(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
